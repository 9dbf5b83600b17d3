/** Who calls, made of an HTTP request for the use cases behind it. */
import type { FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { Actor } from '../core/transaction.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import type { Caller, MerchantCaller, Refused } from '../engine/caller.ts';
import type { Answer } from '../engine/idempotency.ts';
import { actorOf, neededScope, type Principal } from '../identity/auth.ts';
import { sourceOf } from './errors.ts';
import { fingerprintsOf } from './idempotencyKey.ts';
import { refusalAnswer } from './refusals.ts';

/** How a request is recognised when it comes again. */
export interface Recognised {
  readonly key: string | null;
  /** The route's path with its ids in one spelling: part of the fingerprint. */
  readonly path: string;
  /** In place of the body, where that holds what must not be fingerprinted (a card). */
  readonly fingerprintBody?: unknown;
}

/** @throws Error on a route that is open to everybody: a bug, since its answers would be kept for nobody */
export function callerOf(
  { secrets }: Pick<Deps, 'secrets'>,
  request: FastifyRequest,
  { key, path, fingerprintBody }: Recognised,
): Caller {
  const { principal } = request;
  if (principal === null) throw new Error('this route is open to everybody');
  const { apiKeyId, merchantId, user } = principal;
  return {
    ...fingerprintsOf(secrets, request.method, path, fingerprintBody ?? request.body ?? null),
    ...{ apiKeyId, merchantId, key },
    scope: neededScope(request),
    scopeId: scopeOf(principal),
    actor: actorOf(request, merchantId === null ? 'operator' : ('api' satisfies Actor)),
    isPerson: user !== null,
    auditActor: () => auditActorOf(request),
    refuse: (refused) => refusalOf(request, refused),
  };
}

/** The same on a route for merchants. @throws Error on any other: a bug */
export function merchantCallerOf(
  deps: Pick<Deps, 'secrets'>,
  request: FastifyRequest,
  recognised: Recognised,
): MerchantCaller {
  const caller = callerOf(deps, request, recognised);
  if (!isMerchant(caller)) throw new Error('this route has no merchant');
  return caller;
}

function isMerchant(caller: Caller): caller is MerchantCaller {
  return caller.merchantId !== null;
}

/** The namespace of a caller's idempotency keys. */
export function scopeOf({ merchantId }: Principal): string {
  return merchantId ?? OPERATOR_SCOPE;
}

/** What is wrong with a key is said of a session in its own words. */
export const SESSION_REASONS = {
  invalid_api_key: 'not_signed_in',
  insufficient_scope: 'insufficient_role',
} as const;

function refusalOf(request: FastifyRequest, refused: Refused): Answer {
  const { refusal: reason } = refused;
  const ofSession = reason === 'invalid_api_key' || reason === 'insufficient_scope';
  const told = ofSession && request.principal?.user != null ? SESSION_REASONS[reason] : reason;
  return refusalAnswer(refused, sourceOf(request.url), request.id, told);
}
