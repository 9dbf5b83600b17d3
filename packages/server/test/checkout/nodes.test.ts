/** The checkout on two nodes: many payers at once pay once, and what limits attempts is known to both. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { createLogger } from '../../src/app/logging.ts';
import { type Server, startServer } from '../../src/app/server.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { cardOf, VISA } from '../support/cards.ts';
import { type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';

const DECLINED = '4000000000000002';
const PAYERS = 40;

let bank: TestBank;
let sandbox: Sandbox;
let second: Server;
before(async () => {
  bank = await startTestBank();
  // Each payer here has an address of its own.
  const environment = { ...bank.environment, TRUSTED_PROXIES: '127.0.0.1' };
  sandbox = await startSandbox(environment);
  const config = readConfig({ DATABASE_URL: sandbox.databaseUrl, PORT: '0', ...environment });
  second = await startServer(config, createLogger('fatal'));
});
beforeEach(() => sandbox.pool.query('DELETE FROM checkout_attempt'));
after(async () => {
  await second?.stop();
  await sandbox?.stop();
  await bank?.end();
});

async function createLink(body: Record<string, unknown> = {}): Promise<string> {
  const terms = { amount: 15_000, currency: 'KZT', orderReference: 'RACE' };
  const reply = await sandbox.call('POST', '/v1/payment-links', { body: { ...terms, ...body } });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}

function pay(node: number, id: string, number: string, address: string): Promise<Reply> {
  const url = [sandbox.url, second.url][node] ?? '';
  return request(url, 'POST', `/checkout/${id}/card`, {
    apiKey: null,
    headers: { origin: url, 'x-forwarded-for': address },
    body: { attemptId: crypto.randomUUID(), card: { ...cardOf(number), holder: 'A B' } },
  });
}

async function paymentsOf(id: string): Promise<number> {
  const { body } = await sandbox.call('GET', `/v1/transactions/by-payment-link/${id}?limit=100`);
  return body.items.length;
}

test('many payers at once on two nodes: one pays, and each of the others is told that it is paid', async () => {
  const id = await createLink();
  const replies = await Promise.all(
    Array.from({ length: PAYERS }, (_, i) =>
      // Different cards: each has its own limit.
      pay(i % 2, id, i % 2 === 0 ? VISA : '5555555555554444', `198.51.100.${i + 1}`),
    ),
  );
  for (const { status, body } of replies) {
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(body.status, /^(?:paid|paying|locked)$/);
  }
  assert.equal(replies.filter(({ body }) => body.status === 'paid' && body.isOwn).length, 1);
  assert.equal(await paymentsOf(id), 1);
});

test('what one node has counted locks on the other: by link, by card, by address', async () => {
  const id = await createLink();
  for (let i = 0; i < 5; i += 1)
    assert.equal((await pay(0, id, DECLINED, `198.51.100.${i + 1}`)).body.status, 'declined');
  assert.equal((await pay(1, id, VISA, '198.51.100.99')).body.status, 'locked');
  const other = await createLink();
  assert.equal((await pay(1, other, DECLINED, '198.51.100.99')).body.status, 'locked');
  assert.equal((await pay(1, other, VISA, '198.51.100.99')).body.status, 'paid');
});

test('an address of IPv6 is its network, and one that fails too often waits, whatever link and card', async () => {
  for (let i = 0; i < 20; i += 1) {
    const { body } = await pay(i % 2, await createLink(), DECLINED, `2001:db8:1:2::${i + 1}`);
    assert.equal(body.status, 'declined');
    // As if each had been another card.
    await sandbox.pool.query('UPDATE checkout_attempt SET card = $1 WHERE length(card) > 2', [String(i)]);
  }
  assert.equal((await pay(1, await createLink(), VISA, '2001:db8:1:2:ffff::1')).body.status, 'locked');
  assert.equal((await pay(1, await createLink(), VISA, '2001:db8:1:3::1')).body.status, 'paid');
});
