import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  assertError,
  DEMO_STORE,
  KZT_WALLET,
  type Operate,
  OTHER_STORE,
  operatorOf,
  UNKNOWN_ID,
} from '../support/operator.ts';
import { DEMO_KEY, OPERATOR_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

interface Operation {
  readonly method: string;
  readonly path: string;
}

/** Every route of the document below a path, with ids filled in. */
async function routesBelow(prefix: string): Promise<Operation[]> {
  const { body } = await sandbox.call('GET', '/openapi.json', { apiKey: null });
  return Object.entries(body.paths).flatMap(([path, methods]) => {
    if (!path.startsWith(prefix)) return [];
    const filled = path.replace(/\{\w+\}/g, UNKNOWN_ID);
    return Object.keys(methods as object).map((method) => ({ method: method.toUpperCase(), path: filled }));
  });
}

describe('who may do what', () => {
  test('a merchant’s key opens no admin route', async () => {
    const routes = await routesBelow('/v1/admin');
    assert.equal(routes.length, 62, routes.map(({ method, path }) => `${method} ${path}`).join('\n'));
    for (const { method, path } of routes) {
      const reply = await sandbox.call(method, path, method === 'GET' ? {} : { body: {} });
      assertError(reply, 403, 'insufficient_scope');
      assertError(await sandbox.call(method, path, { apiKey: null }), 401, 'missing_api_key');
      assertError(await sandbox.call(method, path, { apiKey: 'op_test_wrong' }), 401, 'invalid_api_key');
      assertError(await sandbox.call(method, path, { apiKey: 'op_live_x' }), 401, 'wrong_mode_api_key');
    }
  });

  test('an operator’s key opens no wallet route', async () => {
    const routes = await routesBelow('/v1/wallet');
    assert.equal(routes.length, 6);
    for (const { method, path } of routes) {
      const reply = await sandbox.call(method, path, { apiKey: OPERATOR_KEY });
      assert.deepEqual([reply.status, reply.body.reason], [403, 'insufficient_scope']);
    }
  });

  test('a key that may only read changes nothing', async () => {
    const { body } = await operate('POST', '/operator-keys', { name: 'auditor', scopes: ['read'] });
    const call = (method: string, path: string, payload?: unknown) =>
      sandbox.call(method, `/v1/admin${path}`, {
        apiKey: body.apiKey,
        ...(payload ? { body: payload } : {}),
      });
    assert.equal((await call('GET', '/merchants')).status, 200);
    assertError(await call('POST', '/merchants', { name: 'M' }), 403, 'insufficient_scope');
    assertError(await call('PATCH', `/merchants/${DEMO_STORE}`, { name: 'M' }), 403, 'insufficient_scope');
    assertError(await call('POST', `/wallets/${KZT_WALLET}/freeze`), 403, 'insufficient_scope');
  });
});

describe('API keys', () => {
  test('issued, shown once, used, listed without the key', async () => {
    const { status, body } = await operate('POST', `/merchants/${OTHER_STORE}/api-keys`, {
      name: 'Till 1',
      scopes: ['read', 'write'],
      expiresAt: '2099-01-01T00:00:00Z',
    });
    assert.equal(status, 201);
    const { apiKey, ...shown } = body;
    assert.match(apiKey, /^pr_test_[\w-]{49}$/);
    assert.deepEqual([shown.hint, shown.expiresAt], [apiKey.slice(-4), '2099-01-01T00:00:00.000Z']);
    assert.equal((await sandbox.call('GET', '/v1/wallet/transactions', { apiKey })).status, 200);
    const list = await operate('GET', `/merchants/${OTHER_STORE}/api-keys`);
    assert.deepEqual(list.body.items[0], shown);
    assert.equal(list.body.items.length, 2);
    for (const text of [list.text, sandbox.log.join('\n')]) assert.ok(!text.includes(apiKey));
    const first = await operate('GET', `/merchants/${OTHER_STORE}/api-keys?limit=1`);
    const rest = await operate('GET', `/merchants/${OTHER_STORE}/api-keys?cursor=${first.body.nextCursor}`);
    assert.deepEqual([...first.body.items, ...rest.body.items], list.body.items);
  });

  test('one that was mistyped is refused without asking the database', async () => {
    const { body } = await operate('POST', `/merchants/${OTHER_STORE}/api-keys`, { name: 'Till 2' });
    const [right, last] = [body.apiKey, body.apiKey.at(-8)];
    const mistyped = `${right.slice(0, -8)}${last === 'A' ? 'B' : 'A'}${right.slice(-7)}`;
    const truncated = right.slice(0, -1);
    const call = async (apiKey: string) => {
      const { status, body } = await sandbox.call('GET', '/v1/wallet/transactions', { apiKey });
      return [status, body.reason];
    };
    const client = await sandbox.pool.connect();
    try {
      await client.query('BEGIN; LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE');
      assert.deepEqual(await call(mistyped), [401, 'invalid_api_key']);
      // Who looks for a key waits for the lock.
      const asked = call(truncated);
      const first = await Promise.race([asked.then(() => 'answered'), delay(300, 'waits')]);
      await client.query('COMMIT');
      assert.equal(first, 'waits');
      assert.deepEqual(await asked, [401, 'invalid_api_key']);
    } finally {
      client.release();
    }
    assert.deepEqual(await call(right), [200, undefined]);
  });

  test('those of operators end after a year, and of merchants never, unless it is said', async () => {
    const expiryOf = async (path: string, body: Record<string, unknown> = {}): Promise<string | null> => {
      const reply = await operate('POST', path, { name: 'k', ...body });
      assert.equal(reply.status, 201, reply.text);
      return reply.body.expiresAt;
    };
    const merchants = `/merchants/${OTHER_STORE}/api-keys`;
    const year = Date.parse((await expiryOf('/operator-keys')) ?? '') - Date.now();
    assert.ok(Math.abs(year - 365 * 86_400_000) < 60_000, `${year} ms`);
    assert.equal(await expiryOf('/operator-keys', { expiresAt: null }), null);
    assert.equal(await expiryOf(merchants), null);
    assert.equal(await expiryOf(merchants, { expiresAt: null }), null);
  });

  test('those of operators manage nobody’s webhooks', async () => {
    const reply = await operate('POST', '/operator-keys', { name: 'k', scopes: ['read', 'webhooks'] });
    assertError(reply, 400, 'invalid_request', 'scopes');
  });

  test('every bad field is named', async () => {
    const bad: [body: unknown, path: string, reason?: string][] = [
      [{}, 'name', 'missing_field'],
      [{ name: '' }, 'name'],
      [{ name: 'k', scopes: [] }, 'scopes'],
      [{ name: 'k', scopes: ['read', 'read'] }, 'scopes'],
      [{ name: 'k', scopes: ['admin'] }, 'scopes.0'],
      [{ name: 'k', expiresAt: 7 }, 'expiresAt'],
      [{ name: 'k', expiresAt: 'tomorrow' }, 'expiresAt'],
      [{ name: 'k', expiresAt: '2099-02-30T00:00:00Z' }, 'expiresAt'],
      [{ name: 'k', expiresAt: '2099-01-01T00:00:00' }, 'expiresAt'],
      [{ name: 'k', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
      [{ name: 'k', merchantId: DEMO_STORE }, 'merchantId', 'unknown_field'],
    ];
    for (const path of ['/operator-keys', `/merchants/${DEMO_STORE}/api-keys`])
      for (const [body, field, reason = 'invalid_request'] of bad)
        assertError(await operate('POST', path, body), 400, reason, field);
  });

  test('a revoked key writes nothing from that moment on, though it was used just before', async () => {
    const { body: key } = await operate('POST', `/merchants/${DEMO_STORE}/api-keys`, { name: 'short-lived' });
    const { apiKey } = key;
    assert.equal((await sandbox.authorize({}, { apiKey, idempotencyKey: 'a' })).status, 201);
    const path = `/merchants/${DEMO_STORE}/api-keys/${key.id}/revoke`;
    const revoked = await operate('POST', path);
    assert.match(revoked.body.revokedAt, /Z$/);
    const refused = await sandbox.authorize({}, { apiKey, idempotencyKey: 'b' });
    assert.deepEqual([refused.status, refused.body.reason], [401, 'invalid_api_key']);
    assert.equal((await operate('POST', path)).body.revokedAt, revoked.body.revokedAt);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    assert.equal((await sandbox.call('GET', '/v1/wallet/transactions', { apiKey })).status, 401);
  });

  test('a revoked operator key likewise, for money and for the rest', async () => {
    const { body: key } = await operate('POST', '/operator-keys', { name: 'leaver' });
    const call = (path: string, body: unknown) =>
      sandbox.call('POST', `/v1/admin${path}`, { apiKey: key.apiKey, body });
    assert.match(key.apiKey, /^op_test_/);
    assert.equal((await call('/merchants', { name: 'Before' })).status, 201);
    await operate('POST', `/operator-keys/${key.id}/revoke`);
    assertError(await call('/merchants', { name: 'After' }), 401, 'invalid_api_key');
    assertError(await call(`/wallets/${KZT_WALLET}/deposit`, { amount: 1 }), 401, 'invalid_api_key');
    const { rows } = await sandbox.pool.query("SELECT FROM merchant WHERE name = 'After'");
    assert.equal(rows.length, 0);
  });

  test('a key is revoked where it belongs only', async () => {
    const { body } = await operate('GET', '/operator-keys');
    const operatorKey = body.items.at(-1).id;
    const { body: keys } = await operate('GET', `/merchants/${DEMO_STORE}/api-keys`);
    for (const path of [
      `/merchants/${DEMO_STORE}/api-keys/${operatorKey}/revoke`,
      `/merchants/${OTHER_STORE}/api-keys/${keys.items[0].id}/revoke`,
      `/operator-keys/${keys.items[0].id}/revoke`,
      '/operator-keys/x/revoke',
    ])
      assertError(await operate('POST', path), 404, 'api_key_not_found');
    assert.equal((await sandbox.call('GET', '/v1/wallet/transactions', { apiKey: DEMO_KEY })).status, 200);
  });

  test('no key of these tests was logged', async () => {
    const log = sandbox.log.join('\n');
    assert.ok(!/[po][pr]_test_/.test(log));
  });
});
