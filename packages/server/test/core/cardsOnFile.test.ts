/** What a customer has agreed to, and what follows from it: tables, and random lives of cards against a model. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Capability } from '../../src/core/acquirers.ts';
import { agreedBy, type CardOnFile, cardToKeep } from '../../src/core/cardOnFile.ts';
import { BLANK, type Decision } from '../../src/core/change.ts';
import type { PayByCard, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import { FAILURE_CODES, retriedAfterMs } from '../../src/core/reasons.ts';
import type { BankOperation, CardUse, Transaction } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

const NOW = 1_000_000;
const FIRST = 'first' as TransactionId;
const LATER = 'later' as TransactionId;
const CARD: CardOnFile = {
  ...{ customerId: 'c', cardTokenId: 'ct', transactionId: FIRST, merchantMayCharge: true },
  ...{ until: null, withdrawnAt: null, deletedAt: null },
};

describe('whether a merchant may charge a card alone', () => {
  for (const [name, card, answer] of [
    ['it is not on file', undefined, 'card_not_on_file'],
    ['it was deleted', { ...CARD, withdrawnAt: 1, deletedAt: 1 }, 'card_not_on_file'],
    ['it was kept for its customer', { ...CARD, merchantMayCharge: false }, 'first_payment_required'],
    ['that was withdrawn', { ...CARD, withdrawnAt: NOW }, 'consent_withdrawn'],
    ['its time ends now', { ...CARD, until: NOW }, 'consent_expired'],
    ['its time ends later', { ...CARD, until: NOW + 1 }, null],
    ['it has no end', CARD, null],
  ] as const)
    test(name, () => {
      assert.deepEqual(agreedBy(card, NOW), answer ?? { firstTransactionId: FIRST });
    });
});

const API: Sender = { actor: 'api', merchantId: 'm', paymentMethod: null };
const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };

function pay(patch: Partial<PayByCard>): PayByCard {
  return {
    ...{ kind: 'pay_by_card', transactionId: LATER, merchantId: 'm', amount: 1_000n, currency: 'KZT' },
    ...{ orderReference: 'o', description: null, payerIp: null, storeId: null, terminalId: null },
    ...{ customerId: 'c', recurringType: null, cardUse: null, consentUntil: null, returnUrl: null },
    ...{ cardTokenId: 'ct', cardBrand: 'visa', cardLast4: '4242', captureMode: null, acquirerId: 'a' },
    ...{ credentialsId: 'k', isSavedCard: false },
    ...patch,
  };
}

/** What there is, in memory, as the product's own decisions leave it. */
class World implements State {
  readonly transactions = new Map<string, Transaction>();
  readonly operations = new Map<string, BankOperation>();
  readonly cards = new Map<string, CardOnFile>();
  lacks: readonly Capability[] = [];
  now = NOW;

  transaction = (id: string) => this.transactions.get(id);
  operation = (id: string) => this.operations.get(id);
  cardOnFile = (customerId: string, cardTokenId: string) => this.cards.get(`${customerId} ${cardTokenId}`);
  link = () => undefined;
  attemptOf = () => 'over' as const;
  wallet = () => undefined;
  walletOf = () => assert.fail('no wallet');
  lookUpWallet = () => ({ failure: 'customer_not_found' }) as const;
  merchantBalance = () => 0n;
  merchantSettings = () => ({
    ...{ captureMode: 'manual' as const, captureDelayMs: 0, authorizationTtlMs: 7_000 },
    ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
  });
  can = (_id: string | null, capability: Capability) => !this.lacks.includes(capability);

  tell(command: Parameters<typeof decide>[1], sender: Sender = API): Decision {
    const decision = decide(this, command, { sender, answerTo: null, now: this.now });
    for (const one of decision.transactions) this.transactions.set(one.id, one);
    for (const one of decision.operations) this.operations.set(one.id, one);
    for (const { customerId, cardTokenId, transactionId, merchantMayCharge, until } of decision.keptCards) {
      const key = `${customerId} ${cardTokenId}`;
      const before = this.cards.get(key);
      const card = { customerId, cardTokenId, transactionId, merchantMayCharge, until };
      const isNew = merchantMayCharge || before === undefined || before.deletedAt !== null;
      if (isNew) this.cards.set(key, { ...card, withdrawnAt: null, deletedAt: null });
    }
    return decision;
  }

  answer(id: TransactionId, status: 'approved' | 'declined', reference: string | null = null): Decision {
    return this.tell(
      {
        ...{ kind: 'take_bank_answer', operationId: id, operationKind: 'authorize', transactionId: id },
        ...{ paymentId: id, reversalId: `reversal of ${id}` },
        answer: {
          ...{ status, declineCode: status === 'declined' ? 'card_declined' : null, redirectUrl: null },
          ...{ retrievalReferenceNumber: '1', networkTransactionReference: reference },
        },
      },
      ENGINE,
    );
  }
}

describe('what a payment needs of its bank', () => {
  for (const [name, patch, lacks, refusal] of [
    ['a first payment, tokens', { cardUse: 'cof_initial' }, ['tokens'], 'saved_card_not_supported'],
    [
      'a first payment, charges without the payer',
      { cardUse: 'cof_initial' },
      ['merchant_initiated'],
      'merchant_initiated_not_supported',
    ],
    [
      'a charge by the merchant, that it can do them',
      { cardUse: 'merchant', isSavedCard: true },
      ['merchant_initiated'],
      'merchant_initiated_not_supported',
    ],
    ['a card kept for its payer, nothing', { cardUse: 'keep' }, ['tokens', 'merchant_initiated'], null],
    [
      'a card on file by its payer, tokens only',
      { cardUse: 'payer', isSavedCard: true },
      ['merchant_initiated'],
      null,
    ],
  ] as const)
    test(name, () => {
      const world = new World();
      world.cards.set('c ct', CARD);
      world.lacks = lacks;
      const { outcome } = world.tell(pay(patch));
      assert.equal(outcome.kind === 'refused' ? outcome.refusal : null, refusal);
    });

  test('a bank without tokens keeps no card, and charges it this once', () => {
    const world = new World();
    world.tell(pay({ cardUse: 'keep' }));
    world.lacks = ['tokens'];
    assert.deepEqual(world.answer(LATER, 'approved').keptCards, []);
    assert.equal(world.transaction(LATER)?.status, 'authorized');
  });
});

test('what is kept names the payment, and where its payer has agreed', () => {
  const payment: Transaction = {
    ...BLANK,
    ...{ id: FIRST, merchantId: 'm', type: 'payment', paymentMethod: 'card', amount: 1n, currency: 'KZT' },
    ...{ orderReference: 'o', captureMode: 'manual', createdAt: 0, updatedAt: 0 },
    ...{ customerId: 'c', cardTokenId: 'ct', cardUse: 'cof_initial', consentUntil: 7 },
  };
  const kept = {
    ...{ merchantId: 'm', customerId: 'c', cardTokenId: 'ct', transactionId: FIRST },
    ...{ merchantMayCharge: true, until: 7, by: 'api', at: NOW },
  };
  assert.deepEqual(cardToKeep(payment, NOW), kept);
  const byLink = { ...payment, paymentLinkId: `pl_${'0'.repeat(32)}` };
  assert.deepEqual(cardToKeep(byLink, NOW), { ...kept, by: 'checkout' });
  assert.deepEqual(cardToKeep({ ...payment, cardUse: 'keep' }, NOW), { ...kept, merchantMayCharge: false });
  for (const patch of [
    { cardUse: null },
    { cardUse: 'payer' },
    { cardUse: 'merchant' },
    { customerId: null },
  ] as const)
    assert.equal(cardToKeep({ ...payment, ...patch }, NOW), null);
});

test('only some failures may be tried again as they are, and never one that a card network forbids', () => {
  const soft = FAILURE_CODES.filter((code) => retriedAfterMs(code) !== null);
  assert.deepEqual(soft, ['insufficient_funds', 'processing_error']);
  assert.equal(retriedAfterMs('insufficient_funds'), 86_400_000);
  assert.equal(retriedAfterMs('toString'), null);
});

const stepOf = fc.oneof(
  fc.record({
    kind: fc.constant('pay' as const),
    use: fc.constantFrom<CardUse | null>('keep', 'cof_initial', 'cof_initial', 'payer', null),
    customer: fc.constantFrom('c', 'd'),
    card: fc.constantFrom('ct', 'cu'),
    approved: fc.boolean(),
    forMs: fc.option(fc.integer({ min: 1, max: 50 })),
  }),
  fc.record({
    kind: fc.constantFrom('charge', 'charge', 'withdraw', 'delete'),
    customer: fc.constantFrom('c', 'd'),
    card: fc.constantFrom('ct', 'cu'),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }),
);

test('random lives of cards: a merchant charges exactly what stands, and names the payment that it stands on', () => {
  fc.assert(
    fc.property(fc.array(stepOf, { maxLength: 40 }), (steps) => {
      const world = new World();
      /** By customer and card: what was agreed last, written from the rules and not from the code. */
      const model = new Map<
        string,
        { first: string; until: number | null; stands: boolean; alone: boolean }
      >();
      let ids = 0;
      const begin = (patch: Partial<PayByCard>): Decision => {
        ids += 1;
        return world.tell(pay({ transactionId: `p${ids}` as TransactionId, ...patch }));
      };
      for (const step of steps) {
        if (step.kind === 'wait') {
          world.now += step.ms;
          continue;
        }
        const { customer: customerId, card: cardTokenId } = step;
        const key = `${customerId} ${cardTokenId}`;
        const known = model.get(key);
        const stored = world.cards.get(key);
        if (step.kind === 'pay') {
          const until = step.use === 'cof_initial' && step.forMs !== null ? world.now + step.forMs : null;
          const isSavedCard = step.use === 'payer';
          const { outcome } = begin({
            customerId,
            cardTokenId,
            cardUse: step.use,
            consentUntil: until,
            isSavedCard,
          });
          assert.equal(outcome.kind, 'pending');
          const id = `p${ids}` as TransactionId;
          world.answer(id, step.approved ? 'approved' : 'declined', `n${ids}`);
          if (!step.approved) continue;
          if (step.use === 'cof_initial') model.set(key, { first: id, until, stands: true, alone: true });
          if (step.use === 'keep' && known === undefined)
            model.set(key, { first: id, until: null, stands: true, alone: false });
        } else if (step.kind === 'charge') {
          const { outcome } = begin({ customerId, cardTokenId, cardUse: 'merchant', isSavedCard: true });
          const isOver = known?.until != null && world.now >= known.until;
          const mayCharge = known?.alone === true && known.stands && !isOver;
          assert.equal(
            outcome.kind === 'pending',
            mayCharge,
            JSON.stringify({ known, outcome: outcome.kind }),
          );
          if (!mayCharge) continue;
          const payment = world.transaction(`p${ids}`);
          assert.deepEqual(
            [payment?.firstTransactionId, payment?.parentTransactionId, payment?.cardUse],
            [known?.first, null, 'merchant'],
          );
          world.answer(`p${ids}` as TransactionId, 'approved');
          assert.equal(world.cards.get(key), stored, 'a charge changes no consent');
        } else if (stored !== undefined && known !== undefined) {
          const withdrawnAt = stored.withdrawnAt ?? world.now;
          if (step.kind === 'withdraw') {
            world.cards.set(key, { ...stored, withdrawnAt });
            model.set(key, { ...known, stands: false });
          } else {
            world.cards.set(key, { ...stored, withdrawnAt, deletedAt: world.now });
            model.delete(key);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
