/** Which state a payer sees of which link: every combination that the engine leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkState, NO_CARDS } from '../../src/checkout/checkoutState.ts';
import type { PaymentLink } from '../../src/core/link.ts';
import type { LinkId, TransactionId } from '../../src/core/values/ids.ts';
import type { LinkPayment } from '../../src/links/linksSql.ts';

const NOW = Date.UTC(2026, 10, 27);
const MINE = '01978a1c-5f5a-7b3c-8d2e-4f6071829301' as TransactionId;
const THEIRS = '01978a1c-5f5a-7b3c-8d2e-4f6071829302' as TransactionId;

const LINK: PaymentLink = {
  id: '01978a1c-5f5a-7b3c-8d2e-4f60718293a4' as LinkId,
  kind: 'link',
  merchantId: '01900000-0000-7000-8000-000000000001',
  status: 'active',
  amount: 1_549_000n,
  currency: 'KZT',
  orderReference: 'KZ-1',
  description: null,
  metadata: '{}',
  customerId: null,
  autoClearing: true,
  recurring: null,
  validation: false,
  reusable: false,
  paymentMethods: ['card'],
  locale: null,
  url: 'http://127.0.0.1/checkout/pl_1',
  callback: null,
  createdBy: 'api',
  createdAt: NOW - 1_000,
  updatedAt: NOW - 1_000,
  expiresAt: NOW + 1_000,
  dueAt: NOW + 1_000,
  attemptId: null,
  transactionId: null,
  eventCount: 1,
};

const SHOP = { name: 'Demo Store', checkoutColor: null, checkoutOrigins: [], logo: null };

function payment(id: TransactionId, more: Partial<LinkPayment>): LinkPayment {
  return {
    id,
    status: 'created',
    statusReason: null,
    awaiting: 'bank',
    paymentMethod: 'card',
    redirectUrl: null,
    expiresAt: null,
    createdAt: NOW,
    outcome: 'under_way',
    ...more,
  };
}
const ASKED = {};
const CHALLENGED = { status: '3d', awaiting: null, redirectUrl: 'https://bank.test/3ds' } as const;
const TO_CONFIRM = { awaiting: 'confirmation', paymentMethod: 'wallet' } as const;
const AUTHORIZED = { status: 'authorized', awaiting: null, outcome: 'succeeded' } as const;
const REJECTED = { status: 'rejected', statusReason: 'lost_card', awaiting: null, outcome: 'over' } as const;
const CANCELLED = {
  status: 'cancelled',
  statusReason: 'requested',
  awaiting: null,
  outcome: 'over',
} as const;

interface Case {
  readonly link?: Partial<PaymentLink>;
  readonly attempt?: LinkPayment;
  readonly own?: LinkPayment;
  readonly lockedForMs?: number;
}

function shown({ link = {}, attempt, own, lockedForMs }: Case): string {
  const open = { link: { ...LINK, ...link }, merchant: SHOP, attempt: attempt ?? null, now: NOW };
  const { status, isOwn, redirectUrl, reason, lockedUntil } = linkState({
    open,
    cards: NO_CARDS,
    own: own ?? null,
    lockedForMs: lockedForMs ?? null,
    mode: 'sandbox',
  });
  return [
    status,
    ...(isOwn ? ['own'] : []),
    ...(redirectUrl === null ? [] : ['bank']),
    ...(reason === null ? [] : [reason]),
    ...(lockedUntil === null ? [] : [String(Date.parse(lockedUntil) - NOW)]),
  ].join(' ');
}

const CASES: readonly (readonly [Case, string])[] = [
  [{}, 'open'],
  [{ lockedForMs: 60_000 }, 'locked 60000'],
  [{ link: { expiresAt: NOW } }, 'expired'],
  [{ link: { status: 'expired' } }, 'expired'],
  [{ link: { status: 'expired' }, lockedForMs: 60_000 }, 'expired'],
  [{ link: { status: 'cancelled' } }, 'cancelled'],
  // Paid once: everybody sees how the payment stands.
  [{ attempt: payment(MINE, ASKED) }, 'paying'],
  [{ attempt: payment(MINE, ASKED), own: payment(MINE, ASKED) }, 'paying own'],
  [{ attempt: payment(MINE, ASKED), lockedForMs: 60_000 }, 'paying'],
  [{ attempt: payment(MINE, ASKED), link: { expiresAt: NOW } }, 'paying'],
  [{ attempt: payment(MINE, CHALLENGED) }, 'challenge bank'],
  [{ attempt: payment(MINE, CHALLENGED), own: payment(MINE, CHALLENGED) }, 'challenge own bank'],
  [{ attempt: payment(MINE, TO_CONFIRM), own: payment(MINE, TO_CONFIRM) }, 'confirmation own'],
  [{ link: { status: 'paid', transactionId: MINE }, attempt: payment(MINE, AUTHORIZED) }, 'paid'],
  [
    {
      link: { status: 'paid', transactionId: MINE },
      attempt: payment(MINE, AUTHORIZED),
      own: payment(MINE, AUTHORIZED),
    },
    'paid own',
  ],
  // Mine failed, then somebody else paid.
  [{ link: { status: 'paid', transactionId: THEIRS }, own: payment(MINE, REJECTED) }, 'paid'],
  // Why one was declined only its payer hears.
  [{ attempt: payment(MINE, REJECTED) }, 'open'],
  [{ attempt: payment(MINE, REJECTED), own: payment(MINE, REJECTED) }, 'declined own lost_card'],
  [{ attempt: payment(MINE, CANCELLED), own: payment(MINE, CANCELLED) }, 'declined own cancelled'],
  [
    { attempt: payment(MINE, REJECTED), own: payment(MINE, REJECTED), lockedForMs: 1 },
    'declined own lost_card',
  ],
  [{ attempt: payment(MINE, REJECTED), own: payment(MINE, REJECTED), link: { expiresAt: NOW } }, 'expired'],
  [{ attempt: payment(THEIRS, ASKED), own: payment(MINE, REJECTED) }, 'paying'],
  // Paid often: everybody sees their own payment alone.
  [{ link: { reusable: true } }, 'open'],
  [{ link: { reusable: true }, own: payment(MINE, CHALLENGED) }, 'challenge own bank'],
  [{ link: { reusable: true }, own: payment(MINE, AUTHORIZED) }, 'paid own'],
  [{ link: { reusable: true, status: 'cancelled' }, own: payment(MINE, AUTHORIZED) }, 'paid own'],
  [{ link: { reusable: true }, own: payment(MINE, REJECTED) }, 'declined own lost_card'],
];

test('each standing of link and payment is one state', () => {
  CASES.forEach(([given, expected], i) => {
    assert.equal(shown(given), expected, `case ${i + 1}`);
  });
});

test('addresses go on as the merchant wrote them, and those that nobody may be sent to do not', () => {
  const urlsOf = (metadata: object) => {
    const link = { ...LINK, metadata: JSON.stringify(metadata) };
    const open = { link, merchant: SHOP, attempt: null, now: NOW };
    return linkState({ open, cards: NO_CARDS, own: null, lockedForMs: null, mode: 'sandbox' }).urls;
  };
  assert.deepEqual(urlsOf({ successUrl: 'https://Shop.test/ok?a=%41', cancelUrl: 'shop://cart', more: 1 }), {
    success: 'https://Shop.test/ok?a=%41',
    failure: null,
    cancel: 'shop://cart',
  });
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'https://u:p@shop.test', 7, null, {}, ''])
    assert.deepEqual(
      urlsOf({ successUrl: url, failureUrl: url, cancelUrl: url }),
      { success: null, failure: null, cancel: null },
      String(url),
    );
});

test('cards are shown to whoever can pay by one, and to nobody else', () => {
  const card = { id: 'ct_1', brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2030 };
  const cards = { savedCards: [card], canKeepCard: true };
  for (const [given, isShown] of [
    [{}, true],
    [{ lockedForMs: 60_000 }, false],
    [{ attempt: payment(MINE, ASKED) }, false],
    [{ attempt: payment(MINE, REJECTED), own: payment(MINE, REJECTED) }, false],
    [{ link: { status: 'paid', transactionId: MINE } }, false],
    [{ link: { status: 'cancelled' } }, false],
  ] as readonly (readonly [Case, boolean])[]) {
    const { link = {}, attempt = null, own = null, lockedForMs = null } = given;
    const open = { link: { ...LINK, ...link }, merchant: SHOP, attempt, now: NOW };
    const { savedCards, canKeepCard } = linkState({ open, cards, own, lockedForMs, mode: 'sandbox' });
    assert.deepEqual({ savedCards, canKeepCard }, isShown ? cards : NO_CARDS, JSON.stringify(given));
  }
});

test('what a payer agrees to is told with its end', () => {
  const link = { ...LINK, recurring: { frequencyDays: 28, until: NOW + 1_000 } };
  const open = { link, merchant: SHOP, attempt: null, now: NOW };
  const { agreement } = linkState({ open, cards: NO_CARDS, own: null, lockedForMs: null, mode: 'sandbox' });
  assert.deepEqual(agreement, { frequencyDays: 28, until: new Date(NOW + 1_000).toISOString() });
});
