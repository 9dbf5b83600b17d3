/** Passkeys in a real browser, with the authenticator that it has for tests: made, used, named, copied, removed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BrowserContextOptions, CDPSession, Page } from 'playwright-core';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('passkeys', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  /** The same server by its name: browsers have passkeys for names only. */
  let url: string;
  before(async () => {
    dashboard = await startDashboard();
    url = dashboard.sandbox.url.replace('127.0.0.1', 'localhost');
  });
  after(() => dashboard?.stop());

  interface Device {
    readonly page: Page;
    readonly cdp: CDPSession;
    readonly authenticatorId: string;
  }

  /** A browser with a device that asks for a finger, and gets one. */
  async function openWithDevice(path = '', options: BrowserContextOptions = {}): Promise<Device> {
    const context = await dashboard.browser.newContext({ locale: 'en-GB', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await page.goto(`${url}/dashboard${path}`);
    return { page, cdp, authenticatorId };
  }

  async function signIn(page: Page, email: string): Promise<void> {
    await page.getByLabel('Email').fill(email);
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Account' }).waitFor();
  }

  async function addPasskey(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByRole('button', { name: 'Add a passkey' }).click();
  }

  async function signOut(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  }

  test('one is made, signs in without the password, and the password alone is not enough any more', async () => {
    const { page, cdp, authenticatorId } = await openWithDevice('/account/security');
    await signIn(page, 'viewer@demo.test');
    await page.getByText('Your device or a security key signs you in').waitFor();
    await addPasskey(page, 'Laptop');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Keep them where nobody else finds them').waitFor();
    const [code = ''] = await dialog.locator('code').allTextContents();
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.getByText('Left: 10').waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    // The same device is asked once only.
    await addPasskey(page, 'Again');
    await page.getByRole('alert').getByText('This device has a passkey of yours already').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
    assert.deepEqual(
      credentials.map(({ rpId, isResidentCredential }) => [rpId, isResidentCredential]),
      [['localhost', true]],
    );

    await signOut(page);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Security' }).waitFor();
    const { rows } = await dashboard.sandbox.pool.query(
      `SELECT signed_in_by FROM api_key WHERE user_id IS NOT NULL ORDER BY created_at DESC LIMIT 1`,
    );
    assert.equal(rows[0].signed_in_by, 'passkey');

    await signOut(page);
    await page.getByLabel('Email').fill('viewer@demo.test');
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Confirm that it is you').waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Security' }).waitFor();

    await signOut(page);
    await page.getByLabel('Email').fill('viewer@demo.test');
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Code').fill(code);
    await page.keyboard.press('Enter');
    await page.getByText('Left: 9').waitFor();

    await page.getByRole('button', { name: 'Rename Laptop' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Old laptop');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove Old laptop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove Old laptop' }).waitFor({ state: 'detached' });
    await signOut(page);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page
      .getByRole('alert')
      .getByText('The passkey is not known here', { exact: false })
      .first()
      .waitFor();
    await page.context().close();
  });

  test('what a browser has sent once is worth nothing a second time, nor from a device with a copy', async () => {
    const { page, cdp, authenticatorId } = await openWithDevice('/account/security');
    await signIn(page, 'manager@demo.test');
    await addPasskey(page, 'Phone');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await signOut(page);
    const before = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
    const sent = page.waitForRequest((request) => request.url().endsWith('/v1/session/passkey'));
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Security' }).waitFor();
    const body = (await sent).postData() ?? '';
    const again = (text: string) =>
      fetch(`${url}/v1/session/passkey`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: url },
        body: text,
      });
    const repeated = await again(body);
    assert.deepEqual([repeated.status, (await repeated.json()).reason], [401, 'wrong_passkey']);
    const elsewhere = await fetch(`${url}/v1/session/passkey`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body,
    });
    assert.equal((await elsewhere.json()).reason, 'origin_not_allowed');

    // A copy of the device, of before the last use: its count has been there already.
    await signOut(page);
    const [copy] = before.credentials;
    assert.ok(copy !== undefined && copy.signCount < 2, `${copy?.signCount}`);
    await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...copy, signCount: 0 } });
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('alert').first().waitFor();
    const audit = await dashboard.sandbox.call('GET', '/v1/admin/audit-log?action=session.sign_in_failed', {
      apiKey: 'op_test_demo',
    });
    assert.deepEqual(audit.body.items[0].after, { wrong: 'passkey' });
    await page.context().close();
  });

  test('a device that nobody touches signs nothing, and the page says so', async () => {
    const { page, cdp, authenticatorId } = await openWithDevice();
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('alert').getByText('Nothing was signed').waitFor();
    await page.getByText('Русский').click();
    await page.getByRole('button', { name: 'Войти с ключом доступа' }).waitFor();
    await page.context().close();
  });

  test('at an address, where browsers have none, the page says what to do', async () => {
    const page = await dashboard.open('merchant', '/account/security');
    await page.getByText('Passkeys need a page with a name').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Add a passkey' }).count(), 0);
    await dashboard.close(page);
  });
});
