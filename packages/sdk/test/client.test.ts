/** The sender against answers of our own making: what is sent, what is tried again, what is thrown. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CURRENCIES, decimalOf, exponentOf } from '@plexy-pay/money';
import {
  AbortedError,
  AuthenticationError,
  ConflictError,
  ConnectionError,
  type Fetch,
  formatAmount,
  InvalidRequestError,
  List,
  NotFoundError,
  PermissionError,
  PlexyPay,
  PlexyPayError,
  RateLimitError,
  ServerError,
  UnprocessableError,
} from '@plexy-pay/sdk';
import manifest from '../package.json' with { type: 'json' };

const run = promisify(execFile);

interface Sent {
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
}

type Answer = Response | Error;

/** A client whose server gives these answers, one after the other. */
function clientOf(answers: Answer[]): { plexy: PlexyPay; sent: Sent[] } {
  const sent: Sent[] = [];
  const fake = async (url: unknown, init?: RequestInit): Promise<Response> => {
    sent.push({ url: String(url), headers: new Headers(init?.headers), body: init?.body });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw new Error('no answer is left');
    return answer;
  };
  return { plexy: new PlexyPay({ apiKey: 'pr_test_x', baseUrl: 'http://pay.test/', fetch: fake }), sent };
}

const PAYMENT = {
  ...{ walletTransactionId: 'wt_1', walletTransactionStatus: 'PROCESSING', orderReference: 'A' },
  ...{ amount: 1, currency: 'KZT' },
};
const ORDER = { amount: 1, phoneNumber: '', iin: '', orderReference: '', currency: 'KZT' };

function answer(status: number, body: unknown = PAYMENT, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
}

function failure(status: number, reason: string, headers: Record<string, string> = {}): Response {
  const body = { code: 3, message: `m ${reason}`, source: 'wallet', type: 'apiError', reason };
  const details = [{ path: 'amount', message: 'is wrong' }];
  return answer(status, { ...body, details, requestId: 'r-1' }, headers);
}

/** A server that has not answered when the request is aborted. */
const neverAnswers: Fetch = (_url, { signal }) =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });

const SOON = { 'retry-after': '0' };

describe('requests', () => {
  test('carry the raw key, JSON, and an idempotency key on a POST, not on a GET', async () => {
    const { plexy, sent } = clientOf([answer(200), answer(200), answer(200)]);
    await plexy.wallet.capture('wt_1', { amount: 5 });
    await plexy.wallet.get('wt_1');
    await plexy.wallet.capture('wt_1', { amount: 5 }, { idempotencyKey: 'mine' });
    const [capture, get, again] = sent;
    assert.equal(capture?.url, 'http://pay.test/v1/wallet/wt_1/capture');
    assert.equal(capture.headers.get('authorization'), 'pr_test_x');
    assert.match(capture.headers.get('idempotency-key') ?? '', /^[0-9a-f]{32}$/);
    assert.deepEqual(
      [capture.headers.get('content-type'), capture.body],
      ['application/json', '{"amount":5}'],
    );
    assert.deepEqual([get?.headers.get('idempotency-key'), get?.headers.get('content-type')], [null, null]);
    assert.equal(again?.headers.get('idempotency-key'), 'mine');
  });

  test('no id can reach another route', async () => {
    const { plexy, sent } = clientOf([answer(200)]);
    await plexy.wallet.get('a/../../admin?x#y');
    assert.equal(sent[0]?.url, 'http://pay.test/v1/wallet/transaction/a%2F..%2F..%2Fadmin%3Fx%23y');
    assert.throws(() => plexy.wallet.get(''), { message: 'an id must not be empty' });
    for (const id of ['.', '..'])
      assert.throws(() => plexy.wallet.get(id), /^PlexyPayError: "\.+" is no id: /);
  });

  test('an order reference that no path can hold is found by a filter', async () => {
    const { plexy, sent } = clientOf([0, 1, 2].map(() => answer(200, { items: [], nextCursor: null })));
    for (const reference of ['.', '..', 'a/..'])
      await plexy.transactions.byOrderReference(reference, { limit: 5 }).toArray();
    assert.deepEqual(
      sent.map(({ url }) => url.replace('http://pay.test/v1/transactions', '')),
      [...['?limit=5&orderReference=.', '?limit=5&orderReference=..'], '/by-order-reference/a%2F..?limit=5'],
    );
    assert.throws(() => plexy.transactions.byOrderReference(''), /an order reference must not be empty/);
  });

  test('what a filter means is written as the server reads it', async () => {
    const { plexy, sent } = clientOf([answer(200, { items: [], nextCursor: null })]);
    const createdFrom = new Date('2026-11-20T10:00:00Z');
    const status = ['charged', 'refunded'] as const;
    await plexy.transactions.list({ amountFrom: 5, createdFrom, status, cursor: undefined }).toArray();
    const query = new URL(sent[0]?.url ?? '').searchParams;
    assert.deepEqual(Object.fromEntries(query), {
      ...{ amountFrom: '5', createdFrom: '2026-11-20T10:00:00.000Z', status: 'charged,refunded' },
    });
    const wrong = plexy.transactions.list({ createdFrom: new Date('x') }).page();
    await assert.rejects(wrong, { name: 'PlexyPayError', message: 'createdFrom is no valid Date' });
  });

  test('balances keep every digit', async () => {
    const text =
      '{"id":"w","walletHolderId":"h","customerId":"h","available":27021597764222973,"held":0,"currency":"KZT"}';
    const { plexy } = clientOf([answer(200, text)]);
    const { available, held } = await plexy.admin.wallets.get('w');
    assert.deepEqual([available, held], [27021597764222973n, 0n]);
  });
});

describe('retries', () => {
  test('429, 503, a proxy’s 502, a lost connection: the same key each time', async () => {
    const lost = new TypeError('fetch failed');
    const answers = [failure(429, 'rate_limited', SOON), failure(503, 'service_unavailable', SOON), lost];
    const { plexy, sent } = clientOf([...answers, answer(201)]);
    const paid = await plexy.wallet.authorize(ORDER, { maxRetries: 3 });
    assert.equal(paid.walletTransactionStatus, 'PROCESSING');
    assert.equal(sent.length, 4);
    assert.equal(new Set(sent.map(({ headers }) => headers.get('idempotency-key'))).size, 1);
    const proxy = clientOf([answer(502, '<html>', SOON), answer(200)]);
    await proxy.plexy.wallet.get('x');
    assert.equal(proxy.sent.length, 2);
  });

  test('Retry-After is waited for, and a long one is not', async () => {
    const { plexy } = clientOf([failure(503, 'service_unavailable', { 'retry-after': '1' }), answer(200)]);
    const startedAt = performance.now();
    await plexy.wallet.get('x');
    assert.ok(performance.now() - startedAt >= 990);
    for (const retryAfter of ['3600', '10000000000', ' 600 ', 'Fri, 20 Nov 2099 10:00:00 GMT']) {
      const long = clientOf([
        failure(503, 'service_unavailable', { 'retry-after': retryAfter }),
        answer(200),
      ]);
      await assert.rejects(long.plexy.wallet.get('x'), ServerError, retryAfter);
    }
    const soon = clientOf([
      failure(503, 'service_unavailable', { 'retry-after': 'Sun Nov  6 08:49:37 1994' }),
      answer(200),
    ]);
    const askedAt = performance.now();
    await soon.plexy.wallet.get('x');
    // Without the date the first pause is 250 ms or more.
    assert.ok(performance.now() - askedAt < 240);
  });

  test('end after maxRetries, and never happen for what the server decided', async () => {
    const busy = () => failure(429, 'rate_limited', SOON);
    const { plexy, sent } = clientOf([busy(), busy(), busy()]);
    await assert.rejects(plexy.wallet.get('x', { maxRetries: 2 }), RateLimitError);
    assert.equal(sent.length, 3);
    for (const status of [400, 401, 403, 404, 409, 422]) {
      const once = clientOf([failure(status, 'any'), answer(200)]);
      await assert.rejects(once.plexy.wallet.get('x'), PlexyPayError);
      assert.equal(once.sent.length, 1);
    }
  });

  test('409 while another request is in the way; 500 and 408 where repeating cannot do it twice', async () => {
    for (const reason of ['request_in_progress', 'operation_in_progress']) {
      const { plexy, sent } = clientOf([failure(409, reason, SOON), answer(200)]);
      await plexy.wallet.capture('x', { amount: 1 });
      assert.equal(sent.length, 2, reason);
    }
    for (const status of [500, 408]) {
      const failing = () => failure(status, 'internal_error', SOON);
      const keyed = clientOf([failing(), failing(), answer(200)]);
      await keyed.plexy.wallet.capture('x', { amount: 1 });
      assert.equal(new Set(keyed.sent.map(({ headers }) => headers.get('idempotency-key'))).size, 1);
      const read = clientOf([failing(), answer(200)]);
      await read.plexy.wallet.get('x');
      const changed = clientOf([failing(), answer(200, { id: 'm', name: 'n', captureMode: 'manual' })]);
      await assert.rejects(changed.plexy.admin.merchants.update('m', { name: 'n' }), { status });
      assert.deepEqual([keyed.sent.length, read.sent.length, changed.sent.length], [3, 2, 1]);
    }
  });

  test('stop when the caller aborts', async () => {
    const { plexy } = clientOf([failure(503, 'service_unavailable', { 'retry-after': '30' })]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await assert.rejects(plexy.wallet.get('x', { signal: controller.signal }), /enough/);
  });
});

describe('errors', () => {
  test('one class for each category, with everything that the answer says', async () => {
    const classes = {
      ...{ 400: InvalidRequestError, 401: AuthenticationError, 403: PermissionError, 404: NotFoundError },
      ...{ 409: ConflictError, 422: UnprocessableError, 429: RateLimitError, 500: ServerError },
    };
    for (const [status, Class] of Object.entries(classes)) {
      const { plexy } = clientOf([failure(Number(status), 'because', { 'x-request-id': 'of a proxy' })]);
      const error = await plexy.wallet.get('x', { maxRetries: 0 }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof Class && error instanceof PlexyPayError);
      const { name, message, code, reason, details, requestId } = error;
      assert.deepEqual([name, error.status], [Class.name, Number(status)]);
      assert.deepEqual([message, code, reason, requestId], ['m because', 3, 'because', 'r-1']);
      assert.deepEqual(details, [{ path: 'amount', message: 'is wrong' }]);
    }
  });

  test('an answer that is not ours, none in time, none at all', async () => {
    const page = clientOf([answer(404, '<html>not here</html>')]);
    await assert.rejects(page.plexy.wallet.get('x'), { name: 'NotFoundError', reason: null });
    const html = clientOf([answer(200, '<html>')]);
    await assert.rejects(html.plexy.wallet.get('x'), PlexyPayError);
    const lost = clientOf([new TypeError('fetch failed')]);
    await assert.rejects(lost.plexy.wallet.get('x', { maxRetries: 0 }), ConnectionError);
    const slow = new PlexyPay({ apiKey: 'x', fetch: neverAnswers, timeoutMs: 20, maxRetries: 0 });
    await assert.rejects(slow.wallet.get('x'), {
      name: 'ConnectionError',
      message: 'no answer within 20 ms',
    });
  });
});

describe('the idempotency key of a call', () => {
  const lost = (): Error => new TypeError('fetch failed');

  test('is on whatever it throws, and repeats it', async () => {
    const html = '<html>';
    const failures: Record<string, [Answer[], RequestInit?]> = {
      'no answer': [[lost()]],
      'a proxy': [[answer(502, html)]],
      'an error of the server': [[failure(500, 'internal_error')]],
      'a refusal': [[failure(422, 'wallet_frozen')]],
      'a page': [[answer(200, html)]],
      'a redirect': [[answer(301, '', { location: 'https://pay.test/' })]],
    };
    for (const [name, [answers]] of Object.entries(failures)) {
      const { plexy, sent } = clientOf([...answers, answer(201)]);
      const error = await plexy.wallet.authorize(ORDER, { maxRetries: 0 }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof PlexyPayError, name);
      assert.match(error.idempotencyKey ?? '', /^[0-9a-f]{32}$/, name);
      await plexy.wallet.authorize(ORDER, { idempotencyKey: error.idempotencyKey });
      const keys = sent.map(({ headers }) => headers.get('idempotency-key'));
      assert.deepEqual(keys, [error.idempotencyKey, error.idempotencyKey], name);
    }
    const own = clientOf([lost()]).plexy.wallet.authorize(ORDER, { idempotencyKey: 'mine', maxRetries: 0 });
    await assert.rejects(own, { idempotencyKey: 'mine' });
    const read = clientOf([lost()]).plexy.wallet.get('x', { maxRetries: 0 });
    await assert.rejects(read, { idempotencyKey: null });
  });

  test('is there, too, when the caller gave up, or its time was over', async () => {
    for (const signal of [AbortSignal.timeout(20), AbortSignal.abort(new Error('enough'))]) {
      const plexy = new PlexyPay({ apiKey: 'x', fetch: neverAnswers });
      const error = await plexy.wallet.authorize(ORDER, { signal }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof AbortedError);
      assert.match(error.idempotencyKey ?? '', /^[0-9a-f]{32}$/);
      assert.equal(error.cause, signal.reason);
    }
  });

  test('is sent with every POST and DELETE that the client has', async () => {
    const sent: { method: string; key: string | undefined; path: string }[] = [];
    const plexy = new PlexyPay({
      apiKey: 'x',
      maxRetries: 0,
      fetch: async (url, { method, headers }) => {
        sent.push({ method, key: headers['idempotency-key'], path: new URL(url).pathname });
        return answer(503, '');
      },
    });
    const { admin, ...groups } = plexy;
    for (const group of [...Object.values(groups), ...Object.values(admin)])
      for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(group)))
        if (name !== 'constructor' && name !== 'stream') {
          const call = (group as unknown as Record<string, (...given: unknown[]) => unknown>)[name]?.bind(
            group,
          );
          // Ids where ids are asked for; the last parameters are a body or options, and may be absent.
          const result = name === 'resendDelivery' || name === 'revoke' ? call?.('a', 'b') : call?.('a', {});
          if (result instanceof List) await result.page().catch(() => undefined);
          else await (result as Promise<unknown>).catch(() => undefined);
        }
    const changes = sent.filter(({ method }) => method === 'POST' || method === 'DELETE');
    assert.deepEqual(
      changes.filter(({ key }) => !/^[0-9a-f]{32}$/.test(key ?? '')),
      [],
    );
    assert.equal(new Set(changes.map(({ key }) => key)).size, changes.length);
    const paths = changes.map(({ path }) => path);
    // Of transactions and of wallets; links are cancelled, too.
    for (const [path, count] of [
      ['capture', 2],
      ['cancel', 3],
      ['refund', 2],
    ] as const)
      assert.equal(paths.filter((sentTo) => sentTo.endsWith(`/${path}`)).length, count, path);
    assert.ok(changes.length >= 35, `${changes.length}`);
  });
});

describe('an answer that is not the operation’s', () => {
  test('a redirect is not followed: the error names where it leads, without what may be private', async () => {
    for (const [status, location, message] of [
      [
        301,
        'https://pay.test/v1/x?phone=7701',
        /redirects to https:\/\/pay\.test\/v1\/x: redirects are not followed/,
      ],
      [302, '/login', /redirects to http:\/\/pay\.test\/login: /],
      [307, 'https://pay.test:8443/v1/', /redirects to https:\/\/pay\.test:8443\/v1\/: /],
      [308, '//other.test', /redirects to http:\/\/other\.test\/: /],
    ] as const) {
      const { plexy, sent } = clientOf([answer(status, '', { location })]);
      const created = plexy.webhookEndpoints.create({ url: 'https://shop.test/' });
      await assert.rejects(created, { name: 'UnexpectedAnswerError', message, status });
      assert.equal(sent.length, 1);
    }
    const followed = Object.defineProperties(answer(200), {
      ...{ redirected: { value: true }, url: { value: 'https://pay.test/v1/followed' } },
    });
    const { plexy } = clientOf([followed]);
    await assert.rejects(plexy.wallet.get('x'), /redirects to https:\/\/pay\.test\/v1\/followed/);
  });

  test('no redirect of a real server is followed', async (t) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(301, { location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const plexy = new PlexyPay({ apiKey: 'x', baseUrl: `http://127.0.0.1:${port}` });
    const created = plexy.webhookEndpoints.create({ url: 'https://shop.test/' });
    await assert.rejects(created, { message: new RegExp(`redirects to http://127.0.0.1:${port}/elsewhere`) });
    await assert.rejects(plexy.transactions.stream().next(), { name: 'UnexpectedAnswerError' });
    assert.deepEqual(asked, ['POST /v1/webhook-endpoints', 'GET /v1/transactions/stream']);
  });

  test('a 2xx with another object, a list, HTML or nothing', async () => {
    const list = { items: [{ id: 'e', url: 'u', events: null }], nextCursor: null };
    const strange = ['<html>', '', 'null', '5', '[]', '{}', '{"ok":true}', '"text"', JSON.stringify(list)];
    for (const body of strange) {
      const { plexy, sent } = clientOf([answer(200, body)]);
      const created = plexy.webhookEndpoints.create({ url: 'https://shop.test/' });
      await assert.rejects(
        created,
        {
          name: 'UnexpectedAnswerError',
          status: 200,
          message:
            "http://pay.test answered POST /v1/webhook-endpoints with a 200 that is not Plexy Pay's: is baseUrl right?",
        },
        body,
      );
      assert.equal(sent.length, 1);
    }
    const notLists = [
      '{}',
      '[]',
      '<html>',
      '',
      '{"items":{}}',
      '{"items":[]}',
      '{"items":[],"nextCursor":5}',
    ];
    for (const body of notLists)
      await assert.rejects(
        clientOf([answer(200, body)])
          .plexy.transactions.list()
          .page(),
        {
          name: 'UnexpectedAnswerError',
        },
      );
  });

  test('an answer of an older server, without the newest fields, is taken', async () => {
    const { plexy } = clientOf([answer(200, { id: 't', amount: 5, balance: null })]);
    assert.equal((await plexy.transactions.get('t')).amount, 5);
  });

  test('of a proxy: its request id and its pause are in the error', async () => {
    const headers = { 'x-request-id': 'of-the-proxy', 'retry-after': '120' };
    const { plexy } = clientOf([answer(502, '<html>', headers)]);
    await assert.rejects(plexy.wallet.get('x'), {
      ...{ name: 'ServerError', requestId: 'of-the-proxy', retryAfterMs: 120_000, reason: null },
    });
  });
});

test('every digit of a balance is kept where the parser does not show how numbers were written', async () => {
  const program = `
    const parse = JSON.parse;
    // As Node 20 has it: a reviver of two arguments.
    JSON.parse = (text, revive) => parse(text, revive && function (key, value) { return revive.call(this, key, value); });
    const { parseExactly } = await import(${JSON.stringify(import.meta.resolve('../src/json.ts'))});
    const text = process.argv[1];
    const show = (_, value) => (typeof value === 'bigint' ? value + 'n' : value);
    process.stdout.write(JSON.stringify(parseExactly(text), show) ?? 'undefined');
  `;
  const shownBy = async (text: string): Promise<string> => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, text]);
    return stdout;
  };
  const text =
    '{"balance" : 9007199254740993123,"held":-5,"amount":12,"available":null,' +
    '"note":"\\"balance\\":9007199254740993, \\\\","list":[{"balance":0},{"balance":1.5}],"text":"balance"}';
  assert.equal(
    await shownBy(text),
    '{"balance":"9007199254740993123n","held":"-5n","amount":12,"available":null,' +
      '"note":"\\"balance\\":9007199254740993, \\\\","list":[{"balance":"0n"},{"balance":1.5}],"text":"balance"}',
  );
  assert.equal(await shownBy('{"balance":9007199254740993'), 'undefined');
});

describe('what cannot be sent', () => {
  test('is said when the client is made', () => {
    const missing: { apiKey: string | null } = JSON.parse('{}');
    assert.throws(() => new PlexyPay(missing), { name: 'PlexyPayError', message: /^apiKey must/ });
    for (const apiKey of ['', ' ', 'кілт', 'a\nb'])
      assert.throws(() => new PlexyPay({ apiKey }), { name: 'PlexyPayError', message: /^apiKey must/ });
    for (const baseUrl of ['', 'foo', '127.0.0.1:8080', 'ftp://pay.test', 'http://'])
      assert.throws(() => new PlexyPay({ apiKey: 'x', baseUrl }), {
        ...{ name: 'PlexyPayError', message: /^baseUrl must/ },
      });
    for (const baseUrl of ['http://pay.test/?a=b', 'http://pay.test#a', 'http://me:you@pay.test'])
      assert.throws(() => new PlexyPay({ apiKey: 'x', baseUrl }), /baseUrl must have no user, \? or #/);
    const without = PlexyPay as unknown as new () => PlexyPay;
    assert.throws(() => new without(), { name: 'PlexyPayError', message: /^give the options/ });
    const strange = { apiKey: 'x', fetch: 'no function' as unknown as Fetch };
    assert.throws(() => new PlexyPay(strange), { name: 'PlexyPayError', message: /^fetch must/ });
  });

  test('limits that no timer or counter can hold', async () => {
    const { plexy, sent } = clientOf([]);
    for (const timeoutMs of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32]) {
      const wrong = {
        name: 'PlexyPayError',
        message: /^timeoutMs must be a whole number from 1 to 2147483647/,
      };
      assert.throws(() => new PlexyPay({ apiKey: 'x', timeoutMs }), wrong);
      await assert.rejects(plexy.wallet.get('x', { timeoutMs }), wrong);
    }
    for (const maxRetries of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const wrong = { name: 'PlexyPayError', message: /^maxRetries must be a whole number, 0 or more/ };
      assert.throws(() => new PlexyPay({ apiKey: 'x', maxRetries }), wrong);
      await assert.rejects(plexy.wallet.get('x', { maxRetries }), wrong);
      await assert.rejects(plexy.transactions.stream({ maxRetries }).next(), wrong);
    }
    assert.ok(new PlexyPay({ apiKey: 'x', timeoutMs: 2 ** 31 - 1, maxRetries: 0 }));
    assert.equal(sent.length, 0);
  });

  test('is said at once, is no lost connection, and is not sent', async () => {
    const { plexy, sent } = clientOf([]);
    const body = {
      amount: 1,
      currency: 'KZT',
      phoneNumber: '+77010000001',
      iin: '900101300017',
      orderReference: 'A',
    };
    for (const idempotencyKey of ['', ' ', 'тапсырыс-1', 'k'.repeat(256)])
      await assert.rejects(plexy.wallet.authorize(body, { idempotencyKey }), {
        ...{ name: 'PlexyPayError', message: /^idempotencyKey must/ },
      });
    const withBigInt: typeof body = Object.assign({ ...body }, { amount: 1n });
    await assert.rejects(plexy.wallet.authorize(withBigInt), { name: 'PlexyPayError', message: /JSON/ });
    assert.equal(sent.length, 0);
  });
});

test('amounts are shown with the digits that ISO 4217 gives their currencies', () => {
  for (const currency of CURRENCIES) {
    const shown = formatAmount(-123_456_789n, currency).replaceAll(',', '');
    assert.equal(shown, `${decimalOf(-123_456_789n, exponentOf(currency) ?? -1)} ${currency}`);
  }
  assert.equal(formatAmount(1_234_567, 'OMR'), '1,234.567 OMR');
  assert.equal(formatAmount(123_456_789, 'KZT'), '1,234,567.89 KZT');
  assert.equal(formatAmount(5, 'KWD'), '0.005 KWD');
  assert.equal(formatAmount(1_000, 'JPY'), '1,000 JPY');
});

describe('User-Agent', () => {
  const userAgentOf = async (app?: { name: string; version: string }): Promise<string | null> => {
    let seen: string | null = null;
    const send: Fetch = async (_url, { headers }) => {
      seen = new Headers(headers).get('user-agent');
      return answer(200);
    };
    await new PlexyPay({ apiKey: 'pr_test_x', fetch: send, app }).wallet.get('wt_1');
    return seen;
  };

  test('names the SDK, its version and the runtime', async () => {
    assert.equal(await userAgentOf(), `plexy-pay-sdk/${manifest.version} (${navigator.userAgent})`);
    assert.match(navigator.userAgent, /^Node\.js\//);
  });

  test('names the program that uses it before', async () => {
    const own = `shop-backend/2.4.0 plexy-pay-sdk/${manifest.version} (${navigator.userAgent})`;
    assert.equal(await userAgentOf({ name: 'shop-backend', version: '2.4.0' }), own);
    for (const app of [
      { name: 'my shop', version: '1' },
      { name: 'shop', version: '1\r\nx: y' },
      { name: '' },
      null,
    ])
      assert.throws(
        () => new PlexyPay({ apiKey: 'x', app: app as never }),
        /app must have a name and a version/,
      );
  });

  test('knows a runtime without navigator, and leaves a browser its own', async (t) => {
    const { navigator: own } = globalThis;
    const replace = (value: unknown): void =>
      void Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
    t.after(() => replace(own));
    replace(undefined);
    assert.equal(await userAgentOf(), `plexy-pay-sdk/${manifest.version} (Node.js/${process.versions.node})`);
    replace({ userAgent: 'Cloudflare-Workers' });
    assert.equal(await userAgentOf(), `plexy-pay-sdk/${manifest.version} (Cloudflare-Workers)`);
    replace({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36' });
    assert.equal(await userAgentOf(), null);
  });
});
