/** The shop as its README starts it, beside a sandbox, with a buyer and an office in a real browser. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../../../packages/server/test/support/browser.ts';
import { type Sandbox, startSandbox } from '../../../packages/server/test/support/sandbox.ts';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const VISA = '4242424242424242';
const CHALLENGED = '4000000000003220';
const POOR = '4000000000009995';
const PASSWORD = 'of the office';

describe('the example shop', { skip: withoutBrowser }, () => {
  let sandbox: Sandbox;
  let browser: Browser;
  let folder: string;
  let port: number;
  let shop: ChildProcess;
  const problems: string[] = [];

  /** One command, as the README says it. */
  async function startShop(): Promise<void> {
    shop = spawn(process.execPath, ['src/main.ts'], {
      cwd: FOLDER,
      env: {
        ...process.env,
        ...{ PLEXY_URL: sandbox.url, PORT: String(port), SHOP_PASSWORD: PASSWORD },
        SHOP_DATABASE: path.join(folder, 'shop.db'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    shop.stderr?.on('data', (chunk) => said.push(String(chunk)));
    for await (const line of createInterface({ input: shop.stdout as NodeJS.ReadableStream }))
      if (line.startsWith('The office:')) return;
    assert.fail(`the shop ended: ${said.join('')}`);
  }
  async function stopShop(): Promise<void> {
    if (shop?.exitCode !== null) return;
    shop.kill('SIGTERM');
    await once(shop, 'exit');
  }

  before(async () => {
    sandbox = await startSandbox();
    browser = await startBrowser();
    folder = await mkdtemp(path.join(tmpdir(), 'shop-'));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as { port: number }).port;
    server.close();
    await once(server, 'close');
    await startShop();
  });
  after(async () => {
    await browser?.close();
    await stopShop();
    await sandbox?.stop();
    await rm(folder, { recursive: true, force: true });
    assert.deepEqual(problems, []);
  });
  beforeEach(() => sandbox.pool.query('DELETE FROM checkout_attempt'));

  const shopUrl = (at: string): string => `http://127.0.0.1:${port}${at}`;
  async function newPage(): Promise<Page> {
    const context = await browser.newContext({
      ...{ viewport: { width: 390, height: 844 }, locale: 'en-GB', reducedMotion: 'reduce' },
      httpCredentials: { username: 'anybody', password: PASSWORD, origin: shopUrl('') },
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => problems.push(error.message));
    return page;
  }
  async function buy(page: Page, name: string, quantity = 1): Promise<void> {
    await page.goto(shopUrl('/'));
    const product = page.getByRole('listitem').filter({ hasText: name });
    await product.getByLabel('How many').fill(String(quantity));
    await product.getByRole('button', { name: `Buy ${name}` }).click();
    await page.waitForURL(/\/checkout\//);
  }
  async function payBy(page: Page, number: string): Promise<void> {
    await page.getByLabel('Card number').pressSequentially(number);
    await page.getByLabel('Expiry date').pressSequentially('1235');
    await page.getByLabel('Security code').pressSequentially('123');
    await page.getByLabel('Name on the card').fill('Aigerim Sadykova');
    await page.getByRole('button', { name: /^Pay / }).click();
  }
  async function backAtTheShop(page: Page): Promise<string> {
    await page.waitForURL(/\/orders\//);
    return (await page.locator('#status').textContent()) ?? '';
  }
  async function inOffice(
    page: Page,
    number: string,
    button?: 'Ship' | 'Cancel' | 'Refund',
  ): Promise<string> {
    await page.goto(shopUrl('/office/'));
    const row = () =>
      page.getByRole('row').filter({ has: page.getByRole('link', { name: number, exact: true }) });
    if (button !== undefined)
      await row()
        .getByRole('button', { name: `${button} order ${number}` })
        .click();
    return (await row().getByRole('cell').nth(3).textContent())?.trim() ?? '';
  }
  /** Also while nobody looks at its page: its webhook says so. */
  async function becomes(page: Page, number: string, status: string): Promise<void> {
    for (let i = 0; i < 100; i += 1) {
      if ((await inOffice(page, number)) === status) return;
      await sleep(100);
    }
    assert.fail(`order ${number} did not become ${status}`);
  }
  const numberOf = async (page: Page): Promise<string> =>
    ((await page.getByRole('heading', { level: 1 }).textContent()) ?? '').replace('Order ', '');

  test('sells, ships and gives back', async () => {
    const page = await newPage();
    await buy(page, 'Altai honey, 500 g', 2);
    await page.getByText('9,000').first().waitFor();
    await payBy(page, VISA);
    assert.match(await backAtTheShop(page), /^Paid, thank you/);
    const [number, address] = [await numberOf(page), page.url()];
    assert.equal(await inOffice(page, number), 'paid');
    assert.equal(await inOffice(page, number, 'Ship'), 'shipped');
    await page.goto(address);
    assert.match(await backAtTheShop(page), /on its way/);
    assert.equal(await inOffice(page, number, 'Refund'), 'refunded');
    const { rows } = await sandbox.pool.query(
      'SELECT type, status, captured, refunded FROM transaction WHERE order_reference = $1 ORDER BY id',
      [address.split('/').at(-1)],
    );
    assert.deepEqual(rows, [
      { type: 'payment', status: 'refunded', captured: 900_000n, refunded: 900_000n },
      { type: 'refund', status: 'refunded', captured: 0n, refunded: 900_000n },
    ]);
  });

  test('takes another card after one that was declined, with 3-D Secure, and cancels', async () => {
    const page = await newPage();
    await buy(page, 'Chess set, walnut');
    await payBy(page, POOR);
    await page.getByRole('heading', { name: 'The payment did not go through' }).waitFor();
    await page.getByRole('button', { name: 'Pay another way' }).click();
    await payBy(page, CHALLENGED);
    await page.getByRole('button', { name: 'Approve' }).click();
    assert.match(await backAtTheShop(page), /^Paid, thank you/);
    assert.equal(await inOffice(page, await numberOf(page), 'Cancel'), 'cancelled');
  });

  test('hears of a payment whose buyer never comes back, and of what is done elsewhere', async () => {
    const page = await newPage();
    await buy(page, 'Tea from Almaty, 250 g');
    await page.route(shopUrl('/orders/**'), (route) => route.abort());
    await payBy(page, VISA);
    const other = await newPage();
    await other.goto(shopUrl('/office/'));
    const number = (await other.getByRole('row').nth(1).getByRole('link').textContent()) ?? '';
    await becomes(other, number, 'paid');
    const id = (
      await sandbox.pool.query(
        `SELECT id FROM transaction WHERE status = 'authorized' ORDER BY id DESC LIMIT 1`,
      )
    ).rows[0].id;
    await sandbox.call('POST', `/v1/transactions/${id}/capture`, {
      idempotencyKey: crypto.randomUUID(),
      body: {},
    });
    await becomes(other, number, 'shipped');
  });

  test('has one checkout for an order, whoever asks how often, also after it was started again', async () => {
    const page = await newPage();
    await buy(page, 'Tea from Almaty, 250 g');
    const checkout = page.url();
    await page.goto(shopUrl('/office/'));
    const order = page.getByRole('row').nth(1).getByRole('link');
    const at = (await order.getAttribute('href')) ?? '';
    await stopShop();
    await startShop();
    await page.goto(shopUrl(at));
    await page.getByRole('button', { name: 'Pay' }).click();
    await page.waitForURL(checkout);
    const endpoints = await sandbox.call('GET', '/v1/webhook-endpoints');
    assert.equal(endpoints.body.items.length, 1);
    await payBy(page, VISA);
    assert.match(await backAtTheShop(page), /^Paid, thank you/);
  });

  test('refuses what it did not ask for', async () => {
    const post = async (at: string, body: string, headers: Record<string, string> = {}): Promise<number> =>
      (await fetch(shopUrl(at), { method: 'POST', body, headers, redirect: 'manual' })).status;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal(await post('/orders', 'product=tea&quantity=0', form), 400);
    assert.equal(await post('/orders', 'product=gold&quantity=1', form), 400);
    assert.equal(
      await post('/orders', 'product=tea&quantity=1', { ...form, 'sec-fetch-site': 'cross-site' }),
      403,
    );
    assert.equal(
      await post('/webhooks', '{"name":"transaction.authorized"}', { 'content-type': 'application/json' }),
      400,
    );
    const forged = {
      'content-type': 'application/json',
      'webhook-id': 'm',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
    };
    assert.equal(await post('/webhooks', '{}', { ...forged, 'webhook-signature': 'v1,AAAA' }), 400);
    assert.equal((await fetch(shopUrl('/office/'))).status, 401);
    assert.equal((await fetch(shopUrl('/orders/nobody'))).status, 404);
  });
});
