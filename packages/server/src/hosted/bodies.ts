/** What clients send: numbers keep every digit that was sent, and no body at all is an empty one. */

import { parseMajor } from '../core/values/decimal.ts';
import { parseWithSource } from '../core/values/exactJson.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseBody } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';

/** A number of JSON that is more than a plain integer, as it was sent: it is written again with the same digits. */
export class SentNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    return JSON.rawJSON(this.text);
  }
}

/**
 * A body: strict, as everywhere, and without rounding. Clients send `null`, or nothing at all, for "everything".
 * @throws ApiError 400
 */
export function readBody(body: Buffer): unknown {
  if (body.toString('latin1').trim() === '') return {};
  // It says what is wrong with the text; what is left to do is to keep the digits of numbers.
  if (parseBody(body) === null) return {};
  return parseWithSource(body.toString('utf8').replace(/^\ufeff/, ''), (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value)
      ? new SentNumber(source)
      : value,
  );
}

/** What is of no type that is known is taken only if there is nothing in it. @throws ApiError 415 */
export function readNothing(body: Buffer): unknown {
  if (body.length > 0) throw new ApiError('unsupported_media_type');
  return {};
}

/** An amount in major units; null: the client gave none. */
export function majorAmountOf(value: unknown, currency: string): Parsed<bigint | null> {
  if (value === undefined || value === null) return parsed(null);
  if (typeof value === 'number') return parseMajor(String(value), currency);
  return value instanceof SentNumber ? parseMajor(value.text, currency) : refused('must be a number');
}

/** An amount in minor units, as the use cases take it: `100.0` is 100 here, too. */
export function minorAmountOf(value: unknown): unknown {
  return value instanceof SentNumber ? Number(value.text) : value;
}
