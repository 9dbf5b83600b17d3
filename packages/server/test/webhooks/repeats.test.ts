/**
 * An event that is told again is told in the same bytes, whoever tells it, to whom, and whatever has happened since:
 * receivers compare them, or keep the first by its hash.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHALLENGED, operate, pay, settled, VISA } from '../support/cards.ts';
import { rewriteHistory } from '../support/history.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createEndpoint, type Receiver, startReceiver, type TestEndpoint } from '../support/webhooks.ts';

let sandbox: Sandbox;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
  receiver = await startReceiver();
});
after(async () => {
  await receiver.stop();
  await sandbox.stop();
});

async function ok(reply: Promise<Reply>): Promise<Reply['body']> {
  const { status, body, text } = await reply;
  assert.ok(status < 300, text);
  return body;
}

async function cardPayment(body: Record<string, unknown> = {}): Promise<string> {
  return (await ok(pay(sandbox.call, VISA, { captureMode: 'manual', ...body }))).id;
}

/** A payer who goes to the bank's page, approves, and comes back. */
async function authenticate(): Promise<void> {
  const returnUrl = 'https://shop.example/back';
  const payment = await ok(pay(sandbox.call, CHALLENGED, { captureMode: 'manual', returnUrl }));
  assert.equal(payment.status, '3d');
  const body = new URLSearchParams({ decision: 'approve' });
  const page = await fetch(payment.redirectUrl, { method: 'POST', body, redirect: 'manual' });
  await fetch(page.headers.get('location') ?? '', { redirect: 'manual' });
  assert.equal((await settled(sandbox.pool, payment.id)).status, 'authorized');
}

const capture = (id: string, amount?: number) => ok(operate(sandbox.call, id, 'capture', amount));
const refund = (id: string, amount?: number) => ok(operate(sandbox.call, id, 'refund', amount));

/** Payments of every kind, in two currencies, between changes of the merchant's balances. */
async function trade(): Promise<void> {
  const waiting = await cardPayment();
  const dollars = await cardPayment({ currency: 'USD' });
  const wallet = (await ok(sandbox.authorize())).walletTransactionId;
  await ok(sandbox.call('POST', `/v1/wallet/${wallet}/capture`, { body: { amount: 9_000 } }));
  await authenticate();
  await capture(waiting, 4_000);
  await refund(waiting, 1_000);
  await ok(sandbox.call('POST', `/v1/wallet/${wallet}/refund`, { body: { amount: 500 } }));
  await capture(dollars);
  await cardPayment({ currency: 'USD' });
  await refund(waiting);
}

/** The merchant's events, oldest first, as the API lists them. */
async function listed(): Promise<Reply['body'][]> {
  const events: Reply['body'][] = [];
  for (let cursor = ''; ; ) {
    const page = await ok(sandbox.call('GET', `/v1/events?limit=100${cursor}`));
    events.push(...page.items);
    if (page.nextCursor === null) return events.reverse();
    cursor = `&cursor=${page.nextCursor}`;
  }
}

async function told(count: number, what: string): Promise<ReadonlyMap<string, string>> {
  await receiver.until(({ received }) => received.length >= count, what);
  const texts = receiver.received.map(({ headers, text }) => [String(headers['webhook-id']), text] as const);
  receiver.clear();
  assert.equal(new Map(texts).size, count, what);
  return new Map(texts);
}

function assertSame(again: ReadonlyMap<string, string>, first: ReadonlyMap<string, string>): void {
  for (const [id, text] of first) assert.equal(again.get(id), text);
  assert.equal(again.size, first.size);
}

const replay = ({ id }: TestEndpoint) => {
  const body = { from: '2020-01-01T00:00:00Z', to: new Date(Date.now() + 60_000).toISOString() };
  return ok(sandbox.call('POST', `/v1/webhook-endpoints/${id}/replay`, { body }));
};

/** As after 30 days: what was sent is rendered again. @param count how many were sent: all that are to be written first */
async function forget(count: number): Promise<void> {
  const { pool } = sandbox;
  const written = `SELECT count(*)::int AS count FROM webhook_delivery WHERE status = 'delivered'
    AND NOT EXISTS (SELECT FROM webhook_lane)`;
  while ((await pool.query(written)).rows[0].count < count) await sleep(10);
  for (const table of ['webhook_attempt', 'webhook_delivery', 'webhook_message'])
    await pool.query(`DELETE FROM ${table}`);
}

test('a webhook that is sent again has the same bytes, whatever has changed since', async () => {
  const endpoint = await createEndpoint(sandbox.call, receiver.url);
  await trade();
  const shown = (await listed()).filter(({ statusChanged }) => statusChanged);
  const first = await told(shown.length, 'each event');

  const later = await cardPayment();
  await capture(later);
  await capture(await cardPayment({ currency: 'USD' }));
  const since = (await listed()).filter(({ statusChanged }) => statusChanged).length - shown.length;
  const all = new Map([...first, ...(await told(since, 'what came later'))]);

  await forget(all.size);
  await replay(endpoint);
  assertSame(await told(all.size, 'a replay'), all);

  // A node that has sent, and died before it wrote so: the next one reads on where that one had.
  await forget(all.size);
  await sandbox.pool.query('UPDATE webhook_feed SET round = 0, position = 0, token = gen_random_uuid()');
  assertSame(await told(all.size, 'another node'), all);

  const other = await createEndpoint(sandbox.call, receiver.url);
  await replay(other);
  assertSame(await told(all.size, 'another endpoint'), all);
  await ok(sandbox.call('DELETE', `/v1/webhook-endpoints/${other.id}`));

  for (const { id, name, merchantId, data } of await listed()) {
    const text = all.get(id);
    if (text !== undefined) assert.deepEqual({ name, merchantId, data }, JSON.parse(text));
  }
  await ok(sandbox.call('DELETE', `/v1/webhook-endpoints/${endpoint.id}`));
});

test('the balance of every event is that of the last one before it that changed it, in its currency', async () => {
  await trade();
  const { rows } = await sandbox.pool.query(
    `SELECT transaction_id || ' ' || seq AS key, balance FROM event WHERE balance IS NOT NULL`,
  );
  const changes = new Map(rows.map(({ key, balance }) => [key, Number(balance)]));
  const balances = new Map<string, number>();
  const currencies = new Set<string>();
  for (const { seq, data } of await listed()) {
    const change = changes.get(`${data.id} ${seq}`);
    if (change !== undefined) balances.set(data.currency, change);
    currencies.add(data.currency);
    assert.equal(data.balance, balances.get(data.currency) ?? 0, `${data.id} ${seq}`);
  }
  assert.deepEqual([...currencies].sort(), ['KZT', 'USD']);
  assert.ok(changes.size >= 10);
});

/** As events were before. */
function loseCurrencies(): Promise<void> {
  return rewriteHistory(sandbox.pool, 'UPDATE event SET balance_currency = NULL');
}

test('events of before the currency of balances was kept are told in the same bytes, once it has changed', async () => {
  await loseCurrencies();
  const balance = async (currency: string): Promise<number> => {
    const { rows } = await sandbox.pool.query(
      `SELECT balance FROM account a JOIN merchant m ON m.id = a.owner_id
       WHERE currency = $1 AND balance > 0 ORDER BY balance DESC LIMIT 1`,
      [currency],
    );
    return Number(rows[0].balance);
  };
  const before = { KZT: await balance('KZT'), USD: await balance('USD') };
  const payment = await cardPayment();
  const texts = JSON.stringify(await listed());
  const shown = (await listed()).findLast(({ data }) => data.id === payment);
  assert.equal(shown.data.balance, before.KZT);
  await capture(payment, 3_000);
  await refund(payment, 1_000);
  assert.ok(JSON.stringify(await listed()).startsWith(texts.slice(0, -1)), 'after a capture');

  // A refund comes first: the balance before it is more.
  await loseCurrencies();
  const again = JSON.stringify(await listed());
  await refund(payment, 500);
  assert.ok(JSON.stringify(await listed()).startsWith(again.slice(0, -1)), 'after a refund');
});
