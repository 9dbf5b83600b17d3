/** Acquirers as operators set them up, over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { PLAIN_ACQUIRER } from '../../src/sandbox/fixtures.ts';
import { cardOf, operate, pay, stored, VISA } from '../support/cards.ts';
import { besideNode } from '../support/olderNode.ts';
import { assertError, DEMO_STORE, type Operate, operatorOf, UNKNOWN_ID } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const NEW = { url: 'http://127.0.0.1:1', secret: 'a secret of the bank' };

let sandbox: Sandbox;
let operator: Operate;
before(async () => {
  sandbox = await startSandbox();
  operator = operatorOf(sandbox);
});
after(() => sandbox.stop());

async function acquirerOf(id: string): Promise<string> {
  const { rows } = await sandbox.pool.query('SELECT acquirer_id AS id FROM transaction WHERE id = $1', [id]);
  return rows[0].id;
}

/** Leads payments of this kind to the plain bank, and all others where they went before. */
async function routeToPlain(fit: Record<string, unknown>): Promise<void> {
  const routes = [{ ...fit, acquirerId: PLAIN_ACQUIRER.id }];
  assert.equal((await operator('PUT', '/acquirer-routes', { routes })).status, 200);
}

/** Set up, and nothing has happened there. */
const IDLE = {
  ...{ isSetUp: true, problem: null, pendingOperations: 0, balances: [] },
  credentialNames: ['merchantId', 'secret'],
};

test('a sandbox has two, of which one can do less', async () => {
  const { status, body } = await operator('GET', '/acquirers');
  assert.equal(status, 200);
  assert.deepEqual(
    body.items.map(({ createdAt: _at, ...item }: { createdAt: string }) => item),
    [
      {
        ...{ id: DEFAULT_ACQUIRER_ID, name: 'default', connector: 'http', url: null },
        capabilities: [
          ...['partial_capture', 'several_captures', 'partial_reversal', 'tokens', 'merchant_initiated'],
        ],
        ...{ takesPayments: true, isDefault: true, ...IDLE },
      },
      {
        ...{ id: PLAIN_ACQUIRER.id, name: 'plain', connector: 'http', url: null },
        capabilities: ['tokens', 'merchant_initiated', 'notifications'],
        ...{ takesPayments: true, isDefault: false, ...IDLE },
      },
    ],
  );
});

describe('a payment', () => {
  after(() => operator('PUT', '/acquirer-routes', { routes: [] }));

  test('goes to the default without a route, and where the first route that fits leads', async () => {
    await operator('PUT', '/acquirer-routes', { routes: [] });
    assert.equal(await acquirerOf((await pay(sandbox.call, VISA)).body.id), DEFAULT_ACQUIRER_ID);
    await routeToPlain({ cardBrand: 'mastercard', currency: 'KZT', merchantId: DEMO_STORE });
    const mastercard = '5555555555554444';
    assert.equal(await acquirerOf((await pay(sandbox.call, mastercard)).body.id), PLAIN_ACQUIRER.id);
    assert.equal(await acquirerOf((await pay(sandbox.call, VISA)).body.id), DEFAULT_ACQUIRER_ID);
    const dollars = await pay(sandbox.call, mastercard, { currency: 'USD' });
    assert.equal(await acquirerOf(dollars.body.id), DEFAULT_ACQUIRER_ID);
    const other = await pay(sandbox.call, mastercard, {}, { apiKey: 'pr_test_other' });
    assert.equal(await acquirerOf(other.body.id), DEFAULT_ACQUIRER_ID);
  });

  test('is captured and refunded where it was authorized, whatever the routes say then', async () => {
    await routeToPlain({});
    const { body } = await pay(sandbox.call, VISA);
    await operator('PUT', '/acquirer-routes', { routes: [] });
    assert.equal((await operate(sandbox.call, body.id, 'capture')).status, 200);
    const refund = await operate(sandbox.call, body.id, 'refund', 4_000);
    assert.equal(refund.status, 200);
    const { rows } = await sandbox.pool.query(
      'SELECT DISTINCT acquirer_id AS id FROM bank_operation WHERE payment_id = $1',
      [body.id],
    );
    assert.deepEqual(rows, [{ id: PLAIN_ACQUIRER.id }]);
    assert.equal(await acquirerOf(refund.body.id), PLAIN_ACQUIRER.id);
  });

  test('of a wallet has none, and neither had those of the version before', async () => {
    const { body } = await sandbox.authorize();
    const { rows } = await sandbox.pool.query('SELECT acquirer_id FROM transaction WHERE id = $1', [
      body.transactionId ??
        (
          await sandbox.pool.query(
            `SELECT id FROM transaction WHERE payment_method = 'wallet' ORDER BY id DESC LIMIT 1`,
          )
        ).rows[0].id,
    ]);
    assert.deepEqual(rows, [{ acquirer_id: null }]);
  });

  test('is refused what its acquirer cannot do, before that is asked', async () => {
    await routeToPlain({});
    const { body } = await pay(sandbox.call, VISA);
    for (const [operation, reason] of [
      ['capture', 'partial_capture_not_supported'],
      ['cancel', 'partial_cancel_not_supported'],
    ] as const) {
      const refused = await operate(sandbox.call, body.id, operation, 4_000);
      assert.deepEqual([refused.status, refused.body.reason], [422, reason]);
    }
    const { rows } = await sandbox.pool.query(
      'SELECT count(*)::int AS n FROM bank_operation WHERE payment_id = $1',
      [body.id],
    );
    assert.deepEqual(rows, [{ n: 1 }]);
    assert.equal((await operate(sandbox.call, body.id, 'capture', 10_000)).status, 200);
  });

  test('by a saved card goes to an acquirer that knows the card; its tokens are kept by acquirer', async () => {
    await operator('PUT', '/acquirer-routes', { routes: [] });
    const card = { card: { ...cardOf('4111111111111111'), expiryYear: 2031 } };
    const first = await pay(sandbox.call, VISA, card);
    const cardTokenId = first.body.cardTokenId.Value ?? first.body.cardTokenId;
    await routeToPlain({});
    // The plain bank has never seen it; the default, which comes after it, has.
    const again = await pay(sandbox.call, VISA, { card: undefined, cardTokenId });
    assert.deepEqual([again.status, await acquirerOf(again.body.id)], [201, DEFAULT_ACQUIRER_ID], again.text);
    await pay(sandbox.call, VISA, card);
    const third = await pay(sandbox.call, VISA, { card: undefined, cardTokenId });
    assert.deepEqual([third.status, await acquirerOf(third.body.id)], [201, PLAIN_ACQUIRER.id], third.text);
    assert.equal((await stored(sandbox.pool, third.body.id)).status, 'authorized');
    const { rows } = await sandbox.pool.query(
      `SELECT c.sealed_bank_token AS first, b.sealed AS second FROM card_token c JOIN bank_token b ON b.card_token_id = c.id
       WHERE c.id = $1`,
      [cardTokenId],
    );
    assert.ok(rows[0].first !== null && rows[0].second !== null && rows[0].first !== rows[0].second);
    assert.doesNotMatch(rows[0].second, /card_/);
  });

  test('by a card that only an acquirer beside the routes knows goes there, as long as that takes payments', async () => {
    await routeToPlain({});
    const { body } = await pay(sandbox.call, '5105105105105100');
    await operator('PUT', '/acquirer-routes', { routes: [] });
    const saved = { card: undefined, cardTokenId: body.cardTokenId.Value ?? body.cardTokenId };
    const again = await pay(sandbox.call, VISA, saved);
    assert.deepEqual([again.status, await acquirerOf(again.body.id)], [201, PLAIN_ACQUIRER.id], again.text);
    const path = `/acquirers/${PLAIN_ACQUIRER.id}`;
    assert.equal((await operator('PATCH', path, { takesPayments: false })).status, 200);
    try {
      const refused = await pay(sandbox.call, VISA, saved);
      assert.deepEqual([refused.status, refused.body.reason], [400, 'invalid_card']);
    } finally {
      assert.equal((await operator('PATCH', path, { takesPayments: true })).status, 200);
    }
  });

  test('by a saved card is refused where nobody may charge it again', async () => {
    await operator('PUT', '/acquirer-routes', { routes: [] });
    const first = await pay(sandbox.call, VISA);
    const cardTokenId = first.body.cardTokenId.Value ?? first.body.cardTokenId;
    const path = `/acquirers/${DEFAULT_ACQUIRER_ID}`;
    const { body } = await operator('GET', '/acquirers');
    const { capabilities } = body.items[0];
    const without = (missing: string): string[] => capabilities.filter((one: string) => one !== missing);
    const saved = { card: undefined, cardTokenId };
    try {
      await operator('PATCH', path, { capabilities: without('merchant_initiated') });
      const recurring = await pay(sandbox.call, VISA, { ...saved, recurringType: 'subscription' });
      assert.deepEqual([recurring.status, recurring.body.reason], [422, 'merchant_initiated_not_supported']);
      assert.equal((await pay(sandbox.call, VISA, saved)).status, 201);
      await operator('PATCH', path, { capabilities: without('tokens') });
      const refused = await pay(sandbox.call, VISA, saved);
      assert.deepEqual([refused.status, refused.body.reason], [422, 'saved_card_not_supported']);
    } finally {
      assert.equal((await operator('PATCH', path, { capabilities })).status, 200);
    }
  });

  test('goes to none that takes no payments, and to nobody where none does', async () => {
    await routeToPlain({});
    const paused = async (id: string, takesPayments: boolean): Promise<void> => {
      assert.equal((await operator('PATCH', `/acquirers/${id}`, { takesPayments })).status, 200);
    };
    await paused(PLAIN_ACQUIRER.id, false);
    try {
      assert.equal(await acquirerOf((await pay(sandbox.call, VISA)).body.id), DEFAULT_ACQUIRER_ID);
      await paused(DEFAULT_ACQUIRER_ID, false);
      const nobody = await pay(sandbox.call, VISA);
      assert.deepEqual([nobody.status, nobody.body.reason], [503, 'service_unavailable']);
      assert.match(nobody.body.message, /not set up/);
    } finally {
      for (const id of [PLAIN_ACQUIRER.id, DEFAULT_ACQUIRER_ID]) await paused(id, true);
    }
  });
});

describe('setting one up', () => {
  test('keeps its secret encrypted, and shows it to nobody', async () => {
    const key = crypto.randomUUID();
    const created = await operator('POST', '/acquirers', { name: 'Secretive', ...NEW }, key);
    assert.equal(created.status, 201, created.text);
    const { id } = created.body;
    const changed = await operator('PATCH', `/acquirers/${id}`, { secret: 'another secret of the bank' });
    assert.equal(changed.status, 200);
    const replayed = await operator('POST', '/acquirers', { name: 'Secretive', ...NEW }, key);
    assert.deepEqual([replayed.status, replayed.text], [201, created.text]);
    const tables = await sandbox.pool.query(
      `SELECT (SELECT string_agg(a::text, '') FROM acquirer a) AS acquirers, (SELECT string_agg(l::text, '') FROM audit_log l) AS log,
         (SELECT string_agg(k::text, '') FROM idempotency_key k) AS keys`,
    );
    const told = [created.text, changed.text, (await operator('GET', '/acquirers')).text, ...sandbox.log];
    for (const text of [...told, ...Object.values(tables.rows[0])])
      assert.doesNotMatch(String(text), /secret of the bank/);
    const log = await operator('GET', '/audit-log?limit=2');
    assert.deepEqual(
      log.body.items.map(({ action, object }: { action: string; object: object }) => [action, object]),
      [
        ['acquirer.update', { kind: 'acquirer', id }],
        ['acquirer.create', { kind: 'acquirer', id }],
      ],
    );
  });

  for (const [name, patch, status, reason, path] of [
    ['a name that another one has', { name: 'plain' }, 409, 'already_exists', 'name'],
    ['a connector that there is not', { connector: 'swift' }, 400, 'invalid_request', 'connector'],
    ['an address that is none', { url: 'ftp://bank.example' }, 400, 'invalid_request', 'url'],
    ['an address with a slash at its end', { url: 'https://bank.example/' }, 400, 'invalid_request', 'url'],
    ['an address with a query', { url: 'https://bank.example/?a=1' }, 400, 'invalid_request', 'url'],
    ['a capability that there is not', { capabilities: ['magic'] }, 400, 'invalid_request', 'capabilities.0'],
    ['an empty secret', { secret: '' }, 400, 'invalid_request', 'secret'],
    ['an empty name', { name: '' }, 400, 'invalid_request', 'name'],
    ['a field that there is not', { color: 'red' }, 400, 'unknown_field', 'color'],
  ] as const)
    test(`refuses ${name}`, async () => {
      const reply = await operator('POST', '/acquirers', { name: 'New', ...NEW, ...patch });
      assertError(reply, status, reason, path);
    });

  test('refuses to change what there is not, or to what does not go together', async () => {
    assertError(
      await operator('PATCH', `/acquirers/${UNKNOWN_ID}`, { name: 'x' }),
      404,
      'acquirer_not_found',
    );
    const plain = `/acquirers/${PLAIN_ACQUIRER.id}`;
    assertError(await operator('PATCH', plain, { url: NEW.url }), 400, 'invalid_request', 'secret');
    assertError(await operator('PATCH', plain, { secret: NEW.secret }), 400, 'invalid_request', 'url');
    assertError(await operator('PATCH', plain, { name: 'default' }), 409, 'already_exists', 'name');
  });

  test('refuses routes to nowhere, naming each, and changes none', async () => {
    const before = (await operator('GET', '/acquirer-routes')).text;
    const reply = await operator('PUT', '/acquirer-routes', {
      routes: [
        { acquirerId: UNKNOWN_ID },
        { acquirerId: DEFAULT_ACQUIRER_ID, merchantId: UNKNOWN_ID },
        { acquirerId: DEFAULT_ACQUIRER_ID },
      ],
    });
    assertError(reply, 400, 'invalid_request', 'routes.0.acquirerId');
    assertError(reply, 400, 'invalid_request', 'routes.1.merchantId');
    const spelt = await operator('PUT', '/acquirer-routes', {
      routes: [{ acquirerId: 'x', currency: 'kzt', merchantId: 'y' }],
    });
    for (const path of ['acquirerId', 'currency', 'merchantId'])
      assertError(spelt, 400, 'invalid_request', `routes.0.${path}`);
    assert.equal((await operator('GET', '/acquirer-routes')).text, before);
  });

  test('may be done by operators alone', async () => {
    for (const [method, path] of [
      ['GET', '/v1/admin/acquirers'],
      ['POST', '/v1/admin/acquirers'],
      ['PUT', '/v1/admin/acquirer-routes'],
    ] as const)
      assert.equal(
        (await sandbox.call(method, path, { body: method === 'GET' ? undefined : {} })).status,
        403,
      );
  });
});

describe('the credentials of a merchant', () => {
  const path = `/merchants/${DEMO_STORE}/acquirer-credentials`;
  const at = `${path}/${PLAIN_ACQUIRER.id}`;
  after(() => operator('PUT', '/acquirer-routes', { routes: [] }));

  test('are what the acquirer is asked with, and shown to nobody', async () => {
    await routeToPlain({});
    const credentials = { merchantId: 'MID-100045' };
    const set = await operator('PUT', at, { credentials });
    assert.deepEqual([set.status, set.body.names], [200, ['merchantId']]);
    const { body } = await pay(sandbox.call, VISA);
    const { rows } = await sandbox.pool.query(
      'SELECT merchant_id FROM plain_bank.authorizations WHERE id = $1',
      [body.id],
    );
    assert.deepEqual(rows, [{ merchant_id: 'MID-100045' }]);
    const kept = await operator('GET', path);
    assert.deepEqual(kept.body.items, [{ ...set.body, acquirerId: PLAIN_ACQUIRER.id }]);
    const table = await sandbox.pool.query('SELECT string_agg(c::text, $1) AS text FROM bank_credentials c', [
      '',
    ]);
    const log = await operator('GET', '/audit-log?action=acquirer.set_credentials');
    for (const text of [table.rows[0].text, log.text, kept.text]) assert.doesNotMatch(text, /MID-/);
    // A wrong secret of the merchant's: the bank knows nobody by it, and the payment waits.
    await operator('PUT', at, { credentials: { secret: 'wrong' } });
    const refused = await pay(sandbox.call, VISA, {}, { idempotencyKey: crypto.randomUUID() });
    assert.equal(refused.body.status, 'created');
    const none = await operator('PUT', at, { credentials: {} });
    assert.deepEqual([none.body.names, none.body.updatedAt], [[], null]);
    await sandbox.pool.query('UPDATE bank_operation SET next_attempt_at = clock_timestamp() WHERE id = $1', [
      refused.body.id,
    ]);
    assert.deepEqual((await operator('GET', path)).body.items, []);
  });

  test('are refused where the connector does not know them', async () => {
    assertError(
      await operator('PUT', at, { credentials: { color: 'red' } }),
      ...([400, 'unknown_field', 'credentials.color'] as const),
    );
    const unknown = `${path}/${UNKNOWN_ID}`;
    assertError(await operator('PUT', unknown, { credentials: {} }), 404, 'acquirer_not_found');
    const nobody = `/merchants/${UNKNOWN_ID}/acquirer-credentials`;
    assertError(await operator('GET', nobody), 404, 'merchant_not_found');
  });
});

test('beside nodes of an earlier version nothing goes to a second acquirer, and no credentials change', async () => {
  const at = `/merchants/${DEMO_STORE}/acquirer-credentials/${PLAIN_ACQUIRER.id}`;
  const toPlain = { routes: [{ acquirerId: PLAIN_ACQUIRER.id }] };
  await besideNode(sandbox.databaseUrl, 'listen', async () => {
    const before = (await operator('GET', '/acquirer-routes')).text;
    assertError(await operator('PUT', '/acquirer-routes', toPlain), 409, 'older_nodes_running');
    assertError(await operator('PUT', at, { credentials: { secret: 's' } }), 409, 'older_nodes_running');
    assert.equal((await operator('GET', '/acquirer-routes')).text, before);
    // Back to the default everything may go, whoever runs.
    const toDefault = { routes: [{ acquirerId: DEFAULT_ACQUIRER_ID }] };
    assert.equal((await operator('PUT', '/acquirer-routes', toDefault)).status, 200);
  });
  // Those of an earlier version that know several acquirers do no harm, nor do those of a later one.
  for (const name of ['listen 1', 'listen 9'] as const)
    await besideNode(sandbox.databaseUrl, name, async () => {
      assert.equal((await operator('PUT', '/acquirer-routes', toPlain)).status, 200, name);
    });
});

test('an acquirer says what it owes, and how much it was asked and has not answered', async () => {
  assert.equal((await sandbox.call('POST', '/v1/sandbox/reset')).status, 200);
  await routeToPlain({});
  const paid = await Promise.all([pay(sandbox.call, VISA), pay(sandbox.call, VISA, { currency: 'USD' })]);
  for (const { body } of paid) assert.equal((await operate(sandbox.call, body.id, 'capture')).status, 200);
  assert.equal((await operate(sandbox.call, paid[0].body.id, 'refund', 2_500)).status, 200);
  const stuck = (await pay(sandbox.call, VISA)).body.id;
  await sandbox.pool.query(
    `UPDATE bank_operation SET next_attempt_at = clock_timestamp() + interval '1 minute' WHERE id = $1`,
    [stuck],
  );
  const { body } = await operator('GET', '/acquirers');
  const [first, plain] = body.items;
  assert.deepEqual([first.pendingOperations, first.balances], [0, []]);
  const owed = [
    { currency: 'KZT', balance: -7_500 },
    { currency: 'USD', balance: -10_000 },
  ];
  assert.deepEqual([plain.pendingOperations, plain.balances], [1, owed]);
  const patched = await operator('PATCH', `/acquirers/${PLAIN_ACQUIRER.id}`, { name: 'plainer' });
  assert.deepEqual([patched.body.pendingOperations, patched.body.balances], [1, owed]);
  await sandbox.pool.query('UPDATE bank_operation SET next_attempt_at = NULL WHERE id = $1', [stuck]);
});

test('a reset goes back to the two', async () => {
  const created = await operator('POST', '/acquirers', { name: 'Passing', ...NEW });
  assert.equal(created.status, 201);
  assert.equal((await sandbox.call('POST', '/v1/sandbox/reset')).status, 200);
  const { body } = await operator('GET', '/acquirers');
  assert.deepEqual(
    body.items.map(({ name }: { name: string }) => name),
    ['default', 'plain'],
  );
  assert.equal((await operator('GET', '/acquirer-routes')).body.routes.length, 2);
  assert.equal((await pay(sandbox.call, VISA)).status, 201);
});
