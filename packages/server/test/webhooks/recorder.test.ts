/** Recording what came of lanes, when there is much of it, and when one of them cannot be recorded. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import { type LaneResult, requeue } from '../../src/webhooks/deliveriesSql.ts';
import { LEFT_ALONE_MS } from '../../src/webhooks/dispatch.ts';
import { insertEndpoint } from '../../src/webhooks/endpointsSql.ts';
import { Recorder, type RecorderDeps } from '../../src/webhooks/recorder.ts';
import { SLOTS } from '../../src/webhooks/slots.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { createMerchant } from '../support/ledger.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 1, () => undefined);
  await migrate(database.url, () => undefined);
  await openInstallation(pool, 'sandbox', null);
});
beforeEach(() => pool.query('TRUNCATE webhook_lane, webhook_delivery, webhook_attempt, webhook_endpoint'));
after(async () => {
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

/** Lanes of one delivery each, claimed, and how they ended: with an answer of 500. */
async function endedLanes(count: number): Promise<LaneResult[]> {
  const { id: merchantId } = await createMerchant(pool);
  const fields = {
    url: 'https://shop.example',
    description: null,
    events: [],
    secret: 'sealed',
    bearerToken: null,
  };
  const { id: endpointId } = await insertEndpoint(pool, { id: randomUUID(), merchantId, ...fields });
  const messages = Array.from({ length: count }, () => {
    const transactionId = randomUUID();
    const message = { transactionId, familyId: transactionId, merchantId, seq: 0, round: 0, body: '{}' };
    return { ...message, callbackUrl: null, name: 'webhook.test', eventAt: Date.now() };
  });
  await inTransaction(pool, (db) => requeue(db, endpointId, messages, false));
  const lease = randomUUID();
  await pool.query(
    `UPDATE webhook_lane SET lease = $1, leased_until = clock_timestamp() + interval '30 seconds'`,
    [lease],
  );
  const answer = { statusCode: 500, error: null, response: '', status: 'pending', latencyMs: 1 } as const;
  return messages.map(({ transactionId, familyId, seq }) => {
    const lane = { familyId, endpointId };
    const attempt = { ...lane, transactionId, seq, number: 1, at: Date.now(), ...answer };
    return { ...lane, lease, attempts: [attempt], finished: 0, failures: 1, dueInMs: 5_000 };
  });
}

function recorderOf(deps: Partial<RecorderDeps> = {}): Recorder {
  return new Recorder({
    ...{ pool, gated: false, onRecorded: () => undefined, onDisabled: () => undefined },
    onError: (error) => assert.fail(String(error)),
    ...deps,
  });
}

async function untilRecorded(recorder: Recorder): Promise<void> {
  await recorder.stop(60_000);
}

test('whoever has more to record than a node has under way is behind, until it is written', async () => {
  const results = await endedLanes(SLOTS + 1);
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM webhook_lane FOR UPDATE');
  const recorder = recorderOf();
  for (const result of results.slice(1)) recorder.record(result);
  await sleep(100);
  assert.equal(recorder.isBehind, false, 'as many as there are slots');
  for (const result of results.slice(0, 1)) recorder.record(result);
  assert.equal(recorder.isBehind, true);
  await sleep(100);
  assert.equal(recorder.isBehind, true, 'what is being written is not recorded yet');
  await holder.query('ROLLBACK');
  await holder.end();
  await untilRecorded(recorder);
  assert.equal(recorder.isBehind, false);
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM webhook_attempt');
  assert.equal(rows[0].count, SLOTS + 1);
});

test('2,500 lanes are recorded in batches of 1,000', async () => {
  let batches = 0;
  const recorder = recorderOf({
    onRecorded: () => {
      batches += 1;
    },
  });
  for (const result of await endedLanes(2_500)) recorder.record(result);
  await untilRecorded(recorder);
  assert.equal(batches, 3);
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM webhook_lane WHERE lease IS NULL');
  assert.equal(rows[0].count, 2_500);
});

test('one that cannot be recorded keeps no other from it, and is left for a minute', async () => {
  const results = await endedLanes(20);
  const refused = results[7];
  assert.ok(refused !== undefined);
  await pool.query(
    `ALTER TABLE webhook_attempt ADD CONSTRAINT refused CHECK (family_id <> '${refused.familyId}')`,
  );
  const errors: unknown[] = [];
  const recorder = recorderOf({ onError: (error) => errors.push(error) });
  for (const result of results) recorder.record(result);
  await untilRecorded(recorder);
  await pool.query('ALTER TABLE webhook_attempt DROP CONSTRAINT refused');
  const { rows } = await pool.query(
    `SELECT family_id AS "familyId", lease, failures, due_at > now() + $1 * interval '0.9 ms' AS later FROM webhook_lane
     WHERE family_id = $2 OR lease IS NOT NULL`,
    [LEFT_ALONE_MS, refused.familyId],
  );
  assert.deepEqual(rows, [{ familyId: refused.familyId, lease: null, failures: 1, later: true }]);
  const attempts = await pool.query('SELECT count(*)::int AS count FROM webhook_attempt');
  assert.equal(attempts.rows[0].count, 19);
  assert.match(String(errors), /refused/);
});
