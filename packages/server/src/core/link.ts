/**
 * Payment links and sessions: what a merchant sends a payer to be paid by, and what a payer was sent to. A session is a
 * link for one payer now: the same thing of another kind.
 *
 *   active ──► paid, expired, cancelled
 *
 * A link that is not reusable is paid once at most. Whoever begins to pay takes it (`attemptId`), and as long as that
 * payment may still succeed nobody else can; a payment that has failed gives it back by having failed.
 */
import type { Actor, Millis, Minor, PaymentMethod } from './transaction.ts';
import type { LinkId, TransactionId } from './values/ids.ts';

export const LINK_KINDS = ['link', 'session'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

export const LINK_STATUSES = ['active', 'paid', 'expired', 'cancelled'] as const;
export type LinkStatus = (typeof LINK_STATUSES)[number];

export const LINK_LOCALES = ['kk', 'ru', 'en'] as const;
export type LinkLocale = (typeof LINK_LOCALES)[number];

/** What a link is from its beginning. */
export interface LinkTerms {
  readonly amount: Minor;
  readonly currency: string;
  readonly orderReference: string;
  readonly description: string | null;
  /** JSON text of an object, as the merchant gave it. */
  readonly metadata: string;
  /** The merchant's own id of the customer. */
  readonly customerId: string | null;
  /** Whether its payments are captured by themselves soon; else the merchant has days for it. */
  readonly autoClearing: boolean;
  /** What the merchant said; nothing follows from it here. */
  readonly validation: boolean;
  /** Whether any number of payments may be made by it. */
  readonly reusable: boolean;
  readonly paymentMethods: readonly PaymentMethod[];
  readonly locale: LinkLocale | null;
  /** Where it is paid. */
  readonly url: string;
  /** Where its events, and those of its payments, are sent besides; null: nowhere. */
  readonly callback: LinkCallback | null;
  /** What its payer agrees to, where its payment is the first of several; null: it is for once. */
  readonly recurring: RecurringTerms | null;
}

export interface LinkCallback {
  /** The merchant's endpoint for this address's origin. */
  readonly endpointId: string;
  readonly url: string;
}

/** How often at most, and until when, a customer agrees to be charged; null: nothing is said of it. */
export interface RecurringTerms {
  readonly frequencyDays: number | null;
  readonly until: Millis | null;
}

export interface PaymentLink extends LinkTerms {
  readonly id: LinkId;
  readonly kind: LinkKind;
  readonly merchantId: string;
  readonly status: LinkStatus;
  readonly createdBy: Actor;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
  readonly expiresAt: Millis;
  /** When the engine looks at it by itself; null once it has ended. */
  readonly dueAt: Millis | null;
  /** The last payment that was begun by it, where one at a time is. */
  readonly attemptId: TransactionId | null;
  /** The payment that paid it; null also of a reusable one, which none ends. */
  readonly transactionId: TransactionId | null;
  readonly eventCount: number;
}

/** What became of the last payment that was begun by a link, as far as the link is concerned. */
export type Attempt = 'under_way' | 'succeeded' | 'over';

/** One entry of a link's history. */
export interface LinkEvent {
  readonly linkId: LinkId;
  /** 1, 2, 3 … without gaps within the link. */
  readonly seq: number;
  readonly merchantId: string;
  readonly name: string;
  /** The link's after this. */
  readonly status: LinkStatus;
  readonly amount: Minor;
  readonly actor: Actor;
  /** When the link was to end, as it was then. */
  readonly expiresAt: Millis;
  readonly at: Millis;
}

const HAPPENED = ['created', 'paid', 'expired', 'cancelled'] as const;
export type Happened = (typeof HAPPENED)[number];

/** The event's name on the wire. */
export function linkEventNameOf(kind: LinkKind, happened: Happened): string {
  return `payment_${kind}.${happened}`;
}

/** Every event of links and sessions. Webhooks are sent for them to endpoints that name them. */
export const LINK_EVENTS = LINK_KINDS.flatMap((kind) =>
  HAPPENED.map((happened) => linkEventNameOf(kind, happened)),
);

/** Of what kind of link an event is; null: of none. */
export function linkKindOfEvent(name: string): LinkKind | null {
  return LINK_KINDS.find((kind) => name.startsWith(`payment_${kind}.`)) ?? null;
}

/** How long a link can be paid unless its merchant says otherwise, how long at most, and a session. */
export const LINK_TTL_MS = 24 * 3_600_000;
export const LINK_TTL_MAX_MS = 365 * 24 * 3_600_000;
export const SESSION_TTL_MS = 30 * 60_000;

/** What became of a payment that was begun by a link. @param payment undefined: there was none */
export function attemptOf(
  payment: { readonly status: string; readonly authedAt: Millis | null } | undefined,
): Attempt {
  if (payment === undefined) return 'over';
  if (payment.authedAt !== null) return 'succeeded';
  return payment.status === 'created' || payment.status === '3d' ? 'under_way' : 'over';
}

/** The link as it was right after one of its events: the same whenever it is asked for. */
export function linkAsOf(link: PaymentLink, event: LinkEvent): PaymentLink {
  const { status, expiresAt, at, seq } = event;
  return {
    ...link,
    ...{ status, expiresAt, updatedAt: at, eventCount: seq },
    transactionId: status === 'paid' ? link.transactionId : null,
  };
}
