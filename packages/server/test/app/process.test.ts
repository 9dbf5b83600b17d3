/** The program as a process: how it refuses to start, and how it stops. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { startKillablePostgres } from '../support/process.ts';
import { type Program, startProgram } from '../support/program.ts';
import { CUSTOMER, DEMO_KEY, request } from '../support/sandbox.ts';

const SECRET_KEY = 'a secret of at least 32 characters';
let database: TestDatabase;
const programs: Program[] = [];

before(async () => {
  database = await createDatabase(process.env.TEST_TEMPLATE);
});
after(async () => {
  for (const { child } of programs) child.kill('SIGKILL');
  await database.drop();
  await stopDatabaseServer();
});

function start(environment: Record<string, string> = {}): Program {
  const program = startProgram({ DATABASE_URL: database.url, LOG_LEVEL: 'warn', ...environment });
  programs.push(program);
  return program;
}

/** Starts a program that must refuse to: one sentence, exit code 1. */
async function refusesToStart(environment: Record<string, string>, sentence: RegExp): Promise<void> {
  const program = start(environment);
  assert.equal(await program.ended(), 1);
  const { stdout, stderr } = program.output();
  assert.match(stderr, /^Plexy Pay cannot start: [^\n]+\n$/, 'one line');
  assert.match(stderr, sentence);
  // A start that takes long says what it waits for, and nothing else.
  for (const line of stdout.split('\n')) assert.ok(line === '' || JSON.parse(line).level === 40, line);
}

async function stop(program: Program): Promise<number> {
  const startedAt = performance.now();
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0, program.output().stderr);
  return performance.now() - startedAt;
}

describe('one sentence and exit code 1', () => {
  test('a wrong value', () => refusesToStart({ PORT: 'abc' }, /PORT must be a whole number/));

  test('a database that nobody serves', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    await refusesToStart(
      { DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/plexy` },
      /database of DATABASE_URL cannot be used: connect ECONNREFUSED/,
    );
  });

  test('a host that does not exist', () =>
    refusesToStart(
      { DATABASE_URL: 'postgres://me@nowhere.invalid/plexy' },
      /DATABASE_URL cannot be used: getaddrinfo/,
    ));

  test('a database that does not exist', async () => {
    const url = new URL(database.url);
    url.pathname = '/nothing';
    await refusesToStart({ DATABASE_URL: url.href }, /database "nothing" does not exist/);
  });

  test('a wrong role', async () => {
    const url = new URL(database.url);
    url.username = 'nobody';
    url.password = 'hunter2';
    const program = start({ DATABASE_URL: url.href });
    assert.equal(await program.ended(), 1);
    assert.match(
      program.output().stderr,
      /^Plexy Pay cannot start: the database of DATABASE_URL cannot be used: [^\n]+\n$/,
    );
    assert.doesNotMatch(program.output().stderr, /hunter2/);
  });

  test('a port in use', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await refusesToStart(
      { PORT: String(port) },
      new RegExp(`port ${port} of 127.0.0.1 is in use; set PORT to another one`),
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  test('an address of another machine', () =>
    refusesToStart(
      { HOST: '192.0.2.1', SANDBOX_ALLOW_REMOTE: '1' },
      /HOST 192\.0\.2\.1 cannot be listened on/,
    ));

  test('a database of the other mode', async () => {
    const sandbox = start();
    await sandbox.listening();
    await stop(sandbox);
    await refusesToStart(
      { MODE: 'production', SECRET_KEY },
      /set up in sandbox mode, but MODE is production/,
    );
  });

  test('a wrong SECRET_KEY, and production as a sandbox', async () => {
    const own = await createDatabase();
    const production = { MODE: 'production', DATABASE_URL: own.url, SECRET_KEY };
    const first = start(production);
    await first.listening();
    await stop(first);
    await refusesToStart({ ...production, SECRET_KEY: `${SECRET_KEY}!` }, /SECRET_KEY is not the one/);
    await refusesToStart({ DATABASE_URL: own.url }, /set up in production mode, but MODE is sandbox/);
    await own.drop();
  });

  test('a proxy that leads to several clusters, as one that shards does', async (t) => {
    const url = new URL(database.url);
    const other = await startKillablePostgres();
    t.after(other.end);
    // One role that may sign in to both, whatever each wants of others.
    const role = `sharded_${randomUUID().slice(0, 8)}`;
    const here = createPool(database.url, 1, () => undefined);
    t.after(() => here.query(`DROP ROLE ${role}`).finally(() => here.end()));
    const there = createPool(other.url, 1, () => undefined);
    for (const pool of [here, there]) await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of both'`);
    await there.query(`CREATE DATABASE ${url.pathname.slice(1)}`);
    await there.end();
    const ports = [Number(url.port), other.proxy.port];
    let turn = 0;
    const proxy = net.createServer((socket) => {
      turn += 1;
      const upstream = net.connect(ports[turn % 2] ?? 0, '127.0.0.1');
      for (const [one, another] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.pipe(another);
        one.on('error', () => another.destroy()).on('close', () => another.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    t.after(() => proxy.close());
    url.port = String((proxy.address() as net.AddressInfo).port);
    [url.username, url.password] = [role, 'of both'];
    await refusesToStart({ DATABASE_URL: url.href, MIGRATE: 'off' }, /leads to several PostgreSQL servers/);
  });

  test('a database that a newer program has migrated', async () => {
    const own = await createDatabase();
    const first = start({ DATABASE_URL: own.url });
    await first.listening();
    await stop(first);
    const pool = createPool(own.url, 1, () => undefined);
    await pool.query(`INSERT INTO migration VALUES ('9999_future.sql', '', now())`);
    await pool.end();
    await refusesToStart({ DATABASE_URL: own.url }, /newer than this program: it has 9999_future\.sql/);
    await own.drop();
  });
});

test('nothing but the greeting is written at level warn, and no deprecation', async () => {
  // On a busy machine a start may take so long that it says what it waits for; not each of three.
  const logged: string[] = [];
  for (let i = 0; i < 3 && logged.length === i; i += 1) {
    const program = start();
    const url = await program.listening();
    await request(url, 'GET', '/health');
    await stop(program);
    const { stdout, stderr } = program.output();
    assert.equal(stderr, '');
    assert.match(stdout, /Plexy Pay sandbox/);
    logged.push(...(stdout.match(/^\{.*$/m) ?? []));
  }
  assert.ok(logged.length < 3, logged.join('\n'));
});

test('a signal while it starts stops it once it has started', async () => {
  for (const delayMs of [150, 300, 450]) {
    const program = start();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    program.child.kill('SIGTERM');
    const code = await program.ended();
    // Before the handlers are there the signal itself ends it, with nothing to stop yet.
    assert.ok(code === 0 || code === null, `${code} ${program.output().stderr}`);
  }
});

/** Authorizes over and over on connections that stay open, until the server is gone. */
async function load(url: string, answered: Map<string, string>, signal: AbortSignal): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!signal.aborted) {
    const idempotencyKey = randomUUID();
    const reply = await post(url, agent, idempotencyKey).catch(() => null);
    if (reply === null) break;
    assert.equal(reply.status, 201, reply.text);
    answered.set(idempotencyKey, reply.text);
  }
  agent.destroy();
}

function post(
  url: string,
  agent: http.Agent,
  idempotencyKey: string,
): Promise<{ status: number; text: string }> {
  const body = JSON.stringify({ amount: 1, currency: 'KZT', orderReference: 'STOP', ...CUSTOMER });
  const headers = {
    authorization: DEMO_KEY,
    'idempotency-key': idempotencyKey,
    'content-type': 'application/json',
  };
  return new Promise((resolve, reject) => {
    const sent = http.request(
      `${url}/v1/wallet/authorize`,
      { method: 'POST', agent, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

test('SIGHUP, which replaces workers, ends no process that has none, and the log says so', async () => {
  const program = start();
  const url = await program.listening();
  program.child.kill('SIGHUP');
  for (const startedAt = performance.now(); !/SIGHUP replaces workers/.test(program.output().stdout); ) {
    assert.equal(program.child.signalCode, null);
    assert.ok(performance.now() - startedAt < 60_000, program.output().stdout);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { status } = await request(url, 'GET', '/v1/transactions', { apiKey: DEMO_KEY });
  assert.equal(status, 200);
  await stop(program);
});

describe('SIGTERM', () => {
  test('under load: what was answered is durable, and it exits 0 at once', async () => {
    const program = start();
    const url = await program.listening();
    const answered = new Map<string, string>();
    const aborted = new AbortController();
    const idle = net.connect(Number(new URL(url).port), '127.0.0.1');
    idle.on('error', () => undefined);
    const loads = Array.from({ length: 32 }, () => load(url, answered, aborted.signal));
    while (answered.size <= 100) await new Promise((resolve) => setTimeout(resolve, 20));
    const tookMs = await stop(program);
    aborted.abort();
    await Promise.all(loads);
    idle.destroy();
    assert.ok(tookMs < 3_000, `it took ${tookMs} ms`);
    const pool = createPool(database.url, 1, () => undefined);
    const { rows } = await pool.query<{ key: string; response: string }>(
      `SELECT k.key, k.response FROM idempotency_key k JOIN transaction t ON t.id = k.effect_id WHERE k.key = ANY($1)`,
      [[...answered.keys()]],
    );
    assert.deepEqual(new Map(rows.map((row) => [row.key, row.response])), answered);
    assert.deepEqual(await audit(pool), []);
    await pool.end();
  });

  test('a request that never ends holds it for a few seconds only', async () => {
    const program = start();
    const url = await program.listening();
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /v1/wallet/authorize HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const tookMs = await stop(program);
    assert.ok(tookMs < 8_000, `it took ${tookMs} ms`);
    socket.destroy();
  });

  test('a second signal changes nothing', async () => {
    const program = start();
    await program.listening();
    program.child.kill('SIGTERM');
    program.child.kill('SIGINT');
    assert.equal(await program.ended(), 0);
  });
});
