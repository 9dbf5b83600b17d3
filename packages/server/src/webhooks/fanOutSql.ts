/**
 * How events become deliveries of webhooks, in the database: `fanOut.ts` says in which order, `deliveriesSql.ts` goes on
 * with what is pending. One transaction at a time, of any node, reads on from the feed's place, and moves it on.
 *
 * Nodes of the version before attempt what they have read before they write it. They read on in the same way, and leave
 * until when they do so alone (`held_until`), and a token by which they see that somebody else has gone on since.
 */

import type { Millis } from '../core/transaction.ts';
import { comparePositions, type FeedPosition } from '../feed/position.ts';

import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import { plainArray, textArray, timeArray } from '../postgres/arrays.ts';
import { isLeased } from '../postgres/leases.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';
import { IS_FREE, type LaneKey, LEASE, type NewMessage } from './deliveriesSql.ts';
import { ENGINE_NOW } from './endpointsSql.ts';

/** So long nobody else reads on after a node of the version before, which has not written all that it has read. */
const HELD = `interval '5 seconds'`;

export interface FanOutPlace {
  /** Where the last write ended, or the first endpoint begins. */
  readonly after: FeedPosition;
  /** Whether there is any endpoint to read for. */
  readonly wanted: boolean;
  /** Whether a node of the version before has read further, and is to write again. */
  readonly held: boolean;
  /** The engine's clock. */
  readonly now: Millis;
}

interface PlaceRow {
  readonly round: bigint | null;
  readonly position: bigint | null;
  readonly first: bigint | null;
}

/** Of `webhook_feed f`. */
const PLACE = `f.round, f.position,
  (SELECT min(after_round) FROM webhook_endpoint WHERE disabled_at IS NULL AND deleted_at IS NULL) AS first`;

function placeOf({ round, position, first }: PlaceRow): Pick<FanOutPlace, 'after' | 'wanted'> {
  const last = { round: Number(round ?? 0), position: Number(position ?? 0) };
  if (first === null) return { after: last, wanted: false };
  const begin = { round: Number(first) + 1, position: 0 };
  return { after: comparePositions(begin, last) > 0 ? begin : last, wanted: true };
}

/** Begins a transaction of the fan-out. @returns null while another one is under way */
export async function beginFanOut(db: StatementRunner): Promise<FanOutPlace | null> {
  // Two statements: one would see what was there before it got the lock.
  const [lock, place] = await Promise.all([
    db.query<{ locked: boolean }>({
      name: 'webhook_lock_fan_out',
      text: `SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.fanOut}) AS locked`,
    }),
    db.query<PlaceRow & { held: boolean; now: Millis }>({
      name: 'webhook_place',
      text: `SELECT ${PLACE}, ${isLeased('f.held_until', HELD)} AS held, c.now
        FROM ${ENGINE_NOW} c(now) LEFT JOIN webhook_feed f ON true`,
    }),
  ]);
  const [row] = place.rows;
  if (row === undefined || lock.rows[0]?.locked !== true) return null;
  return { ...placeOf(row), held: row.held, now: row.now };
}

/** Up to where everything has been fanned out; null while nobody wants anything. */
export async function readFannedOut(db: Queryable): Promise<FeedPosition | null> {
  const { rows } = await db.query<PlaceRow>({
    name: 'webhook_fanned_out',
    text: `SELECT ${PLACE} FROM (SELECT) one LEFT JOIN webhook_feed f ON true`,
  });
  const { after, wanted } = placeOf(rows[0] ?? { round: null, position: null, first: null });
  return wanted ? after : null;
}

/** Moves the place on. */
export async function endFanOut(db: StatementRunner, { round, position }: FeedPosition): Promise<void> {
  await db.query({
    name: 'webhook_end_fan_out',
    text: `INSERT INTO webhook_feed (round, position, token) VALUES ($1, $2, gen_random_uuid())
      ON CONFLICT (singleton) DO UPDATE SET round = excluded.round, position = excluded.position,
        token = excluded.token, held_until = NULL`,
    values: [String(round), String(position)],
  });
}

/** An endpoint that gets a message. */
export interface Receiver {
  /** Which of the messages. */
  readonly index: number;
  readonly endpointId: string;
  readonly version: number;
  /** Whether something of the family is pending there, behind which it has to wait. */
  readonly blocked: boolean;
}

/** Who gets these messages and has not got them yet, in their order. */
export async function findReceivers(
  db: StatementRunner,
  messages: readonly NewMessage[],
): Promise<readonly Receiver[]> {
  if (messages.length === 0) return [];
  const { rows } = await db.query<Receiver & { readonly written: boolean | null }>({
    name: 'webhook_receivers',
    text: `SELECT m.n::int - 1 AS index, w.id AS "endpointId", w.version,
        coalesce((SELECT true FROM webhook_lane l WHERE l.family_id = m.family_id AND l.endpoint_id = w.id LIMIT 1), false) AS blocked,
        (SELECT true FROM webhook_delivery d WHERE d.family_id = m.family_id AND d.endpoint_id = w.id
          AND d.transaction_id = m.transaction_id AND d.seq = m.seq LIMIT 1) AS written
      FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[])
        WITH ORDINALITY m(transaction_id, seq, family_id, merchant_id, name, round, n)
      CROSS JOIN LATERAL (SELECT id, version FROM webhook_endpoint w WHERE w.merchant_id = m.merchant_id AND disabled_at IS NULL
        AND deleted_at IS NULL AND after_round < m.round AND (events = '{}' OR m.name = ANY(events))) w
      ORDER BY m.n`,
    values: [
      plainArray(messages.map((m) => m.transactionId)),
      plainArray(messages.map((m) => m.seq)),
      plainArray(messages.map((m) => m.familyId)),
      plainArray(messages.map((m) => m.merchantId)),
      textArray(messages.map((m) => m.name)),
      plainArray(messages.map((m) => m.round)),
    ],
  });
  return rows.filter(({ written }) => written === null);
}

/** A message for an endpoint. */
export interface NewDelivery extends LaneKey {
  readonly message: NewMessage;
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
        INSERT INTO webhook_delivery (family_id, endpoint_id, transaction_id, seq, name, event_at, created_at)
        SELECT f, e, t, s, name, event_at, (SELECT now FROM clock)
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
          WITH ORDINALITY d(f, e, t, s, name, event_at, n)
        ORDER BY n ON CONFLICT DO NOTHING RETURNING family_id, endpoint_id)
      INSERT INTO webhook_lane AS l (family_id, endpoint_id, pending, due_at, lease, leased_until)
      SELECT family_id, endpoint_id, count(*), (SELECT now FROM clock), $7::uuid,
        CASE WHEN $7::uuid IS NOT NULL THEN clock_timestamp() + ${LEASE} END
      FROM made GROUP BY family_id, endpoint_id ORDER BY family_id, endpoint_id
      ON CONFLICT (family_id, endpoint_id) DO UPDATE SET pending = l.pending + excluded.pending,
        lease = CASE WHEN ${IS_FREE} THEN excluded.lease ELSE l.lease END,
        leased_until = CASE WHEN ${IS_FREE} THEN excluded.leased_until ELSE l.leased_until END
      RETURNING l.family_id AS "familyId", l.endpoint_id AS "endpointId", coalesce(l.lease = $7::uuid, false) AS claimed`,
    values: [...keysOf(deliveries), lease],
  });
  return rows.filter(({ claimed }) => claimed);
}

function keysOf(deliveries: readonly NewDelivery[]): string[] {
  return [
    plainArray(deliveries.map((d) => d.familyId)),
    plainArray(deliveries.map((d) => d.endpointId)),
    plainArray(deliveries.map(({ message }) => message.transactionId)),
    plainArray(deliveries.map(({ message }) => message.seq)),
    textArray(deliveries.map(({ message }) => message.name)),
    timeArray(deliveries.map(({ message }) => message.eventAt)),
  ];
}
