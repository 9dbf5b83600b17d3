/** What the server says is wrong with a field, in the reader's language. */
import { PlexyPayError } from '@plexy-pay/sdk';
import { en } from './i18n/en.ts';
import type { Key, Translate } from './i18n/index.tsx';

/** The server's own words for the rules that people break in forms. */
export const RULES: Readonly<Record<string, Key>> = {
  'must be a URL': 'rule.url',
  'must lead to a public address': 'rule.publicAddress',
  'must not hold a name or password; use bearerToken': 'rule.noCredentials',
  'must not have a fragment': 'rule.noFragment',
  'must be printable ASCII without spaces': 'rule.ascii',
  'must be an e-mail address': 'rule.email',
  'must have 12 to 128 characters': 'rule.passwordLength',
  'must have 5 different characters or more': 'rule.passwordVariety',
  'must not be empty': 'rule.empty',
  'must not contain control characters, such as line breaks': 'rule.controlCharacters',
  'must have 10 digits after +7': 'rule.phone',
  'must begin with + and the country code, or with 8 7 or 7 7 for Kazakhstan': 'rule.phone',
  'must be a phone number of its country in full, such as +77010000001': 'rule.phone',
  'must be 12 digits': 'rule.iinLength',
  'must have a century digit (the 7th) from 1 to 6': 'rule.iin',
  'must begin with a real birth date, YYMMDD': 'rule.iin',
  'must have the right check digit (the 12th)': 'rule.iin',
};

/** @returns null when nothing is wrong with this field */
export function fieldError(error: unknown, path: string, t: Translate): string | null {
  if (!(error instanceof PlexyPayError)) return null;
  const detail = error.details.find((one) => one.path === path);
  if (detail === undefined) return null;
  const key = RULES[detail.message];
  return t(key ?? 'rule.other');
}

/** The key of the server's words for a reason. */
export function keyOfReason(reason: string | null): Key | null {
  const key = `reason.${reason}`;
  return Object.hasOwn(en, key) ? (key as Key) : null;
}
