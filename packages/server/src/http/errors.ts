import type { Refusal } from '../core/reasons.ts';

type ErrorType = 'apiError' | 'validationError';

interface ReasonRow {
  readonly status: number;
  /** 1 service unavailable, 2 something went wrong, 3 invalid request, 4 not found, 5 unprocessable. */
  readonly code: 1 | 2 | 3 | 4 | 5;
  readonly message: string;
  /** The field or header that is to blame whenever nothing more precise is known. */
  readonly path?: string;
  /** Its answers say after how many seconds it makes sense to try again. */
  readonly retried?: true;
}

/** Every reason that the API can answer with: the one table from which errors and their docs are made. */
export const REASONS = {
  service_unavailable: {
    status: 503,
    code: 1,
    message: 'the service is unavailable; retry with the same Idempotency-Key',
    retried: true,
  },
  internal_error: { status: 500, code: 2, message: 'something went wrong' },
  invalid_request: { status: 400, code: 3, message: 'the request is invalid' },
  invalid_json: { status: 400, code: 3, message: 'the body must be valid JSON', path: 'body' },
  missing_field: { status: 400, code: 3, message: 'a required field is missing' },
  unknown_field: { status: 400, code: 3, message: 'a field is not known' },
  invalid_amount: { status: 400, code: 3, message: 'amount must be a positive integer in minor units' },
  invalid_currency: { status: 400, code: 3, message: 'currency must be an ISO 4217 code' },
  invalid_phone_number: { status: 400, code: 3, message: 'phoneNumber must be a phone number' },
  invalid_iin: { status: 400, code: 3, message: 'iin must be a valid IIN' },
  invalid_order_reference: { status: 400, code: 3, message: 'orderReference must be 1 to 255 characters' },
  expiry_out_of_range: {
    status: 400,
    code: 3,
    message: 'expiresAt must be a time in the future, at most one year (365 days) from now',
    path: 'expiresAt',
  },
  consent_ends_in_past: {
    status: 400,
    code: 3,
    message: 'recurring.expiry must be in the future: nothing could be charged by such a consent',
    path: 'recurring.expiry',
  },
  invalid_email: { status: 400, code: 3, message: 'email must be an e-mail address', path: 'email' },
  invalid_card: { status: 400, code: 3, message: 'the card is not valid' },
  invalid_cursor: { status: 400, code: 3, message: 'cursor must be a nextCursor of this list' },
  invalid_last_event_id: {
    status: 400,
    code: 3,
    message: 'Last-Event-ID must be the id of an event of this stream',
    path: 'Last-Event-ID',
  },
  invalid_limit: { status: 400, code: 3, message: 'limit must be an integer from 1 to 100' },
  invalid_status: { status: 400, code: 3, message: 'status must be a transaction status' },
  invalid_url: { status: 400, code: 3, message: 'url must be one that webhooks can be sent to', path: 'url' },
  search_too_broad: {
    status: 400,
    code: 3,
    message:
      'these filters match too little in too much to be answered within 2 seconds; add orderReference, or createdFrom and createdTo',
  },
  missing_idempotency_key: {
    status: 400,
    code: 3,
    message: 'the Idempotency-Key header is required',
    path: 'Idempotency-Key',
  },
  invalid_idempotency_key: {
    status: 400,
    code: 3,
    message: 'Idempotency-Key must be 1 to 255 printable ASCII characters',
    path: 'Idempotency-Key',
  },
  missing_api_key: {
    status: 401,
    code: 3,
    message: 'the Authorization header must hold an API key',
    path: 'Authorization',
  },
  bearer_not_supported: {
    status: 401,
    code: 3,
    message: 'send the raw API key in Authorization, without "Bearer"',
    path: 'Authorization',
  },
  invalid_api_key: {
    status: 401,
    code: 3,
    message: 'the API key is unknown, expired or revoked',
    path: 'Authorization',
  },
  wrong_mode_api_key: {
    status: 401,
    code: 3,
    message: 'the API key belongs to the other mode (test or live)',
    path: 'Authorization',
  },
  insufficient_scope: {
    status: 403,
    code: 3,
    message: 'the API key does not have the scope for this',
    path: 'Authorization',
  },
  address_not_allowed: {
    status: 403,
    code: 3,
    message: 'the API key may be used from certain addresses only',
    path: 'Authorization',
  },
  notification_not_verified: {
    status: 401,
    code: 3,
    message: 'the notification is not known to be this acquirer’s',
  },
  wrong_credentials: { status: 401, code: 3, message: 'the e-mail address or the password is wrong' },
  second_factor_required: {
    status: 401,
    code: 3,
    message: 'the password is right, and this user has a second factor: send a code of it as well',
    path: 'code',
  },
  wrong_second_factor: {
    status: 401,
    code: 3,
    message: 'the code is wrong, or was used before',
    path: 'code',
  },
  wrong_passkey: {
    status: 401,
    code: 3,
    message: 'the passkey is not known here, or what it signed does not hold or is too old',
    path: 'response',
  },
  identity_not_proved: {
    status: 401,
    code: 3,
    message:
      'the sign-in at the identity provider does not hold, was begun in another browser, or is too long ago: begin again',
  },
  identity_not_known: {
    status: 403,
    code: 3,
    message: 'nobody who may sign in here has this identity',
  },
  email_not_verified: {
    status: 403,
    code: 3,
    message: 'the identity provider does not say that the e-mail address is verified',
  },
  identity_provider_unavailable: {
    status: 503,
    code: 1,
    message: 'the identity provider cannot be reached; sign in another way, or try again later',
    retried: true,
  },
  no_identity_provider: {
    status: 422,
    code: 5,
    message: 'no identity provider is set up: OIDC_ISSUER names one',
  },
  no_identity: { status: 422, code: 5, message: 'no identity is linked to the account' },
  password_required: {
    status: 403,
    code: 3,
    message: 'you signed in more than 10 minutes ago: send your password, too',
    path: 'password',
  },
  second_factor_set_up_required: {
    status: 403,
    code: 3,
    message: 'you must set up a second factor before anything else',
  },
  too_many_passkeys: { status: 422, code: 5, message: 'a user may have 20 passkeys' },
  totp_not_begun: {
    status: 422,
    code: 5,
    message: 'there is no authenticator app, and none was begun to be set up within the last hour',
  },
  no_second_factor: {
    status: 422,
    code: 5,
    message: 'there is no second factor: recovery codes are made with the first one',
  },
  last_second_factor: {
    status: 422,
    code: 5,
    message: 'a second factor is required of you: set up another one first',
  },
  not_signed_in: { status: 401, code: 3, message: 'nobody is signed in, or no longer', path: 'Cookie' },
  origin_not_allowed: {
    status: 403,
    code: 3,
    message: 'with a session, the Origin header must name this server',
    path: 'Origin',
  },
  host_not_allowed: {
    status: 403,
    code: 3,
    message: 'a sandbox answers to its own name only; ALLOWED_HOSTS adds others',
    path: 'Host',
  },
  metrics_token_required: {
    status: 401,
    code: 3,
    message: 'from another machine the metrics need METRICS_TOKEN, as a bearer token',
    path: 'Authorization',
  },
  session_required: {
    status: 403,
    code: 3,
    message: 'an API key cannot do this, only a user who is signed in',
    path: 'Authorization',
  },
  insufficient_role: { status: 403, code: 3, message: 'your role does not allow this' },
  passkey_not_found: { status: 404, code: 4, message: 'there is no such passkey' },
  session_not_found: { status: 404, code: 4, message: 'there is no such session' },
  issue_not_found: { status: 404, code: 4, message: 'there is no such issue' },
  user_not_found: { status: 404, code: 4, message: 'there is no such user' },
  transaction_not_found: { status: 404, code: 4, message: 'there is no such transaction' },
  payment_link_not_found: { status: 404, code: 4, message: 'there is no such payment link' },
  wallet_not_found: { status: 404, code: 4, message: 'there is no such wallet' },
  acquirer_not_found: { status: 404, code: 4, message: 'there is no such acquirer' },
  merchant_not_found: { status: 404, code: 4, message: 'there is no such merchant' },
  customer_not_found: { status: 404, code: 4, message: 'there is no such customer' },
  wallet_holder_not_found: { status: 404, code: 4, message: 'there is no such wallet holder' },
  card_not_found: { status: 404, code: 4, message: 'the customer has no such card on file' },
  api_key_not_found: { status: 404, code: 4, message: 'there is no such API key' },
  webhook_endpoint_not_found: { status: 404, code: 4, message: 'there is no such webhook endpoint' },
  webhook_delivery_not_found: {
    status: 404,
    code: 4,
    message: 'this webhook was never meant for this endpoint, or more than 30 days ago',
  },
  not_found: { status: 404, code: 4, message: 'there is nothing here' },
  method_not_allowed: { status: 405, code: 3, message: 'this method is not allowed here' },
  payment_link_in_use: {
    status: 409,
    code: 5,
    message: 'a payment by this payment link is under way; its outcome comes first',
  },
  operation_in_progress: {
    status: 409,
    code: 5,
    message: 'the bank has not answered an earlier operation on this transaction yet',
  },
  request_in_progress: {
    status: 409,
    code: 5,
    message: 'a request with this Idempotency-Key is still in progress',
    path: 'Idempotency-Key',
    retried: true,
  },
  audit_in_progress: { status: 409, code: 5, message: 'an audit is running', retried: true },
  older_nodes_running: {
    status: 409,
    code: 5,
    message: 'nodes of an earlier version still run: try again once they are replaced',
    retried: true,
  },
  already_exists: { status: 409, code: 5, message: 'this exists already' },
  body_too_large: { status: 413, code: 3, message: 'the body must have at most 64 KiB', path: 'body' },
  expectation_failed: {
    status: 417,
    code: 3,
    message: 'the Expect header may only be 100-continue',
    path: 'Expect',
  },
  request_timeout: { status: 408, code: 3, message: 'the request did not arrive in time' },
  headers_too_large: { status: 431, code: 3, message: 'the URL and headers must have at most 16 KiB' },
  unsupported_media_type: {
    status: 415,
    code: 3,
    message: 'the Content-Type must be application/json',
    path: 'Content-Type',
  },
  idempotency_key_reused: {
    status: 422,
    code: 5,
    message: 'this Idempotency-Key was used for a different request',
    path: 'Idempotency-Key',
  },
  invalid_transaction_state: {
    status: 422,
    code: 5,
    message: 'the transaction is not in a state that allows this',
  },
  transaction_is_refund: {
    status: 422,
    code: 5,
    message: 'this is a refund: what can be done is done to the payment that it belongs to',
  },
  transaction_is_card_payment: {
    status: 422,
    code: 5,
    message: 'this is a card payment: use /v1/transactions',
  },
  payment_link_paid: { status: 422, code: 5, message: 'the payment link is paid' },
  payment_link_cancelled: { status: 422, code: 5, message: 'the payment link was cancelled' },
  payment_link_expired: { status: 422, code: 5, message: 'the payment link has expired' },
  payment_method_not_allowed: {
    status: 422,
    code: 5,
    message: 'the payment link does not take this payment method',
  },
  customer_erased: { status: 422, code: 5, message: 'the customer’s data was erased' },
  card_not_on_file: {
    status: 422,
    code: 5,
    message: 'the customer has no such card on file',
    path: 'cardTokenId',
  },
  first_payment_required: {
    status: 422,
    code: 5,
    message:
      'the customer has not agreed to be charged without them: first they pay with recurring.type cof_initial',
    path: 'cardTokenId',
  },
  consent_withdrawn: {
    status: 422,
    code: 5,
    message: 'the customer’s consent to be charged without them was withdrawn',
    path: 'cardTokenId',
  },
  consent_expired: {
    status: 422,
    code: 5,
    message: 'the time is over for which the customer has agreed to be charged without them',
    path: 'cardTokenId',
  },
  authorization_expired: { status: 422, code: 5, message: 'the authorization has expired' },
  amount_exceeds_held: {
    status: 422,
    code: 5,
    message: 'amount is more than the transaction holds',
    path: 'amount',
  },
  amount_exceeds_refundable: {
    status: 422,
    code: 5,
    message: 'amount is more than is left to refund',
    path: 'amount',
  },
  partial_cancel_before_authorization: {
    status: 422,
    code: 5,
    message: 'a payment that is not authorized yet can only be cancelled in full',
    path: 'amount',
  },
  partial_capture_not_supported: {
    status: 422,
    code: 5,
    message: 'the bank of this payment cannot capture a part: capture all that it holds',
    path: 'amount',
  },
  several_captures_not_supported: {
    status: 422,
    code: 5,
    message: 'the bank of this payment captures once: the first capture is the last one',
    path: 'final',
  },
  partial_cancel_not_supported: {
    status: 422,
    code: 5,
    message: 'the bank of this payment cannot release a part: cancel all that it holds',
    path: 'amount',
  },
  saved_card_not_supported: {
    status: 422,
    code: 5,
    message: 'the bank of this payment cannot charge a card that was used before: send the card',
    path: 'cardTokenId',
  },
  merchant_initiated_not_supported: {
    status: 422,
    code: 5,
    message: 'the bank of this payment cannot charge a card without its payer',
    path: 'recurringType',
  },
  insufficient_merchant_balance: {
    status: 422,
    code: 5,
    message: "the merchant's balance does not cover the refund",
    path: 'amount',
  },
  merchant_required: {
    status: 422,
    code: 5,
    message: 'there are accounts at several merchants; send the merchantId of one of them',
    path: 'merchantId',
  },
  own_account: {
    status: 422,
    code: 5,
    message: 'this is for other users: change your own on the page Security, or at /v1/session',
  },
  last_admin: { status: 422, code: 5, message: 'somebody must remain who can manage the users' },
  wallet_frozen: { status: 422, code: 5, message: 'the wallet is frozen' },
  declined_by_bank: { status: 422, code: 5, message: 'the bank declined this operation' },
  insufficient_wallet_balance: {
    status: 422,
    code: 5,
    message: 'the available balance is less than the amount',
    path: 'amount',
  },
  webhook_endpoint_disabled: {
    status: 422,
    code: 5,
    message: 'the webhook endpoint is disabled; enable it first',
  },
  too_many_webhook_endpoints: {
    status: 422,
    code: 5,
    message: 'a merchant may have 50 webhook endpoints',
  },
  webhook_endpoint_of_links: {
    status: 422,
    code: 5,
    message:
      'this endpoint is of the callbackUrl that links name: the address is theirs, and its secret is the callback secret',
  },
  too_many_callback_origins: {
    status: 422,
    code: 5,
    message:
      'the callbackUrl of a merchant’s links may be of 100 origins; delete the webhook endpoints of those that are not used',
    path: 'metadata.callbackUrl',
  },
  too_many_webhook_secrets: {
    status: 422,
    code: 5,
    message: '10 secrets of the last 24 hours sign its webhooks; rotate again when the oldest has ended',
  },
  too_many_sign_ins: {
    status: 429,
    code: 3,
    message: 'too many attempts to sign in; try again after the time in Retry-After',
    retried: true,
  },
  rate_limited: {
    status: 429,
    code: 3,
    message: 'too many requests of this merchant; retry after the time in Retry-After',
    path: 'Authorization',
    retried: true,
  },
} as const satisfies Readonly<Record<string, ReasonRow>> & Readonly<Record<Refusal, ReasonRow>>;
export type Reason = keyof typeof REASONS;

export interface ErrorDetail {
  /** The field, query parameter or header. */
  readonly path: string;
  readonly message: string;
}

/** A body of thousands of unknown fields is not answered with thousands of details. */
export const MAX_DETAILS = 20;
const MAX_PATH_LENGTH = 100;

/** No more details than a caller reads, and no longer names than it needs to find the field. */
export function bounded(details: readonly ErrorDetail[]): readonly ErrorDetail[] {
  return details.slice(0, MAX_DETAILS).map((detail) => {
    const { path } = detail;
    return path.length > MAX_PATH_LENGTH ? { ...detail, path: `${path.slice(0, MAX_PATH_LENGTH)}…` } : detail;
  });
}

/** Whether answers with this reason have `Retry-After`. */
export function isRetriedLater(reason: Reason): boolean {
  const row: ReasonRow = REASONS[reason];
  return row.retried === true;
}

/** An error that the caller is told. */
export class ApiError extends Error {
  readonly reason: Reason;
  readonly details: readonly ErrorDetail[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    reason: Reason,
    message: string = REASONS[reason].message,
    details: readonly ErrorDetail[] = [],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.reason = reason;
    this.details = bounded(details);
    this.headers = isRetriedLater(reason) ? { 'retry-after': '1', ...headers } : headers;
  }
}

/** A person reads it on the page, where there are no headers. */
export function tooManySignIns(seconds: number): ApiError {
  const message = `too many attempts to sign in; try again in ${seconds} s`;
  return new ApiError('too_many_sign_ins', message, [], { 'retry-after': String(seconds) });
}

/** So much of one merchant waits already that more would only wait longer. */
export function tooManyWaiting(): ApiError {
  return TOO_MANY_WAITING;
}

// One for all: in an overload, to note where each was made would take a tenth of the time.
const TOO_MANY_WAITING = new ApiError(
  'rate_limited',
  'too many requests of this merchant are waiting; send fewer at once, and retry',
  [],
  { 'retry-after': '1' },
);

/** More is waiting than can be decided in time: nothing was tried. */
export const OVERLOADED = new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' });

/** An error about one field, named in `message` and in `details`. */
export function fieldError(reason: Reason, path: string, rule: string): ApiError {
  return new ApiError(reason, `${path} ${rule}`, [{ path, message: rule }]);
}

/** The part of the product that speaks, from the route's path. */
export function sourceOf(url: string): string {
  const match =
    /^\/v1\/(wallet|admin|sandbox|payments|transactions|balances|webhook-endpoints|events|session|users)\b/.exec(
      url,
    );
  return match?.[1] ?? 'server';
}

/** What a caller is told of an error, before it is put into an API's words. */
export interface ToldError {
  readonly reason: Reason;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/** Errors in the words of an API that has its own, as bytes; null: this URL is not of that API. */
export type OtherWords = (url: string, error: ToldError) => string | null;

/** The body of every error: the shape of the contract, as bytes. */
export function errorBody(
  reason: Reason,
  message: string,
  details: readonly ErrorDetail[],
  source: string,
  requestId: string,
): string {
  const row: ReasonRow = REASONS[reason];
  const { code, path } = row;
  const type: ErrorType = code === 5 ? 'validationError' : 'apiError';
  const named = details.length === 0 && path !== undefined ? [{ path, message: row.message }] : details;
  return JSON.stringify({ code, message, source, type, reason, details: named, requestId });
}
