import { type Parsed, parsed, refused } from './parse.ts';

/** The largest amount of one operation, 2^53 − 1: every JSON number up to here is exact everywhere. */
export const MAX_AMOUNT = 9007199254740991n;

/**
 * The amount of one operation, from the number that JSON.parse returned: an integer in minor units,
 * from 1 to {@link MAX_AMOUNT}. `100.0` in the body is 100 here. A number that JSON.parse had to round
 * (`9007199254740991.4`) looks like an integer here too: parseStrictJson refuses it before.
 */
export function parseAmount(value: unknown): Parsed<bigint> {
  if (typeof value === 'number') {
    if (value > Number.MAX_SAFE_INTEGER) {
      return refused(`must be at most ${MAX_AMOUNT}`);
    }
    if (Number.isInteger(value) && value >= 1) {
      return parsed(BigInt(value));
    }
  }
  return refused('must be a positive integer in minor units');
}
