import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { parseTime } from '../core/values/time.ts';
import { insertApiKey, OPERATOR_KEY_LIFE_MS } from '../identity/apiKeysSql.ts';
import { readMode } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import { generateApiKey, hashApiKey } from '../installation/secrets.ts';
import { withinTransaction } from '../postgres/pool.ts';
import {
  COMMAND_LINE,
  CONSOLE,
  CommandError,
  type Environment,
  type Output,
  withDatabase,
} from './database.ts';

/**
 * Makes an operator's key by access to the database alone: the way to the first one in production.
 * @param name what the key is for, as operators will see it in lists
 * @param expires when it ends, in ISO 8601 and UTC, or `never`; null: after a year
 * @returns the exit code; the key is the only thing written to the output proper
 */
export function createOperatorKeyCommand(
  name: string,
  env: Environment,
  output: Output = CONSOLE,
  expires: string | null = null,
): Promise<number> {
  return withDatabase(env, output, 'write', async (client) => {
    const mode = await readMode(client);
    if (mode === null)
      throw new CommandError('This database is not set up yet: start the server on it once.');
    const expiresAt = expiryOf(expires, Date.now());
    const apiKey = generateApiKey('op', mode);
    const id = newId();
    await withinTransaction(client, async () => {
      await insertApiKey(client, {
        id,
        merchantId: null,
        name,
        hash: hashApiKey(apiKey),
        hint: apiKey.slice(-4),
        scopes: ['read', 'write'],
        expiresAt,
      });
      const made = { action: 'api_key.issue', object: { kind: 'api_key', id }, after: { name } } as const;
      await insertAuditEntries(client, [{ ...made, actor: COMMAND_LINE, merchantId: null }]);
    });
    if (output.json === true) {
      output.out(
        JSON.stringify(
          { id, name, expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(), apiKey },
          null,
          2,
        ),
      );
      return 0;
    }
    const until = expiresAt === null ? 'never ends' : `ends on ${new Date(expiresAt).toISOString()}`;
    output.error(`An operator's key named "${name}", which ${until}. It is shown this once; keep it safe:`);
    output.out(apiKey);
    return 0;
  });
}

/** @throws CommandError */
function expiryOf(expires: string | null, now: number): number | null {
  if (expires === null) return now + OPERATOR_KEY_LIFE_MS;
  if (expires === 'never') return null;
  const time = parseTime(expires);
  if (!time.ok) throw new CommandError(`The time at which the key ends ${time.error}, or be never.`);
  if (time.value <= now) throw new CommandError('The time at which the key ends must be in the future.');
  return time.value;
}
