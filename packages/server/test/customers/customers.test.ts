/** Customers over the API: made, found, changed, named by what they pay; what is refused, and in which words. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { VISA } from '../support/cards.ts';
import { createPayerTools } from '../support/links.ts';
import { UNKNOWN_ID } from '../support/operator.ts';
import { CUSTOMER, OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const PERSON = {
  ...{ reference: 'C-1', name: 'Айгүл Серікова', email: 'Aigul@Example.kz', phone: '+77011234567' },
  ...{ locale: 'kk', metadata: { loyalty: 'gold', points: 9007199254740991, list: [1, null, { a: true }] } },
};
const CARD = { number: VISA, expiryMonth: 12, expiryYear: 2030, cvc: '123' };

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const call = (method: string, path = '', body?: unknown, options = {}): Promise<Reply> =>
  sandbox.call(method, `/v1/customers${path}`, { ...(body === undefined ? {} : { body }), ...options });

async function made(body: Record<string, unknown> = {}, options = {}) {
  const reply = await call('POST', '', body, options);
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

function assertRefused(reply: Reply, status: number, reason: string, path?: string): void {
  assert.deepEqual([reply.status, reply.body.reason], [status, reason], reply.text);
  if (path !== undefined)
    assert.ok(
      reply.body.details.some((detail: { path: string }) => detail.path === path),
      reply.text,
    );
}

async function pay(body: Record<string, unknown> = {}, options = {}): Promise<Reply> {
  const order = { amount: 1_000, currency: 'KZT', orderReference: 'O', card: CARD, ...body };
  return sandbox.call('POST', '/v1/payments', {
    idempotencyKey: crypto.randomUUID(),
    body: order,
    ...options,
  });
}

describe('a customer', () => {
  test('is kept as it was given, and found', async () => {
    const body = await made(PERSON);
    const { id, createdAt, updatedAt, ...rest } = body;
    assert.match(id, /^[0-9a-f-]{14}7/);
    assert.equal(createdAt, updatedAt);
    assert.deepEqual(rest, { ...PERSON, erasedAt: null });
    assert.deepEqual((await call('GET', `/${id}`)).body, body);
    assert.deepEqual((await call('GET', `/${id.toUpperCase()}`)).body, body);
  });

  test('may be nobody yet, and have any phone that people write', async () => {
    const { id } = await made();
    const changed = await call('PATCH', `/${id}`, { phone: '8 (701) 765-43-21', name: 'Ә' });
    assert.deepEqual(
      [changed.body.phone, changed.body.name, changed.body.email],
      ['+77017654321', 'Ә', null],
    );
    const cleared = await call('PATCH', `/${id}`, { name: null });
    assert.deepEqual([cleared.body.phone, cleared.body.name], ['+77017654321', null]);
    assert.ok(cleared.body.updatedAt >= changed.body.updatedAt);
  });

  test('is made once for each key, also when it was changed since', async () => {
    const idempotencyKey = crypto.randomUUID();
    const first = await call('POST', '', { name: 'Once' }, { idempotencyKey });
    await call('PATCH', `/${first.body.id}`, { name: 'Twice' });
    const again = await call('POST', '', { name: 'Once' }, { idempotencyKey });
    assert.deepEqual([again.status, again.text], [201, first.text]);
    assertRefused(
      await call('POST', '', { name: 'Other' }, { idempotencyKey }),
      422,
      'idempotency_key_reused',
    );
  });

  test('has a reference that no other one of its merchant has', async () => {
    const { id } = await made({ reference: 'UNIQUE' });
    assertRefused(await call('POST', '', { reference: 'UNIQUE' }), 409, 'already_exists', 'reference');
    const other = await made({ reference: 'unique' });
    for (const options of [{}, { idempotencyKey: crypto.randomUUID() }])
      assertRefused(
        await call('PATCH', `/${other.id}`, { reference: 'UNIQUE' }, options),
        409,
        'already_exists',
        'reference',
      );
    assert.equal((await call('PATCH', `/${id}`, { reference: 'UNIQUE' })).status, 200);
    const made2 = await made({ reference: 'UNIQUE' }, { apiKey: OTHER_KEY });
    assert.notEqual(made2.id, id);
    const racing = await Promise.all(
      Array.from({ length: 10 }, () => call('POST', '', { reference: 'RACE' })),
    );
    assert.deepEqual(racing.map(({ status }) => status).sort(), [201, ...Array(9).fill(409)]);
  });

  test('is another merchant’s for nobody', async () => {
    const { id } = await made({ reference: 'MINE' });
    for (const [method, path, body] of [
      ['GET', `/${id}`],
      ['PATCH', `/${id}`, { name: 'X' }],
      ['DELETE', `/${id}`],
      ...['transactions', 'totals', 'export'].map((what) => ['GET', `/${id}/${what}`] as const),
    ] as const) {
      assertRefused(await call(method, path, body, { apiKey: OTHER_KEY }), 404, 'customer_not_found');
      const unknown = path.replace(id, UNKNOWN_ID);
      assertRefused(await call(method, unknown, body), 404, 'customer_not_found');
      assertRefused(await call(method, path.replace(id, 'x'), body), 404, 'customer_not_found');
    }
    const others = await call('GET', '?reference=MINE', undefined, { apiKey: OTHER_KEY });
    assert.deepEqual(others.body.items, []);
  });

  const bad: [what: string, body: object, path: string, reason: string][] = [
    ['an empty reference', { reference: '' }, 'reference', 'invalid_request'],
    ['a reference of 256 characters', { reference: 'x'.repeat(256) }, 'reference', 'invalid_request'],
    ['a name with a line break', { name: 'a\nb' }, 'name', 'invalid_request'],
    ['a name with NUL', { name: 'a\u0000' }, 'name', 'invalid_request'],
    ['half a surrogate pair', { name: '\ud800' }, 'name', 'invalid_request'],
    ['a name that nobody sees', { name: ' \u200b' }, 'name', 'invalid_request'],
    ['a number for a name', { name: 7 }, 'name', 'invalid_request'],
    ['no e-mail address', { email: 'aigul' }, 'email', 'invalid_email'],
    ['two addresses', { email: 'a@b.kz,c@d.kz' }, 'email', 'invalid_email'],
    ['half a phone number', { phone: '+7701' }, 'phone', 'invalid_request'],
    ['no language', { locale: 'ru_KZ' }, 'locale', 'invalid_request'],
    ['metadata that is a list', { metadata: [] }, 'metadata', 'invalid_request'],
    ['no metadata', { metadata: null }, 'metadata', 'invalid_request'],
    ['16 KB of metadata', { metadata: { a: 'ж'.repeat(8_192) } }, 'metadata', 'invalid_request'],
    ['an unknown field', { iin: '900101300017' }, 'iin', 'unknown_field'],
    ['an id', { id: UNKNOWN_ID }, 'id', 'unknown_field'],
  ];
  for (const [what, body, path, reason] of bad)
    test(`is refused with ${what}, new or changed`, async () => {
      assertRefused(await call('POST', '', body), 400, reason, path);
      const { id, ...before } = await made({ name: 'Before' });
      assertRefused(await call('PATCH', `/${id}`, body), 400, reason, path);
      assert.deepEqual((await call('GET', `/${id}`)).body, { id, ...before });
    });

  test('is not changed by nothing', async () => {
    const { id } = await made();
    assert.equal((await call('PATCH', `/${id}`, {})).status, 400);
  });

  test('keeps awkward metadata to the byte', async () => {
    const metadata = {
      'awkward {}"\\,NULL': `\\"',{NULL} $1 💳 Әке \u0000`,
      half: '\ud800',
      float: 1.5,
      '': 0,
    };
    for (const given of [metadata, { nul: '\u0000', big: 9007199254740991, deep: { a: [[[]]] } }]) {
      const kept = await made({ metadata: given });
      assert.deepEqual(kept.metadata, given);
      assert.deepEqual((await call('GET', `/${kept.id}`)).body, kept);
    }
    const rawBody = '{"metadata": {"__proto__": {"a": 1}}}';
    assertRefused(await sandbox.call('POST', '/v1/customers', { rawBody }), 400, 'invalid_json');
  });
});

describe('a search', () => {
  test('finds by the beginning of reference, name, address and phone, whatever the case', async () => {
    const body = await made({
      ...{ reference: 'FIND-1%_\\', name: 'ӘЙГЕРІМ Қ', email: 'Find.Me@Shop.kz', phone: '+77779990011' },
    });
    const found = async (query: string) =>
      (await call('GET', `?query=${encodeURIComponent(query)}`)).body.items.map(
        ({ id }: { id: string }) => id,
      );
    for (const query of [
      'FIND-1',
      'FIND-1%',
      'FIND-1%_\\',
      'әйгер',
      'ӘЙГЕРІМ қ',
      'find.me@',
      '8 777 999',
      '+7 777 999',
    ])
      assert.deepEqual(await found(query), [body.id], query);
    for (const query of ['find-1', 'FIND-1_', '%', '_', 'йгер', 'shop.kz', '9990011'])
      assert.ok(!(await found(query)).includes(body.id), query);
    const exact = async (reference: string) =>
      (await call('GET', `?reference=${encodeURIComponent(reference)}`)).body.items.length;
    assert.deepEqual([await exact('FIND-1%_\\'), await exact('FIND-1')], [1, 0]);
    for (const bad of ['query=', 'query=%20', 'reference=', 'query=%00', 'q=1', 'limit=0', 'cursor=x'])
      assert.equal((await call('GET', `?${bad}`)).status, 400, bad);
  });

  test('goes through pages, newest first, while others are made', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.unshift((await made({ name: `Page ${i}` })).id);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await call('GET', `?query=page&limit=3${cursor}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      await made({ name: 'page, later' });
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    assert.deepEqual(seen, ids);
  });
});

describe('what a customer pays', () => {
  test('by card, wallet, link and session is theirs, with their refunds', async () => {
    const { id } = await made({ name: 'Payer' });
    const payer = createPayerTools(sandbox.deps);
    const card = await pay({ customerId: id.toUpperCase() });
    assert.deepEqual([card.status, card.body.customerId], [201, { Value: id }], card.text);
    const wallet = await sandbox.authorize({ customerId: id });
    assert.equal(wallet.status, 201, wallet.text);
    const walletId = wallet.body.walletTransactionId;
    await sandbox.call('POST', `/v1/wallet/${walletId}/capture`, { body: { amount: 5_000 } });
    await sandbox.call('POST', `/v1/wallet/${walletId}/refund`, { body: { amount: 2_000 } });
    for (const path of ['/v1/payment-links', '/v1/payment-sessions']) {
      const body = { amount: 700, currency: 'KZT', orderReference: 'L', customerId: id };
      const link = await sandbox.call('POST', path, { body });
      assert.deepEqual([link.status, link.body.customerId], [201, id], link.text);
      const paid = await payer.byWallet(link.body.id);
      assert.notEqual(paid.kind, 'waiting');
    }
    const { body } = await call('GET', `/${id}/transactions`);
    const shown = body.items.map((row: Record<string, unknown>) => [
      row.type,
      row.paymentMethod,
      row.customerId,
    ]);
    const theirs = { Value: id };
    assert.deepEqual(shown, [
      ...[
        ['payment', 'wallet', theirs],
        ['payment', 'wallet', theirs],
      ],
      ...[
        ['refund', 'wallet', theirs],
        ['payment', 'wallet', theirs],
        ['payment', 'card', theirs],
      ],
    ]);
    const filtered = await sandbox.call('GET', `/v1/transactions?customerId=${id}`);
    assert.deepEqual(filtered.body, body);
    const paged = await call('GET', `/${id}/transactions?limit=2`);
    const next = await call('GET', `/${id}/transactions?limit=3&cursor=${paged.body.nextCursor}`);
    assert.deepEqual([...paged.body.items, ...next.body.items], body.items);
    await sandbox.call('POST', `/v1/transactions/${card.body.id}/capture`, { body: { amount: 1_000 } });
    const totals = await call('GET', `/${id}/totals`);
    assert.deepEqual(totals.body, {
      items: [{ currency: 'KZT', payments: 2, spent: 6_000, refunded: 2_000 }],
      nextCursor: null,
    });
    const exported = await call('GET', `/${id}/export`);
    assert.deepEqual(exported.body.transactions.length, 5);
    assert.deepEqual(exported.body.paymentLinks.length, 2);
    assert.deepEqual(
      exported.body.cards.map(({ brand, last4 }: { brand: string; last4: string }) => [brand, last4]),
      [['visa', '4242']],
    );
    assert.deepEqual(exported.body.customer, (await call('GET', `/${id}`)).body);
    assert.ok(!exported.text.includes(CARD.number));
  });

  test('without a customer shows none: the holder of the wallet is nobody’s business', async () => {
    const { body } = await sandbox.authorize();
    const shown = await sandbox.call('GET', `/v1/transactions/${body.walletTransactionId}`);
    assert.equal(shown.body.customerId, null);
    const { rows } = await sandbox.pool.query('SELECT id FROM wallet_holder WHERE phone = $1', [
      CUSTOMER.phoneNumber,
    ]);
    const holder = rows[0].id;
    for (const path of [
      '/v1/transactions',
      '/v1/events',
      '/v1/wallet/transactions',
      '/v1/audit-log',
      '/v1/balances/KZT/statement',
    ])
      assert.ok(!(await sandbox.call('GET', path)).text.includes(holder), path);
    assert.ok(
      !(await sandbox.call('GET', `/v1/transactions/${shown.body.id}/postings`)).text.includes(holder),
    );
    const filtered = await sandbox.call('GET', `/v1/transactions?customerId=${holder}`);
    assert.deepEqual(filtered.body.items, []);
  });

  test('a payment that was made before merchants had customers shows what it was made with, and no holder', async () => {
    const card = (await pay()).body.id;
    const wallet = await sandbox.call(
      'GET',
      `/v1/transactions/${(await sandbox.authorize()).body.walletTransactionId}`,
    );
    await sandbox.pool.query('UPDATE transaction SET customer_id = $2 WHERE id = ANY($1)', [
      [card, wallet.body.id],
      UNKNOWN_ID,
    ]);
    const idOf = async (id: string) => (await sandbox.call('GET', `/v1/transactions/${id}`)).body.customerId;
    assert.deepEqual([await idOf(card), await idOf(wallet.body.id)], [{ Value: UNKNOWN_ID }, null]);
  });

  test('must be a customer of this merchant that is there', async () => {
    const other = await made({}, { apiKey: OTHER_KEY });
    const erased = await made();
    assert.equal((await call('DELETE', `/${erased.id}`)).status, 200);
    const link = (customerId: unknown): Promise<Reply> =>
      sandbox.call('POST', '/v1/payment-links', {
        body: { amount: 1, currency: 'KZT', orderReference: 'L', customerId },
      });
    for (const customerId of [UNKNOWN_ID, other.id, erased.id, 'C-1', '', `${other.id} `]) {
      assertRefused(await pay({ customerId }), 400, 'invalid_request', 'customerId');
      assertRefused(await sandbox.authorize({ customerId }), 400, 'invalid_request', 'customerId');
      assertRefused(await link(customerId), 400, 'invalid_request', 'customerId');
    }
    assert.equal((await link(null)).status, 201);
    await sandbox.assertInvariants();
  });

  test('on file is deleted with them: nobody can charge it any more', async () => {
    const { id } = await made({ name: 'Card Holder' });
    const paid = await pay({ customerId: id, recurring: { type: 'cof_initial' } });
    assert.equal(paid.status, 201, paid.text);
    const cards = await call('GET', `/${id}/cards`);
    assert.equal(cards.body.items.length, 1, cards.text);
    const before = (await call('GET', `/${id}/export`)).body;
    assert.deepEqual(
      before.cards.map((card: { id: string }) => card.id),
      [cards.body.items[0].id],
    );
    const consent = {
      ...{ cardId: cards.body.items[0].id, transactionId: paid.body.id, by: 'api', merchantInitiated: true },
      ...{ at: before.consents[0].at, until: null, withdrawnAt: null, deletedAt: null },
    };
    assert.deepEqual(before.consents, [consent]);
    assert.equal((await call('DELETE', `/${id}`)).status, 200);
    // What was agreed to, and until when, can still be proven.
    const [over] = (await call('GET', `/${id}/export`)).body.consents;
    assert.ok(over.withdrawnAt !== null && over.deletedAt !== null);
    assert.deepEqual({ ...over, withdrawnAt: null, deletedAt: null }, consent);
    const { rows } = await sandbox.pool.query(
      `SELECT (SELECT count(*)::int FROM card_on_file WHERE customer_id = $1 AND deleted_at IS NULL) AS cards,
         (SELECT count(*)::int FROM bank_token WHERE card_token_id = $2) AS tokens`,
      [id, cards.body.items[0].id],
    );
    assert.deepEqual(rows, [{ cards: 0, tokens: 0 }]);
    const charge = {
      customerId: id,
      initiator: 'merchant',
      cardTokenId: cards.body.items[0].id,
      card: undefined,
    };
    assert.ok((await pay(charge)).status >= 400);
  });

  test('a payment or link that was made is told again when its customer was erased since', async () => {
    const { id } = await made({ name: 'Gone soon' });
    const requests = [
      ['/v1/payments', { amount: 1_000, currency: 'KZT', orderReference: 'O', card: CARD, customerId: id }],
      [
        '/v1/wallet/authorize',
        { amount: 1, currency: 'KZT', orderReference: 'O', ...CUSTOMER, customerId: id },
      ],
      ['/v1/payment-links', { amount: 1, currency: 'KZT', orderReference: 'O', customerId: id }],
    ] as const;
    const send = () =>
      Promise.all(
        requests.map(([path, body]) => sandbox.call('POST', path, { body, idempotencyKey: `gone ${path}` })),
      );
    const first = await send();
    assert.deepEqual(
      first.map(({ status }) => status),
      [201, 201, 201],
    );
    assert.equal((await call('DELETE', `/${id}`)).status, 200);
    assert.deepEqual(
      (await send()).map(({ text }) => text),
      first.map(({ text }) => text),
    );
    const { body } = await call('GET', `/${id}/transactions`);
    assert.equal(body.items.length, 2);
  });
});
