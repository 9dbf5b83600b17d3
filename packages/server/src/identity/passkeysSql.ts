/** Passkeys of users, and the challenges that browsers are given. In real time. */
import type { Queryable } from '../postgres/pool.ts';

export interface Passkey {
  readonly id: string;
  readonly userId: string;
  readonly rpId: string;
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly name: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

const COLUMNS = `id, user_id AS "userId", rp_id AS "rpId", credential_id AS "credentialId",
  public_key AS "publicKey", counter::float8 AS counter, transports, name, created_at AS "createdAt", last_used_at AS "lastUsedAt"`;

/** A person has this many devices at most. */
export const MAX_PASSKEYS = 20;
/** As long as somebody may look for the device. */
const CHALLENGE_LIFE = `interval '5 minutes'`;

/** Oldest first. */
export async function listPasskeys(db: Queryable, userId: string): Promise<Passkey[]> {
  const { rows } = await db.query<Passkey>(`SELECT ${COLUMNS} FROM passkey WHERE user_id = $1 ORDER BY id`, [
    userId,
  ]);
  return rows;
}

export async function findPasskey(db: Queryable, credentialId: Buffer): Promise<Passkey | null> {
  const { rows } = await db.query<Passkey>(`SELECT ${COLUMNS} FROM passkey WHERE credential_id = $1`, [
    credentialId,
  ]);
  return rows[0] ?? null;
}

export type NewPasskey = Omit<Passkey, 'createdAt' | 'lastUsedAt'>;

/** @returns null when the same one is there already */
export async function insertPasskey(db: Queryable, passkey: NewPasskey): Promise<Passkey | null> {
  const { id, userId, rpId, credentialId, publicKey, counter, transports, name } = passkey;
  const { rows } = await db.query<Passkey>(
    `INSERT INTO passkey (id, user_id, rp_id, credential_id, public_key, counter, transports, name, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [id, userId, rpId, credentialId, publicKey, counter, transports, name],
  );
  return rows[0] ?? null;
}

/** @returns null when the user has no such passkey */
export async function renamePasskey(
  db: Queryable,
  userId: string,
  id: string,
  name: string,
): Promise<{ before: string; passkey: Passkey } | null> {
  const found = await db.query<Passkey>(
    `SELECT ${COLUMNS} FROM passkey WHERE user_id = $1 AND id = $2 FOR UPDATE`,
    [userId, id],
  );
  const [before] = found.rows;
  if (before === undefined) return null;
  await db.query('UPDATE passkey SET name = $2 WHERE id = $1', [id, name]);
  return { before: before.name, passkey: { ...before, name } };
}

/** @returns its name; null when the user has no such passkey */
export async function deletePasskey(db: Queryable, userId: string, id: string): Promise<string | null> {
  const { rows } = await db.query<{ name: string }>(
    'DELETE FROM passkey WHERE user_id = $1 AND id = $2 RETURNING name',
    [userId, id],
  );
  return rows[0]?.name ?? null;
}

/**
 * A device that counts has signed once more.
 * @returns false when it was removed meanwhile, or another request has used this count: the device may have a copy
 */
export async function usePasskey(
  db: Queryable,
  { id }: Pick<Passkey, 'id'>,
  counter: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE passkey SET counter = $2, last_used_at = clock_timestamp()
     WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))`,
    [id, counter],
  );
  return rowCount === 1;
}

/** @param userId who makes a passkey; null: somebody who signs in */
export async function keepChallenge(db: Queryable, challenge: string, userId: string | null): Promise<void> {
  await db.query(
    `INSERT INTO passkey_challenge (challenge, user_id, expires_at)
     VALUES ($1, $2, clock_timestamp() + ${CHALLENGE_LIFE})`,
    [challenge, userId],
  );
}

/** @returns false when it was not given to them, was used before, or is too old */
export async function useChallenge(
  db: Queryable,
  challenge: string,
  userId: string | null,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `DELETE FROM passkey_challenge
     WHERE challenge = $1 AND user_id IS NOT DISTINCT FROM $2 AND expires_at > clock_timestamp()`,
    [challenge, userId],
  );
  return rowCount === 1;
}
