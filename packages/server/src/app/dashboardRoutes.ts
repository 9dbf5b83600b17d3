/**
 * The dashboard at /dashboard: the files that its build wrote.
 *
 *   /                                 people are led to the dashboard, programs are told that there is nothing
 *   /dashboard, /dashboard/any/path   index.html, never from a cache: the page finds its own way
 *   /dashboard/assets/…               named by their contents, cached for good
 *   /dashboard/….ext                  other files, asked for again each time
 *
 * A file that has a `.br` or `.gz` beside it is sent compressed.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { escaped } from '@plexy-pay/payer-pages';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { sendPayerPage } from '../payments/payerPages.ts';
import type { Config } from './config.ts';

/** Where the build of packages/dashboard writes. */
export const DASHBOARD_FILES = fileURLToPath(new URL('../../../dashboard/dist/', import.meta.url));

/**
 * Scripts from this server only. Mantine writes style elements into the page, each with the nonce that it is
 * given; style attributes are set by script, which no policy is about.
 */
function pagePolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

type PageConfig = Pick<Config, 'mode' | 'oidc'>;

/** @param root the folder with index.html; it may be missing, or be made later */
export function dashboardRoutes(app: App, root: string, config: PageConfig): void {
  app.get('/', { schema: { hide: true } }, (request, reply) => {
    reply.header('vary', 'accept');
    if (request.headers.accept?.includes('text/html') === true) return reply.redirect('/dashboard');
    throw new ApiError('not_found');
  });
  app.register(
    async (scope: FastifyInstance) => {
      // While there is no folder, the page itself says so.
      const options = { root, serve: false, preCompressed: true, suppressWarning: true };
      await scope.register(fastifyStatic, options);
      scope.setNotFoundHandler(() => {
        throw new ApiError('not_found');
      });
      const schema = { hide: true };
      scope.get('/', { schema }, (_request, reply) => sendPage(reply, root, config));
      scope.get<{ Params: { '*': string } }>('/*', { schema }, (request, reply) => {
        const name = request.params['*'];
        if (path.posix.extname(name) === '') return sendPage(reply, root, config);
        if (name === 'index.html') throw new ApiError('not_found');
        // The library sets a cache-control of its own over one that was set before.
        return name.startsWith('assets/')
          ? reply.sendFile(name, { immutable: true, maxAge: '365d' })
          : reply.sendFile(name, { maxAge: 0 });
      });
    },
    { prefix: '/dashboard' },
  );
}

/**
 * A page reads the nonce of its styles as `document.querySelector('meta[property=csp-nonce]').nonce`, and from the
 * others whether it is a sandbox's, and what the identity provider is called, before anybody is signed in.
 */
async function sendPage(
  reply: FastifyReply,
  root: string,
  { mode, oidc }: PageConfig,
): Promise<FastifyReply> {
  const page = await readFile(path.join(root, 'index.html'), 'utf8').catch(() => null);
  if (page === null) return sendBuildNotice(reply);
  const provider = oidc === null ? '' : `<meta name="identity-provider" content="${escaped(oidc.name)}">`;
  const nonce = randomBytes(16).toString('base64');
  return reply
    .header('cache-control', 'no-cache')
    .header('content-security-policy', pagePolicy(nonce))
    .type('text/html; charset=utf-8')
    .send(
      page.replace(
        '<head>',
        // A function: in a text `$` has a meaning of its own.
        () =>
          `<head><meta property="csp-nonce" nonce="${nonce}"><meta name="mode" content="${mode}">${provider}`,
      ),
    );
}

function sendBuildNotice(reply: FastifyReply): FastifyReply {
  return sendPayerPage(reply, 503, {
    language: 'en',
    hasSwitch: false,
    title: 'The dashboard is not built yet',
    text: 'Run "npm run build -w packages/dashboard" in the repository, then reload this page. Everything else works meanwhile.',
    back: { href: '/docs', label: 'Read the API’s documentation' },
  });
}
