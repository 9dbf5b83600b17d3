/** Years of payments: what is kept, what goes, and that PostgreSQL's own upkeep follows how much is new, not how much there is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { seedWallets } from '../../../../bench/database.ts';
import { fillYears, YEARS } from '../../../../bench/growthFill.ts';
import { purgeKeys, purgeRequests, purgeWebhooks, WEBHOOK_TABLES } from '../../src/operations/purgeSql.ts';
import { advanceClock } from '../support/cards.ts';
import { DEMO_STORE } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const PAYMENTS = 3_000;
const YEAR_MS = 365 * 86_400_000;
/** What proves where money is, and what was decided about it. */
const KEPT = ['transaction', 'event', 'posting', 'bank_operation', 'wallet_transfer', 'audit_log'];

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
  await seedWallets(sandbox.databaseUrl, 'a key of nobody, for holders whom nobody looks up', 50);
  await fillYears(sandbox.databaseUrl, DEMO_STORE, PAYMENTS, () => undefined);
});
after(() => sandbox?.stop());

async function counts(tables: readonly string[]): Promise<Record<string, number>> {
  const sql = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  return (await sandbox.pool.query(`SELECT ${sql}`)).rows[0];
}

async function purgeAll(): Promise<void> {
  const all = [
    purgeKeys,
    purgeRequests,
    ...WEBHOOK_TABLES.map(
      (table) => (db: typeof sandbox.pool, page: number) => purgeWebhooks(db, table, page),
    ),
  ];
  for (const purge of all)
    for (let page: number | null = 0; page !== null; ) page = await purge(sandbox.pool, page);
}

test('the payments that the benchmark makes are such as the engine would have made', async () => {
  const { rows } = await sandbox.pool.query(
    `SELECT count(*)::int AS payments, count(DISTINCT status)::int AS statuses, count(DISTINCT payment_method)::int AS methods,
       (extract(epoch FROM max(created_at) - min(created_at)) * 1000)::bigint AS span FROM transaction WHERE type = 'payment'`,
  );
  const [{ payments, statuses, methods, span }] = rows;
  assert.deepEqual([payments, statuses, methods], [PAYMENTS, 4, 2]);
  assert.ok(Number(span) > (YEARS - 0.1) * YEAR_MS);
  await sandbox.assertInvariants();
});

test('nothing of money is purged, however old it is, and the oldest payment is found', async () => {
  const had = await counts(KEPT);
  await sandbox.pool.query(
    `INSERT INTO idempotency_key (scope_id, key, fingerprint, status_code, created_at)
     VALUES (gen_random_uuid(), 'old', 'f', 422, now() - interval '5 years')`,
  );
  await advanceClock(sandbox.pool, 11 * YEAR_MS);
  await purgeAll();
  assert.deepEqual(await counts(KEPT), had);
  const { rows } = await sandbox.pool.query(
    `SELECT FROM idempotency_key WHERE created_at < now() - interval '31 days'`,
  );
  assert.equal(rows.length, 0);
  await sandbox.assertInvariants();
  // The first 40 are those of the Demo Store.
  const { body } = await sandbox.call(
    'GET',
    '/v1/transactions?orderReference=ORDER-000000000001&type=payment',
  );
  assert.equal(body.items.length, 1);
});

test('what is only ever added to is vacuumed by how much is new, and frozen then', async () => {
  const { rows } = await sandbox.pool.query<{ table: string; options: string[] | null }>(
    `SELECT c.relname AS table, c.reloptions AS options FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE t.tgname = 'append_only' ORDER BY 1`,
  );
  assert.ok(rows.length >= 4);
  for (const { table, options } of rows)
    for (const option of ['autovacuum_vacuum_insert_scale_factor=0', 'autovacuum_freeze_min_age=0'])
      assert.ok(options?.includes(option), `${table}: ${option}`);
});
