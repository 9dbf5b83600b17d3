/** What is done with payment links: make one, give one another end, cancel one. */
import { Button, Checkbox, Group, Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ChangeEvent, type ReactNode, useRef, useState } from 'react';
import { type CreatePaymentLinkBody, newIdempotencyKey, type PaymentLink, paymentLinks } from './api.ts';
import { useServerNow } from './clock.ts';
import { CustomerPicker } from './customerDialogs.tsx';
import { fieldError } from './fieldErrors.ts';
import { localTime, parseAmount } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { useAction } from './list.tsx';
import { Confirm, Dialog, Failure, Form } from './ui.tsx';

const DAY_MS = 86_400_000;
const METHODS = ['card', 'wallet'] as const;
/** Of `metadata`: where the payer goes, and where the shop is told. */
const URLS = ['successUrl', 'failureUrl', 'callbackUrl'] as const;

/** As they stand in the dialog: texts are what was typed. */
interface Terms extends Readonly<Record<(typeof URLS)[number], string>> {
  readonly amount: string;
  readonly currency: string;
  readonly description: string;
  readonly orderReference: string;
  readonly expiresAt: string;
  readonly customerId: string | null;
  readonly methods: readonly string[];
  readonly autoClearing: boolean;
  readonly reusable: boolean;
}

const NOTHING_YET: Omit<Terms, 'expiresAt'> = {
  ...{ amount: '', currency: 'KZT', description: '', orderReference: '' },
  ...{ successUrl: '', failureUrl: '', callbackUrl: '' },
  ...{ customerId: null, methods: METHODS, autoClearing: true, reusable: false },
};

/** The paths of the fields that show what is wrong with them. */
const FIELDS = [
  ...([
    'amount',
    'currency',
    'description',
    'orderReference',
    'expiresAt',
    'paymentMethods',
    'customerId',
  ] as const),
  ...URLS.map((name) => `metadata.${name}` as const),
];

function bodyOf(terms: Terms, amount: number): CreatePaymentLinkBody {
  const urls = URLS.map((name) => [name, terms[name].trim()] as const);
  const metadata = Object.fromEntries(urls.filter(([, url]) => url !== ''));
  const description = terms.description.trim();
  const methods = METHODS.filter((method) => terms.methods.includes(method));
  return {
    amount,
    currency: terms.currency,
    orderReference: terms.orderReference.trim(),
    autoClearing: terms.autoClearing,
    reusable: terms.reusable,
    ...(description === '' ? {} : { description }),
    ...(terms.customerId === null ? {} : { customerId: terms.customerId }),
    ...(terms.expiresAt === '' ? {} : { expiresAt: new Date(terms.expiresAt).toISOString() }),
    // Without: everything that can be paid with here, which may be less than all that there is.
    ...(methods.length === METHODS.length ? {} : { paymentMethods: methods }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** One Idempotency-Key for what the dialog asks for: however often it is sent, one link is made of it. */
function useCreate(close: () => void) {
  const { t } = useWords();
  const navigate = useNavigate();
  const keys = useRef(new Map<string, string>());
  return useAction({
    run: (body: CreatePaymentLinkBody) => {
      const asked = JSON.stringify(body);
      const key = keys.current.get(asked) ?? newIdempotencyKey();
      keys.current.set(asked, key);
      return paymentLinks.create(body, { idempotencyKey: key });
    },
    done: t('link.created'),
    andThen: ({ id }) => {
      close();
      void navigate({ to: '/payment-links/$id', params: { id } });
    },
    changes: ['paymentLinks'],
  });
}

export function CreateLinkDialog({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const now = useServerNow();
  const [terms, setTerms] = useState<Terms>(() => ({
    ...NOTHING_YET,
    expiresAt: localTime(new Date(now() + DAY_MS).toISOString()),
  }));
  const create = useCreate(close);
  const { currency } = terms;
  const amount = parseAmount(terms.amount, currency);
  const isValid = amount !== null && terms.orderReference.trim() !== '' && terms.methods.length > 0;
  const change = (patch: Partial<Terms>): void => setTerms((before) => ({ ...before, ...patch }));
  type TextName = Exclude<keyof Terms, 'customerId' | 'methods' | 'autoClearing' | 'reusable'>;
  const text = (name: TextName, path: (typeof FIELDS)[number]) => ({
    value: terms[name],
    error: fieldError(create.error, path, t),
    onChange: ({ currentTarget: { value } }: ChangeEvent<HTMLInputElement>) => change({ [name]: value }),
  });
  return (
    <Dialog title={t('link.create')} close={close}>
      <Form
        submit={() => {
          if (isValid && !create.isPending) create.mutate(bodyOf(terms, amount));
        }}
      >
        <Group align="flex-start" grow preventGrowOverflow={false}>
          <TextInput
            {...text('amount', 'amount')}
            label={t('column.amount')}
            inputMode="decimal"
            data-autofocus
            error={
              terms.amount !== '' && amount === null
                ? t('filter.invalidAmount', { currency })
                : fieldError(create.error, 'amount', t)
            }
          />
          <TextInput
            {...text('currency', 'currency')}
            label={t('filter.currency')}
            maxLength={3}
            maw={96}
            onChange={({ currentTarget: { value } }) => change({ currency: value.toUpperCase() })}
          />
        </Group>
        <TextInput {...text('orderReference', 'orderReference')} label={t('payment.order')} maxLength={255} />
        <TextInput
          {...text('description', 'description')}
          label={t('payment.description')}
          description={t('link.descriptionHint')}
          maxLength={1_000}
        />
        <TextInput
          {...text('expiresAt', 'expiresAt')}
          label={t('link.expires')}
          description={t('link.expiresHint')}
          type="datetime-local"
        />
        <CustomerPicker
          value={terms.customerId}
          error={fieldError(create.error, 'customerId', t)}
          onChange={(customerId) => change({ customerId })}
        />
        <Checkbox.Group
          label={t('link.methods')}
          error={
            terms.methods.length === 0 ? t('link.noMethods') : fieldError(create.error, 'paymentMethods', t)
          }
          value={[...terms.methods]}
          onChange={(methods) => change({ methods })}
        >
          <Group mt={6}>
            {METHODS.map((method) => (
              <Checkbox key={method} value={method} label={t(`method.${method}`)} />
            ))}
          </Group>
        </Checkbox.Group>
        <Stack gap="sm">
          {(['autoClearing', 'reusable'] as const).map((name) => (
            <Checkbox
              key={name}
              label={t(`link.${name}`)}
              description={t(`link.${name}Hint`)}
              checked={terms[name]}
              onChange={({ currentTarget: { checked } }) => change({ [name]: checked })}
            />
          ))}
        </Stack>
        {URLS.map((name) => (
          <TextInput
            key={name}
            {...text(name, `metadata.${name}`)}
            label={t(`link.${name}`)}
            type="url"
            placeholder="https://"
          />
        ))}
        {create.error !== null && <Failure error={create.error} fields={FIELDS} />}
        <div className="dialog-actions">
          <Button type="submit" loading={create.isPending} disabled={!isValid}>
            {t('link.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

interface Props {
  readonly link: PaymentLink;
  readonly close: () => void;
}

export function ExtendLinkDialog({ link, close }: Props): ReactNode {
  const { t } = useWords();
  const [at, setAt] = useState(() => localTime(new Date(Date.parse(link.expiresAt) + DAY_MS).toISOString()));
  const extend = useAction({
    run: (expiresAt: string) => paymentLinks.update(link.id, { expiresAt }),
    done: t('link.extended'),
    andThen: close,
    changes: ['paymentLinks'],
  });
  return (
    <Dialog title={t('link.extend')} close={close}>
      <Form
        submit={() => {
          if (at !== '' && !extend.isPending) extend.mutate(new Date(at).toISOString());
        }}
      >
        <TextInput
          label={t('link.expires')}
          type="datetime-local"
          data-autofocus
          value={at}
          error={fieldError(extend.error, 'expiresAt', t)}
          onChange={({ currentTarget: { value } }) => setAt(value)}
        />
        {extend.error !== null && <Failure error={extend.error} fields={['expiresAt']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={extend.isPending} disabled={at === ''}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

export function CancelLinkDialog({ link, close }: Props): ReactNode {
  const { t } = useWords();
  const [key] = useState(newIdempotencyKey);
  const cancel = useAction({
    run: () => paymentLinks.cancel(link.id, { idempotencyKey: key }),
    done: t('link.cancelled'),
    andThen: close,
    changes: ['paymentLinks'],
  });
  return (
    <Dialog title={t('link.cancel')} close={close}>
      <Confirm
        text={t('link.cancelText')}
        action={t('link.cancel')}
        error={cancel.error}
        isRunning={cancel.isPending}
        run={() => cancel.mutate(undefined)}
      />
    </Dialog>
  );
}
