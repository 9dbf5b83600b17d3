/** Stores and terminals: made by operators, named by payments, and nobody else's. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pay, VISA } from '../support/cards.ts';
import {
  assertError,
  DEMO_STORE,
  type Operate,
  OTHER_STORE,
  operatorOf,
  UNKNOWN_ID,
} from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const SEEDED_STORE = '01900000-0000-7000-8000-e00000000001';
const SEEDED_TERMINAL = '01900000-0000-7000-8000-f00000000001';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

async function make(merchant: string, noun: 'stores' | 'terminals', body: unknown): Promise<string> {
  const reply = await operate('POST', `/merchants/${merchant}/${noun}`, body);
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}

test('are made once for one Idempotency-Key, and listed in pages, newest first', async () => {
  const path = `/merchants/${OTHER_STORE}/stores`;
  const first = await operate('POST', path, { name: 'First' }, 'store-1');
  const again = await operate('POST', path, { name: 'First' }, 'store-1');
  assert.deepEqual([again.status, again.text], [201, first.text]);
  const { id, merchantId, name } = first.body;
  assert.deepEqual([merchantId, name], [OTHER_STORE, 'First']);
  const second = await make(OTHER_STORE, 'stores', { name: 'Second' });
  const page = (await operate('GET', `${path}?limit=1`)).body;
  assert.deepEqual([page.items.length, page.items[0].id], [1, second]);
  const next = (await operate('GET', `${path}?limit=1&cursor=${page.nextCursor}`)).body;
  assert.deepEqual([next.items[0].id, next.nextCursor], [id, null]);
  const till = await make(OTHER_STORE, 'terminals', { name: 'Till', storeId: id });
  const { items } = (await operate('GET', `/merchants/${OTHER_STORE}/terminals`)).body;
  assert.deepEqual(
    items.map((item: Record<string, unknown>) => [item.id, item.storeId]),
    [[till, id]],
  );
});

test('what cannot be is refused', async () => {
  const stores = `/merchants/${DEMO_STORE}/stores`;
  assertError(await operate('POST', stores, { name: '' }), 400, 'invalid_request', 'name');
  assertError(await operate('POST', stores, {}), 400, 'missing_field', 'name');
  assertError(
    await operate('POST', `/merchants/${UNKNOWN_ID}/stores`, { name: 'x' }),
    404,
    'merchant_not_found',
  );
  assertError(await operate('GET', `/merchants/${UNKNOWN_ID}/terminals`), 404, 'merchant_not_found');
  // A store of another merchant is none.
  const body = { name: 'Till', storeId: SEEDED_STORE };
  const other = await operate('POST', `/merchants/${OTHER_STORE}/terminals`, body);
  assertError(other, 400, 'invalid_request', 'storeId');
});

test('a merchant lists its own, in pages, and no other’s', async () => {
  const theirs = await make(OTHER_STORE, 'stores', { name: 'Not ours' });
  await make(OTHER_STORE, 'terminals', { name: 'Not ours', storeId: theirs });
  const mine = await make(DEMO_STORE, 'stores', { name: 'Newer' });
  const till = await make(DEMO_STORE, 'terminals', { name: 'Newer', storeId: mine });
  const list = async (path: string) => (await sandbox.call('GET', path)).body;
  for (const [noun, ids] of [
    ['stores', [mine, SEEDED_STORE]],
    ['terminals', [till, SEEDED_TERMINAL]],
  ] as const) {
    const { items, nextCursor } = await list(`/v1/${noun}`);
    assert.deepEqual(
      items.map(({ id, merchantId }: Record<string, string>) => [id, merchantId]),
      ids.map((id) => [id, DEMO_STORE]),
    );
    assert.equal(nextCursor, null);
    const first = await list(`/v1/${noun}?limit=1`);
    const second = await list(`/v1/${noun}?limit=1&cursor=${first.nextCursor}`);
    assert.deepEqual([first.items[0].id, second.items[0].id, second.nextCursor], [...ids, null]);
    const page = await operate('GET', `/merchants/${OTHER_STORE}/${noun}?limit=1`);
    const stolen = await sandbox.call('GET', `/v1/${noun}?cursor=${page.body.nextCursor}`);
    assert.equal(stolen.status, 400, stolen.text);
  }
});

test('a payment names its store and terminal, and is found by them', async () => {
  const places = { storeId: SEEDED_STORE, terminalId: SEEDED_TERMINAL };
  const { status, body, text } = await pay(sandbox.call, VISA, places);
  assert.deepEqual([status, body.storeId, body.terminalId], [201, SEEDED_STORE, SEEDED_TERMINAL], text);
  for (const query of [`storeId=${SEEDED_STORE}`, `terminalId=${SEEDED_TERMINAL}`]) {
    const { items } = (await sandbox.call('GET', `/v1/transactions?${query}`)).body;
    assert.deepEqual([items.length, items[0].id], [1, body.id]);
  }
});

test('another merchant’s, an unknown one, and a terminal of another store are refused', async () => {
  const storeId = await make(OTHER_STORE, 'stores', { name: 'Theirs' });
  const terminalId = await make(OTHER_STORE, 'terminals', { name: 'Theirs', storeId });
  const second = await make(DEMO_STORE, 'stores', { name: 'Second' });
  for (const [body, path] of [
    [{ storeId }, 'storeId'],
    [{ storeId: UNKNOWN_ID }, 'storeId'],
    [{ terminalId }, 'terminalId'],
    [{ terminalId: UNKNOWN_ID }, 'terminalId'],
    [{ storeId: second, terminalId: SEEDED_TERMINAL }, 'terminalId'],
  ] as const) {
    const reply = await pay(sandbox.call, VISA, body);
    assert.deepEqual([reply.status, reply.body.details[0].path], [400, path], reply.text);
  }
});
