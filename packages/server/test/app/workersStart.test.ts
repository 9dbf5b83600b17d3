/** How a node of several workers begins and ends, and what it has once. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { cardOf, VISA } from '../support/cards.ts';
import { makeDataDir } from '../support/dataDir.ts';
import { startProgram } from '../support/program.ts';
import { request } from '../support/sandbox.ts';
import {
  assertKept,
  commandOf,
  NO_PROC,
  openWorkerNodes,
  startLoad,
  until,
  WORKERS,
  type WorkerNodes,
  workersOf,
} from '../support/workers.ts';

let nodes: WorkerNodes;
before(async () => {
  nodes = await openWorkerNodes();
});
after(() => nodes.end());

describe('a start that cannot work ends the whole node, with one sentence and exit code 1', () => {
  const refusesToStart = async (environment: Record<string, string>, sentence: RegExp): Promise<void> => {
    const program = nodes.start(environment);
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

test('SIGTERM under load: what was answered is durable, and all exit within 10 s', {
  skip: NO_PROC,
}, async () => {
  const program = nodes.start();
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
  await assertKept(nodes.pool, load.answered);
});

test('a signal while it starts ends all of it', { skip: NO_PROC }, async () => {
  const program = nodes.start();
  await until('a worker is there', () => workersOf(program).length > 0);
  program.child.kill('SIGTERM');
  const code = await program.ended();
  assert.ok(code === 0 || code === null, `${code} ${program.output().stderr}`);
  assert.deepEqual(workersOf(program), []);
});

test('more connections than MAX_CONNECTIONS are closed, and the others are served', async (t) => {
  const program = nodes.start({ MAX_CONNECTIONS: '8' });
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
