import {
  Autocomplete,
  Button,
  ColorInput,
  FileButton,
  Group,
  Image,
  SegmentedControl,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type ChangeEvent, type ReactNode, useState } from 'react';
import { CredentialsPanel } from '../acquirerCredentials.tsx';
import { admin, type Merchant } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Statement } from '../statement.tsx';
import { Amount, Failure, Form, Id, Loaded, Page, Panel, Time } from '../ui.tsx';

export default function MerchantPage(): ReactNode {
  const { id = '' } = useParams({ strict: false });
  const query = useQuery({ queryKey: ['merchant', id], queryFn: () => admin.merchant(id) });
  return (
    <Loaded query={query} shape="details">
      {(merchant) => <Whole merchant={merchant} key={merchant.id} />}
    </Loaded>
  );
}

function Whole({ merchant }: { readonly merchant: Merchant }): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const { id } = merchant;
  const balances = useQuery({ queryKey: ['merchant', id, 'balances'], queryFn: () => admin.balances(id) });
  return (
    <Page title={merchant.name} lead={<Id id={id} />}>
      <div className="two-columns">
        <div className="column">
          <Loaded query={balances}>
            {({ items }) =>
              items.length === 0 ? (
                <Panel title={t('merchant.balances')}>
                  <p className="panel-note">{t('merchant.noBalance')}</p>
                </Panel>
              ) : (
                items.map(({ currency, balance }) => (
                  <Panel
                    key={currency}
                    title={currency}
                    actions={<Amount amount={balance} currency={currency} strong />}
                  >
                    <Statement
                      queryKey={['merchant', id, 'statement', currency]}
                      load={(query) => admin.merchantStatement(id, { ...query, currency })}
                      currency={currency}
                    />
                  </Panel>
                ))
              )
            }
          </Loaded>
        </div>
        <div className="column">
          <Panel title={t('nav.settings')}>
            <Settings merchant={merchant} />
          </Panel>
          <Panel title={t('merchant.logo')}>
            <Logo merchant={merchant} />
          </Panel>
          <CredentialsPanel merchantId={id} />
          <Panel title={t('merchant.stores')}>
            <List
              label={t('merchant.stores')}
              queryKey={['merchant', id, 'stores']}
              load={(query) => admin.stores(id, query)}
              keyOf={(store) => store.id}
              empty={<p className="panel-note">{t('none')}</p>}
              columns={[
                { title: t('name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
                { title: t('column.id'), cell: (store) => <Id id={store.id} short /> },
              ]}
            />
          </Panel>
          <Panel title={t('nav.apiKeys')}>
            <List
              label={t('nav.apiKeys')}
              queryKey={['merchant', id, 'keys']}
              load={(query) => admin.merchantKeys(id, query)}
              keyOf={(key) => key.id}
              empty={<p className="panel-note">{t('none')}</p>}
              columns={[
                { title: t('name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
                { title: t('key.hint'), cell: ({ hint }) => <code>…{hint}</code> },
                { title: real(t('key.revoked')), cell: ({ revokedAt }) => <Time at={revokedAt} /> },
              ]}
            />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

const TIME_ZONES = Intl.supportedValuesOf('timeZone');

/** What is typed, as it is typed. */
interface Typed {
  readonly name: string;
  readonly captureMode: Merchant['captureMode'];
  readonly captureDelay: string;
  readonly authorizationTtl: string;
  readonly linkCaptureDelay: string;
  readonly linkHold: string;
  readonly timeZone: string;
  /** One a line. */
  readonly returnOrigins: string;
  readonly requireIdempotencyKey: boolean;
  /** Empty: ours. */
  readonly checkoutColor: string;
  /** One a line. */
  readonly checkoutOrigins: string;
}

const TYPED_FIELDS = [
  ...(['name', 'captureDelay', 'authorizationTtl', 'linkCaptureDelay', 'linkHold'] as const),
  ...(['timeZone', 'returnOrigins', 'checkoutColor', 'checkoutOrigins'] as const),
] as const;

function typedOf(merchant: Merchant): Typed {
  return {
    name: merchant.name,
    captureMode: merchant.captureMode,
    captureDelay: String(merchant.captureDelay),
    authorizationTtl: String(merchant.authorizationTtl),
    linkCaptureDelay: String(merchant.linkCaptureDelay),
    linkHold: String(merchant.linkHold),
    timeZone: merchant.timeZone ?? '',
    returnOrigins: merchant.returnOrigins.join('\n'),
    requireIdempotencyKey: merchant.requireIdempotencyKey,
    checkoutColor: merchant.checkoutColor ?? '',
    checkoutOrigins: merchant.checkoutOrigins.join('\n'),
  };
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function Settings({ merchant }: { readonly merchant: Merchant }): ReactNode {
  const { t } = useWords();
  const [typed, setTyped] = useState(() => typedOf(merchant));
  const change = (patch: Partial<Typed>): void => setTyped((before) => ({ ...before, ...patch }));
  const save = useAction({
    run: ({ name, captureMode, captureDelay, authorizationTtl, timeZone, ...rest }: Typed) =>
      admin.updateMerchant(merchant.id, {
        name: name.trim(),
        captureMode,
        captureDelay: Number(captureDelay),
        authorizationTtl: Number(authorizationTtl),
        timeZone: timeZone.trim() === '' ? null : timeZone.trim(),
        linkCaptureDelay: Number(rest.linkCaptureDelay),
        linkHold: Number(rest.linkHold),
        returnOrigins: linesOf(rest.returnOrigins),
        requireIdempotencyKey: rest.requireIdempotencyKey,
        checkoutColor: rest.checkoutColor === '' ? null : rest.checkoutColor,
        checkoutOrigins: linesOf(rest.checkoutOrigins),
      }),
    done: t('saved'),
    changes: ['merchant', merchant.id],
  });
  const submit = (): void => {
    if (save.isPending) return;
    // So that the line that an error names is the one that is seen.
    const sent = {
      ...typed,
      returnOrigins: linesOf(typed.returnOrigins).join('\n'),
      checkoutOrigins: linesOf(typed.checkoutOrigins).join('\n'),
    };
    setTyped(sent);
    save.mutate(sent);
  };
  return (
    <div className="panel-body">
      <Form submit={submit}>
        <Fields typed={typed} change={change} error={save.error} />
        {save.error !== null && <Failure error={save.error} fields={TYPED_FIELDS} />}
        <Button size="xs" type="submit" loading={save.isPending}>
          {t('save')}
        </Button>
      </Form>
    </div>
  );
}

/** As the server has it. */
const MAX_LOGO_BYTES = 40 * 1024;

function Logo({ merchant: { id, checkoutLogo } }: { readonly merchant: Merchant }): ReactNode {
  const { t } = useWords();
  const [isTooLarge, setTooLarge] = useState(false);
  const save = useAction({
    run: async (file: File | null) =>
      file === null ? admin.deleteLogo(id) : admin.setLogo(id, await base64Of(file)),
    done: t('saved'),
    changes: ['merchant', id],
  });
  const choose = (file: File | null): void => {
    if (file === null) return;
    setTooLarge(file.size > MAX_LOGO_BYTES);
    if (file.size <= MAX_LOGO_BYTES) save.mutate(file);
  };
  return (
    <Stack className="panel-body" gap="xs" align="start">
      {checkoutLogo !== null && <Image src={checkoutLogo} alt={t('merchant.logo')} h={32} w="auto" />}
      <Text size="xs" c="dimmed">
        {t('merchant.logoHint')}
      </Text>
      {isTooLarge && (
        <Text size="xs" c="red" role="alert">
          {t('merchant.logoTooLarge')}
        </Text>
      )}
      {save.error !== null && <Failure error={save.error} />}
      <Group gap="xs">
        <FileButton accept="image/png" onChange={choose}>
          {(button) => (
            <Button {...button} size="xs" variant="default" loading={save.isPending}>
              {t('merchant.logoChoose')}
            </Button>
          )}
        </FileButton>
        {checkoutLogo !== null && (
          <Button size="xs" variant="subtle" color="red" onClick={() => save.mutate(null)}>
            {t('merchant.logoRemove')}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

async function base64Of(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

interface FieldsProps {
  readonly typed: Typed;
  readonly change: (patch: Partial<Typed>) => void;
  readonly error: unknown;
}

function Fields({ typed, change, error }: FieldsProps): ReactNode {
  const { t } = useWords();
  const field = (name: (typeof TYPED_FIELDS)[number]) => ({
    size: 'xs' as const,
    error: fieldError(error, name, t),
    value: typed[name],
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      change({ [name]: event.currentTarget.value }),
  });
  return (
    <>
      <TextInput {...field('name')} label={t('name')} maxLength={255} />
      <div>
        <p className="label">{t('payment.captureMode')}</p>
        <SegmentedControl
          size="xs"
          fullWidth
          aria-label={t('payment.captureMode')}
          value={typed.captureMode}
          onChange={(value) => change({ captureMode: value as Merchant['captureMode'] })}
          data={(['manual', 'automatic'] as const).map((value) => ({
            value,
            label: t(`payment.captureMode.${value}`),
          }))}
        />
      </div>
      <TextInput {...field('captureDelay')} label={t('merchant.captureDelay')} inputMode="numeric" />
      <TextInput {...field('authorizationTtl')} label={t('merchant.authorizationTtl')} inputMode="numeric" />
      <TextInput {...field('linkCaptureDelay')} label={t('merchant.linkCaptureDelay')} inputMode="numeric" />
      <TextInput {...field('linkHold')} label={t('merchant.linkHold')} inputMode="numeric" />
      <Autocomplete
        {...field('timeZone')}
        label={t('merchant.timeZone')}
        data={TIME_ZONES}
        limit={20}
        maxLength={64}
        onChange={(timeZone) => change({ timeZone })}
      />
      <Textarea
        {...field('returnOrigins')}
        label={t('merchant.returnOrigins')}
        description={t('merchant.returnOriginsHint')}
        rows={3}
        spellCheck={false}
      />
      <ColorInput
        {...field('checkoutColor')}
        label={t('merchant.checkoutColor')}
        description={t('merchant.checkoutColorHint')}
        placeholder="#4338ca"
        withEyeDropper={false}
        onChange={(checkoutColor) => change({ checkoutColor })}
      />
      <Textarea
        {...field('checkoutOrigins')}
        label={t('merchant.checkoutOrigins')}
        description={t('merchant.checkoutOriginsHint')}
        rows={2}
        spellCheck={false}
      />
      <Switch
        size="xs"
        label={t('merchant.requireIdempotencyKey')}
        description={t('merchant.requireIdempotencyKeyHint')}
        checked={typed.requireIdempotencyKey}
        onChange={(event) => change({ requireIdempotencyKey: event.currentTarget.checked })}
      />
    </>
  );
}
