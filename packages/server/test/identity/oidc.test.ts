/** Signing in at an identity provider: a real one, on this machine. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type OidcProvider, startOidcProvider } from '../support/oidcProvider.ts';
import { OPERATOR_KEY, request, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { SsoBrowser, type SsoReply } from '../support/ssoBrowser.ts';
import {
  ADMIN,
  attempt,
  codeOfApp,
  MANAGER,
  OPERATOR,
  OTHER_ADMIN,
  PASSWORD,
  setUpApp,
  signIn,
  VIEWER,
} from '../support/user.ts';

/** So long a node believes a lock-out, or a session, that it has heard of. */
const HEARD_MS = 1_050;

let provider: OidcProvider;
let sandbox: Sandbox;
before(async () => {
  provider = await startOidcProvider();
  sandbox = await startSandbox({ ...provider.environment, TRUSTED_PROXIES: '127.0.0.1' });
  provider.admit(sandbox.url);
});
beforeEach(async () => {
  provider.people.clear();
  provider.setDown(false);
  for (const table of ['sign_in_attempt', 'totp', 'recovery_code', 'oidc_link', 'oidc_sign_in'])
    await sandbox.pool.query(`DELETE FROM ${table}`);
  await sandbox.pool.query('DELETE FROM api_key WHERE user_id IS NOT NULL');
  await sandbox.pool.query('UPDATE dashboard_user SET disabled_at = NULL');
});
after(async () => {
  await sandbox?.stop();
  await provider?.stop();
});

const browser = (): SsoBrowser => new SsoBrowser(sandbox.url);
const person = (email: string, more: object = {}) => ({
  email,
  email_verified: true,
  name: 'A Person',
  ...more,
});
const assertReason = (reply: SsoReply, status: number, reason: string): void =>
  assert.deepEqual([reply.status, reply.body?.reason], [status, reason], JSON.stringify(reply.body));

const audit = async (action: string): Promise<{ after: unknown; before: unknown }[]> => {
  const reply = await sandbox.call('GET', `/v1/admin/audit-log?action=${action}&limit=5`, {
    apiKey: OPERATOR_KEY,
  });
  return reply.body.items;
};
const links = async (): Promise<{ email: string; subject: string }[]> => {
  const { rows } = await sandbox.pool.query(
    'SELECT u.email, l.subject FROM oidc_link l JOIN dashboard_user u ON u.id = l.user_id ORDER BY u.email',
  );
  return rows;
};
const disable = (email: string) =>
  sandbox.pool.query('UPDATE dashboard_user SET disabled_at = now() WHERE email = $1', [email]);

describe('the first sign-in', () => {
  test('links the user whose e-mail address is verified there; the next one goes by the subject alone', async () => {
    provider.people.set('anna', person('Manager@Demo.test'));
    const signedIn = await browser().signIn('anna', {}, { next: '/dashboard/transactions?status=charged' });
    assert.deepEqual([signedIn.status, signedIn.body.user.email], [200, MANAGER]);
    assert.deepEqual(await links(), [{ email: MANAGER, subject: 'anna' }]);
    const [linked] = await audit('identity.link');
    assert.deepEqual(linked?.after, { issuer: provider.issuer, subject: 'anna', email: MANAGER });
    const [entry] = await audit('session.sign_in');
    assert.deepEqual(entry?.after, { signedInBy: 'openid_connect' });

    provider.people.set('anna', person('married@demo.test', { email_verified: false }));
    const again = await browser().signIn('anna');
    assert.deepEqual([again.status, again.body.user.email], [200, MANAGER]);
    assert.equal((await audit('identity.link')).length, 1);
  });

  test('leads to the page that was wanted, and to no other place', async () => {
    provider.people.set('anna', person(MANAGER));
    const next = '/dashboard/transactions?status=charged';
    assert.equal(await browser().travel('anna', { next }), `${next}&oidc=proved`);
    for (const elsewhere of [
      'https://evil.example/',
      '//evil.example/dashboard',
      '/dashboard/\\evil.example',
      '/dashboard/..//evil.example',
      '/dashboard/%2e%2e//evil.example',
      '/dashboard/../docs',
      '/dashboardevil',
      '/docs',
      '/dashboard/\u0000',
    ])
      assertReason(
        await browser().call('POST', '/v1/session/oidc', { next: elsewhere }),
        400,
        'invalid_request',
      );
  });

  test('needs an address that is verified, and somebody who has it', async () => {
    provider.people.set('anna', person(MANAGER, { email_verified: false }));
    assertReason(await browser().signIn('anna'), 403, 'email_not_verified');
    provider.people.set('nobody', person('nobody@demo.test'));
    assertReason(await browser().signIn('nobody'), 403, 'identity_not_known');
    provider.people.set('silent', {});
    assertReason(await browser().signIn('silent'), 403, 'identity_not_known');
    assert.deepEqual(await links(), []);
    const reasons = (await audit('session.sign_in_failed')).slice(0, 3).map(({ after }) => after);
    assert.deepEqual(
      reasons.map((after) => (after as { because: string }).because),
      ['nobody', 'nobody', 'email_not_verified'],
    );
  });

  test('opens no account that is linked to somebody else, who had the address before', async () => {
    provider.people.set('anna', person(MANAGER));
    assert.equal((await browser().signIn('anna')).status, 200);
    provider.people.set('successor', person(MANAGER));
    assertReason(await browser().signIn('successor'), 403, 'identity_not_known');
    assert.deepEqual(await links(), [{ email: MANAGER, subject: 'anna' }]);
  });

  test('is refused to who is deactivated, linked or not; a deactivation ends their sessions', async () => {
    provider.people.set('anna', person(MANAGER));
    await disable(MANAGER);
    assertReason(await browser().signIn('anna'), 403, 'identity_not_known');
    await sandbox.pool.query('UPDATE dashboard_user SET disabled_at = NULL');
    const here = browser();
    assert.equal((await here.signIn('anna')).status, 200);
    await disable(MANAGER);
    await setTimeout(HEARD_MS);
    assertReason(await here.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await browser().signIn('anna'), 403, 'identity_not_known');
  });

  test('is refused while the account is locked out', async () => {
    provider.people.set('anna', person(VIEWER));
    await attempt(sandbox.url, VIEWER, 'wrong');
    // As after many more, whose wait does not pass while a slow machine gets here.
    await sandbox.pool.query(
      `UPDATE sign_in_attempt SET locked_until = now() + interval '1 minute' WHERE starts_with(subject, 'account')`,
    );
    const reply = await browser().signIn('anna');
    assertReason(reply, 429, 'too_many_sign_ins');
    await setTimeout(HEARD_MS);
  });

  test('of two requests at once links once, and both get in', async () => {
    provider.people.set('anna', person(MANAGER));
    const both = [browser(), browser()];
    for (const one of both) await one.travel('anna');
    const replies = await Promise.all(both.map((one) => one.finish()));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await links()).length, 1);
  });
});

describe('several accounts', () => {
  test('of one address are chosen from, and each is linked when it is signed in to', async () => {
    await sandbox.pool.query('UPDATE dashboard_user SET email = $1 WHERE email = $2', [MANAGER, OTHER_ADMIN]);
    try {
      provider.people.set('anna', person(MANAGER));
      const here = browser();
      const asked = await here.signIn('anna');
      assertReason(asked, 422, 'merchant_required');
      assert.equal(asked.body.details.length, 2);
      const [id = ''] = asked.body.details[1].message.split(' ');
      assertReason(await here.finish({ merchantId: 'mer_nobody' }), 403, 'identity_not_known');
      const chosen = await here.finish({ merchantId: id });
      assert.deepEqual([chosen.status, chosen.body.merchant.id], [200, id]);
      assert.equal((await links()).length, 1);
    } finally {
      await sandbox.pool.query(
        `UPDATE dashboard_user u SET email = $1 FROM merchant m WHERE m.id = u.merchant_id AND u.email = $2 AND m.name <> 'Demo Store'`,
        [OTHER_ADMIN, MANAGER],
      );
    }
  });
});

describe('a second factor', () => {
  test('of ours is asked for, and guesses at it are counted', async () => {
    const { secret, recoveryCodes } = await setUpApp(await signIn(sandbox.url, MANAGER));
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    const asked = await here.signIn('anna');
    assertReason(asked, 401, 'second_factor_required');
    assert.equal(here.cookies.has('plexy_session'), false);
    assertReason(await here.finish({ code: '000000' }), 401, 'wrong_second_factor');
    assert.deepEqual(await links(), [], 'nothing is linked before it');
    assert.equal((await here.finish({ code: codeOfApp(secret, 1) })).status, 200);
    const { body } = await here.call('GET', '/v1/sessions');
    assert.equal(body.items[0].signedInBy, 'openid_connect_and_code');

    const other = browser();
    assert.equal((await other.signIn('anna', { code: recoveryCodes[0] })).status, 200);
    const guessing = browser();
    await guessing.travel('anna');
    const reasons: string[] = [];
    for (let i = 0; i < 8; i += 1) reasons.push((await guessing.finish({ code: `00000${i}` })).body.reason);
    assert.ok(reasons.includes('too_many_sign_ins'), reasons.join());
    await setTimeout(HEARD_MS);
  });

  test('that the provider has asked for counts', async () => {
    await setUpApp(await signIn(sandbox.url, MANAGER));
    for (const amr of [['pwd', 'otp'], ['mfa'], ['hwk', 'pin']]) {
      provider.people.set(`anna-${amr}`, person(MANAGER, { amr }));
      const signedIn = await browser().signIn(`anna-${amr}`);
      assert.equal(signedIn.status, 200, `${amr}: ${JSON.stringify(signedIn.body)}`);
      await sandbox.pool.query('DELETE FROM oidc_link');
    }
    for (const amr of [['pwd'], ['pwd', 'sms'], []]) {
      provider.people.set(`anna-${amr}`, person(MANAGER, { amr }));
      assertReason(await browser().signIn(`anna-${amr}`), 401, 'second_factor_required');
    }
  });

  test('that a merchant requires is set up first, unless the provider has asked for one', async () => {
    await sandbox.pool.query(`UPDATE merchant SET require_second_factor = true`);
    try {
      provider.people.set('weak', person(VIEWER));
      provider.people.set('strong', person(MANAGER, { amr: ['pwd', 'mfa'] }));
      assert.equal((await browser().signIn('weak')).body.mustSetUpSecondFactor, true);
      const here = browser();
      assert.equal((await here.signIn('strong')).body.mustSetUpSecondFactor, false);
      assert.equal((await here.call('GET', '/v1/sessions')).status, 200);
    } finally {
      await sandbox.pool.query('UPDATE merchant SET require_second_factor = false');
    }
  });

  test('is set up after a sign-in at the provider that is a moment old; after an older one the password, or another sign-in, is asked for', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    await here.signIn('anna');
    // The provider tells its time only when it is asked to prove how long ago it was.
    assertReason(await here.call('POST', '/v1/session/totp', {}), 403, 'password_required');
    const again = await here.signIn('anna', {}, { again: true });
    assert.equal(again.status, 200, JSON.stringify(again.body));
    assert.equal((await here.call('POST', '/v1/session/totp', {})).status, 200);
    await sandbox.pool.query(`UPDATE oidc_session SET authenticated_at = now() - interval '11 minutes'`);
    assertReason(await here.call('POST', '/v1/session/totp', {}), 403, 'password_required');
    assert.equal((await here.call('POST', '/v1/session/totp', { password: PASSWORD })).status, 200);
  });
});

describe('what was tampered with', () => {
  const leads = async (here: SsoBrowser, callback: string) =>
    (await here.comeBack(callback)).split('oidc=')[1];

  test('is refused: state, issuer, nonce, verifier, a code of somebody else, a browser that has begun nothing', async () => {
    provider.people.set('anna', person(MANAGER));
    const changed = async (change: (callback: URL) => void, sql?: string): Promise<string | undefined> => {
      const here = browser();
      const callback = new URL(await here.enter(await here.begin(), 'anna'));
      change(callback);
      if (sql !== undefined) await sandbox.pool.query(sql);
      const outcome = await leads(here, callback.href);
      assertReason(await here.finish(), 401, 'identity_not_proved');
      return outcome;
    };
    const nothing = (): void => undefined;
    assert.equal(
      await changed(({ searchParams }) => searchParams.set('state', 'another')),
      'identity_not_proved',
    );
    assert.equal(await changed(({ searchParams }) => searchParams.delete('state')), 'identity_not_proved');
    assert.equal(
      await changed(({ searchParams }) => searchParams.set('iss', 'https://evil.example')),
      'identity_not_proved',
    );
    assert.equal(await changed(({ searchParams }) => searchParams.delete('iss')), 'identity_not_proved');
    assert.equal(
      await changed(({ searchParams }) => searchParams.set('code', 'x'.repeat(43))),
      'identity_not_proved',
    );
    assert.equal(await changed(nothing, `UPDATE oidc_sign_in SET nonce = 'another'`), 'identity_not_proved');
    const verifier = 'v'.repeat(43);
    assert.equal(
      await changed(nothing, `UPDATE oidc_sign_in SET code_verifier = '${verifier}'`),
      'identity_not_proved',
    );
    assert.equal(
      await changed(nothing, `UPDATE oidc_sign_in SET expires_at = now() - interval '1 second'`),
      'identity_not_proved',
    );
    const here = browser();
    const callback = await here.enter(await here.begin(), 'anna');
    assert.equal(await leads(browser(), callback), 'identity_not_proved', 'in another browser');
    assert.equal(await leads(here, callback), 'proved', 'and the one that began it is still good');
    assert.deepEqual(await links(), []);
  });

  test('is worth nothing a second time: the callback, a code in another journey, what was proved', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    const callback = await here.enter(await here.begin(), 'anna');
    const cookie = here.cookies.get('plexy_oidc') ?? '';
    assert.equal(await leads(here, callback), 'proved');
    const repeating = browser();
    repeating.cookies.set('plexy_oidc', cookie);
    assert.equal(await leads(repeating, callback), 'identity_not_proved');

    const other = browser();
    const own = new URL(await other.enter(await other.begin(), 'anna'));
    own.searchParams.set('code', new URL(callback).searchParams.get('code') ?? '');
    assert.equal(await leads(other, own.href), 'identity_not_proved');

    const proved = here.cookies.get('plexy_oidc') ?? '';
    assert.equal((await here.finish()).status, 200);
    const copy = browser();
    copy.cookies.set('plexy_oidc', proved);
    assertReason(await copy.finish(), 401, 'identity_not_proved');
    assert.equal(here.cookies.has('plexy_oidc'), false);
  });

  test('at the same time, too: of two requests with what was proved one begins a session', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    await here.travel('anna');
    const copy = browser();
    copy.cookies.set('plexy_oidc', here.cookies.get('plexy_oidc') ?? '');
    const replies = await Promise.all([here.finish(), copy.finish()]);
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 401]);
  });

  test('pages of other origins begin and finish nothing', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    const evil = 'https://evil.example';
    assertReason(await here.call('POST', '/v1/session/oidc', {}, evil), 403, 'origin_not_allowed');
    await here.travel('anna');
    assertReason(await here.call('POST', '/v1/session/oidc/finish', {}, evil), 403, 'origin_not_allowed');
    assert.equal((await here.finish()).status, 200);
  });

  test('what is asked of the provider has state, nonce and PKCE, and the cookie cannot be read by scripts', async () => {
    const reply = await sandbox.call('POST', '/v1/session/oidc', {
      apiKey: null,
      body: {},
      headers: { origin: sandbox.url },
    });
    const { searchParams } = new URL(reply.body.url);
    assert.equal(searchParams.get('code_challenge_method'), 'S256');
    assert.equal(searchParams.get('response_type'), 'code');
    assert.equal(searchParams.get('redirect_uri'), `${sandbox.url}/v1/session/oidc/callback`);
    for (const name of ['state', 'nonce', 'code_challenge'])
      assert.ok((searchParams.get(name) ?? '').length >= 43, name);
    assert.match(
      reply.headers.get('set-cookie') ?? '',
      /^plexy_oidc=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    );
  });
});

describe('the provider', () => {
  test('that says no is told apart from one that is down, while passwords go on', async () => {
    assert.match(await browser().travel(null), /oidc=refused$/);
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    const callback = await here.enter(await here.begin(), 'anna');
    provider.setDown(true);
    assert.match(await here.comeBack(callback), /oidc=identity_provider_unavailable$/);
    assert.equal((await attempt(sandbox.url, MANAGER, PASSWORD)).status, 200);
    provider.setDown(false);
    assert.equal((await browser().signIn('anna')).status, 200);
  });

  test('is asked with a secret that no log has, nor a code, nor any token', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    const callback = new URL(await here.enter(await here.begin(), 'anna'));
    await here.comeBack(callback.href);
    const cookie = here.cookies.get('plexy_oidc') ?? '';
    assert.equal((await here.finish()).status, 200);
    const { rows } = await sandbox.pool.query('SELECT id, id_token AS token FROM oidc_session');
    const token = sandbox.deps.secrets.open('id token', rows[0].id, rows[0].token);
    assert.equal(token.split('.').length, 3);
    const log = sandbox.log.join('\n');
    const given = ['code', 'state'].map((name) => callback.searchParams.get(name) ?? '');
    for (const secret of [token, provider.environment.OIDC_CLIENT_SECRET ?? '', cookie, ...given]) {
      assert.ok(secret.length > 20, 'there is something to look for');
      assert.ok(!log.includes(secret) && !rows[0].token.includes(secret));
    }
  });
});

describe('a session of it', () => {
  test('is listed and ended like any other, and what was kept of it goes', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    await here.signIn('anna');
    const other = browser();
    await other.signIn('anna');
    const { body } = await here.call('GET', '/v1/sessions');
    assert.deepEqual(
      body.items.map((item: { signedInBy: string }) => item.signedInBy),
      ['openid_connect', 'openid_connect'],
    );
    const { id } = body.items.find((item: { isThisOne: boolean }) => !item.isThisOne);
    assert.equal((await here.call('DELETE', `/v1/sessions/${id}`)).status, 204);
    assertReason(await other.call('GET', '/v1/session'), 401, 'not_signed_in');
    const { rows } = await sandbox.pool.query('SELECT id FROM oidc_session');
    assert.equal(rows.length, 1);
  });

  test('ends at the provider, too; a provider that is down keeps nobody signed in', async () => {
    provider.people.set('anna', person(MANAGER));
    const here = browser();
    await here.signIn('anna');
    const ended = await here.call('DELETE', '/v1/session');
    assert.equal(ended.status, 200, JSON.stringify(ended.body));
    const url = new URL(ended.body.url);
    assert.equal(`${url.origin}${url.pathname}`, `${provider.issuer}/session/end`);
    assert.equal(url.searchParams.get('post_logout_redirect_uri'), `${sandbox.url}/dashboard`);
    assert.ok((url.searchParams.get('id_token_hint') ?? '').length > 100);
    assertReason(await here.call('GET', '/v1/session'), 401, 'not_signed_in');
    const byPassword = await signIn(sandbox.url, MANAGER);
    assert.equal((await byPassword.call('DELETE', '/v1/session')).status, 204);
  });
});

describe('linking and unlinking', () => {
  test('is done by whoever is signed in, with the password again when that is long ago', async () => {
    provider.people.set('anna', person('private@elsewhere.test', { email_verified: false }));
    const here = browser();
    const signedIn = await here.call('POST', '/v1/session', { email: MANAGER, password: PASSWORD });
    assert.equal(signedIn.status, 200);
    await sandbox.pool.query(
      `UPDATE api_key SET created_at = created_at - interval '11 minutes' WHERE user_id IS NOT NULL`,
    );
    assertReason(await here.call('POST', '/v1/session/oidc/link', {}), 403, 'password_required');
    const url = await here.begin({ password: PASSWORD }, '/v1/session/oidc/link');
    assert.equal(await here.comeBack(await here.enter(url, 'anna')), '/dashboard/account/security?oidc=link');
    assertReason(await here.finish(), 401, 'identity_not_proved');
    assert.equal((await here.call('POST', '/v1/session/oidc/link/confirm', {})).status, 204);
    const { body } = await here.call('GET', '/v1/session/security');
    assert.deepEqual([body.identity.issuer, body.identity.subject], [provider.issuer, 'anna']);
    assert.equal((await browser().signIn('anna')).body.user.email, MANAGER);

    const other = browser();
    await other.signIn('anna');
    assert.equal((await here.call('POST', '/v1/session/oidc/unlink', { password: PASSWORD })).status, 204);
    assertReason(await other.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await browser().signIn('anna'), 403, 'email_not_verified');
    assertReason(
      await here.call('POST', '/v1/session/oidc/unlink', { password: PASSWORD }),
      422,
      'no_identity',
    );
    const [unlinked] = await audit('identity.unlink');
    assert.deepEqual(unlinked?.before, { issuer: provider.issuer, subject: 'anna' });
  });

  test('what somebody else has proved links nothing, and an identity is one user of a merchant', async () => {
    provider.people.set('anna', person(MANAGER));
    await browser().signIn('anna');
    const here = browser();
    await here.call('POST', '/v1/session', { email: VIEWER, password: PASSWORD });
    await here.comeBack(await here.enter(await here.begin({}, '/v1/session/oidc/link'), 'anna'));
    assertReason(await here.call('POST', '/v1/session/oidc/link/confirm', {}), 409, 'already_exists');

    const victim = browser();
    await victim.call('POST', '/v1/session', { email: VIEWER, password: PASSWORD });
    const attacker = browser();
    await attacker.travel('anna');
    victim.cookies.set('plexy_oidc', attacker.cookies.get('plexy_oidc') ?? '');
    assertReason(await victim.call('POST', '/v1/session/oidc/link/confirm', {}), 401, 'identity_not_proved');
  });

  test('an admin unlinks a user, whose sessions end, and not themselves', async () => {
    provider.people.set('anna', person(MANAGER));
    provider.people.set('chief', person(ADMIN));
    const here = browser();
    const { user } = (await here.signIn('anna')).body;
    const admin = browser();
    const { user: own } = (await admin.signIn('chief')).body;
    const { items } = (await admin.call('GET', '/v1/users')).body;
    const linked = items.filter(({ hasIdentity }: { hasIdentity: boolean }) => hasIdentity);
    assert.deepEqual(linked.map(({ email }: { email: string }) => email).sort(), [MANAGER, ADMIN].sort());
    const unlinked = await admin.call('POST', `/v1/users/${user.id}/unlink-identity`);
    assert.deepEqual([unlinked.status, unlinked.body.hasIdentity], [200, false]);
    assertReason(await here.call('GET', '/v1/session'), 401, 'not_signed_in');
    assertReason(await admin.call('POST', `/v1/users/${user.id}/unlink-identity`), 422, 'no_identity');
    assertReason(await admin.call('POST', `/v1/users/${own.id}/unlink-identity`), 422, 'own_account');
    assert.equal((await audit('user.unlink_identity')).length, 1);
    assert.equal((await browser().signIn('anna')).status, 200, 'the verified address links again');
  });
});

test('without a provider there is nothing to sign in at', async () => {
  const other = await startSandbox();
  try {
    const reply = await other.call('POST', '/v1/session/oidc', {
      apiKey: null,
      body: {},
      headers: { origin: other.url },
    });
    assert.deepEqual([reply.status, reply.body.reason], [422, 'no_identity_provider']);
  } finally {
    await other.stop();
  }
});

describe('operators, by a claim that the provider tells', () => {
  const MAPPED = { OIDC_OPERATORS: 'groups=payment-operators', OIDC_SCOPES: 'openid email profile' };
  let mapped: Sandbox;
  before(async () => {
    mapped = await startSandbox({
      ...provider.environment,
      ...MAPPED,
      ADMIN_PORT: '0',
      TRUSTED_PROXIES: '127.0.0.1',
    });
    provider.admit(sandbox.url, mapped.url, mapped.adminUrl);
  });
  after(() => mapped?.stop());
  const operators = () => new SsoBrowser(mapped.adminUrl);

  test('are created at the operators’ listener, and only by the claim', async () => {
    provider.people.set(
      'olga',
      person('olga@acme.test', { groups: ['staff', 'payment-operators'], name: 'Olga' }),
    );
    provider.people.set('staff', person('staff@acme.test', { groups: ['staff'] }));
    provider.people.set(
      'unverified',
      person('u@acme.test', { groups: ['payment-operators'], email_verified: false }),
    );
    assertReason(await operators().signIn('staff'), 403, 'identity_not_known');
    assertReason(await operators().signIn('unverified'), 403, 'email_not_verified');
    assertReason(await new SsoBrowser(mapped.url).signIn('olga'), 403, 'identity_not_known');
    const here = operators();
    const signedIn = await here.signIn('olga');
    assert.deepEqual(signedIn.body.user && [signedIn.body.user.role, signedIn.body.user.name], [
      'operator',
      'Olga',
    ]);
    assert.ok(here.cookies.has('plexy_operator'));
    assert.equal((await here.call('GET', '/v1/admin/merchants')).status, 200);
    const { rows } = await mapped.pool.query(
      `SELECT action, after FROM audit_log WHERE action = 'user.create' AND after->>'subject' = 'olga'`,
    );
    assert.equal(rows.length, 1);
  });

  test('who lose it stay out, and one who was deleted does not come back by it', async () => {
    provider.people.set('igor', person('igor@acme.test', { groups: ['payment-operators'] }));
    const here = operators();
    const { user } = (await here.signIn('igor')).body;
    provider.people.set('igor', person('igor@acme.test', { groups: [] }));
    assertReason(await operators().signIn('igor'), 403, 'identity_not_known');
    provider.people.set('igor', person('igor@acme.test', { groups: 'payment-operators' }));
    assert.equal((await operators().signIn('igor')).body.user.id, user.id, 'a claim may be one value');
    const deleted = await request(mapped.adminUrl, 'DELETE', `/v1/admin/users/${user.id}`, {
      apiKey: OPERATOR_KEY,
      idempotencyKey: crypto.randomUUID(),
    });
    assert.equal(deleted.status, 200, deleted.text);
    assertReason(await operators().signIn('igor'), 403, 'identity_not_known');
  });

  test('are let in by their address only when the claim says so', async () => {
    provider.people.set('op', person(OPERATOR, { groups: [] }));
    assertReason(await operators().signIn('op'), 403, 'identity_not_known');
    provider.people.set('op', person(OPERATOR, { groups: ['payment-operators'] }));
    assert.equal((await operators().signIn('op')).body.user.email, OPERATOR);
  });
});
