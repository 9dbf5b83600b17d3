/** Endpoints that links make for their callbacks, and what proves to a merchant that those come from here. */
import { LAST_ROUND } from '../feed/eventsSql.ts';
import { plainArray } from '../postgres/arrays.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';
import { ENGINE_NOW } from './endpointsSql.ts';

/** What callbacks of one endpoint have in common. */
export interface CallbackKey {
  readonly merchantId: string;
  readonly origin: string;
  readonly format: string;
  readonly apiKeyId: string | null;
}

export async function findCallback(
  db: Queryable,
  { merchantId, origin, format, apiKeyId }: CallbackKey,
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>({
    name: 'webhook_callback',
    text: `SELECT id FROM webhook_endpoint WHERE merchant_id = $1 AND url = $2 AND format = $3
      AND coalesce(api_key_id, '00000000-0000-0000-0000-000000000000') = coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
      AND kind = 'callback' AND deleted_at IS NULL`,
    values: [merchantId, origin, format, apiKeyId],
  });
  return rows[0]?.id ?? null;
}

/** How many endpoints links have made; whoever counts first makes others wait until its transaction ends. */
export async function lockCallbacks(db: Queryable, merchantId: string): Promise<number> {
  await db.query('SELECT FROM merchant WHERE id = $1 FOR NO KEY UPDATE', [merchantId]);
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM webhook_endpoint
     WHERE merchant_id = $1 AND kind = 'callback' AND deleted_at IS NULL`,
    [merchantId],
  );
  return rows[0]?.count ?? 0;
}

/** Nodes of the version before take it for one that asks for an event which there is not. */
const ASKS_FOR = '{payment_link.callback}';

/** @param callback `secret` encrypted; null: the merchant's callback secret signs */
export async function insertCallback(
  db: Queryable,
  callback: CallbackKey & { readonly id: string; readonly secret: string | null },
): Promise<void> {
  const { id, merchantId, origin, format, apiKeyId, secret } = callback;
  await db.query(
    `INSERT INTO webhook_endpoint
       (id, merchant_id, url, events, secret, kind, format, api_key_id, after_round, created_at, updated_at)
     SELECT $1, $2, $3, '${ASKS_FOR}', $4, 'callback', $5, $6, ${LAST_ROUND}, now, now FROM ${ENGINE_NOW} c(now)`,
    [id, merchantId, origin, secret, format, apiKeyId],
  );
}

/** Keeps the merchant's first secret, if it has none. @param secret encrypted */
export async function insertCallbackSecret(db: Queryable, merchantId: string, secret: string): Promise<void> {
  await db.query('INSERT INTO callback_secret (id, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    merchantId,
    secret,
  ]);
}

export interface CallbackSecret {
  /** Null: nobody knows it. */
  readonly shownAt: number | null;
  /** In real time; null when only one secret is valid. */
  readonly oldSecretUntil: number | null;
}

const VALID = `jsonb_array_elements(older_secrets) s(old) WHERE (s.old->>'until')::timestamptz > clock_timestamp()`;

export async function findCallbackSecret(db: Queryable, merchantId: string): Promise<CallbackSecret | null> {
  const { rows } = await db.query<CallbackSecret>(
    `SELECT shown_at AS "shownAt", (SELECT max((s.old->>'until')::timestamptz) FROM ${VALID}) AS "oldSecretUntil"
     FROM callback_secret WHERE id = $1`,
    [merchantId],
  );
  return rows[0] ?? null;
}

/** How many secrets sign now; locked until the end of the transaction, after the merchant. */
export async function countCallbackSecrets(db: Queryable, merchantId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT 1 + (SELECT count(*)::int FROM ${VALID}) AS count FROM callback_secret WHERE id = $1 FOR UPDATE`,
    [merchantId],
  );
  return rows[0]?.count ?? 0;
}

/**
 * From now on the new secret signs, and the one before with it for a day; one that nobody knows is forgotten.
 * @param secret encrypted
 */
export async function rotateCallbackSecret(
  db: Queryable,
  merchantId: string,
  secret: string,
): Promise<CallbackSecret> {
  await db.query(
    `INSERT INTO callback_secret AS c (id, secret, shown_at) SELECT $1, $2, now FROM ${ENGINE_NOW} n(now)
     ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, shown_at = excluded.shown_at, older_secrets =
       CASE WHEN c.shown_at IS NULL THEN '[]' ELSE jsonb_build_array(
         jsonb_build_object('secret', c.secret, 'until', clock_timestamp() + interval '24 hours')) END
       || (SELECT coalesce(jsonb_agg(s.old), '[]') FROM jsonb_array_elements(c.older_secrets) s(old)
           WHERE (s.old->>'until')::timestamptz > clock_timestamp())`,
    [merchantId, secret],
  );
  // Nodes read again what they send with.
  await db.query(
    `UPDATE webhook_endpoint SET version = version + 1 WHERE id IN (SELECT id FROM webhook_endpoint
       WHERE merchant_id = $1 AND kind = 'callback' AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE)`,
    [merchantId],
  );
  const found = await findCallbackSecret(db, merchantId);
  if (found === null) throw new Error('the secret went away in its own transaction');
  return found;
}

/** Of these links those whose callbacks are this endpoint's, and where each wants them. */
export async function readCallbackUrls(
  db: StatementRunner,
  endpointId: string,
  linkIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await db.query<{ id: string; url: string }>({
    name: 'webhook_callback_urls',
    text: `SELECT l.id, l.url FROM unnest($2::uuid[]) u(id) CROSS JOIN LATERAL
      (SELECT id, callback_url AS url FROM payment_link WHERE id = u.id AND (callback_id = $1) IS TRUE LIMIT 1) l`,
    values: [endpointId, plainArray(linkIds)],
  });
  return new Map(rows.map(({ id, url }) => [id, url]));
}
