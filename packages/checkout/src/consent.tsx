/** What a payer may agree to: that their card is kept, or that the shop charges it later. Never ticked beforehand. */
import type { Ref } from 'preact';
import { useContext, useRef, useState } from 'preact/hooks';
import { LanguageContext, useText } from './form.tsx';
import type { Agreement } from './state.ts';

/** Whether it is given, and whether it is asked for in vain: with an agreement nobody pays without. */
export function useConsent(agreement: Agreement | null) {
  const [isGiven, setGiven] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const boxRef = useRef<HTMLInputElement>(null);
  const onChange = (given: boolean): void => {
    setGiven(given);
    if (given) setMissing(false);
  };
  return {
    /** @returns whether the payment can go on */
    check: (): boolean => {
      const lacks = agreement !== null && !isGiven;
      setMissing(lacks);
      return !lacks;
    },
    isGiven,
    box: { agreement, isGiven, isMissing, boxRef, onChange },
    focus: (): void => boxRef.current?.focus(),
  };
}

interface ConsentProps {
  readonly shop: string;
  /** Null: whether the card is kept is the payer's own wish. */
  readonly agreement: Agreement | null;
  readonly isGiven: boolean;
  /** It was asked for, and not given. */
  readonly isMissing: boolean;
  readonly boxRef: Ref<HTMLInputElement>;
  onChange(isGiven: boolean): void;
}

export function Consent({ shop, agreement, isGiven, isMissing, boxRef, onChange }: ConsentProps) {
  const text = useText();
  const which = agreement === null ? 'keep' : 'agree';
  const describedBy = isMissing ? 'consent-error consent-hint' : 'consent-hint';
  return (
    <div class={`consent${isMissing ? ' wrong' : ''}`}>
      <label>
        <input
          type="checkbox"
          ref={boxRef}
          checked={isGiven}
          required={agreement !== null}
          aria-invalid={isMissing}
          aria-describedby={describedBy}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        <span>{text(which, { shop })}</span>
      </label>
      {isMissing && (
        <p class="error" id="consent-error">
          {text('error.agree')}
        </p>
      )}
      <p class="field-hint" id="consent-hint">
        {agreement !== null && <Limits {...agreement} />}
        {text(`${which}.hint`, { shop })}
      </p>
    </div>
  );
}

/** How often at most, and until when. */
function Limits({ frequencyDays, until }: Agreement) {
  const text = useText();
  const language = useContext(LanguageContext);
  return (
    <>
      {frequencyDays !== null && `${text('agree.frequency', { days: String(frequencyDays) })} `}
      {until !== null && `${text('agree.until', { date: dayText(until, language) })} `}
    </>
  );
}

/** The last moment of an agreement belongs to the day before. */
function dayText(until: string, language: string): string {
  const last = new Date(Date.parse(until) - 1);
  return last.toLocaleDateString(language, { dateStyle: 'long', timeZone: 'UTC' });
}
