/** Idempotency keys across processes: one effect, one answer, whatever happens to the first attempt. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stopDatabaseServer } from '../support/database.ts';
import { lockRow } from '../support/locks.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import type { Reply } from '../support/sandbox.ts';
import { atOnce, Shop, tally } from '../support/shop.ts';

let nodes: Nodes;
before(async () => {
  nodes = await startNodes(2);
});
afterEach(() => nodes.assertInvariants());
after(async () => {
  await nodes.stop();
  await stopDatabaseServer();
});

function replayed(reply: Reply): boolean {
  return reply.headers.get('idempotency-replayed') === 'true';
}

/** One effect, equal bytes, and exactly one answer that is not a replay. */
function assertOnce(replies: readonly Reply[], status: number): void {
  assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([status]));
  assert.equal(new Set(replies.map((reply) => reply.text)).size, 1);
  assert.equal(replies.filter((reply) => !replayed(reply)).length, 1);
}

describe('the same key 100 times at once, to two processes', () => {
  test('authorize', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    for (let round = 0; round < 5; round += 1) {
      assertOnce(await atOnce(100, () => shop.authorize(wallet, 100, `authorize-${round}`)), 201);
    }
    await shop.assertMoney(wallet, { available: 9_500, held: 500, merchant: 0 });
    assert.equal((await shop.events()).length, 10);
  });

  test('an authorization that is rejected, and one that the customer must confirm', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(100);
    assertOnce(await atOnce(100, () => shop.authorize(wallet, 101, 'too much')), 201);
    const slow = { phoneNumber: '+77010000004', iin: '950308400048', currency: 'KZT', id: '', iinHash: '' };
    assertOnce(await atOnce(100, () => shop.authorize(slow, 100, 'to confirm')), 201);
    assert.equal((await shop.events()).length, 3);
  });

  test('capture, refund and cancel', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const id = await shop.hold(wallet, 1_000);
    assertOnce(await atOnce(100, () => shop.operate(id, 'cancel', 100, 'cancel')), 200);
    assertOnce(await atOnce(100, () => shop.operate(id, 'capture', 800, 'capture')), 200);
    assertOnce(await atOnce(100, () => shop.operate(id, 'refund', 300, 'refund')), 200);
    await shop.assertMoney(wallet, { available: 9_500, held: 0, merchant: 500 });
  });

  test('a refusal is remembered; an unknown id is not', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const id = await shop.hold(wallet, 1_000);
    assertOnce(await atOnce(100, () => shop.operate(id, 'capture', 1_001, 'too much')), 422);
    const unknown = 'wt_01JDM3Z7V8H8Q2X9K0R1ABCD12';
    const replies = await atOnce(100, () => shop.operate(unknown, 'capture', 1_000, 'unknown'));
    assert.deepEqual(tally(replies), { '404 transaction_not_found': 100 });
    assert.equal(replies.filter(replayed).length, 0);
    assert.equal((await shop.operate(id, 'capture', 1_000, 'unknown')).status, 200);
  });
});

describe('a slow first attempt', () => {
  test('the second waits for it and gets its answer; another body is refused', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const lock = await lockRow(nodes.databaseUrl, 'account', wallet.id);
    const first = shop.at(0).authorize(wallet, 100, 'slow');
    await lock.waitedFor();
    const second = shop.at(1).authorize(wallet, 100, 'slow');
    const third = shop.at(0).authorize(wallet, 100, 'slow');
    const other = shop.at(1).authorize(wallet, 101, 'slow');
    await delay(300);
    await lock.release();
    assertOnce(await Promise.all([first, second, third]), 201);
    assert.deepEqual(tally([await other]), { '422 idempotency_key_reused': 1 });
    await shop.assertMoney(wallet, { available: 9_900, held: 100, merchant: 0 });
  });

  test('also when it is so slow that the engine tries it again and again', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const lock = await lockRow(nodes.databaseUrl, 'account', wallet.id);
    const calls = atOnce(10, (i) => shop.at(i % 2).authorize(wallet, 100, 'slower'));
    await delay(5_000);
    await lock.release();
    assertOnce(await calls, 201);
    await shop.assertMoney(wallet, { available: 9_900, held: 100, merchant: 0 });
  });

  test('it gets 409 request_in_progress, but only after 10 seconds', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const lock = await lockRow(nodes.databaseUrl, 'account', wallet.id);
    const startedAt = performance.now();
    const seconds: number[] = [];
    const replies = await atOnce(4, async (i) => {
      const reply = await shop.at(i % 2).authorize(wallet, 100, 'stuck');
      seconds.push((performance.now() - startedAt) / 1_000);
      return reply;
    });
    await lock.release();
    assert.deepEqual(tally(replies), { '409 request_in_progress': 4 });
    for (const reply of replies) assert.equal(reply.headers.get('retry-after'), '1');
    assert.ok(
      seconds.every((waited) => waited >= 10 && waited < 12),
      `answered after ${seconds} s`,
    );
    // The attempt that was in progress may have been carried out by now, or one of these is.
    const retries = await atOnce(10, () => shop.authorize(wallet, 100, 'stuck'));
    assert.deepEqual(tally(retries), { '201 PROCESSING': 10 });
    assert.equal(new Set(retries.map((reply) => reply.text)).size, 1);
    await shop.assertMoney(wallet, { available: 9_900, held: 100, merchant: 0 });
  });

  test('when its node stands still with the batch open, the other node proceeds', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(10_000);
    const lock = await lockRow(nodes.databaseUrl, 'account', wallet.id);
    const first = shop.at(0).authorize(wallet, 100, 'stopped');
    await lock.waitedFor();
    await nodes.processes[0]?.signal('SIGSTOP');
    try {
      await lock.release();
      const startedAt = performance.now();
      const second = await shop.at(1).authorize(wallet, 100, 'stopped');
      const waited = (performance.now() - startedAt) / 1_000;
      assert.equal(second.status, 201);
      assert.ok(waited < 8, `the other node waited ${waited} s`);
      await nodes.processes[0]?.signal('SIGCONT');
      assert.equal((await first).text, second.text);
    } finally {
      await nodes.processes[0]?.signal('SIGCONT');
    }
    await shop.assertMoney(wallet, { available: 9_900, held: 100, merchant: 0 });
    assert.equal((await shop.events()).length, 2);
  });
});
