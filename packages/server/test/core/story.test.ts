/**
 * Whole payments instead of single fields: whatever happens to a payment, each of its rows says of every field what
 * its status means, and its history can be read back as it was.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AUTHENTICATION_TTL_MS } from '../../src/core/bankAnswers.ts';
import type { Command } from '../../src/core/command.ts';
import { CONFIRMATION_TTL_MS, DELAYED_DECISION_MS } from '../../src/core/decide.ts';
import { transactionAsOf } from '../../src/core/history.ts';
import { dueAtOf, heldBy, type Transaction } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { transactionView } from '../../src/payments/transactionViews.ts';
import {
  AMOUNT,
  ENGINE_SENDER,
  MERCHANT_SENDER,
  PAYER_SENDER,
  PAYMENT,
  REDIRECT_URL,
  type Setting,
  Story,
} from '../support/story.ts';

const TTL_MS = 7 * 24 * 60 * 60_000;
const BY_LINKS = { linkCaptureDelayS: 3_600, linkHoldS: 432_000 };
const MANUAL = { captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: TTL_MS, ...BY_LINKS } as const;
const AUTOMATIC = {
  captureMode: 'automatic',
  captureDelayMs: 60_000,
  authorizationTtlMs: TTL_MS,
  ...BY_LINKS,
} as const;
const SETTING: Setting = { approval: 'none', available: 5_000n, settings: MANUAL };

/** As merchants see it. */
function shown(row: Transaction): Record<string, unknown> {
  return transactionView(row, null, null);
}

/** What the fields of a row must say, given its status; every one that a status decides is named. */
function assertWhole(row: Transaction, story: Story): void {
  const { status, type, captured } = row;
  const isPayment = type === 'payment';
  const wasAuthorized = row.authedAt !== null;
  const about = `${type} ${status} ${row.statusReason ?? ''}`;
  const is = (name: keyof Transaction, expected: boolean): void =>
    assert.equal(row[name] !== null, expected, `${name} of a ${about}`);

  is('awaiting', status === 'created');
  assert.equal(shown(row).redirectUrl !== null, status === '3d', `the link of a ${about}`);
  // A hold that ended with a release after captures says why, until there is a refund of all.
  const endedByRelease = isPayment && ['charged', 'refunded'].includes(status) && row.statusReason !== null;
  if (endedByRelease) assert.ok(['requested', 'expired'].includes(row.statusReason ?? ''), about);
  else is('statusReason', ['rejected', 'transaction.failed', 'cancelled'].includes(status));
  const hasFailed = ['rejected', 'transaction.failed'].includes(status) || row.statusReason === 'expired';
  assert.equal(shown(row).failureCode, hasFailed && captured === 0n ? row.statusReason : null, about);
  is('confirmedAt', wasAuthorized);
  if (['created', '3d', 'rejected', 'transaction.failed'].includes(status)) is('authedAt', false);
  if (isPayment && ['authorized', 'charged', 'refunded'].includes(status)) is('authedAt', true);
  is('processedAt', isPayment ? wasAuthorized : status === 'refunded');
  assertDeadlines(row, story, about);
  assertAmounts(row, about);
}

/** When the engine acts by itself: the deadline of each status, and no deadline that is over. */
function assertDeadlines(row: Transaction, story: Story, about: string): void {
  const { status, authedAt, expiresAt, captureAt, awaiting, createdAt } = row;
  const { authorizationTtlMs, captureDelayMs, captureMode } = story.settings;
  if (status === 'created') {
    const wait = { confirmation: CONFIRMATION_TTL_MS, delay: DELAYED_DECISION_MS, bank: null }[
      awaiting ?? 'bank'
    ];
    assert.equal(expiresAt, wait === null ? null : createdAt + wait, `deadline of a ${about}`);
  } else if (status === '3d') {
    assert.ok(expiresAt !== null && expiresAt > createdAt, `deadline of a ${about}`);
  } else if (authedAt === null) {
    assert.equal(expiresAt, null, `a ${about} has no deadline`);
  } else {
    assert.equal(expiresAt, authedAt + authorizationTtlMs, `the hold's end of a ${about}`);
  }
  const mayCapture = status === 'authorized' && captureMode === 'automatic' && authedAt !== null;
  if (captureAt !== null && status === 'authorized') {
    assert.ok(mayCapture, `a ${about} is captured by itself`);
    assert.equal(captureAt, (authedAt ?? 0) + captureDelayMs);
  }
  const acts = dueAtOf(row) !== null;
  if (acts) assert.ok(['created', '3d', 'authorized'].includes(status), `the engine acts on a ${about}`);
}

function assertAmounts(row: Transaction, about: string): void {
  const { status, type, amount, captured, released, refunded, reserved } = row;
  if (type === 'refund') {
    assert.deepEqual([captured, released, reserved], [0n, 0n, 0n], about);
    assert.equal(refunded, status === 'refunded' ? amount : 0n, about);
    return;
  }
  const wasAuthorized = row.authedAt !== null;
  assert.equal(
    captured + released + heldBy(row),
    wasAuthorized ? amount : 0n,
    `where the money of a ${about} is`,
  );
  // As long as a part is held, more can be captured: what was, is said by the amounts alone.
  const isHeld = status === 'authorized';
  if (isHeld) assert.ok(heldBy(row) > 0n, about);
  else assert.equal(captured > 0n, status === 'charged' || status === 'refunded', about);
  assert.ok(refunded + reserved <= captured, about);
  assert.equal(refunded === captured && captured > 0n && !isHeld, status === 'refunded', about);
}

/** Each event, read back from the row as it is now, tells the payment as it was then. */
function assertHistory(story: Story): void {
  const fields = [
    'status',
    'captured',
    'released',
    'refunded',
    'reserved',
    'updatedAt',
    'eventCount',
  ] as const;
  const times = ['authedAt', 'confirmedAt', 'processedAt', 'secure3d'] as const;
  for (const { event, after } of story.told) {
    const told = story.transactions.get(event.transactionId);
    assert.ok(told !== undefined);
    // Whoever is told of the event again later gets the same.
    assert.deepEqual(shown(transactionAsOf(told, event)), shown(transactionAsOf(after, event)), event.name);
    // A decision with several events of one transaction leaves the row of the last one only.
    if (event.seq !== after.eventCount) continue;
    const read = transactionAsOf(told, event);
    for (const field of [...fields, ...times]) {
      // The answer to an operation does not touch the payment's own times before it is written.
      assert.deepEqual(read[field], after[field], `${field} of ${event.name} (${event.seq})`);
    }
    assert.equal(
      read.expiresAt,
      after.authedAt === null ? null : after.expiresAt,
      `expiresAt of ${event.name}`,
    );
  }
}

function assertBooks(story: Story): void {
  const rows = [...story.transactions.values()];
  const sum = (of: (row: Transaction) => bigint): bigint => rows.reduce((total, row) => total + of(row), 0n);
  const wallets = (row: Transaction): boolean => row.paymentMethod === 'wallet' && row.type === 'payment';
  assert.equal(
    story.wallet.held,
    sum((row) => (wallets(row) ? heldBy(row) : 0n)),
    'held',
  );
  const kept = sum(({ type, captured, refunded, reserved }) =>
    type === 'payment' ? captured - refunded - reserved : 0n,
  );
  assert.equal(story.balance, kept, "the merchant's balance");
}

function assertSound(story: Story): void {
  for (const row of story.transactions.values()) assertWhole(row, story);
  assertHistory(story);
  assertBooks(story);
}

type Step =
  | { readonly kind: 'capture'; readonly amount: bigint | null; readonly final?: boolean }
  | { readonly kind: 'cancel'; readonly amount: bigint | null }
  | { readonly kind: 'refund'; readonly amount: bigint | null }
  | { readonly kind: 'confirm'; readonly approve: boolean }
  | { readonly kind: 'come back' | 'due' | 'lapse' }
  | { readonly kind: 'bank'; readonly answer: 'yes' | 'no' | 'error' | 'unknown' | 'challenge' }
  | { readonly kind: 'wait'; readonly ms: number };

const amount = fc.option(fc.bigInt({ min: 1n, max: AMOUNT }), { nil: null, freq: 2 });
/** Of which several go into one payment. */
const part = fc.option(fc.bigInt({ min: 1n, max: AMOUNT / 2n }), { nil: null, freq: 3 });
const bankAnswer = fc.constantFrom('yes', 'yes', 'yes', 'challenge', 'no', 'error', 'unknown');
/** Answers of the bank come often: without them nothing goes on. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('capture'),
      amount: part,
      final: fc.constantFrom(true, false, false),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('cancel'), amount: fc.option(amount, { freq: 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('refund'), amount }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('confirm'), approve: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('come back', 'due', 'lapse') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('bank'), answer: bankAnswer }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      ms: fc.constantFrom(1, 60_000, AUTHENTICATION_TTL_MS, TTL_MS),
    }),
  },
);

/** What the bank may say of this: a capture cannot be challenged, and only an authorization is given up. */
function answerOf(story: Story, answer: Extract<Step, { kind: 'bank' }>['answer']): void {
  const kind = story.pending?.kind;
  if (kind === undefined) return;
  const authorizes = kind === 'authorize' || kind === 'complete';
  if (answer === 'challenge' && authorizes) story.bankAnswers('challenge');
  else if (answer === 'unknown' && authorizes) story.bankAnswers('failed');
  else if (answer === 'no') story.bankAnswers('declined', 'lost_card');
  else if (answer === 'error') story.bankAnswers('declined', 'processing_error');
  else story.bankAnswers(authorizes ? 'approved' : 'done');
}

function take(story: Story, action: Step): void {
  const on = { transactionId: PAYMENT };
  switch (action.kind) {
    case 'wait':
      story.now += action.ms;
      return;
    case 'bank':
      answerOf(story, action.answer);
      return;
    case 'confirm':
      story.tell({ ...on, kind: 'confirm', approve: action.approve });
      return;
    case 'come back':
      story.tell({ ...on, kind: 'complete_authentication', operationId: story.id() }, PAYER_SENDER);
      return;
    case 'lapse':
      story.now += TTL_MS;
      take(story, { kind: 'due' });
      return;
    case 'due':
      story.tell({ ...on, kind: 'act_when_due', operationId: story.id() }, ENGINE_SENDER);
      return;
    case 'refund':
      story.tell({ ...on, kind: 'refund', amount: action.amount, refundId: story.id() as TransactionId });
      return;
    default:
      operate(story, action);
  }
}

function operate(story: Story, action: Extract<Step, { kind: 'capture' | 'cancel' }>): void {
  const { amount } = action;
  const on = { transactionId: PAYMENT, amount, operationId: story.id() };
  if (action.kind === 'cancel') story.tell({ ...on, kind: 'cancel' });
  else story.tell({ ...on, kind: 'capture', final: action.final ?? true });
}

test('whatever happens to a payment, rows, history and money say what happened', () => {
  const setting = fc.record({
    approval: fc.constantFrom('none', 'none', 'none', 'customer', 'delayed', 'system_error'),
    available: fc.constantFrom(500n, 5_000n, 5_000n),
    settings: fc.constantFrom(MANUAL, AUTOMATIC),
  });
  const reached = new Set<string>();
  const passed = new Set<string>();
  fc.assert(
    fc.property(
      setting,
      fc.constantFrom('wallet', 'card', 'approved card'),
      fc.array(step, { maxLength: 16, size: 'max' }),
      (given, by, steps) => {
        const method = by === 'wallet' ? 'wallet' : 'card';
        const story = new Story(given);
        if (method === 'wallet') story.authorize();
        else story.payByCard();
        if (by === 'approved card') story.bankAnswers('approved');
        assertSound(story);
        for (const action of steps) {
          take(story, action);
          assertSound(story);
          passed.add(`${method} ${story.payment.status} ${story.payment.statusReason}`);
        }
        const { status, statusReason } = story.payment;
        reached.add(`${method} ${status}`).add(`${method} ${status} ${statusReason}`);
      },
    ),
    { numRuns: 5_000 },
  );
  // A property about states that are never reached would hold of anything.
  const wanted = [
    'created',
    'authorized',
    'rejected',
    'transaction.failed',
    'charged',
    'cancelled',
    'refunded',
  ];
  for (const status of wanted)
    for (const method of ['wallet', 'card'])
      assert.ok(reached.has(`${method} ${status}`), `${method} ${status}`);
  assert.ok(reached.has('card 3d'));
  // Holds of which a part was captured, and the rest released.
  for (const method of ['wallet', 'card'])
    for (const reason of ['requested', 'expired'])
      assert.ok(passed.has(`${method} charged ${reason}`), `${method} charged ${reason}`);
});

describe('one payment, field by field', () => {
  test('a hold that its customer confirms late lasts as long as any other, from the confirmation on', () => {
    const story = new Story({ ...SETTING, approval: 'customer' });
    story.authorize();
    story.now += 5 * 60_000;
    take(story, { kind: 'confirm', approve: true });
    assert.equal(story.payment.expiresAt, story.now + TTL_MS);
    assert.equal(story.payment.authedAt, story.now);
  });

  test('a payment that is cancelled before its authorization has no deadline left', () => {
    const story = new Story({ ...SETTING, approval: 'customer' });
    story.authorize();
    assert.equal(story.payment.expiresAt, story.now + CONFIRMATION_TTL_MS);
    take(story, { kind: 'cancel', amount: null });
    assert.deepEqual([story.payment.status, story.payment.expiresAt], ['cancelled', null]);
  });

  test('the link of 3-D Secure is there while the payer may use it, in the row and in the history', () => {
    const story = new Story(SETTING);
    story.payByCard();
    story.bankAnswers('challenge');
    assert.deepEqual([story.payment.status, shown(story.payment).redirectUrl], ['3d', REDIRECT_URL]);
    take(story, { kind: 'come back' });
    story.bankAnswers('approved');
    assert.deepEqual([story.payment.status, shown(story.payment).redirectUrl], ['authorized', null]);
    const links = story.told.map(({ event }) => [
      event.status,
      shown(transactionAsOf(story.payment, event)).redirectUrl,
    ]);
    assert.deepEqual(
      links.filter(([, link]) => link !== null),
      [['3d', REDIRECT_URL]],
    );
    const secure = story.told.map(({ event }) => [
      event.status,
      transactionAsOf(story.payment, event).secure3d,
    ]);
    assert.deepEqual(
      secure.filter(([, value]) => value === true).map(([status]) => status),
      ['authorized'],
    );
  });

  test('a cancelled hold keeps the time of its authorization, in the row and in the history', () => {
    const story = new Story(SETTING);
    story.authorize();
    const authedAt = story.now;
    story.now += 1_000;
    take(story, { kind: 'cancel', amount: null });
    const last = story.told.at(-1);
    assert.ok(last !== undefined);
    assert.equal(last.event.name, 'transaction.cancelled');
    const { processedAt, updatedAt } = transactionAsOf(story.payment, last.event);
    assert.deepEqual([processedAt, updatedAt], [authedAt, authedAt + 1_000]);
  });

  test('whoever waits for the bank is answered at the moment that was promised, not one before it', () => {
    const story = new Story(SETTING);
    story.payByCard();
    story.bankAnswers('approved');
    const operationId = story.id();
    const capture: Command = { kind: 'capture', transactionId: PAYMENT, amount: null, operationId };
    story.tell(capture, MERCHANT_SENDER, { scopeId: 's', key: 'k' });
    const answerDueAt = story.pending?.answerDueAt ?? 0;
    const give: Command = { kind: 'give_answer', operationId, transactionId: PAYMENT, paymentId: PAYMENT };
    story.now = answerDueAt - 1;
    assert.equal(story.tell(give, ENGINE_SENDER).answers.length, 0);
    story.now = answerDueAt;
    assert.equal(story.tell(give, ENGINE_SENDER).answers.length, 1);
  });

  test('a capture that the bank declines: the merchant’s leaves the automatic one, which ends with its own', () => {
    const story = new Story({ ...SETTING, settings: AUTOMATIC });
    story.payByCard();
    story.bankAnswers('approved');
    const captureAt = story.now + AUTOMATIC.captureDelayMs;
    take(story, { kind: 'capture', amount: 400n });
    story.bankAnswers('declined', 'lost_card');
    assert.deepEqual([story.payment.status, story.payment.captureAt], ['authorized', captureAt]);
    story.now = captureAt;
    take(story, { kind: 'due' });
    assert.equal(story.pending?.actor, 'engine');
    story.bankAnswers('declined', 'lost_card');
    assert.deepEqual([story.payment.status, story.payment.captureAt], ['authorized', null]);
  });

  for (const kind of ['capture', 'cancel'] as const)
    test(`whoever waits for a ${kind} that the bank declines hears so, and of what is done that it is`, () => {
      const story = new Story(SETTING);
      story.payByCard();
      story.bankAnswers('approved');
      const ask = (): unknown =>
        story.tell({ kind, transactionId: PAYMENT, amount: null, operationId: story.id() }, MERCHANT_SENDER, {
          scopeId: 's',
          key: 'k',
        });
      ask();
      const [declined] = story.bankAnswers('declined', 'lost_card').answers;
      assert.deepEqual(declined?.outcome, {
        kind: 'refused',
        refusal: 'declined_by_bank',
        declineCode: 'lost_card',
      });
      ask();
      const [done] = story.bankAnswers('done').answers;
      assert.equal(done?.outcome.kind, 'transaction');
    });

  test('a wallet that has exactly the amount is enough; one that has less, or is frozen, says so', () => {
    const ends = [AMOUNT, AMOUNT - 1n].map((available) => {
      const story = new Story({ ...SETTING, available });
      story.authorize();
      return [story.payment.status, story.payment.statusReason];
    });
    const story = new Story(SETTING);
    story.wallet = { ...story.wallet, frozen: true };
    story.authorize();
    assert.deepEqual(
      [...ends, [story.payment.status, story.payment.statusReason]],
      [
        ['authorized', null],
        ['rejected', 'insufficient_funds'],
        ['rejected', 'wallet_frozen'],
      ],
    );
  });

  test('each event has its name, and the balance that it has left, of what it has posted', () => {
    const story = new Story(SETTING);
    story.authorize();
    take(story, { kind: 'cancel', amount: 100n });
    const captured = story.tell(
      { kind: 'capture', transactionId: PAYMENT, amount: 600n, operationId: story.id() },
      MERCHANT_SENDER,
    );
    assert.deepEqual(
      captured.postings.map(({ code, from, to, amount: moved }) => [code, from.kind, to.kind, moved]),
      [['capture', 'wallet', 'merchant', 600n]],
    );
    assert.deepEqual(
      captured.holds.map(({ change }) => change),
      [-900n],
      'the rest is released',
    );
    const refundId = story.id() as TransactionId;
    const { outcome } = story.tell({ kind: 'refund', transactionId: PAYMENT, amount: 200n, refundId });
    assert.ok(outcome.kind === 'transaction');
    assert.deepEqual(outcome.effect, { id: refundId, seq: 2 });
    assert.deepEqual(
      story.told.slice(-5).map(({ event }) => [event.name, event.balance, event.balanceCurrency]),
      [
        ['transaction.partially_cancelled', null, null],
        ['transaction.charged', 600n, 'KZT'],
        ['transaction.created', null, null],
        ['transaction.refunded', 400n, 'KZT'],
        ['transaction.partially_refunded', 400n, 'KZT'],
      ],
    );
  });

  test('a card’s capture is owed by the acquirer', () => {
    const story = new Story(SETTING);
    story.payByCard();
    story.bankAnswers('approved');
    take(story, { kind: 'capture', amount: 600n });
    const { postings } = story.bankAnswers('done');
    assert.deepEqual(
      postings.map(({ code, from, to, amount: moved }) => [code, from.kind, to.kind, moved]),
      [['capture', 'acquirer', 'merchant', 600n]],
    );
  });

  test("a refund's own row says when it was done", () => {
    const story = new Story(SETTING);
    story.authorize();
    take(story, { kind: 'capture', amount: null });
    story.now += 1_000;
    take(story, { kind: 'refund', amount: 400n });
    const refund = [...story.transactions.values()].find(({ type }) => type === 'refund');
    assert.deepEqual([refund?.status, refund?.processedAt, refund?.refunded], ['refunded', story.now, 400n]);
  });
});
