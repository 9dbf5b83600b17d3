import type { Account, PostingCode } from './accounts.ts';
import type { KeptCard } from './cardOnFile.ts';
import type { AnswerKey, LateAnswer, Outcome, Sender } from './command.ts';
import { assertTransition, eventNameOf, type OtherEvent, type Status } from './lifecycle.ts';
import type { LinkEvent, PaymentLink } from './link.ts';
import type { FailureCode, Refusal } from './reasons.ts';
import type {
  BankOperation,
  Hold,
  Millis,
  Minor,
  Posting,
  Transaction,
  TransactionEvent,
  WalletTransfer,
} from './transaction.ts';

/** What a command changes. Everything is empty when it was refused. */
export interface Decision {
  readonly outcome: Outcome;
  /** New and changed transactions, in their final state. */
  readonly transactions: readonly Transaction[];
  readonly events: readonly TransactionEvent[];
  readonly postings: readonly Posting[];
  readonly holds: readonly Hold[];
  readonly transfers: readonly WalletTransfer[];
  /** New and changed bank operations. */
  readonly operations: readonly BankOperation[];
  /** Responses of earlier commands that are known now. */
  readonly answers: readonly LateAnswer[];
  /** New and changed payment links, in their final state. */
  readonly links: readonly PaymentLink[];
  readonly linkEvents: readonly LinkEvent[];
  /** Cards that are on file from now on. */
  readonly keptCards: readonly KeptCard[];
}

export const NOTHING = {
  transactions: [],
  events: [],
  postings: [],
  holds: [],
  transfers: [],
  operations: [],
  answers: [],
  links: [],
  linkEvents: [],
  keptCards: [],
} as const;

/** @param transaction whose state or kind is the reason, for the answer to name it */
export function refuse(refusal: Refusal, transaction?: Transaction): Decision {
  const about = transaction === undefined ? {} : { transaction };
  return { ...NOTHING, outcome: { kind: 'refused', refusal, ...about } };
}

export const NOTHING_TO_DO: Decision = { ...NOTHING, outcome: { kind: 'nothing_to_do' } };

/** How long a caller waits for the bank before it gets the state as it is. */
export const ANSWER_WAIT_MS = 10_000;

/** What a new transaction has not got yet. */
export const BLANK = {
  status: 'created',
  statusReason: null,
  awaiting: null,
  captured: 0n,
  released: 0n,
  refunded: 0n,
  reserved: 0n,
  walletId: null,
  customerId: null,
  parentTransactionId: null,
  captureDelayS: null,
  description: null,
  payerIp: null,
  storeId: null,
  terminalId: null,
  secure3d: false,
  recurringType: null,
  cardUse: null,
  consentUntil: null,
  firstTransactionId: null,
  retrievalReferenceNumber: null,
  networkTransactionReference: null,
  paymentLinkId: null,
  paymentSessionId: null,
  cardTokenId: null,
  cardBrand: null,
  cardLast4: null,
  acquirerId: null,
  credentialsId: null,
  returnUrl: null,
  redirectUrl: null,
  operationId: null,
  authedAt: null,
  confirmedAt: null,
  processedAt: null,
  expiresAt: null,
  captureAt: null,
  inquireAt: null,
  eventCount: 0,
  postingCount: 0,
} as const;

export type Patch = Partial<
  Omit<Transaction, 'id' | 'status' | 'statusReason' | 'eventCount' | 'postingCount'>
>;

/** A bank operation to ask for; without `final`, a capture is the last one. */
export type Question = Pick<BankOperation, 'id' | 'kind' | 'amount' | 'reason'> &
  Partial<Pick<BankOperation, 'final'>>;

/** How a history tells that the bank was asked. The rest begins with the transaction that it is about. */
const BEGINNINGS: Readonly<Partial<Record<BankOperation['kind'], OtherEvent>>> = {
  capture: 'transaction.capture_requested',
  cancel: 'transaction.cancel_requested',
};

/** Collects what one decision does to one transaction, numbering its events and postings. */
export class Change {
  transaction: Transaction;
  readonly sender: Sender;
  readonly answerTo: AnswerKey | null;
  readonly now: Millis;
  readonly #events: TransactionEvent[] = [];
  readonly #postings: Posting[] = [];
  readonly #holds: Hold[] = [];
  readonly #operations: BankOperation[] = [];
  #link: PaymentLink | null = null;
  readonly #linkEvents: LinkEvent[] = [];
  readonly #keptCards: KeptCard[] = [];

  constructor(transaction: Transaction, sender: Sender, answerTo: AnswerKey | null, now: Millis) {
    this.transaction = transaction;
    this.sender = sender;
    this.answerTo = answerTo;
    this.now = now;
  }

  /** Starts a new transaction with its first event, `created`. */
  static create(transaction: Transaction, sender: Sender, answerTo: AnswerKey | null, now: Millis): Change {
    const change = new Change(transaction, sender, answerTo, now);
    change.record(eventNameOf('created'), null, transaction.amount, {});
    return change;
  }

  post(code: PostingCode, from: Account, to: Account, amount: Minor): void {
    const seq = this.transaction.postingCount + 1;
    const { id: operationId, currency } = this.transaction;
    this.#postings.push({ operationId, seq, code, from, to, currency, amount, at: this.now });
    this.transaction = { ...this.transaction, postingCount: seq };
  }

  /** Holds so much more of what is in the payment's wallet; below 0: so much less. A card's hold is on the bank's books. */
  hold(change: Minor): void {
    const { id, paymentMethod, walletId } = this.transaction;
    if (paymentMethod === 'card') return;
    if (walletId === null) throw new Error(`transaction ${id} has no wallet`);
    this.#holds.push({ walletId, change });
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
    this.#write(eventNameOf(status), reason, amount, { ...patch, status, statusReason: reason }, balance);
  }

  /** Writes an event without a change of status. */
  record(
    name: string,
    reason: string | null,
    amount: Minor,
    patch: Patch,
    balance: Minor | null = null,
  ): void {
    this.#write(name, reason, amount, patch, balance);
  }

  #write(
    name: string,
    reason: string | null,
    amount: Minor,
    patch: Partial<Transaction>,
    balance: Minor | null,
  ): void {
    const seq = this.transaction.eventCount + 1;
    const after = { ...this.transaction, ...patch, updatedAt: this.now, eventCount: seq };
    this.transaction = after;
    const { id: transactionId, merchantId, status, captured, released, refunded, reserved, currency } = after;
    const { actor } = this.sender;
    const balanceCurrency = balance === null ? null : currency;
    const amounts = { amount, captured, released, refunded, reserved, balance, balanceCurrency };
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

  /** Changes what is no part of the history. */
  set(patch: Patch): void {
    this.transaction = { ...this.transaction, ...patch };
  }

  /** The link that the payment is made by, where this has changed it. */
  get link(): PaymentLink | null {
    return this.#link;
  }

  /** Changes the link that the payment is made by. */
  setLink(link: PaymentLink, event: LinkEvent | null): void {
    this.#link = link;
    if (event !== null) this.#linkEvents.push(event);
  }

  /** Its card is on file from now on. */
  keepCard(card: KeptCard): void {
    this.#keptCards.push(card);
  }

  /** Ends the payment without a hold. */
  end(status: 'rejected' | 'transaction.failed', failure: FailureCode): Decision {
    this.become(status, failure, this.transaction.amount, { awaiting: null, expiresAt: null });
    return this.done(this.transaction.amount);
  }

  /** Leaves the payment `created` until a decision from outside, or until the deadline. */
  waitFor(awaiting: 'confirmation' | 'delay', expiresAt: Millis): Decision {
    this.set({ awaiting, expiresAt });
    return this.done(this.transaction.amount);
  }

  /** Records the intent to ask the bank; nothing else may happen to the transaction until it has answered. */
  ask(question: Question): Decision {
    const { id, kind, amount, reason } = question;
    const operation = this.addOperation(question, this.answerTo);
    const beginning = BEGINNINGS[kind];
    if (beginning !== undefined) this.record(beginning, reason, amount, {});
    this.set({ operationId: id });
    return { ...this.done(amount), outcome: { kind: 'pending', operation } };
  }

  addOperation(
    { id, kind, amount, reason, final = true }: Question,
    answerTo: AnswerKey | null,
  ): BankOperation {
    const { id: transactionId, parentTransactionId, merchantId, acquirerId, currency } = this.transaction;
    const { credentialsId } = this.transaction;
    if (acquirerId === null) throw new Error(`transaction ${transactionId} has no acquirer to ask`);
    const operation: BankOperation = {
      id,
      transactionId,
      paymentId: parentTransactionId ?? transactionId,
      merchantId,
      acquirerId,
      credentialsId,
      kind,
      amount,
      currency,
      actor: this.sender.actor,
      reason,
      final,
      status: 'pending',
      requestedAt: this.now,
      settledAt: null,
      answerDueAt: answerTo === null ? null : this.now + ANSWER_WAIT_MS,
      scopeId: answerTo?.scopeId ?? null,
      key: answerTo?.key ?? null,
      attempts: 0,
    };
    this.#operations.push(operation);
    return operation;
  }

  done(amount: Minor): Decision {
    const { transaction } = this;
    return {
      outcome: {
        kind: 'transaction',
        transaction,
        amount,
        effect: { id: transaction.id, seq: transaction.eventCount },
      },
      transactions: [transaction],
      events: this.#events,
      postings: this.#postings,
      holds: this.#holds,
      transfers: [],
      operations: this.#operations,
      answers: [],
      links: this.#link === null ? [] : [this.#link],
      linkEvents: this.#linkEvents,
      keptCards: this.#keptCards,
    };
  }
}

/** Two changes of one command: what happens to `first`, its events before those of `second`. */
export function both(first: Decision, second: Decision, outcome: Outcome): Decision {
  return {
    outcome,
    transactions: [...first.transactions, ...second.transactions],
    events: [...first.events, ...second.events],
    postings: [...first.postings, ...second.postings],
    holds: [...first.holds, ...second.holds],
    transfers: [...first.transfers, ...second.transfers],
    operations: [...first.operations, ...second.operations],
    answers: [...first.answers, ...second.answers],
    links: [...first.links, ...second.links],
    linkEvents: [...first.linkEvents, ...second.linkEvents],
    keptCards: [...first.keptCards, ...second.keptCards],
  };
}
