/** The sandbox's test clock: an offset to the database's own, for every node. It only moves forward. */
import type { Queryable } from './postgres.ts';

/** Any constants will do, each of its own: one advance at a time, and none during a reset. */
const CLOCK_LOCK = 7_069_802;

/** A hundred years ahead of real time: every date stays one that clients can read. */
export const MAX_OFFSET_MS = 36_525 * 86_400_000;

export interface Clock {
  readonly now: number;
  readonly offsetMs: number;
}

export async function readClockState(db: Queryable): Promise<Clock> {
  const { rows } = await db.query<{ now: bigint; offset: bigint }>(
    `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS now,
       clock_offset_ms AS offset FROM installation`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the installation row is missing');
  return { now: Number(row.now), offsetMs: Number(row.offset) };
}

/** Until this transaction ends nobody else moves the clock. It writes nothing, so readers of events do not wait. */
export async function lockClock(client: Queryable): Promise<void> {
  await client.query(`SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL lock_timeout = '15s'`);
  await client.query('SELECT pg_advisory_xact_lock($1)', [CLOCK_LOCK]);
}

/**
 * Moves the clock to the next moment at which something is due (and `slackMs` beyond), at most to this
 * offset. @returns the offset that was reached
 */
export async function stepClock(db: Queryable, targetMs: number, slackMs: number): Promise<number> {
  const { rows } = await db.query<{ offset: bigint }>(
    `UPDATE installation SET clock_offset_ms = greatest(clock_offset_ms, least($1, coalesce(
       (SELECT ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::bigint + $2
        FROM transaction WHERE due_at IS NOT NULL), $1)))
     RETURNING clock_offset_ms AS offset`,
    [targetMs, slackMs],
  );
  return Number(rows[0]?.offset);
}

/** Whether anything is due now, or waits for the bank; also what another node has not committed yet. */
export async function isUnsettled(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ unsettled: boolean }>(
    `SELECT EXISTS (SELECT FROM transaction
         WHERE due_at <= (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation))
       OR EXISTS (SELECT FROM bank_operation WHERE next_attempt_at IS NOT NULL) AS unsettled`,
  );
  return rows[0]?.unsettled === true;
}
