/** What all routes of the deployed API have in common. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import type { MerchantCaller } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import type { Answer } from '../engine/idempotency.ts';
import { merchantCallerOf } from '../http/caller.ts';
import { fieldError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { answerTold, sendJson } from '../http/send.ts';
import { PREFIX } from './words.ts';

/** API keys only: nobody who is signed in on the dashboard needs this API. */
export const READS = { auth: 'merchant' } as const;
export const SUMS = { auth: 'merchant', turn: 'heavy' } as const;
/** The engine serves merchants in turn, so that payments wait in no other line. */
export const WRITES = { auth: 'merchant', turn: 'none' } as const;

/** Optional texts that clients send empty where they have nothing to say. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && value !== '';
}

/** A payment that is thought to be the first of several must not pass for one. @throws ApiError 400 */
export function refuseRecurring(recurring: unknown): void {
  if (recurring !== undefined && recurring !== null)
    throw fieldError('invalid_request', 'recurring', 'is not served here');
}

/** @param path the route's, with its ids in one spelling */
export function hostedCallerOf(deps: Deps, request: FastifyRequest, path: string): MerchantCaller {
  const key = idempotencyKeyOf(request, false);
  return merchantCallerOf(deps, request, { key, path: `${PREFIX}${path}` });
}

/**
 * Sends what the engine answered, in the words of the deployed API. What it stores is in our own: whoever asks the bank
 * writes the answer, and knows of no other API.
 */
export async function sendTranslated(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  told: Told,
  words: { success: (body: string) => Promise<string> | string; error: (body: string) => string },
): Promise<FastifyReply> {
  const { statusCode, body }: Answer = await answerTold(deps, told);
  if (told.replayed) reply.header('idempotency-replayed', 'true');
  if (statusCode < 400) return sendJson(reply, statusCode, await words.success(body));
  request.errorReason = JSON.parse(body).reason;
  return sendJson(reply, statusCode, words.error(body));
}
