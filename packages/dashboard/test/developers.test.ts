/** Keys, users, webhooks, the request log and the sandbox, as a merchant's admin uses them. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('developers’ pages', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let shop: Server;
  /** What the shop was sent, and what it answers with. */
  const received: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let answer = 200;
  before(async () => {
    dashboard = await startDashboard();
    shop = createServer((request, response) => {
      headers.push(request.headers);
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
    // What is never shown again is not lost to a stray key or click.
    await page.keyboard.press('Escape');
    await page.mouse.click(5, 5);
    assert.equal(await page.locator('.secret code').textContent(), apiKey);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    assert.equal((await page.content()).includes(apiKey), false);
    const row = page.getByRole('row').filter({ hasText: '<b>shop</b>' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.getByText('Revoked').waitFor();
    await page.waitForTimeout(1_100);
    assert.equal(await list(), 401);
    await dashboard.close(page);
  });

  test('a key for one operation and from one network is made, and let in from everywhere', async () => {
    const page = await dashboard.open('merchant', '/developers/api-keys');
    await page.getByRole('button', { name: 'New key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('refunds');
    await dialog.getByText('Single operations').click();
    await dialog.getByRole('checkbox', { name: 'Refund', exact: true }).check();
    const networks = dialog.getByLabel('Only from these addresses');
    await networks.fill('203.0.113.7\n10.1.2.3/8');
    await dialog.getByRole('button', { name: 'New key' }).click();
    await dialog.getByText('This network begins at 10.0.0.0/8').waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    await networks.fill('203.0.113.7\n10.0.0.0/8');
    await dialog.getByRole('button', { name: 'New key' }).click();
    const apiKey = (await page.locator('.secret code').textContent()) ?? '';
    await page.getByRole('button', { name: 'I have copied it' }).click();
    const refused = await dashboard.sandbox.call('GET', '/v1/transactions', { apiKey });
    assert.equal(refused.body.reason, 'address_not_allowed');
    const row = page.getByRole('row').filter({ hasText: 'refunds' });
    await row.getByText('203.0.113.7, 10.0.0.0/8').waitFor();
    await row.getByRole('button', { name: 'Change' }).click();
    await dialog.getByLabel('Only from these addresses').fill('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await row.getByText('Anywhere').waitFor();
    await page.waitForTimeout(1_100);
    const lacking = await dashboard.sandbox.call('GET', '/v1/transactions', { apiKey });
    assert.equal(lacking.body.reason, 'insufficient_scope');
    await dashboard.close(page);
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
    // Its stream has ended with the session: on a busy machine it has noticed that by itself.
    await other.reload();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    await dashboard.close(page);
    await dashboard.close(other);
  });

  test('an endpoint’s address, description and events are changed; its secret stays', async () => {
    const call = (method: string, path: string, body?: unknown) =>
      dashboard.sandbox.call(method, `/v1/webhook-endpoints${path}`, { body });
    const { body: made } = await call('POST', '', { url: 'http://127.0.0.1:9/typo', description: 'old' });
    const page = await dashboard.open('merchant', `/developers/webhooks/${made.id}`);
    await page.getByRole('button', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByLabel('Address').inputValue(), 'http://127.0.0.1:9/typo');
    await dialog.getByLabel('Address').fill('http://[');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Enter an address such as https://shop.example/hooks').waitFor();
    await dialog.getByLabel('Address').fill('http://127.0.0.1:9/right');
    await dialog.getByLabel('Description').fill('');
    await dialog.getByLabel('transaction.charged').check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'http://127.0.0.1:9/right' }).waitFor();
    const { url, description, events, previousSecretValidUntil } = (await call('GET', `/${made.id}`)).body;
    assert.deepEqual(
      { url, description, events, previousSecretValidUntil },
      {
        url: 'http://127.0.0.1:9/right',
        ...{ description: null, events: ['transaction.charged'], previousSecretValidUntil: null },
      },
    );
    await call('DELETE', `/${made.id}`);
    await dashboard.close(page);
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
    await page.getByRole('row').filter({ hasText: 'Test' }).getByText('Delivered').waitFor();

    answer = 500;
    const { id } = await dashboard.pay({ description: '<script>alert(1)</script>' });
    await page.getByRole('button', { name: 'Recorded' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('500', { exact: true }).waitFor();
    await dialog.getByText('answer of the shop').waitFor();
    await dialog.getByText('<script>alert(1)</script>').waitFor();
    answer = 200;
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await dialog.getByText('200', { exact: true }).waitFor();
    assert.ok(received.filter((text) => text.includes(id)).length >= 2);
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions/${id}`);
    await page.getByRole('region', { name: 'Deliveries' }).getByText('Recorded').first().waitFor();
    await dashboard.close(page);
  });

  test('an endpoint’s token is set and cleared, and its events are sent again when that is confirmed', async () => {
    const url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/replayed`;
    const { call } = dashboard.sandbox;
    const { id } = (await call('POST', '/v1/webhook-endpoints', { body: { url } })).body;
    const page = await dashboard.open('merchant', `/developers/webhooks/${id}`);
    const dialog = page.getByRole('dialog');
    const sendTest = async (): Promise<string | undefined> => {
      const before = headers.length;
      await page.getByRole('button', { name: 'Send a test' }).click();
      while (headers.length === before) await page.waitForTimeout(50);
      return headers.at(-1)?.authorization;
    };
    await page.getByRole('button', { name: 'Bearer token' }).click();
    await dialog.getByRole('textbox', { name: 'Bearer token' }).fill('token-of-the-shop');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('A bearer token is sent').waitFor();
    assert.equal(await sendTest(), 'Bearer token-of-the-shop');
    assert.equal((await page.content()).includes('token-of-the-shop'), false);
    await page.getByRole('button', { name: 'Bearer token' }).click();
    await dialog.getByRole('button', { name: 'Remove the token' }).click();
    await dialog.getByRole('button', { name: 'Remove the token' }).click();
    await page.getByText('A bearer token is sent').waitFor({ state: 'detached' });
    assert.equal(await sendTest(), undefined);

    await call('POST', `/v1/webhook-endpoints/${id}/disable`, { body: {} });
    const { id: missed } = await dashboard.pay({ orderReference: 'MISSED-1' });
    await call('POST', `/v1/webhook-endpoints/${id}/enable`, { body: {} });
    await dashboard.close(page);

    const manager = await dashboard.open('manager', `/developers/webhooks/${id}`);
    const asked = manager.getByRole('dialog');
    await manager.getByRole('button', { name: 'Replay' }).click();
    await asked.getByLabel('To').fill('2020-01-01T00:00');
    await asked.getByText('Is before the beginning').waitFor();
    await asked.getByLabel('To').fill('');
    await asked.getByRole('button', { name: 'Continue' }).click();
    await asked.getByText(`to now are sent to ${url} again`).waitFor();
    const isMissed = (text: string): boolean => text.includes(missed);
    const before = headers.length;
    const begun: Promise<{ readonly id: string }>[] = [];
    manager.on('response', (response) => {
      if (response.url().endsWith('/replay')) begun.push(response.json());
    });
    await asked.getByRole('button', { name: 'Replay' }).dblclick();
    await manager.getByText('The replay has begun').first().waitFor();
    await manager.getByRole('row').filter({ hasText: '(again)' }).getByText('Delivered').first().waitFor();
    while (received.filter(isMissed).length < 2) await manager.waitForTimeout(50);
    assert.ok(headers.slice(before).some((sent) => sent['webhook-replay'] === 'true'));
    const replays = new Set((await Promise.all(begun)).map((replay) => replay.id));
    assert.equal(replays.size, 1, 'a double click replays once');
    await dashboard.close(manager);
    const viewer = await dashboard.open('viewer', `/developers/webhooks/${id}`);
    await viewer.getByRole('row').filter({ hasText: '(again)' }).first().waitFor();
    assert.equal(await viewer.getByRole('button', { name: /Replay|Bearer/ }).count(), 0);
    await dashboard.close(viewer);
  });

  test('names, descriptions and what a server answers are shown, not run', async () => {
    const evil = '<img src=x onerror="window.pwned=1">';
    const { call } = dashboard.sandbox;
    const receiver = createServer((_request, response) => response.writeHead(500).end(evil));
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
    const page = await dashboard.open('merchant', '/developers/api-keys');
    const make = (path: string, body: object): Promise<{ readonly id: string }> =>
      page.evaluate(
        async ([to = '', text = '']) => {
          const headers = { 'content-type': 'application/json' };
          const response = await fetch(to, { method: 'POST', headers, body: text });
          if (response.status !== 201) throw new Error(await response.text());
          return response.json();
        },
        [path, JSON.stringify(body)],
      );
    await make('/v1/api-keys', { name: evil, scopes: ['read'] });
    await make('/v1/users', { email: 'evil@demo.test', name: evil, role: 'viewer' });
    const { id } = await make('/v1/webhook-endpoints', { url, description: evil });
    await call('POST', `/v1/webhook-endpoints/${id}/test`);
    await page.reload();
    await page.getByText(evil).first().waitFor();
    await page.goto(`${dashboard.sandbox.url}/dashboard/settings/users`);
    await page.getByText(evil).first().waitFor();
    await page.goto(`${dashboard.sandbox.url}/dashboard/developers/webhooks/${id}`);
    await page.getByText(evil).first().waitFor();
    await page.getByRole('button', { name: 'Test', exact: true }).click();
    await page
      .getByRole('dialog')
      .getByRole('region', { name: 'Response' })
      .getByText(evil)
      .first()
      .waitFor();
    assert.equal(await page.evaluate('window.pwned'), undefined);
    await call('DELETE', `/v1/webhook-endpoints/${id}`);
    receiver.close();
    receiver.closeAllConnections();
    await dashboard.close(page);
  });

  test('the request log shows what servers asked, and finds it', async () => {
    await dashboard.sandbox.call('POST', '/v1/transactions/nonsense/capture', {
      idempotencyKey: 'find-me',
      body: {},
    });
    const page = await dashboard.open('viewer', '/developers/requests?status=4xx');
    const row = page.getByRole('row').filter({ hasText: 'There is no such transaction' });
    await row.first().waitFor();
    await row.first().getByRole('button').click();
    await page.getByRole('dialog').getByText('transaction_not_found').waitFor();
    await page.getByRole('dialog').getByText('find-me').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: /Path, reason/ }).fill('no-such-thing');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('No requests').waitFor();
    await dashboard.close(page);
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
    await page.locator('.outcome').getByText('Authorized').waitFor();
    await pay(/0000 0000 0002/, 'DECLINE-1');
    await page.locator('.outcome').getByText('Bank declined the card').waitFor();
    await page.getByRole('button', { name: '+ 7 days' }).click();
    await page.getByText('The clock has moved').waitFor();
    await page.getByText('7 d ahead').waitFor();
    await page.getByText('Slow', { exact: true }).click();
    await page.getByText('Saved').last().waitFor();
    assert.equal((await dashboard.sandbox.call('GET', '/v1/sandbox/faults')).body.bank, 'slow');
    await page.getByText('Works', { exact: true }).click();
    await page.getByRole('link', { name: 'Open the transaction' }).click();
    await page.locator('.payment-amount').getByText('Rejected').waitFor();
    await dashboard.close(page);
  });
});
