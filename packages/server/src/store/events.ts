import type { TransactionEvent } from '../domain/transaction.ts';
import type { Queryable } from './postgres.ts';

/** The events of a transaction after number `after`, oldest first. */
export async function listEvents(
  db: Queryable,
  transactionId: string,
  after: number,
  limit: number,
): Promise<TransactionEvent[]> {
  const { rows } = await db.query<TransactionEvent>({
    name: 'events_of',
    text: `SELECT transaction_id AS "transactionId", seq, merchant_id AS "merchantId", name, status, amount, captured,
        released, refunded, balance, actor, reason, at
      FROM event WHERE transaction_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    values: [transactionId, after, limit],
  });
  return rows;
}
