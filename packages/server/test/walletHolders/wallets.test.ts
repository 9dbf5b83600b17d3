import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  assertError,
  CUSTOMER_1,
  DEMO_STORE,
  iinOf,
  newWallet,
  type Operate,
  operatorOf,
  UNKNOWN_ID,
} from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

const MAX_AMOUNT = 9_007_199_254_740_991;

async function balancesOf(walletId: string): Promise<[available: string, held: string]> {
  const { text } = await operate('GET', `/wallets/${walletId}`);
  return [/"available":(\d+)/.exec(text)?.[1] ?? '', /"held":(\d+)/.exec(text)?.[1] ?? ''];
}

describe('wallet holders', () => {
  test('created, found by any spelling of the phone number; the IIN is never shown', async () => {
    const iin = iinOf(900);
    const { status, body, text } = await operate('POST', '/wallet-holders', {
      phoneNumber: '8 (705) 111-22-33',
      iin,
    });
    assert.equal(status, 201);
    assert.deepEqual([body.phoneNumber, body.iinLast4], ['+77051112233', iin.slice(-4)]);
    const found = await operate(
      'GET',
      `/wallet-holders?phoneNumber=${encodeURIComponent('+7 705 111 22 33')}`,
    );
    assert.deepEqual(found.body, { items: [body], nextCursor: null });
    assert.deepEqual((await operate('GET', `/wallet-holders/${body.id}`)).body, body);
    const list = await operate('GET', '/wallet-holders?limit=100');
    for (const shown of [text, found.text, list.text]) assert.ok(!shown.includes(iin));
    assert.ok(!sandbox.log.join('\n').includes(iin));
    assert.deepEqual((await operate('GET', '/wallet-holders?phoneNumber=%2B77059999999')).body.items, []);
  });

  test('programs of operators that know them as customers go on', async () => {
    const person = { phoneNumber: '+77051112244', iin: iinOf(903) };
    const made = await operate('POST', '/customers', person);
    assert.deepEqual(
      [made.status, Object.keys(made.body)],
      [201, ['id', 'phoneNumber', 'iinLast4', 'createdAt']],
    );
    const path = `/customers/${made.body.id}`;
    assert.deepEqual((await operate('GET', path)).body, made.body);
    assert.deepEqual((await operate('GET', `/wallet-holders/${made.body.id}`)).body, made.body);
    const wallet = await operate('POST', `${path}/wallets`, { currency: 'KZT' });
    assert.deepEqual([wallet.status, wallet.body.customerId], [201, made.body.id]);
    assert.deepEqual((await operate('GET', `${path}/wallets`)).body.items, [wallet.body]);
    const found = await operate('GET', `/customers?phoneNumber=${encodeURIComponent(person.phoneNumber)}`);
    assert.deepEqual(found.body.items, [made.body]);
  });

  test('nodes of the version before find, make and hash again what they know as customers', async () => {
    const { pool } = sandbox;
    const make = () =>
      pool.query(
        `INSERT INTO customer (id, phone, iin_hash, iin_last4, created_at) VALUES (gen_random_uuid(), $1, $2, $3, clock_timestamp())
         ON CONFLICT (phone) DO NOTHING RETURNING id, phone`,
        ['+77051112255', 'hash', '0017'],
      );
    assert.deepEqual([(await make()).rowCount, (await make()).rowCount], [1, 0]);
    await pool.query(
      'UPDATE customer t SET iin_hash = u.made FROM unnest($1::text[]) u(made) WHERE t.phone = $2',
      [...[['made again'], '+77051112255']],
    );
    const looked = await pool.query(
      `SELECT c.iin_hash FROM unnest($1::text[]) q(phone) LEFT JOIN LATERAL (SELECT * FROM customer WHERE phone = q.phone LIMIT 1) c ON true
       UNION ALL SELECT iin_hash FROM wallet_holder WHERE phone = ANY($1)`,
      [['+77051112255']],
    );
    assert.deepEqual(looked.rows, [{ iin_hash: 'made again' }, { iin_hash: 'made again' }]);
  });

  test('a phone number belongs to one wallet holder', async () => {
    const again = await operate('POST', '/wallet-holders', { phoneNumber: '+77010000001', iin: iinOf(901) });
    assertError(again, 409, 'already_exists', 'phoneNumber');
  });

  test('every bad field is named', async () => {
    const good = { phoneNumber: '+77057654321', iin: iinOf(902) };
    const bad: [body: unknown, path: string, reason: string][] = [
      [{ ...good, phoneNumber: '12' }, 'phoneNumber', 'invalid_phone_number'],
      [{ ...good, iin: '900101300018' }, 'iin', 'invalid_iin'],
      [{ ...good, iin: 900101300017 }, 'iin', 'invalid_iin'],
      [{ iin: good.iin }, 'phoneNumber', 'missing_field'],
      [{ ...good, name: 'A' }, 'name', 'unknown_field'],
    ];
    for (const [body, path, reason] of bad)
      assertError(await operate('POST', '/wallet-holders', body), 400, reason, path);
    assertError(
      await operate('GET', '/wallet-holders?phoneNumber=1'),
      400,
      'invalid_phone_number',
      'phoneNumber',
    );
    assertError(await operate('GET', `/wallet-holders/${UNKNOWN_ID}`), 404, 'wallet_holder_not_found');
    assertError(await operate('GET', '/wallet-holders/x/wallets'), 404, 'wallet_holder_not_found');
    const wallet = await operate('POST', `/wallet-holders/${UNKNOWN_ID}/wallets`, { currency: 'KZT' });
    assertError(wallet, 404, 'wallet_holder_not_found');
  });
});

describe('wallets', () => {
  test('one in each currency', async () => {
    const { walletId } = await newWallet(operate, 'JPY');
    const { body: wallet } = await operate('GET', `/wallets/${walletId}`);
    const { id, walletHolderId, customerId, ...rest } = wallet;
    assert.equal(customerId, walletHolderId);
    const empty = { available: 0, held: 0, frozen: false, requiresConfirmation: false };
    assert.deepEqual([id, rest], [walletId, { currency: 'JPY', ...empty }]);
    const path = `/wallet-holders/${walletHolderId}/wallets`;
    assertError(await operate('POST', path, { currency: 'JPY' }), 409, 'already_exists', 'currency');
    for (const currency of ['kzt', 'XAU', ''])
      assertError(await operate('POST', path, { currency }), 400, 'invalid_currency', 'currency');
    const bad = await operate('POST', path, { currency: 'EUR', requiresConfirmation: 'yes' });
    assertError(bad, 400, 'invalid_request', 'requiresConfirmation');
    assert.deepEqual((await operate('GET', path)).body, { items: [wallet], nextCursor: null });
  });

  test('a deposit sent twice with one key moves money once', async () => {
    const { walletId } = await newWallet(operate);
    const path = `/wallets/${walletId}/deposit`;
    const send = () => operate('POST', path, { amount: 500, reference: 'Чек №7' }, 'deposit once');
    const replies = await Promise.all([send(), send(), send()]);
    const [first] = replies;
    assert.equal(first?.status, 201);
    const { id, createdAt, ...rest } = first.body;
    assert.deepEqual(rest, {
      ...{ walletId, kind: 'deposit', amount: 500, currency: 'KZT' },
      ...{ reference: 'Чек №7', available: 500, held: 0 },
    });
    for (const reply of replies) assert.equal(reply.text, first.text);
    assert.deepEqual(await balancesOf(walletId), ['500', '0']);
  });

  test('a withdrawal takes no more than is available', async () => {
    const { walletId, phoneNumber, iin } = await newWallet(operate);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 1_000 });
    assert.equal((await sandbox.authorize({ phoneNumber, iin, amount: 400 })).status, 201);
    const tooMuch = await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 601 }, 'w');
    assertError(tooMuch, 422, 'insufficient_wallet_balance');
    const same = await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 601 }, 'w');
    assert.deepEqual([same.text, same.headers.get('idempotency-replayed')], [tooMuch.text, 'true']);
    const { status, body } = await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 600 });
    assert.deepEqual([status, body.kind, body.available, body.held], [201, 'withdrawal', 0, 400]);
  });

  test('a frozen wallet refuses withdrawals and authorizations, and takes deposits', async () => {
    const { walletId, phoneNumber, iin } = await newWallet(operate);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 1_000 });
    assert.equal((await operate('POST', `/wallets/${walletId}/freeze`)).body.frozen, true);
    assert.equal((await operate('POST', `/wallets/${walletId}/freeze`, {})).body.frozen, true);
    assertError(await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 1 }), 422, 'wallet_frozen');
    const paid = await sandbox.authorize({ phoneNumber, iin, amount: 1 });
    assert.deepEqual([paid.body.walletTransactionStatus, paid.body.failureCode], ['FAILED', 'wallet_frozen']);
    assert.equal((await operate('POST', `/wallets/${walletId}/deposit`, { amount: 5 })).status, 201);
    assert.equal((await operate('POST', `/wallets/${walletId}/unfreeze`)).body.frozen, false);
    assert.equal((await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 1_005 })).status, 201);
  });

  test('balances beyond 2^53 keep every digit', async () => {
    const { walletId } = await newWallet(operate);
    for (let i = 0; i < 3; i += 1)
      await operate('POST', `/wallets/${walletId}/deposit`, { amount: MAX_AMOUNT });
    assert.deepEqual(await balancesOf(walletId), ['27021597764222973', '0']);
    const { text } = await operate('GET', `/wallets/${walletId}/statement`);
    const after = [...text.matchAll(/"balance":(\d+)/g)].map((match) => match[1]);
    assert.deepEqual(after, ['27021597764222973', '18014398509481982', '9007199254740991']);
    assert.match(
      (await operate('GET', '/accounts')).text,
      /"kind":"funding","ownerId":"[-0]+","currency":"KZT","balance":-270216\d+,?/,
    );
    const out = await operate('POST', `/wallets/${walletId}/withdraw`, { amount: MAX_AMOUNT });
    assert.match(out.text, /"available":18014398509481982,/);
  });

  test('bad amounts, references and ids', async () => {
    const { walletId } = await newWallet(operate);
    for (const operation of ['deposit', 'withdraw']) {
      const path = `/wallets/${walletId}/${operation}`;
      for (const amount of [0, -1, 1.5, '5', null, 2 ** 53])
        assertError(await operate('POST', path, { amount }), 400, 'invalid_amount', 'amount');
      assertError(await operate('POST', path, {}), 400, 'missing_field', 'amount');
      const long = await operate('POST', path, { amount: 1, reference: 'x'.repeat(256) });
      assertError(long, 400, 'invalid_request', 'reference');
      const unknown = await operate('POST', `/wallets/${UNKNOWN_ID}/${operation}`, { amount: 1 });
      assertError(unknown, 404, 'wallet_not_found');
    }
    for (const operation of ['freeze', 'unfreeze']) {
      assertError(await operate('POST', `/wallets/x/${operation}`), 404, 'wallet_not_found');
      const body = await operate('POST', `/wallets/${walletId}/${operation}`, { reason: 'x' });
      assertError(body, 400, 'unknown_field', 'reason');
    }
    for (const rest of ['', '/statement'])
      assertError(await operate('GET', `/wallets/${UNKNOWN_ID}${rest}`), 404, 'wallet_not_found');
    assert.equal((await operate('GET', `/wallets/${walletId}/freeze`)).status, 405);
  });
});

describe('a payment that waits for its customer', () => {
  async function waiting(): Promise<{ id: string; walletId: string }> {
    const { walletId, phoneNumber, iin } = await newWallet(operate, 'KZT', true);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 20_000 });
    const { body } = await sandbox.authorize({ phoneNumber, iin });
    assert.equal(body.walletTransactionStatus, 'NEW');
    return { id: body.walletTransactionId, walletId };
  }

  test('is confirmed once, by the operator', async () => {
    const { id, walletId } = await waiting();
    const { status, body } = await operate('POST', `/transactions/${id}/confirm`);
    assert.deepEqual([status, body.walletTransactionStatus], [200, 'PROCESSING']);
    assert.deepEqual(await balancesOf(walletId), ['5000', '15000']);
    const again = await operate('POST', `/transactions/${id}/confirm`);
    assertError(again, 422, 'invalid_transaction_state');
    const { rows } = await sandbox.pool.query(
      "SELECT actor FROM event JOIN transaction t ON t.id = transaction_id WHERE wallet_id = $1 AND name = 'transaction.authorized'",
      [walletId],
    );
    assert.deepEqual(rows, [{ actor: 'operator' }]);
  });

  test('or declined', async () => {
    const { id, walletId } = await waiting();
    const { body } = await operate('POST', `/transactions/${id}/decline`, undefined, 'decline');
    assert.deepEqual([body.walletTransactionStatus, body.failureCode], ['FAILED', 'customer_declined']);
    const again = await operate('POST', `/transactions/${id}/decline`, undefined, 'decline');
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.deepEqual(await balancesOf(walletId), ['20000', '0']);
    for (const unknown of ['x', UNKNOWN_ID])
      assertError(await operate('POST', `/transactions/${unknown}/decline`), 404, 'transaction_not_found');
  });
});

describe('statements', () => {
  interface Entry {
    code: string;
    amount: number;
    change: number;
    balance: number;
    reference: string;
  }

  async function wholeStatement(path: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await operate('GET', `${path}limit=2${cursor}`);
      entries.push(...body.items);
      if (body.nextCursor === null) return entries;
      cursor = `&cursor=${body.nextCursor}`;
    }
  }

  async function flow(): Promise<string> {
    const { walletId, phoneNumber, iin } = await newWallet(operate);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 10_000, reference: 'cash' });
    const { body } = await sandbox.authorize({ phoneNumber, iin, amount: 4_000, orderReference: 'A-1' });
    const payment = `/v1/wallet/${body.walletTransactionId}`;
    await sandbox.call('POST', `${payment}/cancel`, { body: { amount: 500 } });
    await sandbox.call('POST', `${payment}/capture`, { body: { amount: 3_000 } });
    await sandbox.call('POST', `${payment}/refund`, { body: { amount: 1_000 } });
    await operate('POST', `/wallets/${walletId}/withdraw`, { amount: 100 });
    return walletId;
  }

  test('a wallet’s running balances add up, page by page, to what it has', async () => {
    const walletId = await flow();
    const entries = await wholeStatement(`/wallets/${walletId}/statement?`);
    assert.deepEqual(
      entries.map(({ code, reference, change, balance }) => [code, reference, change, balance]).reverse(),
      [
        ['deposit', 'cash', 10_000, 10_000],
        ['capture', 'A-1', -3_000, 7_000],
        ['refund', 'A-1', 1_000, 8_000],
        ['withdrawal', null, -100, 7_900],
      ],
    );
    assert.deepEqual(await balancesOf(walletId), ['7900', '0']);
  });

  test('what is held is listed beside a wallet’s moves, and is none of them', async () => {
    const { walletId, phoneNumber, iin } = await newWallet(operate);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 10_000 });
    const [kept = '', cancelled = '', captured = ''] = await Promise.all(
      [4_000, 300, 20].map(async (amount) => {
        const { body } = await sandbox.authorize({ phoneNumber, iin, amount, orderReference: `H-${amount}` });
        return `/v1/wallet/${body.walletTransactionId}`;
      }),
    );
    await sandbox.call('POST', `${kept}/cancel`, { body: { amount: 1_000 } });
    await sandbox.call('POST', `${cancelled}/cancel`, { body: { amount: 300 } });
    await sandbox.call('POST', `${captured}/capture`, { body: { amount: 20 } });
    const { body } = await operate('GET', `/wallets/${walletId}/statement`);
    const { openingBalance, closingBalance, available, held, holds } = body;
    assert.deepEqual([openingBalance, closingBalance, available, held], [0, 9_980, 6_980, 3_000]);
    assert.deepEqual(
      body.items.map(({ code }: Entry) => code),
      ['capture', 'deposit'],
    );
    const [hold] = holds;
    assert.deepEqual(
      [holds.length, hold.amount, hold.reference, hold.merchantId],
      [1, 3_000, 'H-4000', DEMO_STORE],
    );
    assert.ok(Date.parse(hold.expiresAt) > Date.now());
  });

  test('a page goes on where the one before ended, also when money has moved meanwhile', async () => {
    const walletId = await flow();
    const whole = await wholeStatement(`/wallets/${walletId}/statement?`);
    const first = await operate('GET', `/wallets/${walletId}/statement?limit=1`);
    await operate('POST', `/wallets/${walletId}/deposit`, { amount: 77 });
    const rest = await operate('GET', `/wallets/${walletId}/statement?cursor=${first.body.nextCursor}`);
    assert.deepEqual([...first.body.items, ...rest.body.items], whole);
  });

  test('a merchant’s, in one currency', async () => {
    const before = await operate('GET', `/merchants/${DEMO_STORE}/balances`);
    const had =
      before.body.items.find(({ currency }: { currency: string }) => currency === 'KZT')?.balance ?? 0;
    await flow();
    const { body } = await operate('GET', `/merchants/${DEMO_STORE}/balances`);
    const has = { balance: had + 2_000, held: 0, available: had + 2_000 };
    assert.deepEqual(body, { items: [{ currency: 'KZT', ...has }], nextCursor: null });
    const entries = await wholeStatement(`/merchants/${DEMO_STORE}/statement?currency=KZT&`);
    let balance = 0;
    for (const entry of entries.reverse()) {
      balance += entry.code === 'capture' ? entry.amount : -entry.amount;
      assert.equal(entry.balance, balance);
    }
    assert.equal(balance, had + 2_000);
    const none = await operate('GET', `/merchants/${DEMO_STORE}/statement?currency=EUR`);
    const nothing = { items: [], nextCursor: null, openingBalance: 0, closingBalance: 0 };
    assert.deepEqual(none.body, { ...nothing, currency: 'EUR' });
    const bad = await operate('GET', `/merchants/${DEMO_STORE}/statement?currency=eur`);
    assertError(bad, 400, 'invalid_currency', 'currency');
    assertError(await operate('GET', `/merchants/${DEMO_STORE}/statement`), 400, 'missing_field', 'currency');
  });

  test('all accounts of a currency sum to nothing', async () => {
    const accounts = await operate('GET', '/accounts');
    const funding = /"kind":"funding","ownerId":"[-0]+","currency":"USD","balance":(-\d+)/.exec(
      accounts.text,
    )?.[1];
    const { rows } = await sandbox.pool.query(
      "SELECT sum(balance) FROM account WHERE kind = 'wallet' AND currency = 'USD'",
    );
    assert.equal(BigInt(funding ?? 0), -rows[0].sum);
    assert.equal((await operate('GET', `/wallet-holders/${CUSTOMER_1}/wallets`)).body.items.length, 2);
  });
});
