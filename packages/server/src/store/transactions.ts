import type { StatusFilter } from '../domain/lifecycle.ts';
import type { Transaction } from '../domain/transaction.ts';
import { TRANSACTION_COLUMNS } from './batchSql.ts';
import type { Queryable } from './postgres.ts';

/** Any transaction, whoever's it is: for the engine's own use. */
export async function findTransaction(db: Queryable, id: string): Promise<Transaction | null> {
  const { rows } = await db.query<Transaction>(
    `SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** A merchant's wallet payment; null for any other id. */
export async function findWalletPayment(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<Transaction | null> {
  const { rows } = await db.query<Transaction>({
    name: 'wallet_payment',
    text: `SELECT ${TRANSACTION_COLUMNS} FROM transaction
      WHERE id = $1 AND merchant_id = $2 AND payment_method = 'wallet' AND type = 'payment'`,
    values: [id, merchantId],
  });
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
export async function listWalletPayments(db: Queryable, query: WalletPaymentQuery): Promise<Transaction[]> {
  const values: unknown[] = [query.merchantId, query.limit];
  const conditions = [`merchant_id = $1`, `payment_method = 'wallet'`, `type = 'payment'`];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  if (query.before !== null) add((p) => `id < ${p}`, query.before);
  if (query.orderReference !== null) add((p) => `order_reference = ${p}`, query.orderReference);
  if (query.status !== null) {
    add((p) => `status = ANY(${p})`, query.status.statuses);
    if (query.status.expired !== null) {
      add((p) => `(status <> 'cancelled' OR (status_reason = 'expired') = ${p})`, query.status.expired);
    }
  }
  const { rows } = await db.query<Transaction>(
    `SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT $2`,
    values,
  );
  return rows;
}
