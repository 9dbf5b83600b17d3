/** Chromium's own autofill: what its user has stored goes into the right fields, and is paid with. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startBrowser, withoutWholeBrowser } from '../../server/test/support/browser.ts';
import { type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

const STORED = {
  ...{ number: '4242424242424242', name: 'Aigerim Sadykova' },
  ...{ expiryMonth: '12', expiryYear: '2035', cvc: '123' },
};

describe('the checkout, filled in by the browser', { skip: withoutWholeBrowser }, () => {
  let sandbox: Sandbox;
  let browser: Browser;
  before(async () => {
    sandbox = await startSandbox();
    browser = await startBrowser({ whole: true });
  });
  after(async () => {
    await browser?.close();
    await sandbox?.stop();
  });

  async function autofillFrom(page: Page, autocomplete: string): Promise<void> {
    const devTools = await page.context().newCDPSession(page);
    await devTools.send('DOM.enable');
    await devTools.send('Autofill.enable');
    const { root } = await devTools.send('DOM.getDocument', { depth: -1 });
    const selector = `input[autocomplete=${autocomplete}]`;
    const { nodeId } = await devTools.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    const { node } = await devTools.send('DOM.describeNode', { nodeId });
    await page.locator(selector).focus();
    // As if its user had chosen the card in the list below the field: Chromium decides which field takes what.
    await devTools.send('Autofill.trigger', { fieldId: node.backendNodeId, card: STORED });
  }

  for (const from of ['cc-number', 'cc-name'])
    test(`from ${from}: every field is filled in, in its own form, and the payment is made`, async () => {
      const { body } = await sandbox.call('POST', '/v1/payment-links', {
        body: { amount: 1_549_000, currency: 'KZT', orderReference: 'KZ-20412', paymentMethods: ['card'] },
      });
      const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
      await page.goto(`${sandbox.url}/checkout/${body.id}`);
      await page.getByLabel('Card number').waitFor();
      await autofillFrom(page, from);
      await page.waitForFunction(() => document.querySelectorAll('input:autofill').length === 4);
      assert.equal(await page.getByLabel('Card number').inputValue(), '4242 4242 4242 4242');
      assert.equal(await page.getByLabel('Expiry date').inputValue(), '12 / 35');
      assert.equal(await page.getByLabel('Security code').inputValue(), STORED.cvc);
      assert.equal(await page.getByLabel('Name on the card').inputValue(), STORED.name);
      await page.getByRole('button', { name: /^Pay / }).click();
      await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
      await page.close();
    });
});
