/** Replays: time ranges of a merchant's events that are delivered again to one endpoint, step by step. */

import type { Millis } from '../core/transaction.ts';
import type { FeedPosition } from '../feed/position.ts';

import type { Queryable } from '../postgres/pool.ts';
import type { EndpointKind } from './endpointsSql.ts';

export interface Replay {
  readonly id: string;
  readonly endpointId: string;
  readonly merchantId: string;
  /** Both ends belong to it. */
  readonly from: Millis;
  readonly to: Millis;
  /** What comes after this place of the feed is still to be delivered. */
  readonly after: FeedPosition;
}

export async function insertReplay(db: Queryable, replay: Replay): Promise<void> {
  const { id, endpointId, merchantId, from, to, after } = replay;
  await db.query('INSERT INTO webhook_replay VALUES ($1, $2, $3, $4, $5, $6, $7)', [
    ...[id, endpointId, merchantId],
    ...[new Date(from), new Date(to), after.round, after.position],
  ]);
}

/** With its endpoint. */
export interface LockedReplay extends Replay {
  readonly kind: EndpointKind;
  readonly format: string;
  readonly events: readonly string[];
  readonly deleted: boolean;
}

/** A replay that no other node is at, with what its endpoint wants, locked; null when there is none. */
export async function lockReplay(db: Queryable): Promise<LockedReplay | null> {
  const { rows } = await db.query<{
    id: string;
    endpointId: string;
    merchantId: string;
    from: Millis;
    to: Millis;
    round: bigint;
    position: bigint;
    kind: EndpointKind;
    format: string;
    events: string[];
    deleted: boolean;
  }>({
    name: 'webhook_lock_replay',
    text: `SELECT r.id, r.endpoint_id AS "endpointId", r.merchant_id AS "merchantId", r.from_at AS "from", r.to_at AS "to",
        r.round, r.position, w.kind, w.format, w.events, w.deleted_at IS NOT NULL AS deleted
      FROM webhook_replay r JOIN webhook_endpoint w ON w.id = r.endpoint_id
      ORDER BY r.id LIMIT 1 FOR UPDATE OF r SKIP LOCKED`,
  });
  const [row] = rows;
  if (row === undefined) return null;
  return { ...row, after: { round: Number(row.round), position: Number(row.position) } };
}

export async function moveReplay(db: Queryable, id: string, after: FeedPosition): Promise<void> {
  await db.query('UPDATE webhook_replay SET round = $2, position = $3 WHERE id = $1', [
    id,
    after.round,
    after.position,
  ]);
}

export async function deleteReplay(db: Queryable, id: string): Promise<void> {
  await db.query('DELETE FROM webhook_replay WHERE id = $1', [id]);
}
