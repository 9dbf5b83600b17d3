import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, attempt, cookieOf, MANAGER, OPERATOR, PASSWORD, signIn, VIEWER } from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
beforeEach(() => sandbox.pool.query('DELETE FROM sign_in_attempt'));
after(() => sandbox.stop());

function assertReason(reply: Reply, status: number, reason: string): void {
  assert.deepEqual([reply.status, reply.body?.reason], [status, reason], reply.text);
}

describe('signing in', () => {
  test('gives a cookie that scripts cannot read, and says who it is', async () => {
    const reply = await attempt(sandbox.url, ' Merchant@Demo.test', PASSWORD);
    const [cookie = '', known = ''] = reply.headers.getSetCookie();
    assert.match(cookie, /^plexy_session=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/);
    assert.match(
      known,
      /^plexy_browser=[\w-]{22}\.[0-9a-z]+\.[\w-]{43}; Path=\/v1\/session; Max-Age=15552000; HttpOnly; SameSite=Lax$/,
    );
    const { user, merchant, mode } = reply.body;
    assert.deepEqual([user.email, user.role, merchant.name, mode], [ADMIN, 'admin', 'Demo Store', 'sandbox']);
    const browser = await signIn(sandbox.url, ADMIN);
    assert.deepEqual((await browser.call('GET', '/v1/session')).body, reply.body);
    assert.equal(
      (await (await signIn(sandbox.url, OPERATOR)).call('GET', '/v1/session')).body.merchant,
      null,
    );
    const { rows } = await sandbox.pool.query('SELECT hash FROM api_key WHERE user_id IS NOT NULL');
    const token = cookieOf(reply).slice('plexy_session='.length);
    assert.ok(rows.length >= 2 && rows.every(({ hash }) => !hash.includes(token)));
    assert.ok(!sandbox.log.join('\n').includes(token));
  });

  test('an unknown address and a wrong password are told apart by nobody', async () => {
    const timed = async (email: string): Promise<[ms: number, body: unknown]> => {
      await sandbox.pool.query('DELETE FROM sign_in_attempt');
      const startedAt = performance.now();
      const { status, body, headers } = await attempt(sandbox.url, email, 'wrong');
      const { requestId: _, ...rest } = body;
      return [performance.now() - startedAt, [status, rest, headers.get('set-cookie')]];
    };
    // The shortest of five of each: a busy machine adds to any of them.
    let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < 5; i += 1) {
      const [knownMs, knownBody] = await timed(VIEWER);
      const [unknownMs, unknownBody] = await timed('nobody@demo.test');
      assert.deepEqual(unknownBody, knownBody);
      [known, unknown] = [Math.min(known, knownMs), Math.min(unknown, unknownMs)];
    }
    // Both take a hash of 100 ms and more; the look-up before it is done in 2.
    assert.ok(Math.min(known, unknown) > 0.5 * Math.max(known, unknown), `${known} ms and ${unknown} ms`);
    await sandbox.pool.query('UPDATE dashboard_user SET disabled_at = now() WHERE email = $1', [VIEWER]);
    assertReason(await attempt(sandbox.url, VIEWER, PASSWORD), 401, 'wrong_credentials');
    await sandbox.pool.query('UPDATE dashboard_user SET disabled_at = NULL');
  });

  test('ends the session that the browser had', async () => {
    const before = await signIn(sandbox.url, ADMIN);
    const reply = await attempt(sandbox.url, ADMIN, PASSWORD, { cookie: before.cookie });
    assert.notEqual(cookieOf(reply), before.cookie);
    assertReason(await before.call('GET', '/v1/session'), 401, 'not_signed_in');
  });

  test('from a page of another origin is refused', async () => {
    const reply = await attempt(sandbox.url, ADMIN, PASSWORD, { origin: 'https://evil.example' });
    assertReason(reply, 403, 'origin_not_allowed');
  });
});

describe('lock-out', () => {
  /** As if so many attempts had been made. */
  const spend = async (kind: 'account' | 'address' | 'browser', attempts: number) => {
    await sandbox.pool.query(
      `UPDATE sign_in_attempt SET attempts = $2, locked_until = NULL WHERE starts_with(subject, $1)`,
      [kind, attempts],
    );
    await setTimeout(HEARD_MS);
  };
  /** So long a node believes a lock-out that it has heard of. */
  const HEARD_MS = 1_050;
  afterEach(() => setTimeout(HEARD_MS));
  const waitOf = (reply: Reply): number => Number(reply.headers.get('retry-after'));

  test('wrong passwords make an account wait, also for the right one, and longer each time', async () => {
    for (let i = 0; i < 3; i += 1)
      assertReason(await attempt(sandbox.url, MANAGER, 'wrong'), 401, 'wrong_credentials');
    await spend('account', 8);
    assertReason(await attempt(sandbox.url, MANAGER, 'wrong'), 401, 'wrong_credentials');
    const locked = await attempt(sandbox.url, MANAGER, PASSWORD);
    assertReason(locked, 429, 'too_many_sign_ins');
    assert.ok(waitOf(locked) > 8 && waitOf(locked) <= 16, `${waitOf(locked)} s`);
    assert.equal((await attempt(sandbox.url, ADMIN, PASSWORD)).status, 200, 'another account');
    await spend('account', 9);
    assertReason(await attempt(sandbox.url, MANAGER, 'wrong'), 401, 'wrong_credentials');
    assert.ok(waitOf(await attempt(sandbox.url, MANAGER, PASSWORD)) > 20);
    await spend('account', 10);
    assert.equal((await attempt(sandbox.url, MANAGER, PASSWORD)).status, 200);
    assertReason(await attempt(sandbox.url, MANAGER, 'wrong'), 401, 'wrong_credentials');
    assertReason(await attempt(sandbox.url, MANAGER, 'wrong'), 401, 'wrong_credentials');
  });

  test('so do addresses that nobody has', async () => {
    assertReason(await attempt(sandbox.url, 'no@body.test', 'x'), 401, 'wrong_credentials');
    await spend('account', 8);
    assertReason(await attempt(sandbox.url, 'no@body.test', 'x'), 401, 'wrong_credentials');
    assertReason(await attempt(sandbox.url, 'no@body.test', 'x'), 429, 'too_many_sign_ins');
  });

  test('any number at once are no more tries than so many in a row', async () => {
    await attempt(sandbox.url, VIEWER, 'wrong');
    await spend('account', 8);
    const replies = await Promise.all(
      Array.from({ length: 14 }, () => attempt(sandbox.url, VIEWER, 'wrong')),
    );
    assert.equal(replies.filter(({ status }) => status === 401).length, 1);
    assert.equal(replies.filter(({ status }) => status === 429).length, 13);
  });

  test('an address waits, whatever accounts it tries, and a known password does not set it free', async () => {
    assert.equal((await attempt(sandbox.url, 'a@b.test', 'x')).status, 401);
    await spend('address', 55);
    assert.equal((await attempt(sandbox.url, ADMIN, PASSWORD)).status, 200);
    assert.equal((await attempt(sandbox.url, 'c@d.test', 'x')).status, 401);
    assertReason(await attempt(sandbox.url, ADMIN, PASSWORD), 429, 'too_many_sign_ins');
  });

  test('strangers do not lock a user out of a browser of theirs; the browser is counted for itself', async () => {
    const known = await attempt(sandbox.url, MANAGER, PASSWORD);
    const cookie = known.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const other = (await attempt(sandbox.url, VIEWER, PASSWORD)).headers.getSetCookie();
    const fromHere = (email: string, password: string, jar = cookie) =>
      attempt(sandbox.url, email, password, { cookie: jar });
    await attempt(sandbox.url, MANAGER, 'wrong');
    await spend('account', 30);
    await attempt(sandbox.url, MANAGER, 'wrong');
    assertReason(await attempt(sandbox.url, MANAGER, PASSWORD), 429, 'too_many_sign_ins');
    assert.equal((await fromHere(MANAGER, PASSWORD)).status, 200, 'a lock of the account');
    const theirs = other.map((one) => one.split(';')[0]).join('; ');
    assertReason(await fromHere(MANAGER, PASSWORD, theirs), 429, 'too_many_sign_ins');
    const forged = cookie.replace(
      /(plexy_browser=.)(.)/,
      (_, before: string, one: string) => `${before}${one === '_' ? '-' : '_'}`,
    );
    assertReason(await fromHere(MANAGER, PASSWORD, forged), 429, 'too_many_sign_ins');
    await spend('address', 80);
    assert.equal((await attempt(sandbox.url, 'q@r.test', 'x')).status, 401);
    assertReason(await attempt(sandbox.url, ADMIN, PASSWORD), 429, 'too_many_sign_ins');
    assert.equal((await fromHere(MANAGER, PASSWORD)).status, 200, 'a lock of the address');
    assertReason(await fromHere(MANAGER, 'wrong'), 401, 'wrong_credentials');
    await spend('browser', 30);
    assertReason(await fromHere(MANAGER, 'wrong'), 401, 'wrong_credentials');
    assertReason(await fromHere(MANAGER, PASSWORD), 429, 'too_many_sign_ins');
  });

  test('whoever is locked out costs no transaction, and at most one query a second', async () => {
    const email = 'nobody@locked.test';
    await attempt(sandbox.url, email, 'x');
    await spend('account', 30);
    assertReason(await attempt(sandbox.url, email, 'x'), 401, 'wrong_credentials');
    assertReason(await attempt(sandbox.url, email, 'x'), 429, 'too_many_sign_ins');
    const locker = await sandbox.pool.connect();
    try {
      await locker.query('BEGIN');
      await locker.query('LOCK sign_in_attempt IN ACCESS EXCLUSIVE MODE');
      const startedAt = performance.now();
      const replies = await Promise.all(Array.from({ length: 30 }, () => attempt(sandbox.url, email, 'x')));
      assert.ok(replies.every(({ status }) => status === 429));
      assert.ok(performance.now() - startedAt < 4_000, 'none waited for the table');
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });

  test('attempts that wait for the database keep nobody else from it', async () => {
    const locker = await sandbox.pool.connect();
    try {
      await locker.query('BEGIN');
      await locker.query('LOCK sign_in_attempt IN ACCESS EXCLUSIVE MODE');
      const attempts = Array.from({ length: 40 }, (_, i) => attempt(sandbox.url, `w${i}@wait.test`, 'x'));
      const refused = await Promise.race([
        Promise.any(
          attempts.map((one) => one.then(({ status }) => (status === 429 ? status : Promise.reject(status)))),
        ),
        setTimeout(4_000, 'all of them wait'),
      ]);
      assert.equal(refused, 429);
      for (const path of ['/v1/transactions', '/v1/statistics'])
        assert.equal((await sandbox.call('GET', path)).status, 200);
      assert.equal((await sandbox.authorize()).status, 201);
      await locker.query('ROLLBACK');
      assert.ok((await Promise.all(attempts)).some(({ status }) => status === 401));
    } finally {
      locker.release();
    }
  });

  test('a flood of sign-ins leaves payments their time', async () => {
    const pay = async (): Promise<number> => {
      const startedAt = performance.now();
      assert.equal((await sandbox.authorize()).status, 201);
      return performance.now() - startedAt;
    };
    const medianOf20 = async (): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 20; i += 1) times.push(await pay());
      return times.sort((a, b) => a - b)[10] ?? 0;
    };
    const quietMs = await medianOf20();
    const flood = Array.from({ length: 60 }, (_, i) => attempt(sandbox.url, `flood${i}@demo.test`, 'x'));
    const floodedMs = await medianOf20();
    const replies = await Promise.all(flood);
    assert.ok(replies.some(({ status }) => status === 429));
    // One hash at a time takes one core of two; sixty at once would take a payment's time tenfold.
    assert.ok(floodedMs < 10 * quietMs + 50, `a payment took ${floodedMs} ms, and ${quietMs} before`);
  });
});

describe('a session', () => {
  test('acts for its user, whom the history names', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { body } = await sandbox.authorize();
    const path = `/v1/transactions/${body.walletTransactionId}`;
    const captured = await browser.call('POST', `${path}/capture`, { body: {} });
    assert.deepEqual([captured.status, captured.body.status], [200, 'charged'], captured.text);
    const { items } = (await browser.call('GET', `${path}/history`)).body;
    assert.deepEqual(
      items.map(({ actor, user }: { actor: string; user: { name: string } | null }) => [actor, user?.name]),
      [
        ['api', undefined],
        ['api', undefined],
        ['user', 'Marat Manager'],
      ],
    );
  });

  test('changes something only from a page of this server', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { body } = await sandbox.authorize();
    const path = `/v1/transactions/${body.walletTransactionId}`;
    const capture = (headers: Record<string, string>) =>
      sandbox.call('POST', `${path}/capture`, { apiKey: null, body: {}, headers });
    const { cookie } = browser;
    const { host } = new URL(sandbox.url);
    for (const origin of [
      undefined,
      'null',
      'https://evil.example',
      `http://${host}.evil.example`,
      'http://127.0.0.1:1',
    ]) {
      const reply = await capture({ cookie, ...(origin === undefined ? {} : { origin }) });
      assertReason(reply, 403, 'origin_not_allowed');
    }
    assert.equal((await sandbox.call('GET', path)).body.status, 'authorized');
    assert.equal((await capture({ cookie, origin: sandbox.url })).status, 200);
    assert.equal((await sandbox.call('GET', path, { apiKey: null, headers: { cookie } })).status, 200);
  });

  test('its token is no API key, and a key beside it goes first', async () => {
    const { cookie, call } = await signIn(sandbox.url, ADMIN);
    const apiKey = cookie.slice('plexy_session='.length);
    assertReason(await sandbox.call('GET', '/v1/transactions', { apiKey }), 401, 'invalid_api_key');
    assertReason(
      await call('GET', '/v1/users', { headers: { authorization: 'pr_test_demo' } }),
      403,
      'session_required',
    );
  });

  test('a forged, cut or doubled cookie is nobody', async () => {
    const { cookie } = await signIn(sandbox.url, ADMIN);
    for (const wrong of ['plexy_session=', `${cookie.slice(0, -1)}`, `${cookie.slice(0, -1)}x`, `x${cookie}`])
      assert.equal(
        (await sandbox.call('GET', '/v1/session', { apiKey: null, headers: { cookie: wrong } })).status,
        401,
      );
    const headers = { cookie: `other=1; ${cookie}; more=2` };
    assert.equal((await sandbox.call('GET', '/v1/session', { apiKey: null, headers })).status, 200);
  });

  test('ends by signing out, here or everywhere', async () => {
    const [first, second, third] = await Promise.all(
      [ADMIN, ADMIN, ADMIN].map((email) => signIn(sandbox.url, email)),
    );
    assert.ok(first && second && third);
    const out = await first.call('DELETE', '/v1/session');
    assert.deepEqual([out.status, out.text], [204, '']);
    assert.match(out.headers.get('set-cookie') ?? '', /^plexy_session=; Path=\/; Max-Age=0;/);
    assertReason(await first.call('GET', '/v1/session'), 401, 'not_signed_in');
    assert.equal((await second.call('POST', '/v1/session/sign-out-everywhere')).status, 204);
    for (const { call } of [second, third])
      assertReason(await call('GET', '/v1/session'), 401, 'not_signed_in');
  });

  test('ends its streams with it', async () => {
    const { cookie, call } = await signIn(sandbox.url, VIEWER);
    const stream = await fetch(`${sandbox.url}/v1/transactions/stream`, { headers: { cookie } });
    assert.equal(stream.status, 200);
    await call('DELETE', '/v1/session');
    const ended = stream.text().then(() => true);
    assert.equal(await Promise.race([ended, setTimeout(3_000, false)]), true);
  });

  test('ends when it was idle for long, or is old; its use keeps it', async () => {
    const browser = await signIn(sandbox.url, ADMIN);
    const age = (expires: string, created: string) =>
      sandbox.pool.query(
        `UPDATE api_key SET expires_at = now() + $1::interval, created_at = now() - $2::interval WHERE user_id IS NOT NULL`,
        [expires, created],
      );
    const left = async (): Promise<number> => {
      const { rows } = await sandbox.pool.query(
        'SELECT max(extract(epoch FROM expires_at - now()))::int AS s FROM api_key WHERE user_id IS NOT NULL',
      );
      return rows[0].s;
    };
    await age('1 hour', '1 day');
    await setTimeout(1_050);
    assert.equal((await browser.call('GET', '/v1/session')).status, 200);
    assert.ok((await left()) > 11 * 3_600);
    await age('1 hour', '6 days 22 hours');
    await setTimeout(1_050);
    assert.equal((await browser.call('GET', '/v1/session')).status, 200);
    assert.ok((await left()) <= 2 * 3_600);
    await age('-1 second', '1 day');
    await setTimeout(1_050);
    assertReason(await browser.call('GET', '/v1/session'), 401, 'not_signed_in');
  });

  test('a new password ends the others', async () => {
    const [here, there] = [await signIn(sandbox.url, VIEWER), await signIn(sandbox.url, VIEWER)];
    const change = (current: string, next: string) =>
      here.call('POST', '/v1/session/password', { body: { current, new: next } });
    assertReason(await change('wrong', 'a much longer password'), 401, 'wrong_credentials');
    for (const weak of ['short', 'aaaaaaaaaaaaaaaa', 'x'.repeat(129), 'password1234', VIEWER, 'qwertyuiop12'])
      assertReason(await change(PASSWORD, weak), 400, 'invalid_request');
    assert.equal((await change(PASSWORD, 'a much longer password')).status, 204);
    assert.equal((await here.call('GET', '/v1/session')).status, 200);
    assertReason(await there.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await attempt(sandbox.url, VIEWER, PASSWORD), 401, 'wrong_credentials');
    await signIn(sandbox.url, VIEWER, 'a much longer password');
  });
});

test('a reset of the sandbox leaves those signed in whose rights are the same, and the passwords of the seed', async () => {
  const manager = await signIn(sandbox.url, MANAGER);
  await sandbox.pool.query(`UPDATE dashboard_user SET role = 'manager' WHERE email = $1`, [VIEWER]);
  await sandbox.pool.query(
    `UPDATE dashboard_user SET password_hash = (SELECT password_hash FROM dashboard_user
    WHERE email = $1) WHERE email = $2`,
    [MANAGER, VIEWER],
  );
  const promoted = await signIn(sandbox.url, VIEWER);
  const reset = await manager.call('POST', '/v1/sandbox/reset');
  assert.equal(reset.status, 200, reset.text);
  await setTimeout(1_050);
  assert.equal((await manager.call('GET', '/v1/session')).status, 200);
  assertReason(await promoted.call('GET', '/v1/session'), 401, 'not_signed_in');
  assert.equal(
    (await (await signIn(sandbox.url, VIEWER)).call('GET', '/v1/session')).body.user.role,
    'viewer',
  );
});
