/** The whole state table: what every command does to a payment in every status, by wallet and by card. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTICATION_CHECK_MS } from '../../src/core/bankAnswers.ts';
import { BLANK } from '../../src/core/change.ts';
import type { Command, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import { mayBecome, STATUSES, type Status } from '../../src/core/lifecycle.ts';
import {
  type BankAnswer,
  type BankOperation,
  dueAtOf,
  type PaymentMethod,
  type Transaction,
} from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

const NOW = 1_000_000;
const ID = '01890000-0000-7000-8000-000000000001' as TransactionId;
const REFUND = '01890000-0000-7000-8000-000000000002' as TransactionId;
const API: Sender = { actor: 'api', merchantId: 'm', paymentMethod: null };
const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };
/** The payer's browser, that comes back from 3-D Secure. */
const PAYER: Sender = { actor: 'customer', merchantId: null, paymentMethod: 'card' };

/** A payment of 1,000 that got into this status on the usual way. */
function paymentIn(
  status: Status,
  paymentMethod: PaymentMethod,
  patch: Partial<Transaction> = {},
): Transaction {
  const wasAuthorized = ['authorized', 'charged', 'refunded'].includes(status);
  const captured = status === 'charged' || status === 'refunded' ? 1_000n : 0n;
  return {
    ...BLANK,
    id: ID,
    merchantId: 'm',
    type: 'payment',
    paymentMethod,
    status,
    awaiting: status === 'created' ? (paymentMethod === 'card' ? 'bank' : 'confirmation') : null,
    amount: 1_000n,
    currency: 'KZT',
    captured,
    refunded: status === 'refunded' ? 1_000n : 0n,
    orderReference: 'O',
    walletId: paymentMethod === 'wallet' ? 'w' : null,
    acquirerId: paymentMethod === 'card' ? 'a' : null,
    captureMode: 'manual',
    createdAt: 0,
    updatedAt: 0,
    authedAt: wasAuthorized ? 0 : null,
    expiresAt: NOW + 1_000,
    eventCount: 2,
    ...patch,
  };
}

function stateOf(transaction: Transaction, operation?: BankOperation, child?: Transaction): State {
  const held = transaction.status === 'authorized' ? 1_000n : 0n;
  const wallet = {
    id: 'w',
    holderId: 'h',
    currency: 'KZT',
    available: 5_000n,
    held,
    frozen: false,
    approval: 'none',
  } as const;
  return {
    transaction: (id) => [transaction, child].find((one) => one?.id === id),
    operation: (id) => (operation?.id === id ? operation : undefined),
    wallet: () => wallet,
    walletOf: () => wallet,
    lookUpWallet: () => ({ wallet }),
    merchantBalance: () => 5_000n,
    merchantSettings: () => ({
      ...{ captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: 7_000 },
      ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
    }),
    can: () => true,
    link: () => undefined,
    cardOnFile: () => undefined,
    attemptOf: () => 'over',
  };
}

const on = { transactionId: ID };
const COMMANDS = {
  capture: [{ ...on, kind: 'capture', amount: null, operationId: 'o' }, API],
  'capture part': [{ ...on, kind: 'capture', amount: 400n, operationId: 'o' }, API],
  'capture first part': [{ ...on, kind: 'capture', amount: 400n, operationId: 'o', final: false }, API],
  'capture too much': [{ ...on, kind: 'capture', amount: 1_001n, operationId: 'o' }, API],
  cancel: [{ ...on, kind: 'cancel', amount: null, operationId: 'o' }, API],
  'cancel part': [{ ...on, kind: 'cancel', amount: 400n, operationId: 'o' }, API],
  'cancel too much': [{ ...on, kind: 'cancel', amount: 1_001n, operationId: 'o' }, API],
  refund: [{ ...on, kind: 'refund', amount: null, refundId: REFUND }, API],
  'refund part': [{ ...on, kind: 'refund', amount: 400n, refundId: REFUND }, API],
  'refund too much': [{ ...on, kind: 'refund', amount: 1_001n, refundId: REFUND }, API],
  confirm: [{ ...on, kind: 'confirm', approve: true }, ENGINE],
  decline: [{ ...on, kind: 'confirm', approve: false }, ENGINE],
  'come back': [{ ...on, kind: 'complete_authentication', operationId: 'o' }, PAYER],
  'when due': [{ ...on, kind: 'act_when_due', operationId: 'o' }, ENGINE],
} as const satisfies Record<string, readonly [Command, Sender]>;
type Name = keyof typeof COMMANDS;

/** What a command does, in a word: the refusal, what the bank is asked, or the payment's status after it. */
function outcomeOf(transaction: Transaction, name: Name): string {
  const [command, sender] = COMMANDS[name];
  const decision = decide(stateOf(transaction), command, { sender, answerTo: null, now: NOW });
  const { outcome } = decision;
  if (outcome.kind === 'refused' || outcome.kind === 'nothing_to_do') {
    const { outcome: _outcome, ...changes } = decision;
    for (const [what, rows] of Object.entries(changes)) assert.deepEqual(rows, [], `${name}: ${what}`);
    return outcome.kind === 'refused' ? outcome.refusal : '-';
  }
  let { status } = transaction;
  for (const event of decision.events) {
    if (event.transactionId !== ID || event.status === status) continue;
    assert.ok(mayBecome('payment', status, event.status), `${name} in ${transaction.status}`);
    status = event.status;
  }
  if (outcome.kind === 'pending') {
    const { kind, amount, reason } = outcome.operation;
    // Its beginning is in the history: of a refund, in its own.
    const own = decision.events.filter(({ transactionId }) => transactionId === ID);
    assert.deepEqual(
      own.map((event) => [event.name, event.status, event.amount, event.reason]),
      kind === 'capture' || kind === 'cancel'
        ? [[`transaction.${kind}_requested`, transaction.status, amount, reason]]
        : [],
    );
    return `asks ${kind} ${amount}${outcome.operation.final ? '' : ', not the last'}`;
  }
  const after = decision.transactions.find(({ id }) => id === ID) ?? transaction;
  return `${after.status}${after.statusReason === null ? '' : ` ${after.statusReason}`}`;
}

const STATE = 'invalid_transaction_state';
const PROGRESS = 'operation_in_progress';
const NOT_FOUND = 'transaction_not_found';
const EVERY_STATE: Readonly<Record<Name, string>> = {
  capture: STATE,
  'capture part': STATE,
  'capture first part': STATE,
  'capture too much': STATE,
  cancel: STATE,
  'cancel part': STATE,
  'cancel too much': STATE,
  refund: STATE,
  'refund part': STATE,
  'refund too much': STATE,
  confirm: STATE,
  decline: STATE,
  'come back': STATE,
  'when due': '-',
};
const HELD_WALLET = {
  capture: 'charged',
  'capture part': 'charged',
  'capture first part': 'authorized',
  'capture too much': 'amount_exceeds_held',
  cancel: 'cancelled requested',
  'cancel part': 'authorized',
  'cancel too much': 'amount_exceeds_held',
};
const HELD_CARD = {
  capture: 'asks capture 1000',
  'capture part': 'asks capture 400',
  'capture first part': 'asks capture 400, not the last',
  'capture too much': 'amount_exceeds_held',
  cancel: 'asks cancel 1000',
  'cancel part': 'asks cancel 400',
  'cancel too much': 'amount_exceeds_held',
};
const UNDECIDED = {
  'cancel part': 'partial_cancel_before_authorization',
  'cancel too much': 'amount_exceeds_held',
};
const REFUNDABLE = 'amount_exceeds_refundable';
const LAPSED = { expiresAt: NOW };
const BUSY = { operationId: 'before' };
const BUSY_ROW = {
  capture: PROGRESS,
  'capture part': PROGRESS,
  'capture first part': PROGRESS,
  'capture too much': PROGRESS,
  cancel: PROGRESS,
  'cancel part': PROGRESS,
  'cancel too much': PROGRESS,
  'come back': PROGRESS,
};
const LATE = 'authorization_expired';
/** The same, whether the sweep has been there or not. */
const CANCEL_LATE = { cancel: LATE, 'cancel part': LATE, 'cancel too much': LATE };
const OVER = {
  ...{ ...CANCEL_LATE, capture: LATE, 'capture part': LATE },
  ...{ 'capture first part': LATE, 'capture too much': LATE },
};
const UNCONFIRMED = { ...CANCEL_LATE, confirm: LATE, decline: LATE };
/** Of 300. */
const REFUNDABLE_PART = { refund: 'authorized', 'refund part': REFUNDABLE, 'refund too much': REFUNDABLE };
/** Of a card of which 700 are held. */
const REST_OF_CARD = { capture: 'asks capture 700', cancel: 'asks cancel 700' };
const NOTHING_LEFT = { refund: REFUNDABLE, 'refund part': REFUNDABLE, 'refund too much': REFUNDABLE };

type Row = readonly [Status, PaymentMethod, string, Partial<Transaction>, Partial<Record<Name, string>>];
const ROWS: readonly Row[] = [
  [
    'created',
    'wallet',
    'waits for its customer',
    {},
    {
      ...UNDECIDED,
      cancel: 'cancelled requested',
      confirm: 'authorized',
      decline: 'rejected customer_declined',
    },
  ],
  [
    'created',
    'wallet',
    'not confirmed in time',
    LAPSED,
    { ...UNCONFIRMED, 'when due': 'rejected confirmation_expired' },
  ],
  ['rejected', 'wallet', 'not confirmed in time', { statusReason: 'confirmation_expired' }, UNCONFIRMED],
  ['created', 'card', 'asks the bank', BUSY, BUSY_ROW],
  [
    '3d',
    'card',
    'its payer is away',
    {},
    { ...UNDECIDED, cancel: 'asks cancel 1000', 'come back': 'asks complete 1000' },
  ],
  [
    '3d',
    'card',
    'its payer is away for too long',
    LAPSED,
    {
      ...UNDECIDED,
      cancel: 'asks cancel 1000',
      'come back': 'asks complete 1000',
      'when due': 'asks complete 1000',
    },
  ],
  [
    '3d',
    'card',
    'its payer was not heard of for a while',
    { inquireAt: NOW },
    {
      ...UNDECIDED,
      cancel: 'asks cancel 1000',
      'come back': 'asks complete 1000',
      'when due': 'asks complete 1000',
    },
  ],
  ['3d', 'card', 'asks the bank', BUSY, BUSY_ROW],
  ['authorized', 'wallet', 'holds', {}, HELD_WALLET],
  ['authorized', 'card', 'holds', {}, HELD_CARD],
  ['authorized', 'wallet', 'has lapsed', LAPSED, { ...OVER, 'when due': 'cancelled expired' }],
  ['cancelled', 'wallet', 'has lapsed', { ...LAPSED, statusReason: 'expired' }, OVER],
  ['authorized', 'card', 'has lapsed', LAPSED, { ...OVER, 'when due': 'asks cancel 1000' }],
  ['cancelled', 'card', 'has lapsed', { ...LAPSED, statusReason: 'expired' }, OVER],
  [
    'authorized',
    'wallet',
    'is to be captured',
    { captureAt: NOW },
    { ...HELD_WALLET, 'when due': 'charged' },
  ],
  [
    'authorized',
    'card',
    'is to be captured',
    { captureAt: NOW },
    { ...HELD_CARD, 'when due': 'asks capture 1000' },
  ],
  ['authorized', 'card', 'asks the bank', { ...BUSY, ...LAPSED, captureAt: NOW }, BUSY_ROW],
  [
    'authorized',
    'wallet',
    'is captured in part',
    { captured: 300n },
    {
      ...HELD_WALLET,
      ...REFUNDABLE_PART,
      cancel: 'charged requested',
    },
  ],
  [
    'authorized',
    'card',
    'is captured in part',
    { captured: 300n },
    { ...HELD_CARD, ...REFUNDABLE_PART, refund: 'asks refund 300', ...REST_OF_CARD },
  ],
  [
    'authorized',
    'wallet',
    'is captured in part, and only as much as the command wants is held',
    { captured: 600n },
    {
      ...HELD_WALLET,
      ...{ 'capture first part': 'charged', cancel: 'charged requested', 'cancel part': 'charged requested' },
      ...{ refund: 'authorized', 'refund part': 'authorized', 'refund too much': REFUNDABLE },
    },
  ],
  [
    'authorized',
    'card',
    'is captured in part, and asks the bank for more',
    { ...BUSY, captured: 300n },
    { ...BUSY_ROW, refund: PROGRESS, 'refund part': PROGRESS, 'refund too much': PROGRESS },
  ],
  [
    'authorized',
    'wallet',
    'is captured in part, and that was refunded',
    { captured: 300n, refunded: 300n },
    { ...HELD_WALLET, ...NOTHING_LEFT, cancel: 'refunded requested' },
  ],
  [
    'authorized',
    'wallet',
    'is captured in part, and has lapsed',
    { ...LAPSED, captured: 300n },
    { ...OVER, ...REFUNDABLE_PART, 'when due': 'charged expired' },
  ],
  [
    'authorized',
    'wallet',
    'is captured in part, that was refunded, and it has lapsed',
    { ...LAPSED, captured: 300n, refunded: 300n },
    { ...OVER, ...NOTHING_LEFT, 'when due': 'refunded expired' },
  ],
  [
    'authorized',
    'card',
    'is captured in part, and has lapsed',
    { ...LAPSED, captured: 300n },
    { ...OVER, ...REFUNDABLE_PART, refund: 'asks refund 300', 'when due': 'asks cancel 700' },
  ],
  [
    'authorized',
    'wallet',
    'is captured in part, and the rest is to be captured',
    { captureAt: NOW, captured: 300n },
    { ...HELD_WALLET, ...REFUNDABLE_PART, cancel: 'charged requested', 'when due': 'charged' },
  ],
  [
    'charged',
    'wallet',
    'the rest of its hold has lapsed',
    { ...LAPSED, statusReason: 'expired', captured: 300n },
    { ...OVER, ...REFUNDABLE_PART, refund: 'refunded' },
  ],
  [
    'charged',
    'wallet',
    '',
    {},
    { refund: 'refunded', 'refund part': 'charged', 'refund too much': REFUNDABLE },
  ],
  [
    'charged',
    'card',
    '',
    {},
    { refund: 'asks refund 1000', 'refund part': 'asks refund 400', 'refund too much': REFUNDABLE },
  ],
  ['charged', 'card', 'with a refund of all under way', { reserved: 1_000n }, NOTHING_LEFT],
  ['refunded', 'wallet', '', {}, NOTHING_LEFT],
  ['refunded', 'card', '', {}, NOTHING_LEFT],
  ...(['rejected', 'transaction.failed', 'cancelled'] as const).flatMap((status): Row[] => [
    [status, 'wallet', '', {}, {}],
    [status, 'card', '', {}, {}],
  ]),
];

describe('every command in every status', () => {
  for (const [status, method, situation, patch, exceptions] of ROWS) {
    test(`${status} by ${method}${situation === '' ? '' : `, ${situation}`}`, () => {
      const expected: Record<string, string> = { ...EVERY_STATE, ...exceptions };
      if (method === 'wallet') expected['come back'] = NOT_FOUND;
      const payment = paymentIn(status, method, patch);
      const names = Object.keys(COMMANDS) as Name[];
      assert.deepEqual(Object.fromEntries(names.map((name) => [name, outcomeOf(payment, name)])), expected);
    });
  }

  test('no status is missing from the table', () => {
    const seen = new Set(ROWS.map(([status, method]) => `${status} ${method}`));
    const wanted = STATUSES.flatMap((status) => [`${status} card`, `${status} wallet`]);
    // Wallets have no 3-D Secure.
    assert.deepEqual(
      wanted.filter((one) => !seen.has(one)),
      ['3d wallet'],
    );
  });

  test('a refund of the merchant’s own is said to be one, whatever the command', () => {
    const refund = paymentIn('refunded', 'card', { type: 'refund', parentTransactionId: ID });
    for (const name of Object.keys(COMMANDS) as Name[])
      assert.equal(outcomeOf(refund, name), name === 'when due' ? '-' : 'transaction_is_refund', name);
  });

  test('a card payment that is asked for as a wallet’s is said to be one', () => {
    for (const name of Object.keys(COMMANDS) as Name[]) {
      const [command, { actor, merchantId }] = COMMANDS[name];
      if (merchantId === null) continue;
      const context = {
        sender: { actor, merchantId, paymentMethod: 'wallet' },
        answerTo: null,
        now: NOW,
      } as const;
      const payment = paymentIn('charged', 'card');
      const { outcome } = decide(stateOf(payment), command, context);
      assert.deepEqual(outcome, {
        kind: 'refused',
        refusal: 'transaction_is_card_payment',
        transaction: payment,
      });
    }
  });

  test('a state that does not allow it is named', () => {
    const payment = paymentIn('cancelled', 'card', { statusReason: 'requested' });
    for (const name of ['capture', 'cancel', 'refund', 'confirm', 'come back'] as const) {
      const [command, sender] = COMMANDS[name];
      const { outcome } = decide(stateOf(payment), command, { sender, answerTo: null, now: NOW });
      assert.deepEqual(outcome, { kind: 'refused', refusal: STATE, transaction: payment });
    }
  });

  test('a slow wallet that has had its time decides by itself, and its customer no longer', () => {
    const slow = { awaiting: 'delay' } as const;
    assert.equal(outcomeOf(paymentIn('created', 'wallet', slow), 'confirm'), 'authorized');
    assert.equal(outcomeOf(paymentIn('created', 'wallet', { ...slow, ...LAPSED }), 'confirm'), STATE);
    assert.equal(outcomeOf(paymentIn('created', 'wallet', { ...slow, ...LAPSED }), 'when due'), 'authorized');
  });

  test("another merchant's payment does not exist, whatever its status and the command", () => {
    for (const status of STATUSES) {
      for (const name of Object.keys(COMMANDS) as Name[]) {
        const [command, sender] = COMMANDS[name];
        if (sender.merchantId === null) continue;
        const context = { sender: { ...sender, merchantId: 'other' }, answerTo: null, now: NOW };
        const { outcome } = decide(stateOf(paymentIn(status, 'card')), command, context);
        assert.deepEqual(outcome, { kind: 'refused', refusal: NOT_FOUND });
      }
    }
  });
});

function operationOf(kind: BankOperation['kind'], patch: Partial<BankOperation> = {}): BankOperation {
  return {
    id: 'o',
    transactionId: ID,
    paymentId: ID,
    merchantId: 'm',
    acquirerId: 'a',
    credentialsId: 'c',
    kind,
    amount: 1_000n,
    currency: 'KZT',
    actor: 'api',
    reason: kind === 'cancel' ? 'requested' : null,
    final: true,
    status: 'pending',
    requestedAt: 0,
    settledAt: null,
    answerDueAt: NOW + 1,
    scopeId: 's',
    key: 'k',
    attempts: 0,
    ...patch,
  };
}

const ANSWER: BankAnswer = {
  status: 'done',
  declineCode: null,
  retrievalReferenceNumber: '1',
  networkTransactionReference: null,
  redirectUrl: null,
};
const DECLINED: Partial<BankAnswer> = { status: 'declined', declineCode: 'lost_card' };
const CHALLENGE: Partial<BankAnswer> = { status: 'challenge', redirectUrl: 'http://bank/acs' };

/** Status before, what was asked, the answer, the status after; then more about the operation, and about the payment. */
const ANSWERS: readonly (readonly [
  Status,
  BankOperation['kind'],
  Partial<BankAnswer>,
  string,
  Partial<BankOperation>?,
  Partial<Transaction>?,
])[] = [
  ['created', 'authorize', { status: 'approved' }, 'authorized'],
  ['created', 'authorize', DECLINED, 'rejected lost_card'],
  ['created', 'authorize', { status: 'declined', declineCode: 'of_tomorrow' }, 'rejected card_declined'],
  [
    'created',
    'authorize',
    { status: 'declined', declineCode: 'processing_error' },
    'transaction.failed processing_error',
  ],
  ['created', 'authorize', CHALLENGE, '3d'],
  ['created', 'authorize', { status: 'failed' }, 'transaction.failed processing_error'],
  ['3d', 'complete', { status: 'approved' }, 'authorized'],
  ['3d', 'complete', DECLINED, 'rejected lost_card'],
  ['3d', 'complete', CHALLENGE, '3d'],
  ['3d', 'complete', { status: 'failed' }, 'transaction.failed processing_error'],
  ['3d', 'cancel', {}, 'cancelled requested'],
  ['3d', 'cancel', DECLINED, '3d'],
  ['3d', 'cancel', {}, 'rejected authentication_expired', { reason: 'authentication_expired' }],
  ['3d', 'cancel', DECLINED, 'rejected authentication_expired', { reason: 'authentication_expired' }],
  ['authorized', 'capture', {}, 'charged'],
  ['authorized', 'capture', {}, 'charged', { amount: 400n }],
  ['authorized', 'capture', DECLINED, 'authorized'],
  ['authorized', 'capture', {}, 'authorized', { amount: 400n, final: false }],
  ['authorized', 'capture', {}, 'authorized', { amount: 300n, final: false }, { captured: 300n }],
  ['authorized', 'capture', {}, 'charged', { amount: 300n }, { captured: 300n }],
  ['authorized', 'capture', DECLINED, 'authorized', { amount: 300n, final: false }, { captured: 300n }],
  ['authorized', 'capture', DECLINED, 'authorized', { amount: 700n }, { captured: 300n }],
  ['authorized', 'cancel', {}, 'authorized', { amount: 400n }, { captured: 300n }],
  ['authorized', 'cancel', {}, 'charged requested', { amount: 700n }, { captured: 300n }],
  ['authorized', 'cancel', DECLINED, 'authorized', { amount: 700n }, { captured: 300n }],
  [
    ...(['authorized', 'cancel', {}, 'refunded requested', { amount: 700n }] as const),
    { captured: 300n, refunded: 300n },
  ],
  [
    ...(['authorized', 'cancel', DECLINED, 'charged expired', { amount: 700n, reason: 'expired' }] as const),
    { captured: 300n },
  ],
  ['authorized', 'cancel', {}, 'cancelled requested'],
  ['authorized', 'cancel', {}, 'authorized', { amount: 400n }],
  ['authorized', 'cancel', DECLINED, 'authorized'],
  ['authorized', 'cancel', {}, 'cancelled expired', { reason: 'expired' }],
  ['authorized', 'cancel', DECLINED, 'cancelled expired', { reason: 'expired' }],
  ['transaction.failed', 'reverse', {}, 'transaction.failed'],
  ['transaction.failed', 'reverse', DECLINED, 'transaction.failed'],
];

function take(payment: Transaction, operation: BankOperation, answer: Partial<BankAnswer>) {
  const command: Command = {
    kind: 'take_bank_answer',
    operationKind: operation.kind,
    operationId: 'o',
    transactionId: operation.transactionId,
    paymentId: ID,
    answer: { ...ANSWER, ...answer },
    reversalId: 'r',
  };
  const child: Transaction = {
    ...paymentIn('created', 'card', { operationId: 'o', eventCount: 1 }),
    id: REFUND,
    type: 'refund',
    parentTransactionId: ID,
  };
  const state = stateOf(payment, operation, child);
  return decide(state, command, { sender: ENGINE, answerTo: null, now: NOW });
}

describe("every answer of the bank's", () => {
  for (const [status, kind, answer, expected, patch, more] of ANSWERS) {
    const last = patch?.final === false ? ' not the last' : '';
    const asked = `${kind} ${patch?.amount ?? ''}${last}${patch?.reason ?? ''}`;
    const name = `${status}${more === undefined ? '' : ' with captures'}: ${asked} ${answer.status ?? 'done'}`;
    test(`${name} → ${expected}`, () => {
      const terminal = status === 'transaction.failed';
      const captureAt = status === 'authorized' ? NOW + 500 : null;
      const operationId = terminal ? null : 'o';
      const before = paymentIn(status, 'card', { operationId, captureAt, ...more });
      const decision = take(before, operationOf(kind, patch), answer);
      const [after] = decision.transactions;
      assert.ok(after);
      assert.equal([after.status, after.statusReason].filter((text) => text !== null).join(' '), expected);
      assert.equal(after.operationId, null);
      if (kind === 'authorize') assert.equal(after.redirectUrl, answer.redirectUrl ?? null);
      assert.equal(decision.answers.length, 1, 'the waiting caller is answered');
      const settled = decision.operations.find(({ id }) => id === 'o');
      assert.deepEqual([settled?.settledAt, settled?.answerDueAt], [NOW, null]);
      const reversal = decision.operations.find(({ id }) => id === 'r');
      assert.equal(reversal?.kind, answer.status === 'failed' ? 'reverse' : undefined);
      const staysDue = after.status === 'authorized' && (kind === 'cancel' || patch?.final === false);
      if (staysDue) assert.equal(after.captureAt, captureAt, 'it is still captured by itself');
    });
  }

  for (const [answer, child, parent] of [
    [{}, 'refunded', 'refunded'],
    [DECLINED, 'rejected', 'charged'],
    [{ status: 'declined', declineCode: 'processing_error' }, 'transaction.failed', 'charged'],
  ] as const) {
    test(`charged: refund ${JSON.stringify(answer)} → ${child}, the payment ${parent}`, () => {
      const payment = paymentIn('charged', 'card', { reserved: 1_000n });
      const decision = take(payment, operationOf('refund', { transactionId: REFUND }), answer);
      const after = new Map(decision.transactions.map((one) => [one.id, one]));
      assert.deepEqual([after.get(REFUND)?.status, after.get(ID)?.status], [child, parent]);
      assert.equal(after.get(ID)?.reserved, 0n);
      assert.equal(after.get(ID)?.refunded, child === 'refunded' ? 1_000n : 0n);
      assert.equal(decision.postings.length, child === 'refunded' ? 0 : 1, 'what was set aside comes back');
    });
  }

  test('a refund that is answered while a part is held leaves the payment authorized, with nothing left to refund', () => {
    const payment = paymentIn('authorized', 'card', { captured: 300n, reserved: 300n, operationId: 'next' });
    const refund = operationOf('refund', { transactionId: REFUND, amount: 300n });
    const { transactions, events } = take(payment, refund, {});
    const after = transactions.find(({ id }) => id === ID);
    assert.ok(after);
    const { status, refunded, reserved, operationId } = after;
    assert.deepEqual([status, refunded, reserved, operationId], ['authorized', 300n, 0n, 'next']);
    assert.deepEqual(
      events.map(({ transactionId, name }) => [transactionId, name]),
      [
        [REFUND, 'transaction.refunded'],
        [ID, 'transaction.partially_refunded'],
      ],
    );
  });

  describe('a payer who does not come back from 3-D Secure', () => {
    const [before, lapsed] = [{ expiresAt: NOW + 1 }, { expiresAt: NOW }];
    const ask = (patch: Partial<Transaction>, answer: Partial<BankAnswer>, actor: BankOperation['actor']) => {
      const payment = paymentIn('3d', 'card', { operationId: 'o', redirectUrl: 'http://bank/acs', ...patch });
      const decision = take(payment, operationOf('complete', { actor }), answer);
      const [after] = decision.transactions;
      assert.ok(after);
      const asked = decision.operations.find(({ id }) => id === 'r');
      return { after, asked: asked === undefined ? null : `${asked.kind} ${asked.reason}` };
    };

    test('counts as authorized once the bank says so, also after the time', () => {
      for (const patch of [before, lapsed]) {
        const { after, asked } = ask(patch, { status: 'approved' }, 'engine');
        assert.deepEqual(
          [after.status, after.secure3d, after.operationId, asked],
          ['authorized', true, null, null],
        );
      }
    });

    test('is asked for again in time; after it nothing may be held at the bank', () => {
      for (const answer of [CHALLENGE, { status: 'failed' } as const]) {
        const early = ask(before, answer, 'engine');
        assert.deepEqual(
          [early.after.status, early.after.operationId, early.after.inquireAt, early.asked],
          ['3d', null, NOW + AUTHENTICATION_CHECK_MS, null],
        );
        const late = ask(lapsed, answer, 'engine');
        assert.deepEqual(
          [late.after.status, late.after.operationId, late.asked],
          ['3d', 'r', 'cancel authentication_expired'],
        );
      }
      const browser = ask(lapsed, CHALLENGE, 'customer');
      assert.deepEqual([browser.after.operationId, browser.asked], ['r', 'cancel authentication_expired']);
    });

    test('is looked after at the next check or at the end, whichever comes first', () => {
      const due = (patch: Partial<Transaction>) => dueAtOf(paymentIn('3d', 'card', patch));
      assert.deepEqual(
        [
          due({ inquireAt: 5, expiresAt: 9 }),
          due({ inquireAt: 9, expiresAt: 5 }),
          due({ inquireAt: null, expiresAt: 9 }),
        ],
        [5, 5, 9],
      );
      assert.equal(due({ inquireAt: 5, operationId: 'o' }), null);
      assert.equal(dueAtOf(paymentIn('authorized', 'card', { inquireAt: 5, expiresAt: 9 })), 9);
    });
  });

  test('an answer that comes again, and one to nobody, change nothing', () => {
    for (const status of ['done', 'declined', 'failed'] as const) {
      const decision = take(paymentIn('authorized', 'card'), operationOf('capture', { status }), {});
      assert.deepEqual([decision.outcome, decision.transactions], [{ kind: 'nothing_to_do' }, []]);
    }
    const other = take(paymentIn('authorized', 'card'), operationOf('capture', { id: 'other' }), {});
    assert.deepEqual([other.outcome, other.operations], [{ kind: 'nothing_to_do' }, []]);
  });
});
