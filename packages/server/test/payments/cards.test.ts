import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

function pay(
  number: string,
  body: Record<string, unknown> = {},
  idempotencyKey: string = crypto.randomUUID(),
) {
  const card = { number, expiryMonth: 12, expiryYear: 2040, cvc: number.startsWith('37') ? '1234' : '123' };
  return sandbox.call('POST', '/v1/payments', {
    idempotencyKey,
    body: { amount: 10_000, currency: 'KZT', orderReference: 'CARD-1', card, ...body },
  });
}

function operate(id: string, operation: string, amount?: number): Promise<Reply> {
  return sandbox.call('POST', `/v1/transactions/${id}/${operation}`, {
    body: amount === undefined ? {} : { amount },
  });
}

async function stored(id: string): Promise<{ status: string; status_reason: string | null }> {
  const { rows } = await sandbox.pool.query('SELECT * FROM transaction WHERE id = $1', [id]);
  return rows[0];
}

async function settled(id: string): Promise<{ status: string; status_reason: string | null }> {
  for (let i = 0; i < 200; i += 1) {
    const row = await stored(id);
    if (row.status !== 'created') return row;
    await pause(50);
  }
  throw new Error('the payment was not settled');
}

describe('card payments', () => {
  test('authorize, partial capture, partial refunds to the end', async () => {
    const { status, body } = await pay('4242424242424242');
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(
      [body.status, body.last4, body.cardBrand, body.secure3d],
      ['authorized', '4242', 'visa', false],
    );
    assert.match(body.retrievalReferenceNumber, /^\d{12}$/);
    const captured = await operate(body.id, 'capture', 9_000);
    assert.deepEqual([captured.status, captured.body.status], [200, 'charged'], captured.text);
    assert.deepEqual([captured.body.capturedAmount, captured.body.releasedAmount], [9_000, 1_000]);
    const refund = await operate(body.id, 'refund', 4_000);
    assert.deepEqual(
      [refund.status, refund.body.status, refund.body.type],
      [200, 'refunded', 'refund'],
      refund.text,
    );
    assert.equal(refund.body.parentTransactionId, body.id);
    const rest = await operate(body.id, 'refund');
    assert.equal(rest.body.amount, 5_000);
    assert.equal((await stored(body.id)).status, 'refunded');
  });

  test('cancel in part, then all that remains', async () => {
    const { body } = await pay('5555555555554444');
    const part = await operate(body.id, 'cancel', 4_000);
    assert.deepEqual([part.body.status, part.body.releasedAmount], ['authorized', 4_000], part.text);
    const all = await operate(body.id, 'cancel');
    assert.deepEqual([all.body.status, all.body.releasedAmount], ['cancelled', 10_000]);
  });

  for (const [number, code, status] of [
    ['4000000000000002', 'card_declined', 'rejected'],
    ['4000000000009995', 'insufficient_funds', 'rejected'],
    ['4000000000009987', 'lost_card', 'rejected'],
    ['4000000000009979', 'stolen_card', 'rejected'],
    ['4000000000000069', 'expired_card', 'rejected'],
    ['4000000000000127', 'incorrect_cvc', 'rejected'],
    ['4000000000000119', 'processing_error', 'transaction.failed'],
  ] as const) {
    test(`${number} is declined with ${code}`, async () => {
      const { body } = await pay(number);
      assert.deepEqual([body.status, body.failureCode], [status, code]);
    });
  }

  test('the same key gets the same bytes', async () => {
    const key = crypto.randomUUID();
    const replies = await Promise.all(Array.from({ length: 10 }, () => pay('4242424242424242', {}, key)));
    assert.equal(new Set(replies.map((reply) => reply.text)).size, 1);
    assert.equal(replies.filter((reply) => reply.headers.get('idempotency-replayed') === 'true').length, 9);
  });

  test('the same key gets the same bytes also when the card has expired since', async () => {
    const now = new Date((await sandbox.call('GET', '/v1/sandbox/clock')).body.now);
    const [expiryMonth, expiryYear] = [now.getUTCMonth() + 1, now.getUTCFullYear()];
    const card = { number: '4242424242424242', expiryMonth, expiryYear };
    const key = crypto.randomUUID();
    const first = await pay(card.number, { card }, key);
    assert.equal(first.status, 201, first.text);
    const later = { body: { advanceSeconds: 40 * 86_400 } };
    assert.equal((await sandbox.call('POST', '/v1/sandbox/clock', later)).status, 200);
    const again = await pay(card.number, { card }, key);
    assert.deepEqual(
      [again.status, again.text, again.headers.get('idempotency-replayed')],
      [201, first.text, 'true'],
    );
    assert.equal((await pay(card.number, { card, amount: 1 }, key)).body.reason, 'idempotency_key_reused');
    const { body } = await pay(card.number, { card });
    assert.deepEqual([body.reason, body.details[0].path], ['invalid_card', 'card.expiryYear']);
  });

  for (const number of ['4000000000700015', '4000000000700056', '4000000000700064', '4000000000700072']) {
    test(`${number}: a bank that fails after the work still ends authorized`, async () => {
      const { body } = await pay(number);
      assert.equal((await settled(body.id)).status, 'authorized');
    });
  }
});
