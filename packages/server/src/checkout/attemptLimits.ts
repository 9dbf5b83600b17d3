/**
 * How many attempts to pay are made before the next one has to wait. Whoever has thousands of stolen card numbers tries
 * them where nobody counts: here attempts that come to nothing are counted by link, by address and by card, and cost time
 * that grows. Whoever pays is not counted, and neither is whoever is at their bank's page.
 */
import type { Millis } from '../core/transaction.ts';

export const LIMIT_KINDS = ['link', 'network', 'card'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Without looking back further than this. */
export const FORGET_ATTEMPTS_MS = 24 * HOUR_MS;

/** The latest of a link, an address or a card; with more of them than this their share hardly changes. */
export const MOST_ATTEMPTS = 200;

interface Limit {
  /** So many may come to nothing at no cost. */
  readonly free: number;
  /** From then on the wait doubles with every so many. */
  readonly step: number;
  /** They count from this share of all attempts on: many payers share the address of a mobile network. */
  readonly share: number;
}

const LIMITS: Readonly<Record<LimitKind, Limit>> = {
  link: { free: 5, step: 1, share: 0 },
  card: { free: 5, step: 1, share: 0 },
  network: { free: 20, step: 5, share: 1 / 3 },
};
const FIRST_MS = MINUTE_MS;
const MAX_MS = HOUR_MS;
/** Doubling on beyond this makes numbers that are none. */
const MOST_DOUBLINGS = 20;

/** What became of an attempt. `undecided`: nobody knows yet, so that of many at once only the first ones are made. */
export type AttemptEnd = 'paid' | 'failed' | 'undecided' | 'none';

export interface CountedAttempt {
  readonly end: AttemptEnd;
  readonly at: Millis;
}

/** Until when the next attempt has to wait; null: it need not. @param attempts those before it */
export function lockedUntil(
  kind: LimitKind,
  attempts: readonly CountedAttempt[],
  now: Millis,
): Millis | null {
  const { free, step, share } = LIMITS[kind];
  // A link that is paid once is tried by one payer at a time: who waits there has not failed.
  const ends: readonly AttemptEnd[] = kind === 'link' ? ['failed'] : ['failed', 'undecided'];
  const recent = attempts.filter(({ at }) => now - at < FORGET_ATTEMPTS_MS);
  const failed = recent.filter(({ end }) => ends.includes(end));
  if (failed.length < free || failed.length < share * recent.length) return null;
  const doublings = Math.min(Math.floor((failed.length - free) / step), MOST_DOUBLINGS);
  const last = Math.max(...failed.map(({ at }) => at));
  const until = last + Math.min(MAX_MS, FIRST_MS * 2 ** doublings);
  return until > now ? until : null;
}
