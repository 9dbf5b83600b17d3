import type { Queryable } from '../postgres/pool.ts';

/** 1 MB: some 3,000 rows, which are purged within 50 ms when all are old, also on a busy machine. */
const PAGES = 128;

/**
 * Purges one stretch of the table of idempotency keys: those of merchants after 30 days, and after one day the
 * internal ids, whose requests are over in seconds. In real time: it is real clients that repeat requests,
 * so the sandbox's clock does not shorten their protection. A key whose response is still awaited stays, and
 * so does one that somebody has locked.
 * @param fromPage where the stretch begins
 * @returns where the next one begins; null at the end of the table
 */
export function purgeKeys(db: Queryable, fromPage: number): Promise<number | null> {
  const old = `status_code IS NOT NULL
    AND created_at < now() - CASE WHEN key LIKE '\u00b7%' THEN interval '1 day' ELSE interval '30 days' END`;
  return purgeStretch(db, 'idempotency_key', old, fromPage);
}

/** Purges one stretch of the request log: what is older than a week. @returns as `purgeKeys` */
export function purgeRequests(db: Queryable, fromPage: number): Promise<number | null> {
  return purgeStretch(db, 'request_log', `at < now() - interval '7 days'`, fromPage);
}

/** Purges one stretch of the traces of events: webhooks are tried for two days. @returns as `purgeKeys` */
export function purgeTraces(db: Queryable, fromPage: number): Promise<number | null> {
  return purgeStretch(db, 'event_trace', `created_at < now() - interval '7 days'`, fromPage);
}

/** On the engine's clock, like everything that merchants see of their webhooks. */
const OLD = `(SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation) - interval '30 days'`;

/**
 * What is purged of the tables of webhooks: attempts, deliveries and messages after 30 days, but nothing of what
 * is pending; and of endpoints that were deleted, what was.
 */
const WEBHOOK_RULES = {
  webhook_attempt: `at < ${OLD}`,
  webhook_delivery: `created_at < ${OLD} AND (status <> 'pending' OR EXISTS (SELECT FROM webhook_endpoint e
    WHERE e.id = endpoint_id AND e.deleted_at IS NOT NULL))`,
  webhook_message: `created_at < ${OLD} AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.status = 'pending'
    AND d.transaction_id = t.transaction_id AND d.seq = t.seq AND d.family_id IN (t.transaction_id,
      (SELECT parent_transaction_id FROM transaction p WHERE p.id = t.transaction_id)))`,
  webhook_lane: `EXISTS (SELECT FROM webhook_endpoint e WHERE e.id = endpoint_id AND e.deleted_at IS NOT NULL)`,
} as const;
export const WEBHOOK_TABLES = Object.keys(WEBHOOK_RULES) as (keyof typeof WEBHOOK_RULES)[];

/**
 * Purges one stretch of a table of webhooks. A row that somebody has locked stays until the next time.
 * @returns where the next stretch begins; null at the end of the table
 */
export function purgeWebhooks(
  db: Queryable,
  table: keyof typeof WEBHOOK_RULES,
  fromPage: number,
): Promise<number | null> {
  return purgeStretch(db, table, WEBHOOK_RULES[table], fromPage);
}

/** @param old which of the rows, named `t` */
async function purgeStretch(
  db: Queryable,
  table: string,
  old: string,
  fromPage: number,
): Promise<number | null> {
  const { rows } = await db.query<{ pages: number }>({
    name: `purge_${table}`,
    text: `WITH old AS (
        SELECT ctid FROM ${table} t
        WHERE ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid AND ${old}
        FOR UPDATE SKIP LOCKED),
      purged AS (DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)))
      SELECT (pg_relation_size('${table}') / current_setting('block_size')::int)::int AS pages`,
    values: [fromPage, fromPage + PAGES],
  });
  const next = fromPage + PAGES;
  return next < (rows[0]?.pages ?? 0) ? next : null;
}
