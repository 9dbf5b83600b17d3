/** The test clock: what falls due on the way has happened when it answers, in the order of its moments. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { CHALLENGED, eventually, pay, stored, VISA } from '../support/cards.ts';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { OPERATOR_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const MINUTE = 60;
const DAY = 86_400;
/** Customers of the seed, by how their wallets decide. */
const CONFIRMS = { phoneNumber: '+77010000004', iin: '950308400048' };
const DELAYS = { phoneNumber: '+77010000005', iin: '010715500051' };

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.assertInvariants());
after(() => sandbox.stop());

function post(body: unknown, idempotencyKey?: string): Promise<Reply> {
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  return sandbox.call('POST', '/v1/sandbox/clock', { body, ...key });
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, body, text } = await post({ advanceSeconds });
  assert.deepEqual([status, body.settled], [200, true], text);
}

async function offset(): Promise<number> {
  const { status, body } = await sandbox.call('GET', '/v1/sandbox/clock');
  assert.equal(status, 200);
  const ahead = (Date.parse(body.now) - Date.now()) / 1_000;
  assert.ok(Math.abs(ahead - body.offsetSeconds) < 5, `${body.now} is not ${body.offsetSeconds} s ahead`);
  return body.offsetSeconds;
}

async function walletPayment({ body }: Reply): Promise<Record<string, unknown>> {
  return (await sandbox.call('GET', `/v1/wallet/transaction/${body.walletTransactionId}`)).body;
}

/** Has Demo Store capture by itself, this long after each authorization, while `work` runs. */
async function capturingAfter(captureDelay: number, work: () => Promise<void>): Promise<void> {
  const operate = operatorOf(sandbox);
  const set = async (settings: Record<string, unknown>): Promise<void> => {
    assert.equal((await operate('PATCH', `/merchants/${DEMO_STORE}`, settings)).status, 200);
  };
  await set({ captureMode: 'automatic', captureDelay });
  await work().finally(() => set({ captureMode: 'manual', captureDelay: 0 }));
}

describe('what falls due has happened when the clock answers', () => {
  test('holds expire, by wallet and by card', async () => {
    const wallet = await sandbox.authorize();
    const card = await pay(sandbox.call, VISA);
    await advance(7 * DAY - MINUTE);
    assert.equal((await walletPayment(wallet)).walletTransactionStatus, 'PROCESSING');
    await advance(MINUTE);
    assert.equal((await walletPayment(wallet)).walletTransactionStatus, 'FAILED');
    const { status, status_reason, released } = await stored(sandbox.pool, card.body.id);
    assert.deepEqual([status, status_reason, released], ['cancelled', 'expired', 10_000n]);
  });

  test('automatic captures, with the bank’s answer; what is due first comes first', async () => {
    await capturingAfter(DAY, async () => {
      const wallet = await sandbox.authorize();
      const cards = await Promise.all([VISA, '5555555555554444'].map((card) => pay(sandbox.call, card)));
      // In one go over the captures' moment and over the end of the holds, a week later.
      await advance(30 * DAY);
      assert.equal((await walletPayment(wallet)).walletTransactionStatus, 'SUCCESS');
      for (const { body } of cards) assert.equal((await stored(sandbox.pool, body.id)).status, 'charged');
    });
  });

  test('a delayed decision, and the capture that follows from it', async () => {
    await capturingAfter(0, async () => {
      const payment = await sandbox.authorize(DELAYS);
      assert.equal(payment.body.walletTransactionStatus, 'NEW');
      await advance(3);
      assert.equal((await walletPayment(payment)).walletTransactionStatus, 'SUCCESS');
    });
  });

  test('a confirmation that nobody gave, and an authentication that was abandoned', async () => {
    const wallet = await sandbox.authorize(CONFIRMS);
    const card = await pay(sandbox.call, CHALLENGED, { returnUrl: 'https://shop.example/back' });
    assert.deepEqual([wallet.body.walletTransactionStatus, card.body.status], ['NEW', '3d']);
    await advance(9 * MINUTE);
    assert.equal((await walletPayment(wallet)).walletTransactionStatus, 'NEW');
    await advance(MINUTE);
    const { walletTransactionStatus, failureCode } = await walletPayment(wallet);
    assert.deepEqual([walletTransactionStatus, failureCode], ['FAILED', 'confirmation_expired']);
    await advance(5 * MINUTE);
    const { status, status_reason } = await stored(sandbox.pool, card.body.id);
    assert.deepEqual([status, status_reason], ['rejected', 'authentication_expired']);
  });

  test('more than one batch of them', async () => {
    const payments = await Promise.all(Array.from({ length: 250 }, () => sandbox.authorize({ amount: 1 })));
    await advance(8 * DAY);
    const { rows } = await sandbox.pool.query(
      `SELECT count(*)::int AS cancelled FROM event WHERE name = 'transaction.cancelled' AND reason = 'expired' AND amount = 1`,
    );
    assert.deepEqual(rows, [{ cancelled: payments.length }]);
  });
});

describe('the clock', () => {
  test('moves by what it was told, also by several at once', async () => {
    const start = await offset();
    const replies = await Promise.all([10, 20, 30].map((advanceSeconds) => post({ advanceSeconds })));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal(await offset(), start + 60);
  });

  test('many who move or reset it at once take no connection from each other, nor from anybody else', async () => {
    const small = await startSandbox({ POOL_SIZE: '1' });
    try {
      const send = (path: string, body?: unknown) => small.call('POST', `/v1/sandbox/${path}`, { body });
      const clocks = Array.from({ length: 5 }, () => send('clock', { advanceSeconds: 1 }));
      assert.equal((await small.call('GET', '/v1/wallet/transactions')).status, 200);
      assert.deepEqual(new Set((await Promise.all(clocks)).map(({ status }) => status)), new Set([200]));
      const resets = await Promise.all([send('reset'), send('reset'), send('reset')]);
      assert.deepEqual(new Set(resets.map(({ status }) => status)), new Set([200]));
      await small.assertInvariants();
    } finally {
      await small.stop();
    }
  });

  test('says so when a command that is under way has its Idempotency-Key', async () => {
    const idempotencyKey = crypto.randomUUID();
    const slow = (databaseDelayMs: number) =>
      sandbox.call('PUT', '/v1/sandbox/faults', { body: { databaseDelayMs } });
    await slow(1_500);
    try {
      const payment = sandbox.authorize({}, { idempotencyKey });
      await eventually('it has the key, and sleeps', async () => {
        const { rowCount } = await sandbox.pool.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
        );
        return rowCount === 1;
      });
      const moved = await sandbox.call('POST', '/v1/sandbox/clock', {
        ...{ idempotencyKey, body: { advanceSeconds: 1 } },
      });
      assert.deepEqual([moved.status, moved.body.reason], [422, 'idempotency_key_reused']);
      assert.equal((await payment).status, 201);
    } finally {
      await slow(0);
    }
  });

  test('moves once for one Idempotency-Key', async () => {
    const start = await offset();
    const first = await post({ advanceSeconds: 100 }, 'clock-1');
    const again = await post({ advanceSeconds: 100 }, 'clock-1');
    assert.deepEqual([again.status, again.text], [200, first.text]);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const other = await post({ advanceSeconds: 101 }, 'clock-1');
    assert.deepEqual([other.status, other.body.reason], [422, 'idempotency_key_reused']);
    assert.equal(await offset(), start + 100);
  });

  for (const value of [0, -1, 1.5, '60', null, 3_653 * DAY + 1]) {
    test(`does not take ${JSON.stringify(value)}`, async () => {
      const start = await offset();
      const { status, body } = await post({ advanceSeconds: value });
      assert.deepEqual([status, body.details[0].path], [400, 'advanceSeconds']);
      assert.equal(await offset(), start);
    });
  }

  test('is no operator’s, and nobody’s without a key', async () => {
    for (const [apiKey, status] of [
      [OPERATOR_KEY, 403],
      [null, 401],
    ] as const) {
      const options = { apiKey, body: { advanceSeconds: 1 } };
      assert.equal((await sandbox.call('POST', '/v1/sandbox/clock', options)).status, status);
    }
  });

  test('stops a hundred years ahead', async () => {
    for (let decade = 0; decade < 9; decade += 1) await advance(3_653 * DAY);
    const start = await offset();
    const { status, body } = await post({ advanceSeconds: 3_653 * DAY });
    assert.deepEqual([status, body.details[0].path], [400, 'advanceSeconds']);
    assert.equal(await offset(), start);
    assert.equal((await sandbox.authorize()).status, 201);
  });
});
