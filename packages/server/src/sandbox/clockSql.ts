/** The sandbox's test clock: an offset to the database's own, for every node. It only moves forward. */
import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import { createPool, inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';

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
async function lockClock(client: Queryable): Promise<void> {
  await client.query(`SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL lock_timeout = '15s'`);
  await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.clock]);
}

/** When the first attempt at a webhook is due, of each endpoint that gets any. */
const WEBHOOKS_DUE = `SELECT l.due_at FROM webhook_endpoint w
  CROSS JOIN LATERAL (SELECT due_at FROM webhook_lane WHERE endpoint_id = w.id ORDER BY due_at LIMIT 1) l
  WHERE w.disabled_at IS NULL AND w.deleted_at IS NULL`;

/** Where links end. One that waits for its payment to end is looked at again and again, which nothing follows from. */
const LINKS_DUE = 'SELECT due_at FROM payment_link WHERE due_at = expires_at';

/**
 * Moves the clock to the next moment at which something is due (and `slackMs` beyond), at most to this
 * offset. @returns the offset that was reached
 */
export async function stepClock(db: Queryable, targetMs: number, slackMs: number): Promise<number> {
  const { rows } = await db.query<{ offset: bigint }>(
    `UPDATE installation SET clock_offset_ms = greatest(clock_offset_ms, least($1, coalesce(
       (SELECT ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::bigint + $2
        FROM (SELECT due_at FROM transaction WHERE due_at IS NOT NULL UNION ALL (${LINKS_DUE}) UNION ALL (${WEBHOOKS_DUE})) d), $1)))
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
       OR EXISTS (SELECT FROM payment_link
         WHERE due_at <= (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation))
       OR EXISTS (SELECT FROM bank_operation WHERE next_attempt_at IS NOT NULL) AS unsettled`,
  );
  return rows[0]?.unsettled === true;
}

/** Whether a webhook was due at this time, or an event happened by then, and no attempt has been made. */
export async function areWebhooksDue(db: Queryable, at: number): Promise<boolean> {
  const { rows } = await db.query<{ due: boolean }>(
    `WITH endpoint AS (SELECT merchant_id, after_round FROM webhook_endpoint WHERE disabled_at IS NULL AND deleted_at IS NULL)
     SELECT EXISTS (SELECT FROM (${WEBHOOKS_DUE}) d WHERE due_at <= $1)
       OR EXISTS (SELECT FROM event e WHERE e.merchant_id IN (SELECT merchant_id FROM endpoint) AND e.at <= $1
         AND (e.round, e.position) > (SELECT round, position FROM webhook_feed UNION ALL SELECT 0, 0 LIMIT 1)
         AND e.round > (SELECT min(after_round) FROM endpoint)) AS due`,
    [new Date(at)],
  );
  return rows[0]?.due === true;
}

/**
 * Turns of whoever moves the clock, or resets the sandbox: one at a time of all nodes. The lock has a connection of its
 * own, since whoever holds it needs others: were they of one pool, those who wait would have them all.
 */
export class ClockTurns {
  readonly #pool: Pool;
  #last: Promise<unknown> = Promise.resolve();

  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.#pool = createPool(databaseUrl, 1, onError, { name: 'clock' });
  }

  /** Runs `work` in a transaction that holds the clock's lock, after those that were asked for before. */
  run<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() =>
      inTransaction(this.#pool, async (client) => {
        await lockClock(client);
        return work(client);
      }),
    );
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}
