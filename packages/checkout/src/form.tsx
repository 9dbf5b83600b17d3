/** What the forms have in common, and the language that everything is read in. */
import type { Language } from '@plexy-pay/payer-pages/language';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { type Word, word } from './words.ts';

export interface FormProps<T> {
  readonly payText: string;
  /** Nothing can be sent now: there is no connection. */
  readonly disabled: boolean;
  /** The request's fields that the server did not take. */
  readonly refused: readonly string[] | null;
  onSend(what: T): void;
}

export const LanguageContext = createContext<Language>('en');

export function useText(): (key: Word, values?: Readonly<Record<string, string>>) => string {
  const language = useContext(LanguageContext);
  return (key, values) => word(language, key, values);
}
