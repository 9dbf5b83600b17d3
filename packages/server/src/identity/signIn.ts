/** Rules of signing in: addresses, passwords, and how long wrong attempts lock out. */
import { parseEmailAddress } from '../core/values/email.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';

/** From how many attempts in a row on there is a wait, and how long it gets at most. */
interface LockOutRule {
  readonly free: number;
  readonly maxMs: number;
}

/**
 * An account locks out early and not for long: anybody can lock somebody else out, and 12 attempts an hour
 * find no password. An address is shared by an office, and then locks out for longer. A browser in which the user
 * was signed in before is counted for itself, so that strangers cannot lock it out.
 */
export const LOCK_OUT: Readonly<Record<'account' | 'address' | 'browser', LockOutRule>> = {
  account: { free: 5, maxMs: 5 * 60_000 },
  browser: { free: 5, maxMs: 5 * 60_000 },
  address: { free: 50, maxMs: 15 * 60_000 },
};

/** Attempts are forgotten when there has been none for so long. */
export const FORGET_ATTEMPTS_MS = 86_400_000;

const LONGEST_DOUBLING = 20;

/** The wait before the next attempt, after so many without success: 1 s, then twice as long each time. */
export function lockOutMs(attempts: number, { free, maxMs }: LockOutRule): number {
  if (attempts < free) return 0;
  return Math.min(maxMs, 1_000 * 2 ** Math.min(attempts - free, LONGEST_DOUBLING));
}

/** One spelling: in lower case. */
export function parseEmail(text: string): Parsed<string> {
  const email = parseEmailAddress(text);
  return email.ok ? parsed(email.value.toLowerCase()) : email;
}

const PASSWORD_LENGTH = { min: 12, max: 128 };

/** Long rather than complicated (NIST SP 800-63B); what is too easy to guess is refused. */
export function parsePassword(text: string): Parsed<string> {
  const length = [...text].length;
  const { min, max } = PASSWORD_LENGTH;
  if (length < min || length > max) return refused(`must have ${min} to ${max} characters`);
  return new Set(text).size < 5 ? refused('must have 5 different characters or more') : parsed(text);
}
