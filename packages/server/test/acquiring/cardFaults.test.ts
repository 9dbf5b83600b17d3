/** Everything that goes wrong between the engine and the bank, one fault at a time. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestBank, type TestBank } from '../support/bank.ts';
import {
  advanceClock,
  type Call,
  CHALLENGED,
  eventually,
  operate,
  pay,
  settled,
  stored,
  VISA,
} from '../support/cards.ts';
import { createMerchant } from '../support/ledger.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let bank: TestBank;
let sandbox: Sandbox;
before(async () => {
  bank = await startTestBank();
  // Patient, so that a caller's 10 seconds are over first; the test clock makes it lose its patience.
  sandbox = await startSandbox({ ...bank.environment, ACQUIRER_PATIENCE_MS: '40000' });
});
after(async () => {
  await sandbox?.stop();
  await bank?.end();
});

/** Calls as a merchant of its own, so that the bank's faults strike nobody else. */
async function newMerchant(): Promise<{ id: string; call: Call }> {
  const { id, apiKey } = await createMerchant(sandbox.pool);
  return { id, call: (method, path, options) => sandbox.call(method, path, { apiKey, ...options }) };
}

/** A payment of 10,000 for each operation, in the state that the operation needs. */
async function prepare(call: Call) {
  const authorized = async (): Promise<string> => (await pay(call, VISA)).body.id;
  const [capture, cancel, refund] = await Promise.all([authorized(), authorized(), authorized()]);
  assert.equal((await operate(call, refund, 'capture')).status, 200);
  const challenge = await pay(call, CHALLENGED, { returnUrl: 'http://shop.test/' });
  const body = new URLSearchParams({ decision: 'approve' });
  const back = await fetch(challenge.body.redirectUrl, { method: 'POST', body, redirect: 'manual' });
  return { capture, cancel, refund, complete: challenge.body.id, state: back.headers.get('location') ?? '' };
}

async function found(call: Call, path: string): Promise<Reply['body']> {
  const { status, body, text } = await call('GET', `/v1/transactions${path}`);
  assert.equal(status, 200, text);
  return body;
}

const OPERATIONS = ['authorize', 'capture', 'reverse', 'refund', 'complete'] as const;

describe('each fault, at each operation at once', { concurrency: true }, () => {
  for (const mode of [
    'down',
    'slow',
    'timeout_worked',
    'timeout_not_worked',
    'cut_before',
    'cut_after',
    'garbage',
    'duplicate',
  ]) {
    test(`${mode}: every operation ends as it should, once`, async () => {
      const { id: merchantId, call } = await newMerchant();
      const { capture, cancel, refund, complete, state } = await prepare(call);
      const delay = mode === 'slow' ? { delayMs: 1_200 } : {};
      await bank.fault({ mode, merchantId, operations: OPERATIONS, ...delay });
      const replies = Promise.all([
        pay(call, VISA),
        operate(call, capture, 'capture', 7_000),
        operate(call, cancel, 'cancel'),
        operate(call, refund, 'refund', 2_500),
      ]);
      const back = fetch(state, { redirect: 'manual' });
      await pause(900);
      await bank.fault({ mode: 'none', merchantId });
      const answers = await replies;
      assert.equal((await back).status, 303);
      assert.deepEqual(
        answers.map(({ status, body }) => [status, body.status]),
        [
          [201, 'authorized'],
          [200, 'charged'],
          [200, 'cancelled'],
          [200, 'refunded'],
        ],
      );
      assert.equal((await stored(sandbox.pool, complete)).status, 'authorized');
      const held = await Promise.all([answers[0].body.id, capture, cancel, refund, complete].map(bank.find));
      assert.deepEqual(
        held.map((one) => [one?.held, one?.captured, one?.released, one?.refunded]),
        [
          [10_000, 0, 0, 0],
          [0, 7_000, 3_000, 0],
          [0, 0, 10_000, 0],
          [0, 10_000, 0, 2_500],
          [10_000, 0, 0, 0],
        ],
      );
    });
  }

  test('after 10 seconds callers get the state as it is, for good; meanwhile others get a 409', async () => {
    const { id: merchantId, call } = await newMerchant();
    const { capture, refund } = await prepare(call);
    await bank.fault({ mode: 'timeout_not_worked', merchantId });
    const keys = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()] as const;
    const startedAt = performance.now();
    const ask = () =>
      Promise.all([
        pay(call, VISA, {}, { idempotencyKey: keys[0] }),
        operate(call, capture, 'capture', undefined, { idempotencyKey: keys[1] }),
        operate(call, refund, 'refund', 2_500, { idempotencyKey: keys[2] }),
      ]);
    const asking = ask();
    await eventually('the bank is asked', async () => (await stored(sandbox.pool, capture)).operation_id);
    const under = await found(call, `/${capture}`);
    assert.deepEqual(
      [under.status, under.pendingOperation.kind, under.pendingOperation.amount],
      ['authorized', 'capture', 10_000],
    );
    assert.equal(under.pendingOperation.requestedAt, under.updatedAt);
    const { items } = await found(call, `/${capture}/history`);
    assert.deepEqual(
      [items.at(-1).name, items.at(-1).amount, items.at(-1).status],
      ['transaction.capture_requested', 10_000, 'authorized'],
    );
    for (const operation of ['capture', 'cancel'] as const) {
      const { status, body } = await operate(call, capture, operation);
      assert.deepEqual([status, body.reason], [409, 'operation_in_progress']);
    }
    const [paid, captured, refunded] = await asking;
    const seconds = (performance.now() - startedAt) / 1_000;
    assert.ok(seconds > 9.5 && seconds < 20, `${seconds} s`);
    assert.deepEqual([paid.status, paid.body.status], [201, 'created'], paid.text);
    assert.equal(paid.body.pendingOperation.kind, 'authorize');
    assert.deepEqual([captured.status, captured.body.status], [202, 'authorized'], captured.text);
    assert.deepEqual([refunded.status, refunded.body.status], [202, 'created'], refunded.text);
    assert.deepEqual(
      [refunded.body.type, refunded.body.pendingOperation.kind, refunded.body.pendingOperation.amount],
      ['refund', 'refund', 2_500],
    );
    const { pendingOperation } = captured.body;
    assert.deepEqual([pendingOperation.kind, pendingOperation.amount], ['capture', 10_000]);
    assert.equal(pendingOperation.requestedAt, under.pendingOperation.requestedAt);
    assert.ok(pendingOperation.attempts > 1, `asked ${pendingOperation.attempts} times in 10 seconds`);
    const waiting = (await found(call, '?pendingOperation=true')).items;
    assert.deepEqual(
      new Set(waiting.map(({ id }: { id: string }) => id)),
      new Set([paid.body.id, capture, refunded.body.id]),
    );
    assert.equal((await found(call, '?pendingOperation=true&page=1')).total, 3);
    const charged = (await found(call, '?pendingOperation=true&status=charged')).items;
    assert.deepEqual(charged, [], 'the payment of a refund that is under way waits for nothing itself');
    await bank.fault({ mode: 'none', merchantId });
    assert.equal((await settled(sandbox.pool, paid.body.id)).status, 'authorized');
    await eventually(
      'it is captured',
      async () => (await stored(sandbox.pool, capture)).status === 'charged',
    );
    assert.equal((await settled(sandbox.pool, refunded.body.id)).status, 'refunded');
    for (const id of [paid.body.id, capture, refunded.body.id])
      assert.equal((await found(call, `/${id}`)).pendingOperation, null);
    assert.deepEqual((await found(call, '?pendingOperation=true')).items, []);
    assert.deepEqual(
      (await ask()).map(({ status, text }) => [status, text]),
      [paid, captured, refunded].map(({ status, text }) => [status, text]),
    );
  });
});

test('a late answer that cannot be given because the database is held up is a 503, with which to try again', async () => {
  const { id: merchantId, call } = await newMerchant();
  const { capture } = await prepare(call);
  await bank.fault({ mode: 'timeout_not_worked', merchantId });
  const idempotencyKey = crypto.randomUUID();
  const asking = operate(call, capture, 'capture', undefined, { idempotencyKey });
  await eventually('the bank is asked', async () => (await stored(sandbox.pool, capture)).operation_id);
  const client = await sandbox.pool.connect();
  try {
    // Longer than a session of ours may be idle in a transaction.
    await client.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0');
    await client.query('SELECT FROM transaction WHERE id = $1 FOR UPDATE', [capture]);
    const { status, body, headers } = await asking;
    assert.deepEqual([status, body.reason, headers.get('retry-after')], [503, 'service_unavailable', '1']);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  await bank.fault({ mode: 'none', merchantId });
  const again = await operate(call, capture, 'capture', undefined, { idempotencyKey });
  assert.ok([200, 202].includes(again.status), again.text);
  await eventually('it is captured', async () => (await stored(sandbox.pool, capture)).status === 'charged');
});

describe('the table of cards', { concurrency: true }, () => {
  for (const number of ['4000000000700015', '4000000000700023', '4000000000700056', '4000000000700064']) {
    test(`${number} worked, and is authorized once`, async () => {
      const { body } = await pay(sandbox.call, number);
      assert.equal((await settled(sandbox.pool, body.id)).status, 'authorized');
      assert.equal((await bank.find(body.id))?.held, 10_000);
    });
  }
});

test('unknown for too long: it failed, and whatever the bank did is reversed', async () => {
  const { id: merchantId, call } = await newMerchant();
  const [never, cut] = ['4000000000700031', '4000000000700049'].map((number) => pay(sandbox.call, number));
  await bank.fault({ mode: 'timeout_worked', merchantId, operations: ['authorize', 'inquire'] });
  const worked = pay(call, VISA);
  const { id } = await eventually('the bank holds it', async () =>
    (await bank.books()).find((one) => one.merchantId === merchantId && one.held === 10_000),
  );
  await pause(600);
  await advanceClock(sandbox.pool, 40_000);
  for (const reply of await Promise.all([never, cut, worked])) {
    const row = await settled(sandbox.pool, reply?.body.id);
    assert.deepEqual([row.status, row.status_reason], ['transaction.failed', 'processing_error']);
  }
  await bank.fault({ mode: 'none', merchantId });
  await allSettled(sandbox.pool);
  assert.deepEqual([(await bank.find(id))?.held, (await bank.find(id))?.released], [0, 10_000]);
});

test('an authorization that arrives after its reversal is declined', async () => {
  const { id: merchantId, call } = await newMerchant();
  await bank.fault({ mode: 'slow', merchantId, operations: ['authorize'], delayMs: 3_000 });
  const paying = pay(call, VISA);
  const sql = 'SELECT id FROM transaction WHERE merchant_id = $1';
  const id = await eventually('it is recorded', async () => {
    return (await sandbox.pool.query(sql, [merchantId])).rows[0]?.id;
  });
  await pause(300);
  await advanceClock(sandbox.pool, 40_000);
  assert.equal((await settled(sandbox.pool, id)).status, 'transaction.failed');
  await bank.fault({ mode: 'none', merchantId });
  await paying;
  await pause(3_000);
  assert.ok(((await bank.find(id))?.held ?? 0) === 0);
});

test('kill -9 of the bank in the middle of everything', async () => {
  const { id: merchantId, call } = await newMerchant();
  const { capture, cancel, refund } = await prepare(call);
  await bank.fault({ mode: 'slow', merchantId, delayMs: 400, operations: OPERATIONS });
  const replies = Promise.all([
    pay(call, VISA),
    operate(call, capture, 'capture'),
    operate(call, cancel, 'cancel'),
    operate(call, refund, 'refund'),
  ]);
  await pause(380);
  await bank.restart();
  // Where the bank takes longer to come back than callers wait, they got the state as it was.
  const ended = await Promise.all((await replies).map(({ body }) => settled(sandbox.pool, body.id)));
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['authorized', 'charged', 'cancelled', 'refunded'],
  );
});

test('after all of that the books of the bank and the ledger are equal', async () => {
  await allSettled(sandbox.pool);
  assert.ok((await reconcile(sandbox.pool, bank)) > 30);
  await sandbox.assertInvariants();
  assert.equal(sandbox.cardsHeld(), 0);
});
