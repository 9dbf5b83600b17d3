/**
 * One batch is one database transaction: claim the idempotency keys, load and lock what may change,
 * decide each command in order, save, commit. Callers hear only after the commit.
 */

import { type AuditActor, type AuditEntry, auditChangeOf } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import type { AnswerKey, Authorize, Command, LateAnswer, Outcome, Sender } from '../core/command.ts';
import { decide, iinHashesOf } from '../core/decide.ts';
import type { Can } from '../core/effects.ts';
import { REFUSALS } from '../core/reasons.ts';
import { covers, type Scope } from '../core/scopes.ts';
import { type BankOperation, linkIdOf, type Minor, type Transaction } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import { newId } from '../installation/newId.ts';
import { type Client, rollback, type StatementRunner } from '../postgres/pool.ts';
import { inOneRoundTrip } from '../postgres/roundTrip.ts';
import * as sql from './batchSql.ts';
import { BatchState, type Loaded } from './batchState.ts';
import * as cardsSql from './cardsOnFileSql.ts';
import { rowsOf } from './eventRows.ts';
import { insertEventTraces } from './eventTracesSql.ts';
import { gateErrorOf } from './gateSql.ts';
import { type Answer, type Fingerprints, standingOf } from './idempotency.ts';
import * as linksSql from './linksSql.ts';
import type { KnownPayment, KnownWallet, Memory } from './memory.ts';

/** Operators' idempotency keys are one namespace, apart from every merchant's. */
export const OPERATOR_SCOPE = '00000000-0000-0000-0000-000000000000';

/** A command, and who sends it. */
export interface Call {
  readonly command: Command;
  readonly sender: Sender;
  /** Null: the program itself asks, and of what it hears nothing is kept. */
  readonly once: Once | null;
  /** Who does it, where the audit log is to tell of it. */
  readonly audited?: AuditActor | undefined;
}

/** What callers who may come again are answered: the same, under the same key. */
export interface Once extends Fingerprints {
  /** The key's row is read again by the batch, so that a revocation works at once. Null: not by API key. */
  readonly apiKeyId: string | null;
  /** What the key must be able to do; default: `write`. */
  readonly scope?: Scope;
  /** Idempotency keys of one scope (a merchant, or all operators) are one namespace. */
  readonly scopeId: string;
  /** The Idempotency-Key. Null: the caller gave none, and a command that is tried again has its effect once all the same. */
  readonly key: string | null;
  /** @param balance the merchant's balance after the command, where it was loaded */
  readonly render: (outcome: Outcome, balance: Minor | null) => Answer;
  /**
   * What will be answered if all goes as usual, so that it can be stored with the claim; null: that is not known.
   * @param known the payment that it is about, where that is remembered
   */
  readonly usual: ((known: KnownPayment | null) => Answer | null) | null;
}

/** A call on its way through a batch. */
export interface Request extends Call {
  /** The Idempotency-Key; what stands in for a missing one is made by the engine, and never shown. */
  readonly id: string;
  /** Of a command that is traced, what its events are to be known by. */
  readonly traceparent?: string;
}

/** What became of one request of a batch. */
export type Settled =
  | {
      readonly kind: 'answered';
      readonly answer: Answer;
      readonly replayed: boolean;
      /** Null: of an earlier request. */
      readonly outcome: Outcome | null;
    }
  /** The bank has been asked; the response will be stored under the key with its answer. */
  | {
      readonly kind: 'pending';
      readonly answerKey: AnswerKey;
      readonly replayed: boolean;
      /** What the bank is asked. */
      readonly operationId?: string;
    }
  /** The program's own command. */
  | { readonly kind: 'done'; readonly outcome: Outcome }
  /** The same key was used for another request before. */
  | { readonly kind: 'key_reused' }
  /** Not decided in this batch: try again in another. */
  | { readonly kind: 'again' };

/** What a committed batch has left to do outside its transaction. */
export interface BatchResult {
  readonly settled: readonly Settled[];
  readonly effects: BatchEffects;
}

export interface BatchEffects {
  /** Questions for the bank, recorded and not asked yet. */
  readonly newOperations: readonly BankOperation[];
  /** Responses that were stored for callers who wait for them. */
  readonly answered: readonly AnswerKey[];
  /** Whether there is anything for the readers of events. */
  readonly hasEvents: boolean;
}

/** The response to a command whose operation the bank has answered. */
export type AnswerLate = (late: LateAnswer, balance: Minor | null) => Answer;

/** The Idempotency-Key, or the request's own id behind a character that no header can hold. */
function keyOf({ once, id }: Request): string {
  return once?.key ?? `\u00b7${id}`;
}

/** Requests of one batch by what they must not have in common; of those that do, the first is carried out for all. */
interface Leaders {
  readonly byKey: ReadonlyMap<string, Request>;
  /** Of each request of the batch. */
  readonly leaderOf: readonly Request[];
}

function leadersOf(requests: readonly Request[]): Leaders {
  const byKey = new Map<string, Request>();
  const leaderOf = requests.map((request) => {
    const name = nameOf(request.once?.scopeId ?? '', keyOf(request));
    const leader = byKey.get(name);
    if (leader === undefined) byKey.set(name, request);
    return leader ?? request;
  });
  return { byKey, leaderOf };
}

function nameOf(scopeId: string, key: string): string {
  return `${scopeId} ${key}`;
}

/** A request whose answer is kept under a key. */
interface Claiming extends Request {
  readonly once: Once;
}

function isOnce(request: Request): request is Claiming {
  return request.once !== null;
}

function mustClaim(request: Request, retry: boolean): request is Claiming {
  return isOnce(request) && (retry || request.once.key !== null);
}

/** Where the answer goes; null: nobody waits for it. */
function answerKeyOf(request: Request): AnswerKey | null {
  return request.once === null ? null : { scopeId: request.once.scopeId, key: keyOf(request) };
}

/** What the engine decided is remembered under its key; what it did not decide is not. */
function isRemembered(outcome: Outcome): boolean {
  return outcome.kind !== 'refused' || REFUSALS[outcome.refusal].isRemembered;
}

/** How a batch is executed. */
export interface Attempt extends sql.BatchOptions {
  /** An earlier attempt may have committed: claim internal ids first, too. */
  readonly retry: boolean;
  readonly can: Can;
  readonly memory: Memory;
}

/**
 * Executes requests in one transaction.
 * @throws whatever the database reports; then nothing was committed, or the commit's fate is unknown
 */
export async function runBatch(
  client: Client,
  requests: readonly Request[],
  answerLate: AnswerLate,
  { retry, can, memory, ...options }: Attempt,
): Promise<BatchResult> {
  const { byKey, leaderOf } = leadersOf(requests);
  const candidates = [...byKey.values()];
  const toClaim = candidates.filter((request): request is Claiming => mustClaim(request, retry));
  const claims = new Map(toClaim.map((request) => [request, claimOf(request, memory)]));
  const needs = needsOf(candidates, memory);
  const read = await beginWith(client, { byKey, claims, needs, options }, memory);
  const { claimed, apiKeys, now, sharesEventRows } = read;
  const found = await withMovedWallets(client, read, memory);
  const { wallets } = found;
  const state = await stateOf(client, found, can);
  const replies = await readReplies(client, toClaim, claimed, byKey);

  const settled = new Map<Request, Settled>();
  const keys = new KeyChanges(claimed, claims);
  const audited: AuditEntry[] = [];
  for (const request of candidates) {
    if (mustClaim(request, retry) && !claimed.has(request)) {
      settled.set(request, replay(request, replies.get(request)));
      continue;
    }
    const before = paymentOf(state, request);
    const outcome =
      refusalOfKey(request, apiKeys) ?? refusalWithoutKey(request, state) ?? carryOut(state, request, now);
    settled.set(request, settleOutcome(request, outcome, state, keys));
    audited.push(...auditEntriesOf(request, outcome, before));
  }
  const effects = await inOneRoundTrip(client, (db) =>
    save(db, state, keys, { answerLate, audited, sharesEventRows }),
  );
  noteLookUps(memory, candidates, settled, wallets);
  memory.notePayments(state.changedTransactions());
  const answers = requests.map((request, i) => settle(request, leaderOf[i] ?? request, settled, replies));
  return { settled: answers, effects };
}

/** Remembers wallets of pairs that were right, and forgets those of pairs that were not, or were taken for it. */
function noteLookUps(
  memory: Memory,
  requests: readonly Request[],
  settled: ReadonlyMap<Request, Settled>,
  wallets: readonly sql.WalletRow[],
): void {
  const found = new Map(wallets.filter(({ phone }) => phone !== null).map((row) => [row.id, row]));
  for (const request of requests) {
    const { command } = request;
    if (command.kind !== 'authorize') continue;
    const now = settled.get(request);
    const outcome = now?.kind === 'answered' || now?.kind === 'done' ? now.outcome : null;
    if (outcome?.kind !== 'transaction') continue;
    const row = found.get(outcome.transaction.walletId);
    if (row !== undefined && row.id !== null) memory.noteWallet(row);
    else if (isNotFound(outcome)) memory.forgetWallet(command.phone, command.currency);
  }
}

/** The payment that a request is about, where it is there already. */
function paymentOf(state: BatchState, { command }: Request): Transaction | undefined {
  return 'transactionId' in command ? state.transaction(command.transactionId) : undefined;
}

/** What the audit log is told of a request: nothing of one that was refused, since nothing was done. */
function auditEntriesOf(
  { audited: actor, command, sender }: Request,
  outcome: Outcome,
  before: Transaction | undefined,
): AuditEntry[] {
  const change = actor === undefined ? null : auditChangeOf(command, outcome, before);
  if (actor === undefined || change === null) return [];
  return [{ ...change, actor, merchantId: sender.merchantId ?? change.merchantId ?? null }];
}

function settleOutcome(request: Request, outcome: Outcome, state: BatchState, keys: KeyChanges): Settled {
  if (!isOnce(request)) return { kind: 'done', outcome };
  const { once } = request;
  if (outcome.kind === 'pending') {
    const { id: operationId } = outcome.operation;
    keys.add(request, { id: operationId, seq: 0 }, null);
    const answerKey = { scopeId: once.scopeId, key: keyOf(request) };
    return { kind: 'pending', answerKey, replayed: false, operationId };
  }
  const balance = outcome.kind === 'transaction' ? state.knownBalanceOf(outcome.transaction) : null;
  const answer = once.render(outcome, balance);
  if (isRemembered(outcome)) keys.add(request, effectOf(outcome), answer);
  else keys.release(request);
  return { kind: 'answered', answer, replayed: false, outcome };
}

const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };

export interface DueResult {
  /** How many transactions were looked at. */
  readonly count: number;
  readonly effects: BatchEffects;
}

/** Begins a batch with what has fallen due. */
async function lockDue<T>(
  client: Client,
  gated: boolean,
  lock: (db: StatementRunner) => Promise<T>,
): Promise<T> {
  return inOneRoundTrip(client, async (db) => {
    const begun = sql.beginBatch(db, { apart: false, gated });
    const [locked] = await Promise.all([lock(db), begun]);
    return locked;
  }).catch((error: unknown) => {
    throw gated ? gateErrorOf(error) : error;
  });
}

/** Does what has fallen due, at most `limit` transactions. */
export async function runDueBatch(
  client: Client,
  limit: number,
  answerLate: AnswerLate,
  gated: boolean,
  can: Can,
): Promise<DueResult> {
  const transactions = await lockDue(client, gated, (db) => sql.lockDueTransactions(db, limit));
  const { payments, links } = await withLinks(client, transactions);
  const paymentIds = payments.map((payment) => payment.id);
  const needs = { ...noNeeds(), paymentIds, walletOfIds: paymentIds, anybodysIds: paymentIds };
  for (const id of paymentIds) addPosting(needs, id, null);
  const read = await inOneRoundTrip(client, (db) => lockAndRead(db, needs, { payments, links }));
  const { now } = read;
  const state = await stateOf(client, read, can);
  for (const transactionId of paymentIds) {
    const command: Command = { kind: 'act_when_due', transactionId, operationId: newId() };
    state.apply(decide(state, command, { sender: ENGINE, answerTo: null, now }));
  }
  const noKeys = new KeyChanges(new Set(), new Map());
  const effects = await inOneRoundTrip(client, (db) =>
    save(db, state, noKeys, { answerLate, audited: [], sharesEventRows: read.sharesEventRows }),
  );
  return { count: paymentIds.length, effects };
}

/**
 * Due payments with the links that they may pay now, locked. A link that somebody else has is not waited for, since
 * payments come behind links: its payment is left for the next time.
 */
async function withLinks(
  client: Client,
  transactions: readonly Transaction[],
): Promise<Pick<Read, 'payments' | 'links'>> {
  const linkOfDelayed = (payment: Transaction) => (payment.awaiting === 'delay' ? linkIdOf(payment) : null);
  const wanted = transactions.map(linkOfDelayed).filter((id) => id !== null);
  if (wanted.length === 0) return { payments: transactions, links: [] };
  const links = await inOneRoundTrip(client, (db) => linksSql.lockFreeLinks(db, wanted));
  const got = new Set<string>(links.map(({ id }) => id));
  const payments = transactions.filter((payment) => {
    const id = linkOfDelayed(payment);
    return id === null || got.has(id);
  });
  return { payments, links };
}

/** Ends links whose time is over, at most `limit`. @returns how many were looked at */
export async function runDueLinks(
  client: Client,
  limit: number,
  answerLate: AnswerLate,
  gated: boolean,
  can: Can,
): Promise<DueResult> {
  const links = await lockDue(client, gated, (db) => linksSql.lockDueLinks(db, limit));
  const needs = { ...noNeeds(), linkIds: links.map(({ id }) => id) };
  const read = await inOneRoundTrip(client, (db) => lockAndRead(db, needs, { payments: [], links }));
  const state = await stateOf(client, read, can);
  for (const { id, kind } of links) {
    const command: Command = { kind: 'end_link_when_due', link: { id, kind } };
    state.apply(decide(state, command, { sender: ENGINE, answerTo: null, now: read.now }));
  }
  const noKeys = new KeyChanges(new Set(), new Map());
  const effects = await inOneRoundTrip(client, (db) =>
    save(db, state, noKeys, { answerLate, audited: [], sharesEventRows: read.sharesEventRows }),
  );
  return { count: links.length, effects };
}

/** What a batch's commands need to have loaded. */
interface Needs {
  readonly merchantIds: string[];
  /** Phone numbers that somebody pays with: how often they were given with a wrong IIN. */
  readonly guessedPhones: string[];
  /** Of these, those whose wallets have to be looked for, and in which currency. */
  readonly phones: string[];
  readonly currencies: string[];
  readonly walletIds: string[];
  /** Wallets among them that are remembered. */
  readonly knownWallets: KnownPayer[];
  /** Payments whose wallets have to be looked for. */
  readonly walletOfIds: TransactionId[];
  readonly paymentIds: TransactionId[];
  /** Payments whose merchant is not known beforehand. */
  readonly anybodysIds: TransactionId[];
  readonly refundIds: TransactionId[];
  readonly operationIds: string[];
  /** Links that are paid by, or changed. */
  readonly linkIds: string[];
  /** Cards that their merchants are to charge alone. */
  readonly cards: cardsSql.CardKey[];
  /** Payments that may succeed, and then pay the link that they are made by. */
  readonly mayPayLinkIds: TransactionId[];
  /** Payments whose command may post to their merchant's balance, and of which merchants: null is anybody's. */
  readonly posters: Map<TransactionId, Set<string | null>>;
  /** Payments whose answer shows their merchant's balance. */
  readonly shownIds: TransactionId[];
}

/** Whose wallet is remembered. */
interface KnownPayer extends KnownWallet {
  readonly phone: string;
  readonly currency: string;
}

function needsOf(requests: readonly Request[], memory: Memory): Needs {
  const needs = noNeeds();
  for (const { command, sender } of requests) addNeeds(needs, command, sender, memory);
  return needs;
}

function noNeeds(): Needs {
  return {
    merchantIds: [],
    guessedPhones: [],
    phones: [],
    currencies: [],
    walletIds: [],
    knownWallets: [],
    walletOfIds: [],
    paymentIds: [],
    anybodysIds: [],
    refundIds: [],
    operationIds: [],
    linkIds: [],
    cards: [],
    mayPayLinkIds: [],
    posters: new Map(),
    shownIds: [],
  };
}

function addNeeds(needs: Needs, command: Command, sender: Sender, memory: Memory): void {
  switch (command.kind) {
    case 'authorize':
      needs.merchantIds.push(command.merchantId);
      addPayer(needs, command, memory);
      if (command.link !== undefined) needs.linkIds.push(command.link.id);
      return;
    case 'pay_by_card': {
      const { customerId, cardTokenId, cardUse } = command;
      needs.merchantIds.push(command.merchantId);
      if (command.link !== undefined) needs.linkIds.push(command.link.id);
      if (cardUse === 'merchant' && customerId !== null && cardTokenId !== null)
        needs.cards.push({ customerId, cardTokenId });
      return;
    }
    case 'create_link':
      return;
    case 'cancel_link':
    case 'extend_link':
    case 'end_link_when_due':
      needs.linkIds.push(command.link.id);
      return;
    case 'deposit':
    case 'withdraw':
      needs.walletIds.push(command.walletId);
      return;
    case 'take_bank_answer':
    case 'give_answer':
    case 'move_to_acquirer':
      needs.operationIds.push(command.operationId);
      needs.paymentIds.push(command.paymentId);
      addWalletOf(needs, command.paymentId, memory);
      needs.anybodysIds.push(command.paymentId);
      if (command.transactionId !== command.paymentId) needs.refundIds.push(command.transactionId);
      if (mayPost(command)) addPosting(needs, command.paymentId, null);
      if (mayAuthorize(command)) needs.mayPayLinkIds.push(command.paymentId);
      needs.shownIds.push(command.paymentId);
      return;
    default:
      needs.paymentIds.push(command.transactionId);
      addWalletOf(needs, command.transactionId, memory);
      if (sender.merchantId === null) needs.anybodysIds.push(command.transactionId);
      else needs.merchantIds.push(sender.merchantId);
      if (mayPost(command)) addPosting(needs, command.transactionId, sender.merchantId);
      if (mayAuthorize(command)) needs.mayPayLinkIds.push(command.transactionId);
      // The wallet API does not show balances.
      if (sender.paymentMethod === null) needs.shownIds.push(command.transactionId);
  }
}

function addPayer(needs: Needs, command: Authorize, memory: Memory): void {
  const { phone, currency } = command;
  needs.guessedPhones.push(phone);
  const known = memory.wallet(phone, currency, iinHashesOf(command));
  if (known !== null) {
    needs.walletIds.push(known.id);
    needs.knownWallets.push({ ...known, phone, currency });
  } else {
    needs.phones.push(phone);
    needs.currencies.push(currency);
  }
}

function addWalletOf(needs: Needs, id: TransactionId, memory: Memory): void {
  const known = memory.payment(id);
  if (known === null) needs.walletOfIds.push(id);
  else needs.walletIds.push(known.walletId);
}

function addPosting({ posters }: Needs, id: TransactionId, merchantId: string | null): void {
  posters.set(id, (posters.get(id) ?? new Set()).add(merchantId));
}

/** Authorizations and cancels do not post to the merchant's balance, so they never lock it. */
function mayPost(command: Command): boolean {
  if (command.kind === 'take_bank_answer') {
    return command.operationKind === 'capture' || command.operationKind === 'refund';
  }
  return command.kind === 'capture' || command.kind === 'refund' || command.kind === 'act_when_due';
}

/** Whether a payment that there is may succeed by it; not when it is due: that is known once it has been read. */
function mayAuthorize(command: Command): boolean {
  if (command.kind === 'take_bank_answer')
    return command.operationKind === 'authorize' || command.operationKind === 'complete';
  return command.kind === 'confirm';
}

/** What was read for a batch, with every row locked that it may change. */
interface Read extends Omit<Loaded, 'transactions' | 'can'>, sql.Now {
  readonly needs: Needs;
  readonly payments: readonly Transaction[];
  readonly refunds: readonly Transaction[];
}

interface ClaimedAndRead extends Read {
  /** Those whose keys were new. */
  readonly claimed: ReadonlySet<Request>;
  readonly apiKeys: ReadonlyMap<string, sql.KeyRow>;
}

/** What a batch begins with. */
interface Beginning {
  readonly byKey: Leaders['byKey'];
  readonly claims: ReadonlyMap<Claiming, sql.Claim>;
  readonly needs: Needs;
  readonly options: sql.BatchOptions;
}

/**
 * Begins, claims, locks and loads, in one round trip. Nearly every key is new, and inserted as such: the look for another one
 * that ON CONFLICT begins with is a twentieth of an authorization. Where one comes again after all, the batch begins anew with that.
 */
async function beginWith(client: Client, beginning: Beginning, memory: Memory): Promise<ClaimedAndRead> {
  const { claims, options } = beginning;
  const attempt = (keysAreNew: boolean): Promise<ClaimedAndRead> =>
    inOneRoundTrip(client, (db) => claimAndRead(db, beginning, keysAreNew)).catch((error: unknown) => {
      throw options.gated ? gateErrorOf(error) : error;
    });
  if (!memory.expectsRepeats(performance.now())) {
    try {
      return await attempt(true);
    } catch (error) {
      if (!sql.isKeyTaken(error)) throw error;
      // At once: should the session be lost now, the next attempt must not begin in the same way.
      memory.noteRepeat(performance.now());
      await rollback(client);
    }
  }
  const read = await attempt(false);
  if (read.claimed.size < claims.size) memory.noteRepeat(performance.now());
  return read;
}

async function claimAndRead(
  db: StatementRunner,
  { byKey, claims, needs, options }: Beginning,
  keysAreNew: boolean,
): Promise<ClaimedAndRead> {
  const apiKeyIds = new Set<string>();
  for (const { once } of byKey.values())
    if (once !== null && once.apiKeyId !== null) apiKeyIds.add(once.apiKeyId);
  const [, claimed, apiKeys, rows] = await Promise.all([
    sql.beginBatch(db, options),
    claimKeys(db, byKey, claims, keysAreNew),
    apiKeyIds.size > 0 ? sql.readApiKeys(db, [...apiKeyIds]) : [],
    lockAndRead(db, needs, null),
  ]);
  return {
    ...rows,
    claimed,
    apiKeys: new Map(apiKeys.map((row) => [row.id, row])),
  };
}

/** @returns those whose keys were new @throws DatabaseError when all must be, and one is not (`isKeyTaken`) */
async function claimKeys(
  db: StatementRunner,
  byKey: Leaders['byKey'],
  claims: Beginning['claims'],
  keysAreNew: boolean,
): Promise<ReadonlySet<Request>> {
  if (claims.size === 0) return new Set();
  const rows = [...claims.values()];
  if (!keysAreNew) {
    const claimed = await sql.claimKeys(db, rows);
    return new Set(claimed.map((row) => requestOf(byKey, row.scope_id, row.key)));
  }
  await sql.insertKeys(db, rows);
  return new Set(claims.keys());
}

/** @throws Error when the database tells of a key that nobody has asked about */
function requestOf(byKey: Leaders['byKey'], scopeId: string, key: string): Request {
  const request = byKey.get(nameOf(scopeId, key));
  if (request === undefined) throw new Error('the database named another key');
  return request;
}

/** In the order in which every transaction locks. `locked`: payments locked already, with the links that they may pay. */
async function lockAndRead(
  db: StatementRunner,
  needs: Needs,
  locked: Pick<Read, 'payments' | 'links'> | null,
): Promise<Read> {
  const { merchantIds, guessedPhones, walletIds, paymentIds, refundIds, operationIds } = needs;
  const { anybodysIds, shownIds, linkIds, mayPayLinkIds, cards } = needs;
  const postingIds = [...needs.posters.keys()];
  const [
    links,
    attempts,
    cardsOnFile,
    payments,
    refunds,
    operations,
    merchants,
    wallets,
    guesses,
    accounts,
    shownAccounts,
    time,
  ] = await Promise.all([
    locked?.links ??
      (linkIds.length + mayPayLinkIds.length > 0 ? linksSql.lockLinks(db, linkIds, mayPayLinkIds) : []),
    linkIds.length > 0 ? linksSql.readAttempts(db, linkIds) : NO_ATTEMPTS,
    cards.length > 0 ? lockCards(db, cards) : [],
    locked?.payments ?? (paymentIds.length > 0 ? sql.lockTransactions(db, paymentIds) : []),
    refundIds.length > 0 ? sql.lockTransactions(db, refundIds) : [],
    operationIds.length > 0 ? sql.lockOperations(db, operationIds) : [],
    merchantIds.length + anybodysIds.length > 0
      ? sql.readMerchants(db, [...new Set(merchantIds)], anybodysIds)
      : [],
    lockWallets(db, needs, walletIds),
    guessedPhones.length > 0 ? sql.readGuesses(db, guessedPhones) : [],
    postingIds.length > 0 ? sql.lockMerchantAccounts(db, postingIds) : [],
    shownIds.length > 0 ? sql.readMerchantAccounts(db, shownIds) : [],
    sql.readNow(db),
  ]);
  const read = { cardsOnFile, payments, refunds, operations, merchants, accounts, shownAccounts };
  return { needs, links, attempts, ...read, wallets, guesses, knownWallets: needs.knownWallets, ...time };
}

/** One statement, so that wallets are locked in one order however they are found. */
async function lockWallets(
  db: StatementRunner,
  { phones, currencies, walletOfIds }: Needs,
  walletIds: readonly string[],
): Promise<readonly sql.WalletRow[]> {
  if (phones.length + walletOfIds.length > 0)
    return sql.findAndLockWallets(db, { phones, currencies, transactionIds: walletOfIds, walletIds });
  return walletIds.length > 0 ? sql.lockWallets(db, walletIds) : [];
}

async function lockCards(
  db: StatementRunner,
  keys: readonly cardsSql.CardKey[],
): Promise<Read['cardsOnFile']> {
  const customerIds = keys.map(({ customerId }) => customerId);
  const [, cards] = await Promise.all([
    cardsSql.lockCustomers(db, customerIds),
    cardsSql.readCardsOnFile(db, keys),
  ]);
  return cards;
}

const NO_ATTEMPTS: Read['attempts'] = new Map();

/**
 * A wallet that is not where it was (a sandbox was reset) is looked for as if it had never been known. It is then locked behind
 * merchants' accounts: should two batches that do so wait for each other, PostgreSQL ends one, which is tried again.
 */
async function withMovedWallets<T extends Read>(client: Client, read: T, memory: Memory): Promise<T> {
  const { knownWallets } = read.needs;
  if (knownWallets.length === 0) return read;
  const found = new Set(read.wallets.map(({ id }) => id));
  const moved = knownWallets.filter(({ id }) => !found.has(id));
  if (moved.length === 0) return read;
  for (const { phone, currency } of moved) memory.forgetWallet(phone, currency);
  const wallets = await sql.findAndLockWallets(client, {
    phones: moved.map(({ phone }) => phone),
    currencies: moved.map(({ currency }) => currency),
    ...{ transactionIds: [], walletIds: [] },
  });
  const stillKnown = knownWallets.filter(({ id }) => found.has(id));
  return { ...read, wallets: [...read.wallets, ...wallets], knownWallets: stillKnown };
}

async function stateOf(client: Client, read: Read, can: Can): Promise<BatchState> {
  const { payments, refunds, delayMs } = read;
  if (delayMs > 0) await sql.sleep(client, delayMs);
  const accounts = await withNewAccounts(client, read);
  return new BatchState({ ...read, can, transactions: [...payments, ...refunds], accounts });
}

/** A merchant's first payment in a currency makes their account, which is then locked like the others. */
async function withNewAccounts(
  client: Client,
  { needs: { posters }, payments, accounts: known }: Read,
): Promise<readonly sql.AccountRow[]> {
  if (posters.size === 0) return known;
  const keys = new Set(known.map(({ ownerId, currency }) => `${ownerId} ${currency}`));
  // A command that names another merchant's payment is refused, and makes nothing of theirs.
  const isOwn = ({ id, merchantId }: Transaction): boolean =>
    posters.get(id)?.has(null) === true || posters.get(id)?.has(merchantId) === true;
  const isNew = (t: Transaction): boolean => isOwn(t) && !keys.has(`${t.merchantId} ${t.currency}`);
  const newIds = payments.filter(isNew).map(({ id }) => id);
  if (newIds.length === 0) return known;
  return inOneRoundTrip(client, async (db) => {
    const [, accounts] = await Promise.all([
      sql.ensureMerchantAccounts(db, newIds),
      sql.lockMerchantAccounts(db, [...posters.keys()]),
    ]);
    return accounts;
  });
}

function claimOf(request: Claiming, memory: Memory): sql.Claim {
  const { once, command } = request;
  const { scopeId, fingerprint } = once;
  const payment = 'transactionId' in command ? memory.payment(command.transactionId) : null;
  // What is another merchant's is not spoken of.
  const known = payment?.merchantId === request.sender.merchantId ? payment : null;
  const usual = once.usual === null ? null : once.usual(known);
  const effect = usual === null ? null : usualEffectOf(command, known);
  return {
    scopeId,
    key: keyOf(request),
    fingerprint,
    effectId: effect?.id ?? null,
    effectSeq: effect?.seq ?? null,
    statusCode: usual?.statusCode ?? null,
    response: usual?.body ?? null,
  };
}

/** What carries the effect of a command if all goes as usual: of an authorization, the event after `created`. */
function usualEffectOf(command: Command, known: KnownPayment | null): Effect {
  if (command.kind === 'authorize') return { id: command.transactionId, seq: 2 };
  if (known === null) throw new Error(`nobody knows what a ${command.kind} will come to`);
  return { id: known.id, seq: known.eventCount + 1 };
}

async function readReplies(
  client: Client,
  toClaim: readonly Claiming[],
  claimed: ReadonlySet<Request>,
  byKey: Leaders['byKey'],
): Promise<ReadonlyMap<Request, sql.StoredResponse>> {
  if (claimed.size === toClaim.length) return new Map();
  const others = toClaim.filter((request) => !claimed.has(request));
  const rows = await sql.readResponses(
    client,
    others.map((request) => ({ scopeId: request.once.scopeId, key: keyOf(request) })),
  );
  return new Map(rows.map((row) => [requestOf(byKey, row.scopeId, row.key), row]));
}

function replay(request: Request, stored: sql.StoredResponse | undefined): Settled {
  const { once } = request;
  if (stored === undefined || once === null) return { kind: 'again' };
  const standing = standingOf(stored, once);
  const replayed = once.key !== null;
  switch (standing.kind) {
    case 'key_reused':
      return standing;
    case 'pending':
      return { kind: 'pending', answerKey: { scopeId: once.scopeId, key: keyOf(request) }, replayed };
    case 'answered':
      return { ...standing, replayed, outcome: null };
  }
}

function refusalOfKey({ once }: Request, apiKeys: ReadonlyMap<string, sql.KeyRow>): Outcome | null {
  if (once === null || once.apiKeyId === null) return null;
  const key = apiKeys.get(once.apiKeyId);
  if (key === undefined || !key.live) return { kind: 'refused', refusal: 'invalid_api_key' };
  return covers(key.scopes, once.scope ?? 'write')
    ? null
    : { kind: 'refused', refusal: 'insufficient_scope' };
}

/** Authorizations have a key in any case; customers and the engine are nobody's program. */
function refusalWithoutKey({ command, sender, once }: Request, state: BatchState): Outcome | null {
  const { kind } = command;
  if (once === null || once.key !== null || sender.merchantId === null) return null;
  if (kind !== 'capture' && kind !== 'cancel' && kind !== 'refund') return null;
  return state.requiresKey(sender.merchantId)
    ? { kind: 'refused', refusal: 'missing_idempotency_key' }
    : null;
}

function carryOut(state: BatchState, request: Request, now: number): Outcome {
  const { command, sender, traceparent } = request;
  const decision = decide(state, command, { sender, answerTo: answerKeyOf(request), now });
  state.apply(decision, traceparent);
  const { outcome } = decision;
  if (command.kind === 'authorize' && isNotFound(outcome))
    state.countWrongPair(command.phone, command.iinHash !== null);
  return outcome;
}

/** Whether a payment failed because its phone number and IIN are no wallet holder's. */
function isNotFound(outcome: Outcome): boolean {
  return outcome.kind === 'transaction' && outcome.transaction.statusReason === 'customer_not_found';
}

/** Gives a request the outcome of the first one with the same key, or of the stored one that is its own. */
function settle(
  request: Request,
  leader: Request,
  settled: ReadonlyMap<Request, Settled>,
  replies: ReadonlyMap<Request, sql.StoredResponse>,
): Settled {
  const outcome = settled.get(leader);
  if (outcome === undefined) throw new Error('a request was not settled');
  const stored = replies.get(leader);
  if (stored !== undefined) return replay(request, stored);
  if (leader === request || outcome.kind === 'again' || outcome.kind === 'key_reused') return outcome;
  if (outcome.kind === 'done') throw new Error('two requests of the program have one id');
  const first = outcome.kind === 'answered' ? outcome.outcome : null;
  if (first !== null && !isRemembered(first)) return { kind: 'again' };
  if (leader.once?.fingerprint !== request.once?.fingerprint) return { kind: 'key_reused' };
  return outcome.kind === 'answered'
    ? { ...outcome, replayed: true, outcome: null }
    : { ...outcome, replayed: true };
}

/** What has to be written to the idempotency keys once all outcomes are known. */
class KeyChanges {
  readonly #claimed: ReadonlySet<Request>;
  readonly #claims: ReadonlyMap<Claiming, sql.Claim>;
  readonly inserts: sql.Claim[] = [];
  readonly updates: sql.Claim[] = [];
  readonly releases: AnswerKey[] = [];

  /** @param claims what was claimed, or tried to be, of each request */
  constructor(claimed: ReadonlySet<Request>, claims: ReadonlyMap<Claiming, sql.Claim>) {
    this.#claimed = claimed;
    this.#claims = claims;
  }

  /** @param answer null: it follows with the bank's answer */
  add(request: Claiming, effect: Effect | null, answer: Answer | null): void {
    const { scopeId, fingerprint } = request.once;
    const claim = this.#claims.get(request);
    const final: sql.Claim = {
      ...{ scopeId, fingerprint, key: keyOf(request) },
      effectId: effect?.id ?? null,
      effectSeq: effect?.seq ?? null,
      statusCode: answer?.statusCode ?? null,
      response: answer?.body ?? null,
    };
    if (!this.#claimed.has(request)) this.inserts.push(final);
    else if (claim === undefined || !isSameClaim(claim, final)) this.updates.push(final);
  }

  /** The key is nobody's again. */
  release(request: Claiming): void {
    const { scopeId } = request.once;
    if (this.#claimed.has(request)) this.releases.push({ scopeId, key: keyOf(request) });
  }
}

/** Whether it was claimed with what came of it. */
function isSameClaim(claim: sql.Claim, final: sql.Claim): boolean {
  if (claim.statusCode === null) return false;
  if (claim.statusCode !== final.statusCode || claim.response !== final.response) return false;
  return claim.effectId === final.effectId && claim.effectSeq === final.effectSeq;
}

interface Effect {
  readonly id: string;
  readonly seq: number;
}

function effectOf(outcome: Outcome): Effect | null {
  if (outcome.kind === 'transaction' || outcome.kind === 'link') return outcome.effect;
  return outcome.kind === 'transfer' ? { id: outcome.transfer.id, seq: 0 } : null;
}

/** How a batch is written, besides what it has decided. */
interface Saved extends Pick<sql.Now, 'sharesEventRows'> {
  readonly answerLate: AnswerLate;
  readonly audited: readonly AuditEntry[];
}

/** Writes everything and commits. */
async function save(
  db: StatementRunner,
  state: BatchState,
  keys: KeyChanges,
  { answerLate, audited, sharesEventRows }: Saved,
): Promise<BatchEffects> {
  const changes = state.changes();
  const answers = changes.answers.flatMap((late) => givenResponse(late, state, answerLate));
  const writes: Promise<unknown>[] = [];
  const write = <T>(
    statement: (db: StatementRunner, rows: readonly T[]) => Promise<void>,
    rows: readonly T[],
  ): void => {
    if (rows.length > 0) writes.push(statement(db, rows));
  };
  // Internal ids are unique, so they are written with their outcome. Should this attempt's connection be
  // lost and the command be tried again, one of the two inserts fails and takes its batch with it.
  write(sql.insertKeys, keys.inserts);
  write(sql.updateResponses, keys.updates);
  write(sql.releaseKeys, keys.releases);
  write(sql.giveResponses, answers);
  write(linksSql.insertLinks, changes.newLinks);
  write(linksSql.updateLinks, changes.changedLinks);
  for (const kind of ['wallet', 'told_wallet', 'card'] as const) {
    const isOf = (transaction: Transaction): boolean => sql.insertKindOf(transaction) === kind;
    write(sql.INSERT_TRANSACTIONS[kind], changes.newTransactions.filter(isOf));
  }
  for (const method of ['wallet', 'card'] as const) {
    const isOf = ({ paymentMethod }: Transaction): boolean => paymentMethod === method;
    write(sql.UPDATE_TRANSACTIONS[method], changes.changedTransactions.filter(isOf));
  }
  write(sql.insertOperations, changes.newOperations);
  write(sql.updateOperations, changes.changedOperations);
  write(sql.insertTransfers, changes.transfers);
  write(sql.countWrongPairs, changes.wrongPairs);
  write(cardsSql.keepCards, changes.keptCards);
  write(sql.insertEvents, rowsOf(changes.events, sharesEventRows));
  write(insertEventTraces, changes.eventTraces);
  write(linksSql.insertLinkEvents, changes.linkEvents);
  write(sql.insertPostings, changes.postings);
  write(sql.updateAccounts, changes.movedAccounts);
  write(sql.addToAccounts, changes.deltas);
  write(insertAuditEntries, audited);
  await Promise.all([...writes, sql.commit(db)]);
  const hasEvents = changes.events.length + changes.linkEvents.length > 0;
  return { newOperations: changes.newOperations, answered: answers, hasEvents };
}

/** The response of an earlier command, to be stored under its key. */
function givenResponse(
  late: LateAnswer,
  state: BatchState,
  answerLate: AnswerLate,
): Omit<sql.Claim, 'fingerprint'>[] {
  const { scopeId, key } = late.operation;
  if (scopeId === null || key === null) return [];
  const balance = late.outcome.kind === 'transaction' ? state.knownBalanceOf(late.outcome.transaction) : null;
  const { statusCode, body: response } = answerLate(late, balance);
  const effect = effectOf(late.outcome);
  return [
    { scopeId, key, statusCode, response, effectId: effect?.id ?? null, effectSeq: effect?.seq ?? null },
  ];
}
