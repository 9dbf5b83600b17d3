/** The sandbox's bank as a process: it is started again when it dies, and gone when it should be. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startBank } from '../../src/sandbox/bankProcess.ts';
import { eventually } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
before(async () => {
  database = await createDatabase();
});
after(async () => {
  await database?.drop();
  await stopDatabaseServer();
});

function statusOf(url: string): Promise<number | null> {
  return fetch(`${url}/v1/books`).then(
    ({ status }) => status,
    () => null,
  );
}

test('a bank that is killed is started again, at the same address, until it is stopped', async () => {
  const said: string[] = [];
  const onError = (message: string): void => void said.push(message);
  const bank = await startBank({ databaseUrl: database.url, secret: 'secret', onError });
  const [url, pid] = [bank.url(), bank.pid()];
  assert.equal(await statusOf(url), 401);
  process.kill(pid ?? 0, 'SIGKILL');
  await eventually('it listens again', async () => bank.pid() !== pid && (await statusOf(url)) === 401);
  assert.equal(bank.url(), url);
  assert.match(said.join(), /starting it again/);
  await bank.stop();
  await pause(700);
  assert.equal(await statusOf(url), null);
});

test('a bank that is slow to start is waited for as long as it lives, and that is said', async (t) => {
  const said: string[] = [];
  // What its first statement waits for.
  const locker = new pg.Client({ connectionString: database.url });
  await locker.connect();
  await locker.query('BEGIN');
  const { rows } =
    await locker.query(`SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS tables
    FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
  await locker.query(`LOCK TABLE ${rows[0].tables} IN ACCESS EXCLUSIVE MODE`);
  t.after(() => locker.end());
  const starting = startBank({
    databaseUrl: database.url,
    secret: 'secret',
    onError: (text) => said.push(text),
  });
  await eventually('it says what it waits for', async () => said.length > 0);
  assert.match(
    said[0] ?? '',
    /^waiting for the simulated bank \(process \d+\), which has been starting for \d+ s$/,
  );
  await locker.query('COMMIT');
  const bank = await starting;
  assert.equal(await statusOf(bank.url()), 401);
  await bank.stop();
});

test('a bank that cannot start is not started again and again', async () => {
  const said: string[] = [];
  const onError = (message: string): void => void said.push(message);
  const url = new URL(database.url);
  url.pathname = '/no_such_database';
  await assert.rejects(startBank({ databaseUrl: url.href, secret: 'secret', onError }), /ended with code 1/);
  await pause(1_200);
  assert.deepEqual(
    said.filter((text) => !text.startsWith('waiting for')),
    [],
  );
});
