/** The built page, with any state of a link that a test wants to look at, and a browser to look with. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Language } from '@plexy-pay/payer-pages';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { builtPageOf, checkoutShell, shellPolicy } from '../../../server/src/checkout/shell.ts';
import { startBrowser } from '../../../server/test/support/browser.ts';
import { pngOf } from '../../../server/test/support/png.ts';
import type { CheckoutState, LinkState } from '../../src/state.ts';

export { withoutBrowser } from '../../../server/test/support/browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

export const LINK = 'pl_01978a1c5f5a7b3c8d2e4f60718293a4';

/** Wide, as many are. */
export const LOGO = { url: '/checkout/logos/wide', width: 120, height: 32 };

export function linkState(more: Partial<LinkState> = {}): LinkState {
  const now = Date.parse('2026-11-27T10:00:00Z');
  return {
    status: 'open',
    merchant: { name: 'Demo Store', colors: null, logo: null },
    amount: '1549000',
    currency: 'KZT',
    description: 'Winter jacket, size M',
    orderReference: 'KZ-20410',
    expiresAt: new Date(now + 3_540_000).toISOString(),
    now: new Date(now).toISOString(),
    paymentMethods: ['card', 'wallet'],
    locale: null,
    mode: 'production',
    isOwn: false,
    redirectUrl: null,
    reason: null,
    lockedUntil: null,
    savedCards: [],
    canKeepCard: false,
    agreement: null,
    urls: { success: null, failure: null, cancel: null },
    ...more,
  };
}

/** What the server is asked to do, as it came. */
export interface Posted {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any;
}

type Reply = { readonly status: number; readonly body: unknown } | 'hang up' | 'never';

export interface Pages {
  readonly url: string;
  readonly browser: Browser;
  readonly posted: Posted[];
  /** The state that the page comes with, and that it is told when it asks. */
  state: CheckoutState;
  /** What an attempt is answered with, and what is so afterwards. */
  answer: (posted: Posted) => Reply;
  /** What went wrong in any page. */
  readonly problems: string[];
  open(options?: BrowserContextOptions, query?: string): Promise<Page>;
  stop(): Promise<void>;
}

export async function startPages(): Promise<Pages> {
  const server = createServer((request, response) => {
    void serve(pages, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await startBrowser();
  const pages: Pages = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    browser,
    posted: [],
    state: linkState(),
    answer: () => ({ status: 200, body: pages.state }),
    problems: [],
    open: async (options = {}, query = '') => {
      const context = await browser.newContext({
        viewport: { width: 390, height: 844 },
        timezoneId: 'Asia/Almaty',
        locale: 'en-GB',
        reducedMotion: 'reduce',
        ...options,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('pageerror', (error) => pages.problems.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          pages.problems.push(message.text());
      });
      await page.goto(`${pages.url}/checkout/${LINK}${query}`);
      return page;
    },
    stop: async () => {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
  return pages;
}

async function serve(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const name = pathname.split('/').at(-1) ?? '';
  const json = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(body));
  };
  if (pathname === LOGO.url) {
    response.writeHead(200, { 'content-type': 'image/png' });
    response.end(pngOf(LOGO.width, LOGO.height));
  } else if (request.method === 'POST') {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const posted = { method: name, body: JSON.parse(Buffer.concat(chunks).toString()) };
    pages.posted.push(posted);
    const reply = pages.answer(posted);
    if (reply === 'hang up') request.socket.destroy();
    else if (reply !== 'never') json(reply.status, reply.body);
  } else if (name === 'state') json(pages.state.status === 'not_found' ? 404 : 200, pages.state);
  else if (name === LINK) {
    const built = builtPageOf(await readFile(path.join(DIST, 'index.html'), 'utf8'));
    const language = (searchParams.get('lang') ?? 'en') as Language;
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': shellPolicy(built, []),
    });
    response.end(checkoutShell(built, pages.state, language));
  } else {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<title>Elsewhere</title><h1>${name === 'bank' ? 'The bank' : 'The shop'}</h1>`);
  }
}

/** All that axe finds, as `rule: element`. */
export async function axeFindings(page: Page): Promise<string[]> {
  // By the debugger, which the page's policy does not concern.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async () => {
    interface Finding {
      readonly id: string;
      readonly nodes: readonly { readonly html: string }[];
    }
    interface Axe {
      run(options: object): Promise<{ violations: readonly Finding[] }>;
    }
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}
