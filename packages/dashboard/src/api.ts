/** Every request that the dashboard makes, typed by what is generated from the OpenAPI document. */
import {
  type AccountSecurity,
  type Acquirer,
  type AcquirerCredentials,
  type AcquirerRoutes,
  type AddedPasskey,
  type AddPasskeyBody,
  type ApiKey,
  type Audit,
  type AuditLogEntry,
  type AuthorizeWalletBody,
  type CardOnFile,
  CardsResource,
  type CreateMerchantBody,
  type CreatePaymentBody,
  type CreatePaymentLinkBody,
  type CreateUserBody,
  type CreateWalletBody,
  type CreateWalletHolderBody,
  type CreateWebhookEndpointBody,
  type Customer,
  CustomersResource,
  type DepositWalletBody,
  type FinishOidcSignInBody,
  type IdentityProviderUrl,
  type Issue,
  type IssuedApiKey,
  type IssueOwnApiKeyBody,
  type LedgerSums,
  type LoggedRequest,
  type Merchant,
  type MerchantBalance,
  type MerchantStatement,
  type MutedIssue,
  type OperatorIssue,
  type Page,
  type Passkey,
  type PasskeyOptions,
  type PaymentLink,
  type PaymentLinkEvent,
  type PaymentLinkSums,
  PaymentLinksResource,
  PlexyPayError,
  pathOf,
  type QueryValue,
  type RecoveryCodes,
  type ReplayWebhooksBody,
  RequestSender,
  type Session,
  type SetAcquirerCredentialsBody,
  type ShownCallbackSecret,
  type SignedInSession,
  type SignedOut,
  type SignInBody,
  type SignInSettings,
  type SignInWithPasskeyBody,
  type Statistics,
  type StatisticsTotals,
  type Store,
  type SystemHealth,
  type Terminal,
  type TotpSecret,
  type Transaction,
  type TransactionEvent,
  type TransactionPosting,
  type Transfer,
  type UpdateAcquirerBody,
  type UpdateMerchantBody,
  type UpdateOwnApiKeyBody,
  type UpdateUserBody,
  type UpdateWebhookEndpointBody,
  type User,
  type UserWithPassword,
  type Wallet,
  type WalletHolder,
  type WalletStatement,
  type WalletTransaction,
  type WebhookDelivery,
  type WebhookDeliveryWithAttempts,
  type WebhookEndpoint,
  type WebhookEndpointWithSecret,
  type WebhookReplay,
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

export type Role = Session['user']['role'];
export type { Session };

export const session = {
  get: () => get<Session>('/v1/session'),
  signIn: (as: SignInBody) => send<Session>('POST', '/v1/session', as),
  beginPasskey: () => send<PasskeyOptions>('POST', '/v1/session/passkey/challenge', {}),
  signInWithPasskey: (body: SignInWithPasskeyBody) => send<Session>('POST', '/v1/session/passkey', body),
  /** @param again whether the provider must ask who it is, also if it knows */
  beginOidc: (next: string, again = false) =>
    send<IdentityProviderUrl>('POST', '/v1/session/oidc', { next, again }),
  finishOidc: (body: FinishOidcSignInBody) => send<Session>('POST', '/v1/session/oidc/finish', body),
  /** At the identity provider, too, if the session has begun there and the provider offers that. */
  signOut: async () => {
    const ended = await send<SignedOut | null | undefined>('DELETE', '/v1/session');
    if (ended?.url !== undefined) location.assign(ended.url);
  },
  changePassword: (current: string, next: string) =>
    send<unknown>('POST', '/v1/session/password', { current, new: next }),
  signOutEverywhere: () => send<unknown>('POST', '/v1/session/sign-out-everywhere'),
};

/** With the password only where the server asks for it again. */
const proof = (password: string | undefined) => (password === undefined ? {} : { password });

/** What protects the account of whoever is signed in. */
export const account = {
  security: () => get<AccountSecurity>('/v1/session/security'),
  beginTotp: (password?: string) => send<TotpSecret>('POST', '/v1/session/totp', proof(password)),
  confirmTotp: (code: string) => send<RecoveryCodes>('POST', '/v1/session/totp/confirm', { code }),
  removeTotp: (password?: string) => send<unknown>('POST', '/v1/session/totp/remove', proof(password)),
  newRecoveryCodes: (password?: string) =>
    send<RecoveryCodes>('POST', '/v1/session/recovery-codes', proof(password)),
  beginPasskey: (password?: string) =>
    send<PasskeyOptions>('POST', '/v1/session/passkeys/challenge', proof(password)),
  addPasskey: (body: AddPasskeyBody) => send<AddedPasskey>('POST', '/v1/session/passkeys', body),
  renamePasskey: (id: string, name: string) =>
    send<Passkey>('PATCH', pathOf`/v1/session/passkeys/${id}`, { name }),
  removePasskey: (id: string, password?: string) =>
    send<unknown>('POST', pathOf`/v1/session/passkeys/${id}/remove`, proof(password)),
  beginOidcLink: (password?: string) =>
    send<IdentityProviderUrl>('POST', '/v1/session/oidc/link', proof(password)),
  confirmOidcLink: () => send<unknown>('POST', '/v1/session/oidc/link/confirm', {}),
  unlinkOidc: (password?: string) => send<unknown>('POST', '/v1/session/oidc/unlink', proof(password)),
  sessions: () => get<Page<SignedInSession>>('/v1/sessions'),
  endSession: (id: string) => send<unknown>('DELETE', pathOf`/v1/sessions/${id}`),
  endOtherSessions: () => send<unknown>('POST', '/v1/sessions/end-others'),
  signInSettings: () => get<SignInSettings>('/v1/sign-in-settings'),
  requireSecondFactor: (requireSecondFactor: boolean) =>
    send<SignInSettings>('PATCH', '/v1/sign-in-settings', { requireSecondFactor }),
};

export type Operation = 'capture' | 'cancel' | 'refund';

export const transactions = {
  list: (query: Query, signal?: AbortSignal) => get<Page<Transaction>>('/v1/transactions', query, signal),
  get: (id: string) => get<Transaction>(pathOf`/v1/transactions/${id}`),
  history: (id: string) =>
    get<Page<TransactionEvent>>(pathOf`/v1/transactions/${id}/history`, { limit: 100 }),
  /** Newest first, refunds too. Of a link that nobody has begun to pay there are none. */
  byPaymentLink: (id: string) =>
    get<Page<Transaction>>(pathOf`/v1/transactions/by-payment-link/${id}`, { limit: 100 }).catch(
      (error: unknown): Page<Transaction> => {
        if (error instanceof PlexyPayError && error.status === 404) return { items: [], nextCursor: null };
        throw error;
      },
    ),
  postings: (id: string) => get<Page<TransactionPosting>>(pathOf`/v1/transactions/${id}/postings`),
  /** @param final of a capture: whether the rest is released */
  operate: (id: string, operation: Operation, amount: number, final: boolean, key: string) =>
    send<Transaction>(
      'POST',
      pathOf`/v1/transactions/${id}/${operation}`,
      { amount, ...(final ? {} : { final }) },
      key,
    ),
};

export type {
  AccountSecurity,
  Acquirer,
  AcquirerCredentials,
  AcquirerRoutes,
  ApiKey,
  CreatePaymentBody,
  FinishOidcSignInBody,
  IssuedApiKey,
  Merchant,
  MerchantBalance,
  MerchantStatement,
  Page,
  Passkey,
  SignedInSession,
  SignInBody,
  Store,
  Terminal,
  Transaction,
  TransactionEvent,
  Transfer,
  Wallet,
  WalletHolder,
  WalletStatement,
  WalletTransaction,
};

const list = <T>(path: string, query: Query = {}): Promise<Page<T>> => get<Page<T>>(path, query);

/** The merchant's own: few enough to be read whole. */
async function readAll<T>(path: string): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list<T>(path, { limit: 100, cursor });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

export const places = {
  stores: () => readAll<Store>('/v1/stores'),
  terminals: () => readAll<Terminal>('/v1/terminals'),
};

export const paymentLinks = new PaymentLinksResource(sender);

export const customers = new CustomersResource(sender);

/** What customers have on file. */
export const cards = new CardsResource(sender);

export type { CardOnFile, CreatePaymentLinkBody, Customer, PaymentLink, PaymentLinkEvent, PaymentLinkSums };

export interface SandboxClock {
  readonly now: string;
  readonly offsetSeconds: number;
}
export interface Faults {
  readonly bank: 'none' | 'down' | 'slow' | 'timeouts';
  readonly databaseDelayMs: number;
}
export interface Fixtures {
  readonly customers: readonly {
    readonly phoneNumber: string;
    readonly iin: string;
    readonly behaves: string;
    readonly wallets: readonly { readonly currency: string; readonly funds: number }[];
  }[];
  readonly cards: readonly { readonly number: string; readonly behaves: string }[];
}

export const sandbox = {
  clock: () => get<SandboxClock>('/v1/sandbox/clock'),
  advance: (advanceSeconds: number) => send<SandboxClock>('POST', '/v1/sandbox/clock', { advanceSeconds }),
  faults: () => get<Faults>('/v1/sandbox/faults'),
  setFaults: (faults: Partial<Faults>) => send<Faults>('PUT', '/v1/sandbox/faults', faults),
  fixtures: () => get<Fixtures>('/v1/sandbox/fixtures'),
  reset: () => send<unknown>('POST', '/v1/sandbox/reset'),
  decide: (id: string, decision: 'confirm' | 'decline') =>
    send<WalletTransaction>('POST', pathOf`/v1/sandbox/transactions/${id}/${decision}`),
  authorize: (body: AuthorizeWalletBody, key: string) =>
    send<WalletTransaction>('POST', '/v1/wallet/authorize', body, key),
  pay: (body: CreatePaymentBody, key: string) => send<Transaction>('POST', '/v1/payments', body, key),
};

export const admin = {
  merchants: (query: Query) => list<Merchant>('/v1/admin/merchants', query),
  merchant: (id: string) => get<Merchant>(pathOf`/v1/admin/merchants/${id}`),
  createMerchant: (body: CreateMerchantBody, key: string) =>
    send<Merchant>('POST', '/v1/admin/merchants', body, key),
  setLogo: (id: string, png: string) =>
    send<Merchant>('PUT', pathOf`/v1/admin/merchants/${id}/checkout-logo`, { png }),
  deleteLogo: (id: string) => send<Merchant>('DELETE', pathOf`/v1/admin/merchants/${id}/checkout-logo`),
  updateMerchant: (id: string, body: UpdateMerchantBody) =>
    send<Merchant>('PATCH', pathOf`/v1/admin/merchants/${id}`, body),
  balances: (id: string) => list<MerchantBalance>(pathOf`/v1/admin/merchants/${id}/balances`),
  merchantStatement: (id: string, query: Query) =>
    get<MerchantStatement>(pathOf`/v1/admin/merchants/${id}/statement`, query),
  merchantKeys: (id: string, query: Query) => list<ApiKey>(pathOf`/v1/admin/merchants/${id}/api-keys`, query),
  stores: (id: string, query: Query) => list<Store>(pathOf`/v1/admin/merchants/${id}/stores`, query),
  walletHolders: (query: Query) => list<WalletHolder>('/v1/admin/wallet-holders', query),
  walletHolder: (id: string) => get<WalletHolder>(pathOf`/v1/admin/wallet-holders/${id}`),
  createWalletHolder: (body: CreateWalletHolderBody, key: string) =>
    send<WalletHolder>('POST', '/v1/admin/wallet-holders', body, key),
  wallets: (id: string) => list<Wallet>(pathOf`/v1/admin/wallet-holders/${id}/wallets`),
  createWallet: (id: string, body: CreateWalletBody, key: string) =>
    send<Wallet>('POST', pathOf`/v1/admin/wallet-holders/${id}/wallets`, body, key),
  walletStatement: (id: string, query: Query) =>
    get<WalletStatement>(pathOf`/v1/admin/wallets/${id}/statement`, query),
  move: (id: string, way: 'deposit' | 'withdraw', body: DepositWalletBody, key: string) =>
    send<Transfer>('POST', pathOf`/v1/admin/wallets/${id}/${way}`, body, key),
  freeze: (id: string, frozen: boolean) =>
    send<Wallet>('POST', pathOf`/v1/admin/wallets/${id}/${frozen ? 'freeze' : 'unfreeze'}`),
};

export type AcquirerRoute = AcquirerRoutes['routes'][number];

export const acquirers = {
  list: () => list<Acquirer>('/v1/admin/acquirers'),
  update: (id: string, body: UpdateAcquirerBody) =>
    send<Acquirer>('PATCH', pathOf`/v1/admin/acquirers/${id}`, body),
  routes: () => get<AcquirerRoutes>('/v1/admin/acquirer-routes'),
  setRoutes: (routes: readonly AcquirerRoute[]) =>
    send<AcquirerRoutes>('PUT', '/v1/admin/acquirer-routes', { routes }),
  credentials: (merchantId: string) =>
    list<AcquirerCredentials>(pathOf`/v1/admin/merchants/${merchantId}/acquirer-credentials`),
  setCredentials: (merchantId: string, acquirerId: string, body: SetAcquirerCredentialsBody) =>
    send<AcquirerCredentials>(
      'PUT',
      pathOf`/v1/admin/merchants/${merchantId}/acquirer-credentials/${acquirerId}`,
      body,
    ),
};

export const apiKeys = {
  list: (query: Query) => list<ApiKey>('/v1/api-keys', query),
  issue: (body: IssueOwnApiKeyBody, key: string) => send<IssuedApiKey>('POST', '/v1/api-keys', body, key),
  update: (id: string, body: UpdateOwnApiKeyBody) => send<ApiKey>('PATCH', pathOf`/v1/api-keys/${id}`, body),
  revoke: (id: string) => send<ApiKey>('POST', pathOf`/v1/api-keys/${id}/revoke`),
};

/** Of the merchant; operators' own with the same calls below /v1/admin. */
export function usersAt(path: '/v1/users' | '/v1/admin/users') {
  const at = (id: string): string => path + pathOf`/${id}`;
  return {
    list: (query: Query) => list<User>(path, query),
    create: (body: CreateUserBody | { readonly email: string; readonly name: string }, key: string) =>
      send<UserWithPassword>('POST', path, body, key),
    update: (id: string, body: UpdateUserBody) => send<User>('PATCH', at(id), body),
    remove: (id: string) => send<unknown>('DELETE', at(id)),
    resetPassword: (id: string) => send<UserWithPassword>('POST', `${at(id)}/reset-password`),
    resetSecondFactor: (id: string) => send<User>('POST', `${at(id)}/reset-second-factor`),
    unlinkIdentity: (id: string) => send<User>('POST', `${at(id)}/unlink-identity`),
  };
}

export const webhooks = {
  list: (query: Query) => list<WebhookEndpoint>('/v1/webhook-endpoints', query),
  get: (id: string) => get<WebhookEndpoint>(pathOf`/v1/webhook-endpoints/${id}`),
  create: (body: CreateWebhookEndpointBody, key: string) =>
    send<WebhookEndpointWithSecret>('POST', '/v1/webhook-endpoints', body, key),
  update: (id: string, body: UpdateWebhookEndpointBody) =>
    send<WebhookEndpoint>('PATCH', pathOf`/v1/webhook-endpoints/${id}`, body),
  remove: (id: string) => send<unknown>('DELETE', pathOf`/v1/webhook-endpoints/${id}`),
  switch: (id: string, to: 'enable' | 'disable') =>
    send<WebhookEndpoint>('POST', pathOf`/v1/webhook-endpoints/${id}/${to}`),
  callbacks: (query: Query) => list<WebhookEndpoint>('/v1/webhook-endpoints', { ...query, kind: 'callback' }),
  newCallbackSecret: () => send<ShownCallbackSecret>('POST', '/v1/callback-secret/rotate'),
  rotate: (id: string) =>
    send<WebhookEndpointWithSecret>('POST', pathOf`/v1/webhook-endpoints/${id}/rotate-secret`),
  test: (id: string) => send<WebhookDelivery>('POST', pathOf`/v1/webhook-endpoints/${id}/test`),
  replay: (id: string, body: ReplayWebhooksBody, key: string) =>
    send<WebhookReplay>('POST', pathOf`/v1/webhook-endpoints/${id}/replay`, body, key),
  deliveries: (id: string, query: Query) =>
    list<WebhookDelivery>(pathOf`/v1/webhook-endpoints/${id}/deliveries`, query),
  delivery: (id: string, deliveryId: string) =>
    get<WebhookDeliveryWithAttempts>(pathOf`/v1/webhook-endpoints/${id}/deliveries/${deliveryId}`),
  resend: (id: string, deliveryId: string) =>
    send<WebhookDelivery>('POST', pathOf`/v1/webhook-endpoints/${id}/deliveries/${deliveryId}/resend`),
};

export type { User, WebhookDelivery, WebhookEndpoint };

export const balances = {
  list: () => get<Page<MerchantBalance>>('/v1/balances'),
  statement: (currency: string, query: Query) =>
    get<MerchantStatement>(pathOf`/v1/balances/${currency}/statement`, query),
};

export const statistics = (query: Query) => get<Statistics>('/v1/statistics', query);
export type Totals = StatisticsTotals;

export const requestLog = (query: Query) => list<LoggedRequest>('/v1/request-log', query);

/** Of the merchant; operators' of all merchants. */
export const auditLogAt =
  (path: '/v1/audit-log' | '/v1/admin/audit-log') =>
  (query: Query, signal?: AbortSignal): Promise<Page<AuditLogEntry>> =>
    get<Page<AuditLogEntry>>(path, query, signal);

export type { AuditLogEntry, LoggedRequest, Statistics };

export const issues = {
  list: () => list<Issue>('/v1/issues'),
  mute: (id: string, untilSeconds: number) =>
    send<MutedIssue>('POST', pathOf`/v1/issues/${id}/mute`, { untilSeconds }),
};

export type { Issue };

export const operations = {
  sums: () => list<LedgerSums>('/v1/admin/accounts/sums'),
  health: () => get<SystemHealth>('/v1/admin/health'),
  /** Null: there was none yet. */
  audit: () =>
    get<Audit>('/v1/admin/audit').catch((error: unknown) => {
      if (error instanceof PlexyPayError && error.status === 404) return null;
      throw error;
    }),
  startAudit: () => send<Audit>('POST', '/v1/admin/audit'),
  issues: () => list<OperatorIssue>('/v1/admin/issues'),
};

export type { Audit, LedgerSums, OperatorIssue, SystemHealth };
