/**
 * Numbers about a merchant's transactions. A kind of transaction (currency, method, type, status) within a
 * stretch of time is a stretch of the index on both, which holds the amount too: counted without the rows.
 * Measured with 1,000,000 transactions of one merchant in 28 hours: see docs/dashboard.md.
 */
import type { Status } from '../core/lifecycle.ts';
import { isCaptured, type KindCount } from './statistics.ts';
import type { Millis, Minor } from '../core/transaction.ts';
import { plainArray, timeArray } from '../postgres/arrays.ts';
import { CLOCK_SLACK_MS, clockOffset, idAt, KINDS, SAME_KIND, TIME_LIMIT_MS } from '../payments/lookupsSql.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';

export interface DeclineCount {
  /** Null: none was given. */
  readonly reason: string | null;
  readonly count: number;
}

export interface Held {
  readonly count: number;
  readonly heldVolume: Minor;
}

export interface Statistics {
  readonly kinds: readonly KindCount[];
  readonly declines: readonly (DeclineCount & {
    readonly currency: string;
    readonly bucket: number;
    /** When the first of them began. */
    readonly first: Millis;
  })[];
  readonly holds: readonly {
    readonly currency: string;
    readonly all: Held;
    readonly expiring: Held;
    readonly expiresFirst: Millis | null;
    /** Since when the first of those has been about to expire, or since it is held, if that was later. */
    readonly expiringSince: Millis | null;
  }[];
}

/** One after the other, each by its index. Not in parallel: payments need the other processors. */
const SETTINGS = `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS};
  SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off;
  SET LOCAL max_parallel_workers_per_gather = 0`;

/**
 * Counts what began between each boundary and the next, and what is held now. A statement that takes longer
 * than `TIME_LIMIT_MS` is ended (SQLSTATE 57014).
 * @param boundaries in milliseconds, two at least
 * @param declinesFrom the first bucket whose declines are counted
 * @param now by the engine's clock
 * @param expiringWithinMs holds that expire in this time are counted apart
 */
export async function readStatistics(
  pool: Pool,
  merchantId: string,
  boundaries: readonly Millis[],
  declinesFrom: number,
  now: Millis,
  expiringWithinMs: number,
): Promise<Statistics> {
  return inTransaction(pool, async (db) => {
    await db.query(SETTINGS);
    const offset = await clockOffset(db);
    const kinds = await countKinds(db, merchantId, boundaries, offset);
    const { rows: declines } = await countDeclines(db, merchantId, boundaries, declinesFrom, offset);
    return { kinds, declines, holds: await readHolds(db, merchantId, now, expiringWithinMs) };
  });
}

const BUCKETS = `unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY b("from", "to", n)`;
const IN_BUCKET = `merchant_id = $1 AND ${SAME_KIND} AND id >= b."from" AND id < b."to"`;

/**
 * Ids begin with the real time at which their request came, milliseconds before `created_at`. A sandbox whose
 * test clock was moved has no such order: there each row's `created_at` is read.
 */
async function countKinds(
  db: Queryable,
  merchantId: string,
  boundaries: readonly Millis[],
  offset: number,
): Promise<KindCount[]> {
  if (offset > 0) {
    const { rows } = await db.query<KindCount>(
      `SELECT width_bucket(created_at, $2::timestamptz[]) - 1 AS bucket, currency, type, status,
         count(*)::int AS count, sum(amount) AS amount, sum(captured) AS captured,
         count(*) FILTER (WHERE captured > 0)::int AS "capturedCount"
       FROM transaction WHERE ${createdBetween} GROUP BY 1, 2, 3, 4`,
      [merchantId, ...createdValues(boundaries, offset)],
    );
    return rows;
  }
  const { rows } = await db.query<Counted>(
    `${KINDS} SELECT (b.n - 1)::int AS bucket, k.currency, k.type, k.status, sum(t.count)::int AS count,
       sum(t.amount) AS amount
     FROM kind k CROSS JOIN ${BUCKETS}
     CROSS JOIN LATERAL (SELECT count(*) AS count, sum(amount) AS amount FROM transaction WHERE ${IN_BUCKET}) t
     WHERE t.count > 0 GROUP BY 1, 2, 3, 4`,
    [merchantId, ...idValues(boundaries)],
  );
  return withCaptured(rows, await sumParts(db, merchantId, boundaries));
}

type Counted = Omit<KindCount, 'captured' | 'capturedCount'>;

/** Payments of one status of which a part was captured. */
interface Parts {
  readonly bucket: number;
  readonly currency: string;
  readonly status: Status;
  readonly count: number;
  readonly captured: Minor;
  /** Held, or released. */
  readonly rest: Minor;
}

/** What was captured, and what was not, of payments that were captured in part: few, in an index of their own. */
async function sumParts(db: Queryable, merchantId: string, boundaries: readonly Millis[]): Promise<Parts[]> {
  const { rows } = await db.query<Parts>(
    `SELECT (b.n - 1)::int AS bucket, t.* FROM ${BUCKETS}
     CROSS JOIN LATERAL (SELECT currency, status, count(*)::int AS count, sum(captured) AS captured,
         sum(amount - captured) AS rest FROM transaction
       WHERE merchant_id = $1 AND captured > 0 AND captured < amount AND id >= b."from" AND id < b."to"
       GROUP BY 1, 2) t`,
    [merchantId, ...idValues(boundaries)],
  );
  return rows;
}

const NO_PARTS = { count: 0, captured: 0n, rest: 0n };

/** @param kinds one for each bucket, currency, type and status, as `parts` is for payments */
function withCaptured(kinds: readonly Counted[], parts: readonly Parts[]): KindCount[] {
  const nameOf = ({ bucket, currency, status }: Pick<Parts, 'bucket' | 'currency' | 'status'>): string =>
    `${bucket} ${currency} ${status}`;
  const partsOf = new Map(parts.map((row) => [nameOf(row), row]));
  return kinds.map((kind) => {
    const { count, captured, rest } = (kind.type === 'payment' && partsOf.get(nameOf(kind))) || NO_PARTS;
    // Of what is still held, something was captured only where it was a part.
    const isWhole = kind.type === 'payment' && isCaptured(kind.status);
    if (isWhole) return { ...kind, captured: kind.amount - rest, capturedCount: kind.count };
    return { ...kind, captured, capturedCount: count };
  });
}

type DeclineRow = Statistics['declines'][number];

function countDeclines(
  db: Queryable,
  merchantId: string,
  boundaries: readonly Millis[],
  first: number,
  offset: number,
) {
  const wanted = boundaries.slice(first);
  if (offset > 0) {
    return db.query<DeclineRow>(
      `SELECT width_bucket(created_at, $2::timestamptz[]) - 1 + $5::int AS bucket, currency, status_reason AS reason,
         count(*)::int AS count, min(created_at) AS first
       FROM transaction WHERE ${createdBetween} AND type = 'payment' AND status IN ('rejected', 'transaction.failed')
       GROUP BY 1, 2, 3`,
      [merchantId, ...createdValues(wanted, offset), first],
    );
  }
  return db.query<DeclineRow>(
    `${KINDS} SELECT (b.n - 1)::int + $4::int AS bucket, k.currency, t.reason, t.count, t.first
     FROM kind k CROSS JOIN ${BUCKETS}
     CROSS JOIN LATERAL (SELECT status_reason AS reason, count(*)::int AS count, min(created_at) AS first
       FROM transaction WHERE ${IN_BUCKET} GROUP BY 1) t
     WHERE k.type = 'payment' AND k.status IN ('rejected', 'transaction.failed')`,
    [merchantId, ...idValues(wanted), first],
  );
}

const createdBetween = `merchant_id = $1 AND created_at >= ($2::timestamptz[])[1]
  AND created_at < ($2::timestamptz[])[cardinality($2::timestamptz[])] AND id >= $3 AND id <= $4`;

function createdValues(boundaries: readonly Millis[], offset: number): (string | Buffer)[] {
  const [first = 0, last = 0] = [boundaries[0], boundaries.at(-1)];
  return [
    timeArray(boundaries),
    idAt(first - offset - CLOCK_SLACK_MS, '0'),
    idAt(last + CLOCK_SLACK_MS, 'f'),
  ];
}

function idValues(boundaries: readonly Millis[]): string[] {
  const ids = boundaries.map((time) => idAt(time, '0'));
  return [plainArray(ids.slice(0, -1)), plainArray(ids.slice(1))];
}

/** What is captured by itself does not expire. */
const EXPIRES = 'expires_at < $2 AND capture_at IS NULL';

async function readHolds(
  db: Queryable,
  merchantId: string,
  now: Millis,
  withinMs: number,
): Promise<Statistics['holds']> {
  const { rows } = await db.query<{
    currency: string;
    count: number;
    held: bigint;
    soon: number;
    heldSoon: bigint;
    first: Millis | null;
    since: Millis | null;
  }>(
    `${KINDS} SELECT k.currency, sum(t.count)::int AS count, sum(t.held) AS held, sum(t.soon)::int AS soon,
       sum(t."heldSoon") AS "heldSoon", min(t.first) AS first, min(t.since) AS since
     FROM kind k CROSS JOIN LATERAL (
       SELECT count(*) AS count, coalesce(sum(amount - captured - released), 0) AS held,
         count(*) FILTER (WHERE ${EXPIRES}) AS soon,
         coalesce(sum(amount - captured - released) FILTER (WHERE ${EXPIRES}), 0) AS "heldSoon",
         min(expires_at) FILTER (WHERE ${EXPIRES}) AS first,
         min(greatest(expires_at - $3 * interval '1 millisecond', authed_at)) FILTER (WHERE ${EXPIRES}) AS since
       FROM transaction WHERE merchant_id = $1 AND ${SAME_KIND}) t
     WHERE k.type = 'payment' AND k.status = 'authorized' GROUP BY k.currency`,
    [merchantId, new Date(now + withinMs), withinMs],
  );
  return rows.map(({ currency, count, held, soon, heldSoon, first, since }) => ({
    currency,
    all: { count, heldVolume: held },
    expiring: { count: soon, heldVolume: heldSoon },
    expiresFirst: first,
    expiringSince: since,
  }));
}
