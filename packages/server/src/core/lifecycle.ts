/**
 * The canonical lifecycle of a transaction, as data. Every change of status anywhere goes through
 * `assertTransition`; the names are the constants of the transaction management specification.
 *
 *   created ──► 3d ──► authorized ──► charged ──► refunded
 *      │         │          └───────► cancelled
 *      └─────────┴──► authorized, rejected, transaction.failed, cancelled
 */

export const STATUSES = [
  'created',
  '3d',
  'authorized',
  'rejected',
  'transaction.failed',
  'charged',
  'cancelled',
  'refunded',
] as const;
export type Status = (typeof STATUSES)[number];

export type TransactionType = 'payment' | 'refund';

const MAY_BECOME: Readonly<Record<TransactionType, Readonly<Record<Status, readonly Status[]>>>> = {
  payment: {
    created: ['3d', 'authorized', 'rejected', 'transaction.failed', 'cancelled'],
    '3d': ['authorized', 'rejected', 'transaction.failed', 'cancelled'],
    authorized: ['charged', 'cancelled'],
    rejected: [],
    'transaction.failed': [],
    charged: ['refunded'],
    cancelled: [],
    refunded: [],
  },
  refund: {
    created: ['refunded', 'rejected', 'transaction.failed'],
    '3d': [],
    authorized: [],
    rejected: [],
    'transaction.failed': [],
    charged: [],
    cancelled: [],
    refunded: [],
  },
};

/** Whether a transaction of this type may go from one status to another. */
export function mayBecome(type: TransactionType, from: Status, to: Status): boolean {
  return MAY_BECOME[type][from].includes(to);
}

/** @throws Error when the lifecycle has no such arrow: a bug, never a caller's mistake. */
export function assertTransition(type: TransactionType, from: Status, to: Status): void {
  if (!mayBecome(type, from, to)) throw new Error(`a ${type} cannot go from ${from} to ${to}`);
}

/** The event's name on the wire: `transaction.` + status, and `transaction.failed` for that one. */
export function eventNameOf(status: Status): string {
  return status === 'transaction.failed' ? status : `transaction.${status}`;
}

/** Events that leave the status as it is: amounts changed, the bank was asked, or refused. */
export const OTHER_EVENTS = [
  'transaction.capture_requested',
  'transaction.cancel_requested',
  'transaction.partially_captured',
  'transaction.partially_cancelled',
  'transaction.partially_refunded',
  'transaction.capture_declined',
  'transaction.cancel_declined',
  'transaction.reversal_declined',
] as const;
export type OtherEvent = (typeof OTHER_EVENTS)[number];

/** A capture that others may follow: the rest is still held, so the payment stays `authorized`. */
export const PARTIALLY_CAPTURED = 'transaction.partially_captured' satisfies OtherEvent;

/** What webhooks are sent for: every change of status, and each capture, since merchants ship what was captured. */
export const WEBHOOK_EVENTS = [...STATUSES.map(eventNameOf), PARTIALLY_CAPTURED];

export const WALLET_STATUSES = ['NEW', 'PROCESSING', 'SUCCESS', 'FAILED'] as const;
export type WalletStatus = (typeof WALLET_STATUSES)[number];

/** The reason of a cancellation that nobody asked for: the hold lapsed, so nobody may ship on it. */
export const EXPIRED = 'expired';

const WALLET_STATUS_OF: Readonly<Record<Status, WalletStatus>> = {
  created: 'NEW',
  '3d': 'PROCESSING',
  authorized: 'PROCESSING',
  rejected: 'FAILED',
  'transaction.failed': 'FAILED',
  charged: 'SUCCESS',
  cancelled: 'SUCCESS',
  refunded: 'SUCCESS',
};

/** The wallet API's status of a payment; a cancelled payment succeeded unless it expired. */
export function walletStatusOf(status: Status, reason: string | null): WalletStatus {
  return status === 'cancelled' && reason === EXPIRED ? 'FAILED' : WALLET_STATUS_OF[status];
}

/** A filter on canonical statuses, and on the reason that tells two kinds of `cancelled` apart. */
export interface StatusFilter {
  readonly statuses: readonly Status[];
  /** For `cancelled` only: true = expired ones only, false = none that expired, null = both. */
  readonly expired: boolean | null;
}

/** What a `status` query parameter selects: a wallet status, a canonical one, or `failed`; else null. */
export function statusFilterOf(text: string): StatusFilter | null {
  const wallet = WALLET_STATUSES.find((status) => status === text);
  if (wallet !== undefined) {
    const statuses = STATUSES.filter((status) => WALLET_STATUS_OF[status] === wallet);
    if (wallet === 'FAILED') return { statuses: [...statuses, 'cancelled'], expired: true };
    return { statuses, expired: wallet === 'SUCCESS' ? false : null };
  }
  const canonical = text === 'failed' ? 'transaction.failed' : STATUSES.find((status) => status === text);
  return canonical === undefined ? null : { statuses: [canonical], expired: null };
}

/** What several of these select together: a comma-separated list of them, one at least; else null. */
export function statusFilterOfList(text: string): StatusFilter | null {
  const filters = text.split(',').map(statusFilterOf);
  const known = filters.filter((filter) => filter !== null);
  if (known.length < filters.length) return null;
  const statuses = STATUSES.filter((status) => known.some((filter) => filter.statuses.includes(status)));
  const kinds = known.filter((filter) => filter.statuses.includes('cancelled'));
  const expired = new Set(kinds.map((filter) => filter.expired));
  return { statuses, expired: expired.size === 1 ? (kinds[0]?.expired ?? null) : null };
}
