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

describe('the list of events', () => {
  interface Item {
    readonly id: string;
    readonly name: string;
    readonly seq: number;
    readonly data: Record<string, unknown>;
  }
  async function events(query: string): Promise<readonly Item[]> {
    const reply = await sandbox.call('GET', `/v1/events?limit=100&${query}`);
    assert.equal(reply.status, 200, reply.text);
    return reply.body.items;
  }

  test('has those of links where they are asked for, and else the bytes that it has always had', async () => {
    const from = `createdFrom=${encodeURIComponent(new Date(Date.now() - 5_000).toISOString())}`;
    const link = await create({ orderReference: 'LISTED' });
    const session = await create({ orderReference: 'LISTED' }, '/v1/payment-sessions');
    await payer.byWallet(link.id);
    const isOfThese = ({ data }: Item) =>
      [link.id, session.id].includes(String(data.id)) || data.merchantReference === 'LISTED';
    const all = (await events('paymentLinks=true')).filter(isOfThese);
    assert.deepEqual(all.map(({ name }) => name).sort(), [
      'payment_link.created',
      'payment_link.paid',
      'payment_session.created',
      'transaction.authorized',
      'transaction.created',
    ]);
    const paid = all.find(({ name }) => name === 'payment_link.paid');
    assert.deepEqual([paid?.seq, paid?.data], [2, await linkOf(link.id)]);
    assert.match(paid?.id ?? '', /^msg_[0-9A-Z]{32}$/);
    const without = await sandbox.call('GET', '/v1/events?limit=100');
    const said = await sandbox.call('GET', '/v1/events?limit=100&paymentLinks=false');
    assert.deepEqual(without.body.items, said.body.items);
    assert.ok(without.body.items.every(({ name }: Item) => name.startsWith('transaction.')));
    assert.deepEqual(
      (await events('event=payment_link.paid')).filter(isOfThese).map(({ name }) => name),
      ['payment_link.paid'],
    );
    assert.ok((await events(`${from}&paymentLinks=true`)).some(isOfThese));
  });

  test('is of one merchant alone', async () => {
    const link = await create({ orderReference: 'MINE' });
    const { body } = await sandbox.call('GET', '/v1/events?limit=100&paymentLinks=true', {
      apiKey: 'pr_test_other',
    });
    assert.ok(body.items.every(({ data }: Item) => data.id !== link.id));
  });
});

describe('the levers of a sandbox', () => {
  async function act(id: string, action: 'pay' | 'expire', body?: Record<string, unknown>) {
    return sandbox.call('POST', `/v1/sandbox/payment-links/${id}/${action}`, {
      ...(action === 'pay' ? { body: body ?? {} } : {}),
    });
  }

  test('pay a link by card and from a wallet, and a session; once', async () => {
    for (const [method, path] of [
      ['card', '/v1/payment-links'],
      ['wallet', '/v1/payment-links'],
      [undefined, '/v1/payment-sessions'],
    ] as const) {
      const { id } = await create({}, path);
      const paid = await act(id, 'pay', method === undefined ? {} : { method });
      assert.deepEqual([paid.status, paid.body.status], [200, 'paid'], paid.text);
      const { body } = await sandbox.call('GET', `/v1/transactions/${paid.body.transactionId}`);
      assert.deepEqual([body.status, body.paymentMethod], ['authorized', method ?? 'card']);
      const again = await act(id, 'pay');
      assert.deepEqual([again.status, again.body.reason], [422, 'payment_link_paid']);
    }
    const { id } = await create({ paymentMethods: ['wallet'] });
    const refused = await act(id, 'pay', { method: 'card' });
    assert.deepEqual([refused.status, refused.body.reason], [422, 'payment_method_not_allowed']);
  });

  test('let the time of a link and of a session be over, and its webhook says so', async () => {
    await createEndpoint(sandbox.call, receiver.url, { events: ['payment_link.expired'] });
    const [link, session] = [await create(), await create({}, '/v1/payment-sessions')];
    for (const { id } of [link, session]) {
      const expired = await act(id, 'expire');
      assert.deepEqual([expired.status, expired.body.status], [200, 'expired'], expired.text);
      assert.equal((await act(id, 'expire')).body.reason, 'payment_link_expired');
    }
    await receiver.until(({ received }) => received.length === 1, 'the link is over');
    assert.equal(receiver.received[0]?.body.data.id, link.id);
  });

  test('are of the merchant’s own links', async () => {
    const { id } = await create();
    for (const action of ['pay', 'expire'] as const) {
      const { status } = await sandbox.call('POST', `/v1/sandbox/payment-links/${id}/${action}`, {
        apiKey: 'pr_test_other',
        ...(action === 'pay' ? { body: {} } : {}),
      });
      assert.equal(status, 404);
      assert.equal((await act('pl_x', action)).status, 404);
    }
  });
});
