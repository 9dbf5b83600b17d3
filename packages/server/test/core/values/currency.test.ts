import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CURRENCIES, parseCurrency } from '../../../src/core/values/currency.ts';

test('every currency of the table is taken, and no other one that CLDR knows', () => {
  assert.equal(CURRENCIES.length, 155);
  for (const code of CURRENCIES) assert.deepEqual(parseCurrency(code), { ok: true, value: code });
  const others = Intl.supportedValuesOf('currency').filter((code) => !CURRENCIES.includes(code));
  for (const code of others) assert.equal(parseCurrency(code).ok, false, code);
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
