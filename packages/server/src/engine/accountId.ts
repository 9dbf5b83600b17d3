import { createHash } from 'node:crypto';
import type { AccountKind } from '../core/accounts.ts';

/** Accounts that batches come for: acquirers' and the outside world's, in each currency. */
const known = new Map<string, string>();

/**
 * The id of an account that is no wallet. It follows from whose it is, so that an account that nobody has loaded can be
 * posted to. `account_id` of migration 0032 is the same.
 */
export function accountIdOf(kind: Exclude<AccountKind, 'wallet'>, ownerId: string, currency: string): string {
  const name = `${kind} ${ownerId} ${currency}`;
  const before = known.get(name);
  if (before !== undefined) return before;
  const hex = createHash('sha256').update(name).digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  known.set(name, id);
  return id;
}
