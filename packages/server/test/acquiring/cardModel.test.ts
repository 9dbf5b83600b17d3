/**
 * Random sequences over wallet and card payments, with faults of the bank between them, against a model
 * written from the design: what is answered, and what every account, hold and book is afterwards.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { type Call, operate, pay, stored, VISA } from '../support/cards.ts';
import {
  createMerchant,
  createWallet,
  EVERY_EVENT,
  merchantBalance,
  payOut,
  walletBalances,
} from '../support/ledger.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const SEQUENCES = 30;
const FUNDS = 30_000;

let bank: TestBank;
let sandbox: Sandbox;
before(async () => {
  bank = await startTestBank();
  // Thirty sequences at once on a busy machine: the bank's answers may take their time, and are none of its faults.
  const patient = { ACQUIRER_TIMEOUT_MS: '2000', ACQUIRER_PATIENCE_MS: '30000' };
  sandbox = await startSandbox({ ...bank.environment, ...patient });
});
after(async () => {
  await sandbox?.stop();
  await bank?.end();
});

interface Payment {
  readonly id: string;
  readonly method: 'wallet' | 'card';
  readonly amount: number;
  status: 'authorized' | 'rejected' | 'charged' | 'cancelled' | 'refunded';
  captured: number;
  released: number;
  refunded: number;
  /** Its history. What is asked of the bank is in it before the bank has answered. */
  readonly events: string[];
}

const amountOf = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 12_000 }));
const stepOf = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pay_by_card'), amount: fc.integer({ min: 1, max: 10_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pay_declined'), amount: fc.integer({ min: 1, max: 10_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pay_by_wallet'), amount: fc.integer({ min: 1, max: 20_000 }) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constantFrom('capture', 'capture', 'cancel', 'refund', 'refund'),
      /** Of a capture. */
      final: fc.boolean(),
      amount: amountOf,
      payment: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pay_out'), amount: fc.integer({ min: 1, max: 5_000 }) }),
  },
);
const faultOf = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('cut_before', 'cut_after', 'garbage', 'duplicate', 'timeout_worked'),
  },
);
const sequenceOf = fc.array(fc.record({ step: stepOf, fault: faultOf }), { minLength: 8, maxLength: 14 });
interface Step {
  readonly kind: string;
  readonly amount: number | null;
  readonly final?: boolean;
  readonly payment?: number;
}

/** One merchant with one customer, and what should be true of them. */
class Model {
  readonly payments: Payment[] = [];
  balance = 0;

  held(payment: Payment): number {
    return payment.status === 'authorized' ? payment.amount - payment.captured - payment.released : 0;
  }

  /** What the operation must answer: the status of its transaction, or the reason of a 422. */
  operate(kind: string, payment: Payment, requested: number | null, isFinal: boolean): string {
    if (kind === 'refund') return this.#refund(payment, requested);
    if (payment.status !== 'authorized') return 'invalid_transaction_state';
    const held = this.held(payment);
    const amount = requested ?? held;
    if (amount > held) return 'amount_exceeds_held';
    if (payment.method === 'card') payment.events.push(`${kind}_requested`);
    // What is left of a hold is released with the last capture. What was captured of it stays so.
    const isOver = amount === held || (kind === 'capture' && isFinal);
    if (kind === 'cancel') payment.released += amount;
    else {
      payment.captured += amount;
      this.balance += amount;
      if (isOver) payment.released += held - amount;
    }
    if (!isOver) {
      payment.events.push(kind === 'cancel' ? 'partially_cancelled' : 'partially_captured');
      return payment.status;
    }
    this.#become(payment, payment.captured > 0 ? 'charged' : 'cancelled');
    if (payment.captured > 0 && payment.refunded === payment.captured) this.#become(payment, 'refunded');
    return payment.status;
  }

  #become(payment: Payment, status: Payment['status']): void {
    payment.status = status;
    payment.events.push(status);
  }

  #refund(payment: Payment, requested: number | null): string {
    if (payment.captured === 0) return 'invalid_transaction_state';
    const rest = payment.captured - payment.refunded;
    const amount = requested ?? rest;
    // Of nothing, all that is left is no amount.
    if (amount > rest || amount === 0) return 'amount_exceeds_refundable';
    if (amount > this.balance) return 'insufficient_merchant_balance';
    payment.refunded += amount;
    this.balance -= amount;
    const isOver = payment.status !== 'authorized';
    if (isOver && payment.refunded === payment.captured) payment.status = 'refunded';
    payment.events.push(payment.status === 'refunded' ? 'refunded' : 'partially_refunded');
    return 'refunded';
  }

  /** What the wallet can spend. */
  spendable(): number {
    const wallet = this.payments.filter(({ method, status }) => method === 'wallet' && status !== 'rejected');
    return wallet.reduce((rest, one) => rest - (one.amount - one.released) + one.refunded, FUNDS);
  }
}

class Run {
  readonly model = new Model();
  readonly merchantId: string;
  readonly #call: Call;
  readonly #wallet: { readonly id: string; readonly phoneNumber: string; readonly iin: string };

  constructor(merchantId: string, apiKey: string, wallet: { id: string; phoneNumber: string; iin: string }) {
    this.merchantId = merchantId;
    this.#wallet = wallet;
    this.#call = (method, path, options) => sandbox.call(method, path, { apiKey, ...options });
  }

  async carryOut({ kind, amount, final, payment = 0 }: Step): Promise<void> {
    const { model, merchantId } = this;
    if (kind.startsWith('pay_') && amount !== null) {
      if (kind !== 'pay_out') return this.#pay(kind, amount);
      const paid = Math.min(amount, model.balance);
      if (paid > 0) await payOut(sandbox.pool, merchantId, 'KZT', BigInt(paid));
      model.balance -= paid;
      return;
    }
    const target = model.payments[payment % Math.max(1, model.payments.length)];
    if (target === undefined || (kind !== 'capture' && kind !== 'cancel' && kind !== 'refund')) return;
    const expected = model.operate(kind, target, amount, final ?? true);
    const body = kind === 'capture' ? { final } : {};
    const reply = await operate(this.#call, target.id, kind, amount ?? undefined, { body });
    assert.equal(reply.status === 200 ? reply.body.status : reply.body.reason, expected, reply.text);
    if (reply.status === 200) assert.equal(reply.body.pendingOperation, null);
  }

  async #pay(kind: string, amount: number): Promise<void> {
    const method = kind === 'pay_by_wallet' ? 'wallet' : 'card';
    const covered = amount <= this.model.spendable();
    const rejected = kind === 'pay_declined' || (method === 'wallet' && !covered);
    const reply = await this.#send(kind, amount);
    assert.equal(reply.status, 201, reply.text);
    const id = method === 'card' ? reply.body.id : await this.#latest();
    const status = rejected ? 'rejected' : 'authorized';
    const events = ['created', status];
    this.model.payments.push({ id, method, amount, status, captured: 0, released: 0, refunded: 0, events });
    assert.equal((await stored(sandbox.pool, id)).status, status);
  }

  #send(kind: string, amount: number): Promise<Reply> {
    if (kind !== 'pay_by_wallet')
      return pay(this.#call, kind === 'pay_declined' ? '4000000000009995' : VISA, { amount });
    const { phoneNumber, iin } = this.#wallet;
    const body = { amount, currency: 'KZT', orderReference: 'WALLET', phoneNumber, iin };
    return this.#call('POST', '/v1/wallet/authorize', { idempotencyKey: crypto.randomUUID(), body });
  }

  async #latest(): Promise<string> {
    const sql = `SELECT id FROM transaction WHERE merchant_id = $1 AND type = 'payment' ORDER BY id DESC LIMIT 1`;
    return (await sandbox.pool.query(sql, [this.merchantId])).rows[0].id;
  }

  async check(): Promise<void> {
    const { model, merchantId } = this;
    for (const payment of model.payments) {
      const row = await stored(sandbox.pool, payment.id);
      assert.deepEqual(
        [row.status, row.captured, row.released, row.refunded, row.reserved].map(String),
        [payment.status, payment.captured, payment.released, payment.refunded, 0].map(String),
      );
      const history = await sandbox.pool.query<{ name: string }>(
        `SELECT name FROM ${EVERY_EVENT} e WHERE transaction_id = $1 ORDER BY seq`,
        [payment.id],
      );
      assert.deepEqual(
        history.rows.map(({ name }) => name),
        payment.events.map((name) => `transaction.${name}`),
      );
    }
    assert.equal(await merchantBalance(sandbox.pool, merchantId), BigInt(model.balance));
    const wallets = model.payments.filter(({ method }) => method === 'wallet');
    const held = wallets.reduce((sum, payment) => sum + model.held(payment), 0);
    const { available, held: heldNow } = await walletBalances(sandbox.pool, this.#wallet.id);
    assert.deepEqual([available, heldNow], [BigInt(model.spendable()), BigInt(held)]);
  }
}

/** Carries a step out while the bank fails once: before the work for a moment, after it, or twice. */
async function withFault(merchantId: string, mode: string | null, work: () => Promise<void>): Promise<void> {
  if (mode === null) return work();
  await bank.fault({ merchantId, mode });
  const recovery = setTimeout(() => void bank.fault({ merchantId, mode: 'none' }), 250);
  await work();
  clearTimeout(recovery);
  await bank.fault({ merchantId, mode: 'none' });
}

test(`${SEQUENCES} random sequences end as the model says`, { timeout: 120_000 }, async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  const sequences = fc.sample(sequenceOf, { numRuns: SEQUENCES, includeErrorInReport: true, seed });
  const runs = sequences.map(async (sequence) => {
    const { id, apiKey } = await createMerchant(sandbox.pool);
    const run = new Run(id, apiKey, await createWallet(sandbox.pool, { available: FUNDS }));
    try {
      for (const { step, fault } of sequence) await withFault(id, fault, () => run.carryOut(step));
      await run.check();
    } catch (error) {
      throw new Error(`SEED=${seed} ${JSON.stringify(sequence)}`, { cause: error });
    }
  });
  await Promise.all(runs);
  await allSettled(sandbox.pool);
  assert.ok((await reconcile(sandbox.pool, bank)) > SEQUENCES);
  await sandbox.assertInvariants();
});
