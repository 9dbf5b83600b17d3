/** The OpenAPI document at /openapi.json, and its rendering by Scalar at /docs. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import Fastify, { type FastifyReply } from 'fastify';
import type { Mode } from '../app/config.ts';
import type { App } from '../http/baseApp.ts';
import { DOCS_BAR, guideRoutes } from './guides.ts';

/** Everything comes from here, nothing from elsewhere; Scalar writes its styles into the page. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plexy Pay API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/guides.css">
<script src="/docs/scalar.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
${DOCS_BAR}
<div id="app"></div>
<noscript>This page needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
`;

/** Its own are too pale to be read: these have a contrast of 4.5 and more on its backgrounds. */
const COLOURS = `
.light-mode { --scalar-color-2: #4a5063; --scalar-color-3: #596177; --scalar-color-green: #006b45; --scalar-color-blue: #0060a8; --scalar-color-orange: #8a4b00; --scalar-color-red: #b3261e; --scalar-color-purple: #5b3ba8; --scalar-color-accent: #0060a8; }
.dark-mode { --scalar-color-2: #b6bfcc; --scalar-color-3: #9aa4b5; --scalar-color-green: #5fd6a2; --scalar-color-blue: #7cc0ff; --scalar-color-orange: #f2b35c; --scalar-color-red: #ff9a8d; --scalar-color-purple: #c9b3ff; --scalar-color-accent: #7cc0ff; }
`;

/** Its buttons that copy have no name, and its field for the key says that it is a list to choose from. */
const NAMES = `
function name() {
  for (const button of document.querySelectorAll('.scalar-code-copy:not([aria-label])'))
    button.setAttribute('aria-label', 'Copy');
  for (const field of document.querySelectorAll('[contenteditable][role=combobox]')) {
    field.setAttribute('role', 'textbox');
    field.setAttribute('aria-label', field.dataset.placeholder || 'Value');
  }
}
new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
name();
`;

/**
 * Without fonts, proxy, telemetry and assistants: the page asks this server and no other. In a sandbox
 * its requests carry the demo store's key, so that they work as they are.
 */
function startScript(mode: Mode): string {
  const securitySchemes = { merchantApiKey: { value: mode === 'sandbox' ? 'pr_test_demo' : '' } };
  const configuration = {
    url: '/openapi.json',
    authentication: { preferredSecurityScheme: 'merchantApiKey', securitySchemes },
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    showDeveloperTools: 'never',
    agent: { disabled: true, hideAddApi: true },
    mcp: { disabled: true },
    proxyUrl: '',
    documentDownloadType: 'json',
    defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
    customCss: COLOURS,
  };
  return `Scalar.createApiReference('#app', ${JSON.stringify(configuration)});\n${NAMES}`;
}

export function docsRoutes(app: App, mode: Mode): void {
  const start = startScript(mode);
  const schema = { hide: true };
  guideRoutes(app);
  app.get('/openapi.json', { schema }, async () => app.swagger());
  app.get('/docs', { schema }, async (_request, reply) =>
    reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(PAGE),
  );
  app.get('/docs/start.js', { schema }, async (_request, reply) => sendScript(reply, start));
  let script: Promise<Buffer> | undefined;
  app.get('/docs/scalar.js', { schema }, async (_request, reply) => {
    script ??= loadScalar();
    return sendScript(reply.header('content-encoding', 'gzip'), await script);
  });
}

function sendScript(reply: FastifyReply, script: string | Buffer): FastifyReply {
  return reply
    .header('cache-control', 'public, max-age=3600')
    .type('text/javascript; charset=utf-8')
    .send(script);
}

/**
 * Scalar's script, compressed. The package gives it out as a route of its plugin only, and loading the
 * package takes 0.2 s and 10 MB, so that happens when somebody looks at the page for the first time.
 */
async function loadScalar(): Promise<Buffer> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const app = Fastify();
  await app.register(scalar, { routePrefix: '/docs', configuration: { url: '/openapi.json' } });
  const { rawPayload } = await app.inject('/docs/js/scalar.js');
  await app.close();
  return promisify(gzip)(rawPayload);
}
