/**
 * The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in one of the three forms of section 5.6.7, all of
 * which a recipient must take.
 */

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

const FORMS: readonly RegExp[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT: the one that is still made
  new RegExp(`^${DAY}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  // Sunday, 06-Nov-94 08:49:37 GMT: of RFC 850
  new RegExp(`^${LONG_DAY}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`),
  // Sun Nov  6 08:49:37 1994: of C's asctime
  new RegExp(`^${DAY} ${MONTH} (?<day>\\d{2}| \\d) ${TIME} (?<year>\\d{4})$`),
];

/** Whoever asks for a longer pause than a day is asked again after a day. */
export const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * The pause that a `Retry-After` asks for.
 * @param now milliseconds since the epoch, in real time
 * @returns milliseconds, from 0 to a day; null when there is none that can be read
 */
export function parseRetryAfter(header: string | null | undefined, now: number): number | null {
  const text = header?.replace(/^[ \t]+|[ \t]+$/g, '') ?? '';
  const until = /^\d+$/.test(text) ? now + Number(text) * 1_000 : timeOf(text, now);
  return until === null ? null : Math.min(Math.max(0, until - now), MAX_RETRY_AFTER_MS);
}

/** Milliseconds since the epoch; null for what is no date of HTTP, or one that is not in the calendar. */
function timeOf(text: string, now: number): number | null {
  const groups = FORMS.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (groups === undefined) return null;
  const { day, month = '', year = '', hour, minute, second } = groups;
  const date = [yearOf(year, now), MONTHS.indexOf(month), Number(day)] as const;
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  // A leap second is the 60th.
  if (hours > 23 || minutes > 59 || seconds > 60) return null;
  const midnight = new Date(Date.UTC(...date));
  if (midnight.getUTCDate() !== date[2]) return null;
  return midnight.getTime() + (hours * 3_600 + minutes * 60 + seconds) * 1_000;
}

/** Of two digits the year that is not more than 50 years ahead, as section 5.6.7 says. */
function yearOf(text: string, now: number): number {
  if (text.length === 4) return Number(text);
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(text);
  return year > thisYear + 50 ? year - 100 : year;
}
