/** The browsers in which somebody is signed in, listed and ended one by one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, attempt, type Browser, cookieOf, MANAGER, PASSWORD, signIn } from '../support/user.ts';

let sandbox: Sandbox;
let browser: Browser;
before(async () => {
  sandbox = await startSandbox({ TRUSTED_PROXIES: '127.0.0.1' });
  browser = await signIn(sandbox.url, MANAGER);
});
after(() => sandbox.stop());

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1.15';

/** Signs in from another place. @returns a request with that session */
async function elsewhere(address: string): Promise<(method: string, path: string) => Promise<Reply>> {
  const headers = { 'user-agent': PHONE, 'x-forwarded-for': address };
  const reply = await attempt(sandbox.url, MANAGER, PASSWORD, headers);
  assert.equal(reply.status, 200, reply.text);
  const own = { cookie: cookieOf(reply), origin: sandbox.url };
  return (method, path) =>
    request(sandbox.url, method, path, { apiKey: null, headers: { ...headers, ...own } });
}

// biome-ignore lint/suspicious/noExplicitAny: an answer
async function listed(): Promise<any[]> {
  const { status, body, text } = await browser.call('GET', '/v1/sessions');
  assert.equal(status, 200, text);
  return body.items;
}

test('each has its browser and address, and one is this one', async () => {
  const phone = await elsewhere('203.0.113.7');
  await signIn(sandbox.url, ADMIN);
  const items = await listed();
  assert.equal(items.length, 2, 'not those of others');
  const [there] = items.filter(({ isThisOne }) => !isThisOne);
  assert.deepEqual(
    [there.userAgent, there.address, there.lastUsedAddress, there.signedInBy],
    [PHONE, '203.0.113.7', '203.0.113.7', 'password'],
  );
  assert.ok(!JSON.stringify(items).includes(browser.cookie.split('=')[1] ?? '?'));
  assert.equal((await browser.call('DELETE', `/v1/sessions/${there.id}`)).status, 204);
  assert.deepEqual((await phone('GET', '/v1/session')).body.reason, 'not_signed_in');
  assert.deepEqual(
    (await listed()).map(({ isThisOne }) => isThisOne),
    [true],
  );
  const again = await browser.call('DELETE', `/v1/sessions/${there.id}`);
  assert.deepEqual([again.status, again.body.reason], [404, 'session_not_found']);
});

test('when and from where it was used last is known to within five minutes', async () => {
  const phone = await elsewhere('203.0.113.8');
  await sandbox.pool.query(
    `UPDATE api_key SET last_used_at = now() - interval '6 minutes' WHERE user_id IS NOT NULL`,
  );
  await setTimeout(1_050);
  assert.equal((await phone('GET', '/v1/session')).status, 200);
  const [there] = (await listed()).filter(({ address }) => address === '203.0.113.8');
  assert.ok(Date.now() - Date.parse(there.lastUsedAt) < 60_000, there.lastUsedAt);
});

test('all others end at once; another user’s session cannot be ended', async () => {
  const phone = await elsewhere('2001:db8::1');
  const admin = await signIn(sandbox.url, ADMIN);
  const [theirs] = (await admin.call('GET', '/v1/sessions')).body.items;
  const refused = await browser.call('DELETE', `/v1/sessions/${theirs.id}`);
  assert.deepEqual([refused.status, refused.body.reason], [404, 'session_not_found']);
  assert.equal((await browser.call('POST', '/v1/sessions/end-others')).status, 204);
  assert.equal((await phone('GET', '/v1/session')).status, 401);
  assert.equal((await browser.call('GET', '/v1/session')).status, 200);
  assert.equal((await admin.call('GET', '/v1/session')).status, 200);
});
