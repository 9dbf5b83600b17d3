/** The audit log: who did what, to what, from where. What a line tells is decided here; it holds no secret. */
import type { Command, Outcome } from '../core/command.ts';
import type { PaymentLink } from '../core/link.ts';
import type { Transaction } from '../core/transaction.ts';
import { publicLinkIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';

export const AUDIT_ACTIONS = [
  ...['merchant.create', 'merchant.update', 'store.create', 'terminal.create'],
  ...['api_key.issue', 'api_key.update', 'api_key.revoke'],
  ...['user.create', 'user.update', 'user.delete', 'user.reset_password', 'user.change_password'],
  ...['session.sign_in', 'session.sign_in_failed', 'session.lock_out', 'session.sign_out'],
  ...['session.sign_out_everywhere', 'session.end', 'session.end_others'],
  ...['second_factor.set_up', 'second_factor.remove', 'second_factor.new_recovery_codes'],
  'passkey.rename',
  ...['identity.link', 'identity.unlink'],
  ...['user.reset_second_factor', 'user.unlink_identity', 'merchant.require_second_factor'],
  ...['webhook_endpoint.create', 'webhook_endpoint.update', 'webhook_endpoint.delete'],
  ...['webhook_endpoint.enable', 'webhook_endpoint.disable', 'webhook_endpoint.rotate_secret'],
  'callback_secret.rotate',
  ...['webhook_endpoint.test', 'webhook_endpoint.replay', 'webhook_delivery.resend'],
  ...['payment.create', 'payment.capture', 'payment.cancel', 'payment.refund', 'payment.confirm'],
  'payment.show_confirmation',
  ...['card.make_default', 'card.withdraw_consent', 'card.delete'],
  ...['payment_link.create', 'payment_link.cancel', 'payment_link.extend'],
  ...['customer.create', 'customer.update', 'customer.erase', 'customer.export'],
  ...[
    'wallet_holder.create',
    'wallet.create',
    'wallet.freeze',
    'wallet.unfreeze',
    'wallet.deposit',
    'wallet.withdraw',
  ],
  ...['acquirer.create', 'acquirer.update', 'acquirer.route', 'acquirer.set_credentials'],
  ...['issue.mute', 'ledger.audit', 'secret_key.add', 'secret_key.retire'],
  ...['sandbox.advance_clock', 'sandbox.set_faults', 'sandbox.reset'],
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `customer`: whoever had a customer's link. `command_line`: somebody with access to the database itself. */
export const AUDIT_ACTORS = ['api_key', 'user', 'customer', 'system', 'command_line', 'unknown'] as const;

/** Who did it. */
export interface AuditActor {
  readonly kind: (typeof AUDIT_ACTORS)[number];
  /** The API key or the user. */
  readonly id: string | null;
  /** What that is called; absent: who writes the line looks for it. */
  readonly name?: string;
  readonly isOperator: boolean;
  /** The API key or the session. */
  readonly credentialId: string | null;
  /** Where the request came from. */
  readonly address: string | null;
  readonly requestId: string | null;
}

/** Something that the program does by itself. */
export const SYSTEM: AuditActor = {
  ...{ kind: 'system', id: null, isOperator: false },
  ...{ credentialId: null, address: null, requestId: null },
};

type Values = Readonly<Record<string, unknown>>;

/** What was done. */
export interface AuditChange {
  readonly action: AuditAction;
  /** Whose admins may read it, when it was not done by the merchant's own key or user. */
  readonly merchantId?: string | null;
  /** An id of null: there is only one, such as the sandbox's clock. */
  readonly object: { readonly kind: string; readonly id: string | null };
  /** What of it was changed, without secrets. */
  readonly before?: Values | null;
  readonly after?: Values | null;
}

/** Who did what. */
export interface AuditEntry extends AuditChange {
  readonly actor: AuditActor;
  readonly merchantId: string | null;
}

/** The values that differ, before and after. */
export function changedValues<T extends object>(before: T, after: T): { before: Values; after: Values } {
  const names = (Object.keys(after) as (keyof T & string)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const pick = (values: T): Values => Object.fromEntries(names.map((name) => [name, values[name]]));
  return { before: pick(before), after: pick(after) };
}

/**
 * What a command has done, for the audit log.
 * @param before the payment as it was
 * @returns null when nothing was done
 */
export function auditChangeOf(
  command: Command,
  outcome: Outcome,
  before: Transaction | undefined,
): AuditChange | null {
  if (outcome.kind === 'transfer') {
    const { id, walletId, amount, currency, kind } = outcome.transfer;
    return {
      action: kind === 'deposit' ? 'wallet.deposit' : 'wallet.withdraw',
      object: { kind: 'wallet', id: walletId },
      after: { transferId: id, amount, currency },
    };
  }
  if (outcome.kind === 'link') return linkChangeOf(command, outcome.link);
  if (outcome.kind !== 'transaction' && outcome.kind !== 'pending') return null;
  const action = ACTIONS[command.kind];
  if (action === undefined) return null;
  return {
    action,
    ...paymentOf(command, outcome, before),
    before: before === undefined ? null : amountsOf(before),
    after: afterOf(command, outcome),
  };
}

function linkChangeOf(command: Command, link: PaymentLink): AuditChange | null {
  const action = ACTIONS[command.kind];
  if (action === undefined) return null;
  const { merchantId, status, amount, currency, expiresAt } = link;
  return {
    action,
    merchantId,
    object: { kind: 'payment_link', id: publicLinkIdOf(link) },
    after: { status, amount, currency, expiresAt: iso(expiresAt) },
  };
}

const ACTIONS: Readonly<Partial<Record<Command['kind'], AuditAction>>> = {
  authorize: 'payment.create',
  pay_by_card: 'payment.create',
  capture: 'payment.capture',
  cancel: 'payment.cancel',
  refund: 'payment.refund',
  confirm: 'payment.confirm',
  create_link: 'payment_link.create',
  cancel_link: 'payment_link.cancel',
  extend_link: 'payment_link.extend',
};

type Done = Extract<Outcome, { kind: 'transaction' | 'pending' }>;

function paymentOf(
  command: Command,
  outcome: Done,
  before: Transaction | undefined,
): Pick<AuditChange, 'merchantId' | 'object'> {
  const done = outcome.kind === 'pending' ? outcome.operation : outcome.transaction;
  const id = 'transactionId' in command ? command.transactionId : null;
  return { merchantId: before?.merchantId ?? done.merchantId, object: { kind: 'payment', id } };
}

/** A card's capture, cancel or refund is what was asked for: the payment's history has what the bank said. */
function afterOf(command: Command, outcome: Done): Values {
  const refund = command.kind === 'refund' ? { refundId: command.refundId } : {};
  const part = command.kind === 'capture' && command.final === false ? { final: false } : {};
  const approval = command.kind === 'confirm' ? { approved: command.approve } : {};
  if (outcome.kind === 'pending')
    return { amount: outcome.operation.amount, ...refund, ...part, ...approval, waitsForBank: true };
  const { amount, transaction } = outcome;
  return { amount, ...refund, ...part, ...approval, ...amountsOf(transaction) };
}

function amountsOf({ status, currency, captured, released, refunded }: Transaction): Values {
  return { status, currency, captured, released, refunded };
}
