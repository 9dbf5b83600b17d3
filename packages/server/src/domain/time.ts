import { type Parsed, parsed, refused } from './parse.ts';
import type { Millis } from './transaction.ts';

const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;

/** A moment as ISO 8601 in UTC, such as `2027-01-31T00:00:00Z`; days that do not exist are refused. */
export function parseTime(text: string): Parsed<Millis> {
  const time = ISO_UTC.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse reads February 30 as March 2.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 19))) {
    return refused('must be a time in UTC as in 2027-01-31T00:00:00Z');
  }
  return parsed(time);
}
