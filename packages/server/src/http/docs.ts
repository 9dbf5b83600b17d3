/** The OpenAPI document, generated from the routes, and its rendering at /docs. */
import swagger from '@fastify/swagger';
import scalar from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { App } from './app.ts';

export async function openApi(app: FastifyInstance, config: Config): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Plexy Pay API',
        version: '1.0.0',
        description: 'Take payments from wallets, exactly once. Amounts are integers in minor units.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: config.publicUrl ?? 'http://127.0.0.1:8080', description: 'This server' }],
      tags: [
        { name: 'Wallet', description: 'The wallet API.' },
        { name: 'Sandbox', description: 'Only in sandbox mode.' },
        { name: 'Operations', description: 'Health and readiness.' },
      ],
      components: {
        securitySchemes: {
          merchantApiKey: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: 'A merchant’s API key as it is, without "Bearer".',
          },
          operatorApiKey: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: 'An operator’s API key as it is, without "Bearer".',
          },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json.$id === 'string' ? json.$id : `schema${i}`,
    },
  });
}

export function docsRoutes(app: App): void {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  void scalar;
}
