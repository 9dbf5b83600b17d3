/** The deployed API as its clients use it: links, transactions, captures, cancels, refunds, sessions, and its errors. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { VISA } from '../support/cards.ts';
import { HostedClient } from '../support/hostedClient.ts';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import {
  DEMO_KEY,
  OPERATOR_KEY,
  OTHER_KEY,
  type Reply,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';

const HOST = 'api.plexypay.test';
const UNKNOWN = '01900000-0000-7000-8000-00000000dead';
const DECLINED = '4000000000000002';

let sandbox: Sandbox;
let payer: PayerTools;
let client: HostedClient;
before(async () => {
  sandbox = await startSandbox({ HOSTED_HOSTS: HOST });
  payer = createPayerTools(sandbox.deps);
  client = new HostedClient(`${sandbox.url}/hosted`);
});
after(() => sandbox.stop());

const TERMS = { amount: 564_100, currency: 'KZT', orderReference: 'SHOP-1', description: 'Two tickets' };

async function link(body: Record<string, unknown> = {}): Promise<{ id: string; url: string }> {
  const reply = await client.send('POST', '/payment-links', { ...TERMS, ...body });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

/** A link that is paid. @returns the payment's id */
async function paid(
  body: Record<string, unknown> = {},
  method: 'byWallet' | 'byCard' = 'byWallet',
): Promise<string> {
  const { id } = await link(body);
  const payment = await payer[method](id);
  assert.equal(payment.kind, 'payment');
  return payment.kind === 'payment' ? payment.transactionId : '';
}

/** The four fields of an error, and no other. */
function assertError(reply: Reply, status: number, code: number, message: RegExp | string): void {
  assert.equal(reply.status, status, reply.text);
  assert.deepEqual(Object.keys(reply.body).sort(), ['code', 'message', 'source', 'type'], reply.text);
  assert.equal(reply.body.code, code);
  assert.equal(reply.body.type, code === 5 ? 'validationError' : 'apiError');
  if (typeof message === 'string') assert.equal(reply.body.message, message);
  else assert.match(reply.body.message, message);
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
  assert.equal(status, 200, text);
}

describe('payment links', () => {
  test('are made with 201 and the documented fields, and found again', async () => {
    const metadata = {
      successUrl: 'https://shop.example/ok?o=1&x=%20',
      callbackUrl: 'https://shop.example/cb',
      cart: 7,
    };
    const { status, body } = await client.send('POST', '/payment-links', { ...TERMS, metadata });
    assert.equal(status, 201);
    const { id, url, expiresAt, createdAt, updatedAt, ...rest } = body;
    assert.match(id, /^pl_[0-9a-f]{32}$/);
    assert.equal(url, `${sandbox.deps.publicUrl.current}/checkout/${id}`);
    for (const time of [expiresAt, createdAt, updatedAt]) assert.match(time, /Z$/);
    assert.deepEqual(rest, {
      ...{ ...TERMS, status: 'active', metadata, customerId: null },
      ...{ autoClearing: true, validation: false, createdBy: 'api' },
    });
    assert.deepEqual((await client.get(`/payment-links/${id}`)).body, body);
    assert.deepEqual((await client.get('/payment-links/by-order-reference/SHOP-1')).body, body);
  });

  test('take nulls, an empty metadata, both spellings of a time, and what is not known', async () => {
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000).toISOString();
    for (const expiresAt of [at, at.replace('.000Z', 'Z'), null, '']) {
      const sent = {
        expiresAt,
        metadata: {},
        customerId: expiresAt === '' ? '' : null,
        autoClearing: null,
        description: expiresAt === '' ? '' : null,
        email: 'x@y.z',
      };
      const { body } = await client.send('POST', '/payment-links', { ...TERMS, ...sent });
      assert.equal(body.metadata && Object.keys(body.metadata).length, 0);
      if (expiresAt) assert.equal(body.expiresAt, at);
    }
  });

  test('keep every digit of their metadata', async () => {
    const text = `{"amount":564100.0,"currency":"KZT","orderReference":"DIGITS","metadata":{"weight":0.12345678901234567890,"n":9007199254740991}}`;
    const { status, body } = await client.send('POST', '/payment-links', text);
    assert.equal(status, 201);
    assert.equal(body.amount, 564_100);
    const { rows } = await sandbox.pool.query(
      "SELECT metadata::text FROM payment_link WHERE order_reference = 'DIGITS'",
    );
    assert.equal(rows[0].metadata, '{"weight":0.12345678901234567890,"n":9007199254740991}');
  });

  test('are made again for the same order, since no key is sent', async () => {
    const [first, second] = [
      await link({ orderReference: 'AGAIN' }),
      await link({ orderReference: 'AGAIN' }),
    ];
    assert.notEqual(first.id, second.id);
    assert.equal((await client.get('/payment-links/by-order-reference/AGAIN')).body.id, second.id);
  });

  test('are polled until they are paid, and expire by themselves', async () => {
    const [toPay, toExpire] = [await link(), await link()];
    const seen = client.poll(toPay.id);
    assert.equal((await payer.byWallet(toPay.id)).kind, 'payment');
    assert.equal((await seen).body.status, 'paid');
    await advance(25 * 3_600);
    assert.equal((await client.poll(toExpire.id)).body.status, 'expired');
  });

  test('are cancelled by either method, with whatever body, and given another end', async () => {
    for (const [method, path, body] of [
      ['DELETE', '', undefined],
      ['POST', '/cancel', undefined],
      ['POST', '/cancel', {}],
      ['POST', '/cancel', 'null'],
    ] as const) {
      const { id } = await link();
      const reply = await client.send(method, `/payment-links/${id}${path}`, body);
      assert.deepEqual([reply.status, reply.body.status], [200, 'cancelled'], reply.text);
      assertError(
        await client.send('DELETE', `/payment-links/${id}`),
        422,
        5,
        'the payment link was cancelled',
      );
    }
    const { id } = await link();
    const { body: clock } = await sandbox.call('GET', '/v1/sandbox/clock');
    const expiresAt = new Date(Date.parse(clock.now) + 60_000).toISOString();
    const { status, body } = await client.send('PATCH', `/payment-links/${id}`, { expiresAt });
    assert.deepEqual([status, body.expiresAt], [200, expiresAt]);
  });

  test('are listed and counted', async () => {
    const other = new HostedClient(`${sandbox.url}/hosted`, OTHER_KEY);
    assert.deepEqual((await other.get('/payment-links')).body, { data: [], page: 1, size: 50, total: 0 });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.unshift(
        (await other.send('POST', '/payment-links', { ...TERMS, orderReference: `L${i}` })).body.id,
      );
    const { body } = await other.get('/payment-links?page=2&size=2');
    assert.deepEqual([body.page, body.size, body.total], [2, 2, 3]);
    assert.deepEqual(
      body.data.map(({ id }: { id: string }) => id),
      [ids[2]],
    );
    const sums = (await other.get('/payment-links/statistics')).body.data;
    assert.deepEqual(sums[0].active, { count: 3, amount: 3 * TERMS.amount });
    assertError(await other.get('/payment-links?page=0'), 400, 3, /^page /);
    assertError(
      await other.get('/payment-links?page=10001&size=1'),
      400,
      3,
      'page must be at most 10000 with this size',
    );
    assertError(await other.get('/payment-links?status=paid'), 400, 3, /status is not a known field/);
  });

  test('may be a customer’s, whom this merchant has', async () => {
    const { body } = await sandbox.call('POST', '/v1/customers', { body: { name: 'Айгерім' } });
    const made = await client.send('POST', '/payment-links', { ...TERMS, customerId: body.id });
    assert.deepEqual([made.status, made.body.customerId], [201, body.id], made.text);
    for (const customerId of [UNKNOWN, 'C-7']) {
      const reply = await client.send('POST', '/payment-links', { ...TERMS, customerId });
      assertError(reply, 400, 3, /^customerId /);
    }
  });

  test('may be the first payment of several, of a customer', async () => {
    const { body: customer } = await sandbox.call('POST', '/v1/customers', { body: { name: 'Айгерім' } });
    const recurring = { type: 'cof_initial', parentTransactionId: null, frequency: 30, expiry: '2030-12-31' };
    const made = await client.send('POST', '/payment-links', {
      ...TERMS,
      customerId: customer.id,
      recurring,
    });
    assert.equal(made.status, 201, made.text);
    const { body: own } = await sandbox.call('GET', `/v1/payment-links/${made.body.id}`);
    assert.deepEqual(
      [own.recurring, own.paymentMethods],
      [{ type: 'cof_initial', frequency: 30, expiry: '2031-01-01T00:00:00.000Z' }, ['card']],
    );
    const refused = (more: object) => client.send('POST', '/payment-links', { ...TERMS, recurring, ...more });
    assertError(await refused({}), 400, 3, 'customerId is required with recurring');
    const strange = { customerId: customer.id, recurring: { type: 'ucof' } };
    assertError(await refused(strange), 400, 3, /recurring/);
    const session = { orderDetails: { orderReference: 'A', amount: 1, currency: 'KZT' }, recurring };
    const reply = await client.send('POST', '/payment-sessions', session);
    assertError(reply, 400, 3, 'recurring is not served here');
  });

  test('are nobody else’s', async () => {
    const other = new HostedClient(`${sandbox.url}/hosted`, OTHER_KEY);
    const { id } = await link({ orderReference: 'MINE' });
    for (const path of [
      `/payment-links/${id}`,
      '/payment-links/by-order-reference/MINE',
      `/transactions/by-payment-link/${id}`,
    ])
      assertError(await other.get(path), 404, 4, 'there is no such payment link');
    assertError(await other.send('DELETE', `/payment-links/${id}`), 404, 4, 'there is no such payment link');
    for (const strange of ['pl_1', UNKNOWN, '%00', 'x'.repeat(500)])
      assert.equal((await client.get(`/payment-links/${strange}`)).status, 404);
  });

  test('name every field that is wrong', async () => {
    const reply = await client.send('POST', '/payment-links', {
      amount: 0,
      currency: 'kzt',
      orderReference: '',
    });
    assertError(
      reply,
      400,
      3,
      /^amount must be a positive integer in minor units; currency .*; orderReference /,
    );
    assert.equal(reply.body.source, 'payment-links');
    for (const amount of ['"1"', '1.5', '-1', '9007199254740992', '1e400', 'null', '[]', '{}', 'true'])
      assertError(
        await client.send(
          'POST',
          '/payment-links',
          `{"amount":${amount},"currency":"KZT","orderReference":"A"}`,
        ),
        400,
        3,
        /amount/,
      );
    assertError(await client.send('POST', '/payment-links'), 400, 3, /amount is required/);
    assertError(await client.send('POST', '/payment-links', '{"amount":1,"amount":2}'), 400, 3, /twice/);
  });
});

describe('transactions', () => {
  test('have major units, both names, and the statuses of the deployed API', async () => {
    const id = await paid({ orderReference: 'NAMES', amount: 5_641 });
    const { status, body, text } = await client.get(`/transactions/${id}`);
    assert.equal(status, 200);
    assert.match(text, /"amount":56\.41,/);
    assert.deepEqual(
      [body.transactionId, body.paymentId, body.status, body.merchantReference, body.orderReference],
      [id, id, 'TRANSACTION_STATUS_AUTHED', 'NAMES', 'NAMES'],
    );
    const row = (await client.get('/transactions?page=1&size=50')).body.data[0];
    assert.deepEqual([row.transactionId, row.amount, row.status], [id, 56.41, 'TRANSACTION_STATUS_AUTHED']);
    assert.match(row.createdAt, /Z$/);
    assert.ok('rrn' in row);
    const found = (await client.get(`/payments/search?transactionId=${id}`)).body;
    assert.deepEqual(
      [found.id, found.amount, found.status, found.paymentMethod],
      [id, 56.41, 'authorized', 'wallet'],
    );
    assert.deepEqual((await client.get('/payments/search?orderReference=NAMES')).body, found);
  });

  test('are found by link and by order, with their history', async () => {
    const { id } = await link({ orderReference: 'FOUND' });
    assert.deepEqual((await client.get(`/transactions/by-payment-link/${id}`)).body.data, []);
    await payer.byCard(id, { number: DECLINED });
    await payer.byCard(id, { number: VISA });
    const byLink = (await client.get(`/transactions/by-payment-link/${id}`)).body;
    assert.deepEqual(
      byLink.data.map((row: { status: string }) => row.status),
      ['TRANSACTION_STATUS_AUTHED', 'TRANSACTION_STATUS_REJECTED'],
    );
    assert.deepEqual((await client.get('/transactions/by-order-reference/FOUND')).body, byLink);
    const [{ transactionId, cardMask }] = byLink.data;
    assert.equal(cardMask, '************4242');
    const history = (await client.get(`/transactions/${transactionId}/history`)).body;
    assert.deepEqual(
      history.data.map((event: { status: string }) => event.status),
      ['TRANSACTION_STATUS_CREATED', 'TRANSACTION_STATUS_AUTHED'],
    );
    assert.equal(history.total, 2);
    assert.equal(
      (await client.get(`/transactions/${transactionId}/history?page=2&size=1`)).body.data[0].seq,
      2,
    );
  });

  test('are nobody else’s, and unknown ones are 404 with code 4', async () => {
    const id = await paid();
    const other = new HostedClient(`${sandbox.url}/hosted`, OTHER_KEY);
    for (const path of [
      `/transactions/${id}`,
      `/transactions/${id}/history`,
      `/payments/search?transactionId=${id}`,
    ])
      assertError(await other.get(path), 404, 4, 'there is no such transaction');
    assertError(
      await other.send('POST', `/payments/${id}/capture`),
      404,
      4,
      'payment can not be captured: there is no such transaction',
    );
    for (const unknown of [UNKNOWN, 'nonsense', 'undefined'])
      assertError(await client.get(`/transactions/${unknown}`), 404, 4, 'there is no such transaction');
    assertError(
      await client.get('/payments/search?orderReference=NOTHING'),
      404,
      4,
      'there is no such transaction',
    );
    assertError(await client.get('/payments/search'), 400, 3, 'transactionId or orderReference is required');
  });
});

for (const method of ['byWallet', 'byCard'] as const)
  describe(`a payment ${method}`, () => {
    const post = (id: string, operation: string, body?: unknown) =>
      client.send('POST', `/payments/${id}/${operation}`, body);

    test('is captured in part, and refunded in parts', async () => {
      const id = await paid({ amount: 10_050, orderReference: 'PARTS' }, method);
      const capture = await post(id, 'capture', { amount: 56.41 });
      assert.equal(capture.status, 200, capture.text);
      const { networkTransactionReference: reference, ...told } = capture.body;
      assert.match(String(reference), method === 'byCard' ? /^\d+$/ : /^null$/);
      assert.deepEqual(told, {
        ...{ id, amount: 56.41, currency: 'KZT', orderReference: 'PARTS', remainingBalance: 56.41 },
        ...{ success: true, message: 'approved', responseCode: '00', authCode: null },
      });
      const refund = await post(id, 'refund', { amount: 6.4, orderReference: 'BACK-1', description: 'Late' });
      assert.equal(refund.status, 200, refund.text);
      assert.notEqual(refund.body.id, id);
      assert.deepEqual(
        [
          refund.body.originalTransactionId,
          refund.body.amount,
          refund.body.orderReference,
          refund.body.remainingBalance,
        ],
        [id, 6.4, 'BACK-1', 50.01],
      );
      const shown = (await client.get(`/transactions/${refund.body.id}`)).body;
      assert.deepEqual(
        [shown.status, shown.amount, shown.orderReference, shown.description, shown.originalTransactionId],
        ['TRANSACTION_STATUS_REFUNDED', 6.4, 'BACK-1', 'Late', id],
      );
      assert.deepEqual([shown.type, shown.remainingBalance, shown.responseCode], ['refund', 0, '00']);
      const rest = await post(id, 'refund');
      assert.deepEqual(
        [rest.body.amount, rest.body.orderReference, rest.body.remainingBalance],
        [50.01, 'PARTS', 0],
      );
      assert.equal((await client.get(`/transactions/${id}`)).body.status, 'TRANSACTION_STATUS_REFUNDED');
    });

    for (const [name, body] of [
      ['no body', undefined],
      ['null', 'null'],
      ['{}', {}],
      ['a null amount', { amount: null }],
      ['an empty body', ''],
    ] as const)
      test(`${name} is all of it`, async () => {
        const captured = await paid({ amount: 10_050 }, method);
        const cancelled = await paid({ amount: 10_050 }, method);
        const capture = await post(captured, 'capture', body);
        assert.deepEqual([capture.status, capture.body.amount], [200, 100.5], capture.text);
        const cancel = await post(cancelled, 'cancel', body);
        assert.deepEqual([cancel.status, cancel.body.amount, cancel.body.remainingBalance], [200, 100.5, 0]);
        const refund = await post(captured, 'refund', body);
        assert.deepEqual([refund.status, refund.body.amount, refund.body.remainingBalance], [200, 100.5, 0]);
        assert.equal(
          (await client.get(`/transactions/${cancelled}`)).body.status,
          'TRANSACTION_STATUS_CANCELLED',
        );
      });

    test('is cancelled in part', async () => {
      const id = await paid({ amount: 10_050 }, method);
      const { status, body, text } = await post(id, 'cancel', { amount: 0.5 });
      assert.equal(status, 200, text);
      assert.deepEqual([body.amount, body.remainingBalance, body.success], [0.5, 100, true]);
      assert.equal((await client.get(`/transactions/${id}`)).body.status, 'TRANSACTION_STATUS_AUTHED');
    });

    test('is cancelled in part, then all of the rest: each answer has what it moved', async () => {
      const id = await paid({ amount: 10_050 }, method);
      assert.equal((await post(id, 'cancel', { amount: 30 })).body.amount, 30);
      const rest = await post(id, 'cancel');
      assert.deepEqual(
        [rest.status, rest.body.amount, rest.body.remainingBalance],
        [200, 70.5, 0],
        rest.text,
      );
    });

    test('that is captured twice is captured once, and says so', async () => {
      const id = await paid({ amount: 10_050 }, method);
      assert.equal((await post(id, 'capture')).status, 200);
      const again = await post(id, 'capture');
      assertError(again, 422, 5, /^payment can not be captured: .*status is charged/);
      assert.equal(again.body.source, 'payments');
      assertError(await post(id, 'cancel'), 422, 5, /^payment can not be cancelled: /);
      assertError(
        await post(id, 'refund', { amount: 100.51 }),
        422,
        5,
        'payment can not be refunded: amount is more than is left to refund',
      );
      assert.equal((await post(id, 'refund')).status, 200);
      assertError(await post(id, 'refund'), 422, 5, /^payment can not be refunded: /);
    });

    test('that is not captured is not refunded', async () => {
      const id = await paid({ amount: 10_050 }, method);
      assertError(await post(id, 'refund'), 422, 5, /^payment can not be refunded: .*status is authorized/);
    });

    test('refuses amounts that are none, in major units, and does nothing', async () => {
      const id = await paid({ amount: 10_050 }, method);
      const refused = [
        '0',
        '-1',
        '0.001',
        '56.411',
        '1e-3',
        '"56.41"',
        '[]',
        '{}',
        'true',
        '1e400',
        '9007199254740991.4',
      ];
      for (const amount of [...refused, '90071992547409.92', '100.000000000000000001'])
        assertError(
          await post(id, 'capture', `{"amount":${amount}}`),
          400,
          3,
          /^payment can not be captured: amount /,
        );
      assertError(await post(id, 'capture', '{"amout":1}'), 400, 3, /amout is not a known field/);
      assertError(await post(id, 'capture', '{"amount":1,"amount":2}'), 400, 3, /twice/);
      assertError(await post(id, 'capture', { amount: 100.51 }), 422, 5, /^payment can not be captured: /);
      const { body } = await client.get(`/transactions/${id}`);
      assert.deepEqual([body.status, body.capturedAmount], ['TRANSACTION_STATUS_AUTHED', 0]);
      const capture = await post(id, 'capture', '{"amount":1.0050e2}');
      assert.deepEqual([capture.status, capture.body.amount], [200, 100.5]);
    });
  });

test('with an Idempotency-Key, which clients need not send, a refund that is sent twice refunds once', async () => {
  const id = await paid({ amount: 10_000 });
  await client.send('POST', `/payments/${id}/capture`);
  const refund = (key?: string) =>
    client.send(
      'POST',
      `/payments/${id}/refund`,
      { amount: 10 },
      key === undefined ? {} : { 'idempotency-key': key },
    );
  const [first, second] = [await refund('once'), await refund('once')];
  assert.deepEqual([second.status, second.body.id], [200, first.body.id]);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  const [third, fourth] = [await refund(), await refund()];
  assert.notEqual(third.body.id, fourth.body.id);
  assert.equal(fourth.body.remainingBalance, 70);
});

describe('sessions of 2023', () => {
  const ORDER = {
    description: 'Two tickets',
    orderReference: 'WOO-7',
    cartReference: 'CART-7',
    amount: 56.41,
    currency: 'KZT',
  };
  const URLS = {
    success: 'https://shop.example/ok?key=wc_1',
    failure: 'https://shop.example/no',
    cancel: 'https://shop.example/back',
  };
  const BODY = {
    ...{
      terminalId: 'T-1',
      transactionType: 'sale',
      locale: 'ru-RU',
      orderDetails: { ...ORDER, items: [{ name: 'A', price: 1.5 }] },
    },
    ...{ urls: URLS, customerDetails: { email: 'a@b.test', deliveryAddress: { city: 'Almaty' } } },
  };

  test('lead to the checkout, and are paid there once', async () => {
    const { status, body, text } = await client.send('POST', '/payment-sessions', BODY);
    assert.equal(status, 201, text);
    assert.equal(body.redirectUrl, `${sandbox.deps.publicUrl.current}/checkout/${body.id}`);
    assert.match(text, /"amount":56\.41,/);
    const own = (await sandbox.call('GET', `/v1/payment-sessions/${body.id}`)).body;
    assert.deepEqual(
      [own.amount, own.autoClearing, own.locale, own.orderReference, own.description],
      [5_641, true, 'ru', 'WOO-7', 'Two tickets'],
    );
    const { success: successUrl, failure: failureUrl, cancel: cancelUrl } = URLS;
    assert.deepEqual(own.metadata, {
      successUrl,
      failureUrl,
      cancelUrl,
      cartReference: 'CART-7',
      terminalId: 'T-1',
    });
    assert.ok(!JSON.stringify(own).includes('a@b.test'));
    assert.equal((await payer.byWallet(body.id)).kind, 'payment');
    const found = (await client.get('/payments/search?orderReference=WOO-7')).body;
    assert.deepEqual([found.amount, found.status], [56.41, 'authorized']);
  });

  test('hold only, if they are to', async () => {
    const { body } = await client.send('POST', '/payment-sessions', {
      ...BODY,
      transactionType: 'auth',
      locale: 'kz',
    });
    const own = (await sandbox.call('GET', `/v1/payment-sessions/${body.id}`)).body;
    assert.deepEqual([own.autoClearing, own.locale], [false, 'kk']);
  });

  test('name what is wrong as it was sent', async () => {
    const create = (orderDetails: object, urls: object = URLS) =>
      client.send('POST', '/payment-sessions', {
        ...BODY,
        orderDetails: { ...ORDER, ...orderDetails },
        urls,
      });
    assertError(
      await create({ amount: 0.001 }),
      400,
      3,
      'orderDetails.amount must have at most 2 decimals, as KZT has',
    );
    assertError(
      await create({ currency: 'JPY' }),
      400,
      3,
      'orderDetails.amount must be a whole number of JPY',
    );
    assertError(await create({ currency: 'XXX' }), 400, 3, /^orderDetails\.currency /);
    assertError(await create({ amount: null }), 400, 3, 'orderDetails.amount is required');
    assertError(await create({ amount: '56.41' }), 400, 3, 'orderDetails.amount must be a number');
    assertError(await create({ orderReference: '' }), 400, 3, /^orderDetails\.orderReference /);
    assertError(await create({}, { ...URLS, success: 'javascript:alert(1)' }), 400, 3, /^urls\.success /);
    assertError(await client.send('POST', '/payment-sessions', {}), 400, 3, /orderDetails is required/);
    assertError(
      await client.send('POST', '/payment-sessions', { ...BODY, transactionType: 'x' }),
      400,
      3,
      /transactionType/,
    );
    const { body } = await create({ currency: 'KWD', amount: 0.001 });
    assert.equal((await sandbox.call('GET', `/v1/payment-sessions/${body.id}`)).body.amount, 1);
  });
});

describe('errors', () => {
  test('of keys are 401 with four fields', async () => {
    const path = '/payment-links';
    const as = (key: string | null) => new HostedClient(`${sandbox.url}/hosted`, key).get(path);
    assertError(await as(null), 401, 3, 'the Authorization header must hold an API key');
    assertError(await as('pr_test_wrong'), 401, 3, /unknown/);
    assertError(await as(`Bearer ${DEMO_KEY}`), 401, 3, /without "Bearer"/);
    assertError(await as(OPERATOR_KEY), 403, 3, /merchants/);
  });

  test('of what is no route, no method, no JSON and no type of body', async () => {
    assertError(await client.get('/payouts'), 404, 4, 'there is nothing here');
    assertError(await client.send('PUT', '/payment-links'), 405, 3, 'this method is not allowed here');
    assertError(await client.send('POST', '/payment-links', '{'), 400, 3, /valid JSON/);
    assertError(await client.send('POST', '/payment-links', `"${'x'.repeat(70_000)}"`), 413, 3, /64 KiB/);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assertError(await client.send('POST', '/payment-links', 'amount=1', form), 415, 3, /application\/json/);
    const id = await paid();
    assert.equal((await client.send('POST', `/payments/${id}/capture`, '', form)).status, 200);
    const bare = await fetch(`${sandbox.url}/hosted`);
    assert.deepEqual([bare.status, Object.keys((await bare.json()) as object).length], [404, 4]);
  });

  test('of a bank that does not answer are no failures yet: 202, and then 409', async () => {
    const id = await paid({}, 'byCard');
    const set = (bank: string) => sandbox.call('PUT', '/v1/sandbox/faults', { body: { bank } });
    assert.equal((await set('down')).status, 200);
    try {
      const reply = await client.send('POST', `/payments/${id}/capture`);
      assert.equal(reply.status, 200 + 2, reply.text);
      assert.deepEqual([reply.body.success, reply.body.responseCode], [false, null]);
      assertError(
        await client.send('POST', `/payments/${id}/capture`),
        409,
        5,
        /^payment can not be captured: the bank has not answered/,
      );
    } finally {
      assert.equal((await set('none')).status, 200);
    }
  });
});

/** A request as it comes through a proxy that leaves the client's Host as it is. */
function atHost(host: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(sandbox.url);
    const sent = httpRequest(
      { hostname, port, path, headers: { host, authorization: DEMO_KEY } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString()) }),
        );
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('at its own host the deployed API is at the root, and nothing else changes', async () => {
  const id = await paid({ amount: 5_641 });
  for (const host of [HOST, `${HOST}:443`, HOST.toUpperCase()]) {
    const { status, body } = await atHost(host, `/v1/transactions/${id}`);
    assert.deepEqual([status, body.transactionId, body.amount], [200, id, 56.41]);
  }
  assert.equal((await atHost(HOST, `/hosted/v1/transactions/${id}`)).body.amount, 56.41);
  // However the path is written that a router takes for it.
  for (const written of [
    `http://${HOST}/v1/transactions/${id}`,
    `/%761/transactions/${id}`,
    `/v%31/transactions/${id}`,
  ])
    assert.equal((await atHost(HOST, written)).body.amount, 56.41, written);
  assert.equal((await atHost(HOST, `/v1/transactions/${UNKNOWN}`)).body.reason, undefined);
  assert.equal((await atHost(HOST, '/health')).status, 200);
  assert.equal((await atHost('localhost', `/v1/transactions/${id}`)).body.amount, 5_641);
  assert.equal((await atHost(`evil.${HOST}`, `/v1/transactions/${id}`)).body.reason, 'host_not_allowed');
});
