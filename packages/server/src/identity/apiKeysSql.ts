import type { Queryable } from '../postgres/pool.ts';

/** `webhooks`: to say where events go, which a key that takes payments need not be able to. */
export type Scope = 'read' | 'write' | 'webhooks';

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
}

const COLUMNS = `id, merchant_id AS "merchantId", name, hint, scopes, created_at AS "createdAt",
  expires_at AS "expiresAt", revoked_at AS "revokedAt"`;

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
}

/** An operator's key may make money: unless somebody says otherwise, it is made anew every year. */
export const OPERATOR_KEY_LIFE_MS = 365 * 86_400_000;

/** Keys live in real time: their times are the database's own clock, not the sandbox's. */
export async function insertApiKey(db: Queryable, key: NewApiKey): Promise<ApiKey> {
  const { rows } = await db.query<ApiKey>(
    `INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7) RETURNING ${COLUMNS}`,
    [
      key.id,
      key.merchantId,
      key.name,
      key.hash,
      key.hint,
      key.scopes,
      key.expiresAt === null ? null : new Date(key.expiresAt),
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

/** Which of these keys may read now. */
export async function readReadableKeys(db: Queryable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string }>({
    name: 'readable_keys',
    text: `SELECT id FROM api_key WHERE id = ANY($1::uuid[]) AND 'read' = ANY(scopes)
      AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())`,
    values: [ids],
  });
  return new Set(rows.map(({ id }) => id));
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

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
