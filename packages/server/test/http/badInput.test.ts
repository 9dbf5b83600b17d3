/** Every wrong request has the right status, the one error shape, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type TransactionId, walletTransactionIdOf } from '../../src/core/values/ids.ts';
import { REASONS, type Reason } from '../../src/http/errors.ts';
import { operate, pay, VISA } from '../support/cards.ts';
import {
  type CallOptions,
  CUSTOMER,
  OTHER_KEY,
  type Reply,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';

const AUTHORIZE = '/v1/wallet/authorize';
const LIST = '/v1/wallet/transactions';
const DEMO_STORE = '01900000-0000-7000-8000-000000000001';
const GOOD = { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...CUSTOMER };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Everything that a request could have left behind. */
async function recorded(): Promise<unknown> {
  const tables = ['transaction', 'event', 'posting', 'idempotency_key', 'account', 'wallet_transfer'];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  const { rows } = await sandbox.pool.query(
    `SELECT ${counts.join(', ')}, (SELECT sum(balance) FROM account WHERE balance > 0) AS balance, (SELECT sum(held) FROM account) AS held`,
  );
  return rows[0];
}

/** The same without the keys: what was decided is remembered under an internal one. */
async function moved(): Promise<unknown> {
  return { ...((await recorded()) as object), idempotency_key: null };
}

interface Expected {
  readonly reason: Reason;
  /** What `details` name; none by default. */
  readonly paths?: readonly string[];
  readonly source?: string;
  readonly message?: RegExp;
}

function assertError(reply: Pick<Reply, 'status' | 'headers' | 'body' | 'text'>, expected: Expected): void {
  const { reason, paths = [], source = 'wallet', message } = expected;
  const { status, code } = REASONS[reason];
  const { body } = reply;
  assert.equal(reply.status, status, reply.text);
  assert.deepEqual(
    Object.keys(body),
    ['code', 'message', 'source', 'type', 'reason', 'details', 'requestId'],
    reply.text,
  );
  assert.equal(body.reason, reason, reply.text);
  assert.equal(body.code, code);
  assert.equal(body.type, status === 409 || status === 422 ? 'validationError' : 'apiError');
  assert.equal(body.source, source);
  assert.deepEqual(
    body.details.map((detail: { path: string }) => detail.path),
    paths,
    reply.text,
  );
  for (const detail of body.details) assert.equal(typeof detail.message, 'string');
  if (message !== undefined) assert.match(body.message, message);
  assert.match(body.requestId, UUID);
  assert.equal(reply.headers.get('x-request-id'), body.requestId);
  assert.equal(reply.headers.get('content-type'), 'application/json; charset=utf-8');
  assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(reply.headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'");
}

/** Makes a test of a request that must be refused without a trace. */
function refuses(name: string, send: () => Promise<Reply>, expected: Expected): void {
  test(name, async () => {
    const earlier = await recorded();
    assertError(await send(), expected);
    assert.deepEqual(await recorded(), earlier);
  });
}

function authorizing(body: Record<string, unknown>, options: CallOptions = {}): () => Promise<Reply> {
  return () => sandbox.authorize(body, options);
}

/** An authorization whose body is these bytes. */
function sending(rawBody: string | Buffer, headers: Record<string, string> = {}): () => Promise<Reply> {
  return () => sandbox.call('POST', AUTHORIZE, { idempotencyKey: randomUUID(), rawBody, headers });
}

function getting(path: string, options: CallOptions = {}): () => Promise<Reply> {
  return () => sandbox.call('GET', path, options);
}

/** The JSON of a good body with the text of one field's value replaced. */
function bodyWith(field: string, json: string): string {
  return JSON.stringify({ ...GOOD, [field]: '@' }).replace('"@"', json);
}

async function issueKey(
  key: string,
  column?: 'revoked_at' | 'expires_at',
  scopes = ['read', 'write'],
): Promise<string> {
  const hash = createHash('sha256').update(key).digest();
  await sandbox.pool.query(
    `INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at ${column ? `, ${column}` : ''})
     VALUES ($1, $2, 'test', $3, '', $4, now() ${column ? ", now() - interval '1 second'" : ''})`,
    [randomUUID(), DEMO_STORE, hash, scopes],
  );
  return key;
}

describe('API keys', () => {
  const both = (name: string, apiKey: () => Promise<string | null>, expected: Expected): void => {
    refuses(`authorize: ${name}`, async () => sandbox.authorize({}, { apiKey: await apiKey() }), expected);
    refuses(`list: ${name}`, async () => sandbox.call('GET', LIST, { apiKey: await apiKey() }), expected);
  };
  both('no key', async () => null, { reason: 'missing_api_key', paths: ['Authorization'] });
  both('a blank key', async () => ' ', { reason: 'missing_api_key', paths: ['Authorization'] });
  both('a wrong key', async () => 'pr_test_wrong', { reason: 'invalid_api_key', paths: ['Authorization'] });
  both('a revoked key', () => issueKey(`pr_test_${randomUUID()}`, 'revoked_at'), {
    reason: 'invalid_api_key',
    paths: ['Authorization'],
  });
  both('an expired key', () => issueKey(`pr_test_${randomUUID()}`, 'expires_at'), {
    reason: 'invalid_api_key',
    paths: ['Authorization'],
  });
  both('a Bearer prefix', async () => 'Bearer pr_test_demo', {
    reason: 'bearer_not_supported',
    paths: ['Authorization'],
    message: /without "Bearer"/,
  });
  both('a live key in the sandbox', async () => 'pr_live_demo', {
    reason: 'wrong_mode_api_key',
    paths: ['Authorization'],
  });
  both("an operator's key", async () => 'op_test_demo', {
    reason: 'insufficient_scope',
    paths: ['Authorization'],
  });
  refuses(
    'a key that may only read',
    async () =>
      sandbox.authorize({}, { apiKey: await issueKey(`pr_test_${randomUUID()}`, undefined, ['read']) }),
    {
      reason: 'insufficient_scope',
      paths: ['Authorization'],
    },
  );
  refuses(
    'a key that may only write',
    async () =>
      sandbox.call('GET', LIST, { apiKey: await issueKey(`pr_test_${randomUUID()}`, undefined, ['write']) }),
    { reason: 'insufficient_scope', paths: ['Authorization'] },
  );

  test('a key that is revoked between two writes is refused by the second', async () => {
    const apiKey = await issueKey(`pr_test_${randomUUID()}`);
    assert.equal((await sandbox.authorize({}, { apiKey })).status, 201);
    await sandbox.pool.query('UPDATE api_key SET revoked_at = now() WHERE hash = $1', [
      createHash('sha256').update(apiKey).digest(),
    ]);
    const earlier = await recorded();
    assertError(await sandbox.authorize({}, { apiKey }), {
      reason: 'invalid_api_key',
      paths: ['Authorization'],
    });
    assert.deepEqual(await recorded(), earlier);
  });
});

describe('filters of other lists', () => {
  refuses('an event with a NUL', getting('/v1/events?event=%00'), {
    ...{ reason: 'invalid_request', paths: ['event'], source: 'events', message: /transaction\.charged/ },
  });
  refuses('an event that there is not', getting('/v1/events?event=charged'), {
    ...{ reason: 'invalid_request', paths: ['event'], source: 'events' },
  });
  for (const [list, source] of [
    ['events', 'events'],
    ['webhook-endpoints', 'webhook-endpoints'],
  ] as const)
    refuses(`${list}: one that is misspelt`, getting(`/v1/${list}?transactionid=x`), {
      ...{ reason: 'unknown_field', paths: ['transactionid'], source },
    });
});

describe('a confirmation in the sandbox', () => {
  for (const answer of ['confirm', 'decline']) {
    const path = `/v1/sandbox/transactions/${DEMO_STORE}/${answer}`;
    refuses(`${answer}: a body`, () => sandbox.call('POST', path, { body: { amount: 1 } }), {
      ...{ reason: 'unknown_field', paths: ['amount'], source: 'sandbox' },
    });
  }
});

describe("other merchants' ids and malformed ones", () => {
  const ids: readonly (readonly [string, string])[] = [
    ['an id that does not exist', 'wt_01JDM3Z7V8H8Q2X9K0R1ABCD12'],
    ['the id as a UUID', DEMO_STORE],
    ['another prefix', 'tx_01JDM3Z7V8H8Q2X9K0R1ABCD12'],
    ['more than 128 bits', 'wt_81JDM3Z7V8H8Q2X9K0R1ABCD12'],
    ['a letter outside the alphabet', 'wt_01JDM3Z7V8H8Q2X9K0R1ABCDU2'],
    ['too short', 'wt_01'],
    ['too long', `wt_${'0'.repeat(1_000)}`],
    ['an encoded NUL', 'wt_%00'],
    ['an encoded slash', '..%2F..'],
    ['SQL', "wt_'%20OR%201=1--"],
  ];
  for (const [name, id] of ids) {
    refuses(`get: ${name}`, getting(`/v1/wallet/transaction/${id}`), { reason: 'transaction_not_found' });
    for (const operation of ['capture', 'cancel', 'refund']) {
      const send = () => sandbox.call('POST', `/v1/wallet/${id}/${operation}`, { body: { amount: 1 } });
      refuses(`${operation}: ${name}`, send, { reason: 'transaction_not_found' });
    }
  }
  for (const operation of ['capture', 'cancel', 'refund', 'get']) {
    test(`${operation}: another merchant's id`, async () => {
      const { body } = await sandbox.authorize();
      const id = body.walletTransactionId;
      const earlier = await recorded();
      const reply =
        operation === 'get'
          ? await sandbox.call('GET', `/v1/wallet/transaction/${id}`, { apiKey: OTHER_KEY })
          : await sandbox.call('POST', `/v1/wallet/${id}/${operation}`, {
              apiKey: OTHER_KEY,
              idempotencyKey: randomUUID(),
              body: { amount: 1 },
            });
      assertError(reply, { reason: 'transaction_not_found' });
      assert.deepEqual(await recorded(), earlier);
    });
  }
});

describe('a transaction of one’s own at a route for others is told what it is', () => {
  let refundOfWallet: { id: string; parent: string };
  let refundOfCard: { id: string; parent: string };
  let unknown: string;
  before(async () => {
    const { walletTransactionId: wallet } = (await sandbox.authorize()).body;
    await sandbox.call('POST', `/v1/wallet/${wallet}/capture`, { body: { amount: 15_000 } });
    const refunded = await sandbox.call('POST', `/v1/transactions/${wallet}/refund`, {
      body: { amount: 10 },
    });
    refundOfWallet = { id: refunded.body.id, parent: refunded.body.parentTransactionId };
    const card = (await pay(sandbox.call, VISA)).body.id;
    await operate(sandbox.call, card, 'capture');
    refundOfCard = { id: (await operate(sandbox.call, card, 'refund', 10)).body.id, parent: card };
    unknown = '01900000-0000-7000-8000-00000000ffff';
  });

  /** The same transaction in the spelling of the wallet's routes. */
  const inWallet = (id: string) => walletTransactionIdOf(id as TransactionId);
  /** As any client may spell it: cards and refunds are told by the first spelling only. */
  const everyPath = (id: string) => [
    `/v1/transactions/${id}`,
    `/v1/wallet/${inWallet(id)}`,
    `/v1/wallet/${id}`,
  ];
  const refusedAs = (reply: Reply, reason: Reason, message: string): void => {
    assert.deepEqual([reply.status, reply.body.reason], [422, reason], reply.text);
    assert.deepEqual(reply.body.details, [{ path: 'id', message }]);
  };

  for (const operation of ['capture', 'cancel', 'refund'] as const) {
    test(`${operation} of a refund`, async () => {
      const earlier = await moved();
      const spelt = `${inWallet(refundOfWallet.parent)} (${refundOfWallet.parent})`;
      for (const path of everyPath(refundOfWallet.id)) {
        const reply = await sandbox.call('POST', `${path}/${operation}`, { body: { amount: 1 } });
        refusedAs(reply, 'transaction_is_refund', `is a refund of the payment ${spelt}`);
      }
      for (const path of everyPath(refundOfCard.id)) {
        const reply = await sandbox.call('POST', `${path}/${operation}`, { body: { amount: 1 } });
        refusedAs(reply, 'transaction_is_refund', `is a refund of the payment ${refundOfCard.parent}`);
      }
      assert.deepEqual(await moved(), earlier);
    });

    test(`${operation} of a card payment as if it were a wallet's`, async () => {
      const earlier = await moved();
      const path = `/v1/wallet/${inWallet(refundOfCard.parent)}/${operation}`;
      const reply = await sandbox.call('POST', path, { body: { amount: 1 } });
      refusedAs(reply, 'transaction_is_card_payment', `is the card payment ${refundOfCard.parent}`);
      assert.deepEqual(await moved(), earlier);
    });

    test(`${operation}: of another merchant the same 404 as of nothing`, async () => {
      for (const id of [refundOfWallet.id, refundOfCard.id, refundOfCard.parent, unknown])
        for (const path of everyPath(id)) {
          const reply = await sandbox.call('POST', `${path}/${operation}`, {
            apiKey: OTHER_KEY,
            body: { amount: 1 },
          });
          assert.deepEqual([reply.status, reply.body.reason], [404, 'transaction_not_found']);
          assert.deepEqual([reply.body.details, reply.body.message], [[], 'there is no such transaction']);
        }
    });
  }

  test('a confirmation of either', async () => {
    for (const [id, reason] of [
      [refundOfWallet.id, 'transaction_is_refund'],
      [refundOfCard.parent, 'transaction_is_card_payment'],
    ]) {
      for (const [method, path] of [
        ['POST', 'confirm'],
        ['POST', 'decline'],
        ['GET', 'confirmation'],
      ] as const) {
        const mine = await sandbox.call(method, `/v1/sandbox/transactions/${id}/${path}`);
        assert.deepEqual([mine.status, mine.body.reason], [422, reason], path);
        const theirs = await sandbox.call(method, `/v1/sandbox/transactions/${id}/${path}`, {
          apiKey: OTHER_KEY,
        });
        assert.deepEqual([theirs.status, theirs.body.reason], [404, 'transaction_not_found'], path);
      }
    }
  });

  test('a GET as if it were a wallet payment is a 404 that says what it is, to its merchant alone', async () => {
    const get = (id: string, options = {}) =>
      sandbox.call('GET', `/v1/wallet/transaction/${inWallet(id)}`, options);
    assertError(await get(refundOfCard.parent), {
      ...{ reason: 'transaction_not_found', paths: ['id'], message: /this is the card payment 0/ },
    });
    assertError(await get(refundOfWallet.id), {
      ...{ reason: 'transaction_not_found', paths: ['id'], message: /this is a refund of the payment wt_/ },
    });
    assertError(await get(refundOfCard.parent, { apiKey: OTHER_KEY }), { reason: 'transaction_not_found' });
  });
});

describe('a state that does not allow it is named', () => {
  const detailsOf = ({ body }: Reply): unknown => body.details;
  test('by its status, and why it has that', async () => {
    const { walletTransactionId: id } = (await sandbox.authorize()).body;
    const post = (operation: string) =>
      sandbox.call('POST', `/v1/wallet/${id}/${operation}`, { body: { amount: 15_000 } });
    assert.deepEqual(detailsOf(await post('refund')), [{ path: 'status', message: 'is authorized' }]);
    assert.equal((await post('cancel')).status, 200);
    for (const operation of ['capture', 'cancel', 'refund'])
      assert.deepEqual(detailsOf(await post(operation)), [
        { path: 'status', message: 'is cancelled (requested)' },
      ]);
    const link = await sandbox.call('GET', `/v1/sandbox/transactions/${id}/confirmation`);
    assert.deepEqual(detailsOf(link), [{ path: 'status', message: 'is cancelled (requested)' }]);
  });
});

describe('Idempotency-Key', () => {
  const paths = ['Idempotency-Key'];
  refuses('missing', () => sandbox.call('POST', AUTHORIZE, { body: GOOD }), {
    reason: 'missing_idempotency_key',
    paths,
  });
  const withKey =
    (key: string): (() => Promise<Reply>) =>
    () =>
      sandbox.call('POST', AUTHORIZE, { body: GOOD, headers: { 'idempotency-key': key } });
  refuses('blank', withKey('   '), { reason: 'invalid_idempotency_key', paths });
  refuses('empty', withKey(''), { reason: 'invalid_idempotency_key', paths });
  refuses('300 characters', withKey('k'.repeat(300)), { reason: 'invalid_idempotency_key', paths });
  refuses('256 characters', withKey('k'.repeat(256)), { reason: 'invalid_idempotency_key', paths });
  refuses('not ASCII', withKey('clé'), { reason: 'invalid_idempotency_key', paths });
  refuses('a tab', withKey('a\tb'), { reason: 'invalid_idempotency_key', paths });
  refuses('twice', () => raw(`idempotency-key: a\r\nidempotency-key: b\r\n`, JSON.stringify(GOOD)), {
    reason: 'invalid_idempotency_key',
    paths,
  });
  for (const operation of ['capture', 'cancel', 'refund']) {
    const send = () =>
      sandbox.call('POST', `/v1/wallet/wt_01JDM3Z7V8H8Q2X9K0R1ABCD12/${operation}`, {
        body: { amount: 1 },
        idempotencyKey: 'k'.repeat(300),
      });
    refuses(`${operation}: 300 characters`, send, { reason: 'invalid_idempotency_key', paths });
  }
  test('255 printable characters are fine', async () => {
    const key = `!${'~'.repeat(254)}`;
    const reply = await withKey(key)();
    assert.equal(reply.status, 201, reply.text);
    const again = await withKey(key)();
    assert.deepEqual([again.text, again.headers.get('idempotency-replayed')], [reply.text, 'true']);
  });
});

describe('an error', () => {
  test('says in its own words what is wrong with a header, and not in general ones', async () => {
    const { body } = await sandbox.call('POST', AUTHORIZE, {
      body: GOOD,
      headers: { 'idempotency-key': '   ' },
    });
    const message = 'must be 1 to 255 printable ASCII characters, not blank';
    assert.deepEqual(body.details, [{ path: 'Idempotency-Key', message }]);
    assert.equal(body.message, `Idempotency-Key ${message}`);
  });

  for (const [path, source] of [
    ['/v1/users', 'users'],
    ['/v1/session', 'session'],
    ['/v1/wallet/transactions?limit=0', 'wallet'],
    ['/v1/transactions?limit=0', 'transactions'],
    ['/v1/webhook-endpoints?limit=0', 'webhook-endpoints'],
    ['/v1/events?limit=0', 'events'],
    ['/v1/admin/merchants', 'admin'],
    ['/v1/statistics?interval=year', 'server'],
  ] as const) {
    test(`of ${path} comes from ${source}`, async () => {
      const { status, body } = await sandbox.call('GET', path);
      assert.ok(status >= 400, `${status}`);
      assert.equal(body.source, source);
    });
  }
});

describe('bodies', () => {
  const json = (paths: readonly string[] = ['body']): Expected => ({ reason: 'invalid_json', paths });
  refuses('not JSON', sending('amount=1'), json());
  refuses('cut off', sending(JSON.stringify(GOOD).slice(0, -1)), json());
  refuses('invalid UTF-8', sending(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), json());
  refuses('an array', sending(JSON.stringify([GOOD])), { reason: 'invalid_request', paths: ['body'] });
  refuses('null', sending('null'), { reason: 'invalid_request', paths: ['body'] });
  refuses('a string', sending('"x"'), { reason: 'invalid_request', paths: ['body'] });
  refuses('empty', sending(''), json());
  refuses('white space', sending('  \n'), json());
  refuses('none', () => sandbox.call('POST', AUTHORIZE, { idempotencyKey: randomUUID() }), {
    reason: 'invalid_request',
    paths: ['body'],
  });
  refuses('one key twice', sending(bodyWith('amount', '1,"amount":2')), json());
  refuses('one key twice, escaped', sending(bodyWith('amount', '1,"\\u0061mount":2')), json());
  refuses('100 deep', sending(bodyWith('amount', '['.repeat(100) + ']'.repeat(100))), json());
  refuses('__proto__', sending(bodyWith('amount', '1,"__proto__":{"admin":true}')), json());
  refuses('constructor', sending(bodyWith('amount', '1,"constructor":{}')), json());
  refuses('2 MB', sending(bodyWith('orderReference', `"${'x'.repeat(2_000_000)}"`)), {
    reason: 'body_too_large',
    paths: ['body'],
  });
  refuses('2 MB in chunks', () => chunked('x'.repeat(2_000_000)), {
    reason: 'body_too_large',
    paths: ['body'],
  });
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/xml',
    'x',
  ]) {
    refuses(`content type ${type}`, sending(JSON.stringify(GOOD), { 'content-type': type }), {
      reason: 'unsupported_media_type',
      paths: ['Content-Type'],
    });
  }
  refuses('no content type', () => raw('idempotency-key: a\r\n', JSON.stringify(GOOD), ''), {
    reason: 'unsupported_media_type',
    paths: ['Content-Type'],
  });
  refuses('an unknown field', authorizing({ amout: 1 }), { reason: 'unknown_field', paths: ['amout'] });
  refuses('an unknown field of 10 KB', authorizing({ ['x'.repeat(10_000)]: 1 }), {
    reason: 'unknown_field',
    paths: [`${'x'.repeat(100)}…`],
  });
  test('a thousand unknown fields are not a thousand details', async () => {
    const { status, body } = await sandbox.authorize(
      Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`f${i}`, 1])),
    );
    assert.deepEqual([status, body.reason, body.details.length], [400, 'unknown_field', 20]);
  });
  for (const operation of ['capture', 'cancel', 'refund']) {
    const send = (rawBody: string) => () =>
      sandbox.call('POST', `/v1/wallet/wt_01JDM3Z7V8H8Q2X9K0R1ABCD12/${operation}`, { rawBody });
    refuses(`${operation}: empty`, send(''), json());
    refuses(`${operation}: no amount`, send('{}'), { reason: 'missing_field', paths: ['amount'] });
    refuses(`${operation}: amount 0`, send('{"amount":0}'), { reason: 'invalid_amount', paths: ['amount'] });
    refuses(`${operation}: unknown field`, send('{"amount":1,"currency":"KZT"}'), {
      reason: 'unknown_field',
      paths: ['currency'],
    });
  }
  test('application/json with a charset and +0 of white space are fine', async () => {
    const reply = await sending(` ${JSON.stringify(GOOD)}\n`, {
      'content-type': 'application/json; charset=utf-8',
    })();
    assert.equal(reply.status, 201);
  });
});

describe('amount', () => {
  const amounts = [
    '0',
    '-1',
    '1.5',
    '"100"',
    '1e400',
    '-1e400',
    '9007199254740992',
    '9007199254740993',
    'null',
    'true',
    '[1]',
    '{}',
    '0.1',
    '1e-400',
    '9007199254740991.4',
    '""',
  ];
  for (const amount of amounts) {
    refuses(amount, sending(bodyWith('amount', amount)), { reason: 'invalid_amount', paths: ['amount'] });
  }
  for (const field of Object.keys(GOOD)) {
    refuses(`${field} missing`, authorizing({ [field]: undefined }), {
      reason: 'missing_field',
      paths: [field],
    });
    const reason =
      { phoneNumber: 'invalid_phone_number', orderReference: 'invalid_order_reference' }[field] ??
      `invalid_${field}`;
    refuses(`${field} null`, authorizing({ [field]: null }), { reason: reason as Reason, paths: [field] });
  }
  for (const [amount, stored] of [
    ['100.0', 100],
    ['1e2', 100],
    ['1', 1],
  ] as const) {
    test(`${amount} is fine`, async () => {
      const reply = await sending(bodyWith('amount', amount))();
      assert.deepEqual(
        [reply.status, reply.body.walletTransactionStatus, reply.body.amount],
        [201, 'PROCESSING', stored],
      );
    });
  }
  test('the largest one is fine, only more than there is', async () => {
    const { status, body } = await sandbox.authorize({ amount: Number.MAX_SAFE_INTEGER });
    assert.deepEqual(
      [status, body.walletTransactionStatus, body.failureCode],
      [201, 'FAILED', 'insufficient_funds'],
    );
  });
});

describe('currency, phone number and IIN', () => {
  for (const currency of ['XAU', 'XXX', 'kzt', 'ABC', '', 'KZ', '398', 'KZTT', 'К̈ZT']) {
    refuses(`currency ${currency || 'empty'}`, authorizing({ currency }), {
      reason: 'invalid_currency',
      paths: ['currency'],
    });
  }
  for (const phoneNumber of [
    '',
    '7701',
    '+7701000000',
    '+770100000011',
    'abc',
    '+77010000001;ext=1',
    '+999999999999',
    '٨٧٠١٠٠٠٠٠٠١',
    'x'.repeat(5_000),
  ]) {
    refuses(`phone number ${phoneNumber.slice(0, 20) || 'empty'}`, authorizing({ phoneNumber }), {
      reason: 'invalid_phone_number',
      paths: ['phoneNumber'],
    });
  }
  const iins: readonly (readonly [string, string, RegExp])[] = [
    ['11 digits', '90010130001', /12 digits/],
    ['13 digits', '9001013000170', /12 digits/],
    ['a letter', '90010130001x', /12 digits/],
    ['other digits', '٩00101300017', /12 digits/],
    ['spaces', '900101 300017', /12 digits/],
    ['century 0', '900101000017', /century/],
    ['century 7', '900101700017', /century/],
    ['month 13', '901301300017', /birth date/],
    ['month 0', '900001300017', /birth date/],
    ['30 February', '900230300017', /birth date/],
    ['29 February of a common year', '900229300017', /birth date/],
    ['day 0', '900100300017', /birth date/],
    ['wrong check digit', '900101300018', /check digit/],
  ];
  for (const [name, iin, message] of iins) {
    refuses(`IIN: ${name}`, authorizing({ iin }), { reason: 'invalid_iin', paths: ['iin'], message });
  }
  refuses('an IIN as a number', authorizing({ iin: 900101300017 }), {
    reason: 'invalid_iin',
    paths: ['iin'],
  });
  refuses('several fields at once', authorizing({ iin: '1', currency: 'x', phoneNumber: '1' }), {
    reason: 'invalid_phone_number',
    paths: ['phoneNumber', 'iin', 'currency'],
  });
});

describe('orderReference', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['10 KB', 'x'.repeat(10_000)],
    ['256 characters', 'x'.repeat(256)],
    ['NUL', 'a\u0000b'],
    ['a line break', 'a\nb'],
    ['a lone surrogate', 'a\ud800b'],
    ['blanks only', '   '],
    ['what nobody sees only', '\u200b\u2066'],
  ];
  for (const [name, orderReference] of refused) {
    refuses(name, authorizing({ orderReference }), {
      reason: 'invalid_order_reference',
      paths: ['orderReference'],
    });
  }
  for (const orderReference of ['😀', 'Заказ № 7', ' a', '😀'.repeat(255), '"\\</script>']) {
    test(`${orderReference.slice(0, 12)} is fine`, async () => {
      const reply = await sandbox.authorize({ orderReference });
      assert.deepEqual([reply.status, reply.body.orderReference], [201, orderReference]);
      const found = await sandbox.call('GET', `${LIST}?orderReference=${encodeURIComponent(orderReference)}`);
      assert.equal(found.body.items[0].walletTransactionId, reply.body.walletTransactionId);
    });
  }
});

describe('recorded failures', () => {
  const failures: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['an ISO currency without a wallet', { currency: 'EUR' }, 'no_wallet_in_currency'],
    ['a phone number and an IIN of two customers', { iin: '850520400027' }, 'customer_not_found'],
    ['an unknown customer', { phoneNumber: '+77010000099' }, 'customer_not_found'],
    ['a frozen wallet', { phoneNumber: '+77010000003', iin: '771211300039' }, 'wallet_frozen'],
    ['too little money', { phoneNumber: '+77010000002', iin: '850520400027' }, 'insufficient_funds'],
  ];
  for (const [name, body, failureCode] of failures) {
    test(name, async () => {
      const reply = await sandbox.authorize(body);
      assert.equal(reply.status, 201);
      assert.equal(reply.body.walletTransactionStatus, 'FAILED');
      assert.equal(reply.body.failureCode, failureCode);
      assert.equal(typeof reply.body.failureMessage, 'string');
      const { rows } = await sandbox.pool.query(
        `SELECT status, status_reason FROM transaction WHERE id = (SELECT effect_id FROM idempotency_key WHERE response = $1)`,
        [reply.text],
      );
      assert.deepEqual(rows, [{ status: 'rejected', status_reason: failureCode }]);
    });
  }
});

describe('lists', () => {
  const bad = (query: string, reason: Reason, ...paths: string[]): void =>
    refuses(query.slice(0, 60), getting(`${LIST}?${query}`), { reason, paths });
  bad('limit=0', 'invalid_limit', 'limit');
  bad('limit=101', 'invalid_limit', 'limit');
  bad('limit=-1', 'invalid_limit', 'limit');
  bad('limit=abc', 'invalid_limit', 'limit');
  bad('limit=1.5', 'invalid_limit', 'limit');
  bad('limit=', 'invalid_limit', 'limit');
  bad('limit=1e400', 'invalid_limit', 'limit');
  bad('limit=1&limit=2', 'invalid_limit', 'limit');
  bad('status=UNKNOWN', 'invalid_status', 'status');
  bad('status=', 'invalid_status', 'status');
  bad('status=new', 'invalid_status', 'status');
  bad('status=NEW&status=SUCCESS', 'invalid_status', 'status');
  bad('cursor=a&cursor=b', 'invalid_cursor', 'cursor');
  bad('orderReference=a&orderReference=b', 'invalid_order_reference', 'orderReference');
  bad('orderReference=%00', 'invalid_order_reference', 'orderReference');
  bad('orderReference=', 'invalid_order_reference', 'orderReference');
  bad('page=1', 'unknown_field', 'page');
  bad('__proto__=1', 'unknown_field', '__proto__');
  bad('cursor=', 'invalid_cursor', 'cursor');
  bad('cursor=eyJvZmZzZXQiOjJ9', 'invalid_cursor', 'cursor');
  bad(`cursor=${'a'.repeat(600)}`, 'invalid_cursor', 'cursor');
  bad('cursor=%00%FF', 'invalid_cursor', 'cursor');

  test('a cursor that was changed, or is of another merchant', async () => {
    await sandbox.authorize();
    await sandbox.authorize();
    const { nextCursor } = (await sandbox.call('GET', `${LIST}?limit=1`)).body;
    const forged = Buffer.from(nextCursor, 'base64url');
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    const cursors: readonly (readonly [string, string | undefined])[] = [
      [forged.toString('base64url'), undefined],
      [nextCursor.slice(0, -4), undefined],
      [nextCursor, OTHER_KEY],
    ];
    for (const [cursor, apiKey] of cursors) {
      const reply = await sandbox.call(
        'GET',
        `${LIST}?cursor=${cursor}`,
        apiKey === undefined ? {} : { apiKey },
      );
      assertError(reply, { reason: 'invalid_cursor', paths: ['cursor'] });
    }
  });
});

describe('methods, paths and HTTP itself', () => {
  const methods: readonly (readonly [string, string, string])[] = [
    ['GET', AUTHORIZE, 'POST'],
    ['PUT', AUTHORIZE, 'POST'],
    ['DELETE', `${AUTHORIZE}/`, 'POST'],
    ['OPTIONS', AUTHORIZE, 'POST'],
    ['PATCH', '/v1/wallet/wt_01JDM3Z7V8H8Q2X9K0R1ABCD12/capture', 'POST'],
    ['POST', LIST, 'GET, HEAD'],
    ['DELETE', '/v1/wallet/transaction/wt_01JDM3Z7V8H8Q2X9K0R1ABCD12', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of methods) {
    test(`${method} ${path}`, async () => {
      const earlier = await recorded();
      const rawBody =
        method === 'GET' ? {} : { rawBody: 'not JSON', headers: { 'content-type': 'text/plain' } };
      const reply = await sandbox.call(method, path, rawBody);
      assertError(reply, { reason: 'method_not_allowed' });
      assert.deepEqual(reply.headers.get('allow')?.split(', ').sort(), allow.split(', '));
      assert.deepEqual(await recorded(), earlier);
    });
  }
  const server = { source: 'server' };
  refuses('an unknown path', getting('/v2/nothing'), { reason: 'not_found', ...server });
  refuses('an unknown path below the wallet', getting('/v1/wallet/nothing/here/at/all'), {
    reason: 'not_found',
  });
  refuses('an unknown path with a bad body', () => sandbox.call('POST', '/v2/nothing', { rawBody: '{' }), {
    reason: 'not_found',
    ...server,
  });
  refuses('a malformed URL', getting('/%ZZ'), { reason: 'not_found', ...server });
  refuses('a malformed id', getting('/v1/wallet/transaction/%ZZ'), { reason: 'not_found' });
  refuses('a long header', getting('/health', { headers: { 'x-long': 'x'.repeat(20_000) } }), {
    reason: 'headers_too_large',
    ...server,
  });
  refuses('a long URL', getting(`/${'x'.repeat(20_000)}`), { reason: 'headers_too_large', ...server });
  refuses('not HTTP', () => talk('hello\r\n\r\n'), { reason: 'invalid_request', ...server });
  refuses('a method that HTTP does not have', () => talk('FETCH / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'), {
    reason: 'invalid_request',
    ...server,
  });
  refuses(
    'a length and chunks at once',
    () =>
      talk(
        `POST ${AUTHORIZE} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      ),
    { reason: 'invalid_request', ...server },
  );
});

/** An authorization with headers as they are. */
function raw(
  headers: string,
  body: string,
  contentType = 'content-type: application/json\r\n',
): Promise<Reply> {
  return talk(
    `POST ${AUTHORIZE} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: pr_test_demo\r\nconnection: close\r\n` +
      `${contentType}${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function chunked(body: string): Promise<Reply> {
  return talk(
    `POST ${AUTHORIZE} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: pr_test_demo\r\nconnection: close\r\nidempotency-key: k\r\n` +
      `content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  );
}

/** Sends bytes over a connection of its own and reads the answer until the server hangs up. */
async function talk(text: string): Promise<Reply> {
  const { hostname, port } = new URL(sandbox.url);
  const answer = await new Promise<string>((resolve) => {
    let received = '';
    const socket = net.connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
  });
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [status = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(status.split(' ')[1]), text: body, headers, body: JSON.parse(body) };
}
