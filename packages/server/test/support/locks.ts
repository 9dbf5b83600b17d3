/** Another session that holds a row's lock: what makes an attempt of the engine slow. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export interface RowLock {
  /** Resolves once another session waits for this one, or so many for it and for each other. */
  waitedFor(sessions?: number): Promise<void>;
  release(): Promise<void>;
}

/** Locks the rows of `table` whose `column` (its id) is `value`, until released. */
export async function lockRow(
  databaseUrl: string,
  table: 'account' | 'dashboard_user' | 'transaction',
  value: string,
  column: 'id' | 'owner_id' = 'id',
): Promise<RowLock> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN');
  await client.query(`SELECT FROM ${table} WHERE ${column} = $1 FOR UPDATE`, [value]);
  return {
    waitedFor: async (sessions = 1) => {
      const sql = `WITH RECURSIVE waiting AS (SELECT pg_backend_pid() AS pid
          UNION SELECT l.pid FROM pg_locks l JOIN waiting w ON w.pid = ANY (pg_blocking_pids(l.pid)) WHERE NOT l.granted)
        SELECT FROM waiting`;
      while ((await client.query(sql)).rows.length <= sessions) await delay(10);
    },
    release: async () => {
      await client.query('ROLLBACK');
      await client.end();
    },
  };
}
