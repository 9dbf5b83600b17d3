/** Lists: keyset paging while others insert, and the filters. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

const LIST = '/v1/wallet/transactions';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

interface Item {
  readonly walletTransactionId: string;
  readonly walletTransactionStatus: string;
  readonly orderReference: string;
}

async function page(
  query: Record<string, string>,
  apiKey?: string,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const options = apiKey === undefined ? {} : { apiKey };
  const { status, body, text } = await sandbox.call('GET', `${LIST}?${new URLSearchParams(query)}`, options);
  assert.equal(status, 200, text);
  return body;
}

/** All pages of a list; `between` runs before each further page. */
async function allOf(
  query: Record<string, string>,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Item[]> {
  const items: Item[] = [];
  let { items: more, nextCursor } = await page(query);
  for (items.push(...more); nextCursor !== null; items.push(...more)) {
    await between();
    ({ items: more, nextCursor } = await page({ ...query, cursor: nextCursor }));
    assert.ok(more.length > 0, 'no page after the first is empty');
  }
  return items;
}

const idsOf = (items: readonly Item[]): string[] => items.map((item) => item.walletTransactionId);

async function authorized(orderReference: string, body: Record<string, unknown> = {}): Promise<string> {
  const reply = await sandbox.authorize({ amount: 100, orderReference, ...body });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.walletTransactionId;
}

function operate(id: string, operation: string, amount: number): Promise<unknown> {
  return sandbox.call('POST', `/v1/wallet/${id}/${operation}`, { body: { amount } });
}

test('paging shows each row once, newest first, while others insert', async () => {
  const orderReference = 'PAGED';
  const before = await Promise.all(Array.from({ length: 25 }, () => authorized(orderReference)));
  const later: string[] = [];
  const insert = async (): Promise<void> => {
    later.push(...(await Promise.all([authorized(orderReference), authorized(orderReference)])));
  };
  const seen = idsOf(await allOf({ orderReference, limit: '4' }, insert));
  assert.deepEqual(seen, before.toSorted().toReversed());
  assert.equal(later.length, 12);
  assert.deepEqual(
    idsOf(await allOf({ orderReference, limit: '100' })),
    [...before, ...later].toSorted().toReversed(),
  );
});

test('paging shows what existed at its start, while a hundred insert without a pause', async () => {
  const orderReference = 'BUSY';
  const before = await Promise.all(Array.from({ length: 40 }, () => authorized(orderReference)));
  const inserting = Promise.all(Array.from({ length: 100 }, () => authorized(orderReference)));
  const seen = idsOf(await allOf({ orderReference, limit: '3' }));
  await inserting;
  assert.equal(new Set(seen).size, seen.length, 'no row twice');
  assert.deepEqual(seen, seen.toSorted().toReversed(), 'newest first');
  assert.deepEqual(
    before.filter((id) => !seen.includes(id)),
    [],
  );
});

test('nextCursor is null on the last page, also on a full one', async () => {
  const orderReference = 'FULL';
  for (let i = 0; i < 4; i += 1) await authorized(orderReference);
  const first = await page({ orderReference, limit: '2' });
  assert.equal(typeof first.nextCursor, 'string');
  const second = await page({ orderReference, limit: '2', cursor: first.nextCursor ?? '' });
  assert.deepEqual([second.items.length, second.nextCursor], [2, null]);
  assert.equal((await page({ orderReference, limit: '4' })).nextCursor, null);
  assert.deepEqual(await page({ orderReference: 'NOBODY' }), { items: [], nextCursor: null });
});

test('a page has 20 rows unless limit says otherwise', async () => {
  await Promise.all(Array.from({ length: 21 }, () => authorized('TWENTY')));
  assert.equal((await page({ orderReference: 'TWENTY' })).items.length, 20);
  assert.equal((await page({ orderReference: 'TWENTY', limit: '100' })).items.length, 21);
  const { items } = (await sandbox.call('GET', `${LIST}/?limit=1`)).body;
  assert.equal(items.length, 1, 'with a trailing slash, as in the specification');
});

test('each wallet status and each canonical one selects its rows', async () => {
  const orderReference = 'STATUS';
  const waiting = { phoneNumber: '+77010000004', iin: '950308400048' };
  const created = await authorized(orderReference, waiting);
  const held = await authorized(orderReference);
  const charged = await authorized(orderReference);
  const cancelled = await authorized(orderReference);
  const expired = await authorized(orderReference);
  const refunded = await authorized(orderReference);
  const rejected = await authorized(orderReference, {
    phoneNumber: '+77010000002',
    iin: '850520400027',
    amount: 501,
  });
  const failed = await authorized(orderReference, { phoneNumber: '+77010000006', iin: '990909400062' });
  await operate(charged, 'capture', 100);
  await operate(cancelled, 'cancel', 100);
  await operate(refunded, 'capture', 100);
  await operate(refunded, 'refund', 100);
  // Only this one's hold lapses; the sweep does the rest.
  const { rows } = await sandbox.pool.query(
    `UPDATE transaction SET expires_at = now(), due_at = now() WHERE order_reference = $1 AND status = 'authorized'
       AND id = (SELECT id FROM transaction WHERE order_reference = $1 AND status = 'authorized' ORDER BY id DESC LIMIT 1) RETURNING id`,
    [orderReference],
  );
  assert.equal(rows.length, 1);
  await until(async () => (await page({ orderReference, status: 'cancelled' })).items.length === 2);
  const expectations: Record<string, string[]> = {
    NEW: [created],
    PROCESSING: [held],
    SUCCESS: [charged, cancelled, refunded],
    FAILED: [rejected, failed, expired],
    created: [created],
    '3d': [],
    authorized: [held],
    charged: [charged],
    cancelled: [cancelled, expired],
    refunded: [refunded],
    rejected: [rejected],
    'transaction.failed': [failed],
    failed: [failed],
  };
  for (const [status, ids] of Object.entries(expectations)) {
    const items = await allOf({ orderReference, status, limit: '1' });
    assert.deepEqual(idsOf(items), ids.toSorted().toReversed(), status);
    if (/^[A-Z]+$/.test(status)) assert.ok(items.every((item) => item.walletTransactionStatus === status));
  }
});

test("another merchant's rows are never shown, and refunds are not payments", async () => {
  const orderReference = 'SHARED';
  const mine = await authorized(orderReference);
  await operate(mine, 'capture', 100);
  await operate(mine, 'refund', 50);
  const theirs = await sandbox.authorize({ orderReference }, { apiKey: OTHER_KEY });
  assert.deepEqual(idsOf((await page({ orderReference })).items), [mine]);
  assert.deepEqual(idsOf((await page({ orderReference }, OTHER_KEY)).items), [
    theirs.body.walletTransactionId,
  ]);
  const others = idsOf((await page({ limit: '100' }, OTHER_KEY)).items);
  assert.deepEqual(others, [theirs.body.walletTransactionId]);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'it did not happen within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
