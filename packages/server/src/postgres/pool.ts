import pg from 'pg';
import { DatabasePool, openSession, type SessionOptions, whileLent } from './databaseClient.ts';

/** Text of a `timestamptz` in UTC, as PostgreSQL prints it, to milliseconds since the epoch. */
function parseTimestamp(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}:00`);
}

const TIMESTAMPTZ = 1184;
const BIGINT = 20;
const NUMERIC = 1700;

/** Times become milliseconds, and every integer that can hold money becomes a BigInt. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === TIMESTAMPTZ) return parseTimestamp;
    if (oid === BIGINT || oid === NUMERIC) return BigInt;
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};

/** Options of every session: our settings, our types, and bounds on every wait. @param name in pg_stat_activity */
export function sessionOptions(url: string, name: string): SessionOptions {
  return {
    connectionString: url,
    settings: SESSION_SETTINGS,
    application_name: `plexy-pay ${name}`,
    types,
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
    keepAlive: true,
  };
}

/**
 * A session that a stopped or unreachable node left in a transaction must not hold its locks for long:
 * PostgreSQL ends it after 5 seconds, so that another node's request outlasts it (it waits for 10), and after 11 when
 * the node was cut off in the middle of a statement, which is no idle transaction. A lock is waited for at most
 * 5 seconds at a time. Our statements are short, and compiling one takes longer than it.
 */
export const SESSION_SETTINGS = `SET timezone = 'UTC'; SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '5s'; SET jit = off;
  SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3`;

export type Pool = pg.Pool;
export type Client = pg.Client;
/** What runs single statements: the pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;

/** A prepared statement with its parameters. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values?: (string | Buffer | null)[];
}

export type Result<Row extends pg.QueryResultRow = pg.QueryResult['rows'][number]> = Pick<
  pg.QueryResult<Row>,
  'rows' | 'rowCount' | 'command'
>;

/** What runs prepared statements: one by one, or all that a round trip collects. */
export interface StatementRunner {
  query<Row extends pg.QueryResultRow = pg.QueryResult['rows'][number]>(
    statement: Statement,
  ): Promise<Result<Row>>;
}

/**
 * One connection for a command beside the server. Its statements may take as long as they need.
 * @param access a standby will do for what only reads
 */
export function connectForCommand(url: string, access: 'read' | 'write'): Promise<Client> {
  return openSession({
    ...sessionOptions(url, 'command'),
    query_timeout: 0,
    mayBeReadOnly: access === 'read',
  });
}

/** No session keeps a plan for longer. */
export const PLANS_LIFE_MS = 60_000;

/** How often each session was used, and when its plans were last made. */
const sessions = new WeakMap<Client, { uses: number; plannedAt: number }>();

/**
 * While a table is empty, all its indexes cost the same, and a plan may walk one that does not begin with what is
 * looked up: 5 ms a batch with 100,000 payments, until an autovacuum. So plans are made anew as tables grow: after
 * 10, 100, 1,000 … uses of a session, and every minute.
 * @returns whether that is due before this use
 */
export function mustPlanAnew(client: Client): boolean {
  const now = performance.now();
  const { uses, plannedAt } = sessions.get(client) ?? { uses: 0, plannedAt: now };
  const isDue = isPowerOfTen(uses + 1) || now - plannedAt >= PLANS_LIFE_MS;
  sessions.set(client, { uses: uses + 1, plannedAt: isDue ? now : plannedAt });
  return isDue;
}

function isPowerOfTen(count: number): boolean {
  return count >= 10 && Number.isInteger(Math.log10(count));
}

/**
 * A pool for everything but the engine's batches. Sessions are kept: a new one takes 10 to 20 ms of a processor until
 * it has read the catalogue and made its plans, and payments wait meanwhile.
 * @param name how operators know its sessions in pg_stat_activity
 */
export function createPool(
  url: string,
  max: number,
  onError: (error: Error) => void,
  { name = 'pool' } = {},
): Pool {
  const session = sessionOptions(url, name);
  const { connectionTimeoutMillis } = session;
  const pool = new DatabasePool(session, { max, connectionTimeoutMillis, idleTimeoutMillis: 600_000 });
  pool.on('error', onError);
  pool.on('acquire', (client) => {
    // Sent ahead of what the borrower sends; should it fail, so does that.
    if (mustPlanAnew(client)) client.query('DISCARD PLANS').catch(() => undefined);
  });
  return pool;
}

/** Has the session's plans made anew where that is due. */
export async function renewPlans(client: Client): Promise<void> {
  if (mustPlanAnew(client)) await client.query('DISCARD PLANS');
}

/** Runs `work` in one transaction: commits its result, or rolls back and throws what it threw. */
export function inTransaction<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  });
}

/** The same on a session that the caller has. */
export async function withinTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  const result = await work().catch(async (error: unknown) => {
    // Where it cannot be rolled back, the session is lost, and with it the transaction.
    await rollback(client).catch(() => undefined);
    throw error;
  });
  await client.query('COMMIT');
  return result;
}

export async function rollback(client: Client): Promise<void> {
  await client.query('ROLLBACK');
}

/**
 * Within a transaction: what `work` did is undone when it fails, and the transaction goes on.
 * @throws what it threw
 */
export async function attempt<T>(db: Queryable, work: () => Promise<T>): Promise<T> {
  await db.query('SAVEPOINT attempt');
  return work().catch(async (error: unknown) => {
    await db.query('ROLLBACK TO SAVEPOINT attempt').catch(() => undefined);
    throw error;
  });
}

/**
 * Lends a connection to `work`. Should it throw, the transaction that it began is rolled back. A connection is closed
 * after what ends a session, though the rollback may have worked: it may lead to a server that takes no writes.
 * @throws what it threw, or why its connection was lost
 */
export async function withClient<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  return whileLent(
    client,
    () => work(client),
    () => client.query('ROLLBACK'),
  );
}

/** The server's version: the number of its major version, and its whole name. */
export async function readServerVersion(db: Queryable): Promise<{ major: number; name: string }> {
  const { rows } = await db.query(
    `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS name`,
  );
  return rows[0];
}
