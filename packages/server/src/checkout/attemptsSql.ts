/** Attempts to pay at the checkout, and what became of them. In real time: the sandbox's clock opens no lock. */
import type { Millis } from '../core/transaction.ts';
import type { LinkId } from '../core/values/ids.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { TriedCards } from '../reports/issues.ts';
import { type CountedAttempt, FORGET_ATTEMPTS_MS, type LimitKind, MOST_ATTEMPTS } from './attemptLimits.ts';

/** What attempts are counted by. */
export interface Counted {
  readonly linkId: LinkId;
  readonly network: string;
  /** Keyed hash of the number; null: by wallet. */
  readonly card: string | null;
}

export interface CheckoutAttempt extends Counted {
  readonly attemptId: string;
  readonly merchantId: string;
}

/** @returns when it was made; null: it was made before, and is the same attempt */
export async function insertAttempt(
  db: Queryable,
  { linkId, attemptId, merchantId, network, card }: CheckoutAttempt,
): Promise<Millis | null> {
  const { rows } = await db.query<{ at: number }>(
    `INSERT INTO checkout_attempt (link_id, attempt_id, merchant_id, network, card, at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT DO NOTHING
     RETURNING (extract(epoch FROM at) * 1000)::float8 AS at`,
    [linkId, attemptId, merchantId, network, card],
  );
  return rows[0]?.at ?? null;
}

/** Of an attempt that was not made after all. */
export async function deleteAttempt(db: Queryable, linkId: LinkId, attemptId: string): Promise<void> {
  await db.query('DELETE FROM checkout_attempt WHERE link_id = $1 AND attempt_id = $2', [linkId, attemptId]);
}

export interface CountedRow extends CountedAttempt {
  readonly kind: LimitKind;
}

/** For so long an attempt without a payment may still get one. */
const UNDECIDED = "interval '30 seconds'";

/**
 * The latest attempts of a link, of a network and of a card. A payment that nobody could decide, since a bank or a wallet
 * did not answer, says nothing about its payer.
 * @param before only those made before this; null: all
 */
export async function readAttempts(
  db: Queryable,
  { linkId, network, card }: Counted,
  before: Millis | null,
): Promise<{ readonly now: Millis; readonly attempts: readonly CountedRow[] }> {
  const latest = (kind: LimitKind, condition: string): string =>
    `(SELECT '${kind}' AS kind, a.* FROM checkout_attempt a WHERE ${condition}
       AND a.at > n.now - ${FORGET_ATTEMPTS_MS} * interval '1 millisecond'
       AND ($4::float8 IS NULL OR a.at < to_timestamp($4 / 1000)) ORDER BY a.at DESC LIMIT ${MOST_ATTEMPTS})`;
  const { rows } = await db.query<{ now: number; attempts: readonly CountedRow[] }>({
    name: 'checkout_attempts',
    text: `SELECT extract(epoch FROM n.now)::float8 * 1000 AS now, coalesce(c.attempts, '[]') AS attempts
      FROM (SELECT clock_timestamp() AS now) n
      CROSS JOIN LATERAL (SELECT json_agg(json_build_object('kind', a.kind, 'at', extract(epoch FROM a.at) * 1000,
          'end', CASE WHEN t.authed_at IS NOT NULL THEN 'paid'
            WHEN t.status IN ('rejected', 'transaction.failed') AND t.status_reason IS DISTINCT FROM 'processing_error' THEN 'failed'
            WHEN t.status = 'created' AND t.awaiting IS DISTINCT FROM 'confirmation' THEN 'undecided'
            WHEN t.id IS NULL AND a.at > n.now - ${UNDECIDED} THEN 'undecided' ELSE 'none' END)) AS attempts
        FROM (${latest('link', 'a.link_id = $1')} UNION ALL ${latest('network', 'a.network = $2')}
          UNION ALL ${latest('card', 'a.card = $3')}) a
        LEFT JOIN idempotency_key k ON k.scope_id = a.link_id AND k.key = a.attempt_id::text
        LEFT JOIN transaction t ON t.id = k.effect_id) c`,
    values: [linkId, network, card, before],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the database has told no time');
  return row;
}

/** As many attempts of a merchant's payers as are looked at: by then nobody doubts what they are. */
const MOST_LOOKED_AT = 2_000;

/** Attempts by card at the checkout within the last hour, and those of them that were declined. */
export async function readTriedCards(db: Queryable, merchantId: string): Promise<TriedCards> {
  const { rows } = await db.query<TriedCards>(
    `SELECT count(*)::int AS attempts, count(t.id)::int AS declined, count(DISTINCT a.card) FILTER (WHERE t.id IS NOT NULL)::int AS cards,
       min(t.created_at) AS since
     FROM (SELECT * FROM checkout_attempt WHERE merchant_id = $1 AND card IS NOT NULL
       AND at > clock_timestamp() - interval '1 hour' ORDER BY at DESC LIMIT ${MOST_LOOKED_AT}) a
     LEFT JOIN idempotency_key k ON k.scope_id = a.link_id AND k.key = a.attempt_id::text
     LEFT JOIN transaction t ON t.id = k.effect_id AND t.status = 'rejected'`,
    [merchantId],
  );
  return rows[0] ?? { attempts: 0, declined: 0, cards: 0, since: null };
}

const PURGED_AT_ONCE = 500;

/** Takes away some of what limits nothing any more. @returns whether there may be more */
export async function purgeAttempts(db: Queryable): Promise<boolean> {
  const { rowCount } = await db.query(
    `DELETE FROM checkout_attempt WHERE (link_id, attempt_id) IN (SELECT link_id, attempt_id FROM checkout_attempt
       WHERE at < clock_timestamp() - 2 * ${FORGET_ATTEMPTS_MS} * interval '1 millisecond' LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
  );
  return rowCount === PURGED_AT_ONCE;
}
