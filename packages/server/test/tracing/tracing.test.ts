/** One payment is one trace: request, command, batch, statements, bank, and the webhook that another thread sends later. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/cards.ts';
import { lockRow } from '../support/locks.ts';
import { DEMO_STORE, KZT_WALLET } from '../support/operator.ts';
import { type Collector, type SeenSpan, startCollector } from '../support/otlp.ts';
import { CUSTOMER, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { type Receiver, startReceiver } from '../support/webhooks.ts';

const CARD = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2035, cvc: '987' };

function childrenOf(spans: readonly SeenSpan[], parent: SeenSpan): SeenSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
}

function named(spans: readonly SeenSpan[], name: string | RegExp): SeenSpan {
  const found = spans.find((span) => (typeof name === 'string' ? span.name === name : name.test(span.name)));
  assert.ok(found !== undefined, `${name} among ${spans.map((span) => span.name).join(', ')}`);
  return found;
}

describe('traces', () => {
  let collector: Collector;
  let receiver: Receiver;
  let sandbox: Sandbox;
  before(async () => {
    collector = await startCollector();
    receiver = await startReceiver();
    sandbox = await startSandbox({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of%20a%20collector',
      OTEL_SERVICE_NAME: 'pay',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    });
    const endpoint = { url: receiver.url, events: ['transaction.authorized', 'transaction.charged'] };
    const made = await sandbox.call('POST', '/v1/webhook-endpoints', { body: endpoint });
    assert.equal(made.status, 201, made.text);
  });
  after(async () => {
    await sandbox.stop();
    await receiver.stop();
    await collector.stop();
  });

  /** The trace of a request, once the span of this name is there. */
  const traceOf = (requestId: string | null, until: string | RegExp): Promise<SeenSpan[]> =>
    eventually(`a trace with ${until}`, async () => {
      const { spans } = collector;
      const root = spans.find(({ attributes }) => attributes['plexy.request_id'] === requestId);
      const own = spans.filter(({ traceId }) => traceId === root?.traceId);
      const isThere = own.some(({ name }) => (typeof until === 'string' ? name === until : until.test(name)));
      return isThere && own;
    });

  test('a card payment with its bank and its webhook is one trace, which its caller began', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const paid = await sandbox.call('POST', '/v1/payments', {
      idempotencyKey: 'traced',
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      body: { amount: 100, currency: 'KZT', orderReference: 'TRACED', card: CARD },
    });
    assert.equal(paid.status, 201, paid.text);
    const trace = await traceOf(paid.headers.get('x-request-id'), 'webhook transaction.authorized');
    const request = named(trace, 'POST /v1/payments');
    assert.deepEqual([request.traceId, request.parentSpanId, request.kind], [traceId, 'b7ad6b7169203331', 2]);
    assert.equal(request.attributes['http.route'], '/v1/payments');
    assert.equal(Number(request.attributes['http.response.status_code']), 201);
    assert.deepEqual(
      [request.resource['service.name'], request.resource['deployment.environment.name']],
      ['pay', 'test'],
    );
    const command = named(childrenOf(trace, request), 'command pay_by_card');
    assert.equal(command.attributes['plexy.transaction_id'], paid.body.id);
    const batch = named(childrenOf(trace, command), 'batch');
    const statements = childrenOf(trace, batch);
    assert.ok(statements.length >= 2);
    for (const { attributes, kind } of statements)
      assert.deepEqual([attributes['db.system.name'], kind], ['postgresql', 3]);
    assert.ok(
      statements.some(({ attributes }) => String(attributes['db.query.summary']).includes('insert_events')),
    );
    const bank = named(childrenOf(trace, request), 'bank authorize');
    assert.equal(bank.attributes['plexy.bank.outcome'], 'approved');
    // The bank's answer is a command like any other.
    const answer = named(trace, 'command take_bank_answer');
    named(childrenOf(trace, answer), 'batch');
    const webhook = named(trace, 'webhook transaction.authorized');
    assert.equal(webhook.parentSpanId, answer.spanId);
    assert.deepEqual(
      [webhook.resource['thread.name'], request.resource['thread.name']],
      ['webhooks', 'payments'],
    );
    const ids = new Set(trace.map(({ spanId }) => spanId));
    for (const { name, parentSpanId } of trace)
      assert.ok(ids.has(parentSpanId) || parentSpanId === 'b7ad6b7169203331', `${name} hangs in the air`);
  });

  test('a wallet payment without a caller’s trace begins one, and a merchant is not told of it', async () => {
    const reply = await sandbox.authorize();
    const trace = await traceOf(reply.headers.get('x-request-id'), 'webhook transaction.authorized');
    assert.equal(named(trace, 'POST /v1/wallet/authorize').parentSpanId, '');
    assert.equal(
      named(trace, 'POST /v1/wallet/authorize').attributes['plexy.merchant_id'] !== undefined,
      true,
    );
    named(trace, 'command authorize');
    for (const { headers } of receiver.received) {
      assert.equal(headers.traceparent, undefined);
      assert.equal(headers.tracestate, undefined);
    }
  });

  test('what comes together is in one batch, and each trace leads there', async () => {
    const replies = await Promise.all(Array.from({ length: 40 }, () => sandbox.authorize()));
    const traces = await Promise.all(
      replies.map(({ headers }) => traceOf(headers.get('x-request-id'), 'command authorize')),
    );
    await eventually('every batch', async () =>
      traces.every((trace) => {
        const { spanId, links } = named(trace, 'command authorize');
        const { spans } = collector;
        return spans.some(
          (s) => s.name === 'batch' && (s.parentSpanId === spanId || links.includes(s.spanId)),
        );
      }),
    );
    const linked = traces.filter((trace) => named(trace, 'command authorize').links.length > 0);
    assert.ok(linked.length > 0, 'no batch had two');
    for (const trace of linked) {
      const command = named(trace, 'command authorize');
      const batch = collector.spans.find(({ spanId }) => command.links.includes(spanId));
      assert.ok(batch?.links.includes(command.spanId));
    }
  });

  describe('a request whose client goes away', () => {
    /** Sends this much of a request, in a trace of its own, and hangs up once that is there. */
    async function sendPart(head: string, body: string, until: () => Promise<void>): Promise<string> {
      const traceId = randomBytes(16).toString('hex');
      const { port } = new URL(sandbox.url);
      const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      const lines = [head, 'host: localhost', 'authorization: pr_test_demo', 'idempotency-key: gone'];
      lines.push(`traceparent: 00-${traceId}-b7ad6b7169203331-01`, 'content-type: application/json');
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
      await until();
      socket.destroy();
      return traceId;
    }

    const requestsOf = (traceId: string): SeenSpan[] =>
      collector.spans.filter((span) => span.traceId === traceId && span.kind === 2);
    const requestOf = (traceId: string): Promise<SeenSpan> =>
      eventually('the span of the request', async () => requestsOf(traceId)[0]);

    test('while it is answered has one span, which tells no status', async () => {
      const body = JSON.stringify({ amount: 100, currency: 'KZT', orderReference: 'GONE', ...CUSTOMER });
      const length = `content-length: ${Buffer.byteLength(body)}`;
      const wallet = await lockRow(sandbox.databaseUrl, 'account', KZT_WALLET);
      const traceId = await sendPart(
        `POST /v1/wallet/authorize HTTP/1.1\r\n${length}`,
        body,
        wallet.waitedFor,
      );
      const span = await requestOf(traceId);
      assert.equal(span.name, 'POST /v1/wallet/authorize');
      assert.equal(span.attributes['http.response.status_code'], undefined);
      assert.deepEqual([span.attributes['error.type'], span.status], ['connection_closed', 2]);
      assert.equal(span.attributes['plexy.merchant_id'], DEMO_STORE);
      await wallet.release();
      // It is carried out all the same, and its answer finds nobody.
      await eventually('it is carried out', async () =>
        collector.spans.some((other) => other.traceId === traceId && other.name === 'command authorize'),
      );
      const next = await sandbox.authorize();
      await traceOf(next.headers.get('x-request-id'), 'POST /v1/wallet/authorize');
      assert.equal(requestsOf(traceId).length, 1);
    });

    test('before its body is there has one, too', async () => {
      const traceId = await sendPart('POST /v1/payments HTTP/1.1\r\ncontent-length: 100', '{', () =>
        delay(200),
      );
      const { name, attributes, status } = await requestOf(traceId);
      assert.deepEqual(
        [name, attributes['error.type'], status],
        ['POST /v1/payments', 'connection_closed', 2],
      );
    });

    test('and which is a stream ends as streams do: it was answered, and nothing is wrong', async () => {
      const traceId = await sendPart('GET /v1/transactions/stream HTTP/1.1', '', () => delay(500));
      const { attributes, status } = await requestOf(traceId);
      assert.deepEqual(
        [Number(attributes['http.response.status_code']), attributes['error.type'], status],
        [200, undefined, 0],
      );
    });
  });

  test('no span has a card, a person, a key or a body', () => {
    const everything = Buffer.concat(collector.bodies).toString();
    const secrets = [
      CARD.number,
      CARD.cvc,
      '77010000001',
      '900101300017',
      'pr_test_demo',
      'TRACED',
      'whsec_',
    ];
    for (const secret of secrets) assert.ok(!everything.includes(`"${secret}`), secret);
    for (const secret of [CARD.number, '77010000001', '900101300017', 'pr_test_demo'])
      assert.ok(!everything.includes(secret), secret);
    assert.equal(collector.headers[0]?.authorization, 'Bearer of a collector');
  });

  test('machines that look after the server are not traced', async () => {
    for (const path of ['/health', '/ready', '/metrics']) await sandbox.call('GET', path, { apiKey: null });
    const reply = await sandbox.call('GET', '/v1/wallet/transactions');
    await traceOf(reply.headers.get('x-request-id'), 'GET /v1/wallet/transactions');
    assert.ok(!collector.spans.some(({ name }) => /health|ready|metrics/.test(name)));
  });
});

test('spans come as protobuf, too, and a share of all traces is a share', async () => {
  const collector = await startCollector();
  const sandbox = await startSandbox({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  });
  try {
    const replies = await Promise.all(Array.from({ length: 60 }, () => sandbox.authorize()));
    assert.ok(replies.every(({ status }) => status === 201));
    const { rows } = await sandbox.pool.query('SELECT count(*)::int AS count FROM event_trace');
    assert.ok(rows[0].count > 0 && rows[0].count < 120, `${rows[0].count} events are of a trace`);
    const spans = await eventually('spans', async () => {
      const found = collector.spans.filter(({ name }) => name === 'POST /v1/wallet/authorize');
      return found.length === rows[0].count / 2 && found;
    });
    assert.match(spans[0]?.traceId ?? '', /^[0-9a-f]{32}$/);
    assert.equal(collector.headers[0]?.['content-type'], 'application/x-protobuf');
  } finally {
    await sandbox.stop();
    await collector.stop();
  }
});

test('a bank of ours is told which trace it is, and nothing of what callers put beside it', async () => {
  const collector = await startCollector();
  const seen: IncomingHttpHeaders[] = [];
  const bank = createServer((request, response) => {
    seen.push(request.headers);
    response.statusCode = 500;
    response.end();
  });
  await new Promise<void>((resolve) => bank.listen(0, '127.0.0.1', resolve));
  const { port } = bank.address() as { port: number };
  const sandbox = await startSandbox({
    ...{ ACQUIRER_URL: `http://127.0.0.1:${port}`, ACQUIRER_SECRET: 'a secret of the bank' },
    ACQUIRER_PATIENCE_MS: '1000',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  try {
    const traceId = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
    await sandbox.call('POST', '/v1/payments', {
      idempotencyKey: 'told',
      headers: {
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
        tracestate: 'vendor=x',
        baggage: 'user=1',
      },
      body: { amount: 100, currency: 'KZT', orderReference: 'TOLD', card: CARD },
    });
    const [first] = seen;
    assert.match(first?.traceparent?.toString() ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    assert.deepEqual([first?.tracestate, first?.baggage], [undefined, undefined]);
  } finally {
    await sandbox.stop();
    await collector.stop();
    bank.close();
  }
});

test('a collector that is away costs no request anything, and without an address nothing is traced', async () => {
  const away = await startSandbox({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  try {
    assert.equal((await away.authorize()).status, 201);
  } finally {
    await away.stop();
  }
  const off = await startSandbox();
  try {
    assert.equal((await off.authorize()).status, 201);
    const { rows } = await off.pool.query('SELECT count(*)::int AS count FROM event_trace');
    assert.equal(rows[0].count, 0);
  } finally {
    await off.stop();
  }
});

test('the SDK is imported by one file, which is loaded where tracing is set up and not before', () => {
  const source = path.join(import.meta.dirname, '../../src');
  const textOf = (file: string): string => readFileSync(path.join(source, file), 'utf8');
  const files = globSync('**/*.ts', { cwd: source });
  const importers = files.filter((file) => /'@opentelemetry\/(?!api')/.test(textOf(file)));
  assert.deepEqual(importers, [path.join('tracing', 'sdk.ts')]);
  const statics = files.filter((file) => /from '[./]*(?:tracing\/)?sdk\.ts'/.test(textOf(file)));
  assert.deepEqual(statics, []);
  assert.match(textOf('tracing/startTracing.ts'), /await import\('\.\/sdk\.ts'\)/);
});
