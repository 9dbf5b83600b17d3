/** Decimal numbers as JSON has them, read digit by digit: no amount ever passes through a floating-point number. */
import { decimalOf as decimalText, exponentOf } from '@plexy-pay/money';
import { MAX_AMOUNT } from './money.ts';
import { type Parsed, parsed, refused } from './parse.ts';

const DIGIT_0 = 0x30;
const MAX_DIGITS = BigInt(MAX_AMOUNT.toString().length);

/**
 * An amount in major units, as `56.41`, in minor units of its currency: from 1 to {@link MAX_AMOUNT}. What is finer than
 * the minor unit is refused, not rounded; how the number is spelled (`56.410`, `5641e-2`) does not matter.
 * @param token a number of JSON, as it was sent
 * @throws RangeError for what is no currency: with other digits the amount would be another one
 */
export function parseMajor(token: string, currency: string): Parsed<bigint> {
  const places = placesOf(currency);
  const { digits, exponent } = decimalOf(token);
  if (digits === '' || token.startsWith('-')) return refused('must be a positive number');
  const zeros = exponent + BigInt(places);
  if (zeros < 0n)
    return refused(
      places === 0
        ? `must be a whole number of ${currency}`
        : `must have at most ${places} decimals, as ${currency} has`,
    );
  const isLong = BigInt(digits.length) + zeros > MAX_DIGITS;
  const minor = isLong ? null : BigInt(digits) * 10n ** zeros;
  if (minor !== null && minor <= MAX_AMOUNT) return parsed(minor);
  return refused(`must be at most ${decimalText(MAX_AMOUNT, places)}`);
}

/**
 * Minor units as a number of JSON in major units with all its digits, and no zeros at its end, as whoever reads it as a number
 * writes it again: `5641n` of KZT is `56.41`, `5640n` is `56.4`.
 * @throws RangeError for what is no currency
 */
export function majorOf(amount: bigint, currency: string): string {
  const text = decimalText(amount, placesOf(currency));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function placesOf(currency: string): number {
  const places = exponentOf(currency);
  if (places === null) throw new RangeError(`${currency} is no currency of ISO 4217 that can be used`);
  return places;
}

/**
 * The absolute value of a JSON number as digits × 10^exponent, the digits without zeros at either
 * end: equal numbers have equal results. (The sign survives rounding, so it need not be compared.)
 */
export function decimalOf(token: string): { digits: string; exponent: bigint } {
  const unsigned = token.startsWith('-') ? token.slice(1) : token;
  const [mantissa = '', power = '0'] = unsigned.split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = withoutTrailingZeros(whole + fraction);
  const digits = withoutLeadingZeros(all);
  const droppedZeros = whole.length + fraction.length - all.length;
  return digits === ''
    ? { digits, exponent: 0n }
    : { digits, exponent: BigInt(power) + BigInt(droppedZeros - fraction.length) };
}

function withoutLeadingZeros(digits: string): string {
  let start = 0;
  while (digits.charCodeAt(start) === DIGIT_0) {
    start++;
  }
  return digits.slice(start);
}

/** Not a regular expression: `/0+$/` takes quadratic time on zeros in the middle. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === DIGIT_0) {
    end--;
  }
  return digits.slice(0, end);
}
