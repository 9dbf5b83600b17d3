/** Commands that are not taken, since more is waiting already than can be decided in time: they are refused before they are read. */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Engine } from '../engine/engine.ts';
import { type ApiError, OVERLOADED, tooManyWaiting } from './errors.ts';

/**
 * Whoever is refused is asked to come again after a second (`Retry-After`). For half of that nothing more is read from their
 * connection: thousands that come again at once would take the time in which payments are decided.
 */
const REST_MS = 500;

/** @returns the error to refuse a request with; null: it is no command for the engine, or is taken */
export function shed(
  engine: Pick<Engine, 'isFull'>,
  request: FastifyRequest,
  reply: FastifyReply,
): ApiError | null {
  if (request.method !== 'POST' || request.routeOptions.config.turn !== 'none') return null;
  const full = engine.isFull(request.principal?.merchantId ?? null);
  if (full === null) return null;
  // When the answer is sent, Node reads on past the body that nobody wanted; then the connection rests.
  if (isDirect(request)) reply.raw.once('finish', () => setImmediate(rest, request.raw.socket));
  return full === 'of all' ? OVERLOADED : tooManyWaiting();
}

/** A proxy's connections are everybody's. */
function isDirect({ headers }: FastifyRequest): boolean {
  return headers['x-forwarded-for'] === undefined && headers.forwarded === undefined;
}

function rest(socket: Socket): void {
  socket.pause();
  setTimeout(() => socket.resume(), REST_MS).unref();
}
