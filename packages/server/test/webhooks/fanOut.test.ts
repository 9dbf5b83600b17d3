/** The fan-out of events in the database: each is written once, in order, and attempted by one node at a time. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { HorizonFellError } from '../../src/feed/eventsSql.ts';
import { comparePositions, type FeedPosition } from '../../src/feed/position.ts';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { ADVISORY_LOCKS } from '../../src/postgres/advisoryLocks.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import {
  findDelivery,
  type LaneResult,
  leaveLanes,
  listAttempts,
  lockLanes,
  readPending,
  requeue,
} from '../../src/webhooks/deliveriesSql.ts';
import { insertEndpoint } from '../../src/webhooks/endpointsSql.ts';
import { FanOut, type FanOutDeps, type FreshLane, type Step } from '../../src/webhooks/fanOut.ts';
import { beginFanOut, readFannedOut } from '../../src/webhooks/fanOutSql.ts';
import { stepReplay } from '../../src/webhooks/replay.ts';
import { insertReplay } from '../../src/webhooks/replaysSql.ts';
import { Slots } from '../../src/webhooks/slots.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { createMerchants } from '../support/ledger.ts';
import { startTcpProxy, type TcpProxy } from '../support/proxy.ts';
import { createWriter, type EventWriter } from '../support/stream.ts';
import { claimInTurn, NO_NODE, outcomeOf, slotsOf } from '../support/webhooks.ts';

let database: TestDatabase;
let pool: Pool;
let writer: EventWriter;
let merchantId: string;
let endpointId: string;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 3, () => undefined);
  await migrate(database.url, () => undefined);
  await openInstallation(pool, 'sandbox', null);
  writer = await createWriter(database.url);
});
beforeEach(async () => {
  await pool.query(`TRUNCATE webhook_lane, webhook_delivery, webhook_attempt, webhook_message, webhook_endpoint,
    webhook_feed, webhook_replay`);
  const [merchant] = await createMerchants(pool, 1);
  assert.ok(merchant !== undefined);
  merchantId = merchant.id;
  const endpoint = { url: 'https://shop.example', description: null, events: [], bearerToken: null };
  const made = { id: randomUUID(), merchantId, secret: 'sealed', ...endpoint };
  endpointId = (await insertEndpoint(pool, made)).id;
});
after(async () => {
  await writer.end();
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

interface Node {
  readonly fanOut: FanOut;
  /** What it has to record. */
  readonly ended: LaneResult[];
}

interface OwnLane extends FreshLane {
  readonly lease: string;
}

/**
 * As a node, which tries again: the horizon of this database falls for a moment when a transaction of another one ends
 * between the snapshot that names it and the look at whose it is. The databases of other tests are on this server, too.
 */
class TryingFanOut extends FanOut {
  override async step(): Promise<Step> {
    for (;;)
      try {
        return await super.step();
      } catch (error) {
        if (!(error instanceof HorizonFellError)) throw error;
      }
  }
}

function nodeOf(own: Pool = pool, slots: FanOutDeps['slots'] = NO_NODE.slots): Node {
  const ended: LaneResult[] = [];
  const giveBack: FanOutDeps['giveBack'] = ({ familyId, endpointId: id, failures }, lease) =>
    void ended.push({ familyId, endpointId: id, lease, attempts: [], finished: 0, failures, dueInMs: null });
  return { fanOut: new TryingFanOut({ ...NO_NODE, pool: own, gated: true, slots, giveBack }), ended };
}

/** A node's pool behind a proxy. */
async function proxied(t: TestContext): Promise<{ own: Pool; proxy: TcpProxy }> {
  const proxy = await startTcpProxy(Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.host = `127.0.0.1:${proxy.port}`;
  const own = createPool(url.href, 1, () => undefined);
  t.after(async () => {
    await own.end();
    await proxy.stop();
  });
  return { own, proxy };
}

/** Commits, and waits until all of it can be read at once: transactions of other databases may hold the feed up. */
async function commit(): Promise<void> {
  await writer.commit();
  await until(async () => {
    const { rows } = await pool.query(
      `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + event_round_offset
         >= (SELECT max(round) FROM event) AS complete FROM installation`,
    );
    return rows[0].complete;
  }, 'the horizon');
}

/** A new payment of the merchant, with so many events. @returns its id */
async function pay(events = 1): Promise<string> {
  await writer.begin();
  const id = await writer.create(merchantId);
  for (let i = 1; i < events; i += 1) await writer.append(id, 'transaction.created');
  await commit();
  return id;
}

/** Payments with one event each, or two in one row, which are read together. @returns their ids */
async function payAll(count: number, areDecided = false): Promise<string[]> {
  await writer.begin();
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await writer.create(merchantId, areDecided));
  await commit();
  return ids;
}

/** More events of a payment, which are read together. */
async function append(id: string, count = 1): Promise<void> {
  await writer.begin();
  for (let i = 0; i < count; i += 1) await writer.append(id, 'transaction.created');
  await commit();
}

/** Steps until this node has so many webhooks to attempt. */
async function read(
  { fanOut }: Node,
  count: number,
  see: (step: Step) => void = () => undefined,
): Promise<OwnLane[]> {
  const found: OwnLane[] = [];
  await until(async () => {
    const step = await fanOut.step();
    see(step);
    found.push(...step.lanes.map((lane) => ({ ...lane, lease: step.lease })));
    return found.flatMap(({ messages }) => messages).length >= count;
  }, `${count} webhooks`);
  return found;
}

/** Steps until something was left to others, and nothing is to be attempted here. */
async function leave({ fanOut }: Node): Promise<void> {
  await until(async () => {
    const step = await fanOut.step();
    assert.deepEqual(step.lanes, []);
    return step.left;
  }, 'something for others');
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const limit = Date.now() + 60_000; !(await condition()); await sleep(5))
    if (Date.now() > limit) assert.fail(`waited in vain: ${what}`);
}

function end(node: Node, lane: OwnLane, delivered: number): void {
  node.ended.push({ ...outcomeOf(lane, delivered), lease: lane.lease });
}

function deliverAll(node: Node, lanes: readonly OwnLane[]): void {
  for (const lane of lanes) end(node, lane, lane.messages.length);
}

/** Records what has ended, as the recorder does. */
function record(...nodes: readonly Node[]): Promise<unknown> {
  const results = nodes.flatMap(({ ended }) => ended.splice(0));
  return inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, results)));
}

/** `<seq> <status> <attempts>` of a payment's deliveries, in the order in which they were made. */
async function deliveriesOf(id = ''): Promise<string[]> {
  const { rows } = await pool.query(
    'SELECT seq, status, attempts FROM webhook_delivery WHERE transaction_id = $1 ORDER BY id',
    [id],
  );
  return rows.map(({ seq, status, attempts }) => `${seq} ${status} ${attempts}`);
}

async function lanes(): Promise<{ pending: number; lease: string | null }[]> {
  return (await pool.query('SELECT pending, lease FROM webhook_lane ORDER BY family_id')).rows;
}

/** As if every node that has claimed something had been silent for so long that others may. */
function expire(): Promise<unknown> {
  return pool.query(`UPDATE webhook_lane SET leased_until = clock_timestamp() - interval '1 ms'`);
}

function claim(lease = randomUUID()) {
  return claimInTurn(pool, lease, new Slots([]));
}

function seqsOf(read: readonly FreshLane[]): number[][] {
  return read.map(({ messages }) => messages.map(({ seq }) => seq));
}

describe('what is read', () => {
  test('is written first, and claimed; when it is delivered, with its attempt', async () => {
    const node = nodeOf();
    const id = await pay(2);
    const fresh = await read(node, 2);
    assert.deepEqual(seqsOf(fresh), [[1, 2]]);
    assert.deepEqual(await deliveriesOf(id), ['1 pending 0', '2 pending 0']);
    assert.deepEqual(await lanes(), [{ pending: 2, lease: fresh[0]?.lease }]);
    assert.deepEqual(await claim(), [], 'it is this node’s');
    deliverAll(node, fresh);
    await record(node);
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1', '2 delivered 1']);
    assert.deepEqual(await lanes(), []);
    const delivery = await findDelivery(pool, endpointId, { transactionId: id, seq: 2 });
    assert.ok(delivery !== null);
    const attempts = await listAttempts(pool, delivery);
    assert.deepEqual(
      attempts.map(({ number, statusCode, response, error }) => [number, statusCode, response, error]),
      [[1, 200, 'fine', null]],
    );
    assert.deepEqual((await nodeOf().fanOut.step()).lanes, [], 'and is never read again');
  });

  test('and has failed goes on from there, and shows each attempt', async () => {
    const node = nodeOf();
    const id = await pay(3);
    const [lane] = await read(node, 3);
    assert.ok(lane !== undefined);
    end(node, lane, 1);
    await record(node);
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1', '2 pending 1', '3 pending 0']);
    assert.deepEqual(await lanes(), [{ pending: 2, lease: null }]);
    await pool.query('UPDATE webhook_lane SET due_at = now()');
    const lease = randomUUID();
    assert.equal((await claim(lease)).length, 1);
    const [first] = outcomeOf({ ...lane, messages: lane.messages.slice(1) }, 1).attempts;
    assert.ok(first !== undefined);
    const { familyId } = lane;
    const attempts = [{ ...first, number: 2 }];
    const result = { familyId, endpointId, lease, attempts, finished: 1, failures: 0, dueInMs: null };
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, [result])));
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1', '2 delivered 2', '3 pending 0']);
    const delivery = await findDelivery(pool, endpointId, { transactionId: id, seq: 2 });
    assert.ok(delivery !== null);
    assert.deepEqual(
      (await listAttempts(pool, delivery)).map(({ number, statusCode }) => [number, statusCode]),
      [
        [1, 500],
        [2, 200],
      ],
    );
  });

  test('and takes long is one node’s, and keeps nobody from what comes then', async () => {
    const [node, other] = [nodeOf(), nodeOf()];
    const [slow, quick] = await payAll(2);
    const fresh = await read(node, 2);
    deliverAll(node, fresh.slice(1));
    await record(node);
    assert.deepEqual(
      [await deliveriesOf(slow), await deliveriesOf(quick)],
      [['1 pending 0'], ['1 delivered 1']],
    );
    assert.deepEqual(await claim(), [], 'it is this node’s still');
    const next = await pay();
    assert.deepEqual(
      (await read(other, 1)).map(({ familyId }) => familyId),
      [next],
    );
    deliverAll(node, fresh.slice(0, 1));
    await record(node);
    assert.deepEqual(await deliveriesOf(slow), ['1 delivered 1']);
  });

  test('comes behind what is under way, and behind what is pending', async () => {
    const node = nodeOf();
    const id = await pay();
    const first = await read(node, 1);
    await append(id);
    await leave(node);
    await append(id);
    await leave(node);
    assert.deepEqual(await deliveriesOf(id), ['1 pending 0', '2 pending 0', '3 pending 0']);
    deliverAll(node, first);
    await record(node);
    const pending = await readPending(pool, await claim(), 10);
    assert.deepEqual(
      pending.map(({ seq }) => seq),
      [2, 3],
    );
  });

  test('behind what is to be tried again later waits for that', async () => {
    const node = nodeOf();
    const id = await pay();
    const [lane] = await read(node, 1);
    assert.ok(lane !== undefined);
    end(node, lane, 0);
    await record(node);
    await append(id);
    await leave(node);
    assert.deepEqual(await claim(), []);
    const { rows } = await pool.query('SELECT due_at > now() AS later, failures FROM webhook_lane');
    assert.deepEqual(rows, [{ later: true, failures: 1 }]);
  });

  test('is left to others where this node has no slot', async () => {
    const id = await pay(2);
    await leave(
      nodeOf(
        pool,
        slotsOf(() => false),
      ),
    );
    assert.deepEqual(await deliveriesOf(id), ['1 pending 0', '2 pending 0']);
    assert.equal((await claim()).length, 1);
  });

  test('and is wanted by nobody keeps nobody else from reading on', async () => {
    await pool.query(`UPDATE webhook_endpoint SET events = '{transaction.refunded}'`);
    await pay();
    const begin = await readFannedOut(pool);
    const node = nodeOf();
    await until(async () => {
      assert.deepEqual((await node.fanOut.step()).lanes, []);
      const end = await readFannedOut(pool);
      return begin !== null && end !== null && comparePositions(begin, end) < 0;
    }, 'what nobody wants');
    assert.equal((await nodeOf().fanOut.step()).contended, false);
  });

  test('meanwhile does not wait for what is under way', async () => {
    const node = nodeOf();
    await pay();
    await read(node, 1);
    const id = await pay();
    const fresh = await read(node, 1);
    assert.deepEqual(fresh[0]?.familyId, id);
  });

  test('is more than one node may attempt: the rest is written at once', async () => {
    let free = 10;
    const takeSlot = (): boolean => {
      free -= 1;
      return free >= 0;
    };
    await payAll(50);
    const fresh = await read(nodeOf(pool, slotsOf(takeSlot)), 10);
    assert.deepEqual([fresh.length, (await lanes()).length, (await claim()).length], [10, 50, 40]);
  });

  test('is written in parts when many get it, each with what comes first, and in order', async () => {
    const endpoint = { url: 'https://shop.example', description: null, events: [], bearerToken: null };
    for (let i = 1; i < 49; i += 1)
      await insertEndpoint(pool, { id: randomUUID(), merchantId, secret: 'sealed', ...endpoint });
    const ids = await payAll(60);
    const node = nodeOf(
      pool,
      slotsOf(() => false),
    );
    const written = async (): Promise<number> =>
      (await pool.query('SELECT count(*)::int AS count FROM webhook_delivery')).rows[0].count;
    const steps: number[] = [];
    await until(async () => {
      const before = await written();
      const { more } = await node.fanOut.step();
      steps.push((await written()) - before);
      return !more && (await written()) === 60 * 49;
    }, 'all of them');
    assert.deepEqual(
      steps.filter((count) => count > 0),
      [40 * 49, 20 * 49],
    );
    const { rows } = await pool.query(
      'SELECT transaction_id AS id FROM webhook_delivery WHERE endpoint_id = $1 ORDER BY id',
      [endpointId],
    );
    const made = await pool.query(
      'SELECT transaction_id AS id FROM event WHERE transaction_id = ANY($1) ORDER BY round, position',
      [ids],
    );
    assert.deepEqual(rows, made.rows);
  });

  test('of a merchant with many endpoints keeps nobody’s few waiting, and stays in order', async () => {
    const endpoint = { url: 'https://shop.example', description: null, events: [], bearerToken: null };
    for (let i = 1; i < 49; i += 1)
      await insertEndpoint(pool, { id: randomUUID(), merchantId, secret: 'sealed', ...endpoint });
    const [other] = await createMerchants(pool, 1);
    assert.ok(other !== undefined);
    const few = { id: randomUUID(), merchantId: other.id, secret: 'sealed', ...endpoint };
    await insertEndpoint(pool, few);
    await writer.begin();
    const many: string[] = [];
    for (let i = 0; i < 100; i += 1) many.push(await writer.create(merchantId));
    const late = [await writer.create(other.id), await writer.create(other.id)];
    await commit();
    const node = nodeOf(
      pool,
      slotsOf(() => false),
    );
    const writtenOf = async (id: string): Promise<string[]> =>
      (
        await pool.query(
          'SELECT transaction_id AS id FROM webhook_delivery WHERE endpoint_id = $1 ORDER BY id',
          [id],
        )
      ).rows.map((row) => row.id);
    let more = true;
    await until(async () => {
      ({ more } = await node.fanOut.step());
      return (await writtenOf(endpointId)).length > 0;
    }, 'a part');
    assert.equal(more, true);
    assert.deepEqual(await writtenOf(few.id), late, 'in the first part');
    const first = (await writtenOf(endpointId)).length;
    assert.ok(first < 41, `${first} events in one transaction`);
    await until(async () => {
      await node.fanOut.step();
      return (await writtenOf(endpointId)).length === 100;
    }, 'all of them');
    const { rows } = await pool.query(
      'SELECT transaction_id AS id FROM event WHERE transaction_id = ANY($1) ORDER BY round, position',
      [many],
    );
    assert.deepEqual(
      await writtenOf(endpointId),
      rows.map(({ id }) => id),
    );
    const total = (await pool.query('SELECT count(*)::int AS count FROM webhook_delivery')).rows[0].count;
    assert.equal(total, 100 * 49 + 2);
    assert.deepEqual(await writtenOf(few.id), late);
  });

  test('comes with a resend of what was before: what is under way is not sent by others', async () => {
    const node = nodeOf();
    const id = await pay();
    deliverAll(node, await read(node, 1));
    await record(node);
    await append(id, 2);
    const [lane] = await read(node, 2);
    assert.ok(lane !== undefined);
    const delivery = await findDelivery(pool, endpointId, { transactionId: id, seq: 1 });
    assert.ok(delivery !== null);
    const message = { ...delivery, merchantId, round: 0 };
    await inTransaction(pool, (db) => requeue(db, endpointId, [message], true));
    assert.deepEqual(await claim(), []);
    node.ended.push({ ...outcomeOf(lane, 1), dueInMs: null, lease: lane.lease });
    await record(node);
    const pending = await readPending(pool, await claim(), 10);
    assert.deepEqual(
      pending.map(({ seq, attempts }) => [seq, attempts]),
      [
        [1, 1],
        [3, 1],
      ],
    );
  });

  test('behind a resend that others have claimed is left to them', async () => {
    const node = nodeOf();
    const id = await pay();
    deliverAll(node, await read(node, 1));
    await record(node);
    const other = { transactionId: randomUUID(), familyId: id, merchantId, seq: 0, round: 0 };
    const message = { ...other, body: '{}', callbackUrl: null, name: 'webhook.test', eventAt: Date.now() };
    await inTransaction(pool, (db) => requeue(db, endpointId, [message], false));
    const lease = randomUUID();
    const [claimed] = await claim(lease);
    assert.ok(claimed !== undefined);
    await append(id, 2);
    await leave(node);
    assert.deepEqual(await lanes(), [{ pending: 3, lease }]);
    assert.equal((await readPending(pool, [claimed], 10)).length, 3);
  });
});

describe('another node', () => {
  test('never reads the same', async (t) => {
    const pools = Array.from({ length: 2 }, () => createPool(database.url, 1, () => undefined));
    t.after(() => Promise.all(pools.map((own) => own.end())));
    const nodes = pools.map((own) => nodeOf(own));
    const reads = new Map<string, number>();
    const ids: string[] = [];
    const run = async (node: Node): Promise<void> => {
      while (reads.size < 800) {
        const { lanes: fresh } = await node.fanOut.step();
        for (const { familyId } of fresh) reads.set(familyId, (reads.get(familyId) ?? 0) + 1);
      }
    };
    const pays = async (): Promise<void> => {
      while (reads.size < 800) ids.push(await pay());
    };
    await Promise.all([...nodes.map(run), pays()]);
    assert.deepEqual(
      [...reads].filter(([, count]) => count > 1),
      [],
    );
  });

  test('that has no turn, or nobody to read for, reads no page in vain', async () => {
    await payAll(20);
    const [asker, holder] = await Promise.all([pool.connect(), pool.connect()]);
    try {
      const read = async (): Promise<number> =>
        (await asker.query('EXECUTE webhook_page_snapshot')).rows[0].scanned;
      await beginFanOut(asker, false);
      await until(async () => (await read()) === 20, 'the page');
      await holder.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.fanOut]);
      assert.equal(await read(), 0, 'the turn is another’s');
      await holder.query('SELECT pg_advisory_unlock($1)', [ADVISORY_LOCKS.fanOut]);
      assert.equal(await read(), 20);
      await pool.query('UPDATE webhook_endpoint SET deleted_at = now()');
      assert.equal(await read(), 0, 'nobody wants anything');
    } finally {
      for (const client of [asker, holder]) client.release(true);
    }
  });

  test('reads on at once where one has died, and has what that one had claimed when its lease is over', async () => {
    const [first, second] = [nodeOf(), nodeOf()];
    const [lost, written] = await payAll(2);
    const fresh = await read(first, 2);
    deliverAll(first, fresh.slice(1));
    await record(first);
    const next = await pay();
    const later = await read(second, 1);
    assert.deepEqual(
      later.map(({ familyId }) => familyId),
      [next],
    );
    await expire();
    const lease = randomUUID();
    const claimed = await claim(lease);
    assert.deepEqual(new Set(claimed.map(({ familyId }) => familyId)), new Set([lost, next]));
    // The first one was only slow: it has lost its lane, and nothing of it is recorded twice.
    deliverAll(first, fresh.slice(0, 1));
    await record(first);
    assert.deepEqual(
      [await deliveriesOf(lost), await deliveriesOf(written)],
      [['1 pending 0'], ['1 delivered 1']],
    );
  });

  test('of the version before, which goes back to where it had begun, makes nothing come twice', async () => {
    const id = await pay();
    const node = nodeOf();
    const begin = await readFannedOut(pool);
    assert.ok(begin !== null);
    deliverAll(node, await read(node, 1));
    await record(node);
    await pool.query('UPDATE webhook_feed SET round = $1, position = $2', [begin.round, begin.position]);
    const next = await pay();
    const again = await read(node, 1);
    assert.deepEqual(
      again.map(({ familyId }) => familyId),
      [next],
    );
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
  });
});

describe('a write', () => {
  test('whose answer comes late gives no more time for attempts', async (t) => {
    const { own, proxy } = await proxied(t);
    const node = nodeOf(own);
    await node.fanOut.step();
    await pay();
    let startedAt = 0;
    let readAt = 0;
    await until(async () => {
      startedAt = performance.now();
      proxy.delayAt('INSERT 0 1', 1_000);
      const step = await node.fanOut.step();
      readAt = step.readAt;
      return step.lanes.length > 0;
    }, 'a webhook');
    assert.ok(performance.now() - startedAt >= 1_000);
    assert.ok(performance.now() - readAt >= 1_000, 'the time for attempts began before the write');
  });

  test('that a node was sending when it stopped keeps others out for 10 s at most', async (t) => {
    const { rows } = await pool.query(`SELECT current_setting('server_version_num')::int AS version`);
    // What ends such a transaction came with that version; before it, only a connection that is dead is noticed.
    if (rows[0].version < 170_000) return t.skip('PostgreSQL has transaction_timeout since 17');
    const { own, proxy } = await proxied(t);
    const [first, second] = [nodeOf(own), nodeOf()];
    await payAll(100);
    proxy.stallWithin(5_000);
    const stuck = assert.rejects(first.fanOut.step());
    await until(async () => {
      const held = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND datname = current_database()
        WHERE locktype = 'advisory' AND objid = $1 AND granted`;
      return (await pool.query(held, [ADVISORY_LOCKS.fanOut])).rowCount === 1;
    }, 'the first one at it');
    assert.equal((await second.fanOut.step()).contended, true);
    assert.equal((await read(second, 100)).length, 100);
    await stuck;
  });

  test('whose commit is not known is neither lost nor made twice', async (t) => {
    const { own, proxy } = await proxied(t);
    const node = nodeOf(own);
    const ids = await payAll(2);
    proxy.cutAt('COMMIT');
    await assert.rejects(read(node, 2));
    for (const id of ids) assert.deepEqual(await deliveriesOf(id), ['1 pending 0']);
    const next = await pay();
    const fresh = await read(node, 1);
    assert.deepEqual(
      fresh.map(({ familyId }) => familyId),
      [next],
    );
    assert.deepEqual(await claim(), [], 'nobody has said yet that this node is not at them');
    await record(node);
    const claimed = await claim();
    assert.deepEqual(
      new Set(claimed.map(({ familyId }) => familyId)),
      new Set(ids),
      'before their lease is over',
    );
    deliverAll(node, fresh);
    await record(node);
    assert.deepEqual(await deliveriesOf(next), ['1 delivered 1']);
  });

  test('of a place beyond the horizon is refused, and is none the worse once the place is right again', async (t) => {
    const node = { fanOut: new FanOut({ ...NO_NODE, pool, gated: true }), ended: [] };
    await pay();
    await read(node, 1);
    const { rows } = await pool.query('SELECT round, position FROM webhook_feed');
    const holder = await createWriter(database.url);
    t.after(() => holder.end());
    await holder.begin();
    await holder.create(merchantId);
    await writer.begin();
    const id = await writer.create(merchantId);
    await writer.commit();
    const set = (round: string, position: string) =>
      pool.query('UPDATE webhook_feed SET round = $1, position = $2', [round, position]);
    const waited = () =>
      node.fanOut.step().then(
        ({ waitedMs }) => waitedMs ?? 0,
        () => 0,
      );
    await until(async () => (await waited()) > 60, 'the horizon, in vain');
    await set('1000000000000', '0');
    await assert.rejects(node.fanOut.step(), HorizonFellError);
    await set(rows[0].round, rows[0].position);
    await node.fanOut.step();
    await holder.commit();
    const fresh = await read(node, 2);
    assert.ok(fresh.some(({ familyId }) => familyId === id));
  });

  test('that fails is made again, with what has come since', async () => {
    const node = nodeOf();
    const [one, two] = await payAll(2);
    await pool.query('ALTER TABLE webhook_message RENAME TO hidden');
    const failed = assert.rejects(read(node, 2), /webhook_message/);
    await failed.finally(() => pool.query('ALTER TABLE hidden RENAME TO webhook_message'));
    for (const id of [one, two]) assert.deepEqual(await deliveriesOf(id), []);
    const three = await pay();
    const fresh = await read(node, 3);
    assert.equal(fresh.length, 3);
    deliverAll(node, fresh);
    await record(node);
    for (const id of [one, two, three]) assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
  });

  test('that a crash of PostgreSQL took back is made again: what it told of is attempted again', async () => {
    const node = nodeOf();
    const id = await pay();
    const begin = await readFannedOut(pool);
    assert.ok(begin !== null);
    await pool.query('INSERT INTO webhook_feed (round, position) VALUES ($1, $2)', [
      begin.round,
      begin.position,
    ]);
    await pool.query('CREATE TABLE before_crash AS SELECT * FROM webhook_feed');
    deliverAll(node, await read(node, 1));
    await pool.query(`TRUNCATE webhook_delivery, webhook_message, webhook_lane, webhook_feed;
      INSERT INTO webhook_feed SELECT * FROM before_crash; DROP TABLE before_crash`);
    await record(node);
    const again = await read(node, 1);
    assert.deepEqual(seqsOf(again), [[1]]);
    deliverAll(node, again);
    await record(node);
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
  });
});

test('a replay leaves alone what has not been fanned out yet', async () => {
  const begin = await readFannedOut(pool);
  assert.ok(begin !== null);
  const node = nodeOf();
  const done = await pay();
  deliverAll(node, await read(node, 1));
  await record(node);
  const ahead = await pay();
  const range = { from: Date.now() - 60_000, to: Date.now() + 60_000 };
  await insertReplay(pool, {
    ...{ id: randomUUID(), endpointId, merchantId, ...range, after: begin },
  });
  const step = () => inTransaction(pool, (db) => stepReplay(db, () => '{}'));
  await step();
  await step();
  assert.deepEqual([await deliveriesOf(done), await deliveriesOf(ahead)], [['1 pending 1'], []]);
  deliverAll(node, await read(node, 1));
  await record(node);
  assert.deepEqual(await deliveriesOf(ahead), ['1 delivered 1']);
  await step();
  assert.deepEqual(await deliveriesOf(ahead), ['1 pending 1']);
  assert.equal((await pool.query('SELECT FROM webhook_replay')).rowCount, 0);
});

describe('two events in one row', () => {
  const placeOf = async (id = ''): Promise<FeedPosition> => {
    const { rows } = await pool.query('SELECT round, position FROM event WHERE transaction_id = $1', [id]);
    return { round: Number(rows[0].round), position: Number(rows[0].position) };
  };

  test('are both attempted, in order; behind a place between them the second one is', async () => {
    const node = nodeOf();
    const [first] = await payAll(1, true);
    const fresh = await read(node, 2);
    assert.deepEqual(seqsOf(fresh), [[1, 2]]);
    deliverAll(node, fresh);
    await record(node);
    assert.deepEqual(await deliveriesOf(first), ['1 delivered 1', '2 delivered 1']);
    const [second] = await payAll(1, true);
    const { round, position } = await placeOf(second);
    await pool.query('UPDATE webhook_feed SET round = $1, position = $2', [round, position - 1]);
    assert.deepEqual(seqsOf(await read(node, 1)), [[2]]);
    assert.deepEqual(await deliveriesOf(second), ['2 pending 0']);
  });

  test('may be written one after the other: a part ends anywhere', async () => {
    // 2,000 deliveries are a part: 285 events, of which the last one is a `created`, and 5 deliveries of the next.
    for (let i = 0; i < 6; i += 1)
      await insertEndpoint(pool, {
        ...{ id: randomUUID(), merchantId, secret: 'sealed', url: 'https://shop.example', description: null },
        ...{ events: [], bearerToken: null },
      });
    const ids = await payAll(200, true);
    const node = nodeOf();
    const places: (FeedPosition | null)[] = [];
    await until(async () => {
      await node.fanOut.step();
      const { rows } = await pool.query('SELECT count(*)::int AS count FROM webhook_delivery');
      if (rows[0].count > 0) places.push(await readFannedOut(pool));
      return rows[0].count === 7 * 2 * ids.length;
    }, 'all deliveries');
    const cut = await placeOf(ids[142]);
    assert.deepEqual(places, [{ ...cut, position: cut.position - 1 }, await placeOf(ids[199])]);
  });

  test('are queued again, from wherever a replay has come to', async () => {
    const node = nodeOf();
    const [id] = await payAll(1, true);
    deliverAll(node, await read(node, 2));
    await record(node);
    const { round, position } = await placeOf(id);
    const whole = { endpointId, merchantId, from: 0, to: Date.now() };
    for (const [after, again] of [
      [{ round: round - 1, position: 0 }, ['1 pending 1', '2 pending 1']],
      [{ round, position: position - 1 }, ['1 delivered 1', '2 pending 1']],
    ] as const) {
      await pool.query(`UPDATE webhook_delivery SET status = 'delivered'`);
      await insertReplay(pool, { ...whole, id: randomUUID(), after });
      await until(() => inTransaction(pool, (db) => stepReplay(db, () => '{}')).then((is) => !is), 'its end');
      assert.deepEqual(await deliveriesOf(id), again);
    }
  });
});

/** What may happen to two nodes; numbers choose among what is there. */
const ANYTHING = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pay' as const), family: fc.nat(9) }) },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('step' as const), node: fc.nat(1) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('end' as const), lane: fc.nat(9), delivered: fc.nat(6) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), node: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('record', 'claim', 'resend', 'expire', 'back') }),
  },
);

test('whatever happens to two nodes, each event is delivered, in order, and lanes know what is pending', async () => {
  const property = fc.asyncProperty(
    fc.array(ANYTHING, { minLength: 150, maxLength: 250 }),
    async (actions) => {
      const nodes = [nodeOf(), nodeOf()] as const;
      const alive: Node[] = [...nodes];
      const ids: string[] = [];
      const sent = new Map<string, number[]>();
      let underWay: { node: Node; lane: OwnLane }[] = [];
      const send = (familyId: string, seq: number): void => {
        sent.set(familyId, [...(sent.get(familyId) ?? []), seq]);
      };
      const step = async (node: Node): Promise<void> => {
        const { lanes: fresh, lease } = await node.fanOut.step();
        underWay.push(...fresh.map((lane) => ({ node, lane: { ...lane, lease } })));
      };
      const endOne = (index: number, delivered: number): void => {
        const [entry] = underWay.splice(index, 1);
        if (entry === undefined) return;
        const { node, lane } = entry;
        const outcome = outcomeOf(lane, Math.min(delivered, lane.messages.length));
        for (const { seq, status } of outcome.attempts) if (status === 'delivered') send(lane.familyId, seq);
        node.ended.push({ ...outcome, dueInMs: null, lease: lane.lease });
      };
      const deliverDue = async (): Promise<void> => {
        const lease = randomUUID();
        const claimed = await claim(lease);
        const byFamily = Map.groupBy(await readPending(pool, claimed, 10), ({ familyId }) => familyId);
        const results = claimed.map(({ familyId, endpointId: id }): LaneResult => {
          const attempts = (byFamily.get(familyId) ?? []).map((delivery) => {
            send(familyId, delivery.seq);
            const { transactionId, seq, attempts: before } = delivery;
            const answer = { statusCode: 200, error: null, response: '', status: 'delivered' } as const;
            const key = { familyId, endpointId: id, transactionId, seq };
            return { ...key, number: before + 1, at: Date.now(), latencyMs: 1, ...answer };
          });
          const finished = attempts.length;
          return { familyId, endpointId: id, lease, attempts, finished, failures: 0, dueInMs: null };
        });
        await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, results)));
      };
      const resend = async (): Promise<void> => {
        const id = ids[0] ?? '';
        const delivery =
          ids.length === 0 ? null : await findDelivery(pool, endpointId, { transactionId: id, seq: 1 });
        if (delivery === null) return;
        const messages = [{ ...delivery, merchantId, round: 0 }];
        await inTransaction(pool, (db) => requeue(db, endpointId, messages, true));
      };
      const others = {
        record: () => record(...alive),
        claim: deliverDue,
        resend,
        expire,
        // A node of the version before that has been silent for a while writes, and moves the place back.
        back: () => pool.query('UPDATE webhook_feed SET round = 0, position = 0'),
      };
      for (const action of actions)
        switch (action.kind) {
          case 'pay': {
            const id = ids[action.family];
            if (id === undefined) ids.push(...(await payAll(1, action.family % 2 === 0)));
            else await append(id);
            break;
          }
          case 'step':
            await step(alive[action.node] ?? nodes[0]);
            break;
          case 'end':
            endOne(action.lane, action.delivered);
            break;
          case 'kill': {
            const dead = alive[action.node];
            if (dead === undefined) break;
            underWay = underWay.filter(({ node }) => node !== dead);
            alive[action.node] = nodeOf();
            break;
          }
          default:
            await others[action.kind]();
        }
      const isDone = async (): Promise<boolean> => {
        await expire();
        for (const node of alive) await step(node);
        while (underWay.length > 0) endOne(0, Number.POSITIVE_INFINITY);
        await record(...alive);
        await expire();
        await deliverDue();
        const { rows } = await pool.query(
          `SELECT id FROM transaction t WHERE id = ANY($1) AND event_count <>
            (SELECT count(*) FROM webhook_delivery WHERE family_id = t.id AND status = 'delivered')`,
          [ids],
        );
        return rows.length === 0;
      };
      await until(isDone, 'everything');
      assert.deepEqual(await lanes(), []);
      for (const id of ids) {
        const { rows } = await pool.query('SELECT event_count AS count FROM transaction WHERE id = $1', [id]);
        const first = [...new Set(sent.get(id))];
        assert.deepEqual(
          first,
          Array.from({ length: rows[0].count }, (_, i) => i + 1),
        );
      }
    },
  );
  await fc.assert(property, { numRuns: 4, endOnFailure: true });
});
