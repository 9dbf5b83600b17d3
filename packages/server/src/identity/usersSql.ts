/** People who sign in to the dashboard. A merchant's id of null stands for the operators. */

import type { Queryable } from '../postgres/pool.ts';
import type { Role } from './roles.ts';
import { scopesOf } from './roles.ts';
import { deleteFactors, HAS_SECOND_FACTOR } from './secondFactorsSql.ts';

export interface User {
  readonly id: string;
  /** Null: an operator. */
  readonly merchantId: string | null;
  /** In lower case. */
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly lastSignInAt: number | null;
  readonly disabled: boolean;
  readonly hasSecondFactor: boolean;
  /** Whether an identity of OpenID Connect is linked. */
  readonly hasIdentity: boolean;
}

const COLUMNS = `id, merchant_id AS "merchantId", email, name, role, created_at AS "createdAt",
  last_sign_in_at AS "lastSignInAt", disabled_at IS NOT NULL AS disabled, ${HAS_SECOND_FACTOR} AS "hasSecondFactor",
  EXISTS (SELECT FROM oidc_link o WHERE o.user_id = u.id) AS "hasIdentity"`;

export interface NewUser extends Pick<User, 'id' | 'merchantId' | 'email' | 'name' | 'role'> {
  readonly passwordHash: string;
}

/** @returns null when another user of the same merchant, or another operator, has the e-mail address */
export async function insertUser(db: Queryable, user: NewUser): Promise<User | null> {
  const { rows } = await db.query<User>(
    `INSERT INTO dashboard_user AS u (id, merchant_id, email, name, role, password_hash, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [user.id, user.merchantId, user.email, user.name, user.role, user.passwordHash],
  );
  return rows[0] ?? null;
}

/** Newest first. */
export async function listUsers(
  db: Queryable,
  merchantId: string | null,
  before: string | null,
  limit: number,
): Promise<User[]> {
  const { rows } = await db.query<User>(
    `SELECT ${COLUMNS} FROM dashboard_user u WHERE merchant_id IS NOT DISTINCT FROM $1 AND deleted_at IS NULL
       AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [merchantId, before, limit],
  );
  return rows;
}

export async function findUser(db: Queryable, id: string): Promise<User | null> {
  const { rows } = await db.query<User>(
    `SELECT ${COLUMNS} FROM dashboard_user u WHERE id = $1 AND deleted_at IS NULL`,
    [id],
  );
  return rows[0] ?? null;
}

/** The operator with this e-mail address, whose row is locked. */
export async function findOperator(db: Queryable, email: string): Promise<User | null> {
  const { rows } = await db.query<User>(
    `SELECT ${COLUMNS} FROM dashboard_user u
     WHERE email = $1 AND merchant_id IS NULL AND deleted_at IS NULL FOR UPDATE`,
    [email],
  );
  return rows[0] ?? null;
}

/** All users of a merchant, or all operators, as they are until the end of the transaction. */
export async function lockUsers(db: Queryable, merchantId: string | null): Promise<User[]> {
  const { rows } = await db.query<User>(
    `SELECT ${COLUMNS} FROM dashboard_user u WHERE merchant_id IS NOT DISTINCT FROM $1 AND deleted_at IS NULL
     ORDER BY id FOR UPDATE`,
    [merchantId],
  );
  return rows;
}

/** Changes a user whose row is locked; their sessions follow in the same transaction. */
export async function updateUser(
  db: Queryable,
  id: string,
  { name, role, disabled }: Pick<User, 'name' | 'role' | 'disabled'>,
): Promise<User | null> {
  const { rows } = await db.query<User>(
    `UPDATE dashboard_user u SET name = $2, role = $3,
       disabled_at = CASE WHEN $4 THEN coalesce(disabled_at, clock_timestamp()) END
     WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, name, role, disabled],
  );
  await db.query('UPDATE api_key SET scopes = $2 WHERE user_id = $1 AND revoked_at IS NULL', [
    id,
    scopesOf(role),
  ]);
  return rows[0] ?? null;
}

export async function deleteUser(db: Queryable, id: string): Promise<void> {
  await db.query('UPDATE dashboard_user SET deleted_at = clock_timestamp() WHERE id = $1', [id]);
  await deleteFactors(db, id);
}

export interface Credentials {
  readonly id: string;
  readonly passwordHash: string;
  readonly merchantId: string | null;
}

/** What somebody who signs in has to prove; nothing when nobody who may sign in has this address. */
export async function findCredentials(db: Queryable, email: string): Promise<Credentials[]> {
  const { rows } = await db.query<Credentials>(
    `SELECT id, password_hash AS "passwordHash", merchant_id AS "merchantId" FROM dashboard_user
     WHERE email = $1 AND deleted_at IS NULL AND disabled_at IS NULL ORDER BY id`,
    [email],
  );
  return rows;
}

/**
 * The hash of any account with this e-mail address, whoever's it is: accounts of one address share a salt, so that
 * one computation tells which of them a password is of. Never shown.
 */
export async function findHashOfAddress(db: Queryable, email: string): Promise<string | null> {
  const { rows } = await db.query<{ hash: string }>(
    'SELECT password_hash AS hash FROM dashboard_user WHERE email = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1',
    [email],
  );
  return rows[0]?.hash ?? null;
}

export async function findPasswordHash(db: Queryable, id: string): Promise<string | null> {
  const { rows } = await db.query<{ hash: string }>(
    'SELECT password_hash AS hash FROM dashboard_user WHERE id = $1',
    [id],
  );
  return rows[0]?.hash ?? null;
}

/** @param verified the hash that the old password was checked against; null: not asked for */
export async function setPasswordHash(
  db: Queryable,
  id: string,
  passwordHash: string,
  verified: string | null,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE dashboard_user SET password_hash = $2
     WHERE id = $1 AND deleted_at IS NULL AND ($3::text IS NULL OR password_hash = $3)`,
    [id, passwordHash, verified],
  );
  return rowCount === 1;
}

/** The names of those of these users who are the merchant's; also of former ones. */
export async function namesOfUsers(
  db: Queryable,
  merchantId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; name: string }>(
    'SELECT id, name FROM dashboard_user WHERE id = ANY($1::uuid[]) AND merchant_id = $2',
    [ids, merchantId],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
