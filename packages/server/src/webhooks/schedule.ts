/** When a failed delivery is tried again. Pure: the random number is passed in. */
import { MAX_RETRY_AFTER_MS } from '@plexy-pay/retry-after';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first attempt, the second … In all two days and a bit; then the delivery has failed. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
  24 * HOUR,
];

/** So that what failed together does not come back together. */
const SPREAD = 0.2;
/**
 * How long to wait after this many failed attempts.
 * @param retryAfterMs what the endpoint asked for, which counts when it is longer
 * @param random from 0 to 1
 * @returns milliseconds; null when there is no further attempt
 */
export function retryDelay(failures: number, retryAfterMs: number | null, random: number): number | null {
  const delay = RETRY_DELAYS_MS[failures - 1];
  if (delay === undefined) return null;
  const spread = delay * (1 + SPREAD * (2 * random - 1));
  return Math.round(Math.max(spread, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)));
}

/** From the first failure after the last success: then the endpoint is disabled. */
const FAILING_LIMIT_MS = 5 * 24 * HOUR;

/** Whether an endpoint that has done nothing but fail since then is given up. */
export function isGivenUp(failingSince: number, now: number): boolean {
  return now - failingSince >= FAILING_LIMIT_MS;
}
