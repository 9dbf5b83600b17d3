/** What operators see: rows of the store with times as ISO 8601 in UTC. Never an IIN or a key. */

import type { Account, Wallet, WalletTransfer } from '../core/transaction.ts';
import { iso } from '../core/values/time.ts';
import type { Customer } from '../customers/customersSql.ts';
import type { ApiKey } from '../identity/apiKeysSql.ts';
import type { MerchantStatement, StatementRow, WalletStatement } from '../ledger/statementsSql.ts';
import type { Merchant } from '../merchants/merchantsSql.ts';

export function merchantView({ createdAt, ...merchant }: Merchant) {
  return { ...merchant, createdAt: iso(createdAt) };
}

/** Of a store or a terminal. */
export function placeView<T extends { readonly createdAt: number }>({ createdAt, ...place }: T) {
  return { ...place, createdAt: iso(createdAt) };
}

export function apiKeyView({ createdAt, expiresAt, revokedAt, ...key }: ApiKey) {
  const times = { expiresAt: iso(expiresAt), revokedAt: iso(revokedAt) };
  return { ...key, createdAt: iso(createdAt), ...times };
}

export function customerView({ id, phone, iinLast4, createdAt }: Customer) {
  return { id, phoneNumber: phone, iinLast4, createdAt: iso(createdAt) };
}

export function walletView({ id, customerId, currency, available, held, frozen, approval }: Wallet) {
  return { id, customerId, currency, available, held, frozen, requiresConfirmation: approval === 'customer' };
}

export function transferView(transfer: WalletTransfer, { available, held }: Wallet) {
  const { id, walletId, kind, amount, currency, reference, createdAt } = transfer;
  return { id, walletId, kind, amount, currency, reference, createdAt: iso(createdAt), available, held };
}

/** Rows newest first, each with the balances after it, counted back from those of the newest. */
export function walletEntries({ available, held, rows }: WalletStatement) {
  const after = { available, held };
  return rows.map((row) => {
    const { merchantId } = row;
    const entry = { row, view: { ...entryView(row), merchantId, ...after } };
    after.available -= change(row, 'available');
    after.held -= change(row, 'held');
    return entry;
  });
}

export function merchantEntries({ balance, rows }: MerchantStatement, currency: string) {
  let after = balance;
  return rows.map((row) => {
    const entry = { row, view: { ...entryView(row), currency, balance: after } };
    after -= change(row, 'balance');
    return entry;
  });
}

/** What a posting did to an account of this kind. */
export function change({ from, to, amount }: StatementRow, kind: Account['kind']): bigint {
  if (to === kind) return amount;
  return from === kind ? -amount : 0n;
}

function entryView(row: StatementRow) {
  const { operationId, amount, reference, at } = row;
  return { operationId, kind: kindOf(row), amount, reference, at: iso(at) };
}

export const WALLET_ENTRY_KINDS = ['deposit', 'withdrawal', 'hold', 'release', 'capture', 'refund'] as const;
export const MERCHANT_ENTRY_KINDS = ['capture', 'refund', 'refund_returned', 'payout'] as const;
type EntryKind = (typeof WALLET_ENTRY_KINDS | typeof MERCHANT_ENTRY_KINDS)[number];

/** What a posting was. A refund takes from the balance, and gives back to it when the bank refuses it. */
function kindOf({ from, to, owner }: StatementRow): EntryKind {
  if (from === 'balance') return to === 'funding' ? 'payout' : 'refund';
  if (to === 'balance') return owner === 'refund' ? 'refund_returned' : 'capture';
  if (from === 'funding') return 'deposit';
  if (to === 'funding') return 'withdrawal';
  return to === 'held' ? 'hold' : 'release';
}
