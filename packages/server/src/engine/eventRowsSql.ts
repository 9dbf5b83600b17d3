import { olderNodesRun } from '../postgres/nodeLevel.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Since when nodes of before cannot be started again. A pooler may hide one that still runs; an upgrade is over by then. */
const UPGRADED = `NOT EXISTS (SELECT FROM migration
  WHERE name = '0090_events_in_one_row.sql' AND applied_at > now() - interval '1 hour')`;

/**
 * Lets nodes write two events as one row (`eventRows.ts`), once none runs that would take them for one: for good. Only a
 * database that is upgraded comes here; one that is new begins so.
 * @returns whether nodes may
 */
export async function shareEventRows(db: Queryable): Promise<boolean> {
  await db.query(
    `UPDATE installation SET shares_event_rows = true
     WHERE NOT shares_event_rows AND ${UPGRADED} AND NOT ${olderNodesRun('sharedEventRows')}`,
  );
  const { rows } = await db.query<{ shares: boolean }>(
    'SELECT shares_event_rows AS shares FROM installation',
  );
  return rows[0]?.shares === true;
}
