import { olderNodesRun } from '../postgres/nodeLevel.ts';
import type { Queryable } from '../postgres/pool.ts';

/**
 * Lets nodes write two events as one row (`eventRows.ts`), once none runs that would take them for one. For good: none of
 * those starts on this schema.
 * @returns whether nodes may
 */
export async function shareEventRows(db: Queryable): Promise<boolean> {
  await db.query(
    `UPDATE installation SET shares_event_rows = true
     WHERE NOT shares_event_rows AND NOT ${olderNodesRun('sharedEventRows')}`,
  );
  const { rows } = await db.query<{ shares: boolean }>(
    'SELECT shares_event_rows AS shares FROM installation',
  );
  return rows[0]?.shares === true;
}
