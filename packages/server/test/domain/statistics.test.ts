import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundariesOf, currenciesOf, type KindCount, totalsOf } from '../../src/domain/statistics.ts';

const KIND: KindCount = {
  bucket: 0,
  currency: 'KZT',
  type: 'payment',
  status: 'charged',
  count: 1,
  amount: 1n,
};

test('every status is counted once, and volume is what succeeded', () => {
  const kinds: KindCount[] = [
    { ...KIND, status: 'created', count: 1, amount: 100n },
    { ...KIND, status: '3d', count: 2, amount: 100n },
    { ...KIND, status: 'authorized', count: 3, amount: 10n },
    { ...KIND, status: 'charged', count: 4, amount: 20n },
    { ...KIND, status: 'refunded', count: 5, amount: 31n },
    { ...KIND, status: 'rejected', count: 6, amount: 100n },
    { ...KIND, status: 'transaction.failed', count: 7, amount: 100n },
    { ...KIND, status: 'cancelled', count: 8, amount: 100n },
    { ...KIND, type: 'refund', status: 'refunded', count: 9, amount: 7n },
    { ...KIND, type: 'refund', status: 'rejected', count: 10, amount: 100n },
  ];
  assert.deepEqual(totalsOf(kinds), {
    ...{ count: 36, succeeded: 12, declined: 6, failed: 7, cancelled: 8, pending: 3 },
    ...{ volume: 61n, averageAmount: 5n, refunds: 9, refundedVolume: 7n },
  });
  assert.deepEqual(totalsOf([]), {
    ...{ count: 0, succeeded: 0, declined: 0, failed: 0, cancelled: 0, pending: 0 },
    ...{ volume: 0n, averageAmount: 0n, refunds: 0, refundedVolume: 0n },
  });
});

test('sums beyond 2^53 are exact', () => {
  const amount = 9_007_199_254_740_993n;
  assert.equal(
    totalsOf([
      { ...KIND, amount },
      { ...KIND, amount },
    ]).volume,
    2n * amount,
  );
});

test('currencies: the most frequent first', () => {
  const kinds = [KIND, { ...KIND, currency: 'USD', count: 3 }, { ...KIND, status: '3d' as const }];
  assert.deepEqual(currenciesOf(kinds), ['USD', 'KZT']);
  for (const pair of [
    ['USD', 'EUR'],
    ['EUR', 'USD'],
  ])
    assert.deepEqual(currenciesOf(pair.map((currency) => ({ ...KIND, currency }))), ['EUR', 'USD'], 'a tie');
});

test('boundaries have no gaps, and the last may be short', () => {
  assert.deepEqual(boundariesOf(0, 30, 10), [0, 10, 20, 30]);
  assert.deepEqual(boundariesOf(5, 30, 10), [5, 15, 25, 30]);
  assert.deepEqual(boundariesOf(5, 6, 10), [5, 6]);
});
