/**
 * What nodes that share a database understand. Each says it by the name of the session on which it listens, which it has as
 * long as it runs: nothing is written, and a node that has ended is gone at once.
 */
import type { Queryable } from './pool.ts';

/** From which level on nodes understand what those below would do harm beside, once it is used. */
export const UNDERSTOOD_FROM = {
  /** A payment's acquirer may be another one than the default. */
  severalAcquirers: 1,
  /** A password may not be enough to sign in, and a key may be good from some addresses only. */
  protectedAccounts: 2,
  /** A row of `event` may be two events. */
  sharedEventRows: 3,
} as const;

/** It rises with a version beside whose nodes those of the version before would do harm. */
const NODE_LEVEL = Math.max(...Object.values(UNDERSTOOD_FROM));

const LISTENER = 'listen';
export const LISTENER_NAME = `${LISTENER} ${NODE_LEVEL}`;

/** Whether a node runs that does not understand this: an expression of SQL. Its name has no number, or a smaller one. */
export function olderNodesRun(what: keyof typeof UNDERSTOOD_FROM): string {
  return `EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND application_name ~ '^plexy-pay ${LISTENER}( [0-9]{1,4})?$'
    AND coalesce(substring(application_name FROM '[0-9]+$')::int, 0) < ${UNDERSTOOD_FROM[what]})`;
}

/** Whether a node runs now that does not understand this. */
export async function hasOlderNodes(db: Queryable, what: keyof typeof UNDERSTOOD_FROM): Promise<boolean> {
  const { rows } = await db.query<{ older: boolean }>(`SELECT ${olderNodesRun(what)} AS older`);
  return rows[0]?.older === true;
}
