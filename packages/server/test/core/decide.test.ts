/** The decisions as pure functions: every command on every state, and what must hold of each decision. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Account } from '../../src/core/accounts.ts';
import { BLANK, type Decision } from '../../src/core/change.ts';
import type { Command, Outcome, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import { mayBecome, STATUSES, type Status } from '../../src/core/lifecycle.ts';
import type { Transaction, Wallet } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

const ID = 'payment' as TransactionId;
const NOW = 1_000_000;
const SENDER: Sender = { actor: 'api', merchantId: 'm', paymentMethod: 'wallet' };
const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };
const AMOUNT = 1_000n;

interface Given {
  readonly status: Status;
  readonly released?: bigint;
  readonly refunded?: bigint;
  readonly lapsed?: boolean;
}

function paymentOf({ status, released = 0n, refunded = 0n, lapsed = false }: Given): Transaction {
  const captured = status === 'charged' || status === 'refunded' ? AMOUNT - released : 0n;
  return {
    ...BLANK,
    ...{ id: ID, merchantId: 'm', type: 'payment', paymentMethod: 'wallet', status, statusReason: null },
    awaiting: status === 'created' ? 'confirmation' : null,
    ...{ amount: AMOUNT, currency: 'KZT', captured, released: status === 'cancelled' ? AMOUNT : released },
    ...{ refunded: status === 'refunded' ? captured : refunded, reserved: 0n, orderReference: 'o' },
    ...{ walletId: 'w', customerId: 'c', parentTransactionId: null, captureMode: 'manual', acquirerId: 'a' },
    ...{ createdAt: 0, updatedAt: 0, authedAt: null, confirmedAt: null, processedAt: null },
    ...{ expiresAt: lapsed ? NOW : NOW + 1, captureAt: null, eventCount: 4, postingCount: 2 },
  };
}

const WALLET: Wallet = {
  ...{ id: 'w', holderId: 'h', currency: 'KZT', available: 5_000n, held: 1_000n, frozen: false },
  approval: 'none',
};

function stateOf(payment: Transaction | null, wallet = WALLET, balance = 1_000n): State {
  return {
    transaction: (id) => (payment?.id === id ? payment : undefined),
    operation: () => undefined,
    wallet: (id) => (wallet.id === id ? wallet : undefined),
    walletOf: () => wallet,
    lookUpWallet: (phone) => (phone === 'unknown' ? { failure: 'customer_not_found' } : { wallet }),
    merchantBalance: () => balance,
    merchantSettings: () => ({
      ...{ captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: 60_000 },
      ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
    }),
    can: () => true,
    link: () => undefined,
    cardOnFile: () => undefined,
    attemptOf: () => 'over',
  };
}

const COMMANDS = {
  capture: (amount) => ({ kind: 'capture', transactionId: ID, amount, operationId: 'operation' }),
  cancel: (amount) => ({ kind: 'cancel', transactionId: ID, amount, operationId: 'operation' }),
  refund: (amount) => ({ kind: 'refund', transactionId: ID, refundId: 'refund' as TransactionId, amount }),
  confirm: () => ({ kind: 'confirm', transactionId: ID, approve: true }),
  decline: () => ({ kind: 'confirm', transactionId: ID, approve: false }),
} as const satisfies Record<string, (amount: bigint) => Command>;
type Name = keyof typeof COMMANDS;

function resultOf(outcome: Outcome): string {
  if (outcome.kind === 'transaction') return outcome.transaction.status;
  return outcome.kind === 'refused' ? outcome.refusal : outcome.kind;
}

/** What must hold of any decision on `before`. */
function assertSound(decision: Decision, before: Transaction | null): void {
  const { outcome, transactions, events, postings, holds } = decision;
  if (outcome.kind === 'refused' || outcome.kind === 'nothing_to_do') {
    assert.deepEqual([transactions, events, postings, holds], [[], [], [], []]);
    return;
  }
  for (const posting of postings) {
    assert.ok(posting.amount > 0n);
    assert.notDeepEqual(posting.from, posting.to);
  }
  for (const transaction of transactions) {
    const start = transaction.id === before?.id ? before : null;
    const own = events.filter((event) => event.transactionId === transaction.id);
    const first = (start?.eventCount ?? 0) + 1;
    assert.deepEqual(
      own.map(({ seq }) => seq),
      own.map((_, i) => first + i),
    );
    assert.equal(own.at(-1)?.seq, transaction.eventCount);
    assert.equal(own.at(-1)?.status, transaction.status);
    if (start !== null && start.status !== transaction.status) {
      assert.ok(mayBecome(transaction.type, start.status, transaction.status));
      assert.equal(own.length, 1);
    }
    assert.ok(transaction.captured + transaction.released <= transaction.amount);
  }
  assertMoney(decision, before);
}

/** What the postings move, and what is held, is what the transactions say. */
function assertMoney({ transactions, postings, holds }: Decision, before: Transaction | null): void {
  const into = (kind: Account['kind']): bigint =>
    postings.reduce(
      (sum, { from, to, amount }) =>
        sum + (to.kind === kind ? amount : 0n) - (from.kind === kind ? amount : 0n),
      0n,
    );
  const payment = transactions.find(({ type }) => type === 'payment');
  if (payment === undefined) return;
  const held = (t: Transaction | null): bigint =>
    t?.status === 'authorized' ? t.amount - t.captured - t.released : 0n;
  const kept = (t: Transaction | null): bigint => (t === null ? 0n : t.captured - t.refunded);
  const isWallet = payment.paymentMethod === 'wallet';
  assert.equal(
    holds.reduce((sum, { change }) => sum + change, 0n),
    isWallet ? held(payment) - held(before) : 0n,
  );
  assert.equal(into('merchant'), kept(payment) - kept(before));
  assert.equal(into(isWallet ? 'wallet' : 'acquirer'), -into('merchant'));
}

describe('every command on every status', () => {
  /** What becomes of it; statuses that are not named refuse with `invalid_transaction_state`. */
  const TABLE: Readonly<Record<Name, Partial<Record<Status, string>>>> = {
    capture: { authorized: 'charged' },
    cancel: { created: 'cancelled', '3d': 'cancelled', authorized: 'cancelled' },
    refund: { charged: 'refunded', refunded: 'amount_exceeds_refundable' },
    confirm: { created: 'authorized' },
    decline: { created: 'rejected' },
  };
  for (const name of Object.keys(COMMANDS) as Name[]) {
    for (const status of STATUSES) {
      test(`${name} of ${status}`, () => {
        const payment = paymentOf({ status });
        const decision = decide(stateOf(payment), COMMANDS[name](AMOUNT), {
          sender: SENDER,
          answerTo: null,
          now: NOW,
        });
        assert.equal(resultOf(decision.outcome), TABLE[name][status] ?? 'invalid_transaction_state');
        assertSound(decision, payment);
      });
    }
  }

  for (const status of STATUSES) {
    test(`what falls due of ${status}`, () => {
      const lapsed = paymentOf({ status, lapsed: true });
      const decision = decide(
        stateOf(lapsed),
        { kind: 'act_when_due', transactionId: ID, operationId: 'operation' },
        { sender: ENGINE, answerTo: null, now: NOW },
      );
      // Only a card's payer can be in 3-D Secure: its bank is asked to release the authorization.
      const expected = { created: 'rejected', authorized: 'cancelled', '3d': 'pending' }[status as string];
      assert.equal(resultOf(decision.outcome), expected ?? 'nothing_to_do');
      if (status !== '3d') assertSound(decision, lapsed);
      const early = paymentOf({ status });
      const nothing = decide(
        stateOf(early),
        { kind: 'act_when_due', transactionId: ID, operationId: 'operation' },
        { sender: ENGINE, answerTo: null, now: NOW },
      );
      assert.equal(nothing.outcome.kind, 'nothing_to_do');
    });
  }
});

test('a hold that has lapsed is refused by the decision itself, before any sweep', () => {
  const payment = paymentOf({ status: 'authorized', lapsed: true });
  const { outcome } = decide(stateOf(payment), COMMANDS.capture(AMOUNT), {
    sender: SENDER,
    answerTo: null,
    now: NOW,
  });
  assert.equal(resultOf(outcome), 'authorization_expired');
});

test('another merchant’s is not found; another payment method and a refund are told to be that', () => {
  const payment = paymentOf({ status: 'authorized' });
  const others: [Sender, Transaction, string][] = [
    [{ ...SENDER, merchantId: 'other' }, payment, 'transaction_not_found'],
    [{ ...SENDER, merchantId: 'other' }, { ...payment, type: 'refund' }, 'transaction_not_found'],
    [SENDER, { ...payment, paymentMethod: 'card' }, 'transaction_is_card_payment'],
    [SENDER, { ...payment, type: 'refund' }, 'transaction_is_refund'],
  ];
  for (const [sender, transaction, refusal] of others) {
    for (const name of Object.keys(COMMANDS) as Name[]) {
      const { outcome } = decide(stateOf(transaction), COMMANDS[name](1n), {
        sender,
        answerTo: null,
        now: NOW,
      });
      assert.equal(resultOf(outcome), refusal);
    }
  }
});

test('whatever is asked, decisions are sound and amounts stay within bounds', () => {
  const amounts = fc.bigInt({ min: 1n, max: 1_500n });
  const given = fc.record({
    status: fc.constantFrom(...STATUSES),
    released: fc.bigInt({ min: 0n, max: 999n }),
    refunded: fc.constant(0n),
    lapsed: fc.boolean(),
  });
  const name = fc.constantFrom(...(Object.keys(COMMANDS) as Name[]));
  fc.assert(
    fc.property(given, name, amounts, amounts, (start, command, amount, balance) => {
      const released = start.status === 'authorized' || start.status === 'charged' ? start.released : 0n;
      const payment = paymentOf({ ...start, released });
      const state = stateOf(payment, { ...WALLET, available: balance }, balance);
      assertSound(
        decide(state, COMMANDS[command](amount), { sender: SENDER, answerTo: null, now: NOW }),
        payment,
      );
    }),
    { numRuns: 2_000 },
  );
});

test('an authorization holds exactly its amount, or nothing', () => {
  const amounts = fc.bigInt({ min: 1n, max: 9_007_199_254_740_991n });
  fc.assert(
    fc.property(
      amounts,
      amounts,
      fc.boolean(),
      fc.constantFrom('known', 'unknown'),
      (amount, available, frozen, phone) => {
        const wallet = { ...WALLET, available, frozen };
        const fields = { currency: 'KZT', phone, iinHash: 'h', orderReference: 'o' };
        const command: Command = { kind: 'authorize', transactionId: ID, merchantId: 'm', amount, ...fields };
        const decision = decide(stateOf(null, wallet), command, { sender: SENDER, answerTo: null, now: NOW });
        const holds = phone === 'known' && !frozen && amount <= available;
        assert.equal(resultOf(decision.outcome), holds ? 'authorized' : 'rejected');
        assertSound(decision, null);
      },
    ),
  );
});
