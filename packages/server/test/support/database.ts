import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { makeDataDir } from './dataDir.ts';

/** A server for this test process: TEST_DATABASE_URL (the whole run shares it), or an embedded one. */
let shared: Promise<{ url: string; stop: () => Promise<void> }> | undefined;

async function startOwn(): Promise<{ url: string; stop: () => Promise<void> }> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) return { url: given, stop: async () => undefined };
  const dataDir = await makeDataDir('test');
  const server = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: server.url, stop };
}

/** How many databases of this test process have not been dropped. */
let inUse = 0;

/** Ends the embedded server of this test process, if it has one and no database of it is in use. */
export async function stopDatabaseServer(): Promise<void> {
  if (inUse > 0) return;
  const server = await shared;
  shared = undefined;
  await server?.stop();
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A new database of its own: empty, or a copy of this one. */
export async function createDatabase(template = 'template1'): Promise<TestDatabase> {
  shared ??= startOwn();
  const server = await shared;
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(server.url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  inUse += 1;
  const drop = async (): Promise<void> => {
    await onServer(server.url, `DROP DATABASE ${name} WITH (FORCE)`);
    inUse -= 1;
  };
  return { url: url.href, drop };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
