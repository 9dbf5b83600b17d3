/** Times as text: one way in and one way out. Inside they are milliseconds since 1970. */

import type { Millis } from '../transaction.ts';
import { type Parsed, parsed, refused } from './parse.ts';

/**
 * RFC 3339, and beyond it what ISO 8601 allows and senders use: no seconds, a comma before the digits of a second, an
 * offset without its colon. Where the offset's `+` was not escaped in a URL, a space arrives in its place.
 */
const TIME =
  /^(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d|60)(?:[.,](\d{1,9}))?)?(?:[Zz]|([-+ ])([01]\d|2[0-3]):?([0-5]\d))$/;
const RULE = 'must be a time of RFC 3339 with its zone, as 2027-01-31T00:00:00Z or 2027-01-31T05:00:00+05:00';

/** The first and the last moment of the years 1 to 9999 in UTC: what lies between can be stored and written. */
export const FIRST_TIME: Millis = -62_135_596_800_000;
export const LAST_TIME: Millis = 253_402_300_799_999;

/** Any time that comes in, in any zone. Digits beyond the milliseconds are cut off; days that do not exist are refused. */
export function parseTime(text: string): Parsed<Millis> {
  const [, date, minute, second = '00', fraction = '', sign, hours = '0', minutes = '0'] =
    TIME.exec(text) ?? [];
  if (date === undefined || minute === undefined) return refused(RULE);
  const isLeap = second === '60';
  const local = isLeap
    ? Date.parse(`${date}T${minute}:59Z`) + 1_000
    : Date.parse(`${date}T${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  // Date.parse reads February 30 as March 2.
  if (Number.isNaN(local) || !iso(isLeap ? local - 1 : local).startsWith(date)) {
    return refused(`${RULE}; there is no such day`);
  }
  const offset = (+hours * 60 + +minutes) * 60_000;
  const time = sign === '-' ? local + offset : local - offset;
  const isWithin = isTime(time);
  // Computers' clocks have no leap second, which ends June or December in UTC: it is the beginning of the next one.
  if (isLeap && !(isWithin && /-0[17]-01T00:00:00\./.test(iso(time)))) return refused(RULE);
  return isWithin ? parsed(time) : refused('must be within the years 1 to 9999 in UTC');
}

/** Whether this moment is within the years 1 to 9999. */
export function isTime(time: Millis): boolean {
  return time >= FIRST_TIME && time <= LAST_TIME;
}

/** How every time goes out: in UTC with milliseconds, as `2027-01-31T00:00:00.000Z`; null stays null. */
export function iso(time: Millis): string;
export function iso(time: Millis | null): string | null;
export function iso(time: Millis | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
