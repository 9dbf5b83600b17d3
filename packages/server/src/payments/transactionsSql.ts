import type { StatusFilter } from '../core/lifecycle.ts';
import type { Transaction } from '../core/transaction.ts';
import { TRANSACTION_COLUMNS } from '../engine/batchSql.ts';
import { uuidArray } from '../postgres/arrays.ts';
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

/** What the wallet API shows of a payment. */
export type ReadPayment = Pick<
  Transaction,
  'id' | 'merchantId' | 'status' | 'statusReason' | 'orderReference' | 'currency' | 'amount'
>;

/** By id: those wallet payments that are of the merchant that asks. */
export async function readWalletPayments(
  pool: Pool,
  wanted: readonly { readonly merchantId: string; readonly id: string }[],
): Promise<ReadonlyMap<string, ReadPayment>> {
  const { rows } = await pool.query<ReadPayment>({
    name: 'wallet_payments',
    text: `SELECT t.id, t.merchant_id AS "merchantId", t.status, t.status_reason AS "statusReason",
        t.order_reference AS "orderReference", t.currency, t.amount
      FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::uuid[]) AS merchant_id) u
      CROSS JOIN LATERAL (SELECT * FROM transaction WHERE id = u.id AND merchant_id = u.merchant_id
        AND payment_method = 'wallet' AND type = 'payment' LIMIT 1) t`,
    values: [uuidArray(wanted.map(({ id }) => id)), uuidArray(wanted.map(({ merchantId }) => merchantId))],
  });
  return new Map(rows.map((row) => [row.id, row]));
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
