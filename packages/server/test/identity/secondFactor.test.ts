/** Authenticator apps and recovery codes: setting up, signing in, guessing, repeating, losing. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { resetSecondFactorCommand } from '../../src/commands/operatorUser.ts';
import { codeOf, newRecoveryCodes, stepOfCode } from '../../src/identity/oneTimeCodes.ts';
import { assertError } from '../support/operator.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  ADMIN,
  attempt,
  codeOfApp,
  MANAGER,
  OPERATOR,
  PASSWORD,
  setUpApp,
  signIn,
  VIEWER,
} from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
beforeEach(async () => {
  await sandbox.pool.query('DELETE FROM sign_in_attempt');
  await sandbox.pool.query('DELETE FROM totp');
  await sandbox.pool.query('DELETE FROM recovery_code');
  await sandbox.pool.query('UPDATE merchant SET require_second_factor = false');
});
after(() => sandbox.stop());

function assertReason(reply: Reply, status: number, reason: string): void {
  assert.deepEqual([reply.status, reply.body?.reason], [status, reason], reply.text);
}

const withCode = (email: string, code: string): Promise<Reply> =>
  attempt(sandbox.url, email, PASSWORD, {}, code);

/** So long a node believes a lock-out, or a session, that it has heard of. */
const HEARD_MS = 1_050;

/** As if the time of the last code were long over. */
const forgetSteps = () => sandbox.pool.query('UPDATE totp SET last_step = 1');

describe('codes', () => {
  // RFC 6238, appendix B: SHA-1, of whose eight digits an app shows the last six.
  const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  test('are those of RFC 6238', () => {
    for (const [seconds, code] of [
      [59, '287082'],
      [1_111_111_109, '081804'],
      [1_234_567_890, '005924'],
      [20_000_000_000, '353130'],
    ] as const)
      assert.equal(stepOfCode(SECRET, code, seconds * 1_000, null), Math.floor(seconds / 30));
  });

  test('of a step before and after are taken, of others and of used steps not', () => {
    const at = (seconds: number, after: number | null) =>
      stepOfCode(SECRET, '287082', seconds * 1_000, after);
    assert.deepEqual([at(29, null), at(30, null), at(89, null)], [1, 1, 1]);
    assert.equal(at(90, null), null);
    assert.deepEqual([at(59, 0), at(59, 1), at(59, 2)], [1, null, null]);
    assert.equal(stepOfCode(SECRET, '287083', 59_000, null), null);
  });

  test('are known by how they look, however they are typed', () => {
    assert.deepEqual(codeOf(' 287 082 '), { kind: 'totp', digits: '287082' });
    const [code = ''] = newRecoveryCodes();
    assert.match(code, /^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
    assert.deepEqual(codeOf(code.toLowerCase().replaceAll('-', ' ')), codeOf(code));
    for (const text of ['', '12345', '1234567', 'ABCD', '287082x']) assert.equal(codeOf(text), null, text);
    assert.equal(new Set(newRecoveryCodes()).size, 10);
  });
});

describe('signing in with an authenticator app', () => {
  test('needs the password and a code, and each code works once', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { secret, recoveryCodes } = await setUpApp(browser);
    assert.equal(recoveryCodes.length, 10);
    const asked = await attempt(sandbox.url, MANAGER, PASSWORD);
    assertReason(asked, 401, 'second_factor_required');
    assert.deepEqual(
      asked.body.details.map(({ message }: { message: string }) => message),
      ['totp', 'recovery_code'],
    );
    assert.equal(asked.headers.get('set-cookie'), null);
    assertReason(await withCode(MANAGER, '000000'), 401, 'wrong_second_factor');
    assertReason(await withCode(MANAGER, codeOfApp(secret)), 401, 'wrong_second_factor');
    const next = codeOfApp(secret, 1);
    assert.equal((await withCode(MANAGER, next)).status, 200);
    assertReason(await withCode(MANAGER, next), 401, 'wrong_second_factor');
    await sandbox.pool.query('DELETE FROM sign_in_attempt');
    await forgetSteps();
    const [one, other] = await Promise.all([withCode(MANAGER, next), withCode(MANAGER, next)]);
    assert.deepEqual([one.status, other.status].sort(), [200, 401], 'at the same time, too');
  });

  test('a code without the right password opens nothing, and tells nothing', async () => {
    const { secret } = await setUpApp(await signIn(sandbox.url, MANAGER));
    const reply = await attempt(sandbox.url, MANAGER, 'wrong', {}, codeOfApp(secret, 1));
    assertReason(reply, 401, 'wrong_credentials');
  });

  test('guesses at codes lock out as guesses at passwords do; the password alone does not begin the count anew', async () => {
    await setUpApp(await signIn(sandbox.url, MANAGER));
    const reasons: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      const password = await attempt(sandbox.url, MANAGER, PASSWORD);
      reasons.push(password.body.reason);
      const guess = await withCode(MANAGER, `00000${i}`);
      reasons.push(guess.body.reason);
    }
    assert.deepEqual(reasons.slice(0, 5), [
      'second_factor_required',
      'wrong_second_factor',
      'second_factor_required',
      'wrong_second_factor',
      'second_factor_required',
    ]);
    assert.ok(reasons.includes('too_many_sign_ins'), reasons.join());
    await setTimeout(HEARD_MS);
  });

  test('those of an office do not lock out its address, however many there are', async () => {
    const { secret } = await setUpApp(await signIn(sandbox.url, MANAGER));
    assertReason(await attempt(sandbox.url, 'nobody@demo.test', 'x'), 401, 'wrong_credentials');
    const address = `FROM sign_in_attempt WHERE starts_with(subject, 'address')`;
    // Ten more would be too many.
    await sandbox.pool.query(
      `UPDATE sign_in_attempt SET attempts = 40 WHERE subject = (SELECT subject ${address})`,
    );
    for (let i = 0; i < 12; i += 1) {
      assertReason(await attempt(sandbox.url, MANAGER, PASSWORD), 401, 'second_factor_required');
      await forgetSteps();
      const entered = await withCode(MANAGER, codeOfApp(secret));
      assert.equal(entered.status, 200, `${i}: ${entered.text}`);
    }
    const { rows } = await sandbox.pool.query(`SELECT attempts ${address}`);
    assert.deepEqual(rows, [{ attempts: 40 }]);
  });

  test('recovery codes work once each, and are kept as hashes', async () => {
    const { recoveryCodes } = await setUpApp(await signIn(sandbox.url, MANAGER));
    const [first = '', second = ''] = recoveryCodes;
    const reply = await withCode(MANAGER, first.toLowerCase());
    assert.equal(reply.status, 200, reply.text);
    assertReason(await withCode(MANAGER, first), 401, 'wrong_second_factor');
    const dump = await sandbox.pool.query('SELECT hash::text AS hash FROM recovery_code');
    assert.equal(dump.rows.length, 9);
    const compact = second.replaceAll('-', '');
    assert.ok(dump.rows.every(({ hash }) => !Buffer.from(hash.slice(2), 'hex').includes(compact)));
    for (const code of recoveryCodes) assert.ok(!sandbox.log.join('\n').includes(code));
  });

  test('new recovery codes end those of before', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { recoveryCodes } = await setUpApp(browser);
    const made = await browser.call('POST', '/v1/session/recovery-codes', { body: {} });
    assert.equal(made.body.recoveryCodes.length, 10);
    assertReason(await withCode(MANAGER, recoveryCodes[0] ?? ''), 401, 'wrong_second_factor');
    assert.equal((await withCode(MANAGER, made.body.recoveryCodes[0])).status, 200);
  });

  test('the secret is sealed, and neither it nor a code is logged', async () => {
    const { secret } = await setUpApp(await signIn(sandbox.url, VIEWER));
    const { rows } = await sandbox.pool.query('SELECT t::text AS text FROM totp t');
    assert.ok(rows.length === 1 && !rows[0].text.includes(secret));
    assert.ok(!sandbox.log.join('\n').includes(secret));
  });
});

describe('setting up and giving up', () => {
  test('ends the other sessions; this one goes on', async () => {
    const [browser, other] = [await signIn(sandbox.url, MANAGER), await signIn(sandbox.url, MANAGER)];
    await setUpApp(browser);
    assertReason(await other.call('GET', '/v1/session'), 401, 'not_signed_in');
    const { body } = await browser.call('GET', '/v1/session/security');
    assert.deepEqual([body.recoveryCodesLeft, typeof body.totp.setUpAt], [10, 'string']);
  });

  test('what was begun does nothing before its first code, and replaces another app with it', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    await browser.call('POST', '/v1/session/totp', { body: {} });
    assert.equal((await attempt(sandbox.url, MANAGER, PASSWORD)).status, 200);
    const { secret: before } = await setUpApp(browser);
    const begun = await browser.call('POST', '/v1/session/totp', { body: {} });
    const wrong = await browser.call('POST', '/v1/session/totp/confirm', { body: { code: '000000' } });
    assertReason(wrong, 401, 'wrong_second_factor');
    assert.equal((await withCode(MANAGER, codeOfApp(before, 1))).status, 200, 'the one of before goes on');
    const confirmed = await browser.call('POST', '/v1/session/totp/confirm', {
      body: { code: codeOfApp(begun.body.secret) },
    });
    assert.deepEqual([confirmed.status, confirmed.body.recoveryCodes], [200, null]);
    await forgetSteps();
    assertReason(await withCode(MANAGER, codeOfApp(before)), 401, 'wrong_second_factor');
    assert.equal((await withCode(MANAGER, codeOfApp(begun.body.secret))).status, 200);
  });

  test('what was shown an hour ago is too old', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { body } = await browser.call('POST', '/v1/session/totp', { body: {} });
    await sandbox.pool.query(`UPDATE totp SET pending_at = now() - interval '61 minutes'`);
    const late = await browser.call('POST', '/v1/session/totp/confirm', {
      body: { code: codeOfApp(body.secret) },
    });
    assertReason(late, 422, 'totp_not_begun');
  });

  test('after 10 minutes the password is asked for again, and cannot be guessed', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    await sandbox.pool.query(
      `UPDATE api_key SET created_at = now() - interval '11 minutes' WHERE user_id IS NOT NULL`,
    );
    for (const path of ['totp', 'totp/remove', 'recovery-codes'])
      assertReason(await browser.call('POST', `/v1/session/${path}`, { body: {} }), 403, 'password_required');
    const begin = (password: string) => browser.call('POST', '/v1/session/totp', { body: { password } });
    assertReason(await begin('wrong'), 401, 'wrong_credentials');
    assert.equal((await begin(PASSWORD)).status, 200);
    const guesses: string[] = [];
    for (let i = 0; i < 8; i += 1) guesses.push((await begin(`wrong ${i}`)).body.reason);
    assert.ok(guesses.includes('too_many_sign_ins'), guesses.join());
    await setTimeout(HEARD_MS);
  });

  test('without the app the password is enough again, for other sessions too', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const nothing = await browser.call('POST', '/v1/session/totp/remove', { body: {} });
    assertReason(nothing, 422, 'totp_not_begun');
    assertReason(
      await browser.call('POST', '/v1/session/recovery-codes', { body: {} }),
      422,
      'no_second_factor',
    );
    await setUpApp(browser);
    assert.equal((await browser.call('POST', '/v1/session/totp/remove', { body: {} })).status, 204);
    const { rows } = await sandbox.pool.query('SELECT FROM totp UNION ALL SELECT FROM recovery_code');
    assert.equal(rows.length, 0);
    assert.equal((await attempt(sandbox.url, MANAGER, PASSWORD)).status, 200);
    assert.equal((await browser.call('GET', '/v1/session')).status, 200);
  });

  test('a session that began without a code is none once the user has an app', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    await setUpApp(browser);
    // As a node of the version before begins them.
    await sandbox.pool.query('UPDATE api_key SET second_factor = false WHERE user_id IS NOT NULL');
    const write = await browser.call('POST', '/v1/payment-links', {
      idempotencyKey: 'unproved',
      body: { amount: 100, currency: 'KZT', orderReference: 'ORDER-1' },
    });
    assertReason(write, 401, 'not_signed_in');
    await setTimeout(HEARD_MS);
    assertReason(await browser.call('GET', '/v1/session'), 401, 'not_signed_in');
  });
});

describe('while somebody else changes what a user has', () => {
  /** As a removal and a reset do: the user first, then the app, once the other request waits. */
  async function removeDuring(email: string, other: () => Promise<Reply>): Promise<Reply> {
    const client = await sandbox.pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query('SELECT id FROM dashboard_user WHERE email = $1 FOR UPDATE', [
        email,
      ]);
      const reply = other();
      for (let waiting = 0; waiting === 0; await setTimeout(20)) {
        const blocked = await sandbox.pool.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pg_backend_pid() <> pid
             AND $1 = ANY(pg_blocking_pids(pid))`,
          [(client as unknown as { processID: number }).processID],
        );
        waiting = blocked.rows.length;
      }
      await client.query('DELETE FROM totp WHERE id = $1', [rows[0].id]);
      await client.query('COMMIT');
      return await reply;
    } finally {
      client.release(true);
    }
  }

  test('a sign-in with a code waits for it, and is refused then', async () => {
    const { secret } = await setUpApp(await signIn(sandbox.url, MANAGER));
    const reply = await removeDuring(MANAGER, () => withCode(MANAGER, codeOfApp(secret, 1)));
    assertReason(reply, 401, 'wrong_second_factor');
  });

  test('so does setting up', async () => {
    const browser = await signIn(sandbox.url, MANAGER);
    const { body } = await browser.call('POST', '/v1/session/totp', { body: {} });
    const confirm = { body: { code: codeOfApp(body.secret) } };
    const reply = await removeDuring(MANAGER, () =>
      browser.call('POST', '/v1/session/totp/confirm', confirm),
    );
    assertReason(reply, 422, 'totp_not_begun');
  });
});

describe('a merchant that requires it', () => {
  test('its users set it up before anything else, whoever is signed in; and keep the last one', async () => {
    const [admin, viewer] = [await signIn(sandbox.url, ADMIN), await signIn(sandbox.url, VIEWER)];
    assert.deepEqual((await admin.call('GET', '/v1/sign-in-settings')).body, { requireSecondFactor: false });
    const body = { requireSecondFactor: true };
    const set = await admin.call('PATCH', '/v1/sign-in-settings', { body });
    assert.deepEqual([set.status, set.body], [200, body]);
    assertReason(await viewer.call('GET', '/v1/transactions'), 403, 'second_factor_set_up_required');
    assertReason(
      await admin.call('PATCH', '/v1/sign-in-settings', { body: { requireSecondFactor: false } }),
      403,
      'second_factor_set_up_required',
    );
    const { mustSetUpSecondFactor } = (await viewer.call('GET', '/v1/session')).body;
    assert.equal(mustSetUpSecondFactor, true);
    const { secret } = await setUpApp(viewer);
    assert.equal((await viewer.call('GET', '/v1/session')).body.mustSetUpSecondFactor, false);
    assert.equal((await viewer.call('GET', '/v1/transactions')).status, 200);
    assertReason(
      await viewer.call('POST', '/v1/session/totp/remove', { body: {} }),
      422,
      'last_second_factor',
    );
    assertReason(await withCode(VIEWER, '000000'), 401, 'wrong_second_factor');
    assert.equal((await withCode(VIEWER, codeOfApp(secret, 1))).status, 200);
    const other = await signIn(sandbox.url, 'merchant@other.test');
    assert.equal((await other.call('GET', '/v1/transactions')).status, 200, 'another merchant');
  });
});

describe('somebody who has lost everything', () => {
  test('is helped by an admin of theirs, an operator, and nobody else', async () => {
    const admin = await signIn(sandbox.url, ADMIN);
    const manager = await signIn(sandbox.url, MANAGER);
    await setUpApp(manager);
    const { items } = (await admin.call('GET', '/v1/users')).body;
    const user = items.find(({ email }: { email: string }) => email === MANAGER);
    assert.equal(user.hasSecondFactor, true);
    const path = `/v1/users/${user.id}/reset-second-factor`;
    const other = await signIn(sandbox.url, 'merchant@other.test');
    assertReason(await other.call('POST', path), 404, 'user_not_found');
    const reset = await admin.call('POST', path);
    assert.deepEqual([reset.status, reset.body.hasSecondFactor], [200, false]);
    assertReason(await manager.call('GET', '/v1/session'), 401, 'not_signed_in');
    assert.equal((await attempt(sandbox.url, MANAGER, PASSWORD)).status, 200);
  });

  test('is not whoever sits at the session: nobody resets their own password or second factor', async () => {
    for (const [email, path] of [
      [ADMIN, '/v1/users'],
      [OPERATOR, '/v1/admin/users'],
    ] as const) {
      const browser = await signIn(sandbox.url, email);
      const { secret } = await setUpApp(browser);
      const { user } = (await browser.call('GET', '/v1/session')).body;
      await sandbox.pool.query(
        `UPDATE api_key SET created_at = now() - interval '11 minutes' WHERE user_id IS NOT NULL`,
      );
      for (const id of [user.id, user.id.toUpperCase()])
        for (const end of ['reset-second-factor', 'reset-password'])
          assertReason(await browser.call('POST', `${path}/${id}/${end}`), 422, 'own_account');
      assertReason(await attempt(sandbox.url, email, PASSWORD), 401, 'second_factor_required');
      assert.equal((await withCode(email, codeOfApp(secret, 1))).status, 200, 'nothing was changed');
    }
  });

  test('an operator, by access to the database', async () => {
    const operator = await signIn(sandbox.url, OPERATOR);
    await setUpApp(operator);
    const lines: string[] = [];
    const output = {
      out: (text: string) => void lines.push(text),
      error: (text: string) => void lines.push(text),
    };
    const env = { DATABASE_URL: sandbox.databaseUrl };
    assert.equal(await resetSecondFactorCommand('nobody@demo.test', env, output), 1);
    assert.equal(await resetSecondFactorCommand(MANAGER, env, output), 1, 'not an operator');
    assert.equal(await resetSecondFactorCommand('Operator@demo.test', env, output), 0);
    assert.match(lines.at(-1) ?? '', /^operator@demo\.test has no second factor any more/);
    assert.equal((await attempt(sandbox.url, OPERATOR, PASSWORD)).status, 200);
    const audit = await sandbox.call('GET', '/v1/admin/audit-log?action=user.reset_second_factor', {
      apiKey: 'op_test_demo',
    });
    assert.equal(audit.body.items[0].actor.kind, 'command_line');
    assertError(
      await sandbox.call('POST', '/v1/admin/users/x/reset-second-factor', { apiKey: 'op_test_demo' }),
      404,
      'user_not_found',
    );
  });
});
