/** Every request that the dashboard makes, typed by what is generated from the OpenAPI document. */
import {
  type ApiKey,
  type CreatePaymentBody,
  type Customer,
  type IssuedApiKey,
  type Merchant,
  type MerchantBalance,
  type MerchantEntry,
  type Page,
  PlexyPayError,
  pathOf,
  type QueryValue,
  RequestSender,
  type Store,
  type SystemAccount,
  type Transaction,
  type TransactionEvent,
  type Transfer,
  type Wallet,
  type WalletEntry,
  type WalletTransaction,
} from '@plexy-pay/sdk';

export { PlexyPayError };

/** Reads are tried again by hand: a person who waits wants to see what is wrong. */
const sender = new RequestSender({
  apiKey: null,
  baseUrl: location.origin,
  maxRetries: 1,
  timeoutMs: 20_000,
});

export type Query = Readonly<Record<string, QueryValue>>;

export function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return sender.send<T>({
    method: 'GET',
    path,
    query,
    ...(signal === undefined ? {} : { options: { signal } }),
  });
}

export function send<T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  idempotencyKey?: string,
): Promise<T> {
  // A sign-in that the server is slow at must not be counted twice against the lock-out.
  const options = { maxRetries: idempotencyKey === undefined ? 0 : 2 };
  return sender.send<T>({
    method,
    path,
    body,
    options: idempotencyKey === undefined ? options : { ...options, idempotencyKey },
  });
}

/** For one opened dialog: whatever is clicked in it, it happens once. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `dashboard-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

export type Role = 'viewer' | 'manager' | 'admin' | 'operator';

export interface Session {
  readonly user: { readonly id: string; readonly email: string; readonly name: string; readonly role: Role };
  /** Null: an operator. */
  readonly merchant: { readonly id: string; readonly name: string } | null;
  readonly mode: 'sandbox' | 'production';
}

export const session = {
  get: () => get<Session>('/v1/session'),
  signIn: (email: string, password: string) => send<Session>('POST', '/v1/session', { email, password }),
  signOut: () => send<unknown>('DELETE', '/v1/session'),
  signOutEverywhere: () => send<unknown>('POST', '/v1/session/sign-out-everywhere'),
};

export type Operation = 'capture' | 'cancel' | 'refund';

export const transactions = {
  list: (query: Query, signal?: AbortSignal) => get<Page<Transaction>>('/v1/transactions', query, signal),
  get: (id: string) => get<Transaction>(pathOf`/v1/transactions/${id}`),
  history: (id: string) =>
    get<Page<TransactionEvent>>(pathOf`/v1/transactions/${id}/history`, { limit: 100 }),
  operate: (id: string, operation: Operation, amount: number, key: string) =>
    send<Transaction>('POST', pathOf`/v1/transactions/${id}/${operation}`, { amount }, key),
};

export type {
  ApiKey,
  CreatePaymentBody,
  Customer,
  IssuedApiKey,
  Merchant,
  MerchantBalance,
  MerchantEntry,
  Page,
  Store,
  SystemAccount,
  Transaction,
  TransactionEvent,
  Transfer,
  Wallet,
  WalletEntry,
  WalletTransaction,
};
