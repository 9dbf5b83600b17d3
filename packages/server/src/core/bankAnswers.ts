/**
 * What the bank's answers mean. An answer is a command like any other: it finds the operation that asked
 * and finishes it, once; the response that was waiting for it is given in the same commit.
 */
import { ANSWER_WAIT_MS, both, Change, type Decision, NOTHING, NOTHING_TO_DO, type Patch } from './change.ts';
import type { GiveAnswer, LateAnswer, MoveToAcquirer, Outcome, Sender, TakeBankAnswer } from './command.ts';
import { authorize, capture, countRefund, payerAccount, release, type State } from './effects.ts';
import { EXPIRED, type OtherEvent } from './lifecycle.ts';
import { type FailureCode, isFailureCode } from './reasons.ts';
import type { BankAnswer, BankOperation, Millis, Transaction } from './transaction.ts';

/** How long a payer has to authenticate. */
export const AUTHENTICATION_TTL_MS = 15 * 60_000;
/** How often the bank is asked meanwhile: a payer who has authenticated may never come back. */
export const AUTHENTICATION_CHECK_MS = 3 * 60_000;

/** Takes the bank's answer to an operation; an answer to a settled one changes nothing. */
export function takeBankAnswer(state: State, command: TakeBankAnswer, now: Millis): Decision {
  const operation = state.operation(command.operationId);
  if (operation === undefined || operation.status !== 'pending') return NOTHING_TO_DO;
  const { answer } = command;
  const status = answer.status === 'declined' || answer.status === 'failed' ? answer.status : 'done';
  const settled: BankOperation = { ...operation, status, settledAt: now, answerDueAt: null };
  const sender: Sender = { actor: operation.actor, merchantId: null, paymentMethod: null };
  const change = new Change(transactionOf(state, operation.transactionId), sender, null, now);
  if (change.transaction.operationId === operation.id) change.set({ operationId: null });
  const decision = finish(state, change, operation, command);
  const late = lateAnswer(operation, answer, change.transaction);
  return { ...decision, operations: [...decision.operations, settled], answers: late === null ? [] : [late] };
}

/**
 * Answers a caller who has waited long enough with the state as it is. Who would have to wait for longer than anybody
 * does has waited on a clock that has gone back since.
 */
export function giveAnswer(state: State, command: GiveAnswer, now: Millis): Decision {
  const operation = state.operation(command.operationId);
  if (operation === undefined || operation.answerDueAt === null) return NOTHING_TO_DO;
  const left = operation.answerDueAt - now;
  if (left > 0 && left <= ANSWER_WAIT_MS) return NOTHING_TO_DO;
  const transaction = transactionOf(state, operation.transactionId);
  const answered: BankOperation = { ...operation, answerDueAt: null };
  const late: LateAnswer = { operation, outcome: outcomeOf(operation, transaction) };
  return { ...NOTHING, outcome: { kind: 'nothing_to_do' }, operations: [answered], answers: [late] };
}

/**
 * Sends an authorization to another acquirer, as long as the one that it was meant for was asked nothing: once another
 * node has taken the operation over, nobody knows that any longer. Its payment has that acquirer for good then.
 */
export function moveToAcquirer(state: State, command: MoveToAcquirer): Decision {
  const operation = state.operation(command.operationId);
  const isUnasked = operation?.status === 'pending' && operation.attempts === 0;
  if (!isUnasked || operation.kind !== 'authorize') return NOTHING_TO_DO;
  const { acquirerId, credentialsId } = command;
  const transaction = { ...transactionOf(state, operation.transactionId), acquirerId, credentialsId };
  const moved: BankOperation = { ...operation, acquirerId, credentialsId };
  const outcome: Outcome = { kind: 'pending', operation: moved };
  return { ...NOTHING, outcome, transactions: [transaction], operations: [moved] };
}

function finish(state: State, change: Change, operation: BankOperation, command: TakeBankAnswer): Decision {
  const { answer } = command;
  switch (operation.kind) {
    case 'authorize':
    case 'complete':
      return finishAuthorization(state, change, operation, command);
    case 'capture':
      if (answer.status === 'declined') {
        // The engine does not try its own again: the bank would say the same. A merchant's may have been another one.
        const patch = operation.actor === 'engine' ? { captureAt: null } : {};
        return noteDecline(change, 'transaction.capture_declined', operation, answer, patch);
      }
      return capture(state, change, operation.amount, operation.final);
    case 'cancel':
      return finishCancel(change, operation, answer);
    case 'refund':
      return finishRefund(state, change, operation, answer);
    case 'reverse':
      // What it may still hold, the bank alone can release then: the history has to say so.
      if (answer.status === 'declined')
        return noteDecline(change, 'transaction.reversal_declined', operation, answer, {});
      return change.done(operation.amount);
  }
}

function finishAuthorization(
  state: State,
  change: Change,
  operation: BankOperation,
  { answer, reversalId }: TakeBankAnswer,
): Decision {
  const { amount } = change.transaction;
  const { retrievalReferenceNumber, networkTransactionReference, redirectUrl } = answer;
  switch (answer.status) {
    case 'approved':
    case 'done':
      change.set({
        retrievalReferenceNumber,
        networkTransactionReference,
        secure3d: operation.kind === 'complete',
      });
      authorize(state, change);
      return change.done(amount);
    case 'challenge': {
      if (change.transaction.status === '3d') return stayInAuthentication(change, reversalId);
      const expiresAt = change.now + AUTHENTICATION_TTL_MS;
      const inquireAt = change.now + AUTHENTICATION_CHECK_MS;
      const patch = { awaiting: null, redirectUrl, expiresAt, inquireAt, retrievalReferenceNumber };
      change.become('3d', null, amount, patch);
      return change.done(amount);
    }
    case 'declined': {
      const code = failureOf(answer.declineCode);
      change.set({ retrievalReferenceNumber });
      return change.end(code === 'processing_error' ? 'transaction.failed' : 'rejected', code);
    }
    case 'failed': {
      // Nobody came back who would have to know now: the bank is asked again later, or reversed at the end.
      if (operation.kind === 'complete' && operation.actor === 'engine')
        return stayInAuthentication(change, reversalId);
      // Its fate is unknown, so whatever the bank may have reserved has to be released.
      change.addOperation({ id: reversalId, kind: 'reverse', amount, reason: 'processing_error' }, null);
      return change.end('transaction.failed', 'processing_error');
    }
  }
}

/** The payer has not decided yet, or it is not known: in time they still may, and the bank is asked again. */
function stayInAuthentication(change: Change, cancelId: string): Decision {
  const { amount, expiresAt } = change.transaction;
  // Whatever the payer may still do at the bank must not hold money.
  if (expiresAt !== null && change.now >= expiresAt)
    return change.ask({ id: cancelId, kind: 'cancel', amount, reason: 'authentication_expired' });
  change.set({ inquireAt: change.now + AUTHENTICATION_CHECK_MS });
  return change.done(amount);
}

function finishCancel(change: Change, operation: BankOperation, answer: BankAnswer): Decision {
  const { amount, reason } = operation;
  if (reason === 'authentication_expired') return change.end('rejected', 'authentication_expired');
  if (reason === EXPIRED) {
    // A hold that lapsed here has lapsed, whatever the bank says of releasing it.
    release(change, amount, EXPIRED);
    return change.done(amount);
  }
  if (answer.status === 'declined')
    return noteDecline(change, 'transaction.cancel_declined', operation, answer, {});
  release(change, amount, 'requested');
  return change.done(amount);
}

function finishRefund(state: State, child: Change, operation: BankOperation, answer: BankAnswer): Decision {
  const { amount, merchantId, currency } = operation;
  const parent = new Change(transactionOf(state, operation.paymentId), child.sender, null, child.now);
  parent.set({ reserved: parent.transaction.reserved - amount });
  child.set({ awaiting: null, retrievalReferenceNumber: answer.retrievalReferenceNumber });
  if (answer.status === 'declined') {
    child.post(
      'refund_returned',
      payerAccount(child.transaction),
      { kind: 'merchant', ownerId: merchantId },
      amount,
    );
    const code = failureOf(answer.declineCode);
    const balance = state.merchantBalance(merchantId, currency) + amount;
    child.become(code === 'processing_error' ? 'transaction.failed' : 'rejected', code, amount, {}, balance);
  } else {
    child.become('refunded', null, amount, { refunded: amount, processedAt: child.now });
    countRefund(parent, amount, null);
  }
  const done = child.done(amount);
  return both(done, parent.done(amount), done.outcome);
}

/** The bank refused a capture, a cancel or a reversal: the payment stays as it was, and its history says so. */
function noteDecline(
  change: Change,
  name: OtherEvent,
  operation: BankOperation,
  answer: BankAnswer,
  patch: Patch,
): Decision {
  change.record(name, failureOf(answer.declineCode), operation.amount, patch);
  return change.done(operation.amount);
}

function lateAnswer(
  operation: BankOperation,
  answer: BankAnswer,
  transaction: Transaction,
): LateAnswer | null {
  if (operation.answerDueAt === null) return null;
  const refused =
    answer.status === 'declined' && (operation.kind === 'capture' || operation.kind === 'cancel');
  const declineCode = failureOf(answer.declineCode);
  const outcome: Outcome = refused
    ? { kind: 'refused', refusal: 'declined_by_bank', declineCode }
    : outcomeOf(operation, transaction);
  return { operation, outcome };
}

function outcomeOf(operation: BankOperation, transaction: Transaction): Outcome {
  return { kind: 'transaction', transaction, amount: operation.amount, effect: { id: operation.id, seq: 0 } };
}

function transactionOf(state: State, id: string): Transaction {
  const transaction = state.transaction(id);
  if (transaction === undefined) throw new Error(`transaction ${id} was not loaded`);
  return transaction;
}

/** Decline codes of the bank that we do not know are a plain decline. */
function failureOf(declineCode: string | null): FailureCode {
  return isFailureCode(declineCode) ? declineCode : 'card_declined';
}
