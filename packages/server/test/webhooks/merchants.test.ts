/**
 * Every row of webhooks names its merchant. A database of the version before, whose rows did not, is migrated while nodes of
 * that version go on with it.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type Migration, migrate, migrationOf } from '../../src/postgres/migrate.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
/** More than one step fills in. */
const MANY = 20_000;
const TABLES = ['webhook_lane', 'webhook_delivery', 'webhook_attempt', 'webhook_message'];
/** Before it, nodes of the version before can go on. */
const END_OF_TRIGGERS = '0062';
const silent = (): void => undefined;

async function filesBefore(first: string): Promise<Migration[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => name < first).sort();
  return Promise.all(
    names.map(async (name) => migrationOf(name, await readFile(new URL(name, MIGRATIONS), 'utf8'))),
  );
}

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 3, silent);
});
after(async () => {
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

const MERCHANT = randomUUID();
const ENDPOINT = randomUUID();

/** As a node of the version before: what is sent of an event, and what came of it. */
async function sendAsBefore(familyId: string, transactionId: string): Promise<void> {
  const values = [familyId, ENDPOINT, transactionId];
  await pool.query(
    `INSERT INTO webhook_lane (family_id, endpoint_id, pending, due_at) VALUES ($1, $2, 1, now())`,
    values.slice(0, 2),
  );
  await pool.query(
    `INSERT INTO webhook_message (transaction_id, seq, body, created_at) VALUES ($1, 1, '{}', now())`,
    [transactionId],
  );
  await pool.query(
    `INSERT INTO webhook_delivery (family_id, endpoint_id, transaction_id, seq, name, event_at, created_at)
     VALUES ($1, $2, $3, 1, 'transaction.charged', now(), now())`,
    values,
  );
  await pool.query(
    `INSERT INTO webhook_attempt (family_id, endpoint_id, transaction_id, seq, number, at, latency_ms)
     VALUES ($1, $2, $3, 1, 1, now(), 1)`,
    values,
  );
}

async function insertTransaction(id: string): Promise<void> {
  await pool.query(
    `INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, captured, currency, capture_mode, order_reference,
       created_at, updated_at, event_count, posting_count)
     VALUES ($1, $2, 'payment', 'card', 'charged', 1, 1, 'KZT', 'manual', 'ORDER-1', now(), now(), 1, 0)`,
    [id, MERCHANT],
  );
}

async function merchantsOf(table: string): Promise<unknown[]> {
  return (await pool.query(`SELECT DISTINCT merchant_id AS id FROM ${table}`)).rows.map(({ id }) => id);
}

test('a database of the version before is filled in, also what its nodes write and change meanwhile', async () => {
  await migrate(database.url, silent, await filesBefore('0051'));
  await pool.query(`INSERT INTO merchant (id, name, created_at) VALUES ($1, 'Store', now())`, [MERCHANT]);
  await pool.query(
    `INSERT INTO webhook_endpoint (id, merchant_id, url, events, secret, after_round, created_at, updated_at)
     VALUES ($1, $2, 'https://shop.example', '{}', 'sealed', 0, now(), now())`,
    [ENDPOINT, MERCHANT],
  );
  // Tests of the endpoint, which are of no transaction, with and without their deliveries.
  await pool.query(
    `WITH message AS (INSERT INTO webhook_message (transaction_id, seq, body, created_at)
         SELECT gen_random_uuid(), 0, '{}', now() FROM generate_series(1, $2) RETURNING transaction_id AS id),
       lane AS (INSERT INTO webhook_lane (family_id, endpoint_id, pending, due_at) SELECT id, $1, 1, now() FROM message),
       attempt AS (INSERT INTO webhook_attempt (family_id, endpoint_id, transaction_id, seq, number, at, latency_ms)
         SELECT id, $1, id, 0, 1, now(), 1 FROM message)
     INSERT INTO webhook_delivery (family_id, endpoint_id, transaction_id, seq, name, event_at, created_at)
     SELECT id, $1, id, 0, 'webhook.test', now(), now() FROM message`,
    [ENDPOINT, MANY],
  );
  const orphan = randomUUID();
  await pool.query(
    `INSERT INTO webhook_message (transaction_id, seq, body, created_at) VALUES ($1, 0, '{}', now())`,
    [orphan],
  );
  const [sent, later] = [randomUUID(), randomUUID()];
  for (const id of [sent, later]) await insertTransaction(id);
  await sendAsBefore(sent, sent);

  await migrate(database.url, silent, await filesBefore('0052'));
  // A node of the version before changes a row that was not filled in yet, and writes others.
  await pool.query(
    `UPDATE webhook_delivery SET attempts = 1, status = 'delivered' WHERE transaction_id = $1`,
    [sent],
  );
  await sendAsBefore(later, later);
  const holder = await pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM webhook_lane ORDER BY family_id LIMIT 10 FOR UPDATE');
  const migrated = filesBefore(END_OF_TRIGGERS).then((files) => migrate(database.url, silent, files));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await holder.query('ROLLBACK');
  holder.release();
  await migrated;

  for (const table of TABLES) {
    assert.deepEqual(await merchantsOf(table), [MERCHANT], table);
    const { rows } = await pool.query(
      `SELECT attnotnull AS required FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'merchant_id'`,
      [table],
    );
    assert.deepEqual(rows, [{ required: true }], table);
    const counted = await pool.query(`SELECT count(*)::int AS count FROM ${table}`);
    assert.equal(counted.rows[0].count, MANY + 2, `${table}: only what was nobody’s is gone`);
  }
  assert.equal(
    (await pool.query('SELECT FROM webhook_message WHERE transaction_id = $1', [orphan])).rowCount,
    0,
  );

  // Nodes of the version before go on, with events and with tests.
  const last = randomUUID();
  await insertTransaction(last);
  await sendAsBefore(last, last);
  const ofTest = randomUUID();
  await sendAsBefore(ofTest, ofTest);
  for (const table of TABLES) assert.deepEqual(await merchantsOf(table), [MERCHANT], table);

  await migrate(database.url, silent);
  for (const table of TABLES) assert.deepEqual(await merchantsOf(table), [MERCHANT], table);
  await assert.rejects(sendAsBefore(last, last), { code: '23502' }, 'who names no merchant is refused');
});

test('every table of webhooks that has rows of merchants requires their merchant', async () => {
  const { rows } = await pool.query(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relname LIKE 'webhook%' AND NOT EXISTS (
       SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'merchant_id' AND a.attnotnull) ORDER BY 1`,
  );
  // One row: how far the feed has been read, of all merchants together.
  assert.deepEqual(rows, [{ name: 'webhook_feed' }]);
});
