/** 3-D Secure as a payer goes through it, in Chromium; then everything that a payer should not do. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { AUTHENTICATION_CHECK_MS } from '../../src/core/bankAnswers.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { advanceClock, CHALLENGED, eventually, operate, pay, settled, stored } from '../support/cards.ts';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const CHALLENGED_THEN_DECLINED = '4000008400001629';
const QUARTER_HOUR_MS = 15 * 60_000;

let bank: TestBank;
let sandbox: Sandbox;
let shop: { readonly url: string; close(): void };

before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox(bank.environment);
  shop = await startShop();
});
after(async () => {
  shop?.close();
  await sandbox?.stop();
  await bank?.end();
});

/** A shop's page that payers come back to. */
async function startShop(): Promise<{ url: string; close(): void }> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<title>Shop</title><h1>Thank you</h1>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/back?order=7`, close: () => server.close() };
}

async function begin(number = CHALLENGED, body: Record<string, unknown> = {}): Promise<Reply['body']> {
  const reply = await pay(sandbox.call, number, { returnUrl: shop.url, ...body });
  assert.deepEqual([reply.status, reply.body.status], [201, '3d'], reply.text);
  assert.match(reply.body.redirectUrl, /^http:\/\/127\.0\.0\.1:\d+\/acs\//);
  return reply.body;
}

/** Decides on the bank's page without a browser. @returns where the bank sends the payer */
async function decide(redirectUrl: string, decision: 'approve' | 'decline'): Promise<string> {
  const body = new URLSearchParams({ decision });
  const response = await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
  assert.equal(response.status, 303);
  return response.headers.get('location') ?? '';
}

async function comeBack(url: string): Promise<{ status: number; location: string | null; text: string }> {
  const response = await fetch(url, { redirect: 'manual' });
  const type = response.headers.get('content-type');
  if (response.status !== 303) assert.match(type ?? '', /^text\/html/);
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  return {
    status: response.status,
    location: response.headers.get('location'),
    text: await response.text(),
  };
}

function backAt(id: string): string {
  return `${shop.url}&transactionId=${id}`;
}

describe('in a browser', { skip: withoutBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  async function open(url: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 420, height: 720 } });
    await page.goto(url);
    return page;
  }

  async function look(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  }

  test('approve: the page shows shop and amount, the payer comes back, the payment is authorized', async () => {
    const payment = await begin(CHALLENGED, { amount: 1_234_567 });
    const page = await open(payment.redirectUrl);
    const text = await page.textContent('main');
    assert.match(text ?? '', /Demo Store/);
    assert.match(text ?? '', /12,345\.67/);
    assert.match(text ?? '', /3220/);
    await look(page, 'challenge-light');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForURL(backAt(payment.id));
    assert.equal(await page.textContent('h1'), 'Thank you');
    const row = await stored(sandbox.pool, payment.id);
    assert.equal(row.status, 'authorized');
    const captured = await operate(sandbox.call, payment.id, 'capture');
    assert.deepEqual([captured.body.status, captured.body.secure3d], ['charged', true]);
    await page.goto(payment.redirectUrl);
    await look(page, 'challenge-used-light');
    await page.getByRole('link', { name: 'Back to Demo Store' }).click();
    await page.getByRole('link', { name: 'Back to Demo Store' }).click();
    await page.waitForURL(backAt(payment.id));
    await page.close();
  });

  test('decline: the payer comes back, the payment is rejected', async () => {
    const payment = await begin();
    const page = await open(payment.redirectUrl, 'dark');
    await look(page, 'challenge-dark');
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.waitForURL(backAt(payment.id));
    const { status, status_reason } = await stored(sandbox.pool, payment.id);
    assert.deepEqual([status, status_reason], ['rejected', 'authentication_failed']);
    await page.close();
  });

  test('an impatient double click still brings the payer back', async () => {
    const payment = await begin();
    const page = await open(payment.redirectUrl);
    await page.getByRole('button', { name: 'Approve' }).dblclick();
    const link = page.getByRole('link', { name: 'Back to Demo Store' });
    // The second click ends on the bank's or our "already decided", or is lost: all of them lead back.
    await eventually('the payer is back at the shop', async () => {
      if (page.url() === backAt(payment.id)) return true;
      await link.click({ timeout: 500 }).catch(() => undefined);
      return false;
    });
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
    await page.close();
  });

  test('an app that the merchant has listed is opened, and no other', async (t) => {
    const returnUrl = 'myapp://pay/return?order=7';
    const other = await pay(sandbox.call, CHALLENGED, { returnUrl });
    assert.deepEqual([other.status, other.body.details[0].path], [400, 'returnUrl'], other.text);
    const operate = operatorOf(sandbox);
    const path = `/merchants/${DEMO_STORE}`;
    assert.equal((await operate('PATCH', path, { returnOrigins: ['myapp://'] })).status, 200);
    t.after(() => operate('PATCH', path, { returnOrigins: [] }));
    assert.equal((await pay(sandbox.call, CHALLENGED, { returnUrl: 'myapps://pay' })).status, 400);
    const payment = await begin(CHALLENGED, { returnUrl });
    const page = await open(payment.redirectUrl);
    const refused: string[] = [];
    page.on('console', (message) => refused.push(message.text()));
    // What the browser would hand to the app.
    const opened: string[] = [];
    const session = await page.context().newCDPSession(page);
    await session.send('Page.enable');
    session.on('Page.frameRequestedNavigation', ({ url }) => opened.push(url));
    await page.getByRole('button', { name: 'Approve' }).click();
    const link = page.getByRole('link', { name: 'Back to the app' });
    await link.waitFor();
    await look(page, 'app');
    const url = `${returnUrl}&transactionId=${payment.id}`;
    assert.equal(await link.getAttribute('href'), url);
    await eventually('the app is opened by itself', async () => opened.includes(url));
    assert.deepEqual(
      refused.filter((text) => /form-action|Content Security Policy/.test(text)),
      [],
    );
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
    await page.close();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`coming back to a payment that is decided shows a page with the way on, ${colorScheme}`, async () => {
      const payment = await begin();
      const state = await decide(payment.redirectUrl, 'approve');
      assert.equal((await comeBack(state)).status, 303);
      const page = await open(state, colorScheme);
      assert.equal(await page.textContent('h1'), 'This payment is already decided');
      await look(page, `over-${colorScheme}`);
      await page.getByRole('link', { name: 'Back to Demo Store' }).click();
      await page.waitForURL(backAt(payment.id));
      await page.goto(`${sandbox.url}/3ds/nonsense`);
      assert.equal(await page.textContent('h1'), 'There is no such payment');
      await look(page, `unknown-${colorScheme}`);
      await page.close();
    });
  }
});

describe('what the bank decides', () => {
  test('a payer who passes with a card that is then declined', async () => {
    const payment = await begin(CHALLENGED_THEN_DECLINED);
    const { location } = await comeBack(await decide(payment.redirectUrl, 'approve'));
    assert.equal(location, backAt(payment.id));
    const { status, status_reason } = await stored(sandbox.pool, payment.id);
    assert.deepEqual([status, status_reason], ['rejected', 'card_declined']);
  });

  test('without a returnUrl a card that needs 3-D Secure is rejected', async () => {
    const { body } = await pay(sandbox.call, CHALLENGED);
    assert.deepEqual([body.status, body.failureCode], ['rejected', 'authentication_required']);
  });

  test('a payer who comes back without having decided leaves the payment in 3d', async () => {
    const payment = await begin();
    const state = await decide((await begin()).redirectUrl, 'approve');
    await comeBack(state);
    const early = await pay(sandbox.call, CHALLENGED, { returnUrl: shop.url });
    assert.equal(early.body.status, '3d');
    assert.equal((await stored(sandbox.pool, payment.id)).status, '3d');
    const own = await stateOf(payment.id);
    assert.equal((await comeBack(own)).location, backAt(payment.id));
    assert.equal((await stored(sandbox.pool, payment.id)).status, '3d');
    await comeBack(await decide(payment.redirectUrl, 'approve'));
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
  });

  test('a page that the bank lost with its answer is found again by inquiry', async () => {
    await bank.fault({ mode: 'cut_after', operations: ['authorize'] });
    const payment = await begin().finally(bank.healthy);
    await comeBack(await decide(payment.redirectUrl, 'approve'));
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
  });

  test('a completion that the bank answers to nobody is asked for again', async () => {
    const payment = await begin();
    const state = await decide(payment.redirectUrl, 'approve');
    await bank.fault({ mode: 'cut_after', operations: ['complete'] });
    const back = comeBack(state);
    await eventually('it is held', async () => (await bank.find(payment.id))?.held === 10_000);
    await bank.healthy();
    assert.equal((await back).status, 303);
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
  });

  test('while the payer is away the payment cannot be captured or refunded, nor cancelled in part', async () => {
    const { id } = await begin();
    for (const [operation, amount, reason] of [
      ['capture', undefined, 'invalid_transaction_state'],
      ['refund', undefined, 'invalid_transaction_state'],
      ['cancel', 9_999, 'partial_cancel_before_authorization'],
      ['cancel', 10_001, 'amount_exceeds_held'],
    ] as const) {
      const { status, body } = await operate(sandbox.call, id, operation, amount);
      assert.deepEqual([status, body.reason], [422, reason]);
    }
  });
});

/** The address that the bank was told to send the payer back to. */
async function stateOf(id: string): Promise<string> {
  const { createSecrets } = await import('../../src/installation/secrets.ts');
  const { rows } = await sandbox.pool.query('SELECT sandbox_secret FROM installation');
  return `${sandbox.url}/3ds/${id}.${createSecrets(rows[0].sandbox_secret).signState(id)}`;
}

describe('what nobody may do', () => {
  test('a state works once, for one payment, and cannot be forged', async () => {
    const [mine, other] = [await begin(), await begin()];
    const state = await decide(mine.redirectUrl, 'approve');
    const [id, signature] = state.split('/').at(-1)?.split('.') ?? [];
    assert.equal(id, mine.id);
    const forged = [
      `${other.id}.${signature}`,
      `${mine.id}.${signature}x`,
      `${mine.id}.${signature}.x`,
      `${mine.id}.${'A'.repeat(22)}`,
      `${mine.id}.`,
      `${mine.id}`,
      '%00',
      encodeURIComponent('<script>alert(1)</script>'),
      'x'.repeat(3_000),
    ];
    for (const text of forged) {
      const { status, text: page } = await comeBack(`${sandbox.url}/3ds/${text}`);
      assert.equal(status, 404, text);
      assert.doesNotMatch(page, /<script|AAAA/);
    }
    assert.equal((await stored(sandbox.pool, mine.id)).status, '3d');
    assert.equal((await comeBack(state)).status, 303);
    assert.equal((await stored(sandbox.pool, mine.id)).status, 'authorized');
    for (let i = 0; i < 2; i += 1) assert.equal((await comeBack(state)).status, 410);
    assert.equal((await stored(sandbox.pool, other.id)).status, '3d');
    assert.equal((await bank.find(mine.id))?.held, 10_000);
  });

  test('the address of the shop is escaped on the page that leads there', async () => {
    const payment = await begin(CHALLENGED, { returnUrl: `${shop.url}&x="><b>'&y=2` });
    const state = await decide(payment.redirectUrl, 'approve');
    await comeBack(state);
    const { status, text } = await comeBack(state);
    assert.equal(status, 410);
    assert.doesNotMatch(text, /<b>|"><b|'&y=2/);
  });

  test('two browsers come back at once: one question, and both are led to the shop', async () => {
    const payment = await begin();
    const state = await decide(payment.redirectUrl, 'approve');
    await bank.fault({ mode: 'slow', delayMs: 300, operations: ['complete'] });
    const backs = await Promise.all(Array.from({ length: 8 }, () => comeBack(state))).finally(bank.healthy);
    for (const { status, location } of backs) assert.deepEqual([status, location], [303, backAt(payment.id)]);
    assert.equal((await stored(sandbox.pool, payment.id)).status, 'authorized');
    const sql = `SELECT count(*)::int AS n FROM bank_operation WHERE transaction_id = $1 AND kind = 'complete'`;
    const { rows } = await sandbox.pool.query(sql, [payment.id]);
    assert.equal(rows[0].n, 1);
  });

  test('a payment that is cancelled while the payer is away cannot be approved any more', async () => {
    const [before, afterwards] = [await begin(), await begin()];
    const state = await decide(before.redirectUrl, 'approve');
    for (const { id } of [before, afterwards]) {
      const { status, body } = await operate(sandbox.call, id, 'cancel');
      assert.deepEqual([status, body.status, body.redirectUrl], [200, 'cancelled', null]);
      assert.equal((await bank.find(id))?.status, 'declined');
    }
    assert.equal((await comeBack(state)).status, 410);
    const body = new URLSearchParams({ decision: 'approve' });
    const late = await fetch(afterwards.redirectUrl, { method: 'POST', body, redirect: 'manual' });
    assert.equal(late.status, 410);
    assert.equal((await bank.find(before.id))?.held, 0);
  });

  test('a cancel and a return at the same time: one of them wins, at the bank, too', async () => {
    for (let i = 0; i < 5; i += 1) {
      const payment = await begin();
      const state = await decide(payment.redirectUrl, 'approve');
      const [cancelled] = await Promise.all([operate(sandbox.call, payment.id, 'cancel'), comeBack(state)]);
      const { status } = await settled(sandbox.pool, payment.id);
      const held = (await bank.find(payment.id))?.held;
      assert.deepEqual(
        [status, held],
        cancelled.status === 200 ? ['cancelled', 0] : ['authorized', 10_000],
        cancelled.text,
      );
    }
  });
});

test('a payer who authenticates and never comes back: the bank is asked now and then, and the payment is authorized', async () => {
  const [approved, declined, open] = [await begin(), await begin(), await begin()];
  const state = await decide(approved.redirectUrl, 'approve');
  await decide(declined.redirectUrl, 'decline');
  await advanceClock(sandbox.pool, AUTHENTICATION_CHECK_MS);
  const ended = await Promise.all(
    [approved, declined].map(({ id }) =>
      eventually('the bank was asked', async () => {
        const row = await stored(sandbox.pool, id);
        return row.status !== '3d' && row;
      }),
    ),
  );
  assert.deepEqual(
    ended.map((row) => [row.status, row.status_reason]),
    [
      ['authorized', null],
      ['rejected', 'authentication_failed'],
    ],
  );
  assert.equal((await bank.find(approved.id))?.held, 10_000);
  const late = await comeBack(state);
  assert.equal(late.status, 410);
  assert.match(late.text, /You approved it, and the shop knows/);
  // Asked as well, and still waiting for its payer, who comes back.
  assert.equal((await stored(sandbox.pool, open.id)).status, '3d');
  await comeBack(await decide(open.redirectUrl, 'approve'));
  assert.equal((await settled(sandbox.pool, open.id)).status, 'authorized');
});

test('after 15 minutes: approved if its payer had authenticated, else rejected, and reversed at the bank', async () => {
  const [abandoned, approved] = [await begin(), await begin()];
  // While it cannot be asked, nothing is decided and nobody gives up.
  await bank.fault({ mode: 'down', operations: ['complete'] });
  const state = await decide(approved.redirectUrl, 'approve');
  await advanceClock(sandbox.pool, QUARTER_HOUR_MS - 60_000);
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal((await stored(sandbox.pool, abandoned.id)).status, '3d');
  assert.equal((await stored(sandbox.pool, approved.id)).status, '3d');
  await bank.healthy();
  await advanceClock(sandbox.pool, 60_000);
  // Whether the scheduler was faster or not.
  assert.ok([303, 410].includes((await comeBack(state)).status));
  assert.equal((await settled(sandbox.pool, approved.id)).status, 'authorized');
  assert.equal((await bank.find(approved.id))?.held, 10_000);
  const { status_reason } = await eventually('it is rejected', async () => {
    const row = await stored(sandbox.pool, abandoned.id);
    return row.status === 'rejected' && row;
  });
  assert.equal(status_reason, 'authentication_expired');
  const { status: atBank, held } = (await bank.find(abandoned.id)) ?? {};
  assert.deepEqual([atBank, held], ['declined', 0]);
  const page = await fetch(abandoned.redirectUrl);
  assert.equal(page.status, 410);
});
