/**
 * Deliveries of webhooks, and the lanes in which nodes claim what is pending. Whoever adds to a lane or takes from it
 * has locked its row, so that a lane is there exactly as long as something is pending in it:
 *
 *   event ─fan-out─► delivery, pending ──► lane ──claim──► leased ──attempts, record──► delivered, or failed
 *                        ▲                                   │ failure: due again later
 *             resend, replay ◄─── delivered or failed        └ lease over: due again now
 *
 * What a statement finds by an array it finds by `unnest … CROSS JOIN LATERAL (… LIMIT 1)`, and changes by the row's
 * place, as in `batchSql.ts`: a join's plan would depend on how full these tables were when it was made. So would one that
 * could find a family's lane or delivery among all of its endpoint, which look as few while a table is empty, and become
 * 100,000 behind an endpoint that is dead: `(endpoint_id = …) IS TRUE` leaves the index by family.
 *
 * Locks: the fan-out's advisory lock → lanes → deliveries → endpoints, each sorted.
 */

import type { Millis } from '../core/transaction.ts';
import type { MessageKey } from '../core/values/ids.ts';
import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import { joinedJson, jsonTexts, plainArray, textArray, timeArray } from '../postgres/arrays.ts';
import { isLeased } from '../postgres/leases.ts';
import type { Queryable, Statement, StatementRunner } from '../postgres/pool.ts';
import { ENGINE_NOW } from './endpointsSql.ts';
import { type Due, MOST_PER_ENDPOINT } from './slots.ts';

/**
 * As in the engine's batches: a plan made while a table was empty would read all of it for good, and for the events
 * of 10 ms PostgreSQL would plan each execution, which takes as long as the execution. Commits do not wait for the
 * disk, nor do payments for these: what a crash of PostgreSQL takes back is done again, and delivered again. A node
 * that was stopped while it sent a statement must not keep the others out: PostgreSQL 17 can end its transaction.
 *
 * All of it ends with the transaction. A pooler in transaction mode gives the session to others next, and what was
 * set for good would be theirs: payments would be answered before they are on the disk.
 */
const SETTINGS: Statement = {
  name: 'webhook_settings',
  text: `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true), set_config('synchronous_commit', 'off', true),
    CASE WHEN current_setting('server_version_num')::int >= 170000 THEN set_config('transaction_timeout', '10s', true) END`,
};

/** Of the transactions of webhooks: goes before their first statement. */
export async function applySettings(db: StatementRunner): Promise<void> {
  await db.query(SETTINGS);
}

/** An attempt takes at most 15 s, and a lane is given up when it has been held for 10 s. */
export const LEASE = `interval '30 seconds'`;

/** Whether nobody is at a lane `l`. */
export const IS_FREE = `NOT ${isLeased('l.leased_until', LEASE)}`;

export interface LaneKey {
  readonly familyId: string;
  readonly endpointId: string;
}

/** One name for each lane. */
export function laneName({ familyId, endpointId }: LaneKey): string {
  return `${familyId} ${endpointId}`;
}

/** A message with what its deliveries are made of. */
export interface NewMessage extends MessageKey {
  readonly familyId: string;
  readonly merchantId: string;
  readonly name: string;
  readonly eventAt: Millis;
  readonly round: number;
  /** The link that it is of, or by which its payment was made. */
  readonly linkId: string | null;
  readonly body: string;
}

export interface ClaimedLane extends LaneKey {
  readonly version: number;
  readonly failures: number;
  readonly now: Millis;
}

/**
 * Endpoints for which lanes are due, and how many, counted up to `MOST_PER_ENDPOINT`. Endpoints are gone through one by one,
 * so that no endpoint's backlog, however long, is in the way of another's.
 */
export async function readDue(db: StatementRunner): Promise<Due[]> {
  const { rows } = await db.query<Due>({
    name: 'webhook_due',
    text: `WITH RECURSIVE clock AS MATERIALIZED (SELECT ${ENGINE_NOW} AS now),
      waiting(id) AS (
        (SELECT endpoint_id FROM webhook_lane ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (SELECT endpoint_id FROM webhook_lane WHERE endpoint_id > waiting.id ORDER BY endpoint_id LIMIT 1)
        FROM waiting WHERE waiting.id IS NOT NULL)
      SELECT w.id AS "endpointId", w.merchant_id AS "merchantId", w.failing_since IS NOT NULL AS failing, l.count
      FROM clock CROSS JOIN waiting
      CROSS JOIN LATERAL (SELECT * FROM webhook_endpoint WHERE id = waiting.id
        AND disabled_at IS NULL AND deleted_at IS NULL LIMIT 1) w
      CROSS JOIN LATERAL (SELECT count(*)::int AS count FROM (SELECT FROM webhook_lane l WHERE l.endpoint_id = w.id
        AND l.due_at <= clock.now AND ${IS_FREE} ORDER BY l.due_at LIMIT $1::int) d) l
      WHERE l.count > 0 ORDER BY random()`,
    values: [String(MOST_PER_ENDPOINT)],
  });
  return rows;
}

/** Claims lanes that are due, so many of each endpoint. */
export async function claimLanes(
  db: StatementRunner,
  lease: string,
  shares: ReadonlyMap<string, number>,
): Promise<ClaimedLane[]> {
  if (shares.size === 0) return [];
  const { rows } = await db.query<ClaimedLane>({
    name: 'webhook_claim',
    text: `WITH clock AS MATERIALIZED (SELECT ${ENGINE_NOW} AS now),
      due AS MATERIALIZED (
        SELECT d.row, w.version, clock.now FROM clock CROSS JOIN unnest($2::uuid[], $3::int[]) s(endpoint_id, count)
        CROSS JOIN LATERAL (SELECT version FROM webhook_endpoint WHERE id = s.endpoint_id LIMIT 1) w
        CROSS JOIN LATERAL (SELECT ctid AS row FROM webhook_lane l WHERE l.endpoint_id = s.endpoint_id
          AND l.due_at <= clock.now AND ${IS_FREE} ORDER BY l.due_at LIMIT s.count FOR UPDATE SKIP LOCKED) d)
      UPDATE webhook_lane l SET lease = $1, leased_until = clock_timestamp() + ${LEASE}
      FROM due WHERE l.ctid = due.row
      RETURNING l.family_id AS "familyId", l.endpoint_id AS "endpointId", due.version, l.failures, due.now`,
    values: [lease, plainArray([...shares.keys()]), plainArray([...shares.values()])],
  });
  return rows;
}

/** A delivery that is to be attempted. */
export interface PendingDelivery extends LaneKey, MessageKey {
  readonly name: string;
  readonly eventAt: Millis;
  readonly attempts: number;
  readonly replay: boolean;
  /** Where it is sent; null: to its endpoint's address. */
  readonly callbackUrl: string | null;
  readonly body: string;
}

/** The first pending deliveries of each of these lanes, in their order. */
export async function readPending(
  db: StatementRunner,
  lanes: readonly LaneKey[],
  perLane: number,
): Promise<PendingDelivery[]> {
  const { rows } = await db.query<PendingDelivery>({
    name: 'webhook_pending',
    text: `SELECT u.family_id AS "familyId", u.endpoint_id AS "endpointId", d.transaction_id AS "transactionId", d.seq,
        d.name, d.event_at AS "eventAt", d.attempts, d.replay, d.callback_url AS "callbackUrl", m.body
      FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY u(family_id, endpoint_id, n)
      CROSS JOIN LATERAL (SELECT * FROM webhook_delivery d WHERE d.family_id = u.family_id
        AND (d.endpoint_id = u.endpoint_id) IS TRUE AND d.status = 'pending' ORDER BY d.id LIMIT $3::int) d
      CROSS JOIN LATERAL (SELECT body FROM webhook_message m WHERE m.transaction_id = d.transaction_id
        AND m.seq = d.seq LIMIT 1) m
      ORDER BY u.n, d.id`,
    values: [
      plainArray(lanes.map((l) => l.familyId)),
      plainArray(lanes.map((l) => l.endpointId)),
      String(perLane),
    ],
  });
  return rows;
}

/** One attempt at a delivery. */
export interface Attempt extends LaneKey, MessageKey {
  readonly number: number;
  readonly at: Millis;
  readonly latencyMs: number;
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly response: string | null;
  /** What the delivery is now. */
  readonly status: 'pending' | 'delivered' | 'failed';
}

/** How a claimed lane is left. */
export interface LaneResult extends LaneKey {
  readonly lease: string;
  readonly attempts: readonly Attempt[];
  /** How many of its deliveries are not pending any more. */
  readonly finished: number;
  /** Of the delivery that is its first one now. */
  readonly failures: number;
  /** When it is due again; null: at once. */
  readonly dueInMs: number | null;
}

/**
 * Records what came of claimed lanes that `lockLanes` has locked, and leaves them.
 * @returns how many go on, and are due at once
 */
export async function leaveLanes(db: StatementRunner, results: readonly LaneResult[]): Promise<number> {
  if (results.length === 0) return 0;
  const attempts = results.flatMap((result) => result.attempts);
  const recorded = attempts.length > 0 ? recordAttempts(db, attempts) : null;
  const [left] = await Promise.all([recordLanes(db, results), recorded]);
  return left;
}

async function recordLanes(db: StatementRunner, results: readonly LaneResult[]): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'webhook_leave_lanes',
    text: `WITH result AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[])
          r(family_id, endpoint_id, finished, failures, due_in)
        CROSS JOIN LATERAL (SELECT ctid AS row, pending FROM webhook_lane w WHERE w.family_id = r.family_id
          AND (w.endpoint_id = r.endpoint_id) IS TRUE LIMIT 1) l),
      gone AS (DELETE FROM webhook_lane l USING result r WHERE l.ctid = r.row AND r.pending = r.finished),
      left_over AS (UPDATE webhook_lane l SET pending = r.pending - r.finished, failures = r.failures, lease = NULL,
          leased_until = NULL, due_at = now + coalesce(r.due_in, 0) * interval '1 millisecond'
        FROM result r, ${ENGINE_NOW} c(now) WHERE l.ctid = r.row AND r.pending > r.finished
        RETURNING r.due_in)
      SELECT count(*) FILTER (WHERE due_in IS NULL)::int AS count FROM left_over`,
    values: [
      plainArray(results.map((r) => r.familyId)),
      plainArray(results.map((r) => r.endpointId)),
      plainArray(results.map((r) => r.finished)),
      plainArray(results.map((r) => r.failures)),
      plainArray(results.map((r) => r.dueInMs)),
    ],
  });
  return rows[0]?.count ?? 0;
}

/** Locks the lanes of these results. @returns those of lanes that no other node has claimed since */
export async function lockLanes(
  db: StatementRunner,
  results: readonly LaneResult[],
): Promise<readonly LaneResult[]> {
  const { rows } = await db.query<LaneKey & { lease: string }>({
    name: 'webhook_lock_lanes',
    text: `SELECT l.family_id AS "familyId", l.endpoint_id AS "endpointId", l.lease
      FROM (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) u(family_id, endpoint_id, lease) ORDER BY 1, 2) u
      CROSS JOIN LATERAL (SELECT family_id, endpoint_id, lease FROM webhook_lane w WHERE w.family_id = u.family_id
        AND (w.endpoint_id = u.endpoint_id) IS TRUE AND w.lease = u.lease LIMIT 1 FOR UPDATE) l`,
    values: [
      plainArray(results.map((r) => r.familyId)),
      plainArray(results.map((r) => r.endpointId)),
      plainArray(results.map((r) => r.lease)),
    ],
  });
  // By lease: what was claimed before by the same node may be recorded together with what it has claimed since.
  const leases = new Map(rows.map((lane) => [laneName(lane), lane.lease]));
  return results.filter((result) => leases.get(laneName(result)) === result.lease);
}

/** A delivery that needed no other attempt than its first one has that in its own row. */
const IS_WHOLE = `a.number = 1 AND a.status = 'delivered'`;

async function recordAttempts(db: StatementRunner, attempts: readonly Attempt[]): Promise<void> {
  await db.query({
    name: 'webhook_record',
    text: `WITH attempt AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[],
          $6::timestamptz[], $7::int[], $8::smallint[], $9::text[], $10::text[], $11::text[])
          a(family_id, endpoint_id, transaction_id, seq, number, at, latency_ms, status_code, error, response, status)),
      found AS MATERIALIZED (SELECT a.*, w.row, w.merchant_id FROM attempt a CROSS JOIN LATERAL (
        SELECT ctid AS row, merchant_id FROM webhook_delivery w WHERE w.family_id = a.family_id
          AND (w.endpoint_id = a.endpoint_id) IS TRUE AND w.transaction_id = a.transaction_id AND w.seq = a.seq LIMIT 1) w),
      kept AS (INSERT INTO webhook_attempt
          (family_id, endpoint_id, merchant_id, transaction_id, seq, number, at, latency_ms, status_code, error, response)
        SELECT family_id, endpoint_id, merchant_id, transaction_id, seq, number, at, latency_ms, status_code, error, response
        FROM found a WHERE NOT (${IS_WHOLE}))
      UPDATE webhook_delivery d SET attempts = a.number, status = a.status,
        finished_at = CASE WHEN a.status <> 'pending' THEN a.at END,
        first_at = CASE WHEN ${IS_WHOLE} THEN a.at ELSE d.first_at END,
        first_latency_ms = CASE WHEN ${IS_WHOLE} THEN a.latency_ms ELSE d.first_latency_ms END,
        first_status_code = CASE WHEN ${IS_WHOLE} THEN a.status_code ELSE d.first_status_code END,
        first_response = CASE WHEN ${IS_WHOLE} THEN a.response ELSE d.first_response END
      FROM found a
      WHERE d.ctid = a.row`,
    values: [
      plainArray(attempts.map((a) => a.familyId)),
      plainArray(attempts.map((a) => a.endpointId)),
      plainArray(attempts.map((a) => a.transactionId)),
      plainArray(attempts.map((a) => a.seq)),
      plainArray(attempts.map((a) => a.number)),
      timeArray(attempts.map((a) => a.at)),
      plainArray(attempts.map((a) => a.latencyMs)),
      plainArray(attempts.map((a) => a.statusCode)),
      textArray(attempts.map((a) => a.error)),
      textArray(attempts.map((a) => a.response)),
      textArray(attempts.map((a) => a.status)),
    ],
  });
}

/** Keeps what is sent, if it is not kept already. */
export async function insertMessages(
  db: StatementRunner,
  messages: Iterable<Omit<NewMessage, 'linkId'>>,
): Promise<void> {
  const all = [...messages];
  if (all.length === 0) return;
  await db.query({
    name: 'webhook_messages',
    text: `INSERT INTO webhook_message (transaction_id, seq, merchant_id, body, created_at)
      SELECT t, s, m, b, ${ENGINE_NOW} FROM unnest($1::uuid[], $2::int[], $3::uuid[], ${jsonTexts('$4')}) m(t, s, m, b)
      ON CONFLICT DO NOTHING`,
    values: [
      plainArray(all.map((m) => m.transactionId)),
      plainArray(all.map((m) => m.seq)),
      plainArray(all.map((m) => m.merchantId)),
      joinedJson(all.map((m) => m.body)),
    ],
  });
}

/** A message, and where it is sent; null: to its endpoint's address. */
export type AddressedMessage = Omit<NewMessage, 'linkId'> & { readonly callbackUrl: string | null };

/**
 * Makes messages pending for one endpoint, again or for the first time, within a transaction; what is pending
 * already becomes due now.
 * @param replay whether it is marked as such when it is sent
 */
export async function requeue(
  db: Queryable,
  endpointId: string,
  messages: readonly AddressedMessage[],
  replay: boolean,
): Promise<void> {
  await db.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.fanOut]);
  const families = [...new Set(messages.map((m) => m.familyId))].sort();
  const lanes = [plainArray(families), endpointId];
  await db.query(
    `INSERT INTO webhook_lane (family_id, endpoint_id, merchant_id, pending, due_at) SELECT f, w.id, w.merchant_id, 0, ${ENGINE_NOW}
     FROM unnest($1::uuid[]) f CROSS JOIN webhook_endpoint w WHERE w.id = $2 ORDER BY f ON CONFLICT (family_id, endpoint_id) DO UPDATE SET due_at = excluded.due_at`,
    lanes,
  );
  await insertMessages(db, messages);
  await db.query(
    `WITH queued AS (
       INSERT INTO webhook_delivery AS d (family_id, endpoint_id, merchant_id, transaction_id, seq, name, event_at, created_at, replay, callback_url)
       SELECT m.f, w.id, w.merchant_id, m.t, m.s, m.n, m.e, ${ENGINE_NOW}, $8, m.c
       FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $9::text[]) WITH ORDINALITY m(f, t, s, n, e, c, o)
       CROSS JOIN webhook_endpoint w WHERE w.id = $7 ORDER BY m.o
       ON CONFLICT (family_id, endpoint_id, transaction_id, seq)
         DO UPDATE SET status = 'pending', finished_at = NULL, replay = $8 WHERE d.status <> 'pending'
       RETURNING family_id)
     UPDATE webhook_lane l SET pending = l.pending + q.count, failures = 0
     FROM (SELECT family_id, count(*)::int AS count FROM queued GROUP BY 1) q
     WHERE l.family_id = q.family_id AND (l.endpoint_id = $7) IS TRUE AND l.family_id = ANY($6::uuid[])`,
    [
      plainArray(messages.map((m) => m.familyId)),
      plainArray(messages.map((m) => m.transactionId)),
      plainArray(messages.map((m) => m.seq)),
      textArray(messages.map((m) => m.name)),
      timeArray(messages.map((m) => m.eventAt)),
      ...[plainArray(families), endpointId, replay],
      textArray(messages.map((m) => m.callbackUrl)),
    ],
  );
}

export interface Delivery extends LaneKey, MessageKey {
  /** Its place in the list. */
  readonly id: bigint;
  readonly name: string;
  readonly eventAt: Millis;
  readonly status: 'pending' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly replay: boolean;
  /** Of a callback: where it is sent. */
  readonly callbackUrl: string | null;
  readonly createdAt: Millis;
  readonly finishedAt: Millis | null;
  /** Of a pending one that waits behind another, when that one is due. */
  readonly nextAttemptAt: Millis | null;
}

const DELIVERY = `d.family_id AS "familyId", d.endpoint_id AS "endpointId", d.transaction_id AS "transactionId", d.seq,
  d.id, d.name, d.event_at AS "eventAt", d.status, d.attempts, d.replay, d.callback_url AS "callbackUrl", d.created_at AS "createdAt",
  d.finished_at AS "finishedAt", CASE WHEN d.status = 'pending' THEN l.due_at END AS "nextAttemptAt"`;
const LANE = `LEFT JOIN LATERAL (SELECT due_at FROM webhook_lane l WHERE l.family_id = d.family_id
  AND (l.endpoint_id = d.endpoint_id) IS TRUE LIMIT 1) l ON true`;

export interface DeliveryFilter {
  readonly status: Delivery['status'] | null;
  readonly name: string | null;
  readonly transactionId: string | null;
}

/** An endpoint's deliveries, newest first. @param before only those made before this one */
export async function listDeliveries(
  db: Queryable,
  endpointId: string,
  { status, name, transactionId }: DeliveryFilter,
  before: bigint | null,
  limit: number,
): Promise<Delivery[]> {
  const conditions = ['d.endpoint_id = $1', 'd.id < $2'];
  const values: unknown[] = [endpointId, before ?? '9223372036854775807', limit];
  const add = (condition: (parameter: string) => string, value: string | null): void => {
    if (value !== null) conditions.push(condition(`$${values.push(value)}`));
  };
  // A constant: the planner must see that the index of failed ones, or none, has what is asked for.
  if (status !== null) conditions.push(status === 'failed' ? 'd.failed' : `d.status = '${status}'`);
  add((p) => `d.name = ${p}`, name);
  add(
    (p) =>
      `d.transaction_id = ${p} AND d.family_id = (SELECT coalesce(parent_transaction_id, id) FROM transaction WHERE id = ${p})`,
    transactionId,
  );
  const { rows } = await db.query<Delivery>(
    `SELECT ${DELIVERY} FROM webhook_delivery d ${LANE} WHERE ${conditions.join(' AND ')} ORDER BY d.id DESC LIMIT $3`,
    values,
  );
  return rows;
}

export type StoredDelivery = Delivery & { readonly body: string };

/** One delivery of an endpoint; null for any other. */
export async function findDelivery(
  db: Queryable,
  endpointId: string,
  { transactionId, seq }: MessageKey,
): Promise<StoredDelivery | null> {
  const { rows } = await db.query<StoredDelivery>(
    `SELECT ${DELIVERY}, m.body FROM webhook_delivery d ${LANE}
     JOIN webhook_message m ON m.transaction_id = d.transaction_id AND m.seq = d.seq
     WHERE d.endpoint_id = $1 AND d.transaction_id = $2 AND d.seq = $3
       AND d.family_id = coalesce((SELECT parent_transaction_id FROM transaction WHERE id = $2), $2)`,
    [endpointId, transactionId, seq],
  );
  return rows[0] ?? null;
}

export type StoredAttempt = Pick<
  Attempt,
  'number' | 'at' | 'latencyMs' | 'statusCode' | 'error' | 'response'
>;

/** The attempts that a delivery, as it was read, tells of: oldest first; at most the last 100. */
export async function listAttempts(
  db: Queryable,
  { familyId, endpointId, transactionId, seq, attempts }: Delivery,
): Promise<StoredAttempt[]> {
  const { rows } = await db.query<StoredAttempt>(
    `SELECT * FROM (
       SELECT number, at, latency_ms AS "latencyMs", status_code AS "statusCode", error, response FROM webhook_attempt
       WHERE family_id = $1 AND endpoint_id = $2 AND transaction_id = $3 AND seq = $4
       UNION ALL
       SELECT 1, first_at, first_latency_ms, first_status_code, NULL, first_response FROM webhook_delivery
       WHERE family_id = $1 AND endpoint_id = $2 AND transaction_id = $3 AND seq = $4 AND first_at IS NOT NULL) a
     WHERE number <= $5 ORDER BY number DESC LIMIT 100`,
    [familyId, endpointId, transactionId, seq, attempts],
  );
  return rows.reverse();
}
