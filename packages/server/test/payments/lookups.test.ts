/** Looking transactions up: one by its id, its history, and how lists behave over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { transactionIdOf, type WalletTransactionId } from '../../src/core/values/ids.ts';
import { createMerchant, createWallet, IIN, type TestMerchant } from '../support/ledger.ts';
import { OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let merchant: TestMerchant;
before(async () => {
  sandbox = await startSandbox();
  merchant = await createMerchant(sandbox.pool);
});
after(() => sandbox.stop());

function get(path: string, apiKey: string = merchant.apiKey): Promise<Reply> {
  return sandbox.call('GET', `/v1/transactions${path}`, { apiKey });
}

async function got(path: string, apiKey?: string) {
  const reply = await get(path, apiKey);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id);

/** @returns the payment's id as a UUID */
async function authorize(apiKey: string, body: Record<string, unknown> = {}): Promise<string> {
  const reply = await sandbox.authorize(
    { amount: 1_000, ...body },
    { apiKey, idempotencyKey: crypto.randomUUID() },
  );
  assert.equal(reply.status, 201, reply.text);
  return transactionIdOf(reply.body.walletTransactionId as WalletTransactionId);
}

async function operate(id: string, operation: string, amount: number, apiKey = merchant.apiKey) {
  const reply = await sandbox.call('POST', `/v1/transactions/${id}/${operation}`, {
    apiKey,
    body: { amount },
  });
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

async function payByCard(body: Record<string, unknown> = {}) {
  const card = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2040, cvc: '123' };
  const reply = await sandbox.call('POST', '/v1/payments', {
    apiKey: merchant.apiKey,
    idempotencyKey: crypto.randomUUID(),
    body: { amount: 700, currency: 'KZT', orderReference: 'BY-CARD', card, ...body },
  });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

/** Every field of the specification's webhook `data`. */
const SPECIFIED = [
  ...[
    'id',
    'amount',
    'balance',
    'currency',
    'status',
    'type',
    'paymentMethod',
    'payerIp',
    'merchantReference',
  ],
  ...['description', 'createdAt', 'updatedAt', 'authedAt', 'confirmedAt', 'processedAt', 'processedAmount'],
  ...[
    'storeId',
    'terminalId',
    'secure3d',
    'parentTransactionId',
    'recurringType',
    'retrievalReferenceNumber',
  ],
  ...['paymentLinkId', 'paymentSessionId', 'cardTokenId', 'customerId'],
];

describe('one transaction', () => {
  test('is the same by both spellings of its id, with every specified field', async () => {
    const id = await authorize(merchant.apiKey, { orderReference: 'ONE' });
    const body = await got(`/${id}`);
    assert.deepEqual(
      SPECIFIED.filter((name) => !(name in body)),
      [],
    );
    assert.deepEqual(
      [body.id, body.status, body.type, body.paymentMethod],
      [id, 'authorized', 'payment', 'wallet'],
    );
    assert.deepEqual(await got(`/${body.walletTransactionId}`), body);
    assert.deepEqual(await got(`/${id.toUpperCase()}`), body);
    assert.deepEqual(await got(`/${id}/history`), await got(`/${body.walletTransactionId}/history`));
    assert.deepEqual(
      [body.customerId, body.cardTokenId, body.paymentLinkId, body.paymentSessionId],
      [null, null, null, null],
    );
  });

  test('a card payment and its refund show what wallets have not', async () => {
    const paid = await payByCard({ description: 'Two books', payerIp: '192.168.1.1' });
    await operate(paid.id, 'capture', 700);
    const refund = await operate(paid.id, 'refund', 300);
    const shown = await got(`/${paid.id}`);
    assert.deepEqual(
      [
        shown.status,
        shown.last4,
        shown.description,
        shown.payerIp,
        shown.refundedAmount,
        shown.walletTransactionId,
      ],
      ['charged', '4242', 'Two books', '192.168.1.1', 300, null],
    );
    assert.match(shown.cardTokenId.Value, /^ct_/);
    const child = await got(`/${refund.id}`);
    assert.deepEqual(
      [child.type, child.status, child.parentTransactionId, child.processedAmount],
      ['refund', 'refunded', paid.id, 300],
    );
    assert.deepEqual(idsOf((await got(`?parentTransactionId=${paid.id}`)).items), [refund.id]);
    assert.deepEqual((await got(`/${paid.id}/history`)).items.at(-1).name, 'transaction.partially_refunded');
  });

  test("an unknown id, a malformed one and another merchant's are the same 404", async () => {
    const id = await authorize(OTHER_KEY);
    const paths = [id, crypto.randomUUID(), 'nonsense', 'wt_00000000000000000000000000', '%00', 'wt_', '1'];
    const link = `by-payment-link/pl_${'0'.repeat(32)}`;
    for (const path of [...paths, ...paths.map((each) => `${each}/history`), link, 'by-payment-link/x']) {
      const { status, body } = await get(`/${path}`);
      assert.deepEqual([status, body.code, body.reason], [404, 4, 'transaction_not_found'], path);
      assert.equal(body.source, 'transactions');
    }
    assert.equal((await get(`/${id}`, OTHER_KEY)).status, 200);
  });
});

describe('balance', () => {
  test('is exact for the latest event that posted to it, else as last committed', async () => {
    const { apiKey } = await createMerchant(sandbox.pool);
    const first = await authorize(apiKey);
    assert.equal((await got(`/${first}`, apiKey)).balance, 0);
    const second = await authorize(apiKey);
    await operate(first, 'capture', 900, apiKey);
    await operate(second, 'capture', 500, apiKey);
    const third = await authorize(apiKey);
    const balances = async (): Promise<number[]> =>
      (await got('?type=payment', apiKey)).items.map((each: { balance: number }) => each.balance);
    assert.deepEqual(await balances(), [1_400, 1_400, 900]);
    const refund = await operate(first, 'refund', 100, apiKey);
    assert.deepEqual(await balances(), [1_300, 1_400, 1_300], 'the payment has an event of the refund');
    assert.equal((await got(`/${refund.id}`, apiKey)).balance, 1_300);
    await operate(third, 'cancel', 1_000, apiKey);
    assert.equal((await got(`/${third}`, apiKey)).balance, 1_300);
  });

  test('is of the currency, and has all its digits', async () => {
    const { id, apiKey } = await createMerchant(sandbox.pool);
    const wallet = await createWallet(sandbox.pool, { available: 10, currency: 'USD' });
    const body = { phoneNumber: wallet.phoneNumber, iin: IIN, currency: 'USD', amount: 10 };
    const dollars = await authorize(apiKey, body);
    await authorize(apiKey);
    const balances = `INSERT INTO account (id, kind, owner_id, currency, balance)
      VALUES (gen_random_uuid(), 'merchant', $1, 'KZT', 90071992547409931234)`;
    await sandbox.pool.query(balances, [id]);
    const { text } = await get('', apiKey);
    await sandbox.pool.query('DELETE FROM account WHERE owner_id = $1', [id]);
    assert.deepEqual(
      [...text.matchAll(/"balance":(\d+)/g)].map((match) => match[1]),
      ['90071992547409931234', '0'],
    );
    assert.equal((await got(`/${dollars}`, apiKey)).balance, 0);
  });
});

describe('history', () => {
  test('has every event, oldest first, without gaps, page by page', async () => {
    const id = await authorize(merchant.apiKey);
    await operate(id, 'cancel', 100);
    await operate(id, 'capture', 800);
    for (let i = 0; i < 4; i += 1) await operate(id, 'refund', 200);
    const { items, nextCursor } = await got(`/${id}/history`);
    assert.equal(nextCursor, null);
    const row = (each: Record<string, unknown>) => [
      each.seq,
      each.name,
      ...[
        each.status,
        each.amount,
        each.capturedAmount,
        each.releasedAmount,
        each.refundedAmount,
        each.reason,
      ],
    ];
    assert.deepEqual(items.map(row), [
      [1, 'transaction.created', 'created', 1_000, 0, 0, 0, null],
      [2, 'transaction.authorized', 'authorized', 1_000, 0, 0, 0, null],
      [3, 'transaction.partially_cancelled', 'authorized', 100, 0, 100, 0, 'requested'],
      [4, 'transaction.charged', 'charged', 800, 800, 200, 0, null],
      [5, 'transaction.partially_refunded', 'charged', 200, 800, 200, 200, null],
      [6, 'transaction.partially_refunded', 'charged', 200, 800, 200, 400, null],
      [7, 'transaction.partially_refunded', 'charged', 200, 800, 200, 600, null],
      [8, 'transaction.refunded', 'refunded', 200, 800, 200, 800, null],
    ]);
    for (const each of items) {
      assert.equal(each.actor, 'api');
      assert.equal(new Date(each.at).toISOString(), each.at);
      assert.equal(each.balance !== null, each.seq > 3, 'only what posts to the balance tells it');
    }
    const paged = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Reply['body'] = await got(
        `/${id}/history?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      paged.push(...page.items);
      cursor = page.nextCursor;
    }
    assert.deepEqual(paged, items);
  });

  test("refuses another list's cursor", async () => {
    const first = await authorize(merchant.apiKey);
    const second = await authorize(merchant.apiKey);
    const { nextCursor } = await got(`/${first}/history?limit=1`);
    const list = await got('?limit=1');
    for (const path of [`/${second}/history?cursor=${nextCursor}`, `?cursor=${nextCursor}`]) {
      assert.equal((await get(path)).body.reason, 'invalid_cursor');
    }
    assert.equal((await get(`/${first}/history?cursor=${list.nextCursor}`)).body.reason, 'invalid_cursor');
    assert.equal((await get(`?cursor=${list.nextCursor}`, OTHER_KEY)).body.reason, 'invalid_cursor');
  });
});

describe('lists', () => {
  test('by order reference: all of the order, newest first, none of others', async () => {
    const orderReference = 'a/b %_\\ ü';
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.unshift(await authorize(merchant.apiKey, { orderReference }));
    await authorize(merchant.apiKey, { orderReference: `${orderReference}x` });
    await authorize(OTHER_KEY, { orderReference });
    const path = `/by-order-reference/${encodeURIComponent(orderReference)}`;
    const first = await got(`${path}?limit=2`);
    const rest = await got(`${path}?limit=2&cursor=${first.nextCursor}`);
    assert.deepEqual([...idsOf(first.items), ...idsOf(rest.items)], ids);
    assert.deepEqual(await got('/by-order-reference/NOBODY'), { items: [], nextCursor: null });
    assert.equal((await get('/by-order-reference/%00')).body.reason, 'invalid_order_reference');
    assert.equal(
      (await get(`/by-order-reference/${'x'.repeat(256)}`)).body.reason,
      'invalid_order_reference',
    );
  });

  test('paging by cursor shows each row once while others insert', async () => {
    const { apiKey } = await createMerchant(sandbox.pool);
    const before = await Promise.all(Array.from({ length: 25 }, () => authorize(apiKey)));
    for (const query of ['', '&status=authorized,charged', '&amountFrom=1000', '&query=ORDER']) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: Reply['body'] = await got(
          `?limit=4${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
          apiKey,
        );
        seen.push(...idsOf(page.items));
        cursor = page.nextCursor;
        await Promise.all([authorize(apiKey), authorize(apiKey)]);
      }
      assert.deepEqual(seen, seen.toSorted().toReversed());
      assert.equal(new Set(seen).size, seen.length);
      assert.deepEqual(
        before.filter((id) => !seen.includes(id)),
        [],
      );
    }
  });

  test('page and size number the same rows', async () => {
    const { apiKey } = await createMerchant(sandbox.pool);
    await Promise.all(Array.from({ length: 7 }, () => authorize(apiKey)));
    const all = (await got('?limit=100', apiKey)).items;
    for (const [page, from, to] of [
      [1, 0, 3],
      [2, 3, 6],
      [3, 6, 7],
      [4, 7, 7],
    ] as const) {
      const body = await got(`?page=${page}&size=3`, apiKey);
      assert.deepEqual(body, { data: all.slice(from, to), page, size: 3, total: 7 });
    }
    assert.deepEqual(await got('?page=1', apiKey), { data: all, page: 1, size: 20, total: 7 });
    assert.deepEqual(await got('?size=7&status=authorized', apiKey), {
      data: all,
      page: 1,
      size: 7,
      total: 7,
    });
    assert.deepEqual(await got('?page=1&status=charged', apiKey), { data: [], page: 1, size: 20, total: 0 });
  });
});

describe('bad parameters', () => {
  const bad: readonly (readonly [string, ...string[]])[] = [
    ['status=paid', 'status'],
    ['status=', 'status'],
    ['status=authorized,', 'status'],
    ['status=authorized&status=charged', 'status'],
    ['type=payout', 'type'],
    ['paymentMethod=cash', 'paymentMethod'],
    ['orderReference=', 'orderReference'],
    ['amountFrom=1.5', 'amountFrom'],
    ['amountFrom=-1', 'amountFrom'],
    ['amountTo=9007199254740992', 'amountTo'],
    ['amountFrom=1e3&amountTo=x', 'amountFrom', 'amountTo'],
    ['amountFrom=2&amountTo=1', 'amountTo'],
    ['currency=tenge', 'currency'],
    ['createdFrom=2025-04-01', 'createdFrom'],
    ['createdFrom=2025-02-30T00:00:00Z', 'createdFrom'],
    ['createdTo=2025-04-01T25:00:00Z', 'createdTo'],
    ['createdTo=yesterday', 'createdTo'],
    ['createdFrom=2025-04-02T00:00:00Z&createdTo=2025-04-01T00:00:00Z', 'createdTo'],
    ['storeId=1', 'storeId'],
    ['terminalId=1', 'terminalId'],
    ['customerId=1', 'customerId'],
    ['parentTransactionId=1', 'parentTransactionId'],
    ['query=', 'query'],
    ['query=%0A', 'query'],
    [`query=${'x'.repeat(256)}`, 'query'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=x', 'limit'],
    ['cursor=x', 'cursor'],
    ['page=0', 'page'],
    ['page=x', 'page'],
    ['size=0', 'size'],
    ['size=101', 'size'],
    ['page=1&cursor=x', 'cursor'],
    ['size=1&limit=1', 'limit'],
    ['page=1&limit=1&cursor=x', 'cursor', 'limit'],
    ['page=501&size=20', 'page'],
    ['page=101&size=100', 'page'],
    ['merchantReference=x', 'merchantReference'],
  ];
  for (const [query, ...paths] of bad) {
    test(query.slice(0, 60), async () => {
      const { status, body, text } = await get(`?${query}`);
      assert.deepEqual([status, body.code], [400, 3], text);
      assert.deepEqual(
        body.details.map((detail: { path: string }) => detail.path),
        paths,
      );
      for (const path of paths) assert.ok(body.message.includes(path), body.message);
    });
  }

  test('a time zone survives an unescaped plus, and a day its 31st', async () => {
    for (const time of [
      '2025-03-31T00:00:00+05:00',
      '2025-03-31T00:00+0500',
      '2025-03-31T23:59:59.999999Z',
    ]) {
      assert.equal((await get(`?createdFrom=${time}`)).status, 200, time);
    }
  });

  test('without a key, or with one that may not read: not at all', async () => {
    for (const path of ['', '/1', '/1/history', '/by-order-reference/1', '/by-payment-link/1']) {
      const { status } = await sandbox.call('GET', `/v1/transactions${path}`, { apiKey: null });
      assert.equal(status, 401, path);
    }
  });
});

test('a payment is in a list once, however often its money moved and whatever of it matches', async () => {
  const wallet = await createWallet(sandbox.pool, { available: 5_000 });
  const { phoneNumber, iin } = wallet;
  const orderReference = `twice-${crypto.randomUUID()}`;
  const id = await authorize(merchant.apiKey, { phoneNumber, iin, orderReference });
  const customerId = crypto.randomUUID();
  await sandbox.pool.query('UPDATE transaction SET merchant_customer_id = $2 WHERE id = $1', [
    ...[id, customerId],
  ]);
  await operate(id, 'cancel', 100);
  await operate(id, 'capture', 500);
  const refunds = [(await operate(id, 'refund', 200)).id, (await operate(id, 'refund', 100)).id];
  assert.deepEqual((await got(`/${id}`)).customerId, { Value: customerId });
  const list = await got(`?customerId=${customerId}&page=1`);
  assert.deepEqual([idsOf(list.data).sort(), list.total], [[id, ...refunds].sort(), 3]);
  const { id: paid } = await payByCard({ orderReference, description: orderReference });
  const found = await got(`?query=${orderReference}&type=payment&page=1`);
  assert.deepEqual([idsOf(found.data).sort(), found.total], [[id, paid].sort(), 2]);
});
