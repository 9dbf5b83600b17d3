/** 100,000 transactions behind the pages. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { fillTransactions } from '../../../bench/transactions.ts';
import { readConfig } from '../../server/src/app/config.ts';
import { createLogger } from '../../server/src/app/logging.ts';
import { type Server, startServer } from '../../server/src/app/server.ts';
import { startBrowser } from '../../server/test/support/browser.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../../server/test/support/database.ts';
import { request } from '../../server/test/support/sandbox.ts';
import { signIn, withoutBrowser } from './support/dashboard.ts';

const COUNT = 100_000;
const DEMO_STORE = '01900000-0000-7000-8000-000000000001';

describe('100,000 transactions', { skip: withoutBrowser }, () => {
  let database: TestDatabase;
  let browser: Browser;
  let server: Server;
  let page: Page;
  before(async () => {
    database = await createDatabase(process.env.TEST_TEMPLATE);
    browser = await startBrowser();
    const config = readConfig({ DATABASE_URL: database.url, PORT: '0' });
    server = await startServer(config, createLogger('error', { write: () => undefined }));
    await fillTransactions(database.url, DEMO_STORE, COUNT);
    const context = await browser.newContext();
    const [name = '', value = ''] = (await signIn(server.url, 'viewer')).split('=');
    await context.addCookies([{ name, value, url: server.url }]);
    page = await context.newPage();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await database?.drop();
    await stopDatabaseServer();
  });

  const first = () => page.locator('.cell-order').first().textContent();

  test('the list goes on page by page, and shows what is new', async () => {
    await page.goto(`${server.url}/dashboard/transactions`);
    await page.getByText('ORDER-000100000').waitFor();
    for (let i = 0; i < 5; i += 1) {
      const before = await first();
      await page.getByRole('button', { name: 'Older' }).click();
      await page.waitForFunction(
        (text) => document.querySelector('.cell-order')?.textContent !== text,
        before,
      );
    }
    // 250 rows further; a page is 50.
    assert.equal(await first(), 'ORDER-000099750');
    await page.getByRole('button', { name: 'Newest' }).click();
    await page.getByText('ORDER-000100000').waitFor();
    await page.mouse.move(5, 5);
    await request(server.url, 'POST', '/v1/wallet/authorize', {
      idempotencyKey: 'new',
      body: {
        amount: 100,
        currency: 'KZT',
        orderReference: 'NEW-1',
        phoneNumber: '+77010000001',
        iin: '900101300017',
      },
    });
    await page.getByText('NEW-1').waitFor();
  });

  test('one of them is found, and the overview counts them', async () => {
    await page.goto(`${server.url}/dashboard/transactions?query=ORDER-000054321`);
    await page.getByText('ORDER-000054321').first().waitFor();
    await page.goto(`${server.url}/dashboard?currency=KZT`);
    await page
      .locator('.card')
      .filter({ hasText: 'Payments' })
      .getByText(/^\d\d,\d{3}$/)
      .waitFor();
  });

  test('all of them are exported, with progress, each once', async () => {
    await page.goto(`${server.url}/dashboard/transactions`);
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download', { timeout: 180_000 });
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    await page.getByText(/Rows written: \d/).waitFor();
    const file = await readFile(await (await download).path(), 'utf8');
    const ids = file
      .trimEnd()
      .split('\r\n')
      .map((line) => line.slice(0, 36));
    // Those, the new one of above, and the titles.
    assert.equal(ids.length, COUNT + 2);
    assert.equal(new Set(ids).size, ids.length);
    await page.getByText('Done. Rows written: 100,001').waitFor();
  });
});
