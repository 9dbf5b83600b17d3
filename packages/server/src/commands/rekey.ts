import { ConfigError, readConfig, variablesOf } from '../app/config.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { InstallationError, readSecrets } from '../installation/installationSql.ts';
import { rekeyAll } from '../installation/rekeySql.ts';
import { isNewestKey, retireOthers } from '../installation/secretKeysSql.ts';
import type { Secrets } from '../installation/secrets.ts';
import { type Client, withinTransaction } from '../postgres/pool.ts';
import {
  COMMAND_LINE,
  CONSOLE,
  CommandError,
  type Environment,
  type Output,
  withDatabase,
} from './database.ts';

/**
 * Makes everything anew that was sealed or hashed with an earlier SECRET_KEY, beside running nodes, so that the
 * earlier one is needed no longer. It may be ended and run again at any time.
 * @returns the exit code
 */
export function rekeyCommand(env: Environment, output: Output = CONSOLE): Promise<number> {
  return withDatabase(env, output, 'write', async (client) => {
    const secrets = await open(client, env);
    if (!(await isNewestKey(client, secrets.current.id)))
      throw new CommandError('SECRET_KEY is an earlier key: run this with the one that came last.');
    for (const { what, count } of await rekeyAll(client, secrets)) output.out(`${what}: ${count}`);
    const retired = await withinTransaction(client, async () => {
      const ids = await retireOthers(client, secrets.current.id);
      const entries = ids.map((id) => ({
        ...({ action: 'secret_key.retire', object: { kind: 'secret_key', id } } as const),
        ...{ actor: COMMAND_LINE, merchantId: null },
      }));
      if (entries.length > 0) await insertAuditEntries(client, entries);
      return ids;
    });
    output.out(
      retired.length === 0
        ? 'No other key was in use.'
        : 'OTHER_SECRET_KEYS is needed no longer: take it away from every node.',
    );
    return 0;
  });
}

async function open(client: Client, env: Environment): Promise<Secrets> {
  try {
    const keys = readConfig(variablesOf(env, ['SECRET_KEY', 'OTHER_SECRET_KEYS']));
    return await withinTransaction(client, () => readSecrets(client, keys));
  } catch (error) {
    if (error instanceof InstallationError || error instanceof ConfigError)
      throw new CommandError(error.message);
    throw error;
  }
}

if (import.meta.main) process.exitCode = await rekeyCommand(process.env);
