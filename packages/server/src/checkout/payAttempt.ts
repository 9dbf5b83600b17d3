/** An attempt of a payer to pay a link: first whether one may be made now, then the payment, then how the link stands. */
import type { CheckoutState, LinkState } from '@plexy-pay/checkout/state';
import type { Deps } from '../app/deps.ts';
import type { PaymentLink } from '../core/link.ts';
import type { Millis } from '../core/transaction.ts';
import type { Iin } from '../core/values/iin.ts';
import { findResponse } from '../engine/idempotencySql.ts';
import { fieldError } from '../http/errors.ts';
import type { LinkPayment, OpenLink } from '../links/linksSql.ts';
import {
  type CardAttempt,
  findCheckoutLink,
  findCheckoutPayment,
  payLinkByCard,
  payLinkByWallet,
} from '../links/payLink.ts';
import type { Card } from '../payments/cardInput.ts';
import type { CardPayment } from '../payments/payByCard.ts';
import { LIMIT_KINDS, lockedUntil } from './attemptLimits.ts';
import { type Counted, deleteAttempt, insertAttempt, readAttempts } from './attemptsSql.ts';
import { linkState, NO_CARDS } from './checkoutState.ts';
import { customerOfLink, payersCards, requirePayersCard } from './payersCards.ts';

/** Who asks: a browser, whose attempt is known by its id. */
export interface Payer {
  readonly address: string;
  readonly network: string;
  /** Null: it has made none, or says nothing of it. */
  readonly attemptId: string | null;
}

interface PaidByCard {
  /** Whether its payer wants it kept, or has agreed to what the link says. */
  readonly keepsCard: boolean;
  readonly browser: CardPayment['browser'];
}

export type PaidWith =
  | (PaidByCard & { readonly method: 'card'; readonly card: Card })
  | (PaidByCard & { readonly method: 'saved-card'; readonly cardId: string; readonly cvc: string })
  | { readonly method: 'wallet'; readonly phone: string; readonly iin: Iin };

const NOT_FOUND: CheckoutState = { status: 'not_found' };

/** How the link stands for whoever opens its page, and whose pages may show that. */
export async function openCheckout(
  deps: Deps,
  linkId: string,
  payer: Payer,
): Promise<{ readonly state: CheckoutState; readonly origins: readonly string[] }> {
  const open = await findCheckoutLink(deps, linkId);
  if (open === null) return { state: NOT_FOUND, origins: [] };
  const state = await stateFor(deps, open, payer, await lockOf(deps, countedOf(open, payer, null)));
  return { state, origins: open.merchant.checkoutOrigins };
}

/** How the link stands for this payer. */
export async function readCheckout(deps: Deps, linkId: string, payer: Payer): Promise<CheckoutState> {
  return (await openCheckout(deps, linkId, payer)).state;
}

/**
 * Pays, once for each `attemptId`. Whatever comes of it is the state that is returned.
 * @throws ApiError 400 naming what is wrong; what the engine throws
 */
export async function payAttempt(
  deps: Deps,
  linkId: string,
  payer: Payer & { readonly attemptId: string },
  paidWith: PaidWith,
): Promise<CheckoutState> {
  const open = await findCheckoutLink(deps, linkId);
  if (open === null) return NOT_FOUND;
  const before = await stateFor(deps, open, payer, null);
  // What cannot be paid is not attempted; neither is what was attempted before, whose payment is found by its id.
  if (before.status !== 'open') return before;
  const { link } = open;
  const paidBy = await cardOf(deps, link, paidWith);
  const lockedForMs = await noteAttempt(
    deps,
    payer.attemptId,
    countedOf(open, payer, paidBy?.fingerprint ?? null),
    open.link.merchantId,
  );
  if (lockedForMs !== null) return stateFor(deps, open, payer, lockedForMs);
  const attempt = { attemptId: payer.attemptId, returnUrl: `${deps.publicUrl.current}/checkout/${linkId}` };
  try {
    if (paidWith.method === 'wallet') {
      const { phone, iin } = paidWith;
      await payLinkByWallet(deps, link, { ...attempt, phone, iin, network: payer.network });
    } else if (paidBy !== null) {
      const { browser } = paidWith;
      const { card, keepsCard } = paidBy;
      await payLinkByCard(deps, link, { ...attempt, card, keepsCard, browser, payerIp: payer.address });
    }
  } catch (error) {
    // Nothing was asked of anybody where no payment is known by the attempt: what was typed was wrong, perhaps.
    const made = await findResponse(deps.reserved, { scopeId: link.id, key: payer.attemptId });
    if (made === null) await deleteAttempt(deps.reserved, link.id, payer.attemptId);
    throw error;
  }
  return readCheckout(deps, linkId, payer);
}

interface CardOfPayer extends Pick<CardAttempt, 'card' | 'keepsCard'> {
  /** What attempts by it are counted by. */
  readonly fingerprint: string;
}

/** The card, whether it is kept, and null: a wallet pays. @throws ApiError 400 naming what is wrong */
async function cardOf(deps: Deps, link: PaymentLink, paidWith: PaidWith): Promise<CardOfPayer | null> {
  if (paidWith.method === 'wallet') return null;
  if (link.recurring !== null && !paidWith.keepsCard)
    throw fieldError('invalid_request', 'keepCard', 'must be true: this payment is the first of several');
  if (paidWith.method === 'saved-card') {
    const { fingerprint, ...card } = await requirePayersCard(deps, link, paidWith.cardId, paidWith.cvc);
    return { card, keepsCard: false, fingerprint };
  }
  const { card } = paidWith;
  const keepsCard = paidWith.keepsCard && (await customerOfLink(deps, link)) !== null;
  return { card, keepsCard, fingerprint: deps.secrets.firstCardHash(card.number) };
}

function countedOf({ link }: OpenLink, { network }: Payer, card: string | null): Counted {
  return { linkId: link.id, network, card };
}

/** Notes the attempt, unless there were too many before it. @returns for how long none is made, in ms; null: it is made */
async function noteAttempt(
  { reserved }: Deps,
  attemptId: string,
  counted: Counted,
  merchantId: string,
): Promise<number | null> {
  // Noted before the others are counted, so that of many at the same time each sees those before it.
  const at = await insertAttempt(reserved, { ...counted, attemptId, merchantId });
  const lockedForMs = at === null ? null : await lockOf({ reserved }, counted, at);
  if (lockedForMs !== null) await deleteAttempt(reserved, counted.linkId, attemptId);
  return lockedForMs;
}

/** For how long no attempt is made, in ms; null: one may be made. @param before only attempts from before then count */
async function lockOf(
  { reserved }: Pick<Deps, 'reserved'>,
  counted: Counted,
  before: Millis | null = null,
): Promise<number | null> {
  const { now, attempts } = await readAttempts(reserved, counted, before);
  const untils = LIMIT_KINDS.map((kind) =>
    lockedUntil(
      kind,
      attempts.filter((attempt) => attempt.kind === kind),
      now,
    ),
  ).filter((until) => until !== null);
  return untils.length === 0 ? null : Math.ceil(Math.max(...untils) - now);
}

async function stateFor(
  deps: Deps,
  open: OpenLink,
  { attemptId }: Payer,
  lockedForMs: number | null,
): Promise<LinkState> {
  const own = attemptId === null ? null : await paymentOf(deps, open, attemptId);
  const seen = { open, own, lockedForMs, mode: deps.config.mode };
  const state = linkState({ ...seen, cards: NO_CARDS });
  // Only who can pay by one is shown any.
  if (state.status !== 'open') return state;
  return linkState({ ...seen, cards: await payersCards(deps, open.link, open.now) });
}

/** The payment that an attempt has made, found by its idempotency key; null: none yet. */
async function paymentOf(deps: Deps, { link }: OpenLink, attemptId: string): Promise<LinkPayment | null> {
  const made = await findResponse(deps.reserved, { scopeId: link.id, key: attemptId });
  return made?.effectId == null ? null : findCheckoutPayment(deps, link, made.effectId);
}
