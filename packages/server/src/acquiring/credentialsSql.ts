/** How merchants are known to acquirers: rows that stay, since payments go on under the account that authorized them. */
import type { Millis } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

/** That a merchant's credentials at an acquirer are kept, without them. */
export interface KeptCredentials {
  readonly acquirerId: string;
  readonly names: readonly string[];
  readonly updatedAt: Millis;
}

/** What new payments of a merchant are asked with, by acquirer. */
export async function listCredentials(db: Queryable, merchantId: string): Promise<KeptCredentials[]> {
  const { rows } = await db.query<KeptCredentials>(
    `SELECT "acquirerId", names, "updatedAt" FROM (
       SELECT DISTINCT ON (acquirer_id) acquirer_id AS "acquirerId", names, created_at AS "updatedAt", sealed
       FROM bank_credentials WHERE merchant_id = $1 ORDER BY acquirer_id, number DESC) newest
     WHERE sealed IS NOT NULL ORDER BY 1`,
    [merchantId],
  );
  return rows;
}

/** Bound to the id of its row. */
export interface SealedCredentials {
  readonly id: string;
  readonly sealed: string;
}

/** What a new payment is asked with; null: with nothing. */
export async function findNewestCredentials(
  db: Queryable,
  merchantId: string,
  acquirerId: string,
): Promise<SealedCredentials | null> {
  const { rows } = await db.query<{ id: string; sealed: string | null }>({
    name: 'newest_credentials',
    text: `SELECT id, sealed FROM bank_credentials WHERE merchant_id = $1 AND acquirer_id = $2
      ORDER BY number DESC LIMIT 1`,
    values: [merchantId, acquirerId],
  });
  return withSealed(rows[0]);
}

/**
 * The newest row of the account that this row is of: only its secret may be another one since. @returns undefined: there is
 * no such row of this merchant at this acquirer
 */
export async function findAccountsCredentials(
  db: Queryable,
  { credentialsId, merchantId, acquirerId }: CredentialsOf & { readonly credentialsId: string },
): Promise<SealedCredentials | undefined> {
  const { rows } = await db.query<{ id: string; sealed: string | null }>({
    name: 'accounts_credentials',
    text: `SELECT newest.id, newest.sealed FROM bank_credentials c CROSS JOIN LATERAL (
        SELECT id, sealed FROM bank_credentials WHERE account_id = c.account_id ORDER BY number DESC LIMIT 1) newest
      WHERE c.id = $1 AND c.merchant_id = $2 AND c.acquirer_id = $3`,
    values: [credentialsId, merchantId, acquirerId],
  });
  return withSealed(rows[0]) ?? undefined;
}

/** Whose they are, at which acquirer. */
interface CredentialsOf {
  readonly merchantId: string;
  readonly acquirerId: string;
}

/**
 * For what a node recorded that did not keep it: the row of the payment, else the one that there was when the payment
 * began. Null: neither.
 */
export async function findCredentialsOfPayment(
  db: Queryable,
  { paymentId, merchantId, acquirerId }: CredentialsOf & { readonly paymentId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ id: string | null }>(
    `SELECT coalesce(t.credentials_id, (SELECT CASE WHEN c.sealed IS NOT NULL THEN c.id END FROM bank_credentials c
         WHERE c.merchant_id = $2 AND c.acquirer_id = $3 AND (c.number = 0 OR c.created_at <= t.created_at)
         ORDER BY c.number DESC LIMIT 1)) AS id
     FROM transaction t WHERE t.id = $1`,
    [paymentId, merchantId, acquirerId],
  );
  return rows[0]?.id ?? null;
}

/** The last row of each account that a merchant has, or had, at an acquirer, the newest first. With the acquirer locked. */
export async function listAccounts(
  db: Queryable,
  { merchantId, acquirerId }: CredentialsOf,
): Promise<(SealedCredentials & { readonly accountId: string })[]> {
  const { rows } = await db.query<SealedCredentials & { accountId: string }>(
    `SELECT id, sealed, account_id AS "accountId" FROM (
       SELECT DISTINCT ON (account_id) * FROM bank_credentials
       WHERE merchant_id = $1 AND acquirer_id = $2 AND sealed IS NOT NULL ORDER BY account_id, number DESC) newest
     ORDER BY number DESC`,
    [merchantId, acquirerId],
  );
  return rows;
}

export interface NewCredentials extends CredentialsOf {
  readonly id: string;
  /** The id of the account's first row: its own, if that is this one. */
  readonly accountId: string;
  readonly names: readonly string[];
  /** Null: new payments are asked with nothing. */
  readonly sealed: string | null;
}

/** Adds the row that new payments are asked under from now on; with the acquirer locked. */
export async function addCredentials(db: Queryable, credentials: NewCredentials): Promise<Millis> {
  const { id, merchantId, acquirerId, accountId, names, sealed } = credentials;
  const { rows } = await db.query<{ at: Millis }>(
    `INSERT INTO bank_credentials (id, merchant_id, acquirer_id, number, account_id, names, sealed, created_at)
     SELECT $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, clock_timestamp() FROM bank_credentials
     WHERE merchant_id = $2 AND acquirer_id = $3 RETURNING created_at AS at`,
    [id, merchantId, acquirerId, accountId, names, sealed],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the credentials were not kept');
  return row.at;
}

function withSealed(row: { id: string; sealed: string | null } | undefined): SealedCredentials | null {
  return row === undefined || row.sealed === null ? null : { id: row.id, sealed: row.sealed };
}
