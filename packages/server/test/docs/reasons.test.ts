/** Each operation names the refusals that its command can meet, all of them and no others: what `decide` refuses is tried. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPABILITIES } from '../../src/core/acquirers.ts';
import { BLANK } from '../../src/core/change.ts';
import type { Command, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import { EXPIRED, STATUSES, type Status } from '../../src/core/lifecycle.ts';
import { REFUSALS, type Refusal } from '../../src/core/reasons.ts';
import type { Transaction, Wallet } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { OPERATION_DOCS } from '../../src/docs/operationDocs.ts';
import { REASONS } from '../../src/http/errors.ts';

const NOW = 1_000_000;
const ID = '01890000-0000-7000-8000-000000000001' as TransactionId;
const REFUND = '01890000-0000-7000-8000-000000000002' as TransactionId;

/** Of 1,000. Of what is authorized, more captures may follow one. */
const CAPTURED: Readonly<Partial<Record<Status, readonly bigint[]>>> = {
  authorized: [0n, 300n],
  charged: [1_000n],
  refunded: [1_000n],
};

/** Payments, and refunds, as they may be found: every status, with what else a decision looks at. */
function* transactions(): Generator<Transaction | undefined> {
  yield undefined;
  for (const status of STATUSES)
    for (const paymentMethod of ['wallet', 'card'] as const)
      for (const type of ['payment', 'refund'] as const)
        for (const expiresAt of [null, NOW - 1, NOW + 1])
          for (const awaiting of [null, 'confirmation', 'delay', 'bank'] as const)
            for (const statusReason of [null, EXPIRED, 'confirmation_expired'])
              for (const operationId of paymentMethod === 'card' ? [null, REFUND] : [null])
                for (const merchantId of ['m', 'another'])
                  for (const captured of CAPTURED[status] ?? [0n])
                    yield {
                      ...BLANK,
                      ...{ id: ID, merchantId, type, paymentMethod, status, awaiting, statusReason },
                      ...{ operationId, expiresAt, amount: 1_000n, currency: 'KZT', walletId: 'w' },
                      acquirerId: paymentMethod === 'card' ? 'a' : null,
                      ...{ captured, orderReference: 'O', captureMode: 'manual' },
                      ...(status === 'refunded' ? { refunded: 1_000n } : {}),
                      ...{ createdAt: 0, updatedAt: 0, eventCount: 2 },
                    };
}

function* states(): Generator<State> {
  for (const transaction of transactions())
    for (const merchantBalance of [0n, 5_000n])
      for (const lacks of [[], CAPABILITIES, ['several_captures']])
        yield stateOf(transaction, walletOf(false), merchantBalance, lacks);
  for (const wallet of [undefined, walletOf(true), walletOf(false)]) yield stateOf(undefined, wallet, 0n);
}

function walletOf(frozen: boolean): Wallet {
  const money = { currency: 'KZT', available: 5_000n, held: 1_000n };
  return { id: 'w', holderId: 'h', ...money, frozen, approval: 'none' };
}

function stateOf(
  transaction: Transaction | undefined,
  wallet: Wallet | undefined,
  merchantBalance: bigint,
  lacks: readonly string[] = [],
): State {
  return {
    transaction: (id) => (id === ID ? transaction : undefined),
    operation: () => undefined,
    wallet: () => wallet,
    walletOf: () => walletOf(false),
    lookUpWallet: () => (wallet === undefined ? { failure: 'customer_not_found' } : { wallet }),
    merchantBalance: () => merchantBalance,
    merchantSettings: () => ({
      ...{ captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: 7_000 },
      ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
    }),
    can: (_acquirerId, capability) => !lacks.includes(capability),
    link: () => undefined,
    cardOnFile: () => undefined,
    attemptOf: () => 'over',
  };
}

/** What a command is refused for in some state, and whether some state makes it a question for the bank. */
function refusalsOf(commands: readonly Command[], sender: Sender): Set<Refusal> {
  const found = new Set<Refusal>();
  for (const state of states())
    for (const command of commands) {
      const { outcome } = decide(state, command, { sender, answerTo: null, now: NOW });
      if (outcome.kind === 'refused') found.add(outcome.refusal);
      const asked = outcome.kind === 'pending' ? outcome.operation.kind : null;
      // A refund that the bank declines is one that failed.
      if (asked === 'capture' || asked === 'cancel') found.add('declined_by_bank');
    }
  return found;
}

const on = { transactionId: ID };
const AMOUNTS = [null, 400n, 1_001n, 9_000n];
const COMMANDS = {
  capture: AMOUNTS.flatMap((amount): Command[] =>
    [true, false].map((final) => ({ ...on, kind: 'capture', amount, operationId: 'o', final })),
  ),
  cancel: AMOUNTS.map((amount): Command => ({ ...on, kind: 'cancel', amount, operationId: 'o' })),
  refund: AMOUNTS.map((amount): Command => ({ ...on, kind: 'refund', amount, refundId: REFUND })),
  confirm: [true, false].map((approve): Command => ({ ...on, kind: 'confirm', approve })),
  deposit: transfers('deposit'),
  withdraw: transfers('withdraw'),
};

function transfers(kind: 'deposit' | 'withdraw'): Command[] {
  return [100n, 9_000n].map((amount) => ({
    ...{ kind, transferId: 't', walletId: 'w', amount, reference: null },
  }));
}

const WALLET_API: Sender = { actor: 'api', merchantId: 'm', paymentMethod: 'wallet' };
const API: Sender = { actor: 'api', merchantId: 'm', paymentMethod: null };
const OPERATOR: Sender = { actor: 'operator', merchantId: null, paymentMethod: null };
/** What the batch itself refuses before anything is decided: a merchant may require a key of these. */
const KEYED = ['missing_idempotency_key'] as const;

const OPERATIONS: Readonly<
  Record<string, readonly [keyof typeof COMMANDS, Sender, ...(readonly Refusal[])[]]>
> = {
  captureWallet: ['capture', WALLET_API, KEYED],
  cancelWallet: ['cancel', WALLET_API, KEYED],
  refundWallet: ['refund', WALLET_API, KEYED],
  captureTransaction: ['capture', API, KEYED],
  cancelTransaction: ['cancel', API, KEYED],
  refundTransaction: ['refund', API, KEYED],
  confirmTransaction: ['confirm', OPERATOR],
  declineTransaction: ['confirm', OPERATOR],
  sandboxConfirm: ['confirm', { ...WALLET_API, actor: 'customer' }],
  sandboxDecline: ['confirm', { ...WALLET_API, actor: 'customer' }],
  depositWallet: ['deposit', OPERATOR],
  withdrawWallet: ['withdraw', OPERATOR],
};

for (const [operation, [command, sender, more = []]] of Object.entries(OPERATIONS))
  test(`${operation} names what it may be refused for`, () => {
    const possible = [...refusalsOf(COMMANDS[command], sender), ...more];
    assert.ok(possible.length > 0);
    const named = (OPERATION_DOCS[operation]?.reasons ?? []).filter((reason) => reason in REFUSALS);
    assert.deepEqual([...named].sort(), possible.sort());
  });

test('what is remembered under its key is a 422, and nothing else is', () => {
  for (const [reason, { isRemembered }] of Object.entries(REFUSALS))
    assert.equal(isRemembered, REASONS[reason as Refusal].status === 422, reason);
});
