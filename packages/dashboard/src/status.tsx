/** Statuses: a word, a colour and a shape each, so that none is told by its colour alone. */
import type { TransactionStatus } from '@plexy-pay/sdk';
import type { ReactNode } from 'react';
import type { PaymentLink, Transaction, WalletTransaction } from './api.ts';
import { type Key, useWords } from './i18n/index.tsx';

export type Status = TransactionStatus;

interface Look {
  readonly label: Key;
  /** The end of a class name: `status-blue`. Colours from Okabe and Ito, told apart by the colour-blind. */
  readonly colour: string;
  /** In a box of 12 × 12. */
  readonly shape: string;
}

/** The eight canonical ones of transactions. */
export const STATUSES: Readonly<Record<Status, Look>> = {
  created: {
    label: 'status.created',
    colour: 'grey',
    shape: 'M6 10.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9Z',
  },
  '3d': {
    label: 'status.3d',
    colour: 'purple',
    shape: 'M6 1.300 10 2.800v3c0 2.500-1.700 4.200-4 5-2.300-.8-4-2.500-4-5v-3Z',
  },
  authorized: {
    label: 'status.authorized',
    colour: 'blue',
    shape: 'M6 10.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM6 3.800V6l1.700 1',
  },
  charged: { label: 'status.charged', colour: 'green', shape: 'M2 6.500 4.800 9.300 10 3' },
  refunded: {
    label: 'status.refunded',
    colour: 'sky',
    shape: 'M4.300 2 1.800 4.500 4.300 7M2 4.500h5a2.700 2.700 0 0 1 0 5.500H4.500',
  },
  cancelled: {
    label: 'status.cancelled',
    colour: 'slate',
    shape: 'M6 10.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM2.900 9.100l6.200-6.200',
  },
  rejected: {
    label: 'status.rejected',
    colour: 'red',
    shape: 'M2.800 2.800l6.400 6.400M9.200 2.800 2.800 9.200',
  },
  'transaction.failed': {
    label: 'status.failed',
    colour: 'orange',
    shape: 'M6 1.500 11 10.300H1ZM6 4.700v2.500M6 8.700v.1',
  },
};

/** An hourglass. */
const WAITING = 'M2.500 1.500h7M2.500 10.500h7M3.500 1.500c0 3 5 6 5 9M8.500 1.500c0 3-5 6-5 9';

/** What the wallet API's statuses say: fewer than the canonical ones. */
const WALLET_LOOKS: Readonly<Record<WalletTransaction['walletTransactionStatus'], Look>> = {
  NEW: { ...STATUSES.created, label: 'walletStatus.new' },
  PROCESSING: { ...STATUSES.authorized, label: 'walletStatus.processing' },
  SUCCESS: { ...STATUSES.charged, label: 'walletStatus.success' },
  FAILED: { ...STATUSES.rejected, label: 'walletStatus.failed' },
};
export const LINK_STATUSES: Readonly<Record<PaymentLink['status'], Look>> = {
  active: {
    ...STATUSES.authorized,
    label: 'linkStatus.active',
    shape:
      'M4.600 7.400 7.400 4.600M5.300 3.200 6.500 2a2.400 2.400 0 0 1 3.500 3.500L8.800 6.700M3.200 5.300 2 6.500A2.400 2.400 0 0 0 5.500 10l1.200-1.200',
  },
  paid: { ...STATUSES.charged, label: 'linkStatus.paid' },
  expired: {
    ...STATUSES.created,
    label: 'linkStatus.expired',
    shape: 'M6 10.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM6 3.800V6l1.700 1',
  },
  cancelled: { ...STATUSES.cancelled, label: 'linkStatus.cancelled' },
};
const LOOKS: Readonly<Record<string, Look>> = { ...STATUSES, ...WALLET_LOOKS };

interface BadgeProps {
  /** A transaction's, or one of the wallet API. */
  readonly status: string;
  /** What the bank has not answered yet. */
  readonly pending?: Transaction['pendingOperation'];
}

export function StatusBadge({ status, pending = null }: BadgeProps): ReactNode {
  const look = LOOKS[status];
  // A status that this page does not know yet is shown as it is.
  if (look === undefined) return <span className="status status-grey">{status}</span>;
  return pending === null ? (
    <Badge {...look} status={status} />
  ) : (
    <Badge colour={look.colour} shape={WAITING} label={`pending.${pending.kind}`} status={status} />
  );
}

export function LinkStatusBadge({ status }: Pick<PaymentLink, 'status'>): ReactNode {
  return <Badge {...LINK_STATUSES[status]} status={status} />;
}

function Badge({ label, colour, shape, status }: Look & { readonly status: string }): ReactNode {
  const { t } = useWords();
  return (
    <span className={`status status-${colour}`} title={status}>
      <svg width={12} height={12} viewBox="0 0 12 12" aria-hidden="true">
        <path d={shape} />
      </svg>
      {t(label)}
    </span>
  );
}
