/** Merchants' customers, with their personal data, and what becomes of it. */
import type { Millis } from '../core/transaction.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from '../postgres/databaseErrors.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';
import { type CustomerProfile, EMPTY_PROFILE, searchKeyOf } from './customerInput.ts';

export interface Customer extends CustomerProfile {
  readonly id: string;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
  readonly erasedAt: Millis | null;
}

const CUSTOMER = `id, reference, name, email, phone, locale, metadata::text AS metadata,
  created_at AS "createdAt", updated_at AS "updatedAt", erased_at AS "erasedAt"`;
/** A search ends after this. */
const TIME_LIMIT_MS = 2_000;

/** @returns null when the merchant has a customer with this reference */
export async function insertCustomer(
  db: Queryable,
  merchantId: string,
  id: string,
  profile: CustomerProfile,
): Promise<Customer | null> {
  const { rows } = await db.query<Customer>(
    `INSERT INTO merchant_customer (id, merchant_id, ${PROFILE_COLUMNS.join(', ')}, created_at, updated_at)
     VALUES ($1, $2, ${PROFILE_COLUMNS.map((_, i) => `$${i + 3}`).join(', ')}, clock_timestamp(), clock_timestamp())
     ON CONFLICT (merchant_id, reference) WHERE reference IS NOT NULL DO NOTHING RETURNING ${CUSTOMER}`,
    [id, merchantId, ...valuesOf(profile)],
  );
  return rows[0] ?? null;
}

const PROFILE_COLUMNS = [
  'reference',
  'name',
  'email',
  'phone',
  'locale',
  'metadata',
  'name_key',
  'email_key',
];

function valuesOf(profile: CustomerProfile): (string | null)[] {
  const { reference, name, email, phone, locale, metadata } = profile;
  const keyOf = (text: string | null): string | null => (text === null ? null : searchKeyOf(text));
  return [reference, name, email, phone, locale, metadata, keyOf(name), keyOf(email)];
}

/** A merchant's customer, erased or not; null for any other id. */
export async function findCustomer(db: Queryable, merchantId: string, id: string): Promise<Customer | null> {
  const { rows } = await db.query<Customer>({
    name: 'customer',
    text: `SELECT ${CUSTOMER} FROM merchant_customer WHERE merchant_id = $1 AND id = $2`,
    values: [merchantId, id],
  });
  return rows[0] ?? null;
}

/** The same, until the end of the transaction nobody else's to change. */
export async function lockCustomer(db: Queryable, merchantId: string, id: string): Promise<Customer | null> {
  const { rows } = await db.query<Customer>(
    `SELECT ${CUSTOMER} FROM merchant_customer WHERE merchant_id = $1 AND id = $2 FOR UPDATE`,
    [merchantId, id],
  );
  return rows[0] ?? null;
}

/** @returns null when another customer of the merchant has this reference; then the transaction can do no more */
export async function updateCustomer(
  db: Queryable,
  id: string,
  profile: CustomerProfile,
): Promise<Customer | null> {
  try {
    const { rows } = await db.query<Customer>(
      `UPDATE merchant_customer SET updated_at = greatest(clock_timestamp(), updated_at),
       ${PROFILE_COLUMNS.map((name, i) => `${name} = $${i + 2}`).join(', ')} WHERE id = $1 RETURNING ${CUSTOMER}`,
      [id, ...valuesOf(profile)],
    );
    return rows[0] ?? null;
  } catch (error) {
    if (sqlStateOf(error) === UNIQUE_VIOLATION) return null;
    throw error;
  }
}

/**
 * Takes the personal data away from a customer that is locked, for good.
 * @returns the customer as it is from now on
 */
export async function eraseCustomer(db: Queryable, id: string): Promise<Customer> {
  const { rows } = await db.query<Customer>(
    `UPDATE merchant_customer SET updated_at = greatest(clock_timestamp(), updated_at), erased_at = clock_timestamp(),
     ${PROFILE_COLUMNS.map((name, i) => `${name} = $${i + 2}`).join(', ')} WHERE id = $1 RETURNING ${CUSTOMER}`,
    [id, ...valuesOf(EMPTY_PROFILE)],
  );
  const [erased] = rows;
  if (erased === undefined) throw new Error('the customer is not there');
  return erased;
}

/** Notes that the answer to a write is stored under this key, and forgets keys that are kept no longer. */
export async function noteAnswerKey(
  db: Queryable,
  merchantId: string,
  id: string,
  key: string | null,
): Promise<void> {
  if (key === null) return;
  await db.query(
    `UPDATE merchant_customer SET answer_keys = ARRAY(
       SELECT DISTINCT k FROM unnest(answer_keys || $3::text) k
       WHERE EXISTS (SELECT FROM idempotency_key WHERE scope_id = $1 AND key = k))
     WHERE merchant_id = $1 AND id = $2`,
    [merchantId, id, key],
  );
}

/** Puts this answer in place of those that show the customer's data, when their requests are repeated. */
export async function replaceAnswers(
  db: Queryable,
  merchantId: string,
  id: string,
  answer: string,
): Promise<void> {
  await db.query(
    `WITH c AS (UPDATE merchant_customer n SET answer_keys = '{}' FROM merchant_customer o
       WHERE n.merchant_id = $1 AND n.id = $2 AND o.id = n.id RETURNING o.answer_keys)
     UPDATE idempotency_key k SET response = $3 FROM c
     WHERE k.scope_id = $1 AND k.key = ANY(c.answer_keys) AND k.response IS NOT NULL AND k.status_code IN (200, 201)`,
    [merchantId, id, answer],
  );
}

export interface CustomerSearch {
  /** What a reference, name, e-mail address or phone number begins with. */
  readonly text: string | null;
  /** The same as a phone number, where it may be the beginning of one. */
  readonly phone: string | null;
  readonly reference: string | null;
}

/** Newest first, without those that were erased. @throws what the database reports, `QUERY_CANCELED` after the limit */
export async function listCustomers(
  pool: Pool,
  merchantId: string,
  { text, phone, reference }: CustomerSearch,
  before: string | null,
  limit: number,
): Promise<Customer[]> {
  const values: unknown[] = [merchantId, limit];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = ['merchant_id = $1', 'erased_at IS NULL'];
  if (before !== null) where.push(`id < ${bind(before)}`);
  if (reference !== null) where.push(`reference = ${bind(reference)}`);
  const each = where.join(' AND ');
  const beginning = (column: string, value: string): string =>
    `SELECT id FROM merchant_customer WHERE ${each} AND ${column} LIKE ${bind(`${escaped(value)}%`)}`;
  const from =
    text === null
      ? `SELECT id FROM merchant_customer WHERE ${each}`
      : [
          beginning('reference', text),
          beginning('name_key', searchKeyOf(text)),
          beginning('email_key', searchKeyOf(text)),
          ...(phone === null ? [] : [beginning('phone', phone)]),
        ].join(' UNION ');
  return inTransaction(pool, async (db) => {
    await db.query(`SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS}`);
    const { rows } = await db.query<Customer>(
      `SELECT ${CUSTOMER} FROM merchant_customer JOIN (SELECT id FROM (${from}) f ORDER BY id DESC LIMIT $2) f USING (id)
       ORDER BY id DESC`,
      values,
    );
    return rows;
  });
}

function escaped(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

export interface CustomerSum {
  readonly currency: string;
  readonly payments: number;
  readonly spent: bigint;
  readonly refunded: bigint;
}

/** What a customer spent, by currency. @throws what the database reports, `QUERY_CANCELED` after the limit */
export async function sumCustomer(pool: Pool, merchantId: string, id: string): Promise<CustomerSum[]> {
  // Payments by card and from wallets have an index each.
  const of = (column: string, method: string): string =>
    `SELECT currency, captured, refunded FROM transaction
     WHERE merchant_id = $1 AND ${column} = $2 AND payment_method = '${method}' AND type = 'payment' AND captured > 0`;
  return inTransaction(pool, async (db) => {
    await db.query(`SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS}`);
    const { rows } = await db.query<CustomerSum>(
      `SELECT currency, count(*)::int AS payments, sum(captured) AS spent, sum(refunded) AS refunded
       FROM (${of('customer_id', 'card')} UNION ALL ${of('merchant_customer_id', 'wallet')}) t
       GROUP BY 1 ORDER BY 1`,
      [merchantId, id],
    );
    return rows;
  });
}

/** What a customer has agreed to with a card, whether it stands or not. */
export interface GivenConsent {
  readonly cardId: string;
  readonly at: Millis;
  readonly by: 'checkout' | 'api';
  readonly transactionId: string;
  readonly merchantInitiated: boolean;
  readonly until: Millis | null;
  readonly withdrawnAt: Millis | null;
  readonly deletedAt: Millis | null;
}

export async function listConsents(db: Queryable, merchantId: string, id: string): Promise<GivenConsent[]> {
  const { rows } = await db.query<GivenConsent>(
    `SELECT card_token_id AS "cardId", consent_at AS at, consent_by AS by, consent_transaction_id AS "transactionId",
       merchant_may_charge AS "merchantInitiated", consent_until AS until, withdrawn_at AS "withdrawnAt",
       deleted_at AS "deletedAt"
     FROM card_on_file WHERE merchant_id = $1 AND customer_id = $2 ORDER BY consent_at, card_token_id`,
    [merchantId, id],
  );
  return rows;
}

export interface UsedCard {
  readonly id: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  readonly createdAt: Millis;
}

/** The cards with which a customer paid, or that they have on file, by the merchant's tokens of them. */
export async function listUsedCards(db: Queryable, merchantId: string, id: string): Promise<UsedCard[]> {
  const { rows } = await db.query<UsedCard>(
    `SELECT id, brand, last4, expiry_month AS "expiryMonth", expiry_year AS "expiryYear", created_at AS "createdAt"
     FROM card_token WHERE merchant_id = $1 AND id IN (SELECT card_token_id FROM transaction
       WHERE merchant_id = $1 AND customer_id = $2 AND payment_method = 'card'
       UNION ALL SELECT card_token_id FROM card_on_file WHERE customer_id = $2 AND deleted_at IS NULL) ORDER BY created_at, id`,
    [merchantId, id],
  );
  return rows;
}
