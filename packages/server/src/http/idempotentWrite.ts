/**
 * What operators, and merchants' users, change besides money. One database transaction: claim the
 * Idempotency-Key, read the API key or session again, do it, store the answer with the key. (Money goes
 * through the engine.)
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { AuditChange } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { covers } from '../core/scopes.ts';
import { type Claim, claimKeys, readApiKeys, readResponses, updateResponses } from '../engine/batchSql.ts';
import { passGate } from '../engine/gateSql.ts';
import { type Answer, type Fingerprints, standingOf } from '../engine/idempotency.ts';
import { waitForKeys } from '../engine/idempotencySql.ts';
import { insufficientScope, neededScope, operatorOf } from '../identity/auth.ts';
import { isAllowed } from '../identity/roles.ts';
import { requireSecondFactor } from '../identity/sessions.ts';
import { readSession } from '../identity/sessionsSql.ts';
import { LOCK_TIMEOUT, sqlStateOf } from '../postgres/databaseErrors.ts';
import { attempt, inTransaction, type Queryable } from '../postgres/pool.ts';
import { scopeOf } from './caller.ts';
import { ApiError, errorBody, REASONS, sourceOf } from './errors.ts';
import { exactJson } from './exactJson.ts';
import { fingerprintsOf, idempotencyKeyOf } from './idempotencyKey.ts';
import { sendAnswer } from './send.ts';

export interface KeyedWrite {
  /** The route's path with its ids in one spelling: part of the request's fingerprint. */
  readonly path: string;
  /** The answer's fields that show a secret, this once: they are stored as null, so that a repeated request shows none. */
  readonly shownOnce?: string | readonly string[];
  readonly statusCode: 200 | 201;
  /** Does it. @throws ApiError when it cannot be done: then nothing is changed, and only a 422 is remembered */
  readonly work: (db: Queryable) => Promise<Done>;
  /** Hears that it was done, before the caller does. */
  readonly committed?: () => Promise<void>;
}

export interface Done {
  /** The object that was made or changed. */
  readonly effectId: string;
  /** What the audit log tells of it; in the merchant's own, if it was the merchant's key or user. */
  readonly audit: AuditChange;
  readonly body: object;
}

/** Does an operator's write once per Idempotency-Key, and sends its answer. @throws ApiError */
export async function operatorWrite(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  write: KeyedWrite,
): Promise<FastifyReply> {
  operatorOf(request);
  return writeOnce(deps, request, reply, write);
}

/** The same for whoever may call the route; the key is the merchant's, or one of operators. @throws ApiError */
export async function writeOnce(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  write: KeyedWrite,
): Promise<FastifyReply> {
  const { principal } = request;
  if (principal === null) throw new Error('this route is open to everybody');
  request.showsSecret = write.shownOnce !== undefined;
  const scopeId = scopeOf(principal);
  const key = idempotencyKeyOf(request, false);
  const fingerprints = fingerprintsOf(deps.secrets, request.method, write.path, request.body ?? null);
  const { fingerprint } = fingerprints;
  const stored = await inTransaction(deps.pool, async (client) => {
    if (deps.config.mode === 'sandbox') await passGate(client);
    const earlier = key === null ? null : await claimOrReplay(client, scopeId, key, fingerprints);
    await checkCredential(deps, client, request);
    if (earlier !== null) return { answer: withoutSecret(deps, write, earlier), replayed: true };
    const { effectId, answer, remembered } = await carryOut(client, request, write, key !== null);
    if (key !== null) {
      const { statusCode } = answer;
      const effectSeq = effectId === null ? null : 0;
      await updateResponses(client, [
        { scopeId, key, fingerprint, effectId, effectSeq, statusCode, response: remembered },
      ]);
    }
    return { answer, replayed: false };
  });
  if (!stored.replayed) await write.committed?.();
  return sendAnswer(request, reply, stored.answer, stored.replayed);
}

interface CarriedOut {
  /** Null: it was refused, and changed nothing. */
  readonly effectId: string | null;
  readonly answer: Answer;
  /** The answer's body as it is stored. */
  readonly remembered: string;
}

/** Does the work. A 422 is an answer that its key remembers; what else goes wrong undoes the key's claim, too. */
async function carryOut(
  client: Queryable,
  request: FastifyRequest,
  write: KeyedWrite,
  keyed: boolean,
): Promise<CarriedOut> {
  const work = async (): Promise<Done> => {
    const done = await write.work(client);
    const merchantId = request.principal?.merchantId ?? done.audit.merchantId ?? null;
    await insertAuditEntries(client, [{ ...done.audit, actor: auditActorOf(request), merchantId }]);
    return done;
  };
  try {
    const { effectId, body } = await (keyed ? attempt(client, work) : work());
    const answer = { statusCode: write.statusCode, body: exactJson(body) };
    const { shownOnce } = write;
    const remembered = shownOnce === undefined ? answer.body : exactJson({ ...body, ...unshown(shownOnce) });
    return { effectId, answer, remembered };
  } catch (error) {
    if (!keyed || !(error instanceof ApiError) || REASONS[error.reason].status !== 422) throw error;
    const { reason, message, details } = error;
    const body = errorBody(reason, message, details, sourceOf(request.url), request.id);
    return { effectId: null, answer: { statusCode: 422, body }, remembered: body };
  }
}

/** @returns null when the key is new and now ours, else the answer of the request that had it */
async function claimOrReplay(
  db: Queryable,
  scopeId: string,
  key: string,
  fingerprints: Fingerprints,
): Promise<Answer | null> {
  const unknown = { effectId: null, effectSeq: null, statusCode: null, response: null };
  const claim: Claim = { scopeId, key, fingerprint: fingerprints.fingerprint, ...unknown };
  await waitForKeys(db);
  const claimed = await claimKeys(db, [claim]).catch((error: unknown) => {
    throw sqlStateOf(error) === LOCK_TIMEOUT ? inProgress() : error;
  });
  if (claimed.length > 0) return null;
  const [stored] = await readResponses(db, [claim]);
  if (stored === undefined) throw inProgress();
  const standing = standingOf(stored, fingerprints);
  switch (standing.kind) {
    case 'key_reused':
      throw new ApiError('idempotency_key_reused');
    case 'pending':
      throw inProgress();
    case 'answered':
      return standing.answer;
  }
}

function inProgress(): ApiError {
  return new ApiError('request_in_progress', undefined, [], { 'retry-after': '1' });
}

/** A revocation, a sign-out or a change of role that committed before works at once. */
export async function checkCredential(
  { config: { mode } }: Pick<Deps, 'config'>,
  db: Queryable,
  request: FastifyRequest,
): Promise<void> {
  const { principal, routeOptions } = request;
  if (principal === null) throw new Error('nobody asks for this');
  const { apiKeyId, user } = principal;
  if (user !== null) {
    const session = await readSession(db, apiKeyId);
    if (session === null) throw new ApiError('not_signed_in');
    requireSecondFactor(request, session, mode);
    const { role } = routeOptions.config;
    if (role === undefined || !isAllowed(session.role, role)) throw new ApiError('insufficient_role');
    return;
  }
  const [key] = await readApiKeys(db, [apiKeyId]);
  if (key === undefined || !key.live) throw new ApiError('invalid_api_key');
  const needed = neededScope(request);
  if (!covers(key.scopes, needed)) throw new ApiError('insufficient_scope', insufficientScope(needed));
}

/**
 * Answers with a secret were once stored whole, encrypted: until those are purged, the secret is taken out when
 * they are read. The same fingerprint means the same route.
 */
function withoutSecret(deps: Deps, { shownOnce }: KeyedWrite, answer: Answer): Answer {
  if (shownOnce === undefined || answer.body.startsWith('{')) return answer;
  const body: Record<string, unknown> = JSON.parse(deps.secrets.openUnbound(answer.body));
  return { ...answer, body: exactJson({ ...body, ...unshown(shownOnce) }) };
}

function unshown(fields: string | readonly string[]): Record<string, null> {
  return Object.fromEntries([fields].flat().map((field) => [field, null]));
}
