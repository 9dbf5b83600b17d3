/** The same key and the same request: the same answer, and one effect. In one process. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { startServer } from '../../src/app/server.ts';
import { cardOf, pay, VISA } from '../support/cards.ts';
import { CUSTOMER, OTHER_KEY, type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

function assertReplay(again: Reply, first: Reply): void {
  assert.deepEqual([again.status, again.text], [first.status, first.text]);
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal(first.headers.get('idempotency-replayed'), null);
  assert.notEqual(again.headers.get('x-request-id'), first.headers.get('x-request-id'));
}

async function countOf(table: string): Promise<number> {
  const { rows } = await sandbox.pool.query(`SELECT count(*)::int AS count FROM ${table}`);
  return rows[0].count;
}

function operate(id: string, operation: string, amount: number, idempotencyKey: string): Promise<Reply> {
  return sandbox.call('POST', `/v1/wallet/${id}/${operation}`, { body: { amount }, idempotencyKey });
}

async function authorized(amount = 100): Promise<string> {
  return (await sandbox.authorize({ amount })).body.walletTransactionId;
}

describe('a repeated authorization', () => {
  test('gets the same bytes, also after a capture, and has one effect', async () => {
    const idempotencyKey = randomUUID();
    const first = await sandbox.authorize({}, { idempotencyKey });
    const transactions = await countOf('transaction');
    assertReplay(await sandbox.authorize({}, { idempotencyKey }), first);
    await operate(first.body.walletTransactionId, 'capture', 15_000, randomUUID());
    const again = await sandbox.authorize({}, { idempotencyKey });
    assertReplay(again, first);
    assert.equal(again.body.walletTransactionStatus, 'PROCESSING');
    assert.equal(await countOf('transaction'), transactions);
  });

  test('may order and space its fields differently, and write its amount as 15000.0', async () => {
    const idempotencyKey = randomUUID();
    const first = await sandbox.authorize({}, { idempotencyKey });
    const { phoneNumber, iin } = CUSTOMER;
    const rawBody = ` {"currency":"KZT", "iin":"${iin}","phoneNumber":"${phoneNumber}","amount":15000.0,"orderReference":"ORDER-1"}`;
    assertReplay(await sandbox.call('POST', '/v1/wallet/authorize/', { idempotencyKey, rawBody }), first);
  });

  test('gets the same bytes after a restart', async () => {
    const idempotencyKey = randomUUID();
    const first = await sandbox.authorize({}, { idempotencyKey });
    const config = readConfig({ DATABASE_URL: sandbox.databaseUrl, PORT: '0' });
    const restarted = await startServer(config, pino({ level: 'silent' }));
    try {
      const body = { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...CUSTOMER };
      const again = await request(restarted.url, 'POST', '/v1/wallet/authorize', { idempotencyKey, body });
      assertReplay(again, first);
    } finally {
      await restarted.stop();
    }
  });

  test('gets its recorded failure again, even when it would succeed now', async () => {
    const idempotencyKey = randomUUID();
    const body = { phoneNumber: '+77010000003', iin: '771211300039' };
    const first = await sandbox.authorize(body, { idempotencyKey });
    assert.equal(first.body.failureCode, 'wallet_frozen');
    const { rowCount } = await sandbox.pool.query('UPDATE account SET frozen = false WHERE frozen');
    assert.equal(rowCount, 1);
    assertReplay(await sandbox.authorize(body, { idempotencyKey }), first);
    await sandbox.pool.query(
      `UPDATE account SET frozen = true WHERE owner_id = (SELECT id FROM wallet_holder WHERE phone = $1)`,
      [body.phoneNumber],
    );
  });

  test('with another body is refused, and so is the key of another operation', async () => {
    const idempotencyKey = randomUUID();
    const first = await sandbox.authorize({}, { idempotencyKey });
    const transactions = await countOf('transaction');
    for (const body of [{ amount: 15_001 }, { orderReference: 'ORDER-2' }, { currency: 'USD' }]) {
      const other = await sandbox.authorize(body, { idempotencyKey });
      assert.deepEqual([other.status, other.body.reason], [422, 'idempotency_key_reused']);
      assert.equal(other.body.details[0].path, 'Idempotency-Key');
    }
    const capture = await operate(first.body.walletTransactionId, 'capture', 1, idempotencyKey);
    assert.deepEqual([capture.status, capture.body.reason], [422, 'idempotency_key_reused']);
    assert.equal(await countOf('transaction'), transactions);
    assertReplay(await sandbox.authorize({}, { idempotencyKey }), first);
  });

  test('a hundred times at once has one effect and a hundred equal answers', async () => {
    const idempotencyKey = randomUUID();
    const transactions = await countOf('transaction');
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => sandbox.authorize({ amount: 7 }, { idempotencyKey })),
    );
    assert.deepEqual([...new Set(replies.map((reply) => `${reply.status} ${reply.text}`))].length, 1);
    assert.equal(replies[0]?.status, 201);
    assert.equal(replies.filter((reply) => reply.headers.get('idempotency-replayed') === null).length, 1);
    assert.equal(await countOf('transaction'), transactions + 1);
  });

  test('keys are of one merchant', async () => {
    const idempotencyKey = randomUUID();
    const first = await sandbox.authorize({}, { idempotencyKey });
    const other = await sandbox.authorize({ amount: 1 }, { idempotencyKey, apiKey: OTHER_KEY });
    assert.equal(other.status, 201);
    assert.equal(other.headers.get('idempotency-replayed'), null);
    assert.notEqual(other.body.walletTransactionId, first.body.walletTransactionId);
    assertReplay(await sandbox.authorize({}, { idempotencyKey }), first);
  });
});

describe('repeated captures, cancels and refunds', () => {
  test('one key is of one payment: the same operation on another one is refused', async () => {
    const [first, second] = [await authorized(100), await authorized(100)];
    for (const operation of ['capture', 'refund', 'cancel'] as const) {
      const idempotencyKey = randomUUID();
      const done = await operate(first, operation, 10, idempotencyKey);
      const other = await operate(second, operation, 10, idempotencyKey);
      assert.deepEqual([other.status, other.body.reason], [422, 'idempotency_key_reused'], operation);
      assertReplay(await operate(first, operation, 10, idempotencyKey), done);
    }
    const { body } = await sandbox.call('GET', `/v1/transactions/${second}`);
    assert.deepEqual([body.status, body.capturedAmount, body.releasedAmount], ['authorized', 0, 0]);
  });

  test('have one effect each', async () => {
    const keys = { cancel: randomUUID(), capture: randomUUID(), refund: randomUUID() };
    const id = await authorized(100);
    for (const [operation, amount] of [
      ['cancel', 40],
      ['capture', 50],
      ['refund', 30],
    ] as const) {
      const first = await operate(id, operation, amount, keys[operation]);
      assert.deepEqual([first.status, first.body.amount], [200, amount], first.text);
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => operate(id, operation, amount, keys[operation])),
      );
      for (const again of replies) assertReplay(again, first);
    }
    const { rows } = await sandbox.pool.query(
      `SELECT captured, released, refunded FROM transaction WHERE id = (SELECT effect_id FROM idempotency_key WHERE key = $1)`,
      [keys.capture],
    );
    assert.deepEqual(rows, [{ captured: 50n, released: 50n, refunded: 30n }]);
  });

  test('a 422 is remembered with its bytes, even when the state would now allow it', async () => {
    const id = await authorized(100);
    const idempotencyKey = randomUUID();
    const first = await operate(id, 'refund', 100, idempotencyKey);
    assert.deepEqual([first.status, first.body.reason], [422, 'invalid_transaction_state']);
    assert.equal((await operate(id, 'capture', 100, randomUUID())).status, 200);
    assertReplay(await operate(id, 'refund', 100, idempotencyKey), first);
    assert.equal((await operate(id, 'refund', 100, randomUUID())).status, 200);
  });

  test('without a key each is an operation of its own', async () => {
    const id = await authorized(100);
    const cancel = () => sandbox.call('POST', `/v1/wallet/${id}/cancel`, { body: { amount: 10 } });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await cancel()).status);
    assert.deepEqual(statuses, [200, 200, 200]);
    assert.equal((await operate(id, 'capture', 71, randomUUID())).body.reason, 'amount_exceeds_held');
  });
});

describe('what the engine did not decide is not remembered', () => {
  test('a 400', async () => {
    const idempotencyKey = randomUUID();
    assert.equal((await sandbox.authorize({ amount: 0 }, { idempotencyKey })).status, 400);
    assert.equal((await sandbox.authorize({ amount: 1 }, { idempotencyKey })).status, 201);
  });

  test('a 401', async () => {
    const idempotencyKey = randomUUID();
    assert.equal((await sandbox.authorize({}, { idempotencyKey, apiKey: 'pr_test_wrong' })).status, 401);
    assert.equal((await sandbox.authorize({}, { idempotencyKey })).status, 201);
  });

  test('a 404, a 413 and a 415', async () => {
    const idempotencyKey = randomUUID();
    const missing = await operate('wt_01JDM3Z7V8H8Q2X9K0R1ABCD12', 'capture', 1, idempotencyKey);
    assert.deepEqual([missing.status, missing.headers.get('idempotency-replayed')], [404, null]);
    const call = (headers: Record<string, string>, rawBody: string): Promise<Reply> =>
      sandbox.call('POST', '/v1/wallet/authorize', { idempotencyKey, headers, rawBody });
    assert.equal((await call({ 'content-type': 'text/plain' }, 'x')).status, 415);
    assert.equal((await call({}, 'x'.repeat(70_000))).status, 413);
    const { rows } = await sandbox.pool.query('SELECT FROM idempotency_key WHERE key = $1', [idempotencyKey]);
    assert.equal(rows.length, 0);
    assert.equal((await sandbox.authorize({}, { idempotencyKey })).status, 201);
  });
});

test('one key does not pay by two cards that differ in what is printed on them, and not kept', async () => {
  const idempotencyKey = randomUUID();
  const first = await pay(sandbox.call, VISA, {}, { idempotencyKey });
  assert.equal(first.status, 201, first.text);
  assertReplay(await pay(sandbox.call, VISA, {}, { idempotencyKey }), first);
  for (const change of [{ expiryYear: 2041 }, { expiryMonth: 11 }, { holder: 'A B' }]) {
    const card = { ...cardOf(VISA), ...change };
    const other = await pay(sandbox.call, VISA, { card }, { idempotencyKey });
    assert.deepEqual(
      [other.status, other.body.reason],
      [422, 'idempotency_key_reused'],
      JSON.stringify(change),
    );
  }
});
