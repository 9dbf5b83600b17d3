import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

async function authorized(amount = 15_000): Promise<string> {
  const { status, body } = await sandbox.authorize({ amount });
  assert.equal(status, 201);
  return body.walletTransactionId;
}

function operate(id: string, operation: string, amount: number, apiKey?: string) {
  return sandbox.call('POST', `/v1/wallet/${id}/${operation}`, {
    body: { amount },
    ...(apiKey ? { apiKey } : {}),
  });
}

async function statusOf(id: string): Promise<string> {
  const { body } = await sandbox.call('GET', `/v1/wallet/transaction/${id}`);
  return body.walletTransactionStatus;
}

describe('the flow of the specification', () => {
  test('authorize, capture, refund', async () => {
    const { status, body } = await sandbox.authorize({ orderReference: 'ORDER-100045' });
    assert.equal(status, 201);
    const id = body.walletTransactionId;
    assert.match(id, /^wt_[0-9A-HJKMNP-TV-Z]{26}$/);
    const five = { walletTransactionId: id, orderReference: 'ORDER-100045', currency: 'KZT' };
    assert.deepEqual(body, { ...five, walletTransactionStatus: 'PROCESSING', amount: 15_000 });
    const captured = await operate(id, 'capture', 15_000);
    assert.equal(captured.status, 200);
    assert.deepEqual(captured.body, { ...five, walletTransactionStatus: 'SUCCESS', amount: 15_000 });
    const refunded = await operate(id, 'refund', 5_000);
    assert.equal(refunded.status, 200);
    assert.deepEqual(refunded.body, { ...five, walletTransactionStatus: 'SUCCESS', amount: 5_000 });
    const got = await sandbox.call('GET', `/v1/wallet/transaction/${id}/`);
    assert.deepEqual(got.body, { ...five, walletTransactionStatus: 'SUCCESS', amount: 15_000 });
  });

  test('a partial capture releases the rest', async () => {
    const id = await authorized(10_000);
    assert.equal((await operate(id, 'capture', 4_000)).status, 200);
    const again = await operate(id, 'capture', 1);
    assert.deepEqual([again.status, again.body.reason], [422, 'invalid_transaction_state']);
  });

  test('a partial cancel shrinks the hold', async () => {
    const id = await authorized(10_000);
    const part = await operate(id, 'cancel', 4_000);
    assert.deepEqual([part.status, part.body.walletTransactionStatus], [200, 'PROCESSING']);
    const tooMuch = await operate(id, 'capture', 6_001);
    assert.deepEqual([tooMuch.status, tooMuch.body.reason], [422, 'amount_exceeds_held']);
    assert.equal((await operate(id, 'cancel', 6_000)).body.walletTransactionStatus, 'SUCCESS');
    assert.equal(await statusOf(id), 'SUCCESS');
  });

  test('partial refunds, until nothing is left', async () => {
    const id = await authorized(10_000);
    await operate(id, 'capture', 9_000);
    for (const amount of [3_000, 3_000, 3_000])
      assert.equal((await operate(id, 'refund', amount)).status, 200);
    const more = await operate(id, 'refund', 1);
    assert.deepEqual([more.status, more.body.reason], [422, 'amount_exceeds_refundable']);
  });
});
