/** One transaction: what is shown, and that each operation is done once, by those who may. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type Dashboard, signIn, startDashboard, type Who, withoutBrowser } from './support/dashboard.ts';

/** Set to a folder to look at the pages. */
const { SCREENSHOTS } = process.env;

describe('one transaction', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  async function open(who: Who, id: string): Promise<Page> {
    const page = await dashboard.open(who, `/transactions/${id}`);
    await page.locator('.payment-amount').or(page.getByRole('alert')).first().waitFor();
    return page;
  }
  const look = async (id: string) => (await dashboard.sandbox.call('GET', `/v1/transactions/${id}`)).body;

  test('a double click on capture captures once, and the history says who did it', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    const page = await open('manager', id);
    await page.getByRole('button', { name: 'Capture' }).click();
    await page.getByLabel('Amount in KZT').fill('100');
    await page.getByRole('button', { name: 'Capture ₸100.00' }).dblclick({ force: true });
    await page.getByText('Captured ₸100.00').waitFor();
    const timeline = page.locator('.timeline-event');
    await timeline.filter({ hasText: 'Captured' }).filter({ hasText: 'Marat Manager' }).waitFor();
    const { status, capturedAmount, releasedAmount } = await look(id);
    assert.deepEqual([status, capturedAmount, releasedAmount], ['charged', 10_000, 5_000]);
    assert.equal(await timeline.filter({ hasText: 'Captured' }).count(), 1);
    const postings = page.getByRole('region', { name: 'Postings' }).getByRole('row');
    await postings.filter({ hasText: 'The bank' }).filter({ hasText: 'Your balance' }).waitFor();
    await dashboard.close(page);
  });

  test('captures that others follow: the rest stays held, and what was captured is refunded beside it', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    const page = await open('manager', id);
    const captureFirst = async (amount: string): Promise<void> => {
      await page.keyboard.press('c');
      await page.getByLabel('Amount in KZT').fill(amount);
      await page.getByLabel('More captures follow').check();
      await page.getByRole('button', { name: `Capture ₸${amount}.00` }).click();
      await page.getByText(`Captured ₸${amount}.00`).waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await captureFirst('40');
    await captureFirst('50');
    const timeline = page.locator('.timeline-event');
    await timeline.filter({ hasText: 'Captured in part' }).nth(1).waitFor();
    const amounts = page.locator('.amounts');
    for (const text of ['Still held₸60.00', 'Captured₸90.00', 'Left to refund₸90.00'])
      await amounts.filter({ hasText: text }).waitFor();
    await page.locator('.payment-amount').getByText('Authorized').waitFor();

    await page.keyboard.press('r');
    await page.getByLabel('Amount in KZT').fill('10');
    await page.getByRole('button', { name: 'Refund ₸10.00' }).click();
    await page.getByRole('table', { name: 'Refunds' }).locator('tbody tr').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Release ₸60.00' }).click();
    await timeline.filter({ hasText: 'Rest released' }).filter({ hasText: '₸60.00' }).waitFor();
    await page.locator('.payment-amount').getByText('Charged').waitFor();
    const { status, capturedAmount, releasedAmount, refundedAmount } = await look(id);
    assert.deepEqual(
      [status, capturedAmount, releasedAmount, refundedAmount],
      ['charged', 9_000, 6_000, 1_000],
    );
    await dashboard.close(page);
  });

  test('a double click on refund refunds once; refunds in parts are listed and end when nothing is left', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    const page = await open('manager', id);
    for (const [amount, left] of [
      ['50', 10_000],
      ['100', 0],
    ] as const) {
      await page.keyboard.press('r');
      await page.getByLabel('Amount in KZT').fill(amount);
      await page.getByRole('button', { name: /^Refund ₸/ }).dblclick({ force: true });
      await page.getByText(`Refunded ₸${amount}.00`).waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const { capturedAmount, refundedAmount } = await look(id);
      assert.equal(capturedAmount - refundedAmount, left);
    }
    await page.locator('.payment-amount').getByText('Refunded').waitFor();
    const refunds = page.getByRole('table', { name: 'Refunds' }).locator('tbody tr');
    await refunds.nth(1).waitFor();
    await refunds.first().getByRole('link').click();
    await page.getByRole('link', { name: 'Open the payment' }).click();
    await page.waitForURL(new RegExp(`/transactions/${id}$`));
    assert.equal(await page.getByRole('button', { name: 'Refund' }).count(), 0);
    await dashboard.close(page);
  });

  test('what the bank has not answered yet is not said to be done', async () => {
    const [held, charged] = [
      await dashboard.pay({ amount: 15_000 }),
      await dashboard.pay({ amount: 15_000 }),
    ];
    await dashboard.sandbox.call('POST', `/v1/transactions/${charged.id}/capture`, { body: {} });
    const bankIs = (bank: string) => dashboard.sandbox.call('PUT', '/v1/sandbox/faults', { body: { bank } });
    assert.equal((await bankIs('down')).status, 200);
    const pages = [
      [await open('manager', held.id), 'c', /^Capture ₸/, 'Charged'],
      [await open('manager', charged.id), 'r', /^Refund ₸/, 'Refunded'],
    ] as const;
    try {
      await Promise.all(
        pages.map(async ([page, key, button]) => {
          await page.keyboard.press(key);
          await page.getByRole('button', { name: button }).click();
          await page.getByText('Sent to the bank, which has not answered yet').waitFor({ timeout: 60_000 });
          assert.equal(await page.getByText(/(Captured|Refunded) ₸150\.00$/).count(), 0);
        }),
      );
      await seeWhatIsPending(held.id);
    } finally {
      await bankIs('none');
    }
    for (const [page, , , status] of pages) {
      await page.locator('.payment-amount').getByText(status).waitFor({ timeout: 60_000 });
      await dashboard.close(page);
    }
  });

  /** Somebody else, who opens the pages now. */
  async function seeWhatIsPending(id: string): Promise<void> {
    const page = await open('manager', id);
    const first = page.locator('.timeline-event').first();
    await first.getByText('Capture of ₸150.00 sent to the bank, no answer yet').waitFor();
    await page.locator('.timeline-event').nth(1).getByText('Capture sent to the bank').waitFor();
    await page.locator('.payment-amount').getByText('Capturing…').waitFor();
    for (const name of ['Capture', 'Cancel'])
      assert.ok(await page.getByRole('button', { name, exact: false }).first().isDisabled(), name);
    await page.getByText('The bank has not answered yet.').waitFor();
    await page.keyboard.press('c');
    assert.equal(await page.getByRole('dialog').count(), 0);
    await look(id).then(({ pendingOperation }) => assert.equal(pendingOperation.kind, 'capture'));
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/pending.png` });
    await page.goto(new URL('/dashboard/transactions', page.url()).href);
    await page.getByRole('link', { name: 'At the bank' }).click();
    const rows = page.getByRole('table', { name: 'Transactions' }).locator('tbody tr');
    await rows.filter({ hasText: 'Capturing…' }).waitFor();
    await rows.filter({ hasText: 'Refunding…' }).waitFor();
    // The rows of before the filter stay until its own are there.
    await rows.nth(2).waitFor({ state: 'detached' });
    assert.equal(await rows.count(), 2);
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/pendingList.png` });
    await dashboard.close(page);
  }

  test('what is seen on the page before its answer comes is said to be done', async () => {
    for (const [key, button, done, part] of [
      ['c', /^Capture ₸/, 'Captured ₸150.00', '150'],
      ['x', /^Release ₸/, 'Released ₸50.00', '50'],
    ] as const) {
      const { id } = await dashboard.pay({ amount: 15_000 });
      const page = await open('manager', id);
      const answer = Promise.withResolvers<void>();
      await page.route(/\/(capture|cancel)$/, async (route) => {
        const response = await route.fetch();
        await answer.promise;
        await route.fulfill({ response });
      });
      await page.keyboard.press(key);
      await page.getByLabel('Amount in KZT').fill(part);
      await page.getByRole('button', { name: button }).click();
      await page.locator('.timeline-event').nth(2).waitFor();
      answer.resolve();
      await page.getByText(done).waitFor();
      await dashboard.close(page);
    }
  });

  test('a refund that the bank refuses is not said to be done', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    const page = await open('manager', id);
    const body = { ...(await look(id)), type: 'refund', status: 'rejected' };
    await page.route('**/refund', (route) => route.fulfill({ json: body }));
    await page.keyboard.press('r');
    await page.getByRole('button', { name: /^Refund ₸/ }).click();
    await page.getByRole('alert').getByText('The bank refused the refund').waitFor();
    assert.ok(await page.getByRole('button', { name: /^Refund ₸/ }).isDisabled());
    assert.equal(await page.getByText(/Refunded ₸150/).count(), 0);
    await dashboard.close(page);
  });

  test('an answer that was lost: sending it again does it once', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    const page = await open('manager', id);
    // The server does it; the page never hears of it, and tries again by itself before it says so.
    await page.route('**/refund', async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.keyboard.press('r');
    await page.getByLabel('Amount in KZT').fill('50');
    await page.getByRole('button', { name: 'Refund ₸50.00' }).click();
    await page.getByText('Whether this has happened is not known').waitFor();
    assert.equal(await page.getByLabel('Amount in KZT').getAttribute('readonly'), '');
    await page.unroute('**/refund');
    await page.getByRole('button', { name: 'Refund ₸50.00' }).click();
    await page.getByText('Refunded ₸50.00').waitFor();
    assert.equal((await look(id)).refundedAmount, 5_000);
    await dashboard.close(page);
  });

  test('a cancel of a part shrinks the hold, of the rest it ends the payment', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    const page = await open('manager', id);
    await page.keyboard.press('x');
    await page.getByLabel('Amount in KZT').fill('50,00');
    await page.getByRole('button', { name: 'Release ₸50.00' }).click();
    await page.locator('.timeline-event').filter({ hasText: 'Hold reduced' }).waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Release ₸100.00' }).click();
    await page.locator('.payment-amount').getByText('Cancelled').waitFor();
    assert.equal((await look(id)).releasedAmount, 15_000);
    await dashboard.close(page);
  });

  test('an amount that cannot be is refused before it is sent, what the server refuses is told with its reason', async () => {
    const { id } = await dashboard.pay({ amount: 15_000 });
    const page = await open('manager', id);
    await page.keyboard.press('c');
    for (const wrong of ['150.01', '0', 'abc', '']) {
      await page.getByLabel('Amount in KZT').fill(wrong);
      assert.ok(
        await page
          .getByRole('dialog')
          .getByRole('button', { name: /^Capture/ })
          .isDisabled(),
        wrong,
      );
    }
    await page.getByLabel('Amount in KZT').fill('150');
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/cancel`, { body: {} });
    await page.getByRole('button', { name: 'Capture ₸150.00' }).click();
    await page.getByRole('alert').filter({ hasText: 'invalid_transaction_state' }).waitFor();
    await dashboard.close(page);
  });

  test('its amounts, its webhooks with their bodies and its JSON are there to be read', async () => {
    const { call } = dashboard.sandbox;
    const hook = 'http://127.0.0.1:9/hooks';
    const endpoint = (await call('POST', '/v1/webhook-endpoints', { body: { url: hook } })).body;
    const { id } = await dashboard.pay({ amount: 15_000, description: 'Ten pens' });
    await call('POST', `/v1/transactions/${id}/capture`, { body: { amount: 12_000 } });
    await call('POST', `/v1/transactions/${id}/refund`, { body: { amount: 2_000 } });
    const page = await open('viewer', id);
    const facts = page.locator('main');
    for (const amount of ['₸150.00', '₸120.00', '₸30.00', '₸20.00'])
      await facts.getByText(amount).first().waitFor();

    const deliveries = page.getByRole('region', { name: 'Deliveries' });
    await deliveries.getByRole('button', { name: 'Recorded' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('region', { name: 'Body' }).getByText('"description": "Ten pens"').waitFor();
    await dialog.getByText('No connection').first().waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Send again' }).count(), 0, 'a viewer');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });

    await page.getByText(`GET /v1/transactions/${id}`).click();
    const json = JSON.parse((await page.locator('.raw pre').textContent()) ?? '');
    assert.deepEqual(json, await look(id));
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('Capture the transaction that is open').waitFor();
    await call('DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
    await dashboard.close(page);
  });

  test('a change by somebody else appears by itself', async () => {
    const { id } = await dashboard.pay();
    const page = await open('viewer', id);
    await page.getByText('Live', { exact: true }).waitFor();
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    await page.locator('.payment-amount').getByText('Charged').waitFor();
    await page.locator('.timeline-event').filter({ hasText: 'Captured' }).waitFor();
    await dashboard.close(page);
  });

  test('a viewer sees it all and can do nothing, by the page or by the API', async () => {
    const { id } = await dashboard.pay();
    const page = await open('viewer', id);
    await page.getByText('Funds held').waitFor();
    await page.keyboard.press('c');
    assert.equal(await page.getByRole('button', { name: 'Capture' }).count(), 0);
    assert.equal(await page.getByRole('dialog').count(), 0);
    const status = await page.evaluate(async (url) => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers, body: '{}' })).status;
    }, `/v1/transactions/${id}/capture`);
    assert.equal(status, 403);
    assert.equal((await look(id)).status, 'authorized');
    await dashboard.close(page);
  });

  test('another merchant’s transaction is not there, nor is it for an operator', async () => {
    const foreign = await dashboard.sandbox.authorize(
      {},
      { apiKey: 'pr_test_other', idempotencyKey: 'foreign' },
    );
    const page = await open('manager', foreign.body.walletTransactionId);
    await page.getByRole('alert').filter({ hasText: 'transaction_not_found' }).waitFor();
    await dashboard.close(page);
    const cookie = await signIn(dashboard.sandbox.url, 'operator');
    const { id } = await dashboard.pay();
    const response = await fetch(`${dashboard.sandbox.url}/v1/transactions/${id}`, { headers: { cookie } });
    assert.equal(response.status, 403);
  });

  test('a page of another site cannot act with the cookie', async () => {
    const { id } = await dashboard.pay();
    const cookie = await signIn(dashboard.sandbox.url, 'manager');
    for (const origin of ['https://evil.example', 'null']) {
      const response = await fetch(`${dashboard.sandbox.url}/v1/transactions/${id}/capture`, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': 'application/json' },
        body: '{}',
      });
      assert.equal(response.status, 403, origin);
    }
    assert.equal((await look(id)).status, 'authorized');
  });
});
