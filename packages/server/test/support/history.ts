import { inTransaction, type Pool } from '../../src/postgres/pool.ts';

/** Changes the history that a test has written by hand: nobody else may, so the guard is taken off for that long. */
export async function rewriteHistory(
  pool: Pool,
  text: string,
  values: readonly unknown[] = [],
): Promise<void> {
  await inTransaction(pool, async (db) => {
    await db.query('ALTER TABLE event DISABLE TRIGGER append_only');
    await db.query(text, [...values]);
    await db.query('ALTER TABLE event ENABLE TRIGGER append_only');
  });
}
