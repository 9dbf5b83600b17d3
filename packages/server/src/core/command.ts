import type { LinkKind, LinkTerms, PaymentLink } from './link.ts';
import type { FailureCode, Refusal } from './reasons.ts';
import type {
  Actor,
  BankAnswer,
  BankOperation,
  CaptureMode,
  Millis,
  Minor,
  PaymentMethod,
  Transaction,
  Wallet,
  WalletTransfer,
} from './transaction.ts';
import type { LinkId, TransactionId } from './values/ids.ts';

/**
 * What the engine can be asked to do. Ids of what a command may create are made by its sender; an
 * `operationId` is used only if the bank has to be asked. An amount of null is all that remains.
 */
export type Command =
  | Authorize
  | PayByCard
  | Capture
  | (OnPayment & { readonly kind: 'cancel'; readonly amount: Minor | null; readonly operationId: string })
  | Refund
  | (OnPayment & { readonly kind: 'confirm'; readonly approve: boolean })
  | (OnPayment & { readonly kind: 'complete_authentication'; readonly operationId: string })
  | (OnPayment & { readonly kind: 'act_when_due'; readonly operationId: string })
  | TakeBankAnswer
  | GiveAnswer
  | MoveToAcquirer
  | Transfer
  | LinkCommand;

interface OnPayment {
  readonly transactionId: TransactionId;
}

export interface Capture extends OnPayment {
  readonly kind: 'capture';
  readonly amount: Minor | null;
  readonly operationId: string;
  /** Whether the hold ends with it, and what it leaves is released. False: more captures may follow. Absent: true. */
  readonly final?: boolean;
}

export interface Refund extends OnPayment, RefundTerms {
  readonly kind: 'refund';
  readonly amount: Minor | null;
  readonly refundId: TransactionId;
}

/** What a refund may be known by; absent: by what its payment is. */
export interface RefundTerms {
  readonly orderReference?: string;
  readonly description?: string;
}

export interface Authorize {
  readonly kind: 'authorize';
  readonly transactionId: TransactionId;
  readonly merchantId: string;
  readonly amount: Minor;
  readonly currency: string;
  readonly phone: string;
  /** HMAC of the IIN. Null: whoever asks is taken for somebody who guesses, and no IIN is the right one. */
  readonly iinHash: string | null;
  /** The same IIN's under other keys. */
  readonly otherIinHashes?: readonly string[];
  readonly orderReference: string;
  /** Where the customer goes after a confirmation; absent: nowhere. */
  readonly returnUrl?: string | null;
  /** The merchant's customer; absent: not told. */
  readonly customerId?: string | null;
  /** The payment link or session that it is made by; absent: none. What is paid for is the link's. */
  readonly link?: LinkKey;
}

/** A card payment. The card itself is not here: its number is in memory only, with the bank's connector. */
export interface PayByCard
  extends Pick<
    Transaction,
    | 'merchantId'
    | 'amount'
    | 'currency'
    | 'orderReference'
    | 'description'
    | 'payerIp'
    | 'storeId'
    | 'terminalId'
    | 'customerId'
    | 'recurringType'
    | 'cardUse'
    | 'consentUntil'
    | 'returnUrl'
    | 'cardTokenId'
    | 'cardBrand'
    | 'cardLast4'
  > {
  /** The bank that is asked. */
  readonly acquirerId: string;
  /** What the merchant is known by there; `NO_CREDENTIALS_ID`: by nothing. */
  readonly credentialsId: string;
  readonly kind: 'pay_by_card';
  readonly transactionId: TransactionId;
  /** Whether the card is one that was used before, and is charged by the bank's token. */
  readonly isSavedCard: boolean;
  /** Null: as the merchant's settings have it. */
  readonly captureMode: CaptureMode | null;
  /** The payment link or session that it is made by; absent: none. What is paid for is the link's. */
  readonly link?: LinkKey;
}

/** The bank's answer to an operation, or that it could not be found out. */
export interface TakeBankAnswer {
  readonly kind: 'take_bank_answer';
  readonly operationId: string;
  readonly operationKind: BankOperation['kind'];
  readonly transactionId: TransactionId;
  readonly paymentId: TransactionId;
  readonly answer: BankAnswer;
  /** The id of the reversal that follows an authorization of unknown fate. */
  readonly reversalId: string;
}

/** The caller has waited long enough: answer with the state as it is. */
export interface GiveAnswer {
  readonly kind: 'give_answer';
  readonly operationId: string;
  readonly transactionId: TransactionId;
  readonly paymentId: TransactionId;
}

/** The acquirer of an authorization got no question, so that another one may be asked in its place. */
export interface MoveToAcquirer {
  readonly kind: 'move_to_acquirer';
  readonly operationId: string;
  readonly transactionId: TransactionId;
  readonly paymentId: TransactionId;
  readonly acquirerId: string;
  readonly credentialsId: string;
}

export interface Transfer {
  readonly kind: 'deposit' | 'withdraw';
  readonly transferId: string;
  readonly walletId: string;
  readonly amount: Minor;
  readonly reference: string | null;
}

/** A payment link or session. */
export interface LinkKey {
  readonly id: LinkId;
  readonly kind: LinkKind;
}

/** What is done to a link itself. */
export type LinkCommand = CreateLink | ChangeLink;

export interface CreateLink extends LinkTerms {
  readonly kind: 'create_link';
  readonly link: LinkKey;
  readonly merchantId: string;
  /** Null: as usual. */
  readonly expiresAt: Millis | null;
}

export type ChangeLink =
  | { readonly kind: 'cancel_link'; readonly link: LinkKey }
  | { readonly kind: 'extend_link'; readonly link: LinkKey; readonly expiresAt: Millis }
  | { readonly kind: 'end_link_when_due'; readonly link: LinkKey };

/** Who sends a command: decides what they may touch, and is recorded with every event. */
export interface Sender {
  readonly actor: Actor;
  /** The merchant whose transactions the sender may touch; null: an operator or the engine, any. */
  readonly merchantId: string | null;
  /** The wallet API sees wallet payments only; null: any. */
  readonly paymentMethod: PaymentMethod | null;
}

/** The idempotency key that a command's response is stored under. */
export interface AnswerKey {
  readonly scopeId: string;
  readonly key: string;
}

/** What happened. */
export type Outcome =
  | {
      readonly kind: 'transaction';
      /** The transaction after the command; of a refund, the payment or what `refund` says. */
      readonly transaction: Transaction;
      /** The refund, where that was made at once. */
      readonly refund?: Transaction;
      /** The amount of this operation. */
      readonly amount: Minor;
      /** The event, or the bank operation (seq 0), that carries the command's effect. */
      readonly effect: { readonly id: string; readonly seq: number };
    }
  /** The bank was asked; the response follows with its answer. */
  | { readonly kind: 'pending'; readonly operation: BankOperation }
  | {
      readonly kind: 'link';
      readonly link: PaymentLink;
      /** The event that carries the command's effect; seq 0: there is none. */
      readonly effect: { readonly id: string; readonly seq: number };
    }
  | { readonly kind: 'transfer'; readonly transfer: WalletTransfer; readonly wallet: Wallet }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      /** What was to be acted on, where its state or kind is the reason. */
      readonly transaction?: Transaction;
      readonly declineCode?: string;
    }
  | { readonly kind: 'nothing_to_do' };

/** The response that an earlier command has been waiting for. */
export interface LateAnswer {
  readonly operation: BankOperation;
  readonly outcome: Outcome;
}

export interface MerchantSettings {
  readonly captureMode: CaptureMode;
  readonly captureDelayMs: Millis;
  readonly authorizationTtlMs: Millis;
  /** When payments by links are captured by themselves: of links that clear by themselves, and of the others. */
  readonly linkCaptureDelayS: number;
  readonly linkHoldS: number;
}

/** How a wallet was found for a phone number, an IIN and a currency. */
export type WalletLookup = { readonly wallet: Wallet } | { readonly failure: FailureCode };
