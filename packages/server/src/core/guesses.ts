/**
 * Wrong pairs of a phone number and an IIN. Whoever knows a phone number and a date of birth has fewer than 10,000
 * IINs to try, so that wrong ones are counted, and cost time that grows. Meanwhile every pair is answered as a wrong
 * one is: the right one would otherwise be told by its answer (docs/decisions/0052-guessed-iins.md).
 */
import type { Millis } from './transaction.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Without a wrong pair for so long, a phone number begins anew; a merchant or an address, so long after its first. */
export const FORGET_GUESSES_MS = 24 * HOUR_MS;

/** A customer mistypes a few times. Over all merchants: 5 tries at once, then about one an hour. */
const PHONE = { free: 5, firstMs: MINUTE_MS, maxMs: HOUR_MS };

/**
 * Of a merchant, or of an address that it calls from, among its authorizations of a day: a large one has a hundred
 * customers who mistype, and no honest one has a third.
 */
const CALLER = { free: 100, share: 1 / 3, step: 10, firstMs: MINUTE_MS, maxMs: HOUR_MS };

/** Doubling on beyond this makes numbers that are none. */
const MOST_DOUBLINGS = 20;

/** What is counted: wrong pairs, and until when every pair is taken for one. */
export interface Guesses {
  readonly wrong: number;
  readonly lastAt: Millis | null;
  readonly lockedUntil: Millis | null;
}

export const NO_GUESSES: Guesses = { wrong: 0, lastAt: null, lockedUntil: null };

/** Whether every pair of this phone number is taken for a wrong one now. */
export function isLocked({ lockedUntil }: Guesses, now: Millis): boolean {
  return lockedUntil !== null && now < lockedUntil;
}

/** After one more wrong pair of a phone number that is not locked. */
export function countGuess({ wrong, lastAt }: Guesses, now: Millis): Guesses {
  const isNew = lastAt === null || now - lastAt >= FORGET_GUESSES_MS;
  const count = (isNew ? 0 : wrong) + 1;
  const { free, firstMs, maxMs } = PHONE;
  const ms = count < free ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(count - free, MOST_DOUBLINGS));
  return { wrong: count, lastAt: now, lockedUntil: ms === 0 ? null : now + ms };
}

/** For how long every pair of a merchant or an address is taken for a wrong one; 0: not at all. */
export function callerLockMs(wrong: number, asked: number): number {
  const { free, share, step, firstMs, maxMs } = CALLER;
  if (wrong < free || wrong < share * asked) return 0;
  return Math.min(maxMs, firstMs * 2 ** Math.min(Math.floor((wrong - free) / step), MOST_DOUBLINGS));
}

/** From how many wrong pairs on operators hear of it. */
export const ALARMING = { phone: PHONE.free, merchant: CALLER.free, address: CALLER.free } as const;
