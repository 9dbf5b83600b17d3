/**
 * What nodes that share a database understand. Each says it by the name of the session on which it listens, which it has as
 * long as it runs: nothing is written, and a node that has ended is gone at once.
 */
import type { Queryable } from './pool.ts';

/**
 * It rises with a version beside whose nodes those of the version before would do harm, once something new is used. 1: a
 * payment's acquirer may be another one than the default.
 */
const NODE_LEVEL = 1;

const LISTENER = 'listen';
export const LISTENER_NAME = `${LISTENER} ${NODE_LEVEL}`;

/** Whether a node of an earlier version runs now. Its name has no number, or a smaller one. */
export async function hasOlderNodes(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ older: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
       AND application_name ~ $1 AND coalesce(substring(application_name FROM '[0-9]+$')::int, 0) < $2) AS older`,
    [`^plexy-pay ${LISTENER}( [0-9]{1,4})?$`, NODE_LEVEL],
  );
  return rows[0]?.older === true;
}
