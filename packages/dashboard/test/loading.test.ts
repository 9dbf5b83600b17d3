/** While something is under way, and while the server is out of reach, there is something to be seen. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Dashboard, startDashboard, type Who, withoutBrowser } from './support/dashboard.ts';

const SOURCE = path.join(import.meta.dirname, '../src');
const CUSTOMER = '01900000-0000-7000-8000-c00000000001';
const MERCHANT = '01900000-0000-7000-8000-000000000001';

test('each component of the library that is used brings its style', () => {
  const styles = readFileSync(path.join(SOURCE, 'mantine.css'), 'utf8');
  const { resolve } = createRequire(import.meta.url);
  const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.tsx'),
  );
  const used = new Set<string>();
  for (const name of sources) {
    const text = readFileSync(path.join(SOURCE, name), 'utf8');
    const [, names = ''] = /import \{([^}]*)\} from '@mantine\/core'/.exec(text) ?? [];
    for (const component of names.split(',')) used.add(component.trim());
  }
  assert.ok(used.has('Skeleton'));
  const hasStyle = (name: string): boolean => {
    try {
      return existsSync(resolve(`@mantine/core/styles/${name}.layer.css`));
    } catch {
      return false;
    }
  };
  const missing = [...used].filter((name) => hasStyle(name) && !styles.includes(`/${name}.layer.css"`));
  assert.deepEqual(missing, []);
});

const PAGES: readonly (readonly [who: Who, path: string])[] = [
  ['merchant', '/'],
  ['merchant', '/transactions'],
  ['merchant', `/transactions/${CUSTOMER}`],
  ['merchant', '/payment-links'],
  ['merchant', '/payment-links/pl_019a2a21f46f706ea202a75adabcbb80'],
  ['merchant', '/customers'],
  ['merchant', `/customers/${CUSTOMER}`],
  ['merchant', '/issues'],
  ['merchant', '/developers/api-keys'],
  ['merchant', '/developers/webhooks'],
  ['merchant', `/developers/webhooks/${CUSTOMER}`],
  ['merchant', '/developers/requests'],
  ['merchant', '/developers/sandbox'],
  ['merchant', '/settings/users'],
  ['operator', '/operator/merchants'],
  ['operator', `/operator/merchants/${MERCHANT}`],
  ['operator', '/operator/wallet-holders'],
  ['operator', `/operator/wallet-holders/${CUSTOMER}`],
  ['operator', '/operator/ledger'],
  ['operator', '/operator/health'],
];

describe('in a browser', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  test('every page shows its outline while the server takes its time', async () => {
    for (const [who, pages] of Map.groupBy(PAGES, ([who]) => who)) {
      const page = await dashboard.open(who, '/nowhere');
      await page.getByText('There is no such page').waitFor();
      // The answers never come; who is signed in is known.
      await page.route(
        (url) => url.pathname.startsWith('/v1/') && url.pathname !== '/v1/session',
        () => undefined,
      );
      for (const [, at] of pages) {
        await page.goto(`${dashboard.sandbox.url}/dashboard${at}`);
        await page.locator('main .loading').first().waitFor();
        const heights = await page
          .locator('main .mantine-Skeleton-root')
          .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
        assert.ok(heights.length > 0, `${at} shows nothing`);
        assert.ok(
          heights.every((height) => height >= 10),
          `${at}: ${heights}`,
        );
      }
      await page.context().close();
    }
  });

  test('before it is known who is signed in, the frame shows its outline', async () => {
    const page = await dashboard.open(null, '/');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.route('**/v1/session', () => undefined);
    await page.reload();
    const outline = page.locator('.mantine-Skeleton-root').first();
    await outline.waitFor();
    assert.ok(((await outline.boundingBox())?.height ?? 0) >= 10);
    await page.context().close();
  });

  test('a page that cannot be loaded leaves the frame, and comes by itself when the connection is back', async () => {
    const page = await dashboard.open('merchant', '/transactions');
    // As if the connection was lost before the pages were loaded in advance.
    await page.route(/\/assets\/(?:issues|users)-/, (route) => route.abort());
    await page.getByText('No transactions yet').waitFor();
    await page.evaluate(() => Object.assign(window, { isSameDocument: true }));
    await page.context().setOffline(true);
    for (const name of ['Issues', 'Users']) {
      await page.getByRole('link', { name }).click();
      await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
      assert.ok(await page.getByRole('navigation', { name: 'Main' }).isVisible());
    }
    await page.unroute(/\/assets\/(?:issues|users)-/);
    await page.context().setOffline(false);
    await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
    assert.equal(await page.evaluate(() => 'isSameDocument' in window), true);
    await page.context().close();
  });

  test('all pages are loaded in advance: whoever goes offline still moves between them', async () => {
    const page = await dashboard.open('merchant', '/transactions');
    await page.getByText('No transactions yet').waitFor();
    await page.waitForResponse(/\/assets\/ledger-/);
    await page.waitForTimeout(500);
    await page.context().setOffline(true);
    for (const name of ['Users', 'Webhooks', 'Issues', 'Overview']) {
      await page.getByRole('link', { name }).click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
    }
    await page.context().close();
  });

  test('pages that a later version has replaced are loaded with a new document', async () => {
    const page = await dashboard.open('merchant', '/transactions');
    await page.route(/\/assets\/issues-/, (route) => route.fulfill({ status: 404 }), { times: 3 });
    await page.getByText('No transactions yet').waitFor();
    await page.getByRole('link', { name: 'Issues' }).click();
    await page.waitForEvent('load');
    await page.context().close();
  });
});
