/**
 * The seven invariants of the ledger, each as a query that returns what breaks it. All of them read
 * one snapshot, so they hold on a live system at any moment between two commits.
 */
import { ACCOUNT_KINDS, type AccountKind, ALL_ACCOUNT_KINDS, LOCKED_KINDS } from '../core/accounts.ts';
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

/** Kinds of account, as SQL. */
function listOf(kinds: readonly AccountKind[]): string {
  return kinds.map((kind) => `'${kind}'`).join(', ');
}

const LOCKED = listOf(LOCKED_KINDS);
const NEVER_NEGATIVE = listOf(ALL_ACCOUNT_KINDS.filter((kind) => !ACCOUNT_KINDS[kind].mayBeNegative));
/** Which codes each kind of account takes, as rows. */
const TAKEN = ALL_ACCOUNT_KINDS.flatMap((kind) =>
  ACCOUNT_KINDS[kind].codes.map((code) => `('${kind}', '${code}')`),
).join(', ');

/**
 * Postings by account. Holds and releases of before migration 0032 have the same account at both ends, and move nothing.
 */
const MOVES = `moves AS (
    SELECT to_account_id AS account, to_number AS number, to_balance AS balance, amount::numeric AS change, code, currency,
      operation_id, seq FROM posting WHERE from_account_id <> to_account_id
    UNION ALL
    SELECT from_account_id, from_number, from_balance, -amount::numeric, code, currency, operation_id, seq FROM posting
      WHERE from_account_id <> to_account_id
  )`;

/** In real time, from the UUIDv7: internal ids are kept for one day of that, whatever the sandbox's clock says. */
const MADE_AT = `to_timestamp(('x' || lpad(left(replace(w.id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)`;

const CHECKS: readonly Check[] = [
  {
    invariant: 1,
    rule: 'all accounts of a currency sum to 0',
    sql: 'SELECT currency, sum(balance)::text AS sum FROM account GROUP BY currency HAVING sum(balance) <> 0',
  },
  {
    invariant: 2,
    rule: 'every stored balance equals the sum of its postings',
    sql: `WITH ${MOVES} SELECT a.kind AS account, coalesce(a.id, p.account) AS id, a.currency, a.balance::text, p.posted::text
      FROM account a FULL JOIN (SELECT account, sum(change) AS posted FROM moves GROUP BY account) p ON p.account = a.id
      WHERE coalesce(a.balance, 0) <> coalesce(p.posted, 0) OR (a.id IS NULL AND p.posted IS NOT NULL)`,
  },
  {
    invariant: 2,
    rule: 'each posting on an account that is locked carries the balance after it, and the last one the balance',
    sql: `WITH ${MOVES}, chain AS (
        SELECT m.*, a.kind, a.posting_count, a.balance AS stored,
          lag(m.balance) OVER w + m.change AS counted, lag(m.number) OVER w + 1 AS next_number,
          lead(m.number) OVER w IS NULL AS is_last
        FROM moves m JOIN account a ON a.id = m.account WHERE a.kind IN (${LOCKED})
        WINDOW w AS (PARTITION BY m.account ORDER BY m.number)
      )
      SELECT kind AS account, account AS id, number, balance::text, counted::text, stored::text, operation_id AS operation
      FROM chain WHERE number IS NULL OR balance IS NULL OR balance <> coalesce(counted, change)
        OR number <> coalesce(next_number, number) OR (is_last AND (balance <> stored OR number <> posting_count))`,
  },
  {
    invariant: 2,
    rule: 'each posting is what its two accounts take, in their currency',
    sql: `WITH ${MOVES} SELECT m.operation_id AS operation, m.seq, m.code, a.kind AS account, m.currency
      FROM moves m JOIN account a ON a.id = m.account
      WHERE a.currency <> m.currency OR (a.kind, m.code) NOT IN (VALUES ${TAKEN})`,
  },
  {
    invariant: 3,
    rule: 'no wallet and no merchant has less than what is held of it, or holds less than 0',
    sql: `SELECT kind AS account, id, currency, balance::text, held::text FROM account
      WHERE held < 0 OR (balance < held AND kind IN (${NEVER_NEGATIVE}))`,
  },
  {
    invariant: 4,
    rule: "a wallet's held is what its authorized transactions still hold",
    sql: `SELECT w.id AS wallet, w.kind, w.held::text, coalesce(t.held, 0)::text AS "heldByTransactions"
      FROM account w FULL JOIN (
        SELECT wallet_id, sum(amount - captured - released) AS held FROM transaction
        WHERE status = 'authorized' AND payment_method = 'wallet' GROUP BY wallet_id) t ON t.wallet_id = w.id
      WHERE coalesce(w.held, 0) <> coalesce(t.held, 0)`,
  },
  {
    invariant: 5,
    rule: 'captured + released + still held = authorized, and refunded + reserved <= captured',
    sql: `SELECT t.id AS transaction, t.status, t.amount, t.captured, t.released, t.refunded, t.reserved,
        p.to_merchant::text AS "toMerchant", r.refunded::text AS "refundedByRefunds", r.reserved::text AS "reservedByRefunds"
      FROM transaction t
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE code = 'capture'), 0) AS to_merchant,
          count(*) FILTER (WHERE code NOT IN ('capture', 'hold', 'release')) AS others
        FROM posting WHERE operation_id = t.id) p
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(refunded), 0) AS refunded,
          coalesce(sum(CASE WHEN status = 'created' THEN amount END), 0) AS reserved
        FROM transaction WHERE parent_transaction_id = t.id) r
      WHERE t.type = 'payment' AND (
        (t.authed_at IS NULL AND t.captured + t.released <> 0)
        OR (t.status = 'authorized' AND t.captured + t.released >= t.amount)
        OR (t.status IN ('charged', 'refunded', 'cancelled') AND t.authed_at IS NOT NULL AND t.captured + t.released <> t.amount)
        OR t.captured <> p.to_merchant OR p.others > 0 OR t.refunded <> r.refunded OR t.reserved <> r.reserved
        OR t.refunded + t.reserved > t.captured
        OR (t.captured > 0 AND t.status NOT IN ('authorized', 'charged', 'refunded'))
        OR (t.captured = 0 AND t.status IN ('charged', 'refunded'))
        OR (t.status = 'refunded') <> (t.status <> 'authorized' AND t.captured > 0 AND t.refunded = t.captured))`,
  },
  {
    invariant: 5,
    rule: 'a refund took from its merchant what it is for, and gave it back where its bank refused it',
    sql: `SELECT t.id AS transaction, t.status, t.amount, p.taken::text, p.returned::text, p.others::int
      FROM transaction t
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE code = 'refund'), 0) AS taken,
          coalesce(sum(amount) FILTER (WHERE code = 'refund_returned'), 0) AS returned,
          count(*) FILTER (WHERE code NOT IN ('refund', 'refund_returned')) AS others
        FROM posting WHERE operation_id = t.id) p
      WHERE t.type = 'refund' AND (p.taken <> t.amount OR p.others > 0
        OR p.returned <> CASE WHEN t.status IN ('rejected', 'transaction.failed') THEN t.amount ELSE 0 END)`,
  },
  {
    invariant: 5,
    rule: 'a card payment captured, released, refunded and reserved what the bank was asked for and did',
    sql: `SELECT t.id AS transaction, t.status, t.amount, t.captured, t.released, t.refunded, t.reserved,
        o."lastCaptures", o.captured::text AS "capturedAtBank", o.cancelled::text AS "cancelledAtBank",
        o.refunded::text AS "refundedAtBank", o.refunding::text AS "refundingAtBank", o.authorized
      FROM transaction t
      LEFT JOIN (
        SELECT payment_id, count(*) FILTER (WHERE kind = 'capture' AND status = 'done' AND final) AS "lastCaptures",
          sum(amount) FILTER (WHERE kind = 'capture' AND status = 'done') AS captured,
          sum(amount) FILTER (WHERE kind = 'cancel' AND (status = 'done' OR reason = 'expired' AND status = 'declined')) AS cancelled,
          sum(amount) FILTER (WHERE kind = 'refund' AND status = 'done') AS refunded,
          sum(amount) FILTER (WHERE kind = 'refund' AND status = 'pending') AS refunding,
          count(*) FILTER (WHERE kind IN ('authorize', 'complete') AND status = 'done') AS authorized
        FROM bank_operation GROUP BY payment_id) asked ON asked.payment_id = t.id
      CROSS JOIN LATERAL (
        SELECT coalesce("lastCaptures", 0) AS "lastCaptures", coalesce(asked.captured, 0) AS captured,
          coalesce(cancelled, 0) AS cancelled, coalesce(asked.refunded, 0) AS refunded,
          coalesce(refunding, 0) AS refunding, coalesce(authorized, 0) AS authorized) o
      WHERE t.payment_method = 'card' AND t.type = 'payment' AND (
        o."lastCaptures" > 1 OR o.captured <> t.captured OR o.refunded <> t.refunded OR o.refunding <> t.reserved
        OR (t.authed_at IS NOT NULL AND o.authorized = 0)
        OR (t.authed_at IS NOT NULL
          AND t.released <> CASE WHEN o."lastCaptures" = 1 THEN t.amount - t.captured ELSE o.cancelled END))`,
  },
  {
    invariant: 5,
    rule: 'each acquirer owes what was captured by its cards and not refunded or set aside',
    sql: `SELECT coalesce(a.owner_id, t.acquirer_id) AS acquirer, coalesce(a.currency, t.currency) AS currency,
        a.balance::text, t.owed::text
      FROM (SELECT owner_id, currency, balance FROM account WHERE kind = 'acquirer') a
      FULL JOIN (SELECT acquirer_id, currency, sum(captured - refunded - reserved) AS owed FROM transaction
        WHERE payment_method = 'card' AND type = 'payment' GROUP BY 1, 2) t
        ON t.acquirer_id = a.owner_id AND t.currency = a.currency
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
        SELECT transaction_id, count(*) + count(*) FILTER (WHERE with_created) AS events,
          min(seq - with_created::int) AS first, max(seq) AS last, (array_agg(status ORDER BY seq DESC))[1] AS status,
          bool_or(with_created AND (seq <> 2 OR balance IS NOT NULL)) AS misplaced
        FROM event WHERE link_expires_at IS NULL GROUP BY transaction_id) e ON e.transaction_id = t.id
      WHERE t.id IS NULL OR e.transaction_id IS NULL OR e.first <> 1 OR e.last <> e.events
        OR e.last <> t.event_count OR e.status <> t.status OR e.misplaced`,
  },
  {
    invariant: 6,
    rule: "each payment link's events are gapless and end at its status",
    sql: `SELECT l.id AS link, l.status, l.event_count AS "eventCount", e.events, e.first, e.last, e.status AS "lastStatus"
      FROM payment_link l FULL JOIN (
        SELECT transaction_id, count(*) AS events, min(seq) AS first, max(seq) AS last,
          (array_agg(status ORDER BY seq DESC))[1] AS status
        FROM event WHERE link_expires_at IS NOT NULL GROUP BY transaction_id) e ON e.transaction_id = l.id
      WHERE l.id IS NULL OR e.transaction_id IS NULL OR e.first <> 1 OR e.last <> e.events
        OR e.last <> l.event_count OR e.status <> l.status`,
  },
  {
    invariant: 7,
    rule: 'each idempotency key points at no more than one effect, and at exactly one for a 2xx',
    sql: `WITH effects AS (
        SELECT k.*, e.transaction_id AS event, coalesce(w.id, o.id) AS transfer FROM idempotency_key k
        LEFT JOIN event e ON e.transaction_id = k.effect_id AND k.effect_seq BETWEEN e.seq - e.with_created::int AND e.seq
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
  {
    invariant: 7,
    rule: 'a payment link that can be paid once was paid by one payment at most, and names it',
    sql: `SELECT l.id AS link, l.status, l.transaction_id AS "paidBy", p.ids
      FROM payment_link l LEFT JOIN (
        SELECT coalesce(payment_session_id::text, payment_link_id) AS link, array_agg(id) AS ids, array_agg(DISTINCT (merchant_id, amount, currency)) AS terms
        FROM transaction WHERE type = 'payment' AND authed_at IS NOT NULL AND (payment_link_id IS NOT NULL
          OR payment_session_id IS NOT NULL) GROUP BY 1) p
        ON p.link = CASE l.kind WHEN 'session' THEN l.id::text ELSE 'pl_' || replace(l.id::text, '-', '') END
      WHERE p.terms <> ARRAY[(l.merchant_id, l.amount, l.currency)] OR (l.reusable AND l.transaction_id IS NOT NULL)
        OR (NOT l.reusable AND coalesce(p.ids, '{}') <> array_remove(ARRAY[l.transaction_id], NULL))`,
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

/**
 * Some of what a check finds. Planned as if all of it was wanted: for the first few alone PostgreSQL, which cannot know
 * that there are none, would go through all postings once for each account.
 */
function firstOf(sql: string): string {
  return `WITH violation AS MATERIALIZED (${sql}) SELECT * FROM violation LIMIT ${ROWS_PER_INVARIANT}`;
}

/** The same within a transaction that has done nothing yet. */
export async function auditWithin(db: Queryable): Promise<Violation[]> {
  await db.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const violations: Violation[] = [];
  for (const { invariant, rule, sql } of CHECKS) {
    const { rows } = await db.query(firstOf(sql));
    violations.push(...rows.map((row) => ({ invariant, rule, row })));
  }
  return violations;
}
