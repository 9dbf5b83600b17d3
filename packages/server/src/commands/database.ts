/** The database for a command that works beside the server, or without one. */

import { borrowEmbeddedPostgres, EmbeddedPostgresError } from '@plexy-pay/embedded-postgres';
import { ConfigError, readConfig, variablesOf } from '../app/config.ts';
import { type AuditActor, SYSTEM } from '../auditLog/auditEntry.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import { type Client, connectForCommand } from '../postgres/pool.ts';

/** Where a command writes what people read. */
export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whether programs read what `out` hears. */
  readonly json?: boolean;
}

/** What a script learns: 1 for what was refused; 2 for wrong settings; 3 for no database; 4 for a broken ledger. */
export const EXIT = { done: 0, refused: 1, usage: 2, noDatabase: 3, auditFailed: 4 } as const;

export type Environment = Readonly<Record<string, string | undefined>>;

export const CONSOLE: Output = {
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
};

/** Whom the audit log names for what a command does: whoever has access to the database. */
export const COMMAND_LINE: AuditActor = { ...SYSTEM, kind: 'command_line', isOperator: true };

/** Why a command cannot do its work: a sentence for the person who ran it. */
export class CommandError extends Error {}

const UNDEFINED_TABLE = '42P01';

/**
 * Runs `work` on the database of DATABASE_URL, else on that of DATA_DIR, whether or not a server is
 * running there. Only these and DATABASE_DIRECT_URL are read: a command needs no SECRET_KEY.
 * @returns its result, or the exit code after saying why it could not be done
 */
export function withDatabase(
  env: Environment,
  output: Output,
  access: 'read' | 'write',
  work: (client: Client) => Promise<number>,
): Promise<number> {
  return withDatabaseUrl(env, output, async (url) => {
    const client = await connectForCommand(url, access);
    return work(client).finally(() => client.end());
  });
}

/** The same for what opens its own sessions, past a pooler where DATABASE_DIRECT_URL says how. */
export async function withDatabaseUrl(
  env: Environment,
  output: Output,
  work: (url: string) => Promise<number>,
): Promise<number> {
  try {
    const { databaseUrl, databaseDirectUrl, dataDir } = readConfig(
      variablesOf(env, ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATA_DIR']),
    );
    if (databaseUrl !== null) return await work(databaseDirectUrl ?? databaseUrl);
    const embedded = await borrowEmbeddedPostgres({ dataDir, log: output.error });
    return await work(embedded.url).finally(() => embedded.stop());
  } catch (error) {
    const sentence = sentenceOf(error);
    output.error(output.json === true ? JSON.stringify({ error: { message: sentence } }) : sentence);
    if (error instanceof ConfigError) return EXIT.usage;
    return error instanceof CommandError ? EXIT.refused : EXIT.noDatabase;
  }
}

function sentenceOf(error: unknown): string {
  if (sqlStateOf(error) === UNDEFINED_TABLE)
    return 'This database has no tables of Plexy Pay: start the server on it once.';
  if (!(error instanceof Error)) return String(error);
  const expected =
    error instanceof CommandError || error instanceof ConfigError || error instanceof EmbeddedPostgresError;
  return expected ? error.message : `The database cannot be used: ${error.message || String(error)}`;
}
