/**
 * A pooler before the database: one that loses prepared statements is told at the start, in one sentence; one that keeps them
 * lends its connections to everybody in turn, so that nothing of ours may leave a setting behind.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../support/cards.ts';
import { hasNats, startNats } from '../support/nats.ts';
import {
  Cluster,
  freePort,
  makeFolder,
  OWNER,
  POSTGRES_MISSING,
  runAsPostgres,
} from '../support/postgres.ts';
import { startProgram } from '../support/program.ts';
import { CUSTOMER, request } from '../support/sandbox.ts';
import { openStream } from '../support/stream.ts';
import { startReceiver } from '../support/webhooks.ts';
import '../support/run.ts';

const INSTALLED = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((file) => existsSync(file)) ?? '';
/** As `deploy/patroni/install` builds it. */
const BUILT = '/usr/local/lib/plexy-pay/pgbouncer';
const MISSING =
  POSTGRES_MISSING || (INSTALLED === '' && process.env.CI === undefined && 'PgBouncer is not installed');

/** @returns the URL of the database through a PgBouncer, and its process */
async function startPooler(
  cluster: Cluster,
  mode: string,
  program: string = INSTALLED,
  more: Readonly<Record<string, string | number>> = {},
  connectQuery = '',
): Promise<{ url: string; child: ChildProcess }> {
  const folder = await makeFolder('pooler');
  const port = await freePort();
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: 40,
    max_client_conn: 100,
    ...more,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const file = path.join(folder, 'pgbouncer.ini');
  const begin = connectQuery === '' ? '' : ` connect_query='${connectQuery}'`;
  const target = `host=127.0.0.1 port=${cluster.port} user=postgres${begin}`;
  await writeFile(file, `[databases]\n* = ${target}\n[pgbouncer]\n${lines.join('\n')}\n`);
  const child = spawn(program, [file], { ...OWNER, cwd: '/', stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  for (let accepted = false; !accepted; await delay(50)) {
    assert.equal(child.exitCode, null, 'PgBouncer has ended');
    accepted = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      setTimeout(() => socket.destroy(), 1_000).unref();
    });
  }
  return { url, child };
}

/** 1.21 is the first that keeps prepared statements, where it is told to. */
async function version(program: string): Promise<number> {
  const said = await runAsPostgres(program, ['--version']);
  const [, major = '0', minor = '0'] = /PgBouncer (\d+)\.(\d+)/.exec(said) ?? [];
  return Number(major) * 100 + Number(minor);
}

const NO_BANK = { ACQUIRER_URL: 'http://127.0.0.1:1', ACQUIRER_SECRET: 'no bank listens there' };

test('one in transaction mode that keeps no prepared statements stops the start', {
  skip: MISSING,
}, async (t) => {
  if ((await version(INSTALLED)) >= 121) return t.skip('this PgBouncer keeps them');
  const cluster = await Cluster.create();
  t.after(() => cluster.remove());
  const { url, child } = await startPooler(cluster, 'transaction');
  t.after(() => child.kill('SIGKILL'));
  const program = startProgram({ DATABASE_URL: url, ...NO_BANK });
  assert.equal(await program.ended(), 1);
  assert.match(
    program.output().stderr,
    /^Plexy Pay cannot start: DATABASE_URL leads through a pooler that does not keep prepared statements: [^\n]+\n$/,
  );
});

test('one in session mode is as good as none', { skip: MISSING }, async (t) => {
  const cluster = await Cluster.create();
  t.after(() => cluster.remove());
  const { url, child } = await startPooler(cluster, 'session');
  t.after(() => child.kill('SIGKILL'));
  const program = startProgram({ DATABASE_URL: url, ...NO_BANK });
  const server = await program.listening();
  const body = { amount: 100, currency: 'KZT', orderReference: 'POOLER', ...CUSTOMER };
  const { status } = await request(server, 'POST', '/v1/wallet/authorize', {
    idempotencyKey: 'pooler',
    body,
  });
  assert.equal(status, 201);
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0);
});

/** As operators are told to configure it: what each of the pooler's connections begins with. */
async function connectQuery(): Promise<string> {
  const file = new URL('../../../../deploy/patroni/pgbouncer.ini', import.meta.url);
  const [, query = ''] = /connect_query='((?:[^']|'')*)'/.exec(await readFile(file, 'utf8')) ?? [];
  assert.notEqual(query, '');
  return query;
}

/** What PgBouncer itself gives each client as its own. */
const OF_CLIENTS = ['application_name', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone'];

interface Found {
  readonly pid: number;
  /** What was set in the session and has not ended. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What sessions of the pooler find set, each on a connection of its own to PostgreSQL. */
async function settingsFound(url: string, sessions: number): Promise<Found[]> {
  const clients = await Promise.all(
    Array.from({ length: sessions }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    }),
  );
  try {
    // Each holds its connection until all have one.
    for (const client of clients) await client.query('BEGIN');
    const answers = await Promise.all(
      clients.map((client) =>
        client.query<Found>(
          `SELECT pg_backend_pid() AS pid, jsonb_object_agg(name, setting) AS settings FROM pg_settings
           WHERE source = 'session' AND name <> ALL ($1)`,
          [OF_CLIENTS],
        ),
      ),
    );
    // Whoever leaves within a transaction takes the connection to PostgreSQL along.
    for (const client of clients) await client.query('ROLLBACK');
    return answers.flatMap(({ rows }) => rows);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

test('one in transaction mode: no session finds what another one has set', {
  skip: MISSING || (!hasNats && process.env.CI === undefined && 'nats-server is not installed'),
}, async (t) => {
  const program = existsSync(BUILT) ? BUILT : INSTALLED;
  if ((await version(program)) < 121) {
    assert.equal(process.env.CI, undefined, 'deploy/patroni/install builds a PgBouncer that is new enough');
    return t.skip('this PgBouncer keeps no prepared statements');
  }
  const cluster = await Cluster.create();
  t.after(() => cluster.remove());
  const few = { default_pool_size: 6, max_prepared_statements: 1_000 };
  const { url, child } = await startPooler(cluster, 'transaction', program, few, await connectQuery());
  t.after(() => child.kill('SIGKILL'));
  // Before anything of ours has used them.
  const untouched = await settingsFound(url, few.default_pool_size);
  assert.equal(untouched[0]?.settings.lock_timeout, '5000');
  const broker = await startNats();
  t.after(() => broker.stop());
  const receiver = await startReceiver();
  t.after(() => receiver.stop());
  const node = startProgram({
    DATABASE_URL: url,
    DATABASE_DIRECT_URL: cluster.url,
    EVENTS_SINK_URL: `nats://${broker.address}`,
    ...NO_BANK,
  });
  t.after(() => node.child.kill('SIGKILL'));
  const server = await node.listening();
  const endpoint = { url: receiver.url, events: ['transaction.authorized'] };
  assert.equal((await request(server, 'POST', '/v1/webhook-endpoints', { body: endpoint })).status, 201);
  const stream = await openStream(server, {});
  const body = { amount: 100, currency: 'KZT', orderReference: 'POOLER', ...CUSTOMER };
  const { status } = await request(server, 'POST', '/v1/wallet/authorize', { idempotencyKey: 'one', body });
  assert.equal(status, 201);
  // All who follow the events have read some.
  await stream.until(({ events }) => events.length > 0, 'the stream tells of it');
  await eventually('a webhook', async () => receiver.received.length > 0);
  await eventually('the broker has it', async () => (await broker.stored('PLEXY_EVENTS')).length > 0);
  stream.close();
  node.child.kill('SIGTERM');
  assert.equal(await node.ended(), 0);
  const found = await settingsFound(url, few.default_pool_size);
  const pids = (sessions: readonly Found[]): number[] => sessions.map(({ pid }) => pid).sort((a, b) => a - b);
  assert.equal(new Set(pids(found)).size, few.default_pool_size);
  assert.deepEqual(pids(found), pids(untouched), 'the same connections to PostgreSQL');
  for (const { settings } of found) assert.deepEqual(settings, untouched[0]?.settings);

  // A merchant repeats what it has sent before the restart: it is the first that the new node's sessions hear of.
  const next = startProgram({ DATABASE_URL: url, DATABASE_DIRECT_URL: cluster.url, ...NO_BANK });
  t.after(() => next.child.kill('SIGKILL'));
  const again = await next.listening();
  const [repeated, other] = await Promise.all(
    ['one', 'two'].map((idempotencyKey) =>
      request(again, 'POST', '/v1/wallet/authorize', { idempotencyKey, body }),
    ),
  );
  assert.deepEqual([repeated?.status, other?.status], [201, 201]);
  const metrics = await (await fetch(`${again}/metrics`)).text();
  assert.doesNotMatch(metrics, /^plexy_database_errors_total\{/m, 'no session was lost');
  next.child.kill('SIGTERM');
  assert.equal(await next.ended(), 0);
});
