/**
 * How PostgreSQL finds lanes and deliveries when it has planned that while the tables were empty: all indexes cost the same
 * then, and one that finds what an endpoint has reads 100,000 rows for each once the endpoint has been dead for a while.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { type Client, createPool, type Pool } from '../../src/postgres/pool.ts';
import { applySettings, leaveLanes, lockLanes, readPending } from '../../src/webhooks/deliveriesSql.ts';
import { beginFanOut, findReceivers, insertPending } from '../../src/webhooks/fanOutSql.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  await migrate(database.url, () => undefined);
  pool = createPool(database.url, 1, () => undefined);
  await openInstallation(pool, 'sandbox', null);
  // Now they are known to be empty; before, PostgreSQL takes them for small.
  await pool.query('VACUUM ANALYZE webhook_lane, webhook_delivery, webhook_message, webhook_endpoint, event');
});
after(async () => {
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

const [familyId, endpointId, merchantId, transactionId] = Array.from({ length: 4 }, () => randomUUID());

/** Lends a session with the settings that webhooks have. */
async function asWebhooks(work: (client: Client) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await applySettings(client);
    await work(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** Prepares a statement by carrying it out, and explains it. */
async function planOf(client: Client, name: string, carryOut: () => Promise<unknown>): Promise<string> {
  await carryOut();
  const { rows } = await client.query(
    'SELECT cardinality(parameter_types) AS count FROM pg_prepared_statements WHERE name = $1',
    [name],
  );
  assert.equal(rows.length, 1, `${name} is not prepared`);
  const values = Array.from({ length: rows[0].count }, () => 'NULL').join(', ');
  const call = values === '' ? name : `${name} (${values})`;
  const plan = await client.query(`EXPLAIN EXECUTE ${call}`);
  return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
}

test('what is known of a family is found by the family, not among all of its endpoint', () =>
  asWebhooks(async (client) => {
    const lane = { familyId: familyId ?? '', endpointId: endpointId ?? '' };
    const key = { transactionId: transactionId ?? '', seq: 1 };
    const event = {
      ...key,
      familyId: lane.familyId,
      merchantId: merchantId ?? '',
      name: 'x',
      eventAt: 0,
      round: 1,
      linkId: null,
    };
    const answer = { statusCode: 200, error: null, response: '', status: 'delivered' } as const;
    const attempts = [{ ...lane, ...key, number: 1, at: 0, latencyMs: 1, ...answer }];
    const result = { ...lane, lease: randomUUID(), attempts, finished: 1, failures: 0, dueInMs: null };
    const message = { ...event, body: '{}' };
    const statements: Record<string, () => Promise<unknown>> = {
      webhook_receivers: () => findReceivers(client, [event], 1),
      webhook_pending: () => readPending(client, [lane], 1),
      webhook_lock_lanes: () => lockLanes(client, [result]),
      webhook_leave_lanes: () => leaveLanes(client, [result]),
      webhook_record: () => leaveLanes(client, [result]),
      webhook_insert_pending: () => insertPending(client, [{ ...lane, callbackUrl: null, message }], null),
    };
    for (const [name, carryOut] of Object.entries(statements)) {
      const plan = await planOf(client, name, carryOut);
      assert.doesNotMatch(
        plan,
        /webhook_lane_due|webhook_delivery_of_endpoint|webhook_delivery_failed|Seq Scan on webhook/,
        `${name}:\n${plan}`,
      );
    }
  }));

test('receivers are found message by message, as far as they are asked for', () =>
  asWebhooks(async (client) => {
    const key = {
      transactionId: transactionId ?? '',
      seq: 1,
      familyId: familyId ?? '',
      merchantId: merchantId ?? '',
    };
    const plan = await planOf(client, 'webhook_receivers', () =>
      findReceivers(client, [{ ...key, name: 'x', eventAt: 0, round: 1, linkId: null }], 1),
    );
    assert.doesNotMatch(plan, /Sort|Materialize/, plan);
    assert.match(plan, /Index Cond: \(merchant_id = m\.merchant_id\)/);
  }));

test('a page is read from the place on, by index', () =>
  asWebhooks(async (client) => {
    for (const clusterWide of [false, true]) {
      const name = `webhook_page_${clusterWide ? 'database' : 'snapshot'}`;
      const plan = await planOf(client, name, () => beginFanOut(client, clusterWide));
      assert.match(plan, /Index Cond: \(\(ROW\(round, "?position"?\) > ROW\(\(InitPlan/, plan);
    }
  }));
