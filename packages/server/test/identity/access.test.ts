/** Every route of the application, who may call it, and that nobody else can. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wholeApp } from '../../../../scripts/openapi.ts';
import { UNKNOWN_ID } from '../support/operator.ts';
import {
  DEMO_KEY,
  OPERATOR_KEY,
  type Reply,
  request,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';
import { ADMIN, type Browser, MANAGER, OPERATOR, OTHER_ADMIN, signIn, VIEWER } from '../support/user.ts';

/**
 * Whose API keys may call a route, and the role that a user needs; `key`: no user may. A route that is not here, or is declared
 * otherwise, fails the test.
 */
const ROUTES = {
  open: [
    'GET /',
    'GET /3ds/:state',
    'POST /v1/acquirers/:acquirerId/notifications',
    'GET /confirm/:token',
    'POST /confirm/:token',
    'GET /checkout/:id',
    'GET /checkout/:id/state',
    'GET /checkout/logos/:hash',
    'GET /pay/api.js',
    'POST /checkout/:id/card',
    'POST /checkout/:id/saved-card',
    'POST /checkout/:id/wallet',
    'GET /dashboard',
    'GET /dashboard/*',
    'GET /docs',
    'GET /docs/guides',
    'GET /docs/guides.css',
    'GET /docs/guides/*',
    'GET /docs/scalar.js',
    'GET /docs/start.js',
    'GET /health',
    'GET /metrics',
    'GET /openapi.json',
    'GET /ready',
    'POST /v1/session',
    'POST /v1/session/passkey',
    'GET /v1/session/oidc/callback',
    'POST /v1/session/oidc',
    'POST /v1/session/oidc/finish',
    'POST /v1/session/passkey/challenge',
  ],
  'user any': [
    'DELETE /v1/session',
    'GET /v1/session',
    'POST /v1/session/password',
    'POST /v1/session/sign-out-everywhere',
    'GET /v1/session/security',
    'POST /v1/session/totp',
    'POST /v1/session/oidc/link',
    'POST /v1/session/oidc/link/confirm',
    'POST /v1/session/oidc/unlink',
    'POST /v1/session/passkeys',
    'POST /v1/session/passkeys/challenge',
    'PATCH /v1/session/passkeys/:passkeyId',
    'POST /v1/session/passkeys/:passkeyId/remove',
    'POST /v1/session/totp/confirm',
    'POST /v1/session/totp/remove',
    'POST /v1/session/recovery-codes',
    'GET /v1/sessions',
    'DELETE /v1/sessions/:sessionId',
    'POST /v1/sessions/end-others',
  ],
  'merchant admin': [
    'GET /v1/audit-log',
    'POST /v1/callback-secret/rotate',
    'DELETE /v1/customers/:id',
    'DELETE /v1/webhook-endpoints/:id',
    'PATCH /v1/webhook-endpoints/:id',
    'POST /v1/webhook-endpoints',
    'POST /v1/webhook-endpoints/:id/disable',
    'POST /v1/webhook-endpoints/:id/enable',
    'POST /v1/webhook-endpoints/:id/rotate-secret',
  ],
  'merchant viewer': [
    'GET /v1/callback-secret',
    'GET /v1/customers/:id/cards',
    'GET /v1/customers/:id/cards/:cardId',
    'GET /v1/events',
    'GET /v1/customers',
    'GET /v1/customers/:id',
    'GET /v1/customers/:id/totals',
    'GET /v1/customers/:id/transactions',
    'GET /v1/payment-links',
    'GET /v1/payment-links/:id',
    'GET /v1/payment-links/:id/history',
    'GET /v1/payment-links/by-order-reference/:ref',
    'GET /v1/payment-links/statistics',
    'GET /v1/payment-sessions/:id',
    'GET /v1/webhook-endpoints',
    'GET /v1/webhook-endpoints/:id',
    'GET /v1/webhook-endpoints/:id/deliveries',
    'GET /v1/webhook-endpoints/:id/deliveries/:deliveryId',
    'GET /v1/sandbox/clock',
    'GET /v1/sandbox/faults',
    'GET /v1/sandbox/fixtures',
    'GET /v1/issues',
    'GET /v1/request-log',
    'GET /v1/statistics',
    'GET /v1/balances',
    'GET /v1/balances/:currency/statement',
    'GET /v1/stores',
    'GET /v1/terminals',
    'GET /v1/transactions',
    'GET /v1/transactions/:id',
    'GET /v1/transactions/:id/history',
    'GET /v1/transactions/:id/postings',
    'GET /v1/transactions/by-order-reference/:ref',
    'GET /v1/transactions/by-payment-link/:id',
    'GET /v1/transactions/stream',
    'GET /v1/wallet/transaction/:wallet_transaction_id',
    'GET /v1/wallet/transactions',
  ],
  'merchant manager': [
    'POST /v1/issues/:issueId/mute',
    'POST /v1/payments',
    'POST /v1/customers',
    'PATCH /v1/customers/:id',
    'GET /v1/customers/:id/export',
    'POST /v1/payments/recurring/merchant/initiated',
    'PATCH /v1/customers/:id/cards/:cardId',
    'DELETE /v1/customers/:id/cards/:cardId',
    'DELETE /v1/customers/:id/cards/:cardId/consent',
    'POST /v1/payment-links',
    'PATCH /v1/payment-links/:id',
    'DELETE /v1/payment-links/:id',
    'POST /v1/payment-links/:id/cancel',
    'POST /v1/payment-sessions',
    'POST /v1/sandbox/clock',
    'PUT /v1/sandbox/faults',
    'POST /v1/sandbox/reset',
    'POST /v1/sandbox/transactions/:id/confirm',
    'GET /v1/sandbox/transactions/:id/confirmation',
    'POST /v1/sandbox/transactions/:id/decline',
    'POST /v1/transactions/:id/cancel',
    'POST /v1/transactions/:id/capture',
    'POST /v1/transactions/:id/refund',
    'POST /v1/wallet/:wallet_transaction_id/cancel',
    'POST /v1/wallet/:wallet_transaction_id/capture',
    'POST /v1/wallet/:wallet_transaction_id/refund',
    'POST /v1/wallet/authorize',
    'POST /v1/webhook-endpoints/:id/deliveries/:deliveryId/resend',
    'POST /v1/sandbox/payment-links/:id/expire',
    'POST /v1/sandbox/payment-links/:id/pay',
    'POST /v1/webhook-endpoints/:id/replay',
    'POST /v1/webhook-endpoints/:id/test',
  ],
  'merchant key': [
    'GET /hosted/v1/payment-links',
    'POST /hosted/v1/payment-links',
    'DELETE /hosted/v1/payment-links/:id',
    'GET /hosted/v1/payment-links/:id',
    'PATCH /hosted/v1/payment-links/:id',
    'POST /hosted/v1/payment-links/:id/cancel',
    'GET /hosted/v1/payment-links/by-order-reference/:ref',
    'GET /hosted/v1/payment-links/statistics',
    'POST /hosted/v1/payment-sessions',
    'POST /hosted/v1/payments/:id/cancel',
    'POST /hosted/v1/payments/:id/capture',
    'POST /hosted/v1/payments/:id/refund',
    'GET /hosted/v1/payments/search',
    'GET /hosted/v1/transactions',
    'GET /hosted/v1/transactions/:id',
    'GET /hosted/v1/transactions/:id/history',
    'GET /hosted/v1/transactions/by-order-reference/:ref',
    'GET /hosted/v1/transactions/by-payment-link/:id',
  ],
  'user admin': [
    'GET /v1/api-keys',
    'POST /v1/api-keys',
    'PATCH /v1/api-keys/:apiKeyId',
    'POST /v1/api-keys/:apiKeyId/revoke',
    'GET /v1/users',
    'POST /v1/users',
    'DELETE /v1/users/:userId',
    'PATCH /v1/users/:userId',
    'POST /v1/users/:userId/reset-password',
    'POST /v1/users/:userId/reset-second-factor',
    'POST /v1/users/:userId/unlink-identity',
    'GET /v1/sign-in-settings',
    'PATCH /v1/sign-in-settings',
  ],
  'operator operator': [
    'PUT /v1/admin/merchants/:merchantId/checkout-logo',
    'DELETE /v1/admin/merchants/:merchantId/checkout-logo',
    'GET /v1/admin/accounts',
    'GET /v1/admin/accounts/sums',
    'GET /v1/admin/acquirer-routes',
    'PUT /v1/admin/acquirer-routes',
    'GET /v1/admin/acquirers',
    'POST /v1/admin/acquirers',
    'PATCH /v1/admin/acquirers/:acquirerId',
    'GET /v1/admin/audit',
    'GET /v1/admin/audit-log',
    'POST /v1/admin/audit',
    'GET /v1/admin/health',
    'GET /v1/admin/issues',
    'GET /v1/admin/customers',
    'POST /v1/admin/customers',
    'GET /v1/admin/customers/:holderId',
    'GET /v1/admin/customers/:holderId/wallets',
    'POST /v1/admin/customers/:holderId/wallets',
    'GET /v1/admin/merchants',
    'POST /v1/admin/merchants',
    'GET /v1/admin/merchants/:merchantId',
    'PATCH /v1/admin/merchants/:merchantId',
    'GET /v1/admin/merchants/:merchantId/acquirer-credentials',
    'PUT /v1/admin/merchants/:merchantId/acquirer-credentials/:acquirerId',
    'GET /v1/admin/merchants/:merchantId/api-keys',
    'POST /v1/admin/merchants/:merchantId/api-keys',
    'PATCH /v1/admin/merchants/:merchantId/api-keys/:apiKeyId',
    'POST /v1/admin/merchants/:merchantId/api-keys/:apiKeyId/revoke',
    'GET /v1/admin/merchants/:merchantId/balances',
    'GET /v1/admin/merchants/:merchantId/statement',
    'GET /v1/admin/merchants/:merchantId/stores',
    'POST /v1/admin/merchants/:merchantId/stores',
    'GET /v1/admin/merchants/:merchantId/terminals',
    'POST /v1/admin/merchants/:merchantId/terminals',
    'GET /v1/admin/merchants/:merchantId/users',
    'POST /v1/admin/merchants/:merchantId/users',
    'DELETE /v1/admin/merchants/:merchantId/users/:userId',
    'PATCH /v1/admin/merchants/:merchantId/users/:userId',
    'POST /v1/admin/merchants/:merchantId/users/:userId/reset-password',
    'POST /v1/admin/merchants/:merchantId/users/:userId/reset-second-factor',
    'POST /v1/admin/merchants/:merchantId/users/:userId/unlink-identity',
    'GET /v1/admin/operator-keys',
    'POST /v1/admin/operator-keys',
    'PATCH /v1/admin/operator-keys/:apiKeyId',
    'POST /v1/admin/operator-keys/:apiKeyId/revoke',
    'POST /v1/admin/transactions/:transactionId/confirm',
    'GET /v1/admin/transactions/:transactionId/confirmation',
    'POST /v1/admin/transactions/:transactionId/decline',
    'GET /v1/admin/users',
    'POST /v1/admin/users',
    'DELETE /v1/admin/users/:userId',
    'PATCH /v1/admin/users/:userId',
    'POST /v1/admin/users/:userId/reset-password',
    'POST /v1/admin/users/:userId/reset-second-factor',
    'POST /v1/admin/users/:userId/unlink-identity',
    'GET /v1/admin/wallet-holders',
    'POST /v1/admin/wallet-holders',
    'GET /v1/admin/wallet-holders/:holderId',
    'GET /v1/admin/wallet-holders/:holderId/wallets',
    'POST /v1/admin/wallet-holders/:holderId/wallets',
    'GET /v1/admin/wallets/:walletId',
    'POST /v1/admin/wallets/:walletId/deposit',
    'POST /v1/admin/wallets/:walletId/freeze',
    'GET /v1/admin/wallets/:walletId/statement',
    'POST /v1/admin/wallets/:walletId/unfreeze',
    'POST /v1/admin/wallets/:walletId/withdraw',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
type Who = keyof typeof ROUTES;

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

test('every route is declared as it is listed here', async () => {
  const app = await wholeApp();
  await app.ready();
  const declared: Record<string, string[]> = {};
  for (const { method, url, auth = 'none', role } of app.routeList) {
    if (method === 'HEAD') continue;
    const who = auth === 'none' ? 'open' : `${auth} ${role ?? 'key'}`;
    declared[who] ??= [];
    declared[who].push(`${method} ${url}`);
  }
  await app.close();
  const sorted = (routes: Readonly<Record<string, readonly string[]>>) =>
    Object.fromEntries(Object.entries(routes).map(([who, list]) => [who, [...list].sort()]));
  assert.deepEqual(sorted(declared), sorted(ROUTES));
});

/** What each of these may call. */
const CALLERS: Readonly<Record<string, readonly Who[]>> = {
  [VIEWER]: ['user any', 'merchant viewer'],
  [MANAGER]: ['user any', 'merchant viewer', 'merchant manager'],
  [ADMIN]: ['user any', 'merchant viewer', 'merchant manager', 'merchant admin', 'user admin'],
  [OTHER_ADMIN]: ['user any', 'merchant viewer', 'merchant manager', 'merchant admin', 'user admin'],
  [OPERATOR]: ['user any', 'operator operator'],
  [DEMO_KEY]: ['merchant viewer', 'merchant manager', 'merchant admin', 'merchant key'],
  [OPERATOR_KEY]: ['operator operator'],
  nobody: [],
};

/** The reason for which a caller is turned away. */
function refusalOf(caller: string, who: Who): readonly [status: number, reason: string] {
  if (caller === 'nobody') return [401, who.startsWith('user') ? 'not_signed_in' : 'missing_api_key'];
  if (caller.includes('@')) return [403, 'insufficient_role'];
  return [403, who.startsWith('user') ? 'session_required' : 'insufficient_scope'];
}

/** With a body that none takes, and ids of nothing: whoever is let in changes nothing. */
async function call(caller: string, browser: Browser | null, route: string): Promise<Reply> {
  const [method = '', url = ''] = route.split(' ');
  const path = url.replace(/:\w+/g, UNKNOWN_ID);
  const options = method === 'GET' ? {} : { body: { nothing: true } };
  if (browser !== null) return browser.call(method, path, options);
  return request(sandbox.url, method, path, { ...options, apiKey: caller === 'nobody' ? null : caller });
}

for (const [caller, allowed] of Object.entries(CALLERS)) {
  test(`${caller} may call: ${allowed.join(', ') || 'nothing'}`, async () => {
    const browser = caller.includes('@') ? await signIn(sandbox.url, caller) : null;
    for (const [who, routes] of Object.entries(ROUTES) as [Who, readonly string[]][]) {
      if (who === 'open') continue;
      for (const route of routes) {
        // Whoever may follow it would follow it for ever.
        if (route.endsWith('/stream') && allowed.includes(who)) continue;
        const reply = await call(caller, browser, route);
        const text = `${caller} ${route}: ${reply.text}`;
        if (allowed.includes(who)) {
          assert.ok(![401, 403, 500].includes(reply.status), text);
          if (!route.startsWith('GET')) assert.ok([400, 404].includes(reply.status), text);
        } else {
          const [status, reason] = refusalOf(caller, who);
          // The deployed API has no reasons.
          const told = route.includes(' /hosted/') ? undefined : reason;
          assert.deepEqual([reply.status, reply.body?.reason], [status, told], text);
        }
      }
    }
  });
}

test('a user of another merchant finds nothing of this one', async () => {
  const { body } = await sandbox.authorize();
  const other = await signIn(sandbox.url, OTHER_ADMIN);
  const demo = await signIn(sandbox.url, ADMIN);
  const id = body.walletTransactionId;
  const found = async (method: string, path: string, payload?: unknown): Promise<void> => {
    const reply = await other.call(method, path, payload === undefined ? {} : { body: payload });
    assert.equal(reply.status, 404, `${method} ${path}: ${reply.text}`);
  };
  await found('GET', `/v1/transactions/${id}`);
  await found('GET', `/v1/wallet/transaction/${id}`);
  await found('GET', `/v1/transactions/${id}/history`);
  await found('GET', `/v1/transactions/${id}/postings`);
  for (const operation of ['capture', 'cancel', 'refund'])
    await found('POST', `/v1/transactions/${id}/${operation}`, {});
  const { items: users } = (await demo.call('GET', '/v1/users')).body;
  const { items: keys } = (await demo.call('GET', '/v1/api-keys')).body;
  await found('PATCH', `/v1/users/${users[0].id}`, { name: 'X' });
  await found('DELETE', `/v1/users/${users[0].id}`);
  await found('POST', `/v1/users/${users[0].id}/reset-password`);
  await found('POST', `/v1/api-keys/${keys[0].id}/revoke`);
  assert.equal((await other.call('GET', '/v1/transactions')).body.items.length, 0);
  assert.equal((await demo.call('GET', `/v1/transactions/${id}`)).body.status, 'authorized');
});
