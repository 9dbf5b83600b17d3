/**
 * Why something did not happen, as stable machine-readable words.
 * A failure code is the outcome of a payment (recorded on it); a refusal leaves everything unchanged.
 */
import { EXPIRED } from './lifecycle.ts';

export const FAILURE_MESSAGES = {
  customer_not_found: 'no customer has this phone number and IIN',
  no_wallet_in_currency: 'the customer has no wallet in this currency',
  wallet_frozen: 'the wallet is frozen',
  insufficient_funds: 'the available balance is less than the amount',
  customer_declined: 'the customer declined the payment',
  confirmation_expired: 'the customer did not confirm in time',
  processing_error: 'a system error prevented the decision; the payment may be retried',
  card_declined: 'the bank declined the card',
  lost_card: 'the card is reported lost',
  stolen_card: 'the card is reported stolen',
  expired_card: 'the card has expired',
  incorrect_cvc: 'the security code is wrong',
  incorrect_number: 'the card number is wrong',
  authentication_required: 'the bank requires 3-D Secure',
  authentication_failed: 'the payer did not pass 3-D Secure',
  authentication_expired: 'the payer did not finish 3-D Secure in time',
} as const;
export type FailureCode = keyof typeof FAILURE_MESSAGES;

/**
 * After which of them the same payment may be tried again as it is, and after how many seconds at the earliest. What is not
 * here says that it would fail again, or that somebody has to do something first: card networks charge for trying on.
 */
const RETRIED_AFTER_S: Readonly<Partial<Record<FailureCode, number>>> = {
  insufficient_funds: 24 * 3_600,
  processing_error: 15 * 60,
};

/** After how many ms a payment that failed so may be tried again as it is; null: not at all. */
export function retriedAfterMs(failure: string | null): number | null {
  const seconds = isFailureCode(failure) ? RETRIED_AFTER_S[failure] : undefined;
  return seconds === undefined ? null : seconds * 1_000;
}

export function isFailureCode(text: string | null): text is FailureCode {
  return text !== null && Object.hasOwn(FAILURE_MESSAGES, text);
}

/** What a merchant is told of a payment that ended without success; null for any other reason. */
export function failureMessageOf(reason: string | null): string | null {
  if (reason === EXPIRED) return 'the hold expired before it was captured';
  return isFailureCode(reason) ? FAILURE_MESSAGES[reason] : null;
}

/** Every `failureCode` of a transaction: also that of a hold which ended by itself. */
export const FAILURE_CODES = [...(Object.keys(FAILURE_MESSAGES) as FailureCode[]), EXPIRED] as const;

/**
 * Commands that the engine decided not to carry out. Their order is their precedence. What is remembered is the outcome of
 * its Idempotency-Key, as a success is; what is not says only that the caller has to come otherwise, or later, and may do so
 * with the same key.
 */
export const REFUSALS = {
  invalid_api_key: { isRemembered: false },
  insufficient_scope: { isRemembered: false },
  missing_idempotency_key: { isRemembered: false },
  transaction_not_found: { isRemembered: false },
  payment_link_not_found: { isRemembered: false },
  expiry_out_of_range: { isRemembered: false },
  consent_ends_in_past: { isRemembered: false },
  payment_method_not_allowed: { isRemembered: true },
  payment_link_paid: { isRemembered: true },
  payment_link_cancelled: { isRemembered: true },
  payment_link_expired: { isRemembered: true },
  payment_link_in_use: { isRemembered: false },
  card_not_on_file: { isRemembered: true },
  first_payment_required: { isRemembered: true },
  consent_withdrawn: { isRemembered: true },
  consent_expired: { isRemembered: true },
  transaction_is_refund: { isRemembered: true },
  transaction_is_card_payment: { isRemembered: true },
  wallet_not_found: { isRemembered: false },
  operation_in_progress: { isRemembered: false },
  invalid_transaction_state: { isRemembered: true },
  authorization_expired: { isRemembered: true },
  amount_exceeds_held: { isRemembered: true },
  amount_exceeds_refundable: { isRemembered: true },
  partial_cancel_before_authorization: { isRemembered: true },
  partial_capture_not_supported: { isRemembered: true },
  several_captures_not_supported: { isRemembered: true },
  partial_cancel_not_supported: { isRemembered: true },
  saved_card_not_supported: { isRemembered: true },
  merchant_initiated_not_supported: { isRemembered: true },
  insufficient_merchant_balance: { isRemembered: true },
  wallet_frozen: { isRemembered: true },
  insufficient_wallet_balance: { isRemembered: true },
  declined_by_bank: { isRemembered: true },
} as const satisfies Readonly<Record<string, { readonly isRemembered: boolean }>>;
export type Refusal = keyof typeof REFUSALS;
