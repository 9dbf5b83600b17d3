/**
 * How events become deliveries of webhooks, in the database: `fanOut.ts` says in which order, `deliveriesSql.ts` goes on
 * with what is pending. One transaction at a time, of any node, reads on from the feed's place, and moves it on.
 */

import type { Millis } from '../core/transaction.ts';
import { type FeedPage, type PageRow, pageOf, pageSql } from '../feed/eventsSql.ts';
import type { FeedPosition } from '../feed/position.ts';
import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import { plainArray, textArray, timeArray } from '../postgres/arrays.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';
import { IS_FREE, type LaneKey, LEASE, type NewMessage } from './deliveriesSql.ts';
import { ENGINE_NOW } from './endpointsSql.ts';

/** Where the last write ended, or the first endpoint begins; no round while nobody wants anything. */
const PLACE = `(SELECT min(after_round) + 1 AS round FROM webhook_endpoint WHERE disabled_at IS NULL AND deleted_at IS NULL) e
  LEFT JOIN webhook_feed f ON true
  CROSS JOIN LATERAL (SELECT CASE WHEN f.round >= e.round THEN f.round ELSE e.round END AS round,
    CASE WHEN f.round >= e.round THEN f.position ELSE 0 END AS position) p`;

const TAKE_TURN = `pg_try_advisory_xact_lock(${ADVISORY_LOCKS.fanOut})`;

/** Rows of the feed, of any merchant and of up to two events each, that are read at a time. */
const PAGE_LIMIT = 300;

/**
 * From the place on, as it is now: no node has to know it. Whoever does not have the turn, which is taken again here,
 * or may not read on, finds no place, and reads nothing.
 */
const PAGE = pageSql({
  ctes: `place AS MATERIALIZED (SELECT p.round, p.position FROM ${PLACE}
      WHERE p.round IS NOT NULL AND ${TAKE_TURN}),`,
  after: '(SELECT round FROM place), (SELECT position FROM place)',
  limit: String(PAGE_LIMIT),
  // An endpoint that committed before an event is seen by whoever sees the event.
  merchants: 'SELECT merchant_id FROM webhook_endpoint WHERE disabled_at IS NULL AND deleted_at IS NULL',
});

/** What is to be fanned out next. */
export interface NextPage {
  /** The place; null while nobody wants anything. */
  readonly after: FeedPosition | null;
  readonly page: FeedPage;
  /** The engine's clock. */
  readonly now: Millis;
}

interface PlaceRow {
  readonly round: bigint | null;
  readonly position: bigint;
}

function placeOf({ round, position }: PlaceRow): FeedPosition | null {
  return round === null ? null : { round: Number(round), position: Number(position) };
}

/**
 * Begins a transaction of the fan-out, and reads on.
 * @returns null while somebody else is at it
 * @throws HorizonFellError
 */
export async function beginFanOut(db: StatementRunner, clusterWide: boolean): Promise<NextPage | null> {
  // Apart: a statement that takes the turn sees what was there before it got it.
  const [turn, place, { rows }] = await Promise.all([
    db.query<{ taken: boolean }>({ name: 'webhook_take_turn', text: `SELECT ${TAKE_TURN} AS taken` }),
    db.query<PlaceRow & { now: Millis }>({
      name: 'webhook_place',
      text: `SELECT p.round, p.position, c.now FROM ${PLACE} CROSS JOIN ${ENGINE_NOW} c(now)`,
    }),
    db.query<PageRow>({
      name: clusterWide ? 'webhook_page_database' : 'webhook_page_snapshot',
      text: clusterWide ? PAGE.database : PAGE.snapshot,
    }),
  ]);
  const [found] = place.rows;
  if (found === undefined || turn.rows[0]?.taken !== true) return null;
  const after = placeOf(found);
  const before = after ?? { round: 0, position: 0 };
  return { after, page: pageOf(rows, { after: before, limit: PAGE_LIMIT, clusterWide }), now: found.now };
}

/** Up to where everything has been fanned out; null while nobody wants anything. */
export async function readFannedOut(db: Queryable): Promise<FeedPosition | null> {
  const { rows } = await db.query<PlaceRow>({
    name: 'webhook_fanned_out',
    text: `SELECT p.round, p.position FROM ${PLACE}`,
  });
  return rows[0] === undefined ? null : placeOf(rows[0]);
}

/** Moves the place on. */
export async function endFanOut(db: StatementRunner, { round, position }: FeedPosition): Promise<void> {
  await db.query({
    name: 'webhook_end_fan_out',
    text: `INSERT INTO webhook_feed (round, position) VALUES ($1, $2)
      ON CONFLICT (singleton) DO UPDATE SET round = excluded.round, position = excluded.position`,
    values: [String(round), String(position)],
  });
}

/** An endpoint that gets a message. */
export interface Receiver {
  /** Which of the messages. */
  readonly index: number;
  readonly endpointId: string;
  readonly version: number;
  readonly format: string;
  /** Where a link wants it; null: it is sent to the endpoint's own address. */
  readonly callbackUrl: string | null;
  /** Whether something of the family is pending there, behind which it has to wait. */
  readonly blocked: boolean;
}

/** What is to be known of an event to find out who gets it. */
export type Receivable = Omit<NewMessage, 'body'>;

/** What endpoints of a merchant are, for `m.merchant_id` and `m.round`. */
const MAY_GET = 'disabled_at IS NULL AND deleted_at IS NULL AND after_round < m.round';

/**
 * Who gets these messages, those that asked for them and their link's callback (`wants` of `core/history.ts` says the same of one) and has not got them yet, in their order: the first so many. Nothing is looked at for those
 * behind them. `OFFSET 0` keeps endpoints from being joined: each message would go through those of all merchants.
 */
export async function findReceivers(
  db: StatementRunner,
  messages: readonly Receivable[],
  limit: number,
): Promise<readonly Receiver[]> {
  if (messages.length === 0) return [];
  const { rows } = await db.query<Receiver>({
    name: 'webhook_receivers',
    text: `SELECT m.n::int - 1 AS index, w.id AS "endpointId", w.version, w.format, w.url AS "callbackUrl",
        coalesce((SELECT true FROM webhook_lane l WHERE l.family_id = m.family_id AND (l.endpoint_id = w.id) IS TRUE LIMIT 1), false) AS blocked
      FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $8::uuid[])
        WITH ORDINALITY m(transaction_id, seq, family_id, merchant_id, name, round, link_id, n)
      CROSS JOIN LATERAL (
        SELECT id, version, format, NULL AS url FROM webhook_endpoint w WHERE w.merchant_id = m.merchant_id AND ${MAY_GET}
          AND kind = 'registered' AND (CASE WHEN events = '{}' THEN m.name LIKE 'transaction.%' ELSE m.name = ANY(events) END)
        UNION ALL
        SELECT w.id, w.version, w.format, l.callback_url FROM
          (SELECT callback_id, callback_url FROM payment_link WHERE id = m.link_id AND callback_id IS NOT NULL LIMIT 1) l
          CROSS JOIN LATERAL (SELECT id, version, format FROM webhook_endpoint WHERE id = l.callback_id AND ${MAY_GET} LIMIT 1) w
        OFFSET 0) w
      WHERE (SELECT true FROM webhook_delivery d WHERE d.family_id = m.family_id AND (d.endpoint_id = w.id) IS TRUE
        AND d.transaction_id = m.transaction_id AND d.seq = m.seq LIMIT 1) IS NULL
      ORDER BY m.n LIMIT $7::int`,
    values: [
      plainArray(messages.map((m) => m.transactionId)),
      plainArray(messages.map((m) => m.seq)),
      plainArray(messages.map((m) => m.familyId)),
      plainArray(messages.map((m) => m.merchantId)),
      textArray(messages.map((m) => m.name)),
      plainArray(messages.map((m) => m.round)),
      String(limit),
      plainArray(messages.map((m) => m.linkId)),
    ],
  });
  return rows;
}

/** A message for an endpoint. */
export interface NewDelivery extends LaneKey {
  readonly message: NewMessage;
  /** Where it is sent; null: to its endpoint's address. */
  readonly callbackUrl: string | null;
}

/**
 * Writes deliveries that are to be attempted, in their order, behind what is pending in their lanes.
 * @param lease claims those of their lanes that nobody has; null: they are for whoever claims them
 * @returns the lanes that it has claimed
 */
export async function insertPending(
  db: StatementRunner,
  deliveries: readonly NewDelivery[],
  lease: string | null,
): Promise<readonly LaneKey[]> {
  if (deliveries.length === 0) return [];
  const { rows } = await db.query<LaneKey & { claimed: boolean }>({
    name: 'webhook_insert_pending',
    text: `WITH clock AS MATERIALIZED (SELECT ${ENGINE_NOW} AS now),
      made AS (
        INSERT INTO webhook_delivery (family_id, endpoint_id, merchant_id, transaction_id, seq, name, event_at, callback_url, created_at)
        SELECT f, e, m, t, s, name, event_at, callback_url, (SELECT now FROM clock)
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::timestamptz[], $9::text[])
          WITH ORDINALITY d(f, e, m, t, s, name, event_at, callback_url, n)
        ORDER BY n ON CONFLICT DO NOTHING RETURNING family_id, endpoint_id, merchant_id)
      INSERT INTO webhook_lane AS l (family_id, endpoint_id, merchant_id, pending, due_at, lease, leased_until)
      SELECT family_id, endpoint_id, merchant_id, count(*), (SELECT now FROM clock), $8::uuid,
        CASE WHEN $8::uuid IS NOT NULL THEN clock_timestamp() + ${LEASE} END
      FROM made GROUP BY 1, 2, 3 ORDER BY 1, 2
      ON CONFLICT (family_id, endpoint_id) DO UPDATE SET pending = l.pending + excluded.pending,
        lease = CASE WHEN ${IS_FREE} THEN excluded.lease ELSE l.lease END,
        leased_until = CASE WHEN ${IS_FREE} THEN excluded.leased_until ELSE l.leased_until END
      RETURNING l.family_id AS "familyId", l.endpoint_id AS "endpointId", coalesce(l.lease = $8::uuid, false) AS claimed`,
    values: [
      plainArray(deliveries.map((d) => d.familyId)),
      plainArray(deliveries.map((d) => d.endpointId)),
      plainArray(deliveries.map(({ message }) => message.merchantId)),
      plainArray(deliveries.map(({ message }) => message.transactionId)),
      plainArray(deliveries.map(({ message }) => message.seq)),
      textArray(deliveries.map(({ message }) => message.name)),
      timeArray(deliveries.map(({ message }) => message.eventAt)),
      lease,
      textArray(deliveries.map(({ callbackUrl }) => callbackUrl)),
    ],
  });
  return rows.filter(({ claimed }) => claimed);
}
