import type { Command, Outcome } from '../core/command.ts';
import { walletStatusOf } from '../core/lifecycle.ts';
import { failureMessageOf } from '../core/reasons.ts';
import type { Minor, Transaction } from '../core/transaction.ts';
import { walletTransactionIdOf } from '../core/values/ids.ts';
import type { Rendering } from '../engine/caller.ts';
import type { Answer } from '../engine/idempotency.ts';
import type { KnownPayment } from '../engine/memory.ts';

type WalletPaymentFields = Pick<
  Transaction,
  'id' | 'status' | 'statusReason' | 'orderReference' | 'currency'
>;

/**
 * The wallet API's `WalletTransaction` as JSON text, so that the bytes that are stored with an
 * idempotency key are the bytes that are sent. Built by hand: on the path of every authorization.
 * @param amount of this operation; in GET and lists the authorized amount
 */
export function walletTransactionJson(transaction: WalletPaymentFields, amount: Minor): string {
  const { id, status, statusReason, orderReference, currency } = transaction;
  const walletStatus = walletStatusOf(status, statusReason);
  const five = `{"walletTransactionId":"${walletTransactionIdOf(id)}","walletTransactionStatus":"${walletStatus}","orderReference":${JSON.stringify(orderReference)},"amount":${amount},"currency":"${currency}"`;
  const message = walletStatus === 'FAILED' ? failureMessageOf(statusReason) : null;
  if (message === null) return `${five}}`;
  return `${five},"failureCode":"${statusReason}","failureMessage":${JSON.stringify(message)}}`;
}

/** The answer of the wallet API to a command. @throws Error for any other outcome: a bug */
export function walletAnswer(statusCode: number, outcome: Outcome): Answer {
  if (outcome.kind !== 'transaction') throw new Error(`a wallet operation ended as ${outcome.kind}`);
  return { statusCode, body: walletTransactionJson(outcome.transaction, outcome.amount) };
}

export const WALLET_RENDERING: Rendering = {
  render: (outcome) => walletAnswer(200, outcome),
  usual: (command, known) => {
    const expected = known === null ? null : expectedOf(command, known);
    return expected === null ? null : { statusCode: 200, body: walletTransactionJson(...expected) };
  },
};

/** What a payment will be after a capture or a cancel if it is as it was left, and the amount of that; null: who knows. */
function expectedOf(command: Command, known: KnownPayment): [WalletPaymentFields, Minor] | null {
  if (command.kind !== 'capture' && command.kind !== 'cancel') return null;
  const { id, orderReference, currency, held, captured } = known;
  const amount = command.amount ?? held;
  if (amount > held) return null;
  const staysHeld = command.kind === 'capture' ? command.final === false : amount < held;
  const isCancelled = command.kind === 'cancel' && captured === 0n;
  const status = staysHeld ? 'authorized' : isCancelled ? 'cancelled' : 'charged';
  return [{ id, status, statusReason: null, orderReference, currency }, amount];
}
