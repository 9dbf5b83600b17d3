/** Where merchants want their webhooks. Deleted endpoints stay as rows until nothing refers to them. */
import { SYSTEM } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { LAST_ROUND } from '../feed/eventsSql.ts';
import { plainArray, timeText } from '../postgres/arrays.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';

export const ENDPOINT_KINDS = ['registered', 'callback'] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];
export type DisabledReason = 'requested' | 'gone' | 'failing';

export interface WebhookEndpoint {
  readonly id: string;
  readonly merchantId: string;
  /** `callback`: links have made it, and `url` is the origin of the addresses that they name. */
  readonly kind: EndpointKind;
  readonly url: string;
  readonly description: string | null;
  /** None: all. */
  readonly events: readonly string[];
  readonly hasBearerToken: boolean;
  /** In real time; null when only one secret is valid. */
  readonly oldSecretUntil: number | null;
  readonly failingSince: number | null;
  readonly disabledAt: number | null;
  readonly disabledReason: DisabledReason | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const COLUMNS = `id, merchant_id AS "merchantId", kind, url, description,
  CASE WHEN kind = 'registered' THEN events ELSE '{}' END AS events, bearer_token IS NOT NULL AS "hasBearerToken",
  CASE WHEN old_secret_until > clock_timestamp() THEN old_secret_until END AS "oldSecretUntil",
  failing_since AS "failingSince", disabled_at AS "disabledAt", disabled_reason AS "disabledReason",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** The engine's clock. */
export const ENGINE_NOW = `(SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)`;

export interface NewWebhookEndpoint {
  readonly id: string;
  readonly merchantId: string;
  readonly url: string;
  readonly description: string | null;
  readonly events: readonly string[];
  /** Encrypted, as is the token. */
  readonly secret: string;
  readonly bearerToken: string | null;
}

/** An endpoint that gets every event from now on. Whoever wants it to get nothing from before waits `untilComplete`. */
export async function insertEndpoint(db: Queryable, endpoint: NewWebhookEndpoint): Promise<WebhookEndpoint> {
  const { id, merchantId, url, description, events, secret, bearerToken } = endpoint;
  const { rows } = await db.query<WebhookEndpoint>(
    `INSERT INTO webhook_endpoint
       (id, merchant_id, url, description, events, secret, bearer_token, after_round, created_at, updated_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, ${LAST_ROUND}, now, now FROM ${ENGINE_NOW} c(now) RETURNING ${COLUMNS}`,
    [id, merchantId, url, description, events, secret, bearerToken],
  );
  return only(rows);
}

/** How many endpoints a merchant has; whoever counts first makes others wait until its transaction ends. */
export async function countEndpoints(db: Queryable, merchantId: string): Promise<number> {
  await db.query('SELECT FROM merchant WHERE id = $1 FOR NO KEY UPDATE', [merchantId]);
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM webhook_endpoint
     WHERE merchant_id = $1 AND kind = 'registered' AND deleted_at IS NULL`,
    [merchantId],
  );
  return rows[0]?.count ?? 0;
}

/** A merchant's endpoint; null for any other id. */
export async function findEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<WebhookEndpoint | null> {
  const { rows } = await db.query<WebhookEndpoint>(
    `SELECT ${COLUMNS} FROM webhook_endpoint WHERE id = $1 AND merchant_id = $2 AND deleted_at IS NULL`,
    [id, merchantId],
  );
  return rows[0] ?? null;
}

/** The same, as it is until the end of the transaction. */
export async function lockEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<WebhookEndpoint | null> {
  const { rows } = await db.query<WebhookEndpoint>(
    `SELECT ${COLUMNS} FROM webhook_endpoint
     WHERE id = $1 AND merchant_id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE`,
    [id, merchantId],
  );
  return rows[0] ?? null;
}

/** Newest first. */
export async function listEndpoints(
  db: Queryable,
  merchantId: string,
  kind: EndpointKind,
  before: string | null,
  limit: number,
): Promise<WebhookEndpoint[]> {
  const { rows } = await db.query<WebhookEndpoint>(
    `SELECT ${COLUMNS} FROM webhook_endpoint
     WHERE merchant_id = $1 AND kind = $4 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [merchantId, before, limit, kind],
  );
  return rows;
}

/** What is changed; what is absent stays as it is. */
export interface EndpointChanges {
  readonly url?: string;
  readonly description?: string | null;
  readonly events?: readonly string[];
  /** Encrypted. */
  readonly bearerToken?: string | null;
}

const CHANGEABLE = {
  url: 'url',
  description: 'description',
  events: 'events',
  bearerToken: 'bearer_token',
} as const;

/** @returns null when the merchant has no such endpoint */
export async function updateEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
  changes: EndpointChanges,
): Promise<WebhookEndpoint | null> {
  const fields = Object.keys(CHANGEABLE).filter((field) => field in changes) as (keyof typeof CHANGEABLE)[];
  const sets = fields.map((field, i) => `, ${CHANGEABLE[field]} = $${i + 3}`).join('');
  const values = fields.map((field) => changes[field]);
  return change(db, merchantId, id, `version = version + 1${sets}`, values);
}

/** The secrets before the last rotation that are still valid, the newest first: `[{"secret": …, "until": …}, …]`. */
const OLD_SECRETS = `(SELECT coalesce(jsonb_agg(s.old ORDER BY (s.old->>'until')::timestamptz DESC), '[]') FROM jsonb_array_elements(
    CASE WHEN old_secret IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object('secret', old_secret, 'until', old_secret_until)) END
    || older_secrets) s(old) WHERE (s.old->>'until')::timestamptz > clock_timestamp())`;

/** How many secrets sign now. */
export async function countSecrets(db: Queryable, merchantId: string, id: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT 1 + jsonb_array_length(${OLD_SECRETS}) AS count FROM webhook_endpoint
     WHERE id = $1 AND merchant_id = $2 FOR UPDATE`,
    [id, merchantId],
  );
  return rows[0]?.count ?? 0;
}

/** From now on the new secret signs, and each of those before with it for a day from its own rotation. */
export async function rotateSecret(
  db: Queryable,
  merchantId: string,
  id: string,
  secret: string,
): Promise<WebhookEndpoint | null> {
  const sets = `older_secrets = ${OLD_SECRETS}, old_secret = secret, old_secret_until = clock_timestamp() + interval '24 hours', secret = $3, version = version + 1`;
  return change(db, merchantId, id, sets, [secret]);
}

/** Enabled again, it gets what is pending, and every event from now on, as a new one. One that is enabled stays as it is. */
export async function enableEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<WebhookEndpoint | null> {
  const sets = `after_round = CASE WHEN disabled_at IS NULL THEN after_round ELSE ${LAST_ROUND} END,
    failing_since = CASE WHEN disabled_at IS NULL THEN failing_since END, disabled_at = NULL, disabled_reason = NULL`;
  return change(db, merchantId, id, sets, []);
}

export async function disableEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<WebhookEndpoint | null> {
  const sets = `disabled_reason = coalesce(disabled_reason, 'requested'), disabled_at = coalesce(disabled_at, now)`;
  return change(db, merchantId, id, sets, []);
}

export async function deleteEndpoint(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<WebhookEndpoint | null> {
  return change(db, merchantId, id, 'deleted_at = now', []);
}

async function change(
  db: Queryable,
  merchantId: string,
  id: string,
  sets: string,
  values: readonly unknown[],
): Promise<WebhookEndpoint | null> {
  const { rows } = await db.query<WebhookEndpoint>(
    `UPDATE webhook_endpoint SET updated_at = now, ${sets} FROM ${ENGINE_NOW} c(now)
     WHERE id = $1 AND merchant_id = $2 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
    [id, merchantId, ...values],
  );
  return rows[0] ?? null;
}

/** What is needed to send something to an endpoint. */
export interface EndpointTarget {
  readonly id: string;
  readonly merchantId: string;
  readonly version: number;
  readonly url: string;
  readonly format: string;
  /** Whether its secrets are its own; else they are the merchant's for callbacks. */
  readonly hasOwnSecret: boolean;
  /** All encrypted. */
  readonly secret: string;
  /** Those before it that are still valid, the newest first; until when in real time. */
  readonly oldSecrets: readonly { readonly secret: string; readonly until: string }[];
  readonly bearerToken: string | null;
}

export async function readTargets(db: StatementRunner, ids: Iterable<string>): Promise<EndpointTarget[]> {
  const { rows } = await db.query<EndpointTarget>({
    name: 'webhook_targets',
    text: `SELECT w.id, w.merchant_id AS "merchantId", w.version, w.url, w.format, w.secret IS NOT NULL AS "hasOwnSecret",
        coalesce(w.secret, c.secret) AS secret, bearer_token AS "bearerToken",
        CASE WHEN w.secret IS NOT NULL THEN ${OLD_SECRETS} ELSE c.valid END AS "oldSecrets"
      FROM webhook_endpoint w LEFT JOIN LATERAL (SELECT secret, (SELECT coalesce(jsonb_agg(s.old), '[]')
          FROM jsonb_array_elements(s.older_secrets) s(old) WHERE (s.old->>'until')::timestamptz > clock_timestamp()) AS valid
        FROM callback_secret s WHERE s.id = w.merchant_id AND w.secret IS NULL LIMIT 1) c ON true
      WHERE w.id = ANY($1::uuid[])`,
    values: [plainArray([...ids])],
  });
  return rows;
}

/** How an endpoint did in a batch of attempts. */
export interface EndpointHealth {
  readonly id: string;
  readonly succeeded: boolean;
  /** It answered 410. */
  readonly gone: boolean;
}

/** An endpoint whose health has changed, or may have. */
export interface ChangedHealth extends EndpointHealth {
  readonly merchantId: string;
  readonly kind: EndpointKind;
  readonly failingSince: number | null;
  readonly now: number;
}

/** Locks those endpoints that fail, or have failed until now. */
export async function lockHealth(
  db: StatementRunner,
  health: readonly EndpointHealth[],
): Promise<ChangedHealth[]> {
  const { rows } = await db.query<Omit<ChangedHealth, 'succeeded' | 'gone'>>({
    name: 'webhook_health',
    text: `SELECT w.id, w.merchant_id AS "merchantId", w.kind, w.failing_since AS "failingSince", c.now FROM webhook_endpoint w, ${ENGINE_NOW} c(now)
      WHERE w.id = ANY($1::uuid[]) AND (w.failing_since IS NOT NULL OR w.id = ANY($2::uuid[])) AND w.disabled_at IS NULL
      ORDER BY w.id FOR NO KEY UPDATE OF w`,
    values: [
      plainArray(health.map(({ id }) => id)),
      plainArray(health.filter(({ succeeded }) => !succeeded).map(({ id }) => id)),
    ],
  });
  const known = new Map(health.map((endpoint) => [endpoint.id, endpoint]));
  return rows.map((row) => ({ succeeded: true, gone: false, ...known.get(row.id), ...row }));
}

/**
 * Notes since when endpoints have been failing, and disables those that are gone or have failed for too long.
 * @param isGivenUp whether failures since then are enough
 * @returns how many were disabled
 */
export async function noteHealth(
  db: StatementRunner,
  health: readonly ChangedHealth[],
  isGivenUp: (failingSince: number, now: number) => boolean,
): Promise<number> {
  let disabled = 0;
  const written: Promise<unknown>[] = [];
  for (const { id, merchantId, kind, succeeded, gone, failingSince, now } of health) {
    const since = succeeded ? null : (failingSince ?? now);
    // One address of many that is gone says nothing of the others.
    const reason =
      gone && kind === 'registered' ? 'gone' : since !== null && isGivenUp(since, now) ? 'failing' : null;
    if (since === failingSince && reason === null) continue;
    const update = db.query({
      name: 'webhook_note_health',
      text: `UPDATE webhook_endpoint SET failing_since = $2, disabled_reason = $3,
        disabled_at = CASE WHEN $3::text IS NOT NULL THEN $4::timestamptz END WHERE id = $1`,
      values: [id, since === null ? null : timeText(since), reason, timeText(now)],
    });
    written.push(update);
    if (reason === null) continue;
    disabled += 1;
    const object = { kind: 'webhook_endpoint', id };
    const after = { status: 'disabled', disabledReason: reason };
    const change = { action: 'webhook_endpoint.disable', object, after } as const;
    written.push(insertAuditEntries(db, [{ ...change, actor: SYSTEM, merchantId }]));
  }
  await Promise.all(written);
  return disabled;
}

export interface Backlog {
  /** Those with the most, at most 50. */
  readonly endpoints: readonly { readonly id: string; readonly pending: number }[];
  readonly disabled: number;
}

/** What waits, for the metrics. Reads the whole queue: 20 ms when 100,000 lanes wait. */
export async function readBacklog(db: Queryable): Promise<Backlog> {
  const [endpoints, disabled] = await Promise.all([
    db.query<{ id: string; pending: number }>(
      `SELECT endpoint_id AS id, sum(pending)::int AS pending FROM webhook_lane GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50`,
    ),
    db.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM webhook_endpoint WHERE disabled_at IS NOT NULL AND deleted_at IS NULL',
    ),
  ]);
  return { endpoints: endpoints.rows, disabled: disabled.rows[0]?.count ?? 0 };
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
