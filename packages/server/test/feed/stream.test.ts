/** GET /v1/transactions/stream over HTTP: what a merchant's reader gets, and never gets. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rewriteHistory } from '../support/history.ts';
import { createMerchant } from '../support/ledger.ts';
import { startNodes } from '../support/nodes.ts';
import { DEMO_KEY, OPERATOR_KEY, OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createWriter, openStream, type StreamReader } from '../support/stream.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

function namesOf(reader: StreamReader): string[] {
  return reader.events.map(({ name }) => name);
}

async function post(path: string, amount: number, apiKey = DEMO_KEY): Promise<void> {
  const idempotencyKey = crypto.randomUUID();
  const { status, text } = await sandbox.call('POST', path, { apiKey, idempotencyKey, body: { amount } });
  assert.equal(status, 200, text);
}

describe('what is streamed', () => {
  test('every event of a payment, each with the transaction as it was after it, within 100 ms', async (t) => {
    const live = await openStream(sandbox.url);
    assert.equal(live.status, 200);
    assert.equal(live.headers['content-type'], 'text/event-stream');
    assert.equal(live.headers['cache-control'], 'no-store');
    await live.until((reader) => reader.lastId() !== '', 'where the stream begins');
    const begin = live.lastId();
    const { walletTransactionId: id } = (await sandbox.authorize({ amount: 1_000 })).body;
    const authorizedAt = Date.now();
    await live.until(({ events }) => events.length === 2, 'the authorization');
    t.diagnostic(`${(live.events[1]?.receivedAt ?? 0) - authorizedAt} ms after the answer`);
    await post(`/v1/wallet/${id}/cancel`, 100);
    await post(`/v1/wallet/${id}/capture`, 800);
    await post(`/v1/wallet/${id}/refund`, 300);
    await post(`/v1/wallet/${id}/refund`, 500);
    await live.until(({ events }) => events.length === 10, 'ten events');
    assert.deepEqual(namesOf(live), [
      'transaction.created',
      'transaction.authorized',
      'transaction.partially_cancelled',
      'transaction.charged',
      ...['transaction.created', 'transaction.refunded', 'transaction.partially_refunded'],
      ...['transaction.created', 'transaction.refunded', 'transaction.refunded'],
    ]);
    // Read again when it is all over: the same events, each as of its own time.
    const later = await openStream(sandbox.url, { lastEventId: begin });
    await later.until(({ events }) => events.length === 10, 'ten events again');
    const stable = ({ events }: StreamReader): unknown[] =>
      events.map(({ id: place, name, body }) => {
        // Events that do not post show the balance as last committed.
        const { balance, ...data } = body.data;
        return {
          place,
          name,
          statusChanged: body.statusChanged,
          data,
          posts: name === 'transaction.charged' ? balance : 0,
        };
      });
    assert.deepEqual(stable(later), stable(live));
    const data = later.events.map(({ body }) => body.data);
    assert.deepEqual(
      data.map(({ status, authedAt, capturedAmount, releasedAmount, refundedAmount, processedAmount }) => [
        status,
        authedAt !== null,
        capturedAmount,
        releasedAmount,
        refundedAmount,
        processedAmount,
      ]),
      [
        ['created', false, 0, 0, 0, null],
        ['authorized', true, 0, 0, 0, 1_000],
        ['authorized', true, 0, 100, 0, 1_000],
        ['charged', true, 800, 200, 0, 800],
        ['created', false, 0, 0, 0, null],
        ['refunded', false, 0, 0, 300, 300],
        ['charged', true, 800, 200, 300, 800],
        ['created', false, 0, 0, 0, null],
        ['refunded', false, 0, 0, 500, 500],
        ['refunded', true, 800, 200, 800, 800],
      ],
    );
    assert.deepEqual(
      later.events.map(({ body }) => body.statusChanged),
      [...[true, true, false, true], ...[true, true, false], ...[true, true, true]],
    );
    for (const { body, name } of later.events) {
      assert.equal(body.name, name);
      assert.match(body.merchantId, /^[0-9a-f-]{36}$/);
      assert.deepEqual(Object.keys(body), ['name', 'merchantId', 'data', 'statusChanged', 'seq']);
    }
    assert.deepEqual(
      later.events.map(({ body }) => body.seq),
      [...[1, 2, 3, 4], ...[1, 2, 5], ...[1, 2, 6]],
    );
    live.close();
    later.close();
  });

  test('the last event shows the transaction exactly as the API answered it', async () => {
    const live = await openStream(sandbox.url);
    const authorized = (await sandbox.authorize({ amount: 700 })).body;
    const body = { amount: 700 };
    const path = `/v1/transactions/${authorized.walletTransactionId}/capture`;
    const captured = await sandbox.call('POST', path, { idempotencyKey: crypto.randomUUID(), body });
    await live.until(({ events }) => events.length === 3, 'three events');
    assert.deepEqual(live.events[2]?.body.data, captured.body);
    live.close();
  });

  test("nothing of another merchant, and nobody's confirmation link", async () => {
    const [demo, other] = [
      await openStream(sandbox.url),
      await openStream(sandbox.url, { apiKey: OTHER_KEY }),
    ];
    await sandbox.authorize({ orderReference: 'of Demo Store' });
    await sandbox.authorize(
      { orderReference: 'of Other Store' },
      { apiKey: OTHER_KEY, idempotencyKey: 'other' },
    );
    await Promise.all(
      [demo, other].map((each) => each.until(({ events }) => events.length === 2, 'own events')),
    );
    await sleep(100);
    assert.deepEqual(
      demo.events.map(({ body }) => body.data.orderReference),
      ['of Demo Store', 'of Demo Store'],
    );
    assert.deepEqual(
      other.events.map(({ body }) => body.data.orderReference),
      ['of Other Store', 'of Other Store'],
    );
    assert.notEqual(demo.events[0]?.body.merchantId, other.events[0]?.body.merchantId);
    assert.doesNotMatch(demo.text() + other.text(), /confirm\/|token=/i);
    demo.close();
    other.close();
  });
});

describe('who may read, and from where', () => {
  test('a malformed Last-Event-ID is a 400, in the header and as a parameter; so is one of another database', async () => {
    for (const lastEventId of ['x', '1', '99-1-1', 'zzzzzzzzzz-0', '%00']) {
      const byHeader = await sandbox.call('GET', '/v1/transactions/stream', {
        headers: { 'last-event-id': lastEventId },
      });
      const byParameter = await sandbox.call(
        'GET',
        `/v1/transactions/stream?lastEventId=${encodeURIComponent(lastEventId)}`,
      );
      for (const { status, body } of [byHeader, byParameter]) {
        assert.equal(status, 400, lastEventId);
        assert.equal(body.reason, 'invalid_last_event_id');
      }
    }
  });

  test('no key, an unknown key, an operator: 401 and 403', async () => {
    for (const [apiKey, status] of [
      [null, 401],
      ['pr_test_nobody', 401],
      [OPERATOR_KEY, 403],
    ] as const)
      assert.equal((await sandbox.call('GET', '/v1/transactions/stream', { apiKey })).status, status);
  });

  test('a key that is revoked loses its streams within about a second, and no other does', async (t) => {
    const merchant = await createMerchant(sandbox.pool);
    const [revoked, kept] = [
      await openStream(sandbox.url, { apiKey: merchant.apiKey }),
      await openStream(sandbox.url),
    ];
    await sandbox.pool.query('UPDATE api_key SET revoked_at = clock_timestamp() WHERE merchant_id = $1', [
      merchant.id,
    ]);
    const revokedAt = Date.now();
    await revoked.until((reader) => reader.ended(), 'the end');
    t.diagnostic(`after ${Date.now() - revokedAt} ms`);
    assert.ok(Date.now() - revokedAt < 5_000);
    assert.equal(kept.ended(), false);
    kept.close();
  });

  test('a merchant may have a hundred streams open', async () => {
    const { apiKey } = await createMerchant(sandbox.pool);
    const streams = await Promise.all(Array.from({ length: 101 }, () => openStream(sandbox.url, { apiKey })));
    assert.equal(streams.filter(({ status }) => status === 200).length, 100);
    assert.equal(streams.filter(({ status }) => status === 429).length, 1);
    for (const stream of streams) stream.close();
    const limit = Date.now() + 60_000;
    for (let status = 0; status !== 200; await sleep(20)) {
      assert.ok(Date.now() < limit, 'there is room again');
      const stream = await openStream(sandbox.url, { apiKey });
      ({ status } = stream);
      stream.close();
    }
  });
});

test('a reader too slow to follow is cut off, and resumes without a gap or a repeat', async (t) => {
  const merchant = await createMerchant(sandbox.pool);
  const slow = await openStream(sandbox.url, { apiKey: merchant.apiKey });
  slow.pause();
  const writer = await createWriter(sandbox.databaseUrl);
  // More than the buffers of both sides' operating system and of the server hold.
  for (let i = 0; i < 20; i += 1) {
    await writer.begin();
    for (let j = 0; j < 500; j += 1) await writer.create(merchant.id);
    await writer.commit();
  }
  await writer.end();
  const pausedAt = Date.now();
  // It is cut off 10 s after its buffer was full; what it had been sent is still there to be read.
  await sleep(12_000);
  slow.resume();
  await slow.until((reader) => reader.ended(), 'the end');
  t.diagnostic(`cut off after ${slow.events.length} of 10,000 events, ${Date.now() - pausedAt} ms`);
  assert.ok(slow.events.length > 0 && slow.events.length < 10_000);
  const again = await openStream(sandbox.url, { apiKey: merchant.apiKey, lastEventId: slow.lastId() });
  await again.until(({ events }) => slow.events.length + events.length >= 10_000, 'the rest');
  const ids = [...slow.events, ...again.events].map(({ body }) => body.data.id);
  assert.equal(ids.length, 10_000);
  assert.equal(new Set(ids).size, 10_000);
  again.close();
  for (const table of ['event', 'transaction'])
    await rewriteHistory(sandbox.pool, `DELETE FROM ${table} WHERE merchant_id = $1`, [merchant.id]);
});

test('a stop ends streams at once; they resume after the restart and on another node', async (t) => {
  const nodes = await startNodes(2);
  const [first, second] = nodes.processes;
  assert.ok(first !== undefined && second !== undefined);
  try {
    const [here, there] = [await openStream(first.url), await openStream(second.url)];
    const authorize = (orderReference: string): Promise<unknown> =>
      nodes.callNode(1, 'POST', '/v1/wallet/authorize', {
        idempotencyKey: orderReference,
        body: {
          amount: 100,
          currency: 'KZT',
          phoneNumber: '+77010000001',
          iin: '900101300017',
          orderReference,
        },
      });
    await sleep(1_500);
    await authorize('one');
    const answeredAt = Date.now();
    await Promise.all(
      [here, there].map((each) => each.until(({ events }) => events.length === 2, 'both nodes')),
    );
    t.diagnostic(`on the other node ${(here.events[1]?.receivedAt ?? 0) - answeredAt} ms after the answer`);
    const stoppedAt = Date.now();
    await first.signal('SIGTERM');
    t.diagnostic(`stopped in ${Date.now() - stoppedAt} ms`);
    assert.ok(Date.now() - stoppedAt < 5_000);
    await here.until((reader) => reader.ended(), 'the end');
    await authorize('two');
    await first.restart();
    await authorize('three');
    const [back, moved] = await Promise.all(
      [first, second].map((node) => openStream(node.url, { lastEventId: here.lastId() })),
    );
    for (const stream of [back, moved]) {
      await stream?.until(({ events }) => events.length === 4, 'what came meanwhile');
      assert.deepEqual(
        stream?.events.map(({ body }) => body.data.orderReference),
        ['two', 'two', 'three', 'three'],
      );
      stream?.close();
    }
    there.close();
    await nodes.assertInvariants();
  } finally {
    await nodes.stop();
  }
});
