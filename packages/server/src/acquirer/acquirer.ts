/**
 * Carries out what the engine asked of the bank, outside every database transaction:
 *
 *   intent committed ──► call the bank ──► its answer, as a command ──► effect and response committed
 *                              └─ unknown ──► wait, inquire, again …   (also by another node, after a crash)
 */
import { setTimeout as pause } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../domain/command.ts';
import type { BankOperation } from '../domain/transaction.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import type { Engine } from '../engine/engine.ts';
import {
  claimDueOperations,
  type DueOperation,
  findPaymentForBank,
  listUnanswered,
  postponeOperation,
} from '../store/bankOperations.ts';
import { readClock } from '../store/installation.ts';
import type { Pool } from '../store/postgres.ts';
import type { AcquirerConnector, CardForBank, ConnectorAnswer } from './connector.ts';

export interface AcquirerOptions {
  readonly pool: Pool;
  readonly engine: () => Engine;
  readonly connector: AcquirerConnector;
  /** Where the bank sends a payer after 3-D Secure: an address of ours that names the payment. */
  readonly authenticationUrl: (transactionId: string) => string;
  /** Keeps the bank's token for a card, so that the card can be charged again. */
  readonly keepBankToken: (transactionId: string, bankToken: string) => Promise<void>;
  readonly onError: (error: unknown, operation: BankOperation | null) => void;
}

const POLL_MS = 250;
const CLAIM_LIMIT = 50;
const STOP_LIMIT_MS = 3_000;
/** After this an authorization of unknown fate is given up, and reversed at the bank. */
export const AUTHORIZATION_PATIENCE_MS = 60_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];

export class Acquirer {
  readonly #options: AcquirerOptions;
  /** Cards of authorizations that this process is carrying out; gone with their answer. */
  readonly #cards = new Map<string, CardForBank>();
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: AcquirerOptions) {
    this.#options = options;
  }

  /** Holds a card until the authorization with this id is answered. Before the command is sent. */
  remember(transactionId: string, card: CardForBank): void {
    this.#cards.set(transactionId, card);
  }

  forget(transactionId: string): void {
    this.#cards.delete(transactionId);
  }

  /** Starts operations that were just committed. */
  begin(operations: readonly BankOperation[]): void {
    for (const operation of operations) this.#track(this.#attempt({ ...operation, attempts: 0 }));
  }

  /** Looks after operations of unknown fate, and after callers who have waited long enough. */
  start(): void {
    const tick = (): void => {
      this.#track(
        this.poll()
          .catch((error: unknown) => this.#options.onError(error, null))
          .finally(() => {
            if (!this.#stopped) this.#timer = setTimeout(tick, POLL_MS);
          }),
      );
    };
    tick();
  }

  async poll(): Promise<void> {
    const { pool } = this.#options;
    for (const operation of await claimDueOperations(pool, CLAIM_LIMIT))
      this.#track(this.#attempt(operation));
    for (const operation of await listUnanswered(pool, CLAIM_LIMIT)) await this.giveAnswer(operation);
  }

  /** Answers the caller of an operation with the state as it is, if it still waits. */
  async giveAnswer({ id: operationId, transactionId, paymentId }: BankOperation): Promise<void> {
    await this.#execute({ kind: 'give_answer', operationId, transactionId, paymentId });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    // What is not answered by then is taken up by another node, or after the next start.
    await Promise.race([Promise.all(this.#running), pause(STOP_LIMIT_MS, undefined, { ref: false })]);
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #attempt(operation: DueOperation): Promise<void> {
    try {
      const answer = await this.#ask(operation);
      if (answer === null) await this.#postpone(operation);
      else await this.#take(operation, answer);
    } catch (error) {
      this.#options.onError(error, operation);
      await this.#postpone(operation).catch((failure: unknown) => this.#options.onError(failure, operation));
    }
  }

  async #postpone(operation: DueOperation): Promise<void> {
    const delay = RETRY_MS[Math.min(operation.attempts, RETRY_MS.length - 1)] ?? 0;
    await postponeOperation(this.#options.pool, operation.id, delay);
  }

  /** @returns null when the bank does not know the operation and it cannot be repeated yet */
  async #ask(operation: DueOperation): Promise<ConnectorAnswer | null> {
    const { connector } = this.#options;
    if (operation.kind === 'authorize') return this.#askAuthorization(operation);
    if (operation.kind === 'complete') return connector.complete(operation);
    const known = operation.attempts > 0 ? await connector.inquire(operation) : null;
    if (known !== null) return known;
    if (operation.kind === 'capture') return connector.capture(operation);
    return operation.kind === 'refund' ? connector.refund(operation) : connector.reverse(operation);
  }

  async #askAuthorization(operation: DueOperation): Promise<ConnectorAnswer | null> {
    const { connector, pool } = this.#options;
    const known = operation.attempts > 0 ? await this.#inquire(operation) : null;
    if (known !== null) return known;
    const payment = await findPaymentForBank(pool, operation.transactionId);
    if (payment === null) throw new Error(`payment ${operation.transactionId} does not exist`);
    const token = payment.bankToken === null ? null : { token: payment.bankToken };
    const card = this.#cards.get(operation.transactionId) ?? token;
    const tooOld = (await readClock(pool)) - operation.requestedAt >= AUTHORIZATION_PATIENCE_MS;
    if (tooOld) return GIVEN_UP;
    // The number is in no other place, so what the bank never saw cannot be sent again after a crash.
    if (card === null) return null;
    const returnUrl =
      payment.returnUrl === null ? null : this.#options.authenticationUrl(operation.transactionId);
    return connector.authorize({ operation, card, merchantName: payment.merchantName, returnUrl });
  }

  /** An inquiry that fails is given up with the authorization, once that is too old. */
  async #inquire(operation: DueOperation): Promise<ConnectorAnswer | null> {
    try {
      return await this.#options.connector.inquire(operation);
    } catch (error) {
      const age = (await readClock(this.#options.pool)) - operation.requestedAt;
      if (age >= AUTHORIZATION_PATIENCE_MS) return GIVEN_UP;
      throw error;
    }
  }

  async #take(operation: DueOperation, connectorAnswer: ConnectorAnswer): Promise<void> {
    const { bankToken, ...answer } = connectorAnswer;
    const { id: operationId, transactionId, paymentId } = operation;
    if (bankToken !== null) await this.#options.keepBankToken(transactionId, bankToken);
    const reversalId = uuidv7();
    await this.#execute({
      kind: 'take_bank_answer',
      operationId,
      transactionId,
      paymentId,
      answer,
      reversalId,
    });
    this.forget(transactionId);
  }

  async #execute(command: Command): Promise<void> {
    await this.#options.engine().execute({
      command,
      sender: { actor: 'engine', merchantId: null, paymentMethod: null },
      apiKeyId: null,
      scopeId: OPERATOR_SCOPE,
      internalId: uuidv7(),
      idempotencyKey: null,
      fingerprint: 'engine',
      expected: null,
      // Never remembered: the operation's own row says whether it is settled.
      answer: () => ({ statusCode: 404, body: '' }),
    });
  }
}

const GIVEN_UP: ConnectorAnswer = {
  status: 'failed',
  declineCode: null,
  retrievalReferenceNumber: null,
  redirectUrl: null,
  bankToken: null,
};
