/** Webhook endpoints as the API shows them: what they accept, whose they are, and what is never shown again. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createEndpoint } from '../support/webhooks.ts';

const PATH = '/v1/webhook-endpoints';
const URL_OK = 'http://127.0.0.1:9/hook';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

function create(body: unknown, idempotencyKey?: string): Promise<Reply> {
  return sandbox.call('POST', PATH, { body, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) });
}

describe('an endpoint', () => {
  test('shows its secret once, and not to whoever repeats the request', async () => {
    const first = await create({ url: URL_OK, description: 'Заказы', events: ['transaction.3d'] }, 'once');
    assert.equal(first.status, 201, first.text);
    assert.match(first.body.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const again = await create({ url: URL_OK, description: 'Заказы', events: ['transaction.3d'] }, 'once');
    assert.deepEqual(again.body, { ...first.body, secret: null });
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const { secret, ...shown } = first.body;
    assert.deepEqual((await sandbox.call('GET', `${PATH}/${shown.id}`)).body, shown);
    const list = await sandbox.call('GET', PATH);
    assert.deepEqual(list.body.items, [shown]);
    assert.ok(!list.text.includes(secret));
    const stored = await sandbox.pool.query('SELECT response FROM idempotency_key WHERE key = $1', ['once']);
    assert.ok(!stored.rows[0].response.includes(secret));
  });

  test('is changed in part, and lists in pages', async () => {
    const { id } = await createEndpoint(sandbox.call, URL_OK, { events: ['transaction.charged'] });
    const changed = await sandbox.call('PATCH', `${PATH}/${id}`, {
      body: { description: 'new', events: [] },
    });
    assert.deepEqual([changed.body.url, changed.body.description, changed.body.events], [URL_OK, 'new', []]);
    const page = await sandbox.call('GET', `${PATH}?limit=1`);
    assert.equal(page.body.items[0].id, id);
    const next = await sandbox.call('GET', `${PATH}?limit=1&cursor=${page.body.nextCursor}`);
    assert.deepEqual([next.body.items.length, next.body.nextCursor], [1, null]);
    assert.equal(
      (await sandbox.call('GET', `${PATH}/${id}/deliveries?cursor=${page.body.nextCursor}`)).status,
      400,
    );
  });

  test('is its merchant’s alone', async () => {
    const { id } = await createEndpoint(sandbox.call, URL_OK);
    const calls = [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ...['enable', 'disable', 'rotate-secret', 'test', 'replay'].map((action) => ['POST', `/${action}`]),
      ['GET', '/deliveries'],
      ['GET', '/deliveries/msg_00000000000000000000000000000000'],
      ['POST', '/deliveries/msg_00000000000000000000000000000000/resend'],
    ] as const;
    for (const [method = '', rest] of calls) {
      const body =
        method === 'PATCH'
          ? { events: [] }
          : rest === '/replay'
            ? { from: '2026-01-01T00:00:00Z' }
            : undefined;
      const options = { apiKey: OTHER_KEY, ...(body === undefined ? {} : { body }) };
      for (const theirs of [id, 'nonsense']) {
        const reply = await sandbox.call(method, `${PATH}/${theirs}${rest}`, options);
        assert.deepEqual(
          [reply.status, reply.body.reason],
          [404, 'webhook_endpoint_not_found'],
          `${method} ${rest}`,
        );
      }
    }
    assert.deepEqual((await sandbox.call('GET', PATH, { apiKey: OTHER_KEY })).body.items, []);
  });

  test('needs a scope of its own to be changed: whoever takes payments cannot send events elsewhere', async () => {
    const keyWith = async (scopes?: string[]): Promise<string> => {
      const body = { name: 'till', ...(scopes === undefined ? {} : { scopes }) };
      return (await operatorOf(sandbox)('POST', `/merchants/${DEMO_STORE}/api-keys`, body)).body.apiKey;
    };
    const { id } = await createEndpoint(sandbox.call, URL_OK);
    const writes = [
      ['POST', PATH, { url: URL_OK }],
      ['PATCH', `${PATH}/${id}`, { url: URL_OK }],
      ['POST', `${PATH}/${id}/rotate-secret`, undefined],
      ['POST', `${PATH}/${id}/disable`, undefined],
      ['POST', `${PATH}/${id}/enable`, undefined],
      ['DELETE', `${PATH}/${id}`, undefined],
    ] as const;
    for (const scopes of [['read'], ['read', 'write'], undefined]) {
      const apiKey = await keyWith(scopes);
      assert.equal((await sandbox.call('GET', PATH, { apiKey })).status, 200);
      for (const [method, path, body] of writes) {
        const reply = await sandbox.call(method, path, { apiKey, ...(body === undefined ? {} : { body }) });
        assert.deepEqual([reply.status, reply.body.reason], [403, 'insufficient_scope'], `${scopes} ${path}`);
      }
    }
    const apiKey = await keyWith(['webhooks']);
    for (const [method, path, body] of writes) {
      const reply = await sandbox.call(method, path, { apiKey, ...(body === undefined ? {} : { body }) });
      assert.ok(reply.status < 300, `${method} ${path} ${reply.text}`);
    }
    assert.equal((await sandbox.authorize({}, { apiKey })).status, 403, 'which takes no payments');
    assert.equal((await sandbox.call('GET', PATH, { apiKey })).status, 403, 'and reads nothing');
  });

  test('of an unknown delivery says so', async () => {
    const { id } = await createEndpoint(sandbox.call, URL_OK);
    for (const delivery of ['msg_00000000000000000000000000000000', 'nonsense']) {
      const reply = await sandbox.call('GET', `${PATH}/${id}/deliveries/${delivery}`);
      assert.deepEqual([reply.status, reply.body.reason], [404, 'webhook_delivery_not_found']);
    }
  });

  test('fifty of them are enough', async () => {
    const replies: Reply[] = [];
    for (let i = 0; i < 51; i += 1)
      replies.push(await sandbox.call('POST', PATH, { apiKey: OTHER_KEY, body: { url: URL_OK } }));
    assert.deepEqual(
      replies.slice(49).map(({ status, body }) => [status, body.reason]),
      [
        [201, undefined],
        [422, 'too_many_webhook_endpoints'],
      ],
    );
  });
});

describe('a 400 names the field', () => {
  const cases: [string, unknown][] = [
    ['url', { url: 'not a url' }],
    ['url', { url: 'ftp://shop.example/hook' }],
    ['url', { url: 'https://user:secret@shop.example/hook' }],
    ['url', { url: 'https://shop.example/hook#part' }],
    ['url', { url: 'https://shop.example:0/hook' }],
    ['url', { url: 'https://10.0.0.1/hook' }],
    ['url', { url: 'https://[::ffff:169.254.169.254]/hook' }],
    ['url', { url: 'http://2852039166/latest' }],
    ['url', { url: `https://shop.example/${'x'.repeat(2048)}` }],
    ['url', {}],
    ['events.0', { url: URL_OK, events: ['transaction.unknown'] }],
    ['events.1', { url: URL_OK, events: ['transaction.charged', 'transaction.partially_refunded'] }],
    ['events', { url: URL_OK, events: ['transaction.charged', 'transaction.charged'] }],
    ['bearerToken', { url: URL_OK, bearerToken: 'two words' }],
    ['bearerToken', { url: URL_OK, bearerToken: 'line\nbreak' }],
    ['bearerToken', { url: URL_OK, bearerToken: '' }],
    ['description', { url: URL_OK, description: 'a\u0000b' }],
    ['secret', { url: URL_OK, secret: 'whsec_mine' }],
  ];
  for (const [path, body] of cases) {
    test(`${path} of ${JSON.stringify(body).slice(0, 80)}`, async () => {
      const reply = await create(body);
      assert.deepEqual([reply.status, reply.body.details[0]?.path], [400, path], reply.text);
    });
  }
});

test('events are listed newest first, by name, transaction and time, a page at a time', async () => {
  const payment = await sandbox.authorize();
  await sandbox.authorize();
  const list = async (query: string) => (await sandbox.call('GET', `/v1/events${query}`)).body;
  const all = await list('');
  assert.deepEqual(
    all.items.map((event: { name: string }) => event.name),
    Array(2).fill(['transaction.authorized', 'transaction.created']).flat(),
  );
  assert.equal(all.nextCursor, null);
  let [cursor, paged]: [string | null, unknown[]] = ['', []];
  while (cursor !== null) {
    const page: { items: unknown[]; nextCursor: string | null } = await list(
      `?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    paged = [...paged, ...page.items];
    cursor = page.nextCursor;
  }
  assert.deepEqual(paged, all.items);
  const own = await list(`?transactionId=${payment.body.walletTransactionId}&event=transaction.created`);
  assert.deepEqual(own.items, [all.items[3]]);
  const { createdAt } = all.items[3];
  assert.deepEqual((await list(`?createdTo=${createdAt}`)).items, all.items.slice(2));
  assert.deepEqual((await list('?createdFrom=2099-01-01T00:00:00Z')).items, []);
  assert.deepEqual((await list('?createdTo=2020-01-01T00:00:00Z')).items, []);
  const others = await sandbox.call('GET', '/v1/events', { apiKey: OTHER_KEY });
  assert.deepEqual(others.body.items, []);
  const foreign = `/v1/events?transactionId=${payment.body.walletTransactionId}`;
  assert.deepEqual((await sandbox.call('GET', foreign, { apiKey: OTHER_KEY })).body.items, []);
});
