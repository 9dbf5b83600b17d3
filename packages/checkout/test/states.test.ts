/** Every state of the page, in each language, light and dark, from 320 to 1280 px: it says what it should, and fits. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Language } from '@plexy-pay/payer-pages';
import type { Page } from 'playwright-core';
import type { CheckoutState, SavedCard } from '../src/state.ts';
import { type Word, word } from '../src/words.ts';
import {
  axeFindings,
  LINK,
  LOGO,
  linkState,
  type Pages,
  startPages,
  withoutBrowser,
} from './support/pages.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const urls = {
  success: 'https://shop.test/ok',
  failure: 'https://shop.test/back',
  cancel: 'https://shop.test/cart',
};
const SAVED: readonly SavedCard[] = [
  { id: `ct_${'1'.repeat(32)}`, brand: 'visa', last4: '4242', expiryMonth: 4, expiryYear: 2030 },
  { id: `ct_${'2'.repeat(32)}`, brand: 'american-express', last4: '0005', expiryMonth: 12, expiryYear: 2031 },
];
const LONG = 'Товарищество-с-ограниченной-ответственностью-и-названием-без-единого-пробела';

/** What its heading says, and the state. */
const STATES: Readonly<Record<string, readonly [heading: Word, state: CheckoutState]>> = {
  open: ['title', linkState({ urls })],
  sandbox: ['title', linkState({ mode: 'sandbox', paymentMethods: ['card'] })],
  wallet: ['title', linkState({ mode: 'sandbox', paymentMethods: ['wallet'] })],
  long: [
    'title',
    linkState({
      ...{
        merchant: { name: LONG, colors: null, logo: null },
        description: 'x'.repeat(500),
        orderReference: 'ORDER-'.repeat(40),
      },
      ...{ amount: '900719925474099100', mode: 'sandbox', urls, expiresAt: '2027-01-27T10:00:00Z' },
    }),
  ],
  looks: [
    'title',
    linkState({
      merchant: { name: 'Demo Store', colors: { light: '#0a7d4f', dark: '#2bd98f' }, logo: LOGO },
      urls,
    }),
  ],
  keep: ['title', linkState({ canKeepCard: true })],
  agree: [
    'title',
    linkState({
      ...{
        paymentMethods: ['card'],
        canKeepCard: true,
        mode: 'sandbox',
        merchant: { name: LONG, colors: null, logo: null },
      },
      agreement: { frequencyDays: 28, until: '2027-12-31T00:00:00.000Z' },
    }),
  ],
  'saved cards': ['title', linkState({ savedCards: SAVED, canKeepCard: true, urls })],
  'saved cards, agree': [
    'title',
    linkState({ savedCards: SAVED, canKeepCard: true, agreement: { frequencyDays: null, until: null } }),
  ],
  paying: ['paying.title', linkState({ status: 'paying', isOwn: true })],
  'paid by another': ['paying.other.title', linkState({ status: 'paying' })],
  challenge: [
    'challenge.title',
    linkState({ status: 'challenge', isOwn: true, redirectUrl: 'https://bank.test/3ds' }),
  ],
  confirmation: ['confirmation.title', linkState({ status: 'confirmation', isOwn: true })],
  paid: ['paid.title', linkState({ status: 'paid', isOwn: true, urls })],
  declined: [
    'declined.title',
    linkState({ status: 'declined', isOwn: true, reason: 'insufficient_funds', urls }),
  ],
  'bank down': [
    'declined.title',
    linkState({ status: 'declined', isOwn: true, reason: 'processing_error', paymentMethods: ['card'] }),
  ],
  locked: ['locked.title', linkState({ status: 'locked', lockedUntil: '2026-11-27T10:04:59Z' })],
  expired: ['expired.title', linkState({ status: 'expired', urls })],
  cancelled: ['cancelled.title', linkState({ status: 'cancelled' })],
  'not found': ['not_found.title', { status: 'not_found' }],
};
const LANGUAGES: readonly Language[] = ['kk', 'ru', 'en'];

describe('states of the checkout', { skip: withoutBrowser }, () => {
  let pages: Pages;
  before(async () => {
    pages = await startPages();
  });
  after(async () => {
    await pages?.stop();
    assert.deepEqual(pages?.problems, []);
  });

  const fits = (page: Page) =>
    page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      const cut = [...document.querySelectorAll('button, .amount, label, h1:not(.hidden)')].filter(
        (element) => element.scrollWidth > element.clientWidth + 1,
      );
      return scrollWidth <= clientWidth && cut.length === 0;
    });

  for (const width of [320, 390, 1280])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`${width} px, ${colorScheme}`, async () => {
        const page = await pages.open({ viewport: { width, height: 760 }, colorScheme });
        for (const [name, [heading, state]] of Object.entries(STATES)) {
          pages.state = state;
          await page.goto(`${pages.url}/checkout/${LINK}`);
          for (const language of LANGUAGES) {
            await page.locator(`nav button[lang=${language}]`).click();
            const shop = state.status === 'not_found' ? '' : state.merchant.name;
            const title = word(language, heading, { shop });
            await page.getByRole('heading', { name: title, exact: true }).waitFor();
            const where = `${name} ${width} ${colorScheme} ${language}`;
            // It follows the words a moment later.
            await page.locator(`html[lang=${language}]`).waitFor({ state: 'attached' });
            assert.ok(await fits(page), `${where} does not fit`);
            if (SCREENSHOTS !== undefined)
              await page.screenshot({
                path: `${SCREENSHOTS}/${where.replaceAll(' ', '-')}.png`,
                fullPage: true,
              });
            // Colours and names are the same at every width, and the words' language changes neither.
            if (width === 390 && language === 'ru') assert.deepEqual(await axeFindings(page), [], where);
          }
        }
        await page.context().close();
      });

  test('an amount is written in each language’s way, with the currency’s code where its sign stands for several', async () => {
    const page = await pages.open();
    for (const [amount, currency, language, text] of [
      ['1549000', 'KZT', 'kk', '15 490,00 ₸'],
      ['1549000', 'KZT', 'ru', '15 490,00 ₸'],
      ['1549000', 'KZT', 'en', '₸15,490.00'],
      ['1549000', 'USD', 'en', '$15,490.00 USD'],
      ['15', 'JPY', 'ru', '15 ¥ JPY'],
      ['1500', 'KWD', 'en', 'KWD 1.500'],
    ] as const) {
      pages.state = linkState({ amount, currency });
      await page.goto(`${pages.url}/checkout/${LINK}?lang=${language}`);
      const shown = (await page.locator('.amount').textContent()) ?? '';
      assert.equal(shown.replace(/[\u00a0\u202f]/g, ' '), text);
    }
    await page.context().close();
  });

  test('what a merchant writes is text, wherever it stands', async () => {
    const evil = '"><img src=x onerror="document.title=1"><script>document.title=1</script>&amp;\u202e';
    pages.state = linkState({
      ...{ merchant: { name: evil, colors: null, logo: null }, description: evil, orderReference: evil },
      urls: { success: null, failure: null, cancel: null },
    });
    const page = await pages.open();
    assert.equal(await page.locator('.description').textContent(), evil);
    assert.equal(await page.locator('.shop bdi').textContent(), evil);
    assert.equal(await page.locator('img').count(), 0);
    assert.ok((await page.title()).includes('<script>'));
    await page.context().close();
  });

  test('without scripts the page says what it needs', async () => {
    pages.state = linkState();
    const page = await pages.open({ javaScriptEnabled: false }, '?lang=ru');
    assert.match((await page.locator('body').textContent()) ?? '', /JavaScript: включите/);
    await page.context().close();
  });
});
