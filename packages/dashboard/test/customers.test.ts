/** Customers as merchants make, find, change, choose, export and erase them; and what they see of what they paid. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;

describe('customers', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  const call = async (method: string, path: string, body?: unknown) => {
    const reply = await dashboard.sandbox.call(method, path, body === undefined ? {} : { body });
    assert.ok(reply.status < 300, reply.text);
    return reply.body;
  };

  test('the first one is made in the dashboard; what is wrong is said at its field', async () => {
    const page = await dashboard.open('manager', '/customers');
    await page.getByText('No customers yet').waitFor();
    await page.getByRole('button', { name: 'New customer' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Айгүл Серікова');
    await dialog.getByLabel('Reference').fill('C-1');
    await dialog.getByLabel('E-mail').fill('aigul@example.kz');
    await dialog.getByLabel('Phone').fill('8 701');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog
      .getByText('Enter the whole phone number')
      .or(dialog.locator('[id$="-error"]'))
      .first()
      .waitFor();
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/new.png` });
    assert.deepEqual(await graveAxeFindings(page), []);
    await dialog.getByLabel('Phone').fill('8 701 123 45 67');
    await dialog.getByLabel('Language').fill('kk');
    await dialog.getByRole('button', { name: 'Save' }).dblclick();
    await page.getByRole('heading', { level: 1, name: 'Айгүл Серікова' }).waitFor();
    await page.getByText('+77011234567').waitFor();
    assert.equal((await call('GET', '/v1/customers')).items.length, 1);
    await dashboard.close(page);
  });

  test('a reference that is taken is told at its field', async () => {
    const page = await dashboard.open('manager', '/customers');
    await page.getByRole('button', { name: 'New customer' }).click();
    await page.getByRole('dialog').getByLabel('Reference').fill('C-1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('This is another customer’s').waitFor();
    await dashboard.close(page);
  });

  test('one is found by the beginning of a name, and shows what they paid, in light and dark', async () => {
    const { items } = await call('GET', '/v1/customers?reference=C-1');
    const { id } = items[0];
    const paid = await dashboard.pay({ customerId: id, amount: 50_000, orderReference: 'BIG' });
    await call('POST', `/v1/transactions/${paid.id}/capture`, {});
    await call('POST', `/v1/transactions/${paid.id}/refund`, { amount: 12_500 });
    for (let i = 0; i < 3; i += 1) await call('POST', '/v1/customers', { name: `Somebody ${i}` });
    const page = await dashboard.open('viewer', '/customers');
    await page.getByRole('link', { name: 'Somebody 2' }).waitFor();
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/customers-${width}.png` });
      assert.deepEqual(await graveAxeFindings(page), [], `list ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 844 });
    await page.getByRole('searchbox').last().fill('айг');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('link', { name: 'Somebody 2' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Айгүл Серікова' }).click();
    await page.getByText('₸500.00').first().waitFor();
    await page.getByText('₸125.00').first().waitFor();
    for (const button of ['Change', 'Export', 'Erase data'])
      assert.equal(await page.getByRole('button', { name: button }).count(), 0, 'a viewer changes nothing');
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 1280],
      ['light', 390],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor();
      if (SCREENSHOTS !== undefined)
        await page.screenshot({
          path: `${SCREENSHOTS}/customer-${width}-${colorScheme}.png`,
          fullPage: true,
        });
      assert.deepEqual(await graveAxeFindings(page), [], `${colorScheme} ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 844 });
    await page.getByRole('link', { name: 'All payments' }).click();
    await page.getByRole('link', { name: '₸500.00' }).first().waitFor();
    await page.getByRole('link', { name: '₸500.00' }).first().click();
    await page.getByRole('link', { name: 'Айгүл Серікова' }).click();
    await page.getByRole('heading', { level: 1, name: 'Айгүл Серікова' }).waitFor();
    await dashboard.close(page);
  });

  test('a link is made for one who is found while typing, and names them', async () => {
    const page = await dashboard.open('manager', '/payment-links');
    await page.getByRole('button', { name: 'New payment link' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Amount').fill('70');
    await dialog.getByLabel('Order reference').fill('FOR-AIGUL');
    await dialog.getByRole('combobox', { name: 'Customer' }).fill('aigul@');
    await page.getByRole('option', { name: 'Айгүл Серікова · C-1' }).click();
    await page.waitForTimeout(300);
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/picker.png` });
    assert.deepEqual(await graveAxeFindings(page), []);
    await dialog.getByRole('button', { name: 'New payment link' }).click();
    await page.getByRole('link', { name: 'Айгүл Серікова' }).waitFor();
    const { items } = await call('GET', '/v1/payment-links?orderReference=FOR-AIGUL');
    const [customer] = (await call('GET', '/v1/customers?reference=C-1')).items;
    assert.equal(items[0].customerId, customer.id);
    await dashboard.close(page);
  });

  test('the cards that they have on file: another default, and one deleted', async () => {
    const made = await call('POST', '/v1/customers', { name: 'Card Holder' });
    const recurring = { type: 'cof_initial' };
    for (const [number, orderReference] of [
      ['4242424242424242', 'FIRST'],
      ['5555555555554444', 'SECOND'],
    ]) {
      const card = { number, expiryMonth: 12, expiryYear: 2035, cvc: '123' };
      await dashboard.pay({ customerId: made.id, card, recurring, orderReference });
    }
    const page = await dashboard.open('manager', `/customers/${made.id}`);
    const rowOf = (last4: string) =>
      page
        .getByRole('row')
        .filter({ hasText: `•••• ${last4}` })
        .last();
    await rowOf('4242').getByText('Default', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Make default: •••• 4444' }).click();
    await rowOf('4444').getByText('Default', { exact: true }).waitFor();
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/cards.png`, fullPage: true });
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.getByRole('button', { name: 'Delete the card •••• 4242' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: 'Delete the card •••• 4242' }).waitFor({ state: 'detached' });
    assert.equal((await call('GET', `/v1/customers/${made.id}/cards`)).items.length, 1);
    await dashboard.close(page);
  });

  test('is changed, exported and erased by those who may', async () => {
    const made = await call('POST', '/v1/customers', { name: 'Gone Soon', email: 'gone@example.kz' });
    const manager = await dashboard.open('manager', `/customers/${made.id}`);
    await manager.getByRole('button', { name: 'Change' }).click();
    const dialog = manager.getByRole('dialog');
    await dialog.getByLabel('Name').fill('');
    await dialog.getByLabel('Reference').fill('GONE-1');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await manager.getByRole('heading', { level: 1, name: 'GONE-1' }).waitFor();
    assert.equal(await manager.getByRole('button', { name: 'Erase data' }).count(), 0);
    const [download] = await Promise.all([
      manager.waitForEvent('download'),
      manager.getByRole('link', { name: 'Export' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), `customer-${made.id}.json`);
    assert.equal(JSON.parse(readFileSync(await download.path(), 'utf8')).customer.email, 'gone@example.kz');
    await dashboard.close(manager);

    const page = await dashboard.open('merchant', `/customers/${made.id}`);
    await page.getByRole('button', { name: 'Erase data' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Erase data' }).click();
    await page.getByRole('heading', { level: 1, name: 'Erased customer' }).waitFor();
    await page.getByText('The personal data of this customer was erased').waitFor();
    for (const button of ['Change', 'Erase data'])
      assert.equal(await page.getByRole('button', { name: button }).count(), 0);
    assert.ok(!(await page.content()).includes('gone@example.kz'));
    assert.deepEqual(await graveAxeFindings(page), []);
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/erased.png`, fullPage: true });
    await dashboard.close(page);
  });
});
