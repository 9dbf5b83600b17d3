import Type from 'typebox';
import { isMigrated } from '../store/migrate.ts';
import type { App, Deps, Surface } from './app.ts';
import { ApiError } from './errors.ts';

const Status = Type.Object({ status: Type.Literal('ok') });

/** Health, readiness and metrics. In production /metrics is on the operators' port only. */
export function operationsRoutes(app: App, deps: Deps, surface: Surface): void {
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
        summary: 'Whether the database is reachable and up to date',
        tags,
        security: [],
        response: { 200: Status, '4xx': Type.Ref('Error'), 503: Type.Ref('Error') },
      },
    },
    async () => {
      const ready = await isMigrated(deps.pool).catch(() => false);
      if (!ready) throw new ApiError('service_unavailable');
      return { status: 'ok' as const };
    },
  );
  if (surface === 'merchant') return;
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.header('content-type', deps.metrics.contentType).send(await deps.metrics.render()),
  );
}
