import type { StatusFilter } from '../core/lifecycle.ts';
import type { Transaction } from '../core/transaction.ts';
import { TRANSACTION_COLUMNS } from '../engine/batchSql.ts';
import type { Pool, Queryable } from '../postgres/pool.ts';
import { listTransactions, NO_FILTER } from './lookupsSql.ts';

/** Any transaction, whoever's it is: for the engine's own use. */
export async function findTransaction(db: Queryable, id: string): Promise<Transaction | null> {
  const { rows } = await db.query<Transaction>(
    `SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

export interface WalletPaymentQuery {
  readonly merchantId: string;
  readonly limit: number;
  /** Only payments older than this one (ids sort by time). */
  readonly before: string | null;
  readonly orderReference: string | null;
  readonly status: StatusFilter | null;
}

/** A merchant's wallet payments, newest first. Keyset paging: new rows never move older ones. */
export async function listWalletPayments(
  pool: Pool,
  query: WalletPaymentQuery,
): Promise<readonly Transaction[]> {
  const { merchantId, limit, before, orderReference, status } = query;
  const filter = { ...NO_FILTER, type: 'payment', paymentMethod: 'wallet', orderReference, status } as const;
  const page = { merchantId, filter, limit, before, offset: 0, countTo: null };
  return (await listTransactions(pool, page)).rows;
}
