/** Webhooks arrive: signed, whole, in order, once, and what came of them can be read. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  createEndpoint,
  OK,
  type Receiver,
  startReceiver,
  untilDelivery,
  verify,
} from '../support/webhooks.ts';

let sandbox: Sandbox;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  const { body } = await sandbox.call('GET', '/v1/webhook-endpoints');
  for (const { id } of body.items) await sandbox.call('DELETE', `/v1/webhook-endpoints/${id}`);
  await receiver.stop();
  await sandbox.assertInvariants();
});
after(() => sandbox.stop());

function operate({ body }: Reply, operation: string, amount: number): Promise<Reply> {
  return sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/${operation}`, { body: { amount } });
}

describe('a payment', () => {
  test('every change of its status arrives, signed, with the bytes that the API keeps', async () => {
    const endpoint = await createEndpoint(sandbox.call, receiver.url);
    const payment = await sandbox.authorize();
    await operate(payment, 'capture', 15_000);
    await receiver.until(({ received }) => received.length >= 3, 'three events');
    assert.deepEqual(receiver.names(), [
      'transaction.created',
      'transaction.authorized',
      'transaction.charged',
    ]);
    for (const received of receiver.received) {
      verify(endpoint.secret, received);
      assert.match(String(received.headers['webhook-id']), /^msg_[0-9A-HJKMNP-TV-Z]{32}$/);
      assert.equal(received.headers['content-type'], 'application/json');
      const id = String(received.headers['webhook-id']);
      const delivery = await untilDelivery(
        sandbox.call,
        endpoint.id,
        id,
        ({ status }) => status !== 'pending',
      );
      assert.deepEqual(
        [delivery.status, delivery.body, delivery.attempts.length, delivery.attempts[0].statusCode],
        ['delivered', received.text, 1, 200],
      );
    }
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 3);
    receiver.answer(OK);
  });

  test('another merchant’s endpoint gets nothing of it', async () => {
    const other = await createEndpoint(sandbox.call, receiver.url, {}, { apiKey: OTHER_KEY });
    await sandbox.authorize();
    const mine = await createEndpoint(sandbox.call, receiver.url);
    await sandbox.call('POST', `/v1/webhook-endpoints/${mine.id}/test`);
    await receiver.until(({ received }) => received.length >= 1, 'the test event');
    assert.deepEqual(receiver.names(), ['webhook.test']);
    await sandbox.call('DELETE', `/v1/webhook-endpoints/${other.id}`, { apiKey: OTHER_KEY });
  });
});
