/** The list: filters, pages, columns, export, and that what is live does not jump. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('transactions', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  const rows = (page: Page) => page.locator('table.transactions tbody tr');
  const orders = (page: Page) => page.locator('table.transactions .cell-order').allTextContents();
  const away = (page: Page) => page.mouse.move(400, 20);

  test('an empty list says what to do', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByText('No transactions yet').waitFor();
    await dashboard.close(page);
  });

  test('a new payment appears by itself, and its capture changes it in its place', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByText('Live', { exact: true }).waitFor();
    const { id } = await dashboard.pay({ orderReference: 'LIVE-1' });
    const row = rows(page).filter({ hasText: 'LIVE-1' });
    await row.getByText('Authorized').waitFor();
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: {} });
    await row.getByText('Charged').waitFor();
    await dashboard.close(page);
  });

  test('under the pointer nothing moves: what is new waits behind a button', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await rows(page).first().hover();
    const before = await orders(page);
    for (let i = 1; i <= 3; i += 1) await dashboard.pay({ orderReference: `HELD-${i}` });
    const news = page.getByRole('button', { name: 'Show new: 3' });
    await news.waitFor();
    assert.deepEqual(await orders(page), before);
    await news.click();
    await rows(page).filter({ hasText: 'HELD-3' }).waitFor();
    await dashboard.pay({ orderReference: 'HELD-4' });
    await page.getByRole('button', { name: 'Show new: 1' }).waitFor();
    await away(page);
    await rows(page).filter({ hasText: 'HELD-4' }).waitFor();
    await dashboard.close(page);
  });

  test('paused, nothing changes until it is resumed', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await rows(page).first().waitFor();
    await page.keyboard.press('p');
    const before = await orders(page);
    await dashboard.pay({ orderReference: 'PAUSED-1' });
    await page.getByRole('button', { name: 'Show new: 1' }).waitFor();
    assert.deepEqual(await orders(page), before);
    await page.getByRole('button', { name: 'Resume' }).click();
    await rows(page).filter({ hasText: 'PAUSED-1' }).waitFor();
    await dashboard.close(page);
  });

  test('filters stand in the address, which shows the same to somebody else', async () => {
    await dashboard.pay({ orderReference: 'DECLINED-1', card: card('4000000000000002') });
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByLabel('Rejected').check();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Amount', exact: true }).click();
    await page.getByLabel('From').fill('100,5');
    await page.getByLabel('To').fill('1 000');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.waitForURL(/status=rejected&currency=KZT&amountFrom=10050&amountTo=100000$/);
    await rows(page).filter({ hasText: 'DECLINED-1' }).waitFor();
    await rows(page).nth(1).waitFor({ state: 'detached' });
    assert.equal(await rows(page).count(), 1);
    const other = await dashboard.open('manager', page.url().split('/dashboard')[1]);
    await rows(other).filter({ hasText: 'DECLINED-1' }).waitFor();
    assert.equal(await rows(other).count(), 1);
    await other.getByRole('button', { name: 'Remove the filter Status' }).click();
    await other.getByText('Authorized').first().waitFor();
    await dashboard.close(page);
    await dashboard.close(other);
  });

  test('store and terminal are chosen by their names', async () => {
    const storeId = '01900000-0000-7000-8000-e00000000001';
    const terminalId = '01900000-0000-7000-8000-f00000000001';
    await dashboard.pay({ orderReference: 'TILL-1', storeId, terminalId });
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByRole('button', { name: 'Store', exact: true }).click();
    await page.getByRole('combobox', { name: 'Store' }).fill('abay');
    await page.getByRole('option', { name: 'Abay Avenue' }).click();
    await page.waitForURL(new RegExp(`storeId=${storeId}$`));
    await page.getByRole('button', { name: 'Store Abay Avenue' }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 1);
    await page.getByRole('button', { name: 'Terminal', exact: true }).click();
    await page.getByRole('option', { name: 'Till 1' }).click();
    await page.waitForURL(new RegExp(`terminalId=${terminalId}$`));
    await rows(page).filter({ hasText: 'TILL-1' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Terminal Till 1' }).waitFor();
    await page.getByRole('button', { name: 'Remove the filter Terminal' }).click();
    await page.getByRole('button', { name: 'Terminal', exact: true }).waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
    await dashboard.close(page);
  });

  test('a filter that nothing matches says so; one that is wrong is told by the server', async () => {
    const page = await dashboard.open('viewer', '/transactions?orderReference=nobody');
    await page.getByText('Nothing matches these filters').waitFor();
    await page.getByRole('link', { name: 'Clear filters' }).click();
    await rows(page).first().waitFor();
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions?status=nonsense`);
    await page.getByRole('alert').filter({ hasText: 'invalid_status' }).waitFor();
    await dashboard.close(page);
  });

  test('the search finds an order by how it begins, and an id', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('HELD-');
    await page.keyboard.press('Enter');
    await page.waitForURL(/query=HELD-$/);
    await rows(page).filter({ hasText: 'HELD-1' }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 4);
    await dashboard.close(page);
  });

  test('columns are chosen, and remembered', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('Captured').check();
    await page.reload();
    await page.getByRole('columnheader', { name: 'Captured' }).waitFor();
    await dashboard.close(page);
  });

  test('on a phone a row is a card: the amount at the left above the order, the status at the right', async () => {
    await dashboard.pay({ orderReference: 'PHONE-1' });
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = { width: 390, height: 844 };
      const page = await dashboard.open('viewer', '/transactions', { colorScheme, viewport });
      const boxOf = async (part: string) => {
        const box = await rows(page).first().locator(part).boundingBox();
        assert.ok(box !== null, part);
        return { ...box, right: box.x + box.width, bottom: box.y + box.height };
      };
      const row = await boxOf('.cell-amount');
      const amount = await boxOf('.amount');
      const order = await boxOf('.cell-order .cell-text');
      const status = await boxOf('.status');
      assert.deepEqual([amount.x, order.x], [row.x, row.x]);
      assert.ok(amount.x < 40 && amount.bottom <= order.y + 1, JSON.stringify({ amount, order }));
      assert.ok(status.x > amount.right && status.right > 340, JSON.stringify({ amount, status }));
      await dashboard.close(page);
    }
  });

  test('of the views one is marked, and a refund says on a phone that it is one', async () => {
    const { id } = await dashboard.pay({ orderReference: 'BACK-1' });
    for (const operation of ['capture', 'refund'])
      await dashboard.sandbox.call('POST', `/v1/transactions/${id}/${operation}`, { body: {} });
    const viewport = { width: 390, height: 844 };
    const page = await dashboard.open('viewer', '/transactions?orderReference=BACK-1', { viewport });
    await rows(page).nth(1).waitFor();
    const marks = rows(page).getByText('Refund ·');
    assert.deepEqual([await rows(page).count(), await marks.count(), await marks.isVisible()], [2, 1, true]);
    const marked = page.locator('.view[aria-current]');
    for (const view of ['Refunds', 'Charged', 'All']) {
      await page.locator('.view').getByText(view, { exact: true }).click();
      await marked.getByText(view, { exact: true }).waitFor();
      assert.equal(await marked.count(), 1);
    }
    await dashboard.close(page);
  });

  test('rows are walked by J and K and opened by Enter', async () => {
    const page = await dashboard.open('viewer', '/transactions');
    await rows(page).first().waitFor();
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
    const order = await rows(page).nth(1).locator('.cell-order').textContent();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/transactions\/[0-9a-f-]{36}$/);
    await page
      .getByText(order ?? '', { exact: true })
      .first()
      .waitFor();
    await dashboard.close(page);
  });

  test('texts that merchants and payers set are shown, not run', async () => {
    const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const { id } = await dashboard.pay({ orderReference: `X ${evil}`, description: evil });
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('Description').check();
    await rows(page).filter({ hasText: '<script>' }).first().waitFor();
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions/${id}`);
    await page.getByText(evil).first().waitFor();
    await page.locator('summary').click();
    assert.match((await page.locator('.raw pre').textContent()) ?? '', /<script>/);
    assert.equal(await page.evaluate('window.pwned'), undefined);
    assert.match(await page.title(), /<script>/);
    await dashboard.close(page);
  });

  test('amounts in the form of their currency, times in the viewer’s zone with UTC behind', async () => {
    for (const [currency, amount] of [
      ['JPY', 1_234],
      ['KWD', 1_234],
    ] as const) {
      await dashboard.pay({ currency, amount, orderReference: `MONEY-${currency}` });
    }
    const page = await dashboard.open('viewer', '/transactions?query=MONEY-');
    await rows(page).nth(1).waitFor();
    const cells = await page.locator('.cell-amount').allTextContents();
    assert.deepEqual(cells, ['1.234 KWD', '¥1,234 JPY']);
    const time = page.locator('.cell-created time').first();
    const utc = (await time.getAttribute('title')) ?? '';
    assert.match(utc, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/);
    const almaty = new Date(Date.parse(utc.replace(' UTC', 'Z').replace(' ', 'T')) + 5 * 3_600_000);
    assert.match((await time.textContent()) ?? '', new RegExp(almaty.toISOString().slice(11, 19)));
    await dashboard.close(page);
  });

  test('in Kazakh, too, months and amounts are written as people there do', async () => {
    const page = await dashboard.open('viewer', '/transactions?query=MONEY-JPY', { locale: 'kk-KZ' });
    await rows(page).first().waitFor();
    assert.match(
      (await page.locator('.cell-created time').first().textContent()) ?? '',
      /^\d\d\.\d\d, \d\d:|^\d+ [а-яәіңғүұқөһ]+/,
    );
    assert.match((await page.locator('.cell-amount').first().textContent()) ?? '', /^1\s234\s¥/);
    await dashboard.close(page);
  });

  test('120 transactions: pages by cursor there and back, and all of them in the export', async () => {
    const made = Array.from({ length: 120 }, (_, i) =>
      dashboard.sandbox.authorize({
        amount: 100 + i,
        orderReference: i === 7 ? '=HYPERLINK("x")' : `MANY-${i}`,
      }),
    );
    await Promise.all(made);
    const page = await dashboard.open('viewer', '/transactions?paymentMethod=wallet');
    await rows(page).nth(49).waitFor();
    const first = await orders(page);
    await page.getByRole('button', { name: 'Older' }).click();
    await page.waitForURL(/cursor=/);
    await page.waitForFunction(
      (text) => document.querySelector('.cell-order')?.textContent !== text,
      first[0],
    );
    const second = await orders(page);
    assert.deepEqual(
      first.filter((order) => second.includes(order)),
      [],
    );
    await page.getByRole('button', { name: 'Older' }).click();
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 20);
    await page.getByRole('button', { name: 'Newer' }).click();
    await page.waitForFunction(
      (text) => document.querySelector('.cell-order')?.textContent === text,
      second[0],
    );
    await page.getByRole('button', { name: 'Newest' }).click();
    await page.waitForFunction(
      (text) => document.querySelector('.cell-order')?.textContent === text,
      first[0],
    );

    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    const file = await readFile(await (await download).path(), 'utf8');
    await page.getByText('Done. Rows written: 120').waitFor();
    const lines = file.trimEnd().split('\r\n');
    assert.equal(lines.length, 121);
    assert.equal(new Set(lines.map((line) => line.split(',')[0])).size, 121);
    assert.match(file, /"'=HYPERLINK\(""x""\)"/);
    await dashboard.close(page);
  });

  test('method and date are filters of the address, too', async () => {
    await dashboard.sandbox.authorize({ orderReference: 'BY-WALLET' });
    await dashboard.pay({ orderReference: 'BY-CARD' });
    const page = await dashboard.open('viewer', '/transactions');
    await page.getByRole('button', { name: 'Method', exact: true }).click();
    await page.getByRole('button', { name: 'Wallet', exact: true }).click();
    await page.waitForURL(/paymentMethod=wallet/);
    await rows(page).filter({ hasText: 'BY-WALLET' }).waitFor();
    await rows(page).filter({ hasText: 'BY-CARD' }).waitFor({ state: 'detached' });
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions?createdTo=${day}T00:00:00.000Z`);
    await page.getByText('Nothing matches these filters').waitFor();
    await page.getByRole('button', { name: /^Remove the filter/ }).click();
    await rows(page).filter({ hasText: 'BY-CARD' }).waitFor();
    await dashboard.close(page);
  });
});

function card(number: string): Record<string, unknown> {
  return { number, expiryMonth: 12, expiryYear: 2035, cvc: '123' };
}
