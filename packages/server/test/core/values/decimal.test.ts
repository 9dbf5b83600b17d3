/** Amounts in major units, and their minor units: no digit is lost or made up on the way, in either direction. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CURRENCIES, exponentOf } from '@plexy-pay/money';
import fc from 'fast-check';
import { majorOf, parseMajor } from '../../../src/core/values/decimal.ts';
import { MAX_AMOUNT } from '../../../src/core/values/money.ts';

function minorOf(token: string, currency: string): bigint | string {
  const amount = parseMajor(token, currency);
  return amount.ok ? amount.value : amount.error;
}

test('a number in major units is that many minor units, however it is spelled', () => {
  for (const [token, currency, minor] of [
    ['56.41', 'KZT', 5_641n],
    ['56.410', 'KZT', 5_641n],
    ['5641e-2', 'KZT', 5_641n],
    ['0.5641E+2', 'KZT', 5_641n],
    ['1e2', 'KZT', 10_000n],
    ['1E2', 'JPY', 100n],
    ['100', 'JPY', 100n],
    ['100.0', 'JPY', 100n],
    ['0.001', 'KWD', 1n],
    ['1.5', 'KWD', 1_500n],
    ['0.01', 'KZT', 1n],
    ['0.29', 'KZT', 29n],
    ['1.005e3', 'KZT', 100_500n],
    ['4.35', 'KZT', 435n],
    ['90071992547409.91', 'KZT', MAX_AMOUNT],
    ['9007199254740991', 'JPY', MAX_AMOUNT],
    ['9007199254740.991', 'KWD', MAX_AMOUNT],
  ] as const)
    assert.equal(minorOf(token, currency), minor, `${token} ${currency}`);
});

test('what is no amount is refused with the rule, and never rounded', () => {
  const positive = 'must be a positive number';
  const fine = 'must have at most 2 decimals, as KZT has';
  for (const [token, currency, error] of [
    ['0', 'KZT', positive],
    ['0.00', 'KZT', positive],
    ['0e999999999', 'KZT', positive],
    ['-0', 'KZT', positive],
    ['-56.41', 'KZT', positive],
    ['0.001', 'KZT', fine],
    ['56.411', 'KZT', fine],
    ['56.410000000000004', 'KZT', fine],
    ['1e-3', 'KZT', fine],
    ['1e-999999999999', 'KZT', fine],
    ['0.0001', 'KWD', 'must have at most 3 decimals, as KWD has'],
    ['0.1', 'JPY', 'must be a whole number of JPY'],
    ['90071992547409.92', 'KZT', 'must be at most 90071992547409.91'],
    ['9007199254740992', 'JPY', 'must be at most 9007199254740991'],
    ['9007199254740.992', 'KWD', 'must be at most 9007199254740.991'],
    ['1e308', 'KZT', 'must be at most 90071992547409.91'],
    ['1e99999999999', 'KZT', 'must be at most 90071992547409.91'],
    [`1${'0'.repeat(60_000)}`, 'KZT', 'must be at most 90071992547409.91'],
  ] as const)
    assert.equal(minorOf(token, currency), error, `${token.slice(0, 30)} ${currency}`);
});

const money = fc.record({
  amount: fc.bigInt({ min: 1n, max: MAX_AMOUNT }),
  currency: fc.constantFrom(...CURRENCIES),
});

test('whatever amount is written in major units is read as the same amount', () => {
  fc.assert(
    fc.property(money, ({ amount, currency }) => {
      assert.equal(minorOf(majorOf(amount, currency), currency), amount);
    }),
  );
});

test('an amount is read the same with zeros at its end, and with its point elsewhere', () => {
  fc.assert(
    fc.property(money, fc.nat(20), ({ amount, currency }, zeros) => {
      const places = exponentOf(currency) ?? 0;
      assert.equal(minorOf(`${amount}${'0'.repeat(zeros)}e-${places + zeros}`, currency), amount);
      const text = majorOf(amount, currency);
      const longer = `${text}${text.includes('.') ? '' : '.0'}${'0'.repeat(zeros)}`;
      assert.equal(minorOf(longer, currency), amount);
      // As whoever reads it as a number writes it again, as far as a float has its digits.
      if (amount < 10n ** 15n) assert.equal(String(Number(text)), text);
    }),
  );
});

test('half a minor unit more is refused', () => {
  fc.assert(
    fc.property(money, ({ amount, currency }) => {
      assert.equal(typeof minorOf(`${amount}5e-${(exponentOf(currency) ?? 0) + 1}`, currency), 'string');
    }),
  );
});

test('what is no currency has no amounts', () => {
  assert.throws(() => parseMajor('1', 'XXX'), RangeError);
  assert.throws(() => majorOf(1n, 'kzt'), RangeError);
});
