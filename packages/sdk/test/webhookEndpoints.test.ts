/** Endpoints and what else merchants look at, through the client, against the real server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotFoundError, PlexyPay, UnprocessableError, type WebhookDelivery } from '@plexy-pay/sdk';
import { verify } from '@plexy-pay/sdk/webhooks';
import { CUSTOMER, DEMO_KEY, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';
import { type Receiver, startReceiver } from '../../server/test/support/webhooks.ts';

let sandbox: Sandbox;
let receiver: Receiver;
let plexy: PlexyPay;
before(async () => {
  sandbox = await startSandbox();
  receiver = await startReceiver();
  plexy = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
});
after(async () => {
  await receiver.stop();
  await sandbox.stop();
});

async function delivered({ endpointId, id }: WebhookDelivery, attempts: number) {
  for (const limit = Date.now() + 60_000; ; await sleep(20)) {
    const delivery = await plexy.webhookEndpoints.getDelivery(endpointId, id);
    if (delivery.status === 'delivered' && delivery.attemptCount === attempts) return delivery;
    assert.ok(Date.now() < limit, JSON.stringify(delivery));
  }
}

test('an endpoint from its creation to its end', async () => {
  const { webhookEndpoints: endpoints } = plexy;
  const { secret, ...made } = await endpoints.create({ url: receiver.url, bearerToken: 'token' });
  assert.ok(secret !== null);
  assert.deepEqual(await endpoints.get(made.id), made);
  assert.deepEqual((await endpoints.update(made.id, { description: 'Shop' })).description, 'Shop');
  const second = await endpoints.create({ url: receiver.url, events: ['transaction.charged'] });
  const ids = (await endpoints.list({ limit: 1 }).toArray()).map(({ id }) => id);
  assert.deepEqual(ids, [second.id, made.id]);
  assert.deepEqual(await endpoints.delete(second.id), { id: second.id, deleted: true });
  await assert.rejects(endpoints.get(second.id), NotFoundError);

  const sent = await endpoints.sendTest(made.id);
  const delivery = await delivered(sent, 1);
  assert.deepEqual([delivery.event, delivery.attempts[0]?.statusCode], ['webhook.test', 200]);
  const [webhook] = receiver.received;
  assert.equal(webhook?.text, delivery.body);
  assert.equal(verify(webhook.text, webhook.headers, secret).merchantId, webhook.body.merchantId);

  const rotated = await endpoints.rotateSecret(made.id);
  assert.ok(rotated.secret !== null);
  assert.notEqual(rotated.secret, secret);
  await endpoints.resendDelivery(made.id, sent.id);
  assert.equal((await delivered(sent, 2)).replay, true);
  const again = receiver.received[1];
  assert.equal(again?.headers['webhook-replay'], 'true');
  for (const key of [secret, rotated.secret]) verify(again.text, again.headers, key);

  assert.equal((await endpoints.disable(made.id)).disabledReason, 'requested');
  await assert.rejects(endpoints.sendTest(made.id), (error) => {
    assert.ok(error instanceof UnprocessableError);
    assert.equal(error.reason, 'webhook_endpoint_disabled');
    return true;
  });
  assert.equal((await endpoints.enable(made.id)).status, 'enabled');
});

test('events, the deliveries of each, and a replay of them', async () => {
  const { webhookEndpoints: endpoints, events, wallet } = plexy;
  const from = new Date(Date.now() - 1_000).toISOString();
  const { id } = await endpoints.create({ url: receiver.url });
  const order = { amount: 500, currency: 'KZT', orderReference: 'EVENTS', ...CUSTOMER };
  const { walletTransactionId: transactionId } = await wallet.authorize(order);
  const listed = await events.list({ transactionId, limit: 1 }).toArray();
  assert.deepEqual(
    listed.map(({ seq, name, data }) => [seq, name, typeof data.balance]),
    [
      [2, 'transaction.authorized', 'bigint'],
      [1, 'transaction.created', 'bigint'],
    ],
  );
  // What is still pending is not sent a second time.
  const isDelivered = async (): Promise<boolean> =>
    (await endpoints.listDeliveries(id, { transactionId, status: 'delivered' }).toArray()).length === 2;
  for (const limit = Date.now() + 60_000; !(await isDelivered()); await sleep(20))
    assert.ok(Date.now() < limit, 'both are delivered');
  receiver.clear();
  const { endpointId } = await endpoints.replay(id, { from });
  assert.equal(endpointId, id);
  await receiver.until(
    ({ received }) => received.filter(({ headers }) => headers['webhook-replay'] === 'true').length >= 2,
    'the replay',
  );
  const deliveries = await endpoints.listDeliveries(id, { transactionId, limit: 1 }).toArray();
  assert.deepEqual(
    deliveries.map((delivery) => delivery.id),
    listed.map((event) => event.id),
  );
});

test('a DELETE that is repeated answers what it answered, within one call and with one key', async () => {
  const { id } = await plexy.webhookEndpoints.create({ url: receiver.url });
  let asked = 0;
  const losing: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    asked += 1;
    if (asked === 1) throw new TypeError('the answer was lost');
    return response;
  };
  const unlucky = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url, fetch: losing });
  assert.deepEqual(await unlucky.webhookEndpoints.delete(id), { id, deleted: true });
  assert.equal(asked, 2);
});

test('statistics, issues and the log of requests', async () => {
  const { statistics, issues, requestLog } = plexy;
  const { currency, totals } = await statistics.get({ interval: 'day', currency: 'KZT' });
  assert.deepEqual([currency, totals.count, typeof totals.netVolume], ['KZT', 1, 'bigint']);
  assert.deepEqual(await issues.list().toArray(), []);
  const until = (await issues.mute('holds_expiring', { untilSeconds: 60 })).mutedUntil;
  assert.ok(Date.parse(until ?? '') > Date.now());
  for (const limit = Date.now() + 60_000; ; await sleep(50)) {
    const logged = await requestLog.list({ method: 'DELETE', limit: 1 }).toArray();
    if (logged.some(({ path }) => path.startsWith('/v1/webhook-endpoints/'))) break;
    assert.ok(Date.now() < limit, 'the log has no DELETE');
  }
});
