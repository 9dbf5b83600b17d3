/** Payment links and sessions over the API: made, found, changed, ended; what is refused, and in which words. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { OPERATOR_KEY, OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const DAY = 86_400_000;
const TERMS = { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1' };

let sandbox: Sandbox;
let payer: PayerTools;
before(async () => {
  sandbox = await startSandbox();
  payer = createPayerTools(sandbox.deps);
});
after(() => sandbox.stop());

function create(body: Record<string, unknown> = {}, options = {}): Promise<Reply> {
  return sandbox.call('POST', '/v1/payment-links', { body: { ...TERMS, ...body }, ...options });
}

async function created(body: Record<string, unknown> = {}) {
  const reply = await create(body);
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

function get(path: string, options = {}): Promise<Reply> {
  return sandbox.call('GET', `/v1/payment-links${path}`, options);
}

async function now(): Promise<number> {
  return Date.parse((await sandbox.call('GET', '/v1/sandbox/clock')).body.now);
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
  assert.equal(status, 200, text);
}

async function namesOf(id: string): Promise<string[]> {
  return (await get(`/${id}/history`)).body.items.map(({ name }: { name: string }) => name);
}

const CUSTOMER_ID = '01989f41-a6eb-77d4-a666-9361fb25bec6';

describe('a link that is made', () => {
  test('has every field, and is found as it was answered', async () => {
    const before = await now();
    const body = await created({ orderReference: 'FIELDS' });
    const { id, url, createdAt, updatedAt, expiresAt, ...rest } = body;
    assert.match(id, /^pl_[0-9a-f]{12}7[0-9a-f]{19}$/);
    assert.equal(url, `${sandbox.deps.publicUrl.current}/checkout/${id}`);
    assert.equal(createdAt, updatedAt);
    assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), DAY);
    assert.ok(Date.parse(createdAt) >= before);
    assert.deepEqual(rest, {
      ...{ amount: 15_000, currency: 'KZT', description: null, orderReference: 'FIELDS', status: 'active' },
      ...{ metadata: {}, customerId: null, autoClearing: true, validation: false, createdBy: 'api' },
      ...{ reusable: false, paymentMethods: ['card', 'wallet'], locale: null, transactionId: null },
      recurring: null,
    });
    assert.deepEqual((await get(`/${id}`)).body, body);
    assert.deepEqual((await get('/by-order-reference/FIELDS')).body, body);
    assert.deepEqual(await namesOf(id), ['payment_link.created']);
  });

  test('keeps what its merchant gave', async () => {
    const metadata = {
      successUrl: 'https://shop.example/ok?order=1&x=%20y#part',
      failureUrl: 'https://shop.example/bad',
      cancelUrl: 'myapp://pay/back',
      callbackUrl: 'https://shop.example/hook',
      ...{ zero: 0, big: 9007199254740991, float: 1.5, none: null, list: [1, 'a', { b: true }] },
      'awkward {}"\\,NULL': `\\"',{NULL} $1 💳 Әке \u0000`,
    };
    const customerId = (await sandbox.call('POST', '/v1/customers', { body: {} })).body.id;
    const given = {
      ...{ metadata, description: 'Екі билет 🎫', customerId, autoClearing: false, validation: true },
      ...{ reusable: true, paymentMethods: ['wallet'], locale: 'kk' },
    };
    const body = await created(given);
    assert.deepEqual({ ...body, ...given }, body);
    assert.deepEqual((await get(`/${body.id}`)).body, body);
  });

  test('ends when its merchant says, in either spelling', async () => {
    const at = new Date(Math.ceil(((await now()) + 3_600_000) / 1_000) * 1_000).toISOString();
    for (const expiresAt of [at, at.replace('.000Z', 'Z'), at.replace('.000Z', '+00:00')])
      assert.equal((await created({ expiresAt })).expiresAt, at);
  });

  test('is made once for each key', async () => {
    const idempotencyKey = crypto.randomUUID();
    const [first, second] = [await create({}, { idempotencyKey }), await create({}, { idempotencyKey })];
    assert.deepEqual([second.status, second.text], [201, first.text]);
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    const other = await create({ amount: 1 }, { idempotencyKey });
    assert.deepEqual([other.status, other.body.reason], [422, 'idempotency_key_reused']);
  });

  test('is one of several with one order reference: the newest is found by it', async () => {
    const ids = [await created({ orderReference: 'TWICE' }), await created({ orderReference: 'TWICE' })].map(
      ({ id }) => id,
    );
    assert.equal((await get('/by-order-reference/TWICE')).body.id, ids[1]);
    const { body } = await get('?orderReference=TWICE');
    assert.deepEqual(
      body.items.map(({ id }: { id: string }) => id),
      ids.toReversed(),
    );
  });

  test('is nobody else’s', async () => {
    const { id } = await created({ orderReference: 'MINE' });
    for (const [method, path, body] of [
      ['GET', `/${id}`, undefined],
      ['GET', `/${id}/history`, undefined],
      ['GET', '/by-order-reference/MINE', undefined],
      ['DELETE', `/${id}`, undefined],
      ['POST', `/${id}/cancel`, undefined],
      ['PATCH', `/${id}`, { expiresAt: '2030-01-01T00:00:00Z' }],
    ] as const) {
      const reply = await sandbox.call(method, `/v1/payment-links${path}`, { body, apiKey: OTHER_KEY });
      assert.deepEqual(
        [reply.status, reply.body.reason],
        [404, 'payment_link_not_found'],
        `${method} ${path}`,
      );
    }
    assert.equal((await get(`/${id}`)).body.status, 'active');
    assert.equal((await get(`/${id}`, { apiKey: OPERATOR_KEY })).status, 403);
    for (const unknown of ['pl_1', `${id}0`, id.toUpperCase(), id.slice(3), `pl_${'0'.repeat(32)}`])
      assert.deepEqual((await get(`/${unknown}`)).body.reason, 'payment_link_not_found', unknown);
  });
});

describe('what no link can be', () => {
  const metadata = (value: unknown) => ({ metadata: value });
  const cases: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['amount 0', { amount: 0 }, 'invalid_amount'],
    ['a negative amount', { amount: -1 }, 'invalid_amount'],
    ['a part of a tiyn', { amount: 1.5 }, 'invalid_amount'],
    ['more than 2^53 - 1', { amount: 9007199254740992 }, 'invalid_amount'],
    ['an amount as text', { amount: '1' }, 'invalid_amount'],
    ['no such currency', { currency: 'KZZ' }, 'invalid_currency'],
    ['a currency in lower case', { currency: 'kzt' }, 'invalid_currency'],
    ['an empty reference', { orderReference: '' }, 'invalid_order_reference'],
    ['a reference of 256 characters', { orderReference: 'x'.repeat(256) }, 'invalid_order_reference'],
    ['a reference with a line break', { orderReference: 'a\nb' }, 'invalid_order_reference'],
    ['a description that nobody sees', { description: ' \u200b' }, 'invalid_request'],
    ['a description with NUL', { description: 'a\u0000' }, 'invalid_request'],
    ['a description of 1,001 characters', { description: 'x'.repeat(1_001) }, 'invalid_request'],
    ['half a surrogate pair', { customerId: '\ud800' }, 'invalid_request'],
    ['no payment method', { paymentMethods: [] }, 'invalid_request'],
    ['a method twice', { paymentMethods: ['card', 'card'] }, 'invalid_request'],
    ['an unknown method', { paymentMethods: ['cash'] }, 'invalid_request'],
    ['an unknown language', { locale: 'fr' }, 'invalid_request'],
    ['an unknown field', { recurrence: {} }, 'unknown_field'],
    ['a first payment without its kind', { recurring: {} }, 'missing_field'],
    ['a first payment of nobody', { recurring: { type: 'cof_initial' } }, 'missing_field'],
    ['a later payment', { customerId: CUSTOMER_ID, recurring: { type: 'ucof' } }, 'invalid_request'],
    [
      'a first payment of many',
      { customerId: CUSTOMER_ID, reusable: true, recurring: { type: 'cof_initial' } },
      'invalid_request',
    ],
    [
      'a first payment from a wallet',
      { customerId: CUSTOMER_ID, paymentMethods: ['card', 'wallet'], recurring: { type: 'cof_initial' } },
      'invalid_request',
    ],
    [
      'a first payment until a day that there is not',
      { customerId: CUSTOMER_ID, recurring: { type: 'cof_initial', expiry: '2030-02-30' } },
      'invalid_request',
    ],
    ['a status', { status: 'paid' }, 'unknown_field'],
    ['metadata that is a list', metadata([]), 'invalid_request'],
    ['metadata that is text', metadata('{}'), 'invalid_request'],
    [
      '51 keys',
      metadata(Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, i]))),
      'invalid_request',
    ],
    ['16 KB and a byte', metadata({ a: 'x'.repeat(16_384 - 7) }), 'invalid_request'],
    ['16 KB of two-byte letters', metadata({ a: 'ә'.repeat(8_190) }), 'invalid_request'],
    ['a script to go to', metadata({ successUrl: 'javascript:alert(1)' }), 'invalid_request'],
    ['data to go to', metadata({ failureUrl: 'data:text/html,<b>' }), 'invalid_request'],
    ['a path to go to', metadata({ cancelUrl: '/cart' }), 'invalid_request'],
    ['a URL with a name', metadata({ successUrl: 'https://a:b@shop.example' }), 'invalid_request'],
    ['a URL that is a number', metadata({ successUrl: 7 }), 'invalid_request'],
    ['a URL with a line break', metadata({ successUrl: 'https://shop.example/\n' }), 'invalid_request'],
    ['an app to call back', metadata({ callbackUrl: 'myapp://x' }), 'invalid_request'],
    ['a private address to call back', metadata({ callbackUrl: 'https://10.1.2.3/hook' }), 'invalid_request'],
    [
      'a port to call back that is none',
      metadata({ callbackUrl: 'https://shop.example:0/' }),
      'invalid_request',
    ],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiry_out_of_range'],
    ['an end in ten years', { expiresAt: '2036-12-01T00:00:00Z' }, 'expiry_out_of_range'],
    ['an end without a zone', { expiresAt: '2027-01-01T00:00:00' }, 'invalid_request'],
    ['an end on a day that is none', { expiresAt: '2027-02-30T00:00:00Z' }, 'invalid_request'],
    ['an end that is a number', { expiresAt: 1_800_000_000 }, 'invalid_request'],
  ];
  for (const [what, body, reason] of cases)
    test(what, async () => {
      const reply = await create(body);
      assert.equal(reply.status, 400, reply.text);
      assert.equal(reply.body.reason, reason, reply.text);
    });

  test('a first payment of a customer who would agree until yesterday', async () => {
    const customer = await sandbox.call('POST', '/v1/customers', { body: { name: 'Somebody' } });
    const recurring = { type: 'cof_initial', expiry: '2020-01-01' };
    const reply = await create({ customerId: customer.body.id, recurring });
    assert.deepEqual([reply.status, reply.body.reason], [400, 'consent_ends_in_past'], reply.text);
  });

  test('each of the last amounts and texts that can be is one', async () => {
    for (const body of [
      { amount: 1, currency: 'JPY' },
      { amount: 9007199254740991, currency: 'KWD' },
      { orderReference: 'x'.repeat(255), description: '💳'.repeat(1_000) },
      metadata(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, i]))),
      metadata({ a: 'x'.repeat(16_384 - 8) }),
      metadata({}),
    ])
      await created(body);
  });

  test('a session has neither an end of its own nor is reusable', async () => {
    for (const body of [{ expiresAt: '2027-01-01T00:00:00Z' }, { reusable: true }]) {
      const reply = await sandbox.call('POST', '/v1/payment-sessions', { body: { ...TERMS, ...body } });
      assert.deepEqual([reply.status, reply.body.reason], [400, 'unknown_field']);
    }
  });
});

describe('the end of a link', () => {
  test('is what its merchant cancels, by either way, once', async () => {
    for (const [method, path] of [
      ['POST', '/cancel'],
      ['DELETE', ''],
    ] as const) {
      const { id } = await created();
      const url = `/v1/payment-links/${id}${path}`;
      const { status, body } = await sandbox.call(method, url);
      assert.deepEqual([status, body.status], [200, 'cancelled']);
      const again = await sandbox.call(method, url);
      assert.deepEqual([again.status, again.body.reason], [422, 'payment_link_cancelled']);
      assert.deepEqual(await payer.byWallet(id), { kind: 'refused', reason: 'payment_link_cancelled' });
      assert.deepEqual(await namesOf(id), ['payment_link.created', 'payment_link.cancelled']);
    }
  });

  test('is never a paid one’s cancel', async () => {
    const { id } = await created();
    await payer.byWallet(id);
    const { status, body } = await sandbox.call('DELETE', `/v1/payment-links/${id}`);
    assert.deepEqual([status, body.reason], [422, 'payment_link_paid']);
  });

  test('comes with time, and can be moved before', async () => {
    const [soon, moved] = [await created(), await created()];
    const expiresAt = new Date((await now()) + 3 * DAY).toISOString();
    const patched = await sandbox.call('PATCH', `/v1/payment-links/${moved.id}`, { body: { expiresAt } });
    assert.deepEqual([patched.status, patched.body.expiresAt], [200, expiresAt], patched.text);
    await advance(86_400 + 60);
    assert.equal((await get(`/${soon.id}`)).body.status, 'expired');
    assert.equal((await get(`/${moved.id}`)).body.status, 'active');
    assert.deepEqual(await namesOf(soon.id), ['payment_link.created', 'payment_link.expired']);
    for (const reply of [
      await sandbox.call('PATCH', `/v1/payment-links/${soon.id}`, {
        body: { expiresAt: new Date((await now()) + DAY).toISOString() },
      }),
      await sandbox.call('DELETE', `/v1/payment-links/${soon.id}`),
    ])
      assert.deepEqual([reply.status, reply.body.reason], [422, 'payment_link_expired']);
    assert.deepEqual(await payer.byCard(soon.id), { kind: 'refused', reason: 'payment_link_expired' });
    assert.equal((await payer.byWallet(moved.id)).kind, 'payment');
    for (const ofPast of ['2020-01-01T00:00:00Z', '2045-01-01T00:00:00Z']) {
      const { id } = await created();
      const reply = await sandbox.call('PATCH', `/v1/payment-links/${id}`, { body: { expiresAt: ofPast } });
      assert.deepEqual([reply.status, reply.body.reason], [400, 'expiry_out_of_range']);
    }
  });
});

describe('lists and sums', () => {
  test('by status and time, in pages that neither skip nor repeat', async () => {
    const from = new Date(await now()).toISOString();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push((await created({ orderReference: 'LIST', amount: 100 })).id);
    await payer.byWallet(ids[1] ?? '');
    await sandbox.call('DELETE', `/v1/payment-links/${ids[2]}`);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await get(`?limit=2&orderReference=LIST${cursor}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    assert.deepEqual(seen, ids.toReversed());
    const idsOf = async (query: string) =>
      (await get(`?${query}`)).body.items.map(({ id }: { id: string }) => id);
    assert.deepEqual(await idsOf(`status=paid&createdFrom=${from}`), [ids[1]]);
    assert.deepEqual(await idsOf(`status=cancelled&createdFrom=${from}`), [ids[2]]);
    assert.deepEqual(await idsOf(`createdTo=2020-01-01T00:00:00Z`), []);
    const { body } = await get(`/statistics?createdFrom=${from}`);
    assert.deepEqual(body, {
      items: [
        {
          currency: 'KZT',
          ...{ active: { count: 3, amount: 300 }, paid: { count: 1, amount: 100 } },
          ...{ expired: { count: 0, amount: 0 }, cancelled: { count: 1, amount: 100 } },
        },
      ],
      nextCursor: null,
    });
    assert.deepEqual((await get('/statistics', { apiKey: OTHER_KEY })).body.items, []);
    for (const query of ['status=open', 'createdFrom=yesterday', 'limit=101', 'cursor=x', 'reference=1'])
      assert.equal((await get(`?${query}`)).status, 400, query);
    const upside = await get('?createdFrom=2027-01-02T00:00:00Z&createdTo=2027-01-01T00:00:00Z');
    assert.equal(upside.status, 400);
  });
});

describe('a session', () => {
  test('is a link for one payer, for half an hour', async () => {
    const reply = await sandbox.call('POST', '/v1/payment-sessions', { body: TERMS });
    assert.equal(reply.status, 201, reply.text);
    const { id, url, createdAt, expiresAt } = reply.body;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.equal(url, `${sandbox.deps.publicUrl.current}/checkout/${id}`);
    assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 1_800_000);
    assert.equal((await payer.byCard(id)).kind, 'payment');
    const { body } = await sandbox.call('GET', `/v1/payment-sessions/${id}`);
    assert.equal(body.status, 'paid');
    const payment = await sandbox.call('GET', `/v1/transactions/${body.transactionId}`);
    assert.deepEqual([payment.body.paymentSessionId, payment.body.paymentLinkId], [{ Value: id }, null]);
    // Neither is the other, by whichever spelling.
    assert.equal((await get(`/pl_${id.replaceAll('-', '')}`)).status, 404);
    assert.equal((await get('?orderReference=ORDER-1&limit=100')).text.includes(id), false);
  });
});
