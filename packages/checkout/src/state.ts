/** What the server tells of a link, and what the page asks of it: the contract of the two. */

/** What a payer can do, or has done. */
export type CheckoutStatus =
  /** Waits for a payer. */
  | 'open'
  /** The bank or the wallet is being asked. */
  | 'paying'
  /** The payer is to authenticate at the bank's page. */
  | 'challenge'
  /** The payer is to approve in the wallet's app. */
  | 'confirmation'
  | 'paid'
  /** This payer's last attempt came to nothing; another one may be made. */
  | 'declined'
  /** Too many attempts: nothing is asked of anybody until `lockedUntil`. */
  | 'locked'
  | 'expired'
  | 'cancelled';

export type Method = 'card' | 'wallet';

/** A card that the shop's customer has on file. */
export interface SavedCard {
  readonly id: string;
  /** As card networks are called in requests: `visa`, `american-express`. */
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

/** What a payer agrees to, whose payment is the first of several. */
export interface Agreement {
  /** The least number of days between two charges; null: nothing is said of it. */
  readonly frequencyDays: number | null;
  /** Null: until the customer withdraws it. */
  readonly until: string | null;
}

export interface LinkState {
  readonly status: CheckoutStatus;
  readonly merchant: {
    readonly name: string;
    /** Of buttons and links, on a light and on a dark ground; null: ours. */
    readonly colors: { readonly light: string; readonly dark: string } | null;
    readonly logo: { readonly url: string; readonly width: number; readonly height: number } | null;
  };
  /** Minor units of the currency, in digits. */
  readonly amount: string;
  readonly currency: string;
  readonly description: string | null;
  readonly orderReference: string;
  readonly expiresAt: string;
  /** The time of the server when it said this: a payer's clock may be wrong. */
  readonly now: string;
  readonly paymentMethods: readonly Method[];
  /** The language that the merchant wants; null: the payer's own. */
  readonly locale: string | null;
  readonly mode: 'sandbox' | 'production';
  /** Whether the payment that the status tells of was begun by the attempt that was asked about. */
  readonly isOwn: boolean;
  /** Of a challenge: the bank's page. */
  readonly redirectUrl: string | null;
  /** Of what was declined: the payment's `failureCode`. */
  readonly reason: string | null;
  /** Of a lock: when it ends. */
  readonly lockedUntil: string | null;
  /** While it is open: cards that can be paid with by their security code alone. Shown only to whoever has a session. */
  readonly savedCards: readonly SavedCard[];
  /** While it is open: whether the payer may have their card kept. */
  readonly canKeepCard: boolean;
  /** By card only who agrees to it pays; null: it is paid once. */
  readonly agreement: Agreement | null;
  /** Where the merchant wants the payer to go from here, unchanged. */
  readonly urls: {
    readonly success: string | null;
    readonly failure: string | null;
    readonly cancel: string | null;
  };
}

export type CheckoutState = LinkState | { readonly status: 'not_found' };

/** Once for each attempt, also when it is sent again: the payment is made once for each `attemptId`. */
export interface CardAttempt {
  readonly attemptId: string;
  readonly card: {
    readonly number: string;
    readonly expiryMonth: number;
    readonly expiryYear: number;
    readonly cvc: string;
    readonly holder?: string;
  };
  /** Whether the payer wants it kept, or has agreed to what the link says. */
  readonly keepCard?: true;
  readonly browser: {
    readonly userAgent: string;
    readonly language: string;
    readonly screenWidth: number;
    readonly screenHeight: number;
    readonly colorDepth: number;
    readonly timezoneOffset: number;
    readonly javaScriptEnabled: true;
  };
}

export interface SavedCardAttempt extends Pick<CardAttempt, 'attemptId' | 'keepCard' | 'browser'> {
  readonly cardId: string;
  readonly cvc: string;
}

export interface WalletAttempt {
  readonly attemptId: string;
  readonly phoneNumber: string;
  readonly iin: string;
}
