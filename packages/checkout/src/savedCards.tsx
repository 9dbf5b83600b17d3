/** Cards that the payer has on file: which one, and its security code. */
import { useRef, useState } from 'preact/hooks';
import { brandName, cvcSizeOfBrand, digitsOf } from './card.ts';
import { Consent, useConsent } from './consent.tsx';
import { Field } from './fields.tsx';
import { type FormProps, useText } from './form.tsx';
import type { Agreement, SavedCard, SavedCardAttempt } from './state.ts';

interface ChoiceProps {
  readonly cards: readonly SavedCard[];
  /** Null: another card. */
  readonly chosen: string | null;
  choose(id: string | null): void;
}

export function SavedCardChoice({ cards, chosen, choose }: ChoiceProps) {
  const text = useText();
  return (
    <fieldset class="cards">
      <legend>{text('savedCards')}</legend>
      {cards.map(({ id, brand, last4, expiryMonth, expiryYear }) => (
        <label key={id} class={id === chosen ? 'chosen' : ''}>
          <input type="radio" name="card" checked={id === chosen} onChange={() => choose(id)} />
          <span>{text('savedCard', { brand: brandName(brand), last4 })}</span>
          <span class="until">
            {`${String(expiryMonth).padStart(2, '0')} / ${String(expiryYear % 100).padStart(2, '0')}`}
          </span>
        </label>
      ))}
      <label class={chosen === null ? 'chosen' : ''}>
        <input type="radio" name="card" checked={chosen === null} onChange={() => choose(null)} />
        <span>{text('otherCard')}</span>
      </label>
    </fieldset>
  );
}

type Sent = Pick<SavedCardAttempt, 'cvc' | 'keepCard'>;

interface SavedCardFormProps extends FormProps<Sent> {
  readonly card: SavedCard;
  readonly shop: string;
  readonly agreement: Agreement | null;
}

/** The code is in this component's memory and in its input, and both end when it is sent. */
export function SavedCardForm({
  card,
  shop,
  agreement,
  payText,
  disabled,
  refused,
  onSend,
}: SavedCardFormProps) {
  const text = useText();
  const [cvc, setCvc] = useState('');
  const [isWrong, setWrong] = useState(refused?.includes('cvc') === true);
  const consent = useConsent(agreement);
  const input = useRef<HTMLInputElement>(null);
  const size = cvcSizeOfBrand(card.brand);
  const isRight = (code: string): boolean => code.length === size;

  const submit = (event: Event): void => {
    event.preventDefault();
    setWrong(!isRight(cvc));
    const mayGoOn = consent.check();
    if (!isRight(cvc)) input.current?.focus();
    else if (!mayGoOn) consent.focus();
    else if (!disabled) onSend({ cvc, ...(consent.isGiven ? { keepCard: true } : {}) });
  };
  return (
    <form method="post" noValidate onSubmit={submit}>
      <Field
        id="cvc"
        label={text('cvc')}
        error={isWrong ? text('error.cvc', { size: String(size) }) : null}
        value={cvc}
        inputRef={input}
        inputMode="numeric"
        autocomplete="cc-csc"
        maxLength={size}
        placeholder={'0'.repeat(size)}
        hint={size === 4 ? text('cvcHintFront') : text('cvcHint', { size: String(size) })}
        onInput={(event) => {
          const code = digitsOf(event.currentTarget.value).slice(0, size);
          setCvc(code);
          if (isWrong) setWrong(!isRight(code));
        }}
        onBlur={() => {
          if (cvc !== '') setWrong(!isRight(cvc));
        }}
      />
      {agreement !== null && <Consent shop={shop} {...consent.box} />}
      <button class="primary" type="submit" aria-disabled={disabled}>
        {payText}
      </button>
      <p class="note">{text('secure')}</p>
    </form>
  );
}
