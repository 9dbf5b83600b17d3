/**
 * `node bench/checkout.ts`: how long a payer waits for the checkout, in a real browser with the network that Chromium calls
 * "Slow 4G" and a processor four times as slow: until the card form can be typed into; and from the click on "Pay" to the
 * result, without throttling, beside what the server and its bank take for the same attempt.
 */
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../packages/server/test/support/browser.ts';
import { createDatabase, startDatabase } from './database.ts';
import { startProduct } from './processes.ts';
import { median } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';
import '../packages/server/test/support/run.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const ROUNDS = Number(options.rounds);
/** Of Chromium's own list; bytes a second, and milliseconds until an answer begins. */
const SLOW_4G = { offline: false, downloadThroughput: 180_000, uploadThroughput: 84_375, latency: 562.5 };
const CPU_RATE = 4;
const VISA = '4242424242424242';

async function createLink(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/payment-links`, {
    method: 'POST',
    headers: { authorization: 'pr_test_demo', 'content-type': 'application/json' },
    body: JSON.stringify({ amount: 15_000, currency: 'KZT', orderReference: 'BENCH', locale: 'en' }),
  });
  return ((await response.json()) as { url: string }).url;
}

async function newPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  return context.newPage();
}

/** A script of the page's that notes when the first such element is there. */
function markWhen(selector: string, name: string): { content: string } {
  return {
    content: `new MutationObserver((_, seen) => {
      if (document.querySelector('${selector}') === null) return;
      seen.disconnect();
      performance.mark('${name}');
    }).observe(document, { childList: true, subtree: true })`,
  };
}

/** From the beginning of the navigation, in ms. */
async function untilInteractive(browser: Browser, link: string): Promise<number> {
  const page = await newPage(browser);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', SLOW_4G);
  await session.send('Emulation.setCPUThrottlingRate', { rate: CPU_RATE });
  // Noted in the page itself: a driver that asks again and again would see it later.
  await page.addInitScript(markWhen('form input', 'form'));
  await page.goto(link);
  await page.locator('form input').first().waitFor();
  const ms = await page.evaluate(() => performance.getEntriesByName('form')[0]?.startTime ?? Number.NaN);
  await page.context().close();
  return ms;
}

/** From the click to the result, and what of it the attempt's request took, in ms. */
async function untilPaid(browser: Browser, link: string): Promise<{ all: number; request: number }> {
  const page = await newPage(browser);
  await page.addInitScript({ content: `addEventListener('submit', () => performance.mark('submit'), true)` });
  await page.addInitScript(markWhen('.icon.good', 'paid'));
  await page.goto(link);
  await page.getByLabel('Card number').fill(VISA);
  await page.getByLabel('Expiry date').fill('12/35');
  await page.getByLabel('Security code').fill('123');
  await page.getByLabel('Name on the card').fill('Aigerim Sadykova');
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
  const times = await page.evaluate(() => {
    const at = (name: string): number => performance.getEntriesByName(name)[0]?.startTime ?? Number.NaN;
    const [attempt] = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/card'));
    return { all: at('paid') - at('submit'), request: attempt?.duration ?? Number.NaN };
  });
  await page.context().close();
  return times;
}

async function main(undo: Undo): Promise<void> {
  const database = await startDatabase();
  undo.push(() => database.stop());
  const { url: databaseUrl, drop } = await createDatabase(database.url, 'checkout');
  undo.push(drop);
  const product = await startProduct({ DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'warn' }, []);
  undo.push(() => product.stop());
  const browser = await startBrowser();
  undo.push(() => browser.close());
  const loads: number[] = [];
  const payments: { all: number; request: number }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const load = await untilInteractive(browser, await createLink(product.url));
    const payment = await untilPaid(browser, await createLink(product.url));
    // The first one warms server and browser up.
    if (round === 0) continue;
    loads.push(load);
    payments.push(payment);
  }
  const own = payments.map(({ all, request }) => all - request);
  const text = (values: readonly number[]): string =>
    `median ${median(values).toFixed(0)} ms, worst ${Math.max(...values).toFixed(0)} ms`;
  process.stdout.write(`The form can be typed into (Slow 4G, processor / ${CPU_RATE}): ${text(loads)}\n`);
  process.stdout.write(`Click to result: ${text(payments.map(({ all }) => all))}\n`);
  process.stdout.write(`… of it in the page, besides its request: ${text(own)}\n`);
}

await runAndUndo(main);
