/** The database for a command that works beside the server, or without one. */
import { ConfigError, readConfig } from '../config.ts';
import { type AuditActor, SYSTEM } from '../domain/auditLog.ts';
import { borrowEmbeddedPostgres, EmbeddedPostgresError } from '../store/embedded.ts';
import { type Client, connectForCommand, sqlStateOf } from '../store/postgres.ts';

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

/** Does it whole, or not at all. */
export async function withinTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  const result = await work().catch(async (error: unknown) => {
    await client.query('ROLLBACK');
    throw error;
  });
  await client.query('COMMIT');
  return result;
}

/** Why a command cannot do its work: a sentence for the person who ran it. */
export class CommandError extends Error {}

const UNDEFINED_TABLE = '42P01';

/**
 * Runs `work` on the database of DATABASE_URL, else on that of DATA_DIR, whether or not a server is
 * running there. Only these two variables are read: a command needs no SECRET_KEY.
 * @returns its result, or the exit code after saying why it could not be done
 */
export async function withDatabase(
  env: Environment,
  output: Output,
  work: (client: Client) => Promise<number>,
): Promise<number> {
  try {
    const { DATABASE_URL, DATA_DIR } = env;
    const { databaseUrl, dataDir } = readConfig({ DATABASE_URL, DATA_DIR });
    if (databaseUrl !== null) return await withUrl(databaseUrl, work);
    const embedded = await borrowEmbeddedPostgres({ dataDir, log: output.error });
    return await withUrl(embedded.url, work).finally(() => embedded.stop());
  } catch (error) {
    const sentence = sentenceOf(error);
    output.error(output.json === true ? JSON.stringify({ error: { message: sentence } }) : sentence);
    if (error instanceof ConfigError) return EXIT.usage;
    return error instanceof CommandError ? EXIT.refused : EXIT.noDatabase;
  }
}

async function withUrl(url: string, work: (client: Client) => Promise<number>): Promise<number> {
  const client = await connectForCommand(url);
  return work(client).finally(() => client.end());
}

function sentenceOf(error: unknown): string {
  if (sqlStateOf(error) === UNDEFINED_TABLE)
    return 'This database has no tables of Plexy Pay: start the server on it once.';
  if (!(error instanceof Error)) return String(error);
  const expected =
    error instanceof CommandError || error instanceof ConfigError || error instanceof EmbeddedPostgresError;
  return expected ? error.message : `The database cannot be used: ${error.message || String(error)}`;
}
