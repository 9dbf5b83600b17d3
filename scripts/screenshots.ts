/**
 * Makes docs/images/*.png: the dashboard, light, dark and on a phone, of a sandbox of its own with some days of
 * payments in it, and the checkout. It needs Chromium, and the pages built (`npm run prepare`).
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PlexyPayError, RequestSender } from '@plexy-pay/sdk';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { readConfig } from '../packages/server/src/app/config.ts';
import { createLogger } from '../packages/server/src/app/logging.ts';
import { startServer } from '../packages/server/src/app/server.ts';
import { startBrowser } from '../packages/server/test/support/browser.ts';
import { makeDataDir } from '../packages/server/test/support/dataDir.ts';

const IMAGES = 'docs/images';
const DAYS = 4;
const HOUR_SECONDS = 3_600;

type Paid = { readonly id: string; readonly status: string };

/** The same pictures from the same program: no randomness but this. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const GOODS = [
  'Winter jacket',
  'Running shoes',
  'Coffee beans, 1 kg',
  'Desk lamp',
  'Two concert tickets',
  'Backpack',
];
const CARDS = [
  '4242424242424242',
  '5555555555554444',
  '2200000000000004',
  '4242424242424242',
  '5555555555554444',
];
const BAD_CARDS = ['4000000000000002', '4000000000009995', '4000000000000069', '4000000000000002'];

/** Some days of a shop's life: by day more than by night. */
async function fill(api: RequestSender): Promise<string> {
  const random = randomNumbers(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const post = <T>(to: string, body: object): Promise<T> => api.send<T>({ method: 'POST', path: to, body });
  let order = 48_210;
  let shown = '';
  const pay = async (): Promise<void> => {
    order += 1;
    const orderReference = `ORDER-${order}`;
    const amount = Math.floor(500 + random() * 40_000) * 100 - (random() < 0.3 ? 1 : 0);
    if (random() < 0.35) {
      const customer = { phoneNumber: '+77010000001', iin: '900101300017' };
      const wallet = await post<{ walletTransactionId: string }>('/v1/wallet/authorize', {
        amount,
        currency: 'KZT',
        orderReference,
        ...customer,
      });
      if (random() < 0.8) await post(`/v1/transactions/${wallet.walletTransactionId}/capture`, {});
      return;
    }
    const number = random() < 0.12 ? pick(BAD_CARDS) : random() < 0.03 ? '4000000000003220' : pick(CARDS);
    const card = { number, expiryMonth: 12, expiryYear: 2035, cvc: '123' };
    const what = {
      amount,
      currency: random() < 0.12 ? 'USD' : 'KZT',
      orderReference,
      description: pick(GOODS),
    };
    const { id, status } = await post<Paid>('/v1/payments', {
      ...what,
      card,
      returnUrl: 'http://127.0.0.1/',
    });
    if (status !== 'authorized' || random() < 0.1) return;
    await post(`/v1/transactions/${id}/capture`, random() < 0.1 ? { amount: Math.floor(amount / 2) } : {});
    if (random() >= 0.12) return;
    await post(`/v1/transactions/${id}/refund`, { amount: Math.floor(amount / 4) });
    shown = id;
  };
  for (let hour = 0; hour < DAYS * 24; hour += 1) {
    const count = Math.round((hour % 24 < 7 ? 1 : 6) * (0.5 + random()));
    for (let i = 0; i < count; i += 1) await pay();
    if (hour < DAYS * 24 - 1) await post('/v1/sandbox/clock', { advanceSeconds: HOUR_SECONDS });
  }
  return shown;
}

/** The page on which a payer pays a link, on a phone: being filled in, and paid. */
async function takeCheckouts(url: string, api: RequestSender, browser: Browser): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const what = { amount: 1_549_000, currency: 'KZT', orderReference: 'ORDER-48211' };
    const link = await api.send<{ url: string }>({
      ...{ method: 'POST', path: '/v1/payment-links' },
      body: { ...what, description: 'Winter jacket', metadata: { successUrl: `${url}/health` } },
    });
    const context = await browser.newContext({
      ...{ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme },
      locale: 'en-GB',
    });
    const page = await context.newPage();
    await page.goto(link.url);
    const fill = (label: string, text: string): Promise<void> => page.getByLabel(label).fill(text);
    await fill('Card number', '4242 4242 4242 4242');
    await fill('Expiry date', '12 / 35');
    await fill('Security code', '123');
    await fill('Name on the card', 'Aigerim Sadykova');
    await page.screenshot({ path: path.join(IMAGES, `checkout-${colorScheme}.png`), fullPage: true });
    await page.getByRole('button', { name: /^Pay / }).click();
    await page.getByRole('heading', { name: 'Paid' }).waitFor();
    await page.screenshot({ path: path.join(IMAGES, `checkout-paid-${colorScheme}.png`) });
    await context.close();
  }
}

async function main(): Promise<void> {
  const dataDir = await makeDataDir('screenshots');
  const logger = createLogger('error', { write: (line: string) => void process.stderr.write(line) });
  const server = await startServer(readConfig({ DATA_DIR: dataDir, PORT: '0' }), logger);
  const browser = await startBrowser();
  try {
    const api = new RequestSender({ apiKey: 'pr_test_demo', baseUrl: server.url });
    await mkdir(IMAGES, { recursive: true });
    const transaction = await fill(api);
    const take = async (
      name: string,
      who: string,
      address: string,
      options: BrowserContextOptions,
    ): Promise<void> => {
      const context = await browser.newContext({
        viewport: { width: 1440, height: 900 },
        timezoneId: 'Asia/Almaty',
        locale: 'en-GB',
        ...options,
      });
      const data = { email: `${who}@demo.test`, password: 'sandbox' };
      const signedIn = await context.request.post(`${server.url}/v1/session`, {
        data,
        headers: { origin: server.url },
      });
      if (!signedIn.ok()) throw new PlexyPayError(`signing in answered ${signedIn.status()}`);
      const page = await context.newPage();
      await page.goto(`${server.url}/dashboard${address}`);
      await page.locator('h1').waitFor();
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      // Charts are drawn, and marks of what is new have faded.
      await page.waitForTimeout(3_000);
      await page.screenshot({ path: path.join(IMAGES, `${name}.png`) });
      await context.close();
    };
    const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
    await takeCheckouts(server.url, api, browser);
    await take('overview-light', 'merchant', '/', { colorScheme: 'light' });
    await take('overview-dark', 'merchant', '/', { colorScheme: 'dark' });
    await take('transactions-light', 'merchant', '/transactions', { colorScheme: 'light' });
    await take('transactions-dark', 'merchant', '/transactions', { colorScheme: 'dark' });
    await take('transaction-light', 'merchant', `/transactions/${transaction}`, { colorScheme: 'light' });
    await take('issues-light', 'merchant', '/issues', { colorScheme: 'light' });
    await take('health-dark', 'operator', '/operator/health', { colorScheme: 'dark' });
    await take('overview-phone', 'merchant', '/', { colorScheme: 'light', ...phone });
    await take('transactions-phone', 'merchant', '/transactions', { colorScheme: 'dark', ...phone });
  } finally {
    await browser.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

await main();
