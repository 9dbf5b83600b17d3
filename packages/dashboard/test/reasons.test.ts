/** Why something did not happen is said in words, in each language; the code is behind them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { testCards } from '../../bank/src/domain/cards.ts';
import { WEBHOOK_EVENTS } from '../../server/src/core/lifecycle.ts';
import { LINK_EVENTS } from '../../server/src/core/link.ts';
import { FAILURE_MESSAGES } from '../../server/src/core/reasons.ts';
import { REASONS } from '../../server/src/http/errors.ts';
import { INVARIANTS } from '../../server/src/ledger/auditSql.ts';
import { SEED_CUSTOMERS } from '../../server/src/sandbox/fixtures.ts';
import { en } from '../src/i18n/en.ts';
import { BEHAVIOURS } from '../src/reasons.ts';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

const BANKS_OWN = [
  'reversed',
  'unknown_authorization',
  'not_approved',
  'already_captured',
  'amount_exceeds_held',
  'amount_exceeds_captured',
];
const OF_WEBHOOKS = [
  'timeout',
  'name_not_found',
  'connection_failed',
  'certificate_not_valid',
  'address_not_allowed',
  'answer_not_http',
];

test('every code that a page shows has words', () => {
  const failures = [...Object.keys(FAILURE_MESSAGES), 'expired'];
  const wanted = [
    ...[...failures, 'requested', ...BANKS_OWN].map((code) => `failure.${code}`),
    ...failures.map((code) => `advice.${code}`),
    ...INVARIANTS.map(({ invariant }) => `check.${invariant}`),
    ...OF_WEBHOOKS.map((code) => `attempt.${code}`),
    ...Object.keys(REASONS).map((reason) => `reason.${reason}`),
    ...WEBHOOK_EVENTS.map((name) => `event.${name.replace('transaction.', '')}`),
    ...LINK_EVENTS.map((name) => `event.${name}`),
  ];
  assert.deepEqual(
    wanted.filter((key) => !Object.hasOwn(en, key)),
    [],
  );
});

test('everything that the sandbox’s customers and cards do has words', () => {
  const shown = [...SEED_CUSTOMERS.map(({ behaves }) => behaves), ...testCards.map(({ shows }) => shows)];
  assert.deepEqual(
    shown.filter((text) => !Object.hasOwn(BEHAVIOURS, text)),
    [],
  );
});

describe('on the pages, in Russian', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  let rejected: string;
  before(async () => {
    dashboard = await startDashboard();
    const card = { number: '4000000000009995', expiryMonth: 12, expiryYear: 2035, cvc: '123' };
    rejected = (await dashboard.pay({ orderReference: 'POOR-1', card })).id;
  });
  after(() => dashboard?.stop());
  const russian = { locale: 'ru-RU' };

  test('the list and its filter', async () => {
    const page = await dashboard.open('viewer', '/transactions', russian);
    const cell = page.locator('.cell-reason').getByText('Недостаточно средств');
    await cell.waitFor();
    assert.equal(await cell.getAttribute('title'), 'insufficient_funds');
    assert.equal(await page.locator('table').getByText('insufficient_funds').count(), 0);
    await page.goto(`${dashboard.sandbox.url}/dashboard/transactions?failureCode=insufficient_funds`);
    await page.locator('.chip-value').getByText('Недостаточно средств').waitFor();
    await dashboard.close(page);
  });

  test('the overview', async () => {
    const page = await dashboard.open('viewer', '/', russian);
    await page.getByRole('link', { name: /Недостаточно средств/ }).waitFor();
    assert.equal(await page.getByText('insufficient_funds').count(), 0);
    await dashboard.close(page);
  });

  test('the transaction, and what can be done about it', async () => {
    const page = await dashboard.open('viewer', `/transactions/${rejected}`, russian);
    const why = page.locator('.payment-failure');
    await why.getByText('Недостаточно средств').waitFor();
    await why.getByText('Попросите другую карту').waitFor();
    await page.locator('.timeline-event').getByText('Недостаточно средств').waitFor();
    assert.equal(await page.locator('.payment-head, .timeline').getByText('insufficient_funds').count(), 0);
    await dashboard.close(page);
  });

  test('what the API refused, in the log of requests', async () => {
    await dashboard.sandbox.call('GET', '/v1/transactions/nope');
    const page = await dashboard.open('viewer', '/developers/requests', russian);
    const reason = page.getByRole('cell').getByText('Такой транзакции нет');
    await reason.first().waitFor();
    assert.equal(await reason.first().getAttribute('title'), 'transaction_not_found');
    await page
      .getByRole('button', { name: /GET .*nope/ })
      .first()
      .click();
    await page.getByRole('dialog').getByText('transaction_not_found').waitFor();
    await dashboard.close(page);
  });

  test('how a payment made in the sandbox stands', async () => {
    const page = await dashboard.open('manager', '/developers/sandbox', russian);
    const payer = page.getByRole('combobox', { name: 'Кто платит' });
    for (const [number, status, code] of [
      ['+77010000001', 'Авторизована', 'PROCESSING'],
      ['+77010000004', 'Ещё не решено', 'NEW'],
      ['+77010000003', 'Не выполнено', 'FAILED'],
      ['4242 4242', 'Авторизована', 'authorized'],
      ['4000 0000 0000 3220', '3-D Secure', '3d'],
    ] as const) {
      await payer.fill(number);
      await page.getByRole('option', { name: number }).click();
      await page.getByRole('button', { name: 'Заплатить' }).click();
      const badge = page.locator(`.outcome .status[title="${code}"]`);
      await badge.waitFor();
      assert.equal(await badge.textContent(), status);
    }
    await dashboard.close(page);
  });

  test('a release that was asked for', async () => {
    const { id } = await dashboard.pay();
    await dashboard.sandbox.call('POST', `/v1/transactions/${id}/cancel`, { body: {} });
    const page = await dashboard.open('viewer', `/transactions/${id}`, russian);
    await page.locator('.timeline-event').getByText('По просьбе магазина').first().waitFor();
    await dashboard.close(page);
  });

  test('the sandbox and the checks of the audit', async () => {
    const sandbox = await dashboard.open('manager', '/developers/sandbox', russian);
    await sandbox.getByRole('cell', { name: 'почти на всё не хватает денег' }).waitFor();
    assert.equal(await sandbox.getByText(/succeeds|declined|approved/).count(), 0);
    await dashboard.close(sandbox);
    const health = await dashboard.open('operator', '/operator/health', russian);
    await health.getByRole('button', { name: /Проверить/ }).click();
    await health.locator('.invariant').first().waitFor();
    const rules = await health.locator('.invariant').allTextContents();
    assert.equal(rules.length, 7);
    assert.deepEqual(
      rules.filter((rule) => /[a-z]/.test(rule)),
      [],
    );
    await dashboard.close(health);
  });
});
