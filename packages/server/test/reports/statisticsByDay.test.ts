/** The overview's numbers agree with the transactions themselves, whichever way they were counted. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

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
  const [newest, second, third, fourth, oldest] = items;
  const post = async (id: string, operation: string, amount?: number, more: object = {}) => {
    const reply = await sandbox.call('POST', `/v1/transactions/${id}/${operation}`, {
      body: amount === undefined ? more : { ...more, amount },
    });
    assert.equal(reply.status, 200, reply.text);
  };
  await post(newest.id, 'capture');
  await post(newest.id, 'refund', 5_000);
  await post(second.id, 'cancel');
  await post(third.id, 'cancel', 10_000);
  await post(fourth.id, 'capture', 15_000);
  await post(oldest.id, 'capture', 4_000, { final: false });
});
after(() => sandbox.stop());

// biome-ignore lint/suspicious/noExplicitAny: the answer, whose schema the server itself checks
async function statistics(query = ''): Promise<any> {
  const reply = await sandbox.call('GET', `/v1/statistics?${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

/**
 * 45,000 captured and partly refunded; 30,000 partly released; 15,000 of 20,000 captured; 4,000 of 10,000 captured, and
 * the rest held; 40,000 cancelled.
 */
const EXPECTED = {
  ...{ count: 8, succeeded: 4, declined: 2, failed: 0, cancelled: 1, pending: 1 },
  ...{ authorizedVolume: 105_000, captured: 3, capturedVolume: 64_000, averageAmount: 21_333 },
  ...{ refunds: 1, refundedVolume: 5_000, netVolume: 59_000 },
};

test('counts payments by how they stand, per currency, and what is held', async () => {
  const { totals, previous, buckets, declines, ...rest } = await statistics();
  const { from, to, ...numbers } = totals;
  assert.deepEqual(numbers, EXPECTED);
  const lastHour = Math.floor((Date.parse(to) - 1) / 3_600_000) * 3_600_000;
  assert.equal(Date.parse(from), lastHour - 23 * 3_600_000);
  assert.equal(Date.parse(to) - Date.parse(previous.to), 24 * 3_600_000);
  assert.equal(previous.count, 0);
  assert.equal(buckets.length, 24);
  const { start, ...last } = buckets.at(-1);
  assert.equal(Date.parse(start), lastHour);
  // The hour may have changed since the payments were made.
  const counted = buckets.slice(-2).reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  assert.deepEqual([counted, Object.keys(last).sort()], [EXPECTED.count, Object.keys(EXPECTED).sort()]);
  assert.deepEqual(
    declines.sort((a: { reason: string }, b: { reason: string }) => (a.reason < b.reason ? -1 : 1)),
    [
      { reason: 'insufficient_funds', count: 1 },
      { reason: 'wallet_frozen', count: 1 },
    ],
  );
  assert.deepEqual(rest, {
    interval: 'hour',
    timeZone: 'UTC',
    currency: 'KZT',
    currencies: ['KZT', 'USD'],
    waitingForCapture: { count: 2, heldVolume: 26_000 },
    expiringSoon: { count: 0, heldVolume: 0 },
  });
  const usd = await statistics('currency=USD');
  assert.deepEqual(
    [usd.totals.count, usd.totals.authorizedVolume, usd.totals.capturedVolume, usd.declines],
    [1, 500, 0, []],
  );
});

test('the period before, days, and an empty time', async () => {
  const from = Date.now() + 60_000;
  const to = new Date(from + 86_400_000).toISOString();
  const days = await statistics(`interval=day&to=${to}&from=${new Date(from).toISOString()}`);
  assert.deepEqual([days.totals.count, days.previous.count], [0, 8]);
  assert.equal(days.previous.to, days.totals.from);
});

test('the figures are those of the lists that the dashboard opens for them', async () => {
  const { totals } = await statistics();
  const listed = async (query: string) =>
    (await sandbox.call('GET', `/v1/transactions?limit=100&currency=KZT&createdFrom=${totals.from}&${query}`))
      .body.items as {
      readonly status: string;
      readonly amount: number;
      readonly capturedAmount: number;
      readonly processedAmount: number;
    }[];
  const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);
  // More captures may follow one of a payment that is still authorized.
  const payments = await listed('type=payment&status=authorized,charged,refunded');
  const captured = payments.filter(({ capturedAmount }) => capturedAmount > 0);
  assert.deepEqual(
    [totals.captured, totals.capturedVolume],
    [captured.length, sum(captured.map(({ capturedAmount }) => capturedAmount))],
  );
  const refunds = await listed('type=refund&status=refunded');
  assert.deepEqual(
    [totals.refunds, totals.refundedVolume],
    [refunds.length, sum(refunds.map(({ amount }) => amount))],
  );
  const processed = (rows: Awaited<ReturnType<typeof listed>>): number =>
    sum(rows.map(({ processedAmount }) => processedAmount));
  const over = await listed('type=payment&status=charged,refunded');
  const held = sum(payments.filter(({ status }) => status === 'authorized').map((row) => row.capturedAmount));
  assert.equal(totals.netVolume, processed(over) + held - processed(refunds));
  assert.deepEqual(
    [totals.succeeded, totals.authorizedVolume],
    [payments.length, sum(payments.map(({ amount }) => amount))],
  );
});

test('days are those of a time zone: the one asked for, else the merchant’s, else UTC', async () => {
  const summer = 'interval=day&from=2026-10-23T22:00:00Z&to=2026-10-27T23:00:00Z';
  const starts = async (query: string): Promise<[string, string[]]> => {
    const { timeZone, buckets } = await statistics(query);
    return [timeZone, buckets.map(({ start }: { start: string }) => start.slice(5, 16))];
  };
  const berlin = ['10-23T22:00', '10-24T22:00', '10-25T23:00', '10-26T23:00'];
  const utc = ['10-23T22:00', '10-24T00:00', '10-25T00:00', '10-26T00:00', '10-27T00:00'];
  assert.deepEqual(await starts(summer), ['UTC', utc]);
  assert.deepEqual(await starts(`${summer}&timeZone=Europe/Berlin`), ['Europe/Berlin', berlin]);

  const operate = operatorOf(sandbox);
  const set = (timeZone: unknown) => operate('PATCH', `/merchants/${DEMO_STORE}`, { timeZone });
  assert.equal((await set('europe/berlin')).body.timeZone, 'Europe/Berlin');
  // Other than what was asked before, whose answer is remembered for a moment.
  assert.deepEqual(await starts(`${summer}&currency=KZT`), ['Europe/Berlin', berlin]);
  assert.equal((await starts(`${summer}&currency=KZT&timeZone=UTC`))[0], 'UTC');
  for (const wrong of ['Berlin', '+01:00', '']) {
    const { status, body } = await set(wrong);
    assert.deepEqual([status, body.details[0].path], [400, 'timeZone'], wrong);
  }
  assert.equal(
    (await operate('PATCH', `/merchants/${DEMO_STORE}`, { captureDelay: 0 })).body.timeZone,
    'Europe/Berlin',
  );
  assert.equal((await set(null)).body.timeZone, null);

  const week = await statistics('interval=day&intervals=7&timeZone=Asia/Almaty');
  assert.equal(week.buckets.length, 7);
  for (const { start } of week.buckets) assert.match(start, /T19:00:00\.000Z$/);
  assert.equal(Date.parse(week.totals.to) - Date.parse(week.previous.to), 7 * 86_400_000);
});

test('a range that leaves the calendar, with what it is compared with, is refused', async () => {
  const out = [
    ['to=0001-01-01T00:00:00Z', 'to'],
    ['to=0001-01-01T12:00:00Z&interval=day&intervals=1&timeZone=Asia/Almaty', 'to'],
    ['from=0001-01-01T00:00:00Z&to=0001-01-01T05:00:00Z', 'from'],
    ['from=0000-12-31T00:00:00Z&to=0001-01-02T00:00:00Z', 'from'],
    ['to=9999-12-31T23:59:59.999-01:00', 'to'],
  ] as const;
  for (const [query, path] of out) {
    const { status, body, text } = await sandbox.call('GET', `/v1/statistics?${query}`);
    assert.deepEqual([status, body.reason, body.details?.[0]?.path], [400, 'invalid_request', path], text);
    assert.match(body.message, /years 1 to 9999/);
  }
  for (const query of ['to=9999-12-31T23:59:59.999Z', 'to=0001-01-05T00:00:00Z', 'to=1970-01-01T00:00:00Z'])
    assert.equal((await sandbox.call('GET', `/v1/statistics?${query}`)).status, 200, query);
});

test('what is wrong is named', async () => {
  const bad: [query: string, path: string][] = [
    ['from=yesterday', 'from'],
    ['to=2026-02-30T00:00:00Z', 'to'],
    ['interval=week', 'interval'],
    ['currency=XXX', 'currency'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['timeZone=Almaty', 'timeZone'],
    ['timeZone=%2B05:00', 'timeZone'],
    ['intervals=0', 'intervals'],
    ['intervals=201', 'intervals'],
    ['intervals=5&from=2026-01-02T00:00:00Z', 'intervals'],
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
