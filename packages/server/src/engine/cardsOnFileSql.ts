/**
 * The statements about cards on file of one engine batch. A customer's row is the lock of all that is known of their cards:
 * batches share it, and whoever changes a consent, or erases a customer, has it alone and waits for nothing while they do.
 */
import type { CardOnFile, KeptCard } from '../core/cardOnFile.ts';
import { plainArray } from '../postgres/arrays.ts';
import { type Column, namesOf, statementOf } from '../postgres/columns.ts';
import type { StatementRunner } from '../postgres/pool.ts';

/** A card of a customer. */
export type CardKey = Pick<CardOnFile, 'customerId' | 'cardTokenId'>;

/** Keeps these customers' consents as they are until the batch ends. */
export async function lockCustomers(db: StatementRunner, ids: readonly string[]): Promise<void> {
  await db.query({
    name: 'lock_customers',
    text: 'SELECT FROM merchant_customer WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE',
    values: [plainArray(ids)],
  });
}

/**
 * Cards that are to be charged by their merchants. A statement of its own, after their customers were locked: one that has
 * waited for a lock still sees the cards as they were before.
 */
export async function readCardsOnFile(db: StatementRunner, keys: readonly CardKey[]): Promise<CardOnFile[]> {
  const { rows } = await db.query({
    name: 'cards_on_file',
    text: `SELECT k.customer_id AS "customerId", k.card_token_id AS "cardTokenId",
        k.consent_transaction_id AS "transactionId", k.merchant_may_charge AS "merchantMayCharge",
        k.consent_until AS until, k.withdrawn_at AS "withdrawnAt", k.deleted_at AS "deletedAt"
      FROM unnest($1::uuid[], $2::text[]) u(customer_id, card_token_id)
      CROSS JOIN LATERAL (SELECT * FROM card_on_file
        WHERE customer_id = u.customer_id AND card_token_id = u.card_token_id LIMIT 1) k`,
    values: [
      plainArray(keys.map(({ customerId }) => customerId)),
      plainArray(keys.map(({ cardTokenId }) => cardTokenId)),
    ],
  });
  return rows;
}

const COLUMNS: readonly Column<KeptCard>[] = [
  { name: 'customer_id', type: 'uuid', value: (c) => c.customerId },
  { name: 'card_token_id', type: 'word', value: (c) => c.cardTokenId },
  { name: 'merchant_id', type: 'uuid', value: (c) => c.merchantId },
  { name: 'created_at', type: 'time', value: (c) => c.at },
  { name: 'consent_at', type: 'time', value: (c) => c.at },
  { name: 'consent_by', type: 'word', value: (c) => c.by },
  { name: 'consent_transaction_id', type: 'uuid', value: (c) => c.transactionId },
  { name: 'merchant_may_charge', type: 'boolean', value: (c) => c.merchantMayCharge },
  { name: 'consent_until', type: 'time', value: (c) => c.until },
];
const CONSENT = [
  'consent_at',
  'consent_by',
  'consent_transaction_id',
  'merchant_may_charge',
  'consent_until',
];
/** A consent that says more, or the first one after the card was deleted, takes the place of the one before. */
const IS_NEW = 'excluded.merchant_may_charge OR k.deleted_at IS NOT NULL';
/** A payment that began before the customer withdrew, or had the card deleted, agrees to nothing any more. */
const WAS_NOT_WITHDRAWN_SINCE = `k.withdrawn_at IS NULL
  OR greatest(k.withdrawn_at, k.deleted_at) < (SELECT t.created_at FROM transaction t WHERE t.id = excluded.consent_transaction_id)`;
const KEEP_CARDS = statementOf(
  'keep_cards',
  COLUMNS,
  ({ select, from, of }) => `INSERT INTO card_on_file AS k (${namesOf(COLUMNS)})
    SELECT ${select} FROM ${from}
    CROSS JOIN LATERAL (SELECT FROM merchant_customer
      WHERE id = ${of('customer_id')} AND erased_at IS NULL LIMIT 1 FOR SHARE) c ORDER BY 1, 2
    ON CONFLICT (customer_id, card_token_id) DO UPDATE SET
      ${CONSENT.map((name) => `${name} = CASE WHEN ${IS_NEW} THEN excluded.${name} ELSE k.${name} END`).join(', ')},
      withdrawn_at = CASE WHEN ${IS_NEW} THEN NULL ELSE k.withdrawn_at END,
      created_at = CASE WHEN k.deleted_at IS NULL THEN k.created_at ELSE excluded.created_at END,
      default_at = CASE WHEN k.deleted_at IS NULL THEN k.default_at END,
      deleted_at = NULL
    WHERE ${WAS_NOT_WITHDRAWN_SINCE}`,
  2,
);

/** Puts cards on file with the payments that they were paid by. A customer who has been erased meanwhile gets none. */
export async function keepCards(db: StatementRunner, cards: readonly KeptCard[]): Promise<void> {
  await db.query(KEEP_CARDS(cards));
}
