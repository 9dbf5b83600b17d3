/** The fan-out of events in the database: what is attempted before it is written is neither lost nor repeated. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import {
  claimInTurn,
  findDelivery,
  type LaneResult,
  leaveLanes,
  listAttempts,
  lockLanes,
  readPending,
  requeue,
  WEBHOOK_SETTINGS,
} from '../../src/webhooks/deliveriesSql.ts';
import { insertEndpoint, lockHealth, noteHealth } from '../../src/webhooks/endpointsSql.ts';
import { FanOut, type Step } from '../../src/webhooks/fanOut.ts';
import { readFannedOut } from '../../src/webhooks/fanOutSql.ts';
import { stepReplay } from '../../src/webhooks/replay.ts';
import { insertReplay } from '../../src/webhooks/replaysSql.ts';
import { Slots } from '../../src/webhooks/slots.ts';
import { type FreshLane, Unwritten } from '../../src/webhooks/unwritten.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { createMerchants } from '../support/ledger.ts';
import { startTcpProxy, type TcpProxy } from '../support/proxy.ts';
import { createWriter, type EventWriter } from '../support/stream.ts';
import { deliveredOutcome, NO_NODE, outcomeOf } from '../support/webhooks.ts';

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
  readonly recorded: LaneResult[];
}

function nodeOf(own: Pool = pool): Node {
  const recorded: LaneResult[] = [];
  const record = (result: LaneResult): void => void recorded.push(result);
  return { fanOut: new FanOut({ ...NO_NODE, pool: own, gated: true, record }), recorded };
}

/** A node's pool behind a proxy. */
async function proxied(t: TestContext): Promise<{ own: Pool; proxy: TcpProxy }> {
  const proxy = await startTcpProxy(Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.host = `127.0.0.1:${proxy.port}`;
  const own = createPool(url.href, 1, () => undefined, { settings: WEBHOOK_SETTINGS });
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

/** Payments with one event each, which are read together. @returns their ids */
async function payAll(count: number): Promise<string[]> {
  await writer.begin();
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await writer.create(merchantId));
  await commit();
  return ids;
}

/** More events of a payment, which are read together. */
async function append(id: string, count = 1): Promise<void> {
  await writer.begin();
  for (let i = 0; i < count; i += 1) await writer.append(id, 'transaction.created');
  await commit();
}

/** Steps until so many webhooks were read. */
async function read(
  { fanOut }: Node,
  count: number,
  see: (step: Step) => void = () => undefined,
): Promise<FreshLane[]> {
  const found: FreshLane[] = [];
  await until(async () => {
    const step = await fanOut.step();
    see(step);
    found.push(...step.lanes);
    return found.flatMap(({ messages }) => messages).length >= count;
  }, `${count} webhooks`);
  return found;
}

/** Steps until so many lanes were left to others. */
async function leave({ fanOut }: Node, count: number): Promise<void> {
  let left = 0;
  await until(async () => {
    const step = await fanOut.step();
    assert.deepEqual(step.lanes, []);
    left += step.left;
    return left >= count;
  }, `${count} lanes for others`);
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const limit = Date.now() + 60_000; !(await condition()); await sleep(5))
    if (Date.now() > limit) assert.fail(`waited in vain: ${what}`);
}

function deliverAll({ fanOut }: Node, lanes: readonly FreshLane[]): void {
  for (const lane of lanes) fanOut.ended(lane, deliveredOutcome(lane));
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

/** As if the node that reads on had been silent for so long that others may. */
function expire(): Promise<unknown> {
  return pool.query(`UPDATE webhook_feed SET held_until = clock_timestamp() - interval '1 ms'`);
}

async function isHeld(): Promise<boolean> {
  const { rows } = await pool.query('SELECT held_until > clock_timestamp() AS held FROM webhook_feed');
  return rows[0]?.held === true;
}

function seqsOf(read: readonly FreshLane[]): number[][] {
  return read.map(({ messages }) => messages.map(({ seq }) => seq));
}

describe('what is read', () => {
  test('is attempted first, and written when it is delivered, with its attempt', async () => {
    const node = nodeOf();
    const id = await pay(2);
    const fresh = await read(node, 2);
    assert.deepEqual(seqsOf(fresh), [[1, 2]]);
    assert.deepEqual([await deliveriesOf(id), await isHeld()], [[], true]);
    deliverAll(node, fresh);
    await node.fanOut.step();
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1', '2 delivered 1']);
    assert.deepEqual([await lanes(), await isHeld(), node.recorded], [[], false, []]);
    const delivery = await findDelivery(pool, endpointId, { transactionId: id, seq: 2 });
    assert.ok(delivery !== null);
    const attempts = await listAttempts(pool, delivery);
    assert.deepEqual(
      attempts.map(({ number, statusCode, response, error }) => [number, statusCode, response, error]),
      [[1, 200, 'fine', null]],
    );
    assert.deepEqual((await nodeOf().fanOut.step()).lanes, [], 'and is never read again');
  });

  test('and has failed is written as pending, and what came of it recorded', async () => {
    const node = nodeOf();
    const id = await pay(3);
    const [lane] = await read(node, 3);
    assert.ok(lane !== undefined);
    node.fanOut.ended(lane, outcomeOf(lane, 1));
    await node.fanOut.step();
    assert.deepEqual(await deliveriesOf(id), ['1 pending 0', '2 pending 0', '3 pending 0']);
    const [row] = await lanes();
    assert.deepEqual([row?.pending, row?.lease], [3, node.recorded[0]?.lease]);
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, node.recorded)));
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1', '2 pending 1', '3 pending 0']);
    assert.deepEqual(await lanes(), [{ pending: 2, lease: null }]);
  });

  test('and takes long is written as pending when the turn is over, and recorded when it has ended', async () => {
    const node = nodeOf();
    const [slow, quick] = await payAll(2);
    const fresh = await read(node, 2);
    deliverAll(node, fresh.slice(1));
    await node.fanOut.step();
    assert.deepEqual([await deliveriesOf(slow), await deliveriesOf(quick)], [[], ['1 delivered 1']]);
    assert.ok(await isHeld(), 'nobody else is to read on from there');
    await sleep(600);
    assert.equal((await node.fanOut.step()).over, true);
    assert.deepEqual([await deliveriesOf(slow), await isHeld()], [['1 pending 0'], false]);
    assert.deepEqual(await claimInTurn(pool, randomUUID(), new Slots([])), [], 'it is this node’s still');
    deliverAll(node, fresh.slice(0, 1));
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, node.recorded)));
    assert.deepEqual([await deliveriesOf(slow), await lanes()], [['1 delivered 1'], []]);
  });

  test('comes behind what is under way, and behind what is pending', async () => {
    const node = nodeOf();
    const id = await pay();
    const first = await read(node, 1);
    await append(id);
    await leave(node, 1);
    await append(id);
    await leave(node, 1);
    assert.deepEqual(await deliveriesOf(id), ['1 pending 0', '2 pending 0', '3 pending 0']);
    deliverAll(node, first);
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, node.recorded)));
    const claimed = await claimInTurn(pool, randomUUID(), new Slots([]));
    const pending = await readPending(pool, claimed, 10);
    assert.deepEqual(
      pending.map(({ seq }) => seq),
      [2, 3],
    );
  });

  test('is left to others where this node has no room', async () => {
    const fanOut = new FanOut({ ...NO_NODE, pool, gated: true, slots: () => () => false });
    const id = await pay(2);
    await leave({ fanOut, recorded: [] }, 1);
    assert.deepEqual([await deliveriesOf(id), await isHeld()], [['1 pending 0', '2 pending 0'], false]);
    assert.equal((await claimInTurn(pool, randomUUID(), new Slots([]))).length, 1);
  });

  test('and is wanted by nobody keeps nobody else from reading on', async () => {
    await pool.query(`UPDATE webhook_endpoint SET events = '{transaction.refunded}'`);
    await pay();
    const node = nodeOf();
    await until(async () => (await node.fanOut.step()).more, 'what nobody wants');
    assert.deepEqual((await node.fanOut.step()).lanes, []);
    assert.equal(await isHeld(), false);
    assert.equal((await nodeOf().fanOut.step()).contended, false);
  });

  test('meanwhile does not wait for what is under way', async () => {
    const node = nodeOf();
    await pay();
    await read(node, 1);
    const id = await pay();
    let turns = 0;
    const fresh = await read(node, 1, (step) => {
      turns += Number(step.over);
    });
    assert.deepEqual([fresh[0]?.familyId, turns], [id, 0]);
  });

  test('is more than one node may attempt: the rest is written at once', async () => {
    let free = 10;
    const takeSlot = (): boolean => {
      free -= 1;
      return free >= 0;
    };
    const fanOut = new FanOut({ ...NO_NODE, pool, gated: true, slots: () => takeSlot });
    await payAll(50);
    let asked = false;
    const fresh = await read({ fanOut, recorded: [] }, 10, ({ more }) => {
      asked = more;
    });
    assert.deepEqual([fresh.length, asked, (await fanOut.step()).left], [10, true, 40]);
  });

  test('comes with a resend of what was before: what is under way is not sent by others', async () => {
    const node = nodeOf();
    const id = await pay();
    deliverAll(node, await read(node, 1));
    await node.fanOut.step();
    await append(id, 2);
    const [lane] = await read(node, 2);
    assert.ok(lane !== undefined);
    const delivery = await findDelivery(pool, endpointId, { transactionId: id, seq: 1 });
    assert.ok(delivery !== null);
    const message = { ...delivery, merchantId, round: 0 };
    await inTransaction(pool, (db) => requeue(db, endpointId, [message], true));
    node.fanOut.ended(lane, { ...outcomeOf(lane, 1), dueInMs: null });
    await node.fanOut.step();
    assert.deepEqual(await claimInTurn(pool, randomUUID(), new Slots([])), []);
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, node.recorded)));
    const pending = await readPending(pool, await claimInTurn(pool, randomUUID(), new Slots([])), 10);
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
    const id = await pay(2);
    const [lane] = await read(node, 2);
    assert.ok(lane !== undefined);
    const other = { transactionId: randomUUID(), familyId: id, merchantId, seq: 0, round: 0 };
    const message = { ...other, body: '{}', name: 'webhook.test', eventAt: Date.now() };
    await inTransaction(pool, (db) => requeue(db, endpointId, [message], false));
    const [claimed] = await claimInTurn(pool, randomUUID(), new Slots([]));
    assert.ok(claimed !== undefined);
    await append(id);
    await leave(node, 1);
    assert.ok(lane.deadline.until < performance.now(), 'nothing more of it is attempted here');
    assert.equal((await readPending(pool, [claimed], 10)).length, 4);
  });
});

describe('another node', () => {
  test('never has the same turn', async (t) => {
    const pools = Array.from({ length: 2 }, () => createPool(database.url, 1, () => undefined));
    t.after(() => Promise.all(pools.map((own) => own.end())));
    const nodes = pools.map((own) => nodeOf(own));
    const reads = new Map<string, number>();
    const ids: string[] = [];
    const run = async (node: Node): Promise<void> => {
      while (reads.size < 800) {
        const { lanes: fresh } = await node.fanOut.step();
        for (const { familyId } of fresh) reads.set(familyId, (reads.get(familyId) ?? 0) + 1);
        deliverAll(node, fresh);
        if (fresh.length > 0) await node.fanOut.step();
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

  test('waits for the first, and goes on where it has died', async () => {
    const [first, second] = [nodeOf(), nodeOf()];
    const [lost, written, last] = await payAll(3);
    const fresh = await read(first, 3);
    deliverAll(first, fresh.slice(1, 2));
    await first.fanOut.step();
    assert.equal((await second.fanOut.step()).contended, true);
    await expire();
    const again = await read(second, 2);
    assert.deepEqual(
      again.map(({ familyId }) => familyId),
      [lost, last],
    );
    // The first one was only slow: it has lost its turn, and nothing of it is written twice.
    deliverAll(first, fresh);
    assert.equal((await first.fanOut.step()).contended, true);
    deliverAll(second, again);
    await second.fanOut.step();
    for (const id of [lost, written, last]) assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
    const next = await pay();
    const later = await read(first, 1);
    assert.deepEqual(
      later.map(({ familyId }) => familyId),
      [next],
    );
  });

  test('goes on at once when the first one stops', async () => {
    const [first, second] = [nodeOf(), nodeOf()];
    const id = await pay();
    const fresh = await read(first, 1);
    await first.fanOut.stop(1_000);
    assert.deepEqual([await deliveriesOf(id), await isHeld()], [['1 pending 0'], false]);
    const next = await pay();
    const later = await read(second, 1);
    assert.deepEqual(
      later.map(({ familyId }) => familyId),
      [next],
    );
    deliverAll(first, fresh);
    assert.equal(first.recorded.length, 1);
  });
});

describe('a write', () => {
  test('of which another node has seen the end before this one keeps what it has claimed', async (t) => {
    const { own, proxy } = await proxied(t);
    const [first, second] = [nodeOf(own), nodeOf()];
    const id = await pay();
    const fresh = await read(first, 1);
    await sleep(600);
    proxy.cutAt('COMMIT');
    await assert.rejects(first.fanOut.step());
    await pay();
    deliverAll(second, await read(second, 1));
    await second.fanOut.step();
    deliverAll(first, fresh);
    await first.fanOut.step();
    await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, first.recorded)));
    assert.deepEqual([await deliveriesOf(id), await lanes()], [['1 delivered 1'], []]);
  });

  test('whose answer comes late gives no more time for attempts', async (t) => {
    const { own, proxy } = await proxied(t);
    const node = nodeOf(own);
    await node.fanOut.step();
    await pay();
    let startedAt = 0;
    const fresh: FreshLane[] = [];
    await until(async () => {
      startedAt = performance.now();
      proxy.delayAt('INSERT 0 1', 1_000);
      fresh.push(...(await node.fanOut.step()).lanes);
      return fresh.length > 0;
    }, 'a webhook');
    const [lane] = fresh;
    assert.ok(lane !== undefined && performance.now() - startedAt >= 1_000);
    assert.ok(lane.deadline.until - performance.now() < 2_100);
  });

  test('that a node was sending when it stopped keeps others out for 10 s at most', async (t) => {
    const { rows } = await pool.query(`SELECT current_setting('server_version_num')::int AS version`);
    // What ends such a transaction came with that version; before it, only a connection that is dead is noticed.
    if (rows[0].version < 170_000) return t.skip('PostgreSQL has transaction_timeout since 17');
    const { own, proxy } = await proxied(t);
    const [first, second] = [nodeOf(own), nodeOf()];
    await payAll(100);
    deliverAll(first, await read(first, 100));
    proxy.stallWithin(5_000);
    const stuck = assert.rejects(first.fanOut.step());
    await sleep(200);
    await expire();
    assert.equal((await second.fanOut.step()).contended, true);
    assert.equal((await read(second, 100)).length, 100);
    await stuck;
  });

  test('whose commit is not known is neither lost nor made twice', async (t) => {
    const { own, proxy } = await proxied(t);
    const node = nodeOf(own);
    const [slow, quick] = await payAll(2);
    const fresh = await read(node, 2);
    deliverAll(node, fresh.slice(1));
    const failing = fresh.slice(0, 1);
    for (const lane of failing) node.fanOut.ended(lane, outcomeOf(lane, 0));
    proxy.cutAt('COMMIT');
    await assert.rejects(node.fanOut.step());
    assert.deepEqual(
      [await deliveriesOf(slow), await deliveriesOf(quick)],
      [['1 pending 0'], ['1 delivered 1']],
    );
    assert.equal(node.recorded.length, 0);
    await node.fanOut.step();
    assert.deepEqual(await lanes(), [{ pending: 1, lease: node.recorded[0]?.lease }]);
    assert.equal(node.recorded.length, 1);
  });

  test('that fails is made again, with what has ended since', async () => {
    const node = nodeOf();
    const [one, two] = await payAll(2);
    const fresh = await read(node, 2);
    deliverAll(node, fresh.slice(0, 1));
    await pool.query('ALTER TABLE webhook_message RENAME TO hidden');
    const failed = assert.rejects(node.fanOut.step(), /webhook_message/);
    await failed.finally(() => pool.query('ALTER TABLE hidden RENAME TO webhook_message'));
    deliverAll(node, fresh.slice(1));
    await node.fanOut.step();
    for (const id of [one, two]) assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
    assert.equal(await isHeld(), false);
  });

  test('that a crash of PostgreSQL took back is noticed: what it told of is attempted again', async () => {
    const node = nodeOf();
    const id = await pay();
    const fresh = await read(node, 1);
    await pool.query('CREATE TABLE before_crash AS SELECT * FROM webhook_feed');
    deliverAll(node, fresh);
    await node.fanOut.step();
    await pool.query(`TRUNCATE webhook_delivery, webhook_message, webhook_feed;
      INSERT INTO webhook_feed SELECT * FROM before_crash; DROP TABLE before_crash`);
    assert.equal((await node.fanOut.step()).contended, true);
    await expire();
    const again = await read(node, 1);
    assert.deepEqual(seqsOf(again), [[1]]);
    deliverAll(node, again);
    await node.fanOut.step();
    assert.deepEqual(await deliveriesOf(id), ['1 delivered 1']);
  });

  test('of a success ends a series of failures', async () => {
    await inTransaction(pool, async (db) => {
      const failing = await lockHealth(db, [{ id: endpointId, succeeded: false, gone: false }]);
      await noteHealth(db, failing, () => false);
    });
    const node = nodeOf();
    await pay();
    deliverAll(node, await read(node, 1));
    await node.fanOut.step();
    const { rows } = await pool.query('SELECT failing_since FROM webhook_endpoint');
    assert.deepEqual(rows, [{ failing_since: null }]);
  });
});

test('a replay leaves alone what has not been fanned out yet', async () => {
  const begin = await readFannedOut(pool);
  assert.ok(begin !== null);
  const node = nodeOf();
  const done = await pay();
  deliverAll(node, await read(node, 1));
  await node.fanOut.step();
  const ahead = await pay();
  const fresh = await read(node, 1);
  const range = { from: Date.now() - 60_000, to: Date.now() + 60_000 };
  await insertReplay(pool, {
    ...{ id: randomUUID(), endpointId, merchantId, ...range, after: begin },
  });
  const step = () => inTransaction(pool, (db) => stepReplay(db, () => '{}'));
  await step();
  await step();
  assert.deepEqual([await deliveriesOf(done), await deliveriesOf(ahead)], [['1 pending 1'], []]);
  deliverAll(node, fresh);
  await node.fanOut.step();
  assert.deepEqual(await deliveriesOf(ahead), ['1 delivered 1']);
  await step();
  assert.deepEqual(await deliveriesOf(ahead), ['1 pending 1']);
  assert.equal((await pool.query('SELECT FROM webhook_replay')).rowCount, 0);
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
    arbitrary: fc.record({ kind: fc.constantFrom('record', 'claim', 'resend', 'expire', 'wait') }),
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
      let underWay: { node: Node; lane: FreshLane }[] = [];
      const send = (familyId: string, seq: number): void => {
        sent.set(familyId, [...(sent.get(familyId) ?? []), seq]);
      };
      const step = async (node: Node): Promise<void> => {
        const { lanes: fresh } = await node.fanOut.step();
        underWay.push(...fresh.map((lane) => ({ node, lane })));
      };
      const end = (index: number, delivered: number): void => {
        const [entry] = underWay.splice(index, 1);
        if (entry === undefined) return;
        const { node, lane } = entry;
        const outcome = outcomeOf(lane, Math.min(delivered, lane.messages.length));
        for (const { seq, status } of outcome.attempts) if (status === 'delivered') send(lane.familyId, seq);
        node.fanOut.ended(lane, { ...outcome, dueInMs: null });
      };
      const record = async (): Promise<void> => {
        const results = alive.flatMap(({ recorded }) => recorded.splice(0));
        await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, results)));
      };
      const claim = async (): Promise<void> => {
        const lease = randomUUID();
        const claimed = await claimInTurn(pool, lease, new Slots([]));
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
      const others = { record, claim, resend, expire, wait: () => sleep(510) };
      for (const action of actions)
        switch (action.kind) {
          case 'pay': {
            const id = ids[action.family];
            if (id === undefined) ids.push(await pay());
            else await append(id);
            break;
          }
          case 'step':
            await step(alive[action.node] ?? nodes[0]);
            break;
          case 'end':
            end(action.lane, action.delivered);
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
        while (underWay.length > 0) end(0, Number.POSITIVE_INFINITY);
        await record();
        await pool.query('UPDATE webhook_lane SET lease = NULL, leased_until = NULL');
        await claim();
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

test('in memory: each message is written once, in order, and the place is never ahead of what is not', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('read' as const), families: fc.array(fc.nat(2), { maxLength: 4 }) }),
    fc.record({ kind: fc.constant('end' as const), lane: fc.nat(9), delivered: fc.nat(3) }),
    fc.record({ kind: fc.constant('write' as const), all: fc.boolean() }),
  );
  const options = { mayAttempt: fc.boolean(), actions: fc.array(action, { maxLength: 40 }) };
  fc.assert(
    fc.property(fc.record(options), ({ mayAttempt, actions }) => {
      const unwritten = new Unwritten({ round: 0, position: 0 });
      const underWay: FreshLane[] = [];
      const events: number[] = [];
      const written: { family: string; round: number }[] = [];
      let round = 0;
      const write = (all: boolean): void => {
        const batch = unwritten.batch(all);
        const kinds = [...batch.claimed, ...batch.queued].flatMap((lane) => lane.messages);
        const made = [...batch.delivered.map(({ message }) => message), ...kinds];
        for (const message of made) written.push({ family: message.familyId, round: message.round });
        assert.ok(batch.delivered.every(({ attempt }) => attempt.status === 'delivered'));
        unwritten.written(batch);
        const open = events.filter((event) => !written.some((done) => done.round === event));
        for (const event of open) assert.ok(unwritten.position.round < event);
        assert.equal(unwritten.isEmpty, open.length === 0);
      };
      for (const step of actions)
        if (step.kind === 'read') {
          const messages = step.families.map((family) => {
            round += 1;
            events.push(round);
            const id = `family ${family}`;
            return { ...{ transactionId: id, familyId: id, seq: round, round }, ...MESSAGE };
          });
          const receivers = messages.map((_, index) => ({
            index,
            endpointId: 'e',
            version: 1,
            blocked: false,
          }));
          round += 1;
          const end = { round, position: 0 };
          underWay.push(...unwritten.add({ end, messages, receivers }, () => mayAttempt, 0).lanes);
          assert.deepEqual(unwritten.end, end);
        } else if (step.kind === 'end') {
          const [lane] = underWay.splice(step.lane, 1);
          if (lane !== undefined) lane.outcome = outcomeOf(lane, step.delivered);
        } else write(step.all);
      write(true);
      assert.deepEqual(unwritten.position, unwritten.end);
      assert.equal(written.length, events.length);
      for (const [, made] of Map.groupBy(written, ({ family }) => family)) {
        const rounds = made.map((event) => event.round);
        assert.deepEqual(
          rounds,
          rounds.toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

const MESSAGE = { merchantId: 'm', name: 'transaction.charged', eventAt: 0, body: '{}' };
