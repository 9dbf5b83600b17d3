/**
 * How far events have been published, and by whom. The place is that of an event that the broker has confirmed, as of
 * every reader of the feed (`feed/eventsSql.ts`). Whose turn it is says a lease, not an advisory lock: nothing is asked
 * of a broker inside a transaction, and a pooler in transaction mode keeps no lock of a session.
 */
import { type FeedPage, type PageRow, pageOf, pageSql, readFeedEnd } from '../feed/eventsSql.ts';
import type { FeedPosition } from '../feed/position.ts';
import { isLeased } from '../postgres/leases.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';

/** Longer than a broker may take for one call after another: to connect, to say where things are, and to store. */
export const LEASE_MS = 12_000;
const LEASE = `interval '${LEASE_MS} milliseconds'`;

interface PlaceRow {
  readonly round: bigint;
  readonly position: bigint;
}

function placeOf({ round, position }: PlaceRow): FeedPosition {
  return { round: Number(round), position: Number(position) };
}

/** Where a sink begins that has published nothing yet. */
export type SinkStart = 'beginning' | 'now';

/** Makes the sink known, once. Events that commit later than this are published in any case. */
export async function ensureSink(db: Queryable, name: string, start: SinkStart): Promise<void> {
  const { rows } = await db.query({
    name: 'find_event_sink',
    text: 'SELECT FROM event_sink WHERE name = $1',
    values: [name],
  });
  if (rows.length > 0) return;
  const { round, position } = start === 'now' ? (await readFeedEnd(db)).end : { round: 0, position: 0 };
  await db.query({
    name: 'insert_event_sink',
    text: 'INSERT INTO event_sink (name, round, position) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    values: [name, String(round), String(position)],
  });
}

/** Takes the turn, or keeps it. @returns the sink's place; null while another node has the turn */
export async function takeSink(db: Queryable, name: string, lease: string): Promise<FeedPosition | null> {
  const { rows } = await db.query<PlaceRow>({
    name: 'take_event_sink',
    text: `UPDATE event_sink SET lease = $2, leased_until = clock_timestamp() + ${LEASE}
      WHERE name = $1 AND (lease = $2 OR NOT ${isLeased('leased_until', LEASE)}) RETURNING round, position`,
    values: [name, lease],
  });
  return rows[0] === undefined ? null : placeOf(rows[0]);
}

/** Moves the place on, and keeps the turn. @returns false when another node has taken it */
export async function advanceSink(
  db: Queryable,
  name: string,
  lease: string,
  { round, position }: FeedPosition,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'advance_event_sink',
    text: `UPDATE event_sink SET round = $3, position = $4, leased_until = clock_timestamp() + ${LEASE}
      WHERE name = $1 AND lease = $2`,
    values: [name, lease, String(round), String(position)],
  });
  return rowCount === 1;
}

/** Leaves the turn to whoever comes. */
export async function releaseSink(db: Queryable, name: string, lease: string): Promise<void> {
  await db.query({
    name: 'release_event_sink',
    text: 'UPDATE event_sink SET lease = NULL, leased_until = NULL WHERE name = $1 AND lease = $2',
    values: [name, lease],
  });
}

const PAGE = pageSql({
  after: '$1::bigint, $2::bigint',
  limit: '$3::int',
  merchants: 'SELECT id FROM merchant',
});

/** The next events of all merchants. @param db `feedReads` @throws HorizonFellError */
export async function readSinkPage(
  db: StatementRunner,
  after: FeedPosition,
  limit: number,
  clusterWide: boolean,
): Promise<FeedPage> {
  const { rows } = await db.query<PageRow>({
    name: clusterWide ? 'event_sink_page_database' : 'event_sink_page_snapshot',
    text: clusterWide ? PAGE.database : PAGE.snapshot,
    values: [String(after.round), String(after.position), String(limit)],
  });
  return pageOf(rows, { after, limit, clusterWide });
}

/** How old the first event is that was not published, on the engine's clock; 0 when all were. */
export async function readSinkLag(db: StatementRunner, name: string): Promise<number> {
  const { rows } = await db.query<{ seconds: number }>({
    name: 'event_sink_lag',
    text: `SELECT greatest(0, extract(epoch FROM clock_timestamp() - e.at) + i.clock_offset_ms / 1000.0)::float8 AS seconds
      FROM event_sink s CROSS JOIN installation i
      CROSS JOIN LATERAL (SELECT at FROM event WHERE (round, position) > (s.round, s.position)
        ORDER BY round, position LIMIT 1) e
      WHERE s.name = $1`,
    values: [name],
  });
  return rows[0]?.seconds ?? 0;
}
