/** The overview's numbers and the issues, each with the transactions behind it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEMO_STORE, operatorOf } from '../../server/test/support/operator.ts';
import { type Dashboard, graveAxeFindings, startDashboard, withoutBrowser } from './support/dashboard.ts';

/** Today's date there, as the chart has it. */
function dayIn(timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone }).format(Date.now());
}

const DECLINED = { number: '4000000000000002', expiryMonth: 12, expiryYear: 2035, cvc: '123' };

describe('overview and issues', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
    for (let i = 0; i < 6; i += 1) await dashboard.pay({ amount: 10_000, orderReference: `GOOD-${i}` });
    for (let i = 0; i < 2; i += 1) await dashboard.pay({ orderReference: `BAD-${i}`, card: DECLINED });
    await sell(20_000, 15_000);
    const sold = await sell(5_000);
    const { call } = dashboard.sandbox;
    assert.equal(
      (await call('POST', `/v1/transactions/${sold}/refund`, { body: { amount: 1_000 } })).status,
      200,
    );
  });
  after(() => dashboard?.stop());

  /** A payment of which so much is captured. */
  async function sell(amount: number, captured = amount): Promise<string> {
    const { id } = await dashboard.pay({ amount, orderReference: `SOLD-${amount}` });
    const path = `/v1/transactions/${id}/capture`;
    const { status, text } = await dashboard.sandbox.call('POST', path, { body: { amount: captured } });
    assert.equal(status, 200, text);
    return id;
  }

  test('the numbers are those of the payments, and each opens the list behind it', async () => {
    const page = await dashboard.open('viewer');
    const card = (title: string) => page.locator('.card').filter({ hasText: title });
    await card('Captured').getByText('₸200.00').waitFor();
    await card('Refunded').getByText('₸10.00').waitFor();
    await card('Net').getByText('₸190.00').waitFor();
    await card('Payments').getByText('10', { exact: true }).waitFor();
    await card('Success rate').getByText('80.0%').waitFor();
    await card('Average amount').getByText('₸100.00').waitFor();
    await card('Captured').hover();
    await page.getByRole('tooltip').getByText('Authorized: ₸850.00').waitFor();
    for (const [title, rows] of [
      ['Captured', 2],
      ['Refunded', 1],
      ['Net', 3],
    ] as const) {
      await card(title).click();
      await page.waitForFunction(
        (count) => document.querySelectorAll('table.transactions tbody tr').length === count,
        rows,
      );
      await page.goBack();
    }
    await page.getByRole('link', { name: /Bank declined the card/ }).click();
    await page.waitForURL(/failureCode=card_declined/);
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 2);
    await page.goBack();
    await page.getByRole('link', { name: /Waiting for capture/ }).click();
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 6);
    await dashboard.close(page);
  });

  test('a new payment is in the numbers within seconds', async () => {
    const page = await dashboard.open('viewer');
    await page.locator('.card').filter({ hasText: 'Payments' }).getByText('10', { exact: true }).waitFor();
    await dashboard.pay({ amount: 10_000, orderReference: 'GOOD-6' });
    await page.locator('.card').filter({ hasText: 'Payments' }).getByText('11', { exact: true }).waitFor();
    await dashboard.close(page);
  });

  test('the charts have their numbers as a table, and a bar opens its hour', async () => {
    const page = await dashboard.open('viewer');
    const rows = page.locator('.chart table').first().locator('tr');
    await page.waitForFunction(() => document.querySelectorAll('.chart tr').length === 48);
    assert.match((await rows.last().textContent()) ?? '', /Captured: 200/);
    const box = await page.locator('.chart .u-over').first().boundingBox();
    assert.ok(box !== null);
    await page.mouse.click(box.x + box.width - 6, box.y + box.height - 6);
    await page.waitForURL(/createdFrom=.*&createdTo=/);
    await dashboard.close(page);
  });

  test('a longer period is shown by day', async () => {
    const page = await dashboard.open('viewer');
    await page.waitForFunction(() => document.querySelectorAll('.chart tr').length === 48);
    await page.getByText('7 days', { exact: true }).click();
    await page.waitForFunction(() => [7, 8].includes(document.querySelectorAll('.chart tr').length / 2));
    const texts = await page.locator('.chart').first().locator('tr').allTextContents();
    assert.match(texts.at(-1) ?? '', /Captured: 200/);
    assert.match(texts.at(-1) ?? '', new RegExp(dayIn('Asia/Almaty')), 'the viewer’s day');
    await dashboard.close(page);
    const operate = operatorOf(dashboard.sandbox);
    const set = (timeZone: string | null) => operate('PATCH', `/merchants/${DEMO_STORE}`, { timeZone });
    // Here it is always another day than in the other of the two.
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      await set(zone);
      const other = await dashboard.open('viewer', '/?period=7d');
      await other.getByText(`Days and hours of ${zone.split('/')[1]?.replace('_', ' ')}`).waitFor();
      await other.waitForFunction(() => document.querySelectorAll('.chart tr').length === 14);
      const last = await other.locator('.chart').first().locator('tr').last().textContent();
      assert.match(last ?? '', new RegExp(`^${dayIn(zone)}`));
      assert.match(last ?? '', /Captured: 200/);
      await dashboard.close(other);
    }
    await set(null);
  });

  test('holds that are about to expire are an issue, lead to them, and are muted for everybody', async () => {
    await dashboard.sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 6.5 * 86_400 } });
    const page = await dashboard.open('manager', '/issues');
    const issue = page.locator('.issue').filter({ hasText: 'Holds about to expire: 7' });
    // What was found a moment ago is remembered for some seconds.
    await issue.waitFor();
    await issue.getByRole('link', { name: 'Show transactions' }).click();
    await page.waitForFunction(() => document.querySelectorAll('table.transactions tbody tr').length === 7);
    await page.goBack();
    await issue.getByRole('button', { name: 'Mute' }).click();
    await page.getByRole('menuitem', { name: 'For 24 hours' }).click();
    await page.getByText('Nothing needs your attention').waitFor();
    const other = await dashboard.open('viewer', '/issues');
    await other.getByText('muted until').waitFor();
    assert.equal(await other.getByRole('button', { name: 'Unmute' }).count(), 0);
    await page.getByRole('button', { name: 'Unmute' }).click();
    await page.getByTitle('Open issues: 1').waitFor();
    await dashboard.close(page);
    await dashboard.close(other);
  });

  test('what was captured stands against that of the period before, hour by hour', async () => {
    const advance = (advanceSeconds: number) =>
      dashboard.sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
    await advance(86_400);
    await sell(12_300);
    await advance(86_400);
    await sell(45_600);
    const page = await dashboard.open('viewer');
    const chart = page.locator('.chart').first();
    await chart.locator('.chart-reading').getByText('Captured in the period before').waitFor();
    const texts = await chart.locator('tr').allTextContents();
    const found = texts.filter((text) => text.includes('Captured in the period before: 123'));
    assert.equal(texts.length, 24);
    // A day apart, they share a bar, unless the hour has just ended.
    assert.deepEqual(
      found,
      texts.slice(-2).filter((text) => found.includes(text)),
    );
    assert.equal(found.length, 1);
    assert.match(texts.at(-1) ?? '', /Captured: 456/);
    assert.deepEqual(await graveAxeFindings(page), []);
    await dashboard.close(page);
    for (const [locale, words] of [
      ['ru-RU', 'Списано за прошлый период'],
      ['kk-KZ', 'Өткен кезеңде алынды'],
    ] as const) {
      const other = await dashboard.open('viewer', '', { locale });
      await other.locator('.chart-reading').getByText(words).waitFor();
      await dashboard.close(other);
    }
  });

  test('an endpoint that fails is an issue that leads to it', async () => {
    const { call } = dashboard.sandbox;
    const url = 'http://127.0.0.1:9/hooks';
    const { id } = (await call('POST', '/v1/webhook-endpoints', { body: { url } })).body;
    await call('POST', `/v1/webhook-endpoints/${id}/test`);
    for (let failingSince = null; failingSince === null; )
      failingSince = (await call('GET', `/v1/webhook-endpoints/${id}`)).body.failingSince;
    await call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 16 * 60 } });
    const page = await dashboard.open('viewer', '/issues');
    const issue = page.locator('.issue').filter({ hasText: `${url} has taken no webhook for 16 min` });
    await issue.getByText('waiting: 1').waitFor();
    await issue.getByRole('link', { name: 'Show endpoint' }).click();
    await page.waitForURL(new RegExp(`/developers/webhooks/${id}$`));
    await page.getByRole('heading', { name: url }).waitFor();
    await dashboard.close(page);
  });
});

describe('issues of every kind', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
    const { authorize, call, pool } = dashboard.sandbox;
    await Promise.all(Array.from({ length: 120 }, () => authorize()));
    await call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 2 * 3_600 } });
    const poor = { phoneNumber: '+77010000002', iin: '850520400027' };
    await Promise.all(Array.from({ length: 12 }, () => authorize(poor)));
    await Promise.all(Array.from({ length: 8 }, () => authorize()));
    await pool.query(
      `UPDATE transaction SET status = 'created', created_at = created_at - interval '1 hour'
       WHERE id IN (SELECT id FROM transaction WHERE status = 'authorized' ORDER BY id LIMIT 3)`,
    );
    await pool.query(
      `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status,
         requested_at, next_attempt_at)
       SELECT gen_random_uuid(), id, id, merchant_id, 'capture', 1, currency, 'api', 'pending', created_at,
         now() + interval '2 minutes' FROM transaction WHERE status = 'authorized' ORDER BY id LIMIT 1`,
    );
  });
  after(async () => {
    // They were no payments' doing: the ledger is as before.
    await dashboard?.sandbox.pool.query('DELETE FROM bank_operation');
    await dashboard?.sandbox.pool.query(
      `UPDATE transaction SET status = 'authorized', created_at = created_at + interval '1 hour' WHERE status = 'created'`,
    );
    await dashboard?.stop();
  });

  for (const [title, count] of [
    ['Only 40.0% of the last hour’s payments succeeded; usually it is 100.0%', 12],
    ['Not enough money: 12 in the last hour, far more than usual', 12],
    ['Payments not decided yet: 3', 3],
    ['The bank has not told the outcome of 1 operations', 1],
  ] as const) {
    test(`${title}: ${count} transactions`, async () => {
      const page = await dashboard.open('viewer', '/issues');
      const issue = page.locator('.issue').filter({ hasText: title });
      await issue.waitFor();
      await issue.getByRole('link', { name: 'Show transactions' }).click();
      await page.waitForFunction(
        (rows) => document.querySelectorAll('table.transactions tbody tr').length === rows,
        count,
      );
      await dashboard.close(page);
    });
  }
});
