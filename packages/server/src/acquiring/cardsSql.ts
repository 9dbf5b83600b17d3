import { DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import type { Millis } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface CardToken {
  readonly id: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

const COLUMNS = `id, brand, last4, expiry_month AS "expiryMonth", expiry_year AS "expiryYear"`;

/** A card that was used before. */
export interface SavedCard extends CardToken {
  /** Who can charge it again. */
  readonly acquirerIds: readonly string[];
  /** Who made the payment by which its customer has agreed to be charged; null: they have not, or nobody was named. */
  readonly firstAcquirerId: string | null;
}

export interface NewCardToken extends CardToken {
  readonly merchantId: string;
  /** Keyed hash of the number. */
  readonly fingerprint: string;
}

/** The merchant's token of this card: the one it has, or this new one. */
export async function keepCardToken(db: Queryable, card: NewCardToken): Promise<CardToken> {
  const { rows } = await db.query<CardToken>(
    `INSERT INTO card_token (id, merchant_id, fingerprint, brand, last4, expiry_month, expiry_year, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
     ON CONFLICT (merchant_id, fingerprint, expiry_month, expiry_year) DO UPDATE SET brand = excluded.brand
     RETURNING ${COLUMNS}`,
    [card.id, card.merchantId, card.fingerprint, card.brand, card.last4, card.expiryMonth, card.expiryYear],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the card token was not kept');
  return row;
}

/**
 * The merchant's token of a card whose number was hashed under another key, until that is done again.
 * @param hashes none while there was only one key: then nothing is asked
 */
export async function findKnownCard(
  db: Queryable,
  merchantId: string,
  hashes: readonly string[],
  { expiryMonth, expiryYear }: Pick<CardToken, 'expiryMonth' | 'expiryYear'>,
): Promise<CardToken | null> {
  if (hashes.length === 0) return null;
  const { rows } = await db.query<CardToken>(
    `SELECT ${COLUMNS} FROM card_token
     WHERE merchant_id = $1 AND fingerprint = ANY($2) AND expiry_month = $3 AND expiry_year = $4 LIMIT 1`,
    [merchantId, hashes, expiryMonth, expiryYear],
  );
  return rows[0] ?? null;
}

/**
 * A card that can be charged again.
 * @param customerId whose: one that they have deleted, or that is on file for others alone, is none; null: the merchant does
 *   not say
 */
export async function findSavedCard(
  db: Queryable,
  merchantId: string,
  id: string,
  customerId: string | null,
): Promise<SavedCard | null> {
  const { rows } = await db.query<SavedCard>(
    `SELECT ${COLUMNS}, ARRAY(SELECT $3::uuid WHERE bank_token IS NOT NULL OR sealed_bank_token IS NOT NULL
       UNION ALL SELECT acquirer_id FROM bank_token b WHERE b.card_token_id = card_token.id) AS "acquirerIds",
       (SELECT f.acquirer_id FROM card_on_file k JOIN transaction f ON f.id = k.consent_transaction_id
        WHERE k.customer_id = $4 AND k.card_token_id = card_token.id) AS "firstAcquirerId"
     FROM card_token WHERE id = $1 AND merchant_id = $2 AND NOT EXISTS (SELECT FROM card_on_file k
       WHERE k.customer_id = $4 AND k.card_token_id = card_token.id AND k.deleted_at IS NOT NULL)
     AND ($4::uuid IS NULL
       OR NOT EXISTS (SELECT FROM card_on_file k WHERE k.card_token_id = card_token.id AND k.deleted_at IS NULL)
       OR EXISTS (SELECT FROM card_on_file k WHERE k.customer_id = $4 AND k.card_token_id = card_token.id))`,
    [id, merchantId, DEFAULT_ACQUIRER_ID, customerId],
  );
  return rows[0] ?? null;
}

/** An acquirer's token of a card: as it is kept, or as it was kept by versions before this one. */
export interface KeptBankToken {
  /** Null: the payment has no card that could be charged again. */
  readonly cardTokenId: string | null;
  /** The row that it is sealed for. */
  readonly sealedFor: string | null;
  readonly sealed: string | null;
  readonly clear: string | null;
}

/** Columns of a `KeptBankToken`, of a payment `t`: the default acquirer's are with the card. */
export const BANK_TOKEN_COLUMNS = `c.id AS "cardTokenId",
  CASE WHEN t.acquirer_id = '${DEFAULT_ACQUIRER_ID}' THEN c.id ELSE b.id::text END AS "sealedFor",
  CASE WHEN t.acquirer_id = '${DEFAULT_ACQUIRER_ID}' THEN c.sealed_bank_token ELSE b.sealed END AS sealed,
  CASE WHEN t.acquirer_id = '${DEFAULT_ACQUIRER_ID}' THEN c.bank_token END AS clear`;
export const BANK_TOKEN_TABLES = `LEFT JOIN card_token c ON c.id = t.card_token_id
  LEFT JOIN bank_token b ON b.card_token_id = c.id AND b.acquirer_id = t.acquirer_id`;

/** How a payment's acquirer knows its card; null when it has none, or the card was taken away since it began. */
export async function findBankToken(
  db: Queryable,
  transactionId: string,
): Promise<(KeptBankToken & CardAtAcquirer) | null> {
  const { rows } = await db.query<KeptBankToken & CardAtAcquirer>(
    `SELECT ${BANK_TOKEN_COLUMNS}, t.acquirer_id AS "acquirerId", t.created_at AS "begunAt" FROM transaction t ${BANK_TOKEN_TABLES}
     WHERE t.id = $1 AND c.id IS NOT NULL AND (c.removed_at IS NULL OR t.created_at > c.removed_at)`,
    [transactionId],
  );
  return rows[0] ?? null;
}

/**
 * The same of a payment that has put its card on file, for as long as it is there. The card is locked: whoever deletes it
 * for another customer, and what banks know it by with it, has done so, or waits.
 */
export async function lockTokenOnFile(
  db: Queryable,
  transactionId: string,
): Promise<(KeptBankToken & CardAtAcquirer) | null> {
  await db.query(
    'SELECT FROM card_token WHERE id = (SELECT card_token_id FROM transaction WHERE id = $1) FOR NO KEY UPDATE',
    [transactionId],
  );
  // A statement of its own sees what was committed while the lock was waited for.
  const { rows } = await db.query<KeptBankToken & CardAtAcquirer>(
    `SELECT ${BANK_TOKEN_COLUMNS}, t.acquirer_id AS "acquirerId", NULL AS "begunAt" FROM transaction t ${BANK_TOKEN_TABLES}
     WHERE t.id = $1 AND EXISTS (SELECT FROM card_on_file k
       WHERE k.customer_id = t.customer_id AND k.card_token_id = c.id AND k.deleted_at IS NULL)`,
    [transactionId],
  );
  return rows[0] ?? null;
}

export interface CardAtAcquirer {
  readonly cardTokenId: string;
  readonly acquirerId: string;
  /** When the payment began whose bank has told the token: a card that was taken away since stays so. Null: it is there. */
  readonly begunAt: Millis | null;
}

/** What was not taken away since a payment began. */
const IS_LEFT = (begunAt: string): string =>
  `(${begunAt}::timestamptz IS NULL OR removed_at IS NULL OR removed_at < ${begunAt})`;

/** An acquirer that is not the default knows this card by this token from now on. @param id what it is sealed for */
export async function setTokenAtAcquirer(
  db: Queryable,
  { cardTokenId, acquirerId, begunAt }: CardAtAcquirer,
  id: string,
  sealed: string,
): Promise<void> {
  await db.query(
    `INSERT INTO bank_token (id, card_token_id, acquirer_id, sealed)
     SELECT $1, c.id, $3, $4 FROM (SELECT id FROM card_token WHERE id = $2 AND ${IS_LEFT('$5')} FOR SHARE) c
     ON CONFLICT (card_token_id, acquirer_id) DO UPDATE SET id = excluded.id, sealed = excluded.sealed`,
    [id, cardTokenId, acquirerId, sealed, begunAt === null ? null : new Date(begunAt)],
  );
}

/** The default acquirer knows this card by this token, encrypted, from now on. @param begunAt null: it did before */
export async function setBankToken(
  db: Queryable,
  cardTokenId: string,
  sealed: string,
  begunAt: Millis | null,
): Promise<void> {
  await db.query(
    `UPDATE card_token SET sealed_bank_token = $2, bank_token = NULL WHERE id = $1 AND ${IS_LEFT('$3')}`,
    [cardTokenId, sealed, begunAt === null ? null : new Date(begunAt)],
  );
}

/** Cards whose token is in clear; others may be sealing some of them. Of these `limit` at most, in a transaction. */
export async function lockClearBankTokens(
  db: Queryable,
  limit: number,
): Promise<{ readonly id: string; readonly bankToken: string }[]> {
  const { rows } = await db.query<{ id: string; bankToken: string }>(
    `SELECT id, bank_token AS "bankToken" FROM card_token WHERE bank_token IS NOT NULL
     LIMIT $1 FOR UPDATE SKIP LOCKED`,
    [limit],
  );
  return rows;
}
