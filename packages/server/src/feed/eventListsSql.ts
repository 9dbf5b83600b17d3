/**
 * Lists of the events of a merchant's transactions, newest first; a link's are in its history. They walk the feed, past other merchants' events, and each page
 * ends after a bounded stretch of it: an index of events by merchant would cost each authorization 2.6 µs of
 * PostgreSQL's 28 and 250 bytes of WAL (measured: 1.3 µs and 125 bytes an event).
 */

import { eventNameOf } from '../core/lifecycle.ts';
import type { Millis, Minor } from '../core/transaction.ts';
import { TRANSACTION_COLUMNS } from '../engine/batchSql.ts';
import { type LinkJson, linkOf } from '../engine/linksSql.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';
import { checkEpoch, readEpochs } from './epochsSql.ts';
import {
  balanceAt,
  EVENT_FIELDS,
  type FeedEvent,
  type FeedEventRow,
  feedEventsOf,
  LINK_OF_EVENT,
  linkFeedEventOf,
} from './eventsSql.ts';
import { comparePositions, endOfRound, type FeedPosition, type GivenPosition } from './position.ts';

const CREATED = eventNameOf('created');
/** Rows of the feed that one page looks at: 50 ms at most. */
const STRETCH = 20_000;
/** Rows with an event before a place: of the one that is there, that may be the first of two (`engine/eventRows.ts`). */
const ROWS_BEFORE = '(round, position) < ($1, $2::bigint + 1)';
/**
 * Events are numbered in the order of their times but for this: a batch reads the clock before it numbers what
 * it writes, and ends within 20 s.
 */
const TIME_SLACK_MS = 60_000;

export interface EventFilter {
  readonly merchantId: string;
  readonly name: string | null;
  readonly transactionId: string | null;
  /** Both ends belong to it. */
  readonly from: Millis | null;
  readonly to: Millis | null;
  /** Whether those of payment links and sessions are among them. */
  readonly withLinks: boolean;
}

export interface EventPage {
  readonly events: readonly FeedEvent[];
  /** Where the next page begins; null when there is none. */
  readonly next: FeedPosition | null;
  /** By which `next` is named. */
  readonly epoch: string | null;
}

/**
 * One page of a merchant's events.
 * @param before only events before this place of the feed
 * @throws ForeignPositionError
 */
export async function listEventsOf(
  pool: Pool,
  filter: EventFilter,
  before: GivenPosition | null,
  limit: number,
): Promise<EventPage> {
  return inTransaction(pool, async (db) => {
    await db.query('SET TRANSACTION READ ONLY; SET LOCAL enable_seqscan = off; SET LOCAL jit = off');
    const epochs = await readEpochs(db);
    const epoch = epochs.at(-1) ?? null;
    if (before !== null) checkEpoch(before, epochs);
    const start = before ?? (await positionAfter(db, filter.to));
    const events = await readStretch(db, filter, start, limit);
    const last = events.at(-1);
    if (last !== undefined && events.length === limit) return { events, next: last.at, epoch };
    if (filter.transactionId !== null) return { events, next: null, epoch };
    const end = await endOfStretch(db, start);
    const isOver = end === null || (filter.from !== null && end.time < filter.from - TIME_SLACK_MS);
    return { events, next: isOver ? null : end.at, epoch };
  });
}

async function readStretch(
  db: Queryable,
  { merchantId, name, transactionId, from, to, withLinks }: EventFilter,
  before: FeedPosition,
  limit: number,
): Promise<FeedEvent[]> {
  const conditions = ['p.merchant_id = $3'];
  // One more than is asked for: of a row at this place, only the first of two events is before it.
  const values: unknown[] = [before.round, before.position, merchantId, limit + 1];
  const add = (condition: string, value: unknown): void => {
    if (value !== null) conditions.push(`${condition} $${values.push(value)}`);
  };
  const isAlso = name === CREATED ? 'OR p.with_created' : '';
  if (name !== null) conditions.push(`(p.name = $${values.push(name)} ${isAlso})`);
  add('p.at >=', from === null ? null : new Date(from));
  add('p.at <=', to === null ? null : new Date(to));
  const stretch =
    transactionId === null
      ? `SELECT * FROM event WHERE ${ROWS_BEFORE} ORDER BY round DESC, position DESC LIMIT ${STRETCH}`
      : `SELECT * FROM event WHERE ${ROWS_BEFORE} AND transaction_id = $${values.push(transactionId)}`;
  const { rows } = await db.query<ListedRow>(
    `SELECT ${EVENT_FIELDS}, l.link, t.*, ${balanceAt('p.round, p.position')} AS "balanceThen" FROM (${stretch}) p
     LEFT JOIN LATERAL (${LINK_OF_EVENT}) l ON true
     ${withLinks ? 'LEFT' : 'INNER'} JOIN LATERAL (SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = p.transaction_id LIMIT 1) t ON true
     WHERE ${conditions.join(' AND ')} ORDER BY p.round DESC, p.position DESC LIMIT $4`,
    values,
  );
  const isListed = ({ event, at }: FeedEvent): boolean =>
    comparePositions(at, before) < 0 && (name === null || event.name === name);
  return rows
    .flatMap((row): readonly FeedEvent[] =>
      row.linkExpiresAt !== null && row.link !== null
        ? [linkFeedEventOf(row, row.linkExpiresAt, linkOf(row.link))]
        : feedEventsOf(row, row.transactionId, row.balanceThen).toReversed(),
    )
    .filter(isListed)
    .slice(0, limit);
}

interface ListedRow extends FeedEventRow {
  readonly transactionId: string;
  readonly balanceThen: Minor;
  /** What the event is of, where that is no transaction. */
  readonly link: LinkJson | null;
}

/** The oldest event of a stretch; null when the feed ends in it. */
async function endOfStretch(
  db: Queryable,
  before: FeedPosition,
): Promise<{ at: FeedPosition; time: Millis } | null> {
  const { rows } = await db.query<{ round: bigint; position: bigint; at: Millis }>(
    `SELECT round, position - with_created::int AS position, at FROM event WHERE ${ROWS_BEFORE}
     ORDER BY round DESC, position DESC OFFSET ${STRETCH - 1} LIMIT 1`,
    [before.round, before.position],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return { at: { round: Number(row.round), position: Number(row.position) }, time: row.at };
}

/** A place in the feed after everything that happened up to this time; null: after everything. */
async function positionAfter(db: Queryable, time: Millis | null): Promise<FeedPosition> {
  return endOfRound(time === null ? Number.MAX_SAFE_INTEGER - 1 : await roundAt(db, time + TIME_SLACK_MS));
}

/** A place in the feed before everything that happened from this time on. */
export async function positionBefore(db: Queryable, time: Millis): Promise<FeedPosition> {
  return { round: (await roundAt(db, time - TIME_SLACK_MS)) - 1, position: 0 };
}

/** The first round of an event that is not before this time, or one after the last: by halving, 50 look-ups. */
async function roundAt(db: Queryable, time: Millis): Promise<number> {
  const { rows } = await db.query<{ first: bigint | null; last: bigint | null }>(
    `SELECT (SELECT round FROM event ORDER BY round LIMIT 1) AS first,
       (SELECT round FROM event ORDER BY round DESC LIMIT 1) AS last`,
  );
  let low = Number(rows[0]?.first ?? 0);
  let high = Number(rows[0]?.last ?? 0) + 1;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const found = await db.query<{ round: bigint; at: Millis }>({
      name: 'event_at_round',
      text: 'SELECT round, at FROM event WHERE round >= $1 ORDER BY round, position LIMIT 1',
      values: [middle],
    });
    const [event] = found.rows;
    if (event === undefined || event.at >= time) high = middle;
    else low = Number(event.round) + 1;
  }
  return low;
}
