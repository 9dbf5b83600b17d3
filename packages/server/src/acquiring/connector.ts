/**
 * What connects Plexy Pay to an acquiring bank. This is a public interface: a module whose default export is a
 * `ConnectorModule` of this version can be named in CONNECTORS, and `plexy check-connector` says whether it does
 * what is promised here (docs/connectors.md).
 *
 * Every question carries an id of ours that makes it safe to repeat: of an authorization the payment's, of the rest the
 * operation's. A method that throws says nothing about what happened, so that the bank is asked again; one that throws
 * `NotAskedError` says that the bank got nothing. What is not certainly an answer to this question must throw.
 */
import type { Capability } from '../core/acquirers.ts';

export type { Capability } from '../core/acquirers.ts';

/** It changes when a connector that was right no longer would be. */
export const CONNECTOR_VERSION = 2;

export interface ConnectorModule {
  readonly version: typeof CONNECTOR_VERSION;
  /** What an acquirer is set up with: letters, digits and dashes. */
  readonly name: string;
  /** What the connector can do where the bank can. */
  readonly capabilities: readonly Capability[];
  /** Names of what it may be told of each merchant: their id at the bank, a key of theirs. */
  readonly credentialNames: readonly string[];
  /**
   * Which of them say whose account at the bank it is: where these are the same, the rest is a new secret of the same
   * account, and what was asked under the one before is asked under the new one. Without it each change is another account.
   */
  readonly accountNames?: readonly string[];
  create(settings: ConnectorSettings): Connector;
}

export interface ConnectorSettings {
  /** Where the bank is, now: without a slash at the end. */
  readonly baseUrl: () => string;
  /** Of the operator's at the bank. */
  readonly secret: string;
  /** How long an answer may take; then the method must throw. Two questions in a row must fit into an operation's lease. */
  readonly timeoutMs: number;
}

/** What a merchant's questions are asked with, by the connector's names. */
export type Credentials = Readonly<Record<string, string>>;

/** What the bank is asked about. */
export interface Question {
  /** Makes the question safe to repeat; of an authorization it is the payment's id. */
  readonly id: string;
  /** What the bank knows the payment by. */
  readonly paymentId: string;
  readonly merchantId: string;
  /** `cancel` releases a hold or a part of it, `reverse` whatever may be there of an authorization of unknown fate. */
  readonly kind: 'authorize' | 'complete' | 'capture' | 'cancel' | 'refund' | 'reverse';
  /** Minor units of the currency. */
  readonly amount: bigint;
  readonly currency: string;
  /** Of a capture: whether the hold ends with it, and what it leaves is released. Of anything else it is true. */
  readonly final: boolean;
  /** Null: none are kept for this merchant. */
  readonly credentials: Credentials | null;
}

/**
 * A card as the payer typed it, or the bank's own token for one it has seen; the payer may have typed its security code
 * again. In memory only.
 */
export type CardForBank =
  | {
      readonly number: string;
      readonly expiryMonth: number;
      readonly expiryYear: number;
      readonly cvc: string | null;
      readonly holder: string | null;
    }
  | { readonly token: string; readonly cvc: string | null };

/** What a card is kept for, or who charges one that was kept: the card networks' rules ask for it. */
export type CardOnFile =
  /** Its payer is there, and agrees that it is kept, perhaps that the merchant charges it later. */
  | {
      readonly use: 'first';
      /** The least number of days between two charges, and the day of the last one; null: not said. */
      readonly frequencyDays: number | null;
      readonly until: Date | null;
    }
  /** Its payer, who is there, uses a card that was kept. */
  | { readonly use: 'payer' }
  /** The merchant charges it, nobody is there. Only with `merchant_initiated`; the card is a token without `cvc`. */
  | {
      readonly use: 'merchant';
      readonly reason: 'subscription' | 'installment' | 'unscheduled' | null;
      /** What the card's network knows the first payment by; null: the bank that made it did not say. */
      readonly networkTransactionReference: string | null;
    };

/** What EMV 3-D Secure wants to know of the payer's browser. In memory only. */
export interface BrowserForBank {
  readonly userAgent: string;
  readonly language: string;
  readonly screenWidth?: number;
  readonly screenHeight?: number;
  readonly colorDepth?: number;
  /** Minutes that UTC is ahead of the payer's clock. */
  readonly timezoneOffset?: number;
  readonly javaScriptEnabled: boolean;
}

export interface AuthorizationRequest {
  readonly operation: Question;
  readonly card: CardForBank;
  readonly merchantName: string;
  /** Where the bank sends the payer after 3-D Secure: an address of ours. Null: no payer is present. */
  readonly returnUrl: string | null;
  /** Shown to the payer on the bank's page. */
  readonly orderReference: string;
  readonly description: string | null;
  readonly payerIp: string | null;
  readonly browser: BrowserForBank | null;
  /** Where the bank may send what `notified` reads; null: the acquirer does not do that. */
  readonly notificationUrl: string | null;
  /** Null: the card is used once, as far as is known here. */
  readonly onFile: CardOnFile | null;
}

/** What somebody who may be the bank has sent. */
export interface Notification {
  /** By their names in lower case; the first one, where one came several times. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came: a signature is one of bytes. */
  readonly body: Uint8Array;
}

/** What a bank has news of. */
export interface Notified {
  readonly paymentId: string;
  /** The question's id; null: of the payment itself, or the bank does not say. */
  readonly operationId: string | null;
}

/** What the bank says. */
export interface ConnectorAnswer {
  /** Of an authorization `approved`, `declined` or `challenge`, of other operations `done` or `declined`. */
  readonly status: 'approved' | 'declined' | 'challenge' | 'done';
  /** Why, in our words where there is one: docs/cards.md. */
  readonly declineCode: string | null;
  readonly retrievalReferenceNumber: string | null;
  /** Where the payer authenticates; only with `challenge`. */
  readonly redirectUrl: string | null;
  /** The bank's token for the card, where it gives one. */
  readonly bankToken: string | null;
  /** What the card's network knows the payment by; null: the bank does not say. */
  readonly networkTransactionReference: string | null;
}

/** An acquiring bank. */
export interface Connector {
  authorize(request: AuthorizationRequest): Promise<ConnectorAnswer>;
  /** How a 3-D Secure authentication ended: approved, declined, or still `challenge`. */
  complete(question: Question): Promise<ConnectorAnswer>;
  /** Debits the hold. Unless it is `final`, the rest stays held, and further captures or a release follow. */
  capture(question: Question): Promise<ConnectorAnswer>;
  /** Releases a hold, or a part of it; also an authorization that the bank may not have seen, or not yet. */
  reverse(question: Question): Promise<ConnectorAnswer>;
  refund(question: Question): Promise<ConnectorAnswer>;
  /** What became of a question; null: the bank does not know it. */
  inquire(question: Question): Promise<ConnectorAnswer | null>;
  /**
   * With `notifications`: what the bank has news of. Null: it is not certainly the bank's, or nothing that can be read; it
   * never throws. Anybody can send anything there, so that it has to be signed with the bank's secret. Nothing else of it
   * counts: what the news are, `inquire` or `complete` is asked.
   */
  notified?(notification: Notification): Notified | null;
}

/** Nothing of the question has reached the bank, certainly: another one may be asked in its place. */
export class NotAskedError extends Error {
  override readonly name = 'NotAskedError';
}

/** Also of a module that has a copy of this class of its own. */
export function isNotAsked(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotAskedError';
}
