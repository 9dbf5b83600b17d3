/** Faults that can be switched on, and the way back to the seed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually, pay, settled, VISA } from '../support/cards.ts';
import { stopDatabaseServer } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { OWN_BANK } from '../support/process.ts';
import { CUSTOMER, OPERATOR_KEY, OTHER_KEY, type Reply } from '../support/sandbox.ts';

let nodes: Nodes;
before(async () => {
  nodes = await startNodes(2, OWN_BANK);
});
after(async () => {
  await nodes.assertInvariants();
  await nodes.stop();
  await stopDatabaseServer();
});

function faults(body: unknown, apiKey?: string): Promise<Reply> {
  return nodes.callNode(0, 'PUT', '/v1/sandbox/faults', { body, ...(apiKey && { apiKey }) });
}

function authorize(node: number, apiKey?: string): Promise<Reply> {
  const body = { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...CUSTOMER };
  const idempotencyKey = crypto.randomUUID();
  const path = '/v1/wallet/authorize';
  return nodes.callNode(node, 'POST', path, { idempotencyKey, body, ...(apiKey && { apiKey }) });
}

async function reset(node = 0): Promise<void> {
  const reply = await nodes.callNode(node, 'POST', '/v1/sandbox/reset');
  assert.deepEqual([reply.status, reply.body], [200, { reset: true }], reply.text);
}

describe('faults', () => {
  test('a bank that is down is so for its merchant only, on every node, until it is up again', async () => {
    const down = await faults({ bank: 'down' });
    assert.deepEqual([down.status, down.body], [200, { bank: 'down', databaseDelayMs: 0 }], down.text);
    assert.deepEqual((await nodes.callNode(0, 'GET', '/v1/sandbox/faults')).body, down.body);
    const other = await nodes.call('GET', '/v1/sandbox/faults', { apiKey: OTHER_KEY });
    assert.equal(other.body.bank, 'none');
    const well = await pay(nodes.call, VISA, {}, { apiKey: OTHER_KEY });
    assert.equal(well.body.status, 'authorized');
    // The other node's bank hears of it within half a second, when the machine is not busy.
    await pause(3_000);
    const refused = await Promise.all(
      [0, 1].map((node) => pay((...call) => nodes.callNode(node, ...call), VISA)),
    );
    assert.deepEqual(
      refused.map(({ status, body }) => [status, body.status]),
      Array(2).fill([201, 'created']),
    );
    assert.equal((await faults({ bank: 'none' })).body.bank, 'none');
    await pause(3_000);
    // Moving the clock makes what waits for its next attempt try at once.
    await nodes.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 1 } });
    for (const { body } of refused) assert.equal((await settled(nodes.pool, body.id)).status, 'authorized');
  });

  test('a bank that is slow takes 3 s; one that times out is asked what it did', async () => {
    await faults({ bank: 'slow' });
    const startedAt = performance.now();
    const slow = await pay((...call) => nodes.callNode(0, ...call), VISA);
    assert.ok(performance.now() - startedAt >= 3_000);
    assert.equal(slow.body.status, 'authorized');
    await faults({ bank: 'timeouts' });
    const lost = await pay((...call) => nodes.callNode(0, ...call), VISA);
    assert.equal(lost.status, 201);
    assert.equal((await settled(nodes.pool, lost.body.id)).status, 'authorized');
    await faults({ bank: 'none' });
  });

  test('a slow database is slow for everybody, and costs nothing once it is not', async () => {
    const { body } = await faults({ databaseDelayMs: 400 });
    assert.deepEqual(body, { bank: 'none', databaseDelayMs: 400 });
    const timed = async (node: number, apiKey: string): Promise<number> => {
      const startedAt = performance.now();
      assert.equal((await authorize(node, apiKey)).status, 201);
      return performance.now() - startedAt;
    };
    assert.ok((await timed(0, 'pr_test_demo')) >= 400);
    assert.ok((await timed(1, OTHER_KEY)) >= 400);
    assert.equal((await faults({ databaseDelayMs: 0 })).body.databaseDelayMs, 0);
    assert.ok((await timed(1, OTHER_KEY)) < 400);
  });

  for (const body of [{}, { bank: 'off' }, { databaseDelayMs: -1 }, { databaseDelayMs: 5_001 }, { x: 1 }]) {
    test(`${JSON.stringify(body)} is refused`, async () => {
      assert.equal((await faults(body)).status, 400);
    });
  }
});

test('the fixtures say what is there, and their customers and cards do what they say', async () => {
  const { body } = await nodes.call('GET', '/v1/sandbox/fixtures');
  const [first, second] = body.customers;
  assert.deepEqual([first.phoneNumber, first.iin], [CUSTOMER.phoneNumber, CUSTOMER.iin]);
  assert.deepEqual(second.wallets, [{ currency: 'KZT', funds: 500 }]);
  assert.equal(body.customers.length, 6);
  assert.ok(body.cards.some(({ number }: { number: string }) => number === VISA));
  const { rows } = await nodes.pool.query('SELECT count(*)::int AS count FROM store');
  assert.deepEqual(rows, [{ count: body.stores.length }]);
});

describe('a reset', () => {
  test('leaves what the first start had, on every node', async () => {
    const operator = { apiKey: OPERATOR_KEY };
    const admin = (path: string, body?: unknown) =>
      nodes.callNode(0, body === undefined ? 'GET' : 'POST', `/v1/admin${path}`, { ...operator, body });
    const merchant = (await admin('/merchants', { name: 'Extra' })).body;
    const { apiKey } = (await admin(`/merchants/${merchant.id}/api-keys`, { name: 'extra' })).body;
    assert.equal((await authorize(1, apiKey)).status, 201);
    const list = () => nodes.callNode(1, 'GET', '/v1/wallet/transactions', { apiKey });
    assert.equal((await list()).body.items.length, 1);
    assert.equal((await pay(nodes.call, VISA)).body.status, 'authorized');
    await nodes.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 86_400 } });
    await faults({ bank: 'down', databaseDelayMs: 1 });

    await reset();
    await nodes.assertInvariants();
    // Writes know at once that the key is gone, reads within a second.
    assert.equal((await authorize(1, apiKey)).status, 401);
    await pause(1_100);
    assert.equal((await list()).status, 401);
    const { body: clock } = await nodes.callNode(1, 'GET', '/v1/sandbox/clock');
    assert.equal(clock.offsetSeconds, 0);
    assert.deepEqual((await nodes.callNode(0, 'GET', '/v1/sandbox/faults')).body, {
      bank: 'none',
      databaseDelayMs: 0,
    });
    assert.deepEqual((await nodes.callNode(1, 'GET', '/v1/wallet/transactions')).body.items, []);
    assert.equal((await admin('/merchants')).body.items.length, 2);
    const { rows } = await nodes.pool.query(
      `SELECT (SELECT count(*) FROM wallet_transfer)::int AS transfers, (SELECT count(*) FROM transaction)::int AS transactions,
         (SELECT sum(balance - held) FROM account WHERE kind = 'wallet')::text AS available, (SELECT count(*) FROM bank.authorizations)::int AS bank`,
    );
    assert.deepEqual(rows, [{ transfers: 7, transactions: 0, available: String(13_101_000_500n), bank: 0 }]);
    for (const node of [0, 1])
      assert.equal((await authorize(node)).body.walletTransactionStatus, 'PROCESSING');
    assert.equal((await pay(nodes.call, VISA)).body.status, 'authorized');
  });

  test('keeps everybody out while it happens: they get a 503 and lose nothing', async () => {
    let stop = false;
    const statuses = new Map<number, number>();
    const worker = async (i: number): Promise<void> => {
      while (!stop) {
        const { status } = await authorize(i % 2);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const workers = Array.from({ length: 8 }, (_, i) => worker(i));
    for (let round = 0; round < 3; round += 1) {
      await pause(200);
      await reset(round % 2);
      await nodes.assertInvariants();
    }
    stop = true;
    await Promise.all(workers);
    assert.deepEqual([...statuses.keys()].sort(), [201, 503], JSON.stringify([...statuses]));
    await eventually('the keys work again', async () => (await authorize(0)).status === 201);
  });

  test('takes no body, and two at once take turns', async () => {
    const { status } = await nodes.call('POST', '/v1/sandbox/reset', { body: { x: 1 } });
    assert.equal(status, 400);
    await Promise.all([reset(0), reset(1)]);
    await nodes.assertInvariants();
  });
});
