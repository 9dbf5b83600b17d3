/** A sandbox with the dashboard in front of it, and a browser in which people are signed in. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { startBrowser } from '../../../server/test/support/browser.ts';
import { type Sandbox, startSandbox } from '../../../server/test/support/sandbox.ts';

export { withoutBrowser } from '../../../server/test/support/browser.ts';

export type Who = 'merchant' | 'manager' | 'viewer' | 'operator';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface Dashboard {
  readonly sandbox: Sandbox;
  readonly browser: Browser;
  /** A page of a browser of its own, signed in and at this address; null: nobody is signed in. */
  open(who: Who | null, path?: string, options?: BrowserContextOptions): Promise<Page>;
  /**
   * For a page that nobody needs any more: its browser is the next page's. (A new one starts a process and compiles
   * everything again, a second of a processor. Whoever tells a page not to load something closes its context instead.)
   */
  close(page: Page): Promise<void>;
  /** A card payment of Demo Store. @returns the transaction */
  pay(body?: Record<string, unknown>): Promise<Paid>;
  /** Checks the invariants and that no page had an error, then stops everything. */
  stop(): Promise<void>;
}

export interface Paid {
  readonly id: string;
  readonly status: string;
  readonly orderReference: string;
}

/** Of each page, unless it is opened otherwise. */
const USUAL = {
  viewport: { width: 1280, height: 800 },
  timezoneId: 'Asia/Almaty',
  locale: 'en-GB',
  colorScheme: 'light',
  // What moves is drawn by the processor that everything else runs on.
  reducedMotion: 'reduce',
} as const;

export async function startDashboard(environment: Record<string, string> = {}): Promise<Dashboard> {
  const sandbox = await startSandbox(environment);
  const browser = await startBrowser();
  const problems: string[] = [];
  const cookies = new Map<Who, string>();
  /** Pages to be used again, by what their contexts were made with. */
  const unused = new Map<string, Page[]>();
  const kinds = new WeakMap<Page, string>();
  const newPage = async (context: BrowserContext): Promise<Page> => {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    watch(page, problems);
    return page;
  };
  return {
    sandbox,
    browser,
    open: async (who, path = '', options = {}) => {
      const { viewport, colorScheme, reducedMotion, ...others } = { ...USUAL, ...options };
      const kind = JSON.stringify(others);
      const page = unused.get(kind)?.pop() ?? (await newPage(await browser.newContext(others)));
      kinds.set(page, kind);
      await page.setViewportSize(viewport ?? USUAL.viewport);
      await page.emulateMedia({ colorScheme, reducedMotion });
      if (who !== null) {
        const cookie = cookies.get(who) ?? (await signIn(sandbox.url, who));
        cookies.set(who, cookie);
        const [name = '', value = ''] = cookie.split('=');
        await page.context().addCookies([{ name, value, url: sandbox.url }]);
      }
      await page.goto(`${sandbox.url}/dashboard${path}`);
      return page;
    },
    close: async (page) => {
      if (!(await isCleared(page, `${sandbox.url}/health`))) return page.context().close();
      const kind = kinds.get(page) ?? '';
      unused.set(kind, [...(unused.get(kind) ?? []), page]);
    },
    pay: async (body = {}) => {
      const reply = await sandbox.call('POST', '/v1/payments', {
        idempotencyKey: crypto.randomUUID(),
        body: {
          amount: 15_000,
          currency: 'KZT',
          orderReference: 'ORDER-1',
          card: { number: '4242424242424242', expiryMonth: 12, expiryYear: 2035, cvc: '123' },
          ...body,
        },
      });
      assert.equal(reply.status, 201, reply.text);
      return reply.body;
    },
    stop: async () => {
      await browser.close();
      await sandbox.stop();
      assert.deepEqual(problems, []);
    },
  };
}

/**
 * Leaves the page without anything of what was done in it.
 * @param elsewhere of the same origin, so that its process goes on
 * @returns false: it was still busy with something that came between, and is not to be used again
 */
async function isCleared(page: Page, elsewhere: string): Promise<boolean> {
  const context = page.context();
  try {
    for (const other of context.pages()) if (other !== page) await other.close();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.clearCookies();
    await context.clearPermissions();
    await page.goto(elsewhere);
    await page.evaluate(() => {
      localStorage.clear();
      sessionStorage.clear();
    });
    return true;
  } catch {
    return false;
  }
}

/** @returns the session's cookie as `name=value` */
export async function signIn(url: string, who: Who): Promise<string> {
  const response = await fetch(`${url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ email: `${who}@demo.test`, password: 'sandbox' }),
  });
  assert.equal(response.status, 200);
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

/** Notes what the page's script throws, and what its policy forbids. */
function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !text.startsWith('Failed to load resource'))
      problems.push(`${page.url()}: ${text}`);
  });
}

/**
 * What axe finds, as `rule: element`.
 * @param rules only these; without them all, of the two graver sorts
 */
export async function graveAxeFindings(page: Page, rules: readonly string[] = []): Promise<string[]> {
  // Rows that wait for others to take their place are pale.
  await page.waitForFunction(() => document.querySelector('.rows-stale') === null);
  // What changes its colours is pale, too.
  await page.waitForFunction(() =>
    document.getAnimations().every(({ playState }) => playState !== 'running'),
  );
  // By the debugger, which the page's policy does not concern.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (wanted) => {
    interface Finding {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string }[];
    }
    interface Axe {
      run(options: object): Promise<{ violations: readonly Finding[] }>;
    }
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations } = await axe.run({
      resultTypes: ['violations'],
      ...(wanted.length === 0 ? {} : { runOnly: wanted }),
    });
    return violations
      .filter(({ impact }) => wanted.length > 0 || impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  }, rules);
}
