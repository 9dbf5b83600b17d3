import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CURRENCIES,
  type Currency,
  exponentOf,
  formatAmount,
  parseCurrency,
} from '../../src/domain/currency.ts';

const KZT = 'KZT' as Currency;
const JPY = 'JPY' as Currency;
const KWD = 'KWD' as Currency;

test('the list is the one of CLDR but for these codes', () => {
  const cldr = new Set(Intl.supportedValuesOf('currency'));
  // Withdrawn by ISO 4217, or not money: CLDR keeps a code for some time after its withdrawal, so the
  // test asks only that nothing else is missing here.
  const notMoneyNow = new Set(['ANG', 'BGN', 'CUC', 'HRK', 'SLL', 'ZWL', 'XDR', 'XSU']);
  assert.deepEqual(
    [...cldr].filter((code) => !parseCurrency(code).ok && !notMoneyNow.has(code)),
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
      assert(shownWithoutMinorUnits.has(currency), `${currency}: ${cldrDigits} in CLDR`);
      assert.equal(cldrDigits, 0);
    }
  }
  assert.equal(exponentOf('IQD' as Currency), 3);
  assert.equal(exponentOf('PKR' as Currency), 2);
});

test('each code is listed once', () => {
  assert.equal(CURRENCIES.length, new Set(CURRENCIES).size);
  assert.equal(CURRENCIES.length, 155);
  assert(CURRENCIES.every((code) => /^[A-Z]{3}$/.test(code)));
});

test('withdrawn codes, funds, metals and testing codes are refused', () => {
  const codes = 'BGN HRK ANG ZWL CUC SLL BOV CHE CHW CLF COU MXV USN UYI UYW XAD XAU XAG XDR XTS XXX XSU';
  for (const code of codes.split(' ')) {
    assert.equal(parseCurrency(code).ok, false, code);
  }
  for (const code of 'XOF XAF XPF XCD XCG ZWG SLE EUR'.split(' ')) {
    assert.deepEqual(parseCurrency(code), { ok: true, value: code });
  }
});

test('lower case is refused with the spelling to use', () => {
  assert.deepEqual(parseCurrency('kzt'), { ok: false, error: 'must be in upper case: KZT' });
  const other = { ok: false, error: 'must be a current ISO 4217 currency code, such as KZT' };
  for (const text of ['', 'KZ', 'KZTT', ' KZT', '398', 'toString', '__proto__', 'ﬀ']) {
    assert.deepEqual(parseCurrency(text), other);
  }
});

test('amounts are written with the digits of the currency', () => {
  assert.equal(formatAmount(123456n, KZT), '1234.56 KZT');
  assert.equal(formatAmount(5n, KZT), '0.05 KZT');
  assert.equal(formatAmount(0n, KZT), '0.00 KZT');
  assert.equal(formatAmount(-5n, KZT), '-0.05 KZT');
  assert.equal(formatAmount(-123456n, JPY), '-123456 JPY');
  assert.equal(formatAmount(0n, JPY), '0 JPY');
  assert.equal(formatAmount(1n, KWD), '0.001 KWD');
});

test('an amount can be read back from its text', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.constantFrom(...CURRENCIES), (amount, currency) => {
      const [number = '', code] = formatAmount(amount, currency).split(' ');
      assert.equal(code, currency);
      assert.match(number, exponentOf(currency) === 0 ? /^-?\d+$/ : /^-?\d+\.\d+$/);
      assert.equal(number.split('.')[1]?.length ?? 0, exponentOf(currency));
      assert.equal(BigInt(number.replace('.', '')), amount);
    }),
  );
});
