/** A customer's data is erased: nothing of it is left anywhere, whatever goes on meanwhile, on any node. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { VISA } from '../support/cards.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { CUSTOMER, type Reply, request } from '../support/sandbox.ts';

let nodes: Nodes;
before(async () => {
  nodes = await startNodes(2);
});
after(async () => {
  await nodes.assertInvariants();
  await nodes.stop();
});

const urlOf = (node: number): string => nodes.processes[node]?.url ?? '';
const call = (
  node: number,
  method: string,
  path: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<Reply> =>
  request(urlOf(node), method, path, {
    ...(body === undefined ? {} : { body }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });

/** The tables that hold this text anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const { rows } = await nodes.pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const { rowCount } = await nodes.pool.query(
      `SELECT FROM "${name}" t WHERE strpos(t::text, $1) > 0 LIMIT 1`,
      [text],
    );
    if (rowCount !== 0) found.push(name);
  }
  return found;
}

/** What no place of the database may hold after an erasure. */
function personOf(mark: string): { body: Record<string, unknown>; needles: string[] } {
  const body = {
    ...{ reference: `REF-${mark}`, name: `Name ${mark}`, email: `Mail.${mark}@example.kz`, locale: 'kk' },
    ...{ phone: '+77019876543', metadata: { note: `Note ${mark}` } },
  };
  const texts = [body.reference, body.name, body.email, body.phone, body.metadata.note];
  return { body, needles: [...texts, ...texts.map((text) => text.toLowerCase())] };
}

async function assertGone(needles: readonly string[]): Promise<void> {
  for (const text of needles) assert.deepEqual(await tablesWith(text), [], text);
}

test('nothing is left of it in any table, and who repeats a request is told so', async () => {
  const { body, needles } = personOf('one');
  const created = await call(0, 'POST', '/v1/customers', body, 'made');
  assert.equal(created.status, 201, created.text);
  const path = `/v1/customers/${created.body.id}`;
  assert.deepEqual(await tablesWith('Name one'), ['idempotency_key', 'merchant_customer']);
  assert.equal((await call(1, 'PATCH', path, { locale: 'ru' }, 'changed')).status, 200);
  assert.equal((await call(0, 'PATCH', path, { locale: 'en' })).status, 200);
  assert.equal((await call(1, 'PATCH', path, { email: 'bad' }, 'refused')).status, 400);
  assert.equal(
    (await call(0, 'GET', `/v1/customers?query=${encodeURIComponent('Name one')}`)).body.items.length,
    1,
  );

  const erased = await call(1, 'DELETE', path, undefined, 'erased');
  assert.equal(erased.status, 200, erased.text);
  const { id, createdAt, updatedAt, erasedAt, ...rest } = erased.body;
  assert.deepEqual(rest, {
    reference: null,
    name: null,
    email: null,
    phone: null,
    locale: null,
    metadata: {},
  });
  assert.deepEqual([id, createdAt], [created.body.id, created.body.createdAt]);
  assert.ok(erasedAt !== null && updatedAt >= createdAt);
  await assertGone(needles);

  assert.deepEqual((await call(0, 'GET', path)).body, erased.body);
  for (const [method, to, given, key, status] of [
    ['POST', '/v1/customers', body, 'made', 201],
    ['PATCH', path, { locale: 'ru' }, 'changed', 200],
    ['DELETE', path, undefined, 'erased', 200],
    ['DELETE', path, undefined, 'again', 200],
  ] as const) {
    const reply = await call(0, method, to, given, key);
    assert.deepEqual([reply.status, reply.body], [status, erased.body], `${method} ${key}`);
  }
  const changed = await call(0, 'PATCH', path, { name: 'Back' }, 'late');
  assert.deepEqual([changed.status, changed.body.reason], [422, 'customer_erased']);
  assert.deepEqual((await call(0, 'GET', '/v1/customers')).body.items, []);
  const again = await call(1, 'POST', '/v1/customers', body);
  assert.equal(again.status, 201, 'its reference is free');
  await call(1, 'DELETE', `/v1/customers/${again.body.id}`);
  await assertGone(needles);
});

test('changes and erasures at the same time, on two nodes, leave nothing', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { body, needles } = personOf(`round${round}`);
    const { id } = (await call(0, 'POST', '/v1/customers', body, `made ${round}`)).body;
    const path = `/v1/customers/${id}`;
    const changes = Array.from({ length: 16 }, (_, i) =>
      call(i % 2, 'PATCH', path, { ...body, name: `Name round${round} ${i}` }, `change ${round} ${i}`),
    );
    const erasures = [call(0, 'DELETE', path, undefined, `erase ${round}`), call(1, 'DELETE', path)];
    const [changed, erased] = await Promise.all([Promise.all(changes), Promise.all(erasures)]);
    assert.deepEqual(
      erased.map(({ status }) => status),
      [200, 200],
    );
    assert.equal(erased[0]?.body.erasedAt, erased[1]?.body.erasedAt);
    for (const { status, body: answer } of changed)
      assert.ok(status === 200 || (status === 422 && answer.reason === 'customer_erased'), String(status));
    await assertGone(needles);
  }
});

test('payments under way go on, and those that come later are refused', async () => {
  const { id } = (await call(0, 'POST', '/v1/customers', personOf('payer').body)).body;
  const card = { number: VISA, expiryMonth: 12, expiryYear: 2040, cvc: '123' };
  const pay = (i: number): Promise<Reply> =>
    i % 3 === 0
      ? call(
          i % 2,
          'POST',
          '/v1/wallet/authorize',
          { amount: 1, currency: 'KZT', orderReference: `E-${i}`, ...CUSTOMER, customerId: id },
          `pay ${i}`,
        )
      : call(
          i % 2,
          'POST',
          '/v1/payments',
          { amount: 1, currency: 'KZT', orderReference: `E-${i}`, card, customerId: id },
          `pay ${i}`,
        );
  const first = [pay(0), pay(1), pay(2)];
  const replies = await Promise.all([
    ...first,
    ...Array.from({ length: 24 }, (_, i) =>
      i === 6 ? call(0, 'DELETE', `/v1/customers/${id}`) : pay(i + 3),
    ),
  ]);
  const paid = replies.filter(({ status }) => status === 201);
  const refused = replies.filter(({ status }) => status === 400);
  assert.equal(paid.length + refused.length, replies.length - 1, replies.map(({ text }) => text).join('\n'));
  for (const { body } of refused) assert.equal(body.details[0].path, 'customerId');
  const { body } = await call(1, 'GET', `/v1/customers/${id}/transactions?limit=100`);
  assert.equal(body.items.length, paid.length);
  assert.deepEqual(
    new Set(body.items.map((row: { customerId: unknown }) => JSON.stringify(row.customerId))),
    new Set([JSON.stringify({ Value: id })]),
  );
  const late = await pay(100);
  assert.deepEqual([late.status, late.body.details[0].path], [400, 'customerId']);
  const made = (await Promise.all(first)).map(({ status, text }, i) => ({ i, status, text }));
  for (const { i, text } of made.filter(({ status }) => status === 201))
    assert.equal((await pay(i)).text, text);
  await assertGone(personOf('payer').needles);
});
