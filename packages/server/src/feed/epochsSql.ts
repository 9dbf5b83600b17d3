/**
 * Epochs: the histories that this database has had. A restore, a recovery to a point in time and a failover that loses
 * the end take back transactions, and PostgreSQL gives their ids, of which rounds are made, out again. Whoever has read
 * what was lost would be beyond what comes now, and skip it. So a new history begins a new epoch: its rounds are far
 * beyond any that can have been lost, and positions name the epoch in which they were given out.
 */

import type { Client, Queryable } from '../postgres/pool.ts';
import type { GivenPosition } from './position.ts';

/** Transaction ids that a restore may have lost: four billion are weeks of the fastest payments there are. */
const LIFT = 2n ** 32n;

/** The cluster, and which of its histories: PostgreSQL counts them as timelines. */
const CLUSTER = '(SELECT system_identifier FROM pg_control_system())';
const TIMELINE = `('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint`;
const CHANGED = `(system_identifier, timeline) IS DISTINCT FROM (${CLUSTER}, ${TIMELINE})`;

/** The position is of a history that this database does not have, or beyond its end. */
export class ForeignPositionError extends Error {}

/** @throws ForeignPositionError when the position's epoch is none of these */
export function checkEpoch({ epoch }: GivenPosition, epochs: readonly string[]): void {
  if (epoch !== null && !epochs.includes(epoch)) throw new ForeignPositionError();
}

/** In their order, the current one last. */
export async function readEpochs(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ epochs: readonly string[] }>('SELECT epochs FROM installation');
  return rows[0]?.epochs ?? [];
}

/**
 * Begins a new epoch where the history is another one than that of the last. Every session that writes events asks this
 * before its first one: a failover changes the history under nodes that go on.
 */
export async function continueHistory(client: Client): Promise<void> {
  const { rows } = await client.query<{ changed: boolean }>(`SELECT ${CHANGED} AS changed FROM installation`);
  if (rows[0]?.changed !== true) return;
  await client.query('BEGIN');
  try {
    // Until writers under way have ended, and before others begin: each writes its payments before it takes a round
    // for its events. One that had taken a lower round, and committed later, would be skipped.
    await client.query('LOCK TABLE transaction IN SHARE ROW EXCLUSIVE MODE');
    const next = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';
    const last = '(SELECT round FROM event ORDER BY round DESC LIMIT 1)';
    await client.query(
      `UPDATE installation SET
         event_round_offset = CASE WHEN epochs = '{}' AND ${last} IS NULL THEN event_round_offset
           ELSE greatest(${last}, ${next} + event_round_offset) - ${next} + ${LIFT} END,
         epochs = epochs || left(gen_random_uuid()::text, 8),
         system_identifier = ${CLUSTER}, timeline = ${TIMELINE}
       WHERE ${CHANGED}`,
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
