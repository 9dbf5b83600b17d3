/** What users have besides their passwords. Sealed secrets stay sealed here. In real time. */
import type { Queryable } from '../postgres/pool.ts';

/** Whether a user has a second factor; `u` is the user's row. Recovery codes alone are none. */
export const HAS_SECOND_FACTOR = `(EXISTS (SELECT FROM totp t WHERE t.id = u.id AND t.secret IS NOT NULL)
  OR EXISTS (SELECT FROM passkey p WHERE p.user_id = u.id))`;

/** How long a secret that was shown waits for its first code. */
const PENDING = `interval '1 hour'`;

export interface Factors {
  /** Null: no authenticator app. */
  readonly totp: {
    readonly secret: string;
    readonly setUpAt: number;
    readonly lastStep: number | null;
  } | null;
  readonly passkeys: number;
  readonly recoveryCodes: number;
}

/** What a user has to prove besides the password, if anything. */
export async function readFactors(db: Queryable, userId: string): Promise<Factors> {
  const { rows } = await db.query<{
    secret: string | null;
    setUpAt: number | null;
    lastStep: number | null;
    passkeys: number;
    recoveryCodes: number;
  }>(
    `SELECT t.secret, t.set_up_at AS "setUpAt", t.last_step AS "lastStep",
       (SELECT count(*)::int FROM passkey p WHERE p.user_id = u.id) AS passkeys,
       (SELECT count(*)::int FROM recovery_code r WHERE r.user_id = u.id) AS "recoveryCodes"
     FROM dashboard_user u LEFT JOIN totp t ON t.id = u.id WHERE u.id = $1`,
    [userId],
  );
  const { secret = null, setUpAt = null, lastStep = null, passkeys = 0, recoveryCodes = 0 } = rows[0] ?? {};
  return {
    totp: secret === null || setUpAt === null ? null : { secret, setUpAt, lastStep },
    passkeys,
    recoveryCodes,
  };
}

/** Whether there is anything besides the password. */
export function hasSecondFactor({ totp, passkeys }: Factors): boolean {
  return totp !== null || passkeys > 0;
}

/** A secret that was shown, and takes effect with its first code. */
export async function keepPendingTotp(db: Queryable, userId: string, sealed: string): Promise<void> {
  await db.query(
    `INSERT INTO totp (id, pending_secret, pending_at) VALUES ($1, $2, clock_timestamp())
     ON CONFLICT (id) DO UPDATE SET pending_secret = EXCLUDED.pending_secret, pending_at = EXCLUDED.pending_at`,
    [userId, sealed],
  );
}

/** Until the transaction ends nobody else changes it. @returns null when none was shown, or too long ago */
export async function lockPendingTotp(db: Queryable, userId: string): Promise<string | null> {
  const { rows } = await db.query<{ sealed: string | null }>(
    `SELECT pending_secret AS sealed FROM totp
     WHERE id = $1 AND pending_at > clock_timestamp() - ${PENDING} FOR UPDATE`,
    [userId],
  );
  return rows[0]?.sealed ?? null;
}

/** The pending secret takes effect. @param step the one whose code was its first */
export async function confirmTotp(db: Queryable, userId: string, step: number): Promise<void> {
  await db.query(
    `UPDATE totp SET secret = pending_secret, set_up_at = clock_timestamp(), last_step = $2,
       pending_secret = NULL, pending_at = NULL WHERE id = $1`,
    [userId, step],
  );
}

export async function deleteTotp(db: Queryable, userId: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM totp WHERE id = $1 AND secret IS NOT NULL', [userId]);
  return rowCount === 1;
}

/** @returns false when a code of this step, or of a later one, was used meanwhile, or the secret is gone */
export async function useTotpStep(db: Queryable, userId: string, step: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE totp SET last_step = $2 WHERE id = $1 AND secret IS NOT NULL AND (last_step IS NULL OR last_step < $2)`,
    [userId, step],
  );
  return rowCount === 1;
}

/** @returns false when the user has no such code, or no longer */
export async function useRecoveryCode(db: Queryable, userId: string, hash: Buffer): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM recovery_code WHERE user_id = $1 AND hash = $2', [
    userId,
    hash,
  ]);
  return rowCount === 1;
}

export async function hasRecoveryCode(db: Queryable, userId: string, hash: Buffer): Promise<boolean> {
  const { rows } = await db.query('SELECT FROM recovery_code WHERE user_id = $1 AND hash = $2', [
    userId,
    hash,
  ]);
  return rows.length === 1;
}

/** Those of before work no longer. */
export async function replaceRecoveryCodes(
  db: Queryable,
  userId: string,
  hashes: readonly Buffer[],
): Promise<void> {
  await db.query('DELETE FROM recovery_code WHERE user_id = $1', [userId]);
  await db.query('INSERT INTO recovery_code (user_id, hash) SELECT $1, unnest($2::bytea[])', [
    userId,
    hashes,
  ]);
}

/** A user who has lost everything begins anew. */
export async function deleteFactors(db: Queryable, userId: string): Promise<void> {
  await db.query('DELETE FROM totp WHERE id = $1', [userId]);
  await db.query('DELETE FROM passkey WHERE user_id = $1', [userId]);
  await db.query('DELETE FROM recovery_code WHERE user_id = $1', [userId]);
}

/**
 * Two changes of one user's factors take turns, and so do sign-ins, which use them up. Whoever locks the user does it before
 * anything else of theirs: else each of two could wait for what the other has. Rows that only name the user wait for nobody.
 */
export async function lockUser(db: Queryable, userId: string): Promise<void> {
  await db.query('SELECT FROM dashboard_user WHERE id = $1 FOR NO KEY UPDATE', [userId]);
}

/** Whether the users of a merchant must have a second factor. */
export async function readRequirement(db: Queryable, merchantId: string): Promise<boolean> {
  const { rows } = await db.query<{ required: boolean }>(
    'SELECT require_second_factor AS required FROM merchant WHERE id = $1',
    [merchantId],
  );
  return rows[0]?.required ?? false;
}

/** @returns what it was before */
export async function setRequirement(db: Queryable, merchantId: string, required: boolean): Promise<boolean> {
  const { rows } = await db.query<{ required: boolean }>(
    `UPDATE merchant m SET require_second_factor = $2
     FROM (SELECT id, require_second_factor AS required FROM merchant WHERE id = $1 FOR UPDATE) before
     WHERE m.id = before.id RETURNING before.required`,
    [merchantId, required],
  );
  return rows[0]?.required ?? false;
}
