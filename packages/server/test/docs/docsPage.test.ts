/** The page at /docs in a browser: it shows the operations and asks no other host for anything. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of the two graver sorts, as `rule: element`. */
async function graveFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 160))))`);
}

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
    // One load for all of it: the reference takes seconds of a processor.
    test(`shows the operations in ${colorScheme} colours, from this server only; axe finds nothing grave`, async () => {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1440, height: 900 } });
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
      await page.locator('.scalar-code-copy').first().waitFor({ state: 'attached', timeout: 60_000 });
      assert.deepEqual(await graveFindings(page), [], colorScheme);
      await page.getByRole('link', { name: 'Guides', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: 'Documents' }).waitFor();
      await page.goto(`${sandbox.url}/docs/guides/docs/webhooks.md`);
      assert.deepEqual(await graveFindings(page), [], `${colorScheme} guide`);
      await page.close();
    });
  }

  test('every link among the guides leads to a document, heading or picture', async () => {
    const asked = new Map<string, Promise<string>>();
    const read = (path: string): Promise<string> => {
      const text =
        asked.get(path) ??
        sandbox.call('GET', path, { apiKey: null }).then(({ status, text }) => {
          return status === 200 ? text : `status ${status}`;
        });
      asked.set(path, text);
      return text;
    };
    const broken: string[] = [];
    const todo = ['/docs/guides/docs/README.md'];
    const done = new Set(todo);
    for (const from of todo) {
      for (const [, link = ''] of (await read(from)).matchAll(/(?:href|src|srcset)="([^"]+)"/g)) {
        const url = new URL(link, sandbox.url + from);
        if (url.origin !== sandbox.url || url.pathname === '/dashboard' || url.pathname === '/docs') continue;
        const text = await read(url.pathname);
        const id = decodeURIComponent(url.hash.slice(1));
        if (text.startsWith('status') || (id !== '' && !text.includes(`id="${id}"`)))
          broken.push(`${from}: ${link}`);
        if (!url.pathname.endsWith('.md') || done.has(url.pathname)) continue;
        done.add(url.pathname);
        todo.push(url.pathname);
      }
    }
    assert.deepEqual(broken, []);
    assert.ok(done.size > 20, String(done.size));
  });

  test('guides are the documents and nothing else of the folder that they are in', async () => {
    for (const path of [
      'package.json',
      'packages/server/src/main.ts',
      'docs/..%2f..%2fetc/passwd.md',
      '..%2f..%2f..%2fetc%2fpasswd',
      'docs/no-such.md',
      '.env',
      'node_modules/fastify/README.md',
    ]) {
      const { status } = await sandbox.call('GET', `/docs/guides/${path}`, { apiKey: null });
      assert.equal(status, 404, path);
    }
  });

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
