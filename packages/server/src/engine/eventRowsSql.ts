import { olderNodesRun } from '../postgres/nodeLevel.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Whether two events may be one row (`eventRows.ts`), and else whether anything is seen that speaks against it. */
export interface Sharing {
  readonly shares: boolean;
  /** A node that would take such a row for one event runs, or may have run within the last hour: it cannot have been started since. */
  readonly isEarly: boolean;
}

export async function readSharing(db: Queryable): Promise<Sharing> {
  const { rows } = await db.query<Sharing>(
    `SELECT shares_event_rows AS shares, ${olderNodesRun('sharedEventRows')} OR EXISTS (SELECT FROM migration
       WHERE name = '0090_events_in_one_row.sql' AND applied_at > now() - interval '1 hour') AS "isEarly"
     FROM installation`,
  );
  const [sharing] = rows;
  if (sharing === undefined) throw new Error('the installation row is missing');
  return sharing;
}

/** From now on nodes write two events as one row, for good: no older node can be started on this schema. */
export async function shareEventRows(db: Queryable): Promise<void> {
  await db.query('UPDATE installation SET shares_event_rows = true WHERE NOT shares_event_rows');
}
