/**
 * The decisions on payment links: who may begin to pay by one, what pays it, how it ends otherwise. The link is locked
 * while any of them is made, so that of all who come for it at once exactly one takes it.
 */
import { isOver } from './cardOnFile.ts';
import { type Change, type Decision, NOTHING, NOTHING_TO_DO, refuse } from './change.ts';
import type { ChangeLink, CreateLink, LinkKey, MerchantSettings, Sender } from './command.ts';
import {
  type Attempt,
  type Happened,
  LINK_TTL_MAX_MS,
  LINK_TTL_MS,
  type LinkEvent,
  linkEventNameOf,
  type PaymentLink,
  SESSION_TTL_MS,
} from './link.ts';
import type { Refusal } from './reasons.ts';
import { type Actor, linkIdOf, type Millis, type PaymentMethod, type Transaction } from './transaction.ts';
import { publicLinkIdOf } from './values/ids.ts';

/** How long a link whose time is over waits for the payment that is still under way before it is looked at again. */
const LOOK_AGAIN_MS = 10_000;

/** The batch's locked links, as the commands before this one left them. */
export interface LinkState {
  link(id: string): PaymentLink | undefined;
  /** What became of the last payment that was begun by a link. */
  attemptOf(link: PaymentLink): Attempt;
}

/** What is asked of a link by a payment. */
interface PaymentByLink {
  readonly merchantId: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly link?: LinkKey;
}

/** The link that a payment is to be made by, or why it cannot be; null: the payment is made by none. */
export function linkToPay(
  state: LinkState,
  payment: PaymentByLink,
  method: PaymentMethod,
  now: Millis,
): PaymentLink | Refusal | null {
  if (payment.link === undefined) return null;
  const { merchantId, amount, currency } = payment;
  const link = find(state, payment.link, merchantId);
  if (link === null) return 'payment_link_not_found';
  if (amount !== link.amount || currency !== link.currency)
    throw new Error(`link ${link.id} is not for ${amount} ${currency}`);
  const refusal = standingOf(state, link, now);
  if (refusal !== null) return refusal;
  return link.paymentMethods.includes(method) ? link : 'payment_method_not_allowed';
}

/** What a payment has of the link that it is made by. */
export function fieldsByLink(
  link: PaymentLink,
  { linkCaptureDelayS, linkHoldS }: MerchantSettings,
): Pick<Transaction, 'captureMode' | 'captureDelayS' | 'paymentLinkId' | 'paymentSessionId'> {
  const id = publicLinkIdOf(link);
  return {
    captureMode: link.autoClearing ? 'automatic' : 'manual',
    captureDelayS: link.autoClearing ? linkCaptureDelayS : linkHoldS,
    paymentLinkId: link.kind === 'link' ? id : null,
    paymentSessionId: link.kind === 'session' ? id : null,
  };
}

/** The payment has begun: nobody else can begin one by this link as long as it may succeed. */
export function takeLink(change: Change, link: PaymentLink): void {
  if (!link.reusable) change.setLink({ ...link, attemptId: change.transaction.id }, null);
}

/** The payment has succeeded: it pays its link, if it has one that can be paid once. */
export function payLink(state: LinkState, change: Change): void {
  const { transaction, sender, now } = change;
  const id = linkIdOf(transaction);
  if (id === null) return;
  const link = change.link ?? state.link(id);
  if (link === undefined) throw new Error(`link ${id} of payment ${transaction.id} was not loaded`);
  if (link.reusable) return;
  if (link.status !== 'active' || link.attemptId !== transaction.id)
    throw new Error(`link ${id} is ${link.status}, and taken by payment ${link.attemptId}`);
  const [paid, event] = endLink({ ...link, transactionId: transaction.id }, 'paid', sender.actor, now);
  change.setLink(paid, event);
}

/** Creates a link. The time of its end is checked here, since the engine's clock decides on it later. */
export function decideCreateLink(command: CreateLink, { actor }: Sender, now: Millis): Decision {
  const { kind: _command, link: key, expiresAt: asked, merchantId, ...terms } = command;
  const expiresAt = asked ?? now + (key.kind === 'session' ? SESSION_TTL_MS : LINK_TTL_MS);
  if (!mayEndAt(expiresAt, now)) return refuse('expiry_out_of_range');
  if (isOver(terms.recurring?.until ?? null, now)) return refuse('consent_ends_in_past');
  const link: PaymentLink = {
    ...terms,
    ...{ id: key.id, kind: key.kind, merchantId, expiresAt, dueAt: expiresAt },
    status: 'active',
    createdBy: actor,
    createdAt: now,
    updatedAt: now,
    attemptId: null,
    transactionId: null,
    eventCount: 1,
  };
  return decisionOf(link, eventOf(link, 'created', actor, now));
}

/** Cancels a link, gives it another end, or does what is due. */
export function decideOnLink(state: LinkState, command: ChangeLink, sender: Sender, now: Millis): Decision {
  const link = find(state, command.link, sender.merchantId);
  if (link === null) return refuse('payment_link_not_found');
  switch (command.kind) {
    case 'cancel_link': {
      const refusal = standingOf(state, link, now);
      return refusal === null
        ? decisionOf(...endLink(link, 'cancelled', sender.actor, now))
        : refuse(refusal);
    }
    case 'extend_link': {
      const refusal = standingOf(state, link, now);
      // Whoever pays now goes on to pay: for them the end is no matter.
      if (refusal !== null && refusal !== 'payment_link_in_use') return refuse(refusal);
      const { expiresAt } = command;
      if (!mayEndAt(expiresAt, now)) return refuse('expiry_out_of_range');
      return decisionOf({ ...link, expiresAt, dueAt: expiresAt, updatedAt: now }, null);
    }
    case 'end_link_when_due':
      return decideDueLink(state, link, sender.actor, now);
  }
}

/** A payment that was begun in time may end later: until then the link is neither paid nor expired. */
function decideDueLink(state: LinkState, link: PaymentLink, actor: Actor, now: Millis): Decision {
  if (link.status !== 'active' || link.dueAt === null || now < link.dueAt) return NOTHING_TO_DO;
  switch (state.attemptOf(link)) {
    case 'under_way':
      return decisionOf({ ...link, dueAt: now + LOOK_AGAIN_MS }, null);
    case 'succeeded':
      // A node of a version that knows no links took the bank's answer.
      return decisionOf(...endLink({ ...link, transactionId: link.attemptId }, 'paid', actor, now));
    case 'over':
      if (now < link.expiresAt) return decisionOf({ ...link, dueAt: link.expiresAt }, null);
      return decisionOf(...endLink(link, 'expired', actor, now));
  }
}

/** Another merchant's link does not exist. @param merchantId null: anybody's */
function find(state: LinkState, { id, kind }: LinkKey, merchantId: string | null): PaymentLink | null {
  const link = state.link(id);
  if (link === undefined || link.kind !== kind) return null;
  return merchantId === null || merchantId === link.merchantId ? link : null;
}

/** Why a link can be neither paid nor cancelled; null: it can. Time that is over is over, whether the sweep has seen it or not. */
function standingOf(state: LinkState, link: PaymentLink, now: Millis): Refusal | null {
  switch (link.status) {
    case 'paid':
      return 'payment_link_paid';
    case 'cancelled':
      return 'payment_link_cancelled';
    case 'expired':
      return 'payment_link_expired';
    case 'active': {
      const attempt = state.attemptOf(link);
      if (attempt === 'succeeded') return 'payment_link_paid';
      if (attempt === 'under_way') return 'payment_link_in_use';
      return now >= link.expiresAt ? 'payment_link_expired' : null;
    }
  }
}

function mayEndAt(expiresAt: Millis, now: Millis): boolean {
  return expiresAt > now && expiresAt <= now + LINK_TTL_MAX_MS;
}

function endLink(
  before: PaymentLink,
  status: Exclude<PaymentLink['status'], 'active'>,
  actor: Actor,
  now: Millis,
): [PaymentLink, LinkEvent] {
  const link = { ...before, status, dueAt: null, updatedAt: now, eventCount: before.eventCount + 1 };
  return [link, eventOf(link, status, actor, now)];
}

function eventOf(link: PaymentLink, happened: Happened, actor: Actor, at: Millis): LinkEvent {
  const { id, kind, merchantId, status, amount, expiresAt, eventCount: seq } = link;
  return {
    linkId: id,
    seq,
    merchantId,
    name: linkEventNameOf(kind, happened),
    status,
    amount,
    actor,
    expiresAt,
    at,
  };
}

/** @param event null: the history does not tell of it */
function decisionOf(link: PaymentLink, event: LinkEvent | null): Decision {
  const effect = { id: link.id as string, seq: event?.seq ?? 0 };
  const linkEvents = event === null ? [] : [event];
  return { ...NOTHING, outcome: { kind: 'link', link, effect }, links: [link], linkEvents };
}
