/** Compares the bank's books with the ledger, to the tiyn. */
import assert from 'node:assert/strict';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import type { TestBank } from './bank.ts';
import { endLeases, eventually } from './cards.ts';

interface LedgerRow {
  readonly id: string;
  readonly status: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly captured: bigint;
  readonly released: bigint;
  readonly refunded: bigint;
  readonly authorized: boolean;
}

/** Waits until nothing is outstanding at the bank, as if every lease had run out. */
export async function allSettled(pool: Pool, limitMs = 25_000): Promise<void> {
  await eventually(
    'every bank operation is settled',
    async () => {
      const { rows } = await pool.query(
        `SELECT count(*)::int AS n, coalesce(max(extract(epoch FROM next_attempt_at - clock_timestamp())), 0)::float8 AS wait
         FROM bank_operation WHERE status = 'pending'`,
      );
      if (rows[0].wait > 3) await endLeases(pool);
      return rows[0].n === 0;
    },
    limitMs,
  );
}

/**
 * Fails unless each card payment is the same in the ledger and at the bank, and so are their totals.
 * @param acquirerId whose payments are in these books: none else is
 */
export async function reconcile(
  pool: Pool,
  bank: TestBank,
  acquirerId: string = DEFAULT_ACQUIRER_ID,
): Promise<number> {
  const { rows } = await pool.query<LedgerRow>(
    `SELECT id, status, currency, amount, captured, released, refunded, authed_at IS NOT NULL AS authorized
     FROM transaction WHERE payment_method = 'card' AND type = 'payment' AND acquirer_id = $1`,
    [acquirerId],
  );
  const ledger = new Map(rows.map((row) => [row.id, row]));
  const books = await bank.books();
  const known = new Set(books.map(({ id }) => id));
  const totals = new Map<string, bigint>();
  for (const { id, currency, held, captured, released, refunded } of books) {
    const row = ledger.get(id);
    assert.ok(row, `the bank has a payment that the ledger has not: ${id}`);
    const atBank = [held, captured, released, refunded].map(BigInt);
    const inLedger = row.authorized
      ? [
          row.status === 'authorized' ? row.amount - row.captured - row.released : 0n,
          row.captured,
          row.released,
          row.refunded,
        ]
      : [0n, 0n, atBank[2], 0n]; // What was never authorized here holds nothing there.
    assert.deepEqual(atBank, inLedger, `${id}, ${row.status}: held, captured, released, refunded`);
    totals.set(currency, (totals.get(currency) ?? 0n) + BigInt(captured - refunded));
  }
  for (const row of rows)
    assert.ok(!row.authorized || known.has(row.id), `the bank has no payment ${row.id}`);
  const { rows: others } = await pool.query(
    `SELECT FROM transaction WHERE payment_method = 'card' AND acquirer_id <> $1 LIMIT 1`,
    [acquirerId],
  );
  // One account is that of all acquirers.
  if (others.length > 0) return rows.length;
  const accounts = await pool.query<{ currency: string; balance: bigint }>(
    `SELECT currency, sum(balance) AS balance FROM account WHERE kind = 'acquirer' GROUP BY currency`,
  );
  for (const { currency, balance } of accounts.rows)
    assert.equal(-balance, totals.get(currency) ?? 0n, currency);
  return rows.length;
}
