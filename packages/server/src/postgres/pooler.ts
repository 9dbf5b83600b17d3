import { openSession } from './databaseClient.ts';
import { sqlStateOf } from './databaseErrors.ts';
import { type Client, sessionOptions } from './pool.ts';

/** INVALID_SQL_STATEMENT_NAME and DUPLICATE_PREPARED_STATEMENT: it is another session than the one that prepared. */
const LOST = ['26000', '42P05'];
/** The second one would wait for the first in a pool of one session: then nothing is known. */
const WITHIN_MS = 2_000;

/**
 * Whether a session has the statements that it has prepared. Behind a pooler in transaction mode, two share sessions of
 * PostgreSQL: while one is in a transaction on that of the other, this is on another one. PgBouncer knows of prepared
 * statements since 1.21.
 */
export async function keepsStatements(url: string): Promise<boolean> {
  const options = { ...sessionOptions(url, 'start'), query_timeout: WITHIN_MS };
  const sessions: Client[] = [];
  try {
    for (let i = 0; i < 2; i += 1) sessions.push(await openSession(options));
    const [first, second] = sessions as [Client, Client];
    await prepared(first);
    await second.query('BEGIN');
    await prepared(second);
    await prepared(first);
    await second.query('COMMIT');
    return true;
  } catch (error) {
    if (LOST.includes(sqlStateOf(error) ?? '')) return false;
    throw error;
  } finally {
    for (const session of sessions) void session.end().catch(() => undefined);
  }
}

async function prepared(session: Client): Promise<void> {
  await session.query({ name: 'plexy_pooler_check', text: 'SELECT 1' });
}
