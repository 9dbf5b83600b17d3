/**
 * The races that other payment systems have shipped, 200 requests at once over HTTP, on one
 * process and on two that share a database. Each ends with the audit of all seven invariants.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stopDatabaseServer } from '../support/database.ts';
import { EVERY_EVENT } from '../support/ledger.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { atOnce as allAtOnce, countEvents as count, Shop, tally } from '../support/shop.ts';

after(stopDatabaseServer);

const AT_ONCE = 200;

type OpenShop = (authorizationTtlSeconds?: number) => Promise<Shop>;

for (const processes of [1, 2]) {
  describe(`races on ${processes} process${processes === 1 ? '' : 'es'}`, () => {
    let nodes: Nodes;
    before(async () => {
      nodes = await startNodes(processes);
    });
    afterEach(() => nodes.assertInvariants());
    after(() => nodes.stop());
    races((authorizationTtlSeconds) => Shop.open(nodes, authorizationTtlSeconds));
  });
}

/** 200 of these at once. */
function atOnce<T>(work: (i: number) => Promise<T>, times = AT_ONCE): Promise<T[]> {
  return allAtOnce(times, work);
}

function races(open: OpenShop): void {
  refundRaces(open);
  holdRaces(open);
  expiryRaces(open);
  eventRaces(open);
  keyRaces(open);
}

function refundRaces(open: OpenShop): void {
  test('concurrent refunds never exceed the capture together', async () => {
    const shop = await open();
    const wallet = await shop.wallet(10_000);
    const id = await shop.charge(wallet, 10_000);
    const replies = await atOnce(() => shop.operate(id, 'refund', 75));
    assert.deepEqual(tally(replies), { '200 SUCCESS': 133, '422 amount_exceeds_refundable': 67 });
    await shop.assertMoney(wallet, { available: 9_975, held: 0, merchant: 25 });
    const events = await shop.events();
    assert.equal(count(events, 'transaction.partially_refunded'), 133);
    assert.equal(count(events, 'transaction.refunded'), 133);
  });

  test('a repeated refund pays once and is never taken back', async () => {
    const shop = await open();
    const wallet = await shop.wallet(10_000);
    const id = await shop.charge(wallet, 10_000);
    const repeated = await atOnce(() => shop.operate(id, 'refund', 4_000, 'refund-1'));
    assert.equal(new Set(repeated.map((reply) => reply.text)).size, 1);
    assert.deepEqual(tally(repeated), { '200 SUCCESS': AT_ONCE });
    await shop.assertMoney(wallet, { available: 4_000, held: 0, merchant: 6_000 });
    const rest = await atOnce(() => shop.operate(id, 'refund', 6_000));
    assert.deepEqual(tally(rest), { '200 SUCCESS': 1, '422 amount_exceeds_refundable': AT_ONCE - 1 });
    assert.deepEqual(tally(await atOnce(() => shop.operate(id, 'refund', 4_000, 'refund-1'))), {
      '200 SUCCESS': AT_ONCE,
    });
    await shop.assertMoney(wallet, { available: 10_000, held: 0, merchant: 0 });
    assert.equal(await shop.statusOf(id), 'SUCCESS');
    const names = (await shop.events()).filter(({ type }) => type === 'payment').map(({ name }) => name);
    assert.deepEqual(names.slice(-2), ['transaction.partially_refunded', 'transaction.refunded']);
  });
}

function holdRaces(open: OpenShop): void {
  test('a rejected payment cannot be captured', async () => {
    const shop = await open();
    const wallet = await shop.wallet(100);
    const rejected = await shop.authorize(wallet, 101);
    assert.deepEqual([rejected.status, rejected.body.failureCode], [201, 'insufficient_funds']);
    const id = rejected.body.walletTransactionId;
    const replies = await atOnce(() => shop.operate(id, 'capture', 101));
    assert.deepEqual(tally(replies), { '422 invalid_transaction_state': AT_ONCE });
    await shop.assertMoney(wallet, { available: 100, held: 0, merchant: 0 });
    assert.equal(await shop.statusOf(id), 'FAILED');
  });

  test('one of two captures of a hold succeeds', async () => {
    const shop = await open();
    const wallet = await shop.wallet(10_000);
    const id = await shop.hold(wallet, 10_000);
    const replies = await atOnce(() => shop.operate(id, 'capture', 5_000));
    assert.deepEqual(tally(replies), { '200 SUCCESS': 1, '422 invalid_transaction_state': AT_ONCE - 1 });
    await shop.assertMoney(wallet, { available: 5_000, held: 0, merchant: 5_000 });
    assert.equal(count(await shop.events(), 'transaction.charged'), 1);
  });

  test('a capture or a cancel of a hold succeeds, never both', async () => {
    const shop = await open();
    const wallet = await shop.wallet(100_000);
    const ids = await atOnce(() => shop.hold(wallet, 1_000), 100);
    const pairs = await Promise.all(
      ids.map((id, i) => {
        const pair = i % 2 === 0 ? ['capture', 'cancel'] : ['cancel', 'capture'];
        return Promise.all(pair.map((operation) => shop.operate(id, operation, 1_000)));
      }),
    );
    for (const pair of pairs) {
      assert.deepEqual(tally(pair), { '200 SUCCESS': 1, '422 invalid_transaction_state': 1 });
    }
    const events = await shop.events();
    const charged = count(events, 'transaction.charged');
    assert.equal(charged + count(events, 'transaction.cancelled'), 100);
    await shop.assertMoney(wallet, {
      available: 100_000 - charged * 1_000,
      held: 0,
      merchant: charged * 1_000,
    });
    const id = await shop.hold(wallet, 1_000);
    const all = await atOnce((i) => shop.operate(id, i % 2 === 0 ? 'capture' : 'cancel', 1_000));
    assert.deepEqual(tally(all), { '200 SUCCESS': 1, '422 invalid_transaction_state': AT_ONCE - 1 });
  });

  test('a hold is never ignored by a balance check', async () => {
    const shop = await open();
    const wallet = await shop.wallet(10_000);
    const replies = await atOnce(() => shop.authorize(wallet, 100));
    assert.deepEqual(tally(replies), { '201 PROCESSING': 100, '201 insufficient_funds': 100 });
    await shop.assertMoney(wallet, { available: 0, held: 10_000, merchant: 0 });
    const events = await shop.events();
    assert.equal(count(events, 'transaction.authorized'), 100);
    assert.equal(count(events, 'transaction.rejected'), 100);
  });

  test('the remainder of a partial capture is released', async () => {
    const shop = await open();
    const wallet = await shop.wallet(AT_ONCE * 100);
    const ids = await atOnce(() => shop.hold(wallet, 100));
    await shop.assertMoney(wallet, { available: 0, held: AT_ONCE * 100, merchant: 0 });
    const captures = await Promise.all(ids.map((id) => shop.operate(id, 'capture', 30)));
    assert.deepEqual(tally(captures), { '200 SUCCESS': AT_ONCE });
    await shop.assertMoney(wallet, { available: AT_ONCE * 70, held: 0, merchant: AT_ONCE * 30 });
    const again = await Promise.all(ids.map((id) => shop.operate(id, 'capture', 70)));
    assert.deepEqual(tally(again), { '422 invalid_transaction_state': AT_ONCE });
  });
}

function expiryRaces(open: OpenShop): void {
  test('an expired hold cannot be captured', async () => {
    const shop = await open(1);
    const wallet = await shop.wallet(AT_ONCE * 100);
    const ids = await atOnce(() => shop.hold(wallet, 100));
    // Captures from shortly before the expiry to shortly after it, against the sweep.
    const captures = await Promise.all(
      ids.map(async (id, i) => {
        await delay(700 + i * 3);
        return shop.operate(id, 'capture', 100);
      }),
    );
    await delay(500);
    const charged = tally(captures)['200 SUCCESS'] ?? 0;
    await shop.assertMoney(wallet, {
      available: (AT_ONCE - charged) * 100,
      held: 0,
      merchant: charged * 100,
    });
    const { rows } = await shop.nodes.pool.query(
      `SELECT count(*)::int AS late FROM event e JOIN transaction t ON t.id = e.transaction_id
       WHERE t.merchant_id = $1 AND e.name = 'transaction.charged' AND e.at >= t.expires_at`,
      [shop.merchant.id],
    );
    assert.deepEqual(rows, [{ late: 0 }]);
    for (const reply of captures.filter(({ status }) => status !== 200)) {
      // Whether the sweep came before them or not.
      assert.deepEqual([reply.status, reply.body.reason], [422, 'authorization_expired']);
    }
    const late = await Promise.all(ids.map((id) => shop.operate(id, 'capture', 100)));
    const again = {
      '422 authorization_expired': AT_ONCE - charged,
      '422 invalid_transaction_state': charged,
    };
    assert.deepEqual(tally(late), Object.fromEntries(Object.entries(again).filter(([, count]) => count > 0)));
  });

  test('every expiry is reported by one event', async () => {
    const shop = await open(1);
    const wallet = await shop.wallet(AT_ONCE * 100);
    const ids = await atOnce(() => shop.hold(wallet, 100));
    await waitUntil(async () => count(await shop.events(), 'transaction.cancelled') === AT_ONCE);
    await delay(300);
    await shop.assertMoney(wallet, { available: AT_ONCE * 100, held: 0, merchant: 0 });
    const events = await shop.events();
    assert.equal(events.length, 3 * AT_ONCE);
    const expiries = events.filter(({ seq }) => seq === 3);
    assert.ok(expiries.every(({ name, reason }) => name === 'transaction.cancelled' && reason === 'expired'));
    assert.ok(expiries.every(({ amount }) => amount === 100n));
    const statuses = await Promise.all(ids.map((id) => shop.statusOf(id)));
    assert.deepEqual(new Set(statuses), new Set(['FAILED']));
  });
}

async function waitUntil(holds: () => Promise<boolean>, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    assert.ok(Date.now() < end, 'it did not happen in time');
    await delay(50);
  }
}

function eventRaces(open: OpenShop): void {
  test('an event is there as soon as its payment is answered', async () => {
    const shop = await open();
    const wallet = await shop.wallet(AT_ONCE * 100);
    const missing = await atOnce(async () => {
      const id = await shop.hold(wallet, 100);
      const { status } = await shop.operate(id, 'capture', 100);
      assert.equal(status, 200);
      const { rows } = await shop.nodes.pool.query(
        `SELECT FROM transaction t CROSS JOIN LATERAL (SELECT * FROM ${EVERY_EVENT} e WHERE e.transaction_id = t.id OFFSET 0) e
         WHERE t.id = ANY (SELECT id FROM transaction WHERE merchant_id = $1 AND status = 'charged')
         GROUP BY t.id HAVING array_agg(e.name ORDER BY e.seq) <>
           ARRAY['transaction.created', 'transaction.authorized', 'transaction.charged']`,
        [shop.merchant.id],
      );
      return rows.length;
    });
    assert.deepEqual(new Set(missing), new Set([0]));
    assert.equal((await shop.events()).length, 3 * AT_ONCE);
  });
}

function keyRaces(open: OpenShop): void {
  test('an idempotency key never answers with the result of another request', async () => {
    const shop = await open();
    const wallet = await shop.wallet(1_000_000);
    const replies = await atOnce((i) => shop.authorize(wallet, 100 + (i % 2), 'shared', `ORDER-${i % 2}`));
    const made = replies.filter(({ status }) => status === 201);
    assert.equal(made.length, AT_ONCE / 2);
    assert.equal(new Set(made.map(({ text }) => text)).size, 1);
    const others = replies.filter(({ status }) => status !== 201);
    assert.deepEqual(tally(others), { '422 idempotency_key_reused': AT_ONCE / 2 });
    const [first] = made;
    const winner = first?.body.amount - 100;
    replies.forEach(({ status }, i) => {
      assert.equal(status, i % 2 === winner ? 201 : 422);
    });
    const own = await atOnce((i) => shop.authorize(wallet, 1_000 + i, `own-${i}`, `OWN-${i}`));
    own.forEach(({ body }, i) => {
      assert.deepEqual([body.amount, body.orderReference], [1_000 + i, `OWN-${i}`]);
    });
    assert.equal((await shop.events()).length, 2 * (AT_ONCE + 1));
  });

  test('a key is answered with its own result while another body tries it, long after', async () => {
    const shop = await open();
    const wallet = await shop.wallet(1_000_000);
    const first = await shop.authorize(wallet, 100, 'kept');
    const replies = await atOnce((i) => shop.authorize(wallet, i % 2 === 0 ? 999 : 100, 'kept'));
    replies.forEach(({ status, text, body }, i) => {
      if (i % 2 === 0) assert.deepEqual([status, body.reason], [422, 'idempotency_key_reused']);
      else assert.equal(text, first.text);
    });
    await shop.assertMoney(wallet, { available: 999_900, held: 100, merchant: 0 });
  });

  test('a key does not execute twice after a crash', async () => {
    const shop = await open();
    const wallet = await shop.wallet(AT_ONCE * 100);
    const cut = atOnce((i) => shop.authorize(wallet, 100, `crash-${i}`).catch(() => null));
    const [node] = shop.nodes.processes;
    await delay(15);
    await node?.signal('SIGKILL');
    const before = await cut;
    await node?.restart();
    const replies = await atOnce((i) => shop.authorize(wallet, 100, `crash-${i}`));
    assert.deepEqual(tally(replies), { '201 PROCESSING': AT_ONCE });
    before.forEach((reply, i) => {
      if (reply?.status === 201) assert.equal(reply.text, replies[i]?.text);
    });
    await shop.assertMoney(wallet, { available: 0, held: AT_ONCE * 100, merchant: 0 });
    assert.equal((await shop.events()).length, 2 * AT_ONCE);
  });
}
