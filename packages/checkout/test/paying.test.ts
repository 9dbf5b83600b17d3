/** Payers at the real checkout, in a real browser: a sandbox with its simulated bank is behind it. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, BrowserContext, BrowserContextOptions, Page, Request } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../../server/test/support/browser.ts';
import { type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

const VISA = '4242424242424242';
const CHALLENGED = '4000000000003220';
const POOR = '4000000000009995';
const CONFIRMS = { phone: '8 701 000 00 04', iin: '950308400048' };

describe('paying at the checkout', { skip: withoutBrowser }, () => {
  let sandbox: Sandbox;
  let browser: Browser;
  let shop: { readonly url: string; close(): void };
  const problems: string[] = [];
  before(async () => {
    sandbox = await startSandbox();
    browser = await startBrowser();
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(
        `<title>Shop</title><h1>The shop</h1><p id="referrer">${request.headers.referer ?? 'none'}</p>`,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    shop = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
  });
  after(async () => {
    await browser?.close();
    shop?.close();
    await sandbox?.stop();
    assert.deepEqual(problems, []);
  });
  // All payers here have one address.
  beforeEach(() => sandbox.pool.query('DELETE FROM checkout_attempt'));

  async function createLink(body: Record<string, unknown> = {}): Promise<string> {
    const reply = await sandbox.call('POST', '/v1/payment-links', {
      idempotencyKey: crypto.randomUUID(),
      body: {
        amount: 1_549_000,
        currency: 'KZT',
        orderReference: 'KZ-20410',
        description: 'Ten pens',
        ...body,
      },
    });
    assert.equal(reply.status, 201, reply.text);
    return reply.body.id;
  }
  const linkOf = async (id: string) => (await sandbox.call('GET', `/v1/payment-links/${id}`)).body;
  async function paymentsOf(id: string): Promise<{ id: string; status: string }[]> {
    const { rows } = await sandbox.pool.query(
      'SELECT id, status FROM transaction WHERE payment_link_id = $1 ORDER BY id',
      [id],
    );
    return rows;
  }
  function watch(page: Page): Page {
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        problems.push(message.text());
    });
    return page;
  }
  async function open(id: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({
      ...{ viewport: { width: 390, height: 844 }, locale: 'en-GB', reducedMotion: 'reduce' },
      ...options,
    });
    return openIn(context, id);
  }
  async function openIn(context: BrowserContext, id: string): Promise<Page> {
    const page = watch(await context.newPage());
    await page.goto(`${sandbox.url}/checkout/${id}`);
    return page;
  }
  async function fill(page: Page, number: string): Promise<void> {
    await page.getByLabel('Card number').pressSequentially(number);
    await page.getByLabel('Expiry date').pressSequentially('1235');
    await page.getByLabel('Security code').pressSequentially('123');
    await page.getByLabel('Name on the card').fill('Aigerim Sadykova');
  }
  const payButton = (page: Page) => page.getByRole('button', { name: /^Pay / });
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
  /** Nowhere in what the browser keeps of the page. */
  async function assertForgotten(page: Page, number: string): Promise<void> {
    const kept = await page.evaluate(() =>
      JSON.stringify([
        document.documentElement.outerHTML,
        [...document.querySelectorAll('input')].map(({ value }) => value),
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        location.href,
        history.state,
        performance.getEntriesByType('resource').map(({ name }) => name),
      ]),
    );
    assert.ok(!kept.replace(/\D/g, '').includes(number.slice(4)), kept.slice(0, 300));
  }

  test('by card, with the keyboard alone: paid, then the shop’s address as it was given', async () => {
    const successUrl = `${shop.url}/thanks?order=7&sum=%D1%82#done`;
    const id = await createLink({ metadata: { successUrl }, paymentMethods: ['card'] });
    const page = await open(id);
    const asked: Request[] = [];
    page.on('request', (request) => asked.push(request));
    for (const typed of [VISA, '1235', '123', 'Aigerim Sadykova']) {
      await page.keyboard.press('Tab');
      await page.keyboard.type(typed);
    }
    assert.equal(await page.getByLabel('Card number').inputValue(), '4242 4242 4242 4242');
    assert.equal(await page.getByLabel('Expiry date').inputValue(), '12 / 35');
    assert.equal(await page.locator('.suffix').textContent(), 'Visa');
    await page.keyboard.press('Enter');
    await heading(page, 'Paid');
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1');
    await assertForgotten(page, VISA);
    assert.ok(asked.every((request) => !request.url().includes('4242')));
    await page.waitForURL(successUrl);
    assert.equal(await page.locator('#referrer').textContent(), 'none');
    assert.equal((await linkOf(id)).status, 'paid');
    assert.equal((await paymentsOf(id)).length, 1);
    await page.goBack();
    await heading(page, 'Paid');
    // Whoever comes back to it later is not sent away again.
    assert.equal(await page.getByText('You go back to').count(), 0);
    await page.context().close();
  });

  test('a card is kept where its payer says so, and paid by again with its security code alone', async () => {
    const made = await sandbox.call('POST', '/v1/customers', { body: { name: 'Aigerim Sadykova' } });
    const customerId: string = made.body.id;
    const newSession = async (): Promise<string> => {
      const body = {
        amount: 490_000,
        currency: 'KZT',
        orderReference: 'KZ-9',
        customerId,
        paymentMethods: ['card'],
      };
      return (await sandbox.call('POST', '/v1/payment-sessions', { body })).body.id;
    };
    const cards = async () => (await sandbox.call('GET', `/v1/customers/${customerId}/cards`)).body.items;

    const first = await open(await newSession());
    await fill(first, VISA);
    const keep = first.getByRole('checkbox', { name: /^Keep this card at Demo Store/ });
    assert.equal(await keep.isChecked(), false, 'nobody agrees by doing nothing');
    await payButton(first).click();
    await heading(first, 'Paid');
    assert.deepEqual(await cards(), []);
    await first.context().close();

    const second = await open(await newSession());
    await fill(second, VISA);
    await second.getByRole('checkbox', { name: /^Keep this card at Demo Store/ }).check();
    await payButton(second).click();
    await heading(second, 'Paid');
    assert.deepEqual(
      (await cards()).map(({ last4 }: { last4: string }) => last4),
      ['4242'],
    );
    await second.context().close();

    const third = await open(await newSession());
    await third.getByRole('radio', { name: 'Visa ending in 4242' }).waitFor();
    assert.equal(await third.getByLabel('Card number').count(), 0);
    await payButton(third).click();
    await third
      .getByText(/security code/i)
      .first()
      .waitFor();
    assert.equal(await third.getByRole('heading', { name: 'Paid', exact: true }).count(), 0);
    await third.getByLabel('Security code').fill('123');
    await payButton(third).click();
    await heading(third, 'Paid');
    await third.context().close();

    const fourth = await open(await newSession());
    await fourth.getByRole('radio', { name: 'Another card' }).check();
    await fill(fourth, CHALLENGED);
    await payButton(fourth).click();
    await fourth.getByRole('button', { name: 'Approve' }).click();
    await heading(fourth, 'Paid');
    assert.equal((await cards()).length, 1);
    await fourth.context().close();
  });

  test('a first payment of several is made by whoever agrees to that, and by nobody else', async () => {
    const made = await sandbox.call('POST', '/v1/customers', { body: { name: 'Subscriber' } });
    const customerId: string = made.body.id;
    const id = await createLink({
      ...{ customerId, paymentMethods: ['card'] },
      recurring: { type: 'cof_initial', frequency: 30 },
    });
    const page = await open(id);
    await fill(page, VISA);
    await payButton(page).click();
    const agree = page.getByRole('checkbox', { name: /^I agree that Demo Store keeps this card/ });
    assert.equal(await agree.isChecked(), false);
    assert.deepEqual(await paymentsOf(id), []);
    await agree.check();
    await payButton(page).click();
    await heading(page, 'Paid');
    const charged = await sandbox.call('POST', '/v1/payments/recurring/merchant/initiated', {
      idempotencyKey: crypto.randomUUID(),
      body: { amount: 490_000, currency: 'KZT', orderReference: 'KZ-10', customerId },
    });
    assert.deepEqual([charged.status, charged.body.status], [201, 'authorized'], charged.text);
    assert.equal(charged.body.parentTransactionId, (await linkOf(id)).transactionId);
    await page.context().close();
  });

  test('3-D Secure: to the bank and back, paid; reload and “back” lose nothing', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await fill(page, CHALLENGED);
    await payButton(page).click();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await page.goBack();
    await heading(page, 'Confirm at your bank');
    await page.reload();
    await heading(page, 'Confirm at your bank');
    await assertForgotten(page, CHALLENGED);
    await page.getByRole('button', { name: 'Go to the bank’s page' }).click();
    await page.getByRole('button', { name: 'Approve' }).click();
    await heading(page, 'Paid');
    assert.equal(page.url(), `${sandbox.url}/checkout/${id}`);
    assert.equal((await paymentsOf(id)).length, 1);
    await page.context().close();
  });

  test('3-D Secure in two tabs: one payment, and both see it paid', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    const other = await openIn(page.context(), id);
    await fill(page, CHALLENGED);
    await fill(other, VISA);
    await payButton(page).click();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await payButton(other).click();
    await heading(other, 'Confirm at your bank');
    await other.getByRole('button', { name: 'Go to the bank’s page' }).click();
    await other.getByRole('button', { name: 'Approve' }).waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await heading(page, 'Paid');
    await other.getByRole('button', { name: 'Approve' }).click();
    await other.waitForLoadState();
    await other.goto(`${sandbox.url}/checkout/${id}`);
    await heading(other, 'Paid');
    assert.equal((await paymentsOf(id)).length, 1);
    await page.context().close();
  });

  test('declined: the reason in words, then another card', async () => {
    const id = await createLink({ paymentMethods: ['card'], metadata: { failureUrl: `${shop.url}/sorry` } });
    const page = await open(id);
    await fill(page, POOR);
    await payButton(page).click();
    await heading(page, 'The payment did not go through');
    await page.getByText('There is not enough money for it. Nothing was charged.').waitFor();
    assert.equal(
      await page.getByRole('link', { name: 'Back to Demo Store' }).getAttribute('href'),
      `${shop.url}/sorry`,
    );
    await page.reload();
    await heading(page, 'The payment did not go through');
    await page.getByRole('button', { name: 'Try again' }).click();
    assert.equal(await page.getByLabel('Card number').inputValue(), '');
    await fill(page, VISA);
    await payButton(page).click();
    await heading(page, 'Paid');
    assert.deepEqual(
      (await paymentsOf(id)).map(({ status }) => status),
      ['rejected', 'authorized'],
    );
    await page.context().close();
  });

  test('two clicks, and Enter besides, pay once', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await fill(page, VISA);
    await payButton(page).evaluate((button: HTMLButtonElement) => {
      button.click();
      button.click();
      button.form?.requestSubmit();
    });
    await heading(page, 'Paid');
    assert.equal((await paymentsOf(id)).length, 1);
    await page.context().close();
  });

  test('an answer that is lost is asked for again with the same attempt: paid once', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    const attempts: string[] = [];
    await page.route('**/card', async (route) => {
      attempts.push(route.request().postDataJSON().attemptId);
      const response = await route.fetch();
      if (attempts.length === 1) await route.abort('connectionreset');
      else await route.fulfill({ response });
    });
    await fill(page, VISA);
    await payButton(page).click();
    await heading(page, 'No answer yet');
    await assertForgotten(page, VISA);
    await heading(page, 'Paid');
    assert.equal(attempts.length, 2);
    assert.equal(new Set(attempts).size, 1);
    assert.equal((await paymentsOf(id)).length, 1);
    await page.context().close();
  });

  test('an answer that is lost with the page is found after a reload', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await page.route('**/card', async (route) => {
      await route.fetch();
      await route.abort('connectionreset');
    });
    await fill(page, POOR);
    await payButton(page).click();
    await heading(page, 'No answer yet');
    await page.reload();
    await heading(page, 'The payment did not go through');
    await page.context().close();
  });

  test('without a connection nothing is sent and nothing is lost', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await fill(page, VISA);
    await page.context().setOffline(true);
    await page.getByText('You are offline').waitFor();
    await payButton(page).click({ force: true });
    assert.equal(await page.getByLabel('Card number').inputValue(), '4242 4242 4242 4242');
    assert.equal((await paymentsOf(id)).length, 0);
    await page.context().setOffline(false);
    await page.getByText('You are offline').waitFor({ state: 'detached' });
    await payButton(page).click();
    await heading(page, 'Paid');
    await page.context().close();
  });

  test('from a wallet: approved in its app, then paid', async () => {
    const id = await createLink();
    const page = await open(id);
    await page.getByRole('radio', { name: 'Wallet' }).check();
    await page.getByLabel('Phone number').fill(CONFIRMS.phone);
    await page.getByLabel('IIN').fill('950308400049');
    await payButton(page).click();
    await page.getByText('Check the IIN: 12 digits').waitFor();
    assert.equal(await page.getByLabel('IIN').getAttribute('aria-invalid'), 'true');
    await page.getByLabel('Phone number').fill(CONFIRMS.phone);
    await page.getByLabel('IIN').fill(CONFIRMS.iin);
    await payButton(page).click();
    await heading(page, 'Confirm in your wallet');
    await page.reload();
    await heading(page, 'Confirm in your wallet');
    const [payment] = await paymentsOf(id);
    const { body } = await sandbox.call('GET', `/v1/sandbox/transactions/${payment?.id}/confirmation`);
    const app = watch(await page.context().newPage());
    await app.goto(body.url);
    await app.getByRole('button', { name: 'Approve' }).click();
    await app.getByRole('heading', { name: 'You approved the payment' }).waitFor();
    await heading(page, 'Paid');
    await page.context().close();
  });

  test('too many declines lock the link, in words and with the time that is left', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    for (let i = 0; i < 5; i += 1) {
      await fill(page, POOR);
      await payButton(page).click();
      await heading(page, 'The payment did not go through');
      await page.getByRole('button', { name: 'Try again' }).click();
    }
    await heading(page, 'Too many attempts');
    assert.match((await page.locator('.clock').textContent()) ?? '', /^Try again in (?:1:00|0:[0-5]\d)$/);
    // When it ends the form is there again, without a reload.
    await sandbox.pool.query(`UPDATE checkout_attempt SET at = at - interval '1 minute'`);
    await page.reload();
    await payButton(page).waitFor();
    await page.context().close();
  });

  test('a merchant that cancels and a link that expires are seen by the next attempt', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await fill(page, VISA);
    assert.equal((await sandbox.call('POST', `/v1/payment-links/${id}/cancel`, { body: {} })).status, 200);
    await payButton(page).click();
    await heading(page, 'This link was cancelled');
    assert.equal((await paymentsOf(id)).length, 0);
    await page.context().close();
  });

  test('what is wrong is said at its field, and the first one has the focus', async () => {
    const id = await createLink({ paymentMethods: ['card'] });
    const page = await open(id);
    await payButton(page).click();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'number');
    const number = page.getByLabel('Card number');
    assert.equal(await number.getAttribute('aria-invalid'), 'true');
    const describedBy = (await number.getAttribute('aria-describedby')) ?? '';
    assert.equal(await page.locator(`#${describedBy.split(' ')[0]}`).textContent(), 'Enter the card number.');
    await number.fill(VISA);
    await page.getByText('Enter the card number.').waitFor({ state: 'detached' });
    for (const [label, token] of [
      ['Card number', 'cc-number'],
      ['Expiry date', 'cc-exp'],
      ['Security code', 'cc-csc'],
      ['Name on the card', 'cc-name'],
    ] as const)
      assert.equal(await page.getByLabel(label).getAttribute('autocomplete'), token);
    assert.equal(
      await page.locator('[name]:not(meta)').count(),
      0,
      'a form that is sent by itself holds nothing',
    );
    await page.context().close();
  });

  test('no other page can frame it', async () => {
    const id = await createLink();
    const page = await (await browser.newContext()).newPage();
    await page.goto(shop.url);
    await page.evaluate((src) => {
      const frame = document.createElement('iframe');
      frame.src = src;
      document.body.append(frame);
    }, `${sandbox.url}/checkout/${id}`);
    await page.waitForTimeout(1_000);
    const frame = page.frames().find((one) => one !== page.mainFrame());
    assert.ok(frame !== undefined);
    assert.equal(await frame.locator('main').count(), 0);
    await page.context().close();
  });
});
