/** Payments that are not taken, since more is waiting already than can be decided in time: they are refused before they are read. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Engine } from '../engine/engine.ts';
import { type ApiError, OVERLOADED, tooManyWaiting } from './errors.ts';

/**
 * Whoever is refused is asked to come again after a second (`Retry-After`). Until half of that has passed nothing more is read
 * from the connection: thousands that come again at once would take the time in which payments are decided.
 */
const REST_MS = 500;

/** @returns the error to refuse a request with; null: it is no payment, or is taken */
export function shed(
  engine: Pick<Engine, 'isFull'>,
  request: FastifyRequest,
  reply: FastifyReply,
): ApiError | null {
  if (request.method !== 'POST' || request.routeOptions.config.turn !== 'none') return null;
  const full = engine.isFull(request.principal?.merchantId ?? null);
  if (full === null) return null;
  const { socket } = request.raw;
  // When the answer is sent, Node reads on past the body that nobody wanted; then it is at rest.
  reply.raw.once('finish', () => setImmediate(() => socket.pause()));
  setTimeout(() => socket.resume(), REST_MS).unref();
  return full === 'of all' ? OVERLOADED : tooManyWaiting();
}
