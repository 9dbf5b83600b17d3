import type { BankAnswer, BankOperation } from '../core/transaction.ts';

/** A card as the payer typed it, or the bank's own token for one it has seen. In memory only. */
export type CardForBank =
  | {
      readonly number: string;
      readonly expiryMonth: number;
      readonly expiryYear: number;
      readonly cvc: string | null;
      readonly holder: string | null;
    }
  | { readonly token: string };

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

/** What a payment's request said and the database must not hold. */
export interface PayerForBank {
  /** Null: the bank knows the card by its token. */
  readonly card: CardForBank | null;
  readonly browser: BrowserForBank | null;
}

export interface AuthorizationRequest {
  readonly operation: BankOperation;
  readonly card: CardForBank;
  readonly merchantName: string;
  /** Where the bank sends the payer after 3-D Secure: an address of ours. Null: no payer is present. */
  readonly returnUrl: string | null;
  /** Shown to the payer on the bank's page. */
  readonly orderReference: string;
  readonly description: string | null;
  readonly payerIp: string | null;
  readonly browser: BrowserForBank | null;
}

/** What the bank says, and for an authorization its token for the card. */
export interface ConnectorAnswer extends BankAnswer {
  readonly bankToken: string | null;
}

/**
 * An acquiring bank. Every call carries an id of ours that makes it safe to repeat: the transaction's for
 * an authorization, the operation's for the rest. A call that throws says nothing about what happened.
 */
export interface AcquirerConnector {
  authorize(request: AuthorizationRequest): Promise<ConnectorAnswer>;
  /** How a 3-D Secure authentication ended: approved, declined, or still `challenge`. */
  complete(operation: BankOperation): Promise<ConnectorAnswer>;
  /** Debits the hold. Unless it is `final`, the rest stays held, and further captures or a reversal follow. */
  capture(operation: BankOperation): Promise<ConnectorAnswer>;
  /** Releases a hold, or a part of it; also an authorization that the bank may not have seen. */
  reverse(operation: BankOperation): Promise<ConnectorAnswer>;
  refund(operation: BankOperation): Promise<ConnectorAnswer>;
  /** What became of an operation; null: the bank does not know it. */
  inquire(operation: BankOperation): Promise<ConnectorAnswer | null>;
}
