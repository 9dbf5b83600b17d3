/** Migrations: one after the other, patiently, and never in the way of payments. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import {
  checkMigrated,
  type Migration,
  MigrationError,
  migrate,
  migrationOf,
  pendingMigrations,
} from '../../src/postgres/migrate.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { RUN_ENVIRONMENT } from '../support/run.ts';

const LIMIT_MS = 120_000;
let database: TestDatabase;
const databases: TestDatabase[] = [];
const clients: pg.Client[] = [];
beforeEach(async () => {
  database = await createDatabase();
  databases.push(database);
});
after(async () => {
  for (const client of clients) await client.end();
  for (const { drop } of databases) await drop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  clients.push(client);
  return client;
}

const silent = (): void => undefined;
const TABLE = migrationOf('0001_table.sql', 'CREATE TABLE thing (id int);');
const COLUMN = migrationOf('0002_column.sql', 'ALTER TABLE thing ADD COLUMN name text;');
const INDEX = migrationOf(
  '0003_index.sql',
  '-- outside a transaction\n-- Two statements.\nDROP INDEX CONCURRENTLY IF EXISTS thing_name;\nCREATE INDEX CONCURRENTLY thing_name ON thing (name);\n',
);

async function applied(client: pg.Client): Promise<string[]> {
  return (await client.query('SELECT name FROM migration ORDER BY name')).rows.map(({ name }) => name);
}

/** What `migrate` says, and a promise of each thing that it will say. */
function ears(): {
  say: (message: string) => void;
  heard: string[];
  hears: (words: RegExp) => Promise<void>;
} {
  const heard: string[] = [];
  return {
    heard,
    say: (message) => heard.push(message),
    hears: async (words) => {
      const startedAt = performance.now();
      while (!heard.some((message) => words.test(message))) {
        assert.ok(performance.now() - startedAt < LIMIT_MS, `it never said ${words}: ${heard.join('; ')}`);
        await delay(20);
      }
    },
  };
}

test('each file is applied once, in a transaction of its own: what fails leaves those before it', async () => {
  const client = await connect();
  const broken = migrationOf('0003_broken.sql', 'CREATE TABLE other (id int); SELECT 1 / 0;');
  await assert.rejects(migrate(database.url, silent, [TABLE, COLUMN, broken]), /division by zero/);
  assert.deepEqual(await applied(client), ['0001_table.sql', '0002_column.sql']);
  assert.equal((await client.query(`SELECT to_regclass('other') AS there`)).rows[0].there, null);
  assert.deepEqual(await migrate(database.url, silent, [TABLE, COLUMN]), []);
  assert.deepEqual(await pendingMigrations(client, [TABLE, COLUMN, broken]), [broken]);
});

test('a changed file and one that this program does not know are refused', async () => {
  await migrate(database.url, silent, [TABLE, COLUMN]);
  const changed: Migration = { ...TABLE, hash: 'another' };
  await assert.rejects(migrate(database.url, silent, [changed, COLUMN]), MigrationError);
  await assert.rejects(
    migrate(database.url, silent, [TABLE]),
    /newer than this program: it has 0002_column.sql/,
  );
});

test('an index is made outside a transaction, also while another node waits for its turn', async () => {
  const client = await connect();
  await migrate(database.url, silent, [TABLE, COLUMN]);
  const { say, hears } = ears();
  // Until this ends, the index has to wait: it began before.
  const slow = await connect();
  await slow.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM thing');
  const first = migrate(database.url, silent, [TABLE, COLUMN, INDEX]);
  while ((await client.query('SELECT FROM pg_stat_progress_create_index')).rowCount === 0) await delay(20);
  const second = migrate(database.url, say, [TABLE, COLUMN, INDEX]);
  await hears(/waiting for another node/);
  // Between two tries it is in no transaction: an index whose session saw its snapshot would wait for the end of that one.
  const inTransaction = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'
    AND query LIKE '%pg_try_advisory_xact_lock%'`;
  for (const limit = Date.now() + 10_000; (await client.query(inTransaction)).rowCount !== 1; await delay(20))
    assert.ok(Date.now() < limit, 'whoever waits for its turn is in a transaction all the time');
  await slow.query('COMMIT');
  assert.deepEqual(await first, [INDEX]);
  assert.deepEqual(await second, []);
  const { rows } = await client.query(
    `SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_name'::regclass`,
  );
  assert.deepEqual(rows, [{ indisvalid: true }]);
});

test('what a node that was killed left behind in PostgreSQL ends before another one goes on', async () => {
  const client = await connect();
  await migrate(database.url, silent, [TABLE]);
  const long = { name: '0004_long.sql', sql: '-- outside a transaction\nSELECT pg_sleep(600);\n' };
  const { PATH = '' } = process.env;
  const program = `
    import { migrate, migrationOf } from '${import.meta.resolve('../../src/postgres/migrate.ts')}';
    const files = ${JSON.stringify([{ name: TABLE.name, sql: TABLE.sql }, long])};
    await migrate(${JSON.stringify(database.url)}, () => undefined, files.map(({ name, sql }) => migrationOf(name, sql)));`;
  const node = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    ...{ env: { PATH, ...RUN_ENVIRONMENT }, stdio: 'inherit' },
  });
  const sleeping = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()`;
  for (
    const limit = performance.now() + LIMIT_MS;
    (await client.query(sleeping)).rowCount !== 1;
    await delay(20)
  )
    assert.ok(performance.now() < limit, 'the migration was not begun');
  node.kill('SIGKILL');
  await once(node, 'exit');
  const alone = migrationOf(
    long.name,
    `CREATE TABLE seen AS ${sleeping.replace('SELECT', 'SELECT count(*)::int AS others')};`,
  );
  const { say, heard } = ears();
  assert.deepEqual(await migrate(database.url, say, [TABLE, alone]), [alone]);
  assert.deepEqual((await client.query('SELECT * FROM seen')).rows, [{ others: 0 }], heard.join('; '));
});

test('behind a lock that is held for long, nobody queues behind a migration, and it is applied in the end', async () => {
  await migrate(database.url, silent, [TABLE]);
  // What pg_dump holds as long as it runs.
  const dump = await connect();
  await dump.query('BEGIN; LOCK TABLE thing IN ACCESS SHARE MODE');
  const { say, hears } = ears();
  const migrating = migrate(database.url, say, [TABLE, COLUMN]);
  await hears(/0002_column.sql waits for a table that another session has locked/);
  const payment = await connect();
  await payment.query(`SET lock_timeout = '1s'`);
  const endsAt = performance.now() + 4_000;
  for (let i = 0; performance.now() < endsAt; i += 1) {
    await payment.query('INSERT INTO thing VALUES ($1)', [i]);
    await delay(10);
  }
  await dump.query('COMMIT');
  assert.deepEqual(await migrating, [COLUMN]);
});

describe('a start', () => {
  const MAIN = path.join(import.meta.dirname, '../../src/main.ts');

  function startNode(environment: Record<string, string>) {
    const { PATH = '' } = process.env;
    const bank = { ACQUIRER_URL: 'http://127.0.0.1:1', ACQUIRER_SECRET: 'no bank listens there' };
    const env = { PATH, PORT: '0', DATABASE_URL: database.url, ...bank, ...environment, ...RUN_ENVIRONMENT };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const { say, heard, hears } = ears();
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', say);
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    return { child, heard, hears, exited };
  }

  test('waits for the migrations of another node, however long they take, and says so', async () => {
    const other = await connect();
    await other.query('BEGIN; SELECT pg_advisory_xact_lock(7069801)');
    const node = startNode({});
    await node.hears(/waiting for another node, which is migrating/);
    // Nothing may have been made by then, and the pool's time-out of 20 s must not be the end of it.
    await delay(21_000);
    assert.equal((await other.query(`SELECT to_regclass('migration') AS there`)).rows[0].there, null);
    assert.equal(node.child.exitCode, null);
    await other.query('COMMIT');
    await node.hears(/API +http/);
    node.child.kill('SIGTERM');
    assert.equal(await node.exited, 0);
  });

  test('with MIGRATE=off wants the database migrated, and says how', async () => {
    const node = startNode({ MIGRATE: 'off' });
    assert.equal(await node.exited, 1);
    assert.match(
      node.heard.join(''),
      /cannot start: the database lacks 0001_\w+\.sql, .*: run "npx plexy migrate"/,
    );
    await migrate(database.url, silent);
    const client = await connect();
    await checkMigrated(client);
    const again = startNode({ MIGRATE: 'off' });
    await again.hears(/API +http/);
    again.child.kill('SIGTERM');
    assert.equal(await again.exited, 0);
  });
});
