/** Another session that holds a row's lock: what makes an attempt of the engine slow. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export interface RowLock {
  /** Resolves once another session waits for this one. */
  waitedFor(): Promise<void>;
  release(): Promise<void>;
}

/** Locks the rows of `table` whose `column` (its id) is `value`, until released. */
export async function lockRow(
  databaseUrl: string,
  table: 'account' | 'transaction',
  value: string,
  column: 'id' | 'owner_id' = 'id',
): Promise<RowLock> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN');
  await client.query(`SELECT FROM ${table} WHERE ${column} = $1 FOR UPDATE`, [value]);
  return {
    waitedFor: async () => {
      const sql = 'SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))';
      while ((await client.query(sql)).rows.length === 0) await delay(10);
    },
    release: async () => {
      await client.query('ROLLBACK');
      await client.end();
    },
  };
}
