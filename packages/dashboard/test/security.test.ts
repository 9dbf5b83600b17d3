/** What protects an account, as its user sets it up and signs in with it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import jsQR from 'jsqr';
import { Secret, TOTP } from 'otpauth';
import type { Page } from 'playwright-core';
import { deviceOf } from '../src/devices.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

test('browsers are called what their users call them', () => {
  const names = (userAgent: string | null) => {
    const device = deviceOf(userAgent);
    return device === null ? null : `${device.browser} ${device.system}`;
  };
  const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)';
  const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)';
  assert.equal(names(`${mac} Version/19.0 Safari/605.1.15`), 'Safari macOS');
  assert.equal(names(`${windows} Chrome/150.0.0.0 Safari/537.36`), 'Chrome Windows');
  assert.equal(names(`${windows} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0`), 'Edge Windows');
  assert.equal(
    names('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'),
    'Firefox Linux',
  );
  for (const nothing of [null, '', 'curl/8.0']) assert.equal(names(nothing), null);
});

/** The code that the app shows, so many steps of 30 s from now. */
function codeOf(uri: string, steps = 0): string {
  const secret = new URL(uri).searchParams.get('secret') ?? '';
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
}

describe('the security of an account', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  /** What a camera reads on the page. */
  async function scan(page: Page): Promise<string> {
    const svg = page.getByRole('img', { name: 'QR code for the authenticator app' });
    await svg.waitFor();
    const { data, width, height } = await svg.evaluate(async (element) => {
      const image = new Image();
      image.src = `data:image/svg+xml;base64,${btoa(new XMLSerializer().serializeToString(element))}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [660, 660];
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('nothing is drawn');
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, 660, 660);
      return { data: [...context.getImageData(0, 0, 660, 660).data], width: 660, height: 660 };
    });
    return jsQR(new Uint8ClampedArray(data), width, height)?.data ?? '';
  }

  async function fillIn(page: Page, email: string): Promise<void> {
    await page.getByLabel('Email').fill(email);
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  test('an app is set up by its QR code, and asked for from then on; recovery codes help without it', async () => {
    const page = await dashboard.open('viewer');
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('link', { name: 'Security' }).click();
    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set up' }).click();
    const uri = await scan(page);
    assert.match(uri, /^otpauth:\/\/totp\/Plexy%20Pay%20sandbox:viewer%40demo\.test\?/);
    const code = page.getByLabel('Code', { exact: true });
    await code.fill('000000');
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('alert').waitFor();
    await code.fill(codeOf(uri));
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Keep them where nobody else finds them').waitFor();
    const codes = await dialog.locator('code').allTextContents();
    assert.equal(codes.length, 10);
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.getByText('Left: 10').waitFor();
    assert.ok(!(await page.content()).includes(codes[0] ?? ''));

    const other = await dashboard.open(null, '/transactions');
    await fillIn(other, 'viewer@demo.test');
    await other.getByText('Confirm that it is you').waitFor();
    assert.deepEqual(await graveAxeFindings(other), []);
    await other.getByLabel('Code').fill('000000');
    await other.keyboard.press('Enter');
    await other.getByRole('alert').getByText('The code is wrong, or was used before.').waitFor();
    await other.getByLabel('Code').fill(codeOf(uri, 1));
    await other.keyboard.press('Enter');
    await other.getByRole('heading', { name: 'Transactions' }).waitFor();

    const third = await dashboard.open(null);
    await fillIn(third, 'viewer@demo.test');
    await third.getByLabel('Code').fill(codes[3]?.toLowerCase() ?? '');
    await third.keyboard.press('Enter');
    await third.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.reload();
    await page.getByText('Left: 9').waitFor();
    assert.equal(await page.getByRole('row').filter({ hasText: 'Chrome on Linux' }).count(), 2);
    const rows = page.getByRole('row').filter({ hasText: '127.0.0.1' });
    assert.equal(await rows.count(), 3);
    await page.getByRole('button', { name: 'Sign out of all others' }).click();
    await rows.nth(1).waitFor({ state: 'detached' });
    assert.equal(await rows.count(), 1);
    await other.reload();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    for (const each of [page, other, third]) await dashboard.close(each);
  });

  test('who must have a second factor is led to it before anything else', async () => {
    const admin = await dashboard.open('merchant', '/account/security');
    await admin.getByRole('switch', { name: 'Require a second factor' }).click();
    await admin.getByRole('heading', { name: 'A second factor is required' }).waitFor();
    const page = await dashboard.open('manager', '/transactions');
    await page.getByRole('heading', { name: 'A second factor is required' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Transactions' }).count(), 0);
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'Set up' }).click();
    const uri = await scan(page);
    await page.getByLabel('Code', { exact: true }).fill(codeOf(uri));
    await page.keyboard.press('Enter');
    const copied = page.getByRole('button', { name: 'I have copied it' });
    await copied.waitFor();
    const codes = await page.locator('code').allTextContents();
    assert.equal(codes.length, 10);
    // Somebody looks at another tab for a while: the page asks again who is signed in, who needs no set-up any more.
    const asked = page.waitForResponse(
      (response) => response.url().endsWith('/v1/session') && response.request().method() === 'GET',
    );
    await page.evaluate(() => {
      const now = Date.now();
      Date.now = () => now + 61_000;
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    });
    assert.equal((await (await asked).json()).mustSetUpSecondFactor, false);
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    assert.deepEqual(await page.locator('code').allTextContents(), codes, 'they are shown this once');
    await copied.click();
    await page.getByRole('heading', { name: 'Transactions' }).waitFor();
    await dashboard.close(page);
    await dashboard.close(admin);
  });

  test('a sign-in of long ago has to prove the password, and an admin helps who has lost everything', async () => {
    await dashboard.sandbox.pool.query('UPDATE merchant SET require_second_factor = false');
    await dashboard.sandbox.pool.query('DELETE FROM sign_in_attempt');
    const page = await dashboard.open('merchant', '/account/security');
    await dashboard.sandbox.pool.query(
      `UPDATE api_key SET created_at = now() - interval '1 hour' WHERE user_id IS NOT NULL`,
    );
    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set up' }).click();
    await page.getByLabel('Current password').fill('sandbox');
    await page.keyboard.press('Enter');
    assert.match(await scan(page), /^otpauth:/);
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: 'Users' }).click();
    const row = page.getByRole('row').filter({ hasText: 'manager@demo.test' });
    await row.getByText('On', { exact: true }).waitFor();
    await row.getByRole('button', { name: /^Change/ }).click();
    await page.getByRole('menuitem', { name: 'Reset the second factor' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reset the second factor' }).click();
    await row.getByText('On', { exact: true }).waitFor({ state: 'detached' });
    await dashboard.close(page);
  });
});
