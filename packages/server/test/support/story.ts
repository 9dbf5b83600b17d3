/**
 * A payment's life told by the product's own decisions, in memory: what each command does is applied to the
 * state that the next one decides on. So no test has to make up a payment that the engine would not have made.
 */
import assert from 'node:assert/strict';
import { type Account, mayTake } from '../../src/core/accounts.ts';
import type { Decision } from '../../src/core/change.ts';
import type { AnswerKey, Command, MerchantSettings, Sender } from '../../src/core/command.ts';
import { decide } from '../../src/core/decide.ts';
import type { State } from '../../src/core/effects.ts';
import type {
  BankAnswer,
  BankOperation,
  Minor,
  Transaction,
  TransactionEvent,
  Wallet,
} from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

export const MERCHANT = 'm';
export const PAYMENT = 'payment' as TransactionId;
export const MERCHANT_SENDER: Sender = { actor: 'api', merchantId: MERCHANT, paymentMethod: null };
export const ENGINE_SENDER: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };
export const PAYER_SENDER: Sender = { actor: 'customer', merchantId: null, paymentMethod: 'card' };
export const AMOUNT = 1_000n;
/** Where the simulated payer authenticates. */
export const REDIRECT_URL = 'https://bank.example/acs';

/** An event, and the transaction as it was at the end of the decision that wrote it. */
export interface Told {
  readonly event: TransactionEvent;
  readonly after: Transaction;
}

export interface Setting {
  readonly approval: Wallet['approval'];
  readonly available: Minor;
  readonly settings: MerchantSettings;
}

export class Story {
  /** On the engine's clock. Tests move it forward. */
  now = 1_000_000;
  wallet: Wallet;
  balance: Minor = 0n;
  readonly settings: MerchantSettings;
  readonly transactions = new Map<string, Transaction>();
  readonly operations = new Map<string, BankOperation>();
  readonly told: Told[] = [];
  #ids = 0;

  constructor({ approval, available, settings }: Setting) {
    this.settings = settings;
    this.wallet = {
      ...{ id: 'w', holderId: 'h', currency: 'KZT', available, held: 0n, frozen: false, approval },
    };
  }

  /** A new id. */
  id(): string {
    this.#ids += 1;
    return `id-${this.#ids}`;
  }

  get payment(): Transaction {
    const payment = this.transactions.get(PAYMENT);
    assert.ok(payment !== undefined, 'nothing was authorized');
    return payment;
  }

  /** The operation that the bank has not answered, if there is one. */
  get pending(): BankOperation | undefined {
    return [...this.operations.values()].find(({ status }) => status === 'pending');
  }

  authorize(): Decision {
    return this.tell({
      ...{ kind: 'authorize', transactionId: PAYMENT, merchantId: MERCHANT, amount: AMOUNT, currency: 'KZT' },
      ...{ phone: '+77010000001', iinHash: 'h', orderReference: 'o' },
    });
  }

  payByCard(): Decision {
    return this.tell({
      ...{
        kind: 'pay_by_card',
        transactionId: PAYMENT,
        merchantId: MERCHANT,
        amount: AMOUNT,
        currency: 'KZT',
      },
      ...{ orderReference: 'o', description: null, payerIp: null, storeId: null, terminalId: null },
      ...{
        customerId: null,
        recurringType: null,
        cardUse: null,
        consentUntil: null,
        returnUrl: null,
        cardTokenId: 't',
        cardBrand: 'visa',
      },
      ...{ cardLast4: '4242', captureMode: null, acquirerId: 'a', credentialsId: 'c', isSavedCard: false },
    });
  }

  /** The bank's answer to what it was asked last. */
  bankAnswers(status: BankAnswer['status'], declineCode: string | null = null): Decision {
    const operation = this.pending;
    assert.ok(operation !== undefined, 'the bank was asked nothing');
    const { id: operationId, kind: operationKind, transactionId, paymentId } = operation;
    const redirectUrl = status === 'challenge' ? REDIRECT_URL : null;
    const answer: BankAnswer = {
      status,
      declineCode,
      retrievalReferenceNumber: `rrn-${operationId}`,
      networkTransactionReference: null,
      redirectUrl,
    };
    const ids = { operationId, operationKind, transactionId, paymentId, reversalId: this.id() };
    return this.tell({ kind: 'take_bank_answer', ...ids, answer }, ENGINE_SENDER);
  }

  /** Decides the command now, and goes on with what it did. */
  tell(command: Command, sender: Sender = MERCHANT_SENDER, answerTo: AnswerKey | null = null): Decision {
    const decision = decide(this.#state(), command, { sender, answerTo, now: this.now });
    for (const transaction of decision.transactions) this.transactions.set(transaction.id, transaction);
    for (const operation of decision.operations) this.operations.set(operation.id, operation);
    for (const event of decision.events) {
      const after = decision.transactions.findLast(({ id }) => id === event.transactionId);
      assert.ok(after !== undefined);
      this.told.push({ event, after });
    }
    for (const { walletId, change } of decision.holds) {
      assert.equal(walletId, this.wallet.id);
      this.wallet = {
        ...this.wallet,
        available: this.wallet.available - change,
        held: this.wallet.held + change,
      };
    }
    for (const { code, from, to, amount } of decision.postings) {
      assert.ok(mayTake(from.kind, code) && mayTake(to.kind, code), `${code}: ${from.kind} to ${to.kind}`);
      this.#move(from, -amount);
      this.#move(to, amount);
    }
    return decision;
  }

  #move(account: Account, amount: Minor): void {
    if (account.kind === 'merchant') this.balance += amount;
    else if (account.kind === 'wallet')
      this.wallet = { ...this.wallet, available: this.wallet.available + amount };
  }

  #state(): State {
    return {
      transaction: (id) => this.transactions.get(id),
      operation: (id) => this.operations.get(id),
      wallet: (id) => (id === this.wallet.id ? this.wallet : undefined),
      walletOf: () => this.wallet,
      lookUpWallet: () => ({ wallet: this.wallet }),
      merchantBalance: () => this.balance,
      merchantSettings: () => this.settings,
      can: () => true,
      link: () => undefined,
      cardOnFile: () => undefined,
      attemptOf: () => 'over',
    };
  }
}
