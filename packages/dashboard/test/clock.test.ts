/** With the sandbox's clock ahead every page goes by it, and says so where it does not. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

const AHEAD_S = 11 * 86_400 + 20 * 3_600;
/** Of Asia/Almaty, where the browser is: as the fields of the browser have it. */
const dayThere = (at: number): string => new Date(at + 5 * 3_600_000).toISOString().slice(0, 10);

describe('the sandbox’s clock', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let endpointId: string;
  const aheadNow = (): number => Date.now() + AHEAD_S * 1_000;
  before(async () => {
    dashboard = await startDashboard();
    const { call } = dashboard.sandbox;
    const url = 'http://127.0.0.1:9/hooks';
    endpointId = (await call('POST', '/v1/webhook-endpoints', { body: { url } })).body.id;
    await call('POST', `/v1/webhook-endpoints/${endpointId}/disable`);
  });
  after(() => dashboard?.stop());

  test('is not spoken of while it is right', async () => {
    const page = await dashboard.open('merchant', '/developers/requests');
    await page.getByRole('columnheader', { name: 'At', exact: true }).waitFor();
    assert.equal(await page.getByText(/Clock \+|real time/).count(), 0);
    await dashboard.close(page);
    const { status, text } = await dashboard.sandbox.call('POST', '/v1/sandbox/clock', {
      body: { advanceSeconds: AHEAD_S },
    });
    assert.equal(status, 200, text);
    await dashboard.pay({ amount: 10_000, orderReference: 'AHEAD-1' });
  });

  test('is in the bar of every page, and opens its lever', async () => {
    for (const [locale, mark] of [
      ['en-GB', 'Clock +11 d 20 h'],
      ['ru-RU', 'Часы +11 д 20 ч'],
      ['kk-KZ', 'Сағат +11 күн 20 сағ'],
    ] as const) {
      const page = await dashboard.open('manager', '/transactions', { locale });
      await page.getByRole('link', { name: mark }).click();
      await page.waitForURL(/developers\/sandbox$/);
      assert.deepEqual(await graveAxeFindings(page), []);
      await dashboard.close(page);
    }
  });

  test('ends the last bar of a chart: it opens what was just paid', async () => {
    const page = await dashboard.open('viewer');
    await page.waitForFunction(() => document.querySelectorAll('.chart tr').length === 48);
    const box = await page.locator('.chart .u-over').first().boundingBox();
    assert.ok(box !== null);
    await page.mouse.click(box.x + box.width - 6, box.y + box.height - 6);
    await page.waitForURL(/createdFrom=.*&createdTo=/);
    await page.getByText('AHEAD-1').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await dashboard.close(page);
  });

  test('is a replay’s day, and the day in the name of a file', async () => {
    const page = await dashboard.open('merchant', '/transactions');
    await page.getByRole('link', { name: 'Clock +11 d 20 h' }).waitFor();
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    const name = (await download).suggestedFilename();
    assert.ok(
      [aheadNow(), aheadNow() - 60_000].some((at) => name === `transactions-${dayThere(at)}.csv`),
      name,
    );
    await dashboard.close(page);
    await dashboard.sandbox.call('POST', `/v1/webhook-endpoints/${endpointId}/enable`);
    const manager = await dashboard.open('manager', `/developers/webhooks/${endpointId}`);
    await manager.getByRole('link', { name: 'Clock +11 d 20 h' }).waitFor();
    await manager.getByRole('button', { name: 'Replay' }).click();
    const from = await manager.getByLabel('From').inputValue();
    const yesterday = [aheadNow(), aheadNow() - 60_000].map((at) => dayThere(at - 86_400_000));
    assert.ok(yesterday.includes(from.slice(0, 10)), from);
    await dashboard.close(manager);
  });

  test('is known to operators, whose pages say what is in real time', async () => {
    const page = await dashboard.open('operator', '/operator/merchants');
    await page.getByRole('columnheader', { name: 'Created (real time)' }).waitFor();
    await page.getByRole('link', { name: 'Wallet holders' }).click();
    await page.getByRole('columnheader', { name: 'Created (real time)' }).waitFor();
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('columnheader', { name: 'Last sign-in (real time)' }).waitFor();
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByRole('columnheader', { name: 'At (real time)' }).waitFor();
    await page.getByRole('link', { name: 'Clock +11 d 20 h' }).click();
    await page.waitForURL(/operator\/health$/);
    await page.getByRole('button', { name: 'Audit now' }).click();
    await page.locator('.panel-body').filter({ hasText: 'Passed' }).getByText('(real time)').waitFor();
    await page.goto(
      `${dashboard.sandbox.url}/dashboard/operator/merchants/01900000-0000-7000-8000-000000000001`,
    );
    await page.getByRole('columnheader', { name: 'Revoked (real time)' }).waitFor();
    await dashboard.close(page);
  });

  test('does not move what people do: keys, users and requests are in real time, and say so', async () => {
    for (const [path, columns] of [
      ['/developers/requests', ['At']],
      ['/developers/api-keys', ['Created', 'Expires']],
      ['/settings/users', ['Last sign-in']],
    ] as const) {
      const page = await dashboard.open('merchant', path);
      for (const column of columns)
        await page.getByRole('columnheader', { name: `${column} (real time)` }).waitFor();
      await dashboard.close(page);
    }
  });
});
