/** One input with its label, hint and error, as a screen reader needs them together. */
import type { InputEventHandler, Ref } from 'preact';

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly error: string | null;
  readonly suffix?: string | null;
  readonly inputRef: Ref<HTMLInputElement>;
  readonly value: string;
  readonly inputMode?: 'text' | 'numeric' | 'tel';
  readonly autocomplete: 'cc-number' | 'cc-exp' | 'cc-csc' | 'cc-name' | 'tel' | 'off';
  readonly placeholder: string;
  readonly maxLength?: number;
  readonly onInput: InputEventHandler<HTMLInputElement>;
  onBlur(): void;
}

/**
 * Without a `name`: a form that a browser sent by itself, because the script had not come yet, would send nothing of the
 * card to anywhere.
 */
export function Field({ id, label, hint, error, suffix, inputRef, ...input }: FieldProps) {
  const describedBy = [error !== null && `${id}-error`, hint !== undefined && `${id}-hint`].filter(Boolean);
  return (
    <div class={`field${error === null ? '' : ' wrong'}`}>
      <label for={id}>{label}</label>
      <div class="box">
        <input
          {...input}
          type="text"
          id={id}
          ref={inputRef}
          required
          spellcheck={false}
          aria-invalid={error !== null}
          {...(describedBy.length > 0 ? { 'aria-describedby': describedBy.join(' ') } : {})}
        />
        {suffix != null && <span class="suffix">{suffix}</span>}
      </div>
      {error !== null && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
