/** Health, readiness, metrics, logs, limits and headers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { readConfig } from '../../src/app/config.ts';
import { createLogger } from '../../src/app/logging.ts';
import { startServer } from '../../src/app/server.ts';
import { makeDataDir } from '../support/dataDir.ts';
import { DEMO_STORE } from '../support/operator.ts';
import {
  CUSTOMER,
  DEMO_KEY,
  OPERATOR_KEY,
  OTHER_KEY,
  request,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';
import { ADMIN, signIn } from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

describe('/metrics', () => {
  test('is for this machine, or for whoever has the token', async () => {
    const proxied = await startSandbox({ TRUSTED_PROXIES: '127.0.0.1' });
    const guarded = await startSandbox({ METRICS_TOKEN: 'a-token-of-a-scraper' });
    try {
      const ask = ({ call }: Sandbox, headers: Record<string, string>) =>
        call('GET', '/metrics', { apiKey: null, headers });
      assert.equal((await ask(sandbox, {})).status, 200);
      assert.equal((await ask(proxied, {})).status, 200);
      const forwarded = await ask(proxied, { 'x-forwarded-for': '203.0.113.8' });
      assert.deepEqual([forwarded.status, forwarded.body.reason], [401, 'metrics_token_required']);
      assert.equal((await ask(guarded, { authorization: 'Bearer a-token-of-a-scraper' })).status, 200);
      for (const authorization of ['', 'Bearer a-token-of-a-scrape', 'a-token-of-a-scraper', 'Bearer x']) {
        const refused = await ask(guarded, authorization === '' ? {} : { authorization });
        assert.equal(refused.status, 401, authorization);
        assert.equal(refused.headers.get('www-authenticate'), 'Bearer');
        assert.ok(!refused.text.includes('plexy_'));
      }
    } finally {
      await proxied.stop();
      await guarded.stop();
    }
  });
});

describe('/health and /ready', () => {
  test('answer without a key', async () => {
    for (const name of ['/health', '/ready']) {
      const { status, body } = await sandbox.call('GET', name, { apiKey: null });
      assert.deepEqual([status, body], [200, { status: 'ok' }]);
      assert.equal((await sandbox.call('HEAD', name, { apiKey: null })).status, 200);
    }
  });

  test('/ready is 503 while a migration is missing', async () => {
    const { rows } = await sandbox.pool.query(
      'DELETE FROM migration RETURNING name, hash, applied_at::text AS at',
    );
    const { status, body } = await sandbox.call('GET', '/ready');
    assert.deepEqual([status, body.code, body.reason], [503, 1, 'service_unavailable']);
    for (const row of rows)
      await sandbox.pool.query('INSERT INTO migration VALUES ($1, $2, $3)', [row.name, row.hash, row.at]);
    assert.equal((await sandbox.call('GET', '/ready')).status, 200);
  });

  test('/ready is 503 within 2 s while the database is stuck, however many ask, and recovers', async () => {
    const askAll = () => Promise.all(Array.from({ length: 50 }, () => sandbox.call('GET', '/ready')));
    // What as many requests take on this machine now is not the database's.
    const beginsAt = performance.now();
    await askAll();
    const usualMs = performance.now() - beginsAt;
    const blocker = new pg.Client({ connectionString: sandbox.databaseUrl });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE migration IN ACCESS EXCLUSIVE MODE');
    const startedAt = performance.now();
    const replies = await askAll();
    assert.ok(performance.now() - startedAt < 2_000 + usualMs);
    assert.deepEqual([...new Set(replies.map((reply) => reply.status))], [503]);
    assert.equal(
      (await sandbox.call('GET', '/v1/wallet/transactions')).status,
      200,
      'the pool is not used up',
    );
    await blocker.query('ROLLBACK');
    await blocker.end();
    assert.equal((await sandbox.call('GET', '/ready')).status, 200);
  });
});

test('/ready stays right while every connection of the pool is taken and more requests wait for one', async (t) => {
  const one = await startSandbox({ POOL_SIZE: '1' });
  t.after(() => one.stop());
  const blocker = new pg.Client({ connectionString: one.databaseUrl });
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE');
  const waiting = Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      one.call('GET', '/v1/wallet/transactions', { apiKey: `pr_test_${i}` }),
    ),
  );
  for (let i = 0; i < 5; i += 1) {
    assert.equal((await one.call('GET', '/ready')).status, 200);
    await delay(200);
  }
  await blocker.query('ROLLBACK');
  await blocker.end();
  await waiting;
});

test('with the database stopped: /ready 503 within 2 s, /health 200, requests 503, and a stop is quick', async () => {
  const dataDir = await makeDataDir('stopped');
  const database = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  const log: string[] = [];
  const server = await startServer(
    readConfig({ DATABASE_URL: database.url, PORT: '0' }),
    createLogger('debug', { write: (line: string) => log.push(line) }),
  );
  try {
    assert.equal((await request(server.url, 'GET', '/ready')).status, 200);
    await database.stop();
    const startedAt = performance.now();
    const ready = await request(server.url, 'GET', '/ready');
    assert.ok(performance.now() - startedAt < 2_000);
    assert.deepEqual([ready.status, ready.body.reason], [503, 'service_unavailable']);
    assert.equal((await request(server.url, 'GET', '/health')).status, 200);
    const list = await request(server.url, 'GET', '/v1/wallet/transactions');
    assert.deepEqual(
      [list.status, list.body.reason, list.headers.get('retry-after')],
      [503, 'service_unavailable', '1'],
    );
    const body = { amount: 1, currency: 'KZT', orderReference: 'GONE', ...CUSTOMER };
    const waiting = request(server.url, 'POST', '/v1/wallet/authorize', {
      idempotencyKey: randomUUID(),
      body,
    });
    const metrics = await request(server.url, 'GET', '/metrics');
    assert.match(metrics.text, /plexy_database_errors_total\{sqlstate="connection"\} [1-9]/);
    const stoppingAt = performance.now();
    await Promise.all([server.stop(), waiting.then(({ status }) => assert.equal(status, 503))]);
    assert.ok(performance.now() - stoppingAt < 9_000);
    assertNothingSecret(log);
    assert.ok(
      log.some((line) => JSON.parse(line).level === 40),
      'a warning',
    );
  } finally {
    await server.stop();
    await database.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

describe('/metrics', () => {
  test('has requests, latencies, batch sizes, queue depth and database errors', async () => {
    await sandbox.authorize();
    const { status, text, headers } = await sandbox.call('GET', '/metrics', { apiKey: null });
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^text\/plain/);
    assert.match(
      text,
      /plexy_http_request_duration_seconds_count\{method="POST",route="\/v1\/wallet\/authorize",status="201"\} \d+/,
    );
    assert.match(text, /plexy_engine_batch_size_count [1-9]/);
    assert.match(text, /plexy_engine_batch_duration_seconds_count [1-9]/);
    assert.match(text, /plexy_engine_queue_depth \d/);
    assert.match(text, /# TYPE plexy_database_errors_total counter/);
  });

  test('has no label of what callers make up', async () => {
    const { body } = await sandbox.authorize();
    for (let i = 0; i < 20; i += 1) {
      await sandbox.call('GET', `/made-up-${i}`);
      await sandbox.call('PUT', `/v1/wallet/transaction/made-up-${i}`);
      await sandbox.call('GET', `/v1/wallet/transaction/made-up-${i}`);
      await sandbox.call('GET', `/v1/wallet/transactions?orderReference=made-up-${i}`);
      await sandbox.call('GET', `/%ZZmade-up-${i}`);
    }
    await sandbox.call('GET', `/v1/wallet/transaction/${body.walletTransactionId}`);
    const { text } = await sandbox.call('GET', '/metrics');
    assert.doesNotMatch(text, /made-up/);
    assert.doesNotMatch(text, /wt_/);
    assert.match(text, /_count\{method="GET",route="unknown",status="404"\} 20/);
  });

  test('are only for operators where those have a port of their own', async () => {
    const own = await startSandbox({ ADMIN_PORT: '0' });
    assert.equal((await own.call('GET', '/metrics')).status, 404);
    assert.equal((await own.call('GET', '/health')).status, 200);
    await own.stop();
  });
});

/** Everything that no log may hold: keys, IINs and phone numbers, in any spelling that was sent. */
const SECRETS = [
  DEMO_KEY,
  OTHER_KEY,
  OPERATOR_KEY,
  'wrongkey',
  'hunter2',
  '900101300017',
  '850520400027',
  '77010000001',
  '7010000001',
  '7010000002',
  '701 000',
  '000-00-01',
  '4242424242424242',
  '4242 4242',
];

function assertNothingSecret(log: readonly string[]): void {
  for (const line of log) {
    for (const secret of SECRETS) assert.ok(!line.includes(secret), `${secret} in ${line}`);
  }
}

describe('logs', () => {
  test('have one line for each request at level debug, with its id', async () => {
    const { log } = sandbox;
    const length = log.length;
    const reply = await sandbox.call('GET', '/v1/wallet/transaction/wt_01JDM3Z7V8H8Q2X9K0R1ABCD12');
    const lines = await linesOf(log, length, reply.headers.get('x-request-id'));
    assert.equal(lines.length, 1, JSON.stringify(lines));
    const { level, method, route, status, ms, msg } = lines[0] ?? {};
    assert.deepEqual(
      { level, method, route, status, msg },
      {
        level: 20,
        method: 'GET',
        route: '/v1/wallet/transaction/:wallet_transaction_id',
        status: 404,
        msg: 'request',
      },
    );
    assert.equal(typeof ms, 'number');
  });

  test('never hold a key, an IIN or a phone number, whatever goes wrong', async () => {
    const { log, pool } = sandbox;
    const length = log.length;
    await sandbox.authorize();
    await sandbox.authorize({ phoneNumber: '8 (701) 000-00-01' });
    await sandbox.authorize({ phoneNumber: '+7701000000' });
    await sandbox.authorize({ iin: '900101300018' });
    await sandbox.authorize({ iin: '850520400027' });
    await sandbox.authorize({ orderReference: '900101300017 +77010000001' });
    await sandbox.authorize({}, { apiKey: 'pr_test_wrongkey' });
    await sandbox.authorize({}, { apiKey: `Bearer ${DEMO_KEY}` });
    await sandbox.authorize({ [CUSTOMER.iin]: CUSTOMER.phoneNumber });
    await sandbox.call('GET', `/v1/wallet/transactions?orderReference=${CUSTOMER.iin}&status=${DEMO_KEY}`);
    await sandbox.call('GET', `/v1/wallet/transaction/${CUSTOMER.iin}`);
    await sandbox.call('GET', `/%ZZ${CUSTOMER.iin}`);
    await sandbox.call('POST', `/${CUSTOMER.phoneNumber}`, { rawBody: `{"iin":"${CUSTOMER.iin}` });
    await sandbox.call('POST', '/v1/wallet/authorize', {
      idempotencyKey: 'a',
      rawBody: `{"iin":"${CUSTOMER.iin}`,
    });
    for (const number of ['4242424242424242', '4242 4242 4242 4242', '4242424242424241']) {
      const card = { number, expiryMonth: 12, expiryYear: 2040, cvc: '123' };
      const body = { amount: 1, currency: 'KZT', orderReference: 'CARD', card };
      await sandbox.call('POST', '/v1/payments', { idempotencyKey: randomUUID(), body });
    }
    // PostgreSQL quotes the row that a constraint refuses, and the value that it cannot read.
    await pool.query(
      `ALTER TABLE transaction ADD CONSTRAINT no_test CHECK (order_reference NOT LIKE 'CHECK%')`,
    );
    const refused = await sandbox.authorize({
      orderReference: `CHECK ${CUSTOMER.iin} ${CUSTOMER.phoneNumber} ${DEMO_KEY}`,
    });
    await pool.query('ALTER TABLE transaction DROP CONSTRAINT no_test');
    assert.deepEqual([refused.status, refused.body.reason, refused.body.code], [500, 'internal_error', 2]);
    assert.doesNotMatch(refused.text, /constraint|no_test|transaction/i);
    const lines = await linesOf(log, length, refused.headers.get('x-request-id'));
    assert.deepEqual(lines.map(({ level }) => level).sort(), [20, 50]);
    const failure = lines.find(({ level }) => level === 50);
    assert.equal(failure?.err.code, '23514');
    assert.equal(failure?.err.constraint, 'no_test');
    assertNothingSecret(log);
  });

  test('scrub errors that quote them, and fields that nobody should log', () => {
    const log: string[] = [];
    const logger = createLogger('info', { write: (line: string) => log.push(line) });
    const secret = `${DEMO_KEY} +7 (701) 000-00-01 900101300017 postgres://plexy:hunter2@db/plexy`;
    const cause = Object.assign(new Error(secret), { detail: secret, code: '23505', where: secret });
    logger.error({ err: new Error(secret, { cause }) }, 'failed');
    logger.info({
      iin: CUSTOMER.iin,
      request: { headers: { authorization: DEMO_KEY }, phoneNumber: CUSTOMER.phoneNumber },
    });
    assert.equal(log.length, 2);
    assertNothingSecret(log);
    assert.match(log[0] ?? '', /"code":"23505"/);
  });

  // biome-ignore lint/suspicious/noExplicitAny: log lines of any shape
  async function linesOf(log: readonly string[], from: number, requestId: string | null): Promise<any[]> {
    // The access line is written once the answer is sent.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return log
      .slice(from)
      .map((line) => JSON.parse(line))
      .filter((line) => line.requestId === requestId);
  }
});

describe('RATE_LIMIT_PER_SECOND', () => {
  let limited: Sandbox;
  before(async () => {
    limited = await startSandbox({ RATE_LIMIT_PER_SECOND: '5' });
  });
  after(() => limited.stop());

  test('is for each merchant: 429 with Retry-After beyond it, and another merchant is not held up', async () => {
    const replies = await Promise.all(Array.from({ length: 30 }, () => limited.authorize()));
    const refused = replies.filter(({ status }) => status === 429);
    const served = replies.filter(({ status }) => status === 201);
    assert.equal(refused.length + served.length, 30);
    assert.ok(served.length >= 5 && served.length <= 10, `${served.length} served`);
    for (const { body, headers } of refused) {
      assert.deepEqual([body.code, body.type, body.reason], [3, 'apiError', 'rate_limited']);
      assert.equal(headers.get('x-request-id'), body.requestId);
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
    assert.equal((await limited.call('GET', '/v1/wallet/transactions', { apiKey: OTHER_KEY })).status, 200);
    const { rows } = await limited.pool.query('SELECT count(*)::int AS count FROM transaction');
    assert.equal(rows[0].count, served.length, 'what was refused left nothing');
  });

  test('is one for all keys and sessions of a merchant, and each answer says what is left', async () => {
    const issued = await limited.call('POST', `/v1/admin/merchants/${DEMO_STORE}/api-keys`, {
      apiKey: OPERATOR_KEY,
      body: { name: 'second' },
    });
    const { cookie } = await signIn(limited.url, ADMIN);
    const { apiKey } = issued.body;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const callers = [{}, { apiKey }, { apiKey: null, headers: { cookie } }];
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        limited.call('GET', '/v1/wallet/transactions', callers[i % 3] ?? {}),
      ),
    );
    const served = replies.filter(({ status }) => status === 200);
    assert.ok(served.length >= 5 && served.length <= 10, `${served.length} served`);
    for (const { headers } of replies) {
      assert.equal(headers.get('ratelimit-limit'), '5');
      assert.match(headers.get('ratelimit-remaining') ?? '', /^[0-4]$/);
      assert.match(headers.get('ratelimit-reset') ?? '', /^[01]$/);
    }
  });

  test('lets the same key through after the time that it was told', async () => {
    let reply = await limited.call('GET', '/v1/wallet/transactions');
    while (reply.status !== 429) reply = await limited.call('GET', '/v1/wallet/transactions');
    await new Promise((resolve) => setTimeout(resolve, Number(reply.headers.get('retry-after')) * 1_000));
    assert.equal((await limited.call('GET', '/v1/wallet/transactions')).status, 200);
  });

  test('is not for what needs no key', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => limited.call('GET', '/health', { apiKey: null })),
    );
    assert.ok(replies.every(({ status }) => status === 200));
  });
});

test('every answer has the security headers and its request id', async () => {
  for (const [method, name] of [
    ['GET', '/health'],
    ['GET', '/nothing'],
    ['POST', '/v1/wallet/authorize'],
    ['GET', '/%ZZ'],
  ] as const) {
    const { headers } = await sandbox.call(method, name);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', name);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(headers.get('x-powered-by'), null);
    assert.equal(headers.get('server'), null);
  }
});
