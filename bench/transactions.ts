/** Transactions by the million, with their events and postings, made by SQL: what the lists are measured on. */
import { query } from './database.ts';

/** One every 100 ms, up to now: 1,000,000 are 28 hours of a busy merchant. */
const SPACING_MS = 100;
/** How many rows one statement writes. */
const CHUNK = 50_000;
const CUSTOMERS = 50_000;

/**
 * Everything of a row follows from its number `i`, so that any number of rows has the same mix: 60 % by
 * card, 2 % refunds, 5 stores, 20 terminals, 50,000 customers, one row in 2,000 in JPY. What is rare is in
 * row 1 only, the oldest: JOD, store 9, customer 0 and the amount 10,000,001.
 */
const ROWS = `
  SELECT i, i % 10 < 6 AS by_card, i % 50 = 7 AS is_refund, i = 1 AS rare,
    (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid AS id,
    to_timestamp(ms / 1000.0) AS at,
    CASE WHEN i = 1 THEN 10000001 WHEN i % 10 < 3 THEN 1000 * (1 + i % 7)
      ELSE 1 + ('x' || substr(md5(i::text), 1, 5))::bit(20)::int END AS amount,
    CASE WHEN i = 1 THEN 'JOD' WHEN i % 2000 = 17 THEN 'JPY' WHEN i % 10 = 9 THEN 'USD' ELSE 'KZT' END AS currency,
    CASE WHEN i % 50 = 7 THEN 'refunded' WHEN i % 500 = 11 THEN 'transaction.failed'
      WHEN i % 20 = 3 THEN 'rejected' WHEN i % 20 = 4 THEN 'cancelled' WHEN i % 20 IN (5, 15) THEN 'authorized'
      ELSE 'charged' END AS status,
    CASE WHEN i = 1 THEN 0 ELSE 1 + i * 7919 % ${CUSTOMERS} END AS customer
  FROM (SELECT i, $4::bigint + i * ${SPACING_MS} AS ms FROM generate_series($2::bigint, $3::bigint) i) numbered`;

const TRANSACTIONS = `
  INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency, captured, refunded,
    released, order_reference, customer_id, wallet_id, capture_mode, created_at, updated_at, authed_at, event_count,
    posting_count, description, store_id, terminal_id, card_last4, card_brand)
  SELECT id, $1::uuid, CASE WHEN is_refund THEN 'refund' ELSE 'payment' END,
    CASE WHEN by_card THEN 'card' ELSE 'wallet' END, status, amount, currency,
    CASE WHEN status = 'charged' THEN amount ELSE 0 END, CASE WHEN is_refund THEN amount ELSE 0 END,
    CASE WHEN status = 'cancelled' THEN amount ELSE 0 END, 'ORDER-' || lpad(i::text, 9, '0'),
    md5('customer ' || customer)::uuid, CASE WHEN NOT by_card THEN md5('wallet ' || customer)::uuid END, 'manual', at,
    at, CASE WHEN status NOT IN ('rejected', 'transaction.failed') AND NOT is_refund THEN at END,
    CASE WHEN status IN ('authorized', 'rejected', 'transaction.failed') THEN 2 ELSE 3 END, 0,
    CASE WHEN by_card THEN (ARRAY['Books', 'Shoes', 'Tickets'])[1 + i % 3] || ' for customer ' || customer END,
    CASE WHEN by_card THEN md5('store ' || CASE WHEN rare THEN 9 ELSE i % 5 END)::uuid END,
    CASE WHEN by_card THEN md5('terminal ' || i % 20)::uuid END,
    CASE WHEN by_card THEN lpad((i * 7 % 10000)::text, 4, '0') END, CASE WHEN by_card THEN 'visa' END
  FROM (${ROWS}) r`;

const EVENTS = `
  INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, actor, at, round)
  SELECT r.id, e.seq, $1::uuid, CASE WHEN e.status LIKE 'transaction.%' THEN e.status ELSE 'transaction.' || e.status END,
    e.status, r.amount, 0, 0, 0, 'api', r.at, 1
  FROM (${ROWS}) r CROSS JOIN LATERAL (
    SELECT 1 AS seq, 'created' AS status UNION ALL
    SELECT 2, CASE WHEN r.status IN ('rejected', 'transaction.failed') THEN r.status ELSE 'authorized' END UNION ALL
    SELECT 3, r.status WHERE r.status NOT IN ('authorized', 'rejected', 'transaction.failed')) e`;

/** Captures: what is held moves nothing. */
const POSTINGS = `
  INSERT INTO posting (operation_id, seq, code, from_account_id, from_number, from_balance, to_account_id, to_number,
    to_balance, merchant_id, currency, amount, at)
  SELECT id, 1, 'capture', md5('wallet ' || customer)::uuid, i, 0, account_id('merchant', $1::uuid, currency), i, 0,
    $1::uuid, currency, amount, at
  FROM (${ROWS}) r WHERE NOT by_card AND status = 'charged'`;

const WALLETS = `
  WITH customers AS (INSERT INTO customer (id, phone, iin_hash, iin_last4, created_at)
    SELECT md5('customer ' || i)::uuid, 'bench ' || i, 'bench', '0000', now() FROM generate_series(0, ${CUSTOMERS}) i)
  INSERT INTO account (id, kind, owner_id, currency, created_at)
  SELECT md5('wallet ' || i)::uuid, 'wallet', md5('customer ' || i)::uuid, 'KZT', now() FROM generate_series(0, ${CUSTOMERS}) i`;

/** In place of all transactions that there are: so many of this merchant. */
export async function fillTransactions(url: string, merchantId: string, count: number): Promise<void> {
  await query(url, 'TRUNCATE transaction, event, posting');
  const { rows } = await query(url, `SELECT FROM customer WHERE phone = 'bench 0'`);
  if (rows.length === 0) await query(url, WALLETS);
  const start = Date.now() - count * SPACING_MS;
  for (let from = 1; from <= count; from += CHUNK) {
    const values = [merchantId, from, Math.min(count, from + CHUNK - 1), start];
    for (const statement of [TRANSACTIONS, EVENTS, POSTINGS]) await query(url, statement, values);
  }
  // What autovacuum does within minutes on a live system.
  for (const table of ['transaction', 'event', 'posting', 'account'])
    await query(url, `VACUUM (ANALYZE) ${table}`);
}
