/** Whoever tries IINs for a phone number learns nothing, at whatever merchant, on whatever node. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { startServer } from '../../src/app/server.ts';
import { createMerchant, createWallet, type TestWallet } from '../support/ledger.ts';
import { OPERATOR_KEY, type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const WRONG = '850520400027';

async function pair(
  { phoneNumber, iin, currency }: TestWallet,
  body: Record<string, unknown> = {},
  apiKey?: string,
): Promise<Reply> {
  const reply = await sandbox.authorize(
    { phoneNumber, iin, currency, amount: 1, ...body },
    apiKey === undefined ? {} : { apiKey },
  );
  assert.equal(reply.status, 201, reply.text);
  return reply;
}

async function failureOf(
  wallet: TestWallet,
  body?: Record<string, unknown>,
  key?: string,
): Promise<string | null> {
  return (await pair(wallet, body, key)).body.failureCode ?? null;
}

async function spend(wallet: TestWallet, times: number, apiKey?: string): Promise<void> {
  for (let i = 0; i < times; i += 1)
    assert.equal(await failureOf(wallet, { iin: WRONG }, apiKey), 'customer_not_found');
}

/** So many wrong pairs that merchant and address are locked, too: on a server of their own. */
async function apart(work: () => Promise<void>): Promise<void> {
  const shared = sandbox;
  sandbox = await startSandbox();
  try {
    await work();
  } finally {
    await sandbox.stop().finally(() => {
      sandbox = shared;
    });
  }
}

async function advance(seconds: number): Promise<void> {
  const body = { advanceSeconds: seconds };
  assert.equal((await sandbox.call('POST', '/v1/sandbox/clock', { body })).status, 200);
}

/** Waits until what is counted beside the requests is written. */
async function wrongOf(kind: string, subject: string, wanted: number): Promise<void> {
  for (let i = 0; i < 100; i += 1) {
    const { rows } = await sandbox.pool.query(
      'SELECT wrong FROM wrong_iin WHERE kind = $1 AND subject = $2',
      [kind, subject],
    );
    if (rows[0]?.wrong === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${kind} ${subject} never had ${wanted} wrong pairs`);
}

describe('five wrong IINs for a phone number', () => {
  test('lock it: the right pair is answered like a wrong one, in every currency, and holds nothing', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 100 });
    await spend(wallet, 4);
    assert.equal(await failureOf(wallet), null, 'four are free');
    await spend(wallet, 1);
    const [right, wrong] = [await pair(wallet), await pair(wallet, { iin: WRONG })];
    const bare = ({ body: { walletTransactionId: _, ...rest } }: Reply): unknown => rest;
    assert.deepEqual(bare(right), bare(wrong));
    assert.equal(right.body.failureCode, 'customer_not_found');
    assert.equal(await failureOf(wallet, { amount: 1_000 }), 'customer_not_found', 'no balance is told');
    assert.equal(
      await failureOf(wallet, { currency: 'EUR' }),
      'customer_not_found',
      'nor which wallets there are',
    );
    const { rows } = await sandbox.pool.query('SELECT held FROM account WHERE id = $1', [wallet.id]);
    assert.equal(rows[0].held, 1n);
    const { items } = (await sandbox.call('GET', '/v1/admin/issues', { apiKey: OPERATOR_KEY })).body;
    assert.ok(items.some(({ subjectKind }: { subjectKind: string }) => subjectKind === 'phone'));
  });

  test('are counted over all merchants, and the lock is for all of them', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 100 });
    const other = await createMerchant(sandbox.pool);
    await spend(wallet, 3);
    await spend(wallet, 2, other.apiKey);
    assert.equal(await failureOf(wallet), 'customer_not_found');
    const free = await createWallet(sandbox.pool, { available: 100 });
    assert.equal(await failureOf(free), null, 'other phone numbers are free');
  });

  test('many at once are no more tries than so many in a row', () =>
    apart(async () => {
      const wallet = await createWallet(sandbox.pool, { available: 100 });
      const tries = Array.from({ length: 60 }, () => pair(wallet, { iin: WRONG }));
      await Promise.all([
        ...tries,
        ...Array.from({ length: 20 }, () => pair(wallet, { iin: WRONG, currency: 'USD' })),
      ]);
      const { rows } = await sandbox.pool.query(
        `SELECT wrong FROM wrong_iin WHERE kind = 'phone' AND subject = $1`,
        [wallet.phoneNumber],
      );
      // Two batches at once may each have read the count before the other's.
      assert.ok(rows[0].wrong >= 5 && rows[0].wrong <= 10, `${rows[0].wrong} were looked at`);
    }));

  test('the lock ends, each wrong one after it costs longer, and tries while it lasts cost nothing', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 100 });
    await spend(wallet, 8);
    await advance(61);
    assert.equal(await failureOf(wallet), null, 'after a minute');
    await spend(wallet, 1);
    await advance(61);
    assert.equal(await failureOf(wallet), 'customer_not_found', 'two minutes now');
    await advance(60);
    assert.equal(await failureOf(wallet), null);
    await advance(24 * 3_600);
    await spend(wallet, 4);
    assert.equal(await failureOf(wallet), null, 'forgotten after a day');
  });

  test('hold on another node, and after a restart', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 100 });
    await spend(wallet, 5);
    const config = readConfig({ DATABASE_URL: sandbox.databaseUrl, PORT: '0' });
    const node = await startServer(config, pino({ level: 'silent' }));
    try {
      const { phoneNumber, iin, currency } = wallet;
      const body = { phoneNumber, iin, currency, amount: 1, orderReference: 'ELSEWHERE' };
      const reply = await request(node.url, 'POST', '/v1/wallet/authorize', {
        body,
        idempotencyKey: crypto.randomUUID(),
      });
      assert.equal(reply.body.failureCode, 'customer_not_found');
    } finally {
      await node.stop();
    }
  });

  test('a repeated request is one try, and its answer stays', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 100 });
    const { phoneNumber } = wallet;
    const idempotencyKey = crypto.randomUUID();
    const again = () => sandbox.authorize({ phoneNumber, iin: WRONG, amount: 1 }, { idempotencyKey });
    const first = await again();
    for (let i = 0; i < 9; i += 1) assert.equal((await again()).text, first.text);
    assert.equal(await failureOf(wallet), null);
  });
});

describe('a hundred wrong pairs of a merchant', () => {
  const guess = async (apiKey: string, from: number, count: number): Promise<void> => {
    const phones = Array.from({ length: count }, (_, i) => `+7705${String(from + i).padStart(7, '0')}`);
    for (let i = 0; i < phones.length; i += 20)
      await Promise.all(
        phones
          .slice(i, i + 20)
          .map((phoneNumber) => sandbox.authorize({ phoneNumber, iin: WRONG, amount: 1 }, { apiKey })),
      );
  };

  test('lock it alone, also for right pairs, and an operator sees it', () =>
    apart(async () => {
      // As if this address had called for many others.
      const { id, apiKey } = await createMerchant(sandbox.pool);
      await sandbox.pool.query(
        `INSERT INTO wrong_iin (kind, subject, wrong, asked, since, last_at)
       VALUES ('address', '127.0.0.1', 0, 1000000, now(), now())
       ON CONFLICT (kind, subject) DO UPDATE SET asked = 1000000, since = now()`,
      );
      const wallet = await createWallet(sandbox.pool, { available: 100 });
      assert.equal(await failureOf(wallet, {}, apiKey), null);
      await guess(apiKey, 9_000_000, 100);
      await wrongOf('merchant', id, 100);
      assert.equal(await failureOf(wallet, {}, apiKey), 'customer_not_found');
      assert.equal(await failureOf(wallet, { amount: 1_000 }, apiKey), 'customer_not_found');
      assert.equal(await failureOf(wallet), null, 'other merchants are free');
      await guess(apiKey, 9_000_200, 20);
      const { rows } = await sandbox.pool.query(
        `SELECT count(*)::int AS phones FROM wrong_iin WHERE kind = 'phone' AND subject >= '+77059000200' AND wrong > 0`,
      );
      assert.equal(rows[0].phones, 0, 'while it is locked it locks no customer out');
      const { items } = (await sandbox.call('GET', '/v1/admin/issues', { apiKey: OPERATOR_KEY })).body;
      const issue = items.find(({ subject }: { subject: string }) => subject === id);
      assert.deepEqual(
        [issue.kind, issue.subjectKind, issue.severity, issue.count, issue.merchantName],
        ['iin_guessing', 'merchant', 'warning', 100, 'Test Store'],
      );
      assert.ok(Date.parse(issue.lockedUntil) > Date.now());
    }));

  test('a merchant does not see the operators’ issues', async () => {
    const reply = await sandbox.call('GET', '/v1/admin/issues');
    assert.deepEqual([reply.status, reply.body.reason], [403, 'insufficient_scope']);
  });
});
