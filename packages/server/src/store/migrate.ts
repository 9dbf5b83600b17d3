import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { inTransaction, type Pool } from './postgres.ts';

const MIGRATIONS = new URL('../../../../migrations/', import.meta.url);
/** Any constant will do: nodes that start together take turns. */
const MIGRATION_LOCK = 7_069_801;

/** The database is newer than this program, or its history was changed. */
export class MigrationError extends Error {}

/** The numbered files, in order. */
async function readMigrations(): Promise<{ name: string; sql: string; hash: string }[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
      return { name, sql, hash: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings the schema up to date, forward only; each file runs once, all in one transaction.
 * @throws MigrationError when the database has migrations that this program does not know
 */
export async function migrate(pool: Pool): Promise<void> {
  const migrations = await readMigrations();
  await inTransaction(pool, async (client) => {
    // However long another node's migrations take, this one's start waits for them.
    await client.query('SET LOCAL lock_timeout = 0');
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query(
      'CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL)',
    );
    const { rows } = await client.query<{ name: string; hash: string }>(
      'SELECT name, hash FROM migration ORDER BY name',
    );
    const applied = new Map(rows.map((row) => [row.name, row.hash]));
    for (const { name, sql, hash } of migrations) {
      const before = applied.get(name);
      applied.delete(name);
      if (before === hash) continue;
      if (before !== undefined)
        throw new MigrationError(`migration ${name} was changed after it had been applied`);
      await client.query(sql);
      await client.query('INSERT INTO migration VALUES ($1, $2, clock_timestamp())', [name, hash]);
    }
    const unknown = [...applied.keys()];
    if (unknown.length > 0)
      throw new MigrationError(`the database is newer than this program: it has ${unknown.join(', ')}`);
  });
}

/** Whether the database has every migration of this program. @throws when it does not answer in time */
export async function isMigrated(pool: Pool, withinMs: number): Promise<boolean> {
  const query = { text: 'SELECT name FROM migration', query_timeout: withinMs };
  const [migrations, { rows }] = await Promise.all([readMigrations(), pool.query<{ name: string }>(query)]);
  const applied = new Set(rows.map((row) => row.name));
  return migrations.every(({ name }) => applied.has(name));
}
