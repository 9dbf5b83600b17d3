/** The engine alone, without HTTP. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { TransactionId } from '../src/domain/ids.ts';
import { Engine, type EngineOptions } from '../src/engine/engine.ts';
import { lateTransactionAnswer } from '../src/http/transactionViews.ts';
import { createPool, type Pool } from '../src/store/postgres.ts';
import { stopDatabaseServer } from './support/database.ts';
import { createWallets, type TestWallet } from './support/ledger.ts';
import { type Nodes, startNodes } from './support/nodes.ts';
import { OPERATOR_KEY } from './support/sandbox.ts';
import { atOnce, Shop } from './support/shop.ts';

let nodes: Nodes;
let engine: Engine;
let pool: Pool;
const errors: unknown[] = [];
before(async () => {
  nodes = await startNodes(1);
  const observe: EngineOptions['observe'] = {
    batch: () => undefined,
    queueDepth: () => undefined,
    databaseError: (error) => errors.push(error),
  };
  const { databaseUrl } = nodes;
  const limits = { batchSize: 64, lanes: 2, maxQueue: 1_000, patienceMs: 10_000, gated: true };
  const hooks = { observe, answerLate: lateTransactionAnswer, afterCommit: () => undefined };
  engine = new Engine({ databaseUrl, ...limits, ...hooks });
  pool = createPool(databaseUrl, 2, () => undefined);
});
after(async () => {
  await engine.stop();
  await pool.end();
  await nodes.assertInvariants();
  await nodes.stop();
  await stopDatabaseServer();
});

test('due batches that are asked for at once take turns on their connection', async () => {
  const shop = await Shop.open(nodes, 1);
  const [wallet] = await createWallets(pool, [{ available: 10_000 }]);
  assert.ok(wallet !== undefined);
  await atOnce(100, () => shop.hold(wallet, 100));
  // Nobody else sweeps, and everything is due by the time the sweeps start.
  await nodes.processes[0]?.signal('SIGKILL');
  await pool.query(`UPDATE installation SET clock_offset_ms = 2000`);
  await engine.doDue(0);
  const looked = await atOnce(30, () => engine.doDue(5));
  assert.equal(
    looked.reduce((sum, count) => sum + count, 0),
    100,
  );
  await nodes.assertInvariants();
  await shop.assertMoney(wallet, { available: 10_000, held: 0, merchant: 0 });
});

test('a batch whose times cannot be written changes nothing at all', async () => {
  const shop = await Shop.open(nodes);
  const wallet = await shop.wallet(10_000);
  // A clock moved beyond what a Date can be: the year 300,000.
  await pool.query('UPDATE installation SET clock_offset_ms = clock_offset_ms + 9404640000000000');
  try {
    await assert.rejects(engine.execute(authorizationOf(shop, wallet)));
  } finally {
    await pool.query('UPDATE installation SET clock_offset_ms = 2000');
  }
  await nodes.assertInvariants();
  await shop.assertMoney(wallet, { available: 10_000, held: 0, merchant: 0 });
});

/** A command as a route would send it. */
function authorizationOf(shop: Shop, wallet: TestWallet): Parameters<Engine['execute']>[0] {
  const { phoneNumber: phone, currency } = wallet;
  const { id: merchantId } = shop.merchant;
  const transactionId = uuidv7() as TransactionId;
  return {
    command: {
      ...{ kind: 'authorize', transactionId, merchantId, amount: 100n, currency, phone },
      ...{ iinHash: wallet.iinHash, orderReference: 'ORDER-1' },
    },
    sender: { actor: 'api', merchantId, paymentMethod: 'wallet' },
    apiKeyId: null,
    scopeId: merchantId,
    internalId: uuidv7(),
    idempotencyKey: uuidv7(),
    fingerprint: 'test',
    expected: null,
    answer: ({ kind }) => ({ statusCode: kind === 'transaction' ? 201 : 422, body: '{}' }),
  };
}

test('a plan of the time when a table was empty is not kept while it grows', async () => {
  const fresh = await startNodes(1);
  const db = createPool(fresh.databaseUrl, 2, () => undefined);
  try {
    const shop = await Shop.open(fresh);
    const wallet = await shop.wallet(1_000_000);
    // As an operator does after the installation: the table is known to be empty. And PostgreSQL decides for
    // plans of whatever values come, as it may.
    await db.query('ANALYZE');
    await db.query(`ALTER DATABASE ${new URL(fresh.databaseUrl).pathname.slice(1)}
      SET plan_cache_mode = force_generic_plan`);
    await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE '%engine%'`);
    // None of these writes a transaction.
    const path = `/v1/admin/wallets/${wallet.id}/deposit`;
    const deposit = { apiKey: OPERATOR_KEY, body: { amount: 10 } };
    for (let i = 0; i < 4; i += 1) {
      const replies = await atOnce(10, () => fresh.call('POST', path, deposit));
      assert.ok(replies.every(({ status }) => status === 201));
    }
    await shop.charge(wallet, 10);
    await db.query(`INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency,
        order_reference, capture_mode, created_at, updated_at, event_count, posting_count)
      SELECT gen_random_uuid(), merchant_id, type, payment_method, 'rejected', 10, currency,
        'old ' || n, capture_mode, created_at, updated_at, 0, 0
      FROM (SELECT * FROM transaction LIMIT 1) t, generate_series(1, 20000) n`);
    // One after the other, so that one session carries all of them out: 120 batches.
    for (let i = 0; i < 60; i += 1) await shop.charge(wallet, 10);
    const pagesRead = async (): Promise<number> => {
      await setTimeout(1_100);
      const { rows } =
        await db.query(`SELECT sum(idx_blks_hit + idx_blks_read)::int AS count FROM pg_statio_user_indexes
        WHERE relname = 'transaction'`);
      return rows[0].count;
    };
    const before = await pagesRead();
    for (let i = 0; i < 20; i += 1) await shop.charge(wallet, 10);
    const read = (await pagesRead()) - before;
    assert.ok(read < 5_000, `20 payments read ${read} pages of the indexes of transaction`);
    // Only for this: they have no events.
    await db.query(`DELETE FROM transaction WHERE order_reference LIKE 'old %'`);
    await fresh.assertInvariants();
  } finally {
    await db.end();
    await fresh.stop();
  }
});
