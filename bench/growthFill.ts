/**
 * Years of payments, made by SQL as the engine would have made them: with their events, postings and bank operations, each
 * account's postings numbered and with the balance after them, so that the audit of the whole database is clean.
 */
import pg from 'pg';
import { LOCKED_KINDS } from '../packages/server/src/core/accounts.ts';
import { DEFAULT_ACQUIRER_ID } from '../packages/server/src/core/acquirers.ts';

/** How long the payments are spread over, up to now. */
export const YEARS = 10;
const SPAN_MS = YEARS * 365 * 86_400_000;
/** How many payments one round of statements makes. */
const CHUNK = 100_000;
/** The seed's first merchant has half of them, so many others the rest. */
const OTHER_MERCHANTS = 20;
const CUSTOMERS = 100_000;

/**
 * Everything of a payment follows from its number `i`. Half are by card and half from a wallet; of each 20, one is rejected,
 * one cancelled, one refunded in full and 17 charged; one card payment in 1,000 is in USD.
 */
const PAYMENTS = `
  CREATE TEMPORARY TABLE made ON COMMIT DROP AS
  SELECT m.*, w.id AS wallet_id,
    coalesce(w.id, account_id('acquirer', '${DEFAULT_ACQUIRER_ID}', m.currency)) AS payer_account,
    account_id('merchant', m.merchant_id, m.currency) AS merchant_account,
    (lpad(to_hex(ms + 1000), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS refund_id
  FROM (
    SELECT i, ms, hash, i % 2 = 1 AS by_card,
      (ARRAY['rejected', 'cancelled', 'refunded'])[1 + i / 2 % 20] IS NULL AS is_charged,
      coalesce((ARRAY['rejected', 'cancelled', 'refunded'])[1 + i / 2 % 20], 'charged') AS status,
      CASE WHEN i / 40 % 2 = 0 THEN $4::uuid ELSE md5('growth merchant ' || i / 80 % ${OTHER_MERCHANTS})::uuid END AS merchant_id,
      CASE WHEN i % 2000 = 17 THEN 'USD' ELSE 'KZT' END AS currency,
      1000 + ('x' || substr(hash, 1, 4))::bit(16)::int AS amount,
      to_timestamp(ms / 1000.0) AS at,
      (lpad(to_hex(ms), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS id
    FROM (SELECT i, md5(i::text) AS hash, $3::bigint + (i * ($5::float8)) ::bigint AS ms
      FROM generate_series($1::bigint, $2::bigint) i) numbered
  ) m LEFT JOIN growth_wallet w ON NOT m.by_card AND w.n = 1 + m.i * 7919 % (SELECT count(*) FROM growth_wallet)`;

const MERCHANT_ACCOUNTS = `
  INSERT INTO account (id, kind, owner_id, currency, may_be_negative)
  SELECT DISTINCT merchant_account, 'merchant', merchant_id, currency, false FROM made
  UNION SELECT DISTINCT payer_account, 'acquirer', '${DEFAULT_ACQUIRER_ID}'::uuid, currency, true FROM made WHERE by_card
  ON CONFLICT DO NOTHING`;

const TRANSACTIONS = `
  INSERT INTO transaction (id, merchant_id, type, payment_method, status, status_reason, amount, currency, captured,
    refunded, released, order_reference, customer_id, wallet_id, capture_mode, created_at, updated_at, authed_at,
    confirmed_at, processed_at, expires_at, event_count, posting_count, description, store_id, terminal_id, card_last4,
    card_brand, card_token_id, acquirer_id, retrieval_reference_number)
  SELECT id, merchant_id, 'payment', CASE WHEN by_card THEN 'card' ELSE 'wallet' END, status,
    CASE status WHEN 'rejected' THEN CASE WHEN by_card THEN 'card_declined' ELSE 'insufficient_funds' END
      WHEN 'cancelled' THEN 'requested' END,
    amount, currency, CASE WHEN status IN ('charged', 'refunded') THEN amount ELSE 0 END,
    CASE WHEN status = 'refunded' THEN amount ELSE 0 END, CASE WHEN status = 'cancelled' THEN amount ELSE 0 END,
    'ORDER-' || lpad(i::text, 12, '0'), CASE WHEN by_card THEN md5('customer ' || i * 7919 % ${CUSTOMERS})::uuid END,
    wallet_id, 'manual', at, at, CASE WHEN status <> 'rejected' THEN at END, CASE WHEN status <> 'rejected' THEN at END, at,
    CASE WHEN status <> 'rejected' THEN at + interval '7 days' END,
    CASE status WHEN 'rejected' THEN 2 WHEN 'refunded' THEN 4 ELSE 3 END + (by_card AND status <> 'rejected')::int,
    (status IN ('charged', 'refunded'))::int,
    CASE WHEN by_card THEN (ARRAY['Books', 'Shoes', 'Tickets'])[1 + i % 3] || ' for customer ' || i * 7919 % ${CUSTOMERS} END,
    CASE WHEN by_card THEN md5('store ' || i / 2 % 5)::uuid END, CASE WHEN by_card THEN md5('terminal ' || i / 2 % 20)::uuid END,
    CASE WHEN by_card THEN lpad((i * 7 % 10000)::text, 4, '0') END, CASE WHEN by_card THEN 'visa' END,
    CASE WHEN by_card THEN 'ct_' || md5('card ' || i * 7919 % ${CUSTOMERS}) END,
    CASE WHEN by_card THEN '${DEFAULT_ACQUIRER_ID}'::uuid END, CASE WHEN by_card THEN lpad(i::text, 12, '0') END
  FROM made ORDER BY i`;

const REFUNDS = `
  INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency, refunded, order_reference,
    customer_id, wallet_id, parent_transaction_id, capture_mode, created_at, updated_at, processed_at, event_count,
    posting_count, acquirer_id)
  SELECT refund_id, merchant_id, 'refund', CASE WHEN by_card THEN 'card' ELSE 'wallet' END, 'refunded', amount, currency,
    amount, 'ORDER-' || lpad(i::text, 12, '0'), CASE WHEN by_card THEN md5('customer ' || i * 7919 % ${CUSTOMERS})::uuid END,
    wallet_id, id, 'manual', at + interval '1 second', at + interval '1 second', at + interval '1 second', 2, 1,
    CASE WHEN by_card THEN '${DEFAULT_ACQUIRER_ID}'::uuid END
  FROM made WHERE status = 'refunded' ORDER BY i`;

const OPERATIONS = `
  INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status,
    requested_at, settled_at)
  SELECT CASE o.kind WHEN 'refund' THEN refund_id WHEN 'authorize' THEN id ELSE md5(o.kind || i)::uuid END,
    CASE o.kind WHEN 'refund' THEN refund_id ELSE id END, id, merchant_id, o.kind, amount, currency, 'api',
    CASE WHEN status = 'rejected' THEN 'declined' ELSE 'done' END, at, at
  FROM made CROSS JOIN LATERAL (
    SELECT 'authorize' AS kind UNION ALL SELECT 'capture' WHERE status IN ('charged', 'refunded')
    UNION ALL SELECT 'cancel' WHERE status = 'cancelled' UNION ALL SELECT 'refund' WHERE status = 'refunded') o
  WHERE by_card ORDER BY i`;

/** What moves money, in its order. Accounts that are moved by a sum have no numbers. */
const MOVES = `
  CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
  SELECT 2 * i AS place, i, id AS operation_id, 'capture' AS code, payer_account AS from_id, merchant_account AS to_id,
    amount, at, merchant_id, currency FROM made WHERE status IN ('charged', 'refunded')
  UNION ALL
  SELECT 2 * i + 1, i, refund_id, 'refund', merchant_account, payer_account, amount, at + interval '1 second', merchant_id,
    currency FROM made WHERE status = 'refunded'`;

const ENDS = `
  CREATE TEMPORARY TABLE ended ON COMMIT DROP AS
  SELECT e.*, a.kind, a.posting_count + row_number() OVER w AS number, a.balance + sum(e.change) OVER w AS balance
  FROM (SELECT place, true AS is_from, from_id AS account, -amount::numeric AS change FROM moved
    UNION ALL SELECT place, false, to_id, amount FROM moved) e
  JOIN account a ON a.id = e.account WHERE a.kind IN (${LOCKED_KINDS.map((kind) => `'${kind}'`).join(', ')})
  WINDOW w AS (PARTITION BY e.account ORDER BY e.place)`;

const POSTINGS = `
  INSERT INTO posting (operation_id, seq, code, from_account_id, from_number, from_balance, to_account_id, to_number,
    to_balance, merchant_id, currency, amount, at)
  SELECT m.operation_id, 1, m.code, m.from_id, f.number, f.balance, m.to_id, t.number, t.balance, m.merchant_id, m.currency,
    m.amount, m.at
  FROM moved m LEFT JOIN ended f ON f.place = m.place AND f.is_from
    LEFT JOIN ended t ON t.place = m.place AND NOT t.is_from ORDER BY m.place`;

const BALANCES = `
  UPDATE account a SET balance = a.balance + s.change, posting_count = a.posting_count + s.postings FROM (
    SELECT account, sum(change) AS change, count(*) FILTER (WHERE EXISTS (SELECT FROM ended WHERE ended.account = m.account)) AS postings
    FROM (SELECT from_id AS account, -amount::numeric AS change FROM moved UNION ALL SELECT to_id, amount FROM moved) m
    GROUP BY account) s WHERE a.id = s.account`;

/** In the first round: whoever follows the feed begins after them. */
const EVENTS = `
  INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, balance,
    balance_currency, actor, reason, at, round, with_created)
  SELECT CASE WHEN e.of_refund THEN refund_id ELSE id END, e.seq, merchant_id, 'transaction.' || e.name, e.status, amount,
    CASE WHEN NOT e.of_refund AND e.name IN ('charged', 'refunded') THEN amount ELSE 0 END,
    CASE WHEN e.name = 'cancelled' THEN amount ELSE 0 END, CASE WHEN e.name = 'refunded' THEN amount ELSE 0 END,
    b.balance, CASE WHEN b.balance IS NOT NULL THEN currency END, 'api',
    CASE WHEN e.name = 'cancelled' THEN 'requested' END, CASE WHEN e.of_refund THEN at + interval '1 second' ELSE at END, 1, e.seq = 2 AND NOT e.of_refund AND NOT by_card
  FROM made p CROSS JOIN LATERAL (
    SELECT false AS of_refund, 1 AS seq, 'created' AS name, 'created' AS status WHERE by_card
    UNION ALL SELECT false, 2, 'rejected', 'rejected' WHERE p.status = 'rejected'
    UNION ALL SELECT false, 2, 'authorized', 'authorized' WHERE p.status <> 'rejected'
    UNION ALL SELECT false, 3, CASE p.status WHEN 'cancelled' THEN 'cancel_requested' ELSE 'capture_requested' END, 'authorized'
      WHERE by_card AND p.status <> 'rejected'
    UNION ALL SELECT false, 3 + by_card::int, CASE p.status WHEN 'refunded' THEN 'charged' ELSE p.status END,
      CASE p.status WHEN 'refunded' THEN 'charged' ELSE p.status END WHERE p.status <> 'rejected'
    UNION ALL SELECT true, 1, 'created', 'created' WHERE p.status = 'refunded'
    UNION ALL SELECT true, 2, 'refunded', 'refunded' WHERE p.status = 'refunded'
    UNION ALL SELECT false, 4 + by_card::int, 'refunded', 'refunded' WHERE p.status = 'refunded') e
  LEFT JOIN ended b ON b.kind = 'merchant' AND b.place = CASE WHEN e.name = 'charged' THEN 2 * p.i
    WHEN e.of_refund AND e.name = CASE WHEN by_card THEN 'created' ELSE 'refunded' END THEN 2 * p.i + 1 END
  ORDER BY p.i, e.of_refund, e.seq`;

/** What is kept for 30 days only, of the authorization and of what ended the payment. */
const KEYS = `
  INSERT INTO idempotency_key (scope_id, key, fingerprint, effect_id, effect_seq, status_code, response, created_at)
  SELECT merchant_id, k.name || hash, left(hash, 22), id, k.seq, 201,
    format('{"walletTransactionId":"wt_%s","walletTransactionStatus":"PROCESSING","orderReference":"ORDER-%s","amount":%s,"currency":"%s"}',
      upper(left(hash, 26)), lpad(i::text, 12, '0'), amount, currency), at
  FROM made CROSS JOIN (VALUES ('authorize ', 2), ('end ', 3)) k(name, seq)
  WHERE at > now() - interval '30 days' AND (k.seq = 2 OR status <> 'rejected') ORDER BY i`;

/** And for 7 days. */
const REQUESTS = `
  INSERT INTO request_log (merchant_id, id, at, method, route, path, status, latency_us, request_id, idempotency_key, credential_id)
  SELECT merchant_id, CASE r.n WHEN 1 THEN id ELSE refund_id END, at, 'POST', '/v1/wallet/authorize', '/v1/wallet/authorize', 201,
    5000, id::text, r.n || hash, merchant_id
  FROM made CROSS JOIN (VALUES (1), (2)) r(n) WHERE at > now() - interval '7 days' ORDER BY i`;

const MERCHANTS = `
  INSERT INTO merchant (id, name, created_at) SELECT md5('growth merchant ' || n)::uuid, 'Merchant ' || n, now()
  FROM generate_series(0, ${OTHER_MERCHANTS - 1}) n ON CONFLICT DO NOTHING`;

const STATEMENTS = [
  MERCHANT_ACCOUNTS,
  TRANSACTIONS,
  REFUNDS,
  OPERATIONS,
  MOVES,
  ENDS,
  POSTINGS,
  EVENTS,
  BALANCES,
  KEYS,
  REQUESTS,
] as const;

/**
 * Adds so many payments to a database that has none yet, spread over the last ten years.
 * @param merchantId who has half of them
 * @param wallets ids of the wallets that pay; they must have the means
 */
export async function fillYears(
  url: string,
  merchantId: string,
  count: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`SET work_mem = '256MB'; SET jit = off; SET synchronous_commit = off`);
    await client.query(MERCHANTS);
    await client.query(`CREATE TEMPORARY TABLE growth_wallet AS SELECT row_number() OVER (ORDER BY id) AS n, id FROM account
      WHERE kind = 'wallet' AND currency = 'KZT' AND balance >= 1e11`);
    await client.query('CREATE INDEX ON growth_wallet (n); ANALYZE growth_wallet');
    const spacingMs = SPAN_MS / count;
    const startMs = Date.now() - SPAN_MS - 60_000;
    for (let from = 1; from <= count; from += CHUNK) {
      const to = Math.min(count, from + CHUNK - 1);
      await client.query('BEGIN');
      await client.query(PAYMENTS, [from, to, startMs, merchantId, spacingMs]);
      await client.query('ANALYZE made');
      for (const statement of STATEMENTS) {
        await client.query(statement);
        if (statement === ENDS) await client.query('CREATE INDEX ON ended (place); ANALYZE moved, ended');
      }
      await client.query('COMMIT');
      onProgress(to);
    }
  } finally {
    await client.end();
  }
}
