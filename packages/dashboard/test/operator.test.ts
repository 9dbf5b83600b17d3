/** What operators do: customers' wallets, merchants, the ledger. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('operators’ pages', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  test('a customer is found by phone; a deposit by a double click is made once; a frozen wallet refuses', async () => {
    const page = await dashboard.open('operator', '/operator/wallet-holders');
    await page.getByRole('searchbox', { name: 'Phone number' }).fill('8 701 000 00 02');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await page.getByRole('link', { name: '+77010000002' }).click();
    await page.getByText('₸5.00').first().waitFor();
    await page.getByRole('button', { name: 'Deposit' }).click();
    await page.getByLabel('Amount in KZT').fill('1 000,50');
    await page.getByLabel('Reference').fill('=cash & <b>');
    await page.getByRole('dialog').getByRole('button', { name: 'Deposit' }).dblclick({ force: true });
    await page.getByText('₸1,005.50').first().waitFor();
    // The balance and the statement are two answers.
    const deposits = page.getByRole('row').filter({ hasText: '=cash & <b>' });
    await deposits.first().waitFor();
    assert.equal(await deposits.count(), 1);
    await page.getByRole('button', { name: 'Freeze' }).click();
    await page.getByText('Frozen').waitFor();
    const paid = await dashboard.sandbox.authorize({
      phoneNumber: '+77010000002',
      iin: '850520400027',
      amount: 100,
    });
    assert.equal(paid.body.failureCode, 'wallet_frozen');
    await page.getByRole('button', { name: 'Unfreeze' }).click();
    await page.getByText('Frozen').waitFor({ state: 'detached' });
    await dashboard.close(page);
  });

  test('a merchant is made and its settings are changed', async () => {
    const page = await dashboard.open('operator', '/operator/merchants');
    await page.getByRole('button', { name: 'New merchant' }).click();
    await page.getByLabel('Name').fill('<img src=x onerror=alert(1)>');
    await page.getByRole('dialog').getByRole('button', { name: 'New merchant' }).click();
    await page.getByRole('heading', { level: 1, name: '<img src=x' }).waitFor();
    await page.getByText('Automatic', { exact: true }).click();
    await page.getByLabel('Capture delay, seconds').fill('x');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Enter a whole number').waitFor();
    await page.getByLabel('Capture delay, seconds').fill('60');
    await page.getByRole('switch', { name: 'Require an Idempotency-Key' }).click();
    const id = new URL(page.url()).pathname.split('/').at(-1);
    // That the merchant was made is said with the same word.
    const answer = page.waitForResponse((response) => response.request().method() === 'PATCH');
    await page.getByRole('button', { name: 'Save' }).click();
    assert.equal((await answer).status(), 200);
    await page.getByText('Saved').last().waitFor();
    const saved = await dashboard.sandbox.call('GET', `/v1/admin/merchants/${id}`, {
      apiKey: 'op_test_demo',
    });
    assert.deepEqual([saved.body.captureDelay, saved.body.requireIdempotencyKey], [60, true]);
    await dashboard.close(page);
  });

  test('acquirers are paused and resumed, routes change places, credentials are set and never shown', async () => {
    const operator = (method: string, path: string) =>
      dashboard.sandbox.call(method, `/v1/admin${path}`, { apiKey: 'op_test_demo' });
    const page = await dashboard.open('operator', '/operator/acquirers');
    const plain = page.getByRole('row').filter({ hasText: 'Saved cards' }).nth(1);
    await plain.getByText('Takes payments').waitFor();
    await page.getByRole('button', { name: 'Pause plain' }).click();
    await plain.getByText('Paused').waitFor();
    assert.equal((await operator('GET', '/acquirers')).body.items[1].takesPayments, false);
    await page.getByRole('button', { name: 'Resume plain' }).click();
    await plain.getByText('Takes payments').waitFor();

    const places = async (): Promise<string[]> =>
      (await operator('GET', '/acquirer-routes')).body.routes.map(
        ({ acquirerId }: { acquirerId: string }) => acquirerId,
      );
    const before = await places();
    const saved = page.waitForResponse((response) => response.request().method() === 'PUT');
    await page.getByRole('button', { name: 'Move route 2 up' }).click();
    assert.equal((await saved).status(), 200);
    assert.deepEqual(await places(), before.toReversed());

    await page.getByRole('link', { name: 'Merchants' }).click();
    await page.getByRole('link', { name: 'Demo Store' }).click();
    await page.getByRole('button', { name: 'Set credentials at plain' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('merchantId').fill('MID-7');
    const kept = page.waitForResponse((response) => response.request().method() === 'PUT');
    await dialog.getByRole('button', { name: 'Save' }).click();
    assert.equal((await kept).status(), 200);
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: 'merchantId' }).waitFor();
    assert.doesNotMatch(await page.content(), /MID-7/);
    await page.getByRole('button', { name: 'Set credentials at plain' }).click();
    await dialog.getByRole('button', { name: 'Take away' }).click();
    await page.getByRole('cell', { name: 'merchantId' }).waitFor({ state: 'detached' });
    await dashboard.close(page);
  });

  test('where a merchant’s payers may return to: sites and apps, an error at its line in each language', async () => {
    const { id } = (
      await dashboard.sandbox.call('POST', '/v1/admin/merchants', {
        apiKey: 'op_test_demo',
        idempotencyKey: 'returns',
        body: { name: 'Returns', returnOrigins: ['https://shop.example'] },
      })
    ).body;
    for (const [locale, label, save, rule] of [
      ['en-GB', 'Where payers may return to', 'Save', 'Line 2: A site without a path'],
      ['ru-RU', 'Куда возвращать плательщика', 'Сохранить', 'Строка 2: Сайт без пути'],
      ['kk-KZ', 'Төлеушіні қайда қайтаруға болады', 'Сақтау', '2-жол: Жолсыз сайт'],
    ] as const) {
      const page = await dashboard.open('operator', `/operator/merchants/${id}`, { locale });
      const field = page.getByRole('textbox', { name: label });
      assert.match(await field.inputValue(), /^https:\/\/shop\.example/);
      await field.fill('\n https://shop.example \n\njavascript://pay');
      await page.getByRole('button', { name: save }).click();
      await page.getByText(rule).waitFor();
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      assert.equal(await field.inputValue(), 'https://shop.example\njavascript://pay');
      assert.equal(await page.getByText('returnOrigins').first().isVisible(), false);
      await field.fill('https://shop.example\nmyapp://');
      await page.getByRole('button', { name: save }).click();
      await page.getByText(rule).waitFor({ state: 'detached' });
      await dashboard.close(page);
    }
    const saved = await dashboard.sandbox.call('GET', `/v1/admin/merchants/${id}`, {
      apiKey: 'op_test_demo',
    });
    assert.deepEqual(saved.body.returnOrigins, ['https://shop.example', 'myapp://']);
  });

  test('the ledger sums to zero in every currency', async () => {
    await dashboard.pay();
    const page = await dashboard.open('operator', '/operator/ledger');
    const kzt = page.getByRole('row').filter({ hasText: 'KZT' });
    assert.match((await kzt.locator('td').last().textContent()) ?? '', /^₸0\.00/);
    await dashboard.close(page);
  });

  test('health shows that all works, and an audit that it adds up', async () => {
    const page = await dashboard.open('operator', '/operator/health');
    await page.getByRole('heading', { name: 'Database' }).waitFor();
    assert.equal(await page.getByText('Needs attention').count(), 0);
    await page.getByRole('button', { name: 'Audit now' }).click();
    await page.getByText('Passed').waitFor();
    assert.equal(await page.locator('.invariants li.up').count(), 7);
    await dashboard.close(page);
  });
});
