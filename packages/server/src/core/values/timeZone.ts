/** Time zones by their names in IANA's database, and where days begin and end in them. */
import { Temporal } from 'temporal-polyfill';
import type { Millis } from '../transaction.ts';
import { type Brand, type Parsed, parsed, refused } from './parse.ts';

/** A name such as `Asia/Almaty`, as the database writes it. */
export type TimeZone = Brand<'TimeZone'>;

export const UTC = 'UTC' as TimeZone;

/** Names are letters, digits and a few signs. Offsets such as `+05:00` are no names: they know of no summer time. */
const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;
const MAX_LENGTH = 64;

/** Any zone that IANA has a name for, whatever its case. */
export function parseTimeZone(text: string): Parsed<TimeZone> {
  const rule = refused('must be the name of a time zone in IANA’s database, such as Asia/Almaty');
  if (text.length > MAX_LENGTH || !NAME.test(text)) return rule;
  try {
    return parsed(new Temporal.ZonedDateTime(0n, text).timeZoneId as TimeZone);
  } catch {
    return rule;
  }
}

/**
 * The same time of day so many days later, or earlier; where that day has no such time, as much later as was skipped.
 * @throws RangeError for what no Date can be
 */
export function addDays(time: Millis, days: number, zone: TimeZone): Millis {
  return zoned(time, zone).add({ days }).epochMilliseconds;
}

/** How many days, begun ones too, it takes from one time to a later one. */
export function daysWithin(from: Millis, to: Millis, zone: TimeZone): number {
  const { days } = zoned(from, zone).until(zoned(to, zone), { largestUnit: 'day' });
  return addDays(from, days, zone) < to ? days + 1 : days;
}

/** The first moment of the day after so many days. */
export function dayAfter(time: Millis, days: number, zone: TimeZone): Millis {
  return zoned(time, zone).add({ days }).startOfDay().epochMilliseconds;
}

/** The whole hour on a clock of this zone, which may be half past one in UTC. */
export function hourOf(time: Millis, zone: TimeZone): Millis {
  const { minute, second, millisecond } = zoned(time, zone);
  return time - ((minute * 60 + second) * 1_000 + millisecond);
}

function zoned(time: Millis, zone: TimeZone): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone);
}
