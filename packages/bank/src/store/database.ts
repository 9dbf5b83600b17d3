import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { schema } from './schema.ts';
import * as sql from './sql.ts';

export type Transaction = Pick<pg.PoolClient, 'query'>;

/** The books of one bank: a schema of a database that several banks may share. */
export interface Pool extends Transaction {
  connect(): Promise<Transaction & { release(broken: boolean): void }>;
}

/** @param schema where this bank's books are; every statement is written for `bank` */
export function booksIn(pool: pg.Pool, schema: string): Pool {
  const texts = new Map<string, string>();
  const within = (client: Transaction): Transaction['query'] =>
    ((text: string, values?: unknown[]) => {
      const known = texts.get(text) ?? text.replace(/\bbank\b/g, schema);
      texts.set(text, known);
      return client.query(known, values);
    }) as Transaction['query'];
  return {
    query: within(pool),
    connect: async () => {
      const client = await pool.connect();
      return { query: within(client), release: (broken) => client.release(broken) };
    },
  };
}

export function openPool(databaseUrl: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10, application_name: 'plexy-bank' });
  // An idle connection that breaks is replaced at the next query; without a listener it ends the process.
  pool.on('error', (error) => console.error(`bank: lost an idle database connection: ${error.message}`));
  return pool;
}

/** Runs `work` in one transaction: all of it is durable when this resolves, none when it throws. */
export async function inTransaction<T>(
  pool: Pool,
  work: (transaction: Transaction) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

export async function createSchema(pool: Pool): Promise<void> {
  await inTransaction(pool, async (transaction) => {
    await transaction.query(sql.lockSchema);
    await transaction.query(schema);
  });
}

/** The port that this bank listened on last; 0 when it never has. */
export async function readLastPort(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ port: number }>(sql.selectPort);
  return rows[0]?.port ?? 0;
}

export async function saveLastPort(pool: Pool, port: number): Promise<void> {
  await pool.query(sql.savePort, [port]);
}

/**
 * The key of every hash the bank keeps. Made once and kept with the books: a key that changed at a
 * restart would take a repeated request for a different one.
 */
export async function loadHashKey(pool: Pool): Promise<Buffer> {
  await pool.query(sql.insertSecret, ['hash_key', randomBytes(32)]);
  const { rows } = await pool.query<{ value: Buffer }>(sql.selectSecret, ['hash_key']);
  const key = rows[0]?.value;
  if (!key) throw new Error('the hash key that was just stored is gone');
  return key;
}
