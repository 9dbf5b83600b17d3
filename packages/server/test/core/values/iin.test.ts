import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Iin, lastDigitsOf, parseIin } from '../../../src/core/values/iin.ts';

const SEEDS = '900101300017 850520400027 771211300039 950308400048 010715500051 990909400062'.split(' ');
const CHECK_DIGIT = 'must have the right check digit (the 12th)';
const BIRTH_DATE = 'must begin with a real birth date, YYMMDD';

/** The rule of the check digit, written differently: undefined when both passes give 10. */
function checkDigit(eleven: string): string | undefined {
  const sums = [0, 2].map((shift) =>
    [...eleven].reduce((sum, digit, i) => sum + Number(digit) * (((i + shift) % 11) + 1), 0),
  );
  return sums.map((sum) => String(sum % 11)).find((digit) => digit !== '10');
}

const eleven = fc
  .tuple(
    fc.date({ min: new Date('1800-01-01'), max: new Date('2099-12-31T23:59:59Z'), noInvalidDate: true }),
    fc.integer({ min: 0, max: 1 }),
    fc.integer({ min: 0, max: 9999 }),
  )
  .map(([date, sex, serial]) => {
    const century = Math.floor(date.getUTCFullYear() / 100) - 18;
    const day = date.toISOString().slice(2, 10).replaceAll('-', '');
    return `${day}${century * 2 + 1 + sex}${String(serial).padStart(4, '0')}`;
  });

function errorOf(text: string): string {
  const result = parseIin(text);
  assert(!result.ok, text);
  return result.error;
}

test('the customers of the sandbox have valid numbers', () => {
  for (const iin of SEEDS) {
    assert.deepEqual(parseIin(iin), { ok: true, value: iin });
  }
  assert.equal(lastDigitsOf(SEEDS[0] as Iin), '0017');
});

test('a date, a century digit and the check digit make a valid number; no other last digit does', () => {
  fc.assert(
    fc.property(eleven, (start) => {
      const right = checkDigit(start);
      for (const last of '0123456789') {
        const text = start + last;
        assert.deepEqual(
          parseIin(text),
          last === right ? { ok: true, value: text } : { ok: false, error: CHECK_DIGIT },
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('both passes of the check digit occur', () => {
  // 85052040002: 10 in the first pass, 7 in the second. 90010130000…: some serial gives 10 in both.
  assert.equal(checkDigit('85052040002'), '7');
  const none = Array.from({ length: 10000 }, (_, i) => `9001013${String(i).padStart(4, '0')}`).find(
    (start) => checkDigit(start) === undefined,
  );
  assert(none !== undefined);
  for (const last of '0123456789') {
    assert.equal(errorOf(none + last), CHECK_DIGIT);
  }
});

test('the length and the digits', () => {
  const wrong = [
    '',
    '90010130001',
    '9001013000177',
    '90010130001a',
    '900101300017\n',
    ' 900101300017',
    '900101 300017',
  ];
  for (const text of [...wrong, '９００１０１３０００１７', '+90010130001', '9001013000.7']) {
    assert.equal(errorOf(text), 'must be 12 digits');
  }
});

test('the century digit', () => {
  for (const digit of '0789') {
    assert.equal(errorOf(`900101${digit}00017`), 'must have a century digit (the 7th) from 1 to 6');
  }
});

test('the birth date is one of its century', () => {
  for (const day of ['900001', '901301', '900100', '900132', '900431', '900230', '990229', '000000']) {
    assert.equal(errorOf(`${day}300017`), BIRTH_DATE);
  }
  // 29 February 2000 was a day; 29 February 1900 and 1800 were not.
  assert.equal(errorOf('000229300017'), BIRTH_DATE);
  assert.equal(errorOf('000229100017'), BIRTH_DATE);
  const leapDay = '0002295000';
  const start = ['1', '2', '3']
    .map((digit) => leapDay + digit)
    .find((text) => checkDigit(text) !== undefined);
  assert(start !== undefined && parseIin(start + checkDigit(start)).ok);
});

test('an error never contains the number', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{12}$/), (text) => {
      const result = parseIin(text);
      assert(result.ok || !/[0-9]{3}/.test(result.error));
    }),
  );
});
