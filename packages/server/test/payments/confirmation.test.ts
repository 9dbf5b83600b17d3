/** A customer's confirmation, on its page in Chromium; then everything that nobody should be able to do. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { iinOf, newWallet, operatorOf } from '../support/operator.ts';
import { type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';

/** Set to a folder to look at the pages. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const CONFIRMS = { phoneNumber: '+77010000004', iin: '950308400048' };
const BALANCE = 1_000_000_000;

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.assertInvariants());
after(() => sandbox.stop());

async function begin(body: Record<string, unknown> = {}): Promise<string> {
  const reply = await sandbox.authorize({ ...CONFIRMS, ...body });
  assert.deepEqual([reply.status, reply.body.walletTransactionStatus], [201, 'NEW'], reply.text);
  return reply.body.walletTransactionId;
}

function askForLink(id: string, apiKey = 'pr_test_demo'): Promise<Reply> {
  return sandbox.call('GET', `/v1/sandbox/transactions/${id}/confirmation`, { apiKey });
}

async function linkOf(id: string): Promise<string> {
  const { status, body, text } = await askForLink(id);
  assert.equal(status, 200, text);
  return body.url;
}

async function payment(id: string): Promise<{ walletTransactionStatus: string; failureCode?: string }> {
  return (await sandbox.call('GET', `/v1/wallet/transaction/${id}`)).body;
}

/** Sends a form as a browser does. */
function send(url: string, decision: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams({ decision }), headers, redirect: 'manual' });
}

async function held(): Promise<number> {
  const { rows } = await sandbox.pool.query(
    'SELECT sum(w.held)::int AS held FROM account w JOIN wallet_holder c ON c.id = w.owner_id WHERE c.phone = $1',
    [CONFIRMS.phoneNumber],
  );
  return rows[0].held;
}

describe('the page', { skip: withoutBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  async function open(url: string, colorScheme: 'light' | 'dark' = 'light', width = 900): Promise<Page> {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
    page.on('console', (message) => assert.fail(message.text()));
    page.on('request', (sent) =>
      assert.ok(sent.url().startsWith(sandbox.url) || sent.url().startsWith('data:'), sent.url()),
    );
    await page.goto(url);
    return page;
  }

  async function shoot(page: Page, name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/confirm-${name}.png` });
  }

  test('approve: it shows shop, amount, order and time; nothing is held before, the amount is after', async () => {
    const before = await held();
    const id = await begin({ amount: 1_234_567, orderReference: 'ORDER <b>7</b> & "co"' });
    const page = await open(await linkOf(id));
    const text = (await page.textContent('main')) ?? '';
    for (const part of ['Demo Store', '12,345.67', 'KZT', 'ORDER <b>7</b> & "co"', '9 minutes'])
      assert.ok(text.includes(part), `${part} is not in ${text}`);
    await shoot(page, 'light');
    assert.equal(await held(), before);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'You approved the payment' }).waitFor();
    await shoot(page, 'approved');
    assert.equal((await payment(id)).walletTransactionStatus, 'PROCESSING');
    assert.equal(await held(), before + 1_234_567);
    await page.close();
  });

  test('decline, with the keyboard, in the dark', async () => {
    const id = await begin();
    const page = await open(await linkOf(id), 'dark');
    await shoot(page, 'dark');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You declined the payment' }).waitFor();
    assert.deepEqual((await payment(id)).failureCode, 'customer_declined');
    await page.close();
  });

  for (const [width, orderReference] of [
    [390, 'ORDER-100045'],
    [320, 'W'.repeat(255)],
  ] as const) {
    test(`fits a screen of ${width} px, and fingers`, async () => {
      const page = await open(
        await linkOf(await begin({ amount: 999_999_999, orderReference })),
        'light',
        width,
      );
      await shoot(page, `${width}`);
      assert.ok(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'));
      for (const button of await page.getByRole('button').all())
        assert.ok(((await button.boundingBox())?.height ?? 0) >= 44);
      await page.close();
    });
  }
});

describe('what follows from the answer', () => {
  test('the balance is checked when the customer approves', async () => {
    const id = await begin({ amount: BALANCE });
    await sandbox.call('POST', `/v1/sandbox/transactions/${await begin({ amount: 1 })}/confirm`);
    const page = await send(await linkOf(id), 'approve');
    assert.match(await page.text(), /not enough money/);
    const { walletTransactionStatus, failureCode } = await payment(id);
    assert.deepEqual([walletTransactionStatus, failureCode], ['FAILED', 'insufficient_funds']);
  });

  test('no answer in ten minutes', async () => {
    const id = await begin();
    const url = await linkOf(id);
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 600 } });
    assert.equal((await payment(id)).failureCode, 'confirmation_expired');
    for (const response of [await fetch(url), await send(url, 'approve')]) {
      assert.equal(response.status, 410);
      assert.match(await response.text(), /has expired/);
    }
    assert.equal((await askForLink(id)).status, 422);
  });

  test('the answer is the customer’s in the history', async () => {
    const id = await begin();
    await send(await linkOf(id), 'approve');
    const { body } = await sandbox.call('GET', `/v1/transactions/${id}/history`);
    const last = body.items.find(({ name }: { name: string }) => name === 'transaction.authorized');
    assert.equal(last.actor, 'customer');
  });

  test('ten answers at once: one counts', async () => {
    const before = await held();
    const url = await linkOf(await begin({ amount: 100 }));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => send(url, i % 2 === 0 ? 'approve' : 'decline')),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(410)]);
    const approved = (await answers.find(({ status }) => status === 200)?.text())?.includes('approved');
    assert.equal(await held(), before + (approved ? 100 : 0));
  });
});

describe('the link', () => {
  test('works once', async () => {
    const url = await linkOf(await begin());
    assert.equal((await send(url, 'approve')).status, 200);
    for (const response of [await fetch(url), await send(url, 'decline')]) {
      assert.equal(response.status, 410);
      assert.match(await response.text(), /already decided/);
    }
  });

  test('cannot be guessed, changed, or made from another one', async () => {
    const [url, other] = [await linkOf(await begin()), await linkOf(await begin())];
    const [id = '', deadline = '', signature = ''] = (url.split('/').at(-1) ?? '').split('.');
    const [otherId = '', , otherSignature = ''] = (other.split('/').at(-1) ?? '').split('.');
    const later = (Number.parseInt(deadline, 36) + 3_600_000).toString(36);
    for (const token of [
      id,
      `${id}.${deadline}`,
      `${id}.${deadline}.`,
      `${id}.${deadline}.${otherSignature}`,
      `${otherId}.${deadline}.${signature}`,
      `${id}.${later}.${signature}`,
      `${id}.${deadline}.${signature}.x`,
      `${id.toUpperCase()}.${deadline}.${signature}`,
      'x'.repeat(5_000),
      '%00',
    ]) {
      const forged = `${sandbox.url}/confirm/${token}`;
      for (const response of [await fetch(forged), await send(forged, 'approve')])
        assert.equal(response.status, 404, token);
    }
  });

  test('is for the payment’s merchant and for operators who may write, and for nobody else', async () => {
    const id = await begin();
    assert.equal((await askForLink(id, 'pr_test_other')).status, 404);
    const operate = operatorOf(sandbox);
    const { status, body } = await operate('GET', `/transactions/${id}/confirmation`);
    assert.deepEqual([status, body.url], [200, await linkOf(id)]);
    const { apiKey } = (await operate('POST', '/operator-keys', { name: 'reads', scopes: ['read'] })).body;
    const path = `/v1/admin/transactions/${id}/confirmation`;
    assert.equal((await sandbox.call('GET', path, { apiKey })).status, 403);
    assert.equal((await sandbox.call('GET', path)).status, 403);
  });

  test('is in no answer, list, history, table or log', async () => {
    const idempotencyKey = 'looked for';
    const created = await sandbox.authorize(CONFIRMS, { idempotencyKey });
    const id = created.body.walletTransactionId;
    const token = (await linkOf(id)).split('/').at(-1) ?? '';
    await fetch(`${sandbox.url}/confirm/${token}`);
    const paths = ['/v1/wallet/transactions', `/v1/wallet/transaction/${id}`, `/v1/transactions/${id}`];
    const replies = [...paths, '/v1/transactions', `/v1/transactions/${id}/history`].map((path) =>
      sandbox.call('GET', path),
    );
    const { rows } = await sandbox.pool.query(
      'SELECT t::text FROM transaction t UNION ALL SELECT e::text FROM event e UNION ALL SELECT k::text FROM idempotency_key k',
    );
    const texts = [created, ...(await Promise.all(replies))].map(({ text }) => text);
    const all = [...texts, JSON.stringify(rows), ...sandbox.log].join('\n');
    assert.ok(!all.includes(token.split('.')[2] ?? '?') && !all.includes('/confirm/0'));
  });

  test('exists only while the customer is waited for', async () => {
    const decided = await sandbox.authorize();
    const { status, body } = await askForLink(decided.body.walletTransactionId);
    assert.deepEqual([status, body.reason], [422, 'invalid_transaction_state']);
    assert.equal((await askForLink('wt_00000000000000000000000000')).status, 404);
  });
});

describe('no other site can answer', () => {
  test('a form that another site sends is refused, a GET decides nothing', async () => {
    const id = await begin();
    const url = await linkOf(id);
    for (const site of ['cross-site', 'same-site'])
      assert.equal((await send(url, 'approve', { 'sec-fetch-site': site })).status, 403);
    assert.equal((await fetch(`${url}?decision=approve`)).status, 200);
    assert.equal((await send(url, 'perhaps')).status, 400);
    assert.equal((await send(url, 'approve', { 'content-encoding': 'gzip' })).status, 400);
    const json = {
      method: 'POST',
      body: '{"decision":"approve"}',
      headers: { 'content-type': 'application/json' },
    };
    assert.equal((await fetch(url, json)).status, 400);
    assert.equal((await payment(id)).walletTransactionStatus, 'NEW');
  });

  test('no site may frame it, and nothing on it is run or loaded', async () => {
    const url = await linkOf(await begin());
    for (const response of [
      await fetch(url),
      await send(url, 'perhaps'),
      await send(url, 'decline'),
      await fetch(url),
    ]) {
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /script-src|unsafe/);
      assert.equal(response.headers.get('x-frame-options'), 'DENY');
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.equal(response.headers.get('referrer-policy'), 'no-referrer');
    }
  });

  test('what goes wrong is said to the customer on a page', async () => {
    const url = await linkOf(await begin());
    const page = async (response: Response) => [
      response.status,
      response.headers.get('content-type'),
      /<h1>(.*)<\/h1>/.exec(await response.text())?.[1],
    ];
    const html = 'text/html; charset=utf-8';
    const unanswered = [400, html, 'No answer was given'];
    assert.deepEqual(await page(await send(url, 'x'.repeat(3_000))), unanswered);
    const headers = { 'content-type': 'text/plain' };
    assert.deepEqual(await page(await fetch(url, { method: 'POST', body: 'approve', headers })), unanswered);
    await sandbox.pool.query('ALTER TABLE transaction RENAME TO away');
    try {
      const failed = [503, html, 'This did not work just now'];
      assert.deepEqual(await page(await fetch(url)), failed);
      assert.deepEqual(await page(await send(url, 'approve')), failed);
    } finally {
      await sandbox.pool.query('ALTER TABLE away RENAME TO transaction');
    }
    assert.equal((await send(url, 'decline')).status, 200);
  });

  test('forms are read on this page only', async () => {
    const body = new URLSearchParams({ amount: '1' });
    const headers = { authorization: 'pr_test_demo', 'idempotency-key': 'form' };
    const response = await fetch(`${sandbox.url}/v1/wallet/authorize`, { method: 'POST', body, headers });
    assert.equal(response.status, 415);
  });
});

test('a wallet that an operator sets up to be confirmed works alike', async () => {
  const operate = operatorOf(sandbox);
  const { walletId, ...customer } = await newWallet(operate, 'JPY', true);
  assert.equal((await operate('POST', `/wallets/${walletId}/deposit`, { amount: 5_000 })).status, 201);
  const reply = await request(sandbox.url, 'POST', '/v1/wallet/authorize', {
    idempotencyKey: iinOf(99),
    body: { amount: 1_234, currency: 'JPY', orderReference: 'YEN', ...customer },
  });
  const url = await linkOf(reply.body.walletTransactionId);
  assert.match(await (await fetch(url)).text(), /¥1,234 /);
  assert.equal((await send(url, 'approve')).status, 200);
});
