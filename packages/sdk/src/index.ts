/** Plexy Pay's client for Node 22 and newer and for browsers, without dependencies. */
import { AdminResource } from './admin.ts';
import { PaymentsResource } from './payments.ts';
import { type PlexyPayOptions, RequestSender } from './request.ts';
import { SandboxResource } from './sandbox.ts';
import { TransactionsResource } from './transactions.ts';
import { WalletResource } from './wallet.ts';

/** All but `admin` with a merchant's key. */
export class PlexyPay {
  readonly wallet: WalletResource;
  readonly payments: PaymentsResource;
  readonly transactions: TransactionsResource;
  readonly sandbox: SandboxResource;
  /** With an operator's key. */
  readonly admin: AdminResource;

  constructor(options: PlexyPayOptions) {
    const sender = new RequestSender(options);
    this.wallet = new WalletResource(sender);
    this.payments = new PaymentsResource(sender);
    this.transactions = new TransactionsResource(sender);
    this.sandbox = new SandboxResource(sender);
    this.admin = new AdminResource(sender);
  }
}

export type { AdminResource } from './admin.ts';
export * from './errors.ts';
export { exponentOf, formatAmount } from './money.ts';
export { List, type Page } from './pagination.ts';
export type { PaymentsResource } from './payments.ts';
export {
  type PlexyPayOptions,
  pathOf,
  type QueryValue,
  type RequestOptions,
  RequestSender,
} from './request.ts';
export type { SandboxResource } from './sandbox.ts';
export type { StreamedEvent, StreamOptions } from './stream.ts';
export type { TransactionsResource } from './transactions.ts';
export type * from './types.generated.ts';
export type { WalletResource } from './wallet.ts';
