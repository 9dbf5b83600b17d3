import { v7 as uuidv7 } from 'uuid';
import { generateApiKey, hashApiKey } from '../secrets.ts';
import { insertApiKey } from '../store/apiKeys.ts';
import { insertAuditEntries } from '../store/auditLog.ts';
import { readMode } from '../store/installation.ts';
import {
  COMMAND_LINE,
  CONSOLE,
  CommandError,
  type Environment,
  type Output,
  withDatabase,
  withinTransaction,
} from './database.ts';

/**
 * Makes an operator's key by access to the database alone: the way to the first one in production.
 * @param name what the key is for, as operators will see it in lists
 * @returns the exit code; the key is the only thing written to the output proper
 */
export function createOperatorKeyCommand(
  name: string,
  env: Environment,
  output: Output = CONSOLE,
): Promise<number> {
  return withDatabase(env, output, 'write', async (client) => {
    const mode = await readMode(client);
    if (mode === null)
      throw new CommandError('This database is not set up yet: start the server on it once.');
    const apiKey = generateApiKey('op', mode);
    const id = uuidv7();
    await withinTransaction(client, async () => {
      await insertApiKey(client, {
        id,
        merchantId: null,
        name,
        hash: hashApiKey(apiKey),
        hint: apiKey.slice(-4),
        scopes: ['read', 'write'],
        expiresAt: null,
      });
      const made = { action: 'api_key.issue', object: { kind: 'api_key', id }, after: { name } } as const;
      await insertAuditEntries(client, [{ ...made, actor: COMMAND_LINE, merchantId: null }]);
    });
    if (output.json === true) {
      output.out(JSON.stringify({ id, name, apiKey }, null, 2));
      return 0;
    }
    output.error(`An operator's key named "${name}". It is shown this once; keep it safe:`);
    output.out(apiKey);
    return 0;
  });
}
