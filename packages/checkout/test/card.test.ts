/** A card as it is typed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  brandOf,
  CARD_CHECKS,
  cardToSend,
  caretAfter,
  cvcSizeOf,
  digitsOf,
  groupedExpiry,
  groupedNumber,
  type TypedCard,
} from '../src/card.ts';

const CARD: TypedCard = {
  number: '4242 4242 4242 4242',
  expiry: '12 / 35',
  cvc: '123',
  holder: 'AIGERIM SADYKOVA',
};
const NOW = new Date('2026-11-27T10:00:00Z');

test('a number is grouped as on the card of its brand', () => {
  for (const [typed, grouped, brand, cvc] of [
    ['', '', undefined, 3],
    ['42', '42', 'Visa', 3],
    ['4242424242424242', '4242 4242 4242 4242', 'Visa', 3],
    ['4242-4242 4242.4242', '4242 4242 4242 4242', 'Visa', 3],
    ['378282246310005', '3782 822463 10005', 'Amex', 4],
    ['5555555555554444', '5555 5555 5555 4444', 'Mastercard', 3],
    ['2200000000000004', '2200 0000 0000 0004', 'Mir', 3],
    ['42424242424242424242424', '4242 4242 4242 4242424', undefined, 3],
  ] as const) {
    assert.equal(groupedNumber(typed), grouped);
    if (brand !== undefined) assert.equal(brandOf(typed)?.name, brand);
    assert.equal(cvcSizeOf(typed), cvc);
  }
});

test('grouping loses no digit, changes nothing that is grouped, and the caret stays behind its digit', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789 -x'), maxLength: 30 }), (typed) => {
      const grouped = groupedNumber(typed);
      assert.equal(digitsOf(grouped), digitsOf(typed).slice(0, 19));
      assert.equal(groupedNumber(grouped), grouped);
      for (let digits = 0; digits <= digitsOf(grouped).length; digits += 1) {
        const caret = caretAfter(grouped, digits);
        assert.equal(digitsOf(grouped.slice(0, caret)).length, digits);
      }
    }),
  );
});

test('an expiry date is understood however it is written', () => {
  for (const [typed, grouped] of [
    ['', ''],
    ['1', '1'],
    ['12', '12'],
    ['123', '12 / 3'],
    ['1235', '12 / 35'],
    ['12/35', '12 / 35'],
    ['12 / 35', '12 / 35'],
    ['12/2035', '12 / 35'],
    ['122035', '12 / 35'],
    ['5', '05'],
    ['5/35', '05 / 35'],
    ['1/35', '01 / 35'],
    ['12 / ', '12'],
  ] as const)
    assert.equal(groupedExpiry(typed), grouped, typed);
});

test('each field says what is wrong with it', () => {
  for (const [more, field, error] of [
    [{}, 'number', undefined],
    [{ number: '' }, 'number', 'error.number.empty'],
    [{ number: '4242 4242 4242 4241' }, 'number', 'error.number'],
    [{ number: '4242' }, 'number', 'error.number'],
    [{ expiry: '' }, 'expiry', 'error.expiry.empty'],
    [{ expiry: '13 / 35' }, 'expiry', 'error.expiry'],
    [{ expiry: '12 / 3' }, 'expiry', 'error.expiry'],
    [{ expiry: '10 / 26' }, 'expiry', 'error.expired'],
    [{ expiry: '11 / 26' }, 'expiry', undefined],
    [{ cvc: '12' }, 'cvc', 'error.cvc'],
    [{ number: '378282246310005', cvc: '123' }, 'cvc', 'error.cvc'],
    [{ number: '378282246310005', cvc: '1234' }, 'cvc', undefined],
    [{ holder: ' ' }, 'holder', 'error.holder'],
    [{ holder: '4242 4242 4242 4242' }, 'holder', 'error.holder'],
    [{ holder: 'Айгерім Садықова' }, 'holder', undefined],
  ] as const)
    assert.equal(CARD_CHECKS[field]({ ...CARD, ...more }, NOW)?.word, error, JSON.stringify(more));
});

test('a card is good to the end of its month in the last time zone', () => {
  const isExpired = (at: string) => CARD_CHECKS.expiry({ ...CARD, expiry: '11 / 26' }, new Date(at)) !== null;
  assert.equal(isExpired('2026-12-01T11:59:59Z'), false);
  assert.equal(isExpired('2026-12-01T12:00:00Z'), true);
});

test('what is sent has digits alone', () => {
  assert.deepEqual(cardToSend({ ...CARD, holder: ' A B ' }), {
    ...{ number: '4242424242424242', expiryMonth: 12, expiryYear: 2035, cvc: '123', holder: 'A B' },
  });
});
