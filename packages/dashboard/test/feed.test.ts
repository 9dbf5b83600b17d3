/** The live feed when the network or the connection is lost, and a server that restarts under an open page. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { readConfig } from '../../server/src/app/config.ts';
import { createLogger } from '../../server/src/app/logging.ts';
import { type Server, startServer } from '../../server/src/app/server.ts';
import { startBrowser } from '../../server/test/support/browser.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../../server/test/support/database.ts';
import { startTcpProxy } from '../../server/test/support/proxy.ts';
import { request } from '../../server/test/support/sandbox.ts';
import { signIn, withoutBrowser } from './support/dashboard.ts';

interface StreamedEvent {
  readonly data: { readonly orderReference: string; readonly status: string };
}

describe('the live feed', { skip: withoutBrowser }, () => {
  let database: TestDatabase;
  let browser: Browser;
  let server: Server;

  const start = (port: string): Promise<Server> =>
    startServer(
      readConfig({ DATABASE_URL: database.url, PORT: port }),
      createLogger('error', { write: () => undefined }),
    );
  const pay = (orderReference: string) =>
    request(server.url, 'POST', '/v1/wallet/authorize', {
      idempotencyKey: orderReference,
      body: {
        amount: 100,
        currency: 'KZT',
        orderReference,
        phoneNumber: '+77010000001',
        iin: '900101300017',
      },
    });

  before(async () => {
    database = await createDatabase(process.env.TEST_TEMPLATE);
    browser = await startBrowser();
    server = await start('0');
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await database?.drop();
    await stopDatabaseServer();
  });

  test('a restart is marked, and what happened meanwhile is there when it is back', async () => {
    const { port } = new URL(server.url);
    const context = await browser.newContext();
    const [name = '', value = ''] = (await signIn(server.url, 'manager')).split('=');
    await context.addCookies([{ name, value, url: server.url }]);
    const page = await context.newPage();
    await page.goto(`${server.url}/dashboard/transactions`);
    await page.getByText('Live', { exact: true }).waitFor();
    await pay('BEFORE-1');
    await page.getByText('BEFORE-1').waitFor();

    await server.stop();
    await page.getByText('Connection lost').waitFor();
    assert.ok(await page.getByText('BEFORE-1').isVisible(), 'what was shown stays');
    server = await start(port);
    await pay('MEANWHILE-1');
    await page.getByText('MEANWHILE-1').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await pay('AFTER-1');
    await page.getByText('AFTER-1').waitFor();
    await context.close();
  });

  test('a cut of the network alone is marked, and each event comes once, those of meanwhile too', async () => {
    const context = await browser.newContext();
    const [name = '', value = ''] = (await signIn(server.url, 'viewer')).split('=');
    await context.addCookies([{ name, value, url: server.url }]);
    const page = await context.newPage();
    await page.addInitScript(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      const { addEventListener } = EventSource.prototype;
      EventSource.prototype.addEventListener = function (this: EventSource, type: string, listener: never) {
        addEventListener.call(this, type, listener);
        addEventListener.call(this, type, (event) => seen.push((event as MessageEvent).data));
      };
    });
    await page.goto(`${server.url}/dashboard/transactions`);
    await page.getByText('Live', { exact: true }).waitFor();
    const before = (await pay('ONLINE-1')).body.walletTransactionId;
    await page.getByText('ONLINE-1').waitFor();

    await context.setOffline(true);
    await page.getByText('Connection lost').waitFor();
    for (const order of ['OFFLINE-1', 'OFFLINE-2', 'OFFLINE-3']) await pay(order);
    await request(server.url, 'POST', `/v1/transactions/${before}/capture`, { body: {} });
    await page.waitForTimeout(2_500);
    assert.equal(await page.getByText('OFFLINE-1').count(), 0);
    await context.setOffline(false);
    await page.getByText('Live', { exact: true }).waitFor();
    await pay('ONLINE-2');
    const rows = page.locator('table.transactions tbody tr');
    await rows.filter({ hasText: 'ONLINE-2' }).getByText('Authorized').waitFor();
    for (const order of ['OFFLINE-1', 'OFFLINE-2', 'OFFLINE-3'])
      assert.equal(await rows.filter({ hasText: order }).count(), 1, order);
    await rows.filter({ hasText: 'ONLINE-1' }).getByText('Charged').waitFor();

    const seen: string[] = await page.evaluate('window.seen.filter((text) => text !== "")');
    const textOf = ({ data }: StreamedEvent): string => `${data.orderReference} ${data.status}`;
    const { items } = (await request(server.url, 'GET', '/v1/events?limit=100')).body;
    const all: string[] = items.map(textOf).reverse();
    const own = (text: string): boolean => /(ON|OFF)LINE-/.test(text);
    assert.deepEqual(seen.map((text) => textOf(JSON.parse(text))).filter(own), all.filter(own));
    await context.close();
  });

  test('a network that silently drops everything is marked, and what happened meanwhile comes when it is back', async () => {
    const proxy = await startTcpProxy(Number(new URL(server.url).port));
    const context = await browser.newContext();
    const url = `http://127.0.0.1:${proxy.port}`;
    const [name = '', value = ''] = (await signIn(server.url, 'viewer')).split('=');
    await context.addCookies([{ name, value, url }]);
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(`${url}/dashboard/transactions`);
    await page.getByText('Live', { exact: true }).waitFor();
    proxy.stall();
    await pay('SILENT-1');
    await page.clock.fastForward(30_000);
    await page.waitForTimeout(500);
    assert.equal(await page.getByText('Connection lost').count(), 0, 'two heartbeats may be missed');
    await page.clock.fastForward(11_000);
    await page.getByText('Connection lost').waitFor();
    proxy.resume();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('SILENT-1').waitFor();
    await context.close();
    await proxy.stop();
  });

  test('a page in the background gives its connection back, and catches up when it is seen again', async () => {
    const context = await browser.newContext();
    const [name = '', value = ''] = (await signIn(server.url, 'viewer')).split('=');
    await context.addCookies([{ name, value, url: server.url }]);
    const page = await context.newPage();
    await page.goto(`${server.url}/dashboard/transactions`);
    await page.getByText('Live', { exact: true }).waitFor();
    const show = (isHidden: boolean): Promise<void> =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, isHidden);
    await show(true);
    await pay('HIDDEN-1');
    await page.waitForTimeout(1_500);
    assert.equal(await page.getByText('HIDDEN-1').count(), 0);
    await show(false);
    await page.getByText('HIDDEN-1').waitFor();
    await context.close();
  });
});
