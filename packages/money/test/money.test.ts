import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CURRENCIES, decimalOf, exponentOf, formatMoney } from '../src/index.ts';

describe('the table', () => {
  test('has each code once, and ISO’s digits', () => {
    assert.equal(CURRENCIES.length, 155);
    assert.equal(new Set(CURRENCIES).size, 155);
    assert.deepEqual(['KZT', 'JPY', 'KWD', 'OMR', 'IQD', 'PKR'].map(exponentOf), [2, 0, 3, 3, 3, 2]);
    for (const code of ['OMN', 'CLF', 'XXX', 'kzt', '', 'constructor'])
      assert.equal(exponentOf(code), null, code);
  });

  test('stands in one file of the repository', () => {
    const copies = globSync('packages/*/src/**/*.{ts,tsx}').filter((file) =>
      /\bBHD\b[^']*\bTND\b|\bBIF\b[^']*\bXPF\b/.test(readFileSync(file, 'utf8')),
    );
    assert.deepEqual(copies, ['packages/money/src/index.ts']);
  });

  test('is the one of CLDR but for these codes', () => {
    const cldr = new Set(Intl.supportedValuesOf('currency'));
    // Withdrawn by ISO 4217, or not money: CLDR keeps a code for some time after its withdrawal, so the
    // test asks only that nothing else is missing here.
    const notMoneyNow = new Set(['ANG', 'BGN', 'CUC', 'HRK', 'SLL', 'ZWL', 'XDR', 'XSU']);
    assert.deepEqual(
      [...cldr].filter((code) => exponentOf(code) === null && !notMoneyNow.has(code)),
      [],
    );
    // VED is on ISO's list beside VES; CLDR does not list it as in use.
    assert.deepEqual(
      CURRENCIES.filter((code) => !cldr.has(code)),
      ['VED'],
    );
  });

  test('the exponents are those of CLDR but for currencies whose coins nobody uses', () => {
    // ISO 4217 has minor units for them, CLDR shows none.
    const shownWithoutMinorUnits = new Set(
      'AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR RSD SOS SYP YER'.split(' '),
    );
    for (const currency of CURRENCIES) {
      const cldrDigits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
        .maximumFractionDigits;
      if (cldrDigits !== exponentOf(currency)) {
        assert.ok(shownWithoutMinorUnits.has(currency), `${currency}: ${cldrDigits} in CLDR`);
        assert.equal(cldrDigits, 0);
      }
    }
    assert.equal(exponentOf('IQD'), 3);
    assert.equal(exponentOf('PKR'), 2);
  });
});

describe('an amount', () => {
  test('is moved to decimals digit by digit', () => {
    const amounts = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 4 }), (amount, exponent) => {
        const decimal = decimalOf(amount, exponent);
        assert.match(decimal, exponent === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${exponent}}$`));
        assert.equal(BigInt(decimal.replace('.', '')), amount);
      }),
    );
    assert.equal(decimalOf(5, 2), '0.05');
    assert.equal(decimalOf(-5n, 3), '-0.005');
  });

  test('of every currency is shown to payers with ISO’s digits, whatever the runtime’s table says', () => {
    for (const currency of CURRENCIES) {
      const digits = /\d[\d,.]*$/.exec(formatMoney(1_234_567n, currency))?.[0];
      const expected = { 0: '1,234,567', 2: '12,345.67', 3: '1,234.567' }[exponentOf(currency) ?? -1];
      assert.equal(digits, expected, currency);
    }
    assert.match(formatMoney(12_345n, 'OMR'), /^OMR\s12\.345$/);
    assert.equal(formatMoney(1_250_050n, 'KZT'), '₸12,500.50');
    assert.equal(formatMoney(98_765_432_109_876_543_210n, 'KZT'), '₸987,654,321,098,765,432.10');
    assert.equal(formatMoney(1_250_050, 'KZT', 'ru-RU').replace(/\s/g, ' '), '12 500,50 ₸');
    assert.equal(formatMoney(5n, 'KZT'), '₸0.05');
    assert.equal(formatMoney(9_007_199_254_740_991n, 'JPY'), '¥9,007,199,254,740,991');
    assert.match(formatMoney(9_007_199_254_740_991n, 'KWD'), /^KWD\s9,007,199,254,740\.991$/);
    assert.match(formatMoney(123n, 'IQD'), /^IQD\s0\.123$/);
    assert.throws(() => formatMoney(1n, 'OMN'), RangeError);
  });
});
