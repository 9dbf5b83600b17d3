/** What payers read: their language, their way of writing amounts, and nothing that a text could break. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languageOf, minutesText, moneyText, pagePolicy, payerPage, type Word, word } from '../src/index.ts';

test('the language is the one chosen, else the one that the browser wants most', () => {
  for (const [chosen, header, language] of [
    [undefined, undefined, 'en'],
    [undefined, '', 'en'],
    [undefined, '*', 'en'],
    [undefined, 'ru-KZ,ru;q=0.9,en;q=0.8', 'ru'],
    [undefined, 'kk-KZ', 'kk'],
    [undefined, 'KK', 'kk'],
    [undefined, 'en;q=0.1, ru;q=0.5,kk;q=0.9', 'kk'],
    [undefined, 'de-DE,de;q=0.9,ru;q=0.5', 'ru'],
    [undefined, 'ru;q=0, kk;q=0.2', 'kk'],
    [undefined, 'uz, ru , en', 'ru'],
    [undefined, `${'x,'.repeat(5_000)}ru`, 'en'],
    ['kk', 'ru', 'kk'],
    ['xx', 'ru', 'ru'],
    [['kk'], 'ru', 'ru'],
    ['constructor', 'ru', 'ru'],
  ] as const)
    assert.equal(languageOf(chosen, header), language, `${chosen} ${header?.slice(0, 40)}`);
});

test('amounts and minutes are written as the language writes them', () => {
  const spaces = (text: string | null) => text?.replace(/[\u00a0\u202f]/g, ' ');
  assert.equal(spaces(moneyText(1_549_000n, 'KZT', 'ru')), '15 490,00 ₸');
  assert.equal(spaces(moneyText(1_549_000n, 'KZT', 'kk')), '15 490,00 ₸');
  assert.equal(spaces(moneyText(1_549_000n, 'KZT', 'en')), '₸15,490.00');
  assert.equal(spaces(moneyText(9_007_199_254_740_991n, 'JPY', 'ru')), '9 007 199 254 740 991 ¥');
  assert.equal(spaces(minutesText(9 * 60_000 + 1, 'ru')), '9 минут');
  assert.equal(spaces(minutesText(60_000, 'ru')), '1 минута');
  assert.equal(spaces(minutesText(119_999, 'en')), '1 minute');
  assert.equal(spaces(minutesText(300_000, 'kk')), '5 минут');
  assert.equal(minutesText(59_999, 'en'), null);
});

const KEYS: readonly Word[] = [
  'confirm.title',
  'approved.text',
  'declined.text',
  'failed.poor',
  'unknown.text',
  'expired.text',
  'payment.over.made',
  'payment.over.notMade',
  'payment.app.title',
  'payment.app.text',
  'payment.app.open',
  'bank.test',
  'back',
];

test('the three languages say the same with the same values, and none is English by mistake', () => {
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();
  for (const key of KEYS) {
    for (const language of ['ru', 'kk'] as const) {
      assert.deepEqual(holes(word(language, key)), holes(word('en', key)), key);
      assert.match(word(language, key), /[а-яәіңғүұқөһ]/i, key);
    }
  }
  assert.equal(word('en', 'back', { shop: '{amount}' }), 'Back to {amount}');
});

test('nothing that is shown can become markup', () => {
  const nasty = `<script>alert("1")</script>' & co`;
  const html = payerPage({
    language: 'en',
    hasSwitch: true,
    brand: { name: nasty, note: nasty },
    icon: 'good',
    title: nasty,
    text: nasty,
    money: { text: nasty, currency: nasty },
    facts: [['order', nasty]],
    back: { href: `https://shop.example/"onclick='x'`, label: nasty },
    hint: nasty,
  });
  assert.ok(!html.includes('<script') && !html.includes(`"onclick`));
  assert.ok(html.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp; co'));
  const policy = pagePolicy("'none'");
  assert.match(policy, /default-src 'none'.*form-action 'none'; frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /script-src|unsafe/);
});
