/** What the routes about webhooks share. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { idOf } from '../http/adminCommon.ts';
import { ApiError } from '../http/errors.ts';
import { type KeyedWrite, writeOnce } from '../http/idempotentWrite.ts';
import { merchantOf } from '../identity/auth.ts';
import type { Queryable } from '../postgres/pool.ts';
import { findEndpoint, type WebhookEndpoint } from './endpointsSql.ts';

export const PATH = '/v1/webhook-endpoints';
/** The part of every route's schema that is the same. */
export const WEBHOOKS = { tags: ['Webhooks'], security: [{ merchantApiKey: [] }] };
export const MERCHANT_ADMIN = { auth: 'merchant', role: 'admin', scope: 'webhooks' } as const;
export const ERRORS = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') };
export const Params = Type.Object({ id: Type.String() });

/** @throws ApiError 404 */
export function endpointIdOf(text: string): string {
  return idOf(text, 'webhook_endpoint_not_found');
}

/** The merchant's endpoint with this id. @throws ApiError 404 */
export async function requireEndpoint(
  db: Queryable,
  request: FastifyRequest,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await findEndpoint(db, merchantOf(request).merchantId, endpointIdOf(id));
  if (endpoint === null) throw new ApiError('webhook_endpoint_not_found');
  return endpoint;
}

/** The same where it is one that somebody has created, whose settings are its own. @throws ApiError 404, 422 */
export function requireRegistered(endpoint: WebhookEndpoint): void {
  if (endpoint.kind === 'callback') throw new ApiError('webhook_endpoint_of_links');
}

/** The same where something is to be sent. @throws ApiError 404, 422 */
export async function requireEnabled(
  db: Queryable,
  request: FastifyRequest,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await requireEndpoint(db, request, id);
  if (endpoint.disabledAt !== null) throw new ApiError('webhook_endpoint_disabled');
  return endpoint;
}

/** Does it once per Idempotency-Key, and lets the deliveries that follow from it begin. @throws ApiError */
export async function webhookWrite(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  write: KeyedWrite,
): Promise<FastifyReply> {
  const sent = await writeOnce(deps, request, reply, write);
  deps.webhooks.wake();
  return sent;
}
