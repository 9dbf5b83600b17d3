/** What a merchant has and what moved on it, over HTTP: balances and their statements. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createMerchant,
  createWallet,
  IIN,
  payOut,
  type TestMerchant,
  type TestWallet,
} from '../support/ledger.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let shop: TestMerchant;
let wallet: TestWallet;
before(async () => {
  sandbox = await startSandbox();
  shop = await createMerchant(sandbox.pool);
  wallet = await createWallet(sandbox.pool, { available: 100_000 });
});
after(() => sandbox?.stop());

interface Entry {
  readonly code: string;
  readonly change: number;
  readonly balance: number;
  readonly reference: string | null;
  readonly at: string;
}

const get = (path: string, apiKey = shop.apiKey): Promise<Reply> =>
  sandbox.call('GET', `/v1/balances${path}`, { apiKey });

async function pay(amount: number, orderReference: string): Promise<string> {
  const { phoneNumber, currency } = wallet;
  const { body } = await sandbox.authorize(
    { phoneNumber, iin: IIN, currency, amount, orderReference },
    { apiKey: shop.apiKey },
  );
  return `/v1/transactions/${body.walletTransactionId}`;
}

/** Fails unless the answer is this error, naming this field. */
function assertError({ status, body }: Reply, reason: string, path: string): void {
  const paths = body.details.map((detail: { readonly path: string }) => detail.path);
  assert.deepEqual([status, body.reason, body.source, paths], [400, reason, 'balances', [path]]);
}

const operate = (path: string, operation: string, amount: number): Promise<Reply> =>
  sandbox.call('POST', `${path}/${operation}`, { apiKey: shop.apiKey, body: { amount } });

test('nobody who was never paid has a balance; their statement is empty', async () => {
  assert.deepEqual((await get('')).body, { items: [], nextCursor: null });
  assert.deepEqual((await get('/KZT/statement')).body, {
    ...{ items: [], nextCursor: null, openingBalance: 0, closingBalance: 0, currency: 'KZT' },
  });
});

describe('a merchant that was paid', () => {
  /** Between the second capture and the refund. */
  let noon: string;

  before(async () => {
    const first = await pay(10_000, 'B-1');
    await pay(7, 'held');
    await operate(first, 'cancel', 1_000);
    await operate(first, 'capture', 8_000);
    await operate(await pay(500, 'B-2'), 'capture', 500);
    noon = new Date(Date.now() + 5).toISOString();
    await delay(50);
    await operate(first, 'refund', 3_000);
    await payOut(sandbox.pool, shop.id, 'KZT', 1_500n);
  });

  const LINES = [
    ['payout', -1_500, 4_000, null],
    ['refund', -3_000, 5_500, 'B-1'],
    ['capture', 500, 8_500, 'B-2'],
    ['capture', 8_000, 8_000, 'B-1'],
  ];
  const linesOf = (items: readonly Entry[]) =>
    items.map(({ code, change, balance, reference }) => [code, change, balance, reference]);

  test('has it by currency, without what is held for it', async () => {
    assert.deepEqual((await get('')).body, {
      items: [{ currency: 'KZT', balance: 4_000, held: 0, available: 4_000 }],
      nextCursor: null,
    });
  });

  test('has a statement of what moved, with the balance after each line', async () => {
    const { body } = await get('/KZT/statement');
    assert.deepEqual(linesOf(body.items), LINES);
    assert.deepEqual([body.openingBalance, body.closingBalance, body.nextCursor], [0, 4_000, null]);
  });

  test('has it page by page, whatever moves meanwhile', async () => {
    const lines: Entry[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await get(`/KZT/statement?limit=1${cursor}`);
      lines.push(...body.items);
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    assert.deepEqual(linesOf(lines), LINES);
  });

  test('has it of a period: balances at its ends, and what is between', async () => {
    const morning = (await get(`/KZT/statement?to=${noon}`)).body;
    assert.deepEqual(linesOf(morning.items), LINES.slice(2));
    assert.deepEqual([morning.openingBalance, morning.closingBalance], [0, 8_500]);
    const evening = (await get(`/KZT/statement?from=${noon}`)).body;
    assert.deepEqual(linesOf(evening.items), LINES.slice(0, 2));
    assert.deepEqual([evening.openingBalance, evening.closingBalance], [8_500, 4_000]);
    const before = (await get(`/KZT/statement?to=2020-01-01T00:00:00Z`)).body;
    assert.deepEqual([before.items, before.openingBalance, before.closingBalance], [[], 0, 0]);
    const { items } = evening;
    const at = items.at(-1).at;
    const one = (await get(`/KZT/statement?from=${at}&to=${new Date(Date.parse(at) + 1).toISOString()}`))
      .body;
    assert.deepEqual(linesOf(one.items), [LINES[1]], 'from is within, to is not');
  });

  test('is the only one who reads it', async () => {
    const other = await createMerchant(sandbox.pool);
    assert.deepEqual((await get('', other.apiKey)).body.items, []);
    assert.deepEqual((await get('/KZT/statement', other.apiKey)).body.items, []);
    const { body } = await get('/KZT/statement?limit=1');
    const stolen = await get(`/KZT/statement?limit=1&cursor=${body.nextCursor}`, other.apiKey);
    assertError(stolen, 'invalid_cursor', 'cursor');
    const moved = await get(`/KZT/statement?from=${noon}&limit=1&cursor=${body.nextCursor}`);
    assertError(moved, 'invalid_cursor', 'cursor');
  });

  test('is told what is wrong with a question', async () => {
    assertError(await get('/kzt/statement'), 'invalid_currency', 'currency');
    assertError(await get('/XXX/statement'), 'invalid_currency', 'currency');
    assertError(await get('/KZT/statement?from=yesterday'), 'invalid_request', 'from');
    assertError(await get(`/KZT/statement?from=${noon}&to=${noon}`), 'invalid_request', 'to');
    assertError(await get('/KZT/statement?limit=0'), 'invalid_limit', 'limit');
    assertError(await get('?limit=1'), 'unknown_field', 'limit');
  });
});
