import type { Scope } from '../core/scopes.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { KeyUse } from './keyUses.ts';

export interface ApiKey {
  readonly id: string;
  /** Null: an operator's key. */
  readonly merchantId: string | null;
  readonly name: string;
  /** The last characters, to tell keys apart. */
  readonly hint: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** Null: from anywhere. */
  readonly allowedNetworks: readonly string[] | null;
  /** To within some seconds. */
  readonly lastUsedAt: number | null;
  readonly lastUsedAddress: string | null;
}

const COLUMNS = `id, merchant_id AS "merchantId", name, hint, scopes, created_at AS "createdAt",
  expires_at AS "expiresAt", revoked_at AS "revokedAt", allowed_networks AS "allowedNetworks",
  last_used_at AS "lastUsedAt", last_used_address AS "lastUsedAddress"`;

export async function findApiKey(db: Queryable, hash: Buffer): Promise<ApiKey | null> {
  const { rows } = await db.query<ApiKey>(
    `SELECT ${COLUMNS} FROM api_key WHERE hash = $1 AND user_id IS NULL`,
    [hash],
  );
  return rows[0] ?? null;
}

export interface NewApiKey {
  readonly id: string;
  readonly merchantId: string | null;
  readonly name: string;
  readonly hash: Buffer;
  readonly hint: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: number | null;
  readonly allowedNetworks?: readonly string[] | null;
}

/** An operator's key may make money: unless somebody says otherwise, it is made anew every year. */
export const OPERATOR_KEY_LIFE_MS = 365 * 86_400_000;

/** Keys live in real time: their times are the database's own clock, not the sandbox's. */
export async function insertApiKey(db: Queryable, key: NewApiKey): Promise<ApiKey> {
  const { rows } = await db.query<ApiKey>(
    `INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at, expires_at, allowed_networks)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8) RETURNING ${COLUMNS}`,
    [
      key.id,
      key.merchantId,
      key.name,
      key.hash,
      key.hint,
      key.scopes,
      key.expiresAt === null ? null : new Date(key.expiresAt),
      key.allowedNetworks ?? null,
    ],
  );
  return only(rows);
}

/** Newest first. @param merchantId null lists the operators' keys */
export async function listApiKeys(
  db: Queryable,
  merchantId: string | null,
  before: string | null,
  limit: number,
): Promise<ApiKey[]> {
  const { rows } = await db.query<ApiKey>(
    `SELECT ${COLUMNS} FROM api_key
     WHERE merchant_id IS NOT DISTINCT FROM $1 AND user_id IS NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [merchantId, before, limit],
  );
  return rows;
}

/** Which of these keys may read payments now, each with its networks; null: from anywhere. */
export async function readReadableKeys(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[] | null>> {
  const { rows } = await db.query<Pick<ApiKey, 'id' | 'allowedNetworks'>>({
    name: 'readable_keys',
    text: `SELECT id, allowed_networks AS "allowedNetworks" FROM api_key WHERE id = ANY($1::uuid[]) AND scopes && '{read,payments:read}'
      AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())`,
    values: [ids],
  });
  return new Map(rows.map(({ id, allowedNetworks }) => [id, allowedNetworks]));
}

/**
 * Revokes once; a second time changes nothing.
 * @param merchantId whose key it must be; null: an operator's
 * @returns null when there is no such key
 */
export async function revokeApiKey(
  db: Queryable,
  merchantId: string | null,
  id: string,
): Promise<ApiKey | null> {
  const { rows } = await db.query<ApiKey>(
    `UPDATE api_key SET revoked_at = coalesce(revoked_at, clock_timestamp())
     WHERE id = $1 AND merchant_id IS NOT DISTINCT FROM $2 AND user_id IS NULL RETURNING ${COLUMNS}`,
    [id, merchantId],
  );
  return rows[0] ?? null;
}

/** Changes a key that is not revoked. @returns null when there is no such key; the key as it was and as it is */
export async function updateApiKey(
  db: Queryable,
  merchantId: string | null,
  id: string,
  changes: { readonly name?: string; readonly allowedNetworks?: readonly string[] | null },
): Promise<{ before: ApiKey; after: ApiKey } | null> {
  const { rows } = await db.query<ApiKey>(
    `SELECT ${COLUMNS} FROM api_key WHERE id = $1 AND merchant_id IS NOT DISTINCT FROM $2 AND user_id IS NULL
     FOR UPDATE`,
    [id, merchantId],
  );
  const [before] = rows;
  if (before === undefined) return null;
  const { name, allowedNetworks } = { ...before, ...changes };
  const changed = await db.query<ApiKey>(
    `UPDATE api_key SET name = $2, allowed_networks = $3 WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, name, allowedNetworks],
  );
  return { before, after: only(changed.rows) };
}

/** Nodes write at the same time: a key that another one is writing just now is left to it. */
export async function recordKeyUses(db: Queryable, uses: readonly KeyUse[]): Promise<void> {
  if (uses.length === 0) return;
  await db.query(
    `WITH use AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) u(id, at, address)),
       free AS (SELECT id FROM api_key WHERE id IN (SELECT id FROM use) FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE api_key k SET last_used_at = use.at, last_used_address = use.address
     FROM use JOIN free USING (id) WHERE k.id = use.id AND (k.last_used_at IS NULL OR k.last_used_at < use.at)`,
    [uses.map(({ id }) => id), uses.map(({ at }) => new Date(at)), uses.map(({ address }) => address)],
  );
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
