/**
 * A database of the version before the ledger had accounts: payments in every state, by wallet and by card, refunds,
 * expiries, deposits. It is migrated, audited and read; and nodes of the version before go on with it meanwhile.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { OUTSIDE_ID } from '../../src/core/accounts.ts';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { accountIdOf } from '../../src/engine/accountId.ts';
import { audit } from '../../src/ledger/auditSql.ts';
import { listOpenHolds, readPostings, readStatement } from '../../src/ledger/statementsSql.ts';
import { type Migration, migrate, migrationOf } from '../../src/postgres/migrate.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const FIRST_OF_ACCOUNTS = '0030';
/** Before it, what there is has not been described yet. */
const DESCRIPTION = '0033';
/** Before it, nodes of the version before the accounts can go on. */
const END_OF_NAMES = '0061';
/** More than what one step of the migration describes. */
const MANY = 4_500;
const silent = (): void => undefined;

/** @param later those that today's audit needs, too */
async function filesBefore(first: string, later = /^$/): Promise<Migration[]> {
  const all = (await readdir(MIGRATIONS)).sort();
  const names = all.filter((name) => name < first || later.test(name));
  return Promise.all(
    names.map(async (name) => migrationOf(name, await readFile(new URL(name, MIGRATIONS), 'utf8'))),
  );
}

/** Ids of each kind of object, made long ago: the time of a UUIDv7 says so. */
const uuid = (kind: string, n: number): string =>
  `00000000-000${kind}-7000-8000-${String(n).padStart(12, '0')}`;
const WALLET = uuid('a', 1);
const BUSY = uuid('a', 2);
const UNTOUCHED = uuid('a', 3);
const MERCHANT = uuid('b', 1);
const OTHER_MERCHANT = uuid('b', 2);

/** One posting of the version before: from, to, amount. */
type Move = readonly [from: string, to: string, amount: number];

interface Payment {
  readonly method: 'wallet' | 'card';
  readonly status: string;
  readonly captured?: number;
  readonly released?: number;
  readonly reason?: string;
  readonly moves: readonly Move[];
  readonly refunds?: readonly {
    readonly status: string;
    readonly amount: number;
    readonly moves: readonly Move[];
  }[];
}

const AMOUNT = 1_000;
const HOLD: Move = ['available', 'held', AMOUNT];

const PAYMENTS: Readonly<Record<string, Payment>> = {
  'waits for its customer': { method: 'wallet', status: 'created', moves: [] },
  rejected: { method: 'wallet', status: 'rejected', reason: 'insufficient_funds', moves: [] },
  held: { method: 'wallet', status: 'authorized', moves: [HOLD] },
  'cancelled in part': {
    ...{ method: 'wallet', status: 'authorized', released: 300 },
    moves: [HOLD, ['held', 'available', 300]],
  },
  cancelled: {
    ...{ method: 'wallet', status: 'cancelled', released: AMOUNT, reason: 'requested' },
    moves: [HOLD, ['held', 'available', 400], ['held', 'available', 600]],
  },
  expired: {
    ...{ method: 'wallet', status: 'cancelled', released: AMOUNT, reason: 'expired' },
    moves: [HOLD, ['held', 'available', AMOUNT]],
  },
  captured: {
    method: 'wallet',
    status: 'charged',
    captured: AMOUNT,
    moves: [HOLD, ['held', 'balance', AMOUNT]],
  },
  'captured in part, refunded in part': {
    ...{ method: 'wallet', status: 'charged', captured: 800, released: 200 },
    moves: [HOLD, ['held', 'balance', 800], ['held', 'available', 200]],
    refunds: [{ status: 'refunded', amount: 300, moves: [['balance', 'available', 300]] }],
  },
  refunded: {
    ...{ method: 'wallet', status: 'refunded', captured: AMOUNT },
    moves: [HOLD, ['held', 'balance', AMOUNT]],
    refunds: [{ status: 'refunded', amount: AMOUNT, moves: [['balance', 'available', AMOUNT]] }],
  },
  'held by card': { method: 'card', status: 'authorized', moves: [] },
  'captured by card, refunded, refused a refund, refunding': {
    ...{ method: 'card', status: 'charged', captured: AMOUNT },
    moves: [['acquirer', 'balance', AMOUNT]],
    refunds: [
      { status: 'refunded', amount: 100, moves: [['balance', 'acquirer', 100]] },
      {
        ...{ status: 'rejected', amount: 150 },
        moves: [
          ['balance', 'acquirer', 150],
          ['acquirer', 'balance', 150],
        ],
      },
      { status: 'created', amount: 200, moves: [['balance', 'acquirer', 200]] },
    ],
  },
};

let database: TestDatabase;
let pool: Pool;
let clock = Date.parse('2026-01-01T00:00:00Z');
const ids = new Map<string, string>();

function now(): Date {
  clock += 1_000;
  return new Date(clock);
}

async function post(
  operation: string,
  seq: number,
  [from, to, amount]: Move,
  wallet: string | null,
): Promise<void> {
  const merchant = from === 'balance' || to === 'balance' ? MERCHANT : null;
  await pool.query(
    `INSERT INTO posting (operation_id, seq, from_account, to_account, wallet_id, merchant_id, currency, amount, at)
     VALUES ($1, $2, $3, $4, $5, $6, 'KZT', $7, $8)`,
    [operation, seq, from, to, wallet, merchant, amount, now()],
  );
}

async function insertPayment(name: string, n: number, payment: Payment): Promise<void> {
  const { method, status, captured = 0, released = 0, moves, refunds = [] } = payment;
  const id = uuid('c', n);
  ids.set(name, id);
  const wallet = method === 'wallet' ? WALLET : null;
  const wasAuthorized = !['created', 'rejected'].includes(status);
  const sum = (wanted: string): number =>
    refunds.filter((refund) => refund.status === wanted).reduce((total, { amount }) => total + amount, 0);
  const names: (string | null)[] = [
    ...[id, MERCHANT, 'payment', method, status, payment.reason ?? null],
    status === 'created' ? 'confirmation' : null,
  ];
  const row = [...names, AMOUNT, captured, released, sum('refunded'), sum('created'), name, wallet, null];
  await insertTransaction([...row, wasAuthorized ? now() : null, ['created', 'authorized'].includes(status)]);
  for (const [i, move] of moves.entries()) await post(id, i + 1, move, wallet);
  if (method === 'card') await insertOperations(id, payment);
  for (const [i, { status: end, amount, moves: own }] of refunds.entries()) {
    const refund = uuid('d', n * 10 + i);
    ids.set(`${name} ${end}`, refund);
    const reason = end === 'rejected' ? 'card_declined' : null;
    const about = [refund, MERCHANT, 'refund', method, end, reason, end === 'created' ? 'bank' : null];
    const amounts = [amount, 0, 0, end === 'refunded' ? amount : 0, 0];
    await insertTransaction([...about, ...amounts, name, wallet, id, null, false]);
    for (const [j, move] of own.entries()) await post(refund, j + 1, move, wallet);
    if (method === 'card') {
      const state = { refunded: 'done', rejected: 'declined', created: 'pending' }[end] ?? end;
      await insertOperation(refund, refund, id, 'refund', amount, state);
      if (state === 'pending')
        await pool.query('UPDATE transaction SET operation_id = id WHERE id = $1', [refund]);
    }
  }
}

async function insertTransaction(values: readonly unknown[]): Promise<void> {
  await pool.query(
    `INSERT INTO transaction (id, merchant_id, type, payment_method, status, status_reason, awaiting, amount, captured,
       released, refunded, reserved, order_reference, wallet_id, parent_transaction_id, authed_at, due_at, currency,
       capture_mode, created_at, updated_at, event_count, posting_count)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, CASE WHEN $17 THEN now() END, 'KZT',
       'manual', now(), now(), 1, 0)`,
    [...values],
  );
  await pool.query(
    `INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, actor, at, round)
     SELECT id, 1, merchant_id, 'transaction.' || status, status, amount, captured, released, refunded, 'api', now(), 1
     FROM transaction WHERE id = $1`,
    [values[0]],
  );
}

async function insertOperations(id: string, { captured = 0 }: Payment): Promise<void> {
  await insertOperation(id, id, id, 'authorize', AMOUNT, 'done');
  if (captured > 0) await insertOperation(id.replace('000c', '000e'), id, id, 'capture', captured, 'done');
}

async function insertOperation(...values: (string | number)[]): Promise<void> {
  await pool.query(
    `INSERT INTO bank_operation (id, transaction_id, payment_id, kind, amount, status, merchant_id, currency, actor,
       requested_at, settled_at, next_attempt_at)
     VALUES ($1, $2, $3, $4, $5, $6, '${MERCHANT}', 'KZT', 'api', now(), CASE WHEN $6 <> 'pending' THEN now() END,
       CASE WHEN $6 = 'pending' THEN now() END)`,
    values,
  );
}

/** Balances are what the postings come to, as they always were. */
async function storeBalances(): Promise<void> {
  await pool.query(`
    UPDATE wallet w SET available = p.available, held = p.held FROM (
      SELECT wallet_id, sum(CASE WHEN to_account = 'available' THEN amount WHEN from_account = 'available' THEN -amount ELSE 0 END) AS available,
        sum(CASE WHEN to_account = 'held' THEN amount WHEN from_account = 'held' THEN -amount ELSE 0 END) AS held
      FROM posting GROUP BY wallet_id) p WHERE p.wallet_id = w.id;
    INSERT INTO merchant_balance SELECT merchant_id, currency, sum(CASE WHEN to_account = 'balance' THEN amount ELSE -amount END)
      FROM posting WHERE merchant_id IS NOT NULL GROUP BY 1, 2;
    INSERT INTO system_account SELECT kind, currency, sum(amount) FROM (
      SELECT from_account AS kind, currency, -amount AS amount FROM posting UNION ALL SELECT to_account, currency, amount FROM posting) p
      WHERE kind IN ('funding', 'acquirer') GROUP BY 1, 2`);
}

async function fill(): Promise<void> {
  await pool.query(
    `INSERT INTO installation (mode, secret_verifier) VALUES ('sandbox', 'x');
     INSERT INTO customer SELECT ('f' || right(id::text, 35))::uuid, 'phone ' || right(id::text, 12), 'hash', '0017', now()
       FROM unnest('{${WALLET},${BUSY},${UNTOUCHED}}'::uuid[]) id;
     INSERT INTO wallet (id, customer_id, currency, created_at) SELECT id, ('f' || right(id::text, 35))::uuid, 'KZT', now()
       FROM unnest('{${WALLET},${BUSY},${UNTOUCHED}}'::uuid[]) id`,
  );
  const transfer = async (n: number, wallet: string, kind: string, amount: number): Promise<void> => {
    const id = uuid('9', n);
    await pool.query(
      `INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, reference, actor, created_at)
       VALUES ($1, $2, $3, $4, 'KZT', 'cash', 'operator', now() - interval '2 days')`,
      [id, wallet, kind, amount],
    );
    await post(
      id,
      1,
      kind === 'deposit' ? ['funding', 'available', amount] : ['available', 'funding', amount],
      wallet,
    );
  };
  await transfer(1, WALLET, 'deposit', 50_000);
  let n = 0;
  for (const [name, payment] of Object.entries(PAYMENTS)) {
    n += 1;
    await insertPayment(name, n, payment);
  }
  await transfer(2, WALLET, 'withdrawal', 77);
  // A payout, which operators made by SQL.
  await post(uuid('8', 1), 1, ['balance', 'funding', 500], null);
  // More than fits into one step, many of them at one moment.
  await pool.query(
    `WITH busy AS (INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, actor, created_at)
       SELECT ('00000000-0006-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $1, 'deposit', i, 'KZT', 'operator', now() - interval '2 days' FROM generate_series(1, ${MANY}) i
       RETURNING *)
     INSERT INTO posting (operation_id, seq, from_account, to_account, wallet_id, currency, amount, at)
     SELECT id, 1, 'funding', 'available', wallet_id, currency, amount,
       timestamptz '2026-02-01' + (amount / 100) * interval '1 second' FROM busy`,
    [BUSY],
  );
  await storeBalances();
}

interface Seen {
  readonly available: bigint;
  readonly held: bigint;
}

async function walletBefore(id: string): Promise<Seen> {
  return (await pool.query<Seen>('SELECT available, held FROM wallet WHERE id = $1', [id])).rows[0] as Seen;
}

/** Every line of an account, oldest first. */
async function wholeStatement(accountId: string) {
  const everything = { from: null, to: null };
  const statement = await readStatement(pool, accountId, everything, null, 100_000);
  assert.ok(statement !== null);
  return { ...statement, lines: [...statement.lines].reverse() };
}

/** By a node of the version before, whose posting is numbered before those that are older. */
async function depositMeanwhile(): Promise<void> {
  const id = uuid('9', 3);
  await pool.query(
    `INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, actor, created_at)
     VALUES ($1, $2, 'deposit', 5, 'KZT', 'operator', now() - interval '2 days')`,
    [id, BUSY],
  );
  clock = Date.parse('2026-03-01T00:00:00Z');
  await post(id, 1, ['funding', 'available', 5], BUSY);
  await pool.query(`UPDATE wallet SET available = available + 5 WHERE id = '${BUSY}';
    UPDATE system_account SET balance = balance - 5 WHERE kind = 'funding'`);
}

/** As if the description had been killed before it came to these. */
async function forgetTheOldest(): Promise<void> {
  await pool.query(`ALTER TABLE posting DISABLE TRIGGER append_only;
    UPDATE posting SET code = NULL, from_account_id = NULL, to_account_id = NULL, to_number = NULL, to_balance = NULL
      WHERE wallet_id = '${BUSY}' AND to_number < -3000;
    UPDATE posting SET code = NULL, from_account_id = NULL, to_account_id = NULL WHERE from_account = 'available' AND to_account = 'held';
    ALTER TABLE posting ENABLE TRIGGER append_only`);
}

let had: Seen;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 3, silent);
  await migrate(database.url, silent, await filesBefore(FIRST_OF_ACCOUNTS));
  await fill();
  had = await walletBefore(WALLET);
  await migrate(database.url, silent, await filesBefore(DESCRIPTION));
  await depositMeanwhile();
  await pool.query('CALL fill_postings()');
  await forgetTheOldest();
  await migrate(database.url, silent, await filesBefore(END_OF_NAMES, /^0090_/));
});
after(async () => {
  await pool?.end();
  await database?.drop();
});

test('every invariant holds', async () => {
  assert.deepEqual(await audit(pool), []);
});

test('every posting says what it is', async () => {
  const codesOf = async (name: string): Promise<unknown> =>
    (
      await pool.query('SELECT code FROM posting WHERE operation_id = $1 ORDER BY seq', [ids.get(name)])
    ).rows.map(({ code }) => code);
  assert.deepEqual(await codesOf('captured in part, refunded in part'), ['hold', 'capture', 'release']);
  assert.deepEqual(await codesOf('captured in part, refunded in part refunded'), ['refund']);
  const byCard = 'captured by card, refunded, refused a refund, refunding';
  assert.deepEqual(await codesOf(byCard), ['capture']);
  assert.deepEqual(await codesOf(`${byCard} rejected`), ['refund', 'refund_returned']);
  const { rows } = await pool.query('SELECT code FROM posting WHERE operation_id = $1', [uuid('8', 1)]);
  assert.deepEqual(rows, [{ code: 'payout' }]);
  const payment = ids.get('captured') ?? '';
  const [capture, ...others] = await readPostings(pool, payment);
  assert.deepEqual(
    [capture?.seq, capture?.code, capture?.from, capture?.to],
    [2, 'capture', 'wallet', 'merchant'],
  );
  assert.deepEqual(others, [], 'a hold moved nothing');
});

test('a wallet has its statement of movements, and its open holds beside it', async () => {
  const { opening, closing, lines } = await wholeStatement(WALLET);
  assert.deepEqual(
    lines.map(({ code, change, balance }) => [code, change, balance]),
    [
      ['deposit', 50_000n, 50_000n],
      ['capture', -1_000n, 49_000n],
      ['capture', -800n, 48_200n],
      ['refund', 300n, 48_500n],
      ['capture', -1_000n, 47_500n],
      ['refund', 1_000n, 48_500n],
      ['withdrawal', -77n, 48_423n],
    ],
  );
  assert.deepEqual([opening, closing], [0n, had.available + had.held]);
  const holds = await listOpenHolds(pool, WALLET);
  assert.deepEqual(holds.map(({ reference, amount }) => [reference, amount]).reverse(), [
    ['held', 1_000n],
    ['cancelled in part', 700n],
  ]);
  assert.equal(had.held, 1_700n);
});

test('a merchant has its statement; the system accounts are what they were', async () => {
  const { closing, lines } = await wholeStatement(accountIdOf('merchant', MERCHANT, 'KZT'));
  assert.deepEqual(
    lines.map(({ code, change }) => [code, change]),
    [
      ['capture', 1_000n],
      ['capture', 800n],
      ['refund', -300n],
      ['capture', 1_000n],
      ['refund', -1_000n],
      ['capture', 1_000n],
      ['refund', -100n],
      ['refund', -150n],
      ['refund_returned', 150n],
      ['refund', -200n],
      ['payout', -500n],
    ],
  );
  assert.equal(closing, 1_700n);
  const { rows } = await pool.query(
    `SELECT a.id, a.balance = s.balance AS same FROM account a JOIN system_account s USING (kind, currency) ORDER BY a.kind`,
  );
  assert.deepEqual(rows, [
    { id: accountIdOf('acquirer', DEFAULT_ACQUIRER_ID, 'KZT'), same: true },
    { id: accountIdOf('funding', OUTSIDE_ID, 'KZT'), same: true },
  ]);
});

test('lines of many steps are numbered without a gap', async () => {
  const { lines, closing } = await wholeStatement(BUSY);
  assert.equal(lines.length, MANY + 1);
  assert.deepEqual(
    lines.map(({ number }) => number),
    lines.map((_, i) => BigInt(i + 1 - MANY)),
  );
  assert.equal(lines[0]?.balance, lines[0]?.change, 'it began with nothing');
  assert.equal(lines.at(-1)?.balance, closing);
  assert.equal(closing, BigInt((MANY * (MANY + 1)) / 2 + 5));
});

test('nothing can be filled in any more', async () => {
  const client = await pool.connect();
  try {
    await client.query(`SET plexy.fill = 'postings'`);
    await assert.rejects(client.query('UPDATE posting SET code = code'), { code: '42501' });
  } finally {
    client.release(true);
  }
});

/** What it did within a batch, statement by statement, in its order. */
describe('a node of the version before the accounts', () => {
  const payment = uuid('7', 1);

  async function inBatch(
    work: (query: (sql: string, values?: unknown[]) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await work(async (sql, values = []) => {
        await client.query(sql, values);
      });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  const POST = `INSERT INTO posting (operation_id, seq, from_account, to_account, wallet_id, merchant_id, currency, amount, at)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[], $9::timestamptz[])`;
  const SET_WALLET = `UPDATE wallet w SET available = u.available, held = u.held
    FROM unnest($1::uuid[], $2::numeric[], $3::numeric[]) u(id, available, held) WHERE w.id = u.id`;
  const SET_MERCHANT = `UPDATE merchant_balance b SET balance = u.balance FROM unnest($1::uuid[], $2::text[], $3::numeric[])
    u(merchant_id, currency, balance) WHERE b.merchant_id = u.merchant_id AND b.currency = u.currency`;
  const ADD = `INSERT INTO system_account AS a (kind, currency, balance)
    SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[]) ORDER BY 1, 2
    ON CONFLICT (kind, currency) DO UPDATE SET balance = a.balance + excluded.balance`;

  test('holds, captures at a merchant that is new, and takes a deposit, all of it right', async () => {
    const wallet = await walletBefore(WALLET);
    await insertTransaction([
      ...[payment, OTHER_MERCHANT, 'payment', 'wallet', 'charged', null, null, 500, 400, 100, 0, 0],
      ...['older node', WALLET, null, now(), false],
    ]);
    const deposit = uuid('7', 2);
    await pool.query(
      `INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, actor, created_at)
       VALUES ($1, $2, 'deposit', 60, 'KZT', 'operator', now())`,
      [deposit, WALLET],
    );
    await inBatch(async (query) => {
      await query('SELECT * FROM wallet WHERE id = $1 FOR UPDATE', [WALLET]);
      await query(
        'INSERT INTO merchant_balance (merchant_id, currency) SELECT $1, $2 ON CONFLICT DO NOTHING',
        [OTHER_MERCHANT, 'KZT'],
      );
      await query('SELECT * FROM merchant_balance WHERE merchant_id = $1 FOR UPDATE', [OTHER_MERCHANT]);
      const at = now();
      await query(POST, [
        [payment, payment, payment, deposit],
        [1, 2, 3, 1],
        ['available', 'held', 'held', 'funding'],
        ['held', 'balance', 'available', 'available'],
        [WALLET, WALLET, WALLET, WALLET],
        [null, OTHER_MERCHANT, null, null],
        ['KZT', 'KZT', 'KZT', 'KZT'],
        [500, 400, 100, 60],
        [at, at, at, at],
      ]);
      await query(SET_WALLET, [[WALLET], [wallet.available - 400n + 60n], [wallet.held]]);
      await query(SET_MERCHANT, [[OTHER_MERCHANT], ['KZT'], [400]]);
      await query(ADD, [['funding'], ['KZT'], [-60]]);
    });
    await insertKeyOf(deposit);
    assert.deepEqual(await audit(pool), []);
    const { lines } = await wholeStatement(WALLET);
    assert.deepEqual(
      lines.slice(-2).map(({ code, balance, number }) => [code, balance, number]),
      [
        ['capture', 48_023n, 1n],
        ['deposit', 48_083n, 2n],
      ],
    );
  });

  test('makes a wallet, once', async () => {
    const make = (): Promise<{ rowCount: number | null }> =>
      pool.query(
        `INSERT INTO wallet (id, customer_id, currency, approval, created_at)
         SELECT gen_random_uuid(), owner_id, 'USD', 'none', clock_timestamp() FROM account WHERE id = $1
         ON CONFLICT (customer_id, currency) DO NOTHING RETURNING id, available`,
        [UNTOUCHED],
      );
    assert.deepEqual([(await make()).rowCount, (await make()).rowCount], [1, 0]);
    await pool.query('UPDATE wallet SET frozen = true WHERE id = $1', [UNTOUCHED]);
    assert.deepEqual(await audit(pool), []);
  });

  test('waits for what this version has locked', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM account WHERE id = $1 FOR UPDATE', [WALLET]);
    const sql = `SET LOCAL lock_timeout = '50ms'; SELECT FROM wallet WHERE id = '${WALLET}' FOR UPDATE`;
    await assert.rejects(
      inBatch((query) => query(sql)),
      { code: '55P03' },
    );
    await client.query('ROLLBACK');
    client.release();
  });

  test('leaves the currency of a balance to the database', async () => {
    const insert = (balance: string): string =>
      `INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, actor, at,
         round, balance)
       SELECT transaction_id, seq + 1000, merchant_id, name, status, amount, captured, released, refunded, actor, at, round,
         ${balance} FROM event ORDER BY round LIMIT 1 RETURNING balance_currency AS currency`;
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      assert.deepEqual((await client.query(insert('5'))).rows, [{ currency: 'KZT' }]);
      await client.query('ROLLBACK; BEGIN');
      assert.deepEqual((await client.query(insert('NULL'))).rows, [{ currency: null }]);
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });

  async function insertKeyOf(effect: string): Promise<void> {
    await pool.query(
      `INSERT INTO idempotency_key (scope_id, key, fingerprint, effect_id, effect_seq, status_code, response, created_at)
       VALUES ($1, 'a deposit', 'f', $2, 0, 201, '{}', now())`,
      [OUTSIDE_ID, effect],
    );
  }
});

describe('the names of before go', () => {
  /** A node's session as long as it listens, by which the others know what it understands. */
  async function nodeNamed(name: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url, application_name: name });
    await client.connect();
    return client;
  }

  test('not while a node that needs them runs, and nothing is half done', async () => {
    const node = await nodeNamed('plexy-pay listen');
    try {
      await assert.rejects(migrate(database.url, silent), /nodes of two versions ago run on this database/);
      assert.equal((await walletBefore(WALLET)).held, had.held);
    } finally {
      await node.end();
    }
  });

  test('beside one of the version before, and the books are what they were', async () => {
    const before = [await wholeStatement(WALLET), await listOpenHolds(pool, WALLET)];
    const node = await nodeNamed('plexy-pay listen 1');
    try {
      await migrate(database.url, silent);
    } finally {
      await node.end();
    }
    assert.deepEqual(await audit(pool), []);
    assert.deepEqual([await wholeStatement(WALLET), await listOpenHolds(pool, WALLET)], before);
  });

  test('and who still writes them is understood', async () => {
    const id = uuid('7', 3);
    await pool.query(
      `WITH transfer AS (INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, actor, created_at)
           VALUES ($1, $2, 'deposit', 60, 'KZT', 'operator', now())),
         key AS (INSERT INTO idempotency_key (scope_id, key, fingerprint, effect_id, effect_seq, status_code, response, created_at)
           VALUES ($3, 'another deposit', 'f', $1, 0, 201, '{}', now())),
         wallet AS (UPDATE account SET balance = balance + 60, available = available + 60, posting_count = posting_count + 1
           WHERE id = $2 RETURNING *),
         funding AS (UPDATE account SET balance = balance - 60 WHERE kind = 'funding' AND currency = 'KZT' RETURNING *)
       INSERT INTO posting (operation_id, seq, code, from_account_id, to_account_id, to_number, to_balance, from_account,
         to_account, wallet_id, currency, amount, at)
       SELECT $1, 1, 'deposit', f.id, w.id, w.posting_count, w.balance, 'funding', 'available', w.id, 'KZT', 60, now()
       FROM wallet w, funding f`,
      [id, WALLET, OUTSIDE_ID],
    );
    assert.deepEqual(await audit(pool), []);
    assert.equal((await wholeStatement(WALLET)).lines.at(-1)?.change, 60n);
  });
});
