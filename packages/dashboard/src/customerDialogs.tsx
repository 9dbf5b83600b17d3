/** What is done with customers: make one, change one, erase one, choose one. */
import { Button, Select, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useRef, useState } from 'react';
import { type Customer, customers, newIdempotencyKey } from './api.ts';
import { fieldError } from './fieldErrors.ts';
import { type Translate, useWords } from './i18n/index.tsx';
import { useAction } from './list.tsx';
import { Confirm, Dialog, Failure, Form, shortId } from './ui.tsx';

const FIELDS = ['name', 'reference', 'email', 'phone', 'locale'] as const;
type Field = (typeof FIELDS)[number];
const TYPES: Readonly<Partial<Record<Field, 'email' | 'tel'>>> = { email: 'email', phone: 'tel' };

/** What a customer is called: whatever of them is known first. */
export function nameOf({ id, erasedAt, ...customer }: Customer, t: Translate): string {
  if (erasedAt !== null) return t('customer.erased');
  const { name, reference, email, phone } = customer;
  return name ?? reference ?? email ?? phone ?? t('customer.unnamed', { id: shortId(id) });
}

interface DialogProps {
  /** Null: a new one. */
  readonly customer: Customer | null;
  readonly close: () => void;
}

export function CustomerDialog({ customer, close }: DialogProps): ReactNode {
  const { t } = useWords();
  const navigate = useNavigate();
  const keys = useRef(new Map<string, string>());
  const [texts, setTexts] = useState<Readonly<Record<Field, string>>>(() => ({
    ...{ name: customer?.name ?? '', reference: customer?.reference ?? '', email: customer?.email ?? '' },
    ...{ phone: customer?.phone ?? '', locale: customer?.locale ?? '' },
  }));
  const title = t(customer === null ? 'customer.create' : 'customer.edit');
  const save = useAction({
    run: () => {
      const body = bodyOf(texts, customer);
      // However often the same is sent, it is done once.
      const asked = JSON.stringify(body);
      const idempotencyKey = keys.current.get(asked) ?? newIdempotencyKey();
      keys.current.set(asked, idempotencyKey);
      return customer === null
        ? customers.create(body, { idempotencyKey })
        : customers.update(customer.id, body, { idempotencyKey });
    },
    done: t('saved'),
    andThen: ({ id }) => {
      close();
      if (customer === null) void navigate({ to: '/customers/$id', params: { id } });
    },
    changes: ['customers'],
  });
  const isChanged = Object.keys(bodyOf(texts, customer)).length > 0;
  return (
    <Dialog title={title} close={close}>
      <Form submit={() => isChanged && !save.isPending && save.mutate(undefined)}>
        {FIELDS.map((field) => (
          <TextInput
            key={field}
            label={t(`customer.${field}`)}
            description={field === 'reference' || field === 'locale' ? t(`customer.${field}Hint`) : undefined}
            type={TYPES[field] ?? 'text'}
            maxLength={255}
            data-autofocus={field === 'name' || undefined}
            error={fieldError(save.error, field, t)}
            value={texts[field]}
            onChange={({ currentTarget: { value } }) => setTexts((before) => ({ ...before, [field]: value }))}
          />
        ))}
        {save.error !== null && <Failure error={save.error} fields={FIELDS} />}
        <div className="dialog-actions">
          <Button type="submit" loading={save.isPending} disabled={!isChanged}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** What differs from what there is; an empty text is none. */
function bodyOf(
  texts: Readonly<Record<Field, string>>,
  customer: Customer | null,
): Partial<Record<Field, string | null>> {
  const changed = FIELDS.filter((field) => texts[field].trim() !== (customer?.[field] ?? ''));
  return Object.fromEntries(changed.map((field) => [field, texts[field].trim() || null]));
}

interface EraseProps {
  readonly customer: Customer;
  readonly close: () => void;
}

export function EraseCustomerDialog({ customer, close }: EraseProps): ReactNode {
  const { t } = useWords();
  const [key] = useState(newIdempotencyKey);
  const erase = useAction({
    run: () => customers.erase(customer.id, { idempotencyKey: key }),
    done: t('customer.erasedDone'),
    andThen: close,
    changes: ['customers'],
  });
  return (
    <Dialog title={t('customer.erase')} close={close}>
      <Confirm
        text={t('customer.eraseText')}
        action={t('customer.erase')}
        error={erase.error}
        isRunning={erase.isPending}
        run={() => erase.mutate(undefined)}
      />
    </Dialog>
  );
}

interface PickerProps {
  readonly value: string | null;
  readonly error: string | null;
  readonly onChange: (id: string | null) => void;
}

/** Finds a customer as it is typed. */
export function CustomerPicker({ value, error, onChange }: PickerProps): ReactNode {
  const { t } = useWords();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<{ readonly value: string; readonly label: string } | null>(null);
  const query = text.trim() === chosen?.label ? '' : text.trim();
  const found = useQuery({
    queryKey: ['customers', 'found', query],
    queryFn: () => customers.list({ ...(query === '' ? {} : { query }), limit: 20 }).page(),
    placeholderData: keepPreviousData,
  });
  const options = (found.data?.items ?? []).map((customer) => ({
    value: customer.id,
    label: labelOf(customer, t),
  }));
  const isListed = options.some((option) => option.value === chosen?.value);
  return (
    <Select
      label={t('payment.customer')}
      placeholder={t('customer.find')}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': t('customer.clear') }}
      allowDeselect
      data={chosen === null || isListed ? options : [chosen, ...options]}
      filter={({ options: all }) => all}
      nothingFoundMessage={t('customer.noMatch')}
      error={error}
      value={value}
      searchValue={text}
      onSearchChange={setText}
      onChange={(id, option) => {
        setChosen(id === null ? null : { value: id, label: option?.label ?? id });
        onChange(id);
      }}
    />
  );
}

/** What tells two customers of one name apart comes after the name. */
function labelOf(customer: Customer, t: Translate): string {
  const name = nameOf(customer, t);
  const { reference, email, phone } = customer;
  const other = [reference, email, phone].find((text) => text !== null && text !== name);
  return other == null ? name : `${name} · ${other}`;
}
