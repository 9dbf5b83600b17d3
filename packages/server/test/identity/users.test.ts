import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { DEMO_STORE, OTHER_STORE } from '../support/operator.ts';
import { OPERATOR_KEY, type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, attempt, type Browser, OPERATOR, OTHER_ADMIN, signIn } from '../support/user.ts';

let sandbox: Sandbox;
let admin: Browser;
before(async () => {
  sandbox = await startSandbox();
});
beforeEach(async () => {
  await sandbox.pool.query('DELETE FROM sign_in_attempt');
  admin = await signIn(sandbox.url, ADMIN);
});
after(() => sandbox.stop());

function assertReason(reply: Reply, status: number, reason: string): void {
  assert.deepEqual([reply.status, reply.body?.reason], [status, reason], reply.text);
}

let count = 0;

/** A new user of the Demo Store. */
async function newUser(
  role: string,
): Promise<{ id: string; email: string; password: string; browser: Browser }> {
  count += 1;
  const email = `user${count}@demo.test`;
  const { status, body, text } = await admin.call('POST', '/v1/users', {
    body: { email, name: `User ${count}`, role },
  });
  assert.equal(status, 201, text);
  return { ...body, browser: await signIn(sandbox.url, email, body.password) };
}

async function capture(browser: Browser): Promise<Reply> {
  const { body } = await sandbox.authorize();
  return browser.call('POST', `/v1/transactions/${body.walletTransactionId}/capture`, { body: {} });
}

describe('an e-mail address', () => {
  const made = async (email: string): Promise<Reply> =>
    admin.call('POST', '/v1/users', { body: { email, name: 'Somebody', role: 'viewer' } });

  test('is taken within one merchant only: who else has it is told to nobody', async () => {
    for (const taken of [OPERATOR, OTHER_ADMIN, 'nobody.has@this.test']) {
      const reply = await made(taken);
      assert.deepEqual([reply.status, reply.body.email], [201, taken], reply.text);
      assertReason(await made(taken), 409, 'already_exists');
    }
  });

  test('leads by its password to the account that this is of, with the time of one', async () => {
    const email = 'two@places.test';
    const here = await made(email);
    const operate = (path: string, body: unknown) =>
      sandbox.call('POST', `/v1/admin${path}`, { apiKey: OPERATOR_KEY, body });
    const there = await operate(`/merchants/${OTHER_STORE}/users`, { email, name: 'There', role: 'viewer' });
    const merchantOf = async (password: string, merchantId?: string): Promise<Reply> =>
      request(sandbox.url, 'POST', '/v1/session', {
        apiKey: null,
        body: { email, password, ...(merchantId === undefined ? {} : { merchantId }) },
      });
    assert.equal((await merchantOf(here.body.password)).body.merchant.name, 'Demo Store');
    assert.equal((await merchantOf(there.body.password)).body.merchant.name, 'Other Store');
    assertReason(await merchantOf(there.body.password, DEMO_STORE), 401, 'wrong_credentials');
    assertReason(await merchantOf('neither'), 401, 'wrong_credentials');
    const { rows } = await sandbox.pool.query(
      `SELECT count(DISTINCT split_part(password_hash, '$', 5))::int AS salts FROM dashboard_user WHERE email = $1`,
      [email],
    );
    assert.equal(rows[0].salts, 1, 'one computation for both');
  });

  test('and a password that open two accounts are asked which, and it can be said', async () => {
    const email = 'same@password.test';
    const here = await made(email);
    const path = `/v1/admin/merchants/${OTHER_STORE}/users`;
    const body = { email, name: 'There', role: 'viewer' };
    await sandbox.call('POST', path, { apiKey: OPERATOR_KEY, body });
    await sandbox.pool.query(
      'UPDATE dashboard_user SET password_hash = (SELECT password_hash FROM dashboard_user WHERE id = $1) WHERE email = $2',
      [here.body.id, email],
    );
    const enter = (merchantId?: string): Promise<Reply> =>
      request(sandbox.url, 'POST', '/v1/session', {
        apiKey: null,
        body: { email, password: here.body.password, ...(merchantId === undefined ? {} : { merchantId }) },
      });
    const asked = await enter();
    assertReason(asked, 422, 'merchant_required');
    assert.deepEqual(
      asked.body.details
        .map(({ path: field, message }: { path: string; message: string }) => `${field} ${message}`)
        .sort(),
      [`merchantId ${DEMO_STORE} Demo Store`, `merchantId ${OTHER_STORE} Other Store`],
    );
    assert.deepEqual(asked.headers.getSetCookie(), []);
    assert.equal((await enter(OTHER_STORE)).body.merchant.name, 'Other Store');
    assert.equal((await enter(DEMO_STORE)).body.merchant.name, 'Demo Store');
    assertReason(await enter('operator'), 401, 'wrong_credentials');
  });

  test('that others have, too, gives nobody free tries: a known password takes back only its own', async () => {
    const email = 'victim@other.test';
    const mine = await made(email);
    const body = { email, name: 'Victim', role: 'viewer' };
    await sandbox.call('POST', `/v1/admin/merchants/${OTHER_STORE}/users`, { apiKey: OPERATOR_KEY, body });
    const attempts = async (): Promise<number> => {
      const { rows } = await sandbox.pool.query(
        `SELECT attempts FROM sign_in_attempt WHERE starts_with(subject, 'account') ORDER BY last_at DESC LIMIT 1`,
      );
      return rows[0].attempts;
    };
    for (let i = 0; i < 3; i += 1) await attempt(sandbox.url, email, 'wrong');
    assert.equal((await attempt(sandbox.url, email, mine.body.password)).status, 200);
    assert.equal(await attempts(), 3);
  });
});

describe('users of a merchant', () => {
  test('are made with a password that is shown once, listed, renamed, deleted', async () => {
    const body = { email: 'New@Demo.test', name: 'New <b>', role: 'viewer' };
    const made = await admin.call('POST', '/v1/users', { body, idempotencyKey: 'one user' });
    const again = await admin.call('POST', '/v1/users', { body, idempotencyKey: 'one user' });
    assert.deepEqual([made.status, again.status, again.body], [201, 201, { ...made.body, password: null }]);
    assert.equal(made.body.email, 'new@demo.test');
    const { rows } = await sandbox.pool.query(
      'SELECT password_hash AS hash FROM dashboard_user WHERE id = $1',
      [made.body.id],
    );
    assert.match(rows[0].hash, /^scrypt\$15\$8\$3\$/);
    const list = await admin.call('GET', '/v1/users');
    const { password, ...shown } = made.body;
    assert.deepEqual(list.body.items[0], shown);
    assert.ok(!list.text.includes(password));
    assertReason(await admin.call('POST', '/v1/users', { body }), 409, 'already_exists');
    const path = `/v1/users/${made.body.id}`;
    assert.equal((await admin.call('PATCH', path, { body: { name: 'Renamed' } })).body.name, 'Renamed');
    assert.equal((await admin.call('DELETE', path)).status, 200);
    assertReason(await admin.call('DELETE', path), 404, 'user_not_found');
    assert.ok(!(await admin.call('GET', '/v1/users')).text.includes(made.body.id));
    assert.equal((await admin.call('POST', '/v1/users', { body })).status, 201, 'the address is free again');
  });

  test('bad fields are named', async () => {
    const good = { email: 'a@b.test', name: 'A', role: 'viewer' };
    const bad: [body: unknown, path: string][] = [
      [{ ...good, email: 'nobody' }, 'email'],
      [{ ...good, email: 'a b@c.test' }, 'email'],
      [{ ...good, email: `${'a'.repeat(250)}@b.test` }, 'email'],
      [{ ...good, name: '' }, 'name'],
      [{ ...good, role: 'operator' }, 'role'],
      [{ ...good, merchantId: OTHER_STORE }, 'merchantId'],
      [{ ...good, email: undefined }, 'email'],
    ];
    for (const [body, path] of bad) {
      const reply = await admin.call('POST', '/v1/users', { body });
      assert.equal(reply.status, 400, reply.text);
      assert.ok(
        reply.body.details.some((detail: { path: string }) => detail.path === path),
        reply.text,
      );
    }
  });

  test('a change of role works at once', async () => {
    const user = await newUser('manager');
    assert.equal((await capture(user.browser)).status, 200);
    const path = `/v1/users/${user.id}`;
    assert.equal((await admin.call('PATCH', path, { body: { role: 'viewer' } })).status, 200);
    assertReason(await capture(user.browser), 403, 'insufficient_role');
    assert.equal((await user.browser.call('GET', '/v1/session')).body.user.role, 'viewer');
    await admin.call('PATCH', path, { body: { role: 'manager' } });
    assert.equal((await capture(user.browser)).status, 200);
  });

  test('who is disabled is out, and can come back', async () => {
    const user = await newUser('manager');
    await admin.call('PATCH', `/v1/users/${user.id}`, { body: { disabled: true } });
    assertReason(await user.browser.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await attempt(sandbox.url, user.email, user.password), 401, 'wrong_credentials');
    await admin.call('PATCH', `/v1/users/${user.id}`, { body: { disabled: false } });
    assertReason(await user.browser.call('GET', '/v1/session'), 401, 'not_signed_in');
    await signIn(sandbox.url, user.email, user.password);
  });

  test('a new password ends the sessions', async () => {
    const user = await newUser('viewer');
    const { body } = await admin.call('POST', `/v1/users/${user.id}/reset-password`);
    assertReason(await user.browser.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await attempt(sandbox.url, user.email, user.password), 401, 'wrong_credentials');
    await signIn(sandbox.url, user.email, body.password);
  });

  test('the last admin cannot go, also when two send each other away', async () => {
    const me = (await admin.call('GET', '/v1/session')).body.user.id;
    for (const body of [{ role: 'viewer' }, { disabled: true }])
      assertReason(await admin.call('PATCH', `/v1/users/${me}`, { body }), 422, 'last_admin');
    assertReason(await admin.call('DELETE', `/v1/users/${me}`), 422, 'last_admin');
    for (let round = 0; round < 5; round += 1) {
      const second = await newUser('admin');
      const replies = await Promise.all([
        admin.call('PATCH', `/v1/users/${second.id}`, { body: { role: 'viewer' } }),
        second.browser.call('PATCH', `/v1/users/${me}`, { body: { role: 'viewer' } }),
      ]);
      const { rows } = await sandbox.pool.query(
        `SELECT count(*)::int AS admins FROM dashboard_user u JOIN merchant m ON m.id = u.merchant_id
         WHERE m.name = 'Demo Store' AND role = 'admin' AND disabled_at IS NULL AND deleted_at IS NULL`,
      );
      assert.equal(rows[0].admins, 1, replies.map(({ text }) => text).join('\n'));
      await sandbox.pool.query(
        `UPDATE dashboard_user SET role = CASE WHEN id = $1 THEN 'admin' ELSE 'viewer' END
        WHERE merchant_id = (SELECT merchant_id FROM dashboard_user WHERE id = $1) AND role IN ('admin', 'viewer')`,
        [me],
      );
    }
  });
});

describe('API keys', () => {
  test('admins issue and revoke their merchant’s own', async () => {
    const issued = await admin.call('POST', '/v1/api-keys', { body: { name: 'till', scopes: ['read'] } });
    assert.equal(issued.status, 201, issued.text);
    const { apiKey, ...shown } = issued.body;
    assert.equal((await sandbox.call('GET', '/v1/transactions', { apiKey })).status, 200);
    const { items } = (await admin.call('GET', '/v1/api-keys')).body;
    assert.deepEqual(
      items.map(({ name }: { name: string }) => name),
      ['till', 'sandbox'],
    );
    assert.deepEqual(items[0], shown);
    const revoked = await admin.call('POST', `/v1/api-keys/${shown.id}/revoke`);
    assert.notEqual(revoked.body.revokedAt, null);
  });

  test('a session is no key: not listed, not to be revoked as one', async () => {
    const { rows } = await sandbox.pool.query('SELECT id FROM api_key WHERE user_id IS NOT NULL');
    assert.ok(rows.length > 0);
    for (const { id } of rows)
      assertReason(await admin.call('POST', `/v1/api-keys/${id}/revoke`), 404, 'api_key_not_found');
  });
});

describe('operators', () => {
  test('manage users of every merchant, and each other', async () => {
    const operate = (method: string, path: string, body?: unknown) =>
      sandbox.call(method, `/v1/admin${path}`, {
        apiKey: OPERATOR_KEY,
        ...(body === undefined ? {} : { body }),
      });
    const path = `/merchants/${OTHER_STORE}/users`;
    const { length } = (await operate('GET', path)).body.items;
    const made = await operate('POST', path, { email: 'x@other.test', name: 'X', role: 'admin' });
    assert.equal(made.status, 201, made.text);
    assert.equal((await operate('GET', path)).body.items.length, length + 1);
    assert.equal((await operate('PATCH', `${path}/${made.body.id}`, { role: 'viewer' })).body.role, 'viewer');
    assert.equal((await operate('DELETE', `${path}/${made.body.id}`)).status, 200);
    const operator = await operate('POST', '/users', { email: 'ops@demo.test', name: 'Ops' });
    assert.equal(operator.body.role, 'operator');
    const browser = await signIn(sandbox.url, 'ops@demo.test', operator.body.password);
    assert.equal((await browser.call('GET', '/v1/admin/merchants')).status, 200);
    assertReason(
      await browser.call('PATCH', `/v1/admin/users/${operator.body.id}`, { body: { role: 'admin' } }),
      400,
      'unknown_field',
    );
    assertReason(
      await operate('PATCH', `/merchants/${OTHER_STORE}/users/${operator.body.id}`, { name: 'Y' }),
      404,
      'user_not_found',
    );
  });
});
