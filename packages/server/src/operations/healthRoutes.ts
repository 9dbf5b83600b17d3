import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { App } from '../http/baseApp.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import type { Surface } from '../identity/sessions.ts';
import { safeEqual } from '../installation/secrets.ts';

const Status = Type.Object({ status: Type.Literal('ok') });

/** Health, readiness and metrics. In production /metrics is on the operators' port only. */
export function healthRoutes(app: App, deps: Deps, surface: Surface): void {
  const tags = ['Operations'];
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
        summary: 'Whether the database is there, up to date and writable',
        tags,
        security: [],
        response: { 200: Status, '4xx': Type.Ref('Error'), 503: Type.Ref('Error') },
      },
    },
    async () => {
      if (!(await deps.readiness.isReady()))
        throw new ApiError('service_unavailable', 'the database is not ready');
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
