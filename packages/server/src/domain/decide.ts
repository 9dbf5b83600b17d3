/**
 * The decisions: pure functions from the loaded state, a command and the time to what happens.
 * Each decides on rows that the batch has locked, checks in a fixed order of precedence, and from
 * its last check on must succeed.
 */
import type {
  Authorize,
  Command,
  MerchantSettings,
  Outcome,
  Sender,
  Transfer,
  WalletLookup,
} from './command.ts';
import type { TransactionId } from './ids.ts';
import { assertTransition, EXPIRED, eventNameOf, type Status } from './lifecycle.ts';
import type { FailureCode, Refusal } from './reasons.ts';
import {
  type Account,
  heldBy,
  type Millis,
  type Minor,
  type Posting,
  refundableOf,
  type Transaction,
  type TransactionEvent,
  type Wallet,
  type WalletTransfer,
} from './transaction.ts';

/** How long a customer has to confirm a payment. */
export const CONFIRMATION_TTL_MS = 10 * 60_000;
/** How long the sandbox's slow wallet takes to decide. */
export const DELAYED_DECISION_MS = 3_000;

/** What the decisions may look at: the batch's locked rows, as the commands before this one left them. */
export interface State {
  transaction(id: string): Transaction | undefined;
  wallet(id: string): Wallet | undefined;
  lookUpWallet(phone: string, iinHash: string, currency: string): WalletLookup;
  merchantBalance(merchantId: string, currency: string): Minor;
  merchantSettings(merchantId: string): MerchantSettings;
}

/** What a command changes. Everything is empty when it was refused. */
export interface Decision {
  readonly outcome: Outcome;
  /** New and changed transactions, in their final state. */
  readonly transactions: readonly Transaction[];
  readonly events: readonly TransactionEvent[];
  readonly postings: readonly Posting[];
  readonly transfers: readonly WalletTransfer[];
}

/** Decides one command. @throws Error only for a bug. */
export function decide(state: State, command: Command, sender: Sender, now: Millis): Decision {
  switch (command.kind) {
    case 'authorize':
      return decideAuthorize(state, command, sender, now);
    case 'deposit':
    case 'withdraw':
      return decideTransfer(state, command, sender, now);
    default: {
      const transaction = state.transaction(command.transactionId);
      if (transaction === undefined || !maySee(sender, transaction)) return refuse('transaction_not_found');
      return decideOn(state, transaction, command, sender, now);
    }
  }
}

type OnTransaction = Exclude<Command, Authorize | Transfer>;

function decideOn(
  state: State,
  payment: Transaction,
  command: OnTransaction,
  sender: Sender,
  now: Millis,
): Decision {
  const change = new Change(payment, sender, now);
  switch (command.kind) {
    case 'capture':
      return decideCapture(state, change, command.amount);
    case 'cancel':
      return decideCancel(change, command.amount);
    case 'refund':
      return decideRefund(state, change, command.refundId, command.amount);
    case 'confirm':
      return decideConfirm(state, change, command.approve);
    case 'act_when_due':
      return decideDue(state, change);
  }
}

function maySee(sender: Sender, transaction: Transaction): boolean {
  if (sender.paymentMethod !== null && sender.paymentMethod !== transaction.paymentMethod) return false;
  if (sender.merchantId === null) return true;
  return sender.merchantId === transaction.merchantId && transaction.type === 'payment';
}

function decideAuthorize(state: State, command: Authorize, sender: Sender, now: Millis): Decision {
  const found = state.lookUpWallet(command.phone, command.iinHash, command.currency);
  const wallet = 'wallet' in found ? found.wallet : null;
  const settings = state.merchantSettings(command.merchantId);
  const change = Change.create(newPayment(command, wallet, settings.captureMode, now), sender, now);
  if ('failure' in found) return change.end('rejected', found.failure);
  if (found.wallet.frozen) return change.end('rejected', 'wallet_frozen');
  switch (found.wallet.approval) {
    case 'system_error':
      return change.end('transaction.failed', 'processing_error');
    case 'customer':
      return change.await('confirmation', now + CONFIRMATION_TTL_MS);
    case 'delayed':
      return change.await('delay', now + DELAYED_DECISION_MS);
    case 'none':
      return placeHold(change, found.wallet, settings);
  }
}

/** Holds the amount, or rejects the payment: the one place where a wallet authorization is decided. */
function placeHold(change: Change, wallet: Wallet, settings: MerchantSettings): Decision {
  const { amount, captureMode } = change.transaction;
  if (wallet.frozen) return change.end('rejected', 'wallet_frozen');
  if (wallet.available < amount) return change.end('rejected', 'insufficient_funds');
  const { now } = change;
  change.post({ kind: 'available', walletId: wallet.id }, { kind: 'held', walletId: wallet.id }, amount);
  change.become('authorized', null, amount, {
    awaiting: null,
    authedAt: now,
    confirmedAt: now,
    processedAt: now,
    expiresAt: now + settings.authorizationTtlMs,
    captureAt: captureMode === 'automatic' ? now + settings.captureDelayMs : null,
  });
  return change.done(amount);
}

function decideCapture(state: State, change: Change, amount: Minor): Decision {
  const { transaction, now } = change;
  if (transaction.status !== 'authorized') return refuse('invalid_transaction_state');
  if (transaction.expiresAt !== null && now >= transaction.expiresAt) return refuse('authorization_expired');
  const held = heldBy(transaction);
  if (amount > held) return refuse('amount_exceeds_held');

  const walletId = walletOf(transaction);
  const { merchantId, currency } = transaction;
  change.post({ kind: 'held', walletId }, { kind: 'balance', merchantId }, amount);
  if (held > amount) change.post({ kind: 'held', walletId }, { kind: 'available', walletId }, held - amount);
  const amounts = { captured: amount, released: transaction.released + held - amount };
  const balance = state.merchantBalance(merchantId, currency) + amount;
  change.become('charged', null, amount, { ...amounts, processedAt: now }, balance);
  return change.done(amount);
}

function decideCancel(change: Change, amount: Minor): Decision {
  const { transaction } = change;
  if (transaction.status === 'created' || transaction.status === '3d') {
    if (amount > transaction.amount) return refuse('amount_exceeds_held');
    if (amount < transaction.amount) return refuse('partial_cancel_before_authorization');
    change.become('cancelled', 'requested', amount, { awaiting: null });
    return change.done(amount);
  }
  if (transaction.status !== 'authorized') return refuse('invalid_transaction_state');
  if (amount > heldBy(transaction)) return refuse('amount_exceeds_held');
  return release(change, amount, 'requested');
}

/** Gives a part or all of a hold back to the wallet. */
function release(change: Change, amount: Minor, reason: 'requested' | typeof EXPIRED): Decision {
  const { transaction } = change;
  const walletId = walletOf(transaction);
  change.post({ kind: 'held', walletId }, { kind: 'available', walletId }, amount);
  const released = transaction.released + amount;
  if (amount === heldBy(transaction)) change.become('cancelled', reason, amount, { released });
  else change.record('transaction.partially_cancelled', reason, amount, { released });
  return change.done(amount);
}

function decideRefund(state: State, change: Change, refundId: TransactionId, amount: Minor): Decision {
  const payment = change.transaction;
  if (payment.status !== 'charged') return refuse('invalid_transaction_state');
  if (amount > refundableOf(payment)) return refuse('amount_exceeds_refundable');
  const { merchantId, currency } = payment;
  const balance = state.merchantBalance(merchantId, currency) - amount;
  if (balance < 0n) return refuse('insufficient_merchant_balance');

  const { now, sender } = change;
  const refund = Change.create(newRefund(payment, refundId, amount, now), sender, now);
  refund.post({ kind: 'balance', merchantId }, { kind: 'available', walletId: walletOf(payment) }, amount);
  refund.become('refunded', null, amount, { refunded: amount, processedAt: now }, balance);

  const refunded = payment.refunded + amount;
  if (refunded === payment.captured)
    change.become('refunded', null, amount, { refunded, processedAt: now }, balance);
  else change.record('transaction.partially_refunded', null, amount, { refunded, processedAt: now }, balance);
  return refund.and(change, amount);
}

function decideConfirm(state: State, change: Change, approve: boolean): Decision {
  const { transaction, now } = change;
  if (transaction.status !== 'created' || transaction.awaiting === null)
    return refuse('invalid_transaction_state');
  if (transaction.expiresAt !== null && now >= transaction.expiresAt) return refuse('authorization_expired');
  if (!approve) return change.end('rejected', 'customer_declined');
  return placeHoldOn(state, change);
}

function placeHoldOn(state: State, change: Change): Decision {
  const wallet = state.wallet(walletOf(change.transaction));
  if (wallet === undefined) throw new Error(`the wallet of ${change.transaction.id} was not loaded`);
  return placeHold(change, wallet, state.merchantSettings(change.transaction.merchantId));
}

/** What the engine does by itself once a moment has come; nothing if it has not, or no longer must. */
function decideDue(state: State, change: Change): Decision {
  const { transaction, now } = change;
  const lapsed = transaction.expiresAt !== null && now >= transaction.expiresAt;
  if (transaction.status === 'created' && lapsed) {
    if (transaction.awaiting === 'delay') return placeHoldOn(state, change);
    return change.end('rejected', 'confirmation_expired');
  }
  if (transaction.status === 'authorized') {
    if (lapsed) return release(change, heldBy(transaction), EXPIRED);
    if (transaction.captureAt !== null && now >= transaction.captureAt) {
      return decideCapture(state, change, heldBy(transaction));
    }
  }
  return { ...NOTHING, outcome: { kind: 'nothing_due' } };
}

function decideTransfer(state: State, command: Transfer, sender: Sender, now: Millis): Decision {
  const wallet = state.wallet(command.walletId);
  if (wallet === undefined) return refuse('wallet_not_found');
  const { amount, kind } = command;
  if (kind === 'withdraw' && wallet.frozen) return refuse('wallet_frozen');
  if (kind === 'withdraw' && wallet.available < amount) return refuse('insufficient_wallet_balance');
  const transfer: WalletTransfer = {
    id: command.transferId,
    walletId: wallet.id,
    kind: kind === 'deposit' ? 'deposit' : 'withdrawal',
    amount,
    currency: wallet.currency,
    reference: command.reference,
    actor: sender.actor,
    createdAt: now,
  };
  const outside: Account = { kind: 'funding' };
  const inside: Account = { kind: 'available', walletId: wallet.id };
  const [from, to] = kind === 'deposit' ? [outside, inside] : [inside, outside];
  const posting = { operationId: transfer.id, seq: 1, from, to, currency: wallet.currency, amount, at: now };
  const available = wallet.available + (kind === 'deposit' ? amount : -amount);
  const outcome: Outcome = { kind: 'transfer', transfer, wallet: { ...wallet, available } };
  return { ...NOTHING, outcome, postings: [posting], transfers: [transfer] };
}

const NOTHING = { transactions: [], events: [], postings: [], transfers: [] } as const;

function refuse(refusal: Refusal): Decision {
  return { ...NOTHING, outcome: { kind: 'refused', refusal } };
}

function walletOf(transaction: Transaction): string {
  if (transaction.walletId === null) throw new Error(`transaction ${transaction.id} has no wallet`);
  return transaction.walletId;
}

function newPayment(
  command: Authorize,
  wallet: Wallet | null,
  captureMode: Transaction['captureMode'],
  now: Millis,
): Transaction {
  return {
    ...BLANK,
    id: command.transactionId,
    merchantId: command.merchantId,
    type: 'payment',
    paymentMethod: 'wallet',
    amount: command.amount,
    currency: command.currency,
    orderReference: command.orderReference,
    walletId: wallet?.id ?? null,
    customerId: wallet?.customerId ?? null,
    parentTransactionId: null,
    captureMode,
    createdAt: now,
    updatedAt: now,
  };
}

function newRefund(payment: Transaction, refundId: TransactionId, amount: Minor, now: Millis): Transaction {
  return {
    ...BLANK,
    id: refundId,
    merchantId: payment.merchantId,
    type: 'refund',
    paymentMethod: payment.paymentMethod,
    amount,
    currency: payment.currency,
    orderReference: payment.orderReference,
    walletId: payment.walletId,
    customerId: payment.customerId,
    parentTransactionId: payment.id,
    captureMode: payment.captureMode,
    createdAt: now,
    updatedAt: now,
  };
}

const BLANK = {
  status: 'created',
  statusReason: null,
  awaiting: null,
  captured: 0n,
  released: 0n,
  refunded: 0n,
  reserved: 0n,
  authedAt: null,
  confirmedAt: null,
  processedAt: null,
  expiresAt: null,
  captureAt: null,
  eventCount: 0,
  postingCount: 0,
} as const;

type Patch = Partial<Omit<Transaction, 'id' | 'status' | 'statusReason' | 'eventCount' | 'postingCount'>>;

/** Collects what one decision does to one transaction, numbering its events and postings. */
class Change {
  transaction: Transaction;
  readonly sender: Sender;
  readonly now: Millis;
  readonly #events: TransactionEvent[] = [];
  readonly #postings: Posting[] = [];

  constructor(transaction: Transaction, sender: Sender, now: Millis) {
    this.transaction = transaction;
    this.sender = sender;
    this.now = now;
  }

  /** Starts a new transaction with its first event, `created`. */
  static create(transaction: Transaction, sender: Sender, now: Millis): Change {
    const change = new Change(transaction, sender, now);
    change.record(eventNameOf('created'), null, transaction.amount, {});
    return change;
  }

  post(from: Account, to: Account, amount: Minor): void {
    const seq = this.transaction.postingCount + 1;
    const { id: operationId, currency } = this.transaction;
    this.#postings.push({ operationId, seq, from, to, currency, amount, at: this.now });
    this.transaction = { ...this.transaction, postingCount: seq };
  }

  /** Changes the status, and writes the one event that says so. */
  become(
    status: Status,
    reason: string | null,
    amount: Minor,
    patch: Patch,
    balance: Minor | null = null,
  ): void {
    assertTransition(this.transaction.type, this.transaction.status, status);
    this.transaction = { ...this.transaction, status, statusReason: reason };
    this.record(eventNameOf(status), reason, amount, patch, balance);
  }

  /** Writes an event without a change of status. */
  record(
    name: string,
    reason: string | null,
    amount: Minor,
    patch: Patch,
    balance: Minor | null = null,
  ): void {
    const seq = this.transaction.eventCount + 1;
    const after = { ...this.transaction, ...patch, updatedAt: this.now, eventCount: seq };
    this.transaction = after;
    const { id: transactionId, merchantId, status, captured, released, refunded } = after;
    const { actor } = this.sender;
    const amounts = { amount, captured, released, refunded, balance };
    this.#events.push({
      transactionId,
      seq,
      merchantId,
      name,
      status,
      ...amounts,
      actor,
      reason,
      at: this.now,
    });
  }

  /** Ends the payment without a hold. */
  end(status: 'rejected' | 'transaction.failed', failure: FailureCode): Decision {
    this.become(status, failure, this.transaction.amount, { awaiting: null, expiresAt: null });
    return this.done(this.transaction.amount);
  }

  /** Leaves the payment `created` until a decision from outside, or until the deadline. */
  await(awaiting: 'confirmation' | 'delay', expiresAt: Millis): Decision {
    this.transaction = { ...this.transaction, awaiting, expiresAt };
    return this.done(this.transaction.amount);
  }

  done(amount: Minor): Decision {
    const { transaction } = this;
    const effect = { id: transaction.id, seq: transaction.eventCount };
    return {
      outcome: { kind: 'transaction', transaction, amount, effect },
      transactions: [transaction],
      events: this.#events,
      postings: this.#postings,
      transfers: [],
    };
  }

  /** This refund's decision together with its parent's, whose event follows the refund's own. */
  and(parent: Change, amount: Minor): Decision {
    const { id, eventCount } = this.transaction;
    return {
      outcome: {
        kind: 'transaction',
        transaction: parent.transaction,
        amount,
        effect: { id, seq: eventCount },
      },
      transactions: [this.transaction, parent.transaction],
      events: [...this.#events, ...parent.#events],
      postings: [...this.#postings, ...parent.#postings],
      transfers: [],
    };
  }
}
