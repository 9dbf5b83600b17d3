/** The sender against answers of our own making: what is sent, what is tried again, what is thrown. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENCIES, decimalOf, exponentOf } from '@plexy-pay/money';
import {
  AuthenticationError,
  ConflictError,
  ConnectionError,
  formatAmount,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  PlexyPay,
  PlexyPayError,
  RateLimitError,
  ServerError,
  UnprocessableError,
} from '@plexy-pay/sdk';

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

function answer(status: number, body: unknown = {}, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
}

function failure(status: number, reason: string, headers: Record<string, string> = {}): Response {
  const body = { code: 3, message: `m ${reason}`, source: 'wallet', type: 'apiError', reason };
  const details = [{ path: 'amount', message: 'is wrong' }];
  return answer(status, { ...body, details, requestId: 'r-1' }, headers);
}

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
    for (const id of ['', '.', '..']) assert.throws(() => plexy.wallet.get(id), PlexyPayError);
  });

  test('balances keep every digit', async () => {
    const text = '{"id":"w","available":27021597764222973,"held":0,"currency":"KZT"}';
    const { plexy } = clientOf([answer(200, text)]);
    const { available, held } = await plexy.admin.wallets.get('w');
    assert.deepEqual([available, held], [27021597764222973n, 0n]);
  });
});

describe('retries', () => {
  test('429, 503, a proxy’s 502, a lost connection: the same key each time', async () => {
    const lost = new TypeError('fetch failed');
    const answers = [failure(429, 'rate_limited', SOON), failure(503, 'service_unavailable', SOON), lost];
    const { plexy, sent } = clientOf([...answers, answer(201, { walletTransactionStatus: 'PROCESSING' })]);
    const paid = await plexy.wallet.authorize(
      { amount: 1, phoneNumber: '', iin: '', orderReference: '', currency: 'KZT' },
      { maxRetries: 3 },
    );
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
    for (const status of [400, 401, 403, 404, 409, 422, 500]) {
      const once = clientOf([failure(status, 'any'), answer(200)]);
      await assert.rejects(once.plexy.wallet.get('x'), PlexyPayError);
      assert.equal(once.sent.length, 1);
    }
    const progress = clientOf([failure(409, 'request_in_progress', SOON), answer(200)]);
    await progress.plexy.wallet.capture('x', { amount: 1 });
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
      const { plexy } = clientOf([failure(Number(status), 'because')]);
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
    const never: typeof fetch = (_url, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      });
    const slow = new PlexyPay({ apiKey: 'x', fetch: never, timeoutMs: 20, maxRetries: 0 });
    await assert.rejects(slow.wallet.get('x'), {
      name: 'ConnectionError',
      message: 'no answer within 20 ms',
    });
  });
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
