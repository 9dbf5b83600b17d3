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
    const page = await dashboard.open('operator', '/operator/customers');
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
    assert.equal(await page.getByRole('row').filter({ hasText: '=cash & <b>' }).count(), 1);
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
    await page.context().close();
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
    await page.getByRole('alert').filter({ hasText: 'captureDelay' }).waitFor();
    await page.getByLabel('Capture delay, seconds').fill('60');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    await page.context().close();
  });

  test('the ledger shows its accounts', async () => {
    const page = await dashboard.open('operator', '/operator/ledger');
    await page.getByRole('row').filter({ hasText: 'funding' }).first().waitFor();
    await page.context().close();
  });
});
