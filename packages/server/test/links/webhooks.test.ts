/** What a link's merchant is told of it: by webhook where its events are named, by stream where they are asked for. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { DEMO_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  createEndpoint,
  deleteEndpoints,
  type Receiver,
  startReceiver,
  verify,
} from '../support/webhooks.ts';

const NAMES = ['created', 'paid', 'expired', 'cancelled'].map((name) => `payment_link.${name}`);

let sandbox: Sandbox;
let payer: PayerTools;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
  payer = createPayerTools(sandbox.deps);
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await deleteEndpoints(sandbox.call);
  await receiver.stop();
  await sandbox.assertInvariants();
});
after(() => sandbox.stop());

async function create(body: Record<string, unknown> = {}, path = '/v1/payment-links') {
  const terms = { amount: 15_000, currency: 'KZT', orderReference: 'HOOK' };
  const reply = await sandbox.call('POST', path, { body: { ...terms, ...body } });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
  assert.equal(status, 200, text);
}

const linkOf = async (id: string) => (await sandbox.call('GET', `/v1/payment-links/${id}`)).body;

describe('webhooks', () => {
  test('tell of a link from its beginning to its end, as it was then', async () => {
    const endpoint = await createEndpoint(sandbox.call, receiver.url, { events: NAMES });
    const made = await create({ metadata: { note: '💳 \\u001e', n: 7 } });
    await receiver.until(() => receiver.received.length === 1, 'the link is created');
    // What is told later of the beginning must not show what has come since.
    await sandbox.call('PATCH', `/v1/payment-links/${made.id}`, {
      body: { expiresAt: new Date(Date.parse(made.expiresAt) + 60_000).toISOString() },
    });
    await payer.byWallet(made.id);
    await receiver.until(() => receiver.received.length === 2, 'the link is paid');
    const [first, second] = receiver.received;
    assert.ok(first !== undefined && second !== undefined);
    for (const received of [first, second]) verify(endpoint.secret, received);
    const { merchantId } = first.body;
    assert.deepEqual(first.body, { name: 'payment_link.created', merchantId, data: made });
    const paid = await linkOf(made.id);
    assert.equal(paid.status, 'paid');
    assert.deepEqual(second.body, { name: 'payment_link.paid', merchantId, data: paid });

    const replayed = await sandbox.call('POST', `/v1/webhook-endpoints/${endpoint.id}/replay`, {
      body: { from: made.createdAt },
    });
    assert.equal(replayed.status < 300, true, replayed.text);
    await receiver.until(() => receiver.received.length === 4, 'both are sent again');
    assert.deepEqual(
      receiver.received.slice(2).map(({ text }) => text),
      [first.text, second.text],
    );
    assert.deepEqual(
      receiver.received.slice(2).map(({ headers }) => headers['webhook-id']),
      [first.headers['webhook-id'], second.headers['webhook-id']],
    );
    const { body } = await sandbox.call('GET', `/v1/webhook-endpoints/${endpoint.id}/deliveries`);
    assert.deepEqual(
      body.items.map((item: Record<string, unknown>) => [item.event, item.transactionId, item.paymentLinkId]),
      [
        ['payment_link.paid', null, made.id],
        ['payment_link.created', null, made.id],
      ],
    );
    const one = await sandbox.call(
      'GET',
      `/v1/webhook-endpoints/${endpoint.id}/deliveries/${body.items[0].id}`,
    );
    assert.equal(one.body.body, second.text);
  });

  test('that are sent much later still tell of the link as it was then', async () => {
    const made = await create();
    const expiresAt = new Date(Date.parse(made.expiresAt) + 3_600_000).toISOString();
    const patched = await sandbox.call('PATCH', `/v1/payment-links/${made.id}`, { body: { expiresAt } });
    assert.equal(patched.status, 200);
    await sandbox.call('DELETE', `/v1/payment-links/${made.id}`);
    const { id } = await createEndpoint(sandbox.call, receiver.url, { events: NAMES });
    await sandbox.call('POST', `/v1/webhook-endpoints/${id}/replay`, { body: { from: made.createdAt } });
    await receiver.until(() => receiver.received.length === 2, 'both are sent');
    const cancelled = await linkOf(made.id);
    assert.deepEqual(
      receiver.received.map(({ body }) => body.data),
      [made, cancelled],
    );
    assert.deepEqual([cancelled.status, cancelled.expiresAt], ['cancelled', expiresAt]);
  });

  test('tell of expiry and cancel, and of sessions by their own names', async () => {
    const names = [...NAMES, ...NAMES.map((name) => name.replace('link', 'session'))];
    await createEndpoint(sandbox.call, receiver.url, { events: names });
    const [cancelled, session] = [await create(), await create({}, '/v1/payment-sessions')];
    await create();
    await sandbox.call('DELETE', `/v1/payment-links/${cancelled.id}`);
    await advance(86_400 + 60);
    await receiver.until(() => receiver.received.length === 6, 'everything');
    assert.deepEqual(receiver.names().sort(), [
      ...['payment_link.cancelled', 'payment_link.created', 'payment_link.created', 'payment_link.expired'],
      ...['payment_session.created', 'payment_session.expired'],
    ]);
    const ofSession = receiver.received.find(({ body }) => body.name === 'payment_session.expired');
    assert.deepEqual([ofSession?.body.data.id, ofSession?.body.data.status], [session.id, 'expired']);
  });

  test('of links are sent to nobody who has not named them, and change nothing of the others', async () => {
    await createEndpoint(sandbox.call, receiver.url);
    const { id } = await create();
    await payer.byWallet(id);
    await sandbox.authorize({ orderReference: 'LAST' });
    await receiver.until(() => receiver.received.length >= 4, 'those of both payments');
    const namesOf = (reference: string): string[] =>
      receiver.received
        .filter(({ body }) => body.data.orderReference === reference)
        .map(({ body }) => body.name);
    // Those of one payment come in order; two payments do not wait for each other.
    for (const reference of ['HOOK', 'LAST'])
      assert.deepEqual(namesOf(reference), ['transaction.created', 'transaction.authorized']);
    assert.equal(receiver.received.length, 4);
    const [made] = receiver.received.filter(({ body }) => body.data.orderReference === 'HOOK');
    assert.deepEqual(made?.body.data.paymentLinkId, { Value: id });
    const { body } = await sandbox.call('GET', '/v1/events?limit=100');
    assert.equal(
      body.items.some(({ name }: { name: string }) => name.startsWith('payment_')),
      false,
    );
  });
});

describe('the stream', () => {
  async function streamed(query: string, until: string, act: () => Promise<void>): Promise<string[]> {
    const ending = new AbortController();
    const response = await fetch(`${sandbox.url}/v1/transactions/stream${query}`, {
      headers: { authorization: DEMO_KEY },
      signal: ending.signal,
    });
    const names: string[] = [];
    let text = '';
    const decoder = new TextDecoder();
    const acting = act();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        names.splice(0, names.length, ...[...text.matchAll(/^event: (.*)$/gm)].map(([, name = '']) => name));
        if (names.includes(until)) break;
      }
    } finally {
      await acting;
      ending.abort();
    }
    return names.filter((name) => name !== 'heartbeat');
  }

  test('has links where they are asked for', async () => {
    const names = await streamed('?paymentLinks=true', 'payment_link.cancelled', async () => {
      const { id } = await create();
      await sandbox.call('DELETE', `/v1/payment-links/${id}`);
    });
    assert.deepEqual(names, ['payment_link.created', 'payment_link.cancelled']);
  });

  test('has none otherwise', async () => {
    const names = await streamed('', 'transaction.authorized', async () => {
      await create();
      await sandbox.authorize();
    });
    assert.deepEqual(names, ['transaction.created', 'transaction.authorized']);
  });
});
