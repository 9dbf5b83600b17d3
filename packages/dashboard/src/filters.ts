/** The list's filters, as they stand in the address, and how they become a request. */
import type { Query } from './api.ts';
import type { Search } from './router.tsx';

export const FILTERS = [
  'status',
  'type',
  'paymentMethod',
  'pendingOperation',
  'currency',
  'amountFrom',
  'amountTo',
  'createdFrom',
  'createdTo',
  'query',
  'orderReference',
  'storeId',
  'terminalId',
  'customerId',
  'failureCode',
  'expiresTo',
  'parentTransactionId',
] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Readonly<Partial<Record<Filter, string>>>;

/** A period up to now stands in the address as such, so that a saved address stays a saved search. */
const PERIOD = /^last(\d+)([hd])$/;
const PERIOD_MS = { h: 3_600_000, d: 86_400_000 };

/** What is no filter is left out: the API refuses parameters that it does not know. */
export function filtersOf(search: Search): Filters {
  const given = FILTERS.flatMap((name) => {
    const value = search[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/** @param now of a `createdFrom` such as `last24h`, to the minute, so that a page's parts agree */
export function queryOf(filters: Filters, now: number): Query {
  const [, count, unit] = PERIOD.exec(filters.createdFrom ?? '') ?? [];
  if (count === undefined) return filters;
  const ms = Number(count) * PERIOD_MS[unit as 'h' | 'd'];
  return { ...filters, createdFrom: new Date(Math.floor(now / 60_000) * 60_000 - ms).toISOString() };
}
