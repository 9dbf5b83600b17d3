/**
 * A database that takes no writes: a standby to which a name leads for a while, a server that was set so, several hosts
 * of which one is a standby. Nobody is told that something is wrong with the request, and no session is kept.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/cards.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { Cluster, POSTGRES_MISSING } from '../support/postgres.ts';
import { startServerProcess } from '../support/process.ts';
import { startTcpProxy, type TcpProxy } from '../support/proxy.ts';
import { CUSTOMER, type Reply, request } from '../support/sandbox.ts';

/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 120_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(what, holds, LIMIT_MS);
}

function authorize(call: (method: string, path: string, options: object) => Promise<Reply>): Promise<Reply> {
  const body = { amount: 100, currency: 'KZT', orderReference: 'FAILOVER', ...CUSTOMER };
  return call('POST', '/v1/wallet/authorize', { idempotencyKey: crypto.randomUUID(), body });
}

const SESSIONS = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'plexy-pay%'`;

describe('a server that takes no writes', { skip: POSTGRES_MISSING }, () => {
  let primary: Cluster;
  let standby: Cluster;
  let proxy: TcpProxy;
  let nodes: Nodes;
  before(async () => {
    primary = await Cluster.create();
    standby = await primary.copy(true);
    await standby.start();
    proxy = await startTcpProxy(primary.port);
    nodes = await startNodes(1, {}, primary.url.replace(`:${primary.port}/`, `:${proxy.port}/`));
  });
  after(async () => {
    await nodes?.stop();
    await proxy?.stop();
    await standby?.remove();
    await primary?.remove();
  });

  const isReady = async (): Promise<boolean> => (await nodes.call('GET', '/ready')).status === 200;

  test('is used by nobody while the name leads to it, and left by everybody afterwards', async () => {
    assert.equal((await authorize(nodes.call)).status, 201);
    proxy.target(standby.port);
    proxy.cut();
    const [replies] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, () => authorize(nodes.call))),
      until('/ready says so', async () => !(await isReady())),
    ]);
    assert.deepEqual([...new Set(replies.map(({ status }) => status))], [503]);
    const [{ count }] = await standby.query(
      SESSIONS.replace('count(*)', `count(*) FILTER (WHERE state_change < now() - interval '5 s')`),
    );
    assert.equal(count, 0, 'sessions were kept on the standby');
    proxy.target(primary.port);
    await until('the node is ready', isReady);
    await until('payments are made', async () => (await authorize(nodes.call)).status === 201);
    const [left] = await standby.query(SESSIONS);
    assert.equal(left.count, 0, 'sessions stayed on the standby');
  });

  test('is answered with 503 also when it was set so under open sessions', async () => {
    await primary.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await primary.query('SELECT pg_reload_conf()');
    try {
      await until('/ready says so', async () => !(await isReady()));
      const replies = await Promise.all(Array.from({ length: 10 }, () => authorize(nodes.call)));
      assert.deepEqual(
        [...new Set(replies.map(({ status, body }) => `${status} ${body.reason}`))],
        ['503 service_unavailable'],
      );
    } finally {
      await primary.query('ALTER SYSTEM RESET default_transaction_read_only');
      await primary.query('SELECT pg_reload_conf()');
    }
    await until('the node is ready', isReady);
    await until('payments are made', async () => (await authorize(nodes.call)).status === 201);
  });
});

test('of several hosts the one that takes writes is used, and the next one when it is gone', {
  skip: POSTGRES_MISSING,
}, async (t) => {
  const primary = await Cluster.create();
  t.after(() => primary.remove());
  const standby = await primary.copy(true);
  t.after(() => standby.remove());
  await standby.start();
  const hosts = `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`;
  const node = await startServerProcess({
    DATABASE_URL: `postgres://postgres@${hosts}/postgres?target_session_attrs=read-write`,
  });
  t.after(() => node.end());
  const call = (method: string, path: string, options: object): Promise<Reply> =>
    request(node.url, method, path, options);
  assert.equal((await authorize(call)).status, 201);
  await until('the standby has it', async () => {
    const [{ behind }] = await primary.query(
      `SELECT coalesce(max(pg_current_wal_lsn() - replay_lsn), 1)::int AS behind FROM pg_stat_replication`,
    );
    return behind === 0;
  });
  await primary.stop();
  await standby.promote();
  await until('payments are made', async () => (await authorize(call)).status === 201);
  assert.equal((await call('GET', '/ready', {})).status, 200);
  const [{ count }] = await standby.query('SELECT count(*)::int AS count FROM transaction');
  assert.ok(count >= 2, 'what was answered before the failover is there');
});
