/** Claims and leases in the database, without a node that would deliver anything. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import { type ClaimDeps, claimDue } from '../../src/webhooks/claim.ts';
import {
  type ClaimedLane,
  findDelivery,
  type LaneResult,
  leaveLanes,
  listAttempts,
  lockLanes,
  readPending,
  requeue,
} from '../../src/webhooks/deliveriesSql.ts';
import { insertEndpoint } from '../../src/webhooks/endpointsSql.ts';
import { findReceivers, insertPending, type Receiver } from '../../src/webhooks/fanOutSql.ts';
import { Slots } from '../../src/webhooks/slots.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { createMerchant } from '../support/ledger.ts';
import { startTcpProxy } from '../support/proxy.ts';
import { claimInTurn, NO_NODE } from '../support/webhooks.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 3, () => undefined);
  await migrate(database.url, () => undefined);
  await openInstallation(pool, 'sandbox', null);
});
beforeEach(() =>
  pool.query('TRUNCATE webhook_lane, webhook_delivery, webhook_attempt, webhook_endpoint, webhook_feed'),
);
after(async () => {
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

/** An endpoint with so many deliveries that are due, each of a family of its own. */
async function endpointWith(due: number): Promise<string> {
  const { id: merchantId } = await createMerchant(pool);
  const fields = {
    url: 'https://shop.example',
    description: null,
    events: [],
    secret: 'sealed',
    bearerToken: null,
  };
  const { id } = await insertEndpoint(pool, { id: randomUUID(), merchantId, ...fields });
  const messages = Array.from({ length: due }, () => {
    const transactionId = randomUUID();
    const message = { transactionId, familyId: transactionId, merchantId, seq: 0, round: 0, body: '{}' };
    return { ...message, callbackUrl: null, name: 'webhook.test', eventAt: Date.now() };
  });
  await inTransaction(pool, (db) => requeue(db, id, messages, false));
  return id;
}

/** What a node claims that has nothing under way. */
function claim(lease = randomUUID()): Promise<ClaimedLane[]> {
  return claimInTurn(pool, lease, new Slots([]));
}

async function delivered(lane: ClaimedLane, lease: string): Promise<LaneResult> {
  const [delivery] = await readPending(pool, [lane], 1);
  assert.ok(delivery !== undefined);
  const { familyId, endpointId, transactionId, seq } = delivery;
  const outcome = { statusCode: 200, error: null, response: '', status: 'delivered' } as const;
  const attempt = {
    familyId,
    endpointId,
    transactionId,
    seq,
    number: 1,
    at: Date.now(),
    latencyMs: 1,
    ...outcome,
  };
  return { familyId, endpointId, lease, attempts: [attempt], finished: 1, failures: 0, dueInMs: null };
}

function record(result: LaneResult): Promise<number> {
  return inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, [result])));
}

async function counts(): Promise<Record<string, number>> {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::int FROM webhook_lane) AS lanes,
       (SELECT count(*)::int FROM webhook_attempt) + (SELECT count(first_at)::int FROM webhook_delivery) AS attempts,
       (SELECT count(*)::int FROM webhook_delivery WHERE status = 'pending') AS pending`,
  );
  return rows[0];
}

test('a claim takes some of each endpoint, and less of one that fails', async () => {
  const [flooded, healthy, failing] = [
    await endpointWith(500),
    await endpointWith(3),
    await endpointWith(50),
  ];
  await pool.query('UPDATE webhook_endpoint SET failing_since = now() WHERE id = $1', [failing]);
  const claimed = Map.groupBy(await claim(), ({ endpointId }) => endpointId);
  const taken = [flooded, healthy, failing].map((id) => claimed.get(id)?.length);
  assert.deepEqual(taken, [64, 3, 8]);
  const busy = { merchantId: 'somebody', endpointId: flooded, count: 60, failing: false, quick: false };
  const next = await claimInTurn(pool, randomUUID(), new Slots([busy]));
  assert.equal(next.filter(({ endpointId }) => endpointId === flooded).length, 4);
});

test('a claim takes of a quick endpoint as many as it may have, whether they are new or not', async () => {
  const quick = await endpointWith(500);
  const { rows } = await pool.query('SELECT merchant_id AS id FROM webhook_endpoint WHERE id = $1', [quick]);
  const held = { merchantId: rows[0].id, endpointId: quick, count: 0, failing: false, quick: true };
  assert.equal((await claimInTurn(pool, randomUUID(), new Slots([held]))).length, 192);
});

test('what is claimed is nobody else’s until its lease is over', async () => {
  await endpointWith(4);
  const both = await Promise.all([claim(), claim()]);
  const families = both.flat().map(({ familyId }) => familyId);
  assert.deepEqual([families.length, new Set(families).size], [4, 4]);
  assert.deepEqual(await claim(), []);
  await pool.query(`UPDATE webhook_lane SET leased_until = now() - interval '1 second'`);
  assert.equal((await claim()).length, 4);
});

test('an endpoint gets what came after it, if it asks for it, and each event once', async () => {
  const endpointId = await endpointWith(0);
  const { rows } = await pool.query(
    'SELECT merchant_id AS "merchantId", after_round AS round FROM webhook_endpoint',
  );
  const [{ merchantId, round: after }] = rows;
  const familyId = randomUUID();
  const messages = [Number(after), Number(after) + 1, Number(after) + 2].map((round, seq) => {
    const message = { transactionId: familyId, familyId, merchantId, seq, round, body: '{}' };
    return { ...message, linkId: null, name: 'transaction.charged', eventAt: Date.now() };
  });
  const [, second] = messages;
  assert.ok(second !== undefined);
  const receiver = { endpointId, version: 1, format: 'standard', callbackUrl: null };
  assert.deepEqual(withoutWritten(await findReceivers(pool, messages, 10)), [
    { ...receiver, index: 1, blocked: false },
    { ...receiver, index: 2, blocked: false },
  ]);
  await pool.query(`UPDATE webhook_endpoint SET events = '{transaction.refunded}'`);
  assert.deepEqual(await findReceivers(pool, messages, 10), []);
  await pool.query(`UPDATE webhook_endpoint SET events = '{transaction.charged}'`);
  const lease = randomUUID();
  for (let i = 0; i < 2; i += 1)
    await insertPending(pool, [{ familyId, endpointId, callbackUrl: null, message: second }], lease);
  assert.deepEqual(await counts(), { lanes: 1, attempts: 0, pending: 1 });
  assert.deepEqual(withoutWritten(await findReceivers(pool, messages, 10)), [
    { ...receiver, index: 2, blocked: true },
  ]);
  assert.deepEqual(await claim(), [], 'it is leased to whoever wrote it');
});

function withoutWritten(receivers: readonly Receiver[]): Receiver[] {
  return receivers.map(({ index, endpointId, version, format, callbackUrl, blocked }) => ({
    ...{ index, endpointId, version, format, callbackUrl, blocked },
  }));
}

test('whoever comes too late records nothing', async () => {
  await endpointWith(1);
  const [early, late] = [randomUUID(), randomUUID()];
  const [first] = await claim(early);
  await pool.query(`UPDATE webhook_lane SET leased_until = now() - interval '1 second'`);
  const [second] = await claim(late);
  assert.ok(first !== undefined && second !== undefined);
  const result = await delivered(first, early);
  await record(result);
  assert.deepEqual(await counts(), { lanes: 1, attempts: 0, pending: 1 });
  await record({ ...result, lease: late });
  assert.deepEqual(await counts(), { lanes: 0, attempts: 1, pending: 0 });
  await record({ ...result, lease: late });
  assert.deepEqual(await counts(), { lanes: 0, attempts: 1, pending: 0 });
});

test('whoever comes too late records nothing, also in one batch with whoever has the lane now', async () => {
  const endpointId = await endpointWith(1);
  const [early, late] = [randomUUID(), randomUUID()];
  const [lane] = await claim(early);
  assert.ok(lane !== undefined);
  const tooLate = await delivered(lane, early);
  const { familyId } = lane;
  const message = {
    transactionId: randomUUID(),
    familyId,
    merchantId: randomUUID(),
    seq: 1,
    round: 0,
    body: '{}',
  };
  const added = { ...message, callbackUrl: null, name: 'transaction.charged', eventAt: Date.now() };
  await inTransaction(pool, (db) => requeue(db, endpointId, [added], false));
  await pool.query(`UPDATE webhook_lane SET leased_until = now() - interval '1 second'`);
  assert.equal((await claim(late)).length, 1);
  const nothing = { ...tooLate, lease: late, attempts: [], finished: 0 };
  await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, [tooLate, nothing])));
  assert.deepEqual(await counts(), { lanes: 1, attempts: 0, pending: 2 });
  const { rows } = await pool.query('SELECT pending, lease FROM webhook_lane');
  assert.deepEqual(rows, [{ pending: 2, lease: null }]);
});

test('a delivery is shown with the attempts that it tells of, also when one is recorded in between', async () => {
  const endpointId = await endpointWith(1);
  const lease = randomUUID();
  const [lane] = await claim(lease);
  assert.ok(lane !== undefined);
  const result = await delivered(lane, lease);
  const [attempt] = result.attempts;
  assert.ok(attempt !== undefined);
  const before = await findDelivery(pool, endpointId, attempt);
  await record(result);
  const after = await findDelivery(pool, endpointId, attempt);
  assert.ok(before !== null && after !== null);
  assert.deepEqual([before.status, await listAttempts(pool, before)], ['pending', []]);
  assert.deepEqual([after.status, (await listAttempts(pool, after)).length], ['delivered', 1]);
});

test('a lane to which something is added while it is recorded stays', async () => {
  const endpointId = await endpointWith(1);
  const lease = randomUUID();
  const [lane] = await claim(lease);
  assert.ok(lane !== undefined);
  const result = await delivered(lane, lease);
  const message = {
    transactionId: randomUUID(),
    familyId: lane.familyId,
    merchantId: randomUUID(),
    seq: 1,
    round: 0,
  };
  const added = {
    ...{ ...message, body: '{}', callbackUrl: null },
    ...{ name: 'transaction.charged', eventAt: Date.now() },
  };
  let recorded: Promise<number> | undefined;
  await inTransaction(pool, async (db) => {
    await requeue(db, endpointId, [added], false);
    recorded = record(result);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  assert.equal(await recorded, 1);
  assert.deepEqual(await counts(), { lanes: 1, attempts: 1, pending: 1 });
  const [next] = await claim();
  assert.ok(next !== undefined);
  assert.equal((await readPending(pool, [next], 10)).length, 1);
});

test('a lease that ends later than any could is none: the clock has gone back since', async () => {
  const endpointId = await endpointWith(4);
  assert.equal((await claim()).length, 4);
  const set = (interval: string) =>
    pool.query(`UPDATE webhook_lane SET leased_until = now() + interval '${interval}'`);
  await set('33 seconds');
  assert.deepEqual(await claim(), [], 'a clock that was set right by seconds');
  await set('1 hour');
  const { rows } = await pool.query(
    'SELECT family_id AS "familyId", merchant_id AS "merchantId" FROM webhook_lane',
  );
  const [{ familyId, merchantId }] = rows;
  const message = { transactionId: randomUUID(), familyId, merchantId, seq: 0, round: 0, body: '{}' };
  const delivery = {
    familyId,
    endpointId,
    callbackUrl: null,
    message: { ...message, linkId: null, name: 'webhook.test', eventAt: Date.now() },
  };
  const claimed = await inTransaction(pool, (db) => insertPending(db, [delivery], randomUUID()));
  assert.equal(claimed.length, 1, 'with what is new');
  assert.equal((await claim()).length, 3, 'the rest');
});

describe('a claim', () => {
  const gaveBack: LaneResult[] = [];
  const DEPS: ClaimDeps = {
    ...{ ...NO_NODE, pool: undefined as never, gated: true, slots: () => new Slots([]) },
    giveBack: ({ familyId, endpointId, failures }, lease) =>
      void gaveBack.push({ familyId, endpointId, lease, attempts: [], finished: 0, failures, dueInMs: null }),
  };
  beforeEach(() => gaveBack.splice(0));

  test('has what is to be sent with each of its lanes', async () => {
    const endpointId = await endpointWith(3);
    const { lanes, lease } = await claimDue({ ...DEPS, pool });
    assert.deepEqual(
      lanes.map((lane) => [lane.endpointId, lane.deliveries.length]),
      Array.from({ length: 3 }, () => [endpointId, 1]),
    );
    const { rows } = await pool.query('SELECT DISTINCT lease FROM webhook_lane');
    assert.deepEqual(rows, [{ lease }]);
  });

  test('takes slots when it has seen what is due, not while it waits for its turn', async (t) => {
    await endpointWith(3);
    const own = createPool(database.url, 1, () => undefined);
    t.after(() => own.end());
    const busy = await own.connect();
    let asked = false;
    const slots = (): Slots => {
      asked = true;
      return new Slots([]);
    };
    const claimed = claimDue({ ...DEPS, pool: own, slots });
    await sleep(50);
    assert.equal(asked, false);
    busy.release();
    assert.equal((await claimed).lanes.length, 3);
    assert.equal(asked, true);
  });

  test('that cannot read what is to be sent has claimed nothing', async () => {
    await endpointWith(3);
    await pool.query('ALTER TABLE webhook_message RENAME TO hidden');
    const failed = assert.rejects(claimDue({ ...DEPS, pool }), /webhook_message/);
    await failed.finally(() => pool.query('ALTER TABLE hidden RENAME TO webhook_message'));
    assert.equal((await claim()).length, 3);
  });

  test('of which it is not known whether it was committed is given back at once, with its failures', async (t) => {
    await endpointWith(3);
    await pool.query('UPDATE webhook_lane SET failures = 2');
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    const url = new URL(database.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const own = createPool(url.href, 1, () => undefined);
    t.after(async () => {
      await own.end();
      await proxy.stop();
    });
    proxy.cutAt('COMMIT');
    await assert.rejects(claimDue({ ...DEPS, pool: own }));
    assert.deepEqual(await claim(), [], 'it was committed');
    for (const result of gaveBack) await record(result);
    assert.deepEqual(
      (await claim()).map(({ failures }) => failures),
      [2, 2, 2],
    );
  });
});
