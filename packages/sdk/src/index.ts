/** Plexy Pay's client for Node 22 and newer and for browsers, without dependencies. */
import { AdminResource } from './admin.ts';
import { type PlexyPayOptions, RequestSender } from './request.ts';
import { WalletResource } from './wallet.ts';

export class PlexyPay {
  /** With a merchant's key. */
  readonly wallet: WalletResource;
  /** With an operator's key. */
  readonly admin: AdminResource;

  constructor(options: PlexyPayOptions) {
    const sender = new RequestSender(options);
    this.wallet = new WalletResource(sender);
    this.admin = new AdminResource(sender);
  }
}

export type { AdminResource } from './admin.ts';
export * from './errors.ts';
export { exponentOf, formatAmount } from './money.ts';
export { List, type Page } from './pagination.ts';
export {
  type PlexyPayOptions,
  pathOf,
  type QueryValue,
  type RequestOptions,
  RequestSender,
} from './request.ts';
export type * from './types.generated.ts';
export type { WalletResource } from './wallet.ts';
