import { iso } from '../core/values/time.ts';
import type { CustomerCard } from './cardsOnFileSql.ts';

/** A card on file as its merchant sees it. For `exactJson`. */
export function cardView(card: CustomerCard): Record<string, unknown> {
  const { id, customerId, brand, last4, expiryMonth, expiryYear, isDefault, createdAt } = card;
  return {
    ...{ id, customerId, brand, last4, expiryMonth, expiryYear, isDefault },
    createdAt: iso(createdAt),
    consent: {
      at: iso(card.consentAt),
      by: card.consentBy,
      transactionId: card.consentTransactionId,
      merchantInitiated: card.merchantMayCharge,
      until: iso(card.consentUntil),
      withdrawnAt: iso(card.withdrawnAt),
    },
  };
}
