import { ACCOUNT_KINDS, type Account, isLocked as isLockedKind, mayTake } from '../core/accounts.ts';
import type { Capability } from '../core/acquirers.ts';
import type { CardOnFile, KeptCard } from '../core/cardOnFile.ts';
import type { Decision } from '../core/change.ts';
import type { LateAnswer, MerchantSettings, WalletLookup } from '../core/command.ts';
import type { Can, State } from '../core/effects.ts';
import { countGuess, type Guesses, isLocked, NO_GUESSES } from '../core/guesses.ts';
import { type Attempt, attemptOf, type LinkEvent, type PaymentLink } from '../core/link.ts';
import type {
  BankOperation,
  Hold,
  Millis,
  Minor,
  Posting,
  Transaction,
  TransactionEvent,
  Wallet,
  WalletTransfer,
} from '../core/transaction.ts';
import { accountIdOf } from './accountId.ts';
import type {
  AccountDelta,
  AccountRow,
  GuessRow,
  MovedAccount,
  PostedEnd,
  PostingRow,
  SettingsRow,
  WalletRow,
  WrongPair,
} from './batchSql.ts';
import type { EventTrace } from './eventTracesSql.ts';
import type { KnownWallet } from './memory.ts';

/** The rows that a batch has loaded and locked. */
export interface Loaded {
  readonly transactions: readonly Transaction[];
  readonly operations: readonly BankOperation[];
  readonly links: readonly PaymentLink[];
  /** What became of payments that were begun by these links, where that is asked. */
  readonly attempts: ReadonlyMap<string, Attempt>;
  /** Cards that merchants are to charge alone, with their customers locked. */
  readonly cardsOnFile: readonly CardOnFile[];
  readonly wallets: readonly WalletRow[];
  /** Whose wallets those are that were locked by their remembered ids. */
  readonly knownWallets: readonly (KnownWallet & { readonly phone: string })[];
  /** How often phone numbers were given with wrong IINs. */
  readonly guesses: readonly GuessRow[];
  readonly merchants: readonly SettingsRow[];
  /** Other accounts than wallets, locked. */
  readonly accounts: readonly AccountRow[];
  /** As last committed, for answers only. */
  readonly shownAccounts: readonly AccountRow[];
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
  readonly #wallets = new Map<string, Counted<Wallet>>();
  readonly #walletOfOwner = new Map<string, string>();
  readonly #holders = new Map<string, { readonly id: string; readonly iinHash: string }>();
  readonly #guesses = new Map<string, Guesses>();
  /** Phone numbers of pairs that were wrong, or taken for it, whoever has them: each once, with how many counted. */
  readonly #wrongPairs = new Map<string, number>();
  readonly #now: Millis;
  readonly #can: Can;
  readonly #settings = new Map<string, MerchantSettings>();
  readonly #keyRequiredOf = new Set<string>();
  /** By `accountKey`. */
  readonly #accounts = new Map<string, AccountRow>();
  readonly #shownBalances = new Map<string, Minor>();
  readonly #deltas = new Map<string, AccountDelta>();

  readonly #operations = new Map<string, BankOperation>();
  readonly #links = new Map<string, PaymentLink>();
  readonly #attempts: ReadonlyMap<string, Attempt>;
  readonly #cardsOnFile = new Map<string, CardOnFile>();

  readonly #changedTransactions = new Set<string>();
  readonly #changedWallets = new Set<string>();
  readonly #changedAccounts = new Set<string>();
  readonly #events: TransactionEvent[] = [];
  readonly #eventTraces: EventTrace[] = [];
  readonly #postings: PostingRow[] = [];
  readonly #transfers: WalletTransfer[] = [];
  readonly #changedOperations = new Set<string>();
  readonly #answers: LateAnswer[] = [];
  readonly #changedLinks = new Set<string>();
  readonly #linkEvents: LinkEvent[] = [];
  /** By `cardKey`: a card that several payments of a batch keep is kept once. */
  readonly #keptCards = new Map<string, KeptCard>();

  constructor(loaded: Loaded) {
    this.#now = loaded.now;
    this.#can = loaded.can;
    this.#attempts = loaded.attempts;
    for (const link of loaded.links) {
      this.#links.set(link.id, link);
      this.#loadedIds.add(`link ${link.id}`);
    }
    for (const card of loaded.cardsOnFile) this.#cardsOnFile.set(cardKey(card), card);
    for (const transaction of loaded.transactions) {
      this.#transactions.set(transaction.id, transaction);
      this.#loadedIds.add(transaction.id);
    }
    for (const operation of loaded.operations) {
      this.#operations.set(operation.id, operation);
      this.#loadedIds.add(`operation ${operation.id}`);
    }
    for (const { phone, holderId, iinHash } of loaded.knownWallets)
      this.#holders.set(phone, { id: holderId, iinHash });
    for (const { phone, ...guesses } of loaded.guesses) this.#guesses.set(phone, guesses);
    for (const { phone, iinHash, ownerId, ...wallet } of loaded.wallets) {
      if (phone !== null && iinHash !== null && ownerId !== null) {
        this.#holders.set(phone, { id: ownerId, iinHash });
      }
      if (wallet.id === null) continue;
      this.#wallets.set(wallet.id, wallet);
      this.#walletOfOwner.set(`${wallet.holderId} ${wallet.currency}`, wallet.id);
    }
    for (const row of loaded.shownAccounts) this.#shownBalances.set(accountKey(row), row.balance);
    for (const row of loaded.accounts) this.#accounts.set(accountKey(row), row);
    for (const row of loaded.merchants) {
      this.#settings.set(row.id, {
        captureMode: row.capture_mode,
        captureDelayMs: row.capture_delay_s * 1_000,
        authorizationTtlMs: row.authorization_ttl_s * 1_000,
        linkCaptureDelayS: row.link_capture_delay_s,
        linkHoldS: row.link_hold_s,
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

  link(id: string): PaymentLink | undefined {
    return this.#links.get(id);
  }

  attemptOf({ attemptId }: PaymentLink): Attempt {
    if (attemptId === null) return 'over';
    const here = this.#transactions.get(attemptId);
    return here === undefined ? found(this.#attempts.get(attemptId)) : attemptOf(here);
  }

  cardOnFile(customerId: string, cardTokenId: string): CardOnFile | undefined {
    return this.#cardsOnFile.get(cardKey({ customerId, cardTokenId }));
  }

  walletOf(transaction: Transaction): Wallet {
    return found(this.#wallets.get(transaction.walletId ?? ''));
  }

  wallet(id: string): Wallet | undefined {
    return this.#wallets.get(id);
  }

  /**
   * The same look-ups, whether the holder is unknown, or phone and IIN do not belong together, or so many pairs
   * were wrong that none is right now.
   */
  lookUpWallet(phone: string, iinHashes: readonly string[], currency: string): WalletLookup {
    const holder = this.#holders.get(phone);
    const locked = isLocked(this.#guesses.get(phone) ?? NO_GUESSES, this.#now);
    if (holder === undefined || !iinHashes.includes(holder.iinHash) || locked)
      return { failure: 'customer_not_found' };
    const wallet = this.#wallets.get(this.#walletOfOwner.get(`${holder.id} ${currency}`) ?? '');
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
    return found(this.#accounts.get(accountKey({ kind: 'merchant', ownerId: merchantId, currency }))).balance;
  }

  /** The balance that a transaction's merchant has, for an answer; null when it was not loaded. */
  knownBalanceOf({ merchantId, currency }: Transaction): Minor | null {
    const key = accountKey({ kind: 'merchant', ownerId: merchantId, currency });
    return this.#accounts.get(key)?.balance ?? this.#shownBalances.get(key) ?? null;
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

  /**
   * Takes a decision over.
   * @param traceparent of the command, where that is traced
   * @throws Error when it would break an invariant: a bug, and the batch fails
   */
  apply(decision: Decision, traceparent?: string): void {
    // What was held is available again before it is paid.
    for (const hold of decision.holds) this.#hold(hold);
    for (const posting of decision.postings) this.#post(posting);
    for (const transaction of decision.transactions) {
      assertAmounts(transaction);
      this.#transactions.set(transaction.id, transaction);
      this.#changedTransactions.add(transaction.id);
    }
    this.#events.push(...decision.events);
    if (traceparent !== undefined) this.#noteTrace(decision, traceparent);
    this.#transfers.push(...decision.transfers);
    this.#answers.push(...decision.answers);
    this.#linkEvents.push(...decision.linkEvents);
    for (const card of decision.keptCards) this.#keepCard(card);
    for (const link of decision.links) {
      this.#links.set(link.id, link);
      this.#changedLinks.add(link.id);
    }
    for (const operation of decision.operations) {
      this.#operations.set(operation.id, operation);
      this.#changedOperations.add(operation.id);
    }
  }

  #noteTrace({ events, linkEvents }: Decision, traceparent: string): void {
    for (const { transactionId, seq } of events) this.#eventTraces.push({ transactionId, seq, traceparent });
    for (const { linkId, seq } of linkEvents)
      this.#eventTraces.push({ transactionId: linkId, seq, traceparent });
  }

  /** Transactions that are new or changed. */
  changedTransactions(): Transaction[] {
    return [...this.#changedTransactions].map((id) => found(this.#transactions.get(id)));
  }

  /** Everything that the batch has to write. */
  changes(): Changes {
    const changed = this.changedTransactions();
    const operations = [...this.#changedOperations].map((id) => found(this.#operations.get(id)));
    const isLoaded = ({ id }: BankOperation): boolean => this.#loadedIds.has(`operation ${id}`);
    const links = [...this.#changedLinks].map((id) => found(this.#links.get(id)));
    const isLoadedLink = ({ id }: PaymentLink): boolean => this.#loadedIds.has(`link ${id}`);
    return {
      newOperations: operations.filter((operation) => !isLoaded(operation)),
      changedOperations: operations.filter(isLoaded),
      answers: this.#answers,
      newLinks: links.filter((link) => !isLoadedLink(link)),
      changedLinks: links.filter(isLoadedLink),
      linkEvents: this.#linkEvents,
      keptCards: [...this.#keptCards.values()],
      newTransactions: changed.filter((transaction) => !this.#loadedIds.has(transaction.id)),
      changedTransactions: changed.filter((transaction) => this.#loadedIds.has(transaction.id)),
      events: this.#events,
      eventTraces: this.#eventTraces,
      postings: this.#postings,
      transfers: this.#transfers,
      wrongPairs: [...this.#wrongPairs].map(([phone, count]) => {
        const { lockedUntil } = this.#guesses.get(phone) ?? NO_GUESSES;
        return { phone, count, at: this.#now, lockedUntil };
      }),
      movedAccounts: [
        ...[...this.#changedWallets].map((id) => movedAccountOf(found(this.#wallets.get(id)))),
        ...[...this.#changedAccounts].map((key) => found(this.#accounts.get(key))),
      ],
      deltas: [...this.#deltas.values()],
    };
  }

  /** A consent that says more is not replaced by one that says less. */
  #keepCard(card: KeptCard): void {
    const key = cardKey(card);
    const before = this.#keptCards.get(key);
    if (before?.merchantMayCharge !== true || card.merchantMayCharge) this.#keptCards.set(key, card);
  }

  #hold({ walletId, change }: Hold): void {
    const wallet = found(this.#wallets.get(walletId));
    this.#setWallet({ ...wallet, available: wallet.available - change, held: wallet.held + change });
  }

  #post(posting: Posting): void {
    const { operationId, seq, code, from, to, currency, amount } = posting;
    if (amount <= 0n) throw new Error(`posting ${operationId}/${seq} moves nothing`);
    if (!mayTake(from.kind, code) || !mayTake(to.kind, code))
      throw new Error(`a ${code} does not go from ${from.kind} to ${to.kind}`);
    const fromEnd = this.#move(from, currency, -amount);
    const toEnd = this.#move(to, currency, amount);
    this.#postings.push({ ...posting, fromEnd, toEnd });
  }

  #move(account: Account, currency: string, delta: Minor): PostedEnd {
    if (account.kind === 'wallet') return this.#moveWallet(account.walletId, currency, delta);
    const { kind, ownerId } = account;
    const key = accountKey({ kind, ownerId, currency });
    if (isLockedKind(kind)) {
      const row = found(this.#accounts.get(key));
      const balance = row.balance + delta;
      if (balance < row.held && !ACCOUNT_KINDS[kind].mayBeNegative)
        throw new Error(`${kind} ${ownerId} would have ${balance} ${currency}, of it ${row.held} held`);
      const number = row.postingCount + 1n;
      this.#accounts.set(key, { ...row, balance, postingCount: number });
      this.#changedAccounts.add(key);
      return { accountId: row.id, number, balance };
    }
    const accountId = accountIdOf(kind, ownerId, currency);
    const before = this.#deltas.get(key)?.delta ?? 0n;
    this.#deltas.set(key, { id: accountId, kind, ownerId, currency, delta: before + delta });
    return { accountId, number: null, balance: null };
  }

  #moveWallet(id: string, currency: string, delta: Minor): PostedEnd {
    const wallet = found(this.#wallets.get(id));
    if (wallet.currency !== currency) throw new Error(`wallet ${id} is not in ${currency}`);
    const number = wallet.postingCount + 1n;
    const available = wallet.available + delta;
    this.#setWallet({ ...wallet, available, postingCount: number });
    return { accountId: id, number, balance: available + wallet.held };
  }

  #setWallet(wallet: Counted<Wallet>): void {
    const { id, available, held } = wallet;
    if (available < 0n || held < 0n)
      throw new Error(`wallet ${id} would have ${available} available and ${held} held`);
    this.#wallets.set(id, wallet);
    this.#changedWallets.add(id);
  }
}

/** What an account that is not a wallet is found by. */
function accountKey({ kind, ownerId, currency }: Pick<AccountRow, 'kind' | 'ownerId' | 'currency'>): string {
  return `${kind} ${ownerId} ${currency}`;
}

function cardKey({ customerId, cardTokenId }: Pick<CardOnFile, 'customerId' | 'cardTokenId'>): string {
  return `${customerId} ${cardTokenId}`;
}

function movedAccountOf({ id, available, held, postingCount }: Counted<Wallet>): MovedAccount {
  return { id, balance: available + held, held, postingCount };
}

/** With the number of its last posting. */
type Counted<T> = T & { readonly postingCount: bigint };

export interface Changes {
  readonly newOperations: readonly BankOperation[];
  readonly changedOperations: readonly BankOperation[];
  readonly answers: readonly LateAnswer[];
  readonly newLinks: readonly PaymentLink[];
  readonly changedLinks: readonly PaymentLink[];
  readonly linkEvents: readonly LinkEvent[];
  readonly keptCards: readonly KeptCard[];
  readonly newTransactions: readonly Transaction[];
  readonly changedTransactions: readonly Transaction[];
  readonly events: readonly TransactionEvent[];
  /** Of the commands that are traced. */
  readonly eventTraces: readonly EventTrace[];
  readonly postings: readonly PostingRow[];
  readonly transfers: readonly WalletTransfer[];
  readonly wrongPairs: readonly WrongPair[];
  /** Locked accounts, wallets among them. */
  readonly movedAccounts: readonly MovedAccount[];
  readonly deltas: readonly AccountDelta[];
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
