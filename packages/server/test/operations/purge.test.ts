/** Old idempotency keys and webhooks go, in small steps; those that protect somebody stay. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startPurge } from '../../src/operations/purge.ts';
import { purgeKeys, purgeWebhooks, WEBHOOK_TABLES } from '../../src/operations/purgeSql.ts';
import { inTransaction } from '../../src/postgres/pool.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

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

test('challenges that strangers were given and nobody signed go in one pass, however many', async () => {
  await sandbox.pool.query(
    `INSERT INTO passkey_challenge (challenge, expires_at)
     SELECT 'old ' || n, now() - interval '1 minute' FROM generate_series(1, 1700) n
     UNION ALL SELECT 'young', now() + interval '1 minute'`,
  );
  const errors: unknown[] = [];
  const purge = startPurge(sandbox.pool, (error) => errors.push(error));
  try {
    const left = async (): Promise<number> =>
      (await sandbox.pool.query('SELECT count(*)::int AS count FROM passkey_challenge')).rows[0].count;
    // The next pass begins in 10 minutes.
    for (let i = 0; i < 200 && (await left()) > 1; i += 1) await setTimeout(100);
    assert.deepEqual([await left(), errors], [1, []]);
  } finally {
    await purge.stop();
  }
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

test('webhooks go after 30 days of the sandbox’s clock, but nothing of what is pending', async () => {
  const { body: endpoint } = await sandbox.call('POST', '/v1/webhook-endpoints', {
    body: { url: 'http://127.0.0.1:9/hook' },
  });
  await sandbox.call('POST', `/v1/webhook-endpoints/${endpoint.id}/disable`);
  const add = async (status: string, age: string): Promise<void> => {
    await sandbox.pool.query(
      `WITH clock AS (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' - $2::interval AS time,
           (SELECT merchant_id FROM webhook_endpoint WHERE id = $3) AS merchant FROM installation),
         message AS (INSERT INTO webhook_message (transaction_id, seq, merchant_id, body, created_at)
           SELECT gen_random_uuid(), 0, merchant, '{}', time FROM clock RETURNING transaction_id AS id),
         lane AS (INSERT INTO webhook_lane (family_id, endpoint_id, merchant_id, pending, due_at)
           SELECT id, $3, merchant, 1, time FROM message, clock WHERE $1 = 'pending'),
         attempt AS (INSERT INTO webhook_attempt (family_id, endpoint_id, merchant_id, transaction_id, seq, number, at, latency_ms)
           SELECT id, $3, merchant, id, 0, 1, time, 1 FROM message, clock)
       INSERT INTO webhook_delivery (family_id, endpoint_id, merchant_id, transaction_id, seq, name, event_at, status, created_at)
       SELECT id, $3, merchant, id, 0, 'webhook.test', time, $1, time FROM message, clock`,
      [status, age, endpoint.id],
    );
  };
  const counts = async (): Promise<number[]> => {
    for (const table of WEBHOOK_TABLES)
      for (let page: number | null = 0; page !== null; )
        page = await purgeWebhooks(sandbox.pool, table, page);
    const sql = WEBHOOK_TABLES.map((table) => `(SELECT count(*)::int FROM ${table})`).join(', ');
    return (await sandbox.pool.query({ text: `SELECT ${sql}`, rowMode: 'array' })).rows[0] ?? [];
  };
  for (const status of ['pending', 'delivered', 'failed'])
    for (const age of ['29 days', '31 days']) await add(status, age);
  assert.deepEqual(WEBHOOK_TABLES, [
    'webhook_attempt',
    'webhook_delivery',
    'webhook_message',
    'webhook_lane',
  ]);
  assert.deepEqual(await counts(), [3, 4, 4, 2]);
  await sandbox.call('DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
  assert.deepEqual(await counts(), [3, 3, 3, 0]);
});
