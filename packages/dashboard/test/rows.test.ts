/** Rows of transactions: to be read, copied and opened, with the mouse and without. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('rows', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let id: string;
  before(async () => {
    dashboard = await startDashboard();
    id = (await dashboard.pay({ orderReference: 'KZ-20410' })).id;
  });
  after(() => dashboard?.stop());

  async function open() {
    const page = await dashboard.open('viewer', '/transactions');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const order = page.locator('.cell-order').getByText('KZ-20410');
    await order.waitFor();
    return { page, order };
  }

  test('text can be selected with the mouse, and that does not open the transaction', async () => {
    const { page, order } = await open();
    const box = await order.boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + 1, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    assert.equal(await page.evaluate(() => getSelection()?.toString()), 'KZ-20410');
    assert.match(page.url(), /\/transactions$/);
    await dashboard.close(page);
  });

  test('order and ID are copied by the icon that comes with the pointer or the focus', async () => {
    const { page, order } = await open();
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'ID' }).check();
    await page.keyboard.press('Escape');
    const opacity = (of: ReturnType<typeof page.locator>) =>
      of.evaluate((one) => getComputedStyle(one).opacity);
    for (const text of ['KZ-20410', id]) {
      const copy = page.getByRole('row').getByRole('button', { name: `Copy ${text}` });
      await page.mouse.move(0, 0);
      await page.locator('.search input').focus();
      assert.equal(await opacity(copy), '0');
      await order.hover();
      assert.equal(await opacity(copy), '1');
      await page.mouse.move(0, 0);
      await copy.focus();
      assert.equal(await opacity(copy), '1');
      await copy.click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
    }
    assert.equal(await page.locator('.cell-id .cell-text').getAttribute('title'), id);
    assert.match(page.url(), /\/transactions$/);
    await dashboard.close(page);
  });

  test('a click anywhere opens it; Ctrl and the middle button in a new tab; Enter on its link', async () => {
    const { page } = await open();
    const there = new RegExp(`/transactions/${id}$`);
    for (const [cell, options] of [
      ['.cell-status', { modifiers: ['Control'] }],
      ['.cell-created', { button: 'middle' }],
      ['.cell-amount a', { modifiers: ['Control'] }],
    ] as const) {
      const [tab] = await Promise.all([
        page.context().waitForEvent('page'),
        page
          .locator(cell)
          .click({ ...options, modifiers: 'modifiers' in options ? [...options.modifiers] : [] }),
      ]);
      await tab.waitForURL(there);
      await tab.close();
      assert.match(page.url(), /\/transactions$/);
    }
    await page.locator('.cell-method').click();
    await page.waitForURL(there);
    await page.goBack();
    await page.locator('.cell-order').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(there);
    await dashboard.close(page);
  });

  test('an opened row takes the focus along, and the new page is announced', async () => {
    const { page } = await open();
    await page.locator('.cell-method').click();
    await page.locator('.payment-amount').waitFor();
    await page.waitForFunction(() => document.activeElement?.id === 'content');
    await page.getByRole('status').filter({ hasText: 'Payment KZ-20410' }).waitFor({ state: 'attached' });
    await dashboard.close(page);
  });

  test('what has the focus is seen: the search and the choices', async () => {
    const { page } = await open();
    const outline = (selector: string) =>
      page.locator(selector).evaluate((one) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return `${outlineStyle} ${outlineWidth}`;
      });
    await page.keyboard.press('/');
    assert.equal(await outline('.search form'), 'solid 2px');
    await page.goto(`${dashboard.sandbox.url}/dashboard/developers/requests`);
    await page.getByRole('searchbox', { name: /Path, reason/ }).waitFor();
    await page.keyboard.press('Tab');
    for (let i = 0; i < 40; i += 1) {
      if (await page.evaluate(() => document.activeElement?.classList.contains('mantine-Input-input'))) break;
      await page.keyboard.press('Tab');
    }
    assert.equal(await outline('.mantine-Input-input:focus'), 'solid 2px');
    await dashboard.close(page);
  });

  test('targets are large enough, and regions have names of their own', async () => {
    const { call } = dashboard.sandbox;
    const ids: string[] = [];
    for (const at of ['a', 'b'])
      ids.push(
        (await call('POST', '/v1/webhook-endpoints', { body: { url: `http://127.0.0.1:9/${at}` } })).body.id,
      );
    const paid = await dashboard.pay({ orderReference: 'KZ-20411' });
    for (const path of [`/transactions/${paid.id}`, `/developers/webhooks/${ids[0]}`, '/transactions']) {
      const page = await dashboard.open('merchant', path);
      await page.getByText('KZ-20411').or(page.getByText('Recorded')).first().waitFor();
      await page.waitForTimeout(500);
      assert.deepEqual(await graveAxeFindings(page, ['target-size', 'landmark-unique']), [], path);
      await dashboard.close(page);
    }
    for (const endpoint of ids) await call('DELETE', `/v1/webhook-endpoints/${endpoint}`);
  });
});
