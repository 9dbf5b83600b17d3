/** The checkout within merchants' pages: in a frame and in a popup, on origins that they have listed and on others. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, FrameLocator, Page } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../../server/test/support/browser.ts';
import { DEMO_STORE, operatorOf } from '../../server/test/support/operator.ts';
import { type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

const VISA = '4242424242424242';
const CHALLENGED = '4000000000003220';

/** A merchant's page, of an origin of its own; what it is told is in its body. */
function shopPage(payUrl: string): string {
  return `<!doctype html><title>Shop</title><h1>The shop</h1><script src="${payUrl}/pay/api.js"></script>
    <button>Buy</button><ul></ul><script>
      const tell = (text) => document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: text }));
      const link = new URLSearchParams(location.search).get('link');
      document.querySelector('button').onclick = () => {
        try { PlexyPayApi.openPopup(link); } catch (error) { tell(error.name); }
      };
      PlexyPayApi.addEventListener('close', ({ status }) => tell(status));
      addEventListener('message', ({ data }) => tell('frame ' + data.plexyPay));
      if (new URLSearchParams(location.search).has('frame')) {
        const frame = Object.assign(document.createElement('iframe'), { src: link, width: 500, height: 900 });
        document.body.append(frame);
      }
    </script>`;
}

describe('the checkout in a merchant’s page', { skip: withoutBrowser }, () => {
  let sandbox: Sandbox;
  let browser: Browser;
  let shop: { readonly url: string; close(): void };
  before(async () => {
    sandbox = await startSandbox();
    browser = await startBrowser();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(shopPage(sandbox.url));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    shop = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
  });
  after(async () => {
    await browser?.close();
    shop?.close();
    await sandbox?.stop();
  });
  beforeEach(async () => {
    await sandbox.pool.query('DELETE FROM checkout_attempt');
    await list([shop.url]);
  });

  async function list(checkoutOrigins: readonly string[]): Promise<void> {
    const set = await operatorOf(sandbox)('PATCH', `/merchants/${DEMO_STORE}`, { checkoutOrigins });
    assert.equal(set.status, 200, set.text);
  }
  async function createLink(): Promise<{ readonly id: string; readonly url: string }> {
    const body = { amount: 1_549_000, currency: 'KZT', orderReference: 'FRAMED', locale: 'en' };
    const reply = await sandbox.call('POST', '/v1/payment-links', { body });
    assert.equal(reply.status, 201, reply.text);
    return reply.body;
  }
  async function openShop(link: string, query = ''): Promise<Page> {
    const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${shop.url}/?link=${encodeURIComponent(link)}${query}`);
    return page;
  }
  async function openPopup(page: Page): Promise<Page> {
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByText('Buy').click()]);
    popup.setDefaultTimeout(30_000);
    return popup;
  }
  async function pay(page: Page | FrameLocator, number = VISA): Promise<void> {
    await page.getByLabel('Card number').pressSequentially(number);
    await page.getByLabel('Expiry date').pressSequentially('1235');
    await page.getByLabel('Security code').pressSequentially('123');
    await page.getByLabel('Name on the card').fill('Aigerim Sadykova');
    await page.getByRole('button', { name: /^Pay / }).click();
  }
  const told = (page: Page, text: string) => page.getByRole('listitem').getByText(text, { exact: true });
  const paid = (page: Page | FrameLocator) =>
    page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();

  test('in a frame is paid, and tells the page around it', async () => {
    const page = await openShop((await createLink()).url, '&frame=1');
    const frame = page.frameLocator('iframe');
    await told(page, 'frame open').waitFor();
    await pay(frame);
    await paid(frame);
    await told(page, 'frame paid').first().waitFor();
    await page.context().close();
  });

  test('in a frame sends its payer to the bank in another window, and goes on by itself', async () => {
    const page = await openShop((await createLink()).url, '&frame=1');
    const frame = page.frameLocator('iframe');
    await pay(frame, CHALLENGED);
    const go = frame.getByRole('button', { name: 'Go to the bank’s page' });
    await go.waitFor();
    const [bank] = await Promise.all([page.context().waitForEvent('page'), go.click()]);
    bank.setDefaultTimeout(30_000);
    await bank.getByRole('button').first().click();
    await paid(frame);
    await told(page, 'frame paid').first().waitFor();
    await page.context().close();
  });

  test('is shown in no frame of an origin that is not listed', async () => {
    const { url } = await createLink();
    for (const origins of [[], ['https://another.example']]) {
      await list(origins);
      const page = await openShop(url, '&frame=1');
      const refused = page.waitForEvent('console', (message) => message.text().includes('frame-ancestors'));
      await page.reload();
      await refused;
      assert.equal(await page.frameLocator('iframe').getByLabel('Card number').count(), 0);
      await page.context().close();
    }
    const headers = (await fetch(url)).headers;
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors https:\/\/another\.example$/);
    await list([]);
    const bare = (await fetch(url)).headers;
    assert.match(bare.get('content-security-policy') ?? '', /frame-ancestors 'none'$/);
    assert.equal(bare.get('x-frame-options'), 'DENY');
  });

  test('in a popup is paid, and the shop hears that it was when that has closed itself', async () => {
    const page = await openShop((await createLink()).url);
    const popup = await openPopup(page);
    await pay(popup);
    await paid(popup);
    await told(page, 'success').waitFor();
    assert.ok(popup.isClosed());
    await page.context().close();
  });

  test('in a popup with 3-D Secure is a success for the shop as well', async () => {
    const page = await openShop((await createLink()).url);
    const popup = await openPopup(page);
    await pay(popup, CHALLENGED);
    await popup.waitForURL((url) => !url.pathname.startsWith('/checkout'));
    await popup.getByRole('button').first().click();
    await paid(popup);
    await told(page, 'success').waitFor();
    await page.context().close();
  });

  test('in a popup that the payer closes is a failure, and can be opened again', async () => {
    const page = await openShop((await createLink()).url);
    await (await openPopup(page)).close();
    await told(page, 'failure').waitFor();
    const again = await openPopup(page);
    await pay(again);
    await told(page, 'success').waitFor();
    await page.context().close();
  });

  test('that cannot say how it stands is gone to by the page itself', async () => {
    await list([]);
    const { url } = await createLink();
    const page = await openShop(url);
    await (await openPopup(page)).close();
    await page.waitForURL(url);
    await page.getByLabel('Card number').waitFor();
    await page.context().close();
  });

  test('opens no address of another origin', async () => {
    const page = await openShop('https://elsewhere.example/checkout/pl_1');
    await page.getByText('Buy').click();
    await told(page, 'TypeError').waitFor();
    assert.equal(page.context().pages().length, 1);
    await page.context().close();
  });
});
