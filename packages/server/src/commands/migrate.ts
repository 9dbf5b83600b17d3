import { MigrationError, migrate, pendingMigrations } from '../postgres/migrate.ts';
import { connectForCommand } from '../postgres/pool.ts';
import { CONSOLE, CommandError, type Environment, type Output, withDatabaseUrl } from './database.ts';

export interface MigrateOptions {
  /** Only say what would be applied. */
  readonly plan: boolean;
}

/**
 * Brings the database up to date before the nodes of a new version start, while those of the old one run.
 * @returns the exit code
 */
export function migrateCommand(
  { plan }: MigrateOptions,
  env: Environment,
  output: Output = CONSOLE,
): Promise<number> {
  return withDatabaseUrl(env, output, async (url) => {
    try {
      const count = plan ? await showPlan(url, output) : (await migrate(url, output.out)).length;
      if (count === 0) output.out('The database is up to date.');
      return 0;
    } catch (error) {
      throw error instanceof MigrationError ? new CommandError(error.message) : error;
    }
  });
}

/** @returns how many migrations it shows */
async function showPlan(url: string, output: Output): Promise<number> {
  const client = await connectForCommand(url, 'read');
  try {
    const pending = await pendingMigrations(client);
    for (const { name, inTransaction } of pending)
      output.out(inTransaction ? name : `${name} (outside a transaction)`);
    return pending.length;
  } finally {
    await client.end();
  }
}
