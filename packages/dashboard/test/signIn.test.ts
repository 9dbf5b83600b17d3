/** Signing in and out, as people do it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type Dashboard, startDashboard, withoutBrowser } from './support/dashboard.ts';

describe('signing in', { skip: withoutBrowser }, () => {
  let dashboard: Dashboard;
  before(async () => {
    dashboard = await startDashboard();
  });
  after(() => dashboard?.stop());

  async function fill(page: Page, email: string, password: string): Promise<void> {
    await page.getByLabel('Email').fill(email);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  test('leads to the page that was wanted, and the session cannot be read by scripts', async () => {
    const page = await dashboard.open(null, '/transactions?status=charged');
    await fill(page, 'merchant@demo.test', 'sandbox');
    await page.getByRole('heading', { name: 'Transactions' }).waitFor();
    assert.match(page.url(), /\/transactions\?status=charged$/);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Lax']);
    assert.equal(await page.evaluate('document.cookie'), '');
    await dashboard.close(page);
  });

  test('what is wrong is told in the reader’s language', async () => {
    for (const [locale, words] of [
      ['ru-RU', 'неверный адрес почты или пароль'],
      ['kk-KZ', 'пошта мекенжайы немесе құпиясөз қате'],
    ] as const) {
      const page = await dashboard.open(null, '', { locale });
      await page.locator('input[type=email]').fill('manager@demo.test');
      await page.locator('input[type=password]').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText(words).waitFor();
      await dashboard.close(page);
    }
  });

  test('a wrong password is told, and what was typed stays', async () => {
    const page = await dashboard.open(null);
    await fill(page, 'manager@demo.test', 'wrong');
    await page.getByRole('alert').filter({ hasText: 'wrong_credentials' }).waitFor();
    assert.equal(await page.getByLabel('Email').inputValue(), 'manager@demo.test');
    await page.getByRole('textbox', { name: 'Password' }).fill('sandbox');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Account' }).waitFor();
    await dashboard.close(page);
  });

  test('signing out shows the sign-in, also in another window once it asks the server', async () => {
    const page = await dashboard.open(null, '/transactions');
    await fill(page, 'viewer@demo.test', 'sandbox');
    await page.getByRole('heading', { name: 'Transactions' }).waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole('heading', { name: 'Transactions' }).waitFor();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await other.getByRole('link', { name: 'Charged' }).click();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.equal(await other.getByText('ORDER-').count(), 0);
    await dashboard.close(page);
  });

  test('signing out everywhere ends the session of another browser', async () => {
    const [page, other] = [await dashboard.open(null), await dashboard.open(null)];
    for (const each of [page, other]) {
      await fill(each, 'viewer@demo.test', 'sandbox');
      await each.getByRole('button', { name: 'Account' }).waitFor();
    }
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await other.getByRole('link', { name: 'Transactions' }).click();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    await dashboard.close(page);
    await dashboard.close(other);
  });

  test('too many wrong passwords have to wait, and the page says how long', async () => {
    const page = await dashboard.open(null);
    const told = page.getByRole('alert').getByText(/too many attempts to sign in; try again in \d+ s$/);
    // The first waits are short: on a slow machine they are over before the next try.
    for (let i = 1; i <= 30 && (await told.count()) === 0; i += 1) {
      await fill(page, 'manager@demo.test', `wrong ${i}`);
      await page.locator('button[type=submit]:not([data-loading])').waitFor();
      await page.getByRole('alert').waitFor();
    }
    assert.equal(await told.count(), 1);
    await dashboard.close(page);
  });

  test('operators come to their own pages', async () => {
    const page = await dashboard.open('operator');
    await page.getByRole('heading', { name: 'Merchants' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Transactions' }).count(), 0);
    await dashboard.close(page);
  });

  test('the words and the colours are chosen before signing in, and stay', async () => {
    const page = await dashboard.open(null);
    await page.getByText('Русский').click();
    await page.getByRole('button', { name: 'Войти' }).waitFor();
    await page.getByText('Тёмное').click();
    await page.reload();
    await page.getByRole('button', { name: 'Войти' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
    assert.equal(await page.locator('html').getAttribute('lang'), 'ru');
    await page.getByText('Қазақша').click();
    await page.getByRole('button', { name: 'Кіру' }).waitFor();
    await dashboard.close(page);
  });
});
