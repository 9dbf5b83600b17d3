/** What a link's `metadata.callbackUrl` is sent: the link's events and those of its payments, beside all endpoints. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { DEMO_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  createEndpoint,
  deleteEndpoints,
  type Receiver,
  startReceiver,
  untilDelivery,
  verify,
} from '../support/webhooks.ts';

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
  for (const { id } of await callbacks()) await sandbox.call('DELETE', `/v1/webhook-endpoints/${id}`);
  await receiver.stop();
  await sandbox.assertInvariants();
});
after(() => sandbox.stop());

async function create(callbackUrl: string | null, path = '/v1/payment-links'): Promise<Reply['body']> {
  const metadata = callbackUrl === null ? {} : { callbackUrl };
  const body = { amount: 15_000, currency: 'KZT', orderReference: 'BACK', metadata };
  const reply = await sandbox.call('POST', path, { body });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

async function callbacks(): Promise<readonly Reply['body'][]> {
  return (await sandbox.call('GET', '/v1/webhook-endpoints?kind=callback')).body.items;
}

async function onlyCallback(): Promise<Reply['body']> {
  const [callback, ...others] = await callbacks();
  assert.ok(callback !== undefined && others.length === 0);
  return callback;
}

async function newSecret(): Promise<{ readonly secret: string; readonly bearerToken: string }> {
  const reply = await sandbox.call('POST', '/v1/callback-secret/rotate');
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

const namesAt = (path: string): string[] =>
  receiver.received.filter((one) => one.path === path).map(({ body }) => body.name);

describe('a callback', () => {
  test('is sent what becomes of its link and of its payment, at its own address, and proves it', async () => {
    const { secret, bearerToken } = await newSecret();
    const [mine, other] = [await create(`${receiver.url}?order=1`), await create(null)];
    await payer.byWallet(mine.id);
    await payer.byWallet(other.id);
    const { body: sent } = await sandbox.call('GET', `/v1/transactions/by-payment-link/${mine.id}`);
    const [payment] = sent.items;
    for (const [action, amount] of [
      ['capture', 15_000],
      ['refund', 5_000],
    ])
      assert.equal(
        (await sandbox.call('POST', `/v1/transactions/${payment.id}/${action}`, { body: { amount } })).status,
        200,
      );
    await receiver.until(({ received }) => received.length >= 7, 'everything');
    assert.deepEqual(namesAt('/hook?order=1').sort(), [
      'payment_link.created',
      'payment_link.paid',
      'transaction.authorized',
      'transaction.charged',
      'transaction.created',
      'transaction.created',
      'transaction.refunded',
    ]);
    for (const received of receiver.received) {
      verify(secret, received);
      assert.equal(received.headers.authorization, `Bearer ${bearerToken}`);
      const { data } = received.body;
      assert.equal(data.paymentLinkId?.Value ?? data.id, mine.id);
    }
    assert.equal(receiver.received.length, 7);
  });

  test('of a session is sent its events; an endpoint of the merchant’s gets its own beside it', async () => {
    const endpoint = await createEndpoint(sandbox.call, `${receiver.url}/endpoint`);
    const session = await create(`${receiver.url}/session`, '/v1/payment-sessions');
    await payer.byWallet(session.id);
    await receiver.until(({ received }) => received.length === 6, 'both');
    assert.deepEqual(namesAt('/hook/session').sort(), [
      'payment_session.created',
      'payment_session.paid',
      'transaction.authorized',
      'transaction.created',
    ]);
    assert.deepEqual(namesAt('/hook/endpoint'), ['transaction.created', 'transaction.authorized']);
    const { body } = await sandbox.call('GET', '/v1/webhook-endpoints');
    assert.deepEqual(
      body.items.map(({ id, kind }: Record<string, unknown>) => [id, kind]),
      [[endpoint.id, 'registered']],
    );
  });

  test('of all addresses of an origin is one endpoint, with their deliveries', async () => {
    const [one, two] = [await create(`${receiver.url}/1`), await create(`${receiver.url}/2`)];
    await receiver.until(({ received }) => received.length === 2, 'both');
    const { id, url, status, events } = await onlyCallback();
    assert.deepEqual([url, status, events], [new URL(receiver.url).origin, 'enabled', []]);
    const { body } = await sandbox.call('GET', `/v1/webhook-endpoints/${id}/deliveries`);
    assert.deepEqual(
      body.items
        .map(({ paymentLinkId, callbackUrl }: Record<string, unknown>) => [paymentLinkId, callbackUrl])
        .sort(),
      [
        [one.id, `${receiver.url}/1`],
        [two.id, `${receiver.url}/2`],
      ].sort(),
    );
  });

  test('that fails is attempted again; one can be sent again, and a time range', async () => {
    receiver.answer((received, response) => {
      response.statusCode = receiver.received.length === 1 ? 500 : 200;
      response.end(received.path);
    });
    const link = await create(`${receiver.url}/again`);
    await create(null);
    await receiver.until(({ received }) => received.length === 1, 'the first attempt');
    const { id } = await onlyCallback();
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 10 } });
    await receiver.until(({ received }) => received.length === 2, 'the second attempt');
    const { body } = await sandbox.call('GET', `/v1/webhook-endpoints/${id}/deliveries`);
    const [{ id: deliveryId }] = body.items;
    const path = `/v1/webhook-endpoints/${id}/deliveries/${deliveryId}`;
    await untilDelivery(sandbox.call, id, deliveryId, ({ status }) => status === 'delivered');
    assert.equal((await sandbox.call('POST', `${path}/resend`)).status, 200);
    await receiver.until(({ received }) => received.length === 3, 'the resend');
    await untilDelivery(sandbox.call, id, deliveryId, ({ status }) => status === 'delivered');
    const replay = { body: { from: link.createdAt } };
    assert.equal((await sandbox.call('POST', `/v1/webhook-endpoints/${id}/replay`, replay)).status, 201);
    await receiver.until(({ received }) => received.length === 4, 'the replay');
    assert.equal(new Set(receiver.received.map(({ text }) => text)).size, 1);
    assert.deepEqual([...new Set(receiver.received.map((one) => one.path))], ['/hook/again']);
    const { attempts } = await untilDelivery(
      sandbox.call,
      id,
      deliveryId,
      ({ attemptCount }) => attemptCount === 4,
    );
    assert.equal(attempts[1].response, '/hook/again');
  });

  test('that answers 410 ends nothing for other links', async () => {
    receiver.answer(({ path }, response) => {
      response.statusCode = path.endsWith('gone') ? 410 : 200;
      response.end();
    });
    await create(`${receiver.url}/gone`);
    await receiver.until(({ received }) => received.length === 1, 'the first');
    const { id } = await onlyCallback();
    await create(`${receiver.url}/there`);
    await receiver.until(() => namesAt('/hook/there').length === 1, 'the second');
    await untilDelivery(
      sandbox.call,
      id,
      (await sandbox.call('GET', `/v1/webhook-endpoints/${id}/deliveries`)).body.items[0].id,
      ({ status }) => status === 'delivered',
    );
    assert.equal((await onlyCallback()).status, 'enabled');
  });

  test('has no settings of its own, can be disabled, and is made anew after it was deleted', async () => {
    await create(receiver.url);
    const { id } = await onlyCallback();
    const path = `/v1/webhook-endpoints/${id}`;
    for (const [method, suffix, body] of [
      ['PATCH', '', { url: 'http://127.0.0.1:1/x' }],
      ['POST', '/rotate-secret', undefined],
      ['POST', '/test', undefined],
    ] as const) {
      const { status, body: refused } = await sandbox.call(method, `${path}${suffix}`, { body });
      assert.deepEqual([status, refused.reason], [422, 'webhook_endpoint_of_links'], suffix);
    }
    await receiver.until(({ received }) => received.length === 1, 'the first link');
    assert.equal((await sandbox.call('POST', `${path}/disable`)).body.status, 'disabled');
    await create(receiver.url);
    assert.equal((await sandbox.call('DELETE', path)).status, 200);
    const last = await create(receiver.url);
    assert.notEqual((await onlyCallback()).id, id);
    await receiver.until(({ received }) => received.length === 2, 'the last link');
    assert.equal(receiver.received[1]?.body.data.id, last.id);
  });

  test('of links that are made at once is one endpoint', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, i) => create(`${receiver.url}/${i}`)));
    await receiver.until(({ received }) => received.length === 10, 'all');
    await onlyCallback();
  });

  test('is refused where a merchant has too many origins, and nothing is created', async () => {
    for (let port = 2_000; port < 2_100; port += 1) await create(`http://127.0.0.1:${port}/`);
    const body = { amount: 1, currency: 'KZT', orderReference: 'TOO-MANY' };
    const refused = await sandbox.call('POST', '/v1/payment-links', {
      body: { ...body, metadata: { callbackUrl: receiver.url } },
    });
    assert.deepEqual(
      [refused.status, refused.body.reason, refused.body.details[0].path],
      [422, 'too_many_callback_origins', 'metadata.callbackUrl'],
    );
    const found = await sandbox.call('GET', '/v1/payment-links?orderReference=TOO-MANY');
    assert.deepEqual(found.body.items, []);
    const { body: page } = await sandbox.call('GET', '/v1/webhook-endpoints?kind=callback&limit=100');
    for (const { id } of page.items) await sandbox.call('DELETE', `/v1/webhook-endpoints/${id}`);
  });
});

describe('the callback secret', () => {
  test('is shown once, and the one before signs for a day', async () => {
    const headers = { 'Idempotency-Key': 'new-callback-secret' };
    const first = await sandbox.call('POST', '/v1/callback-secret/rotate', { headers });
    const again = await sandbox.call('POST', '/v1/callback-secret/rotate', { headers });
    assert.match(first.body.secret, /^whsec_/);
    assert.match(first.body.bearerToken, /^cbk_[\w-]{43}$/);
    assert.deepEqual([again.body.secret, again.body.bearerToken], [null, null]);
    const second = await newSecret();
    const read = (await sandbox.call('GET', '/v1/callback-secret')).body;
    assert.deepEqual(Object.keys(read).sort(), ['createdAt', 'previousSecretValidUntil']);
    assert.ok(Date.parse(read.previousSecretValidUntil) > Date.now() + 23 * 3_600_000);
    await create(receiver.url);
    await receiver.until(({ received }) => received.length === 1, 'the link');
    const [received] = receiver.received;
    assert.ok(received !== undefined);
    verify(first.body.secret, received);
    verify(second.secret, received);
    assert.equal(received.headers.authorization, `Bearer ${second.bearerToken}`);
  });

  test('that is made anew is sent from the next attempt on', async () => {
    await newSecret();
    await create(`${receiver.url}/before`);
    await receiver.until(({ received }) => received.length === 1, 'the first');
    const { bearerToken } = await newSecret();
    await create(`${receiver.url}/after`);
    await receiver.until(({ received }) => received.length === 2, 'the second');
    assert.equal(receiver.received[1]?.headers.authorization, `Bearer ${bearerToken}`);
  });

  test('is one merchant’s alone, and in no clear text in the database', async () => {
    const { secret, bearerToken } = await newSecret();
    const { rows } = await sandbox.deps.pool.query<{ kept: string }>(
      'SELECT string_agg(s::text, chr(10)) AS kept FROM (SELECT secret, older_secrets::text FROM callback_secret) s',
    );
    const kept = rows[0]?.kept ?? '';
    assert.ok(!kept.includes(secret) && !kept.includes(bearerToken));
    const { rows: answers } = await sandbox.deps.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM idempotency_key WHERE response LIKE '%whsec_%' OR response LIKE '%cbk_%'`,
    );
    assert.equal(answers[0]?.count, 0);
    assert.notEqual(DEMO_KEY, bearerToken);
  });
});
