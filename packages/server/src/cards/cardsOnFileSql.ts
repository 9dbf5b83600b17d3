/**
 * Customers' cards on file, read and changed one at a time. Whoever changes one has its customer's row for themselves, so that
 * no payment is decided on a consent that is being withdrawn (engine/cardsOnFileSql.ts).
 */
import type { Millis } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

/** A card that a customer of a merchant has had kept. */
export interface CustomerCard {
  readonly id: string;
  readonly customerId: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  readonly isDefault: boolean;
  readonly createdAt: Millis;
  readonly consentAt: Millis;
  readonly consentBy: 'checkout' | 'api';
  readonly consentTransactionId: string;
  readonly merchantMayCharge: boolean;
  readonly consentUntil: Millis | null;
  readonly withdrawnAt: Millis | null;
  /** Whether a bank knows it. */
  readonly isChargeable: boolean;
  /** Keyed hash of its number. */
  readonly fingerprint: string;
}

/** More cards than this nobody looks through. */
export const MOST_CARDS = 100;

/** The engine's clock. */
const NOW = `(SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)`;

/** Whether the merchant may charge it now: where the customer has chosen no default, such a card comes before others. */
const STANDS = `(k.merchant_may_charge AND k.withdrawn_at IS NULL AND coalesce(k.consent_until > ${NOW}, true))`;

const OF_CUSTOMER = `SELECT k.card_token_id AS id, k.customer_id AS "customerId", c.brand, c.last4,
    c.expiry_month AS "expiryMonth", c.expiry_year AS "expiryYear", k.created_at AS "createdAt",
    k.consent_at AS "consentAt", k.consent_by AS "consentBy", k.consent_transaction_id AS "consentTransactionId",
    k.merchant_may_charge AS "merchantMayCharge", k.consent_until AS "consentUntil", k.withdrawn_at AS "withdrawnAt", c.fingerprint,
    coalesce(c.bank_token, c.sealed_bank_token) IS NOT NULL
      OR EXISTS (SELECT FROM bank_token b WHERE b.card_token_id = c.id) AS "isChargeable",
    row_number() OVER (ORDER BY k.default_at DESC NULLS LAST, ${STANDS} DESC, k.created_at, k.card_token_id) = 1 AS "isDefault"
  FROM card_on_file k JOIN card_token c ON c.id = k.card_token_id
  WHERE k.customer_id = $1 AND k.merchant_id = $2 AND k.deleted_at IS NULL`;

/** The newest first, `MOST_CARDS` at most. */
export async function listCards(
  db: Queryable,
  merchantId: string,
  customerId: string,
): Promise<CustomerCard[]> {
  const { rows } = await db.query<CustomerCard>({
    name: 'cards_of_customer',
    text: `SELECT * FROM (${OF_CUSTOMER}) found ORDER BY "createdAt" DESC, id DESC LIMIT ${MOST_CARDS}`,
    values: [customerId, merchantId],
  });
  return rows;
}

/** One of them; null: there is none, or it was deleted. */
export async function findCard(
  db: Queryable,
  merchantId: string,
  customerId: string,
  id: string,
): Promise<CustomerCard | null> {
  const { rows } = await db.query<CustomerCard>({
    name: 'card_of_customer',
    text: `SELECT * FROM (${OF_CUSTOMER}) found WHERE id = $3`,
    values: [customerId, merchantId, id],
  });
  return rows[0] ?? null;
}

/** The customer's default card; null: they have none. */
export async function findDefaultCard(
  db: Queryable,
  merchantId: string,
  customerId: string,
): Promise<CustomerCard | null> {
  const { rows } = await db.query<CustomerCard>({
    name: 'default_card_of_customer',
    text: `SELECT * FROM (${OF_CUSTOMER}) found WHERE "isDefault"`,
    values: [customerId, merchantId],
  });
  return rows[0] ?? null;
}

export async function makeDefault(db: Queryable, customerId: string, id: string): Promise<void> {
  await db.query(
    `UPDATE card_on_file SET default_at = clock_timestamp()
     WHERE customer_id = $1 AND card_token_id = $2 AND deleted_at IS NULL`,
    [customerId, id],
  );
}

/** Their merchant may not charge it any more without them. */
export async function withdrawConsent(db: Queryable, customerId: string, id: string): Promise<void> {
  await db.query(
    `UPDATE card_on_file SET withdrawn_at = coalesce(withdrawn_at, ${NOW}) WHERE customer_id = $1 AND card_token_id = $2`,
    [customerId, id],
  );
}

/**
 * Deletes cards of a customer whose row the transaction has locked: all of them, or one. What banks know them by is forgotten
 * with them, unless another customer of the merchant has the same card on file.
 */
export async function deleteCards(db: Queryable, customerId: string, id: string | null): Promise<void> {
  const { rows } = await db.query<{ id: string }>(
    `UPDATE card_on_file SET deleted_at = ${NOW}, withdrawn_at = coalesce(withdrawn_at, ${NOW}), default_at = NULL
     WHERE customer_id = $1 AND ($2::text IS NULL OR card_token_id = $2) AND deleted_at IS NULL
     RETURNING card_token_id AS id`,
    [customerId, id],
  );
  const ids = rows.map((row) => row.id);
  if (ids.length === 0) return;
  // Of two customers with one card who delete it at the same time, the second sees that the first has.
  await db.query('SELECT FROM card_token WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE', [ids]);
  const { rows: gone } = await db.query<{ id: string }>(
    `UPDATE card_token SET bank_token = NULL, sealed_bank_token = NULL, removed_at = ${NOW}
     WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM card_on_file k
       WHERE k.card_token_id = card_token.id AND k.deleted_at IS NULL) RETURNING id`,
    [ids],
  );
  await db.query('DELETE FROM bank_token WHERE card_token_id = ANY ($1)', [gone.map((row) => row.id)]);
}
