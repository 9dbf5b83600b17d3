/** Keys, users, webhooks, the request log and the sandbox, as a merchant's admin uses them. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('developers’ pages', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let shop: Server;
  /** What the shop was sent, and what it answers with. */
  const received: string[] = [];
  let answer = 200;
  before(async () => {
    dashboard = await startDashboard();
    shop = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text) => received.push(text));
      request.on('end', () => response.writeHead(answer).end('answer of the shop'));
    });
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    shop?.close();
    shop?.closeAllConnections();
    await dashboard?.stop();
  });

  test('a key is made, shown once, works, and is revoked at once', async () => {
    const page = await dashboard.open('merchant', '/developers/api-keys');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Name').fill('<b>shop</b>');
    await page.getByText('Read only').click();
    await page.getByRole('dialog').getByRole('button', { name: 'New key' }).click();
    const apiKey = (await page.locator('.secret code').textContent()) ?? '';
    assert.match(apiKey, /^pr_test_/);
    const list = (): Promise<number> =>
      dashboard.sandbox.call('GET', '/v1/transactions', { apiKey }).then(({ status }) => status);
    assert.equal(await list(), 200);
    const written = await dashboard.sandbox.authorize({}, { apiKey, idempotencyKey: 'read-only' });
    assert.equal(written.status, 403);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    assert.equal((await page.content()).includes(apiKey), false);
    const row = page.getByRole('row').filter({ hasText: '<b>shop</b>' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.getByText('Revoked').waitFor();
    await page.waitForTimeout(1_100);
    assert.equal(await list(), 401);
    await page.context().close();
  });

  test('a user is made with a role, signs in with the password that was shown, and is disabled', async () => {
    const page = await dashboard.open('merchant', '/settings/users');
    await page.getByRole('button', { name: 'New user' }).click();
    await page.getByLabel('Name').fill('Nina New');
    await page.getByLabel('Email').fill('nina@demo.test');
    await page.getByText('Manager', { exact: true }).last().click();
    await page.getByRole('dialog').getByRole('button', { name: 'New user' }).click();
    const password = (await page.locator('.secret code').textContent()) ?? '';
    await page.getByRole('button', { name: 'I have copied it' }).click();

    const other = await dashboard.open(null);
    await other.getByLabel('Email').fill('nina@demo.test');
    await other.getByRole('textbox', { name: 'Password' }).fill(password);
    await other.keyboard.press('Enter');
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    assert.equal(await other.getByRole('link', { name: 'Users' }).count(), 0);

    await page.getByRole('button', { name: 'Change Nina New' }).click();
    await page.getByRole('menuitem', { name: 'Disable' }).click();
    await page.getByRole('row').filter({ hasText: 'Nina New' }).getByText('Disabled').waitFor();
    await other.getByRole('link', { name: 'Transactions' }).click();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.context().close();
    await other.context().close();
  });

  test('an endpoint gets a test; a delivery that failed shows the answer, and is sent again', async () => {
    const url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/hooks`;
    const page = await dashboard.open('merchant', '/developers/webhooks');
    await page.getByText('No endpoints yet').waitFor();
    await page.getByRole('button', { name: 'New endpoint' }).first().click();
    await page.getByLabel('Address').fill(url);
    await page.getByRole('dialog').getByRole('button', { name: 'New endpoint' }).click();
    assert.match((await page.locator('.secret code').textContent()) ?? '', /^whsec_/);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.getByRole('link', { name: url }).click();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByRole('row').filter({ hasText: 'webhook.test' }).getByText('Delivered').waitFor();

    answer = 500;
    const { id } = await dashboard.pay({ description: '<script>alert(1)</script>' });
    await page.getByRole('button', { name: 'transaction.created' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('500', { exact: true }).waitFor();
    await dialog.getByText('answer of the shop').waitFor();
    await dialog.getByText('<script>alert(1)</script>').waitFor();
    answer = 200;
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await dialog.getByText('200', { exact: true }).waitFor();
    assert.ok(received.filter((text) => text.includes(id)).length >= 2);
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions/${id}`);
    await page.getByRole('region', { name: 'Deliveries' }).getByText('transaction.created').first().waitFor();
    await page.context().close();
  });

  test('the request log shows what servers asked, and finds it', async () => {
    await dashboard.sandbox.call('POST', '/v1/transactions/nonsense/capture', {
      idempotencyKey: 'find-me',
      body: {},
    });
    const page = await dashboard.open('viewer', '/developers/requests?status=4xx');
    const row = page.getByRole('row').filter({ hasText: 'transaction_not_found' });
    await row.first().waitFor();
    await row.first().getByRole('button').click();
    await page.getByRole('dialog').getByText('find-me').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: /Path, reason/ }).fill('no-such-thing');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('No requests').waitFor();
    await page.context().close();
  });

  test('the sandbox: a payment that the customer confirms, a declined card, the clock, a fault', async () => {
    const page = await dashboard.open('manager', '/developers/sandbox');
    const pay = async (payer: RegExp, order: string): Promise<void> => {
      await page.getByRole('combobox', { name: 'Who pays' }).click();
      await page.getByRole('option', { name: payer }).click();
      await page.getByLabel('Order reference').fill(order);
      await page.getByRole('button', { name: 'Pay', exact: true }).click();
    };
    await pay(/\+77010000004/, 'CONFIRM-1');
    await page.getByRole('button', { name: 'Confirm as the customer' }).click();
    await page.locator('.outcome').getByText('PROCESSING').waitFor();
    await pay(/0000 0000 0002/, 'DECLINE-1');
    await page.locator('.outcome').getByText('card_declined').waitFor();
    await page.getByRole('button', { name: '+ 7 days' }).click();
    await page.getByText('The clock has moved').waitFor();
    await page.getByText('168 h ahead').waitFor();
    await page.getByText('Slow', { exact: true }).click();
    await page.getByText('Saved').last().waitFor();
    assert.equal((await dashboard.sandbox.call('GET', '/v1/sandbox/faults')).body.bank, 'slow');
    await page.getByText('Works', { exact: true }).click();
    await page.getByRole('link', { name: 'Open the transaction' }).click();
    await page.locator('.payment-amount').getByText('Rejected').waitFor();
    await page.context().close();
  });
});
