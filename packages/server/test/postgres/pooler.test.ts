/**
 * A pooler before the database: one that loses prepared statements is told at the start, in one sentence; one that keeps them
 * lends its connections to everybody in turn, so that nothing of ours may leave a setting behind.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
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
  const target = `host=127.0.0.1 port=${cluster.port} user=postgres`;
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

/** What sessions of the pooler find set, each on a connection of its own to PostgreSQL. */
async function settingsFound(url: string, sessions: number): Promise<Record<string, string>[]> {
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
        client.query(
          `SELECT pg_backend_pid() AS pid, current_setting('synchronous_commit') AS synchronous_commit,
             current_setting('plan_cache_mode') AS plan_cache_mode`,
        ),
      ),
    );
    return answers.map(({ rows }) => rows[0]);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

test('one in transaction mode: no payment is committed by what another session has set', {
  skip: MISSING,
}, async (t) => {
  const program = existsSync(BUILT) ? BUILT : INSTALLED;
  if ((await version(program)) < 121) {
    assert.equal(process.env.CI, undefined, 'deploy/patroni/install builds a PgBouncer that is new enough');
    return t.skip('this PgBouncer keeps no prepared statements');
  }
  const cluster = await Cluster.create();
  t.after(() => cluster.remove());
  const few = { default_pool_size: 6, max_prepared_statements: 1_000 };
  const { url, child } = await startPooler(cluster, 'transaction', program, few);
  t.after(() => child.kill('SIGKILL'));
  const node = startProgram({ DATABASE_URL: url, DATABASE_DIRECT_URL: cluster.url, ...NO_BANK });
  t.after(() => node.child.kill('SIGKILL'));
  const server = await node.listening();
  const body = { amount: 100, currency: 'KZT', orderReference: 'POOLER', ...CUSTOMER };
  const { status } = await request(server, 'POST', '/v1/wallet/authorize', { idempotencyKey: 'one', body });
  assert.equal(status, 201);
  node.child.kill('SIGTERM');
  assert.equal(await node.ended(), 0);
  const found = await settingsFound(url, few.default_pool_size);
  assert.equal(new Set(found.map(({ pid }) => pid)).size, few.default_pool_size);
  for (const { synchronous_commit, plan_cache_mode } of found)
    assert.deepEqual([synchronous_commit, plan_cache_mode], ['on', 'auto']);
});
