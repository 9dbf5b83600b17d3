/** The engine alone, without HTTP. */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { Engine, type EngineOptions, type OnceCall } from '../../src/engine/engine.ts';
import { lateTransactionAnswer } from '../../src/payments/transactionViews.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { stopDatabaseServer } from '../support/database.ts';
import { createWallets, type TestWallet } from '../support/ledger.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { atOnce, Shop } from '../support/shop.ts';

let nodes: Nodes;
let engine: Engine;
let pool: Pool;
const errors: unknown[] = [];

function newEngine(databaseUrl: string): Engine {
  const observe: EngineOptions['observe'] = {
    batch: () => undefined,
    queueDepth: () => undefined,
    databaseError: (error) => errors.push(error),
  };
  const limits = { batchSize: 64, connections: 2, maxQueue: 1_000, patienceMs: 10_000, gated: true };
  const hooks = {
    ...{ observe, answerLate: lateTransactionAnswer, can: () => true },
    afterCommit: () => undefined,
  };
  return new Engine({ databaseUrl, ...limits, ...hooks });
}

before(async () => {
  nodes = await startNodes(1);
  engine = newEngine(nodes.databaseUrl);
  pool = createPool(nodes.databaseUrl, 2, () => undefined);
});
after(async () => {
  await engine.stop();
  await pool.end();
  await nodes.assertInvariants();
  await nodes.stop();
  await stopDatabaseServer();
});

/** Longer than it takes to place the holds, on any machine: nobody sweeps one of them before the others are there. */
const TTL_SECONDS = 3_600;
const AHEAD_MS = TTL_SECONDS * 1_000;

test('due batches that are asked for at once take turns on their connection', async () => {
  const shop = await Shop.open(nodes, TTL_SECONDS);
  const [wallet] = await createWallets(pool, [{ available: 10_000 }]);
  assert.ok(wallet !== undefined);
  await atOnce(100, () => shop.hold(wallet, 100));
  // Nobody else sweeps, and everything is due by the time the sweeps start.
  await nodes.processes[0]?.signal('SIGKILL');
  await pool.query(`UPDATE installation SET clock_offset_ms = ${AHEAD_MS}`);
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
    await assert.rejects(engine.runOnce(authorizationOf(shop, wallet)));
  } finally {
    await pool.query(`UPDATE installation SET clock_offset_ms = ${AHEAD_MS}`);
  }
  await nodes.assertInvariants();
  await shop.assertMoney(wallet, { available: 10_000, held: 0, merchant: 0 });
});

/** A command as a route would send it. */
function authorizationOf(shop: Shop, wallet: TestWallet): OnceCall {
  const { phoneNumber: phone, currency } = wallet;
  const { id: merchantId } = shop.merchant;
  const transactionId = uuidv7() as TransactionId;
  return {
    command: {
      ...{ kind: 'authorize', transactionId, merchantId, amount: 100n, currency, phone },
      ...{ iinHash: wallet.iinHash, orderReference: 'ORDER-1' },
    },
    sender: { actor: 'api', merchantId, paymentMethod: 'wallet' },
    once: {
      apiKeyId: null,
      scopeId: merchantId,
      key: uuidv7(),
      ...{ fingerprint: 'test', otherFingerprints: [], usual: null },
      render: ({ kind }) => ({ statusCode: kind === 'transaction' ? 201 : 422, body: '{}' }),
    },
  };
}

test('plans are made anew after 10 and 100 batches of a session', async () => {
  const target = new URL(nodes.databaseUrl);
  const { port, hostname } = target;
  let discards = 0;
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on('data', (bytes) => {
      discards += bytes.toString('latin1').split('DISCARD PLANS').length - 1;
    });
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  target.port = String((proxy.address() as AddressInfo).port);
  const proxied = newEngine(target.href);
  try {
    // One of payments and one of links each time.
    for (let batches = 2; batches <= 120; batches += 2) {
      await proxied.doDue(0);
      assert.equal(discards, batches < 10 ? 0 : batches < 100 ? 1 : 2, `after ${batches} batches`);
    }
  } finally {
    await proxied.stop();
    proxy.close();
  }
});
