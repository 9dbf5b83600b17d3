/** A node of several workers, as a process: one port, one page of metrics, and whichever of its processes ends. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '../../src/app/config.ts';
import { mostConnections } from '../../src/app/connections.ts';
import { WorkerMetrics } from '../../src/app/workerMetrics.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { cardOf, eventually, VISA } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { makeDataDir } from '../support/dataDir.ts';
import { type Program, startProgram } from '../support/program.ts';
import { CUSTOMER, DEMO_KEY, request } from '../support/sandbox.ts';

const WORKERS = 2;
const BANK = {
  ACQUIRER_URL: 'http://127.0.0.1:1',
  ACQUIRER_SECRET: 'no bank listens there, so any secret does',
};
/** Which processes there are is read there. */
const NO_PROC = existsSync('/proc/self/task') ? false : 'this system has no /proc';
/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 120_000;
/** A request that is answered later than this has hung. */
const HANG_MS = 30_000;

let database: TestDatabase;
let pool: Pool;
const programs: Program[] = [];
before(async () => {
  database = await createDatabase(process.env.TEST_TEMPLATE);
  pool = createPool(database.url, 2, () => undefined, { name: 'test' });
});
after(async () => {
  for (const { child } of programs) child.kill('SIGKILL');
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

function start(environment: Record<string, string> = {}): Program {
  const program = startProgram({
    ...{ DATABASE_URL: database.url, LOG_LEVEL: 'warn', WORKERS: String(WORKERS) },
    ...BANK,
    ...environment,
  });
  programs.push(program);
  return program;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => holds(), LIMIT_MS);
}

/** The processes that this one has forked and that run its program: not the bank, nor PostgreSQL. */
function workersOf({ child }: Program): number[] {
  const file = `/proc/${child.pid}/task/${child.pid}/children`;
  const children = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : [];
  return children.filter((pid) => pid !== '' && commandOf(Number(pid)).includes('main.ts')).map(Number);
}

function commandOf(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('/bank/') ? '' : command;
  } catch {
    return '';
  }
}

async function metric(url: string, line: RegExp): Promise<number> {
  const { text } = await request(url, 'GET', '/metrics', { apiKey: null });
  return Number(new RegExp(`^${line.source} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

interface Load {
  /** The answers, by their keys. */
  readonly answered: Map<string, string>;
  /** What was not answered, or not with 201. */
  readonly failed: string[];
  stop(): Promise<void>;
}

/** Authorizes over and over, half of it on connections that stay open and half on new ones. */
function startLoad(url: string, clients = 16): Load {
  const answered = new Map<string, string>();
  const failed: string[] = [];
  let stopped = false;
  const loop = async (keepAlive: boolean): Promise<void> => {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 });
    while (!stopped) {
      const key = randomUUID();
      const reply = await post(url, agent, key).catch((error: Error) => error);
      if (reply instanceof Error) failed.push(reply.message);
      else if (reply.status !== 201) failed.push(`${reply.status} ${reply.text}`);
      else answered.set(key, reply.text);
      await delay(5);
    }
    agent.destroy();
  };
  const loops = Array.from({ length: clients }, (_, i) => loop(i % 2 === 0));
  return {
    answered,
    failed,
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

function post(url: string, agent: http.Agent, key: string): Promise<{ status: number; text: string }> {
  const body = JSON.stringify({ amount: 1, currency: 'KZT', orderReference: 'WORKERS', ...CUSTOMER });
  const headers = {
    authorization: DEMO_KEY,
    'idempotency-key': key,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const sent = http.request(
      `${url}/v1/wallet/authorize`,
      { method: 'POST', agent, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
      },
    );
    sent.setTimeout(HANG_MS, () => sent.destroy(new Error('it was not answered in time')));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What was answered is in the database, as it was answered, once each. */
async function assertKept(answered: ReadonlyMap<string, string>): Promise<void> {
  const { rows } = await pool.query<{ key: string; response: string }>(
    `SELECT k.key, k.response FROM idempotency_key k JOIN transaction t ON t.id = k.effect_id WHERE k.key = ANY($1)`,
    [[...answered.keys()]],
  );
  assert.deepEqual(new Map(rows.map(({ key, response }) => [key, response])), answered);
  assert.deepEqual(await audit(pool), []);
}

describe('a start that cannot work ends the whole node, with one sentence and exit code 1', () => {
  const refusesToStart = async (environment: Record<string, string>, sentence: RegExp): Promise<void> => {
    const program = start(environment);
    assert.equal(await program.ended(), 1);
    assert.match(program.output().stderr, /^Plexy Pay cannot start: [^\n]+\n$/, 'one line');
    assert.match(program.output().stderr, sentence);
    assert.deepEqual(workersOf(program), []);
  };

  test('a wrong value', () =>
    refusesToStart({ WORKERS: 'many' }, /WORKERS must be auto or a whole number from 1 to 128/));

  test('a database that nobody serves', () =>
    refusesToStart(
      { DATABASE_URL: 'postgres://me@127.0.0.1:1/plexy' },
      /database of DATABASE_URL cannot be used: connect ECONNREFUSED/,
    ));

  test('a port in use', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await refusesToStart({ PORT: String(port) }, new RegExp(`port ${port} of 127.0.0.1 is in use`));
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe('a node of two workers', { skip: NO_PROC }, () => {
  let program: Program;
  let url: string;
  before(async () => {
    program = start();
    url = await program.listening();
  });
  after(() => program.child.kill('SIGKILL'));

  test('both serve its port, and /metrics has the sum', async () => {
    assert.equal(workersOf(program).length, WORKERS);
    const load = startLoad(url);
    await until('some are answered', () => load.answered.size >= 200);
    await load.stop();
    assert.deepEqual(load.failed, []);
    assert.equal(await metric(url, /plexy_workers/), WORKERS);
    const line =
      /plexy_http_request_duration_seconds_count\{method="POST",route="\/v1\/wallet\/authorize",status="201"\}/;
    assert.equal(await metric(url, line), load.answered.size);
    await until('both listen', async () => (await metric(url, /plexy_event_feed_listening/)) === 1);
    const { rows } = await pool.query<{ nodes: number }>(
      `SELECT count(*)::int AS nodes FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^plexy-pay listen'`,
    );
    assert.equal(rows[0]?.nodes, WORKERS);
    await assertKept(load.answered);
  });

  test('its connections are within the documented budget', async () => {
    const lists = Array.from({ length: 60 }, () =>
      request(url, 'GET', '/v1/transactions?limit=1', { apiKey: DEMO_KEY }),
    );
    const signIns = Array.from({ length: 10 }, () =>
      request(url, 'POST', '/v1/session', { apiKey: null, body: { email: 'a@b.test', password: 'wrong' } }),
    );
    await Promise.all([...lists, ...signIns]);
    const { rows } = await pool.query<{ name: string; count: number }>(
      `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND application_name ~ '^plexy-pay (?!test)' GROUP BY 1`,
    );
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    const most = mostConnections(readConfig({ WORKERS: String(WORKERS) }));
    assert.ok(count <= most, `${count} of ${most}: ${JSON.stringify(rows)}`);
    assert.ok(count > most / 2, `the budget of ${most} is far from the ${count} that there are`);
  });

  test('SIGHUP to the workers themselves ends none of them', async () => {
    const old = workersOf(program);
    for (const pid of old) process.kill(pid, 'SIGHUP');
    await delay(500);
    const reply = await request(url, 'GET', '/v1/transactions?limit=1', { apiKey: DEMO_KEY });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(workersOf(program), old);
  });

  test('SIGHUP replaces both under load, and no request fails', async () => {
    const old = workersOf(program);
    const load = startLoad(url);
    await until('there is load', () => load.answered.size > 50);
    program.child.kill('SIGHUP');
    await until('all workers are new', () => {
      const now = workersOf(program);
      return now.length === WORKERS && now.every((pid) => !old.includes(pid));
    });
    const before = load.answered.size;
    await until('the new ones serve', () => load.answered.size > before + 50);
    await load.stop();
    assert.deepEqual(load.failed, []);
    await assertKept(load.answered);
    // What the old ones counted is still counted.
    const line =
      /plexy_http_request_duration_seconds_count\{method="POST",route="\/v1\/wallet\/authorize",status="201"\}/;
    assert.ok((await metric(url, line)) >= load.answered.size);
  });

  test('a worker that is killed under load is replaced; nothing that was answered is lost or doubled', async () => {
    const load = startLoad(url);
    for (let i = 0; i < 3; i += 1) {
      const count = load.answered.size;
      await until('there is load', () => load.answered.size > count + 50);
      const old = workersOf(program);
      const victim = old[i % 2];
      assert.ok(victim !== undefined);
      process.kill(victim, 'SIGKILL');
      await until(
        'there are two again',
        async () => (await metric(url, /plexy_workers/).catch(() => 0)) === WORKERS,
      );
      assert.notDeepEqual(workersOf(program), old);
    }
    await load.stop();
    // Connections break, and nobody waits for an answer that cannot come.
    assert.deepEqual(
      load.failed.filter((reason) => !/socket hang up|ECONNRESET/.test(reason)),
      [],
    );
    await assertKept(load.answered);
    assert.equal(await metric(url, /plexy_worker_deaths_total/), 3);
    assert.match(program.output().stdout, /"msg":"a worker died"/);
  });

  test('kill -9 of the primary under load ends its workers, too, and loses nothing', async () => {
    const load = startLoad(url);
    await until('there is load', () => load.answered.size > 50);
    const workers = workersOf(program);
    assert.equal(workers.length, WORKERS);
    program.child.kill('SIGKILL');
    await until('they end', () => workers.every((pid) => commandOf(pid) === ''));
    await load.stop();
    await assertKept(load.answered);
    // They had time to finish what they had.
    assert.match(program.output().stdout, /"the primary process is gone"/);
  });
});

test('SIGTERM under load: what was answered is durable, and all exit within 10 s', {
  skip: NO_PROC,
}, async () => {
  const program = start();
  const url = await program.listening();
  const workers = workersOf(program);
  const load = startLoad(url);
  await until('there is load', () => load.answered.size > 100);
  const startedAt = performance.now();
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0, program.output().stderr);
  assert.ok(performance.now() - startedAt < 10_000);
  await load.stop();
  assert.deepEqual(
    workers.map((pid) => commandOf(pid)),
    workers.map(() => ''),
  );
  await assertKept(load.answered);
});

test('a signal while it starts ends all of it', { skip: NO_PROC }, async () => {
  const program = start();
  await until('a worker is there', () => workersOf(program).length > 0);
  program.child.kill('SIGTERM');
  const code = await program.ended();
  assert.ok(code === 0 || code === null, `${code} ${program.output().stderr}`);
  assert.deepEqual(workersOf(program), []);
});

test('more connections than MAX_CONNECTIONS are closed, and the others are served', async (t) => {
  const program = start({ MAX_CONNECTIONS: '8' });
  const url = await program.listening();
  t.after(() => program.child.kill('SIGKILL'));
  let closed = 0;
  const sockets = Array.from({ length: 24 }, () => {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket
      .on('error', () => undefined)
      .on('close', () => {
        closed += 1;
      });
    return socket;
  });
  await until('those beyond it are closed', () => closed >= 16);
  const [answer] = await Promise.all(
    sockets
      .filter((socket) => !socket.destroyed)
      .map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.once('data', (data: Buffer) => resolve(data.toString()));
            socket.once('close', () => resolve('closed'));
            socket.write('GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n');
          }),
      ),
  );
  assert.match(answer ?? 'no connection was left', /^HTTP\/1.1 200/);
});

test('a sandbox with a PostgreSQL and a bank of its own has one of each', async (t) => {
  const dataDir = await makeDataDir('workers');
  const { PATH = '' } = process.env;
  const program = startProgram({ PATH, DATA_DIR: dataDir, LOG_LEVEL: 'warn', WORKERS: String(WORKERS) });
  programs.push(program);
  t.after(() => program.child.kill('SIGKILL'));
  const url = await program.listening();
  const body = { amount: 100, currency: 'KZT', orderReference: 'BANK', card: cardOf(VISA) };
  for (let i = 0; i < 6; i += 1) {
    const paid = await request(url, 'POST', '/v1/payments', { idempotencyKey: randomUUID(), body });
    assert.equal(paid.body.status, 'authorized', paid.text);
  }
  // The levers of the bank are the same whoever is asked.
  await request(url, 'PUT', '/v1/sandbox/faults', { body: { bank: 'slow' } });
  for (let i = 0; i < 4; i += 1)
    assert.equal((await request(url, 'GET', '/v1/sandbox/faults')).body.bank, 'slow');
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0, program.output().stderr);
});

describe('the metrics of several workers as one page', () => {
  test('sums what is counted, takes the worst of what is not, and forgets nothing of a worker that ended', async () => {
    const page = new WorkerMetrics();
    const workers = [createMetrics(), createMetrics()];
    for (const [i, metrics] of workers.entries()) {
      metrics.request('GET', '/a', 200, 0.01);
      metrics.queueDepth(3);
      metrics.feedLag(i);
      metrics.feedListening(i === 0);
      metrics.webhookBacklog({ endpoints: [{ id: 'we_1', pending: 7 }], disabled: 2 });
    }
    const snapshots = await Promise.all(workers.map((metrics) => metrics.snapshot()));
    const lines = async (given: typeof snapshots): Promise<string[]> =>
      (await page.render(given, given.length))
        .split('\n')
        .filter((line) =>
          /^plexy_(workers|http.*_count|engine_queue|event_feed|webhook_(pending|endpoints))/.test(line),
        );
    const count = 'plexy_http_request_duration_seconds_count{method="GET",route="/a",status="200"}';
    const all = await lines(snapshots);
    for (const line of [
      `${count} 2`,
      'plexy_engine_queue_depth 6',
      'plexy_event_feed_lag_seconds 1',
      'plexy_event_feed_listening 0',
      'plexy_webhook_pending_deliveries{endpoint="we_1"} 7',
      'plexy_webhook_endpoints_disabled 2',
      'plexy_workers 2',
    ])
      assert.ok(all.includes(line), `${line} is not among ${all.join('\n')}`);
    const [first = [], second = []] = snapshots;
    page.keep(first);
    const left = await lines([second]);
    assert.ok(left.includes(`${count} 2`), left.join('\n'));
    assert.ok(left.includes('plexy_engine_queue_depth 3'));
  });
});
