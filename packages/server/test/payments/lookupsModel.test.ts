/** Every filter, alone and with others, against a model that looks at each row: the same rows, in the same order. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { STATUSES, type Status, type WalletStatus, walletStatusOf } from '../../src/core/lifecycle.ts';
import { type TransactionId, walletTransactionIdOf } from '../../src/core/values/ids.ts';
import { createMerchants, createWallets, type TestMerchant } from '../support/ledger.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

/** More than `MAX_CANDIDATES`, so that frequent values take the other way through the search. */
const ROWS = 6_000;
const START = Date.parse('2025-04-01T00:00:00Z');
const SPACING_MS = 60_000;

interface Row {
  readonly id: TransactionId;
  readonly merchantId: string;
  readonly type: 'payment' | 'refund';
  readonly paymentMethod: 'wallet' | 'card';
  readonly status: Status;
  readonly statusReason: string | null;
  readonly currency: string;
  readonly amount: number;
  readonly orderReference: string;
  readonly customerId: string | null;
  readonly walletId: string | null;
  readonly storeId: string | null;
  readonly terminalId: string | null;
  readonly parentTransactionId: string | null;
  readonly paymentLinkId: string | null;
  readonly description: string | null;
  readonly last4: string | null;
  readonly createdAt: number;
  readonly authedAt: number | null;
}

const STORES = [randomUUID(), randomUUID(), randomUUID()] as const;
const TERMINALS = [randomUUID(), randomUUID(), randomUUID()] as const;
const LINKS = [`pl_${'0'.repeat(31)}1`, `pl_${'0'.repeat(31)}2`] as const;
const REFERENCES = [
  'ORDER-1',
  'ORDER-10',
  'order-1',
  'A%B',
  'A_B',
  'A\\B',
  'АБВ',
  '1234',
  'ORDER-777',
] as const;
const DESCRIPTIONS = [
  'Books',
  'books and more',
  'BOOK_1',
  'Книги',
  'Shoes 100%',
  `${'x'.repeat(120)}`,
] as const;
const LAST4 = ['1234', '4242', '0005'] as const;

let sandbox: Sandbox;
let merchant: TestMerchant;
let rows: readonly Row[];
/** Each with a wallet, whose holder is somebody else: the first has more than half of all rows. */
let customers: readonly { readonly id: string; readonly walletId: string }[];

before(async () => {
  sandbox = await startSandbox();
  const [mine, other] = await createMerchants(sandbox.pool, 2);
  assert.ok(mine !== undefined && other !== undefined);
  merchant = mine;
  const wallets = await createWallets(sandbox.pool, [{ available: 0 }, { available: 0 }, { available: 0 }]);
  const owners = await sandbox.pool.query<{ id: string; walletId: string }>(
    'SELECT owner_id AS id, id AS "walletId" FROM account WHERE id = ANY($1)',
    [wallets.map((wallet) => wallet.id)],
  );
  customers = owners.rows;
  rows = makeRows(merchant.id);
  await insertRows([...rows, ...makeRows(other.id).slice(0, 500)]);
  await sandbox.pool.query('ANALYZE transaction');
});

after(async () => {
  // These rows stand for no money.
  await sandbox.pool.query('TRUNCATE transaction, posting, account, wallet_transfer, idempotency_key, event');
  await sandbox.stop();
});

/** The same in every run: a linear congruential generator (Numerical Recipes). */
function generator(): (limit: number) => number {
  let state = 7;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function makeRows(merchantId: string): Row[] {
  const below = generator();
  /** The first value two times in three; the last hardly ever. */
  const skewed = <T>(values: readonly T[]): T => {
    const roll = below(300);
    const index = roll < 200 ? 0 : roll === 299 ? values.length - 1 : below(values.length - 1);
    const value = values[index];
    if (value === undefined) throw new Error('there are no values');
    return value;
  };
  const made: Row[] = [];
  for (let i = 0; i < ROWS; i += 1) {
    const createdAt = START + i * SPACING_MS;
    // The clocks of nodes are apart.
    const hex = (createdAt + below(600_000) - 300_000).toString(16).padStart(12, '0');
    const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}` as TransactionId;
    const paymentMethod = skewed(['wallet', 'card'] as const) === 'wallet' && i % 2 === 0 ? 'wallet' : 'card';
    const card = paymentMethod === 'card';
    const status = skewed(STATUSES.toReversed());
    const customer = skewed([...customers, null]);
    made.push({
      id,
      merchantId,
      type: below(20) === 0 ? 'refund' : 'payment',
      paymentMethod,
      status,
      statusReason: status === 'cancelled' ? skewed(['requested', 'expired']) : null,
      currency: skewed(['KZT', 'USD', 'JPY']),
      amount: skewed([1_000, 1 + below(5_000), 1 + below(50), Number.MAX_SAFE_INTEGER]),
      orderReference: skewed(REFERENCES),
      customerId: customer?.id ?? null,
      walletId: card ? null : (customer?.walletId ?? null),
      storeId: card ? skewed([...STORES, null]) : null,
      terminalId: card ? skewed([...TERMINALS, null]) : null,
      parentTransactionId: i > 0 && below(10) === 0 ? (made[below(Math.min(i, 20))]?.id ?? null) : null,
      paymentLinkId: card ? skewed([null, ...LINKS]) : null,
      description: card ? skewed([null, ...DESCRIPTIONS]) : null,
      last4: card ? skewed(LAST4) : null,
      createdAt,
      authedAt: below(3) > 0 ? createdAt : null,
    });
  }
  return made;
}

async function insertRows(made: readonly Row[]): Promise<void> {
  await sandbox.pool.query(
    `WITH r AS (SELECT * FROM jsonb_to_recordset($1) AS r(id uuid, "merchantId" uuid, type text, "paymentMethod" text,
        status text, "statusReason" text, currency text, amount bigint, "orderReference" text, "customerId" uuid,
        "walletId" uuid, "storeId" uuid, "terminalId" uuid, "parentTransactionId" uuid, "paymentLinkId" text,
        description text, last4 text, "createdAt" bigint, "authedAt" bigint))
    INSERT INTO transaction (id, merchant_id, type, payment_method, status, status_reason, currency, amount,
      order_reference, customer_id, merchant_customer_id, wallet_id, store_id, terminal_id, parent_transaction_id, payment_link_id, description,
      card_last4, created_at, updated_at, authed_at, capture_mode, event_count, posting_count)
    SELECT id, "merchantId", type, "paymentMethod", status, "statusReason", currency, amount, "orderReference",
      -- Wallet payments of versions before had the wallet's holder there.
      CASE "paymentMethod" WHEN 'card' THEN "customerId" ELSE holder END,
      CASE "paymentMethod" WHEN 'wallet' THEN "customerId" END,
      "walletId", "storeId", "terminalId", "parentTransactionId", "paymentLinkId", description, last4,
      to_timestamp("createdAt" / 1000.0), to_timestamp("createdAt" / 1000.0), to_timestamp("authedAt" / 1000.0), 'manual', 0, 0
    FROM r, LATERAL (SELECT $2::uuid AS holder) h`,
    [JSON.stringify(made), customers[0]?.id],
  );
}

type Filters = Readonly<Partial<Record<string, string>>>;

const isIn = (list: string, row: Row): boolean =>
  list.split(',').some((status) => {
    const wallet: WalletStatus = walletStatusOf(row.status, row.statusReason);
    return (
      status === row.status ||
      status === wallet ||
      (status === 'failed' && row.status === 'transaction.failed')
    );
  });

/** What each filter asks of a row. */
const RULES: Readonly<Record<string, (value: string, row: Row) => boolean>> = {
  status: isIn,
  failureCode: (value, row) => row.statusReason === value,
  type: (value, row) => row.type === value,
  paymentMethod: (value, row) => row.paymentMethod === value,
  orderReference: (value, row) => row.orderReference === value,
  currency: (value, row) => row.currency === value,
  amountFrom: (value, row) => row.amount >= Number(value),
  amountTo: (value, row) => row.amount <= Number(value),
  createdFrom: (value, row) => row.createdAt >= Date.parse(value),
  createdTo: (value, row) => row.createdAt <= Date.parse(value),
  storeId: (value, row) => row.storeId === value,
  terminalId: (value, row) => row.terminalId === value,
  customerId: (value, row) => row.customerId === value,
  parentTransactionId: (value, row) => row.parentTransactionId === value,
  query: (value, row) =>
    row.orderReference.startsWith(value) ||
    row.description?.slice(0, 100).toLowerCase().startsWith(value.toLowerCase()) === true ||
    row.last4 === value ||
    row.id === value ||
    walletTransactionIdOf(row.id) === value,
};

function matching(filters: Filters): readonly string[] {
  const given = Object.entries(filters);
  return rows
    .filter((row) =>
      given.every(([name, value]) => value === undefined || RULES[name]?.(value, row) === true),
    )
    .map((row) => row.id)
    .sort()
    .reverse();
}

const anyStatus = fc.constantFrom(...STATUSES, 'failed', 'NEW', 'PROCESSING', 'SUCCESS', 'FAILED');
const anyRow = fc.nat(ROWS - 1).map((i) => rows[i] ?? assert.fail());
const anyTime = fc
  .integer({ min: -10, max: ROWS + 10 })
  .map((i) => new Date(START + i * SPACING_MS).toISOString());
const anyPrefix = fc.oneof(
  fc.constantFrom(
    'O',
    'ORDER-1',
    'A%',
    'A_',
    'A\\',
    'А',
    '1234',
    '12',
    '4242',
    'bOOk',
    'book_',
    'x'.repeat(101),
    '%',
    'Shoes 100%',
  ),
  anyRow.map((row) => row.id),
  anyRow.map((row) => walletTransactionIdOf(row.id)),
);
const anyBound = fc
  .constantFrom(0, 1, 20, 999, 1_000, 1_001, 4_990, 5_001, Number.MAX_SAFE_INTEGER)
  .map(String);

/** Lazily: the rows exist once the tests run. */
function filterArbitraries(): Record<string, fc.Arbitrary<string>> {
  return {
    status: fc.array(anyStatus, { minLength: 1, maxLength: 3 }).map((list) => list.join(',')),
    type: fc.constantFrom('payment', 'refund'),
    paymentMethod: fc.constantFrom('wallet', 'card'),
    orderReference: fc.constantFrom(...REFERENCES, 'NOBODY'),
    currency: fc.constantFrom('KZT', 'USD', 'JPY', 'EUR'),
    amountFrom: anyBound,
    amountTo: anyBound,
    createdFrom: anyTime,
    createdTo: anyTime,
    storeId: fc.constantFrom(...STORES, randomUUID()),
    terminalId: fc.constantFrom(...TERMINALS, randomUUID()),
    customerId: fc.constantFrom(...customers.map((customer) => customer.id), randomUUID()),
    parentTransactionId: fc.nat(20).map((i) => rows[i]?.id ?? ''),
    failureCode: fc.constantFrom('requested', 'expired', 'nothing'),
    query: anyPrefix,
  };
}

function isUpsideDown({ amountFrom, amountTo, createdFrom, createdTo }: Filters): boolean {
  const amounts = amountFrom !== undefined && amountTo !== undefined && Number(amountFrom) > Number(amountTo);
  return amounts || (createdFrom !== undefined && createdTo !== undefined && createdFrom > createdTo);
}

async function get(parameters: Filters) {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const query = new URLSearchParams(given);
  const reply = await sandbox.call('GET', `/v1/transactions?${query}`, { apiKey: merchant.apiKey });
  assert.equal(reply.status, 200, `${query}: ${reply.text}`);
  return reply.body;
}

const idsOf = (items: readonly { readonly id: string }[]): string[] => items.map((item) => item.id);

/** Two pages from the start, two by cursor, and two numbered ones. */
async function check(filters: Filters, limit: number): Promise<void> {
  const expected = matching(filters);
  const first = await get({ ...filters, limit: String(limit) });
  assert.deepEqual(idsOf(first.items), expected.slice(0, limit));
  assert.equal(first.nextCursor === null, expected.length <= limit);
  if (first.nextCursor !== null) {
    const second = await get({ ...filters, limit: String(limit), cursor: first.nextCursor });
    assert.deepEqual(idsOf(second.items), expected.slice(limit, 2 * limit));
  }
  const page = 1 + Math.floor(expected.length / limit / 2);
  const numbered = await get({ ...filters, page: String(page), size: String(limit) });
  assert.deepEqual(idsOf(numbered.data), expected.slice((page - 1) * limit, page * limit));
  assert.deepEqual([numbered.total, numbered.totalCapped], [expected.length, undefined]);
}

test('each filter alone', async () => {
  for (const [name, arbitrary] of Object.entries(filterArbitraries())) {
    for (const value of new Set(fc.sample(arbitrary, { numRuns: 12, includeErrorInReport: true, seed: 1 })))
      await check({ [name]: value }, 30);
  }
});

test('filters together', async () => {
  const filters = fc.record(filterArbitraries(), { requiredKeys: [] }).chain((all) =>
    // Few enough that something is left.
    fc.subarray(Object.entries(all), { maxLength: 4 }).map((some): Filters => Object.fromEntries(some)),
  );
  await fc.assert(
    fc.asyncProperty(filters, fc.integer({ min: 1, max: 100 }), async (some, limit) => {
      fc.pre(!isUpsideDown(some));
      await check(some, limit);
    }),
    { numRuns: 250, includeErrorInReport: true },
  );
});

test('every row, page by page, by cursor and by number', async () => {
  const expected = matching({});
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await get({ limit: '100', cursor });
    seen.push(...idsOf(items));
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(seen, expected);
  const numbered: string[] = [];
  for (let page = 1; page <= ROWS / 100; page += 1)
    numbered.push(...idsOf((await get({ page: String(page), size: '100' })).data));
  assert.deepEqual(numbered, expected);
});

test('by payment link', async () => {
  const call = (id: string) =>
    sandbox.call('GET', `/v1/transactions/by-payment-link/${id}?limit=100`, { apiKey: merchant.apiKey });
  for (const link of LINKS) {
    const expected = rows.filter((row) => row.paymentLinkId === link).map((row) => row.id);
    assert.deepEqual(idsOf((await call(link)).body.items), expected.sort().reverse().slice(0, 100));
  }
  assert.equal((await call(`pl_${'f'.repeat(32)}`)).status, 404);
});

test("a created range follows the sandbox's test clock", async () => {
  const ahead = 30 * 86_400_000;
  await sandbox.pool.query('UPDATE installation SET clock_offset_ms = $1', [ahead]);
  const made = await sandbox.authorize(
    { orderReference: 'LATER' },
    { apiKey: merchant.apiKey, idempotencyKey: randomUUID() },
  );
  const createdFrom = new Date(Date.now() + ahead - 60_000).toISOString();
  const createdTo = new Date(Date.now() + ahead + 60_000).toISOString();
  const { items } = await get({ createdFrom, createdTo });
  assert.deepEqual(
    items.map((item: { walletTransactionId: string }) => item.walletTransactionId),
    [made.body.walletTransactionId],
  );
  await sandbox.pool.query('UPDATE installation SET clock_offset_ms = 0');
});

test('a total is exact to 10,000, then capped, and there are no pages beyond', async () => {
  const [many] = await createMerchants(sandbox.pool, 1);
  assert.ok(many !== undefined);
  const insert = (from: number, to: number) =>
    sandbox.pool.query(
      `INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency, order_reference, store_id,
        capture_mode, created_at, updated_at, event_count, posting_count)
      SELECT lpad(to_hex(i), 32, '0')::uuid, $1, 'payment', 'card', 'charged', 5, 'KZT', 'MANY', $2, 'manual', now(), now(), 0, 0
      FROM generate_series($3::int, $4::int) i`,
      [many.id, STORES[0], from, to],
    );
  const numbered = async (query: string) =>
    (await sandbox.call('GET', `/v1/transactions?${query}`, { apiKey: many.apiKey })).body;
  const filters = [
    '',
    '&status=charged',
    '&orderReference=MANY',
    `&storeId=${STORES[0]}`,
    '&query=MA',
    '&amountTo=5',
  ];
  await insert(1, 10_000);
  for (const filter of filters) {
    const body = await numbered(`page=100&size=100${filter}`);
    assert.deepEqual([body.total, body.totalCapped, body.data.length], [10_000, undefined, 100], filter);
    assert.equal(BigInt(`0x${body.data[99].id.replaceAll('-', '')}`), 1n);
  }
  await insert(10_001, 10_001);
  for (const filter of filters) {
    const body = await numbered(`page=2&size=100${filter}`);
    assert.deepEqual([body.total, body.totalCapped], [10_000, true], filter);
  }
  assert.deepEqual((await numbered('page=101&size=100')).details[0].path, 'page');
  assert.equal((await numbered('page=1429&size=7')).data.length, 5, 'the last page ends beyond 10,000');
});

test('a search that takes too long is refused, and a plain list that does is a 503', async () => {
  const client = await sandbox.pool.connect();
  try {
    await client.query('BEGIN; LOCK TABLE transaction IN ACCESS EXCLUSIVE MODE');
    const call = (query: string) =>
      sandbox.call('GET', `/v1/transactions${query}`, { apiKey: merchant.apiKey });
    const [filtered, plain] = await Promise.all([call('?currency=KZT'), call('')]);
    assert.deepEqual([filtered.status, filtered.body.reason], [400, 'search_too_broad']);
    assert.match(filtered.body.message, /createdFrom/);
    assert.deepEqual([plain.status, plain.body.reason], [503, 'service_unavailable']);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});
