/** A node of two workers: one port, one page of metrics, and whichever of its processes ends. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '../../src/app/config.ts';
import { mostConnections } from '../../src/app/connections.ts';
import type { Program } from '../support/program.ts';
import { DEMO_KEY, request } from '../support/sandbox.ts';
import {
  assertKept,
  commandOf,
  metric,
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

describe('a node of two workers', { skip: NO_PROC }, () => {
  let program: Program;
  let url: string;
  before(async () => {
    program = nodes.start();
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
    const { rows } = await nodes.pool.query<{ nodes: number }>(
      `SELECT count(*)::int AS nodes FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^plexy-pay listen'`,
    );
    assert.equal(rows[0]?.nodes, WORKERS);
    await assertKept(nodes.pool, load.answered);
  });

  test('its connections are within the documented budget', async () => {
    const lists = Array.from({ length: 60 }, () =>
      request(url, 'GET', '/v1/transactions?limit=1', { apiKey: DEMO_KEY }),
    );
    const signIns = Array.from({ length: 10 }, () =>
      request(url, 'POST', '/v1/session', { apiKey: null, body: { email: 'a@b.test', password: 'wrong' } }),
    );
    await Promise.all([...lists, ...signIns]);
    const { rows } = await nodes.pool.query<{ name: string; count: number }>(
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
    await assertKept(nodes.pool, load.answered);
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
    await assertKept(nodes.pool, load.answered);
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
    await assertKept(nodes.pool, load.answered);
    // They had time to finish what they had.
    assert.match(program.output().stdout, /"the primary process is gone"/);
  });
});
