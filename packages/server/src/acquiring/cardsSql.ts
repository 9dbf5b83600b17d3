import type { Queryable } from '../postgres/pool.ts';

export interface CardToken {
  readonly id: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  /** Whether the bank can charge it again. */
  readonly chargeable: boolean;
}

const COLUMNS = `id, brand, last4, expiry_month AS "expiryMonth", expiry_year AS "expiryYear",
  bank_token IS NOT NULL OR sealed_bank_token IS NOT NULL AS chargeable`;

export interface NewCardToken extends Omit<CardToken, 'chargeable'> {
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

export async function findCardToken(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<CardToken | null> {
  const { rows } = await db.query<CardToken>(
    `SELECT ${COLUMNS} FROM card_token WHERE id = $1 AND merchant_id = $2`,
    [id, merchantId],
  );
  return rows[0] ?? null;
}

/** The bank's token of a card: as it is kept, or as it was kept by versions before this one. */
export interface KeptBankToken {
  /** Null: the payment has no card that could be charged again. */
  readonly cardTokenId: string | null;
  /** Encrypted. */
  readonly sealed: string | null;
  readonly clear: string | null;
}

/** How the bank knows the card of a payment; null when that has none. */
export async function findBankToken(
  db: Queryable,
  transactionId: string,
): Promise<(KeptBankToken & { readonly cardTokenId: string }) | null> {
  const { rows } = await db.query<KeptBankToken & { readonly cardTokenId: string }>(
    `SELECT c.id AS "cardTokenId", c.sealed_bank_token AS sealed, c.bank_token AS clear
     FROM transaction t JOIN card_token c ON c.id = t.card_token_id WHERE t.id = $1`,
    [transactionId],
  );
  return rows[0] ?? null;
}

/** The bank knows this card by this token, encrypted, from now on. */
export async function setBankToken(db: Queryable, cardTokenId: string, sealed: string): Promise<void> {
  await db.query('UPDATE card_token SET sealed_bank_token = $2, bank_token = NULL WHERE id = $1', [
    cardTokenId,
    sealed,
  ]);
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
