import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import type { RequestSender } from './request.ts';
import { Resource } from './resource.ts';
import type {
  Acquirer,
  AcquirerCredentials,
  AcquirerRoutes,
  ApiKey,
  AuditLogEntry,
  CreateAcquirerBody,
  CreateMerchantBody,
  CreateStoreBody,
  CreateTerminalBody,
  CreateWalletBody,
  CreateWalletHolderBody,
  DepositWalletBody,
  GetMerchantStatementQuery,
  GetWalletStatementQuery,
  IssueApiKeyBody,
  IssuedApiKey,
  IssueOperatorKeyBody,
  ListAllAuditLogQuery,
  ListApiKeysQuery,
  ListMerchantsQuery,
  ListOperatorKeysQuery,
  ListStoresQuery,
  ListTerminalsQuery,
  ListWalletHoldersQuery,
  Merchant,
  MerchantBalance,
  MerchantEntry,
  MerchantStatement,
  SetAcquirerCredentialsBody,
  SetAcquirerRoutesBody,
  SetCheckoutLogoBody,
  Store,
  SystemAccount,
  Terminal,
  Transfer,
  UpdateAcquirerBody,
  UpdateApiKeyBody,
  UpdateMerchantBody,
  UpdateOperatorKeyBody,
  Wallet,
  WalletEntry,
  WalletHolder,
  WalletStatement,
  WalletTransaction,
  WithdrawWalletBody,
} from './types.generated.ts';

/** What operators do, with an operator's key. In production on the server's ADMIN_PORT only. */
export class AdminResource {
  readonly merchants: AdminMerchants;
  readonly apiKeys: AdminApiKeys;
  readonly operatorKeys: AdminOperatorKeys;
  readonly acquirers: AdminAcquirers;
  readonly stores: AdminStores;
  readonly terminals: AdminTerminals;
  readonly walletHolders: AdminWalletHolders;
  readonly wallets: AdminWallets;
  readonly accounts: AdminAccounts;
  readonly transactions: AdminTransactions;
  readonly auditLog: AdminAuditLog;

  constructor(sender: RequestSender) {
    this.merchants = new AdminMerchants(sender);
    this.apiKeys = new AdminApiKeys(sender);
    this.operatorKeys = new AdminOperatorKeys(sender);
    this.acquirers = new AdminAcquirers(sender);
    this.stores = new AdminStores(sender);
    this.terminals = new AdminTerminals(sender);
    this.walletHolders = new AdminWalletHolders(sender);
    this.wallets = new AdminWallets(sender);
    this.accounts = new AdminAccounts(sender);
    this.transactions = new AdminTransactions(sender);
    this.auditLog = new AdminAuditLog(sender);
  }
}

/** Who did what, of all merchants and of none. */
export class AdminAuditLog extends Resource {
  /** Newest first. All filters that are given must hold. */
  list(query: ListAllAuditLogQuery = {}, options?: RequestOptions): List<AuditLogEntry> {
    return this.listOf('/v1/admin/audit-log', { ...query }, options);
  }
}

export class AdminMerchants extends Resource {
  create(body: CreateMerchantBody, options?: RequestOptions): Promise<Merchant> {
    return this.postTo('Merchant', '/v1/admin/merchants', body, options);
  }

  /** Newest first. */
  list(query: ListMerchantsQuery = {}, options?: RequestOptions): List<Merchant> {
    return this.listOf('/v1/admin/merchants', { ...query }, options);
  }

  get(id: string, options?: RequestOptions): Promise<Merchant> {
    return this.getFrom('Merchant', pathOf`/v1/admin/merchants/${id}`, options);
  }

  /** Changes the settings that are given, for authorizations from now on. */
  update(id: string, body: UpdateMerchantBody, options?: RequestOptions): Promise<Merchant> {
    return this.patchAt('Merchant', pathOf`/v1/admin/merchants/${id}`, body, options);
  }

  /** What its payers see at the checkout. */
  setCheckoutLogo(id: string, body: SetCheckoutLogoBody, options?: RequestOptions): Promise<Merchant> {
    return this.putAt('Merchant', pathOf`/v1/admin/merchants/${id}/checkout-logo`, body, options);
  }

  deleteCheckoutLogo(id: string, options?: RequestOptions): Promise<Merchant> {
    return this.deleteAt('Merchant', pathOf`/v1/admin/merchants/${id}/checkout-logo`, options);
  }

  balances(id: string, options?: RequestOptions): List<MerchantBalance> {
    return this.listOf(pathOf`/v1/admin/merchants/${id}/balances`, {}, options);
  }

  /** What moved in one currency, newest first. */
  statement(
    id: string,
    query: GetMerchantStatementQuery,
    options?: RequestOptions,
  ): List<MerchantEntry, MerchantStatement> {
    return this.listOf(pathOf`/v1/admin/merchants/${id}/statement`, { ...query }, options);
  }
}

export class AdminApiKeys extends Resource {
  /** The answer is the only one that shows the key. */
  issue(merchantId: string, body: IssueApiKeyBody, options?: RequestOptions): Promise<IssuedApiKey> {
    return this.postTo('IssuedApiKey', pathOf`/v1/admin/merchants/${merchantId}/api-keys`, body, options);
  }

  /** Newest first, revoked ones too. */
  list(merchantId: string, query: ListApiKeysQuery = {}, options?: RequestOptions): List<ApiKey> {
    return this.listOf(pathOf`/v1/admin/merchants/${merchantId}/api-keys`, { ...query }, options);
  }

  /** Its name, and from where it may be used. */
  update(merchantId: string, id: string, body: UpdateApiKeyBody, options?: RequestOptions): Promise<ApiKey> {
    return this.patchAt('ApiKey', pathOf`/v1/admin/merchants/${merchantId}/api-keys/${id}`, body, options);
  }

  revoke(merchantId: string, id: string, options?: RequestOptions): Promise<ApiKey> {
    return this.postTo(
      'ApiKey',
      pathOf`/v1/admin/merchants/${merchantId}/api-keys/${id}/revoke`,
      undefined,
      options,
    );
  }
}

export class AdminOperatorKeys extends Resource {
  /** The answer is the only one that shows the key. */
  issue(body: IssueOperatorKeyBody, options?: RequestOptions): Promise<IssuedApiKey> {
    return this.postTo('IssuedApiKey', '/v1/admin/operator-keys', body, options);
  }

  /** Newest first, revoked ones too. */
  list(query: ListOperatorKeysQuery = {}, options?: RequestOptions): List<ApiKey> {
    return this.listOf('/v1/admin/operator-keys', { ...query }, options);
  }

  /** Its name, and from where it may be used. */
  update(id: string, body: UpdateOperatorKeyBody, options?: RequestOptions): Promise<ApiKey> {
    return this.patchAt('ApiKey', pathOf`/v1/admin/operator-keys/${id}`, body, options);
  }

  revoke(id: string, options?: RequestOptions): Promise<ApiKey> {
    return this.postTo('ApiKey', pathOf`/v1/admin/operator-keys/${id}/revoke`, undefined, options);
  }
}

/** The banks that cards are paid by. */
export class AdminAcquirers extends Resource {
  create(body: CreateAcquirerBody, options?: RequestOptions): Promise<Acquirer> {
    return this.postTo('Acquirer', '/v1/admin/acquirers', body, options);
  }

  /** Oldest first. */
  list(options?: RequestOptions): List<Acquirer> {
    return this.listOf('/v1/admin/acquirers', {}, options);
  }

  update(id: string, body: UpdateAcquirerBody, options?: RequestOptions): Promise<Acquirer> {
    return this.patchAt('Acquirer', pathOf`/v1/admin/acquirers/${id}`, body, options);
  }

  /** Which payments go to which acquirer; the first route that fits counts. */
  routes(options?: RequestOptions): Promise<AcquirerRoutes> {
    return this.getFrom('AcquirerRoutes', '/v1/admin/acquirer-routes', options);
  }

  /** In place of all routes that there are. */
  setRoutes(body: SetAcquirerRoutesBody, options?: RequestOptions): Promise<AcquirerRoutes> {
    return this.putAt('AcquirerRoutes', '/v1/admin/acquirer-routes', body, options);
  }

  /** Which credentials of a merchant are kept; never their values. */
  credentials(merchantId: string, options?: RequestOptions): List<AcquirerCredentials> {
    return this.listOf(pathOf`/v1/admin/merchants/${merchantId}/acquirer-credentials`, {}, options);
  }

  /** In place of all that are kept for this acquirer. */
  setCredentials(
    merchantId: string,
    acquirerId: string,
    body: SetAcquirerCredentialsBody,
    options?: RequestOptions,
  ): Promise<AcquirerCredentials> {
    const path = pathOf`/v1/admin/merchants/${merchantId}/acquirer-credentials/${acquirerId}`;
    return this.putAt('AcquirerCredentials', path, body, options);
  }
}

export class AdminWalletHolders extends Resource {
  create(body: CreateWalletHolderBody, options?: RequestOptions): Promise<WalletHolder> {
    return this.postTo('WalletHolder', '/v1/admin/wallet-holders', body, options);
  }

  /** Newest first; with `phoneNumber` that wallet holder alone. */
  list(query: ListWalletHoldersQuery = {}, options?: RequestOptions): List<WalletHolder> {
    return this.listOf('/v1/admin/wallet-holders', { ...query }, options);
  }

  get(id: string, options?: RequestOptions): Promise<WalletHolder> {
    return this.getFrom('WalletHolder', pathOf`/v1/admin/wallet-holders/${id}`, options);
  }

  createWallet(id: string, body: CreateWalletBody, options?: RequestOptions): Promise<Wallet> {
    return this.postTo('Wallet', pathOf`/v1/admin/wallet-holders/${id}/wallets`, body, options);
  }

  wallets(id: string, options?: RequestOptions): List<Wallet> {
    return this.listOf(pathOf`/v1/admin/wallet-holders/${id}/wallets`, {}, options);
  }
}

export class AdminWallets extends Resource {
  get(id: string, options?: RequestOptions): Promise<Wallet> {
    return this.getFrom('Wallet', pathOf`/v1/admin/wallets/${id}`, options);
  }

  deposit(id: string, body: DepositWalletBody, options?: RequestOptions): Promise<Transfer> {
    return this.postTo('Transfer', pathOf`/v1/admin/wallets/${id}/deposit`, body, options);
  }

  /** No more than is available, and not while it is frozen. */
  withdraw(id: string, body: WithdrawWalletBody, options?: RequestOptions): Promise<Transfer> {
    return this.postTo('Transfer', pathOf`/v1/admin/wallets/${id}/withdraw`, body, options);
  }

  freeze(id: string, options?: RequestOptions): Promise<Wallet> {
    return this.postTo('Wallet', pathOf`/v1/admin/wallets/${id}/freeze`, undefined, options);
  }

  unfreeze(id: string, options?: RequestOptions): Promise<Wallet> {
    return this.postTo('Wallet', pathOf`/v1/admin/wallets/${id}/unfreeze`, undefined, options);
  }

  /** What moved, newest first, each with the balance after it; a page has the open holds as well. */
  statement(
    id: string,
    query: GetWalletStatementQuery = {},
    options?: RequestOptions,
  ): List<WalletEntry, WalletStatement> {
    return this.listOf(pathOf`/v1/admin/wallets/${id}/statement`, { ...query }, options);
  }
}

export class AdminStores extends Resource {
  create(merchantId: string, body: CreateStoreBody, options?: RequestOptions): Promise<Store> {
    return this.postTo('Store', pathOf`/v1/admin/merchants/${merchantId}/stores`, body, options);
  }

  /** Newest first. */
  list(merchantId: string, query: ListStoresQuery = {}, options?: RequestOptions): List<Store> {
    return this.listOf(pathOf`/v1/admin/merchants/${merchantId}/stores`, { ...query }, options);
  }
}

export class AdminTerminals extends Resource {
  create(merchantId: string, body: CreateTerminalBody, options?: RequestOptions): Promise<Terminal> {
    return this.postTo('Terminal', pathOf`/v1/admin/merchants/${merchantId}/terminals`, body, options);
  }

  /** Newest first. */
  list(merchantId: string, query: ListTerminalsQuery = {}, options?: RequestOptions): List<Terminal> {
    return this.listOf(pathOf`/v1/admin/merchants/${merchantId}/terminals`, { ...query }, options);
  }
}

export class AdminAccounts extends Resource {
  /** The ledger's own accounts. */
  list(options?: RequestOptions): List<SystemAccount> {
    return this.listOf('/v1/admin/accounts', {}, options);
  }
}

export class AdminTransactions extends Resource {
  /** Confirms a payment that waits for its customer. */
  confirm(id: string, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', pathOf`/v1/admin/transactions/${id}/confirm`, undefined, options);
  }

  /** Declines a payment that waits for its customer. */
  decline(id: string, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', pathOf`/v1/admin/transactions/${id}/decline`, undefined, options);
  }
}
