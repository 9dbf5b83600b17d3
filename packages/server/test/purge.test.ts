/** Old idempotency keys go, in small steps; those that protect somebody stay. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inTransaction } from '../src/store/postgres.ts';
import { purgeKeys } from '../src/store/purge.ts';
import { type Sandbox, startSandbox } from './support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Keys that look like those of refusals: they have a response, and no effect. */
async function addKeys(
  prefix: string,
  count: number,
  age: string,
  status: number | null = 422,
): Promise<void> {
  await sandbox.pool.query(
    `INSERT INTO idempotency_key (scope_id, key, fingerprint, status_code, response, created_at)
     SELECT gen_random_uuid(), $1 || i, 'f', $4::smallint, CASE WHEN $4::smallint IS NOT NULL THEN repeat('x', 200) END, now() - $3::interval
     FROM generate_series(1, $2::int) i`,
    [prefix, count, age, status],
  );
}

async function count(prefix: string): Promise<number> {
  const sql = 'SELECT count(*)::int AS count FROM idempotency_key WHERE starts_with(key, $1)';
  return (await sandbox.pool.query(sql, [prefix])).rows[0].count;
}

/** @returns the longest step in milliseconds */
async function purgeAll(): Promise<number> {
  let longest = 0;
  for (let page: number | null = 0; page !== null; ) {
    const startedAt = performance.now();
    page = await purgeKeys(sandbox.pool, page);
    longest = Math.max(longest, performance.now() - startedAt);
  }
  return longest;
}

test('keys of merchants go after 30 days, internal ids after one', async () => {
  await addKeys('young ', 3, '29 days 23 hours');
  await addKeys('old ', 3, '30 days 1 hour');
  await addKeys('\u00b7young ', 3, '23 hours');
  await addKeys('\u00b7old ', 3, '25 hours');
  await purgeAll();
  const left = await Promise.all(['young ', 'old ', '\u00b7young ', '\u00b7old '].map(count));
  assert.deepEqual(left, [3, 0, 3, 0]);
  await sandbox.assertInvariants();
});

test('a key whose response is still awaited stays, however old', async () => {
  await addKeys('awaited ', 2, '60 days', null);
  await purgeAll();
  assert.equal(await count('awaited '), 2);
  await sandbox.pool.query(`DELETE FROM idempotency_key WHERE starts_with(key, 'awaited ')`);
});

test('the sandbox’s clock does not shorten the protection', async () => {
  const before = await sandbox.authorize({}, { idempotencyKey: 'kept' });
  await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 40 * 86_400 } });
  await purgeAll();
  assert.equal((await sandbox.authorize({}, { idempotencyKey: 'kept' })).text, before.text);
});

test('a key that somebody has locked is passed over, and no step waits for it', async () => {
  await addKeys('locked ', 5, '40 days');
  await inTransaction(sandbox.pool, async (client) => {
    await client.query(`SELECT FROM idempotency_key WHERE key = 'locked 3' FOR UPDATE`);
    assert.ok((await purgeAll()) < 1_000);
  });
  assert.equal(await count('locked '), 1);
});

test('100,000 old keys are many short transactions, on several nodes at once', async () => {
  await addKeys('bulk ', 100_000, '31 days');
  await addKeys('bulk young ', 1_000, '1 day');
  const [longest] = await Promise.all([purgeAll(), purgeAll()]);
  assert.equal(await count('bulk '), 1_000);
  // On an idle machine a fifth of the 100 ms that a background job may take.
  assert.ok(longest < 500, `a step took ${Math.round(longest)} ms`);
});
