/** How answers are sent that are JSON text already. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import type { Told } from '../engine/engine.ts';
import type { Answer } from '../engine/idempotency.ts';
import { ApiError } from './errors.ts';

/** Sends what a caller was told, also to a repeated request. @throws ApiError */
export async function sendTold(
  deps: Pick<Deps, 'lateAnswers'>,
  request: FastifyRequest,
  reply: FastifyReply,
  told: Told,
): Promise<FastifyReply> {
  return sendAnswer(request, reply, await answerTold(deps, told), told.replayed);
}

/** When the bank has to be asked, the answer comes with the bank's, at the latest after 10 seconds. @throws ApiError */
export async function answerTold({ lateAnswers }: Pick<Deps, 'lateAnswers'>, told: Told): Promise<Answer> {
  if (told.kind === 'answered') return told.answer;
  const late = await lateAnswers.wait(told.answerKey);
  if (late === null) throw new ApiError('request_in_progress', undefined, [], { 'retry-after': '1' });
  return late;
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

/** Sends JSON text as it is. */
export function sendJson(reply: FastifyReply, statusCode: number, body: string): FastifyReply {
  return reply.code(statusCode).header('content-type', 'application/json; charset=utf-8').send(body);
}
