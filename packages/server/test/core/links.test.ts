/** The decisions on payment links: random sequences against a model of them, and the sentences of their rules one by one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AUTHENTICATION_TTL_MS } from '../../src/core/bankAnswers.ts';
import type { Decision } from '../../src/core/change.ts';
import type { Command, MerchantSettings, Outcome, Sender } from '../../src/core/command.ts';
import { CONFIRMATION_TTL_MS, DELAYED_DECISION_MS, decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import { hasWebhook, wants } from '../../src/core/history.ts';
import {
  attemptOf,
  LINK_TTL_MAX_MS,
  LINK_TTL_MS,
  type LinkEvent,
  type LinkKind,
  linkAsOf,
  type PaymentLink,
  SESSION_TTL_MS,
} from '../../src/core/link.ts';
import type { BankAnswer, BankOperation, Transaction, Wallet } from '../../src/core/transaction.ts';
import { dueAtOf, linkIdOf } from '../../src/core/transaction.ts';
import type { LinkId, TransactionId } from '../../src/core/values/ids.ts';
import { parsePublicLinkId, publicLinkIdOf } from '../../src/core/values/ids.ts';

const MERCHANT = 'm';
const SHOP: Sender = { actor: 'api', merchantId: MERCHANT, paymentMethod: null };
const PAYER: Sender = { actor: 'customer', merchantId: MERCHANT, paymentMethod: null };
const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };
const AMOUNT = 100n;
const APPROVALS = ['none', 'customer', 'delayed', 'system_error'] as const;

/** Everything that there is, in memory, as the product's own decisions leave it. */
class World implements State {
  now = 1_000_000;
  readonly links = new Map<string, PaymentLink>();
  readonly events: LinkEvent[] = [];
  readonly transactions = new Map<string, Transaction>();
  readonly operations = new Map<string, BankOperation>();
  settings: MerchantSettings = {
    ...{ captureMode: 'manual', captureDelayMs: 0, authorizationTtlMs: 7 * 86_400_000 },
    ...{ linkCaptureDelayS: 3_600, linkHoldS: 432_000 },
  };
  approval: Wallet['approval'] = 'none';
  funds = 10_000n;
  #ids = 0;

  id(): string {
    this.#ids += 1;
    return `00000000-0000-7000-8000-${String(this.#ids).padStart(12, '0')}`;
  }

  transaction = (id: string) => this.transactions.get(id);
  operation = (id: string) => this.operations.get(id);
  cardOnFile = () => undefined;
  link = (id: string) => this.links.get(id);
  attemptOf = ({ attemptId }: PaymentLink) => attemptOf(this.transactions.get(attemptId ?? ''));
  wallet = () => undefined;
  walletOf = (): Wallet => ({
    ...{ id: 'w', holderId: 'h', currency: 'KZT', available: this.funds, held: 0n, frozen: false },
    approval: this.approval,
  });
  lookUpWallet = () => ({ wallet: this.walletOf() });
  merchantBalance = () => 1_000_000n;
  merchantSettings = () => this.settings;
  can = () => true;

  tell(command: Command, sender: Sender): Outcome {
    const decision = decide(this, command, { sender, answerTo: null, now: this.now });
    this.#apply(decision);
    return decision.outcome;
  }

  #apply(decision: Decision): void {
    for (const link of decision.links) this.links.set(link.id, link);
    this.events.push(...decision.linkEvents);
    for (const transaction of decision.transactions) this.transactions.set(transaction.id, transaction);
    for (const operation of decision.operations) this.operations.set(operation.id, operation);
    for (const { change } of decision.holds) this.funds -= change;
  }

  create(terms: { kind?: LinkKind; reusable?: boolean; expiresAt?: number | null } = {}): Outcome {
    const { kind = 'link', reusable = false, expiresAt = null } = terms;
    return this.tell(
      {
        ...{
          kind: 'create_link',
          link: { id: this.id() as LinkId, kind },
          merchantId: MERCHANT,
          reusable,
          expiresAt,
        },
        ...{ amount: AMOUNT, currency: 'KZT', orderReference: 'o', description: null, metadata: '{}' },
        ...{ customerId: null, autoClearing: true, validation: false, paymentMethods: ['card', 'wallet'] },
        ...{ locale: null, url: 'https://pay.example', callback: null, recurring: null },
      },
      SHOP,
    );
  }

  payByWallet({ id, kind }: PaymentLink): Outcome {
    return this.tell(
      {
        ...{ kind: 'authorize', transactionId: this.id() as TransactionId, merchantId: MERCHANT },
        ...{ amount: AMOUNT, currency: 'KZT', phone: '+77010000001', iinHash: 'h', orderReference: 'o' },
        link: { id, kind },
      },
      PAYER,
    );
  }

  payByCard({ id, kind }: PaymentLink): Outcome {
    return this.tell(
      {
        ...{ kind: 'pay_by_card', transactionId: this.id() as TransactionId, merchantId: MERCHANT },
        ...{ amount: AMOUNT, currency: 'KZT', orderReference: 'o', description: null, payerIp: null },
        ...{
          storeId: null,
          terminalId: null,
          customerId: null,
          recurringType: null,
          cardUse: null,
          consentUntil: null,
          returnUrl: null,
        },
        ...{ cardTokenId: 't', cardBrand: 'visa', cardLast4: '4242', captureMode: null, acquirerId: 'a' },
        ...{ credentialsId: 'c', isSavedCard: false, link: { id, kind } },
      },
      PAYER,
    );
  }

  answer(operation: BankOperation, status: BankAnswer['status']): Outcome {
    const { id: operationId, kind: operationKind, transactionId, paymentId } = operation;
    const answer = {
      ...{ status, declineCode: status === 'declined' ? 'card_declined' : null },
      networkTransactionReference: null,
      ...{ retrievalReferenceNumber: null, redirectUrl: status === 'challenge' ? 'https://bank' : null },
    };
    return this.tell(
      {
        kind: 'take_bank_answer',
        operationId,
        operationKind,
        transactionId,
        paymentId,
        answer,
        reversalId: this.id(),
      },
      ENGINE,
    );
  }

  pending(transactionId: string): BankOperation | undefined {
    return [...this.operations.values()].find(
      (operation) => operation.transactionId === transactionId && operation.status === 'pending',
    );
  }

  of({ id }: PaymentLink): Transaction[] {
    return [...this.transactions.values()].filter((payment) => linkIdOf(payment) === id);
  }
}

/** What may be said of every link, whatever has happened. */
function check(world: World): void {
  for (const link of world.links.values()) {
    const payments = world.of(link).filter(({ type }) => type === 'payment');
    const paid = payments.filter(({ authedAt }) => authedAt !== null);
    const open = payments.filter(({ status }) => status === 'created' || status === '3d');
    if (!link.reusable) {
      assert.ok(paid.length <= 1, 'paid twice');
      assert.ok(open.length <= 1, 'two are under way');
      assert.ok(paid.length + open.length <= 1, 'one is under way after one has paid');
      assert.equal(link.status === 'paid', paid.length === 1);
      assert.equal(link.transactionId, paid[0]?.id ?? null);
      if (open.length === 1) assert.equal(link.status, 'active', 'it ended while somebody pays');
      if (open.length === 1) assert.equal(link.attemptId, open[0]?.id);
    } else assert.ok(link.status !== 'paid' && link.transactionId === null && link.attemptId === null);
    assert.equal(link.dueAt !== null, link.status === 'active');
    const told = world.events.filter(({ linkId }) => linkId === link.id);
    assert.deepEqual(
      told.map(({ seq }) => seq),
      Array.from({ length: link.eventCount }, (_, i) => i + 1),
    );
    assert.equal(told.at(-1)?.status, link.status);
    assert.ok(told.length <= 2, 'a link begins once and ends once');
    for (const event of told) {
      const then = linkAsOf(link, event);
      assert.deepEqual(
        [then.status, then.expiresAt, then.updatedAt],
        [event.status, event.expiresAt, event.at],
      );
      assert.equal(then.transactionId, event.status === 'paid' ? link.transactionId : null);
      assert.deepEqual(linkAsOf(then, event), then);
    }
  }
}

/** What a wish to pay comes to, by the rules as they are written for people. */
function expected(world: World, link: PaymentLink): string | null {
  if (link.status !== 'active') return `payment_link_${link.status}`;
  const payments = world.of(link).filter(({ type }) => type === 'payment');
  const isTaken = payments.some(({ status }) => status === 'created' || status === '3d');
  if (!link.reusable && isTaken) return 'payment_link_in_use';
  return world.now >= link.expiresAt ? 'payment_link_expired' : null;
}

function reasonOf(outcome: Outcome): string | null {
  return outcome.kind === 'refused' ? outcome.refusal : null;
}

type Step = (world: World, pick: number) => void;

function pickLink(world: World, pick: number): PaymentLink | undefined {
  const links = [...world.links.values()];
  return links[pick % Math.max(links.length, 1)];
}

function payment(world: World, pick: number): Transaction | undefined {
  const payments = [...world.transactions.values()].filter(({ type }) => type === 'payment');
  return payments[pick % Math.max(payments.length, 1)];
}

const STEPS: Readonly<Record<string, Step>> = {
  create: (world, pick) => {
    const lives = [null, world.now + 1_000, world.now + 3_600_000];
    world.create({ reusable: pick % 5 === 0, expiresAt: lives[pick % 3] ?? null, kind: 'link' });
  },
  session: (world) => void world.create({ kind: 'session' }),
  wallet: (world, pick) => {
    const link = pickLink(world, pick);
    if (link === undefined) return;
    world.approval = APPROVALS[pick % APPROVALS.length] ?? 'none';
    if (pick % 7 === 0) world.funds = 0n;
    const reason = expected(world, link);
    assert.equal(reasonOf(world.payByWallet(link)), reason);
    world.funds = 10_000n;
  },
  card: (world, pick) => {
    const link = pickLink(world, pick);
    if (link === undefined) return;
    const reason = expected(world, link);
    assert.equal(reasonOf(world.payByCard(link)), reason);
  },
  answer: (world, pick) => {
    const open = [...world.operations.values()].filter(({ status }) => status === 'pending');
    const operation = open[pick % Math.max(open.length, 1)];
    if (operation === undefined) return;
    const answers: Readonly<Record<BankOperation['kind'], readonly BankAnswer['status'][]>> = {
      ...{ authorize: ['approved', 'declined', 'challenge', 'failed'], cancel: ['done', 'declined'] },
      ...{ complete: ['approved', 'declined', 'challenge', 'failed'], capture: ['done', 'declined'] },
      ...{ refund: ['done', 'declined'], reverse: ['done', 'declined'] },
    };
    const possible = answers[operation.kind];
    world.answer(operation, possible[pick % possible.length] ?? 'failed');
  },
  comeBack: (world, pick) => {
    const transactionId = payment(world, pick)?.id;
    if (transactionId === undefined) return;
    world.tell({ kind: 'complete_authentication', transactionId, operationId: world.id() }, ENGINE);
  },
  confirm: (world, pick) => {
    const transactionId = payment(world, pick)?.id;
    if (transactionId === undefined) return;
    world.tell({ kind: 'confirm', transactionId, approve: pick % 2 === 0 }, ENGINE);
  },
  cancelPayment: (world, pick) => {
    const transactionId = payment(world, pick)?.id;
    if (transactionId === undefined) return;
    world.tell({ kind: 'cancel', transactionId, amount: null, operationId: world.id() }, SHOP);
  },
  cancelLink: (world, pick) => {
    const link = pickLink(world, pick);
    if (link === undefined) return;
    const reason = expected(world, link);
    const { id, kind } = link;
    assert.equal(reasonOf(world.tell({ kind: 'cancel_link', link: { id, kind } }, SHOP)), reason);
  },
  extend: (world, pick) => {
    const link = pickLink(world, pick);
    if (link === undefined) return;
    const reason = expected(world, link);
    const { id, kind } = link;
    const expiresAt = world.now + 1 + (pick % 7_200_000);
    const command = { kind: 'extend_link', link: { id, kind }, expiresAt } as const;
    const outcome = world.tell(command, SHOP);
    assert.equal(reasonOf(outcome), reason === 'payment_link_in_use' ? null : reason);
    if (outcome.kind === 'link') assert.equal(world.links.get(id)?.expiresAt, expiresAt);
  },
  time: (world, pick) => {
    const spans = [500, 5_000, CONFIRMATION_TTL_MS, AUTHENTICATION_TTL_MS, 3_600_000, 90_000_000];
    world.now += spans[pick % spans.length] ?? 0;
  },
  sweep: (world) => {
    for (const { id: transactionId } of [...world.transactions.values()].filter(
      (transaction) => (dueAtOf(transaction) ?? Number.POSITIVE_INFINITY) <= world.now,
    ))
      world.tell({ kind: 'act_when_due', transactionId, operationId: world.id() }, ENGINE);
    for (const { id, kind, dueAt } of [...world.links.values()])
      if (dueAt !== null && dueAt <= world.now)
        world.tell({ kind: 'end_link_when_due', link: { id, kind } }, ENGINE);
  },
};

test('whatever comes in whatever order, each link is paid once at most, and says so', () => {
  const step = fc.tuple(fc.constantFrom(...Object.keys(STEPS)), fc.nat(10_000_000));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
      const world = new World();
      for (const [name, pick] of [['create', 1] as const, ...steps]) {
        STEPS[name]?.(world, pick);
        check(world);
      }
      // At the end of all time everything has ended.
      for (let i = 0; i < 4; i += 1) {
        for (const operation of [...world.operations.values()].filter(({ status }) => status === 'pending'))
          world.answer(operation, 'failed');
        world.now += 100 * 86_400_000;
        STEPS.sweep?.(world, 0);
        check(world);
      }
      for (const { status } of world.links.values()) assert.notEqual(status, 'active');
    }),
    { numRuns: 600 },
  );
});

function made(world: World, terms: Parameters<World['create']>[0] = {}): PaymentLink {
  const outcome = world.create(terms);
  assert.equal(outcome.kind, 'link');
  return outcome.kind === 'link' ? outcome.link : assert.fail();
}

describe('when a link ends', () => {
  const cases = [
    ['a link', 'link', null, LINK_TTL_MS],
    ['a session', 'session', null, SESSION_TTL_MS],
    ['a link with a time of its own', 'link', 1, 1],
    ['a link of a year', 'link', LINK_TTL_MAX_MS, LINK_TTL_MAX_MS],
    ['a link of now', 'link', 0, null],
    ['a link of before', 'link', -1, null],
    ['a link of more than a year', 'link', LINK_TTL_MAX_MS + 1, null],
  ] as const;
  for (const [what, kind, asked, lives] of cases)
    test(what, () => {
      const world = new World();
      const outcome = world.create({ kind, expiresAt: asked === null ? null : world.now + asked });
      if (lives === null) assert.equal(reasonOf(outcome), 'expiry_out_of_range');
      else assert.equal(outcome.kind === 'link' && outcome.link.expiresAt, world.now + lives);
      assert.equal(world.links.size, lives === null ? 0 : 1);
    });

  test('is looked at again while somebody pays, and is never forgotten', () => {
    const world = new World();
    const link = made(world, { expiresAt: world.now + 1_000 });
    world.payByCard(link);
    world.now += 1_000;
    STEPS.sweep?.(world, 0);
    const later = world.links.get(link.id);
    assert.ok(later?.status === 'active' && later.dueAt !== null && later.dueAt > world.now);
    const operation = [...world.operations.values()][0];
    assert.ok(operation !== undefined);
    world.answer(operation, 'declined');
    world.now = later.dueAt;
    STEPS.sweep?.(world, 0);
    assert.equal(world.links.get(link.id)?.status, 'expired');
  });

  test('is the moment itself', () => {
    const world = new World();
    const link = made(world, { expiresAt: world.now + 10 });
    world.now += 9;
    assert.equal(expected(world, link), null);
    world.now += 1;
    assert.equal(reasonOf(world.payByWallet(link)), 'payment_link_expired');
  });
});

describe('a payment by a link', () => {
  test('is captured by itself after the time that its merchant had when it began', () => {
    const world = new World();
    const [soon, late] = [made(world), made(world)];
    world.links.set(late.id, { ...late, autoClearing: false });
    world.approval = 'customer';
    for (const link of [soon, late]) world.payByWallet(link);
    world.settings = { ...world.settings, linkCaptureDelayS: 1, linkHoldS: 2 };
    world.now += 60_000;
    for (const { id: transactionId } of [...world.transactions.values()])
      world.tell({ kind: 'confirm', transactionId, approve: true }, ENGINE);
    const [a, b] = [...world.transactions.values()];
    const ttl = world.settings.authorizationTtlMs;
    assert.deepEqual(
      [a?.captureMode, a?.captureAt, a?.expiresAt],
      ['automatic', world.now + 3_600_000, world.now + 3_600_000 + ttl],
    );
    assert.deepEqual(
      [b?.captureMode, b?.captureAt, b?.expiresAt],
      ['manual', world.now + 432_000_000, world.now + 432_000_000 + ttl],
    );
  });

  test('for another amount, currency or merchant than the link’s is none', () => {
    const world = new World();
    const link = made(world);
    const { id, kind } = link;
    const pay = (changes: object) =>
      world.tell(
        {
          ...{ kind: 'authorize', transactionId: world.id() as TransactionId, merchantId: MERCHANT },
          ...{ amount: AMOUNT, currency: 'KZT', phone: 'p', iinHash: 'h', orderReference: 'o' },
          ...{ link: { id, kind }, ...changes },
        },
        PAYER,
      );
    assert.throws(() => pay({ amount: AMOUNT + 1n }), /is not for/);
    assert.throws(() => pay({ currency: 'USD' }), /is not for/);
    assert.equal(reasonOf(pay({ merchantId: 'other' })), 'payment_link_not_found');
    assert.equal(reasonOf(pay({ link: { id, kind: 'session' } })), 'payment_link_not_found');
    assert.equal(world.transactions.size, 0);
  });

  test('by a method that the link does not take is none', () => {
    const world = new World();
    const link = { ...made(world), paymentMethods: ['wallet'] as const };
    world.links.set(link.id, link);
    assert.equal(reasonOf(world.payByCard(link)), 'payment_method_not_allowed');
    assert.equal(world.payByWallet(link).kind, 'transaction');
  });

  test('that a node of a version without links authorized pays it when it falls due', () => {
    const world = new World();
    const link = made(world);
    world.payByCard(link);
    const [payment] = [...world.transactions.values()];
    assert.ok(payment !== undefined);
    world.transactions.set(payment.id, { ...payment, status: 'cancelled', authedAt: world.now });
    assert.equal(reasonOf(world.payByWallet(link)), 'payment_link_paid');
    world.now = link.expiresAt;
    STEPS.sweep?.(world, 0);
    const after = world.links.get(link.id);
    assert.deepEqual([after?.status, after?.transactionId], ['paid', payment.id]);
  });

  test('whose slow wallet decides pays it', () => {
    const world = new World();
    const link = made(world);
    world.approval = 'delayed';
    world.payByWallet(link);
    world.now += DELAYED_DECISION_MS;
    STEPS.sweep?.(world, 0);
    assert.equal(world.links.get(link.id)?.status, 'paid');
  });
});

test('another merchant’s link does not exist', () => {
  const world = new World();
  const { id, kind } = made(world);
  const other: Sender = { ...SHOP, merchantId: 'other' };
  for (const command of [
    { kind: 'cancel_link', link: { id, kind } },
    { kind: 'extend_link', link: { id, kind }, expiresAt: world.now + 1 },
    { kind: 'cancel_link', link: { id, kind: 'session' } },
  ] as const)
    assert.equal(
      reasonOf(world.tell(command, command.link.kind === 'link' ? other : SHOP)),
      'payment_link_not_found',
    );
});

test('an id has one spelling for each kind, and is read back from it', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.constantFrom('link', 'session'), (id, kind) => {
      const key = { kind, id: id as LinkId } as const;
      assert.deepEqual(parsePublicLinkId(publicLinkIdOf(key)), { ok: true, value: key });
    }),
  );
  for (const text of ['', 'pl_', `pl_${'0'.repeat(31)}`, `PL_${'0'.repeat(32)}`, `pl_${'G'.repeat(32)}`, 'x'])
    assert.equal(parsePublicLinkId(text).ok, false, text);
});

test('endpoints that name no events want those of transactions alone', () => {
  for (const name of ['payment_link.paid', 'payment_session.expired']) {
    assert.equal(hasWebhook({ name }), true);
    assert.equal(wants([], { name }), false);
    assert.equal(wants([name], { name }), true);
  }
  assert.equal(wants([], { name: 'transaction.charged' }), true);
  assert.equal(wants(['payment_link.paid'], { name: 'transaction.charged' }), false);
  assert.equal(hasWebhook({ name: 'payment_link.extended' }), false);
});
