/** Customers as merchants see them: times as ISO 8601 in UTC. */
import { iso } from '../core/values/time.ts';
import type { Customer, GivenConsent, UsedCard } from './customersSql.ts';

/** For `exactJson`. */
export function customerView(customer: Customer) {
  const { id, reference, name, email, phone, locale, metadata, createdAt, updatedAt, erasedAt } = customer;
  return {
    ...{ id, reference, name, email, phone, locale, metadata: JSON.parse(metadata) as unknown },
    ...{ createdAt: iso(createdAt), updatedAt: iso(updatedAt), erasedAt: iso(erasedAt) },
  };
}

export function consentView({ at, until, withdrawnAt, deletedAt, ...consent }: GivenConsent) {
  return {
    ...{ ...consent, at: iso(at), until: iso(until) },
    ...{ withdrawnAt: iso(withdrawnAt), deletedAt: iso(deletedAt) },
  };
}

export function usedCardView({ createdAt, ...card }: UsedCard) {
  return { ...card, createdAt: iso(createdAt) };
}
