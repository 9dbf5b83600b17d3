/** Sessions of the dashboard: rows of `api_key` with a user (migration 0007 says why). In real time. */

import { isLeased } from '../postgres/leases.ts';
import { olderNodesRun } from '../postgres/nodeLevel.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type Role, scopesOf } from './roles.ts';
import { HAS_SECOND_FACTOR } from './secondFactorsSql.ts';
import { FORGET_ATTEMPTS_MS, LOCK_OUT, lockOutMs } from './signIn.ts';
import type { Credentials, User } from './usersSql.ts';

/** A session that is not used for so long is over, and one that is so old in any case. */
const IDLE = `interval '12 hours'`;
const ABSOLUTE = `interval '7 days'`;
/** Use moves the end of a session this far at a time, so that most requests write nothing. */
const STEP = `interval '5 minutes'`;
/** So long after signing in the password is not asked for again. */
const FRESH = `interval '10 minutes'`;
/** How long a browser keeps the cookie. */
export const SESSION_SECONDS = 7 * 86_400;

export interface Session {
  readonly id: string;
  readonly merchantId: string | null;
  readonly userId: string;
  readonly role: Role;
  /** Whether more than the password was proved. Of a user who has a second factor there are no others. */
  readonly hasSecondFactor: boolean;
  /** Whether the user's merchant asks for it. */
  readonly isSecondFactorRequired: boolean;
  /** Whether nodes run that know no second factors, of an operator who has none: nobody can set one up then. */
  readonly areNodesOlder: boolean;
}

/** How somebody signed in. */
export const WAYS_TO_SIGN_IN = [
  'password',
  'password_and_code',
  'password_and_recovery_code',
  'passkey',
  'openid_connect',
  'openid_connect_and_code',
  'openid_connect_and_recovery_code',
] as const;
export type SignedInBy = (typeof WAYS_TO_SIGN_IN)[number];

const LIVE = `k.revoked_at IS NULL AND k.expires_at > clock_timestamp()
  AND u.disabled_at IS NULL AND u.deleted_at IS NULL AND (k.second_factor OR NOT ${HAS_SECOND_FACTOR})`;
const SESSION = `SELECT k.id, k.merchant_id AS "merchantId", u.id AS "userId", u.role,
    k.second_factor AS "hasSecondFactor", coalesce(m.require_second_factor, false) AS "isSecondFactorRequired",
    CASE WHEN u.merchant_id IS NULL AND NOT k.second_factor THEN ${olderNodesRun('protectedAccounts')} ELSE false END AS "areNodesOlder",
    k.expires_at < least(k.created_at + ${ABSOLUTE}, clock_timestamp() + ${IDLE} - ${STEP})
      OR k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - ${STEP} AS stale
  FROM api_key k JOIN dashboard_user u ON u.id = k.user_id LEFT JOIN merchant m ON m.id = u.merchant_id`;

/**
 * The session of a cookie's token, whose end its use puts off.
 * @param address from where it is used
 * @returns null when there is none, or no longer
 */
export async function useSession(db: Queryable, hash: Buffer, address: string): Promise<Session | null> {
  const { rows } = await db.query<Session & { stale: boolean }>({
    name: 'session_of_token',
    text: `${SESSION} WHERE k.hash = $1 AND ${LIVE}`,
    values: [hash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { stale, ...session } = row;
  if (stale) {
    await db.query(
      `UPDATE api_key SET expires_at = least(created_at + ${ABSOLUTE}, clock_timestamp() + ${IDLE}),
         last_used_at = clock_timestamp(), last_used_address = $2
       WHERE id = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()`,
      [session.id, address],
    );
  }
  return session;
}

/** A session as it is now: what a write asks before it changes anything. */
export async function readSession(db: Queryable, id: string): Promise<Session | null> {
  const { rows } = await db.query<Session>(`${SESSION} WHERE k.id = $1 AND ${LIVE}`, [id]);
  return rows[0] ?? null;
}

/** A session that begins. */
export interface NewSession {
  readonly id: string;
  /** Of the cookie's token. */
  readonly hash: Buffer;
  readonly signedInBy: SignedInBy;
  /** Whether more than one thing was proved: here, or at the identity provider. */
  readonly hasSecondFactor: boolean;
  /** From where, and in which browser. */
  readonly address: string;
  readonly userAgent: string | null;
}

/**
 * Begins a session for a user who has proved who they are.
 * @returns the user; null when they were disabled or got another password meanwhile
 */
export async function beginSession(
  db: Queryable,
  session: NewSession,
  { id: userId, passwordHash }: Pick<Credentials, 'id'> & { readonly passwordHash: string | null },
): Promise<{ name: string; role: Role; merchantId: string | null } | null> {
  // The user is locked: a change of role that commits before is seen here, a later one sees the session.
  const { rows } = await db.query<Pick<User, 'name' | 'role' | 'merchantId'>>(
    `UPDATE dashboard_user SET last_sign_in_at = clock_timestamp()
     WHERE id = $1 AND ($2::text IS NULL OR password_hash = $2) AND disabled_at IS NULL AND deleted_at IS NULL
     RETURNING name, role, merchant_id AS "merchantId"`,
    [userId, passwordHash],
  );
  const [user] = rows;
  if (user === undefined) return null;
  await db.query(
    `INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at, expires_at, user_id,
       second_factor, signed_in_by, address, user_agent, last_used_at, last_used_address)
     VALUES ($1, $2, 'session', $3, '', $4, clock_timestamp(), clock_timestamp() + ${IDLE}, $5,
       $6, $7, $8, $9, clock_timestamp(), $8)`,
    [
      ...[session.id, user.merchantId, session.hash, scopesOf(user.role), userId],
      ...[session.hasSecondFactor, session.signedInBy, session.address, session.userAgent],
    ],
  );
  return user;
}

export async function endSession(db: Queryable, hash: Buffer): Promise<void> {
  await db.query('DELETE FROM api_key WHERE hash = $1 AND user_id IS NOT NULL', [hash]);
}

/** @param except the session that goes on; null: none does */
export async function endSessionsOf(db: Queryable, userId: string, except: string | null): Promise<void> {
  await db.query('DELETE FROM api_key WHERE user_id = $1 AND id IS DISTINCT FROM $2', [userId, except]);
}

/** A session as its user sees it. */
export interface ListedSession {
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** To within some minutes. */
  readonly lastUsedAt: number | null;
  readonly lastUsedAddress: string | null;
  /** Where it began. */
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly signedInBy: SignedInBy | null;
}

/** A bound on an answer: nobody has so many. */
const MAX_LISTED = 200;

/** The sessions of a user that are not over, the one that was used last first. */
export async function listSessions(db: Queryable, userId: string): Promise<ListedSession[]> {
  const { rows } = await db.query<ListedSession>(
    `SELECT k.id, k.created_at AS "createdAt", k.expires_at AS "expiresAt", k.last_used_at AS "lastUsedAt",
       k.last_used_address AS "lastUsedAddress", k.address, k.user_agent AS "userAgent", k.signed_in_by AS "signedInBy"
     FROM api_key k JOIN dashboard_user u ON u.id = k.user_id WHERE k.user_id = $1 AND ${LIVE}
     ORDER BY k.last_used_at DESC NULLS LAST, k.id DESC LIMIT ${MAX_LISTED}`,
    [userId],
  );
  return rows;
}

/** @returns whether the user has had such a session */
export async function endSessionOf(db: Queryable, userId: string, id: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM api_key WHERE user_id = $1 AND id = $2', [userId, id]);
  return rowCount === 1;
}

/**
 * Whether a session began a moment ago: who is behind it has just proved who they are. Somebody who was signed in at the identity
 * provider long before has not.
 */
export async function isFreshSession(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT FROM api_key k LEFT JOIN oidc_session o ON o.id = k.id
     WHERE k.id = $1 AND k.user_id IS NOT NULL AND k.created_at > clock_timestamp() - ${FRESH}
       AND (o.id IS NULL OR o.authenticated_at > clock_timestamp() - ${FRESH})`,
    [id],
  );
  return rows.length === 1;
}

/** What a user has set up, or given up, counts for the sessions that go on. */
export async function setSecondFactorOfSessions(db: Queryable, userId: string, has: boolean): Promise<void> {
  await db.query('UPDATE api_key SET second_factor = $2 WHERE user_id = $1', [userId, has]);
}

/** What an attempt to sign in is counted under. */
export interface AttemptSubject {
  readonly kind: keyof typeof LOCK_OUT;
  /** Two of one attempt are never the same. */
  readonly subject: string;
}

/** Something that is locked out, and for how long. */
export interface AttemptLock {
  readonly subject: string;
  readonly ms: number;
}

/** Which of them are locked out. It locks no row: whoever is locked out waits for nobody, and nobody for them. */
export async function findLocks(db: Queryable, subjects: readonly AttemptSubject[]): Promise<AttemptLock[]> {
  const { rows } = await db.query<AttemptLock>(
    `SELECT subject, ceil(extract(epoch FROM locked_until - clock_timestamp()) * 1000)::int AS ms
     FROM sign_in_attempt WHERE subject = ANY($1) AND ${isLeased('locked_until', LONGEST_LOCK)}`,
    [subjects.map(({ subject }) => subject)],
  );
  return rows.map(({ subject, ms }) => ({ subject, ms: Math.max(1, ms) }));
}

const LONGEST_LOCK = `interval '${Math.max(...Object.values(LOCK_OUT).map(({ maxMs }) => maxMs))} milliseconds'`;

/**
 * Counts an attempt before it is known to be wrong, so that any number at once are no more than so many in a
 * row. Within a transaction, to be rolled back when one of the subjects is locked out.
 * @returns what is locked out; nothing: the attempt may be made
 */
export async function countAttempt(
  db: Queryable,
  subjects: readonly AttemptSubject[],
): Promise<AttemptLock[]> {
  const names = subjects.map(({ subject }) => subject);
  const { rows: counted } = await db.query<{ subject: string; attempts: number }>(
    `INSERT INTO sign_in_attempt AS a (subject, attempts, last_at)
       SELECT subject, 1, clock_timestamp() FROM unnest($1::text[]) subject ORDER BY subject
     ON CONFLICT (subject) DO UPDATE SET last_at = clock_timestamp(),
       attempts = CASE WHEN a.last_at > clock_timestamp() - $2 * interval '1 millisecond' THEN a.attempts + 1 ELSE 1 END
     WHERE NOT ${isLeased('a.locked_until', LONGEST_LOCK)} RETURNING subject, attempts`,
    [names, FORGET_ATTEMPTS_MS],
  );
  if (counted.length < subjects.length) return lockedOf(db, subjects, counted);
  const waits = subjects.map(({ kind, subject }) => {
    const attempts = counted.find((row) => row.subject === subject)?.attempts ?? 0;
    return lockOutMs(attempts, LOCK_OUT[kind]);
  });
  await db.query(
    `UPDATE sign_in_attempt a SET locked_until = clock_timestamp() + u.wait * interval '1 millisecond'
     FROM unnest($1::text[], $2::bigint[]) u(subject, wait) WHERE a.subject = u.subject AND u.wait > 0`,
    [names, waits],
  );
  return [];
}

/** Those that were not counted; a lock that has ended since is one of the shortest. */
async function lockedOf(
  db: Queryable,
  subjects: readonly AttemptSubject[],
  counted: readonly { subject: string }[],
): Promise<AttemptLock[]> {
  const locked = subjects.filter(({ subject }) => !counted.some((row) => row.subject === subject));
  const found = await findLocks(db, locked);
  return locked.map(({ subject }) => found.find((lock) => lock.subject === subject) ?? { subject, ms: 1 });
}

/** Of an attempt that failed, what it has locked out, and for how long: the lock may be over by now. */
export async function readLockOuts(
  db: Queryable,
  attempt: readonly AttemptSubject[],
): Promise<{ readonly locked: AttemptSubject['kind']; readonly seconds: number }[]> {
  const { rows } = await db.query<{ subject: string; seconds: number }>(
    `SELECT subject, ceil(extract(epoch FROM locked_until - last_at))::int AS seconds
     FROM sign_in_attempt WHERE subject = ANY($1) AND locked_until > last_at`,
    [attempt.map(({ subject }) => subject)],
  );
  return attempt.flatMap(({ kind, subject }) =>
    rows.filter((row) => row.subject === subject).map(({ seconds }) => ({ locked: kind, seconds })),
  );
}

/**
 * An attempt succeeded: the account, or the browser, begins anew. Its address only takes this one back, lest one
 * known password make others free to guess; so does an account whose e-mail address other accounts have, too.
 */
export async function forgiveAttempt(
  db: Queryable,
  subjects: readonly AttemptSubject[],
  isShared: boolean,
): Promise<void> {
  for (const { kind, subject } of subjects) {
    const text =
      kind === 'browser' || (kind === 'account' && !isShared)
        ? 'DELETE FROM sign_in_attempt WHERE subject = $1'
        : 'UPDATE sign_in_attempt SET attempts = attempts - 1, locked_until = NULL WHERE subject = $1';
    await db.query(text, [subject]);
  }
}

/** Of one kind, by one statement. */
const PURGED_AT_ONCE = 500;

/**
 * Takes away what is over, a step of it: sessions that ended, attempts that are forgotten, challenges that nobody signed, sign-ins from which nobody came back.
 * @returns whether there may be more: strangers write all but sessions, as many as they like
 */
export async function purgeSessions(db: Queryable): Promise<boolean> {
  const sessions = await db.query(
    `DELETE FROM api_key WHERE id IN (SELECT id FROM api_key
       WHERE user_id IS NOT NULL AND expires_at < clock_timestamp() LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
  );
  const attempts = await db.query(
    `DELETE FROM sign_in_attempt WHERE subject IN (SELECT subject FROM sign_in_attempt
       WHERE last_at < clock_timestamp() - $1 * interval '1 millisecond' LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    [FORGET_ATTEMPTS_MS],
  );
  const challenges = await db.query(
    `DELETE FROM passkey_challenge WHERE challenge IN (SELECT challenge FROM passkey_challenge
       WHERE expires_at < clock_timestamp() LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
  );
  const signIns = await db.query(
    `DELETE FROM oidc_sign_in WHERE id IN (SELECT id FROM oidc_sign_in
       WHERE expires_at < clock_timestamp() LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
  );
  return [sessions, attempts, challenges, signIns].some(({ rowCount }) => rowCount === PURGED_AT_ONCE);
}
