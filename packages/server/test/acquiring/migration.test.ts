/** What there was before there were several acquirers is the default one's, and so is what an earlier node adds. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { TRANSACTION_COLUMNS } from '../../src/engine/batchSql.ts';
import { migrate, migrationOf } from '../../src/postgres/migrate.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

const FOLDER = path.join(import.meta.dirname, '../../migrations');
const NAME = '0050_acquirers.sql';

let database: TestDatabase;
let client: pg.Client;
before(async () => {
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
after(async () => {
  await client?.end();
  await database?.drop();
  await stopDatabaseServer();
});

/** As a node of the version before writes a payment, and what it asks of the bank. */
async function insertPayment(id: string, method: 'wallet' | 'card'): Promise<void> {
  await client.query(
    `INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency, order_reference, capture_mode,
       created_at, updated_at, event_count, posting_count)
     VALUES ($1, gen_random_uuid(), 'payment', $2, 'created', 1000, 'KZT', 'O', 'manual', now(), now(), 1, 0)`,
    [id, method],
  );
  if (method === 'wallet') return;
  await client.query(
    `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status, requested_at)
     SELECT id, id, id, merchant_id, 'authorize', amount, currency, 'api', 'pending', now() FROM transaction WHERE id = $1`,
    [id],
  );
}

async function acquirersOf(id: string): Promise<{ payment: string | null; operation: string | undefined }> {
  const payment = await client.query(`SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = $1`, [id]);
  const operation = await client.query('SELECT acquirer_id FROM bank_operation WHERE id = $1', [id]);
  return { payment: payment.rows[0].acquirerId, operation: operation.rows[0]?.acquirer_id };
}

/** Another file is another table: rows were written. */
async function files(): Promise<unknown> {
  const { rows } = await client.query(
    `SELECT pg_relation_filenode('transaction') AS t, pg_relation_filenode('bank_operation') AS o`,
  );
  return rows;
}

test('payments keep their rows, and are the default acquirer’s', async () => {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql') && name !== NAME).sort();
  const read = async (name: string) => migrationOf(name, await readFile(path.join(FOLDER, name), 'utf8'));
  const before = await Promise.all(names.filter((name) => name < NAME).map(read));
  await migrate(database.url, () => undefined, before);
  const [card, wallet, later, laterWallet] = [0, 1, 2, 3].map(() => crypto.randomUUID());
  assert.ok(card !== undefined && wallet !== undefined && later !== undefined && laterWallet !== undefined);
  await insertPayment(card, 'card');
  await insertPayment(wallet, 'wallet');
  const atFirst = await files();
  await migrate(database.url, () => undefined, [...before, await read(NAME)]);
  assert.deepEqual(await files(), atFirst);
  await migrate(database.url, () => undefined);
  assert.deepEqual(await files(), atFirst);
  await insertPayment(later, 'card');
  await insertPayment(laterWallet, 'wallet');
  for (const id of [card, later])
    assert.deepEqual(await acquirersOf(id), { payment: DEFAULT_ACQUIRER_ID, operation: DEFAULT_ACQUIRER_ID });
  for (const id of [wallet, laterWallet])
    assert.deepEqual(await acquirersOf(id), { payment: null, operation: undefined });
  const { rows } = await client.query('SELECT id, name, url FROM acquirer');
  assert.deepEqual(rows, [{ id: DEFAULT_ACQUIRER_ID, name: 'default', url: null }]);
});
