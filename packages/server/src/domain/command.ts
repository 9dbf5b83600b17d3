import type { TransactionId } from './ids.ts';
import type { FailureCode, Refusal } from './reasons.ts';
import type {
  Actor,
  CaptureMode,
  Millis,
  Minor,
  PaymentMethod,
  Transaction,
  Wallet,
  WalletTransfer,
} from './transaction.ts';

/** What the engine can be asked to do. Ids of what a command creates are made by its sender. */
export type Command =
  | Authorize
  | { readonly kind: 'capture' | 'cancel'; readonly transactionId: TransactionId; readonly amount: Minor }
  | {
      readonly kind: 'refund';
      readonly transactionId: TransactionId;
      readonly refundId: TransactionId;
      readonly amount: Minor;
    }
  | { readonly kind: 'confirm'; readonly transactionId: TransactionId; readonly approve: boolean }
  | { readonly kind: 'act_when_due'; readonly transactionId: TransactionId }
  | Transfer;

export interface Authorize {
  readonly kind: 'authorize';
  readonly transactionId: TransactionId;
  readonly merchantId: string;
  readonly amount: Minor;
  readonly currency: string;
  readonly phone: string;
  /** HMAC of the IIN, hex. */
  readonly iinHash: string;
  readonly orderReference: string;
}

export interface Transfer {
  readonly kind: 'deposit' | 'withdraw';
  readonly transferId: string;
  readonly walletId: string;
  readonly amount: Minor;
  readonly reference: string | null;
}

/** Who sends a command: decides what they may touch, and is recorded with every event. */
export interface Sender {
  readonly actor: Actor;
  /** The merchant whose transactions the sender may touch; null: an operator or the engine, any. */
  readonly merchantId: string | null;
  /** The wallet API sees wallet payments only; null: any. */
  readonly paymentMethod: PaymentMethod | null;
}

/** What happened. */
export type Outcome =
  | {
      readonly kind: 'transaction';
      /** The payment after the command. */
      readonly transaction: Transaction;
      /** The amount of this operation. */
      readonly amount: Minor;
      /** The event that carries the command's effect. */
      readonly effect: { readonly id: string; readonly seq: number };
    }
  | { readonly kind: 'transfer'; readonly transfer: WalletTransfer; readonly wallet: Wallet }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'nothing_due' };

export interface MerchantSettings {
  readonly captureMode: CaptureMode;
  readonly captureDelayMs: Millis;
  readonly authorizationTtlMs: Millis;
}

/** How a wallet was found for a phone number, an IIN and a currency. */
export type WalletLookup = { readonly wallet: Wallet } | { readonly failure: FailureCode };
