/**
 * The deployed API, unchanged for its clients, below a prefix of its own: its units and names contradict ours. A thin
 * translation over the same use cases; docs/hosted.md says what is served, and where it differs.
 */
import type { FastifyInstance } from 'fastify';
import type { Deps } from '../app/deps.ts';
import type { App } from '../http/baseApp.ts';
import { requirePlainBody } from '../http/bodyHeaders.ts';
import { readBody, readNothing } from './bodies.ts';
import { hostedLinkRoutes } from './linkRoutes.ts';
import { hostedPaymentRoutes } from './paymentRoutes.ts';
import { hostedSessionRoutes } from './sessionRoutes.ts';
import { hostedTransactionRoutes } from './transactionRoutes.ts';
import { PREFIX } from './words.ts';

export function hostedRoutes(app: App, deps: Deps): void {
  app.register(
    async (instance: FastifyInstance) => {
      const scope = instance as unknown as App;
      takeBodies(scope);
      hostedLinkRoutes(scope, deps);
      hostedSessionRoutes(scope, deps);
      hostedTransactionRoutes(scope, deps);
      hostedPaymentRoutes(scope, deps);
    },
    { prefix: PREFIX },
  );
}

function takeBodies(scope: App): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      requirePlainBody(request.headers);
      done(null, readBody(body));
    } catch (error) {
      done(error as Error);
    }
  });
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    try {
      done(null, readNothing(body));
    } catch (error) {
      done(error as Error);
    }
  });
  scope.addHook('preValidation', (request, _reply, done) => {
    request.body ??= {};
    done();
  });
}
