/** Payment links as merchants make, send, find, extend and cancel them; and what they see while somebody pays. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import jsQr from 'jsqr';
import type { Download, Locator, Page } from 'playwright-core';
import { CHALLENGED } from '../../server/test/support/cards.ts';
import { createPayerTools, type PayerTools } from '../../server/test/support/links.ts';
import { type Receiver, startReceiver } from '../../server/test/support/webhooks.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;

/**
 * What a phone reads in an image: drawn by the browser, read by another library than the one that made it.
 * @param leastPx how wide it must be, to be printed
 */
async function readQrCode(
  page: Page,
  file: Buffer,
  type: string,
  leastPx: number,
): Promise<string | undefined> {
  const image = await page.evaluate(
    async (url) => {
      const element = new Image();
      element.src = url;
      await element.decode();
      const side = Math.min(element.naturalWidth, 300);
      const context = new OffscreenCanvas(side, side).getContext('2d');
      context?.drawImage(element, 0, 0, side, side);
      const { data } = context?.getImageData(0, 0, side, side) ?? { data: new Uint8ClampedArray() };
      // Its red alone, two digits a pixel: a list of numbers takes the debugger a minute.
      const reds = Array.from({ length: side * side }, (_, i) =>
        (data[i * 4] ?? 0).toString(16).padStart(2, '0'),
      );
      return { width: element.naturalWidth, side, hex: reds.join('') };
    },
    `data:${type};base64,${file.toString('base64')}`,
  );
  assert.ok(image.width >= leastPx, `${type} is ${image.width} px wide`);
  const pixels = [...Buffer.from(image.hex, 'hex')].flatMap((red) => [red, red, red, 255]);
  return jsQr(new Uint8ClampedArray(pixels), image.side, image.side)?.data;
}

/** Whole minutes from now, and the same as a field of the browser, which is five hours ahead of UTC, has it. */
function inDays(days: number): { iso: string; local: string } {
  const at = Math.floor(Date.now() / 60_000) * 60_000 + days * 86_400_000;
  return {
    iso: new Date(at).toISOString(),
    local: new Date(at + 5 * 3_600_000).toISOString().slice(0, 16),
  };
}

async function downloadBy(page: Page, button: Locator): Promise<Download> {
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  return download;
}

describe('payment links', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let payer: PayerTools;
  let shop: Receiver;
  before(async () => {
    dashboard = await startDashboard();
    payer = createPayerTools(dashboard.sandbox.deps);
    shop = await startReceiver();
  });
  after(async () => {
    await shop?.stop();
    await dashboard?.stop();
  });

  const create = async (body: Record<string, unknown>) => {
    const reply = await dashboard.sandbox.call('POST', '/v1/payment-links', {
      idempotencyKey: crypto.randomUUID(),
      body: { amount: 50_000, currency: 'KZT', ...body },
    });
    assert.equal(reply.status, 201, reply.text);
    return reply.body;
  };
  const get = async (id: string) => (await dashboard.sandbox.call('GET', `/v1/payment-links/${id}`)).body;
  const shoot = async (page: Page, name: string) => {
    if (SCREENSHOTS === undefined) return;
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 1280],
      ['light', 390],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });
  };

  test('one is made, copied, printed as a QR code, and seen to be paid; its payment leads back to it', async () => {
    const page = await dashboard.open('merchant', '/payment-links');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByText('No payment links yet').waitFor();
    await page.getByRole('button', { name: 'New payment link' }).first().click();
    const dialog = page.getByRole('dialog');
    const make = dialog.getByRole('button', { name: 'New payment link' });
    assert.ok(await make.isDisabled(), 'nothing to be paid for yet');
    await dialog.getByLabel('Amount').fill('1 234,50');
    await dialog.getByLabel('Order reference').fill('ORDER-100045');
    await dialog.getByLabel('Description').fill('<b>Two tickets</b>');
    await dialog.getByLabel('Can be paid until').fill('2026-01-01T00:00');
    await dialog.getByLabel('Wallet').uncheck();
    await dialog.getByLabel('Capture by itself').uncheck();
    await dialog.getByLabel('Where the payer goes after paying').fill('https://shop.example/paid?order=1');
    await dialog.getByLabel('Where the payer goes when the payment failed').fill('nowhere');
    await make.click();
    await dialog.getByText('Enter an address such as https://shop.example/thanks').waitFor();
    await shoot(page, 'link-dialog');
    assert.deepEqual(await graveAxeFindings(page), []);
    await dialog.getByLabel('Where the payer goes when the payment failed').fill('myapp://failed');
    await make.click();
    await dialog.getByText('Must be in the future, at most a year ahead').waitFor();
    const end = inDays(2);
    await dialog.getByLabel('Can be paid until').fill(end.local);
    await make.dblclick();

    await page.getByRole('heading', { level: 1, name: '1,234.50' }).getByText('Active').waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    const { items } = (await dashboard.sandbox.call('GET', '/v1/payment-links')).body;
    assert.deepEqual(
      items.map((link: { id: string }) => link.id),
      [id],
      'a double click makes one',
    );
    const link = await get(id);
    assert.equal(link.expiresAt, end.iso);
    assert.deepEqual(
      [link.amount, link.currency, link.description, link.paymentMethods, link.autoClearing, link.reusable],
      [123_450, 'KZT', '<b>Two tickets</b>', ['card'], false, false],
    );
    assert.deepEqual(link.metadata, {
      successUrl: 'https://shop.example/paid?order=1',
      failureUrl: 'myapp://failed',
    });

    await page.getByRole('button', { name: 'Copy the link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link.url);
    for (const [end, type] of [
      ['svg', 'image/svg+xml'],
      ['png', 'image/png'],
    ] as const) {
      const button = page.getByRole('button', { name: `Download ${end.toUpperCase()}` });
      const download = await downloadBy(page, button);
      assert.equal(download.suggestedFilename(), `${id}.${end}`);
      assert.equal(await readQrCode(page, readFileSync(await download.path()), type, 1_000), link.url, end);
    }
    const shown = await page.getByRole('img', { name: 'QR code of the payment link' }).screenshot();
    assert.equal(await readQrCode(page, shown, 'image/png', 200), link.url, 'on the page');
    await page.getByText('Nobody has begun to pay yet.').waitFor();
    await shoot(page, 'link-active');

    // Nobody reloads: the stream says that it is paid.
    await page.getByText('Live', { exact: true }).waitFor();
    const paid = await payer.byCard(id);
    assert.equal(paid.kind, 'payment');
    await page.getByRole('heading', { level: 1 }).getByText('Paid').waitFor();
    await page.getByText('Payment link paid').waitFor();
    await page.getByText('Nobody can pay by this link any more.').waitFor();
    assert.equal(await page.getByRole('img', { name: 'QR code of the payment link' }).count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Cancel the link' }).count(), 0);
    await shoot(page, 'link-paid');
    await page.getByRole('table', { name: 'Payments' }).getByRole('link').click();
    await page.getByText('By hand').waitFor();
    await shoot(page, 'link-payment');
    await page.getByRole('link', { name: 'Open the payment link' }).click();
    await page.getByRole('table', { name: 'Payments' }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/dashboard/payment-links/${id}`);
    await dashboard.close(page);
  });

  test('from the dialog to the shop’s server: a phone pays with 3-D Secure, and everybody sees it', async () => {
    const page = await dashboard.open('merchant', '/payment-links');
    await page.getByRole('button', { name: 'New payment link' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Amount').fill('15 490');
    await dialog.getByLabel('Order reference').fill('ORDER-100046');
    await dialog.getByLabel('Where your server is told').fill('myapp://told');
    const make = dialog.getByRole('button', { name: 'New payment link' });
    await make.click();
    await dialog.getByText('Enter an address such as https://shop.example/hooks').waitFor();
    await dialog.getByLabel('Where your server is told').fill(`${shop.url}/told?order=100046`);
    await make.click();
    const heading = page.getByRole('heading', { level: 1, name: '15,490.00' });
    await heading.getByText('Active').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const { url, id } = await get(new URL(page.url()).pathname.split('/').at(-1) ?? '');

    const phone = await page
      .context()
      .browser()
      ?.newPage({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    assert.ok(phone !== undefined);
    await phone.goto(url);
    await phone.getByLabel('Card number').pressSequentially(CHALLENGED);
    await phone.getByLabel('Expiry date').pressSequentially('1235');
    await phone.getByLabel('Security code').pressSequentially('123');
    await phone.getByLabel('Name on the card').fill('Aigerim Sadykova');
    await phone.getByRole('button', { name: /^Pay / }).click();
    await phone.getByRole('button', { name: 'Approve' }).click();
    await phone.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
    await phone.close();

    await heading.getByText('Paid').waitFor();
    const told = ['3d', 'authorized', 'created'].map((status) => `transaction.${status}`);
    told.unshift('payment_link.created', 'payment_link.paid');
    await shop.until(({ received }) => received.length === told.length, 'the shop is told');
    assert.deepEqual(shop.names().sort(), told);
    for (const { path, headers } of shop.received) {
      assert.equal(path, '/hook/told?order=100046');
      assert.match(headers.authorization ?? '', /^Bearer /);
    }
    assert.equal((await get(id)).status, 'paid');
    await dashboard.sandbox.assertInvariants();
    await dashboard.close(page);
  });

  test('the list is counted, filtered by status, and searched by order; a filter stands in the address', async () => {
    await create({ orderReference: 'LIST-1' });
    const ended = await create({ orderReference: 'LIST-2' });
    await dashboard.sandbox.call('POST', `/v1/payment-links/${ended.id}/cancel`, { body: {} });
    await create({ orderReference: 'LIST-3', amount: 199, currency: 'USD' });
    const page = await dashboard.open('viewer', '/payment-links');
    const sums = page.getByRole('region', { name: 'Payment links by status' });
    await sums.getByText('1.99').waitFor();
    assert.match(
      (await sums.innerText()).replace(/\s+/g, ' '),
      /^Active 2 ₸500\.00 KZT \$1\.99 USD Paid 2 ₸16,724\.50 KZT Expired 0 Cancelled 1 ₸500\.00 KZT$/,
    );
    assert.equal(await page.getByRole('button', { name: 'New payment link' }).count(), 0, 'a viewer looks');
    const rows = page.getByRole('table').locator('tbody tr');
    await rows.filter({ hasText: 'LIST-1' }).waitFor();
    await shoot(page, 'links');

    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByRole('button', { name: 'Cancelled' }).click();
    await rows.filter({ hasText: 'LIST-1' }).waitFor({ state: 'detached' });
    await rows.getByText('LIST-2').waitFor();
    assert.equal(await rows.count(), 1);
    assert.equal(new URL(page.url()).search, '?status=cancelled');
    await page.getByRole('button', { name: 'Remove the filter Status' }).click();
    await page.getByRole('searchbox', { name: 'Order reference' }).fill(' LIST-3 ');
    await page.keyboard.press('Enter');
    await rows.filter({ hasText: 'LIST-2' }).waitFor({ state: 'detached' });
    await rows.filter({ hasText: 'LIST-3' }).waitFor();
    assert.equal(new URL(page.url()).search, '?orderReference=LIST-3');
    await page.getByRole('searchbox', { name: 'Order reference' }).fill('LIST-9');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('Nothing matches these filters').waitFor();
    await page.getByRole('link', { name: 'Clear filters' }).click();
    await rows.filter({ hasText: 'LIST-2' }).waitFor();
    await rows.filter({ hasText: 'LIST-3' }).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: '1.99' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Change the end' }).count(), 0);
    await dashboard.close(page);
  });

  test('its end is changed; it is cancelled after a question, but not while somebody pays', async () => {
    const [first, proposed, next] = [inDays(3), inDays(4), inDays(30)];
    const link = await create({ orderReference: 'CANCEL-1', expiresAt: first.iso });
    await payer.byCard(link.id, { number: CHALLENGED });
    const page = await dashboard.open('manager', `/payment-links/${link.id}`);
    await page.getByRole('button', { name: 'Change the end' }).click();
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByLabel('Can be paid until').inputValue(), proposed.local);
    await dialog.getByLabel('Can be paid until').fill(next.local);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.locator(`time[datetime="${next.iso}"]`).waitFor();
    assert.equal((await get(link.id)).expiresAt, next.iso);

    await page.getByRole('button', { name: 'Cancel the link' }).click();
    await dialog.getByRole('button', { name: 'Cancel the link' }).click();
    await dialog.getByText('A payment by this payment link is under way; its outcome comes first.').waitFor();
    assert.equal((await get(link.id)).status, 'active');
    const [attempt] = (await dashboard.sandbox.call('GET', `/v1/transactions/by-payment-link/${link.id}`))
      .body.items;
    await dashboard.sandbox.call('POST', `/v1/transactions/${attempt.id}/cancel`, { body: {} });
    await dialog.getByRole('button', { name: 'Cancel the link' }).click();
    await page.getByRole('heading', { level: 1 }).getByText('Cancelled').waitFor();
    await page.getByText('Payment link cancelled').waitFor();
    assert.equal((await get(link.id)).status, 'cancelled');
    await page.goto(`${dashboard.sandbox.url}/dashboard/payment-links/pl_${'0'.repeat(32)}`);
    await page.getByText('There is no such payment link.', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Back to the list' }).click();
    await page.getByRole('heading', { name: 'Payment links' }).waitFor();
    await dashboard.close(page);
  });
});
