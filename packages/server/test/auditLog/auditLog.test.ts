/** The audit log: every act leaves one line, in its own transaction, and no line is ever changed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AUDIT_ACTIONS } from '../../src/auditLog/auditEntry.ts';
import { createOperatorKeyCommand } from '../../src/commands/operatorKey.ts';
import { createOperatorUserCommand } from '../../src/commands/operatorUser.ts';
import { cardOf, VISA } from '../support/cards.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidcProvider.ts';
import { CUSTOMER_1, DEMO_STORE, iinOf, newWallet, type Operate, operatorOf } from '../support/operator.ts';
import {
  DEMO_KEY,
  OPERATOR_KEY,
  OTHER_KEY,
  type Reply,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';
import { SsoBrowser } from '../support/ssoBrowser.ts';
import {
  ADMIN,
  attempt,
  type Browser,
  codeOfApp,
  MANAGER,
  OPERATOR,
  setUpApp,
  signIn,
  VIEWER,
} from '../support/user.ts';

const DEMO_KEY_ID = '01900000-0000-7000-8000-a00000000001';
const HOOK = 'http://127.0.0.1:9/hook?token=in-the-query';
const PASSWORD = 'a long and good passphrase';

let provider: OidcProvider;
let sandbox: Sandbox;
let operate: Operate;
let admin: Browser;
before(async () => {
  provider = await startOidcProvider();
  sandbox = await startSandbox({ ...provider.environment });
  provider.admit(sandbox.url);
  operate = operatorOf(sandbox);
  admin = await signIn(sandbox.url, ADMIN);
});
after(async () => {
  await sandbox?.stop();
  await provider?.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: an answer
async function lines(query = ''): Promise<any[]> {
  const { status, body, text } = await operate('GET', `/audit-log?limit=100&${query}`);
  assert.equal(status, 200, text);
  return body.items;
}

/** The lines that something has added, oldest first. */
// biome-ignore lint/suspicious/noExplicitAny: an answer
async function linesOf(act: () => Promise<unknown>): Promise<any[]> {
  const [last] = await lines();
  await act();
  const found = await lines();
  const until = found.findIndex(({ id }) => id === last?.id);
  return (until < 0 ? found : found.slice(0, until)).reverse();
}

async function ok(reply: Promise<Reply>): Promise<Reply['body']> {
  const { status, body, text } = await reply;
  assert.ok(status < 300, `${status} ${text}`);
  return body;
}

/** An authorized payment of the Demo Store. */
async function held(amount = 15_000): Promise<string> {
  return (await ok(sandbox.authorize({ amount }))).walletTransactionId;
}

describe('every act leaves a line with who, what and on what', () => {
  const covered = new Set<string>();

  /** What one call leaves behind. */
  async function leaves(act: () => Promise<unknown>, action: string, more: Record<string, unknown> = {}) {
    const added = await linesOf(act);
    assert.deepEqual(
      added.map((line) => line.action),
      [action],
    );
    const [line] = added;
    covered.add(action);
    const { actor = {}, ...rest } = more as { actor?: object };
    assert.deepEqual({ ...line.actor, ...actor }, line.actor);
    assert.deepEqual({ ...line, ...rest, actor: line.actor }, line);
    assert.ok(Math.abs(Date.parse(line.at) - Date.now()) < 60_000, line.at);
    return line;
  }

  const BY_OPERATOR_KEY = {
    ...{ kind: 'api_key', name: 'sandbox', isOperator: true, address: '127.0.0.1' },
  };
  const BY_ADMIN = { kind: 'user', name: ADMIN, isOperator: false, address: '127.0.0.1' };
  const BY_KEY = { kind: 'api_key', name: 'sandbox', isOperator: false, address: '127.0.0.1' };

  test('merchants and places, by an operator’s key', async () => {
    const merchant = await ok(operate('POST', '/merchants', { name: 'Audited' }));
    const { id: merchantId } = merchant;
    covered.add('merchant.create');
    const [created] = await lines(`object=${merchantId}`);
    assert.deepEqual(
      [created.action, created.merchantId, created.after.name],
      ['merchant.create', merchantId, 'Audited'],
    );
    await leaves(
      () => ok(operate('PATCH', `/merchants/${merchantId}`, { captureDelay: 60 })),
      'merchant.update',
      {
        actor: BY_OPERATOR_KEY,
        merchantId,
        object: { kind: 'merchant', id: merchantId },
        before: { captureDelay: 0 },
        after: { captureDelay: 60 },
      },
    );
    const store = await ok(operate('POST', `/merchants/${merchantId}/stores`, { name: 'Mall' }));
    covered.add('store.create');
    assert.equal((await lines(`object=${store.id}`))[0].action, 'store.create');
    const terminal = { name: 'Till', storeId: store.id };
    await leaves(
      () => ok(operate('POST', `/merchants/${merchantId}/terminals`, terminal)),
      'terminal.create',
      {
        after: terminal,
      },
    );
  });

  test('keys, by admins and operators', async () => {
    let key: Reply['body'];
    const issued = await leaves(
      async () => {
        key = await ok(admin.call('POST', '/v1/api-keys', { body: { name: 'till', scopes: ['read'] } }));
      },
      'api_key.issue',
      { actor: BY_ADMIN, merchantId: DEMO_STORE, before: null },
    );
    assert.deepEqual(issued.after, {
      name: 'till',
      hint: key.apiKey.slice(-4),
      scopes: ['read'],
      expiresAt: null,
    });
    assert.deepEqual(issued.object, { kind: 'api_key', id: key.id });
    const body = { allowedNetworks: ['127.0.0.0/8'] };
    await leaves(() => ok(admin.call('PATCH', `/v1/api-keys/${key.id}`, { body })), 'api_key.update', {
      actor: BY_ADMIN,
      before: { allowedNetworks: null },
      after: body,
    });
    await leaves(() => ok(admin.call('POST', `/v1/api-keys/${key.id}/revoke`)), 'api_key.revoke', {
      actor: BY_ADMIN,
      object: { kind: 'api_key', id: key.id },
    });
    await leaves(
      () => ok(operate('POST', `/merchants/${DEMO_STORE}/api-keys`, { name: 'x' })),
      'api_key.issue',
      {
        actor: BY_OPERATOR_KEY,
        merchantId: DEMO_STORE,
      },
    );
    await leaves(() => ok(operate('POST', '/operator-keys', { name: 'y' })), 'api_key.issue', {
      merchantId: null,
    });
  });

  test('second factors, sessions, and what a merchant requires', async () => {
    const browser = await signIn(sandbox.url, VIEWER);
    const own = { kind: 'user', name: VIEWER };
    const post = (path: string, body: object = {}) => ok(browser.call('POST', path, { body }));
    await leaves(() => setUpApp(browser), 'second_factor.set_up', { actor: own, after: { totp: true } });
    await leaves(() => post('/v1/session/recovery-codes'), 'second_factor.new_recovery_codes', {
      actor: own,
    });
    await leaves(() => post('/v1/session/totp/remove'), 'second_factor.remove', { before: { totp: true } });
    const { secret } = await setUpApp(browser);
    const signedIn = await leaves(
      () => ok(attempt(sandbox.url, VIEWER, 'sandbox', {}, codeOfApp(secret, 1))),
      'session.sign_in',
      { after: { signedInBy: 'password_and_code' } },
    );
    await leaves(() => attempt(sandbox.url, VIEWER, 'sandbox', {}, '000000'), 'session.sign_in_failed', {
      after: { wrong: 'second_factor' },
    });
    const other = signedIn.actor.credentialId;
    await leaves(() => ok(browser.call('DELETE', `/v1/sessions/${other}`)), 'session.end', {
      object: { kind: 'session', id: other },
    });
    await leaves(() => ok(browser.call('POST', '/v1/sessions/end-others')), 'session.end_others');
    const passkey = '01900000-0000-7000-8000-00000000aaaa';
    await sandbox.pool.query(
      `INSERT INTO passkey (id, user_id, rp_id, credential_id, public_key, counter, transports, name, created_at)
       SELECT $1, id, 'localhost', '\\x00', '\\x00', 0, '{}', 'Laptop', now() FROM dashboard_user WHERE email = $2`,
      [passkey, VIEWER],
    );
    const renamed = { body: { name: 'Phone' } };
    await leaves(
      () => ok(browser.call('PATCH', `/v1/session/passkeys/${passkey}`, renamed)),
      'passkey.rename',
      {
        ...{ actor: own, object: { kind: 'passkey', id: passkey } },
        ...{ before: { name: 'Laptop' }, after: { name: 'Phone' } },
      },
    );
    await leaves(() => post(`/v1/session/passkeys/${passkey}/remove`), 'second_factor.remove', {
      before: { passkey: 'Phone' },
    });
    const { items } = await ok(admin.call('GET', '/v1/users'));
    const user = items.find(({ email }: { email: string }) => email === VIEWER);
    await leaves(
      () => ok(admin.call('POST', `/v1/users/${user.id}/reset-second-factor`)),
      'user.reset_second_factor',
      { actor: BY_ADMIN, object: { kind: 'user', id: user.id } },
    );
    const require = (requireSecondFactor: boolean) =>
      ok(admin.call('PATCH', '/v1/sign-in-settings', { body: { requireSecondFactor } }));
    await leaves(() => require(true), 'merchant.require_second_factor', {
      before: { requireSecondFactor: false },
      after: { requireSecondFactor: true },
    });
    await sandbox.pool.query('UPDATE merchant SET require_second_factor = false');
    await sandbox.pool.query('DELETE FROM sign_in_attempt');
  });

  test('identities at the provider, linked and unlinked', async () => {
    provider.people.set('anna', { email: MANAGER, email_verified: true });
    const browser = new SsoBrowser(sandbox.url);
    await browser.travel('anna');
    const added = await linesOf(() => browser.finish());
    assert.deepEqual(
      added.map(({ action, after }) => [action, after]),
      [
        ['identity.link', { issuer: provider.issuer, subject: 'anna', email: MANAGER }],
        ['session.sign_in', { signedInBy: 'openid_connect' }],
      ],
    );
    covered.add('identity.link');
    const { id } = (await browser.call('GET', '/v1/session')).body.user;
    const before = { issuer: provider.issuer, subject: 'anna' };
    await leaves(
      () => browser.call('POST', '/v1/session/oidc/unlink', { password: 'sandbox' }),
      'identity.unlink',
      { actor: { kind: 'user', name: MANAGER }, object: { kind: 'user', id }, before },
    );
    await browser.signIn('anna');
    await leaves(() => ok(admin.call('POST', `/v1/users/${id}/unlink-identity`)), 'user.unlink_identity', {
      actor: BY_ADMIN,
      object: { kind: 'user', id },
      before,
    });
    provider.people.set('nobody', { email: 'nobody@demo.test', email_verified: true });
    const stranger = new SsoBrowser(sandbox.url);
    await stranger.travel('nobody');
    await leaves(() => stranger.finish(), 'session.sign_in_failed', {
      after: { wrong: 'identity', because: 'nobody', issuer: provider.issuer, subject: 'nobody' },
    });
  });

  test('users, their roles and passwords', async () => {
    let user: Reply['body'];
    const path = (end = '') => `/v1/users/${user.id}${end}`;
    await leaves(
      async () => {
        const body = { email: 'audited@demo.test', name: 'Audited', role: 'viewer' };
        user = await ok(admin.call('POST', '/v1/users', { body }));
      },
      'user.create',
      { after: { email: 'audited@demo.test', name: 'Audited', role: 'viewer' } },
    );
    await leaves(() => ok(admin.call('PATCH', path(), { body: { role: 'admin' } })), 'user.update', {
      object: { kind: 'user', id: user.id },
      before: { role: 'viewer' },
      after: { role: 'admin' },
    });
    await leaves(() => ok(admin.call('POST', path('/reset-password'))), 'user.reset_password');
    await leaves(() => ok(admin.call('DELETE', path())), 'user.delete', {
      before: { email: 'audited@demo.test', name: 'Audited', role: 'admin' },
    });
  });

  test('signing in, failing to, being locked out, signing out', async () => {
    await leaves(() => signIn(sandbox.url, MANAGER), 'session.sign_in', {
      actor: { kind: 'user', name: MANAGER, address: '127.0.0.1' },
      merchantId: DEMO_STORE,
    });
    const failure = await leaves(() => attempt(sandbox.url, MANAGER, 'wrong'), 'session.sign_in_failed', {
      actor: { kind: 'unknown', id: null, name: null, address: '127.0.0.1' },
      merchantId: DEMO_STORE,
    });
    const [user] = (await ok(admin.call('GET', '/v1/users?limit=100'))).items.filter(
      ({ email }: { email: string }) => email === MANAGER,
    );
    assert.deepEqual(failure.object, { kind: 'user', id: user.id });
    await leaves(() => attempt(sandbox.url, 'nobody@nowhere.test', 'wrong'), 'session.sign_in_failed', {
      merchantId: null,
      object: { kind: 'user', id: null },
    });
    const browser = await signIn(sandbox.url, MANAGER);
    const body = { current: 'sandbox', new: PASSWORD };
    await leaves(() => ok(browser.call('POST', '/v1/session/password', { body })), 'user.change_password', {
      actor: { name: MANAGER },
    });
    await leaves(() => ok(browser.call('DELETE', '/v1/session')), 'session.sign_out', {
      actor: { name: MANAGER },
    });
    const again = await signIn(sandbox.url, MANAGER, PASSWORD);
    const everywhere = '/v1/session/sign-out-everywhere';
    await leaves(() => ok(again.call('POST', everywhere)), 'session.sign_out_everywhere');
  });

  test('a lock-out when it begins, and not each attempt that it turns away', async () => {
    const statuses: number[] = [];
    const added = await linesOf(async () => {
      for (let i = 0; i < 8; i += 1) statuses.push((await attempt(sandbox.url, VIEWER, `wrong ${i}`)).status);
    });
    const actions = added.map(({ action }) => action);
    const count = (action: string): number => actions.filter((other) => other === action).length;
    const failures = statuses.filter((status) => status === 401).length;
    assert.equal(count('session.sign_in_failed'), failures);
    // From the fifth on each attempt that gets as far as the password begins a lock, of a second at first.
    assert.equal(count('session.lock_out'), failures - 4, `${actions} ${statuses}`);
    assert.ok(failures >= 5);
    const { after } = added.find(({ action }) => action === 'session.lock_out');
    assert.deepEqual([after.locked, after.seconds > 0], ['account', true]);
    covered.add('session.lock_out');
    await sandbox.pool.query('DELETE FROM sign_in_attempt');
  });

  test('webhook endpoints from their beginning to their end', async () => {
    const path = '/v1/webhook-endpoints';
    let endpoint: Reply['body'];
    const at = (end = '') => `${path}/${endpoint.id}${end}`;
    const created = await leaves(
      async () => {
        endpoint = await ok(
          sandbox.call('POST', path, { body: { url: HOOK, bearerToken: 'the-bearer-token' } }),
        );
      },
      'webhook_endpoint.create',
      { actor: { ...BY_KEY, id: DEMO_KEY_ID }, merchantId: DEMO_STORE },
    );
    assert.equal(created.after.url, 'http://127.0.0.1:9/hook?…');
    await leaves(
      () => ok(admin.call('PATCH', at(), { body: { description: 'shop', bearerToken: 'another-token' } })),
      'webhook_endpoint.update',
      {
        actor: BY_ADMIN,
        object: { kind: 'webhook_endpoint', id: endpoint.id },
        before: { description: null },
        after: { description: 'shop', bearerToken: 'changed' },
      },
    );
    await leaves(() => ok(sandbox.call('POST', at('/rotate-secret'))), 'webhook_endpoint.rotate_secret');
    let sent: Reply['body'];
    await leaves(async () => {
      sent = await ok(sandbox.call('POST', at('/test')));
    }, 'webhook_endpoint.test');
    await leaves(
      () => ok(sandbox.call('POST', at(`/deliveries/${sent.id}/resend`))),
      'webhook_delivery.resend',
      {
        after: { deliveryId: sent.id },
      },
    );
    const body = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z' };
    const replay = await leaves(
      () => ok(sandbox.call('POST', at('/replay'), { body })),
      'webhook_endpoint.replay',
    );
    assert.deepEqual([replay.after.from, replay.after.to], [body.from, body.to]);
    await leaves(() => ok(sandbox.call('POST', at('/disable'))), 'webhook_endpoint.disable', {
      before: { status: 'enabled', disabledReason: null },
      after: { status: 'disabled', disabledReason: 'requested' },
    });
    await leaves(() => ok(sandbox.call('POST', at('/enable'))), 'webhook_endpoint.enable');
    await leaves(() => ok(sandbox.call('DELETE', at())), 'webhook_endpoint.delete');
  });

  test('captures, cancels and refunds, by key and by hand, of wallets and cards', async () => {
    const first = await held();
    const { id } = (await ok(sandbox.call('GET', '/v1/transactions?limit=1'))).items[0];
    await leaves(
      () => ok(sandbox.call('POST', `/v1/wallet/${first}/capture`, { body: { amount: 10_000 } })),
      'payment.capture',
      {
        actor: { ...BY_KEY, id: DEMO_KEY_ID },
        merchantId: DEMO_STORE,
        object: { kind: 'payment', id },
        before: { status: 'authorized', currency: 'KZT', captured: 0, released: 0, refunded: 0 },
        after: {
          amount: 10_000,
          status: 'charged',
          currency: 'KZT',
          captured: 10_000,
          released: 5_000,
          refunded: 0,
        },
      },
    );
    const refund = await leaves(
      () => ok(admin.call('POST', `/v1/transactions/${id}/refund`, { body: { amount: 4_000 } })),
      'payment.refund',
      { actor: BY_ADMIN, object: { kind: 'payment', id } },
    );
    assert.deepEqual([refund.before.refunded, refund.after.refunded, refund.after.amount], [0, 4_000, 4_000]);
    assert.match(refund.after.refundId, /^[0-9a-f-]{36}$/);
    const second = await held();
    await leaves(
      () => ok(sandbox.call('POST', `/v1/wallet/${second}/cancel`, { body: { amount: 15_000 } })),
      'payment.cancel',
    );
    const card = await ok(
      sandbox.call('POST', '/v1/payments', {
        idempotencyKey: 'audited card',
        body: { amount: 700, currency: 'KZT', orderReference: 'CARD', card: cardOf(VISA) },
      }),
    );
    const captured = await leaves(
      () => ok(sandbox.call('POST', `/v1/transactions/${card.id}/capture`, { body: {} })),
      'payment.capture',
    );
    assert.deepEqual(captured.after, { amount: 700, waitsForBank: true });
  });

  test('payment links made by hand, and what is done to one by a key', async () => {
    const body = { amount: 500, currency: 'KZT', orderReference: 'LINK-BY-HAND' };
    let link: Reply['body'];
    const create = async () => {
      link = await ok(admin.call('POST', '/v1/payment-links', { body }));
    };
    const made = await leaves(create, 'payment_link.create', { actor: BY_ADMIN, merchantId: DEMO_STORE });
    assert.deepEqual(made.object, { kind: 'payment_link', id: link.id });
    assert.deepEqual(await linesOf(() => ok(sandbox.call('POST', '/v1/payment-links', { body }))), []);
    const at = `/v1/payment-links/${link.id}`;
    const expiresAt = new Date(Date.parse(link.expiresAt) + 60_000).toISOString();
    await leaves(() => ok(sandbox.call('PATCH', at, { body: { expiresAt } })), 'payment_link.extend', {
      actor: { ...BY_KEY, id: DEMO_KEY_ID },
      after: { status: 'active', amount: 500, currency: 'KZT', expiresAt },
    });
    await leaves(() => ok(admin.call('DELETE', at)), 'payment_link.cancel', { actor: BY_ADMIN });
    assert.deepEqual(await linesOf(() => sandbox.call('DELETE', at)), []);
  });

  test('a payment made by hand, and not one that a key makes', async () => {
    const body = {
      amount: 500,
      currency: 'KZT',
      orderReference: 'BY-HAND',
      phoneNumber: '+77010000001',
      iin: '900101300017',
    };
    await leaves(
      () => ok(admin.call('POST', '/v1/wallet/authorize', { body, idempotencyKey: 'by hand' })),
      'payment.create',
      { actor: BY_ADMIN },
    );
    assert.deepEqual(await linesOf(() => held()), []);
  });

  test('cards on file, and the secret of callbacks', async () => {
    const { id: customerId } = await ok(
      sandbox.call('POST', '/v1/customers', { body: { name: 'Card holder' } }),
    );
    const cardId = `ct_${'5'.repeat(32)}`;
    await sandbox.pool.query(
      `WITH token AS (INSERT INTO card_token (id, merchant_id, fingerprint, brand, last4, expiry_month, expiry_year, created_at)
         VALUES ($1, $2, 'audited', 'visa', '4242', 12, 2040, now()) RETURNING *)
       INSERT INTO card_on_file (customer_id, card_token_id, merchant_id, created_at, consent_at, consent_by,
         consent_transaction_id, merchant_may_charge)
       SELECT $3, id, merchant_id, now(), now(), 'api', gen_random_uuid(), true FROM token`,
      [cardId, DEMO_STORE, customerId],
    );
    const path = `/v1/customers/${customerId}/cards/${cardId}`;
    const line = { actor: BY_KEY, object: { kind: 'card', id: cardId }, after: { customerId } };
    await leaves(
      () => ok(sandbox.call('PATCH', path, { body: { isDefault: true } })),
      'card.make_default',
      line,
    );
    await leaves(() => ok(sandbox.call('DELETE', `${path}/consent`)), 'card.withdraw_consent', line);
    await leaves(() => ok(sandbox.call('DELETE', path)), 'card.delete', line);
    const rotated = await leaves(
      () => ok(sandbox.call('POST', '/v1/callback-secret/rotate')),
      'callback_secret.rotate',
      { actor: BY_KEY, object: { kind: 'callback_secret', id: DEMO_STORE } },
    );
    assert.doesNotMatch(JSON.stringify(rotated), /whsec_|cbk_/);
  });

  test('customers of a merchant: who, and which fields, never what', async () => {
    const person = { name: 'Audited Person', email: 'audited@example.kz', phone: '+77025550056' };
    const made = await leaves(
      () => ok(sandbox.call('POST', '/v1/customers', { body: person })),
      'customer.create',
      { actor: BY_KEY, merchantId: DEMO_STORE, before: null, after: null },
    );
    const { object } = made;
    assert.equal(object.kind, 'customer');
    const path = `/v1/customers/${object.id}`;
    const update = { email: 'other@example.kz', locale: 'kk' };
    await leaves(() => ok(sandbox.call('PATCH', path, { body: update })), 'customer.update', {
      object,
      before: null,
      after: { changed: ['email', 'locale'] },
    });
    const admin = await signIn(sandbox.url, ADMIN);
    await leaves(() => ok(admin.call('GET', `${path}/export`)), 'customer.export', {
      actor: BY_ADMIN,
      object,
    });
    await leaves(() => ok(admin.call('DELETE', path)), 'customer.erase', {
      object,
      before: null,
      after: null,
    });
    const { rows } = await sandbox.pool.query('SELECT audit_log::text AS line FROM audit_log');
    for (const text of [...Object.values(person), update.email])
      assert.ok(
        rows.every(({ line }) => !line.includes(text)),
        text,
      );
  });

  test('wallet holders, wallets, their money and their freezing', async () => {
    const { walletId } = await newWallet(operate);
    const added = await lines();
    assert.deepEqual(
      added.slice(0, 2).map(({ action }) => action),
      ['wallet.create', 'wallet_holder.create'],
    );
    covered.add('wallet.create').add('wallet_holder.create');
    const object = { kind: 'wallet', id: walletId };
    const deposit = await leaves(
      () => ok(operate('POST', `/wallets/${walletId}/deposit`, { amount: 900 })),
      'wallet.deposit',
      {
        actor: BY_OPERATOR_KEY,
        merchantId: null,
        object,
      },
    );
    assert.deepEqual([deposit.after.amount, deposit.after.currency], [900, 'KZT']);
    await leaves(
      () => ok(operate('POST', `/wallets/${walletId}/withdraw`, { amount: 100 })),
      'wallet.withdraw',
    );
    await leaves(() => ok(operate('POST', `/wallets/${walletId}/freeze`)), 'wallet.freeze', { object });
    await leaves(() => ok(operate('POST', `/wallets/${walletId}/unfreeze`)), 'wallet.unfreeze', { object });
  });

  test('a decision in a customer’s place: the link, the operator, the page', async () => {
    const { walletId, phoneNumber, iin } = await newWallet(operate, 'KZT', true);
    await ok(operate('POST', `/wallets/${walletId}/deposit`, { amount: 90_000 }));
    const payment = async () => (await ok(sandbox.authorize({ phoneNumber, iin }))).walletTransactionId;
    await leaves(
      async () => ok(operate('POST', `/transactions/${await payment()}/confirm`)),
      'payment.confirm',
      {
        actor: BY_OPERATOR_KEY,
        merchantId: DEMO_STORE,
      },
    );
    const id = await payment();
    let link = '';
    await leaves(
      async () => {
        link = (await ok(operate('GET', `/transactions/${id}/confirmation`))).url;
      },
      'payment.show_confirmation',
      { actor: BY_OPERATOR_KEY, merchantId: DEMO_STORE },
    );
    const decided = await leaves(
      () => fetch(link, { method: 'POST', body: new URLSearchParams({ decision: 'decline' }) }),
      'payment.confirm',
      { actor: { kind: 'customer', id: null, address: '127.0.0.1' }, merchantId: DEMO_STORE },
    );
    assert.deepEqual([decided.after.approved, decided.after.status], [false, 'rejected']);
  });

  test('acquirers, their routes and what a merchant is known by there: no secret is told', async () => {
    const given = { name: 'Audited bank', url: 'http://127.0.0.1:9', capabilities: [], takesPayments: false };
    const made = await leaves(
      () => ok(operate('POST', '/acquirers', { ...given, secret: 'first of the secrets' })),
      'acquirer.create',
      { actor: BY_OPERATOR_KEY, merchantId: null },
    );
    const { id } = made.object;
    assert.deepEqual(made.after, { ...given, id, connector: 'http' });
    const path = `/acquirers/${id}`;
    const renamed = { name: 'Audited twice', secret: 'second of the secrets' };
    await leaves(() => ok(operate('PATCH', path, renamed)), 'acquirer.update', {
      object: { kind: 'acquirer', id },
      before: { name: 'Audited bank' },
      after: { name: 'Audited twice' },
    });
    const routes = [{ acquirerId: id, merchantId: DEMO_STORE }];
    await leaves(() => ok(operate('PUT', '/acquirer-routes', { routes })), 'acquirer.route');
    await leaves(() => ok(operate('PUT', '/acquirer-routes', { routes: [] })), 'acquirer.route');
    const credentials = { secret: 'third of the secrets' };
    await leaves(
      () => ok(operate('PUT', `/merchants/${DEMO_STORE}/acquirer-credentials/${id}`, { credentials })),
      'acquirer.set_credentials',
      {
        merchantId: DEMO_STORE,
        object: { kind: 'acquirer', id },
        after: { names: ['secret'], sameAccount: false },
      },
    );
    assert.doesNotMatch(JSON.stringify(await lines()), /of the secrets/);
  });

  test('audits of the ledger, muted issues, the sandbox’s levers', async () => {
    await leaves(() => ok(operate('POST', '/audit')), 'ledger.audit', { actor: BY_OPERATOR_KEY });
    const mute = { body: { untilSeconds: 60 } };
    await leaves(() => ok(admin.call('POST', '/v1/issues/holds_expiring/mute', mute)), 'issue.mute');
    const faults = { databaseDelayMs: 0 };
    await leaves(
      () => ok(sandbox.call('PUT', '/v1/sandbox/faults', { body: faults })),
      'sandbox.set_faults',
      {
        actor: BY_KEY,
        after: faults,
      },
    );
    const step = { advanceSeconds: 1 };
    await leaves(
      () => ok(sandbox.call('POST', '/v1/sandbox/clock', { body: step })),
      'sandbox.advance_clock',
      {
        actor: BY_KEY,
        after: step,
      },
    );
  });

  test('what is made by access to the database alone', async () => {
    const env = { DATABASE_URL: sandbox.databaseUrl };
    const output = { out: () => undefined, error: () => undefined };
    const actor = { kind: 'command_line', id: null, isOperator: true, address: null };
    await leaves(() => createOperatorKeyCommand('rescue', env, output), 'api_key.issue', { actor });
    await leaves(() => createOperatorUserCommand('rescue@ops.test', 'Rescue', env, output), 'user.create', {
      actor,
    });
  });

  test('a reset, with which the log begins anew', async () => {
    await ok(admin.call('POST', '/v1/sandbox/reset'));
    const [first, ...others] = await lines();
    assert.deepEqual([first.action, first.actor.name, others.length], ['sandbox.reset', ADMIN, 0]);
    covered.add('sandbox.reset');
  });

  test('of every action that there is', () => {
    // Those of keys need an installation of their own: secretKeys.test.ts.
    covered.add('secret_key.add').add('secret_key.retire');
    assert.deepEqual(
      AUDIT_ACTIONS.filter((action) => !covered.has(action)),
      [],
    );
  });
});

describe('a line is there exactly when its act was done', () => {
  test('not for what was refused, malformed or unknown', async () => {
    const id = await held();
    const added = await linesOf(async () => {
      await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 99_999 } });
      await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: -1 } });
      await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 1 }, apiKey: OTHER_KEY });
      await operate('PATCH', `/merchants/${DEMO_STORE}`, { captureDelay: 999_999_999 });
      await operate('POST', `/wallets/${CUSTOMER_1}/freeze`);
    });
    assert.deepEqual(added, []);
  });

  test('once for what is repeated with its key', async () => {
    const id = await held();
    const capture = () =>
      sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 1 }, idempotencyKey: 'audit once' });
    const merchant = () => operate('POST', '/merchants', { name: 'Once' }, 'audit merchant once');
    const added = await linesOf(async () => {
      await Promise.all([capture(), capture(), merchant(), merchant()]);
      await Promise.all([capture(), merchant()]);
    });
    assert.deepEqual(added.map(({ action }) => action).sort(), ['merchant.create', 'payment.capture']);
  });

  test('what cannot be told is not done', async () => {
    const id = await held();
    await sandbox.pool.query(
      `ALTER TABLE audit_log ADD CONSTRAINT full_disk CHECK (action NOT IN ('payment.capture', 'merchant.update')) NOT VALID`,
    );
    try {
      const capture = await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 15_000 } });
      assert.equal(capture.status, 500, capture.text);
      const update = await operate('PATCH', `/merchants/${DEMO_STORE}`, { captureDelay: 77 });
      assert.equal(update.status, 500, update.text);
    } finally {
      await sandbox.pool.query('ALTER TABLE audit_log DROP CONSTRAINT full_disk');
    }
    const payment = await ok(sandbox.call('GET', `/v1/wallet/transaction/${id}`));
    assert.equal(payment.walletTransactionStatus, 'PROCESSING');
    assert.notEqual((await ok(operate('GET', `/merchants/${DEMO_STORE}`))).captureDelay, 77);
  });

  test('many in one batch each have their own', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => held(100)));
    const added = await linesOf(() =>
      Promise.all(
        ids.map((id, i) => sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: i + 1 } })),
      ),
    );
    const amounts = added.map(({ after }) => after.amount).sort((a, b) => a - b);
    assert.deepEqual(
      amounts,
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    assert.equal(new Set(added.map(({ object }) => object.id)).size, 30);
    assert.equal(new Set(added.map(({ requestId }) => requestId)).size, 30);
  });
});

test('it holds no secret and nothing that identifies a customer', async () => {
  const secrets: string[] = ['the-bearer-token', 'another-token', PASSWORD, 'in-the-query', VISA];
  const phoneNumber = '+77025550055';
  const iin = iinOf(550);
  await ok(operate('POST', '/wallet-holders', { phoneNumber, iin }));
  const endpoint = await ok(
    sandbox.call('POST', '/v1/webhook-endpoints', { body: { url: HOOK, bearerToken: 'the-bearer-token' } }),
  );
  const rotated = await ok(sandbox.call('POST', `/v1/webhook-endpoints/${endpoint.id}/rotate-secret`));
  const key = await ok(operate('POST', '/operator-keys', { name: 'secret' }));
  const user = await ok(operate('POST', '/users', { email: 'secret@ops.test', name: 'Secret' }));
  secrets.push(endpoint.secret, rotated.secret, key.apiKey, user.password, phoneNumber, iin);
  const { rows } = await sandbox.pool.query('SELECT audit_log::text AS line FROM audit_log');
  assert.ok(rows.length > 5);
  for (const { line } of rows)
    for (const secret of secrets) assert.ok(!line.includes(secret), `${secret} is in ${line}`);
});

describe('reading it', () => {
  test('a merchant’s admins and keys read their own, and operators all', async () => {
    await ok(operate('POST', `/merchants/${DEMO_STORE}/api-keys`, { name: 'from above' }));
    await ok(operate('POST', '/operator-keys', { name: 'not theirs' }));
    for (const read of [
      () => sandbox.call('GET', '/v1/audit-log?limit=100'),
      async () => (await signIn(sandbox.url, ADMIN)).call('GET', '/v1/audit-log?limit=100'),
    ]) {
      const { items } = await ok(read());
      assert.ok(items.length > 0);
      assert.ok(items.every(({ merchantId }: { merchantId: string }) => merchantId === DEMO_STORE));
    }
    assert.deepEqual((await ok(sandbox.call('GET', '/v1/audit-log', { apiKey: OTHER_KEY }))).items, []);
    const all = await lines();
    assert.ok(all.some(({ merchantId }) => merchantId === null));
    assert.ok(all.some(({ merchantId }) => merchantId === DEMO_STORE));
  });

  test('an operator is nobody in particular to a merchant', async () => {
    const [own] = (await ok(sandbox.call('GET', '/v1/audit-log?action=api_key.issue'))).items;
    const nobody = { id: null, name: null, credentialId: null, address: null };
    assert.deepEqual(own.actor, { kind: 'operator', isOperator: true, ...nobody });
    assert.deepEqual([own.after.name, own.requestId], ['from above', null]);
    const [seen] = await lines(`object=${own.object.id}`);
    assert.equal(seen.actor.kind, 'api_key');
    const byId = await ok(sandbox.call('GET', `/v1/audit-log?actor=${seen.actor.id}`));
    assert.deepEqual(byId.items, []);
  });

  test('nobody else may', async () => {
    for (const email of [MANAGER, VIEWER]) {
      const browser = await signIn(sandbox.url, email);
      assert.equal((await browser.call('GET', '/v1/audit-log')).status, 403);
    }
    assert.equal((await sandbox.call('GET', '/v1/audit-log', { apiKey: OPERATOR_KEY })).status, 403);
    assert.equal((await sandbox.call('GET', '/v1/admin/audit-log', { apiKey: DEMO_KEY })).status, 403);
    assert.equal((await sandbox.call('GET', '/v1/audit-log', { apiKey: null })).status, 401);
    const operator = await signIn(sandbox.url, OPERATOR);
    assert.equal((await operator.call('GET', '/v1/admin/audit-log')).status, 200);
  });

  test('is filtered by actor, action, object, merchant and time', async () => {
    const all = await lines();
    const merchant = await ok(operate('POST', '/merchants', { name: 'Filtered' }));
    const [line] = await lines(`object=${merchant.id}`);
    assert.equal(line.action, 'merchant.create');
    const same = (found: typeof all) => found.map(({ id }) => id).includes(line.id);
    assert.ok(same(await lines(`actor=${line.actor.id}`)));
    assert.ok(same(await lines('action=merchant.create')));
    assert.ok(same(await lines(`merchantId=${merchant.id}`)));
    assert.ok(same(await lines(`from=${line.at}`)));
    assert.ok(!same(await lines(`to=${line.at}`)));
    assert.ok(!same(await lines('action=api_key.issue')));
    assert.ok(!same(await lines(`merchantId=${DEMO_STORE}`)));
    assert.ok((await lines(`merchantId=${DEMO_STORE}`)).every(({ merchantId }) => merchantId === DEMO_STORE));
    assert.deepEqual(await lines(`object=${merchant.id}&action=merchant.update`), []);
  });

  test('in pages, newest first, each line once; a cursor is of its list', async () => {
    const all = await lines();
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { items, nextCursor }: Reply['body'] = await ok(
        operate('GET', `/audit-log?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`),
      );
      assert.ok(items.length <= 3);
      seen.push(...items.map(({ id }: { id: string }) => id));
      cursor = nextCursor;
    }
    assert.deepEqual(
      seen.slice(0, all.length),
      all.map(({ id }) => id),
    );
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual([...seen].sort().reverse(), seen);
    const { nextCursor } = await ok(operate('GET', '/audit-log?limit=1'));
    assert.equal((await sandbox.call('GET', `/v1/audit-log?cursor=${nextCursor}`)).status, 400);
  });

  test('a filter that is none is named', async () => {
    const wrong = { actor: 'x', action: 'x', object: '', from: 'x', to: '2026-02-30T00:00:00Z', limit: '0' };
    for (const [name, value] of Object.entries(wrong)) {
      const reply = await operate('GET', `/audit-log?${name}=${value}`);
      assert.equal(reply.status, 400, `${name} ${reply.text}`);
      assert.deepEqual(
        reply.body.details.map(({ path }: { path: string }) => path),
        [name],
      );
    }
  });
});

describe('the past is only added to', () => {
  const TABLES = ['audit_log', 'event', 'posting', 'wallet_transfer'];

  for (const table of TABLES) {
    test(`${table}: neither changed nor deleted by the program’s own role`, async () => {
      const { rows } = await sandbox.pool.query(`SELECT count(*)::int AS n FROM ${table}`);
      assert.ok(rows[0].n > 0, 'there is something to delete');
      const [column] = {
        audit_log: ['action'],
        event: ['name'],
        posting: ['currency'],
        wallet_transfer: ['kind'],
      }[table] as string[];
      for (const sql of [
        `UPDATE ${table} SET ${column} = ${column}`,
        `DELETE FROM ${table}`,
        `DELETE FROM ${table} WHERE false`,
      ]) {
        await assert.rejects(sandbox.pool.query(sql), { code: '42501', message: /is append-only/ });
      }
      const left = await sandbox.pool.query(`SELECT count(*)::int AS n FROM ${table}`);
      assert.equal(left.rows[0].n, rows[0].n);
    });

    test(`${table}: not emptied in production`, async () => {
      const client = await sandbox.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query(`UPDATE installation SET mode = 'production'`);
        await assert.rejects(client.query(`TRUNCATE ${table}`), { code: '42501' });
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    });
  }

  test('retention has a role of its own', async () => {
    const client = await sandbox.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(`CREATE ROLE plexy_retention; GRANT SELECT, DELETE ON audit_log TO plexy_retention;
        SET LOCAL ROLE plexy_retention`);
      const { rowCount } = await client.query('DELETE FROM audit_log');
      assert.ok((rowCount ?? 0) > 0);
      await assert.rejects(client.query(`UPDATE audit_log SET action = 'x'`), { code: '42501' });
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});
