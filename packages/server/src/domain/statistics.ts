/** What happened to a merchant's transactions in a stretch of time, as a few numbers. */
import type { Status, TransactionType } from './lifecycle.ts';
import type { Millis, Minor } from './transaction.ts';

/** How many transactions of one kind began in one bucket, and the sum of their amounts. */
export interface KindCount {
  readonly bucket: number;
  readonly currency: string;
  readonly type: TransactionType;
  readonly status: Status;
  readonly count: number;
  readonly amount: Minor;
}

/** Payments by how they stand now, whenever in the bucket they began. */
export interface Totals {
  /** Payments. */
  readonly count: number;
  /** The amounts of those that succeeded. */
  readonly volume: Minor;
  /** Authorized, charged or refunded. */
  readonly succeeded: number;
  /** Refused by bank, wallet or customer. */
  readonly declined: number;
  /** Not decided because of an error. */
  readonly failed: number;
  readonly cancelled: number;
  /** Not decided yet. */
  readonly pending: number;
  /** `volume / succeeded`, rounded down; 0 when none succeeded. */
  readonly averageAmount: Minor;
  /** Refunds that were done. */
  readonly refunds: number;
  readonly refundedVolume: Minor;
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
  const counts = { count: 0, succeeded: 0, declined: 0, failed: 0, cancelled: 0, pending: 0, refunds: 0 };
  let [volume, refundedVolume] = [0n, 0n];
  for (const { type, status, count, amount } of kinds) {
    if (type === 'refund') {
      if (status !== 'refunded') continue;
      counts.refunds += count;
      refundedVolume += amount;
      continue;
    }
    const group = GROUP[status];
    counts.count += count;
    counts[group] += count;
    if (group === 'succeeded') volume += amount;
  }
  const averageAmount = counts.succeeded === 0 ? 0n : volume / BigInt(counts.succeeded);
  return { ...counts, volume, averageAmount, refundedVolume };
}

/** The currencies of payments, the one with the most first. */
export function currenciesOf(kinds: readonly KindCount[]): string[] {
  const counts = new Map<string, number>();
  for (const { currency, count } of kinds) counts.set(currency, (counts.get(currency) ?? 0) + count);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([currency]) => currency);
}

/** Where buckets of a length begin, from `from` on, and where the last one ends: at `to`. */
export function boundariesOf(from: Millis, to: Millis, lengthMs: Millis): Millis[] {
  const boundaries: Millis[] = [];
  for (let start = from; start < to; start += lengthMs) boundaries.push(start);
  return [...boundaries, to];
}
