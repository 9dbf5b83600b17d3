/** Several captures of one hold: `final: false`, by wallet and by card, until the hold ends. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type StubBank, startStubBank, startTestBank, type TestBank } from '../support/bank.ts';
import { advanceClock, type Call, eventually, operate, pay, settled, VISA } from '../support/cards.ts';
import {
  createMerchant,
  createWallet,
  merchantBalance,
  type TestWallet,
  walletBalances,
} from '../support/ledger.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createEndpoint, startReceiver } from '../support/webhooks.ts';

const FUNDS = 100_000;
const HOLD = 15_000;
const HOLD_SECONDS = 3_600;

let bank: TestBank;
let sandbox: Sandbox;
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox({ ...bank.environment, ACQUIRER_PATIENCE_MS: '40000' });
});
after(async () => {
  await sandbox?.stop();
  await bank?.end();
});

interface Shop {
  readonly id: string;
  readonly call: Call;
  readonly wallet: TestWallet;
  /** @returns the id of a payment by wallet that is authorized */
  hold(): Promise<string>;
}

/** A merchant and a customer of their own. */
async function openShop(): Promise<Shop> {
  const { id, apiKey } = await createMerchant(sandbox.pool, HOLD_SECONDS);
  const wallet = await createWallet(sandbox.pool, { available: FUNDS });
  const call: Call = (method, path, options) => sandbox.call(method, path, { apiKey, ...options });
  const hold = async (): Promise<string> => {
    const { phoneNumber, iin, currency } = wallet;
    const body = { amount: HOLD, currency, orderReference: 'PARTS', phoneNumber, iin };
    const reply = await call('POST', '/v1/wallet/authorize', { idempotencyKey: crypto.randomUUID(), body });
    assert.equal(reply.status, 201, reply.text);
    return reply.body.walletTransactionId;
  };
  return { id, call, wallet, hold };
}

async function holdCard({ call }: Shop): Promise<string> {
  const { status, body, text } = await pay(call, VISA, { amount: HOLD });
  assert.equal(status, 201, text);
  return body.id;
}

/** A capture that others may follow. */
function capturePart(call: Call, id: string, amount: number, idempotencyKey?: string): Promise<Reply> {
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  return operate(call, id, 'capture', amount, { body: { final: false }, ...key });
}

async function done(reply: Promise<Reply>): Promise<Reply['body']> {
  const { status, body, text } = await reply;
  assert.equal(status, 200, text);
  return body;
}

async function read(call: Call, id: string): Promise<Reply['body']> {
  return done(call('GET', `/v1/transactions/${id}`));
}

async function history(call: Call, id: string): Promise<unknown[][]> {
  const { items } = await done(call('GET', `/v1/transactions/${id}/history?limit=100`));
  return items.map(({ name, amount, reason }: Reply['body']) => [
    name.replace('transaction.', ''),
    amount,
    reason,
  ]);
}

function amounts({ status, capturedAmount, releasedAmount, refundedAmount }: Reply['body']): unknown[] {
  return [status, capturedAmount, releasedAmount, refundedAmount];
}

async function refusal(reply: Promise<Reply>, status: number, reason: string): Promise<Reply['body']> {
  const { body, text, status: given } = await reply;
  assert.deepEqual([given, body.reason], [status, reason], text);
  return body;
}

describe('by wallet', () => {
  test('parts are captured and refunded while the rest is held; the last one releases what it leaves', async () => {
    const { id: merchantId, call, wallet, hold } = await openShop();
    const id = await hold();
    const post = (operation: string, body: object): Promise<Reply['body']> =>
      done(call('POST', `/v1/wallet/${id}/${operation}`, { body }));
    const first = await post('capture', { amount: 5_000, final: false });
    assert.deepEqual([first.walletTransactionStatus, first.amount], ['PROCESSING', 5_000]);
    assert.deepEqual(await walletBalances(sandbox.pool, wallet.id), {
      available: BigInt(FUNDS - HOLD),
      held: 10_000n,
    });
    assert.equal(await merchantBalance(sandbox.pool, merchantId), 5_000n);

    const held = await read(call, id);
    assert.deepEqual(amounts(held), ['authorized', 5_000, 0, 0]);
    // What is said of the status is said of what was authorized.
    assert.deepEqual([held.processedAmount, held.processedAt], [HOLD, held.authedAt]);
    assert.equal(held.balance, 5_000);

    const refunded = await post('refund', { amount: 2_000 });
    assert.deepEqual([refunded.walletTransactionStatus, refunded.amount], ['PROCESSING', 2_000]);
    assert.deepEqual(amounts(await read(call, id)), ['authorized', 5_000, 0, 2_000]);
    await refusal(operate(call, id, 'refund', 3_001), 422, 'amount_exceeds_refundable');
    await refusal(capturePart(call, id, 10_001), 422, 'amount_exceeds_held');

    const last = await post('capture', { amount: 3_000 });
    assert.deepEqual([last.walletTransactionStatus, last.amount], ['SUCCESS', 3_000]);
    const ended = await read(call, id);
    assert.deepEqual(amounts(ended), ['charged', 8_000, 7_000, 2_000]);
    assert.equal(ended.processedAmount, 8_000);
    assert.deepEqual(await walletBalances(sandbox.pool, wallet.id), {
      available: BigInt(FUNDS - 8_000 + 2_000),
      held: 0n,
    });
    assert.deepEqual(await history(call, id), [
      ['created', HOLD, null],
      ['authorized', HOLD, null],
      ['partially_captured', 5_000, null],
      ['partially_refunded', 2_000, null],
      ['charged', 3_000, null],
    ]);
    await refusal(capturePart(call, id, 1), 422, 'invalid_transaction_state');
    assert.equal((await done(operate(call, id, 'refund'))).amount, 6_000);
    assert.equal((await read(call, id)).status, 'refunded');
  });

  test('the capture of all that is held is the last one, whatever it says', async () => {
    const { call, hold } = await openShop();
    const id = await hold();
    await done(capturePart(call, id, 5_000));
    assert.deepEqual(amounts(await done(capturePart(call, id, 10_000))), ['charged', HOLD, 0, 0]);
  });

  test('a cancel takes of what is still held; of all of it, what was captured stays captured', async () => {
    const { call, wallet, hold } = await openShop();
    const id = await hold();
    await done(capturePart(call, id, 5_000));
    assert.deepEqual(amounts(await done(operate(call, id, 'cancel', 4_000))), [
      'authorized',
      5_000,
      4_000,
      0,
    ]);
    await refusal(operate(call, id, 'cancel', 6_001), 422, 'amount_exceeds_held');
    const ended = await done(operate(call, id, 'cancel'));
    assert.deepEqual(amounts(ended), ['charged', 5_000, 10_000, 0]);
    assert.equal(ended.failureCode, null);
    assert.equal((await walletBalances(sandbox.pool, wallet.id)).held, 0n);
    assert.deepEqual((await history(call, id)).slice(2), [
      ['partially_captured', 5_000, null],
      ['partially_cancelled', 4_000, 'requested'],
      ['charged', 6_000, 'requested'],
    ]);
    await refusal(operate(call, id, 'cancel'), 422, 'invalid_transaction_state');
  });

  test('a hold of which all that was captured was given back ends as refunded', async () => {
    const { call, hold } = await openShop();
    const id = await hold();
    await done(capturePart(call, id, 5_000));
    assert.equal((await done(operate(call, id, 'refund'))).status, 'refunded');
    assert.deepEqual(amounts(await read(call, id)), ['authorized', 5_000, 0, 5_000]);
    await refusal(operate(call, id, 'refund', 1), 422, 'amount_exceeds_refundable');
    assert.deepEqual(amounts(await done(operate(call, id, 'cancel'))), ['refunded', 5_000, 10_000, 5_000]);
    assert.deepEqual((await history(call, id)).slice(-3), [
      ['partially_refunded', 5_000, null],
      ['charged', 10_000, 'requested'],
      ['refunded', 0, 'requested'],
    ]);
  });

  test('a replay is answered alike, and the same key is not taken for the last capture', async () => {
    const { id: merchantId, call, hold } = await openShop();
    const id = await hold();
    const first = await capturePart(call, id, 5_000, 'part');
    const again = await capturePart(call, id, 5_000, 'part');
    assert.equal(again.text, first.text);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const last = operate(call, id, 'capture', 5_000, { idempotencyKey: 'part' });
    await refusal(last, 422, 'idempotency_key_reused');
    assert.equal(await merchantBalance(sandbox.pool, merchantId), 5_000n);
  });

  test('40 captures of a tenth at once: ten of them, and the tenth ends the hold', async () => {
    const { id: merchantId, call, hold } = await openShop();
    const id = await hold();
    const all = Array.from({ length: 40 }, () => capturePart(call, id, HOLD / 10));
    const replies = (await Promise.all(all)).map(
      ({ status, body }) => `${status} ${body.status ?? body.reason}`,
    );
    const count = (text: string): number => replies.filter((reply) => reply === text).length;
    assert.deepEqual(
      [count('200 authorized'), count('200 charged'), count('422 invalid_transaction_state')],
      [9, 1, 30],
    );
    assert.equal(await merchantBalance(sandbox.pool, merchantId), BigInt(HOLD));
  });
});

describe('bad input', () => {
  for (const final of ['false', 0, null, {}])
    test(`final: ${JSON.stringify(final)} is no boolean, and nothing is captured`, async () => {
      const { call, hold } = await openShop();
      const id = await hold();
      for (const path of [`/v1/wallet/${id}/capture`, `/v1/transactions/${id}/capture`]) {
        const reply = call('POST', path, { body: { amount: 5_000, final } });
        const { details } = await refusal(reply, 400, 'invalid_request');
        assert.deepEqual(
          details.map((detail: { path: string }) => detail.path),
          ['final'],
        );
      }
      assert.deepEqual(amounts(await read(call, id)), ['authorized', 0, 0, 0]);
    });

  test('a cancel and a refund know no `final`', async () => {
    const { call, hold } = await openShop();
    const id = await hold();
    for (const operation of ['cancel', 'refund'])
      for (const path of ['wallet', 'transactions']) {
        const reply = call('POST', `/v1/${path}/${id}/${operation}`, { body: { amount: 1, final: false } });
        const { details } = await refusal(reply, 400, 'unknown_field');
        assert.equal(details[0].path, 'final');
      }
  });
});

describe('by card', () => {
  test('each capture is an operation of its own at the bank; refunds go beside them', async () => {
    const shop = await openShop();
    const { call } = shop;
    const id = await holdCard(shop);
    assert.deepEqual(amounts(await done(capturePart(call, id, 4_000))), ['authorized', 4_000, 0, 0]);
    assert.equal((await done(operate(call, id, 'refund', 1_000))).status, 'refunded');
    assert.deepEqual(amounts(await done(capturePart(call, id, 5_000))), ['authorized', 9_000, 0, 1_000]);
    const { held, captured, refunded } = (await bank.find(id)) ?? {};
    assert.deepEqual([held, captured, refunded], [6_000, 9_000, 1_000]);
    await refusal(operate(call, id, 'capture', 6_001), 422, 'amount_exceeds_held');
    assert.deepEqual(amounts(await done(operate(call, id, 'capture', 1_000))), [
      'charged',
      10_000,
      5_000,
      1_000,
    ]);
    const { rows } = await sandbox.pool.query(
      `SELECT amount::int, final FROM bank_operation WHERE transaction_id = $1 AND kind = 'capture' ORDER BY requested_at`,
      [id],
    );
    assert.deepEqual(rows, [
      { amount: 4_000, final: false },
      { amount: 5_000, final: false },
      { amount: 1_000, final: true },
    ]);
    await reconcile(sandbox.pool, bank);
  });

  test('a time-out of a later capture: the earlier one stands, and nothing else is asked until it is known', async () => {
    const shop = await openShop();
    const { call } = shop;
    const id = await holdCard(shop);
    await done(capturePart(call, id, 4_000));
    await bank.fault({
      merchantId: shop.id,
      mode: 'timeout_not_worked',
      operations: ['capture', 'inquire'],
    });
    const waiting = capturePart(call, id, 5_000);
    await eventually('the bank is asked', async () => (await read(call, id)).pendingOperation !== null);
    const { kind, amount } = (await read(call, id)).pendingOperation;
    assert.deepEqual([kind, amount], ['capture', 5_000]);
    for (const operation of ['capture', 'cancel', 'refund'] as const)
      await refusal(operate(call, id, operation, 1_000), 409, 'operation_in_progress');
    assert.deepEqual(amounts(await read(call, id)), ['authorized', 4_000, 0, 0]);
    await bank.fault({ merchantId: shop.id, mode: 'none' });
    await allSettled(sandbox.pool);
    const { status } = await waiting;
    assert.ok(status === 200 || status === 202, `${status}`);
    assert.deepEqual(amounts(await read(call, id)), ['authorized', 9_000, 0, 0]);
    await reconcile(sandbox.pool, bank);
  });

  test('a cancel of the rest is one of what the bank still holds', async () => {
    const shop = await openShop();
    const id = await holdCard(shop);
    await done(capturePart(shop.call, id, 4_000));
    assert.deepEqual(amounts(await done(operate(shop.call, id, 'cancel'))), ['charged', 4_000, 11_000, 0]);
    const { held, captured, released } = (await bank.find(id)) ?? {};
    assert.deepEqual([held, captured, released], [0, 4_000, 11_000]);
  });

  describe('when the bank declines', () => {
    let stub: StubBank;
    let other: Sandbox;
    before(async () => {
      stub = await startStubBank();
      other = await startSandbox(stub.environment);
    });
    after(async () => {
      await other?.stop();
      await stub?.end();
    });

    test('the earlier captures stand, the rest stays held, and the bank was told which is the last', async () => {
      const { body } = await pay(other.call, VISA, { amount: HOLD });
      const answer = (status: object) => {
        stub.answer = ({ body: { operationId } }) => ({ body: { operationId, rrn: '1', ...status } });
      };
      answer({ status: 'done' });
      await done(capturePart(other.call, body.id, 4_000));
      answer({ status: 'declined', declineCode: 'lost_card' });
      await refusal(capturePart(other.call, body.id, 5_000), 422, 'declined_by_bank');
      assert.deepEqual(amounts(await read(other.call, body.id)), ['authorized', 4_000, 0, 0]);
      answer({ status: 'done' });
      assert.deepEqual(amounts(await done(operate(other.call, body.id, 'capture', 5_000))), [
        ...['charged', 9_000, 6_000, 0],
      ]);
      const asked = stub.asked.filter(({ path }) => path.endsWith('/captures')).map((one) => one.body);
      assert.deepEqual(
        asked.map(({ amount, final }) => [amount, final]),
        [
          [4_000, false],
          [5_000, false],
          [5_000, undefined],
        ],
      );
    });
  });
});

describe('by time', () => {
  for (const method of ['wallet', 'card'] as const)
    test(`a hold by ${method} that lapses releases its rest, and what was captured stays captured`, async () => {
      const shop = await openShop();
      const { call } = shop;
      const id = method === 'wallet' ? await shop.hold() : await holdCard(shop);
      await done(capturePart(call, id, 5_000));
      await advanceClock(sandbox.pool, HOLD_SECONDS * 1_000);
      const uuid = (await read(call, id)).id;
      await eventually('the hold has ended', async () => (await read(call, id)).status !== 'authorized');
      await settled(sandbox.pool, uuid);
      const ended = await read(call, id);
      assert.deepEqual(amounts(ended), ['charged', 5_000, 10_000, 0]);
      assert.deepEqual([ended.failureCode, ended.failureMessage], [null, null]);
      assert.deepEqual((await history(call, id)).at(-1), ['charged', 10_000, 'expired']);
      for (const operation of ['capture', 'cancel'] as const)
        await refusal(operate(call, id, operation, 1_000), 422, 'authorization_expired');
      // Nobody has to worry about it: neither a list of failures nor one of holds has it.
      for (const filter of ['failureCode=expired&status=charged', 'status=FAILED', 'status=authorized'])
        assert.deepEqual((await done(call('GET', `/v1/transactions?${filter}`))).items, [], filter);
      assert.equal((await done(operate(call, id, 'refund'))).amount, 5_000);
      assert.equal((await read(call, id)).status, 'refunded');
    });

  test('an automatic capture takes what is still held', async () => {
    const shop = await openShop();
    const { id: merchantId, call, hold } = shop;
    await sandbox.pool.query(
      `UPDATE merchant SET capture_mode = 'automatic', capture_delay_s = 600 WHERE id = $1`,
      [merchantId],
    );
    const ids = [await hold(), await holdCard(shop)];
    for (const id of ids) await done(capturePart(call, id, 5_000));
    await advanceClock(sandbox.pool, 600_000);
    for (const id of ids) {
      await eventually('it is captured', async () => (await read(call, id)).status === 'charged');
      assert.deepEqual(amounts(await read(call, id)), ['charged', HOLD, 0, 0]);
      assert.deepEqual((await history(call, id)).at(-1), ['charged', 10_000, null]);
    }
  });
});

describe('what merchants are told', () => {
  test('a webhook of each capture, to whoever asked for it; the balance before the first is told as it was', async () => {
    const receiver = await startReceiver();
    const { call, hold } = await openShop();
    await createEndpoint(call, receiver.url);
    const only = new URL('/parts', receiver.url).href;
    await createEndpoint(call, only, { events: ['transaction.partially_captured'] });
    const id = await hold();
    await done(capturePart(call, id, 5_000));
    await done(capturePart(call, id, 4_000));
    await done(operate(call, id, 'cancel', 1_000));
    await done(operate(call, id, 'capture'));
    const toAll = () => receiver.received.filter(({ path }) => path !== '/parts');
    const toParts = () => receiver.received.filter(({ path }) => path === '/parts');
    await receiver.until(() => toAll().length >= 5 && toParts().length >= 2, 'seven webhooks');
    const told = toAll().map(({ body: { name, data } }) => [
      name,
      data.status,
      data.capturedAmount,
      data.balance,
    ]);
    assert.deepEqual(told.slice(1), [
      ['transaction.authorized', 'authorized', 0, 0],
      ['transaction.partially_captured', 'authorized', 5_000, 5_000],
      ['transaction.partially_captured', 'authorized', 9_000, 9_000],
      ['transaction.charged', 'charged', 14_000, 14_000],
    ]);
    assert.deepEqual(
      toParts().map(({ body: { name, data } }) => [name, data.capturedAmount]),
      [
        ['transaction.partially_captured', 5_000],
        ['transaction.partially_captured', 9_000],
      ],
    );
    const { items } = await done(call('GET', '/v1/events'));
    assert.deepEqual(
      items.map(({ name, statusChanged, data }: Reply['body']) => [name, statusChanged, data.balance]),
      [
        ['transaction.charged', true, 14_000],
        ['transaction.partially_cancelled', false, 9_000],
        ['transaction.partially_captured', false, 9_000],
        ['transaction.partially_captured', false, 5_000],
        ['transaction.authorized', true, 0],
        ['transaction.created', true, 0],
      ],
    );
    await receiver.stop();
  });
});
