import type { Queryable } from '../postgres/pool.ts';

/** What a reset leaves as it is: the secret keys and the mode, and the schema's own history. */
const KEPT = ['installation', 'migration', 'secret_key'];

/**
 * Until the transaction ends: who is signed in. @returns what gives the sessions back to the users who are the
 * same after the wipe, with the same rights
 */
export async function keepSessions(db: Queryable): Promise<() => Promise<void>> {
  await db.query(
    'CREATE TEMPORARY TABLE kept_session ON COMMIT DROP AS SELECT * FROM api_key WHERE user_id IS NOT NULL',
  );
  return async () => {
    await db.query(
      `INSERT INTO api_key SELECT k.* FROM kept_session k JOIN dashboard_user u ON u.id = k.user_id
       WHERE u.merchant_id IS NOT DISTINCT FROM k.merchant_id AND (u.role = 'viewer') = (k.scopes = '{read}')`,
    );
  };
}

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
