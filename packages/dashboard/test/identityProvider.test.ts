/** Signing in at an identity provider, in a real browser with a real provider. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type OidcProvider, startOidcProvider } from '../../server/test/support/oidcProvider.ts';
import { codeOfApp, setUpApp, signIn } from '../../server/test/support/user.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

const NAME = 'Acme <SSO>';

describe('signing in at an identity provider', { skip: withoutBrowser }, () => {
  let provider: OidcProvider;
  let dashboard: Dashboard;
  before(async () => {
    provider = await startOidcProvider({ isTellingInToken: true });
    dashboard = await startDashboard({ ...provider.environment });
    provider.admit(dashboard.sandbox.url);
  });
  beforeEach(async () => {
    provider.people.clear();
    provider.setDown(false);
    for (const table of ['sign_in_attempt', 'totp', 'recovery_code', 'oidc_link'])
      await dashboard.sandbox.pool.query(`DELETE FROM ${table}`);
  });
  after(async () => {
    await dashboard?.stop();
    await provider?.stop();
  });

  const viewer = { email: 'viewer@demo.test', email_verified: true, name: 'Vera' };

  /** Somebody with a browser that nobody has signed in with, neither here nor there. */
  async function open(path = '', locale = 'en-GB'): Promise<Page> {
    const context = await dashboard.browser.newContext({ locale });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${dashboard.sandbox.url}/dashboard${path}`);
    return page;
  }

  async function enter(page: Page, login: string): Promise<void> {
    await page.getByRole('button', { name: `Sign in with ${NAME}` }).click();
    await page.getByLabel('Name').fill(login);
    await page.getByRole('button', { name: 'Enter' }).click();
  }

  test('leads back to the page that was wanted, links, shows the link, and signs out at both', async () => {
    provider.people.set('vera', viewer);
    const page = await open('/transactions?status=charged');
    await page.getByRole('button', { name: `Sign in with ${NAME}` }).waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    await enter(page, 'vera');
    await page.getByRole('heading', { name: 'Transactions' }).waitFor();
    assert.match(page.url(), /\/dashboard\/transactions\?status=charged$/);
    // The provider is at the same host, and has cookies of its own.
    const cookies = await page.context().cookies(dashboard.sandbox.url);
    const own = cookies.filter(({ name }) => name.startsWith('plexy'));
    assert.deepEqual(
      own.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]),
      [['plexy_session', true, 'Lax']],
    );

    await page.goto(`${dashboard.sandbox.url}/dashboard/account/security`);
    const panel = page.locator('section', { hasText: 'Linked. You sign in there.' });
    await panel.getByRole('button', { name: 'Unlink' }).waitFor();
    await page.getByRole('row').filter({ hasText: 'Identity provider' }).waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);

    const atProvider = page.waitForURL(`${provider.issuer}/session/end?**`);
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await atProvider;
    await page.getByRole('button', { name: /yes/i }).click();
    await page.getByRole('button', { name: `Sign in with ${NAME}` }).click();
    // Its own session is over, too: it asks again.
    await page.getByLabel('Name').waitFor();
    await page.context().close();
  });

  test('what goes wrong is told in the reader’s words, and the address keeps nothing of it', async () => {
    provider.people.set('stranger', { email: 'stranger@demo.test', email_verified: true });
    provider.people.set('unverified', { ...viewer, email_verified: false });
    const page = await open('/transactions');
    await enter(page, 'stranger');
    await page.getByRole('alert').getByText('Nobody who may sign in here has this identity.').waitFor();
    // Nobody has a role yet.
    await page.getByRole('alert').getByText('That did not work').waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByLabel('Email').waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.context().close();

    const other = await open();
    await enter(other, 'unverified');
    await other
      .getByRole('alert')
      .getByText('The identity provider does not say', { exact: false })
      .first()
      .waitFor();
    await other.context().close();

    const third = await open('', 'ru-RU');
    await third.getByRole('button', { name: `Войти через ${NAME}` }).click();
    await third.getByRole('button', { name: 'Cancel' }).click();
    await third.getByRole('alert').getByText('Провайдер никого не впустил.').waitFor();
    provider.setDown(true);
    await third.context().close();
    const fourth = await open('', 'kk-KZ');
    await fourth.goto(`${dashboard.sandbox.url}/dashboard?oidc=identity_provider_unavailable`);
    await fourth.getByRole('alert').getByText('Кіру провайдері қолжетімсіз').waitFor();
    await fourth.goto(`${dashboard.sandbox.url}/dashboard?oidc=Call+this+number`);
    await fourth.getByRole('button', { name: `${NAME} арқылы кіру` }).waitFor();
    assert.equal(await fourth.getByText('Call this number').count(), 0);
    await fourth.context().close();
  });

  test('asks for the code of an account that has one', async () => {
    const { secret } = await setUpApp(await signIn(dashboard.sandbox.url, viewer.email));
    provider.people.set('vera', viewer);
    const page = await open('/transactions');
    await enter(page, 'vera');
    await page.getByText('Confirm that it is you').waitFor();
    await page.getByLabel('Code').fill('000000');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The code is wrong, or was used before.').waitFor();
    await page.getByLabel('Code').fill(codeOfApp(secret, 1));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Transactions' }).waitFor();
    await page.context().close();
  });

  test('links on the page Security, and unlinks there; an admin does it for others', async () => {
    provider.people.set('vera', { email: 'private@elsewhere.test' });
    const page = await open('/account/security');
    await page.getByLabel('Email').fill(viewer.email);
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    const link = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Link', exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Link', exact: true }).click();
    };
    await link();
    await page.getByLabel('Name').fill('vera');
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByText('Linked. You sign in there.').waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.getByRole('button', { name: 'Unlink' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unlink' }).click();
    await page.getByText('Link your account there').waitFor();
    // The provider knows who it is, and asks nothing this time.
    await link();
    await page.getByText('Linked. You sign in there.').waitFor();

    const admin = await dashboard.open('merchant', '/settings/users');
    const row = admin.getByRole('row').filter({ hasText: viewer.email });
    await row.getByRole('button').click();
    await admin.getByRole('menuitem', { name: 'Unlink the identity provider' }).click();
    await admin.getByRole('dialog').getByRole('button', { name: 'Unlink the identity provider' }).click();
    await admin.getByText('Saved').waitFor();
    await page.reload();
    await page.getByRole('button', { name: `Sign in with ${NAME}` }).waitFor();
    await dashboard.close(admin);
    await page.context().close();
  });

  test('of long ago is made again where the password would be asked for', async () => {
    provider.people.set('vera', viewer);
    const page = await open('/account/security');
    await enter(page, 'vera');
    await page.getByRole('button', { name: 'Set up', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('button', { name: `Sign in again with ${NAME}` }).click();
    await page.getByLabel('Name').fill('vera');
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByRole('button', { name: 'Set up', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    await page.context().close();
  });
});
