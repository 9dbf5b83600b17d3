import { useRef, useState } from 'preact/hooks';
import { digitsOf } from './card.ts';
import { Field } from './fields.tsx';
import { type FormProps, useText } from './form.tsx';
import type { WalletAttempt } from './state.ts';

type WalletField = 'phone' | 'iin';
const FIELDS: readonly WalletField[] = ['phone', 'iin'];
const PATHS: Readonly<Record<string, WalletField>> = { phoneNumber: 'phone', iin: 'iin' };
const IIN_DIGITS = 12;
/** The fewest and the most that a phone number has, with its country's code; which of them exist the server knows. */
const PHONE_DIGITS = { least: 10, most: 15 };

const IS_RIGHT: Readonly<Record<WalletField, (text: string) => boolean>> = {
  phone: (text) => {
    const { length } = digitsOf(text);
    return length >= PHONE_DIGITS.least && length <= PHONE_DIGITS.most;
  },
  iin: (text) => digitsOf(text).length === IIN_DIGITS,
};

export function WalletForm({
  payText,
  disabled,
  refused,
  onSend,
}: FormProps<Omit<WalletAttempt, 'attemptId'>>) {
  const text = useText();
  const [typed, setTyped] = useState<Readonly<Record<WalletField, string>>>({ phone: '', iin: '' });
  const [wrong, setWrong] = useState<ReadonlySet<WalletField>>(
    () => new Set((refused ?? []).map((path) => PATHS[path]).filter((field) => field !== undefined)),
  );
  const inputs = useRef<Partial<Record<WalletField, HTMLInputElement | null>>>({});

  const mark = (field: WalletField, isWrong: boolean): void =>
    setWrong(
      (before) => new Set([...before].filter((other) => other !== field).concat(isWrong ? field : [])),
    );
  const type = (field: WalletField, value: string): void => {
    setTyped((before) => ({ ...before, [field]: value }));
    if (wrong.has(field)) mark(field, !IS_RIGHT[field](value));
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const found = FIELDS.filter((field) => !IS_RIGHT[field](typed[field]));
    setWrong(new Set(found));
    const [first] = found;
    if (first !== undefined) inputs.current[first]?.focus();
    else if (!disabled) onSend({ phoneNumber: typed.phone.trim(), iin: digitsOf(typed.iin) });
  };
  const common = (field: WalletField) => ({
    id: field,
    label: text(field),
    error: wrong.has(field) ? text(`error.${field}`) : null,
    value: typed[field],
    inputRef: (input: HTMLInputElement | null) => {
      inputs.current[field] = input;
    },
    onBlur: () => {
      if (typed[field] !== '') mark(field, !IS_RIGHT[field](typed[field]));
    },
  });
  return (
    <form method="post" noValidate onSubmit={submit}>
      <Field
        {...common('phone')}
        inputMode="tel"
        autocomplete="tel"
        maxLength={25}
        placeholder="+7 701 000 00 00"
        onInput={(event) => type('phone', event.currentTarget.value)}
      />
      <Field
        {...common('iin')}
        inputMode="numeric"
        autocomplete="off"
        maxLength={IIN_DIGITS}
        placeholder={'0'.repeat(IIN_DIGITS)}
        hint={text('iinHint')}
        onInput={(event) => type('iin', digitsOf(event.currentTarget.value).slice(0, IIN_DIGITS))}
      />
      <button class="primary" type="submit" aria-disabled={disabled}>
        {payText}
      </button>
    </form>
  );
}
