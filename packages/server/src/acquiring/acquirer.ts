/**
 * Carries out what the engine asked of the bank, outside every database transaction:
 *
 *   intent committed ──► call the bank ──► its answer, as a command ──► effect and response committed
 *                              └─ unknown ──► wait, inquire, again …   (also by another node, after a crash)
 */
import { setTimeout as pause } from 'node:timers/promises';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Command, Sender } from '../core/command.ts';
import type { BankAnswer, BankOperation } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import type { Engine, Origins } from '../engine/engine.ts';
import { Underway } from '../engine/underway.ts';
import { readClock } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import type { Pool } from '../postgres/pool.ts';
import {
  claimDueOperations,
  findPaymentForBank,
  findPendingOperations,
  hurryOperations,
  listUnanswered,
  type PaymentForBank,
  postponeOperation,
} from './bankOperationsSql.ts';
import type { BankTokens } from './bankTokens.ts';
import {
  type BrowserForBank,
  type CardForBank,
  type CardOnFile,
  type Connector,
  type ConnectorAnswer,
  type Credentials,
  isNotAsked,
  type Notified,
  type Question,
} from './connector.ts';
import { type BankObserver, observeQuestion } from './questions.ts';
import type { AcquirerRegistry } from './registry.ts';

/** What a payment's request said and the database must not hold. */
export interface PayerForBank {
  /** Null: the bank knows the card by its token. */
  readonly card: Extract<CardForBank, { readonly number: string }> | null;
  /** Of a card on file: its security code, as its payer has typed it again. */
  readonly cvc: string | null;
  /** Of a first payment: how often the card is to be charged at most. */
  readonly frequencyDays: number | null;
  readonly browser: BrowserForBank | null;
  /** What the first question is asked with: as it was when the payment was made. */
  readonly credentials: Credentials | null;
  /** Other acquirers that may be asked in place of the payment's, as long as that was asked nothing: best first. */
  readonly otherAcquirerIds: readonly string[];
}

/** What the runner needs to know of acquirers. */
export type KnownAcquirers = Pick<
  AcquirerRegistry,
  | 'can'
  | 'canBeAsked'
  | 'notHere'
  | 'connectorOf'
  | 'credentialsFor'
  | 'credentialsOf'
  | 'noteDown'
  | 'noteUp'
>;

/** What a bank said, or that nobody could find it out. */
type FoundOut = Omit<ConnectorAnswer, 'status'> & Pick<BankAnswer, 'status'>;

export interface AcquirerOptions {
  readonly pool: Pool;
  readonly engine: () => Engine;
  readonly acquirers: KnownAcquirers;
  /** Where the bank sends a payer after 3-D Secure: an address of ours that names the payment. */
  readonly authenticationUrl: (transactionId: string) => string;
  /** Where an acquirer may send word that it has news. */
  readonly notificationUrl: (acquirerId: string) => string;
  /** Keeps the bank's tokens of cards, so that a card can be charged again. */
  readonly bankTokens: BankTokens;
  /** After this an authorization of unknown fate is given up, and reversed at the bank. */
  readonly patienceMs: number;
  readonly observe: BankObserver;
  readonly onError: (error: unknown, operation: BankOperation | null) => void;
}

const POLL_MS = 250;
const CLAIM_LIMIT = 50;
const STOP_LIMIT_MS = 3_000;
/** How much longer than an authorization may take its card is kept: the time that its command may wait. */
const COMMAND_WAIT_MS = 15_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** So soon the node that holds the card may come across what this one cannot repeat. */
const LEFT_MS = 1_000;
/** How much longer than they would wait themselves other nodes get for an authorization that this one cannot ask about. */
export const OTHERS_WAIT_MS = 15_000;

export class Acquirer {
  readonly #options: AcquirerOptions;
  /** Of authorizations that this process is carrying out; gone with their answer. */
  readonly #payers = new Map<string, PayerForBank & { readonly forgetAt: number }>();
  /** Cards that may be forgotten, which the database has not said yet. */
  readonly #unsure = new Set<string>();
  readonly #running = new Underway();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: AcquirerOptions) {
    this.#options = options;
  }

  /**
   * Holds card and browser while `work` sends the authorization's command, and then until the bank has answered it.
   * Who comes again with the same key asks the bank nothing: their card is forgotten at once.
   */
  async withPayer<T>(transactionId: string, payer: PayerForBank, work: () => Promise<T>): Promise<T> {
    const forgetAt = performance.now() + this.#options.patienceMs + COMMAND_WAIT_MS;
    this.#payers.set(transactionId, { ...payer, forgetAt });
    try {
      return await work();
    } finally {
      this.#forgetUnlessAsked(transactionId);
    }
  }

  /** While the database is away nobody knows whether the bank is asked, so that this is found out later; it never fails. */
  #forgetUnlessAsked(transactionId: string): void {
    if (!this.#payers.has(transactionId)) return;
    this.#unsure.add(transactionId);
    this.#running.track(this.#forgetUnsure().catch((error: unknown) => this.#options.onError(error, null)));
  }

  /** Asks about each of them once, however many payments end at the same time: what is due at a bank waits for this. */
  async #forgetUnsure(): Promise<void> {
    const ids = [...this.#unsure];
    if (ids.length === 0) return;
    this.#unsure.clear();
    try {
      const pending = await findPendingOperations(this.#options.pool, ids);
      for (const id of ids) if (!pending.has(id)) this.#payers.delete(id);
    } catch (error) {
      for (const id of ids) this.#unsure.add(id);
      throw error;
    }
  }

  /** How many cards are held in memory now. */
  get cardsHeld(): number {
    return this.#payers.size;
  }

  /** Starts operations that were just committed, each in the trace that it belongs to. */
  begin(operations: readonly BankOperation[], origins: Origins = new Map()): void {
    for (const operation of operations)
      context.with(origins.get(operation.id) ?? ROOT_CONTEXT, () =>
        this.#running.track(this.#attempt(operation)),
      );
  }

  /** Looks after operations of unknown fate, and after callers who have waited long enough. */
  start(): void {
    const tick = (): void => {
      this.#running.track(
        this.poll()
          .catch((error: unknown) => this.#options.onError(error, null))
          .finally(() => {
            if (!this.#stopped) this.#timer = setTimeout(tick, POLL_MS);
          }),
      );
    };
    tick();
    this.#running.track(
      this.#options.bankTokens.sealAll().then(
        () => undefined,
        (error: unknown) => this.#options.onError(error, null),
      ),
    );
  }

  async poll(): Promise<void> {
    const { pool } = this.#options;
    this.#forgetOld();
    await this.#forgetUnsure();
    const passedOver = { acquirerIds: this.#options.acquirers.notHere, untilMs: this.#hopelessMs };
    for (const operation of await claimDueOperations(pool, CLAIM_LIMIT, passedOver))
      this.#running.track(this.#attempt(operation));
    for (const operation of await listUnanswered(pool, CLAIM_LIMIT)) await this.giveAnswer(operation);
  }

  /** Answers the caller of an operation with the state as it is, if it still waits. */
  async giveAnswer({ id: operationId, transactionId, paymentId }: BankOperation): Promise<void> {
    const command: Command = { kind: 'give_answer', operationId, transactionId, paymentId };
    await this.#options.engine().run(command, ENGINE);
  }

  /** An acquirer says that it has news of this: what it was asked is asked about now, and not when its time has come. */
  async hear(acquirerId: string, news: Notified): Promise<void> {
    const { pool, engine } = this.#options;
    const { isAuthenticating } = await hurryOperations(pool, acquirerId, news);
    if (!isAuthenticating) return;
    const transactionId = news.paymentId as TransactionId;
    await engine().run({ kind: 'complete_authentication', transactionId, operationId: newId() }, ENGINE);
  }

  /** Waits until nothing is on its way to the bank, at most this long. */
  async idle(limitMs: number): Promise<void> {
    await Promise.race([this.#running.idle(), pause(limitMs, undefined, { ref: false })]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    // What is not answered by then is taken up by another node, or after the next start.
    await Promise.race([this.#running.idle(), pause(STOP_LIMIT_MS, undefined, { ref: false })]);
  }

  /** What another node has settled, or nobody could. */
  #forgetOld(): void {
    const now = performance.now();
    for (const [id, { forgetAt }] of this.#payers) if (now >= forgetAt) this.#payers.delete(id);
  }

  async #attempt(operation: BankOperation): Promise<void> {
    try {
      const answer = this.#options.acquirers.canBeAsked(operation.acquirerId)
        ? await observeQuestion(operation, this.#options.observe, () => this.#ask(operation))
        : await this.#leaveToOthers(operation);
      if (answer === LEFT) return;
      if (answer !== GIVEN_UP) this.#options.acquirers.noteUp(operation.acquirerId);
      if (answer === null) await this.#leave(operation);
      else await this.#take(operation, answer);
    } catch (error) {
      this.#options.onError(error, operation);
      if (isNotAsked(error)) {
        this.#options.acquirers.noteDown(operation.acquirerId);
        const moved = await this.#move(operation).catch((failure: unknown) => {
          this.#options.onError(failure, operation);
          return null;
        });
        if (moved !== null) return this.#attempt(moved);
      }
      await this.#postpone(operation).catch((failure: unknown) => this.#options.onError(failure, operation));
    }
  }

  /**
   * Sends an authorization on whose acquirer was not there. Only its first attempt, which is this node's alone: what was
   * taken over from another node may have been asked by that.
   * @returns the operation at the next acquirer; null: there is none
   */
  async #move(operation: BankOperation): Promise<BankOperation | null> {
    const { id: operationId, transactionId, paymentId, merchantId, kind, attempts } = operation;
    const payer = this.#payers.get(transactionId);
    const [acquirerId, ...otherAcquirerIds] = payer?.otherAcquirerIds ?? [];
    if (kind !== 'authorize' || attempts > 0 || payer === undefined || acquirerId === undefined) return null;
    const { acquirers } = this.#options;
    const { credentialsId, credentials } = await acquirers.credentialsFor(merchantId, acquirerId);
    this.#payers.set(transactionId, { ...payer, otherAcquirerIds, credentials });
    const ids = { operationId, transactionId, paymentId, acquirerId, credentialsId };
    const command: Command = { kind: 'move_to_acquirer', ...ids };
    const outcome = await this.#options.engine().run(command, ENGINE);
    return outcome.kind === 'pending' ? outcome.operation : null;
  }

  async #postpone(operation: BankOperation): Promise<void> {
    const { id, attempts } = operation;
    const delay = RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)] ?? 0;
    const left = endsByItself(operation) ? await this.#patienceLeft(operation) : delay;
    await postponeOperation(this.#options.pool, id, left > 0 ? Math.min(delay, left) : delay, attempts);
  }

  /** What cannot be asked from here is for other nodes, unless none has settled it in time: nothing stays open for good. */
  async #leaveToOthers(operation: BankOperation): Promise<typeof LEFT | typeof GIVEN_UP> {
    const ageMs = this.#options.patienceMs - (await this.#patienceLeft(operation));
    if (endsByItself(operation) && ageMs >= this.#hopelessMs) return GIVEN_UP;
    await this.#leave(operation);
    return LEFT;
  }

  get #hopelessMs(): number {
    return this.#options.patienceMs + OTHERS_WAIT_MS;
  }

  /** Lets another node try, which counts as no attempt: else those that cannot would use up its time. */
  async #leave({ id, attempts }: BankOperation): Promise<void> {
    await postponeOperation(this.#options.pool, id, LEFT_MS, Math.max(0, attempts - 1));
  }

  /** @returns null when the bank does not know the operation and this node cannot repeat it */
  async #ask(operation: BankOperation): Promise<FoundOut | null> {
    const found = await (endsByItself(operation)
      ? this.#orGiveUp(operation, () => this.#lookUp(operation))
      : this.#lookUp(operation));
    // A bank that cannot be asked from here any more must not keep a payment open for good.
    if (!('connector' in found)) return found;
    const { connector, credentials } = found;
    const question = { ...operation, credentials };
    if (operation.kind === 'authorize') return this.#askAuthorization(connector, operation, question);
    if (operation.kind === 'complete') return this.#orGiveUp(operation, () => connector.complete(question));
    const known = operation.attempts > 0 ? await connector.inquire(question) : null;
    if (known !== null) return known;
    if (operation.kind === 'capture') return connector.capture(question);
    return operation.kind === 'refund' ? connector.refund(question) : connector.reverse(question);
  }

  /** @throws Error when the bank cannot be asked from here, or not yet */
  async #lookUp(operation: BankOperation): Promise<{
    readonly connector: Connector;
    readonly credentials: Credentials | null;
  }> {
    const { acquirers } = this.#options;
    const connector = acquirers.connectorOf(operation.acquirerId);
    // What was read a moment ago, to make the payment, need not be read again for its first question.
    const isFirst = operation.kind === 'authorize' && operation.attempts === 0;
    const payer = isFirst ? this.#payers.get(operation.transactionId) : undefined;
    return { connector, credentials: payer?.credentials ?? (await acquirers.credentialsOf(operation)) };
  }

  async #askAuthorization(
    connector: Connector,
    operation: BankOperation,
    question: Question,
  ): Promise<FoundOut | null> {
    const { pool } = this.#options;
    const inquire = () => this.#orGiveUp(operation, () => connector.inquire(question));
    const known = operation.attempts > 0 ? await inquire() : null;
    if (known !== null) return known;
    const payment = await findPaymentForBank(pool, operation.transactionId);
    if (payment === null) throw new Error(`payment ${operation.transactionId} does not exist`);
    const bankToken = this.#options.bankTokens.open(payment.bankToken);
    const payer = this.#payers.get(operation.transactionId);
    const mayBeAsked = bankToken !== null && (payer !== undefined || !payment.isByLink);
    const token = mayBeAsked ? { token: bankToken, cvc: payer?.cvc ?? null } : null;
    const card = payer?.card ?? token;
    if (await this.#isTooOld(operation)) return GIVEN_UP;
    // Number and security code are in no other place, so what the bank never saw cannot be sent again after a crash.
    if (card === null) return null;
    const returnUrl =
      payment.returnUrl === null ? null : this.#options.authenticationUrl(operation.transactionId);
    const { merchantName, payerIp, orderReference, description } = payment;
    return connector.authorize({
      ...{ operation: question, card, merchantName, returnUrl, payerIp, orderReference, description },
      browser: payer?.browser ?? null,
      notificationUrl: this.#options.acquirers.can(operation.acquirerId, 'notifications')
        ? this.#options.notificationUrl(operation.acquirerId)
        : null,
      onFile: onFileOf(payment, payer?.frequencyDays ?? null),
    });
  }

  /** A question about an authorization that fails is given up with it, once that is too old. */
  async #orGiveUp<T>(operation: BankOperation, ask: () => Promise<T>): Promise<T | FoundOut> {
    try {
      return await ask();
    } catch (error) {
      if (await this.#isTooOld(operation)) return GIVEN_UP;
      throw error;
    }
  }

  async #isTooOld(operation: BankOperation): Promise<boolean> {
    return (await this.#patienceLeft(operation)) <= 0;
  }

  async #patienceLeft({ requestedAt }: BankOperation): Promise<number> {
    return this.#options.patienceMs - ((await readClock(this.#options.pool)) - requestedAt);
  }

  async #take(operation: BankOperation, found: FoundOut): Promise<void> {
    const { bankToken, ...answer } = found;
    const { id: operationId, transactionId, paymentId, acquirerId } = operation;
    // A card whose payer did not pass 3-D Secure was never charged, and is not charged again.
    const isKept = answer.status === 'approved' && this.#options.acquirers.can(acquirerId, 'tokens');
    if (bankToken !== null && isKept) await this.#options.bankTokens.keep(transactionId, bankToken);
    const reversalId = newId();
    const ids = { operationId, transactionId, paymentId, reversalId };
    const command: Command = { kind: 'take_bank_answer', operationKind: operation.kind, answer, ...ids };
    const outcome = await this.#options.engine().run(command, ENGINE);
    this.#payers.delete(transactionId);
    if (bankToken === null || !isKept || outcome.kind !== 'transaction') return;
    const { cardUse } = outcome.transaction;
    if (cardUse === 'keep' || cardUse === 'cof_initial')
      await this.#options.bankTokens.keepOnFile(transactionId, bankToken);
  }
}

/** What the bank is told of a card on file. Also of one that was kept for its payer alone this is the first payment. */
function onFileOf(
  { cardUse, consentUntil, recurringType, firstReference }: PaymentForBank,
  frequencyDays: number | null,
): CardOnFile | null {
  switch (cardUse) {
    case 'keep':
    case 'cof_initial':
      return { use: 'first', frequencyDays, until: consentUntil === null ? null : new Date(consentUntil) };
    case 'payer':
      return { use: 'payer' };
    case 'merchant':
      return { use: 'merchant', reason: recurringType, networkTransactionReference: firstReference };
    case null:
      return null;
  }
}

/** An authorization is decided in the end, if only by giving it up; what follows one has to be done. */
function endsByItself({ kind }: BankOperation): boolean {
  return kind === 'authorize' || kind === 'complete';
}

/** Another node is to ask. */
const LEFT = Symbol('left');

const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };

const GIVEN_UP: FoundOut = {
  status: 'failed',
  declineCode: null,
  retrievalReferenceNumber: null,
  redirectUrl: null,
  bankToken: null,
  networkTransactionReference: null,
};
