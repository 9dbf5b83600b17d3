import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  CallbackSecret,
  CreateWebhookEndpointBody,
  DeletedWebhookEndpoint,
  ListWebhookDeliveriesQuery,
  ListWebhookEndpointsQuery,
  ReplayWebhooksBody,
  ShownCallbackSecret,
  UpdateWebhookEndpointBody,
  WebhookDelivery,
  WebhookDeliveryWithAttempts,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  WebhookReplay,
} from './types.generated.ts';

/**
 * Where webhooks are sent, and what became of each, with a merchant's key. What arrives is verified with
 * `@plexy-pay/sdk/webhooks`.
 */
export class WebhookEndpointsResource extends Resource {
  /** @returns the endpoint with its `secret`, which is shown only this once */
  create(body: CreateWebhookEndpointBody, options?: RequestOptions): Promise<WebhookEndpointWithSecret> {
    return this.postTo('WebhookEndpointWithSecret', '/v1/webhook-endpoints', body, options);
  }

  /** Newest first. */
  list(query: ListWebhookEndpointsQuery = {}, options?: RequestOptions): List<WebhookEndpoint> {
    return this.listOf('/v1/webhook-endpoints', { ...query }, options);
  }

  get(id: string, options?: RequestOptions): Promise<WebhookEndpoint> {
    return this.getFrom('WebhookEndpoint', pathOf`/v1/webhook-endpoints/${id}`, options);
  }

  /** What is not named stays as it is. */
  update(id: string, body: UpdateWebhookEndpointBody, options?: RequestOptions): Promise<WebhookEndpoint> {
    return this.patchAt('WebhookEndpoint', pathOf`/v1/webhook-endpoints/${id}`, body, options);
  }

  /** With what is pending. */
  delete(id: string, options?: RequestOptions): Promise<DeletedWebhookEndpoint> {
    return this.deleteAt('DeletedWebhookEndpoint', pathOf`/v1/webhook-endpoints/${id}`, options);
  }

  /** Goes on with what is pending. What happened while it was disabled is sent by a `replay` only. */
  enable(id: string, options?: RequestOptions): Promise<WebhookEndpoint> {
    return this.postTo('WebhookEndpoint', pathOf`/v1/webhook-endpoints/${id}/enable`, undefined, options);
  }

  disable(id: string, options?: RequestOptions): Promise<WebhookEndpoint> {
    return this.postTo('WebhookEndpoint', pathOf`/v1/webhook-endpoints/${id}/disable`, undefined, options);
  }

  /** For 24 hours the secret before signs as well. @returns the endpoint with its new `secret`, shown once */
  rotateSecret(id: string, options?: RequestOptions): Promise<WebhookEndpointWithSecret> {
    return this.postTo(
      'WebhookEndpointWithSecret',
      pathOf`/v1/webhook-endpoints/${id}/rotate-secret`,
      undefined,
      options,
    );
  }

  /** Of the `callbackUrl` of links: since when its secret is known. */
  callbackSecret(options?: RequestOptions): Promise<CallbackSecret> {
    return this.getFrom('CallbackSecret', '/v1/callback-secret', options);
  }

  /** For 24 hours the secret before signs as well. @returns the `secret` and the `bearerToken`, shown once */
  rotateCallbackSecret(options?: RequestOptions): Promise<ShownCallbackSecret> {
    return this.postTo('ShownCallbackSecret', '/v1/callback-secret/rotate', undefined, options);
  }

  /** @returns the delivery of a `webhook.test`, still pending */
  sendTest(id: string, options?: RequestOptions): Promise<WebhookDelivery> {
    return this.postTo('WebhookDelivery', pathOf`/v1/webhook-endpoints/${id}/test`, undefined, options);
  }

  /** Newest first. All filters that are given must hold. */
  listDeliveries(
    id: string,
    query: ListWebhookDeliveriesQuery = {},
    options?: RequestOptions,
  ): List<WebhookDelivery> {
    return this.listOf(pathOf`/v1/webhook-endpoints/${id}/deliveries`, { ...query }, options);
  }

  /** With its body and attempts. @param deliveryId the `webhook-id` */
  getDelivery(
    id: string,
    deliveryId: string,
    options?: RequestOptions,
  ): Promise<WebhookDeliveryWithAttempts> {
    return this.getFrom(
      'WebhookDeliveryWithAttempts',
      pathOf`/v1/webhook-endpoints/${id}/deliveries/${deliveryId}`,
      options,
    );
  }

  /** The same bytes with the same `webhook-id`. @param deliveryId the `webhook-id` */
  resendDelivery(id: string, deliveryId: string, options?: RequestOptions): Promise<WebhookDelivery> {
    return this.postTo(
      'WebhookDelivery',
      pathOf`/v1/webhook-endpoints/${id}/deliveries/${deliveryId}/resend`,
      undefined,
      options,
    );
  }

  /** Sends all events of a time range again, in the background. */
  replay(id: string, body: ReplayWebhooksBody, options?: RequestOptions): Promise<WebhookReplay> {
    return this.postTo('WebhookReplay', pathOf`/v1/webhook-endpoints/${id}/replay`, body, options);
  }
}
