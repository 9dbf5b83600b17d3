/** What a node remembers is a guess: whatever has become of it meanwhile, the same is decided, and what is stored is what was answered. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../src/core/command.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { type Request, runBatch, type Settled } from '../../src/engine/batch.ts';
import { Memory } from '../../src/engine/memory.ts';
import { lateTransactionAnswer } from '../../src/payments/transactionViews.ts';
import { WALLET_RENDERING } from '../../src/payments/walletViews.ts';
import { createWallet, type TestWallet, walletBalances } from '../support/ledger.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const DEMO_STORE = '01900000-0000-7000-8000-000000000001';

let sandbox: Sandbox;
let wallet: TestWallet;
before(async () => {
  sandbox = await startSandbox();
  wallet = await createWallet(sandbox.pool, { available: 100_000 });
});
after(() => sandbox.stop());

function requestOf(command: Command, merchantId = DEMO_STORE): Request {
  const id = randomUUID();
  return {
    id,
    command,
    sender: { actor: 'api', merchantId, paymentMethod: 'wallet' },
    once: {
      apiKeyId: null,
      scopeId: merchantId,
      key: id,
      ...{ fingerprint: 'one', otherFingerprints: [] },
      usual: (known) => WALLET_RENDERING.usual?.(command, known) ?? null,
      render: (outcome, balance) =>
        outcome.kind === 'refused'
          ? { statusCode: 422, body: outcome.refusal }
          : WALLET_RENDERING.render(outcome, balance),
    },
  };
}

/** What each is answered; what is stored under its key is the same. */
async function answersOf(memory: Memory, ...requests: Request[]): Promise<(readonly [number, string])[]> {
  const client = await sandbox.pool.connect();
  const options = { retry: false, apart: false, gated: false, can: () => true, memory };
  const batch = runBatch(client, requests, lateTransactionAnswer, options);
  const { settled } = await batch.finally(() => client.release());
  const { rows } = await sandbox.pool.query(
    `SELECT key, status_code, response, effect_seq FROM idempotency_key WHERE key = ANY($1)`,
    [requests.map(({ id }) => id)],
  );
  const answers = settled.map((each: Settled) => {
    assert.ok(each.kind === 'answered');
    return [each.answer.statusCode, each.answer.body] as const;
  });
  const stored = new Map(rows.map((row) => [row.key, [row.status_code, row.response]]));
  assert.deepEqual(
    requests.map(({ id }) => stored.get(id) ?? null),
    answers.map((answer) => (answer[1] === 'transaction_not_found' ? null : answer)),
  );
  return answers;
}

/** @returns the payment's id */
async function authorize(memory: Memory, amount: bigint): Promise<TransactionId> {
  const { phoneNumber: phone, iinHash, currency } = wallet;
  const transactionId = uuidv7() as TransactionId;
  const rest = { phone, iinHash, currency, orderReference: 'REMEMBERED' };
  const command = { kind: 'authorize', transactionId, merchantId: DEMO_STORE, amount, ...rest } as const;
  const [answer] = await answersOf(memory, requestOf(command));
  assert.equal(answer?.[0], 200);
  return transactionId;
}

function capture(transactionId: TransactionId, amount: bigint, final = true): Request {
  return requestOf({ kind: 'capture', transactionId, amount, final, operationId: randomUUID() });
}

function cancel(transactionId: TransactionId, amount: bigint): Request {
  return requestOf({ kind: 'cancel', transactionId, amount, operationId: randomUUID() });
}

const status = (answer: readonly [number, string] | undefined): string =>
  answer?.[0] === 200 ? JSON.parse(answer[1]).walletTransactionStatus : String(answer?.[1]);

describe('a payment that is remembered', () => {
  test('is captured and cancelled as it is, in whatever parts', async () => {
    const memory = new Memory();
    const id = await authorize(memory, 1_000n);
    assert.equal(memory.payment(id)?.held, 1_000n);
    assert.deepEqual((await answersOf(memory, capture(id, 300n, false))).map(status), ['PROCESSING']);
    assert.deepEqual((await answersOf(memory, cancel(id, 200n))).map(status), ['PROCESSING']);
    assert.equal(memory.payment(id)?.held, 500n);
    assert.deepEqual((await answersOf(memory, cancel(id, 500n))).map(status), ['SUCCESS']);
    assert.equal(memory.payment(id), null);
  });

  test('is captured once, however often that is asked for in one batch', async () => {
    const memory = new Memory();
    const id = await authorize(memory, 700n);
    const before = await walletBalances(sandbox.pool, wallet.id);
    const answers = await answersOf(memory, capture(id, 400n), capture(id, 300n), cancel(id, 700n));
    assert.deepEqual(answers.map(status), ['SUCCESS', ...Array(2).fill('invalid_transaction_state')]);
    const { available, held } = await walletBalances(sandbox.pool, wallet.id);
    assert.deepEqual([available - before.available, held - before.held], [300n, -700n]);
  });

  test('has become something else at another node', async () => {
    const [here, there] = [new Memory(), new Memory()];
    const id = await authorize(here, 900n);
    await answersOf(there, capture(id, 100n, false));
    await answersOf(there, cancel(id, 300n));
    // Remembered is a hold of 900 and two events; it is one of 500 and four.
    const [tooMuch, rest] = await answersOf(here, capture(id, 900n), capture(id, 500n));
    assert.deepEqual([status(tooMuch), status(rest)], ['amount_exceeds_held', 'SUCCESS']);
    const { rows } = await sandbox.pool.query('SELECT captured FROM transaction WHERE id = $1', [id]);
    assert.equal(rows[0].captured, 600n);
  });

  test('is nobody else’s', async () => {
    const memory = new Memory();
    const id = await authorize(memory, 50n);
    const command = { kind: 'capture', transactionId: id, amount: 50n, operationId: randomUUID() } as const;
    const other = '01900000-0000-7000-8000-000000000002';
    assert.deepEqual((await answersOf(memory, requestOf(command, other))).map(status), [
      'transaction_not_found',
    ]);
    assert.deepEqual((await answersOf(memory, capture(id, 50n))).map(status), ['SUCCESS']);
  });
});

test('a wallet that is not where it is remembered is looked for', async () => {
  const memory = new Memory();
  await authorize(memory, 10n);
  const { phoneNumber: phone, iinHash, currency } = wallet;
  const known = memory.wallet(phone, currency, [iinHash]);
  assert.equal(known?.id, wallet.id);
  const row = { id: randomUUID(), phone, iinHash, currency, ownerId: randomUUID() };
  memory.noteWallet(row as Parameters<Memory['noteWallet']>[0]);
  const before = await walletBalances(sandbox.pool, wallet.id);
  await authorize(memory, 20n);
  assert.equal((await walletBalances(sandbox.pool, wallet.id)).held - before.held, 20n);
  assert.equal(memory.wallet(phone, currency, [iinHash])?.id, wallet.id);
});

test('a wrong IIN takes a phone number out of the memory', async () => {
  const memory = new Memory();
  await authorize(memory, 10n);
  const { phoneNumber: phone, iinHash, currency } = wallet;
  const transactionId = uuidv7() as TransactionId;
  const rest = { phone, iinHash: 'another', currency, orderReference: 'WRONG' };
  const command = { kind: 'authorize', transactionId, merchantId: DEMO_STORE, amount: 1n, ...rest } as const;
  await answersOf(memory, requestOf(command));
  assert.equal(memory.wallet(phone, currency, [iinHash]), null);
});

describe('keys that come again', () => {
  /** A capture of a part that has been carried out. */
  async function captured(memory: Memory, held: bigint, part: bigint) {
    const id = await authorize(memory, held);
    const first = capture(id, part, false);
    const [told] = await answersOf(memory, first);
    return { id, first, told };
  }

  test('are answered as before, and what is new beside them is decided once, whether that is expected or not', async () => {
    const memory = new Memory();
    const { id, first, told } = await captured(memory, 1_000n, 100n);
    assert.equal(memory.expectsRepeats(performance.now()), false);
    const before = await walletBalances(sandbox.pool, wallet.id);
    for (const amount of [10n, 20n]) {
      const [, again, changed] = await answersOf(memory, capture(id, amount, false), first, cancel(id, 1n));
      assert.deepEqual(again, told);
      assert.equal(status(changed), 'PROCESSING');
      assert.equal(memory.expectsRepeats(performance.now()), true);
    }
    const { held } = await walletBalances(sandbox.pool, wallet.id);
    assert.equal(held - before.held, -(10n + 20n + 2n));
    assert.equal(memory.expectsRepeats(performance.now() + 60_000), false);
  });

  test('are expected for as long as they come', async () => {
    const memory = new Memory();
    const { first } = await captured(memory, 100n, 10n);
    memory.noteRepeat(performance.now() - 4_000);
    await answersOf(memory, first);
    assert.equal(memory.expectsRepeats(performance.now() + 4_000), true);
  });

  test('of another request are refused, and nothing beside them', async () => {
    const memory = new Memory();
    const { id, first } = await captured(memory, 500n, 100n);
    const other = { ...capture(id, 50n, false), id: first.id };
    const once = other.once && { ...other.once, key: first.id, fingerprint: 'another' };
    const client = await sandbox.pool.connect();
    const options = { retry: false, apart: false, gated: false, can: () => true, memory };
    const batch = runBatch(client, [{ ...other, once }, capture(id, 400n)], lateTransactionAnswer, options);
    const { settled } = await batch.finally(() => client.release());
    assert.deepEqual(
      settled.map(({ kind }) => kind),
      ['key_reused', 'answered'],
    );
    const { rows } = await sandbox.pool.query('SELECT captured FROM transaction WHERE id = $1', [id]);
    assert.equal(rows[0].captured, 500n);
  });
});
