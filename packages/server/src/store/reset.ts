import type { Queryable } from './postgres.ts';

/** What a reset leaves as it is: the secret key and the mode, and the schema's own history. */
const KEPT = ['installation', 'migration'];

/** Empties every table but these, whichever a later migration adds, and sets the clock back to real time. */
export async function wipeEverything(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ tables: string }>(
    `SELECT string_agg(format('%I', tablename), ', ') AS tables FROM pg_tables
     WHERE schemaname = current_schema() AND tablename <> ALL($1)`,
    [KEPT],
  );
  await db.query(`TRUNCATE ${rows[0]?.tables}`);
  await db.query('UPDATE installation SET clock_offset_ms = 0, database_delay_ms = 0, seeded_at = NULL');
}
