/** What a payer sees of a link: one state out of the link, its payments and what limits attempts. Pure. */
import type { CheckoutStatus, LinkState } from '@plexy-pay/checkout/state';
import type { Mode } from '../app/config.ts';
import type { RecurringTerms } from '../core/link.ts';
import { parseReturnUrl } from '../core/values/returnUrl.ts';
import { iso } from '../core/values/time.ts';
import type { LinkMerchant, LinkPayment, OpenLink } from '../links/linksSql.ts';
import { logoPathOf } from '../merchants/logosSql.ts';
import { readableColors } from './colors.ts';

export interface Seen {
  readonly open: OpenLink;
  /** What is known of the link's customer; nothing where that is nobody's business. */
  readonly cards: Pick<LinkState, 'savedCards' | 'canKeepCard'>;
  /** The payment of the attempt that is asked about; null: nothing is asked about, or nothing was made. */
  readonly own: LinkPayment | null;
  /** For how much longer no attempt is made, in ms; null: one may be made now. */
  readonly lockedForMs: number | null;
  readonly mode: Mode;
}

export const NO_CARDS: Seen['cards'] = { savedCards: [], canKeepCard: false };

type Standing = Pick<LinkState, 'status' | 'isOwn' | 'redirectUrl' | 'reason'>;

export function linkState(seen: Seen): LinkState {
  const { open, cards, lockedForMs, mode } = seen;
  const { link, merchant, now } = open;
  const standing = standingOf(seen);
  return {
    ...standing,
    merchant: looksOf(merchant),
    amount: String(link.amount),
    currency: link.currency,
    description: link.description,
    orderReference: link.orderReference,
    expiresAt: iso(link.expiresAt),
    now: iso(now),
    paymentMethods: [...link.paymentMethods],
    locale: link.locale,
    mode,
    lockedUntil: standing.status === 'locked' && lockedForMs !== null ? iso(now + lockedForMs) : null,
    ...(standing.status === 'open' ? cards : NO_CARDS),
    agreement: link.recurring === null ? null : agreementOf(link.recurring),
    urls: urlsOf(link.metadata),
  };
}

function looksOf({ name, checkoutColor, logo }: LinkMerchant): LinkState['merchant'] {
  return {
    name,
    colors: checkoutColor === null ? null : readableColors(checkoutColor),
    logo: logo === null ? null : { url: logoPathOf(logo.hash), width: logo.width, height: logo.height },
  };
}

function agreementOf({ frequencyDays, until }: RecurringTerms): LinkState['agreement'] {
  return { frequencyDays, until: iso(until) };
}

/**
 * Of a link that is paid once everybody with the link sees how its payment stands, whoever makes it; why one was declined
 * only its payer. Of a reusable one everybody sees their own.
 */
function standingOf({ open, own, lockedForMs }: Seen): Standing {
  const { link, attempt, now } = open;
  if (link.status === 'paid') return standing('paid', own !== null && own.id === link.transactionId);
  const payment = link.reusable ? own : attempt;
  const isOwn = payment !== null && payment.id === own?.id;
  if (payment?.outcome === 'under_way') return underWay(payment, isOwn);
  if (payment?.outcome === 'succeeded') return standing('paid', isOwn);
  if (link.status === 'cancelled') return standing('cancelled');
  if (link.status === 'expired' || now >= link.expiresAt) return standing('expired');
  if (isOwn && payment?.outcome === 'over')
    return { ...standing('declined', true), reason: reasonOf(payment) };
  return standing(lockedForMs === null ? 'open' : 'locked');
}

function standing(status: CheckoutStatus, isOwn = false): Standing {
  return { status, isOwn, redirectUrl: null, reason: null };
}

function underWay({ status, awaiting, redirectUrl }: LinkPayment, isOwn: boolean): Standing {
  if (status === '3d' && redirectUrl !== null) return { ...standing('challenge', isOwn), redirectUrl };
  return standing(awaiting === 'confirmation' ? 'confirmation' : 'paying', isOwn);
}

/** `cancelled` where the merchant ended it: what is recorded then says how, and nothing to a payer. */
function reasonOf({ status, statusReason }: LinkPayment): string | null {
  return status === 'cancelled' ? 'cancelled' : statusReason;
}

/** As the merchant wrote them, where they are addresses that a payer may be sent to. @param metadata JSON text */
function urlsOf(metadata: string): LinkState['urls'] {
  const given = JSON.parse(metadata) as Readonly<Record<string, unknown>>;
  const urlOf = (name: string): string | null => {
    const url = given[name];
    return typeof url === 'string' && parseReturnUrl(url).ok ? url : null;
  };
  return { success: urlOf('successUrl'), failure: urlOf('failureUrl'), cancel: urlOf('cancelUrl') };
}
