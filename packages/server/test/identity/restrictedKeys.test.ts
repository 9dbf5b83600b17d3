/** Keys that may do one thing only, keys that are good from some addresses only, and when a key was used last. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { wholeApp } from '../../../../scripts/openapi.ts';
import { covers, MERCHANT_SCOPES, type Scope } from '../../src/core/scopes.ts';
import { parseNetwork } from '../../src/http/addresses.ts';
import { KeyUses } from '../../src/identity/keyUses.ts';
import { pay, VISA } from '../support/cards.ts';
import { DEMO_STORE, type Operate, operatorOf, UNKNOWN_ID } from '../support/operator.ts';
import { OPERATOR_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox({ TRUSTED_PROXIES: '127.0.0.1' });
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

async function keyOf(body: object): Promise<{ id: string; apiKey: string }> {
  const issued = await operate('POST', `/merchants/${DEMO_STORE}/api-keys`, { name: 'restricted', ...body });
  assert.equal(issued.status, 201, issued.text);
  return issued.body;
}

describe('scopes', () => {
  test('read and write cover what ends so, and nothing covers more than its own', () => {
    for (const needed of MERCHANT_SCOPES) {
      assert.equal(covers(['read'], needed), needed === 'read' || needed.endsWith(':read'), needed);
      assert.equal(covers(['write'], needed), needed === 'write' || needed.endsWith(':write'), needed);
      for (const other of MERCHANT_SCOPES)
        if (other !== needed && other !== 'read' && other !== 'write')
          assert.equal(covers([other], needed), false, `${other} ${needed}`);
    }
  });

  /** What a key of each scope may call, besides what `read` and `write` are for. */
  const ROUTES: Readonly<Record<string, readonly string[]>> = {
    'payments:write': [
      'POST /v1/payments',
      'POST /v1/wallet/authorize',
      'POST /v1/payments/recurring/merchant/initiated',
    ],
    'captures:write': [
      'POST /v1/transactions/:id/capture',
      'POST /v1/wallet/:wallet_transaction_id/capture',
      'POST /hosted/v1/payments/:id/capture',
    ],
    'cancels:write': [
      'POST /v1/transactions/:id/cancel',
      'POST /v1/wallet/:wallet_transaction_id/cancel',
      'POST /hosted/v1/payments/:id/cancel',
    ],
    'refunds:write': [
      'POST /v1/transactions/:id/refund',
      'POST /v1/wallet/:wallet_transaction_id/refund',
      'POST /hosted/v1/payments/:id/refund',
    ],
    'links:write': [
      'POST /v1/payment-links',
      'PATCH /v1/payment-links/:id',
      'DELETE /v1/payment-links/:id',
      'POST /v1/payment-links/:id/cancel',
      'POST /v1/payment-sessions',
      'POST /hosted/v1/payment-links',
      'DELETE /hosted/v1/payment-links/:id',
      'PATCH /hosted/v1/payment-links/:id',
      'POST /hosted/v1/payment-links/:id/cancel',
      'POST /hosted/v1/payment-sessions',
    ],
    'customers:write': [
      'POST /v1/customers',
      'PATCH /v1/customers/:id',
      'DELETE /v1/customers/:id',
      'PATCH /v1/customers/:id/cards/:cardId',
      'DELETE /v1/customers/:id/cards/:cardId',
      'DELETE /v1/customers/:id/cards/:cardId/consent',
    ],
    'deliveries:write': [
      'POST /v1/webhook-endpoints/:id/deliveries/:deliveryId/resend',
      'POST /v1/webhook-endpoints/:id/replay',
      'POST /v1/webhook-endpoints/:id/test',
    ],
    webhooks: [
      'GET /v1/audit-log',
      'POST /v1/callback-secret/rotate',
      'DELETE /v1/webhook-endpoints/:id',
      'PATCH /v1/webhook-endpoints/:id',
      'POST /v1/webhook-endpoints',
      'POST /v1/webhook-endpoints/:id/disable',
      'POST /v1/webhook-endpoints/:id/enable',
      'POST /v1/webhook-endpoints/:id/rotate-secret',
    ],
    write: [
      'POST /v1/issues/:issueId/mute',
      'POST /v1/sandbox/clock',
      'PUT /v1/sandbox/faults',
      'POST /v1/sandbox/reset',
      'POST /v1/sandbox/transactions/:id/confirm',
      'POST /v1/sandbox/transactions/:id/decline',
      'POST /v1/sandbox/payment-links/:id/expire',
      'POST /v1/sandbox/payment-links/:id/pay',
    ],
    'links:read': [
      'GET /v1/payment-links',
      'GET /v1/payment-links/:id',
      'GET /v1/payment-links/:id/history',
      'GET /v1/payment-links/by-order-reference/:ref',
      'GET /v1/payment-links/statistics',
      'GET /v1/payment-sessions/:id',
      'GET /hosted/v1/payment-links',
      'GET /hosted/v1/payment-links/:id',
      'GET /hosted/v1/payment-links/by-order-reference/:ref',
      'GET /hosted/v1/payment-links/statistics',
    ],
    'customers:read': [
      'GET /v1/customers',
      'GET /v1/customers/:id',
      'GET /v1/customers/:id/cards',
      'GET /v1/customers/:id/cards/:cardId',
      'GET /v1/customers/:id/export',
      'GET /v1/customers/:id/totals',
      'GET /v1/customers/:id/transactions',
    ],
    'webhooks:read': [
      'GET /v1/callback-secret',
      'GET /v1/webhook-endpoints',
      'GET /v1/webhook-endpoints/:id',
      'GET /v1/webhook-endpoints/:id/deliveries',
      'GET /v1/webhook-endpoints/:id/deliveries/:deliveryId',
    ],
    'reports:read': [
      'GET /v1/issues',
      'GET /v1/request-log',
      'GET /v1/statistics',
      'GET /v1/balances',
      'GET /v1/balances/:currency/statement',
      'GET /v1/stores',
      'GET /v1/terminals',
    ],
    'payments:read': [
      'GET /v1/events',
      'GET /v1/transactions',
      'GET /v1/transactions/:id',
      'GET /v1/transactions/:id/history',
      'GET /v1/transactions/:id/postings',
      'GET /v1/transactions/by-order-reference/:ref',
      'GET /v1/transactions/by-payment-link/:id',
      'GET /v1/transactions/stream',
      'GET /v1/wallet/transaction/:wallet_transaction_id',
      'GET /v1/wallet/transactions',
      'GET /hosted/v1/payments/search',
      'GET /hosted/v1/transactions',
      'GET /hosted/v1/transactions/:id',
      'GET /hosted/v1/transactions/:id/history',
      'GET /hosted/v1/transactions/by-order-reference/:ref',
      'GET /hosted/v1/transactions/by-payment-link/:id',
    ],
    read: [
      'GET /v1/sandbox/clock',
      'GET /v1/sandbox/faults',
      'GET /v1/sandbox/fixtures',
      'GET /v1/sandbox/transactions/:id/confirmation',
    ],
  };

  test('every route for merchants needs the scope that is listed here', async () => {
    const app = await wholeApp();
    await app.ready();
    const declared: Record<string, string[]> = {};
    for (const { method, url, auth, scope = 'none' } of app.routeList) {
      if (auth !== 'merchant' || method === 'HEAD') continue;
      declared[scope] ??= [];
      declared[scope].push(`${method} ${url}`);
    }
    await app.close();
    const sorted = (routes: Readonly<Record<string, readonly string[]>>) =>
      Object.fromEntries(Object.entries(routes).map(([scope, list]) => [scope, [...list].sort()]));
    assert.deepEqual(sorted(declared), sorted(ROUTES));
  });

  test('a key of one scope is let in there, and nowhere else', async () => {
    const one = async (scope: string, apiKey: string): Promise<void> => {
      for (const [needed, routes] of Object.entries(ROUTES)) {
        const [route = ''] = routes.filter((each) => !each.endsWith('/stream'));
        const [method = '', url = ''] = route.split(' ');
        const path = url.replace(/:\w+/g, UNKNOWN_ID);
        const body = method === 'GET' ? {} : { body: { nothing: true } };
        const reply = await sandbox.call(method, path, { apiKey, ...body });
        const isIn = covers([scope], needed as Scope);
        assert.equal(reply.status !== 403, isIn, `${scope} ${route}: ${reply.text}`);
        if (!isIn) assert.match(reply.body.message, new RegExp(`scope for this: ${needed}$`));
      }
    };
    for (const scope of MERCHANT_SCOPES) await one(scope, (await keyOf({ scopes: [scope] })).apiKey);
  });

  test('a key that only captures captures, and neither pays, cancels nor refunds', async () => {
    const { body } = await sandbox.authorize();
    const { apiKey } = await keyOf({ scopes: ['captures:write'] });
    const operation = (name: string) =>
      sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/${name}`, {
        apiKey,
        body: { amount: 100 },
      });
    assert.equal((await operation('cancel')).status, 403);
    const captured = await operation('capture');
    assert.equal(captured.status, 200, captured.text);
    assert.equal((await operation('refund')).status, 403);
    assert.equal((await sandbox.authorize({}, { apiKey, idempotencyKey: 'not this one' })).status, 403);
    const refunds = await keyOf({ scopes: ['refunds:write'] });
    const refunded = await sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/refund`, {
      apiKey: refunds.apiKey,
      body: { amount: 100 },
    });
    assert.equal(refunded.status, 200, refunded.text);
    const pays = await keyOf({ scopes: ['payments:write'] });
    const paid = await pay(sandbox.call, VISA, {}, { apiKey: pays.apiKey });
    assert.equal(paid.status, 201, paid.text);
  });

  test('a scope that is taken away while the engine decides counts: the batch reads the key again', async () => {
    const { id, apiKey } = await keyOf({ scopes: ['payments:write'] });
    assert.equal((await sandbox.authorize({}, { apiKey, idempotencyKey: 'before' })).status, 201);
    await sandbox.pool.query(`UPDATE api_key SET scopes = '{captures:write}' WHERE id = $1`, [id]);
    const refused = await sandbox.authorize({}, { apiKey, idempotencyKey: 'after' });
    assert.deepEqual([refused.status, refused.body.reason], [403, 'insufficient_scope']);
  });

  test('events of links need a scope of their own, wherever they are asked for', async () => {
    const order = { amount: 100, currency: 'KZT', orderReference: 'SCOPES' };
    const link = await sandbox.call('POST', '/v1/payment-links', { body: order });
    assert.equal(link.status, 201, link.text);
    const [payments, links, both] = await Promise.all(
      [['payments:read'], ['links:read'], ['payments:read', 'links:read']].map((scopes) => keyOf({ scopes })),
    );
    const list = (key: { apiKey: string } | undefined, query: string): Promise<Reply> =>
      sandbox.call('GET', `/v1/events${query}`, { apiKey: key?.apiKey ?? '' });
    const withLinks = ['?paymentLinks=true', '?event=payment_link.created', '?event=payment_session.created'];
    for (const query of withLinks) {
      const refused = await list(payments, query);
      assert.deepEqual([refused.status, refused.body.reason], [403, 'insufficient_scope'], query);
      assert.match(refused.body.message, /scope for this: links:read$/);
      assert.match((await list(links, query)).body.message, /scope for this: payments:read$/);
      assert.equal((await list(both, query)).status, 200, query);
      assert.equal((await sandbox.call('GET', `/v1/events${query}`)).status, 200, query);
    }
    for (const query of ['', '?paymentLinks=false', '?event=transaction.authorized'])
      assert.equal((await list(payments, query)).status, 200, query);
    const shown = await list(both, '?event=payment_link.created');
    assert.equal(shown.body.items[0].data.id, link.body.id);
    // The same of the stream.
    const path = '/v1/transactions/stream?paymentLinks=true';
    const opened = async (key: { apiKey: string } | undefined): Promise<number> => {
      const headers = { authorization: key?.apiKey ?? '' };
      const { status, body } = await fetch(`${sandbox.url}${path}`, { headers });
      await body?.cancel();
      return status;
    };
    assert.deepEqual([await opened(payments), await opened(links), await opened(both)], [403, 403, 200]);
  });

  test('an operator’s key has read and write, and an unknown scope is named', async () => {
    const fine = await operate('POST', '/operator-keys', { name: 'x', scopes: ['refunds:write'] });
    assert.deepEqual([fine.status, fine.body.details[0].path], [400, 'scopes']);
    const unknown = await operate('POST', `/merchants/${DEMO_STORE}/api-keys`, {
      name: 'x',
      scopes: ['all'],
    });
    assert.deepEqual([unknown.status, unknown.body.details[0].path], [400, 'scopes.0']);
  });
});

describe('addresses', () => {
  test('a network has one spelling', () => {
    const spelt = (text: string) => {
      const network = parseNetwork(text);
      return network.ok ? network.value : network.error;
    };
    assert.equal(spelt(' 203.0.113.7 '), '203.0.113.7');
    assert.equal(spelt('203.0.113.7/32'), '203.0.113.7');
    assert.equal(spelt('2001:DB8:0::/32'), '2001:db8::/32');
    assert.equal(spelt('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(spelt('0.0.0.0/0'), '0.0.0.0/0');
    assert.equal(spelt('10.1.2.3/8'), 'must begin at 10.0.0.0/8');
    assert.equal(spelt('2001:db8::1/64'), 'must begin at 2001:db8::/64');
    for (const text of [
      '',
      'shop.example',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/08',
      'fe80::1%eth0',
      '10.0.0/8',
    ])
      assert.equal(spelt(text), 'must be an IP address, or a network such as 10.0.0.0/8', text);
  });

  const from = (apiKey: string, address: string): Promise<Reply> =>
    sandbox.call('GET', '/v1/transactions', { apiKey, headers: { 'x-forwarded-for': address } });

  test('a key is good from its addresses, of both kinds, and from nowhere else', async () => {
    const { apiKey } = await keyOf({
      allowedNetworks: ['203.0.113.0/28', '2001:db8:1::/48', '198.51.100.9'],
    });
    for (const address of [
      '203.0.113.1',
      '203.0.113.15',
      '2001:db8:1:2::3',
      '198.51.100.9',
      '::ffff:203.0.113.1',
    ])
      assert.equal((await from(apiKey, address)).status, 200, address);
    for (const address of ['203.0.113.16', '2001:db8:2::1', '198.51.100.10']) {
      const reply = await from(apiKey, address);
      assert.deepEqual([reply.status, reply.body.reason], [403, 'address_not_allowed'], address);
      assert.ok(reply.body.message.endsWith(`came from ${address}`), reply.body.message);
      assert.ok(!reply.text.includes('203.0.113.0/28'), 'where it would be good is nobody’s business');
    }
    // What a client writes itself does not count: the address is the last one that no trusted proxy has.
    assert.equal((await from(apiKey, '203.0.113.1, 198.51.100.10')).status, 403);
  });

  test('they are changed within a second, and everywhere again with null', async () => {
    const { id, apiKey } = await keyOf({});
    const path = `/merchants/${DEMO_STORE}/api-keys/${id}`;
    assert.equal((await from(apiKey, '203.0.113.1')).status, 200);
    const bound = await operate('PATCH', path, { allowedNetworks: ['10.0.0.0/8'], name: 'bound' });
    assert.deepEqual(
      [bound.status, bound.body.name, bound.body.allowedNetworks],
      [200, 'bound', ['10.0.0.0/8']],
    );
    await setTimeout(1_050);
    assert.equal((await from(apiKey, '203.0.113.1')).status, 403);
    assert.equal((await from(apiKey, '10.9.8.7')).status, 200);
    assert.equal((await operate('PATCH', path, { allowedNetworks: null })).body.allowedNetworks, null);
    await setTimeout(1_050);
    assert.equal((await from(apiKey, '203.0.113.1')).status, 200);
    const wrong = await operate('PATCH', path, { allowedNetworks: ['10.0.0.0/8', 'nowhere'] });
    assert.deepEqual([wrong.status, wrong.body.details[0].path], [400, 'allowedNetworks']);
    assert.match(wrong.body.message, /entry 2/);
    assert.equal((await operate('PATCH', path, {})).status, 400);
    assert.equal(
      (await operate('PATCH', `/operator-keys/${id}`, { name: 'x' })).body.reason,
      'api_key_not_found',
    );
  });

  test('a change of them ends the streams from elsewhere, and no others', async () => {
    const { id, apiKey } = await keyOf({ scopes: ['read'] });
    const open = async (address: string): Promise<{ isOpen(): boolean; end(): void }> => {
      const [headers, end] = [{ authorization: apiKey, 'x-forwarded-for': address }, new AbortController()];
      const { signal } = end;
      const stream = await fetch(`${sandbox.url}/v1/transactions/stream`, { headers, signal });
      assert.equal(stream.status, 200);
      let isOpen = true;
      const ended = (): void => {
        isOpen = false;
      };
      stream.text().then(ended, ended);
      return { isOpen: () => isOpen, end: () => end.abort() };
    };
    const [inside, outside] = [await open('10.1.2.3'), await open('203.0.113.1')];
    const path = `/merchants/${DEMO_STORE}/api-keys/${id}`;
    assert.equal((await operate('PATCH', path, { allowedNetworks: ['10.0.0.0/8'] })).status, 200);
    for (let i = 0; i < 50 && outside.isOpen(); i += 1) await setTimeout(100);
    assert.deepEqual([inside.isOpen(), outside.isOpen()], [true, false]);
    inside.end();
  });

  test('an operator’s key is bound in the same way', async () => {
    const { body } = await operate('POST', '/operator-keys', {
      name: 'inside',
      allowedNetworks: ['10.0.0.0/8'],
    });
    const read = (address: string) =>
      sandbox.call('GET', '/v1/admin/merchants', {
        apiKey: body.apiKey,
        headers: { 'x-forwarded-for': address },
      });
    assert.equal((await read('10.0.0.1')).status, 200);
    assert.equal((await read('203.0.113.1')).body.reason, 'address_not_allowed');
  });
});

describe('the last use', () => {
  test('is written behind the requests, with its address, and by stopping', async () => {
    const { id, apiKey } = await keyOf({});
    const used = async () => {
      const { body } = await operate('GET', `/merchants/${DEMO_STORE}/api-keys`);
      return body.items.find((key: { id: string }) => key.id === id);
    };
    assert.deepEqual([(await used()).lastUsedAt, (await used()).lastUsedAddress], [null, null]);
    await sandbox.call('GET', '/v1/transactions', { apiKey, headers: { 'x-forwarded-for': '203.0.113.77' } });
    assert.equal((await used()).lastUsedAt, null, 'no request pays for it');
    for (let i = 0; i < 150 && (await used()).lastUsedAt === null; i += 1) await setTimeout(100);
    const { lastUsedAt, lastUsedAddress } = await used();
    assert.ok(Math.abs(Date.parse(lastUsedAt) - Date.now()) < 20_000, lastUsedAt);
    assert.equal(lastUsedAddress, '203.0.113.77');
  });

  test('never goes back, and is left to the node that writes it just now', async () => {
    const { id } = await keyOf({});
    const errors: unknown[] = [];
    const uses = new KeyUses(sandbox.pool, (error) => void errors.push(error));
    const last = async () => {
      const { rows } = await sandbox.pool.query('SELECT last_used_address AS at FROM api_key WHERE id = $1', [
        id,
      ]);
      return rows[0].at;
    };
    await sandbox.pool.query(
      `UPDATE api_key SET last_used_at = now() + interval '1 hour', last_used_address = 'later' WHERE id = $1`,
      [id],
    );
    uses.note(id, '203.0.113.1');
    await uses.write();
    assert.equal(await last(), 'later');
    await sandbox.pool.query('UPDATE api_key SET last_used_at = NULL WHERE id = $1', [id]);
    const other = await sandbox.pool.connect();
    await other.query('BEGIN');
    await other.query('SELECT FROM api_key WHERE id = $1 FOR UPDATE', [id]);
    uses.note(id, '203.0.113.2');
    await uses.write();
    await other.query('COMMIT');
    other.release();
    assert.equal(await last(), 'later');
    uses.note(id, '203.0.113.3');
    await uses.stop();
    assert.deepEqual([await last(), errors], ['203.0.113.3', []]);
  });
});

test('an operator’s key that is used has its last use, too', async () => {
  await sandbox.call('GET', '/v1/admin/merchants', { apiKey: OPERATOR_KEY });
  for (let i = 0; i < 150; i += 1) {
    const { body } = await operate('GET', '/operator-keys');
    if (body.items.at(-1).lastUsedAt !== null) return;
    await setTimeout(100);
  }
  assert.fail('it was never written');
});
