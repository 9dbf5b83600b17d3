/** What people do wrong is told at the field, in their language; what is technical stands behind it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RULES, SCHEMA_RULES } from '../src/fieldErrors.ts';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

test('the rules that have words are those that the server names', () => {
  const source = path.join(import.meta.dirname, '../../server/src');
  const text = globSync('**/*.ts', { cwd: source })
    .map((name) => readFileSync(path.join(source, name), 'utf8'))
    .join('\n');
  // The parts between what differs. Whether a hole is filled in as it should be is tried on the pages.
  assert.deepEqual(
    Object.keys(RULES).filter((rule) => !rule.split(/\{\w+\}/).every((part) => text.includes(part))),
    [],
  );
});

/** Of operators' settings of a merchant: what breaks each rule of a schema that has words. */
const BROKEN_BY: Readonly<Record<keyof typeof SCHEMA_RULES, object>> = {
  'must be integer': { captureDelay: 1.5 },
  'must be >= {least}': { captureDelay: -1 },
  'must be <= {most}': { authorizationTtl: 1e9 },
  'must NOT have more than {most} characters': { returnOrigins: ['x'.repeat(256)] },
  'must NOT have more than {most} items': {
    returnOrigins: Array.from({ length: 101 }, (_, i) => `a${i}://`),
  },
  'must NOT have duplicate items (items ## {one} and {other} are identical)': {
    returnOrigins: ['myapp://', 'myapp://'],
  },
};

const MERCHANT = '01900000-0000-7000-8000-000000000001';

describe('errors', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  test('at their field, in Russian, once, with the technical part behind it', async () => {
    const page = await dashboard.open('merchant', '/developers/webhooks', { locale: 'ru-RU' });
    await page.getByRole('button', { name: 'Новый адрес' }).click();
    const dialog = page.getByRole('dialog');
    const address = dialog.getByRole('textbox', { name: 'Адрес' });
    await address.fill('https://shop.example/#part');
    await page.keyboard.press('Enter');
    await dialog.getByText('Без части после #').waitFor();
    assert.equal(await address.getAttribute('aria-invalid'), 'true');
    const alert = dialog.getByRole('alert');
    await alert.getByText('Проверьте отмеченное выше.').waitFor();
    assert.equal(await dialog.getByText('must not have a fragment').first().isVisible(), false);
    await alert.getByText('Подробности').click();
    await alert.getByText('invalid_url').waitFor();
    await dashboard.close(page);
  });

  test('the rules of schemas that have words are those that the server names', async () => {
    const messages = await Promise.all(
      Object.values(BROKEN_BY).map(async (body) => {
        const reply = await dashboard.sandbox.call('PATCH', `/v1/admin/merchants/${MERCHANT}`, {
          apiKey: 'op_test_demo',
          body,
        });
        assert.equal(reply.status, 400, reply.text);
        return reply.body.details[0].message.replace(/\d+/g, '#');
      }),
    );
    const rules = Object.keys(SCHEMA_RULES).filter((rule) => rule !== 'must be equal to constant');
    assert.deepEqual(
      messages,
      rules.map((rule) => rule.replace(/\{\w+\}/g, '#')),
    );
    const { body } = await dashboard.sandbox.call('GET', '/v1/transactions?pendingOperation=x');
    assert.equal(body.details[0].message, 'must be equal to constant');
  });

  test('of a filter: at the filter, in Russian, and in its field', async () => {
    const page = await dashboard.open('viewer', '/transactions?customerId=123', { locale: 'ru-RU' });
    const chip = page.locator('.chip-wrong');
    await chip.getByText('Введите идентификатор целиком').waitFor();
    await page.getByRole('alert').getByText('Проверьте отмеченное выше.').waitFor();
    assert.equal(await page.getByText('must be a UUID').first().isVisible(), false);
    await chip.getByRole('button', { name: 'Клиент' }).last().click();
    const field = page.getByRole('dialog').getByRole('textbox', { name: 'Клиент' });
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    await dashboard.close(page);
    for (const [who, path, text] of [
      ['viewer', '/transactions?currency=zzz', 'Введите код валюты'],
      ['viewer', '/transactions?createdFrom=x', 'Это не время'],
      ['viewer', '/transactions?expiresTo=x', 'Это не время'],
      ['viewer', '/transactions?amountFrom=5&amountTo=1', 'Конец раньше начала'],
      ['viewer', '/transactions?status=x', 'Такого варианта нет'],
      ['viewer', '/transactions?type=x', 'Такого варианта нет'],
      ['viewer', '/transactions?storeId=x', 'Введите идентификатор целиком'],
      ['viewer', `/transactions?query=${'x'.repeat(300)}`, 'Не больше 255 знаков'],
      ['merchant', '/settings/audit-log?actor=x', 'Введите идентификатор целиком'],
      ['merchant', '/settings/audit-log?from=x', 'Это не время'],
      ['viewer', `/developers/requests?text=${'x'.repeat(300)}`, 'Не больше 255 знаков'],
    ] as const) {
      const other = await dashboard.open(who, path, { locale: 'ru-RU' });
      await other.getByText(text).first().waitFor();
      await other.getByRole('alert').getByText('Проверьте отмеченное выше.').waitFor();
      await dashboard.close(other);
    }
    const operator = await dashboard.open('operator', '/operator/wallet-holders', { locale: 'ru-RU' });
    await operator.getByRole('searchbox').fill('12');
    await operator.keyboard.press('Enter');
    await operator.getByText('Введите номер целиком').waitFor();
    assert.equal(await operator.getByRole('searchbox').getAttribute('aria-invalid'), 'true');
    await dashboard.close(operator);
  });

  test('https:// is added where it was left out, http:// for one’s own machine', async () => {
    const { call } = dashboard.sandbox;
    for (const [typed, url] of [
      ['shop.example/hooks', 'https://shop.example/hooks'],
      ['localhost:3000/hook', 'http://localhost:3000/hook'],
    ] as const) {
      const page = await dashboard.open('merchant', '/developers/webhooks');
      await page.getByRole('button', { name: 'New endpoint' }).first().click();
      await page.getByRole('textbox', { name: 'Address' }).fill(typed);
      await page.keyboard.press('Enter');
      await page
        .getByRole('dialog')
        .getByText(/^whsec_/)
        .waitFor();
      const { items } = (await call('GET', '/v1/webhook-endpoints')).body;
      assert.ok(
        items.some((endpoint: { url: string }) => endpoint.url === url),
        JSON.stringify(items),
      );
      await dashboard.close(page);
    }
  });

  test('a mistyped password is told in plain words, without reason and request', async () => {
    const page = await dashboard.open(null);
    await page.getByLabel('Email').fill('manager@demo.test');
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The e-mail address or the password is wrong. Check both and try again.').waitFor();
    assert.equal(await page.getByText('wrong_credentials').isVisible(), false);
    await dashboard.close(page);
  });

  test('what does not exist offers what does, and not to try again', async () => {
    const page = await dashboard.open('viewer', '/transactions/nope');
    await page.getByRole('alert').getByText('There is no such transaction.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
    await page.getByRole('link', { name: 'All transactions' }).click();
    await page.getByRole('heading', { level: 1, name: 'Transactions' }).waitFor();
    await dashboard.close(page);
  });
});
