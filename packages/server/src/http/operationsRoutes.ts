import { setTimeout } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { safeEqual } from '../secrets.ts';
import { isMigrated } from '../store/migrate.ts';
import type { Pool } from '../store/postgres.ts';
import type { App } from './bareApp.ts';
import { clientAddressOf } from './clientAddress.ts';
import type { Deps, Surface } from './deps.ts';
import { ApiError } from './errors.ts';

const Status = Type.Object({ status: Type.Literal('ok') });

/** Health, readiness and metrics. In production /metrics is on the operators' port only. */
export function operationsRoutes(app: App, deps: Deps, surface: Surface): void {
  const tags = ['Operations'];
  const isReady = readiness(deps.pool);
  app.get(
    '/health',
    {
      schema: {
        operationId: 'health',
        summary: 'Whether the process is up',
        tags,
        security: [],
        response: { 200: Status },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/ready',
    {
      schema: {
        operationId: 'ready',
        summary: 'Whether the database is reachable and up to date',
        tags,
        security: [],
        response: { 200: Status, '4xx': Type.Ref('Error'), 503: Type.Ref('Error') },
      },
    },
    async () => {
      if (!(await isReady())) throw new ApiError('service_unavailable', 'the database is not ready');
      return { status: 'ok' as const };
    },
  );
  if (surface === 'merchant') return;
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (!mayRead(request, deps.config.metricsToken))
      throw new ApiError('metrics_token_required', undefined, [], { 'www-authenticate': 'Bearer' });
    return reply.header('content-type', deps.metrics.contentType).send(await deps.metrics.render());
  });
}

/** Metrics tell how much is paid: without a token only this machine gets them. */
function mayRead(request: FastifyRequest, token: string | null): boolean {
  if (token !== null) return safeEqual(request.headers.authorization ?? '', `Bearer ${token}`);
  return isLoopback(clientAddressOf(request));
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Load balancers ask every second or so, and give up after a few. */
const READY_WITHIN_MS = 1_500;

/** Asks the database once at a time, however many ask here: a stuck database must not fill the pool. */
function readiness(pool: Pool): () => Promise<boolean> {
  let asking: Promise<boolean> | null = null;
  const ask = (): Promise<boolean> =>
    isMigrated(pool, READY_WITHIN_MS)
      .catch(() => false)
      .finally(() => {
        asking = null;
      });
  return async () => {
    asking ??= ask();
    const late = new AbortController();
    const tooLate = setTimeout(READY_WITHIN_MS, false, { signal: late.signal, ref: false }).catch(
      () => false,
    );
    return Promise.race([asking, tooLate]).finally(() => late.abort());
  };
}
