/**
 * Lists and sums from a real streaming standby: what goes there and what never does, how old it may be, and what happens when it is
 * away, stands still, was promoted, or belongs to somebody else.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { timeOfId } from '../../src/http/recentRead.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { Replica } from '../../src/postgres/replica.ts';
import { eventually } from '../support/cards.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { Cluster, POSTGRES_MISSING } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/proxy.ts';
import { type CallOptions, CUSTOMER, OPERATOR_KEY, type Reply } from '../support/sandbox.ts';
import { ADMIN, signIn } from '../support/user.ts';

/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 120_000;
const MAX_LAG_SECONDS = 5;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(what, holds, LIMIT_MS);
}

function asOf(reply: Reply): number | null {
  const header = reply.headers.get('plexy-data-as-of');
  return header === null ? null : Date.parse(header);
}

describe('a standby', { skip: POSTGRES_MISSING }, () => {
  let primary: Cluster;
  let standby: Cluster;
  let proxy: TcpProxy;
  let nodes: Nodes;
  before(async () => {
    primary = await Cluster.create();
    standby = await primary.copy(true);
    await standby.start();
    proxy = await startTcpProxy(standby.port);
    nodes = await startNodes(
      1,
      {
        DATABASE_REPLICA_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres?target_session_attrs=standby`,
        REPLICA_MAX_LAG_SECONDS: String(MAX_LAG_SECONDS),
        LOG_LEVEL: 'info',
      },
      primary.url,
    );
  });
  after(async () => {
    await nodes?.stop();
    await proxy?.stop();
    await standby?.remove();
    await primary?.remove();
  });

  const list = (query = '', options: CallOptions = {}): Promise<Reply> =>
    nodes.call('GET', `/v1/transactions${query}`, options);
  const isUsed = async (): Promise<boolean> => asOf(await list()) !== null;
  const untilUsed = (): Promise<void> => until('the standby is used', isUsed);
  const authorize = async (orderReference: string): Promise<string> => {
    const body = { amount: 100, currency: 'KZT', orderReference, ...CUSTOMER };
    const made = await nodes.call('POST', '/v1/wallet/authorize', {
      idempotencyKey: crypto.randomUUID(),
      body,
    });
    assert.equal(made.status, 201, made.text);
    return made.body.walletTransactionId;
  };
  const shows = (reply: Reply, orderReference: string): boolean =>
    reply.body.items.some((item: { merchantReference: string }) => item.merchantReference === orderReference);
  const metric = async (line: string): Promise<number> => {
    const { text } = await nodes.call('GET', '/metrics', { apiKey: null });
    return Number(
      text
        .split('\n')
        .find((each) => each.startsWith(`${line} `))
        ?.split(' ')[1] ?? Number.NaN,
    );
  };
  /** Replay stands still while `work` is done. */
  const paused = async (work: () => Promise<void>): Promise<void> => {
    await standby.query('SELECT pg_wal_replay_pause()');
    await until('it stands still', async () => {
      const [{ state }] = await standby.query('SELECT pg_get_wal_replay_pause_state() AS state');
      return state === 'paused';
    });
    await work().finally(() => standby.query('SELECT pg_wal_replay_resume()'));
  };

  test('is read by lists, sums and exports, whose answers say as of when they are; by nothing else', async () => {
    const id = await authorize('READ');
    await untilUsed();
    const customer = await nodes.call('POST', '/v1/customers', { body: { reference: 'C-1' } });
    assert.equal(customer.status, 201, customer.text);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    const recent = [
      '/v1/transactions',
      '/v1/transactions?page=1&size=5',
      '/v1/transactions?status=authorized&query=READ',
      '/v1/wallet/transactions',
      '/v1/payment-links',
      '/v1/payment-links/statistics',
      '/v1/customers',
      `/v1/customers/${customer.body.id}/transactions`,
      `/v1/customers/${customer.body.id}/totals`,
      `/v1/customers/${customer.body.id}/export`,
      '/v1/request-log',
      '/v1/statistics',
      `/v1/balances/KZT/statement?to=${yesterday}`,
    ];
    for (const path of recent) {
      const reply = await nodes.call('GET', path);
      assert.equal(reply.status, 200, `${path} ${reply.text}`);
      const at = asOf(reply);
      assert.ok(at !== null, `${path} is read from the primary`);
      // This machine has one clock.
      assert.ok(at <= Date.now() && at > Date.now() - MAX_LAG_SECONDS * 1_000, `${path} ${Date.now() - at}`);
    }
    const current = [
      `/v1/transactions/${id}`,
      `/v1/transactions/${id}/history`,
      `/v1/transactions/${id}/postings`,
      '/v1/transactions/by-order-reference/READ',
      '/v1/transactions?orderReference=READ',
      `/v1/wallet/transaction/${id}`,
      '/v1/wallet/transactions?orderReference=READ',
      `/v1/customers/${customer.body.id}`,
      '/v1/balances',
      '/v1/balances/KZT/statement',
      '/v1/events',
      '/v1/webhook-endpoints',
      '/v1/issues',
    ];
    for (const path of current) {
      const reply = await nodes.call('GET', path);
      assert.equal(reply.status, 200, `${path} ${reply.text}`);
      assert.equal(asOf(reply), null, path);
    }
    assert.equal((await nodes.call('GET', '/v1/admin/merchants', { apiKey: OPERATOR_KEY })).status, 200);
    const asked = await list('', { headers: { 'cache-control': 'max-age=0, no-cache' } });
    assert.equal(asOf(asked), null, 'a current list was asked for');
    // The document promises the header where it comes, and nowhere else.
    const document = JSON.parse((await nodes.call('GET', '/openapi.json', { apiKey: null })).text);
    const promised = Object.entries<{ get?: { responses: Record<string, { headers: object }> } }>(
      document.paths,
    )
      .filter(([, { get }]) => 'Plexy-Data-As-Of' in (get?.responses['200']?.headers ?? {}))
      .map(([path]) => path);
    const ofAdmin = [
      '/v1/admin/wallets/{walletId}/statement',
      '/v1/admin/merchants/{merchantId}/balances/{currency}/statement',
    ];
    const found = new Set(
      recent.map((path) =>
        path.replace(/\?.*/, '').replace(customer.body.id, '{id}').replace('/KZT/', '/{currency}/'),
      ),
    );
    assert.deepEqual(new Set(promised.filter((path) => !ofAdmin.includes(path))), found);
  });

  test('is not read by people, who look for what they have just done, but for sums', async () => {
    await untilUsed();
    const person = await signIn(nodes.processes[0]?.url ?? '', ADMIN);
    assert.equal(asOf(await person.call('GET', '/v1/transactions')), null);
    assert.notEqual(asOf(await person.call('GET', '/v1/statistics')), null);
  });

  test('that does not know a wallet yet: the wallet is there, and nothing had moved on it', async () => {
    await untilUsed();
    const admin = (method: string, path: string, body?: object): Promise<Reply> =>
      nodes.call(method, `/v1/admin/wallet-holders${path}`, { apiKey: OPERATOR_KEY, ...(body && { body }) });
    const holder = await admin('POST', '', { phoneNumber: '+77051112299', iin: CUSTOMER.iin });
    assert.equal(holder.status, 201, holder.text);
    await paused(async () => {
      const wallet = await admin('POST', `/${holder.body.id}/wallets`, { currency: 'KZT' });
      assert.equal(wallet.status, 201, wallet.text);
      const to = new Date(Date.now() - 86_400_000).toISOString();
      const path = `/v1/admin/wallets/${wallet.body.id}/statement?to=${to}`;
      const { status, body, text } = await nodes.call('GET', path, { apiKey: OPERATOR_KEY });
      assert.equal(status, 200, text);
      assert.deepEqual([body.items, body.openingBalance, body.closingBalance], [[], 0, 0]);
    });
    await untilUsed();
  });

  test('that stands still is read until it is too old; then the primary is, and nothing fails meanwhile', async () => {
    await untilUsed();
    const fallbacks = 'plexy_replica_reads_total{from="stale"}';
    await paused(async () => {
      await authorize('LATER');
      const frozen = await list();
      const at = asOf(frozen);
      if (at !== null) assert.equal(shows(frozen, 'LATER'), false);
      assert.equal(shows(await list('?orderReference=LATER'), 'LATER'), true);
      await until('the primary is read', async () => {
        const reply = await list();
        assert.equal(reply.status, 200, reply.text);
        const time = asOf(reply);
        if (time === null) {
          assert.equal(shows(reply, 'LATER'), true);
          return true;
        }
        assert.ok(Date.now() - time < (MAX_LAG_SECONDS + 1) * 1_000, 'older than it may be');
        return false;
      });
      await until('it is told', async () => (await metric('plexy_replica_usable')) === 0);
      await until('it is counted', async () => (await metric(fallbacks)) > 0);
      const lag = await metric('plexy_replica_lag_seconds');
      assert.ok(lag > MAX_LAG_SECONDS, `${lag}`);
      await until('it grows', async () => (await metric('plexy_replica_lag_seconds')) > lag);
    });
    await untilUsed();
    assert.equal(shows(await list(), 'LATER'), true);
    assert.equal(await metric('plexy_replica_usable'), 1);
    assert.ok((await metric('plexy_replica_lag_seconds')) < MAX_LAG_SECONDS);
  });

  test('misses no row of a list that began at the primary', async () => {
    await untilUsed();
    await paused(async () => {
      for (let i = 0; i < 6; i += 1) await authorize(`PAGE-${i}`);
      const current = { headers: { 'cache-control': 'no-cache' } };
      const first = await list('?limit=2', current);
      const seen = first.body.items.map((item: { merchantReference: string }) => item.merchantReference);
      const second = await list(`?limit=4&cursor=${first.body.nextCursor}`);
      assert.equal(asOf(second), null);
      seen.push(...second.body.items.map((item: { merchantReference: string }) => item.merchantReference));
      assert.deepEqual(seen, ['PAGE-5', 'PAGE-4', 'PAGE-3', 'PAGE-2', 'PAGE-1', 'PAGE-0']);
    });
  });

  test('that is killed under readers fails none of them, and is used again once it is back', async () => {
    await untilUsed();
    let reading = true;
    const statuses = new Map<number, number>();
    const readers = Array.from({ length: 8 }, async () => {
      while (reading) {
        const { status } = await list();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    await delay(300);
    await standby.stop('immediate');
    proxy.cut();
    await until('the primary is read', async () => !(await isUsed()));
    await delay(300);
    reading = false;
    await Promise.all(readers);
    assert.deepEqual([...statuses.keys()], [200]);
    assert.ok((await metric('plexy_replica_reads_total{from="away"}')) > 0);
    await standby.start();
    await untilUsed();
    assert.match(nodes.processes[0]?.log() ?? '', /the replica is not used[\s\S]*are read from the replica/);
  });

  test('that does not answer any more holds nobody up for longer than its tries', async () => {
    await untilUsed();
    proxy.stall();
    const startedAt = performance.now();
    const replies = await Promise.all(Array.from({ length: 4 }, () => list()));
    assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
    assert.ok(performance.now() - startedAt < 15_000, 'they waited for the time-out of a statement');
    proxy.resume();
    proxy.cut();
    await untilUsed();
  });

  test('is left for one read only when all its sessions are lent; and a stop does not wait for those of a silent one', async () => {
    const from: string[] = [];
    const changes: unknown[] = [];
    const replica = new Replica({
      ...{ url: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`, primaryUrl: primary.url },
      ...{ maxLagMs: 60_000, poolSize: 1, onChange: (reason) => void changes.push(reason) },
      observe: { replicaRead: (where) => void from.push(where), replicaLag: () => undefined },
    });
    const pool = createPool(primary.url, 1, () => undefined);
    const one = (): Promise<unknown> => replica.read(pool, 0, (db) => db.query('SELECT 1'));
    /** A read that keeps the session until it is told to end. */
    const hold = (): { readonly lent: Promise<void>; end(): void; readonly read: Promise<unknown> } => {
      const [lent, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const read = replica.read(pool, 0, async (db) => {
        lent.resolve();
        await held.promise;
        return db === pool ? null : db.query('SELECT pg_sleep(60)');
      });
      return { lent: lent.promise, end: held.resolve, read };
    };
    try {
      await replica.start();
      const first = hold();
      await first.lent;
      await one();
      assert.deepEqual([from, changes], [['away'], [null]], 'the second read');
      const startedAt = performance.now();
      proxy.stall();
      first.end();
      await replica.stop();
      assert.ok(performance.now() - startedAt < 10_000, 'longer than a stop may take');
      await first.read;
    } finally {
      proxy.resume();
      proxy.cut();
      await pool.end();
    }
  });
});

describe('a server that is no standby of ours', { skip: POSTGRES_MISSING }, () => {
  let primary: Cluster;
  const others: Cluster[] = [];
  before(async () => {
    primary = await Cluster.create();
    await primary.query(`CREATE TABLE installation (timeline bigint)`);
    await primary.query(
      `INSERT INTO installation VALUES (('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint)`,
    );
  });
  after(async () => {
    for (const other of others) await other.remove();
    await primary?.remove();
  });

  /** From where one read comes. */
  async function readFrom(url: string, primaryUrl: string): Promise<string> {
    const from: string[] = [];
    const replica = new Replica({
      ...{ url, primaryUrl, maxLagMs: 60_000, poolSize: 2, onChange: () => undefined },
      observe: { replicaRead: (where) => void from.push(where), replicaLag: () => undefined },
    });
    const pool = createPool(primaryUrl, 1, () => undefined);
    try {
      await replica.start();
      const { value } = await replica.read(pool, 0, async (db) => (await db.query('SELECT 1 AS one')).rows);
      assert.deepEqual(value, [{ one: 1 }]);
    } finally {
      await replica.stop();
      await pool.end();
    }
    return from.join();
  }

  test('is not read: the primary itself, a promoted standby, another cluster, one that follows another history', async () => {
    const standby = await primary.copy(true);
    others.push(standby);
    await standby.start();
    assert.equal(await readFrom(standby.url, primary.url), 'replica');
    assert.equal(await readFrom(primary.url, primary.url), 'foreign');

    const other = await Cluster.create();
    others.push(other);
    await other.query('CREATE TABLE installation AS SELECT 1::bigint AS timeline');
    const othersStandby = await other.copy(true);
    others.push(othersStandby);
    await othersStandby.start();
    assert.equal(await readFrom(othersStandby.url, primary.url), 'foreign');

    // Two standbys, one of which is promoted: the other one still follows the old primary, and has more log than the new one.
    const second = await primary.copy(true);
    others.push(second);
    await second.start();
    await standby.promote();
    await standby.query(
      `UPDATE installation SET timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint`,
    );
    await primary.query('CREATE TABLE more AS SELECT generate_series(1, 100000)');
    await until('the other one has it', async () => {
      const [{ place }] = await second.query(`SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS place`, [
        (await primary.query('SELECT pg_current_wal_lsn() AS lsn'))[0].lsn,
      ]);
      return place;
    });
    assert.equal(await readFrom(second.url, primary.url), 'replica');
    assert.equal(await readFrom(standby.url, primary.url), 'foreign', 'promoted');
    assert.equal(await readFrom(second.url, standby.url), 'foreign', 'of the old history');
  });
});

test('when a row came is in its id, and in no other position of a list', () => {
  assert.equal(timeOfId(null), null);
  assert.equal(timeOfId('019a2a21-f46f-706e-a202-a75adabcbb80'), 0x019a2a21f46f);
  for (const position of ['17', '2026-01-01 3', '019a2a21-f46f-406e-a202-a75adabcbb80', ''])
    assert.equal(timeOfId(position), Number.POSITIVE_INFINITY);
});
