/** What Node would answer by itself, or not look at: the error shape and headers of every other answer. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { REASONS, type Reason } from '../../src/http/errors.ts';
import { securityHeadersOf } from '../../src/http/securityHeaders.ts';
import {
  CUSTOMER,
  DEMO_KEY,
  OPERATOR_KEY,
  type Reply,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';

const AUTHORIZE = '/v1/wallet/authorize';
const GOOD = { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...CUSTOMER };
/** 1xx is followed by another one, which may take its time. */
const FINAL_ANSWER = /^HTTP\/1\.1 [2-5]/m;
const KEYED = `host: localhost\r\nauthorization: ${DEMO_KEY}\r\n`;

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ KEEP_ALIVE_SECONDS: '7' });
});
after(() => sandbox.stop());

async function connect({ url } = sandbox): Promise<net.Socket> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** All that the server sends on one connection until it is closed, or until nothing follows an answer for a while. */
async function exchange(text: string): Promise<string> {
  const socket = await connect();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = once(socket, 'close').catch(() => undefined);
  socket.write(text);
  const received = (): string => Buffer.concat(chunks).toString('utf8');
  const silence = async (): Promise<void> => {
    for (let count = -1; !socket.destroyed && (count < chunks.length || !FINAL_ANSWER.test(received())); ) {
      count = chunks.length;
      await pause(500);
    }
  };
  await Promise.race([closed, silence()]);
  socket.destroy();
  return received();
}

function answerIn(text: string): Pick<Reply, 'status' | 'headers' | 'body'> {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...lines] = head.split('\r\n');
  const headers = new Headers(lines.map((field) => field.split(/: ?(.*)/s, 2) as [string, string]));
  return { status: Number(line.split(' ')[1]), headers, body: JSON.parse(rest.join('\r\n\r\n') || 'null') };
}

function assertOurs(
  { status, headers, body }: Pick<Reply, 'status' | 'headers' | 'body'>,
  reason: Reason,
  path?: string,
): void {
  assert.deepEqual([status, body?.reason], [REASONS[reason].status, reason]);
  assert.deepEqual(Object.keys(body), [
    'code',
    'message',
    'source',
    'type',
    'reason',
    'details',
    'requestId',
  ]);
  assert.equal(headers.get('x-request-id'), body.requestId);
  assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
  for (const [name, value] of Object.entries(securityHeadersOf('sandbox')))
    assert.equal(headers.get(name), value);
  if (path !== undefined)
    assert.deepEqual(
      body.details.map((detail: { path: string }) => detail.path),
      [path],
    );
}

describe('what Node would answer by itself has our shape and headers', () => {
  const cases: readonly (readonly [string, string, Reason, string?])[] = [
    [
      'another Expect',
      `GET /health HTTP/1.1\r\nhost: localhost\r\nexpect: foo\r\n\r\n`,
      'expectation_failed',
      'Expect',
    ],
    [
      'another Expect of a POST',
      `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}expect: 200-ok\r\ncontent-length: 2\r\n\r\n{}`,
      'expectation_failed',
      'Expect',
    ],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 'invalid_request', 'Host'],
    ['no Host, to a path that there is not', 'GET /nothing HTTP/1.1\r\n\r\n', 'not_found'],
    ['no HTTP', 'hello\r\n\r\n', 'invalid_request'],
    ['another version', 'GET /health HTTP/3.0\r\nhost: localhost\r\n\r\n', 'invalid_request'],
    ['the start of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'invalid_request'],
    ['a header without a name', 'GET /health HTTP/1.1\r\nhost: localhost\r\n: y\r\n\r\n', 'invalid_request'],
    [
      'headers of 20 KB',
      `GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      'headers_too_large',
    ],
    [
      'a path of 20 KB',
      `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      'headers_too_large',
    ],
    [
      'two lengths',
      `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`,
      'invalid_request',
    ],
    [
      'a body in chunks that are none',
      `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      'invalid_request',
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n', 'method_not_allowed'],
    ['a method of others', 'PURGE /v1/session HTTP/1.1\r\nhost: localhost\r\n\r\n', 'not_found'],
    ['TRACE', 'TRACE /v1/session HTTP/1.1\r\nhost: localhost\r\n\r\n', 'method_not_allowed'],
    ['a path that is no path', 'GET /%ZZ HTTP/1.1\r\nhost: localhost\r\n\r\n', 'not_found'],
    ['the server as a whole', 'OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n', 'method_not_allowed'],
  ];
  for (const [name, text, reason, path] of cases)
    test(name, async () => assertOurs(answerIn(await exchange(text)), reason, path));

  test('what is right is answered: 100-continue, HTTP/1.0 without Host, an upgrade to what there is not', async () => {
    const body = JSON.stringify(GOOD);
    const waiting = `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-type: application/json\r\nidempotency-key: ${randomUUID()}\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`;
    assert.match(await exchange(`${waiting}${body}`), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 Created/);
    assert.match(await exchange('GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 OK/);
    const upgrade =
      'GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    assert.match(await exchange(upgrade), /^HTTP\/1.1 200 OK/);
  });

  test('garbage behind a payment is not answered as if it were the payment', async () => {
    const body = JSON.stringify(GOOD);
    const payment = `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-type: application/json\r\nidempotency-key: ${randomUUID()}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const answer = await exchange(`${payment}garbage\r\n\r\n`);
    assert.ok(answer === '' || answer.startsWith('HTTP/1.1 201'), answer);
  });

  test('garbage behind a stream is no part of it', async () => {
    const answer = await exchange(`GET /v1/transactions/stream HTTP/1.1\r\n${KEYED}\r\ngarbage\r\n\r\n`);
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length ?? 0, answer === '' ? 0 : 1, answer);
    assert.doesNotMatch(answer, /invalid_request/);
  });
});

describe('a body whose headers say that it is not plain UTF-8 is a 415 that names the header', () => {
  const send = (
    headers: Record<string, string>,
    rawBody: string | Buffer = JSON.stringify(GOOD),
  ): Promise<Reply> => sandbox.call('POST', AUTHORIZE, { idempotencyKey: randomUUID(), headers, rawBody });
  const json = 'application/json';

  for (const coding of ['gzip', 'br', 'deflate', 'x-none', 'identity, gzip'])
    test(`Content-Encoding: ${coding}`, async () => {
      assertOurs(await send({ 'content-encoding': coding }), 'unsupported_media_type', 'Content-Encoding');
    });

  test('Content-Encoding: gzip, of a body that is compressed', async () => {
    const reply = await send({ 'content-encoding': 'gzip' }, gzipSync(JSON.stringify(GOOD)));
    assertOurs(reply, 'unsupported_media_type', 'Content-Encoding');
  });

  for (const type of [
    `${json}; charset=utf-16`,
    `${json};charset="ISO-8859-1"`,
    `${json}; CHARSET = us-ascii`,
    `${json}; charset=utf-8; charset=utf-16`,
    `${json}; charset=`,
    'text/plain',
  ])
    test(`Content-Type: ${type}`, async () => {
      assertOurs(await send({ 'content-type': type }), 'unsupported_media_type', 'Content-Type');
    });

  test('a part of a body', async () => {
    assertOurs(await send({ 'content-range': 'bytes 0-9/20' }), 'unsupported_media_type', 'Content-Range');
  });

  test('another Transfer-Encoding', async () => {
    const body = JSON.stringify(GOOD);
    const text = `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-type: ${json}\r\nidempotency-key: k\r\ntransfer-encoding: gzip, chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    assertOurs(answerIn(await exchange(text)), 'unsupported_media_type', 'Transfer-Encoding');
  });

  test('what says that it is plain is taken', async () => {
    for (const headers of [
      { 'content-encoding': 'identity' },
      { 'content-type': `${json}; charset=utf-8` },
      { 'content-type': `${json};charset="UTF-8"` },
      { 'content-type': `${json}; charset=utf8; version=1` },
    ])
      assert.equal(
        (await send(headers as unknown as Record<string, string>)).status,
        201,
        JSON.stringify(headers),
      );
  });
});

describe('an error is no longer than what a reader needs', () => {
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`field${i}`, 1]));
  const routes = [
    ['a route with a schema', AUTHORIZE, DEMO_KEY],
    ['a route without a body', '/v1/session/sign-out-everywhere', null],
    ['a sandbox route without a body', '/v1/sandbox/reset', DEMO_KEY],
    ['an operators’ route without a body', '/v1/admin/audits', OPERATOR_KEY],
  ] as const;
  for (const [name, path, apiKey] of routes)
    test(`3,000 unknown fields: ${name}`, async () => {
      const reply = await sandbox.call('POST', path, { apiKey, body: many, idempotencyKey: randomUUID() });
      assert.ok(reply.text.length < 4_000, `${reply.text.length} bytes`);
      if (reply.body.reason === 'unknown_field') assert.equal(reply.body.details.length, 20);
    });

  test('a name of 60,000 characters', async () => {
    for (const [path, apiKey] of [
      [AUTHORIZE, DEMO_KEY],
      ['/v1/sandbox/reset', DEMO_KEY],
    ] as const) {
      const reply = await sandbox.call('POST', path, {
        apiKey,
        body: { ['x'.repeat(60_000)]: 1 },
        idempotencyKey: 'k',
      });
      assert.ok(reply.status === 400 && reply.text.length < 1_000, reply.text.slice(0, 200));
    }
  });

  test('names something, even if the field has no name', async () => {
    const replies = [
      await sandbox.call('GET', '/v1/transactions?=1'),
      await sandbox.call('GET', '/v1/events?=1'),
      await sandbox.call('POST', AUTHORIZE, { idempotencyKey: 'k', body: { ...GOOD, '': 1 } }),
      await sandbox.call('POST', '/v1/sandbox/reset', { body: { '': 1 } }),
    ];
    for (const { status, body } of replies) {
      assert.deepEqual([status, body.reason], [400, 'unknown_field']);
      for (const { path } of body.details) assert.match(path, /^(?:body|querystring)$/);
      assert.match(body.message, /^(?:body|querystring) must not have a name that is empty$/);
    }
  });
});

test('a client that breaks off its body is no error of the database, nor of ours', async () => {
  const socket = await connect();
  socket.write(
    `POST ${AUTHORIZE} HTTP/1.1\r\n${KEYED}content-type: application/json\r\nidempotency-key: k\r\ncontent-length: 500\r\n\r\n{"amount":`,
  );
  await pause(300);
  socket.destroy();
  await pause(500);
  const { text } = await sandbox.call('GET', '/metrics');
  assert.doesNotMatch(text, /plexy_database_errors_total\{/);
  // A busy server may warn of other things.
  const isError = (line: string): boolean => JSON.parse(line).level >= (line.includes(AUTHORIZE) ? 40 : 50);
  assert.deepEqual(sandbox.log.filter(isError), []);
});

test('a connection is kept for KEEP_ALIVE_SECONDS', async () => {
  const socket = await connect();
  socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [chunk] = await once(socket, 'data');
  assert.match(String(chunk), /keep-alive: timeout=7\r\n/i);
  socket.destroy();
});

test('a method that somebody makes up is no label of its own', async () => {
  for (const method of ['PROPFIND', 'REPORT', 'PURGE', 'TRACE'])
    await exchange(`${method} /v1/session HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const { text } = await sandbox.call('GET', '/metrics');
  assert.match(text, /_count\{method="other",route="\/v1\/session",status="405"\}/);
  assert.doesNotMatch(text, /PROPFIND|REPORT|PURGE|TRACE/);
});

test('pages are no worse guarded than answers', async () => {
  const {
    'cache-control': _cache,
    'content-security-policy': _policy,
    ...others
  } = securityHeadersOf('sandbox');
  for (const path of [
    '/dashboard',
    '/docs',
    '/docs/start.js',
    '/confirm/x',
    '/3ds/x',
    '/openapi.json',
    '/health',
    '/no',
  ]) {
    const { headers } = await sandbox.call('GET', path, { apiKey: null });
    for (const [name, value] of Object.entries(others))
      assert.equal(headers.get(name), value, `${path} ${name}`);
    assert.match(
      headers.get('content-security-policy') ?? '',
      /^default-src 'none';.*frame-ancestors 'none'/,
      path,
    );
    assert.equal(headers.get('strict-transport-security'), null, 'a sandbox has no TLS');
  }
  assert.equal(securityHeadersOf('production')['strict-transport-security'], 'max-age=31536000');
});

test('connections beyond MAX_CONNECTIONS are closed, and idle ones make room', async () => {
  const small = await startSandbox({ MAX_CONNECTIONS: '3' });
  try {
    const idle = await Promise.all([connect(small), connect(small), connect(small)]);
    for (const socket of idle) {
      socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
      await once(socket, 'data');
    }
    const refused = await connect(small);
    await once(refused, 'close');
    assert.ok(small.log.some((line) => line.includes('MAX_CONNECTIONS')));
    await Promise.all(idle.map((socket) => socket.destroyed || once(socket, 'close')));
    assert.equal((await small.call('GET', '/health')).status, 200);
  } finally {
    await small.stop();
  }
});
