/**
 * What may be read from a standby, and so be some seconds old: pages of lists, sums and exports. Not one object by its id, nor
 * what an order has: who asks that may be about to pay again. See docs/decisions/0111-replicas.md.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import type { Pool } from '../postgres/pool.ts';
import type { RecentRead } from '../postgres/replica.ts';

/** In answers that come from a standby: as of when they are, at least. Those without it are current. */
export const AS_OF_HEADER = 'plexy-data-as-of';

/** The operations whose answers may have the header. */
export const RECENT_OPERATIONS: ReadonlySet<string> = new Set([
  'listTransactions',
  'listWalletTransactions',
  'listTransactionsByCustomer',
  'listPaymentLinks',
  'listCustomers',
  'listRequests',
  'getStatistics',
  'getPaymentLinkStatistics',
  'getCustomerTotals',
  'exportCustomer',
  'getBalanceStatement',
  'getWalletStatement',
]);

/**
 * Transactions commit within 11 s of when their rows got their ids and times, or never; the rest is for clocks that differ.
 * Behind a row that is older, nothing can appear any more that a standby of that time does not have.
 */
const SETTLED_AFTER_MS = 30_000;

export type RecentDeps = Pick<Deps, 'pool' | 'replica'>;

interface Wanted {
  /** `list`: people see their own doings in it, so that only programs are answered from a standby. */
  readonly kind: 'list' | 'figures';
  /** What had come until then must be there: the last row that the caller has seen, the end of a period; null: nothing. */
  readonly after?: number | null;
  /** As of when the other parts of the answer are; null: this is the first. */
  readonly notBefore?: number | null;
}

/** Reads from a standby where there is one that will do, and names in the answer how old that is. */
export async function readRecent<T>(
  deps: RecentDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: Wanted,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const { value, asOf } = await readAsOf(deps, request, wanted, work);
  tellAsOf(reply, asOf);
  return value;
}

/** The same for what is not answered at once. */
export async function readAsOf<T>(
  { pool, replica }: RecentDeps,
  request: FastifyRequest,
  { kind, after = null, notBefore = null }: Wanted,
  work: (pool: Pool) => Promise<T>,
): Promise<RecentRead<T>> {
  const isForPeople = kind === 'list' && request.principal?.user != null;
  if (replica === null || isForPeople || wantsCurrent(request))
    return { value: await work(pool), asOf: null };
  const needed = Math.max(after === null ? 0 : after + SETTLED_AFTER_MS, notBefore ?? 0);
  if (needed === Number.POSITIVE_INFINITY) return { value: await work(pool), asOf: null };
  return replica.read(pool, needed, work);
}

export function tellAsOf(reply: FastifyReply, asOf: number | null): void {
  if (asOf !== null) reply.header(AS_OF_HEADER, new Date(asOf).toISOString());
}

/** By RFC 9111, with which caches are passed by, too. */
export function wantsCurrent({ headers }: FastifyRequest): boolean {
  return /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(headers['cache-control'] ?? '');
}

/** When a row came, by its id; what has no time in it, as if it came just now: then the primary is asked. */
export function timeOfId(id: string | null): number | null {
  if (id === null) return null;
  const [, milliseconds] = /^([0-9a-f]{8}-?[0-9a-f]{4})-?7/.exec(id) ?? [];
  return milliseconds === undefined
    ? Number.POSITIVE_INFINITY
    : Number.parseInt(milliseconds.replace('-', ''), 16);
}
