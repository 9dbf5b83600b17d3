/**
 * A small model of the wallet engine, written from the design and not from the code: what each operation
 * must answer, and what wallets, merchants and payments must look like afterwards. One sequence has one of
 * these; it knows nothing of HTTP, SQL, batches or events' storage.
 */

export type Approval = 'none' | 'customer' | 'delayed' | 'system_error';

export interface ModelWallet {
  available: bigint;
  held: bigint;
  frozen: boolean;
  readonly approval: Approval;
  readonly currency: string;
}

export interface ModelEvent {
  readonly name: string;
  readonly amount: bigint;
  readonly reason: string | null;
}

type Status = 'created' | 'authorized' | 'rejected' | 'failed' | 'charged' | 'cancelled' | 'refunded';

export interface ModelPayment {
  readonly merchant: number;
  readonly wallet: ModelWallet | null;
  readonly amount: bigint;
  readonly currency: string;
  status: Status;
  reason: string | null;
  captured: bigint;
  released: bigint;
  refunded: bigint;
  /** When a confirmation, a delayed decision or a hold lapses. */
  lapsesAt: number;
  readonly events: ModelEvent[];
  readonly refunds: bigint[];
}

/** What an operation must answer. */
export interface Expected {
  readonly status: number;
  /** The `reason` of an error. */
  readonly reason?: string;
  readonly walletStatus?: string;
  readonly failureCode?: string | null;
  readonly amount?: bigint;
}

const HOLD_S = 3_600;
const CONFIRMATION_S = 600;
const DELAY_S = 3;

function refused(reason: string): Expected {
  return { status: 422, reason };
}

export class Model {
  readonly wallets: ModelWallet[];
  readonly payments: ModelPayment[] = [];
  readonly #balances = new Map<string, bigint>();
  #now = 0;

  constructor(wallets: ModelWallet[]) {
    this.wallets = wallets;
  }

  balance(merchant: number, currency: string): bigint {
    return this.#balances.get(`${merchant} ${currency}`) ?? 0n;
  }

  #pay(merchant: number, currency: string, amount: bigint): void {
    this.#balances.set(`${merchant} ${currency}`, this.balance(merchant, currency) + amount);
  }

  /** Takes money from a merchant, as a payout does. */
  payOut(merchant: number, currency: string, amount: bigint): void {
    this.#pay(merchant, currency, -amount);
  }

  /** @param failure a customer or wallet that is not there: the code to be rejected with */
  authorize(
    merchant: number,
    target: { wallet: ModelWallet; failure: string | null },
    currency: string,
    amount: bigint,
  ): Expected {
    const wallet = target.failure === null ? target.wallet : null;
    const payment: ModelPayment = {
      ...{ merchant, wallet, amount, currency, status: 'created', reason: null },
      ...{ captured: 0n, released: 0n, refunded: 0n, lapsesAt: Number.POSITIVE_INFINITY },
      events: [{ name: 'transaction.created', amount, reason: null }],
      refunds: [],
    };
    this.payments.push(payment);
    if (wallet === null) end(payment, 'rejected', target.failure);
    else if (wallet.frozen) end(payment, 'rejected', 'wallet_frozen');
    else if (wallet.approval === 'system_error') end(payment, 'failed', 'processing_error');
    else if (wallet.approval === 'customer') payment.lapsesAt = this.#now + CONFIRMATION_S;
    else if (wallet.approval === 'delayed') payment.lapsesAt = this.#now + DELAY_S;
    else this.#hold(payment, wallet);
    return { status: 201, ...viewOf(payment), amount };
  }

  #hold(payment: ModelPayment, wallet: ModelWallet): void {
    if (wallet.frozen) end(payment, 'rejected', 'wallet_frozen');
    else if (wallet.available < payment.amount) end(payment, 'rejected', 'insufficient_funds');
    else {
      wallet.available -= payment.amount;
      wallet.held += payment.amount;
      end(payment, 'authorized', null);
      payment.lapsesAt = this.#now + HOLD_S;
    }
  }

  /** @param isFinal whether the rest is released; else it stays held, and more captures may follow */
  capture(payment: ModelPayment, amount: bigint, isFinal = true): Expected {
    if (payment.reason === 'expired') return refused('authorization_expired');
    if (payment.status !== 'authorized') return refused('invalid_transaction_state');
    const held = heldBy(payment);
    if (amount > held) return refused('amount_exceeds_held');
    const wallet = walletOf(payment);
    this.#pay(payment.merchant, payment.currency, amount);
    payment.captured += amount;
    if (!isFinal && amount < held) {
      wallet.held -= amount;
      payment.events.push({ name: 'transaction.partially_captured', amount, reason: null });
      return { status: 200, ...viewOf(payment), amount };
    }
    wallet.held -= held;
    wallet.available += held - amount;
    payment.released += held - amount;
    return done(payment, 'charged', null, amount);
  }

  cancel(payment: ModelPayment, amount: bigint): Expected {
    if (payment.status === 'created') {
      if (amount > payment.amount) return refused('amount_exceeds_held');
      if (amount < payment.amount) return refused('partial_cancel_before_authorization');
      return done(payment, 'cancelled', 'requested', amount);
    }
    if (hasExpired(payment)) return refused('authorization_expired');
    if (payment.status !== 'authorized') return refused('invalid_transaction_state');
    if (amount > heldBy(payment)) return refused('amount_exceeds_held');
    return release(payment, amount, 'requested');
  }

  refund(payment: ModelPayment, amount: bigint): Expected {
    if (payment.captured === 0n) return refused('invalid_transaction_state');
    if (amount > payment.captured - payment.refunded) return refused('amount_exceeds_refundable');
    if (amount > this.balance(payment.merchant, payment.currency)) {
      return refused('insufficient_merchant_balance');
    }
    walletOf(payment).available += amount;
    this.#pay(payment.merchant, payment.currency, -amount);
    payment.refunded += amount;
    payment.refunds.push(amount);
    // As long as a part is held, more can be captured.
    const isOver = payment.status !== 'authorized';
    if (isOver && payment.refunded === payment.captured) return done(payment, 'refunded', null, amount);
    payment.events.push({ name: 'transaction.partially_refunded', amount, reason: null });
    return { status: 200, ...viewOf(payment), amount };
  }

  /** The customer's answer to a payment that waits for it. */
  confirm(payment: ModelPayment, approve: boolean): Expected {
    if (payment.reason === 'confirmation_expired') return refused('authorization_expired');
    if (payment.status !== 'created') return refused('invalid_transaction_state');
    if (approve) this.#hold(payment, walletOf(payment));
    else end(payment, 'rejected', 'customer_declined');
    return { status: 200, ...viewOf(payment), amount: payment.amount };
  }

  /** Time passes, and what lapses meanwhile does so in the order in which it falls due. */
  advance(seconds: number): void {
    this.#now += seconds;
    const due = this.payments.filter((payment) => payment.lapsesAt <= this.#now);
    for (const payment of due.sort((a, b) => a.lapsesAt - b.lapsesAt)) {
      if (payment.status === 'authorized') release(payment, heldBy(payment), 'expired');
      else if (payment.status === 'created' && walletOf(payment).approval === 'delayed') {
        this.#hold(payment, walletOf(payment));
      } else if (payment.status === 'created') end(payment, 'rejected', 'confirmation_expired');
    }
  }
}

function hasExpired({ reason }: ModelPayment): boolean {
  return reason === 'expired' || reason === 'confirmation_expired';
}

function heldBy(payment: ModelPayment): bigint {
  return payment.amount - payment.captured - payment.released;
}

function walletOf({ wallet }: ModelPayment): ModelWallet {
  if (wallet === null) throw new Error('a payment without a wallet cannot have got here');
  return wallet;
}

/** Gives a payment its next status, with the whole amount of the payment. */
function end(payment: ModelPayment, status: Status, reason: string | null): void {
  done(payment, status, reason, payment.amount);
}

function done(payment: ModelPayment, status: Status, reason: string | null, amount: bigint): Expected {
  payment.status = status;
  payment.reason = reason;
  payment.events.push({ name: `transaction.${status}`, amount, reason });
  return { status: 200, ...viewOf(payment), amount };
}

function release(payment: ModelPayment, amount: bigint, reason: string): Expected {
  const wallet = walletOf(payment);
  wallet.held -= amount;
  wallet.available += amount;
  payment.released += amount;
  if (payment.captured + payment.released === payment.amount) {
    if (payment.captured === 0n) return done(payment, 'cancelled', reason, amount);
    const ended = done(payment, 'charged', reason, amount);
    if (payment.refunded === payment.captured) done(payment, 'refunded', reason, 0n);
    return ended;
  }
  payment.events.push({ name: 'transaction.partially_cancelled', amount, reason });
  return { status: 200, ...viewOf(payment), amount };
}

/** How the wallet API shows a payment. */
export function viewOf(payment: ModelPayment): { walletStatus: string; failureCode: string | null } {
  const { status, reason } = payment;
  const failed =
    status === 'rejected' || status === 'failed' || (status === 'cancelled' && reason === 'expired');
  if (failed) return { walletStatus: 'FAILED', failureCode: reason };
  const walletStatus = { created: 'NEW', authorized: 'PROCESSING' }[status as string] ?? 'SUCCESS';
  return { walletStatus, failureCode: null };
}
