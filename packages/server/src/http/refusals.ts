/** What a caller is told when the engine did not carry out a command. */
import type { Transaction } from '../core/transaction.ts';
import { walletTransactionIdOf } from '../core/values/ids.ts';
import type { Refused } from '../engine/caller.ts';
import type { Answer } from '../engine/idempotency.ts';
import { ApiError, type ErrorDetail, errorBody, REASONS, type Reason } from './errors.ts';

/** @param reason in place of the refusal's own word */
export function refusalAnswer(
  { refusal, transaction, declineCode }: Refused,
  source: string,
  requestId: string,
  reason: Reason = refusal,
): Answer {
  const details =
    declineCode === undefined
      ? detailsOf(reason, transaction)
      : [{ path: 'declineCode', message: declineCode }];
  const { status, message } = REASONS[reason];
  return { statusCode: status, body: errorBody(reason, message, details, source, requestId) };
}

/** The same for what is refused before the engine is asked. */
export function refusalError(reason: Reason, transaction: Transaction): ApiError {
  return new ApiError(reason, undefined, detailsOf(reason, transaction));
}

/** What it is that stands in the way. */
function detailsOf(reason: Reason, transaction: Transaction | undefined): ErrorDetail[] {
  if (transaction === undefined) return [];
  switch (reason) {
    case 'invalid_transaction_state':
      return [{ path: 'status', message: `is ${stateOf(transaction)}` }];
    case 'authorization_expired': {
      const { expiresAt } = transaction;
      if (expiresAt === null) return [{ path: 'status', message: `is ${stateOf(transaction)}` }];
      return [{ path: 'expiresAt', message: `was ${new Date(expiresAt).toISOString()}` }];
    }
    case 'transaction_is_refund':
      return [{ path: 'id', message: `is a refund of the payment ${parentOf(transaction)}` }];
    case 'transaction_is_card_payment':
      return [{ path: 'id', message: `is the card payment ${transaction.id}` }];
    default:
      return [];
  }
}

function stateOf({ status, statusReason }: Transaction): string {
  return statusReason === null ? status : `${status} (${statusReason})`;
}

/** In both spellings, where it has two. */
function parentOf({ parentTransactionId: id, paymentMethod }: Transaction): string {
  if (id === null) throw new Error('a refund has no payment');
  return paymentMethod === 'wallet' ? `${walletTransactionIdOf(id)} (${id})` : id;
}
