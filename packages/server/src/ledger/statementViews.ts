/** The lines of statements, each with the balance after it. */
import type { Account } from '../core/transaction.ts';
import { iso } from '../core/values/time.ts';
import type { MerchantStatement, StatementRow, WalletStatement } from './statementsSql.ts';

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
