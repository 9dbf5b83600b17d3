/** What happened to a merchant's transactions in a stretch of time, as a few numbers. */
import type { Status, TransactionType } from '../core/lifecycle.ts';
import { addDays, dayAfter, daysWithin, hourOf, type TimeZone } from '../core/values/timeZone.ts';
import type { Millis, Minor } from '../core/transaction.ts';

/** How many transactions of one kind began in one bucket, and the sums of their amounts. */
export interface KindCount {
  readonly bucket: number;
  readonly currency: string;
  readonly type: TransactionType;
  readonly status: Status;
  readonly count: number;
  readonly amount: Minor;
  /** How much of `amount` was captured. */
  readonly captured: Minor;
  /** Of how many something was captured. */
  readonly capturedCount: number;
}

/** Payments by how they stand now, whenever in the bucket they began; refunds by when they themselves began. */
export interface Totals {
  /** Payments. */
  readonly count: number;
  /** Authorized, charged or refunded. */
  readonly succeeded: number;
  /** Refused by bank, wallet or customer. */
  readonly declined: number;
  /** Not decided because of an error. */
  readonly failed: number;
  readonly cancelled: number;
  /** Not decided yet. */
  readonly pending: number;
  /** What was authorized, of those that succeeded: what became of it does not matter. */
  readonly authorizedVolume: Minor;
  /** Payments of which something was captured. */
  readonly captured: number;
  /** What was captured of them: what was released does not count, what was refunded later does. */
  readonly capturedVolume: Minor;
  /** `capturedVolume / captured`, rounded down; 0 when none was captured. */
  readonly averageAmount: Minor;
  /** Refunds that were done. */
  readonly refunds: number;
  readonly refundedVolume: Minor;
  /** `capturedVolume - refundedVolume`: below 0 where more was refunded, of earlier payments. */
  readonly netVolume: Minor;
}

const GROUP = {
  created: 'pending',
  '3d': 'pending',
  authorized: 'succeeded',
  charged: 'succeeded',
  refunded: 'succeeded',
  rejected: 'declined',
  'transaction.failed': 'failed',
  cancelled: 'cancelled',
} as const satisfies Readonly<Record<Status, keyof Totals>>;

/** The totals of these kinds, whatever their buckets. All are of one currency. */
export function totalsOf(kinds: readonly KindCount[]): Totals {
  const counts = {
    count: 0,
    succeeded: 0,
    declined: 0,
    failed: 0,
    cancelled: 0,
    pending: 0,
    captured: 0,
    refunds: 0,
  };
  const volumes = { authorizedVolume: 0n, capturedVolume: 0n, refundedVolume: 0n };
  for (const { type, status, count, amount, captured, capturedCount } of kinds) {
    if (type === 'refund') {
      if (status !== 'refunded') continue;
      counts.refunds += count;
      volumes.refundedVolume += amount;
      continue;
    }
    const group = GROUP[status];
    counts.count += count;
    counts[group] += count;
    if (group === 'succeeded') volumes.authorizedVolume += amount;
    counts.captured += capturedCount;
    volumes.capturedVolume += captured;
  }
  const averageAmount = counts.captured === 0 ? 0n : volumes.capturedVolume / BigInt(counts.captured);
  return { ...counts, ...volumes, averageAmount, netVolume: volumes.capturedVolume - volumes.refundedVolume };
}

/** Whether something was captured of every payment that stands so. */
export function isCaptured(status: Status): boolean {
  return status === 'charged' || status === 'refunded';
}

/** The currencies of payments, the one with the most first. */
export function currenciesOf(kinds: readonly KindCount[]): string[] {
  const counts = new Map<string, number>();
  for (const { currency, count } of kinds) counts.set(currency, (counts.get(currency) ?? 0) + count);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([currency]) => currency);
}

export type Interval = 'hour' | 'day';

const HOUR_MS = 3_600_000;

/**
 * Where buckets begin, and where the last one ends: at `to`. The first begins at `from`. The next ones begin hours
 * later, or with the days of the zone, of which some have 23 or 25 hours.
 * @param most how many there may be; more are not counted
 */
export function boundariesOf(
  { from, to }: Range,
  interval: Interval,
  zone: TimeZone,
  most: number,
): Millis[] {
  const boundaries: Millis[] = [];
  for (let start = from; start < to && boundaries.length <= most; start = nextOf(start, interval, zone))
    boundaries.push(start);
  return [...boundaries, to];
}

function nextOf(start: Millis, interval: Interval, zone: TimeZone): Millis {
  return interval === 'hour' ? start + HOUR_MS : dayAfter(start, 1, zone);
}

export interface Range {
  readonly from: Millis;
  readonly to: Millis;
}

/** Where so many intervals begin that the last of them ends at `to`, or holds the moment before it. */
export function beginningOf(to: Millis, count: number, interval: Interval, zone: TimeZone): Millis {
  const last = to - 1;
  return interval === 'hour' ? hourOf(last, zone) - (count - 1) * HOUR_MS : dayAfter(last, 1 - count, zone);
}

/**
 * What a range is compared with: the same range as many whole hours, or days by the zone's calendar, earlier as it
 * takes to be before it. Today until three o'clock is compared with yesterday until three.
 */
export function previousOf({ from, to }: Range, interval: Interval, zone: TimeZone): Range {
  if (interval === 'hour') {
    const shift = to - from + ((HOUR_MS - ((to - from) % HOUR_MS)) % HOUR_MS);
    return { from: from - shift, to: to - shift };
  }
  const days = daysWithin(from, to, zone);
  // Where a zone skips or repeats hours in the meantime, the earlier range may be cut short so as to end before this one.
  return { from: addDays(from, -days, zone), to: Math.min(addDays(to, -days, zone), from) };
}
