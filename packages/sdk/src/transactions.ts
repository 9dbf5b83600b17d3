import { PlexyPayError } from './errors.ts';
import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { isDots, pathOf } from './paths.ts';
import type { RequestSender } from './request.ts';
import { Resource } from './resource.ts';
import { type StreamedEvent, type StreamOptions, streamOf } from './stream.ts';
import type {
  CancelTransactionBody,
  CaptureTransactionBody,
  GetTransactionHistoryQuery,
  ListTransactionsByOrderReferenceQuery,
  ListTransactionsByPaymentLinkQuery,
  ListTransactionsQuery,
  RefundTransactionBody,
  Transaction,
  TransactionEvent,
} from './types.generated.ts';

/**
 * Every payment and refund, by wallet or by card, with a merchant's key. An id may have either spelling. Take these for
 * whatever comes after the authorization; `wallet` speaks of wallet payments alone, in the five fields of the wallet API.
 */
export class TransactionsResource extends Resource {
  readonly #sender: RequestSender;

  constructor(sender: RequestSender) {
    super(sender);
    this.#sender = sender;
  }

  /** Newest first. All filters that are given must hold. */
  list(
    query: Omit<ListTransactionsQuery, 'page' | 'size'> = {},
    options?: RequestOptions,
  ): List<Transaction> {
    return this.listOf('/v1/transactions', { ...query }, options);
  }

  /** A list, since a reference need not be unique. */
  byOrderReference(
    reference: string,
    query: ListTransactionsByOrderReferenceQuery = {},
    options?: RequestOptions,
  ): List<Transaction> {
    if (reference === '') throw new PlexyPayError('an order reference must not be empty');
    // No path can hold these two, however they are written; a filter can.
    if (isDots(reference))
      return this.listOf('/v1/transactions', { ...query, orderReference: reference }, options);
    return this.listOf(pathOf`/v1/transactions/by-order-reference/${reference}`, { ...query }, options);
  }

  byPaymentLink(
    id: string,
    query: ListTransactionsByPaymentLinkQuery = {},
    options?: RequestOptions,
  ): List<Transaction> {
    return this.listOf(pathOf`/v1/transactions/by-payment-link/${id}`, { ...query }, options);
  }

  get(id: string, options?: RequestOptions): Promise<Transaction> {
    return this.getFrom('Transaction', pathOf`/v1/transactions/${id}`, options);
  }

  /** What happened to it, oldest first. */
  history(
    id: string,
    query: GetTransactionHistoryQuery = {},
    options?: RequestOptions,
  ): List<TransactionEvent> {
    return this.listOf(pathOf`/v1/transactions/${id}/history`, { ...query }, options);
  }

  /**
   * Debits the held amount, all of it without `amount`; a smaller one releases the rest. With `final: false` the rest
   * stays held: more captures may follow, and what was captured can be refunded.
   */
  capture(id: string, body: CaptureTransactionBody = {}, options?: RequestOptions): Promise<Transaction> {
    return this.postTo('Transaction', pathOf`/v1/transactions/${id}/capture`, body, options);
  }

  /** Releases the hold, or a part of it. */
  cancel(id: string, body: CancelTransactionBody = {}, options?: RequestOptions): Promise<Transaction> {
    return this.postTo('Transaction', pathOf`/v1/transactions/${id}/cancel`, body, options);
  }

  /** Gives back what was captured, or a part of it. @returns the refund, a transaction of its own */
  refund(id: string, body: RefundTransactionBody = {}, options?: RequestOptions): Promise<Transaction> {
    return this.postTo('Transaction', pathOf`/v1/transactions/${id}/refund`, body, options);
  }

  /**
   * Every event as it is committed, without a gap or a repeat, across lost connections too. It ends when
   * `signal` is aborted, which throws what it was aborted with, or when the loop over it does:
   *
   *   for await (const event of plexy.transactions.stream({ lastEventId })) …
   *
   * @throws PlexyPayError for what another attempt would not change, such as a key that was revoked
   */
  stream(options: StreamOptions = {}): AsyncGenerator<StreamedEvent, never, undefined> {
    return streamOf(this.#sender, options);
  }
}
