import { walletStatusOf } from '../core/lifecycle.ts';
import { failureMessageOf } from '../core/reasons.ts';
import type { Minor, Transaction } from '../core/transaction.ts';
import { walletTransactionIdOf } from '../core/values/ids.ts';

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
