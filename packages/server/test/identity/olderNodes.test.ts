/** What nodes of the version before would let everybody pass by, is not set up as long as one of them runs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { besideNode } from '../support/olderNode.ts';
import { DEMO_STORE, type Operate, operatorOf } from '../support/operator.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, type Browser, codeOfApp, MANAGER, setUpApp, signIn, VIEWER } from '../support/user.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

const besideOlder = <T>(work: () => Promise<T>): Promise<T> =>
  besideNode(sandbox.databaseUrl, 'listen 1', work);
const besideLater = <T>(work: () => Promise<T>): Promise<T> =>
  besideNode(sandbox.databaseUrl, 'listen 9', work);

function assertRefused(reply: Reply): void {
  assert.deepEqual([reply.status, reply.body?.reason], [409, 'older_nodes_running'], reply.text);
  assert.equal(reply.headers.get('retry-after'), '5');
}

/** What changes keys' addresses, at each of the three places. */
const KEYS: Readonly<
  Record<string, (admin: Browser) => (method: string, path: string, body: object) => Promise<Reply>>
> = {
  [`/merchants/${DEMO_STORE}/api-keys`]: () => operate,
  '/operator-keys': () => operate,
  '/v1/api-keys': (admin) => (method, path, body) => admin.call(method, path, { body }),
};

for (const [path, callerOf] of Object.entries(KEYS))
  test(`no key is bound to addresses: ${path}`, async () => {
    const call = callerOf(await signIn(sandbox.url, ADMIN));
    const bound = { name: 'bound', allowedNetworks: ['203.0.113.0/28'] };
    const { id } = (await call('POST', path, { name: 'free' })).body;
    const count = async (): Promise<number> => {
      const { rows } = await sandbox.pool.query(
        'SELECT count(*)::int AS count FROM api_key WHERE user_id IS NULL',
      );
      return rows[0].count;
    };
    const keys = await count();
    await besideOlder(async () => {
      assertRefused(await call('POST', path, bound));
      assertRefused(await call('PATCH', `${path}/${id}`, { allowedNetworks: ['::1'] }));
      assert.equal(await count(), keys);
      // What such a node does right goes on.
      assert.equal((await call('POST', path, { name: 'free', allowedNetworks: null })).status, 201);
      const free = await call('PATCH', `${path}/${id}`, { name: 'still free', allowedNetworks: null });
      assert.deepEqual([free.status, free.body.allowedNetworks], [200, null]);
    });
    await besideLater(async () => {
      assert.equal((await call('POST', path, bound)).status, 201);
      assert.equal((await call('PATCH', `${path}/${id}`, { allowedNetworks: ['::1'] })).status, 200);
    });
    await besideOlder(async () => {
      assert.equal((await call('PATCH', `${path}/${id}`, { name: 'bound as before' })).status, 200);
      assert.equal((await call('PATCH', `${path}/${id}`, { allowedNetworks: null })).status, 200, 'set free');
    });
  });

test('nobody gets a second factor, also not one that was begun before', async () => {
  const browser = await signIn(sandbox.url, MANAGER);
  const begun = (await browser.call('POST', '/v1/session/totp', { body: {} })).body;
  const confirm = () =>
    browser.call('POST', '/v1/session/totp/confirm', { body: { code: codeOfApp(begun.secret) } });
  await besideOlder(async () => {
    assertRefused(await browser.call('POST', '/v1/session/totp', { body: {} }));
    assertRefused(await browser.call('POST', '/v1/session/passkeys/challenge', { body: {} }));
    assertRefused(await confirm());
  });
  const { body } = await browser.call('GET', '/v1/session/security');
  assert.deepEqual([body.totp, body.passkeys], [null, []]);
  await besideLater(async () => assert.equal((await confirm()).status, 200));
});

test('no merchant begins to require one, and each may cease to', async () => {
  const admin = await signIn(sandbox.url, ADMIN);
  const set = (requireSecondFactor: boolean) =>
    admin.call('PATCH', '/v1/sign-in-settings', { body: { requireSecondFactor } });
  await besideOlder(async () => {
    assertRefused(await set(true));
    assert.equal((await set(false)).status, 200);
    assert.equal((await (await signIn(sandbox.url, VIEWER)).call('GET', '/v1/transactions')).status, 200);
  });
  await setUpApp(admin);
  await besideLater(async () => assert.equal((await set(true)).status, 200));
  await besideOlder(async () => {
    assert.equal((await set(true)).status, 200, 'what is so already changes nothing');
    assert.equal((await set(false)).status, 200);
  });
});
