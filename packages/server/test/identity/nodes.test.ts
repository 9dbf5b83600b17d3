/** Two nodes on one database: what ends on one is over on the other. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { CUSTOMER, request } from '../support/sandbox.ts';
import { ADMIN, type Browser, MANAGER, signIn } from '../support/user.ts';

let nodes: Nodes;
const urlOf = (node: number): string => nodes.processes[node]?.url ?? '';
before(async () => {
  nodes = await startNodes(2);
});
after(async () => {
  await nodes.assertInvariants();
  await nodes.stop();
});

async function pay(): Promise<string> {
  const { status, text, body } = await request(urlOf(1), 'POST', '/v1/wallet/authorize', {
    idempotencyKey: crypto.randomUUID(),
    body: { amount: 1_000, currency: 'KZT', orderReference: '1', ...CUSTOMER },
  });
  assert.equal(status, 201, text);
  return body.walletTransactionId;
}

/** On the second node, where the session has just been used: it is remembered there. */
async function captureThere(browser: Browser): Promise<() => Promise<[number, string | undefined]>> {
  const id = await pay();
  const there = browser.at(urlOf(1));
  assert.equal((await there.call('GET', '/v1/session')).status, 200);
  return async () => {
    const { status, body } = await there.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    return [status, body.reason];
  };
}

test('a session that ended on one node writes nothing on another, and reads nothing after a second', async () => {
  const browser = await signIn(urlOf(0), MANAGER);
  const capture = await captureThere(browser);
  assert.equal((await browser.call('DELETE', '/v1/session')).status, 204);
  assert.deepEqual(await capture(), [401, 'not_signed_in']);
  await setTimeout(1_000);
  assert.equal((await browser.at(urlOf(1)).call('GET', '/v1/session')).status, 401);
});

test('a role that was taken away on one node writes nothing on another', async () => {
  const admin = await signIn(urlOf(0), ADMIN);
  const manager = await signIn(urlOf(0), MANAGER);
  const { items } = (await admin.call('GET', '/v1/users')).body;
  const { id } = items.find(({ email }: { email: string }) => email === MANAGER);
  const capture = await captureThere(manager);
  assert.equal((await admin.call('PATCH', `/v1/users/${id}`, { body: { role: 'viewer' } })).status, 200);
  assert.deepEqual(await capture(), [403, 'insufficient_role']);
});

test('an admin who is none any more changes no users elsewhere', async () => {
  const first = await signIn(urlOf(0), ADMIN);
  const made = await first.call('POST', '/v1/users', {
    body: { email: 'a2@demo.test', name: 'A', role: 'admin' },
  });
  const second = (await signIn(urlOf(0), 'a2@demo.test', made.body.password)).at(urlOf(1));
  assert.equal((await second.call('GET', '/v1/users')).status, 200);
  await first.call('PATCH', `/v1/users/${made.body.id}`, { body: { role: 'manager' } });
  const reply = await second.call('POST', '/v1/api-keys', { body: { name: 'back door' } });
  assert.deepEqual([reply.status, reply.body.reason], [403, 'insufficient_role']);
});

test('two sign-ins at once are two sessions, and a role that changes meanwhile holds for both', async () => {
  const admin = await signIn(urlOf(0), ADMIN);
  const made = await admin.call('POST', '/v1/users', {
    body: { email: 'b@demo.test', name: 'B', role: 'manager' },
  });
  const [one, two] = await Promise.all([
    signIn(urlOf(0), 'b@demo.test', made.body.password),
    signIn(urlOf(1), 'b@demo.test', made.body.password),
    admin.call('PATCH', `/v1/users/${made.body.id}`, { body: { role: 'viewer' } }),
  ]);
  assert.notEqual(one.cookie, two.cookie);
  for (const browser of [one, two]) {
    const id = await pay();
    const reply = await browser.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    assert.deepEqual([reply.status, reply.body.reason], [403, 'insufficient_role'], reply.text);
  }
});
