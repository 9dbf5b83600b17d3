// Made from the OpenAPI document by "npm run openapi". Not to be edited.

/** The statuses of today. Treat one that you do not know as transient. */
export type TransactionStatus = 'created' | '3d' | 'authorized' | 'rejected' | 'transaction.failed' | 'charged' | 'cancelled' | 'refunded';

/** The statuses of today. Treat one that you do not know as transient. */
export type WalletTransactionStatus = 'NEW' | 'PROCESSING' | 'SUCCESS' | 'FAILED';

/** Why payments fail today. A newer server may know more. */
export type FailureCode = 'customer_not_found' | 'no_wallet_in_currency' | 'wallet_frozen' | 'insufficient_funds' | 'customer_declined' | 'confirmation_expired' | 'processing_error' | 'card_declined' | 'lost_card' | 'stolen_card' | 'expired_card' | 'incorrect_cvc' | 'incorrect_number' | 'authentication_required' | 'authentication_failed' | 'authentication_expired' | 'expired';

/** Why a request was refused: docs/errors.md. */
export type Reason = 'service_unavailable' | 'internal_error' | 'invalid_request' | 'invalid_json' | 'missing_field' | 'unknown_field' | 'invalid_amount' | 'invalid_currency' | 'invalid_phone_number' | 'invalid_iin' | 'invalid_order_reference' | 'expiry_out_of_range' | 'consent_ends_in_past' | 'invalid_email' | 'invalid_card' | 'invalid_cursor' | 'invalid_last_event_id' | 'invalid_limit' | 'invalid_status' | 'invalid_url' | 'search_too_broad' | 'missing_idempotency_key' | 'invalid_idempotency_key' | 'missing_api_key' | 'bearer_not_supported' | 'invalid_api_key' | 'wrong_mode_api_key' | 'insufficient_scope' | 'address_not_allowed' | 'notification_not_verified' | 'wrong_credentials' | 'second_factor_required' | 'wrong_second_factor' | 'wrong_passkey' | 'identity_not_proved' | 'identity_not_known' | 'email_not_verified' | 'identity_provider_unavailable' | 'no_identity_provider' | 'no_identity' | 'password_required' | 'second_factor_set_up_required' | 'too_many_passkeys' | 'totp_not_begun' | 'no_second_factor' | 'last_second_factor' | 'not_signed_in' | 'origin_not_allowed' | 'host_not_allowed' | 'metrics_token_required' | 'session_required' | 'insufficient_role' | 'passkey_not_found' | 'session_not_found' | 'issue_not_found' | 'user_not_found' | 'transaction_not_found' | 'payment_link_not_found' | 'wallet_not_found' | 'acquirer_not_found' | 'merchant_not_found' | 'customer_not_found' | 'wallet_holder_not_found' | 'card_not_found' | 'api_key_not_found' | 'webhook_endpoint_not_found' | 'webhook_delivery_not_found' | 'not_found' | 'method_not_allowed' | 'payment_link_in_use' | 'operation_in_progress' | 'request_in_progress' | 'audit_in_progress' | 'older_nodes_running' | 'already_exists' | 'body_too_large' | 'expectation_failed' | 'request_timeout' | 'headers_too_large' | 'unsupported_media_type' | 'idempotency_key_reused' | 'invalid_transaction_state' | 'transaction_is_refund' | 'transaction_is_card_payment' | 'payment_link_paid' | 'payment_link_cancelled' | 'payment_link_expired' | 'payment_method_not_allowed' | 'customer_erased' | 'card_not_on_file' | 'first_payment_required' | 'consent_withdrawn' | 'consent_expired' | 'authorization_expired' | 'amount_exceeds_held' | 'amount_exceeds_refundable' | 'partial_cancel_before_authorization' | 'partial_capture_not_supported' | 'several_captures_not_supported' | 'partial_cancel_not_supported' | 'saved_card_not_supported' | 'merchant_initiated_not_supported' | 'insufficient_merchant_balance' | 'merchant_required' | 'own_account' | 'last_admin' | 'wallet_frozen' | 'declined_by_bank' | 'insufficient_wallet_balance' | 'webhook_endpoint_disabled' | 'too_many_webhook_endpoints' | 'webhook_endpoint_of_links' | 'too_many_callback_origins' | 'too_many_webhook_secrets' | 'too_many_sign_ins' | 'rate_limited';

/** Every error has this shape. `reason` is stable and machine-readable. */
export interface ErrorBody {
  code: number;
  message: string;
  source: string;
  type: 'apiError' | 'validationError';
  reason: Reason;
  details: ({ path: string; message: string })[];
  requestId: string;
}

export interface WalletTransaction {
  walletTransactionId: string;
  walletTransactionStatus: WalletTransactionStatus | (string & {});
  orderReference: string;
  /** Minor units: of this operation in a POST, else the authorized amount. */
  amount: number;
  currency: string;
  /** Why it failed; only with status FAILED. */
  failureCode?: FailureCode | (string & {});
  /** The failureCode in words, for people. */
  failureMessage?: string;
}

/** A payment or a refund, with every field of the webhook’s `data`. */
export interface Transaction {
  id: string;
  /** Minor units. */
  amount: number;
  /** The merchant’s balance in this currency: after the latest event, if that changed it; else as it is now. */
  balance: bigint | null;
  currency: string;
  status: TransactionStatus | (string & {});
  type: 'payment' | 'refund';
  paymentMethod: 'wallet' | 'card';
  payerIp: string | null;
  merchantReference: string;
  description: string | null;
  createdAt: string;
  updatedAt: string;
  authedAt: string | null;
  confirmedAt: string | null;
  processedAt: string | null;
  processedAmount: number | null;
  storeId: string | null;
  terminalId: string | null;
  secure3d: boolean;
  /** Of a refund: its payment. Of a payment that the merchant made by a card on file: the first one. */
  parentTransactionId: string | null;
  recurringType: string | null;
  retrievalReferenceNumber: string | null;
  paymentLinkId: { Value: string } | null;
  paymentSessionId: { Value: string } | null;
  cardTokenId: { Value: string } | null;
  customerId: { Value: string } | null;
  orderReference: string;
  walletTransactionId: string | null;
  last4: string | null;
  cardBrand: string | null;
  captureMode: 'manual' | 'automatic';
  /** Minor units. */
  capturedAmount: number;
  /** Minor units. */
  releasedAmount: number;
  /** Minor units. */
  refundedAmount: number;
  /** Minor units. */
  reservedAmount: number;
  expiresAt: string | null;
  redirectUrl: string | null;
  /** What the bank was asked and has not answered yet; other operations are refused with `operation_in_progress` meanwhile. A refund’s is on the refund. Null: nothing. */
  pendingOperation: { kind: 'authorize' | 'complete' | 'capture' | 'cancel' | 'refund'; amount: number; requestedAt: string; attempts: number } | null;
  failureCode: FailureCode | (string & {}) | null;
  failureMessage: string | null;
  /** Whether a payment that failed may be tried again as it is, at `retryAfter` at the earliest. */
  retryable: boolean;
  retryAfter: string | null;
}

/** One entry of a history; the three amounts are in all until then. */
export interface TransactionEvent {
  /** 1, 2, 3 … without gaps. */
  seq: number;
  name: string;
  /** Of the transaction after this. */
  status: TransactionStatus | (string & {});
  /** What this itself was about, in minor units. */
  amount: number;
  /** Minor units. */
  capturedAmount: number;
  /** Minor units. */
  releasedAmount: number;
  /** Minor units. */
  refundedAmount: number;
  /** The merchant’s balance after this, where it was changed by it; else null. */
  balance: bigint | null;
  actor: 'api' | 'user' | 'operator' | 'customer' | 'engine';
  /** Who, if it was a user of the merchant. */
  user: { id: string; name: string } | null;
  reason: string | null;
  at: string;
}

/** One amount that moved from one account of the ledger to another. */
export interface TransactionPosting {
  /** Its number within the transaction. */
  seq: number;
  /** What it was. */
  code: 'deposit' | 'withdrawal' | 'capture' | 'refund' | 'refund_returned' | 'payout';
  /** `wallet` of the customer, `merchant`: your balance, `acquirer`: the bank that cards are paid by. */
  from: 'wallet' | 'merchant' | 'acquirer' | 'funding';
  /** `wallet` of the customer, `merchant`: your balance, `acquirer`: the bank that cards are paid by. */
  to: 'wallet' | 'merchant' | 'acquirer' | 'funding';
  /** Minor units. */
  amount: number;
  currency: string;
  at: string;
}

/** What a payer is sent to be paid by. */
export interface PaymentLink {
  id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  description: string | null;
  orderReference: string;
  status: 'active' | 'paid' | 'expired' | 'cancelled';
  /** Where the payer pays. */
  url: string;
  expiresAt: string;
  createdAt: string;
  updatedAt: string;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. Of it, `successUrl`, `failureUrl` and `cancelUrl` say where the payer goes afterwards, unchanged. */
  metadata: {  };
  /** One of your customers. Of links that were made before there were customers: the text that they were made with. */
  customerId: string | null;
  autoClearing: boolean;
  validation: boolean;
  createdBy: 'api' | 'user' | 'operator';
  reusable: boolean;
  paymentMethods: ('card' | 'wallet')[];
  locale: 'kk' | 'ru' | 'en' | null;
  /** The payment that paid it. Always null of one that is reusable. */
  transactionId: string | null;
  /** What its payer agrees to, where its payment is the first of several. */
  recurring: { type: 'cof_initial'; frequency: number | null; expiry: string | null } | null;
}

/** A payment link for one payer now: 30 minutes, never reusable. */
export interface PaymentSession {
  id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  description: string | null;
  orderReference: string;
  status: 'active' | 'paid' | 'expired' | 'cancelled';
  /** Where the payer pays. */
  url: string;
  expiresAt: string;
  createdAt: string;
  updatedAt: string;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. Of it, `successUrl`, `failureUrl` and `cancelUrl` say where the payer goes afterwards, unchanged. */
  metadata: {  };
  /** One of your customers. Of links that were made before there were customers: the text that they were made with. */
  customerId: string | null;
  autoClearing: boolean;
  validation: boolean;
  createdBy: 'api' | 'user' | 'operator';
  reusable: boolean;
  paymentMethods: ('card' | 'wallet')[];
  locale: 'kk' | 'ru' | 'en' | null;
  /** The payment that paid it. Always null of one that is reusable. */
  transactionId: string | null;
  /** What its payer agrees to, where its payment is the first of several. */
  recurring: { type: 'cof_initial'; frequency: number | null; expiry: string | null } | null;
}

/** One entry of a payment link’s history. */
export interface PaymentLinkEvent {
  /** 1, 2, 3 … without gaps. */
  seq: number;
  name: string;
  /** Of the link after this. */
  status: 'active' | 'paid' | 'expired' | 'cancelled';
  expiresAt: string;
  actor: 'api' | 'user' | 'operator' | 'customer' | 'engine';
  at: string;
}

/** How many links of a currency have each status, and what they are for. */
export interface PaymentLinkSums {
  currency: string;
  active: { count: number; amount: bigint };
  paid: { count: number; amount: bigint };
  expired: { count: number; amount: bigint };
  cancelled: { count: number; amount: bigint };
}

/** A customer of the merchant, whoever else knows the same person. */
export interface Customer {
  id: string;
  reference: string | null;
  name: string | null;
  email: string | null;
  /** E.164. */
  phone: string | null;
  locale: string | null;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. */
  metadata: {  };
  createdAt: string;
  updatedAt: string;
  /** When the personal data was erased: all that is left is the id, to which payments point. */
  erasedAt: string | null;
}

/** What a customer spent in one currency. */
export interface CustomerTotals {
  currency: string;
  /** Payments of which something was captured. */
  payments: number;
  /** Minor units. What was captured of them, before refunds. */
  spent: bigint;
  /** Minor units. What was given back of it. */
  refunded: bigint;
}

/** A card with which the customer paid. */
export interface ExportedCard {
  id: string;
  brand: string;
  last4: string;
  expiryMonth: number;
  expiryYear: number;
  createdAt: string;
}

/** What the customer has agreed to with one of their cards. */
export interface ExportedConsent {
  cardId: string;
  at: string;
  by: 'checkout' | 'api';
  /** The payment by which the customer agreed. */
  transactionId: string;
  /** To be charged without them; else to have the card kept. */
  merchantInitiated: boolean;
  until: string | null;
  withdrawnAt: string | null;
  deletedAt: string | null;
}

/** All that is kept of a customer. No card numbers are. */
export interface CustomerExport {
  customer: Customer;
  cards: (ExportedCard)[];
  /** The oldest first, also those that are over. */
  consents: (ExportedConsent)[];
  paymentLinks: (PaymentLink | PaymentSession)[];
  /** Newest first, refunds too. */
  transactions: (Transaction)[];
}

/** A card that a customer has had kept. Its number is nowhere. */
export interface CardOnFile {
  /** What the card is charged by: the `cardTokenId` of payments. */
  id: string;
  customerId: string;
  brand: string;
  last4: string;
  expiryMonth: number;
  expiryYear: number;
  /** Whether it is charged where none is named: the one that was made so last, else the first one. */
  isDefault: boolean;
  createdAt: string;
  consent: { at: string; by: 'checkout' | 'api'; transactionId: string; merchantInitiated: boolean; until: string | null; withdrawnAt: string | null };
}

export interface DeletedCard {
  id: string;
  deleted: true;
}

export interface Merchant {
  id: string;
  /** 1 to 255 characters. */
  name: string;
  captureMode: 'manual' | 'automatic';
  /** Seconds from the authorization to its automatic capture; less than authorizationTtl. */
  captureDelay: number;
  /** Seconds that an authorization holds. Default: 7 days. */
  authorizationTtl: number;
  /** Seconds from the authorization of a payment by a payment link to its capture, where the link clears by itself (`autoClearing`). Default: 1 hour. A payment keeps what it began with. */
  linkCaptureDelay: number;
  /** The same where the merchant captures: so long it can capture or cancel, then all that is held is captured by itself. Default: 5 days. */
  linkHold: number;
  /** Where payers may be sent back to after 3-D Secure: origins (in production https only), and schemes of apps. */
  returnOrigins: (string)[];
  /** In which days begin and end, by its name in IANA’s database. Default: null, which is UTC in the API and the viewer’s own in the dashboard. */
  timeZone: string | null;
  /** Whether captures, cancels and refunds need an Idempotency-Key, as authorizations always do: without one they are a 400 `missing_idempotency_key`. Default: false. */
  requireIdempotencyKey: boolean;
  /** Of buttons and links at the checkout: `#rrggbb`. Where it could not be read on the page’s ground it is shown darker, or on a dark ground lighter. Default: null, ours. */
  checkoutColor: string | null;
  /** Whose pages may show the checkout in a frame, or in a popup by `/pay/api.js`: origins, in production https only. Default: none. */
  checkoutOrigins: (string)[];
  /** Path of the logo that payers see; null: it has none. */
  checkoutLogo: string | null;
  createdAt: string;
}

export interface ApiKey {
  id: string;
  /** Null: an operator’s key. */
  merchantId: string | null;
  /** 1 to 255 characters. */
  name: string;
  /** The last characters of the key, to tell keys apart. */
  hint: string;
  /** `read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`. */
  scopes: ('read' | 'write' | 'webhooks' | 'payments:read' | 'payments:write' | 'captures:write' | 'cancels:write' | 'refunds:write' | 'links:read' | 'links:write' | 'customers:read' | 'customers:write' | 'reports:read' | 'webhooks:read' | 'deliveries:write')[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks: (string)[] | null;
  /** To within some seconds; null: not yet. */
  lastUsedAt: string | null;
  lastUsedAddress: string | null;
}

export interface IssuedApiKey {
  id: string;
  /** Null: an operator’s key. */
  merchantId: string | null;
  /** 1 to 255 characters. */
  name: string;
  /** The last characters of the key, to tell keys apart. */
  hint: string;
  /** `read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`. */
  scopes: ('read' | 'write' | 'webhooks' | 'payments:read' | 'payments:write' | 'captures:write' | 'cancels:write' | 'refunds:write' | 'links:read' | 'links:write' | 'customers:read' | 'customers:write' | 'reports:read' | 'webhooks:read' | 'deliveries:write')[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks: (string)[] | null;
  /** To within some seconds; null: not yet. */
  lastUsedAt: string | null;
  lastUsedAddress: string | null;
  /** The key itself. Shown only in this answer: null when the request is repeated with its Idempotency-Key. */
  apiKey: string | null;
}

export interface WalletHolder {
  id: string;
  /** E.164. */
  phoneNumber: string;
  /** The last four digits of the IIN. */
  iinLast4: string;
  createdAt: string;
}

export interface Wallet {
  id: string;
  walletHolderId: string;
  /** The same as `walletHolderId`, by its name of before. */
  customerId: string;
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
  frozen: boolean;
  /** Each authorization waits for the holder’s approval. */
  requiresConfirmation: boolean;
}

/** Money that entered a wallet or left it, and the balances after it. */
export interface Transfer {
  id: string;
  walletId: string;
  kind: 'deposit' | 'withdrawal';
  /** Minor units of the currency. */
  amount: number;
  /** ISO 4217 code. */
  currency: string;
  reference: string | null;
  createdAt: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
}

/** One move of money, and the wallet’s balance after it, of which a part may be held. */
export interface WalletEntry {
  /** The transaction, or the transfer, that moved the money. */
  operationId: string;
  /** Minor units of the currency. */
  amount: number;
  /** The same amount, below 0 where it left: changes add up to the balance. */
  change: number;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
  /** The order reference of a payment, or the reference of a transfer. */
  reference: string | null;
  at: string;
  code: 'deposit' | 'withdrawal' | 'capture' | 'refund';
  merchantId: string | null;
}

/** One move of money, and the merchant’s balance after it. */
export interface MerchantEntry {
  /** The transaction, or the transfer, that moved the money. */
  operationId: string;
  /** Minor units of the currency. */
  amount: number;
  /** The same amount, below 0 where it left: changes add up to the balance. */
  change: number;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
  /** The order reference of a payment, or the reference of a transfer. */
  reference: string | null;
  at: string;
  /** `refund_returned`: a card refund that the bank refused, whose amount came back. `payout`: money that left the balance for the merchant’s bank. */
  code: 'capture' | 'refund' | 'refund_returned' | 'payout';
  /** ISO 4217 code. */
  currency: string;
}

/** A balance, of which `held` is spoken for. */
export interface MerchantBalance {
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
}

/** What moved on a merchant’s balance in one currency. */
export interface MerchantStatement {
  items: (MerchantEntry)[];
  /** Cursor of the next page; null on the last one. */
  nextCursor: string | null;
  /** At the beginning of the period. */
  openingBalance: bigint;
  /** At the end of the period: what it opened with and all changes between. */
  closingBalance: bigint;
  /** ISO 4217 code. */
  currency: string;
}

/** What moved on a wallet, and what is held on it. */
export interface WalletStatement {
  items: (WalletEntry)[];
  /** Cursor of the next page; null on the last one. */
  nextCursor: string | null;
  /** At the beginning of the period. */
  openingBalance: bigint;
  /** At the end of the period: what it opened with and all changes between. */
  closingBalance: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
  /** What is held now, payment by payment, newest first; at most 100. */
  holds: (OpenHold)[];
}

/** What a payment still holds on a wallet. A hold moves nothing. */
export interface OpenHold {
  transactionId: string;
  merchantId: string;
  /** Minor units of the currency. */
  amount: number;
  /** The order reference. */
  reference: string;
  expiresAt: string | null;
}

export interface SystemAccount {
  /** funding: the world outside the wallets. acquirer: the bank that cards are paid by. */
  kind: 'acquirer' | 'funding';
  /** Of an acquirer’s account: the acquirer. */
  ownerId: string;
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
}

export interface Store {
  id: string;
  merchantId: string;
  /** 1 to 255 characters. */
  name: string;
  createdAt: string;
}

export interface Terminal {
  id: string;
  merchantId: string;
  /** 1 to 255 characters. */
  name: string;
  createdAt: string;
  storeId: string;
}

/** A bank that cards are paid by. */
export interface Acquirer {
  id: string;
  /** 1 to 255 characters, of one acquirer alone. */
  name: string;
  /** How it is spoken to. */
  connector: string;
  /** Null: where ACQUIRER_URL says it is, or a simulated bank of the sandbox. */
  url: string | null;
  /** What it can do: of what its connector can. What it cannot is refused before the bank is asked. */
  capabilities: ('partial_capture' | 'several_captures' | 'partial_reversal' | 'tokens' | 'merchant_initiated' | 'notifications')[];
  /** False: new payments go elsewhere; those that it has are captured, refunded and so on there. */
  takesPayments: boolean;
  /** Payments that no route fits go there. */
  isDefault: boolean;
  /** False: the node that answers cannot ask it. */
  isSetUp: boolean;
  /** Why the node that answers cannot ask it: its CONNECTORS have none of this name, it has not been told where the acquirer is, or its connector cannot be made of what is set up. Other nodes may be able to; what is asked meanwhile waits for them. */
  problem: 'connector_missing' | 'address_unknown' | 'connector_failed' | null;
  /** What its connector may be told of each merchant. Empty where the node that answers has no such connector. */
  credentialNames: (string)[];
  /** What it was asked and has not answered. */
  pendingOperations: number;
  /** Its accounts in the ledger: below 0 by what it owes for card payments. */
  balances: ({ currency: string; balance: bigint })[];
  createdAt: string;
}

/** Sends the payments that it fits to an acquirer. Null fits all. */
export interface AcquirerRoute {
  merchantId: string | null;
  paymentMethod: 'card' | null;
  currency: string | null;
  cardBrand: string | null;
  acquirerId: string;
}

export interface AcquirerRoutes {
  routes: (AcquirerRoute)[];
}

/** How a merchant is known to an acquirer. */
export interface AcquirerCredentials {
  acquirerId: string;
  /** What is kept. The values are never shown. */
  names: (string)[];
  /** Null: nothing is kept. */
  updatedAt: string | null;
}

export interface User {
  id: string;
  email: string;
  /** 1 to 255 characters. */
  name: string;
  role: 'viewer' | 'manager' | 'admin' | 'operator';
  disabled: boolean;
  hasSecondFactor: boolean;
  /** Whether an identity of OpenID Connect is linked. */
  hasIdentity: boolean;
  createdAt: string;
  lastSignInAt: string | null;
}

export interface UserWithPassword {
  id: string;
  email: string;
  /** 1 to 255 characters. */
  name: string;
  role: 'viewer' | 'manager' | 'admin' | 'operator';
  disabled: boolean;
  hasSecondFactor: boolean;
  /** Whether an identity of OpenID Connect is linked. */
  hasIdentity: boolean;
  createdAt: string;
  lastSignInAt: string | null;
  /** To sign in with, and to change. Shown only in this answer: null when the request is repeated with its Idempotency-Key. */
  password: string | null;
}

/** Who is signed in. */
export interface Session {
  user: { id: string; email: string; name: string; role: 'viewer' | 'manager' | 'admin' | 'operator' };
  /** Null for operators. */
  merchant: { id: string; name: string; timeZone: string | null } | null;
  mode: 'sandbox' | 'production';
  /** A second factor is required, and there is none yet: everything else is refused with `second_factor_set_up_required` until there is. */
  mustSetUpSecondFactor: boolean;
}

export interface Passkey {
  id: string;
  /** 1 to 255 characters. */
  name: string;
  /** The name of the host that it is good for. */
  host: string;
  createdAt: string;
  lastUsedAt: string | null;
}

export interface PasskeyOptions {
  /** What WebAuthn calls options in JSON: for `navigator.credentials`. */
  options: {  };
}

/** What protects the account of whoever is signed in. */
export interface AccountSecurity {
  /** Whether this user must have a second factor: then the last one cannot be removed. */
  isSecondFactorRequired: boolean;
  /** The authenticator app; null: none. */
  totp: { setUpAt: string } | null;
  passkeys: (Passkey)[];
  recoveryCodesLeft: number;
  /** Who the user is at the identity provider (OpenID Connect); null: nobody is linked. */
  identity: { issuer: string; subject: string; linkedAt: string; lastUsedAt: string | null } | null;
}

export interface TotpSecret {
  /** In Base32, to be typed into an authenticator app. */
  secret: string;
  /** The same, to be shown as a QR code. */
  uri: string;
}

export interface AddedPasskey {
  passkey: Passkey;
  /** Each is a code to sign in with, once. They are shown only in this answer. Null: those of before still work. */
  recoveryCodes: (string)[] | null;
}

export interface RecoveryCodes {
  /** Each is a code to sign in with, once. They are shown only in this answer. Null: those of before still work. */
  recoveryCodes: (string)[] | null;
}

/** A browser in which a user is signed in. */
export interface SignedInSession {
  id: string;
  /** Whether it is the one that asks. */
  isThisOne: boolean;
  signedInBy: 'password' | 'password_and_code' | 'password_and_recovery_code' | 'passkey' | 'openid_connect' | 'openid_connect_and_code' | 'openid_connect_and_recovery_code' | null;
  createdAt: string;
  /** When it ends if it is not used. */
  expiresAt: string;
  /** Where it began. */
  address: string | null;
  userAgent: string | null;
  /** To within five minutes. */
  lastUsedAt: string | null;
  lastUsedAddress: string | null;
}

export interface SignInSettings {
  /** Whether every user of the merchant must have one. */
  requireSecondFactor: boolean;
}

export interface SignedOut {
  /** Where the browser signs out at the identity provider, too. */
  url: string;
}

export interface IdentityProviderUrl {
  /** Where the browser is to go. */
  url: string;
}

/** An event of a payment link or session. */
export interface EventOfLink {
  /** The `webhook-id`: of one event, the same for every endpoint, attempt and replay. */
  id: string;
  createdAt: string;
  /** Its number within the link. */
  seq: number;
  name: 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled';
  merchantId: string;
  data: PaymentLink | PaymentSession;
  statusChanged: boolean;
}

export interface CallbackSecret {
  /** When it was made and shown. Null: nobody knows it; make one. */
  createdAt: string | null;
  /** Until when one of those before it signs, too. */
  previousSecretValidUntil: string | null;
}

export interface ShownCallbackSecret {
  /** When it was made and shown. Null: nobody knows it; make one. */
  createdAt: string | null;
  /** Until when one of those before it signs, too. */
  previousSecretValidUntil: string | null;
  /** Verifies the signatures, with any Standard Webhooks library. Shown only in this answer: null when the request is repeated with its Idempotency-Key. */
  secret: string | null;
  /** What `Authorization: Bearer` is followed by. Shown only in this answer: null when the request is repeated with its Idempotency-Key. */
  bearerToken: string | null;
}

/** The body of a webhook: the transaction as it was right after the event. Treat names and statuses that you do not know as passing, and fetch the transaction before you do what cannot be undone. */
export interface WebhookEvent {
  name: 'transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured';
  merchantId: string;
  data: Transaction;
}

/** The body of a webhook about a payment link or session: as that was right after the event. */
export interface PaymentLinkWebhookEvent {
  name: 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled';
  merchantId: string;
  data: PaymentLink | PaymentSession;
}

export interface Event {
  /** The `webhook-id`: of one event, the same for every endpoint, attempt and replay. */
  id: string;
  createdAt: string;
  /** Its number within the transaction. */
  seq: number;
  name: string;
  merchantId: string;
  data: Transaction;
  /** Whether it has changed the status. Webhooks are sent for these events, and for `transaction.partially_captured`. */
  statusChanged: boolean;
}

export interface WebhookEndpoint {
  id: string;
  /** `callback`: made by the `metadata.callbackUrl` of payment links and sessions; `url` is the origin of those addresses. It is sent what becomes of each such link and of its payments. */
  kind: 'registered' | 'callback';
  /** https, and resolving to public addresses only, at every attempt. In a sandbox http and this machine as well. */
  url: string;
  /** Which events to send; none: all of transactions. Those of payment links and sessions, whose `data` is the link, are sent only where they are named. */
  events: ('transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled')[];
  description: string | null;
  hasBearerToken: boolean;
  status: 'enabled' | 'disabled';
  /** `gone`: it answered 410. `failing`: for five days every attempt failed. */
  disabledReason: 'requested' | 'gone' | 'failing' | null;
  /** Since when it has been disabled. */
  disabledAt: string | null;
  /** The first failure since the last success. */
  failingSince: string | null;
  /** After a rotation: until when the secret before it signs, too; those before that one end earlier. */
  previousSecretValidUntil: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface WebhookEndpointWithSecret {
  id: string;
  /** `callback`: made by the `metadata.callbackUrl` of payment links and sessions; `url` is the origin of those addresses. It is sent what becomes of each such link and of its payments. */
  kind: 'registered' | 'callback';
  /** https, and resolving to public addresses only, at every attempt. In a sandbox http and this machine as well. */
  url: string;
  /** Which events to send; none: all of transactions. Those of payment links and sessions, whose `data` is the link, are sent only where they are named. */
  events: ('transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled')[];
  description: string | null;
  hasBearerToken: boolean;
  status: 'enabled' | 'disabled';
  /** `gone`: it answered 410. `failing`: for five days every attempt failed. */
  disabledReason: 'requested' | 'gone' | 'failing' | null;
  /** Since when it has been disabled. */
  disabledAt: string | null;
  /** The first failure since the last success. */
  failingSince: string | null;
  /** After a rotation: until when the secret before it signs, too; those before that one end earlier. */
  previousSecretValidUntil: string | null;
  createdAt: string;
  updatedAt: string;
  /** Verifies the signatures, with any Standard Webhooks library. Shown only in this answer: null when the request is repeated with its Idempotency-Key. */
  secret: string | null;
}

export interface DeletedWebhookEndpoint {
  id: string;
  deleted: boolean;
}

export interface WebhookDelivery {
  /** The `webhook-id`: of one event, the same for every endpoint, attempt and replay. */
  id: string;
  endpointId: string;
  /** Its name; `webhook.test` for a test. */
  event: string;
  /** Null for a test, and for what is of a payment link. */
  transactionId: string | null;
  /** The payment link or session that it is of; null: it is of a transaction, or a test. */
  paymentLinkId: string | null;
  status: 'pending' | 'delivered' | 'failed';
  /** Of a callback: the address that its link has named, to which it is sent. */
  callbackUrl: string | null;
  /** Asked for by a resend or a replay; sent with `webhook-replay: true`. */
  replay: boolean;
  attemptCount: number;
  eventAt: string;
  createdAt: string;
  /** While it is pending. Behind another of its payment: when that one is due. */
  nextAttemptAt: string | null;
  /** When it was delivered, or given up. */
  finishedAt: string | null;
}

export interface WebhookDeliveryWithAttempts {
  /** The `webhook-id`: of one event, the same for every endpoint, attempt and replay. */
  id: string;
  endpointId: string;
  /** Its name; `webhook.test` for a test. */
  event: string;
  /** Null for a test, and for what is of a payment link. */
  transactionId: string | null;
  /** The payment link or session that it is of; null: it is of a transaction, or a test. */
  paymentLinkId: string | null;
  status: 'pending' | 'delivered' | 'failed';
  /** Of a callback: the address that its link has named, to which it is sent. */
  callbackUrl: string | null;
  /** Asked for by a resend or a replay; sent with `webhook-replay: true`. */
  replay: boolean;
  attemptCount: number;
  eventAt: string;
  createdAt: string;
  /** While it is pending. Behind another of its payment: when that one is due. */
  nextAttemptAt: string | null;
  /** When it was delivered, or given up. */
  finishedAt: string | null;
  /** What is sent: these bytes, at every attempt. */
  body: string;
  /** Oldest first; the last 100. */
  attempts: ({ number: number; at: string; latencyMs: number; statusCode: number | null; error: 'timeout' | 'name_not_found' | 'connection_failed' | 'certificate_not_valid' | 'address_not_allowed' | 'answer_not_http' | null; response: string | null })[];
}

/** A replay that has begun. */
export interface WebhookReplay {
  id: string;
  endpointId: string;
  from: string;
  to: string;
}

export interface StatisticsBucket {
  start: string;
  /** Payments that began in this time, by how they stand now. */
  count: number;
  /** Authorized, charged or refunded. */
  succeeded: number;
  /** Refused by bank, wallet or customer. */
  declined: number;
  /** Not decided because of an error. */
  failed: number;
  /** Released before anything was captured, or expired. */
  cancelled: number;
  /** Not decided yet. */
  pending: number;
  /** Minor units. The authorized amounts of those that succeeded, captured or not. */
  authorizedVolume: bigint;
  /** Payments of which something was captured: charged or refunded, or authorized with more captures to follow. */
  captured: number;
  /** Minor units. What was captured of them, before refunds; what is still held or was released does not count. */
  capturedVolume: bigint;
  /** Minor units. `capturedVolume / captured`, rounded down. */
  averageAmount: number;
  /** Refunds that began in this time and are done, of whatever payments. */
  refunds: number;
  /** Minor units. The amounts of those refunds. */
  refundedVolume: bigint;
  /** Minor units. `capturedVolume - refundedVolume`; below 0 where more was refunded than captured. */
  netVolume: bigint;
}

export interface StatisticsTotals {
  from: string;
  to: string;
  /** Payments that began in this time, by how they stand now. */
  count: number;
  /** Authorized, charged or refunded. */
  succeeded: number;
  /** Refused by bank, wallet or customer. */
  declined: number;
  /** Not decided because of an error. */
  failed: number;
  /** Released before anything was captured, or expired. */
  cancelled: number;
  /** Not decided yet. */
  pending: number;
  /** Minor units. The authorized amounts of those that succeeded, captured or not. */
  authorizedVolume: bigint;
  /** Payments of which something was captured: charged or refunded, or authorized with more captures to follow. */
  captured: number;
  /** Minor units. What was captured of them, before refunds; what is still held or was released does not count. */
  capturedVolume: bigint;
  /** Minor units. `capturedVolume / captured`, rounded down. */
  averageAmount: number;
  /** Refunds that began in this time and are done, of whatever payments. */
  refunds: number;
  /** Minor units. The amounts of those refunds. */
  refundedVolume: bigint;
  /** Minor units. `capturedVolume - refundedVolume`; below 0 where more was refunded than captured. */
  netVolume: bigint;
}

export interface StatisticsHeld {
  count: number;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  heldVolume: bigint;
}

export interface Statistics {
  interval: 'hour' | 'day';
  /** In which days begin and end. */
  timeZone: string;
  /** Of all numbers here; null when there is no transaction in this time or before. */
  currency: string | null;
  /** That there were, the most frequent first. */
  currencies: (string)[];
  /** Without gaps, oldest first. */
  buckets: (StatisticsBucket)[];
  totals: StatisticsTotals;
  previous: StatisticsTotals;
  /** Why payments of this time were declined or failed, the most frequent first. */
  declines: ({ reason: string | null; count: number })[];
  waitingForCapture: StatisticsHeld;
  expiringSoon: StatisticsHeld;
}

/** All accounts of a currency, by kind. */
export interface LedgerSums {
  currency: string;
  /** Each kind of account; `held` is a part of its balance. */
  accounts: ({ kind: 'wallet' | 'merchant' | 'acquirer' | 'funding'; balance: bigint; held: bigint })[];
  /** Of all: 0, or the ledger is wrong. */
  sum: bigint;
}

export interface Audit {
  id: string;
  /** `interrupted`: it could not be finished; ask for another. */
  state: 'running' | 'passed' | 'broken' | 'interrupted';
  startedAt: string;
  finishedAt: string | null;
  /** All seven; empty until the audit has finished. */
  invariants: ({ invariant: number; rule: string; violations: (string)[] })[];
}

/** Of the node that answers. */
export interface SystemHealth {
  database: { latencyMs: number; connections: number; maxConnections: number; migration: string };
  feed: { lagMs: number; listening: boolean; streams: number };
  queue: { depth: number; limit: number };
  clock: { now: string; offsetSeconds: number };
  bank: { connected: boolean; pending: number; oldestSeconds: number | null };
  versions: { server: string; node: string; postgres: string };
  mode: 'sandbox' | 'production';
  uptimeSeconds: number;
}

export interface OperatorIssue {
  /** The same as long as the issue lasts. */
  id: string;
  kind: 'iin_guessing';
  severity: 'warning' | 'critical';
  /** Whose IIN is guessed, who guesses, or where from. */
  subjectKind: 'phone' | 'merchant' | 'address';
  /** The phone number, the id of the merchant, or the address. */
  subject: string;
  /** Of a merchant. */
  merchantName: string | null;
  /** Wrong pairs of a phone number and an IIN. */
  count: number;
  since: string;
  lastAt: string;
  /** Until then, or since then no more, every pair is answered as a wrong one. */
  lockedUntil: string | null;
}

export interface LoggedRequest {
  id: string;
  at: string;
  method: string;
  /** The route’s pattern. */
  route: string;
  /** As it was sent, without the query; API keys and long numbers are masked. */
  path: string;
  status: number;
  /** Milliseconds, rounded up. */
  latencyMs: number;
  requestId: string;
  idempotencyKey: string | null;
  /** Of an error. */
  reason: string | null;
  /** The API key, or the session of a user. */
  credentialId: string;
}

export interface AuditLogEntry {
  id: string;
  /** In real time, also in a sandbox. */
  at: string;
  /** Null: of no merchant. */
  merchantId: string | null;
  actor: { kind: 'api_key' | 'user' | 'customer' | 'system' | 'command_line' | 'unknown' | 'operator'; id: string | null; name: string | null; isOperator: boolean; credentialId: string | null; address: string | null };
  action: 'merchant.create' | 'merchant.update' | 'store.create' | 'terminal.create' | 'api_key.issue' | 'api_key.update' | 'api_key.revoke' | 'user.create' | 'user.update' | 'user.delete' | 'user.reset_password' | 'user.change_password' | 'session.sign_in' | 'session.sign_in_failed' | 'session.lock_out' | 'session.sign_out' | 'session.sign_out_everywhere' | 'session.end' | 'session.end_others' | 'second_factor.set_up' | 'second_factor.remove' | 'second_factor.new_recovery_codes' | 'passkey.rename' | 'identity.link' | 'identity.unlink' | 'user.reset_second_factor' | 'user.unlink_identity' | 'merchant.require_second_factor' | 'webhook_endpoint.create' | 'webhook_endpoint.update' | 'webhook_endpoint.delete' | 'webhook_endpoint.enable' | 'webhook_endpoint.disable' | 'webhook_endpoint.rotate_secret' | 'callback_secret.rotate' | 'webhook_endpoint.test' | 'webhook_endpoint.replay' | 'webhook_delivery.resend' | 'payment.create' | 'payment.capture' | 'payment.cancel' | 'payment.refund' | 'payment.confirm' | 'payment.show_confirmation' | 'card.make_default' | 'card.withdraw_consent' | 'card.delete' | 'payment_link.create' | 'payment_link.cancel' | 'payment_link.extend' | 'customer.create' | 'customer.update' | 'customer.erase' | 'customer.export' | 'wallet_holder.create' | 'wallet.create' | 'wallet.freeze' | 'wallet.unfreeze' | 'wallet.deposit' | 'wallet.withdraw' | 'acquirer.create' | 'acquirer.update' | 'acquirer.route' | 'acquirer.set_credentials' | 'issue.mute' | 'ledger.audit' | 'secret_key.add' | 'secret_key.retire' | 'sandbox.advance_clock' | 'sandbox.set_faults' | 'sandbox.reset';
  object: { kind: string; id: string | null };
  /** What was changed, as it was. */
  before: {  } | null;
  /** What was changed, as it is since. */
  after: {  } | null;
  requestId: string | null;
}

export interface Issue {
  id: string;
  kind: 'success_rate_low' | 'decline_spike' | 'transactions_outstanding' | 'bank_operations_unknown' | 'card_testing' | 'holds_expiring' | 'webhook_endpoint_failing';
  severity: 'warning' | 'critical';
  /** What a title in any language needs; which fields there are follows from the kind. */
  data: { succeeded?: number; decided?: number; usuallySucceeded?: number; usuallyDecided?: number; reason?: string; usually?: number; usualHours?: number; oldestSeconds?: number; attempts?: number; cards?: number; soonestSeconds?: number; transactionId?: string; url?: string; disabledReason?: 'gone' | 'failing' };
  /** Transactions it is about. Of an endpoint: webhooks that wait for it. */
  count: number;
  /** When the first of what it is about happened: of a rate or a spike, within the last hour. */
  since: string;
  /** A query of `GET /v1/transactions`. Of `webhook_endpoint_failing`: the id of the endpoint. */
  evidence: string;
  mutedUntil: string | null;
}

export interface MutedIssue {
  id: string;
  mutedUntil: string | null;
}

export interface HealthAnswer {
  status: 'ok';
}

export interface ReadyAnswer {
  status: 'ok';
}

export interface SignInBody {
  email: string;
  password: string;
  /** Which account, when there are several. `operator`: an operator’s. */
  merchantId?: string | undefined;
  /** Of a user with a second factor: 6 digits of the authenticator app, or a recovery code. Each works once. */
  code?: string | undefined;
}

export interface ChangePasswordBody {
  current: string;
  /** 12 to 128 characters, hard to guess. */
  new: string;
}

export interface BeginTotpBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface ConfirmTotpBody {
  /** 6 digits, as the app shows them. */
  code: string;
}

export interface RemoveTotpBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface ReplaceRecoveryCodesBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface BeginPasskeyBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface AddPasskeyBody {
  /** 1 to 255 characters. */
  name: string;
  /** What `navigator.credentials.create` has answered, in JSON. */
  response: { id: string; rawId: string; type: 'public-key'; authenticatorAttachment?: 'cross-platform' | 'platform'; clientExtensionResults: {  }; response: { clientDataJSON: string; attestationObject: string; transports?: (string)[] } };
}

export interface RenamePasskeyBody {
  /** 1 to 255 characters. */
  name: string;
}

export interface RemovePasskeyBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface BeginPasskeySignInBody {
}

export interface SignInWithPasskeyBody {
  /** What `navigator.credentials.get` has answered, in JSON. */
  response: { id: string; rawId: string; type: 'public-key'; authenticatorAttachment?: 'cross-platform' | 'platform'; clientExtensionResults: {  }; response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string } };
}

export interface BeginOidcSignInBody {
  /** The page that comes afterwards, as a path of this server below `/dashboard`. */
  next?: string | undefined;
  /** Whether the provider must ask who it is, also if it knows. */
  again?: boolean | undefined;
}

export interface FinishOidcSignInBody {
  /** Which account, when there are several. `operator`: an operator’s. */
  merchantId?: string | undefined;
  /** Of a user with a second factor, unless the provider has asked for one. */
  code?: string | undefined;
}

export interface BeginOidcLinkBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface ConfirmOidcLinkBody {
}

export interface UnlinkOidcBody {
  /** The password: needed when the session began more than 10 minutes ago. */
  password?: string | undefined;
}

export interface CreateMerchantBody {
  /** 1 to 255 characters. */
  name: string;
  captureMode?: 'manual' | 'automatic' | undefined;
  /** Seconds from the authorization to its automatic capture; less than authorizationTtl. */
  captureDelay?: number | undefined;
  /** Seconds that an authorization holds. Default: 7 days. */
  authorizationTtl?: number | undefined;
  /** Seconds from the authorization of a payment by a payment link to its capture, where the link clears by itself (`autoClearing`). Default: 1 hour. A payment keeps what it began with. */
  linkCaptureDelay?: number | undefined;
  /** The same where the merchant captures: so long it can capture or cancel, then all that is held is captured by itself. Default: 5 days. */
  linkHold?: number | undefined;
  /** Where payers may be sent back to after 3-D Secure: origins (in production https only), and schemes of apps. */
  returnOrigins?: (string)[] | undefined;
  /** In which days begin and end, by its name in IANA’s database. Default: null, which is UTC in the API and the viewer’s own in the dashboard. */
  timeZone?: string | null | undefined;
  /** Whether captures, cancels and refunds need an Idempotency-Key, as authorizations always do: without one they are a 400 `missing_idempotency_key`. Default: false. */
  requireIdempotencyKey?: boolean | undefined;
  /** Of buttons and links at the checkout: `#rrggbb`. Where it could not be read on the page’s ground it is shown darker, or on a dark ground lighter. Default: null, ours. */
  checkoutColor?: string | null | undefined;
  /** Whose pages may show the checkout in a frame, or in a popup by `/pay/api.js`: origins, in production https only. Default: none. */
  checkoutOrigins?: (string)[] | undefined;
}

export interface ListMerchantsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateMerchantBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  captureMode?: 'manual' | 'automatic' | undefined;
  /** Seconds from the authorization to its automatic capture; less than authorizationTtl. */
  captureDelay?: number | undefined;
  /** Seconds that an authorization holds. Default: 7 days. */
  authorizationTtl?: number | undefined;
  /** Seconds from the authorization of a payment by a payment link to its capture, where the link clears by itself (`autoClearing`). Default: 1 hour. A payment keeps what it began with. */
  linkCaptureDelay?: number | undefined;
  /** The same where the merchant captures: so long it can capture or cancel, then all that is held is captured by itself. Default: 5 days. */
  linkHold?: number | undefined;
  /** Where payers may be sent back to after 3-D Secure: origins (in production https only), and schemes of apps. */
  returnOrigins?: (string)[] | undefined;
  /** In which days begin and end, by its name in IANA’s database. Default: null, which is UTC in the API and the viewer’s own in the dashboard. */
  timeZone?: string | null | undefined;
  /** Whether captures, cancels and refunds need an Idempotency-Key, as authorizations always do: without one they are a 400 `missing_idempotency_key`. Default: false. */
  requireIdempotencyKey?: boolean | undefined;
  /** Of buttons and links at the checkout: `#rrggbb`. Where it could not be read on the page’s ground it is shown darker, or on a dark ground lighter. Default: null, ours. */
  checkoutColor?: string | null | undefined;
  /** Whose pages may show the checkout in a frame, or in a popup by `/pay/api.js`: origins, in production https only. Default: none. */
  checkoutOrigins?: (string)[] | undefined;
}

export interface GetMerchantStatementQuery {
  /** ISO 4217 code. */
  currency: string;
  /** From this time on. */
  from?: Date | string | undefined;
  /** Before this time. */
  to?: Date | string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface SetCheckoutLogoBody {
  /** A PNG of at most 40 KB and 1,024 pixels each way, in base64. */
  png: string;
}

export interface IssueApiKeyBody {
  /** 1 to 255 characters. */
  name: string;
  /** `read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`. */
  scopes?: ('read' | 'write' | 'webhooks' | 'payments:read' | 'payments:write' | 'captures:write' | 'cancels:write' | 'refunds:write' | 'links:read' | 'links:write' | 'customers:read' | 'customers:write' | 'reports:read' | 'webhooks:read' | 'deliveries:write')[] | undefined;
  /** A time to come: RFC 3339, in any time zone; null: never. Default: a merchant’s key never, an operator’s after 365 days. */
  expiresAt?: string | null | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface ListApiKeysQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateApiKeyBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface IssueOperatorKeyBody {
  /** 1 to 255 characters. */
  name: string;
  /** `read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`. */
  scopes?: ('read' | 'write' | 'webhooks' | 'payments:read' | 'payments:write' | 'captures:write' | 'cancels:write' | 'refunds:write' | 'links:read' | 'links:write' | 'customers:read' | 'customers:write' | 'reports:read' | 'webhooks:read' | 'deliveries:write')[] | undefined;
  /** A time to come: RFC 3339, in any time zone; null: never. Default: a merchant’s key never, an operator’s after 365 days. */
  expiresAt?: string | null | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface ListOperatorKeysQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateOperatorKeyBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface CreateStoreBody {
  /** 1 to 255 characters. */
  name: string;
}

export interface ListStoresQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateTerminalBody {
  /** 1 to 255 characters. */
  name: string;
  /** One of the merchant’s stores. */
  storeId: string;
}

export interface ListTerminalsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateAcquirerBody {
  /** 1 to 255 characters, of one acquirer alone. */
  name: string;
  /** Default: `http`. */
  connector?: string | undefined;
  /** Where its connector reaches it; in production https only. */
  url: string;
  /** What its connector shows to the bank. Kept encrypted, never shown again. */
  secret: string;
  /** What it can do: of what its connector can. What it cannot is refused before the bank is asked. */
  capabilities?: ('partial_capture' | 'several_captures' | 'partial_reversal' | 'tokens' | 'merchant_initiated' | 'notifications')[] | undefined;
  /** False: new payments go elsewhere; those that it has are captured, refunded and so on there. */
  takesPayments?: boolean | undefined;
}

export interface UpdateAcquirerBody {
  /** 1 to 255 characters, of one acquirer alone. */
  name?: string | undefined;
  /** Where its connector reaches it; in production https only. */
  url?: string | undefined;
  /** What its connector shows to the bank. Kept encrypted, never shown again. */
  secret?: string | undefined;
  /** What it can do: of what its connector can. What it cannot is refused before the bank is asked. */
  capabilities?: ('partial_capture' | 'several_captures' | 'partial_reversal' | 'tokens' | 'merchant_initiated' | 'notifications')[] | undefined;
  /** False: new payments go elsewhere; those that it has are captured, refunded and so on there. */
  takesPayments?: boolean | undefined;
}

export interface SetAcquirerRoutesBody {
  /** All routes, the one that is looked at first first. */
  routes: ({ merchantId?: string | null; paymentMethod?: 'card' | null; currency?: string | null; cardBrand?: string | null; acquirerId: string })[];
}

export interface SetAcquirerCredentialsBody {
  /** By the names that the acquirer’s connector has: `merchantId` and `secret` of `http`. In place of all that is kept; `{}` takes everything away. Payments that were authorized before go on under the account that they were authorized under. */
  credentials: {  };
  /** True: a new secret of the account at the bank that the ones before were of; payments that were authorized under those go on under these. False: another account. Without it the connector says: with `http` it is the same account if `merchantId` is the same. */
  sameAccount?: boolean | undefined;
}

export interface CreateWalletHolderBody {
  phoneNumber: string;
  /** 12 digits. Never shown again. */
  iin: string;
}

export interface ListWalletHoldersQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  phoneNumber?: string | undefined;
  iinLast4?: string | undefined;
}

export interface CreateWalletBody {
  /** ISO 4217 code. */
  currency: string;
  requiresConfirmation?: boolean | undefined;
}

export interface GetWalletStatementQuery {
  /** From this time on. */
  from?: Date | string | undefined;
  /** Before this time. */
  to?: Date | string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface DepositWalletBody {
  amount: number;
  /** Up to 255 characters, for the statement. */
  reference?: string | undefined;
}

export interface WithdrawWalletBody {
  amount: number;
  /** Up to 255 characters, for the statement. */
  reference?: string | undefined;
}

export interface ListAllAuditLogQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  /** The id of an API key or a user. */
  actor?: string | undefined;
  action?: 'merchant.create' | 'merchant.update' | 'store.create' | 'terminal.create' | 'api_key.issue' | 'api_key.update' | 'api_key.revoke' | 'user.create' | 'user.update' | 'user.delete' | 'user.reset_password' | 'user.change_password' | 'session.sign_in' | 'session.sign_in_failed' | 'session.lock_out' | 'session.sign_out' | 'session.sign_out_everywhere' | 'session.end' | 'session.end_others' | 'second_factor.set_up' | 'second_factor.remove' | 'second_factor.new_recovery_codes' | 'passkey.rename' | 'identity.link' | 'identity.unlink' | 'user.reset_second_factor' | 'user.unlink_identity' | 'merchant.require_second_factor' | 'webhook_endpoint.create' | 'webhook_endpoint.update' | 'webhook_endpoint.delete' | 'webhook_endpoint.enable' | 'webhook_endpoint.disable' | 'webhook_endpoint.rotate_secret' | 'callback_secret.rotate' | 'webhook_endpoint.test' | 'webhook_endpoint.replay' | 'webhook_delivery.resend' | 'payment.create' | 'payment.capture' | 'payment.cancel' | 'payment.refund' | 'payment.confirm' | 'payment.show_confirmation' | 'card.make_default' | 'card.withdraw_consent' | 'card.delete' | 'payment_link.create' | 'payment_link.cancel' | 'payment_link.extend' | 'customer.create' | 'customer.update' | 'customer.erase' | 'customer.export' | 'wallet_holder.create' | 'wallet.create' | 'wallet.freeze' | 'wallet.unfreeze' | 'wallet.deposit' | 'wallet.withdraw' | 'acquirer.create' | 'acquirer.update' | 'acquirer.route' | 'acquirer.set_credentials' | 'issue.mute' | 'ledger.audit' | 'secret_key.add' | 'secret_key.retire' | 'sandbox.advance_clock' | 'sandbox.set_faults' | 'sandbox.reset' | undefined;
  /** The id of what it was done to. */
  object?: string | undefined;
  /** From this time on. */
  from?: Date | string | undefined;
  /** Before this time. */
  to?: Date | string | undefined;
  /** One merchant’s. */
  merchantId?: string | undefined;
}

export interface GetConfirmationAnswer {
  /** The customer’s page. Whoever has it may approve the payment, once. */
  url: string;
  expiresAt: string;
}

export interface ListMerchantUsersQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateMerchantUserBody {
  email: string;
  /** 1 to 255 characters. */
  name: string;
  /** Each may what the ones before may: `viewer` looks, `manager` makes payments, captures, cancels and refunds, `admin` has keys, webhooks and users. */
  role: 'viewer' | 'manager' | 'admin';
}

export interface UpdateMerchantUserBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  /** Each may what the ones before may: `viewer` looks, `manager` makes payments, captures, cancels and refunds, `admin` has keys, webhooks and users. */
  role?: 'viewer' | 'manager' | 'admin' | undefined;
  disabled?: boolean | undefined;
}

export interface ListOperatorsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateOperatorBody {
  email: string;
  /** 1 to 255 characters. */
  name: string;
}

export interface UpdateOperatorBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  disabled?: boolean | undefined;
}

export interface AuthorizeWalletBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** The customer's phone number, E.164. */
  phoneNumber: string;
  /** The customer's IIN, 12 digits. */
  iin: string;
  /** 1 to 255 characters; recommended unique. */
  orderReference: string;
  /** ISO 4217 code. */
  currency: string;
  /** Where the customer goes back to after confirming on their page, with `transactionId` added. As for cards: one of the origins that are set up for the merchant; a sandbox takes any. */
  returnUrl?: string | undefined;
  /** One of your customers, who is not erased; not asked for by anybody. */
  customerId?: string | undefined;
}

export interface CaptureWalletBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** Whether the hold ends with this capture, and what it leaves is released: true by default. `false`: the rest stays held, and more captures may follow; the payment stays `authorized` until the last one, a cancel of the rest, or its expiry. */
  final?: boolean | undefined;
}

export interface CancelWalletBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
}

export interface RefundWalletBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
}

export interface ListWalletTransactionsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  /** Only payments with this order reference. */
  orderReference?: string | undefined;
  /** One of NEW, PROCESSING, SUCCESS, FAILED, created, 3d, authorized, rejected, transaction.failed, charged, cancelled, refunded, failed. */
  status?: TransactionStatus | WalletTransactionStatus | 'failed' | undefined;
}

export interface CreatePaymentBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** ISO 4217 code. */
  currency: string;
  /** 1 to 255 characters. */
  orderReference: string;
  /** 1 to 1,000 characters, shown to the payer. */
  description?: string | undefined;
  /** The card. It is held in memory only; what is kept is a token. */
  card?: { number: string; expiryMonth: number; expiryYear: number; cvc?: string; holder?: string } | undefined;
  /** A card that was used before, in place of `card`. */
  cardTokenId?: string | undefined;
  /** Default: as the merchant is set up. */
  captureMode?: 'manual' | 'automatic' | undefined;
  /** One of your customers, who is not erased. */
  customerId?: string | undefined;
  /** One of the merchant’s stores. */
  storeId?: string | undefined;
  /** One of the merchant’s terminals. */
  terminalId?: string | undefined;
  /** Where the payer comes back to after 3-D Secure: a page, or an app by its own scheme, such as `myapp://pay/return`. Without it 3-D Secure is impossible. */
  returnUrl?: string | undefined;
  recurringType?: 'subscription' | 'installment' | 'unscheduled' | undefined;
  /** Makes this the first of several payments: once it has succeeded, the merchant may charge the card without its customer. Needs `customerId`. */
  recurring?: { type: 'cof_initial'; frequency?: number; expiry?: string } | undefined;
  /** `merchant`: nobody is there. It charges the `cardTokenId` of the `customerId`, who has agreed to that by a first payment; without card, `returnUrl`, `payerIp` and `browser`. Default: `customer`. */
  initiator?: 'customer' | 'merchant' | undefined;
  /** IPv4 or IPv6 address of the payer. */
  payerIp?: string | undefined;
  /** The payer’s browser, for 3-D Secure. It is passed to the bank and not kept. */
  browser?: { userAgent: string; language: string; screenWidth?: number; screenHeight?: number; colorDepth?: number; timezoneOffset?: number; javaScriptEnabled: boolean } | undefined;
}

export interface CreateMerchantInitiatedPaymentBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** ISO 4217 code. */
  currency: string;
  /** 1 to 255 characters. */
  orderReference: string;
  /** 1 to 1,000 characters, shown to the payer. */
  description?: string | undefined;
  /** Default: as the merchant is set up. */
  captureMode?: 'manual' | 'automatic' | undefined;
  /** One of the merchant’s stores. */
  storeId?: string | undefined;
  /** One of the merchant’s terminals. */
  terminalId?: string | undefined;
  recurringType?: 'subscription' | 'installment' | 'unscheduled' | undefined;
  /** UUID of one of the merchant’s customers. */
  customerId: string;
  /** One of the customer’s cards on file. Default: their default card. */
  cardTokenId?: string | undefined;
}

export interface UpdateCustomerCardBody {
  /** Makes it the one that is charged where none is named. */
  isDefault: true;
}

export interface CreatePaymentLinkBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** ISO 4217 code. */
  currency: string;
  /** 1 to 255 characters. Several links may have the same one. */
  orderReference: string;
  /** 1 to 1,000 characters, shown to the payer. */
  description?: string | null | undefined;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. Of it, `successUrl`, `failureUrl` and `cancelUrl` say where the payer goes afterwards, unchanged. */
  metadata?: {  } | undefined;
  /** One of your customers, who is not erased: by its id. */
  customerId?: string | null | undefined;
  /** Whether a payment is captured by itself soon after its authorization: after an hour, unless the operator has set another time for you. `false`: you capture or cancel it; after 5 days it is captured by itself. Default: true. */
  autoClearing?: boolean | undefined;
  /** Makes this the first of several payments: once it has succeeded, the merchant may charge the card without its customer. Needs `customerId`. */
  recurring?: { type: 'cof_initial'; frequency?: number; expiry?: string } | undefined;
  /** Kept and shown; default: false. */
  validation?: boolean | undefined;
  /** What the payer may choose from. Default: everything that can be paid with here. */
  paymentMethods?: ('card' | 'wallet')[] | undefined;
  /** The checkout’s language. Default: that of the payer’s browser. */
  locale?: 'kk' | 'ru' | 'en' | null | undefined;
  /** RFC 3339, in the future, at most one year (365 days) ahead. Default: in 24 hours. */
  expiresAt?: string | undefined;
  /** Whether any number of payments may be made by it. Default: false. */
  reusable?: boolean | undefined;
}

export interface ListPaymentLinksQuery {
  status?: 'active' | 'paid' | 'expired' | 'cancelled' | undefined;
  /** Exactly this one. */
  orderReference?: string | undefined;
  /** Created then or later: RFC 3339. */
  createdFrom?: Date | string | undefined;
  /** Created then or earlier: RFC 3339. */
  createdTo?: Date | string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreatePaymentSessionBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
  /** ISO 4217 code. */
  currency: string;
  /** 1 to 255 characters. Several links may have the same one. */
  orderReference: string;
  /** 1 to 1,000 characters, shown to the payer. */
  description?: string | null | undefined;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. Of it, `successUrl`, `failureUrl` and `cancelUrl` say where the payer goes afterwards, unchanged. */
  metadata?: {  } | undefined;
  /** One of your customers, who is not erased: by its id. */
  customerId?: string | null | undefined;
  /** Whether a payment is captured by itself soon after its authorization: after an hour, unless the operator has set another time for you. `false`: you capture or cancel it; after 5 days it is captured by itself. Default: true. */
  autoClearing?: boolean | undefined;
  /** Makes this the first of several payments: once it has succeeded, the merchant may charge the card without its customer. Needs `customerId`. */
  recurring?: { type: 'cof_initial'; frequency?: number; expiry?: string } | undefined;
  /** Kept and shown; default: false. */
  validation?: boolean | undefined;
  /** What the payer may choose from. Default: everything that can be paid with here. */
  paymentMethods?: ('card' | 'wallet')[] | undefined;
  /** The checkout’s language. Default: that of the payer’s browser. */
  locale?: 'kk' | 'ru' | 'en' | null | undefined;
}

export interface UpdatePaymentLinkBody {
  /** RFC 3339, in the future, at most one year (365 days) ahead. */
  expiresAt: string;
}

export interface GetPaymentLinkStatisticsQuery {
  /** Created then or later: RFC 3339. */
  createdFrom?: Date | string | undefined;
  /** Created then or earlier: RFC 3339. */
  createdTo?: Date | string | undefined;
}

export interface GetPaymentLinkHistoryQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateCustomerBody {
  /** Your own id of them, 1 to 255 characters. No two customers have the same one. */
  reference?: string | null | undefined;
  /** 1 to 255 characters. */
  name?: string | null | undefined;
  email?: string | null | undefined;
  /** Kept as E.164. */
  phone?: string | null | undefined;
  /** Their language, as of BCP 47. */
  locale?: string | null | undefined;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. */
  metadata?: {  } | undefined;
}

export interface ListCustomersQuery {
  /** What a reference, a name, an e-mail address or a phone number begins with. Case does not count in names and addresses. */
  query?: string | undefined;
  /** Exactly this one. */
  reference?: string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateCustomerBody {
  /** Your own id of them, 1 to 255 characters. No two customers have the same one. */
  reference?: string | null | undefined;
  /** 1 to 255 characters. */
  name?: string | null | undefined;
  email?: string | null | undefined;
  /** Kept as E.164. */
  phone?: string | null | undefined;
  /** Their language, as of BCP 47. */
  locale?: string | null | undefined;
  /** Anything, kept as it is: up to 50 keys and 16 KB of JSON. */
  metadata?: {  } | undefined;
}

/** Without `amount`: all that remains. */
export interface CaptureTransactionBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount?: number | undefined;
  /** Whether the hold ends with this capture, and what it leaves is released: true by default. `false`: the rest stays held, and more captures may follow; the payment stays `authorized` until the last one, a cancel of the rest, or its expiry. */
  final?: boolean | undefined;
}

/** Without `amount`: all that remains. */
export interface CancelTransactionBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount?: number | undefined;
}

/** Without `amount`: all that remains. */
export interface RefundTransactionBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount?: number | undefined;
}

export interface ListTransactionsQuery {
  /** One or several, separated by commas, of created, 3d, authorized, rejected, transaction.failed, charged, cancelled, refunded, failed, NEW, PROCESSING, SUCCESS, FAILED. */
  status?: TransactionStatus | WalletTransactionStatus | 'failed' | readonly (TransactionStatus | WalletTransactionStatus | 'failed')[] | undefined;
  type?: 'payment' | 'refund' | undefined;
  paymentMethod?: 'wallet' | 'card' | undefined;
  /** Exactly this one; it need not be unique. */
  orderReference?: string | undefined;
  /** The least amount, in minor units. */
  amountFrom?: number | string | undefined;
  /** The largest amount, in minor units. */
  amountTo?: number | string | undefined;
  /** ISO 4217 code. */
  currency?: string | undefined;
  /** Created then or later: RFC 3339, in any time zone. */
  createdFrom?: Date | string | undefined;
  /** Created then or earlier: RFC 3339, in any time zone. */
  createdTo?: Date | string | undefined;
  /** UUID. */
  storeId?: string | undefined;
  /** UUID. */
  terminalId?: string | undefined;
  /** The payments and refunds of this customer of yours. */
  customerId?: string | undefined;
  /** Why payments were rejected, or failed. */
  failureCode?: FailureCode | (string & {}) | undefined;
  /** Authorizations that expire then or earlier, and that are not captured automatically: RFC 3339, in any time zone. */
  expiresTo?: Date | string | undefined;
  /** Only what waits for its bank’s answer. */
  pendingOperation?: 'true' | undefined;
  /** The refunds of this payment; either spelling of its id. */
  parentTransactionId?: string | undefined;
  /** Free text: what an order reference begins with (case counts), what a description begins with (case does not count; of its first 100 characters), all four last digits of a card, or a transaction’s id in either spelling. */
  query?: string | undefined;
  /** The most items to return; 20 by default. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  /** In place of `cursor` and `limit`: the number of a page, from 1; rows 1 to 10,000 only. */
  page?: number | undefined;
  /** Rows of a numbered page; 20 by default. */
  size?: number | undefined;
}

export interface ListTransactionsByOrderReferenceQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface ListTransactionsByPaymentLinkQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface ListTransactionsByCustomerQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface GetTransactionHistoryQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface GetBalanceStatementQuery {
  /** From this time on. */
  from?: Date | string | undefined;
  /** Before this time. */
  to?: Date | string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface ListOwnStoresQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface ListOwnTerminalsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface StreamTransactionsQuery {
  /** Where to go on; the header has precedence. */
  lastEventId?: string | undefined;
  /** Whether events of payment links and sessions are in it, too, with the link as `data`: that needs `links:read`, too. Default: false. */
  paymentLinks?: 'true' | 'false' | undefined;
}

export interface ListEventsQuery {
  /** Its name, such as `transaction.charged`. */
  event?: 'transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'transaction.capture_requested' | 'transaction.cancel_requested' | 'transaction.partially_cancelled' | 'transaction.partially_refunded' | 'transaction.capture_declined' | 'transaction.cancel_declined' | 'transaction.reversal_declined' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled' | undefined;
  /** Whether events of payment links and sessions are listed, too, with the link as `data`: that needs `links:read`, too. Default: only where one is asked for by its name. */
  paymentLinks?: 'true' | 'false' | undefined;
  /** Either spelling of the id. */
  transactionId?: string | undefined;
  /** The first moment: RFC 3339, in any time zone. */
  createdFrom?: Date | string | undefined;
  /** The last moment: RFC 3339, in any time zone. */
  createdTo?: Date | string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateWebhookEndpointBody {
  /** https, and resolving to public addresses only, at every attempt. In a sandbox http and this machine as well. */
  url: string;
  /** Which events to send; none: all of transactions. Those of payment links and sessions, whose `data` is the link, are sent only where they are named. */
  events?: ('transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled')[] | undefined;
  description?: string | null | undefined;
  /** Sent as `Authorization: Bearer …` with every webhook. Never shown again. */
  bearerToken?: string | null | undefined;
}

export interface ListWebhookEndpointsQuery {
  /** Default: `registered`, those that you have created. */
  kind?: 'registered' | 'callback' | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateWebhookEndpointBody {
  /** https, and resolving to public addresses only, at every attempt. In a sandbox http and this machine as well. */
  url?: string | undefined;
  /** Which events to send; none: all of transactions. Those of payment links and sessions, whose `data` is the link, are sent only where they are named. */
  events?: ('transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled')[] | undefined;
  description?: string | null | undefined;
  /** Sent as `Authorization: Bearer …` with every webhook. Never shown again. */
  bearerToken?: string | null | undefined;
}

export interface ListWebhookDeliveriesQuery {
  status?: 'pending' | 'delivered' | 'failed' | undefined;
  event?: 'transaction.created' | 'transaction.3d' | 'transaction.authorized' | 'transaction.rejected' | 'transaction.failed' | 'transaction.charged' | 'transaction.cancelled' | 'transaction.refunded' | 'transaction.partially_captured' | 'payment_link.created' | 'payment_link.paid' | 'payment_link.expired' | 'payment_link.cancelled' | 'payment_session.created' | 'payment_session.paid' | 'payment_session.expired' | 'payment_session.cancelled' | 'webhook.test' | undefined;
  /** Either spelling of the id. */
  transactionId?: string | undefined;
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface ReplayWebhooksBody {
  /** The first moment: RFC 3339, in any time zone. */
  from: string;
  /** The last moment. Default: now. */
  to?: string | undefined;
}

export interface GetStatisticsQuery {
  /** Begins the first bucket: RFC 3339, in any time zone. Default: as `intervals` says. */
  from?: Date | string | undefined;
  /** RFC 3339, in any time zone. Default: now. */
  to?: Date | string | undefined;
  /** Default: hour. */
  interval?: 'hour' | 'day' | undefined;
  /** In place of `from`: how many whole hours or days, the last of which may have just begun. Default: 24. */
  intervals?: number | undefined;
  /** In which days begin and end, by its name in IANA’s database. Default: the merchant’s, else UTC. */
  timeZone?: string | undefined;
  /** Default: the most frequent one. */
  currency?: string | undefined;
}

export interface ListRequestsQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  status?: '2xx' | '3xx' | '4xx' | '5xx' | undefined;
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  /** Part of the path, reason, request id or Idempotency-Key. */
  text?: string | undefined;
}

export interface MuteIssueBody {
  /** Seconds from now, 30 days at most; 0: not muted any more. */
  untilSeconds: number;
}

export interface ListAuditLogQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
  /** The id of an API key or a user. */
  actor?: string | undefined;
  action?: 'merchant.create' | 'merchant.update' | 'store.create' | 'terminal.create' | 'api_key.issue' | 'api_key.update' | 'api_key.revoke' | 'user.create' | 'user.update' | 'user.delete' | 'user.reset_password' | 'user.change_password' | 'session.sign_in' | 'session.sign_in_failed' | 'session.lock_out' | 'session.sign_out' | 'session.sign_out_everywhere' | 'session.end' | 'session.end_others' | 'second_factor.set_up' | 'second_factor.remove' | 'second_factor.new_recovery_codes' | 'passkey.rename' | 'identity.link' | 'identity.unlink' | 'user.reset_second_factor' | 'user.unlink_identity' | 'merchant.require_second_factor' | 'webhook_endpoint.create' | 'webhook_endpoint.update' | 'webhook_endpoint.delete' | 'webhook_endpoint.enable' | 'webhook_endpoint.disable' | 'webhook_endpoint.rotate_secret' | 'callback_secret.rotate' | 'webhook_endpoint.test' | 'webhook_endpoint.replay' | 'webhook_delivery.resend' | 'payment.create' | 'payment.capture' | 'payment.cancel' | 'payment.refund' | 'payment.confirm' | 'payment.show_confirmation' | 'card.make_default' | 'card.withdraw_consent' | 'card.delete' | 'payment_link.create' | 'payment_link.cancel' | 'payment_link.extend' | 'customer.create' | 'customer.update' | 'customer.erase' | 'customer.export' | 'wallet_holder.create' | 'wallet.create' | 'wallet.freeze' | 'wallet.unfreeze' | 'wallet.deposit' | 'wallet.withdraw' | 'acquirer.create' | 'acquirer.update' | 'acquirer.route' | 'acquirer.set_credentials' | 'issue.mute' | 'ledger.audit' | 'secret_key.add' | 'secret_key.retire' | 'sandbox.advance_clock' | 'sandbox.set_faults' | 'sandbox.reset' | undefined;
  /** The id of what it was done to. */
  object?: string | undefined;
  /** From this time on. */
  from?: Date | string | undefined;
  /** Before this time. */
  to?: Date | string | undefined;
}

export interface IssueOwnApiKeyBody {
  /** 1 to 255 characters. */
  name: string;
  /** `read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`. */
  scopes?: ('read' | 'write' | 'webhooks' | 'payments:read' | 'payments:write' | 'captures:write' | 'cancels:write' | 'refunds:write' | 'links:read' | 'links:write' | 'customers:read' | 'customers:write' | 'reports:read' | 'webhooks:read' | 'deliveries:write')[] | undefined;
  /** A time to come: RFC 3339, in any time zone; null: never. Default: a merchant’s key never, an operator’s after 365 days. */
  expiresAt?: string | null | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface ListOwnApiKeysQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface UpdateOwnApiKeyBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  /** From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere. */
  allowedNetworks?: (string)[] | null | undefined;
}

export interface ListUsersQuery {
  /** The most items to return. */
  limit?: number | undefined;
  /** The nextCursor of the page before. */
  cursor?: string | undefined;
}

export interface CreateUserBody {
  email: string;
  /** 1 to 255 characters. */
  name: string;
  /** Each may what the ones before may: `viewer` looks, `manager` makes payments, captures, cancels and refunds, `admin` has keys, webhooks and users. */
  role: 'viewer' | 'manager' | 'admin';
}

export interface UpdateUserBody {
  /** 1 to 255 characters. */
  name?: string | undefined;
  /** Each may what the ones before may: `viewer` looks, `manager` makes payments, captures, cancels and refunds, `admin` has keys, webhooks and users. */
  role?: 'viewer' | 'manager' | 'admin' | undefined;
  disabled?: boolean | undefined;
}

export interface UpdateSignInSettingsBody {
  requireSecondFactor: boolean;
}

export interface GetSandboxClockAnswer {
  /** What the engine takes for now. */
  now: string;
  /** How far that is ahead of real time. */
  offsetSeconds: number;
}

export interface AdvanceSandboxClockBody {
  /** How far to move the clock forward; at most ten years at a time. */
  advanceSeconds: number;
}

export interface AdvanceSandboxClockAnswer {
  /** What the engine takes for now. */
  now: string;
  /** How far that is ahead of real time. */
  offsetSeconds: number;
  /** Whether everything that fell due has happened. False: after 20 s the bank, or a webhook’s receiver, had still not answered everything. */
  settled: boolean;
}

export interface GetSandboxFaultsAnswer {
  /** For this merchant: `down` answers nothing, `slow` answers after 3 s, `timeouts` does what it is asked and does not answer. */
  bank: 'none' | 'down' | 'slow' | 'timeouts';
  /** For all merchants: how long the database takes for each batch, in milliseconds. */
  databaseDelayMs: number;
}

export interface SetSandboxFaultsBody {
  /** For this merchant: `down` answers nothing, `slow` answers after 3 s, `timeouts` does what it is asked and does not answer. */
  bank?: 'none' | 'down' | 'slow' | 'timeouts' | undefined;
  /** For all merchants: how long the database takes for each batch, in milliseconds. */
  databaseDelayMs?: number | undefined;
}

export interface SetSandboxFaultsAnswer {
  /** For this merchant: `down` answers nothing, `slow` answers after 3 s, `timeouts` does what it is asked and does not answer. */
  bank: 'none' | 'down' | 'slow' | 'timeouts';
  /** For all merchants: how long the database takes for each batch, in milliseconds. */
  databaseDelayMs: number;
}

export interface ResetSandboxAnswer {
  reset: true;
}

export interface GetSandboxFixturesAnswer {
  merchants: ({ id: string; name: string; apiKey: string })[];
  stores: ({ id: string; name: string })[];
  terminals: ({ id: string; name: string })[];
  customers: ({ phoneNumber: string; iin: string; behaves: string; wallets: ({ currency: string; funds: number })[] })[];
  cards: ({ number: string; behaves: string })[];
}

export interface SandboxPayLinkBody {
  /** Default: the first that the link takes. */
  method?: 'card' | 'wallet' | undefined;
}

export interface GetSandboxConfirmationAnswer {
  /** The customer’s page. Whoever has it may approve the payment, once. */
  url: string;
  expiresAt: string;
}

export interface Answers {
  AccountSecurity: AccountSecurity;
  Acquirer: Acquirer;
  AcquirerCredentials: AcquirerCredentials;
  AcquirerRoutes: AcquirerRoutes;
  AddedPasskey: AddedPasskey;
  AdvanceSandboxClockAnswer: AdvanceSandboxClockAnswer;
  ApiKey: ApiKey;
  Audit: Audit;
  CallbackSecret: CallbackSecret;
  CardOnFile: CardOnFile;
  Customer: Customer;
  CustomerExport: CustomerExport;
  DeletedCard: DeletedCard;
  DeletedWebhookEndpoint: DeletedWebhookEndpoint;
  GetConfirmationAnswer: GetConfirmationAnswer;
  GetSandboxClockAnswer: GetSandboxClockAnswer;
  GetSandboxConfirmationAnswer: GetSandboxConfirmationAnswer;
  GetSandboxFaultsAnswer: GetSandboxFaultsAnswer;
  GetSandboxFixturesAnswer: GetSandboxFixturesAnswer;
  HealthAnswer: HealthAnswer;
  IdentityProviderUrl: IdentityProviderUrl;
  IssuedApiKey: IssuedApiKey;
  Merchant: Merchant;
  MerchantStatement: MerchantStatement;
  MutedIssue: MutedIssue;
  Passkey: Passkey;
  PasskeyOptions: PasskeyOptions;
  PaymentLink: PaymentLink;
  PaymentSession: PaymentSession;
  ReadyAnswer: ReadyAnswer;
  RecoveryCodes: RecoveryCodes;
  ResetSandboxAnswer: ResetSandboxAnswer;
  Session: Session;
  SetSandboxFaultsAnswer: SetSandboxFaultsAnswer;
  ShownCallbackSecret: ShownCallbackSecret;
  SignInSettings: SignInSettings;
  SignedOut: SignedOut;
  Statistics: Statistics;
  Store: Store;
  SystemHealth: SystemHealth;
  Terminal: Terminal;
  TotpSecret: TotpSecret;
  Transaction: Transaction;
  Transfer: Transfer;
  User: User;
  UserWithPassword: UserWithPassword;
  Wallet: Wallet;
  WalletHolder: WalletHolder;
  WalletStatement: WalletStatement;
  WalletTransaction: WalletTransaction;
  WebhookDelivery: WebhookDelivery;
  WebhookDeliveryWithAttempts: WebhookDeliveryWithAttempts;
  WebhookEndpoint: WebhookEndpoint;
  WebhookEndpointWithSecret: WebhookEndpointWithSecret;
  WebhookReplay: WebhookReplay;
}

export type AnswerName = keyof Answers;

/** Fields by which an answer is recognized as that of its operation. */
export const SHAPES: Readonly<Record<AnswerName, readonly string[]>> = {
  AccountSecurity: ['isSecondFactorRequired', 'totp', 'passkeys'],
  Acquirer: ['id', 'name', 'connector'],
  AcquirerCredentials: ['acquirerId', 'names', 'updatedAt'],
  AcquirerRoutes: ['routes'],
  AddedPasskey: ['passkey', 'recoveryCodes'],
  AdvanceSandboxClockAnswer: ['now', 'offsetSeconds', 'settled'],
  ApiKey: ['id', 'merchantId', 'name'],
  Audit: ['id', 'state', 'startedAt'],
  CallbackSecret: ['createdAt', 'previousSecretValidUntil'],
  CardOnFile: ['id', 'customerId', 'brand'],
  Customer: ['id', 'reference', 'name'],
  CustomerExport: ['customer', 'cards', 'consents'],
  DeletedCard: ['id', 'deleted'],
  DeletedWebhookEndpoint: ['id', 'deleted'],
  GetConfirmationAnswer: ['url', 'expiresAt'],
  GetSandboxClockAnswer: ['now', 'offsetSeconds'],
  GetSandboxConfirmationAnswer: ['url', 'expiresAt'],
  GetSandboxFaultsAnswer: ['bank', 'databaseDelayMs'],
  GetSandboxFixturesAnswer: ['merchants', 'stores', 'terminals'],
  HealthAnswer: ['status'],
  IdentityProviderUrl: ['url'],
  IssuedApiKey: ['id', 'merchantId', 'name'],
  Merchant: ['id', 'name', 'captureMode'],
  MerchantStatement: ['items', 'nextCursor', 'openingBalance'],
  MutedIssue: ['id', 'mutedUntil'],
  Passkey: ['id', 'name', 'host'],
  PasskeyOptions: ['options'],
  PaymentLink: ['id', 'amount', 'currency'],
  PaymentSession: ['id', 'amount', 'currency'],
  ReadyAnswer: ['status'],
  RecoveryCodes: ['recoveryCodes'],
  ResetSandboxAnswer: ['reset'],
  Session: ['user', 'merchant', 'mode'],
  SetSandboxFaultsAnswer: ['bank', 'databaseDelayMs'],
  ShownCallbackSecret: ['createdAt', 'previousSecretValidUntil', 'secret'],
  SignInSettings: ['requireSecondFactor'],
  SignedOut: ['url'],
  Statistics: ['interval', 'timeZone', 'currency'],
  Store: ['id', 'merchantId', 'name'],
  SystemHealth: ['database', 'feed', 'queue'],
  Terminal: ['id', 'merchantId', 'name'],
  TotpSecret: ['secret', 'uri'],
  Transaction: ['id', 'amount', 'balance'],
  Transfer: ['id', 'walletId', 'kind'],
  User: ['id', 'email', 'name'],
  UserWithPassword: ['id', 'email', 'name'],
  Wallet: ['id', 'walletHolderId', 'customerId'],
  WalletHolder: ['id', 'phoneNumber', 'iinLast4'],
  WalletStatement: ['items', 'nextCursor', 'openingBalance'],
  WalletTransaction: ['walletTransactionId', 'walletTransactionStatus', 'orderReference'],
  WebhookDelivery: ['id', 'endpointId', 'event'],
  WebhookDeliveryWithAttempts: ['id', 'endpointId', 'event'],
  WebhookEndpoint: ['id', 'kind', 'url'],
  WebhookEndpointWithSecret: ['id', 'kind', 'url'],
  WebhookReplay: ['id', 'endpointId', 'from'],
};

/** Fields whose integers may exceed 2^53. */
export const BIGINT_FIELDS: readonly string[] = ['authorizedVolume', 'available', 'balance', 'capturedVolume', 'closingBalance', 'held', 'heldVolume', 'netVolume', 'openingBalance', 'refunded', 'refundedVolume', 'spent', 'sum'];

/** Of the SDK, which is that of the API that it was made for. */
export const VERSION = '0.1.0';
