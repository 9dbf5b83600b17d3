/**
 * Cards on file: what a customer has agreed to, and whether it lets their merchant charge a card without them.
 *
 *   no card ──► on file, consent stands ──► withdrawn, or its time is over ──► deleted
 *                  ▲                                    │                         │
 *                  └──────── the customer agrees again, by a payment ◄────────────┘
 */
import type { Refusal } from './reasons.ts';
import { linkIdOf, type Millis, type Transaction } from './transaction.ts';
import type { TransactionId } from './values/ids.ts';

/** A card of a customer, as it was when the decision is made. */
export interface CardOnFile {
  readonly customerId: string;
  readonly cardTokenId: string;
  /** The payment by which its customer has agreed to what follows. */
  readonly transactionId: TransactionId;
  /** Whether its merchant may charge it alone; else it was kept for its customer. */
  readonly merchantMayCharge: boolean;
  /** Null: until it is withdrawn. */
  readonly until: Millis | null;
  readonly withdrawnAt: Millis | null;
  readonly deletedAt: Millis | null;
}

/** What a payment that succeeds puts on file, with the consent that it was made with. */
export interface KeptCard
  extends Pick<CardOnFile, 'customerId' | 'cardTokenId' | 'transactionId' | 'merchantMayCharge' | 'until'> {
  readonly merchantId: string;
  readonly by: 'checkout' | 'api';
  readonly at: Millis;
}

/** The payment by which a card's customer has agreed to be charged without them, or why it cannot be charged so. */
export function agreedBy(
  card: CardOnFile | undefined,
  now: Millis,
): { readonly firstTransactionId: TransactionId } | Refusal {
  if (card === undefined || card.deletedAt !== null) return 'card_not_on_file';
  if (!card.merchantMayCharge) return 'first_payment_required';
  if (card.withdrawnAt !== null) return 'consent_withdrawn';
  if (isOver(card.until, now)) return 'consent_expired';
  return { firstTransactionId: card.transactionId };
}

/** What the customer agrees to now, until this time, would let nobody charge anything. */
export function isOver(until: Millis | null, now: Millis): boolean {
  return until !== null && now >= until;
}

/** What is on file once this payment has succeeded; null: nothing more than before. */
export function cardToKeep(payment: Transaction, now: Millis): KeptCard | null {
  const { id, merchantId, customerId, cardTokenId, cardUse, consentUntil } = payment;
  if (cardUse !== 'keep' && cardUse !== 'cof_initial') return null;
  if (customerId === null || cardTokenId === null) return null;
  return {
    ...{ merchantId, customerId, cardTokenId, transactionId: id },
    merchantMayCharge: cardUse === 'cof_initial',
    until: consentUntil,
    by: linkIdOf(payment) === null ? 'api' : 'checkout',
    at: now,
  };
}
