/** The page at /docs in a browser: it shows the operations and asks no other host for anything. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

describe('/docs', { skip: withoutBrowser }, () => {
  let sandbox: Sandbox;
  let browser: Browser;
  before(async () => {
    sandbox = await startSandbox();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await sandbox?.stop();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`shows the operations in ${colorScheme} colours, from this server only`, async () => {
      const page = await browser.newPage({ colorScheme });
      const elsewhere: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => {
        if (!request.url().startsWith(`${sandbox.url}/`) && !request.url().startsWith('data:'))
          elsewhere.push(request.url());
      });
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`${sandbox.url}/docs`);
      for (const summary of [
        'Authorize a payment',
        'Capture a payment',
        'Refund a payment',
        'List wallet transactions',
      ]) {
        await page.getByText(summary).first().waitFor({ timeout: 20_000 });
      }
      await page.goto(`${sandbox.url}/docs#tag/wallet/POST/v1/wallet/authorize`);
      await page.getByText('Idempotency-Key', { exact: true }).first().waitFor({ timeout: 20_000 });
      assert.ok(await page.evaluate(`document.body.classList.contains('${colorScheme}-mode')`));
      assert.deepEqual(elsewhere, []);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }

  test('its policy allows scripts of this server only, and other routes allow nothing', async () => {
    const { headers } = await sandbox.call('GET', '/docs', { apiKey: null });
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self';/);
    assert.match(policy, /connect-src 'self';/);
    for (const path of ['/openapi.json', '/docs/start.js', '/docs/scalar.js', '/health']) {
      const other = await sandbox.call('GET', path, { apiKey: null });
      assert.equal(other.status, 200);
      assert.equal(
        other.headers.get('content-security-policy'),
        "default-src 'none'; frame-ancestors 'none'",
      );
    }
  });
});
