/** The engine alone, without HTTP. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Engine, type EngineOptions } from '../src/engine/engine.ts';
import { lateTransactionAnswer } from '../src/http/transactionViews.ts';
import { createPool, type Pool } from '../src/store/postgres.ts';
import { stopDatabaseServer } from './support/database.ts';
import { createWallets } from './support/ledger.ts';
import { type Nodes, startNodes } from './support/nodes.ts';
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
  const limits = { batchSize: 64, lanes: 2, maxQueue: 1_000, patienceMs: 10_000 };
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
