/** What the page of a transaction states is so. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

const EXPIRY = { expiryMonth: 12, expiryYear: 2035, cvc: '123' };
const ASKS = { number: '4000000000003220', ...EXPIRY };
const ASKS_THEN_DECLINES = { number: '4000008400001629', ...EXPIRY };

describe('facts', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  async function open(id: string): Promise<Page> {
    const page = await dashboard.open('viewer', `/transactions/${id}`);
    await page.locator('.payment-amount').waitFor();
    await page.locator('.timeline-event').first().waitFor();
    return page;
  }
  const names = (page: Page) => page.locator('.amounts dt').allTextContents();
  const secure3d = (page: Page) =>
    page.locator('.facts > div').filter({ hasText: '3-D Secure' }).locator('dd').textContent();

  async function challenge(card: object) {
    const returnUrl = `${dashboard.sandbox.url}/health`;
    const { id } = await dashboard.pay({ card, returnUrl });
    const { redirectUrl } = (await dashboard.sandbox.call('GET', `/v1/transactions/${id}`)).body;
    return { id, redirectUrl: String(redirectUrl) };
  }
  async function decide(redirectUrl: string, decision: string): Promise<void> {
    const answer = await fetch(redirectUrl, { method: 'POST', body: new URLSearchParams({ decision }) });
    assert.ok(answer.ok, `${answer.status}`);
  }

  test('only what was authorized is said to be authorized', async () => {
    const card = { number: '4000000000009995', ...EXPIRY };
    const rejected = await open((await dashboard.pay({ card })).id);
    assert.deepEqual((await names(rejected)).slice(0, 1), ['Amount']);
    assert.equal(await rejected.locator('.amounts').getByText('Captured').count(), 0);
    const held = await open((await dashboard.pay()).id);
    assert.deepEqual((await names(held)).slice(0, 3), ['Authorized', 'Still held', 'Captured']);
    await dashboard.close(rejected);
    await dashboard.close(held);
  });

  test('3-D Secure: not used, waiting, authenticated, declined by the payer, not finished', async () => {
    const see = async (id: string, text: string): Promise<void> => {
      const page = await open(id);
      assert.equal(await secure3d(page), text);
      await dashboard.close(page);
    };
    await see((await dashboard.pay()).id, 'Not used');

    const waiting = await challenge(ASKS);
    const page = await open(waiting.id);
    assert.equal(await secure3d(page), 'Waiting for the payer');
    assert.deepEqual((await names(page)).slice(0, 1), ['Amount']);
    const link = page.getByRole('link', { name: 'Open the payer’s page' });
    assert.equal(await link.getAttribute('href'), waiting.redirectUrl);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy the link to the payer’s page' }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), waiting.redirectUrl);
    await decide(waiting.redirectUrl, 'approve');
    await page.locator('.payment-amount').getByText('Authorized').waitFor();
    await link.waitFor({ state: 'detached' });
    assert.equal(await secure3d(page), 'Authenticated');
    await dashboard.close(page);

    const declined = await challenge(ASKS);
    await decide(declined.redirectUrl, 'decline');
    await see(declined.id, 'Not passed');
    const later = await challenge(ASKS_THEN_DECLINES);
    await decide(later.redirectUrl, 'approve');
    await see(later.id, 'Authenticated');
    const left = await challenge(ASKS);
    await dashboard.sandbox.call('POST', `/v1/transactions/${left.id}/cancel`, { body: {} });
    await see(left.id, 'Not finished');
  });

  test('a refund’s balance stands at the event by which the money is back', async () => {
    const { call, authorize } = dashboard.sandbox;
    const wallet = (await authorize({ amount: 15_000 })).body.walletTransactionId;
    for (const id of [wallet, (await dashboard.pay()).id]) {
      await call('POST', `/v1/transactions/${id}/capture`, { body: {} });
      const reply = await call('POST', `/v1/transactions/${id}/refund`, { body: { amount: 5_000 } });
      assert.equal(reply.body.status, 'refunded', reply.text);
      const page = await open(reply.body.id);
      const event = (name: string) => page.locator('.timeline-event').filter({ hasText: name });
      await event('Refunded')
        .getByText(/Balance afterwards: ₸/)
        .waitFor();
      assert.equal(await event('Recorded').getByText('Balance afterwards').count(), 0);
      await dashboard.close(page);
    }
  });
});
