/**
 * The seven invariants of the ledger, each as a query that returns what breaks it. All of them read
 * one snapshot, so they hold on a live system at any moment between two commits.
 */
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';

export interface Violation {
  /** 1 to 7. */
  readonly invariant: number;
  readonly rule: string;
  /** The row that breaks it. */
  readonly row: Readonly<Record<string, unknown>>;
}

interface Check {
  readonly invariant: number;
  readonly rule: string;
  readonly sql: string;
}

const MOVES = `moves AS (
    SELECT to_account AS kind, wallet_id, merchant_id, currency, amount::numeric AS amount FROM posting
    UNION ALL
    SELECT from_account, wallet_id, merchant_id, currency, -amount::numeric FROM posting
  ), owned AS (
    SELECT kind, CASE WHEN kind IN ('available', 'held') THEN wallet_id WHEN kind = 'balance' THEN merchant_id END AS owner,
      currency, sum(amount) AS posted FROM moves GROUP BY 1, 2, 3
  ), stored AS (
    SELECT 'available' AS kind, id AS owner, currency, available AS balance FROM wallet
    UNION ALL SELECT 'held', id, currency, held FROM wallet
    UNION ALL SELECT 'balance', merchant_id, currency, balance FROM merchant_balance
    UNION ALL SELECT kind, NULL, currency, balance FROM system_account
  )`;

/** In real time, from the UUIDv7: internal ids are kept for one day of that, whatever the sandbox's clock says. */
const MADE_AT = `to_timestamp(('x' || lpad(left(replace(w.id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)`;

const CHECKS: readonly Check[] = [
  {
    invariant: 1,
    rule: 'all accounts of a currency sum to 0',
    sql: `WITH ${MOVES} SELECT currency, sum(balance)::text AS sum FROM stored GROUP BY currency HAVING sum(balance) <> 0`,
  },
  {
    invariant: 2,
    rule: 'every stored balance equals the sum of its postings',
    sql: `WITH ${MOVES} SELECT coalesce(s.kind, o.kind) AS account, coalesce(s.owner, o.owner) AS owner,
        coalesce(s.currency, o.currency) AS currency, s.balance::text, o.posted::text
      FROM stored s FULL JOIN owned o
        ON s.kind = o.kind AND s.currency = o.currency
        AND coalesce(s.owner::text, '') = coalesce(o.owner::text, '')
      WHERE coalesce(s.balance, 0) <> coalesce(o.posted, 0)`,
  },
  {
    invariant: 3,
    rule: 'no wallet and no merchant is below 0',
    sql: `WITH ${MOVES} SELECT kind AS account, owner, currency, balance::text FROM stored
      WHERE balance < 0 AND kind IN ('available', 'held', 'balance')`,
  },
  {
    invariant: 4,
    rule: "a wallet's held is what its authorized transactions still hold",
    sql: `SELECT w.id AS wallet, w.held::text, coalesce(t.held, 0)::text AS "heldByTransactions"
      FROM wallet w FULL JOIN (
        SELECT wallet_id, sum(amount - captured - released) AS held FROM transaction
        WHERE status = 'authorized' AND payment_method = 'wallet' GROUP BY wallet_id) t ON t.wallet_id = w.id
      WHERE coalesce(w.held, 0) <> coalesce(t.held, 0)`,
  },
  {
    invariant: 5,
    rule: 'captured + released + still held = authorized, and refunded + reserved <= captured',
    sql: `SELECT t.id AS transaction, t.status, t.amount, t.captured, t.released, t.refunded, t.reserved, p.held::text,
        p.to_merchant::text AS "toMerchant", r.refunded::text AS "refundedByRefunds", r.reserved::text AS "reservedByRefunds"
      FROM transaction t
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN to_account = 'held' THEN amount WHEN from_account = 'held' THEN -amount END), 0) AS held,
          coalesce(sum(CASE WHEN to_account = 'balance' THEN amount END), 0) AS to_merchant
        FROM posting WHERE operation_id = t.id) p
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(refunded), 0) AS refunded,
          coalesce(sum(CASE WHEN status = 'created' THEN amount END), 0) AS reserved
        FROM transaction WHERE parent_transaction_id = t.id) r
      WHERE t.type = 'payment' AND (
        (t.payment_method = 'wallet' AND (
          t.captured + t.released + p.held <> CASE WHEN t.authed_at IS NULL THEN 0 ELSE t.amount END
          OR p.held <> CASE WHEN t.status = 'authorized' THEN t.amount - t.captured - t.released ELSE 0 END))
        OR (t.authed_at IS NULL AND t.captured + t.released <> 0)
        OR (t.status = 'authorized' AND t.captured + t.released >= t.amount)
        OR (t.status IN ('charged', 'refunded', 'cancelled') AND t.authed_at IS NOT NULL AND t.captured + t.released <> t.amount)
        OR t.captured <> p.to_merchant OR t.refunded <> r.refunded OR t.reserved <> r.reserved
        OR t.refunded + t.reserved > t.captured
        OR (t.captured > 0 AND t.status NOT IN ('authorized', 'charged', 'refunded'))
        OR (t.captured = 0 AND t.status IN ('charged', 'refunded'))
        OR (t.status = 'refunded') <> (t.status <> 'authorized' AND t.captured > 0 AND t.refunded = t.captured))`,
  },
  {
    invariant: 5,
    rule: 'a card payment captured, released, refunded and reserved what the bank was asked for and did',
    sql: `SELECT t.id AS transaction, t.status, t.amount, t.captured, t.released, t.refunded, t.reserved,
        o."lastCaptures", o.captured::text AS "capturedAtBank", o.cancelled::text AS "cancelledAtBank",
        o.refunded::text AS "refundedAtBank", o.refunding::text AS "refundingAtBank", o.authorized
      FROM transaction t
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE kind = 'capture' AND status = 'done' AND final) AS "lastCaptures",
          coalesce(sum(amount) FILTER (WHERE kind = 'capture' AND status = 'done'), 0) AS captured,
          coalesce(sum(amount) FILTER (WHERE kind = 'cancel' AND (status = 'done' OR reason = 'expired' AND status = 'declined')), 0) AS cancelled,
          coalesce(sum(amount) FILTER (WHERE kind = 'refund' AND status = 'done'), 0) AS refunded,
          coalesce(sum(amount) FILTER (WHERE kind = 'refund' AND status = 'pending'), 0) AS refunding,
          count(*) FILTER (WHERE kind IN ('authorize', 'complete') AND status = 'done') AS authorized
        FROM bank_operation WHERE payment_id = t.id) o
      WHERE t.payment_method = 'card' AND t.type = 'payment' AND (
        o."lastCaptures" > 1 OR o.captured <> t.captured OR o.refunded <> t.refunded OR o.refunding <> t.reserved
        OR (t.authed_at IS NOT NULL AND o.authorized = 0)
        OR (t.authed_at IS NOT NULL
          AND t.released <> CASE WHEN o."lastCaptures" = 1 THEN t.amount - t.captured ELSE o.cancelled END))`,
  },
  {
    invariant: 5,
    rule: 'the acquirer owes what was captured by card and not refunded or set aside',
    sql: `SELECT coalesce(a.currency, t.currency) AS currency, a.balance::text, t.owed::text
      FROM (SELECT currency, balance FROM system_account WHERE kind = 'acquirer') a
      FULL JOIN (SELECT currency, sum(captured - refunded - reserved) AS owed FROM transaction
        WHERE payment_method = 'card' AND type = 'payment' GROUP BY currency) t ON t.currency = a.currency
      WHERE coalesce(a.balance, 0) <> -coalesce(t.owed, 0)`,
  },
  {
    invariant: 5,
    rule: 'a transaction and the bank operation that it waits for name each other, and nobody waits in vain',
    sql: `SELECT t.id AS transaction, t.status, o.id AS operation, o.kind, o.status AS "operationStatus"
      FROM transaction t LEFT JOIN bank_operation o ON o.id = t.operation_id
      WHERE t.operation_id IS NOT NULL AND (o.status IS DISTINCT FROM 'pending' OR o.transaction_id <> t.id
        OR o.kind = 'reverse' OR t.status NOT IN ('created', '3d', 'authorized'))
      UNION ALL
      SELECT t.id, t.status, o.id, o.kind, o.status FROM bank_operation o LEFT JOIN transaction t ON t.id = o.transaction_id
      WHERE (o.status = 'pending' AND o.kind <> 'reverse' AND t.operation_id IS DISTINCT FROM o.id)
        OR (o.status = 'pending') <> (o.next_attempt_at IS NOT NULL)
        OR (o.status = 'pending') <> (o.settled_at IS NULL)
      UNION ALL
      SELECT t.id, t.status, NULL, NULL, NULL FROM transaction t
      WHERE t.status IN ('created', '3d', 'authorized') AND t.operation_id IS NULL AND t.due_at IS NULL`,
  },
  {
    invariant: 5,
    rule: 'everything about a card payment was asked of its acquirer',
    sql: `SELECT t.id AS transaction, t.acquirer_id AS acquirer, o.id AS operation, o.kind, o.acquirer_id AS asked
      FROM bank_operation o JOIN transaction p ON p.id = o.payment_id JOIN transaction t ON t.id = o.transaction_id
      WHERE o.acquirer_id IS DISTINCT FROM p.acquirer_id OR o.acquirer_id IS DISTINCT FROM t.acquirer_id`,
  },
  {
    invariant: 6,
    rule: "each transaction's events are gapless and end at its status",
    sql: `SELECT t.id AS transaction, t.status, t.event_count AS "eventCount", e.events, e.first, e.last, e.status AS "lastStatus"
      FROM transaction t FULL JOIN (
        SELECT transaction_id, count(*) AS events, min(seq) AS first, max(seq) AS last,
          (array_agg(status ORDER BY seq DESC))[1] AS status
        FROM event GROUP BY transaction_id) e ON e.transaction_id = t.id
      WHERE t.id IS NULL OR e.transaction_id IS NULL OR e.first <> 1 OR e.last <> e.events
        OR e.last <> t.event_count OR e.status <> t.status`,
  },
  {
    invariant: 7,
    rule: 'each idempotency key points at no more than one effect, and at exactly one for a 2xx',
    sql: `WITH effects AS (
        SELECT k.*, e.transaction_id AS event, coalesce(w.id, o.id) AS transfer FROM idempotency_key k
        LEFT JOIN event e ON e.transaction_id = k.effect_id AND e.seq = k.effect_seq
        LEFT JOIN wallet_transfer w ON w.id = k.effect_id AND k.effect_seq = 0
        LEFT JOIN bank_operation o ON o.id = k.effect_id AND k.effect_seq = 0
      ), exact AS (
        SELECT *, count(*) OVER (PARTITION BY effect_id, effect_seq) AS keys FROM effects
      )
      SELECT scope_id AS scope, status_code AS status, effect_id AS effect, effect_seq AS seq, keys FROM exact
      WHERE (status_code BETWEEN 200 AND 299 AND effect_id IS NULL)
        OR (status_code NOT BETWEEN 200 AND 299 AND effect_id IS NOT NULL)
        OR (effect_seq > 0 AND event IS NULL)
        OR (effect_id IS NOT NULL AND (event IS NOT NULL OR transfer IS NOT NULL) AND keys > 1)
      UNION ALL
      SELECT NULL, NULL, w.id, 0, 0 FROM wallet_transfer w
      WHERE NOT EXISTS (SELECT FROM idempotency_key k WHERE k.effect_id = w.id) AND ${MADE_AT} > now() - interval '23 hours'`,
  },
];

/** Every invariant by its number; one that has several checks goes by the rule of the first. */
export const INVARIANTS: readonly Pick<Check, 'invariant' | 'rule'>[] = CHECKS.filter(
  (check, i) => CHECKS.findIndex(({ invariant }) => invariant === check.invariant) === i,
);

/** How many rows of each broken invariant are reported. */
export const ROWS_PER_INVARIANT = 20;

/** Checks everything. @returns what is broken; empty means that every tiyn is accounted for */
export async function audit(pool: Pool): Promise<Violation[]> {
  return inTransaction(pool, auditWithin);
}

/** The same within a transaction that has done nothing yet. */
export async function auditWithin(db: Queryable): Promise<Violation[]> {
  await db.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const violations: Violation[] = [];
  for (const { invariant, rule, sql } of CHECKS) {
    const { rows } = await db.query(`${sql} LIMIT ${ROWS_PER_INVARIANT}`);
    violations.push(...rows.map((row) => ({ invariant, rule, row })));
  }
  return violations;
}
