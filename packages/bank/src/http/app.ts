import { createHash, timingSafeEqual } from 'node:crypto';
import { type AddressInfo, isIP } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Bank } from '../bank.ts';
import type { FaultSwitches } from '../fault-switches.ts';
import { acsRoutes } from './acs.ts';
import { controlRoutes } from './control-routes.ts';
import { createDeliverer } from './delivery.ts';
import { createNotifier } from './notifier.ts';
import { paymentRoutes } from './payment-routes.ts';

/** One bank, as it is reached. */
export interface Counter {
  /** What its addresses begin with: nothing, or a path. */
  readonly path: string;
  readonly bank: Bank;
  readonly faults: FaultSwitches;
}

export interface AppOptions {
  readonly secret: string;
  readonly publicUrl: string | undefined;
}

/** The banks' HTTP interface; `/v1` asks for the shared secret, the payer's page for its own token. */
export function buildApp(counters: readonly Counter[], { secret, publicUrl }: AppOptions) {
  const app = Fastify({
    bodyLimit: 16 * 1024,
    // Its schemas are its own: that they are schemas would be checked at each start.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        validateSchema: false,
      },
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  const deliverer = createDeliverer();
  const notifier = createNotifier(secret);
  // Kept, since what is still answered while the bank stops needs it, too, and a closed server has no address.
  let ownUrl = '';
  const reachableUrl = () => publicUrl ?? ownUrl;

  // A web page that has its own name resolve to this machine (DNS rebinding) still sends that name.
  const names = new Set(['localhost', ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])]);
  app.addHook('onRequest', async ({ hostname }, reply) => {
    if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || names.has(hostname.toLowerCase())) return;
    return reply
      .code(403)
      .send({ error: 'host_not_allowed', message: 'the bank answers to its own name only' });
  });
  app.addHook('onListen', async () => {
    ownUrl = `http://127.0.0.1:${listeningPort(app.server.address())}`;
  });
  app.addHook('preClose', async () => {
    deliverer.stop();
    notifier.stop();
  });
  app.setErrorHandler<FastifyError>(answerError);
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'no_such_route', message: 'there is no such route' }),
  );
  for (const { path, bank, faults } of counters) {
    app.register(
      async (v1) => {
        v1.addHook('onRequest', bearerCheck(secret));
        v1.register(paymentRoutes, {
          ...{ bank, faults, deliverer, notifier },
          publicUrl: () => `${reachableUrl()}${path}`,
        });
        v1.register(controlRoutes, { bank, faults });
      },
      { prefix: `${path}/v1` },
    );
    app.register(acsRoutes, { bank, notifier, prefix: path });
  }
  return app;
}

export function listeningPort(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** Hashes are compared, which are of one length, so that the time tells nothing of the secret. */
function bearerCheck(secret: string) {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${secret}`);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return;
    return reply.code(401).send({ error: 'unauthorized', message: 'Authorization: Bearer <BANK_SECRET>' });
  };
}

/** Bodies hold card numbers: neither answer nor log repeats anything of a request. */
function answerError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply) {
  const statusCode = error.statusCode ?? 500;
  if (statusCode < 500) {
    return reply.code(statusCode).send({ error: 'invalid_request', message: error.message });
  }
  console.error(`bank: ${error.code ?? error.name}: ${error.message}`);
  return reply.code(500).send({ error: 'internal', message: 'unknown whether anything was done; ask again' });
}
