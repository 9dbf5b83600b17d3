/** Codes of the server in words; the code itself is told by pointing at them. */

import { keyOfReason } from './fieldErrors.ts';
import { en } from './i18n/en.ts';
import type { Key, Translate } from './i18n/index.tsx';

function keyOf(
  kind: 'failure' | 'advice' | 'attempt' | 'check' | 'event',
  code: string | number,
): Key | null {
  const key = `${kind}.${code}`;
  return Object.hasOwn(en, key) ? (key as Key) : null;
}

/** A code that has no words yet is shown as it is. */
export function reasonText(code: string, t: Translate): string {
  const key = keyOf('failure', code);
  return key === null ? code : t(key);
}

/** What can be done about a payment that failed; null where nothing is known to help. */
export function adviceOf(code: string, t: Translate): string | null {
  const key = keyOf('advice', code);
  return key === null ? null : t(key);
}

/** What payments fail by, for a choice among them. */
export function paymentFailures(t: Translate): { value: string; label: string }[] {
  return Object.keys(en)
    .filter((key) => key.startsWith('advice.'))
    .map((key) => key.slice('advice.'.length))
    .map((value) => ({ value, label: reasonText(value, t) }));
}

/** Why the API refused a request. */
export function refusalText(reason: string, t: Translate): string {
  const key = keyOfReason(reason);
  return key === null ? reason : t(key);
}

/** What happened to a transaction, by an event's name; or what a webhook is about. */
export function eventText(name: string, t: Translate): string {
  const key = keyOf('event', name.replace(/^(?:transaction|webhook)\./, ''));
  return key === null ? name : t(key);
}

/** Why an attempt to send a webhook had no answer. */
export function attemptText(error: string, t: Translate): string {
  const key = keyOf('attempt', error);
  return key === null ? error : t(key);
}

/** @param rule in the server's words, for a check that has no others yet */
export function checkText(invariant: number, rule: string, t: Translate): string {
  const key = keyOf('check', invariant);
  return key === null ? rule : t(key);
}

/** What the sandbox's customers and cards do, by the server's words for it. */
export const BEHAVIOURS: Readonly<Record<string, Key>> = {
  succeeds: 'behaves.succeeds',
  'too little for most: insufficient_funds': 'behaves.poor',
  wallet_frozen: 'behaves.frozen',
  'must confirm within 10 minutes: NEW until then': 'behaves.confirms',
  'decides after 3 s: NEW until then': 'behaves.delayed',
  'system error: transaction.failed': 'behaves.error',
  'approved (Visa)': 'behaves.visa',
  'approved (Mastercard)': 'behaves.mastercard',
  'approved (American Express)': 'behaves.amex',
  'approved (Mir)': 'behaves.mir',
  declined: 'behaves.declined',
  'insufficient funds': 'behaves.insufficient',
  'lost card': 'behaves.lost',
  'stolen card': 'behaves.stolen',
  'expired card': 'behaves.expired',
  'wrong cvc': 'behaves.cvc',
  'processing error': 'behaves.processing',
  '3-D Secure, then approved': 'behaves.secureApproved',
  '3-D Secure, then declined': 'behaves.secureDeclined',
  'approved; insufficient funds when its merchant charges it': 'behaves.poorLater',
  'approved; stolen card when its merchant charges it': 'behaves.stolenLater',
  'slow bank: approved after 3 s': 'behaves.slow',
  'time-out that had worked': 'behaves.timeoutWorked',
  'time-out that had not worked': 'behaves.timeoutNotWorked',
  'connection cut before the work': 'behaves.cutBefore',
  'connection cut after the work': 'behaves.cutAfter',
  'garbage answer after the work': 'behaves.garbage',
  'delivered twice at once, one effect': 'behaves.duplicate',
};

export function behaviourText(behaves: string, t: Translate): string {
  const key = BEHAVIOURS[behaves];
  return key === undefined ? behaves : t(key);
}
