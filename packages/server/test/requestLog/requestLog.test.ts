import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { purgeRequests } from '../../src/operations/purgeSql.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import type { RequestLogEntry } from '../../src/requestLog/loggedRequest.ts';
import { RequestLog } from '../../src/requestLog/requestLog.ts';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, signIn } from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

// biome-ignore lint/suspicious/noExplicitAny: an answer
async function log(query = '', options = {}): Promise<any[]> {
  await setTimeout(700);
  const { status, body, text } = await sandbox.call('GET', `/v1/request-log?${query}`, options);
  assert.equal(status, 200, text);
  return body.items;
}

test('tells what was asked, by whom, and how it ended; without bodies and queries', async () => {
  const paid = await sandbox.authorize({}, { idempotencyKey: 'order 1', body: undefined });
  assert.equal(paid.status, 400);
  const { body } = await sandbox.authorize();
  const id = body.walletTransactionId;
  await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 99_999_999 } });
  await sandbox.call('GET', '/v1/transactions?query=secret');
  const items = await log();
  assert.deepEqual(
    items.map(({ method, route, path, status, reason }) => [method, route, path, status, reason]),
    [
      ['GET', '/v1/transactions', '/v1/transactions', 200, null],
      [
        'POST',
        '/v1/wallet/:wallet_transaction_id/capture',
        `/v1/wallet/${id}/capture`,
        422,
        'amount_exceeds_held',
      ],
      ['POST', '/v1/wallet/authorize', '/v1/wallet/authorize', 201, null],
      ['POST', '/v1/wallet/authorize', '/v1/wallet/authorize', 400, items[3].reason],
    ],
  );
  assert.equal(items[3].idempotencyKey, 'order 1');
  assert.equal(items[3].requestId, paid.body.requestId);
  assert.ok(items.every(({ latencyMs }) => latencyMs >= 1 && latencyMs < 60_000));
  const { rows } = await sandbox.pool.query('SELECT request_log::text AS line FROM request_log');
  for (const { line } of rows) assert.doesNotMatch(line, /secret|77010000001|900101300017/);
});

test('is filtered, paged, and each merchant’s own', async () => {
  assert.deepEqual(
    (await log('status=4xx&method=POST')).map(({ status }) => status),
    [422, 400],
  );
  assert.equal((await log('text=EXCEEDS_held')).length, 1);
  assert.equal((await log('text=%25')).length, 0);
  assert.deepEqual(await log('', { apiKey: OTHER_KEY }), []);
  const first = (await sandbox.call('GET', '/v1/request-log?status=2xx&limit=2')).body;
  const second = (await sandbox.call('GET', `/v1/request-log?status=2xx&limit=2&cursor=${first.nextCursor}`))
    .body;
  assert.equal(new Set([...first.items, ...second.items].map(({ id }) => id)).size, 4);
});

test('of people only what they changed', async () => {
  const browser = await signIn(sandbox.url, ADMIN);
  await browser.call('GET', '/v1/session');
  await browser.call('POST', '/v1/api-keys', { body: { name: 'till' } });
  const [newest, ...others] = await log('text=/v1/api-keys');
  assert.deepEqual([newest.method, newest.status, others.length], ['POST', 201, 0]);
  assert.equal((await log('text=/v1/session')).length, 0);
});

test('the Idempotency-Key of an answer that showed a secret is not kept', async () => {
  const browser = await signIn(sandbox.url, ADMIN);
  const options = { body: { name: 'vault' }, idempotencyKey: 'of a secret' };
  assert.equal((await browser.call('POST', '/v1/api-keys', options)).status, 201);
  const [newest] = await log('text=/v1/api-keys');
  assert.deepEqual([newest.status, newest.idempotencyKey], [201, null]);
  assert.equal((await log('text=of+a+secret')).length, 0);
});

test('an API key, or a card number, that was put into a path is not kept', async () => {
  await sandbox.call('GET', `/v1/transactions/${OTHER_KEY}`);
  await sandbox.call('GET', `/v1/transactions?orderReference=${OTHER_KEY}`);
  await sandbox.call('GET', '/v1/transactions/order-4242424242424242', {
    idempotencyKey: `key ${OTHER_KEY}`,
  });
  const [card, , key] = await log('text=/v1/transactions');
  assert.deepEqual([card.path, card.idempotencyKey], ['/v1/transactions/order-•••', 'key pr_test_•••']);
  assert.equal(key.path, '/v1/transactions/pr_test_•••');
  const { rows } = await sandbox.pool.query('SELECT request_log::text AS line FROM request_log');
  for (const { line } of rows) assert.doesNotMatch(line, /pr_test_other|4242424242424242/);
});

test('a flood is dropped and counted, errors last; adding one takes no time', async () => {
  const written: number[] = [];
  let dropped = 0;
  const pool = { query: async () => void written.push(1) } as unknown as Pool;
  const observe = {
    requestsNotLogged: (count: number) => {
      dropped += count;
    },
  };
  const flooded = new RequestLog(pool, observe, assert.ifError);
  const entry: RequestLogEntry = {
    ...{
      merchantId: 'm',
      at: 0,
      method: 'GET',
      route: '/',
      url: '/',
      status: 200,
      latencyMs: 1,
      requestId: 'r',
    },
    ...{ idempotencyKey: null, reason: null, credentialId: 'c' },
  };
  const before = process.cpuUsage();
  for (let i = 0; i < 100_000; i += 1) flooded.add({ ...entry, at: i });
  const microseconds = process.cpuUsage(before).user / 100_000;
  // A fraction of one; whatever is done with each of those that wait would take a hundred.
  assert.ok(microseconds < 10, `${microseconds} µs each`);
  for (let i = 0; i < 300; i += 1) flooded.add({ ...entry, status: 500 });
  await flooded.stop();
  assert.deepEqual([dropped, written.length], [100_000 - 750 + 50, 4]);
});

test('a week later it is gone', async () => {
  const count = async () =>
    (await sandbox.pool.query('SELECT count(*)::int AS n FROM request_log')).rows[0].n;
  const before = await count();
  await sandbox.pool.query(
    `UPDATE request_log SET at = now() - interval '7 days 1 minute' WHERE status >= 400`,
  );
  await purgeRequests(sandbox.pool, 0);
  const after = await count();
  assert.ok(after > 0 && after < before);
  const { rows } = await sandbox.pool.query('SELECT max(status) AS worst FROM request_log');
  assert.ok(rows[0].worst < 400);
});
