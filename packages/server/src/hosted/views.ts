/** Links and transactions as the deployed API shows them: transactions in major units, with both names of what has two. */
import type { Status } from '../core/lifecycle.ts';
import type { PaymentLink } from '../core/link.ts';
import { failureMessageOf } from '../core/reasons.ts';
import {
  heldBy,
  type Minor,
  refundableOf,
  type Transaction,
  type TransactionEvent,
} from '../core/transaction.ts';
import { majorOf } from '../core/values/decimal.ts';
import { iso } from '../core/values/time.ts';
import { linkView } from '../links/linkViews.ts';

const LINK_FIELDS = [
  ...['id', 'amount', 'currency', 'description', 'orderReference', 'status', 'url', 'expiresAt', 'createdAt'],
  ...['updatedAt', 'metadata', 'customerId', 'autoClearing', 'validation', 'createdBy'],
];

/** For `exactJson`. */
export function hostedLink(link: PaymentLink): Record<string, unknown> {
  const view = linkView(link);
  return Object.fromEntries(LINK_FIELDS.map((name) => [name, view[name]]));
}

const STATUSES = {
  created: 'CREATED',
  '3d': '3D',
  authorized: 'AUTHED',
  rejected: 'REJECTED',
  'transaction.failed': 'FAILED',
  charged: 'CHARGED',
  cancelled: 'CANCELLED',
  refunded: 'REFUNDED',
} as const satisfies Record<Status, string>;

function statusOf(status: Status): string {
  return `TRANSACTION_STATUS_${STATUSES[status]}`;
}

/** A JSON number in major units, for `exactJson`. */
export function majorNumber(amount: Minor, currency: string): unknown {
  return JSON.rawJSON(majorOf(amount, currency));
}

/** What is left of a payment: held, or to be refunded. Nothing is of a refund. */
export function remainingOf(payment: Transaction): Minor {
  if (payment.type === 'refund') return 0n;
  return payment.status === 'authorized' ? heldBy(payment) : refundableOf(payment);
}

/** What has no value with us: the bank's answer does not carry it. */
const UNKNOWN_OF_CARD = { cardExpiryDate: null, cardholderName: null };

function approvalOf(t: Transaction) {
  const isApproved = t.type === 'refund' ? t.status === 'refunded' : t.authedAt !== null;
  return {
    responseCode: isApproved ? '00' : null,
    authCode: null,
    networkTransactionReference: t.networkTransactionReference,
  };
}

/** One transaction, alone or in a list. For `exactJson`. */
export function hostedTransaction(t: Transaction): Record<string, unknown> {
  const major = (amount: Minor): unknown => majorNumber(amount, t.currency);
  return {
    ...{ transactionId: t.id, paymentId: t.id, status: statusOf(t.status), type: t.type },
    ...{ amount: major(t.amount), currency: t.currency },
    ...{ orderReference: t.orderReference, merchantReference: t.orderReference, description: t.description },
    ...{ createdAt: iso(t.createdAt), updatedAt: iso(t.updatedAt), authedAt: iso(t.authedAt) },
    ...{ rrn: t.retrievalReferenceNumber, paymentMethod: t.paymentMethod, message: messageOf(t) },
    ...{ capturedAmount: major(t.captured), refundedAmount: major(t.refunded) },
    remainingBalance: major(remainingOf(t)),
    originalTransactionId: t.parentTransactionId,
    ...{ paymentLinkId: t.paymentLinkId, paymentSessionId: t.paymentSessionId, customerId: t.customerId },
    ...{ cardTokenId: t.cardTokenId, cardMask: maskOf(t), cardScheme: t.cardBrand },
    ...approvalOf(t),
  };
}

/** What the search of 2023 answers. For `exactJson`. */
export function foundPayment(t: Transaction): Record<string, unknown> {
  return {
    ...{ id: t.id, orderReference: t.orderReference, amount: majorNumber(t.amount, t.currency) },
    ...{ currency: t.currency, paymentMethod: t.paymentMethod, message: messageOf(t) },
    threeDS: { secure3d: t.secure3d, redirectUrl: t.status === '3d' ? t.redirectUrl : null },
    status: t.status === 'created' ? 'new' : t.status === 'transaction.failed' ? 'failed' : t.status,
    ...{ cardTokenId: t.cardTokenId, cardMask: maskOf(t), cardScheme: t.cardBrand, ...UNKNOWN_OF_CARD },
    ...approvalOf(t),
  };
}

/** The first digits of a card are kept nowhere. */
function maskOf({ cardLast4 }: Transaction): string | null {
  return cardLast4 === null ? null : `************${cardLast4}`;
}

/** What happened, in words; an approved payment has them, too, since clients show whatever there is. */
export function messageOf(t: Transaction): string {
  const failure = t.captured > 0n ? null : failureMessageOf(t.statusReason);
  return failure ?? t.status;
}

/** One entry of a transaction's history. For `exactJson`. */
export function hostedEvent(
  { seq, name, status, amount, reason, at }: TransactionEvent,
  currency: string,
): Record<string, unknown> {
  return {
    ...{ seq, name, status: statusOf(status), amount: majorNumber(amount, currency) },
    ...{ message: failureMessageOf(reason), createdAt: iso(at) },
  };
}
