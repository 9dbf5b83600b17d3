/** What people do wrong is told at the field, in their language; what is technical stands behind it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RULES } from '../src/fieldErrors.ts';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

test('the rules that have words are those that the server names', () => {
  const source = path.join(import.meta.dirname, '../../server/src');
  const text = globSync('**/*.ts', { cwd: source })
    .map((name) => readFileSync(path.join(source, name), 'utf8'))
    .join('\n');
  // Its numbers are filled in.
  const written = Object.keys(RULES).map((rule) => rule.replace('12 to 128', '$' + '{min} to $' + '{max}'));
  assert.deepEqual(
    written.filter((rule) => !text.includes(rule)),
    [],
  );
});

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
    await page.context().close();
  });

  test('https:// is added where it was left out, http:// for one’s own machine', async () => {
    const { call } = dashboard.sandbox;
    for (const [typed, url] of [
      ['shop.example/hooks', 'https://shop.example/hooks'],
      ['localhost:3000/hook', 'http://localhost:3000/hook'],
    ] as const) {
      const page = await dashboard.open('merchant', '/developers/webhooks');
      await page.getByRole('button', { name: 'New endpoint' }).click();
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
      await page.context().close();
    }
  });

  test('a mistyped password is told in plain words, without reason and request', async () => {
    const page = await dashboard.open(null);
    await page.getByLabel('Email').fill('manager@demo.test');
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The e-mail address or the password is wrong. Check both and try again.').waitFor();
    assert.equal(await page.getByText('wrong_credentials').isVisible(), false);
    await page.context().close();
  });

  test('what does not exist offers what does, and not to try again', async () => {
    const page = await dashboard.open('viewer', '/transactions/nope');
    await page.getByRole('alert').getByText('There is no such transaction.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
    await page.getByRole('link', { name: 'All transactions' }).click();
    await page.getByRole('heading', { level: 1, name: 'Transactions' }).waitFor();
    await page.context().close();
  });
});
