import { CURRENCIES, exponentOf } from '@plexy-pay/money';
import { type Brand, type Parsed, parsed, refused } from './parse.ts';

/** The code of a current ISO 4217 currency with minor units, such as `KZT`. */
export type Currency = Brand<'Currency'>;

export { CURRENCIES };

export function parseCurrency(text: string): Parsed<Currency> {
  if (exponentOf(text) !== null) {
    return parsed(text as Currency);
  }
  const upperCase = text.toUpperCase();
  return refused(
    exponentOf(upperCase) === null
      ? 'must be a current ISO 4217 currency code, such as KZT'
      : `must be in upper case: ${upperCase}`,
  );
}
