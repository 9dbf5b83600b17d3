import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_AMOUNT, parseAmount } from '../../../src/core/values/money.ts';

const notPositive = { ok: false, error: 'must be a positive integer in minor units' };
const tooLarge = { ok: false, error: 'must be at most 9007199254740991' };

test('every integer from 1 to the maximum is an amount', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.deepEqual(parseAmount(value), value >= 1 ? { ok: true, value: BigInt(value) } : notPositive);
    }),
    { examples: [[1], [0], [-1], [Number.MAX_SAFE_INTEGER]] },
  );
  assert.equal(MAX_AMOUNT, BigInt(Number.MAX_SAFE_INTEGER));
  assert.deepEqual(parseAmount(JSON.parse('100.0')), { ok: true, value: 100n });
  assert.deepEqual(parseAmount(JSON.parse('1e2')), { ok: true, value: 100n });
});

test('numbers above the maximum are refused', () => {
  for (const value of [9007199254740992, 1e21, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
    assert.deepEqual(parseAmount(value), tooLarge);
  }
});

test('nothing else is an amount', () => {
  const wrong = [0, -0, -1, 0.5, 1.5, 99.99, Number.NaN, Number.NEGATIVE_INFINITY, Number.MIN_VALUE];
  for (const value of [...wrong, '100', '', null, undefined, true, 100n, [100], {}, { valueOf: () => 100 }]) {
    assert.deepEqual(parseAmount(value), notPositive);
  }
  fc.assert(
    fc.property(
      fc.anything().filter((value) => typeof value !== 'number'),
      (value) => {
        assert.deepEqual(parseAmount(value), notPositive);
      },
    ),
  );
});
