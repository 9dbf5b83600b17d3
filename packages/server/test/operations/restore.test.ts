/**
 * A database that goes back in time: a dump restored elsewhere, a recovery to a point in time, a failover that loses the
 * end. PostgreSQL gives the lost ids out again; a reader who was ahead must not miss what gets them.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster, makeFolder, POSTGRES_MISSING, runAsPostgres } from '../support/postgres.ts';
import { type ServerProcess, startServerProcess } from '../support/process.ts';
import { startTcpProxy } from '../support/proxy.ts';
import { CUSTOMER, request } from '../support/sandbox.ts';
import { openStream } from '../support/stream.ts';

const NEW_PAYMENTS = 5;

async function startCluster(t: TestContext): Promise<Cluster> {
  const cluster = await Cluster.create();
  t.after(() => cluster.remove());
  return cluster;
}

async function startNode(t: TestContext, databaseUrl: string): Promise<ServerProcess> {
  const node = await startServerProcess({ DATABASE_URL: databaseUrl });
  t.after(() => node.end());
  return node;
}

async function authorize(url: string): Promise<number> {
  const body = { amount: 100, currency: 'KZT', orderReference: 'RESTORE', ...CUSTOMER };
  const options = { idempotencyKey: crypto.randomUUID(), body };
  return (await request(url, 'POST', '/v1/wallet/authorize', options)).status;
}

async function payments(url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) assert.equal(await authorize(url), 201);
}

/** Pays, and reads until all of it was streamed. @returns the last event's id */
async function readAhead(url: string): Promise<string> {
  const reader = await openStream(url);
  await payments(url, NEW_PAYMENTS);
  await reader.until(({ events }) => events.length === 2 * NEW_PAYMENTS, 'the events that will be lost');
  reader.close();
  return reader.lastId();
}

/** Lets the database's transaction ids pass those that were lost. */
async function useUpIds(cluster: Cluster): Promise<void> {
  await cluster.query(
    'DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$',
  );
}

/** Whoever goes on from the lost event gets every event of what is paid now. */
async function assertNothingMissed(url: string, lost: string): Promise<void> {
  await payments(url, NEW_PAYMENTS);
  const reader = await openStream(url, { lastEventId: lost });
  assert.equal(reader.status, 200, reader.text());
  await reader.until(({ events }) => events.length >= 2 * NEW_PAYMENTS, 'what was paid after the restore');
  await delay(500);
  assert.equal(reader.events.length, 2 * NEW_PAYMENTS);
  reader.close();
}

describe('a reader who is ahead of the database', { skip: POSTGRES_MISSING, concurrency: 2 }, () => {
  test('of a dump that was restored into another cluster gets all that comes', async (t) => {
    const first = await startCluster(t);
    const node = await startNode(t, first.url);
    await payments(node.url, 3);
    const file = path.join(await makeFolder('dump'), 'dump');
    await runAsPostgres('pg_dump', ['-Fc', '-f', file, first.url]);
    const lost = await readAhead(node.url);
    await node.end();

    const second = await startCluster(t);
    await runAsPostgres('pg_restore', ['-d', second.url, file]);
    await useUpIds(second);
    await assertNothingMissed((await startNode(t, second.url)).url, lost);
  });

  test('of a recovery to an earlier point in time gets all that comes', async (t) => {
    const first = await startCluster(t);
    const node = await startNode(t, first.url);
    await payments(node.url, 3);
    const copy = await first.copy(false);
    t.after(() => copy.remove());
    const lost = await readAhead(node.url);
    await node.end();
    await copy.recover();
    await useUpIds(copy);
    await assertNothingMissed((await startNode(t, copy.url)).url, lost);
  });

  test('of a standby that lacks the end, while the node goes on, gets all that comes', async (t) => {
    const primary = await startCluster(t);
    const standby = await primary.copy(true);
    t.after(() => standby.remove());
    const proxy = await startTcpProxy(primary.port);
    t.after(() => proxy.stop());
    const node = await startNode(t, primary.url.replace(`:${primary.port}/`, `:${proxy.port}/`));
    await payments(node.url, 3);
    await standby.start();
    const [{ lsn }] = await primary.query('SELECT pg_current_wal_lsn() AS lsn');
    for (let there = false; !there; ) {
      const [row] = await standby.query('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [lsn]);
      there = row.there;
      await delay(50);
    }
    await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
    await standby.query('SELECT pg_reload_conf()');
    while ((await standby.query('SELECT FROM pg_stat_wal_receiver')).length > 0) await delay(50);
    const lost = await readAhead(node.url);
    await primary.stop();
    await standby.promote();
    await useUpIds(standby);
    proxy.target(standby.port);
    while ((await authorize(node.url)) !== 201) await delay(100);
    // Of that one the reader gets the events, too.
    const reader = await openStream(node.url, { lastEventId: lost });
    await reader.until(({ events }) => events.length >= 2, 'the first payment after the failover');
    const last = reader.lastId();
    reader.close();
    await assertNothingMissed(node.url, last);
  });
});
