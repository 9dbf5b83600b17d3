/** The filters of the list: each one a button that opens its choice, with what is chosen on it. */
import { Button, Checkbox, type ComboboxData, Popover, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { places, type Terminal } from './api.ts';
import { fieldError } from './fieldErrors.ts';
import type { Filter, Filters } from './filters.ts';
import { amountInput, formatAmount, formatTime, type Language, localTime, parseAmount } from './format.ts';
import { type Key, type Translate, useWords } from './i18n/index.tsx';
import { Icon } from './icons.tsx';
import { paymentFailures, reasonText } from './reasons.ts';
import { STATUSES, type Status, StatusBadge } from './status.tsx';
import { Form } from './ui.tsx';

export type Change = (patch: Partial<Record<Filter, string | undefined>>) => void;

interface Props {
  readonly filters: Filters;
  /** What the list answered; where it names a filter, that is shown at the filter. */
  readonly error: unknown;
}

/** What is wrong with one of these filters, or null. */
function errorOf(error: unknown, names: readonly Filter[], t: Translate): string | null {
  return names.map((name) => fieldError(error, name, t)).find((text) => text !== null) ?? null;
}

export function FilterBar({ filters, error }: Props): ReactNode {
  const { t } = useWords();
  const navigate = useNavigate();
  const change: Change = (patch) =>
    void navigate({ to: '/transactions', search: { ...filters, ...patch, cursor: undefined } });
  const parts = { filters, error, change };
  return (
    <div className="filters">
      <StatusFilter {...parts} />
      <ChoiceFilter
        {...parts}
        name="paymentMethod"
        title="filter.method"
        values={['wallet', 'card']}
        label={(value) => t(`method.${value as 'wallet'}`)}
      />
      <ChoiceFilter
        {...parts}
        name="type"
        title="filter.type"
        values={['payment', 'refund']}
        label={(value) => t(`type.${value as 'payment'}`)}
      />
      <ChoiceFilter
        {...parts}
        name="pendingOperation"
        title="filter.pending"
        values={['true']}
        label={() => t('filter.pending.true')}
      />
      <AmountFilter {...parts} />
      <DateFilter {...parts} />
      <PlaceFilters {...parts} />
      <MoreFilters {...parts} />
      {Object.keys(filters).length > 0 && (
        <Button
          variant="subtle"
          size="compact-sm"
          color="gray"
          onClick={() => void navigate({ to: '/transactions' })}
        >
          {t('list.clearFilters')}
        </Button>
      )}
    </div>
  );
}

interface ChipProps {
  readonly title: string;
  /** What is chosen, in words; null: nothing. */
  readonly value: string | null;
  /** What is wrong with it, in words; null: nothing. */
  readonly error: string | null;
  readonly clear: () => void;
  readonly children: (close: () => void) => ReactNode;
}

function Chip({ title, value, error, clear, children }: ChipProps): ReactNode {
  const { t } = useWords();
  const [isOpen, setOpen] = useState(false);
  return (
    <span className={`chip${value === null ? '' : ' chip-set'}${error === null ? '' : ' chip-wrong'}`}>
      {value !== null && (
        <button
          type="button"
          className="chip-remove"
          aria-label={t('filter.remove', { name: title })}
          onClick={clear}
        >
          <Icon name="close" size={12} />
        </button>
      )}
      <Popover opened={isOpen} onChange={setOpen} position="bottom-start" trapFocus returnFocus>
        <Popover.Target>
          <button type="button" className="chip-button" onClick={() => setOpen(!isOpen)}>
            {value === null && <Icon name="plus" size={12} />}
            {title}
            {value !== null && <span className="chip-value">{value}</span>}
            {error !== null && (
              <span className="chip-error">
                <Icon name="issues" size={12} /> {error}
              </span>
            )}
          </button>
        </Popover.Target>
        <Popover.Dropdown aria-label={title}>{children(() => setOpen(false))}</Popover.Dropdown>
      </Popover>
    </span>
  );
}

interface PartProps extends Props {
  readonly change: Change;
}

function StatusFilter({ filters, error, change }: PartProps): ReactNode {
  const { t } = useWords();
  const chosen = filters.status?.split(',') ?? [];
  const names = Object.keys(STATUSES) as Status[];
  const toggle = (status: Status): void => {
    const next = chosen.includes(status) ? chosen.filter((other) => other !== status) : [...chosen, status];
    change({ status: next.join(',') || undefined });
  };
  const nameOf = (status: string): string =>
    status in STATUSES ? t(STATUSES[status as Status].label) : status;
  const value = chosen.length === 0 ? null : chosen.map(nameOf).join(', ');
  return (
    <Chip
      title={t('filter.status')}
      value={value}
      error={errorOf(error, ['status'], t)}
      clear={() => change({ status: undefined })}
    >
      {() => (
        <div className="choices">
          {names.map((status) => (
            <Checkbox
              key={status}
              size="xs"
              label={<StatusBadge status={status} />}
              checked={chosen.includes(status)}
              onChange={() => toggle(status)}
            />
          ))}
        </div>
      )}
    </Chip>
  );
}

interface ChoiceProps extends PartProps {
  readonly name: 'paymentMethod' | 'type' | 'pendingOperation' | 'status';
  readonly title: Key;
  readonly values: readonly string[];
  readonly label: (value: string) => string;
}

export function ChoiceFilter({ filters, error, change, name, title, values, label }: ChoiceProps): ReactNode {
  const { t } = useWords();
  const chosen = filters[name];
  return (
    <Chip
      title={t(title)}
      value={chosen === undefined ? null : values.includes(chosen) ? label(chosen) : chosen}
      error={errorOf(error, [name], t)}
      clear={() => change({ [name]: undefined })}
    >
      {(close) => (
        <div className="choices">
          {values.map((value) => (
            <button
              key={value}
              type="button"
              className="choice"
              aria-pressed={value === chosen}
              onClick={() => {
                change({ [name]: value });
                close();
              }}
            >
              {label(value)}
            </button>
          ))}
        </div>
      )}
    </Chip>
  );
}

function AmountFilter({ filters, error, change }: PartProps): ReactNode {
  const { t, language } = useWords();
  const { amountFrom, amountTo, currency = 'KZT' } = filters;
  const words = (amount: string | undefined): string =>
    amount === undefined || !/^\d+$/.test(amount) ? '…' : formatAmount(BigInt(amount), currency, language);
  const value =
    amountFrom === undefined && amountTo === undefined ? null : `${words(amountFrom)} – ${words(amountTo)}`;
  const clear = (): void => change({ amountFrom: undefined, amountTo: undefined, currency: undefined });
  return (
    <Chip
      title={t('filter.amount')}
      value={value}
      error={value === null ? null : errorOf(error, ['amountFrom', 'amountTo', 'currency'], t)}
      clear={clear}
    >
      {(close) => (
        <AmountFields
          filters={filters}
          error={error}
          change={(patch) => {
            change(patch);
            close();
          }}
        />
      )}
    </Chip>
  );
}

function AmountFields({ filters, error, change }: PartProps): ReactNode {
  const { t } = useWords();
  const [currency, setCurrency] = useState(filters.currency ?? 'KZT');
  const initial = (amount: string | undefined): string =>
    amount === undefined || !/^\d+$/.test(amount) ? '' : amountInput(BigInt(amount), currency);
  const [from, setFrom] = useState(initial(filters.amountFrom));
  const [to, setTo] = useState(initial(filters.amountTo));
  const isWrong = (text: string): boolean => text !== '' && parseAmount(text, currency) === null;
  const minor = (text: string): string | undefined => parseAmount(text, currency)?.toString();
  const wrong = (text: string, name: Filter): ReactNode =>
    isWrong(text) ? t('filter.invalidAmount', { currency }) : fieldError(error, name, t);
  return (
    <Form
      submit={() => {
        if (!isWrong(from) && !isWrong(to))
          change({ currency, amountFrom: minor(from), amountTo: minor(to) });
      }}
    >
      <TextInput
        size="xs"
        label={t('filter.currency')}
        error={fieldError(error, 'currency', t)}
        maxLength={3}
        value={currency}
        onChange={(event) => setCurrency(event.currentTarget.value.toUpperCase())}
      />
      <TextInput
        size="xs"
        label={t('filter.from')}
        inputMode="decimal"
        value={from}
        error={wrong(from, 'amountFrom')}
        onChange={(event) => setFrom(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={t('filter.to')}
        inputMode="decimal"
        value={to}
        error={wrong(to, 'amountTo')}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <Button size="xs" type="submit">
        {t('apply')}
      </Button>
    </Form>
  );
}

const PERIODS: readonly (readonly [string, Key])[] = [
  ['last1h', 'filter.lastHour'],
  ['last24h', 'filter.lastDay'],
  ['last7d', 'filter.lastWeek'],
  ['last30d', 'filter.lastMonth'],
];

export function DateFilter({ filters, error, change }: PartProps): ReactNode {
  const { t, language } = useWords();
  const { createdFrom, createdTo } = filters;
  const period = PERIODS.find(([name]) => name === createdFrom);
  const words = (at: string | undefined): string =>
    at === undefined || Number.isNaN(Date.parse(at)) ? '…' : formatTime(at, 'short', language);
  const range = `${words(createdFrom)} – ${words(createdTo)}`;
  const value =
    createdFrom === undefined && createdTo === undefined ? null : period === undefined ? range : t(period[1]);
  return (
    <Chip
      title={t('filter.date')}
      value={value}
      error={errorOf(error, ['createdFrom', 'createdTo'], t)}
      clear={() => change({ createdFrom: undefined, createdTo: undefined })}
    >
      {(close) => {
        const choose: Change = (patch) => {
          change(patch);
          close();
        };
        return (
          <div className="choices">
            {PERIODS.map(([name, label]) => (
              <button
                key={name}
                type="button"
                className="choice"
                aria-pressed={createdFrom === name}
                onClick={() => choose({ createdFrom: name, createdTo: undefined })}
              >
                {t(label)}
              </button>
            ))}
            <DateFields filters={filters} error={error} change={choose} />
          </div>
        );
      }}
    </Chip>
  );
}

function DateFields({ filters, error, change }: PartProps): ReactNode {
  const { t } = useWords();
  const [from, setFrom] = useState(localTime(filters.createdFrom));
  const [to, setTo] = useState(localTime(filters.createdTo));
  const iso = (text: string): string | undefined => (text === '' ? undefined : new Date(text).toISOString());
  return (
    <Form submit={() => change({ createdFrom: iso(from), createdTo: iso(to) })}>
      <TextInput
        size="xs"
        type="datetime-local"
        label={t('filter.from')}
        error={fieldError(error, 'createdFrom', t)}
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        type="datetime-local"
        label={t('filter.to')}
        error={fieldError(error, 'createdTo', t)}
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <Button size="xs" type="submit">
        {t('apply')}
      </Button>
    </Form>
  );
}

/** Only where the merchant has any, or the address names one. */
function PlaceFilters({ filters, error, change }: PartProps): ReactNode {
  const { t } = useWords();
  const stores = useQuery({ queryKey: ['stores'], queryFn: places.stores, staleTime: 60_000 });
  const terminals = useQuery({ queryKey: ['terminals'], queryFn: places.terminals, staleTime: 60_000 });
  const { storeId } = filters;
  const allTerminals = terminals.data ?? [];
  const storeOptions = (stores.data ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const itemOf = ({ id, name }: Terminal) => ({ value: id, label: name });
  const terminalOptions = storeOptions
    .filter(({ value }) => storeId === undefined || value === storeId)
    .map(({ value, label }) => ({
      group: label,
      items: allTerminals.filter((terminal) => terminal.storeId === value).map(itemOf),
    }))
    .filter(({ items }) => items.length > 0);
  return (
    <>
      <PlaceFilter
        title="filter.store"
        chosen={storeId}
        error={errorOf(error, ['storeId'], t)}
        nameOf={(id) => stores.data?.find((store) => store.id === id)?.name}
        options={storeOptions}
        // A till stands in one store: that of another would match nothing.
        choose={(id) => change({ storeId: id, terminalId: undefined })}
      />
      <PlaceFilter
        title="filter.terminal"
        chosen={filters.terminalId}
        error={errorOf(error, ['terminalId'], t)}
        nameOf={(id) => allTerminals.find((terminal) => terminal.id === id)?.name}
        options={terminalOptions}
        choose={(id) => change({ terminalId: id })}
      />
    </>
  );
}

interface PlaceProps {
  readonly title: Key;
  readonly chosen: string | undefined;
  readonly error: string | null;
  /** Undefined: not read yet, or not one of the merchant's. */
  readonly nameOf: (id: string) => string | undefined;
  readonly options: ComboboxData;
  readonly choose: (id: string | undefined) => void;
}

function PlaceFilter({ title, chosen, error, nameOf, options, choose }: PlaceProps): ReactNode {
  const { t } = useWords();
  if (options.length === 0 && chosen === undefined) return null;
  const value = chosen === undefined ? null : (nameOf(chosen) ?? chosen);
  return (
    <Chip title={t(title)} value={value} error={error} clear={() => choose(undefined)}>
      {(close) => (
        <Select
          size="xs"
          label={t(title)}
          data={options}
          value={chosen ?? null}
          searchable
          limit={100}
          defaultDropdownOpened
          nothingFoundMessage={t('filter.noneFound')}
          // Inside the choice: outside it, a click would close it.
          comboboxProps={{ withinPortal: false }}
          onChange={(id) => {
            choose(id ?? undefined);
            close();
          }}
        />
      )}
    </Chip>
  );
}

const TEXTS: readonly (readonly [Filter, Key])[] = [
  ['query', 'filter.text'],
  ['orderReference', 'filter.order'],
  ['currency', 'filter.currency'],
  ['customerId', 'filter.customer'],
  ['failureCode', 'column.reason'],
  ['parentTransactionId', 'filter.parent'],
  ['expiresTo', 'filter.expiresTo'],
];

/** The rest: texts and ids. Each has a button of its own once it is set. */
function MoreFilters({ filters, error, change }: PartProps): ReactNode {
  const { t, language } = useWords();
  const isAmount = filters.amountFrom !== undefined || filters.amountTo !== undefined;
  const set = TEXTS.filter(([name]) => filters[name] !== undefined && !(name === 'currency' && isAmount));
  const fields = (names: typeof TEXTS) => (close: () => void) => (
    <TextFields
      names={names}
      filters={filters}
      error={error}
      change={(patch) => {
        change(patch);
        close();
      }}
    />
  );
  return (
    <>
      {set.map(([name, title]) => (
        <Chip
          key={name}
          title={t(title)}
          value={shownValue(name, filters[name], t, language)}
          error={errorOf(error, [name], t)}
          clear={() => change({ [name]: undefined })}
        >
          {fields([[name, title]])}
        </Chip>
      ))}
      <Chip title={t('filter.more')} value={null} error={null} clear={() => undefined}>
        {fields(TEXTS)}
      </Chip>
    </>
  );
}

/** Codes in words, and times in the viewer's zone; the rest as it is. */
function shownValue(
  name: Filter,
  value: string | undefined,
  t: Translate,
  language: Language,
): string | null {
  if (value === undefined) return null;
  if (name === 'failureCode') return reasonText(value, t);
  if (name !== 'expiresTo' || Number.isNaN(Date.parse(value))) return value;
  return formatTime(value, 'short', language);
}

function TextFields({
  names,
  filters,
  error,
  change,
}: PartProps & { readonly names: typeof TEXTS }): ReactNode {
  const { t } = useWords();
  const [texts, setTexts] = useState<Filters>(filters);
  const fieldOf = (name: Filter, title: Key) => ({
    size: 'xs' as const,
    label: t(title),
    error: fieldError(error, name, t),
  });
  const type = (name: Filter, value: string): void => setTexts((before) => ({ ...before, [name]: value }));
  return (
    <Form
      submit={() =>
        change(Object.fromEntries(names.map(([name]) => [name, texts[name]?.trim() || undefined])))
      }
    >
      {names.map(([name, title]) =>
        name === 'failureCode' ? (
          <Select
            key={name}
            {...fieldOf(name, title)}
            data={paymentFailures(t)}
            value={texts[name] ?? null}
            searchable
            clearable
            nothingFoundMessage={t('filter.noneFound')}
            comboboxProps={{ withinPortal: false }}
            onChange={(value) => type(name, value ?? '')}
          />
        ) : name === 'expiresTo' ? (
          <TextInput
            key={name}
            {...fieldOf(name, title)}
            type="datetime-local"
            defaultValue={localTime(texts[name])}
            onChange={({ currentTarget: { value } }) =>
              type(name, value === '' ? '' : new Date(value).toISOString())
            }
          />
        ) : (
          <TextInput
            key={name}
            {...fieldOf(name, title)}
            value={texts[name] ?? ''}
            onChange={({ currentTarget: { value } }) =>
              type(name, name === 'currency' ? value.toUpperCase() : value)
            }
          />
        ),
      )}
      <Button size="xs" type="submit">
        {t('apply')}
      </Button>
    </Form>
  );
}
