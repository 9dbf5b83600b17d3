/** Errors in the words of the deployed API, whatever they are, and what of payments its shops are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WEBHOOK_EVENTS } from '../../src/core/lifecycle.ts';
import { LINK_EVENTS } from '../../src/core/link.ts';
import { hostedWords, refusalText } from '../../src/hosted/words.ts';
import { REASONS, type Reason } from '../../src/http/errors.ts';
import { tellsFlat } from '../../src/webhooks/flatFormat.ts';

test('every reason has four fields, and the code and type that belong to it', () => {
  for (const [reason, { code }] of Object.entries(REASONS)) {
    const told = { reason: reason as Reason, message: 'so it is', details: [] };
    const body = JSON.parse(hostedWords('/hosted/v1/payments/search?a=1', told) ?? '{}');
    assert.deepEqual(Object.keys(body), ['code', 'message', 'source', 'type'], reason);
    assert.deepEqual([body.code, body.source], [code, 'payments'], reason);
    assert.equal(body.type, code === 5 ? 'validationError' : 'apiError', reason);
    if (reason !== 'service_unavailable') assert.equal(body.message, 'so it is');
    // Whoever sends no key is not told to send it again.
    else assert.doesNotMatch(body.message, /Idempotency-Key/);
  }
});

test('they are for URLs below the prefix only', () => {
  const told = { reason: 'not_found', message: 'nothing', details: [] } as const;
  for (const url of ['/hosted', '/hosted?x', '/hosted/', '/hosted/v1/x', '/hosted/%zz'])
    assert.equal(JSON.parse(hostedWords(url, told) ?? '{}').source, 'server', url);
  for (const url of ['/', '/v1/payments', '/hostedx', '/v1/hosted', '/HOSTED'])
    assert.equal(hostedWords(url, told), null, url);
});

test('a refused operation says why, once', () => {
  const why = (message: string, details: { path: string; message: string }[]) =>
    JSON.parse(
      refusalText('/hosted/v1/payments/x/refund', 'refund', { reason: 'declined_by_bank', message, details }),
    ).message;
  assert.equal(why('no', []), 'payment can not be refunded: no');
  assert.equal(
    why('no', [{ path: 'status', message: 'is charged' }]),
    'payment can not be refunded: no (status is charged)',
  );
  assert.equal(
    why('amount is too much', [{ path: 'amount', message: 'is too much' }]),
    'payment can not be refunded: amount is too much',
  );
});

test('what is refused before it is an operation says so in the same words; what was never decided does not', () => {
  const messageOf = (url: string, reason: 'invalid_amount' | 'transaction_not_found' | 'invalid_api_key') =>
    JSON.parse(hostedWords(url, { reason, message: 'why', details: [] }) ?? '{}').message;
  const refund = '/hosted/v1/payments/x/refund';
  assert.equal(messageOf(refund, 'invalid_amount'), 'payment can not be refunded: why');
  assert.equal(messageOf(`${refund}?a=b`, 'transaction_not_found'), 'payment can not be refunded: why');
  assert.equal(
    messageOf('/hosted/v1/payments/x/capture', 'invalid_amount'),
    'payment can not be captured: why',
  );
  assert.equal(messageOf(refund, 'invalid_api_key'), 'why');
  assert.equal(messageOf('/hosted/v1/payments/x/refunds', 'invalid_amount'), 'why');
  assert.equal(messageOf('/hosted/v1/transactions/x/refund', 'invalid_amount'), 'why');
});

test('shops of sessions are told the outcomes of payments, and nothing of refunds and links', () => {
  const told = [...WEBHOOK_EVENTS, ...LINK_EVENTS].filter((name) => tellsFlat({ name, isRefund: false }));
  assert.deepEqual(told.sort(), [
    'transaction.authorized',
    'transaction.cancelled',
    'transaction.charged',
    'transaction.failed',
    'transaction.rejected',
  ]);
  for (const name of [...WEBHOOK_EVENTS, 'toString']) assert.ok(!tellsFlat({ name, isRefund: true }), name);
  assert.ok(!tellsFlat({ name: 'toString', isRefund: false }));
});
