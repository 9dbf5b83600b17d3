/** The schedulers of two nodes on one database: what is due is acted on once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stopDatabaseServer } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { atOnce, countEvents, Shop } from '../support/shop.ts';

let nodes: Nodes;
before(async () => {
  nodes = await startNodes(2);
});
after(async () => {
  await nodes.assertInvariants();
  await nodes.stop();
  await stopDatabaseServer();
});

const HOLDS = 400;

test('two nodes that sweep at once, and are told at once to advance, expire each hold once', async () => {
  const shop = await Shop.open(nodes, 3_600);
  const wallet = await shop.wallet(HOLDS);
  const ids = await atOnce(HOLDS, () => shop.hold(wallet, 1));
  const advances = await atOnce(4, (i) =>
    shop.at(i % 2).call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 1_800 } }),
  );
  assert.deepEqual(
    advances.map(({ status, body }) => [status, body.settled]),
    Array(4).fill([200, true]),
  );
  const events = await shop.events();
  assert.equal(countEvents(events, 'transaction.cancelled'), HOLDS);
  assert.equal(new Set(events.map((event) => event.transactionId)).size, ids.length);
  assert.equal(events.length, 3 * HOLDS);
  await shop.assertMoney(wallet, { available: HOLDS, held: 0, merchant: 0 });
});

test('each node alone does what the other one left', async () => {
  const shop = await Shop.open(nodes, 1);
  const wallet = await shop.wallet(100);
  await atOnce(100, () => shop.hold(wallet, 1));
  // Nobody is asked to: both sweep by themselves every quarter of a second.
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (countEvents(await shop.events(), 'transaction.cancelled') === 100) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await shop.events()).length, 300);
  await shop.assertMoney(wallet, { available: 100, held: 0, merchant: 0 });
});
