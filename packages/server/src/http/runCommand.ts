import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { AnswerKey, Command, Outcome, Sender } from '../core/command.ts';
import type { Minor } from '../core/transaction.ts';
import { type Answer, type ExpectedAnswer, OPERATOR_SCOPE } from '../engine/batch.ts';
import { readResponses } from '../engine/batchSql.ts';
import { newId } from '../installation/newId.ts';
import { type Refused, refusalAnswer } from '../payments/refusals.ts';
import { ApiError, sourceOf } from './errors.ts';
import { fingerprintOf, otherFingerprintsOf } from './idempotencyKey.ts';

/** A command as a route sends it to the engine. */
export interface CommandCall {
  readonly command: Command;
  readonly sender: Sender;
  readonly idempotencyKey: string | null;
  /** The route's path with its ids in one spelling: part of the fingerprint. */
  readonly path: string;
  /** In place of the body, where that holds what must not be fingerprinted (a card). */
  readonly fingerprintBody?: unknown;
  readonly expected: ExpectedAnswer | null;
  /** The answer to any outcome but a refusal. */
  readonly answer: (outcome: Outcome, balance: Minor | null) => Answer;
}

/**
 * Runs a command through the engine and sends its answer, also to a repeated request. When the bank has to
 * be asked, the answer comes with the bank's, at the latest after 10 seconds. @throws ApiError
 */
export async function execute(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  call: CommandCall,
): Promise<FastifyReply> {
  const { command, sender, idempotencyKey, expected } = call;
  const executed = await deps.engine.execute({
    command,
    sender,
    apiKeyId: request.principal?.apiKeyId ?? null,
    scopeId: scopeOf(request),
    internalId: newId(),
    idempotencyKey,
    ...fingerprintsOfCall(deps, request, call),
    audited: isAudited(request, command) ? auditActorOf(request) : undefined,
    expected,
    answer: (outcome, balance) =>
      outcome.kind === 'refused' ? refusal(request, outcome) : call.answer(outcome, balance),
  });
  const { replayed } = executed;
  if (executed.kind === 'answered') return sendAnswer(request, reply, executed, replayed);
  return sendLate(deps, request, reply, executed.answerKey, replayed);
}

/**
 * Answers a request that may have come before without the engine: what is asked of a new one may no longer be so.
 * @returns null when its key is new
 * @throws ApiError as `execute`
 */
export async function replay(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  call: Pick<CommandCall, 'idempotencyKey' | 'path' | 'fingerprintBody'>,
): Promise<FastifyReply | null> {
  if (call.idempotencyKey === null) return null;
  const answerKey = { scopeId: scopeOf(request), key: call.idempotencyKey };
  const [stored] = await readResponses(deps.reserved, [answerKey]);
  if (stored === undefined) return null;
  const { fingerprint, statusCode, response: body } = stored;
  const own = fingerprintsOfCall(deps, request, call);
  if (fingerprint !== own.fingerprint && !own.otherFingerprints.includes(fingerprint))
    throw new ApiError('idempotency_key_reused');
  if (statusCode === null || body === null) return sendLate(deps, request, reply, answerKey, true);
  return sendAnswer(request, reply, { statusCode, body }, true);
}

/**
 * What is done to a payment, and what people do. A payment that an API key makes is not: its history tells of
 * it, and the audit log would grow with every order.
 */
function isAudited({ principal }: FastifyRequest, { kind }: Command): boolean {
  return principal?.user != null || (kind !== 'authorize' && kind !== 'pay_by_card');
}

function scopeOf({ principal }: FastifyRequest): string {
  return principal?.merchantId ?? OPERATOR_SCOPE;
}

function fingerprintsOfCall(
  { secrets }: Deps,
  request: FastifyRequest,
  { path, fingerprintBody }: Pick<CommandCall, 'path' | 'fingerprintBody'>,
): { readonly fingerprint: string; readonly otherFingerprints: readonly string[] } {
  const what = [request.method, path, fingerprintBody ?? request.body ?? null] as const;
  return {
    fingerprint: fingerprintOf(secrets, ...what),
    otherFingerprints: otherFingerprintsOf(secrets, ...what),
  };
}

/** Waits for the bank's answer. */
async function sendLate(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  answerKey: AnswerKey,
  replayed: boolean,
): Promise<FastifyReply> {
  const late = await deps.lateAnswers.wait(answerKey);
  if (late === null) throw new ApiError('request_in_progress', undefined, [], { 'retry-after': '1' });
  return sendAnswer(request, reply, late, replayed);
}

/** Sends an answer that is stored or will be, and says so if it was. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { statusCode, body }: Answer,
  replayed: boolean,
): FastifyReply {
  if (replayed) reply.header('idempotency-replayed', 'true');
  if (statusCode >= 400) request.errorReason = JSON.parse(body).reason;
  return sendJson(reply, statusCode, body);
}

/** What is wrong with a key is said of a session in its own words. */
export const SESSION_REASONS = {
  invalid_api_key: 'not_signed_in',
  insufficient_scope: 'insufficient_role',
} as const;

function refusal(request: FastifyRequest, refused: Refused): Answer {
  const { refusal: reason } = refused;
  const ofSession = reason === 'invalid_api_key' || reason === 'insufficient_scope';
  const told = ofSession && request.principal?.user != null ? SESSION_REASONS[reason] : reason;
  return refusalAnswer(refused, sourceOf(request.url), request.id, told);
}

/** Sends JSON text as it is. */
export function sendJson(reply: FastifyReply, statusCode: number, body: string): FastifyReply {
  return reply.code(statusCode).header('content-type', 'application/json; charset=utf-8').send(body);
}
