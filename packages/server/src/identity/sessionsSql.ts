/** Sessions of the dashboard: rows of `api_key` with a user (migration 0007 says why). In real time. */

import { isLeased } from '../postgres/leases.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type Role, scopesOf } from './roles.ts';
import { FORGET_ATTEMPTS_MS, LOCK_OUT, lockOutMs } from './signIn.ts';
import type { Credentials, User } from './usersSql.ts';

/** A session that is not used for so long is over, and one that is so old in any case. */
const IDLE = `interval '12 hours'`;
const ABSOLUTE = `interval '7 days'`;
/** Use moves the end of a session this far at a time, so that most requests write nothing. */
const STEP = `interval '5 minutes'`;
/** How long a browser keeps the cookie. */
export const SESSION_SECONDS = 7 * 86_400;

export interface Session {
  readonly id: string;
  readonly merchantId: string | null;
  readonly userId: string;
  readonly role: Role;
}

const LIVE = `k.revoked_at IS NULL AND k.expires_at > clock_timestamp()
  AND u.disabled_at IS NULL AND u.deleted_at IS NULL`;
const SESSION = `SELECT k.id, k.merchant_id AS "merchantId", u.id AS "userId", u.role,
    k.expires_at < least(k.created_at + ${ABSOLUTE}, clock_timestamp() + ${IDLE} - ${STEP}) AS stale
  FROM api_key k JOIN dashboard_user u ON u.id = k.user_id`;

/** The session of a cookie's token, whose end its use puts off. @returns null when there is none, or no longer */
export async function useSession(db: Queryable, hash: Buffer): Promise<Session | null> {
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
      `UPDATE api_key SET expires_at = least(created_at + ${ABSOLUTE}, clock_timestamp() + ${IDLE})
       WHERE id = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()`,
      [session.id],
    );
  }
  return session;
}

/** A session as it is now: what a write asks before it changes anything. */
export async function readSession(db: Queryable, id: string): Promise<Session | null> {
  const { rows } = await db.query<Session>(`${SESSION} WHERE k.id = $1 AND ${LIVE}`, [id]);
  return rows[0] ?? null;
}

/**
 * Begins a session for a user who has proved the password.
 * @returns the user; null when they were disabled or got another password meanwhile
 */
export async function beginSession(
  db: Queryable,
  session: { readonly id: string; readonly hash: Buffer },
  { id: userId, passwordHash }: Pick<Credentials, 'id' | 'passwordHash'>,
): Promise<{ name: string; role: Role; merchantId: string | null } | null> {
  // It locks the user: a change of role that commits before is seen here, a later one sees the session.
  const { rows } = await db.query<Pick<User, 'name' | 'role' | 'merchantId'>>(
    `UPDATE dashboard_user SET last_sign_in_at = clock_timestamp()
     WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL AND deleted_at IS NULL
     RETURNING name, role, merchant_id AS "merchantId"`,
    [userId, passwordHash],
  );
  const [user] = rows;
  if (user === undefined) return null;
  await db.query(
    `INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at, expires_at, user_id)
     VALUES ($1, $2, 'session', $3, '', $4, clock_timestamp(), clock_timestamp() + ${IDLE}, $5)`,
    [session.id, user.merchantId, session.hash, scopesOf(user.role), userId],
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

/** Takes away what is over, in steps: sessions that ended, and attempts that are forgotten. */
export async function purgeSessions(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM api_key WHERE id IN (SELECT id FROM api_key
       WHERE user_id IS NOT NULL AND expires_at < clock_timestamp() LIMIT 500 FOR UPDATE SKIP LOCKED)`,
  );
  await db.query(
    `DELETE FROM sign_in_attempt WHERE subject IN (SELECT subject FROM sign_in_attempt
       WHERE last_at < clock_timestamp() - $1 * interval '1 millisecond' LIMIT 500 FOR UPDATE SKIP LOCKED)`,
    [FORGET_ATTEMPTS_MS],
  );
}
