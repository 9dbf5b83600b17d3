/** What payers see: the wallet's confirmation and the bank's 3-D Secure, in their language, with a way back. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const CONFIRMS = { phoneNumber: '+77010000004', iin: '950308400048' };
const CARD = { number: '4000000000003220', expiryMonth: 12, expiryYear: 2035, cvc: '123' };

const WORDS = {
  'kk-KZ': [
    'kk',
    'Төлемді растаңыз',
    'Растау',
    'Тапсырыс',
    '15 490,00 ₸',
    'Сіз төлемді растадыңыз',
    'Demo Store дүкеніне оралу',
  ],
  'ru-RU': [
    'ru',
    'Подтвердите платёж',
    'Подтвердить',
    'Заказ',
    '15 490,00 ₸',
    'Вы подтвердили платёж',
    'Вернуться в Demo Store',
  ],
  'en-US': [
    'en',
    'Confirm your payment',
    'Approve',
    'Order',
    '₸15,490.00',
    'You approved the payment',
    'Back to Demo Store',
  ],
} as const;

describe('payers', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  const problems: string[] = [];
  let shop: { readonly url: string; close(): void };
  before(async () => {
    dashboard = await startDashboard();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<title>Shop</title><h1>Thank you</h1>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/back?cart=7`;
    shop = { url, close: () => server.close() };
  });
  after(async () => {
    shop?.close();
    await dashboard?.stop();
    assert.deepEqual(problems, []);
  });

  async function confirmation(body: Record<string, unknown> = {}) {
    const { authorize, call } = dashboard.sandbox;
    const reply = await authorize({ ...CONFIRMS, amount: 1_549_000, orderReference: 'KZ-20410', ...body });
    assert.equal(reply.status, 201, reply.text);
    const id = reply.body.walletTransactionId;
    const link = await call('GET', `/v1/sandbox/transactions/${id}/confirmation`);
    return { id, url: String(link.body.url) };
  }

  async function challenge() {
    const paid = await dashboard.pay({
      amount: 1_549_000,
      orderReference: 'KZ-20410',
      description: 'Ten pens',
      card: CARD,
      returnUrl: shop.url,
    });
    const { redirectUrl } = (await dashboard.sandbox.call('GET', `/v1/transactions/${paid.id}`)).body;
    return { id: paid.id, url: String(redirectUrl) };
  }

  async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await dashboard.browser.newContext({ javaScriptEnabled: true, ...options });
    const page = await context.newPage();
    page.on('console', (message) => {
      // A page that is gone, or was never there, has a status that says so.
      if (!message.text().startsWith('Failed to load resource')) problems.push(message.text());
    });
    await page.goto(url);
    return page;
  }
  const textOf = async (page: Page) =>
    ((await page.textContent('main')) ?? '').replace(/[\u00a0\u202f]/g, ' ');
  const shoot = async (page: Page, name: string) => {
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
  };

  for (const [locale, [lang, title, approve, order, money, approved, back]] of Object.entries(WORDS)) {
    test(`a wallet's confirmation in ${locale}, without scripts, and back to the shop`, async () => {
      const { id, url } = await confirmation({ returnUrl: shop.url });
      const page = await open(url, { locale, javaScriptEnabled: false });
      await page.getByRole('heading', { name: title }).waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), lang);
      const text = await textOf(page);
      for (const part of ['Demo Store', 'KZ-20410', order, money])
        assert.ok(text.includes(part), `${part}: ${text}`);
      assert.ok(!/UTC|\d\d:\d\d/.test(text), text);
      await shoot(page, `confirm-${lang}`);
      await page.getByRole('button', { name: approve, exact: true }).click();
      await page.getByRole('heading', { name: approved }).waitFor();
      assert.equal(await page.locator('svg.icon.good').count(), 1);
      const after = await textOf(page);
      for (const part of ['Demo Store', 'KZ-20410', money])
        assert.ok(after.includes(part), `${part}: ${after}`);
      await shoot(page, `approved-${lang}`);
      await page.getByRole('link', { name: back }).click();
      await page.getByRole('heading', { name: 'Thank you' }).waitFor();
      const { id: uuid } = (await dashboard.sandbox.call('GET', `/v1/transactions/${id}`)).body;
      assert.equal(page.url(), `${shop.url}&transactionId=${uuid}`);
      // Whoever opens the link again finds the shop, too.
      await page.goto(url);
      await page.getByRole('link', { name: back }).waitFor();
      await page.context().close();
    });

    test(`the bank's page in ${locale}, and the page of a payer who comes back late`, async () => {
      const { id, url } = await challenge();
      const page = await open(url, { locale, javaScriptEnabled: false });
      await page.getByRole('heading', { name: title }).waitFor();
      const text = await textOf(page);
      for (const part of ['Demo Store', 'KZ-20410', 'Ten pens', order, money, '3220', '14 '])
        assert.ok(text.includes(part), `${part}: ${text}`);
      await shoot(page, `bank-${lang}`);
      await page.getByRole('button', { name: approve, exact: true }).click();
      await page.waitForURL(`${shop.url}&transactionId=${id}`);
      await page.goto(url);
      await page.getByRole('link', { name: back }).click();
      await page.locator('h1').waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), lang);
      assert.ok((await textOf(page)).includes('KZ-20410'));
      await shoot(page, `late-${lang}`);
      await page.getByRole('link', { name: back }).click();
      await page.waitForURL(`${shop.url}&transactionId=${id}`);
      await page.context().close();
    });
  }

  test('the language is switched on the page, and goes along with the answer', async () => {
    for (const { url } of [await confirmation(), await challenge()]) {
      const page = await open(url, { locale: 'ru-RU' });
      await page.getByRole('link', { name: 'Қазақша' }).click();
      await page.getByRole('heading', { name: 'Төлемді растаңыз' }).waitFor();
      assert.equal(await page.getByRole('link', { name: 'Қазақша' }).getAttribute('aria-current'), 'true');
      await page.getByRole('link', { name: 'English' }).click();
      await page.getByRole('button', { name: 'Decline' }).waitFor();
      await page.context().close();
    }
    const { url } = await confirmation();
    const page = await open(url, { locale: 'ru-RU' });
    await page.getByRole('link', { name: 'Қазақша' }).click();
    await page.getByRole('button', { name: 'Бас тарту' }).click();
    await page.getByRole('heading', { name: 'Сіз төлемнен бас тарттыңыз' }).waitFor();
    await page.context().close();
  });

  test('light and dark, from 320 to 1280 px: nothing sticks out, axe finds nothing', async () => {
    const done = await confirmation({ returnUrl: shop.url });
    await fetch(done.url, { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) });
    const long = { returnUrl: shop.url, orderReference: 'W'.repeat(255), amount: 999_999_999 };
    const pages = {
      question: (await confirmation(long)).url,
      bank: (await challenge()).url,
      decided: done.url,
      unknown: `${dashboard.sandbox.url}/confirm/x`,
    };
    for (const [name, url] of Object.entries(pages)) {
      const page = await open(url, { locale: 'kk-KZ' }).catch((error: Error) => assert.fail(error.message));
      for (const [width, colorScheme] of [
        [320, 'dark'],
        [390, 'light'],
        [1280, 'light'],
        [1280, 'dark'],
      ] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 760 });
        await shoot(page, `${name}-${width}-${colorScheme}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), name);
        assert.deepEqual(await graveAxeFindings(page), [], `${name} ${width} ${colorScheme}`);
      }
      await page.context().close();
    }
  });

  test('a way back is an address that the shop may send people to', async () => {
    const { authorize } = dashboard.sandbox;
    for (const returnUrl of [
      'javascript:alert(1)',
      'data:text/html,x',
      'https://a:b@shop.example/',
      'shop',
      '',
    ]) {
      const reply = await authorize({ ...CONFIRMS, returnUrl });
      assert.equal(reply.status, 400, returnUrl);
      assert.deepEqual(
        reply.body.details.map(({ path }: { path: string }) => path),
        ['returnUrl'],
      );
    }
    // Another address is another request.
    const key = { idempotencyKey: 'way-back' };
    assert.equal((await authorize({ ...CONFIRMS, returnUrl: shop.url }, key)).status, 201);
    assert.equal((await authorize({ ...CONFIRMS, returnUrl: `${shop.url}0` }, key)).status, 422);
  });
});
