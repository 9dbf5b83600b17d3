// Made by scripts/sdkTypes.ts from the OpenAPI document. Not to be edited.

/** Every error has this shape. `reason` is stable and machine-readable. */
export interface ErrorBody {
  code: number;
  message: string;
  source: string;
  type: 'apiError' | 'validationError';
  reason: 'service_unavailable' | 'internal_error' | 'invalid_request' | 'invalid_json' | 'missing_field' | 'unknown_field' | 'invalid_amount' | 'invalid_currency' | 'invalid_phone_number' | 'invalid_iin' | 'invalid_order_reference' | 'invalid_cursor' | 'invalid_limit' | 'invalid_status' | 'missing_idempotency_key' | 'invalid_idempotency_key' | 'missing_api_key' | 'bearer_not_supported' | 'invalid_api_key' | 'wrong_mode_api_key' | 'insufficient_scope' | 'transaction_not_found' | 'wallet_not_found' | 'merchant_not_found' | 'customer_not_found' | 'api_key_not_found' | 'not_found' | 'method_not_allowed' | 'request_in_progress' | 'already_exists' | 'body_too_large' | 'unsupported_media_type' | 'idempotency_key_reused' | 'invalid_transaction_state' | 'authorization_expired' | 'amount_exceeds_held' | 'amount_exceeds_refundable' | 'partial_cancel_before_authorization' | 'insufficient_merchant_balance' | 'wallet_frozen' | 'insufficient_wallet_balance' | 'rate_limited';
  details: ({ path: string; message: string })[];
  requestId: string;
}

export interface WalletTransaction {
  walletTransactionId: string;
  walletTransactionStatus: 'NEW' | 'PROCESSING' | 'SUCCESS' | 'FAILED';
  orderReference: string;
  /** Minor units: of this operation in a POST, else the authorized amount. */
  amount: number;
  currency: string;
  /** Why it failed; only with status FAILED. */
  failureCode?: string;
  failureMessage?: string;
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
  scopes: ('read' | 'write')[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface IssuedApiKey {
  id: string;
  /** Null: an operator’s key. */
  merchantId: string | null;
  /** 1 to 255 characters. */
  name: string;
  /** The last characters of the key, to tell keys apart. */
  hint: string;
  scopes: ('read' | 'write')[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** The key itself. Shown only in this answer. */
  apiKey: string;
}

export interface Customer {
  id: string;
  /** E.164. */
  phoneNumber: string;
  /** The last four digits of the IIN. */
  iinLast4: string;
  createdAt: string;
}

export interface Wallet {
  id: string;
  customerId: string;
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
  frozen: boolean;
  /** Each authorization waits for its customer’s approval. */
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

/** One move of money, and the wallet’s balances after it. */
export interface WalletEntry {
  /** The transaction, or the transfer, that moved the money. */
  operationId: string;
  /** Minor units of the currency. */
  amount: number;
  /** The order reference of a payment, or the reference of a transfer. */
  reference: string | null;
  at: string;
  kind: 'deposit' | 'withdrawal' | 'hold' | 'release' | 'capture' | 'refund';
  merchantId: string | null;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  available: bigint;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  held: bigint;
}

/** One move of money, and the merchant’s balance after it. */
export interface MerchantEntry {
  /** The transaction, or the transfer, that moved the money. */
  operationId: string;
  /** Minor units of the currency. */
  amount: number;
  /** The order reference of a payment, or the reference of a transfer. */
  reference: string | null;
  at: string;
  kind: 'capture' | 'refund';
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
}

export interface MerchantBalance {
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
}

export interface SystemAccount {
  /** funding: the world outside the wallets. acquirer: the bank that cards are paid by. */
  kind: 'funding' | 'acquirer';
  /** ISO 4217 code. */
  currency: string;
  /** Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit. */
  balance: bigint;
}

export interface CreateMerchantBody {
  /** 1 to 255 characters. */
  name: string;
  captureMode?: 'manual' | 'automatic';
  /** Seconds from the authorization to its automatic capture; less than authorizationTtl. */
  captureDelay?: number;
  /** Seconds that an authorization holds. Default: 7 days. */
  authorizationTtl?: number;
}

export interface ListMerchantsQuery {
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
}

export interface UpdateMerchantBody {
  /** 1 to 255 characters. */
  name?: string;
  captureMode?: 'manual' | 'automatic';
  /** Seconds from the authorization to its automatic capture; less than authorizationTtl. */
  captureDelay?: number;
  /** Seconds that an authorization holds. Default: 7 days. */
  authorizationTtl?: number;
}

export interface GetMerchantStatementQuery {
  /** ISO 4217 code. */
  currency: string;
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
}

export interface IssueApiKeyBody {
  /** 1 to 255 characters. */
  name: string;
  scopes?: ('read' | 'write')[];
  /** A time to come, ISO 8601 in UTC. Default: never. */
  expiresAt?: string;
}

export interface ListApiKeysQuery {
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
}

export interface IssueOperatorKeyBody {
  /** 1 to 255 characters. */
  name: string;
  scopes?: ('read' | 'write')[];
  /** A time to come, ISO 8601 in UTC. Default: never. */
  expiresAt?: string;
}

export interface ListOperatorKeysQuery {
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
}

export interface CreateCustomerBody {
  phoneNumber: string;
  /** 12 digits. Never shown again. */
  iin: string;
}

export interface ListCustomersQuery {
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
  phoneNumber?: string;
}

export interface CreateWalletBody {
  /** ISO 4217 code. */
  currency: string;
  requiresConfirmation?: boolean;
}

export interface GetWalletStatementQuery {
  /** The most items to return. */
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
}

export interface DepositWalletBody {
  amount: number;
  /** Up to 255 characters, for the statement. */
  reference?: string;
}

export interface WithdrawWalletBody {
  amount: number;
  /** Up to 255 characters, for the statement. */
  reference?: string;
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
}

export interface CaptureWalletBody {
  /** Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456. */
  amount: number;
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
  limit?: number;
  /** The nextCursor of the page before. */
  cursor?: string;
  orderReference?: string;
  /** One of NEW, PROCESSING, SUCCESS, FAILED, created, 3d, authorized, rejected, transaction.failed, charged, cancelled, refunded, failed. */
  status?: string;
}

/** Fields whose integers may exceed 2^53. */
export const BIGINT_FIELDS: readonly string[] = ['available', 'balance', 'held'];
