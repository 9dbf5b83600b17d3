import type { Capability } from '../core/acquirers.ts';
import type { Decision } from '../core/change.ts';
import type { LateAnswer, MerchantSettings, WalletLookup } from '../core/command.ts';
import type { Can, State } from '../core/effects.ts';
import { countGuess, type Guesses, isLocked, NO_GUESSES } from '../core/guesses.ts';
import type {
  Account,
  BankOperation,
  Millis,
  Minor,
  Posting,
  Transaction,
  TransactionEvent,
  Wallet,
  WalletTransfer,
} from '../core/transaction.ts';
import type { BalanceRow, SettingsRow, SystemAccountDelta, WalletRow, WrongPair } from './batchSql.ts';

/** The rows that a batch has loaded and locked. */
export interface Loaded {
  readonly transactions: readonly Transaction[];
  readonly operations: readonly BankOperation[];
  readonly wallets: readonly WalletRow[];
  readonly merchants: readonly SettingsRow[];
  /** Locked. */
  readonly balances: readonly BalanceRow[];
  /** As last committed, for answers only. */
  readonly shownBalances: readonly BalanceRow[];
  readonly now: Millis;
  /** What acquirers can do, as this node knows it. */
  readonly can: Can;
}

/**
 * The batch's view of the ledger: what was loaded, then changed by one decision after the other.
 * Balances change by postings only, so a stored balance is always the sum of its postings.
 */
export class BatchState implements State {
  readonly #transactions = new Map<string, Transaction>();
  readonly #loadedIds = new Set<string>();
  readonly #wallets = new Map<string, Wallet>();
  readonly #walletOfOwner = new Map<string, string>();
  readonly #customers = new Map<string, { readonly id: string; readonly iinHash: string }>();
  readonly #guesses = new Map<string, Guesses>();
  /** Phone numbers of pairs that were wrong, or taken for it, whoever has them: each once, with how many counted. */
  readonly #wrongPairs = new Map<string, number>();
  readonly #now: Millis;
  readonly #can: Can;
  readonly #settings = new Map<string, MerchantSettings>();
  readonly #keyRequiredOf = new Set<string>();
  readonly #balances = new Map<string, BalanceRow>();
  readonly #shownBalances = new Map<string, Minor>();
  readonly #systemDeltas = new Map<string, SystemAccountDelta>();

  readonly #operations = new Map<string, BankOperation>();

  readonly #changedTransactions = new Set<string>();
  readonly #changedWallets = new Set<string>();
  readonly #changedBalances = new Set<string>();
  readonly #events: TransactionEvent[] = [];
  readonly #postings: Posting[] = [];
  readonly #transfers: WalletTransfer[] = [];
  readonly #changedOperations = new Set<string>();
  readonly #answers: LateAnswer[] = [];

  constructor(loaded: Loaded) {
    this.#now = loaded.now;
    this.#can = loaded.can;
    for (const transaction of loaded.transactions) {
      this.#transactions.set(transaction.id, transaction);
      this.#loadedIds.add(transaction.id);
    }
    for (const operation of loaded.operations) {
      this.#operations.set(operation.id, operation);
      this.#loadedIds.add(`operation ${operation.id}`);
    }
    for (const { phone, iinHash, ownerId, wrong, lastWrongAt, lockedUntil, ...wallet } of loaded.wallets) {
      if (phone !== null && iinHash !== null && ownerId !== null) {
        this.#customers.set(phone, { id: ownerId, iinHash });
      }
      if (phone !== null && wrong !== null)
        this.#guesses.set(phone, { wrong, lastAt: lastWrongAt, lockedUntil });
      if (wallet.id === null) continue;
      this.#wallets.set(wallet.id, wallet);
      this.#walletOfOwner.set(`${wallet.customerId} ${wallet.currency}`, wallet.id);
    }
    for (const row of loaded.shownBalances) {
      this.#shownBalances.set(`${row.merchant_id} ${row.currency}`, row.balance);
    }
    for (const row of loaded.balances) this.#balances.set(`${row.merchant_id} ${row.currency}`, row);
    for (const row of loaded.merchants) {
      this.#settings.set(row.id, {
        captureMode: row.capture_mode,
        captureDelayMs: row.capture_delay_s * 1_000,
        authorizationTtlMs: row.authorization_ttl_s * 1_000,
      });
      if (row.require_idempotency_key) this.#keyRequiredOf.add(row.id);
    }
  }

  transaction(id: string): Transaction | undefined {
    return this.#transactions.get(id);
  }

  operation(id: string): BankOperation | undefined {
    return this.#operations.get(id);
  }

  walletOf(transaction: Transaction): Wallet {
    return found(this.#wallets.get(transaction.walletId ?? ''));
  }

  wallet(id: string): Wallet | undefined {
    return this.#wallets.get(id);
  }

  /**
   * The same look-ups, whether the customer is unknown, or phone and IIN do not belong together, or so many pairs
   * were wrong that none is right now.
   */
  lookUpWallet(phone: string, iinHashes: readonly string[], currency: string): WalletLookup {
    const customer = this.#customers.get(phone);
    const locked = isLocked(this.#guesses.get(phone) ?? NO_GUESSES, this.#now);
    if (customer === undefined || !iinHashes.includes(customer.iinHash) || locked)
      return { failure: 'customer_not_found' };
    const wallet = this.#wallets.get(this.#walletOfOwner.get(`${customer.id} ${currency}`) ?? '');
    return wallet === undefined ? { failure: 'no_wallet_in_currency' } : { wallet };
  }

  /** Counts a pair that was not found, unless none is looked at now: whoever tries on makes the wait no longer. */
  countWrongPair(phone: string, isLookedAt: boolean): void {
    const before = this.#guesses.get(phone) ?? NO_GUESSES;
    const counts = isLookedAt && !isLocked(before, this.#now);
    if (counts) this.#guesses.set(phone, countGuess(before, this.#now));
    this.#wrongPairs.set(phone, (this.#wrongPairs.get(phone) ?? 0) + (counts ? 1 : 0));
  }

  merchantBalance(merchantId: string, currency: string): Minor {
    return this.#balanceRow(merchantId, currency).balance;
  }

  /** The balance that a transaction's merchant has, for an answer; null when it was not loaded. */
  knownBalanceOf({ merchantId, currency }: Transaction): Minor | null {
    const key = `${merchantId} ${currency}`;
    return this.#balances.get(key)?.balance ?? this.#shownBalances.get(key) ?? null;
  }

  /** Whether what this merchant's callers do to payments needs an Idempotency-Key. */
  requiresKey(merchantId: string): boolean {
    return this.#keyRequiredOf.has(merchantId);
  }

  merchantSettings(merchantId: string): MerchantSettings {
    const settings = this.#settings.get(merchantId);
    if (settings === undefined) throw new Error(`the settings of merchant ${merchantId} were not loaded`);
    return settings;
  }

  can(acquirerId: string | null, capability: Capability): boolean {
    return acquirerId !== null && this.#can(acquirerId, capability);
  }

  /** Takes a decision over. @throws Error when it would break an invariant: a bug, and the batch fails. */
  apply(decision: Decision): void {
    for (const posting of decision.postings) {
      if (posting.amount <= 0n)
        throw new Error(`posting ${posting.operationId}/${posting.seq} moves nothing`);
      this.#move(posting.from, posting.currency, -posting.amount);
      this.#move(posting.to, posting.currency, posting.amount);
      this.#postings.push(posting);
    }
    for (const transaction of decision.transactions) {
      assertAmounts(transaction);
      this.#transactions.set(transaction.id, transaction);
      this.#changedTransactions.add(transaction.id);
    }
    this.#events.push(...decision.events);
    this.#transfers.push(...decision.transfers);
    this.#answers.push(...decision.answers);
    for (const operation of decision.operations) {
      this.#operations.set(operation.id, operation);
      this.#changedOperations.add(operation.id);
    }
  }

  /** Everything that the batch has to write. */
  changes(): Changes {
    const changed = [...this.#changedTransactions].map((id) => found(this.#transactions.get(id)));
    const operations = [...this.#changedOperations].map((id) => found(this.#operations.get(id)));
    const isLoaded = ({ id }: BankOperation): boolean => this.#loadedIds.has(`operation ${id}`);
    return {
      newOperations: operations.filter((operation) => !isLoaded(operation)),
      changedOperations: operations.filter(isLoaded),
      answers: this.#answers,
      newTransactions: changed.filter((transaction) => !this.#loadedIds.has(transaction.id)),
      changedTransactions: changed.filter((transaction) => this.#loadedIds.has(transaction.id)),
      events: this.#events,
      postings: this.#postings,
      transfers: this.#transfers,
      wrongPairs: [...this.#wrongPairs].map(([phone, count]) => {
        const { lockedUntil } = this.#guesses.get(phone) ?? NO_GUESSES;
        return { phone, count, at: this.#now, lockedUntil };
      }),
      wallets: [...this.#changedWallets].map((id) => found(this.#wallets.get(id))),
      balances: [...this.#changedBalances].map((key) => found(this.#balances.get(key))),
      systemDeltas: [...this.#systemDeltas.values()],
    };
  }

  #move(account: Account, currency: string, delta: Minor): void {
    switch (account.kind) {
      case 'available':
      case 'held': {
        const wallet = found(this.#wallets.get(account.walletId));
        const balance = wallet[account.kind] + delta;
        if (balance < 0n) throw new Error(`wallet ${wallet.id} would have ${balance} ${account.kind}`);
        if (wallet.currency !== currency) throw new Error(`wallet ${wallet.id} is not in ${currency}`);
        this.#wallets.set(wallet.id, { ...wallet, [account.kind]: balance });
        this.#changedWallets.add(wallet.id);
        return;
      }
      case 'balance': {
        const row = this.#balanceRow(account.merchantId, currency);
        const balance = row.balance + delta;
        if (balance < 0n) throw new Error(`merchant ${account.merchantId} would have ${balance} ${currency}`);
        this.#balances.set(`${account.merchantId} ${currency}`, { ...row, balance });
        this.#changedBalances.add(`${account.merchantId} ${currency}`);
        return;
      }
      default: {
        const key = `${account.kind} ${currency}`;
        const before = this.#systemDeltas.get(key)?.delta ?? 0n;
        this.#systemDeltas.set(key, { kind: account.kind, currency, delta: before + delta });
      }
    }
  }

  #balanceRow(merchantId: string, currency: string): BalanceRow {
    return found(this.#balances.get(`${merchantId} ${currency}`));
  }
}

export interface Changes {
  readonly newOperations: readonly BankOperation[];
  readonly changedOperations: readonly BankOperation[];
  readonly answers: readonly LateAnswer[];
  readonly newTransactions: readonly Transaction[];
  readonly changedTransactions: readonly Transaction[];
  readonly events: readonly TransactionEvent[];
  readonly postings: readonly Posting[];
  readonly transfers: readonly WalletTransfer[];
  readonly wrongPairs: readonly WrongPair[];
  readonly wallets: readonly Wallet[];
  readonly balances: readonly BalanceRow[];
  readonly systemDeltas: readonly SystemAccountDelta[];
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a row that a decision needs was not loaded');
  return value;
}

function assertAmounts(t: Transaction): void {
  const whole = t.captured >= 0n && t.released >= 0n && t.refunded >= 0n && t.reserved >= 0n;
  const held = t.captured + t.released <= t.amount;
  const refunds = t.type === 'refund' ? t.refunded <= t.amount : t.refunded + t.reserved <= t.captured;
  if (!(whole && held && refunds)) throw new Error(`the amounts of transaction ${t.id} do not add up`);
}
