import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { maskPhone, type Phone, parsePhone } from '../../../src/core/values/phone.ts';

const digits = (length: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((d) => d.join(''));

function errorOf(text: string): string {
  const result = parsePhone(text);
  assert(!result.ok, text);
  return result.error;
}

test('the customers of the sandbox have valid numbers', () => {
  for (let i = 1; i <= 6; i++) {
    assert.deepEqual(parsePhone(`+7701000000${i}`), { ok: true, value: `+7701000000${i}` });
  }
});

test('the usual spellings of Kazakhstan give one number', () => {
  const spellings = [
    '+77010000001',
    '+7 701 000 00 01',
    '+7 (701) 000-00-01',
    '+7-701-000-00-01',
    '+7\u00a0701\u00a0000\u00a000\u00a001',
    '+7 701 000–00–01',
    '87010000001',
    '8 701 000 00 01',
    '8 (701) 000-00-01',
    '8-701-000-00-01',
    '  8 701 000 00 01  ',
    '\u202a+77010000001\u202c',
    '\u200e+7 701 000 00 01\u200f',
    '\u2066+7\u2009701\u2009000\u200900\u200901\u2069',
    '\ufeff8\u202f701\u200a000\u3000 00 01',
    '+7\t701\t000\t00\t01',
    '8.701.000.00.01',
    '+7 701 000\u201100\u201101',
    '+7 701 000\u221200\u221201',
    '+7\u00ad701\u200b0000001',
    '77010000001',
    '7 (701) 000-00-01',
  ];
  for (const spelling of spellings) {
    assert.deepEqual(parsePhone(spelling), { ok: true, value: '+77010000001' }, spelling);
  }
});

test('the short way for +77… agrees with the library', () => {
  const nearKazakhstan = fc
    .oneof(digits(9), digits(8), digits(10), digits(12), digits(13))
    .map((rest) => `+77${rest}`);
  fc.assert(
    fc.property(nearKazakhstan, (text) => {
      const number = parsePhoneNumberFromString(text, { extract: false });
      const expected = number?.isValid() ? number.number : undefined;
      const result = parsePhone(text);
      assert.equal(result.ok ? result.value : undefined, expected);
    }),
    { numRuns: 2000 },
  );
});

test('the way through 8 agrees with the library', () => {
  fc.assert(
    fc.property(digits(9), (rest) => {
      const number = parsePhoneNumberFromString(`87${rest}`, { defaultCountry: 'KZ', extract: false });
      assert.deepEqual(parsePhone(`87${rest}`), { ok: true, value: number?.number });
    }),
  );
});

test('a number that was accepted is accepted again as it is', () => {
  fc.assert(
    fc.property(fc.oneof(digits(10), digits(11), digits(12)), (rest) => {
      const first = parsePhone(`+${rest}`);
      if (first.ok) {
        assert.match(first.value, /^\+[1-9][0-9]{6,14}$/);
        assert.deepEqual(parsePhone(first.value), first);
      }
    }),
  );
});

test('other countries are accepted with + and the country code', () => {
  const numbers = {
    '+1 202-555-0123': '+12025550123',
    '+44 7911 123456': '+447911123456',
    '+44 (0) 7911 123456': '+447911123456',
    '+79991234567': '+79991234567',
    '+998 90 123 45 67': '+998901234567',
    '+39 06 1234 5678': '+390612345678',
  };
  for (const [text, value] of Object.entries(numbers)) {
    assert.deepEqual(parsePhone(text), { ok: true, value });
  }
});

test('each refusal says what is wrong', () => {
  assert.equal(errorOf(''), 'must not be empty');
  assert.equal(errorOf(' - () '), 'must not be empty');
  assert.equal(errorOf(`+77010000001${' '.repeat(21)}`), 'must be at most 32 characters long');
  assert.ok(parsePhone(`+77010000001${' '.repeat(20)}`).ok, 'exactly 32 characters');
  const characters = 'must contain only digits, +, spaces, dots, dashes and parentheses, and no extension';
  for (const text of ['+7701000000a', '+77010000001 ext 5', '+77010000001;ext=5', '+77010000001#5', 'abc']) {
    assert.equal(errorOf(text), characters);
  }
  for (const text of [
    '+٧٧٠١٠٠٠٠٠٠١',
    '+7701000000\n1',
    '+77010000001\u0000',
    'tel:+77010000001',
    '+7701😀',
  ]) {
    assert.equal(errorOf(text), characters);
  }
  const start = 'must begin with + and the country code, or with 8 7 or 7 7 for Kazakhstan';
  const noCountry = [
    '7010000001',
    '770100000011',
    '79991234567',
    '8701000000',
    '870100000011',
    '0077010000001',
    '++77010000001',
  ];
  for (const text of [...noCountry, '7701+0000001', '+', '1', '88005553535']) {
    assert.equal(errorOf(text), start);
  }
  for (const text of ['+7701000000', '+770100000011', '+77']) {
    assert.equal(errorOf(text), 'must have 10 digits after +7');
  }
  const unknown = 'must be a phone number of its country in full, such as +77010000001';
  for (const text of [
    '+999123456789',
    '+1234',
    '+0',
    '+87010000001',
    '+76010000001',
    '+1111111111111111111',
  ]) {
    assert.equal(errorOf(text), unknown);
  }
});

test('any text gets an answer', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'+0123456789 ()-') })),
      (text) => {
        const result = parsePhone(text);
        assert(result.ok ? /^\+[0-9]+$/.test(result.value) : result.error.startsWith('must '));
      },
    ),
  );
});

test('a masked number hides the middle', () => {
  assert.equal(maskPhone('+77010000001' as Phone), '+7701•••0001');
  assert.equal(maskPhone('+29023456' as Phone), '+2•••3456');
  assert.equal(maskPhone('+12025550123' as Phone), '+1202•••0123');
});
