/** Which acquirer a payment goes to, what an acquirer cannot do, and until when a payment may go to another one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type AcquirerRoute,
  acquirersFor,
  type Capability,
  DEFAULT_ACQUIRER_ID,
} from '../../src/core/acquirers.ts';
import { BLANK } from '../../src/core/change.ts';
import type { Command, Outcome, PayByCard, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import type { BankOperation, Transaction } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

const PAYMENT = { merchantId: 'm', paymentMethod: 'card', currency: 'KZT', cardBrand: 'visa' } as const;
const ALL: AcquirerRoute = {
  ...{ merchantId: null, paymentMethod: null, currency: null, cardBrand: null },
  acquirerId: 'a',
};
const OPEN = { takesPayments: true, isDown: false };

function chosen(
  routes: readonly AcquirerRoute[],
  states: Readonly<Record<string, { takesPayments: boolean; isDown: boolean }>> = {},
): string[] {
  return acquirersFor(PAYMENT, routes, (id) => states[id] ?? OPEN);
}

describe('which acquirers may be asked', () => {
  test('the default alone, without a route', () => {
    assert.deepEqual(chosen([]), [DEFAULT_ACQUIRER_ID]);
  });

  test('that of the first route that fits, then the next ones, then the default', () => {
    const routes = [
      { ...ALL, currency: 'USD', acquirerId: 'dollars' },
      { ...ALL, cardBrand: 'visa', acquirerId: 'visa' },
      { ...ALL, merchantId: 'm', acquirerId: 'merchant' },
    ];
    assert.deepEqual(chosen(routes), ['visa', 'merchant', DEFAULT_ACQUIRER_ID]);
  });

  for (const [name, other] of [
    ['merchant', { merchantId: 'other' }],
    ['currency', { currency: 'USD' }],
    ['card brand', { cardBrand: 'mastercard' }],
  ] as const)
    test(`a route for another ${name} does not count, whatever else fits`, () => {
      const route = { ...ALL, ...PAYMENT, ...other };
      assert.deepEqual(chosen([route]), [DEFAULT_ACQUIRER_ID]);
    });

  test('the default is where a route has put it, and each is named once', () => {
    const routes = [{ ...ALL, acquirerId: DEFAULT_ACQUIRER_ID }, ALL, { ...ALL, currency: 'KZT' }];
    assert.deepEqual(chosen(routes), [DEFAULT_ACQUIRER_ID, 'a']);
  });

  test('one that takes no payments is none, and one that is down comes last', () => {
    const routes = [
      { ...ALL, acquirerId: 'closed' },
      { ...ALL, acquirerId: 'down' },
    ];
    const states = {
      closed: { takesPayments: false, isDown: false },
      down: { takesPayments: true, isDown: true },
    };
    assert.deepEqual(chosen(routes, states), [DEFAULT_ACQUIRER_ID, 'down']);
    assert.deepEqual(
      acquirersFor(PAYMENT, routes, () => undefined),
      [],
    );
  });

  test('down or not, the same acquirers are named, those that are up before those that are not', () => {
    const ids = fc.constantFrom('a', 'b', 'c', DEFAULT_ACQUIRER_ID);
    const isDown = fc.dictionary(ids, fc.boolean(), { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(ids), isDown, (acquirerIds, down) => {
        const routes = acquirerIds.map((acquirerId) => ({ ...ALL, acquirerId }));
        const states = Object.fromEntries(
          Object.entries(down).map(([id, is]) => [id, { takesPayments: true, isDown: is }]),
        );
        const up = chosen(routes);
        const now = chosen(routes, states);
        assert.deepEqual([...now].sort(), [...up].sort());
        const order = now.map((id) => down[id] === true);
        assert.deepEqual(order, [...order].sort(), 'those that are down are at the end');
        for (const is of [true, false])
          assert.deepEqual(
            now.filter((id) => (down[id] === true) === is),
            up.filter((id) => (down[id] === true) === is),
          );
      }),
    );
  });
});

const ID = 'payment' as TransactionId;
const NOW = 1_000;
const API: Sender = { actor: 'api', merchantId: 'm', paymentMethod: null };

const PAY: PayByCard = {
  ...{ kind: 'pay_by_card', transactionId: ID, merchantId: 'm', amount: 1_000n, currency: 'KZT' },
  ...{ orderReference: 'o', description: null, payerIp: null, storeId: null, terminalId: null },
  ...{
    customerId: null,
    recurringType: null,
    cardUse: null,
    consentUntil: null,
    returnUrl: null,
    cardTokenId: 't',
    cardBrand: 'visa',
  },
  ...{ cardLast4: '4242', captureMode: null, acquirerId: 'a', credentialsId: 'c', isSavedCard: false },
};

function stateOf(
  can: (acquirerId: string | null, capability: Capability) => boolean,
  transaction?: Transaction,
  operation?: BankOperation,
): State {
  return {
    transaction: () => transaction,
    operation: () => operation,
    wallet: () => undefined,
    walletOf: () => assert.fail('no wallet'),
    lookUpWallet: () => ({ failure: 'customer_not_found' }),
    merchantBalance: () => 5_000n,
    merchantSettings: () => ({
      ...{ captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: 7_000 },
      ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
    }),
    can,
    link: () => undefined,
    cardOnFile: () => undefined,
    attemptOf: () => 'over',
  };
}

const AUTHORIZED: Transaction = {
  ...BLANK,
  ...{ id: ID, merchantId: 'm', type: 'payment', paymentMethod: 'card', status: 'authorized' },
  ...{ amount: 1_000n, currency: 'KZT', orderReference: 'o', captureMode: 'manual' },
  ...{ acquirerId: 'a', credentialsId: 'c' },
  ...{ createdAt: 0, updatedAt: 0, authedAt: 0, expiresAt: NOW + 1, eventCount: 2 },
};

describe('what an acquirer cannot do is refused before it is asked', () => {
  const part = { transactionId: ID, amount: 400n, operationId: 'o' } as const;
  const saved = { ...PAY, isSavedCard: true };
  const recurring = { ...saved, recurringType: 'subscription' } as const;
  const CASES: readonly [string, Command, Capability, string][] = [
    ['a capture of a part', { kind: 'capture', ...part }, 'partial_capture', 'partial_capture_not_supported'],
    [
      'a capture that others follow',
      { kind: 'capture', ...part, final: false },
      'several_captures',
      'several_captures_not_supported',
    ],
    ['a cancel of a part', { kind: 'cancel', ...part }, 'partial_reversal', 'partial_cancel_not_supported'],
    ['a saved card', saved, 'tokens', 'saved_card_not_supported'],
    ['a charge without its payer', recurring, 'merchant_initiated', 'merchant_initiated_not_supported'],
  ];
  for (const [name, command, needed, refusal] of CASES) {
    const outcomeOf = (able: boolean): Outcome => {
      const can = (id: string | null, capability: Capability): boolean =>
        able || id !== 'a' || capability !== needed;
      const { outcome, ...changes } = decide(stateOf(can, AUTHORIZED), command, {
        ...{ sender: API, answerTo: null, now: NOW },
      });
      if (!able) for (const rows of Object.values(changes)) assert.deepEqual(rows, []);
      return outcome;
    };
    test(name, () => {
      assert.deepEqual(outcomeOf(false), { kind: 'refused', refusal });
      assert.equal(outcomeOf(true).kind, 'pending');
    });
  }

  for (const kind of ['capture', 'cancel'] as const)
    for (const amount of [null, 1_000n])
      test(`${kind} of ${amount ?? 'all'} needs nothing special`, () => {
        const command = { kind, transactionId: ID, amount, operationId: 'o' } as const;
        const { outcome } = decide(
          stateOf(() => false, AUTHORIZED),
          command,
          { sender: API, answerTo: null, now: NOW },
        );
        assert.equal(outcome.kind, 'pending');
      });
});

const AT_FIRST = { acquirerId: 'a', credentialsId: 'c' };
type Named = { readonly acquirerId: string | null; readonly credentialsId: string | null };

function namesOf(row: Named | undefined): Named | null {
  return row === undefined ? null : { acquirerId: row.acquirerId, credentialsId: row.credentialsId };
}

describe('a payment keeps its acquirer for good, and what its merchant is known by there', () => {
  const created = decide(
    stateOf(() => true),
    PAY,
    { sender: API, answerTo: null, now: NOW },
  );
  const [transaction] = created.transactions;
  const [operation] = created.operations;
  assert.ok(transaction !== undefined && operation !== undefined);

  function move(patch: Partial<BankOperation>) {
    const command = {
      operationId: operation?.id ?? '',
      transactionId: ID,
      paymentId: ID,
      acquirerId: 'b',
      credentialsId: 'd',
    };
    return decide(
      stateOf(() => true, transaction, { ...(operation as BankOperation), ...patch }),
      { kind: 'move_to_acquirer', ...command },
      { sender: API, answerTo: null, now: NOW },
    );
  }

  test('every question goes to the one that is named at first, a refund’s too', () => {
    assert.deepEqual([transaction, operation].map(namesOf), [AT_FIRST, AT_FIRST]);
    const charged = { ...AUTHORIZED, status: 'charged', captured: 1_000n } as const;
    const refund = {
      kind: 'refund',
      transactionId: ID,
      amount: null,
      refundId: 'r' as TransactionId,
    } as const;
    const decision = decide(
      stateOf(() => true, charged),
      refund,
      { sender: API, answerTo: null, now: NOW },
    );
    assert.deepEqual([decision.operations[0], decision.transactions[0]].map(namesOf), [AT_FIRST, AT_FIRST]);
  });

  test('unless it was asked nothing: then payment and question go to another one, which is no event', () => {
    const { transactions, operations, events, outcome } = move({});
    const moved = { acquirerId: 'b', credentialsId: 'd' };
    assert.deepEqual([transactions[0], operations[0]].map(namesOf), [moved, moved]);
    assert.deepEqual(events, []);
    assert.equal(outcome.kind, 'pending');
  });

  for (const [name, patch] of [
    ['when another node has taken it over', { attempts: 1 }],
    ['when the bank has answered', { status: 'done' }],
    ['of a capture', { kind: 'capture' }],
    ['of what follows a 3-D Secure authentication', { kind: 'complete' }],
  ] as const)
    test(`never ${name}`, () => {
      const { outcome, ...changes } = move(patch);
      assert.equal(outcome.kind, 'nothing_to_do');
      for (const rows of Object.values(changes)) assert.deepEqual(rows, []);
    });
});
