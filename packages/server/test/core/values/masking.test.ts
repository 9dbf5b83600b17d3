import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { masked } from '../../../src/core/values/masking.ts';
import { loggedPath } from '../../../src/requestLog/loggedRequest.ts';

const CARD = '4242424242424242';

test('a card number or an IIN by itself is masked', () => {
  for (const secret of [
    '4111111111111111',
    '4111%201111%201111%201111',
    '4111-1111-1111-1111',
    '900101300017',
    '123456789012',
    '%34242424242424242',
    '４２４２４２４２４２４２４２４２',
    '%EF%BC%94242424242424242',
  ])
    assert.equal(
      loggedPath(`/v1/transactions/by-order-reference/${secret}?a=1`),
      '/v1/transactions/by-order-reference/•••',
      secret,
    );
  assert.equal(masked('pay 4111 1111 1111 1111 now'), 'pay ••• now');
});

test('a card number or an IIN is masked as a part of a word, and with anything between its digits', () => {
  const spellings: readonly (readonly [string, string])[] = [
    [`order-${CARD}`, 'order-•••'],
    [`order_${CARD}_1x`, 'order_•••x'],
    [`card${CARD}x`, 'card•••x'],
    ['4242.4242.4242.4242', '•••'],
    ['a4242_4242_4242_4242', 'a•••'],
    ['x-4242 - 4242-42424242', 'x-•••'],
    ['4242\u200b4242\u200b4242\u200b4242', '•••'],
    ['4242–4242–4242–4242', '•••'],
    ['4.2.4.2.4.2.4.2.4.2.4.2.4.2.4.2', '•••'],
    [`order-12 ${CARD}`, 'order-•••'],
    [`order-12-${CARD}`, 'order-•••'],
    ['amex:3782-822463-10005', 'amex:•••'],
    ['iin900101300017', 'iin•••'],
    ['iin_900101-300017', 'iin_•••'],
  ];
  for (const [text, expected] of spellings) assert.equal(masked(text), expected);
});

test('a card number never stays, whatever stands beside it and between its groups', () => {
  const beside = fc.constantFrom('', 'a', '-', '_', '.', '/', ' ', 'order-', 'x:', '"', 'ю');
  const between = fc.constantFrom('', ' ', '-', '.', '_', '%20', '%2D', '+', '–', '. ');
  fc.assert(
    fc.property(beside, between, beside, (before, separator, after) => {
      const number = ['4242', '4242', '4242', '4242'].join(separator);
      assert.doesNotMatch(masked(`${before}${number}${after}`), /4242/);
    }),
    { numRuns: 1_000 },
  );
});

test('API keys and webhook secrets are masked', () => {
  assert.equal(loggedPath('/v1/transactions/pr_live_AbC-12_x/refund'), '/v1/transactions/pr_live_•••/refund');
  assert.equal(masked('x=op_test_demo;whsec_a+b/c='), 'x=op_test_•••;whsec_•••');
  assert.equal(masked('/pr%5flive%5FAbC'), '/pr_live_•••');
  assert.equal(masked('100%/xpr_live_AbC'), '100%/xpr_live_•••');
});

test('ids and orders’ numbers stay as they are', () => {
  for (const id of [
    '/01900000-0000-7000-8000-000000000001',
    'wt_01JDM3Z7V8H8Q2X9K0R1ABCD12',
    'ct_42424242424242424242424242424242',
    'msg_42424242424242424242424242424242',
    'ORDER-1234567890',
    'order-1764166800122',
    'ORD-20261126-0001',
    '2026-11-26T11:00:00.000Z',
    '/v1/a%20b',
    '100%',
  ])
    assert.equal(masked(id), id);
});
