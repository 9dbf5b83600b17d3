import { useRef, useState } from 'preact/hooks';
import {
  brandOf,
  CARD_CHECKS,
  type CardField,
  cardToSend,
  caretAfter,
  cvcSizeOf,
  digitsOf,
  type FieldError,
  groupedExpiry,
  groupedNumber,
  NO_CARD,
  type TypedCard,
} from './card.ts';
import { Consent, useConsent } from './consent.tsx';
import { Field } from './fields.tsx';
import { type FormProps, useText } from './form.tsx';
import type { Agreement, CardAttempt } from './state.ts';

const FIELDS = Object.keys(CARD_CHECKS) as CardField[];
type Errors = Partial<Record<CardField, FieldError | null>>;

/** What the request calls the fields. */
const BY_PATH: Readonly<Record<string, { readonly field: CardField; readonly error: FieldError }>> = {
  'card.number': { field: 'number', error: { word: 'error.number' } },
  'card.expiryMonth': { field: 'expiry', error: { word: 'error.expiry' } },
  'card.expiryYear': { field: 'expiry', error: { word: 'error.expired' } },
  'card.cvc': { field: 'cvc', error: { word: 'error.cvc', values: { size: '3' } } },
  'card.holder': { field: 'holder', error: { word: 'error.holder' } },
};

function refusedErrors(paths: readonly string[]): Errors {
  const errors: Errors = {};
  for (const path of paths) {
    const found = BY_PATH[path];
    if (found !== undefined) errors[found.field] = found.error;
  }
  return errors;
}

/** Groups what was typed, and leaves the caret behind the same digit. */
function groupNumber(input: HTMLInputElement): string {
  const before = digitsOf(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
  const value = groupedNumber(input.value);
  input.value = value;
  const caret = caretAfter(value, before);
  input.setSelectionRange(caret, caret);
  return value;
}

function groupExpiry(input: HTMLInputElement): string {
  const atEnd = input.selectionStart === input.value.length;
  const value = atEnd ? groupedExpiry(input.value) : input.value;
  input.value = value;
  return value;
}

interface CardFormProps extends FormProps<Pick<CardAttempt, 'card' | 'keepCard'>> {
  readonly shop: string;
  /** Whether the payer is asked for a consent; with an agreement, whether they pay depends on it. */
  readonly asksConsent: boolean;
  readonly agreement: Agreement | null;
}

/** The card is in this component's memory and in its inputs, and both end when it is sent. */
export function CardForm({
  payText,
  disabled,
  refused,
  shop,
  asksConsent,
  agreement,
  onSend,
}: CardFormProps) {
  const text = useText();
  const consent = useConsent(agreement);
  const [card, setCard] = useState<TypedCard>(NO_CARD);
  const [errors, setErrors] = useState<Errors>(() => refusedErrors(refused ?? []));
  const inputs = useRef<Partial<Record<CardField, HTMLInputElement | null>>>({});
  const brand = brandOf(card.number);
  const cvcSize = cvcSizeOf(card.number);

  const type = (field: CardField, value: string): void => {
    setCard((before) => ({ ...before, [field]: value }));
    // What was wrong is said until it is right, and nothing new while somebody types.
    const now = CARD_CHECKS[field]({ ...card, [field]: value }, new Date());
    if (errors[field] != null) setErrors((before) => ({ ...before, [field]: now }));
  };
  const check = (field: CardField): void => {
    if (card[field] === '') return;
    setErrors((before) => ({ ...before, [field]: CARD_CHECKS[field](card, new Date()) }));
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const now = new Date();
    const found: Errors = Object.fromEntries(FIELDS.map((field) => [field, CARD_CHECKS[field](card, now)]));
    setErrors(found);
    const mayGoOn = consent.check();
    const first = FIELDS.find((field) => found[field] != null);
    if (first !== undefined) inputs.current[first]?.focus();
    else if (!mayGoOn) consent.focus();
    else if (!disabled) onSend({ card: cardToSend(card), ...(consent.isGiven ? { keepCard: true } : {}) });
  };
  const errorOf = (field: CardField): string | null => {
    const error = errors[field];
    return error == null ? null : text(error.word, error.values);
  };
  const common = (field: CardField) => ({
    id: field,
    label: text(field),
    error: errorOf(field),
    value: card[field],
    inputRef: (input: HTMLInputElement | null) => {
      inputs.current[field] = input;
    },
    onBlur: () => check(field),
  });
  const digits = { inputMode: 'numeric' } as const;
  return (
    <form method="post" noValidate onSubmit={submit} autocomplete="on">
      <Field
        {...common('number')}
        {...digits}
        autocomplete="cc-number"
        placeholder="0000 0000 0000 0000"
        suffix={brand?.name ?? null}
        onInput={(event) => type('number', groupNumber(event.currentTarget))}
      />
      <div class="pair">
        <Field
          {...common('expiry')}
          {...digits}
          autocomplete="cc-exp"
          placeholder={text('expiryHint')}
          onInput={(event) => type('expiry', groupExpiry(event.currentTarget))}
        />
        <Field
          {...common('cvc')}
          {...digits}
          autocomplete="cc-csc"
          maxLength={cvcSize}
          placeholder={'0'.repeat(cvcSize)}
          hint={cvcSize === 4 ? text('cvcHintFront') : text('cvcHint', { size: String(cvcSize) })}
          onInput={(event) => type('cvc', digitsOf(event.currentTarget.value).slice(0, cvcSize))}
        />
      </div>
      <Field
        {...common('holder')}
        autocomplete="cc-name"
        maxLength={100}
        placeholder="AIGERIM SADYKOVA"
        onInput={(event) => type('holder', event.currentTarget.value)}
      />
      {asksConsent && <Consent shop={shop} {...consent.box} />}
      <button class="primary" type="submit" aria-disabled={disabled}>
        {payText}
      </button>
      <p class="note">{text('secure')}</p>
    </form>
  );
}
