/** Webhooks arrive: signed, whole, in order, again when they must, and what came of them can be read. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  createEndpoint,
  deleteEndpoints,
  OK,
  type Receiver,
  startReceiver,
  untilDelivery,
  verify,
} from '../support/webhooks.ts';

const DAY = 86_400;
/** Everything that JSON, SQL and PostgreSQL's arrays might take for their own. */
const AWKWARD = `\\"',{NULL} \\u001e $1 💳 Әке`;

let sandbox: Sandbox;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
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

function operate({ body }: Reply, operation: string, amount: number): Promise<Reply> {
  return sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/${operation}`, { body: { amount } });
}

async function act(id: string, action: string, body?: unknown): Promise<Reply> {
  const reply = await sandbox.call('POST', `/v1/webhook-endpoints/${id}/${action}`, { body });
  assert.ok(reply.status < 300, reply.text);
  return reply;
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
  assert.equal(status, 200, text);
}

/** Sends a test event. @returns the id of its delivery */
async function sendTest(endpointId: string): Promise<string> {
  return (await act(endpointId, 'test')).body.id;
}

function status(code: number, headers: Record<string, string> = {}) {
  return (_received: unknown, response: import('node:http').ServerResponse): void => {
    response.writeHead(code, headers).end(`answer ${code}`);
  };
}

async function endpointOf(id: string) {
  return (await sandbox.call('GET', `/v1/webhook-endpoints/${id}`)).body;
}

describe('a payment', () => {
  test('every change of its status arrives, signed, with the bytes that the API keeps', async () => {
    const endpoint = await createEndpoint(sandbox.call, receiver.url);
    const payment = await sandbox.authorize({ orderReference: AWKWARD });
    await operate(payment, 'capture', 15_000);
    await receiver.until(({ received }) => received.length >= 3, 'three events');
    assert.deepEqual(receiver.names(), [
      'transaction.created',
      'transaction.authorized',
      'transaction.charged',
    ]);
    for (const received of receiver.received) {
      verify(endpoint.secret, received);
      assert.equal(received.body.data.merchantReference, AWKWARD);
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
  });

  test('another merchant’s endpoint gets nothing of it', async () => {
    const theirs = new URL('/theirs', receiver.url).href;
    const other = await createEndpoint(sandbox.call, theirs, {}, { apiKey: OTHER_KEY });
    await createEndpoint(sandbox.call, receiver.url);
    await sandbox.authorize();
    await sandbox.authorize({}, { apiKey: OTHER_KEY, idempotencyKey: 'theirs' });
    await receiver.until(({ received }) => received.length >= 4, 'two events each');
    const paths = Map.groupBy(receiver.received, ({ path }) => path);
    for (const [path, received] of paths)
      assert.equal(new Set(received.map(({ body }) => body.merchantId)).size, 1, path);
    assert.equal(paths.size, 2);
    await sandbox.call('DELETE', `/v1/webhook-endpoints/${other.id}`, { apiKey: OTHER_KEY });
  });
});

describe('an endpoint gets nothing of what was before it', () => {
  /** Makes one after a payment, while a transaction is open. @param until when that transaction ends */
  async function makeBeside(
    databaseUrl: string,
    make: () => Promise<unknown>,
    until: (made: Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    const older = new pg.Client({ connectionString: databaseUrl });
    await older.connect();
    try {
      await older.query('BEGIN');
      await older.query('SELECT pg_current_xact_id()');
      await sandbox.authorize();
      const made = make();
      await until(made);
      await older.query('COMMIT');
      await made;
    } finally {
      await older.end();
    }
  }

  /** What a payment sends, and what came with it. */
  async function authorizeNext(): Promise<{ readonly next: string; readonly ids: readonly string[] }> {
    const next: string = (await sandbox.authorize()).body.walletTransactionId;
    const ids = () => receiver.received.map(({ body }): string => body.data.walletTransactionId);
    await receiver.until(() => ids().filter((id) => id === next).length === 2, 'its two events');
    await sleep(200);
    return { next, ids: ids() };
  }

  const create = () => createEndpoint(sandbox.call, receiver.url);

  test('while something older ends', async () => {
    await makeBeside(sandbox.databaseUrl, create, () => sleep(300));
    const { next, ids } = await authorizeNext();
    assert.deepEqual(ids, [next, next]);
  });

  test('while another database has a transaction that takes its time', async () => {
    const another = new URL(sandbox.databaseUrl);
    another.pathname = '/postgres';
    await makeBeside(another.href, create, (made) => made);
    const { next, ids } = await authorizeNext();
    assert.deepEqual(ids, [next, next]);
  });

  test('nor of what was before it was enabled again', async () => {
    const { id } = await create();
    await act(id, 'disable');
    await makeBeside(
      sandbox.databaseUrl,
      () => act(id, 'enable'),
      () => sleep(300),
    );
    const { next, ids } = await authorizeNext();
    assert.deepEqual(ids, [next, next]);
  });

  test('but does not wait for ever, and then rather gets too much than too little', async () => {
    await makeBeside(sandbox.databaseUrl, create, (made) => made);
    await authorizeNext();
  });
});

describe('the order', () => {
  test('a refund comes behind its payment, and the payment’s own event behind the refund', async () => {
    await createEndpoint(sandbox.call, receiver.url);
    // Each answer takes its time, so that nothing is in order by chance.
    receiver.answer((_received, response) => void setTimeout(() => response.end(), 30));
    const payment = await sandbox.authorize();
    await operate(payment, 'capture', 15_000);
    await operate(payment, 'refund', 5_000);
    await operate(payment, 'refund', 10_000);
    await receiver.until(({ received }) => received.length >= 8, 'eight events');
    assert.deepEqual(
      receiver.received.map(({ body }) => `${body.data.type} ${body.data.status}`),
      [
        ...['payment created', 'payment authorized', 'payment charged', 'refund created', 'refund refunded'],
        ...['refund created', 'refund refunded', 'payment refunded'],
      ],
    );
    const balances = receiver.received.map(({ body }) => body.data.balance);
    // Exact from the capture on; before it, whatever was committed when the event was read.
    assert.equal(balances[7], balances[2] - 15_000);
  });

  test('nothing overtakes what failed, and what failed for good lets the next pass', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer((received, response) =>
      status(received.body.name === 'transaction.created' ? 500 : 200)(received, response),
    );
    const payment = await sandbox.authorize();
    await operate(payment, 'capture', 15_000);
    await receiver.until(({ received }) => received.length >= 1, 'the first attempt');
    await sleep(300);
    assert.deepEqual(receiver.names(), ['transaction.created']);
    await advance(4 * DAY);
    await receiver.until(({ received }) => received.length >= 11, 'nine attempts, then the next events');
    assert.deepEqual(receiver.names().slice(8), [
      'transaction.created',
      'transaction.authorized',
      'transaction.charged',
    ]);
    const bytes = new Set(
      receiver.received.slice(0, 9).map(({ text, headers }) => text + headers['webhook-id']),
    );
    assert.equal(bytes.size, 1);
    const failed = String(receiver.received[0]?.headers['webhook-id']);
    const delivery = await untilDelivery(sandbox.call, id, failed, (d) => d.status === 'failed');
    assert.equal(delivery.attempts.length, 9);
    assert.deepEqual(
      delivery.attempts.map((attempt: { statusCode: number; response: string }) => [
        attempt.statusCode,
        attempt.response,
      ]),
      Array(9).fill([500, 'answer 500']),
    );
    const times = delivery.attempts.map(({ at }: { at: string }) => Date.parse(at) / 1_000);
    for (const [i, expected] of [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 86_400].entries()) {
      const waited = times[i + 1] - times[i];
      assert.ok(waited > expected * 0.79 && waited < expected * 1.21 + 10, `${i}: ${waited} s`);
    }
    const { body } = await sandbox.call('GET', `/v1/webhook-endpoints/${id}/deliveries?status=failed`);
    assert.deepEqual(
      body.items.map((item: { id: string }) => item.id),
      [failed],
    );
  });
});

describe('a receiver that', () => {
  test('answers 500, then 200, gets it again after five seconds of the sandbox’s clock', async () => {
    const { id, secret } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(status(500));
    const message = await sendTest(id);
    const pending = await untilDelivery(sandbox.call, id, message, ({ attempts }) => attempts.length === 1);
    assert.equal(pending.status, 'pending');
    assert.ok((await endpointOf(id)).failingSince !== null);
    receiver.answer(OK);
    await advance(6);
    assert.equal(receiver.received.length, 2);
    const delivered = await untilDelivery(sandbox.call, id, message, (d) => d.status === 'delivered', 100);
    assert.deepEqual(
      delivered.attempts.map(({ number, statusCode }: Record<string, unknown>) => [number, statusCode]),
      [
        [1, 500],
        [2, 200],
      ],
    );
    for (const received of receiver.received) verify(secret, received);
    assert.equal(receiver.received[0]?.text, receiver.received[1]?.text);
    assert.equal((await endpointOf(id)).failingSince, null);
  });

  test('asks to be left alone for a while is', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(status(503, { 'retry-after': '3600' }));
    const message = await sendTest(id);
    const { attempts, nextAttemptAt } = await untilDelivery(
      sandbox.call,
      id,
      message,
      (d) => d.attemptCount > 0,
    );
    const waits = (Date.parse(nextAttemptAt) - Date.parse(attempts[0].at)) / 1_000;
    assert.ok(waits > 3_599.9 && waits < 3_620, `${waits} s`);
    receiver.answer(OK);
    await advance(3_500);
    assert.equal(receiver.received.length, 1);
    await advance(150);
    assert.equal(receiver.received.length, 2);
  });

  test('answers 410 is disabled, and goes on when it is enabled', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(status(410));
    const message = await sendTest(id);
    await untilDelivery(sandbox.call, id, message, (d) => d.attempts.length === 1);
    const disabled = await endpointOf(id);
    assert.deepEqual([disabled.status, disabled.disabledReason], ['disabled', 'gone']);
    assert.ok(Date.parse(disabled.disabledAt) > 0);
    receiver.answer(OK);
    await sandbox.authorize();
    await advance(DAY);
    assert.equal(receiver.received.length, 1);
    for (const action of ['test', `deliveries/${message}/resend`])
      assert.equal(
        (await sandbox.call('POST', `/v1/webhook-endpoints/${id}/${action}`)).body.reason,
        'webhook_endpoint_disabled',
      );
    assert.equal((await act(id, 'enable')).body.status, 'enabled');
    await untilDelivery(sandbox.call, id, message, (d) => d.status === 'delivered');
    // What happened meanwhile was not queued.
    assert.deepEqual(receiver.names(), ['webhook.test', 'webhook.test']);
  });

  test('does nothing but fail for five days is disabled', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(status(500));
    for (let day = 0; day < 6; day += 1) {
      if (day === 5) assert.equal((await endpointOf(id)).status, 'enabled');
      await sendTest(id);
      await advance(DAY);
    }
    const { status: state, disabledReason, failingSince, disabledAt } = await endpointOf(id);
    assert.deepEqual([state, disabledReason], ['disabled', 'failing']);
    const days = (Date.parse(disabledAt) - Date.parse(failingSince)) / 86_400_000;
    assert.ok(days >= 5 && days < 6.1, `${days} days`);
  });

  test('hangs does not hold the clock up for longer than it waits', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(() => undefined);
    await sendTest(id);
    await receiver.until(({ received }) => received.length === 1, 'the attempt');
    const startedAt = Date.now();
    const { body, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: DAY } });
    const took = Date.now() - startedAt;
    assert.equal(body.settled, false, `${text} after ${took} ms`);
    assert.ok(took < 29_000, `${took} ms`);
  });
});

describe('what a merchant asks for', () => {
  test('some events only', async () => {
    await createEndpoint(sandbox.call, receiver.url, { events: ['transaction.charged'] });
    const payment = await sandbox.authorize();
    await operate(payment, 'capture', 15_000);
    await receiver.until(({ received }) => received.length >= 1, 'the charge');
    await sleep(100);
    assert.deepEqual(receiver.names(), ['transaction.charged']);
  });

  test('a bearer token, until it is taken back; it is never shown, stored or logged as it is', async () => {
    const token = 'merchant-token-1234567890';
    const endpoint = await createEndpoint(sandbox.call, receiver.url, { bearerToken: token });
    assert.ok(!JSON.stringify(endpoint).includes(token));
    await sendTest(endpoint.id);
    await receiver.until(({ received }) => received.length === 1, 'a test');
    assert.equal(receiver.received[0]?.headers.authorization, `Bearer ${token}`);
    const { rows } = await sandbox.pool.query('SELECT w::text AS text FROM webhook_endpoint w');
    const stored = [...rows.map(({ text }) => text), ...sandbox.log].join('\n');
    for (const text of [token, endpoint.secret, endpoint.secret.slice(6)]) assert.ok(!stored.includes(text));
    const path = `/v1/webhook-endpoints/${endpoint.id}`;
    const changed = await sandbox.call('PATCH', path, { body: { bearerToken: null } });
    assert.equal(changed.body.hasBearerToken, false);
    await sendTest(endpoint.id);
    await receiver.until(({ received }) => received.length === 2, 'another test');
    assert.equal(receiver.received[1]?.headers.authorization, undefined);
  });

  test('a new secret: for a day both verify, then the new one alone', async () => {
    const { id, secret: old } = await createEndpoint(sandbox.call, receiver.url);
    const rotated = await act(id, 'rotate-secret');
    const { secret } = rotated.body;
    assert.notEqual(secret, old);
    await sendTest(id);
    await receiver.until(({ received }) => received.length === 1, 'a test');
    const [both] = receiver.received;
    assert.ok(both !== undefined);
    for (const valid of [secret, old]) verify(valid, both);
    // In real time, as signatures are: the sandbox's clock does not end it.
    await advance(2 * DAY);
    assert.ok((await endpointOf(id)).previousSecretValidUntil !== null);
    await sandbox.pool.query(
      `UPDATE webhook_endpoint SET old_secret_until = clock_timestamp() - interval '1 second', version = version + 1 WHERE id = $1`,
      [id],
    );
    await sendTest(id);
    await receiver.until(({ received }) => received.length === 2, 'another test');
    const after = receiver.received[1];
    assert.ok(after !== undefined);
    verify(secret, after);
    assert.throws(() => verify(old, after));
  });

  test('secrets rotated several times in a day: each signs for its own 24 hours', async () => {
    const { id, secret: first } = await createEndpoint(sandbox.call, receiver.url);
    const secrets: string[] = [first];
    for (let i = 0; i < 3; i += 1) secrets.unshift((await act(id, 'rotate-secret')).body.secret);
    const sent = async (count: number) => {
      await sendTest(id);
      await receiver.until(({ received }) => received.length === count, `test ${count}`);
      const last = receiver.received[count - 1];
      assert.ok(last !== undefined);
      return last;
    };
    const all = await sent(1);
    for (const secret of secrets) verify(secret, all);
    assert.equal(String(all.headers['webhook-signature']).split(' ').length, 4);
    const [newest, second, third] = secrets;
    assert.ok(newest !== undefined && second !== undefined && third !== undefined);
    // The first one's day is over; the others go on.
    await sandbox.pool.query(
      `UPDATE webhook_endpoint SET version = version + 1,
         older_secrets = jsonb_set(older_secrets, '{1,until}', to_jsonb(clock_timestamp() - interval '1 second')) WHERE id = $1`,
      [id],
    );
    const rest = await sent(2);
    for (const secret of [newest, second, third]) verify(secret, rest);
    assert.throws(() => verify(first, rest));
    for (let i = 0; i < 7; i += 1) assert.equal((await act(id, 'rotate-secret')).status, 200, `${i}`);
    const eleventh = await sandbox.call('POST', `/v1/webhook-endpoints/${id}/rotate-secret`);
    assert.deepEqual([eleventh.status, eleventh.body.reason], [422, 'too_many_webhook_secrets']);
    const ten = await sent(3);
    for (const secret of [newest, second, third]) verify(secret, ten);
  });

  test('one webhook again: the same bytes and id, marked', async () => {
    const { id, secret } = await createEndpoint(sandbox.call, receiver.url);
    await sandbox.authorize();
    await receiver.until(({ received }) => received.length === 2, 'both events');
    const [first] = receiver.received;
    assert.ok(first !== undefined);
    const message = String(first.headers['webhook-id']);
    await untilDelivery(sandbox.call, id, message, (d) => d.status === 'delivered');
    const key = { idempotencyKey: `resend ${message}` };
    const path = `/v1/webhook-endpoints/${id}/deliveries/${message}/resend`;
    const sent = await sandbox.call('POST', path, key);
    assert.deepEqual(
      [sent.status, sent.body.id, sent.body.status, sent.body.replay],
      [200, message, 'pending', true],
    );
    assert.equal((await sandbox.call('POST', path, key)).text, sent.text);
    await untilDelivery(
      sandbox.call,
      id,
      message,
      (d) => d.attempts.length === 2 && d.status === 'delivered',
    );
    const again = receiver.received[2];
    assert.ok(again !== undefined);
    verify(secret, again);
    assert.deepEqual([again.text, again.headers['webhook-id']], [first.text, message]);
    assert.deepEqual([first.headers['webhook-replay'], again.headers['webhook-replay']], [undefined, 'true']);
    assert.equal(receiver.received.length, 3);
  });

  test('a time range again: what was missed as well, in order, with the ids that events have', async () => {
    const missed = await sandbox.authorize({ orderReference: AWKWARD });
    await operate(missed, 'capture', 15_000);
    const { id, secret } = await createEndpoint(sandbox.call, receiver.url, {
      events: ['transaction.authorized', 'transaction.charged'],
    });
    const later = await sandbox.authorize();
    const { body } = await sandbox.call('GET', '/v1/events?limit=100');
    const ids = body.items.map((event: { id: string }) => event.id);
    assert.equal(new Set(ids).size, ids.length);
    const charged = body.items.find(
      (event: { data: Record<string, unknown>; name: string }) =>
        event.name === 'transaction.charged' &&
        event.data.walletTransactionId === missed.body.walletTransactionId,
    );
    await receiver.until(
      ({ received }) =>
        received.some(({ body: b }) => b.data.walletTransactionId === later.body.walletTransactionId),
      'the new one',
    );
    receiver.clear();
    const from = body.items.findLast(
      (event: { data: Record<string, unknown> }) =>
        event.data.walletTransactionId === missed.body.walletTransactionId,
    ).createdAt;
    await act(id, 'replay', { from, to: charged.createdAt });
    const own = () => receiver.received.filter(({ body: b }) => b.data.id === charged.data.id);
    await receiver.until(() => own().length === 2, 'the missed payment');
    assert.deepEqual(
      own().map(({ body: b, headers }) => [b.name, b.data.merchantReference, headers['webhook-replay']]),
      [
        ['transaction.authorized', AWKWARD, 'true'],
        ['transaction.charged', AWKWARD, 'true'],
      ],
    );
    assert.equal(own()[1]?.headers['webhook-id'], charged.id);
    for (const received of receiver.received) verify(secret, received);
    assert.deepEqual((await sandbox.pool.query('SELECT FROM webhook_replay')).rowCount, 0);
    const refused = await sandbox.call('POST', `/v1/webhook-endpoints/${id}/replay`, {
      body: { from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' },
    });
    assert.equal(refused.status, 400);
  });

  test('nothing any more: a deleted endpoint gets nothing, and is not found', async () => {
    const { id } = await createEndpoint(sandbox.call, receiver.url);
    receiver.answer(status(500));
    await sendTest(id);
    await receiver.until(({ received }) => received.length === 1, 'a test');
    const path = `/v1/webhook-endpoints/${id}`;
    assert.deepEqual((await sandbox.call('DELETE', path)).body, { id, deleted: true });
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/enable'],
      ['GET', '/deliveries'],
    ] as const)
      assert.equal((await sandbox.call(method, path + rest)).body.reason, 'webhook_endpoint_not_found', rest);
    await sandbox.authorize();
    await advance(DAY);
    assert.equal(receiver.received.length, 1);
  });
});
