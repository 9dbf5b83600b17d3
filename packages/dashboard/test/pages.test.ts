/** Every page, light and dark, wide and on a phone: axe finds nothing grave, nothing sticks out, nothing is heavy. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { createPayerTools } from '../../server/test/support/links.ts';
import {
  type Dashboard,
  graveAxeFindings,
  startDashboard,
  type Who,
  withoutBrowser,
} from './support/dashboard.ts';

const CUSTOMER = '01900000-0000-7000-8000-c00000000001';
const MERCHANT = '01900000-0000-7000-8000-000000000001';
const DECLINED = '4000000000009995';

/** Of these the title is what shows that the page stands. */
const PAGES: readonly (readonly [who: Who, path: string, heading: string | RegExp])[] = [
  ['merchant', '/', 'Overview'],
  ['merchant', '/transactions', 'Transactions'],
  ['merchant', '/transactions/$transaction', /₸150\.00/],
  ['merchant', '/payment-links', 'Payment links'],
  ['merchant', '/payment-links/$link', /₸777\.00/],
  ['merchant', '/customers', 'Customers'],
  ['merchant', '/customers/$customer', /^Long name/],
  ['merchant', '/balances', 'Balances'],
  ['merchant', '/issues', 'Issues'],
  ['merchant', '/developers/api-keys', 'API keys'],
  ['merchant', '/developers/webhooks', 'Webhooks'],
  ['merchant', '/developers/webhooks/$endpoint', /hooks/],
  ['merchant', '/developers/requests', 'Request log'],
  ['merchant', '/developers/sandbox', 'Sandbox'],
  ['merchant', '/settings/users', 'Users'],
  ['operator', '/operator/merchants', 'Merchants'],
  ['operator', `/operator/merchants/${MERCHANT}`, 'Demo Store'],
  ['operator', '/operator/wallet-holders', 'Wallet holders'],
  ['operator', `/operator/wallet-holders/${CUSTOMER}`, '+77010000001'],
  ['operator', '/operator/acquirers', 'Acquirers'],
  ['operator', '/operator/ledger', 'Ledger'],
  ['operator', '/operator/health', 'Health'],
  ['operator', '/settings/users', 'Users'],
  ['merchant', '/settings/audit-log', 'Audit log'],
  ['merchant', '/account/security', 'Security'],
  ['operator', '/account/security', 'Security'],
  ['operator', '/settings/audit-log', 'Audit log'],
];

/** What looks like the server's codes in texts that are not set as code. In the page. */
function codesInText(): string[] {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found: string[] = [];
  while (texts.nextNode() !== null) {
    const { parentElement, textContent } = texts.currentNode;
    if (parentElement?.closest('code, pre, script, style') !== null) continue;
    found.push(
      ...(textContent?.match(
        /\b(?:[a-z]+(?:_[a-z0-9]+)+|(?:transaction|webhook|payment_link)\.[a-z0-9]+)\b/g,
      ) ?? []),
    );
  }
  return found;
}

/** Goes to another page as a link does: to load all of it again takes a second of a processor. */
async function goTo(page: Page, path: string): Promise<void> {
  const before = await page.locator('h1').textContent();
  if (new URL(page.url()).pathname !== `/dashboard${path}`) {
    await page.evaluate((to) => history.pushState({}, '', to), `/dashboard${path}`);
    await page.waitForFunction((was) => {
      const title = document.querySelector('h1');
      return title !== null && title.textContent !== was;
    }, before);
  }
  await page.waitForFunction(() => document.querySelector('.loading') === null);
}

describe('every page', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  const ids: Record<string, string> = {};
  before(async () => {
    dashboard = await startDashboard();
    const { call } = dashboard.sandbox;
    const url = 'http://127.0.0.1:9/hooks';
    ids.$endpoint = (await call('POST', '/v1/webhook-endpoints', { body: { url } })).body.id;
    const customer = {
      ...{ name: `Long name ${'of somebody '.repeat(20)}`, reference: `${'C-'.repeat(120)}1`, locale: 'kk' },
      ...{ email: `${'a'.repeat(60)}@${'b'.repeat(60)}.example.kz`, metadata: { note: 'x'.repeat(300) } },
    };
    ids.$customer = (await call('POST', '/v1/customers', { body: customer })).body.id;
    const paid = await dashboard.pay({
      customerId: ids.$customer,
      orderReference: `${'LONG-'.repeat(40)}1`,
      description: 'x'.repeat(300),
    });
    ids.$transaction = paid.id;
    await call('POST', `/v1/transactions/${paid.id}/capture`, { body: {} });
    await call('POST', `/v1/transactions/${paid.id}/refund`, { body: { amount: 5_000 } });
    await dashboard.sandbox.authorize();
    const link = {
      ...{ amount: 77_700, currency: 'KZT', orderReference: `${'LINK-'.repeat(40)}1`, locale: 'kk' },
      metadata: { successUrl: `https://shop.example/${'x'.repeat(200)}` },
    };
    ids.$link = (await call('POST', '/v1/payment-links', { idempotencyKey: 'link', body: link })).body.id;
    await createPayerTools(dashboard.sandbox.deps).byCard(ids.$link ?? '', { number: DECLINED });
    // What was refused, for the pages that tell of it.
    await call('POST', '/v1/payments', { idempotencyKey: 'bad', body: { amount: 1 } });
    await dashboard.pay({
      card: { number: DECLINED, expiryMonth: 12, expiryYear: 2035, cvc: '123' },
    });
  });
  after(() => dashboard?.stop());

  const pathOf = (path: string): string => path.replace(/\$\w+/, (name) => ids[name] ?? name);

  for (const [who, path, heading] of PAGES) {
    test(`${who} ${path}`, async () => {
      const page = await dashboard.open(who, pathOf(path));
      for (const [colorScheme, width] of [
        ['light', 1440],
        ['dark', 390],
      ] as const) {
        // The same page: to open another one takes a second of a processor.
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 844 });
        await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor();
        await page.getByRole('heading', { level: 1, name: heading }).waitFor();
        await page.waitForFunction(() => document.querySelector('.loading') === null);
        await page.getByText('Connecting…').waitFor({ state: 'detached' });
        assert.equal(
          await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
          0,
          `sticks out at ${width}`,
        );
        const overlapping = await page.evaluate(() =>
          [...document.querySelectorAll('td')]
            .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1)
            .map(({ textContent }) => textContent),
        );
        // On a phone rows are cards, which cut off long references on purpose.
        if (width === 1440) assert.deepEqual(overlapping, [], 'cells that are too narrow');
        assert.deepEqual(await graveAxeFindings(page), [], `${colorScheme} ${width}`);
      }
      await dashboard.close(page);
    });
  }

  test('in Russian and Kazakh nothing sticks out of a phone, and no code stands for words', async () => {
    for (const locale of ['ru-RU', 'kk-KZ']) {
      for (const [who, paths] of Map.groupBy(PAGES, ([who]) => who)) {
        const page = await dashboard.open(who, '/', { locale, viewport: { width: 390, height: 844 } });
        for (const [, path] of paths) {
          await goTo(page, pathOf(path));
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert.equal(excess, 0, `${path} ${locale}`);
          assert.deepEqual(await page.evaluate(codesInText), [], `${path} ${locale}`);
        }
        await dashboard.close(page);
      }
    }
  });

  test('signing in, light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await dashboard.open(null, '', { colorScheme });
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      assert.deepEqual(await graveAxeFindings(page), []);
      await dashboard.close(page);
    }
  });

  test('open dialogs and menus', async () => {
    const page = await dashboard.open('merchant', pathOf('/transactions/$transaction'));
    await page.getByRole('button', { name: 'Refund' }).click();
    await page.getByLabel('Amount in KZT').waitFor();
    await page.waitForTimeout(300);
    assert.deepEqual(await graveAxeFindings(page), []);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
    await page.waitForTimeout(300);
    assert.deepEqual(await graveAxeFindings(page), []);
    await dashboard.close(page);
  });

  test('the first load is at most 300 KB compressed', async (t) => {
    const page = await dashboard.open('merchant', '/transactions');
    await dashboard.close(page);
    const context = await dashboard.browser.newContext({ viewport: { width: 1440, height: 900 } });
    const first = await context.newPage();
    const sizes: Promise<number>[] = [];
    first.on('requestfinished', (request) => {
      if (request.url().includes('/dashboard'))
        sizes.push(request.sizes().then((size) => size.responseBodySize));
    });
    const began = performance.now();
    await first.goto(`${dashboard.sandbox.url}/dashboard`);
    await first.getByRole('button', { name: 'Sign in' }).waitFor();
    const tookMs = performance.now() - began;
    await first.getByLabel('Email').fill('merchant@demo.test');
    await first.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await first.keyboard.press('Enter');
    await first.getByRole('heading', { name: 'Overview' }).waitFor();
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes > 100_000 && bytes <= 300 * 1024, `${bytes} bytes`);
    t.diagnostic(`it stands after ${tookMs.toFixed(0)} ms`);
    await context.close();
  });

  test('no inline script runs: the policy names none', async () => {
    const response = await fetch(`${dashboard.sandbox.url}/dashboard`);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
    const page = await dashboard.browser.newPage();
    await page.goto(`${dashboard.sandbox.url}/dashboard`);
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.inline = 1';
      document.body.append(script);
      return 'inline' in window;
    });
    assert.equal(ran, false);
    await page.close();
  });

  test('pages of other roles say so, and their routes refuse', async () => {
    for (const path of ['/developers/api-keys', '/settings/users']) {
      const page = await dashboard.open('manager', path);
      await page.getByText('Your role does not allow this').waitFor();
      await dashboard.close(page);
    }
    const page = await dashboard.open('merchant', '/operator/merchants');
    await page.getByRole('alert').waitFor();
    const statuses = await page.evaluate(() =>
      Promise.all(
        ['/v1/admin/merchants', '/v1/admin/wallet-holders', '/v1/admin/accounts'].map(
          async (path) => (await fetch(path)).status,
        ),
      ),
    );
    assert.deepEqual(statuses, [403, 403, 403]);
    await dashboard.close(page);
  });
});
