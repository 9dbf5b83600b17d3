/** Whoever comes for the first time finds the way: from the root to a first payment, and to the documents. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

const run = promisify(execFile);

describe('first steps', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  test('the root leads to the sign-in, which offers the demo users', async () => {
    for (const [role, heading] of [
      ['Viewer', 'Overview'],
      ['Operator', 'Merchants'],
    ] as const) {
      const page = await dashboard.open(null);
      await page.goto(dashboard.sandbox.url);
      assert.match(page.url(), /\/dashboard$/);
      await page.getByText('A sandbox: sign in as one of the demo users.').waitFor();
      assert.deepEqual(await graveAxeFindings(page), []);
      await page.getByRole('button', { name: role }).click();
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
      await dashboard.close(page);
    }
  });

  test('a shop without payments is told how to make one; the command works as it stands', async () => {
    const page = await dashboard.open('merchant', '/transactions');
    await page.getByRole('link', { name: 'Make a payment in the sandbox' }).waitFor();
    const docs = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Documentation' });
    assert.equal(await docs.getAttribute('href'), '/docs');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy the command' }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const { stdout } = await run('bash', ['--norc', '-c', command], {
      env: { PATH: process.env.PATH ?? '' },
    });
    assert.equal(JSON.parse(stdout).walletTransactionStatus, 'PROCESSING', stdout);
    await page.getByRole('row').filter({ hasText: 'ORDER-1' }).waitFor();
    await dashboard.close(page);
  });
});
