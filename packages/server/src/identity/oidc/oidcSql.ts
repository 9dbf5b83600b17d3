/** Links of users to identities, and sign-ins that are under way. In real time. */
import { ADVISORY_LOCKS } from '../../postgres/advisoryLocks.ts';
import type { Queryable } from '../../postgres/pool.ts';
import type { Candidate, Identity } from './identities.ts';
import type { Departure } from './provider.ts';

/** As long as somebody may take at the provider, and then at the page that asks for a code. */
const LIFE = `interval '10 minutes'`;

/** Somebody who is under way. */
interface SignInRow {
  readonly id: string;
  readonly browserHash: Buffer;
  /** Who links an identity; null: somebody who signs in. */
  readonly userId: string | null;
  readonly redirectUri: string;
  readonly next: string;
}

export interface Departed extends SignInRow {
  readonly departure: Departure;
}

export interface Arrived extends SignInRow {
  readonly identity: Identity;
  /** Sealed. */
  readonly idToken: string;
}

const COLUMNS = `id, browser_hash AS "browserHash", user_id AS "userId", redirect_uri AS "redirectUri", next`;

export async function keepDeparture(db: Queryable, row: Departed): Promise<void> {
  const { state, nonce, codeVerifier, maxAge } = row.departure;
  await db.query(
    `INSERT INTO oidc_sign_in (id, browser_hash, user_id, redirect_uri, next, state, nonce, code_verifier, max_age, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + ${LIFE})`,
    [row.id, row.browserHash, row.userId, row.redirectUri, row.next, state, nonce, codeVerifier, maxAge],
  );
}

/**
 * Each is used once, and by nothing but its own `state`: whoever sends the browser to the callback ends no sign-in.
 * @returns null when this browser has begun none, or too long ago
 */
export async function useDeparture(
  db: Queryable,
  browserHash: Buffer,
  state: string,
): Promise<Departed | null> {
  const { rows } = await db.query<SignInRow & Omit<Departure, 'redirectUri'>>(
    `DELETE FROM oidc_sign_in WHERE browser_hash = $1 AND state = $2 AND expires_at > clock_timestamp()
     RETURNING ${COLUMNS}, state, nonce, code_verifier AS "codeVerifier", max_age AS "maxAge",
       extract(epoch FROM expires_at - ${LIFE})::float8 AS "beganAt"`,
    [browserHash, state],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { state: own, nonce, codeVerifier, maxAge, beganAt, ...common } = row;
  const { redirectUri } = row;
  return { ...common, departure: { state: own, nonce, codeVerifier, maxAge, beganAt, redirectUri } };
}

export async function keepArrival(db: Queryable, row: Arrived): Promise<void> {
  await db.query(
    `INSERT INTO oidc_sign_in (id, browser_hash, user_id, redirect_uri, next, identity, id_token, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + ${LIFE})`,
    [
      ...[row.id, row.browserHash, row.userId, row.redirectUri, row.next],
      ...[JSON.stringify(row.identity), row.idToken],
    ],
  );
}

/** @returns null when nobody has come back in this browser, or too long ago */
export async function findArrival(db: Queryable, browserHash: Buffer): Promise<Arrived | null> {
  const { rows } = await db.query<Arrived>(
    `SELECT ${COLUMNS}, identity, id_token AS "idToken" FROM oidc_sign_in
     WHERE browser_hash = $1 AND identity IS NOT NULL AND expires_at > clock_timestamp()`,
    [browserHash],
  );
  return rows[0] ?? null;
}

/** @returns false when it was used meanwhile */
export async function useArrival(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'DELETE FROM oidc_sign_in WHERE id = $1 AND expires_at > clock_timestamp()',
    [id],
  );
  return rowCount === 1;
}

/** Users who are linked to this identity, deleted ones too, and those who have its e-mail address; deleted operators had it. */
export async function findCandidates(
  db: Queryable,
  { issuer, subject, email }: Identity,
): Promise<Candidate[]> {
  const { rows } = await db.query<Candidate>(
    `SELECT u.id, u.merchant_id AS "merchantId", u.email, u.disabled_at IS NULL AND u.deleted_at IS NULL AS "isActive",
       CASE WHEN l.user_id IS NULL THEN 'none' WHEN l.issuer = $1 AND l.subject = $2 THEN 'this' ELSE 'another' END AS link
     FROM dashboard_user u LEFT JOIN oidc_link l ON l.user_id = u.id
     WHERE u.id IN (SELECT user_id FROM oidc_link WHERE issuer = $1 AND subject = $2)
       OR u.id IN (SELECT id FROM dashboard_user WHERE email = $3 AND (deleted_at IS NULL OR merchant_id IS NULL))
     ORDER BY u.id`,
    [issuer, subject, email],
  );
  return rows;
}

/**
 * Whether another user of the same merchant, or another operator, has this identity. Until the transaction ends nobody else links
 * it: two who do so at once would both find nobody.
 */
export async function isLinkedToAnother(
  db: Queryable,
  { id, merchantId }: { readonly id: string; readonly merchantId: string | null },
  { issuer, subject }: Pick<Identity, 'issuer' | 'subject'>,
): Promise<boolean> {
  await db.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [
    ADVISORY_LOCKS.identity,
    `${issuer} ${subject}`,
  ]);
  const { rows } = await db.query<{ isLinked: boolean }>(
    `SELECT EXISTS(SELECT FROM oidc_link l JOIN dashboard_user u ON u.id = l.user_id
       WHERE l.issuer = $1 AND l.subject = $2 AND u.merchant_id IS NOT DISTINCT FROM $3::uuid AND u.id <> $4
         AND u.deleted_at IS NULL) AS "isLinked"`,
    [issuer, subject, merchantId, id],
  );
  return rows[0]?.isLinked === true;
}

/** Links a user who has no link, and whom the caller has locked. @returns false when there is one */
export async function insertLink(
  db: Queryable,
  userId: string,
  { issuer, subject }: Pick<Identity, 'issuer' | 'subject'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO oidc_link (user_id, issuer, subject, linked_at) VALUES ($1, $2, $3, clock_timestamp())
     ON CONFLICT (user_id) DO NOTHING`,
    [userId, issuer, subject],
  );
  return rowCount === 1;
}

/** @returns false when the user is not linked to this identity, or no longer */
export async function useLink(
  db: Queryable,
  userId: string,
  { issuer, subject }: Pick<Identity, 'issuer' | 'subject'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE oidc_link SET last_used_at = clock_timestamp() WHERE user_id = $1 AND issuer = $2 AND subject = $3`,
    [userId, issuer, subject],
  );
  return rowCount === 1;
}

/** What a user is linked to. */
export interface Link {
  readonly issuer: string;
  readonly subject: string;
  readonly linkedAt: number;
  readonly lastUsedAt: number | null;
}

const LINK = 'issuer, subject, linked_at AS "linkedAt", last_used_at AS "lastUsedAt"';

export async function findLink(db: Queryable, userId: string): Promise<Link | null> {
  const { rows } = await db.query<Link>(`SELECT ${LINK} FROM oidc_link WHERE user_id = $1`, [userId]);
  return rows[0] ?? null;
}

/** @returns what it was; null when there was none */
export async function deleteLink(db: Queryable, userId: string): Promise<Link | null> {
  const { rows } = await db.query<Link>(`DELETE FROM oidc_link WHERE user_id = $1 RETURNING ${LINK}`, [
    userId,
  ]);
  return rows[0] ?? null;
}

/** @param idToken sealed */
export async function keepSession(
  db: Queryable,
  sessionId: string,
  idToken: string,
  authenticatedAt: number | null,
): Promise<void> {
  await db.query(
    'INSERT INTO oidc_session (id, id_token, authenticated_at) VALUES ($1, $2, to_timestamp($3))',
    [sessionId, idToken, authenticatedAt],
  );
}

/** The sealed ID token that a session began with; null: it did not begin at the provider. */
export async function findIdToken(db: Queryable, sessionId: string): Promise<string | null> {
  const { rows } = await db.query<{ idToken: string }>(
    'SELECT id_token AS "idToken" FROM oidc_session WHERE id = $1',
    [sessionId],
  );
  return rows[0]?.idToken ?? null;
}
