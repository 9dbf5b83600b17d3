import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { OPERATOR_SCOPE } from '../../src/engine/batch.ts';
import {
  assertError,
  DEMO_STORE,
  KZT_WALLET,
  newWallet,
  type Operate,
  operatorOf,
} from '../support/operator.ts';
import { DEMO_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

/** That the stored answer does not hold the secret, in whatever form it may be opened. */
async function assertKeptNowhere(key: string, secret: string): Promise<void> {
  const { rows } = await sandbox.pool.query('SELECT response FROM idempotency_key WHERE key = $1', [key]);
  assert.equal(rows.length, 1);
  assert.equal(typeof JSON.parse(rows[0].response).id, 'string');
  assert.ok(!rows[0].response.includes(secret));
}

/** As answers were stored before keys had ids: one key for everything, bound to nothing. */
function encryptedUnbound(secretKey: string, text: string): string {
  const key = Buffer.from(hkdfSync('sha256', secretKey, 'plexy-pay', 'encryption', 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

async function merchantsNamed(name: string): Promise<number> {
  return Number(
    (await sandbox.pool.query('SELECT count(*) FROM merchant WHERE name = $1', [name])).rows[0].count,
  );
}

describe('Idempotency-Key', () => {
  test('the same request again gets the same bytes, and nothing happens twice', async () => {
    const first = await operate('POST', '/merchants', { name: 'Once', captureDelay: 5 }, 'once');
    const again = await operate('POST', '/merchants', { captureDelay: 5.0, name: 'Once' }, 'once');
    assert.deepEqual([again.status, again.text], [first.status, first.text]);
    assert.equal(first.headers.get('idempotency-replayed'), null);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal(await merchantsNamed('Once'), 1);
  });

  test('another request with the key is refused, whichever route it is for', async () => {
    await operate('POST', '/merchants', { name: 'Mine' }, 'mine');
    const others = [
      operate('POST', '/merchants', { name: 'Not mine' }, 'mine'),
      operate('POST', `/wallets/${KZT_WALLET}/freeze`, undefined, 'mine'),
      operate('POST', `/wallets/${KZT_WALLET}/deposit`, { amount: 1 }, 'mine'),
    ];
    for (const other of await Promise.all(others)) assertError(other, 422, 'idempotency_key_reused');
    await operate('POST', `/wallets/${KZT_WALLET}/deposit`, { amount: 1 }, 'money');
    const freeze = await operate('POST', `/wallets/${KZT_WALLET}/freeze`, undefined, 'money');
    assertError(freeze, 422, 'idempotency_key_reused');
  });

  test('a 422 is remembered with its bytes, even when it would now be possible', async () => {
    const { items } = (await operate('GET', '/users')).body;
    const [{ id }] = items;
    const first = await operate('PATCH', `/users/${id}`, { disabled: true }, 'last');
    assertError(first, 422, 'last_admin');
    const other = { email: 'second@operator.test', name: 'Second' };
    assert.equal((await operate('POST', '/users', other)).status, 201);
    const again = await operate('PATCH', `/users/${id}`, { disabled: true }, 'last');
    assert.deepEqual([again.status, again.text], [422, first.text]);
    assert.deepEqual(
      [first, again].map(({ headers }) => headers.get('idempotency-replayed')),
      [null, 'true'],
    );
    assertError(
      await operate('PATCH', `/users/${id}`, { disabled: false }, 'last'),
      422,
      'idempotency_key_reused',
    );
    assert.equal((await operate('PATCH', `/users/${id}`, { disabled: true }, 'not the last')).status, 200);
  });

  test('so is one of what a merchant changes; what is no 422 is not', async () => {
    const url = 'https://shop.example/hooks';
    const { id } = (await sandbox.call('POST', '/v1/webhook-endpoints', { body: { url } })).body;
    const send = (key: string) =>
      sandbox.call('POST', `/v1/webhook-endpoints/${id}/test`, { idempotencyKey: key });
    assert.equal((await sandbox.call('POST', `/v1/webhook-endpoints/${id}/disable`)).status, 200);
    const first = await send('test');
    assert.deepEqual([first.status, first.body.reason], [422, 'webhook_endpoint_disabled']);
    assert.equal((await sandbox.call('POST', `/v1/webhook-endpoints/${id}/enable`)).status, 200);
    const again = await send('test');
    assert.deepEqual(
      [again.status, again.text, again.headers.get('idempotency-replayed')],
      [422, first.text, 'true'],
    );
    assert.ok((await send('another')).status < 300);
    const unknown = '/merchants/01900000-0000-7000-8000-00000000ffff';
    for (let i = 0; i < 2; i += 1) {
      const reply = await operate('PATCH', unknown, { name: 'X' }, 'unknown');
      assertError(reply, 404, 'merchant_not_found');
      assert.equal(reply.headers.get('idempotency-replayed'), null);
    }
  });

  test('fifty at once: one is executed, the others get its answer', async () => {
    const calls = Array.from({ length: 50 }, () => operate('POST', '/merchants', { name: 'Crowd' }, 'crowd'));
    const replies = await Promise.all(calls);
    assert.deepEqual(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size, 1);
    const fresh = replies.filter(({ headers }) => headers.get('idempotency-replayed') === null);
    assert.equal(fresh.length, 1);
    assert.equal(await merchantsNamed('Crowd'), 1);
  });

  test('a second request waits until the first is decided, and takes its place if it was not', async () => {
    const holder = await sandbox.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(
        "INSERT INTO idempotency_key (scope_id, key, fingerprint, created_at) VALUES ($1, 'held', 'x', now())",
        [OPERATOR_SCOPE],
      );
      let answered = false;
      const waiting = operate('POST', '/merchants', { name: 'Patient' }, 'held').then((reply) => {
        answered = true;
        return reply;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(answered, false);
      await holder.query('ROLLBACK');
      assert.equal((await waiting).status, 201);
      assert.equal(await merchantsNamed('Patient'), 1);
    } finally {
      holder.release();
    }
  });

  test('what was not done is not remembered', async () => {
    assertError(await operate('POST', '/merchants', { name: '' }, 'retry'), 400, 'invalid_request');
    assert.equal((await operate('POST', '/merchants', { name: 'Retry' }, 'retry')).status, 201);
    const { walletId } = await newWallet(operate);
    const { body } = await operate('GET', `/wallets/${walletId}`);
    const path = `/wallet-holders/${body.walletHolderId}/wallets`;
    assertError(
      await operate('POST', path, { currency: 'KZT' }, 'wallet'),
      409,
      'already_exists',
      'currency',
    );
    assert.equal((await operate('POST', path, { currency: 'USD' }, 'wallet')).status, 201);
  });

  describe('a secret is shown once, and not kept for whoever repeats the request', () => {
    const MAKERS = {
      'an API key': ['apiKey', `/merchants/${DEMO_STORE}/api-keys`, { name: 'till' }],
      "an operator's key": ['apiKey', '/operator-keys', { name: 'laptop' }],
      "a user's password": [
        'password',
        `/merchants/${DEMO_STORE}/users`,
        { email: 'once@demo.test', name: 'Once', role: 'viewer' },
      ],
      "an operator's password": ['password', '/users', { email: 'once@ops.test', name: 'Once' }],
    } as const;
    for (const [name, [field, path, body]] of Object.entries(MAKERS)) {
      test(name, async () => {
        const key = `once ${name}`;
        const first = await operate('POST', path, body, key);
        assert.equal(first.status, 201, first.text);
        assert.ok(first.body[field].length > 10);
        const again = await operate('POST', path, body, key);
        assert.deepEqual(again.body, { ...first.body, [field]: null });
        assert.equal(again.status, 201);
        assert.equal(again.headers.get('idempotency-replayed'), 'true');
        await assertKeptNowhere(key, first.body[field]);
      });
    }

    test('a password that is reset', async () => {
      const user = await operate('POST', '/users', { email: 'reset@ops.test', name: 'Reset' });
      const path = `/users/${user.body.id}/reset-password`;
      const first = await operate('POST', path, undefined, 'once reset');
      const again = await operate('POST', path, undefined, 'once reset');
      assert.deepEqual(again.body, { ...first.body, password: null });
      await assertKeptNowhere('once reset', first.body.password);
    });

    test('of an answer that an earlier version stored whole, encrypted', async () => {
      const path = `/merchants/${DEMO_STORE}/api-keys`;
      const first = await operate('POST', path, { name: 'old' }, 'once old');
      const { rows } = await sandbox.pool.query('SELECT sandbox_secret AS key FROM installation');
      await sandbox.pool.query('UPDATE idempotency_key SET response = $1 WHERE key = $2', [
        encryptedUnbound(rows[0].key, first.text),
        'once old',
      ]);
      const again = await operate('POST', path, { name: 'old' }, 'once old');
      assert.deepEqual(again.body, { ...first.body, apiKey: null });
    });
  });

  test('a malformed key is a 400 everywhere', async () => {
    for (const key of ['', ' ', 'x'.repeat(256)]) {
      const calls = [
        operate('POST', '/merchants', { name: 'M' }, key),
        operate('POST', '/operator-keys', {}, key),
      ];
      for (const reply of await Promise.all(calls)) assert.equal(reply.status, 400, reply.text);
    }
    const freeze = await operate('POST', `/wallets/${KZT_WALLET}/freeze`, undefined, ' ');
    assertError(freeze, 400, 'invalid_idempotency_key', 'Idempotency-Key');
  });

  test("operators' keys and merchants' keys are apart", async () => {
    const { walletId, phoneNumber, iin } = await newWallet(operate);
    const deposit = await operate('POST', `/wallets/${walletId}/deposit`, { amount: 15_000 }, 'shared');
    assert.equal(deposit.status, 201);
    const paid = await sandbox.authorize(
      { phoneNumber, iin },
      { apiKey: DEMO_KEY, idempotencyKey: 'shared' },
    );
    assert.deepEqual([paid.status, paid.body.walletTransactionStatus], [201, 'PROCESSING']);
  });
});
