/** While nodes of the version before run: what they do not know is not set up, and the pages say why. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { besideNode } from '../../server/test/support/olderNode.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

const SAID = 'nodes of an earlier version still run: try again once they are replaced';

describe('during an upgrade', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  const besideOlder = (work: () => Promise<void>): Promise<void> =>
    besideNode(dashboard.sandbox.databaseUrl, 'listen 1', work);

  async function assertSaid(page: Page): Promise<void> {
    await page.getByText(new RegExp(SAID, 'i')).first().waitFor();
    assert.deepEqual(await graveAxeFindings(page), []);
  }

  test('a second factor waits, for oneself and for everybody', async () => {
    await besideOlder(async () => {
      const page = await dashboard.open('merchant', '/account/security');
      await page.getByRole('button', { name: 'Set up' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Set up' }).click();
      await assertSaid(page);
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
      const required = page.getByRole('switch', { name: 'Require a second factor' });
      await required.click();
      await assertSaid(page);
      assert.equal(await required.isChecked(), false);
    });
  });

  test('a key with addresses waits, and is made without them', async () => {
    await besideOlder(async () => {
      const page = await dashboard.open('merchant', '/developers/api-keys');
      await page.getByRole('button', { name: 'New key' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('of the till');
      await dialog.getByLabel('Only from these addresses').fill('203.0.113.7');
      await dialog.getByRole('button', { name: 'New key' }).click();
      await assertSaid(page);
      await dialog.getByLabel('Only from these addresses').fill('');
      await dialog.getByRole('button', { name: 'New key' }).click();
      await page.locator('.secret code').filter({ hasText: 'pr_test_' }).waitFor();
    });
  });
});
