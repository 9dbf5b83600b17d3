/** Callbacks of links as a merchant's admin sees them, and what an operator sets of a merchant's checkout. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { DEMO_STORE, operatorOf } from '../../server/test/support/operator.ts';
import { pngOf } from '../../server/test/support/png.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;

describe('callbacks and looks', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let shop: Server;
  const headers: IncomingHttpHeaders[] = [];
  before(async () => {
    dashboard = await startDashboard();
    shop = createServer((request, response) => {
      headers.push(request.headers);
      request.resume().on('end', () => response.end());
    });
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    shop?.close();
    shop?.closeAllConnections();
    await dashboard?.stop();
  });

  test('the callback secret is made and shown once; deliveries say where they went', async () => {
    const origin = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
    const page = await dashboard.open('merchant', '/developers/webhooks');
    await page.getByText('No link has named a callbackUrl yet.').waitFor();
    await page.getByRole('button', { name: 'New callback secret' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'New callback secret' }).click();
    const shown = page.getByRole('dialog').locator('code');
    await shown.first().waitFor();
    const [token, secret] = await shown.allTextContents();
    assert.match(token ?? '', /^cbk_/);
    assert.match(secret ?? '', /^whsec_/);
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/callback-secret.png` });
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    assert.equal((await page.content()).includes(token ?? 'cbk_'), false);

    const body = { amount: 15_000, currency: 'KZT', orderReference: 'CALLED' };
    const callbackUrl = `${origin}/back?order=1`;
    const link = await dashboard.sandbox.call('POST', '/v1/payment-links', {
      body: { ...body, metadata: { callbackUrl } },
    });
    assert.equal(link.status, 201, link.text);
    await page.reload();
    await page.getByRole('link', { name: origin }).click();
    await page.getByText('What becomes of links that name it').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Send a test' }).count(), 0);
    await page.getByRole('button', { name: /link created/i }).click();
    await page.getByRole('dialog').getByText(callbackUrl, { exact: true }).waitFor();
    assert.equal(headers[0]?.authorization, `Bearer ${token}`);
    await dashboard.close(page);
  });

  test('a merchant’s logo, colour, origins and times for links are set by an operator', async () => {
    const page = await dashboard.open('operator', `/operator/merchants/${DEMO_STORE}`);
    await page.getByLabel('Checkout color').fill('#0a7d4f');
    await page.getByLabel('Sites that may show the checkout').fill('https://shop.example');
    await page.getByLabel('Payments by links: captured after (seconds)').fill('60');
    await page.getByRole('button', { name: 'Save' }).first().click();
    const merchantOf = async () =>
      (await operatorOf(dashboard.sandbox)('GET', `/merchants/${DEMO_STORE}`)).body;
    await page.getByText('Saved').first().waitFor();
    const { checkoutColor, checkoutOrigins, linkCaptureDelay, linkHold } = await merchantOf();
    assert.deepEqual(
      [checkoutColor, checkoutOrigins, linkCaptureDelay, linkHold],
      ['#0a7d4f', ['https://shop.example'], 60, 432_000],
    );
    const logo = { name: 'logo.png', mimeType: 'image/png', buffer: pngOf(120, 32) };
    await page.locator('input[type=file]').setInputFiles(logo);
    await page.getByRole('img', { name: 'Checkout logo' }).waitFor();
    assert.match((await merchantOf()).checkoutLogo, /^\/checkout\/logos\//);
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/merchant.png`, fullPage: true });
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.locator('input[type=file]').setInputFiles({ ...logo, buffer: Buffer.alloc(50_000) });
    await page.getByText('This file has more than 40 KB.').waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('img', { name: 'Checkout logo' }).waitFor({ state: 'detached' });
    assert.equal((await merchantOf()).checkoutLogo, null);
    await dashboard.close(page);
  });
});
