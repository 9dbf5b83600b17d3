import { PlexyPayError } from './errors.ts';
import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { isDots, pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  CreatePaymentLinkBody,
  CreatePaymentSessionBody,
  GetPaymentLinkHistoryQuery,
  GetPaymentLinkStatisticsQuery,
  ListPaymentLinksQuery,
  PaymentLink,
  PaymentLinkEvent,
  PaymentLinkSums,
  PaymentSession,
  UpdatePaymentLinkBody,
} from './types.generated.ts';

/** Links by which payers pay on Plexy Pay's own page, with a merchant's key. Amounts are minor units. */
export class PaymentLinksResource extends Resource {
  /** Send its `url` to the payer. It is paid once at most, unless it is `reusable`. */
  create(body: CreatePaymentLinkBody, options?: RequestOptions): Promise<PaymentLink> {
    return this.postTo('PaymentLink', '/v1/payment-links', body, options);
  }

  get(id: string, options?: RequestOptions): Promise<PaymentLink> {
    return this.getFrom('PaymentLink', pathOf`/v1/payment-links/${id}`, options);
  }

  /** The newest one of an order. */
  async byOrderReference(reference: string, options?: RequestOptions): Promise<PaymentLink> {
    if (reference === '' || isDots(reference))
      throw new PlexyPayError('no path can hold this order reference: list links by it instead');
    return this.getFrom('PaymentLink', pathOf`/v1/payment-links/by-order-reference/${reference}`, options);
  }

  /** Newest first. All filters that are given must hold. */
  list(query: ListPaymentLinksQuery = {}, options?: RequestOptions): List<PaymentLink> {
    return this.listOf('/v1/payment-links', { ...query }, options);
  }

  /** What happened to it, oldest first. */
  history(
    id: string,
    query: GetPaymentLinkHistoryQuery = {},
    options?: RequestOptions,
  ): List<PaymentLinkEvent> {
    return this.listOf(pathOf`/v1/payment-links/${id}/history`, { ...query }, options);
  }

  /** How many links of each currency have each status, and what they are for. */
  statistics(query: GetPaymentLinkStatisticsQuery = {}, options?: RequestOptions): List<PaymentLinkSums> {
    return this.listOf('/v1/payment-links/statistics', { ...query }, options);
  }

  /** Gives a link that can be paid another end. */
  update(id: string, body: UpdatePaymentLinkBody, options?: RequestOptions): Promise<PaymentLink> {
    return this.patchAt('PaymentLink', pathOf`/v1/payment-links/${id}`, body, options);
  }

  /** Nobody can pay it any more. @throws ConflictError while somebody does */
  cancel(id: string, options?: RequestOptions): Promise<PaymentLink> {
    return this.postTo('PaymentLink', pathOf`/v1/payment-links/${id}/cancel`, {}, options);
  }
}

/** A link for one payer now, for 30 minutes, with a merchant's key. */
export class PaymentSessionsResource extends Resource {
  /** Send the payer's browser to its `url`. */
  create(body: CreatePaymentSessionBody, options?: RequestOptions): Promise<PaymentSession> {
    return this.postTo('PaymentSession', '/v1/payment-sessions', body, options);
  }

  get(id: string, options?: RequestOptions): Promise<PaymentSession> {
    return this.getFrom('PaymentSession', pathOf`/v1/payment-sessions/${id}`, options);
  }
}
