/** The overview's numbers agree with the transactions themselves, whichever way they were counted. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DEMO_STORE, operatorOf } from './support/operator.ts';
import { OTHER_KEY, type Sandbox, startSandbox } from './support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
  for (const amount of [10_000, 20_000, 30_000, 40_000, 45_000]) await sandbox.authorize({ amount });
  await sandbox.authorize({ amount: 500, currency: 'USD' });
  await sandbox.authorize({ phoneNumber: '+77010000002', iin: '850520400027' });
  await sandbox.authorize({ phoneNumber: '+77010000003', iin: '771211300039' });
  await sandbox.authorize({ phoneNumber: '+77010000004', iin: '950308400048' });
  await sandbox.authorize({ amount: 99 }, { apiKey: OTHER_KEY, idempotencyKey: 'other' });
  const { items } = (await sandbox.call('GET', '/v1/transactions?status=authorized&currency=KZT')).body;
  const [newest, second, third, fourth] = items;
  const post = async (id: string, operation: string, amount?: number) => {
    const reply = await sandbox.call('POST', `/v1/transactions/${id}/${operation}`, {
      body: amount === undefined ? {} : { amount },
    });
    assert.equal(reply.status, 200, reply.text);
  };
  await post(newest.id, 'capture');
  await post(newest.id, 'refund', 5_000);
  await post(second.id, 'cancel');
  await post(third.id, 'cancel', 10_000);
  await post(fourth.id, 'capture', 15_000);
});
after(() => sandbox.stop());

// biome-ignore lint/suspicious/noExplicitAny: the answer, whose schema the server itself checks
async function statistics(query = ''): Promise<any> {
  const reply = await sandbox.call('GET', `/v1/statistics?${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

/** 45,000 captured and partly refunded; 30,000 partly released; 20,000 captured; 10,000 held; 40,000 cancelled. */
const EXPECTED = {
  ...{ count: 8, volume: 105_000, succeeded: 4, declined: 2, failed: 0, cancelled: 1, pending: 1 },
  ...{ averageAmount: 26_250, refunds: 1, refundedVolume: 5_000 },
};

test('counts payments by how they stand, per currency, and what is held', async () => {
  const { totals, previous, buckets, declines, ...rest } = await statistics();
  const { from, to, ...numbers } = totals;
  assert.deepEqual(numbers, EXPECTED);
  assert.equal(Date.parse(to) - Date.parse(from), 24 * 3_600_000);
  assert.equal(previous.to, from);
  assert.equal(previous.count, 0);
  assert.equal(buckets.length, 24);
  const { start, ...last } = buckets.at(-1);
  assert.deepEqual([last, Date.parse(to) - Date.parse(start)], [EXPECTED, 3_600_000]);
  assert.deepEqual(
    declines.sort((a: { reason: string }, b: { reason: string }) => (a.reason < b.reason ? -1 : 1)),
    [
      { reason: 'insufficient_funds', count: 1 },
      { reason: 'wallet_frozen', count: 1 },
    ],
  );
  assert.deepEqual(rest, {
    interval: 'hour',
    currency: 'KZT',
    currencies: ['KZT', 'USD'],
    waitingForCapture: { count: 2, heldVolume: 30_000 },
    expiringSoon: { count: 0, heldVolume: 0 },
  });
  const usd = await statistics('currency=USD');
  assert.deepEqual([usd.totals.count, usd.totals.volume, usd.declines], [1, 500, []]);
});

test('the period before, days, and an empty time', async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const days = await statistics(
    `interval=day&to=${tomorrow}&from=${new Date(Date.now() + 60_000).toISOString()}`,
  );
  assert.deepEqual([days.buckets.length, days.totals.count, days.previous.count], [1, 0, 8]);
});

test('what is wrong is named', async () => {
  const bad: [query: string, path: string][] = [
    ['from=yesterday', 'from'],
    ['to=2026-02-30T00:00:00Z', 'to'],
    ['interval=week', 'interval'],
    ['currency=XXX', 'currency'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['nothing=1', 'nothing'],
  ];
  for (const [query, path] of bad) {
    const { status, body, text } = await sandbox.call('GET', `/v1/statistics?${query}`);
    assert.equal(status, 400, text);
    assert.ok(
      body.details.some((detail: { path: string }) => detail.path === path),
      text,
    );
  }
});

test('after the test clock has moved the numbers are the same, an hour later', async () => {
  const operate = operatorOf(sandbox);
  await operate('PATCH', `/merchants/${DEMO_STORE}`, { authorizationTtl: 7_200 });
  await sandbox.authorize({ amount: 7 });
  const moved = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 3_600 } });
  assert.equal(moved.status, 200, moved.text);
  await sandbox.authorize({ amount: 5 });
  const { totals, buckets, declines, expiringSoon } = await statistics('interval=hour');
  // The customer who had to confirm did not: declined, meanwhile.
  assert.deepEqual([totals.count, totals.succeeded, totals.declined], [10, 6, 3]);
  assert.equal(declines.length, 3);
  const counts = buckets.map(({ count }: { count: number }) => count).filter((count: number) => count > 0);
  assert.deepEqual(counts, [9, 1]);
  assert.deepEqual(expiringSoon, { count: 2, heldVolume: 12 });
});
