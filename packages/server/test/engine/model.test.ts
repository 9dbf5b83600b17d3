/**
 * Random sequences of operations, over HTTP, against the independent model of support/model.ts. Sequences
 * have wallets and merchants of their own and run side by side, so that the engine batches them together;
 * the clock, which is global, moves for all of them at once. MODEL_RUNS sets how many groups of 16
 * sequences run (20 by default: nearly 6,000 operations).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import * as ledger from '../support/ledger.ts';
import {
  type Approval,
  type Expected,
  Model,
  type ModelPayment,
  type ModelWallet,
  viewOf,
} from '../support/model.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const RUNS = Number(process.env.MODEL_RUNS ?? 20);
const SEQUENCES = 16;
const STEPS = 18;

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ LOG_LEVEL: 'error' });
});
after(() => sandbox.stop());

const WALLETS: readonly { available: number; currency: string; approval: Approval; frozen: boolean }[] = [
  { available: 10_000, currency: 'KZT', approval: 'none', frozen: false },
  { available: 5_000, currency: 'USD', approval: 'none', frozen: false },
  { available: 50, currency: 'KZT', approval: 'none', frozen: false },
  { available: 5_000, currency: 'KZT', approval: 'none', frozen: true },
  { available: 4_000, currency: 'KZT', approval: 'customer', frozen: false },
  { available: 2_000, currency: 'KZT', approval: 'delayed', frozen: false },
  { available: 5_000, currency: 'KZT', approval: 'system_error', frozen: false },
];

type Operation = 'capture' | 'cancel' | 'refund';
const number = fc.nat(1_000);
/** Some of it, a share of the payment (0 = all of it), or too much. */
const portion = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 1_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3_000, max: 9_000 }) },
);
const operation = fc.constantFrom<Operation[]>('capture', 'capture', 'cancel', 'refund', 'refund');
const amount = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(50, 51, 9_007_199_254_740_991));

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('authorize' as const),
      wallet: fc.nat(WALLETS.length - 1),
      merchant: fc.constantFrom(0, 0, 0, 1),
      amount,
      mistake: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'iin', 'phone', 'currency'),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('operate' as const),
      operation,
      /** Of a capture. */
      final: fc.constantFrom(undefined, undefined, true, false, false, false),
      target: number,
      portion,
      keyed: fc.boolean(),
      as: fc.constantFrom('owner', 'owner', 'owner', 'owner', 'owner', 'other', 'nobody'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replay' as const), target: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reuse' as const), target: number }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bad_amount' as const),
      target: number,
      operation,
      amount: fc.constantFrom('0', '-1', '1.5', '"100"', '9007199254740992', '1e400', 'null'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('confirm' as const), target: number, approve: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('freeze' as const), wallet: fc.nat(5), frozen: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pay_out' as const),
      merchant: fc.nat(1),
      portion: fc.nat(100),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Only<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** What was sent with an Idempotency-Key, to be sent again. */
interface Sent {
  readonly apiKey: string;
  readonly key: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly reply: Reply;
}

/** One sequence: the model and the product side by side. */
class Run {
  readonly #wallets: readonly ledger.TestWallet[];
  readonly #merchants: readonly ledger.TestMerchant[];
  readonly #model: Model;
  readonly #ids: string[] = [];
  readonly #sent: Sent[] = [];
  readonly #trace: string[] = [];
  #keys = 0;

  constructor(wallets: readonly ledger.TestWallet[], merchants: readonly ledger.TestMerchant[]) {
    this.#wallets = wallets;
    this.#merchants = merchants;
    this.#model = new Model(
      WALLETS.map((wallet): ModelWallet => ({ ...wallet, available: BigInt(wallet.available), held: 0n })),
    );
  }

  async execute(next: Step): Promise<void> {
    this.#trace.push(JSON.stringify(next));
    switch (next.kind) {
      case 'authorize':
        return this.#authorize(next);
      case 'operate':
        return this.#operate(next);
      case 'replay':
        return this.#replay(next);
      case 'reuse':
        return this.#reuse(next);
      case 'bad_amount':
        return this.#badAmount(next);
      case 'confirm':
        return this.#confirm(next);
      case 'freeze':
        return this.#freeze(next);
      case 'pay_out':
        return this.#payOut(next);
    }
  }

  advance(seconds: number): void {
    this.#trace.push(`advance ${seconds}`);
    this.#model.advance(seconds);
  }

  awaitsDelay(): boolean {
    const { payments } = this.#model;
    return payments.some(({ status, wallet }) => status === 'created' && wallet?.approval === 'delayed');
  }

  async #authorize({ wallet: index, merchant, amount, mistake }: Only<'authorize'>): Promise<void> {
    const wallet = at(this.#wallets, index);
    const currency = mistake === 'currency' ? 'EUR' : wallet.currency;
    const body = {
      amount,
      currency,
      phoneNumber: mistake === 'phone' ? '+77779999999' : wallet.phoneNumber,
      iin: mistake === 'iin' ? '850520400027' : wallet.iin,
      orderReference: `ORDER-${this.#ids.length}`,
    };
    const unknown = mistake === 'currency' ? 'no_wallet_in_currency' : 'customer_not_found';
    const target = { wallet: at(this.#model.wallets, index), failure: mistake === 'none' ? null : unknown };
    const expected = this.#model.authorize(merchant, target, currency, BigInt(amount));
    const reply = await this.#send(merchant, '/v1/wallet/authorize', body, true);
    this.#check(reply, expected);
    this.#ids.push(reply.body.walletTransactionId);
  }

  async #operate({ operation, final, target, portion, keyed, as }: Only<'operate'>): Promise<void> {
    const found = this.#target(target);
    if (found === null) return;
    const { payment, id } = found;
    const { captured } = payment;
    // Also of what is over: it is refused.
    const left = payment.amount - payment.released - (payment.status === 'authorized' ? captured : 0n);
    const whole = operation === 'refund' ? captured - payment.refunded : left;
    const amount = portion === 0 ? whole : BigInt(portion);
    if (amount < 1n) return;
    const merchant = as === 'other' ? 1 - payment.merchant : payment.merchant;
    const wanted = as === 'nobody' ? `wt_${id.slice(3, 20)}000000000` : id;
    const expected: Expected =
      as === 'owner'
        ? this.#model[operation](payment, amount, final)
        : { status: 404, reason: 'transaction_not_found' };
    const body = operation === 'capture' && final !== undefined ? { final } : {};
    const path = `/v1/wallet/${wanted}/${operation}`;
    this.#check(await this.#send(merchant, path, { amount: Number(amount), ...body }, keyed), expected);
  }

  async #replay({ target }: Only<'replay'>): Promise<void> {
    const sent = pick(this.#sent, target);
    if (sent === undefined) return;
    const reply = await this.#repeat(sent, sent.body);
    assert.equal(reply.text, sent.reply.text, this.#story());
    assert.equal(reply.headers.get('idempotency-replayed'), 'true', this.#story());
  }

  async #reuse({ target }: Only<'reuse'>): Promise<void> {
    const sent = pick(this.#sent, target);
    if (sent === undefined) return;
    const reply = await this.#repeat(sent, { ...sent.body, amount: Number(sent.body.amount) - 1 || 2 });
    this.#check(reply, { status: 422, reason: 'idempotency_key_reused' });
  }

  #repeat({ apiKey, key, path }: Sent, body: Record<string, unknown>): Promise<Reply> {
    return sandbox.call('POST', path, { apiKey, idempotencyKey: key, body });
  }

  async #badAmount({ target, operation, amount }: Only<'bad_amount'>): Promise<void> {
    const found = this.#target(target);
    if (found === null) return;
    const { apiKey } = at(this.#merchants, found.payment.merchant);
    const rawBody = `{"amount":${amount}}`;
    const reply = await sandbox.call('POST', `/v1/wallet/${found.id}/${operation}`, { apiKey, rawBody });
    assert.equal(reply.status, 400, this.#story());
  }

  async #confirm({ target, approve }: Only<'confirm'>): Promise<void> {
    const found = this.#target(target);
    if (found === null) return;
    // The sandbox's slow wallet decides by itself.
    if (found.payment.status === 'created' && found.payment.wallet?.approval === 'delayed') return;
    const { apiKey } = at(this.#merchants, found.payment.merchant);
    const path = `/v1/sandbox/transactions/${found.id}/${approve ? 'confirm' : 'decline'}`;
    const expected = this.#model.confirm(found.payment, approve);
    this.#check(await sandbox.call('POST', path, { apiKey }), expected);
  }

  async #freeze({ wallet, frozen }: Only<'freeze'>): Promise<void> {
    at(this.#model.wallets, wallet).frozen = frozen;
    await sandbox.pool.query('UPDATE account SET frozen = $2 WHERE id = $1', [
      at(this.#wallets, wallet).id,
      frozen,
    ]);
  }

  async #payOut({ merchant, portion }: Only<'pay_out'>): Promise<void> {
    const amount = (this.#model.balance(merchant, 'KZT') * BigInt(portion)) / 100n;
    if (amount < 1n) return;
    this.#model.payOut(merchant, 'KZT', amount);
    await ledger.payOut(sandbox.pool, at(this.#merchants, merchant).id, 'KZT', amount);
  }

  #target(index: number): { payment: ModelPayment; id: string } | null {
    const id = pick(this.#ids, index);
    const payment = pick(this.#model.payments, index);
    return id === undefined || payment === undefined ? null : { payment, id };
  }

  async #send(merchant: number, path: string, body: Record<string, unknown>, keyed: boolean): Promise<Reply> {
    const { apiKey } = at(this.#merchants, merchant);
    this.#keys += 1;
    const key = `key ${this.#keys}`;
    const options = keyed ? { apiKey, body, idempotencyKey: key } : { apiKey, body };
    const reply = await sandbox.call('POST', path, options);
    if (keyed && (reply.status < 300 || reply.status === 422))
      this.#sent.push({ apiKey, key, path, body, reply });
    return reply;
  }

  #check({ status, body }: Reply, expected: Expected): void {
    const { walletTransactionStatus: walletStatus, failureCode = null, amount, reason } = body;
    const seen =
      status < 300 ? { status, walletStatus, failureCode, amount: BigInt(amount) } : { status, reason };
    assert.deepEqual(seen, expected, this.#story());
  }

  #story(): string {
    return `model and product differ after\n${this.#trace.join('\n')}\n`;
  }

  /** Compares everything that can be seen once the sequence has ended. */
  async compare(): Promise<void> {
    const { pool } = sandbox;
    for (const [i, wallet] of this.#model.wallets.entries()) {
      const stored = await ledger.walletBalances(pool, at(this.#wallets, i).id);
      assert.deepEqual(stored, { available: wallet.available, held: wallet.held }, this.#story());
    }
    for (const [i, { id }] of this.#merchants.entries()) {
      for (const currency of ['KZT', 'USD']) {
        const balance = await ledger.merchantBalance(pool, id, currency);
        assert.equal(balance, this.#model.balance(i, currency), this.#story());
      }
      await this.#compareEvents(i, id);
    }
    await Promise.all(this.#ids.map((id, i) => this.#comparePayment(id, at(this.#model.payments, i))));
  }

  async #comparePayment(id: string, payment: ModelPayment): Promise<void> {
    const { apiKey } = at(this.#merchants, payment.merchant);
    const reply = await sandbox.call('GET', `/v1/wallet/transaction/${id}`, { apiKey });
    this.#check(reply, { status: 200, ...viewOf(payment), amount: payment.amount });
  }

  async #compareEvents(merchant: number, merchantId: string): Promise<void> {
    const stored = await ledger.eventsOf(sandbox.pool, merchantId);
    const seen = (type: string): unknown[] => {
      const rows = stored.filter((event) => event.type === type);
      const ofEach = Map.groupBy(rows, ({ transactionId }) => transactionId).values();
      return [...ofEach].map((events) =>
        events.map(({ name, amount, reason }) => ({ name, amount, reason })),
      );
    };
    const payments = this.#model.payments.filter((payment) => payment.merchant === merchant);
    // Ids sort by time to the millisecond, and one sequence sends one request at a time.
    assert.deepEqual(
      seen('payment'),
      payments.map(({ events }) => events),
      this.#story(),
    );
    const refunds = payments.flatMap((payment) => payment.refunds);
    const names = ['transaction.created', 'transaction.refunded'];
    const expected = refunds.map((amount) => names.map((name) => ({ name, amount, reason: null })));
    const byAmount = (a: unknown, b: unknown): number => (text(a) < text(b) ? -1 : 1);
    assert.deepEqual(seen('refund').sort(byAmount), expected.sort(byAmount), this.#story());
  }
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? String(item).padStart(20) : item));
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

/** Any of them; undefined when there are none. */
function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)];
}

/** The clock moves after some steps: past a delayed decision, a confirmation, a hold. */
const pauses = fc.array(fc.constantFrom(0, 0, 0, 0, 5, 5, 660, 3_700), {
  minLength: STEPS,
  maxLength: STEPS,
});
const sequence = fc.array(step, { minLength: STEPS, maxLength: STEPS });
const group = fc.record({
  pauses,
  sequences: fc.array(sequence, { minLength: SEQUENCES, maxLength: SEQUENCES }),
});

test('model and product agree on every answer, balance and event', async (t) => {
  let operations = 0;
  await fc.assert(
    fc.asyncProperty(group, async ({ pauses, sequences }) => {
      const runs = await startRuns(sequences.length);
      for (let i = 0; i < STEPS; i += 1) {
        await Promise.all(runs.map((run, s) => run.execute(at(at(sequences, s), i))));
        operations += runs.length;
        // A delayed decision must not fall due by itself while the model's clock stands still.
        const delayed = runs.some((run) => run.awaitsDelay());
        await advance(runs, at(pauses, i) || (delayed ? 5 : 0));
      }
      await Promise.all(runs.map((run) => run.compare()));
      await sandbox.assertInvariants();
    }),
    { numRuns: RUNS, endOnFailure: true, includeErrorInReport: true },
  );
  t.diagnostic(`${operations} operations`);
});

async function startRuns(count: number): Promise<Run[]> {
  const { pool } = sandbox;
  const all = Array.from({ length: count }, () => WALLETS).flat();
  const wallets = await ledger.createWallets(pool, all);
  const merchants = await ledger.createMerchants(pool, 2 * count, 3_600);
  return Array.from({ length: count }, (_, i) => {
    const own = wallets.slice(i * WALLETS.length, (i + 1) * WALLETS.length);
    return new Run(own, merchants.slice(2 * i, 2 * i + 2));
  });
}

/** Moves the clock, and waits until the engine has done what fell due. */
async function advance(runs: readonly Run[], seconds: number): Promise<void> {
  if (seconds === 0) return;
  const { pool } = sandbox;
  await pool.query('UPDATE installation SET clock_offset_ms = clock_offset_ms + $1', [seconds * 1_000]);
  const due = `SELECT FROM transaction WHERE due_at <=
    (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation) LIMIT 1`;
  while ((await pool.query(due)).rows.length > 0) await delay(20);
  for (const run of runs) run.advance(seconds);
}
