import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  AuthorizeWalletBody,
  CancelWalletBody,
  CaptureWalletBody,
  ListWalletTransactionsQuery,
  RefundWalletBody,
  WalletTransaction,
} from './types.generated.ts';

/**
 * The wallet API, with a merchant's key. Amounts are minor units. `authorize` has no other name; for the rest
 * `transactions` does the same for wallets and cards alike, without an `amount` for all of it, and answers whole.
 */
export class WalletResource extends Resource {
  /** Holds an amount on a customer's wallet. A payment that is refused has status `FAILED`: it does not throw. */
  authorize(body: AuthorizeWalletBody, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', '/v1/wallet/authorize', body, options);
  }

  /** Debits the held amount; a smaller one releases the rest, or with `final: false` leaves it held for more captures. */
  capture(id: string, body: CaptureWalletBody, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', pathOf`/v1/wallet/${id}/capture`, body, options);
  }

  /** Releases the hold, or a part of it. */
  cancel(id: string, body: CancelWalletBody, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', pathOf`/v1/wallet/${id}/cancel`, body, options);
  }

  /** Gives back a part or all of what was captured. */
  refund(id: string, body: RefundWalletBody, options?: RequestOptions): Promise<WalletTransaction> {
    return this.postTo('WalletTransaction', pathOf`/v1/wallet/${id}/refund`, body, options);
  }

  get(id: string, options?: RequestOptions): Promise<WalletTransaction> {
    return this.getFrom('WalletTransaction', pathOf`/v1/wallet/transaction/${id}`, options);
  }

  /** Newest first. */
  list(query: ListWalletTransactionsQuery = {}, options?: RequestOptions): List<WalletTransaction> {
    return this.listOf('/v1/wallet/transactions', { ...query }, options);
  }
}
