/**
 * The decisions: pure functions from the loaded state, a command and the time to what happens.
 * Each decides on rows that the batch has locked, checks in a fixed order of precedence, and from
 * its last check on must succeed. What a permitted operation then does is in `effects.ts`: at once for
 * a wallet, with the bank's answer for a card.
 */

import { type Account, OUTSIDE_ID } from './accounts.ts';
import { giveAnswer, moveToAcquirer, takeBankAnswer } from './bankAnswers.ts';
import { agreedBy, isOver } from './cardOnFile.ts';
import { BLANK, both, Change, type Decision, NOTHING, NOTHING_TO_DO, refuse } from './change.ts';
import type {
  AnswerKey,
  Authorize,
  Capture,
  ChangeLink,
  Command,
  PayByCard,
  Refund,
  Sender,
  Transfer,
} from './command.ts';
import { capture, payerAccount, placeHold, refund, release, type State } from './effects.ts';
import { EXPIRED } from './lifecycle.ts';
import { decideCreateLink, decideOnLink, fieldsByLink, linkToPay, takeLink } from './links.ts';
import type { Refusal } from './reasons.ts';
import {
  heldBy,
  type Millis,
  type Minor,
  refundableOf,
  type Transaction,
  type Wallet,
  type WalletTransfer,
} from './transaction.ts';
import type { TransactionId } from './values/ids.ts';

/** How long a customer has to confirm a payment. */
export const CONFIRMATION_TTL_MS = 10 * 60_000;
const CONFIRMATION_EXPIRED = 'confirmation_expired';
/** How long the sandbox's slow wallet takes to decide. */
export const DELAYED_DECISION_MS = 3_000;

/** Who asks, where the response goes if it has to wait for the bank, and when. */
export interface Context {
  readonly sender: Sender;
  readonly answerTo: AnswerKey | null;
  readonly now: Millis;
}

/** Decides one command. @throws Error only for a bug. */
export function decide(state: State, command: Command, context: Context): Decision {
  switch (command.kind) {
    case 'authorize':
      return decideAuthorize(state, command, context);
    case 'pay_by_card':
      return decidePayByCard(state, command, context);
    case 'deposit':
    case 'withdraw':
      return decideTransfer(state, command, context);
    case 'take_bank_answer':
      return takeBankAnswer(state, command, context.now);
    case 'give_answer':
      return giveAnswer(state, command, context.now);
    case 'move_to_acquirer':
      return moveToAcquirer(state, command);
    case 'create_link':
      return decideCreateLink(command, context.sender, context.now);
    case 'cancel_link':
    case 'extend_link':
    case 'end_link_when_due':
      return decideOnLink(state, command, context.sender, context.now);
    default: {
      const transaction = state.transaction(command.transactionId);
      if (transaction === undefined || !mayTouch(context.sender, transaction))
        return refuse('transaction_not_found');
      const other = otherKindOf(command, context.sender, transaction);
      if (other !== null) return refuse(other, transaction);
      return decideOn(state, new Change(transaction, context.sender, context.answerTo, context.now), command);
    }
  }
}

type OnTransaction = Exclude<
  Command,
  | { kind: 'authorize' | 'pay_by_card' | 'deposit' | 'withdraw' }
  | { kind: 'take_bank_answer' | 'give_answer' | 'move_to_acquirer' }
  | { kind: 'create_link' | ChangeLink['kind'] }
>;

function decideOn(state: State, change: Change, command: OnTransaction): Decision {
  switch (command.kind) {
    case 'capture':
      return decideCapture(state, change, command);
    case 'cancel':
      return decideCancel(state, change, command.amount, command.operationId);
    case 'refund':
      return decideRefund(state, change, command);
    case 'confirm':
      return decideConfirm(state, change, command.approve);
    case 'complete_authentication':
      return decideCompletion(change, command.operationId);
    case 'act_when_due':
      return decideDue(state, change, command.operationId);
  }
}

/** Another merchant's transaction does not exist. */
function mayTouch({ merchantId, paymentMethod }: Sender, transaction: Transaction): boolean {
  if (merchantId !== null) return merchantId === transaction.merchantId;
  // Payers and the engine itself come with the one kind of payment that they mean.
  return paymentMethod === null || paymentMethod === transaction.paymentMethod;
}

/** What a transaction is in place of what the command is for; null: what it is for. */
function otherKindOf(command: OnTransaction, sender: Sender, transaction: Transaction): Refusal | null {
  if (transaction.type === 'refund') return command.kind === 'act_when_due' ? null : 'transaction_is_refund';
  const { paymentMethod } = transaction;
  const isOther = sender.paymentMethod === 'wallet' && paymentMethod === 'card';
  return isOther ? 'transaction_is_card_payment' : null;
}

/*
 * Time that is over is over, whether the sweep has seen it or not: what follows says the same before and after.
 */

/** Whether a hold has lapsed. */
function isHoldOver({ status, statusReason, expiresAt }: Transaction, now: Millis): boolean {
  return status === 'authorized' ? isPast(expiresAt, now) : statusReason === EXPIRED;
}

/** Whether the customer's time to confirm has passed without an answer. */
function isConfirmationOver(
  { status, statusReason, awaiting, expiresAt }: Transaction,
  now: Millis,
): boolean {
  if (status !== 'created') return statusReason === CONFIRMATION_EXPIRED;
  return awaiting === 'confirmation' && isPast(expiresAt, now);
}

/** Whether a slow wallet has still to decide. */
function isDelayed({ awaiting, expiresAt }: Transaction, now: Millis): boolean {
  return awaiting === 'delay' && !isPast(expiresAt, now);
}

function isPast(deadline: Millis | null, now: Millis): boolean {
  return deadline !== null && now >= deadline;
}

function decideAuthorize(state: State, command: Authorize, { sender, answerTo, now }: Context): Decision {
  const link = linkToPay(state, command, 'wallet', now);
  if (typeof link === 'string') return refuse(link);
  const found = state.lookUpWallet(command.phone, iinHashesOf(command), command.currency);
  const wallet = 'wallet' in found ? found.wallet : null;
  const settings = state.merchantSettings(command.merchantId);
  const payment = newWalletPayment(command, wallet, settings.captureMode, now);
  const byLink = link === null ? payment : { ...payment, ...fieldsByLink(link, settings) };
  const change = Change.create(byLink, sender, answerTo, now);
  if (link !== null) takeLink(change, link);
  if ('failure' in found) return change.end('rejected', found.failure);
  if (found.wallet.frozen) return change.end('rejected', 'wallet_frozen');
  switch (found.wallet.approval) {
    case 'system_error':
      return change.end('transaction.failed', 'processing_error');
    case 'customer':
      return change.waitFor('confirmation', now + CONFIRMATION_TTL_MS);
    case 'delayed':
      return change.waitFor('delay', now + DELAYED_DECISION_MS);
    case 'none':
      return placeHold(state, change, found.wallet);
  }
}

function decidePayByCard(state: State, command: PayByCard, { sender, answerTo, now }: Context): Decision {
  const { kind, transactionId: id, captureMode, isSavedCard, link: _link, ...fields } = command;
  const { acquirerId, recurringType, cardUse, customerId, cardTokenId } = command;
  const link = linkToPay(state, command, 'card', now);
  if (typeof link === 'string') return refuse(link);
  // What a link asks its payer to agree to was possible when it was made.
  if (link === null && isOver(command.consentUntil, now)) return refuse('consent_ends_in_past');
  const isByMerchant = cardUse === 'merchant';
  const agreed = isByMerchant ? agreedBy(state.cardOnFile(customerId ?? '', cardTokenId ?? ''), now) : null;
  if (typeof agreed === 'string') return refuse(agreed);
  const needsToken = isSavedCard || cardUse === 'cof_initial';
  if (needsToken && !state.can(acquirerId, 'tokens')) return refuse('saved_card_not_supported');
  const isWithoutPayer = isByMerchant || cardUse === 'cof_initial' || (isSavedCard && recurringType !== null);
  if (isWithoutPayer && !state.can(acquirerId, 'merchant_initiated'))
    return refuse('merchant_initiated_not_supported');
  const settings = state.merchantSettings(command.merchantId);
  const payment: Transaction = {
    ...BLANK,
    ...fields,
    id,
    type: 'payment',
    paymentMethod: 'card',
    awaiting: 'bank',
    firstTransactionId: agreed?.firstTransactionId ?? null,
    captureMode: captureMode ?? settings.captureMode,
    ...(link === null ? {} : fieldsByLink(link, settings)),
    createdAt: now,
    updatedAt: now,
  };
  const change = Change.create(payment, sender, answerTo, now);
  if (link !== null) takeLink(change, link);
  return change.ask({ id, kind: 'authorize', amount: command.amount, reason: null });
}

function decideCapture(
  state: State,
  change: Change,
  { amount: requested, operationId: id, final: isLast = true }: Omit<Capture, 'kind' | 'transactionId'>,
): Decision {
  const { transaction, now } = change;
  if (transaction.operationId !== null) return refuse('operation_in_progress');
  if (isHoldOver(transaction, now)) return refuse('authorization_expired', transaction);
  if (transaction.status !== 'authorized') return refuse('invalid_transaction_state', transaction);
  const held = heldBy(transaction);
  const amount = requested ?? held;
  if (amount > held) return refuse('amount_exceeds_held');
  // Nothing can follow the capture of all that is held.
  const final = isLast || amount === held;
  if (transaction.paymentMethod === 'card') {
    if (amount < held && !state.can(transaction.acquirerId, 'partial_capture'))
      return refuse('partial_capture_not_supported');
    if (!final && !state.can(transaction.acquirerId, 'several_captures'))
      return refuse('several_captures_not_supported');
    return change.ask({ id, kind: 'capture', amount, reason: null, final });
  }
  return capture(state, change, amount, final);
}

function decideCancel(state: State, change: Change, requested: Minor | null, operationId: string): Decision {
  const { transaction, now } = change;
  if (transaction.operationId !== null) return refuse('operation_in_progress');
  if (isHoldOver(transaction, now) || isConfirmationOver(transaction, now))
    return refuse('authorization_expired', transaction);
  const undecided = transaction.status === 'created' || transaction.status === '3d';
  if (!undecided && transaction.status !== 'authorized')
    return refuse('invalid_transaction_state', transaction);
  const held = undecided ? transaction.amount : heldBy(transaction);
  const amount = requested ?? held;
  if (amount > held) return refuse('amount_exceeds_held');
  if (undecided && amount < held) return refuse('partial_cancel_before_authorization');
  if (transaction.paymentMethod === 'card') {
    if (amount < held && !state.can(transaction.acquirerId, 'partial_reversal'))
      return refuse('partial_cancel_not_supported');
    return change.ask({ id: operationId, kind: 'cancel', amount, reason: 'requested' });
  }
  release(change, amount, 'requested');
  return change.done(amount);
}

function decideRefund(
  state: State,
  change: Change,
  { amount: requested, refundId, orderReference, description }: Refund,
): Decision {
  const payment = change.transaction;
  if (payment.captured === 0n) return refuse('invalid_transaction_state', payment);
  // The bank may be capturing or releasing what is still held.
  if (payment.operationId !== null) return refuse('operation_in_progress');
  // A refund that used up the rest may be done or still with the bank: there is as little left.
  const refundable = refundableOf(payment);
  const amount = requested ?? refundable;
  if (amount > refundable || amount === 0n) return refuse('amount_exceeds_refundable');
  const { merchantId, currency } = payment;
  const balance = state.merchantBalance(merchantId, currency) - amount;
  if (balance < 0n) return refuse('insufficient_merchant_balance');
  const { sender, answerTo, now } = change;
  const own = newRefund(payment, refundId, amount, now);
  const named = {
    orderReference: orderReference ?? own.orderReference,
    description: description ?? own.description,
  };
  const child = new Change({ ...own, ...named }, sender, answerTo, now);
  if (payment.paymentMethod === 'wallet') return refund(child, change, balance);

  // The money is set aside at once, so that refunds that are under way can never exceed the balance.
  child.post('refund', { kind: 'merchant', ownerId: merchantId }, payerAccount(child.transaction), amount);
  child.record('transaction.created', null, amount, { awaiting: 'bank' }, balance);
  change.set({ reserved: payment.reserved + amount });
  const asked = child.ask({ id: refundId, kind: 'refund', amount, reason: null });
  return both(asked, change.done(amount), asked.outcome);
}

function decideConfirm(state: State, change: Change, approve: boolean): Decision {
  const { transaction, now } = change;
  if (isConfirmationOver(transaction, now)) return refuse('authorization_expired', transaction);
  const waits = transaction.awaiting === 'confirmation' || isDelayed(transaction, now);
  if (transaction.status !== 'created' || !waits) return refuse('invalid_transaction_state', transaction);
  if (!approve) return change.end('rejected', 'customer_declined');
  return placeHold(state, change, state.walletOf(transaction));
}

/** The payer is back from 3-D Secure: ask the bank how it ended. The browser is never believed. */
function decideCompletion(change: Change, operationId: string): Decision {
  const { transaction } = change;
  if (transaction.operationId !== null) return refuse('operation_in_progress');
  if (transaction.status !== '3d') return refuse('invalid_transaction_state', transaction);
  return askForAuthentication(change, operationId);
}

/** Also after the payer's time: what they did in time counts, and only if they did nothing it is given up. */
function askForAuthentication(change: Change, operationId: string): Decision {
  const { amount } = change.transaction;
  return change.ask({ id: operationId, kind: 'complete', amount, reason: null });
}

/** What the engine does by itself once a moment has come; nothing if it has not, or no longer must. */
function decideDue(state: State, change: Change, operationId: string): Decision {
  const { transaction, now } = change;
  const { status, expiresAt, captureAt, inquireAt, paymentMethod } = transaction;
  if (transaction.operationId !== null) return NOTHING_TO_DO;
  const lapsed = expiresAt !== null && now >= expiresAt;
  if (status === 'created' && lapsed) {
    if (transaction.awaiting === 'delay') return placeHold(state, change, state.walletOf(transaction));
    return change.end('rejected', CONFIRMATION_EXPIRED);
  }
  const isUnheard = lapsed || (inquireAt !== null && now >= inquireAt);
  if (status === '3d' && isUnheard) return askForAuthentication(change, operationId);
  if (status !== 'authorized') return NOTHING_TO_DO;
  const held = heldBy(transaction);
  if (lapsed && paymentMethod === 'card') {
    return change.ask({ id: operationId, kind: 'cancel', amount: held, reason: EXPIRED });
  }
  if (lapsed) {
    release(change, held, EXPIRED);
    return change.done(held);
  }
  const captureIsDue = captureAt !== null && now >= captureAt;
  return captureIsDue ? decideCapture(state, change, { amount: held, operationId }) : NOTHING_TO_DO;
}

function decideTransfer(state: State, command: Transfer, { sender, now }: Context): Decision {
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
  const outside: Account = { kind: 'funding', ownerId: OUTSIDE_ID };
  const inside: Account = { kind: 'wallet', walletId: wallet.id };
  const [from, to] = kind === 'deposit' ? [outside, inside] : [inside, outside];
  const about = { operationId: transfer.id, seq: 1, code: transfer.kind, currency: wallet.currency };
  const posting = { ...about, from, to, amount, at: now };
  const available = wallet.available + (kind === 'deposit' ? amount : -amount);
  const outcome = { kind: 'transfer', transfer, wallet: { ...wallet, available } } as const;
  return { ...NOTHING, outcome, postings: [posting], transfers: [transfer] };
}

function newWalletPayment(
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
    returnUrl: command.returnUrl ?? null,
    walletId: wallet?.id ?? null,
    customerId: command.customerId ?? null,
    captureMode,
    createdAt: now,
    updatedAt: now,
  };
}

/** Everything that says who and what for is the payment's. */
function newRefund(payment: Transaction, refundId: TransactionId, amount: Minor, now: Millis): Transaction {
  const { merchantId, paymentMethod, currency, orderReference, walletId, customerId, captureMode } = payment;
  const { description, storeId, terminalId, recurringType, cardTokenId, cardBrand, cardLast4 } = payment;
  const { acquirerId, credentialsId, paymentLinkId, paymentSessionId } = payment;
  return {
    ...BLANK,
    ...{ merchantId, paymentMethod, currency, orderReference, walletId, customerId, captureMode },
    ...{ description, storeId, terminalId, recurringType, cardTokenId, cardBrand, cardLast4 },
    ...{ acquirerId, credentialsId, paymentLinkId, paymentSessionId },
    id: refundId,
    type: 'refund',
    amount,
    parentTransactionId: payment.id,
    createdAt: now,
    updatedAt: now,
  };
}

/** As the customer's may be stored. */
export function iinHashesOf({ iinHash, otherIinHashes = [] }: Authorize): readonly string[] {
  if (iinHash === null) return [];
  return [iinHash, ...otherIinHashes];
}
