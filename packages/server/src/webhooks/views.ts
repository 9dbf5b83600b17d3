import { linkKindOfEvent } from '../core/link.ts';
import { type LinkId, messageIdOf, publicLinkIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import type { Delivery, StoredAttempt, StoredDelivery } from './deliveriesSql.ts';
import type { WebhookEndpoint } from './endpointsSql.ts';

export function endpointView(endpoint: WebhookEndpoint) {
  const { id, kind, url, events, description, hasBearerToken, disabledReason } = endpoint;
  return {
    ...{ id, kind, url, events, description, hasBearerToken },
    status: endpoint.disabledAt === null ? 'enabled' : 'disabled',
    disabledReason,
    disabledAt: iso(endpoint.disabledAt),
    failingSince: iso(endpoint.failingSince),
    previousSecretValidUntil: iso(endpoint.oldSecretUntil),
    createdAt: iso(endpoint.createdAt),
    updatedAt: iso(endpoint.updatedAt),
  };
}

export function deliveryView(delivery: Delivery) {
  const { endpointId, name, transactionId, seq, status, replay, attempts } = delivery;
  const linkKind = linkKindOfEvent(name);
  const link = linkKind === null ? null : { kind: linkKind, id: transactionId as LinkId };
  return {
    id: messageIdOf(delivery),
    endpointId,
    event: name,
    transactionId: seq === 0 || link !== null ? null : transactionId,
    paymentLinkId: link === null ? null : publicLinkIdOf(link),
    status,
    callbackUrl: delivery.callbackUrl,
    replay,
    attemptCount: attempts,
    eventAt: iso(delivery.eventAt),
    createdAt: iso(delivery.createdAt),
    nextAttemptAt: iso(delivery.nextAttemptAt),
    finishedAt: iso(delivery.finishedAt),
  };
}

export function deliveryWithAttempts(delivery: StoredDelivery, attempts: readonly StoredAttempt[]) {
  return {
    ...deliveryView(delivery),
    body: delivery.body,
    attempts: attempts.map(({ number, at, latencyMs, statusCode, error, response }) => ({
      ...{ number, at: iso(at), latencyMs, statusCode, error, response },
    })),
  };
}

export function replayView(id: string, endpointId: string, { from, to }: { from: number; to: number }) {
  return { id, endpointId, from: iso(from), to: iso(to) };
}
