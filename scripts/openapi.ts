/**
 * Writes what docs and SDK take from the program: docs/openapi.json (the routes' schemas), docs/errors.md
 * (the table of reasons) and the SDK's types. `npm run openapi`; tests fail when one is out of step.
 */
import { writeFile } from 'node:fs/promises';
import { createApp } from '../packages/server/src/app/app.ts';
import { readConfig } from '../packages/server/src/app/config.ts';
import { createLogger } from '../packages/server/src/app/logging.ts';
import { createEngine } from '../packages/server/src/app/parts.ts';
import type { App } from '../packages/server/src/http/baseApp.ts';
import { REASONS } from '../packages/server/src/http/errors.ts';
import { createMetrics } from '../packages/server/src/http/metrics.ts';
import { createTurns } from '../packages/server/src/http/turns.ts';
import { createSecrets } from '../packages/server/src/installation/secrets.ts';
import { createPool } from '../packages/server/src/postgres/pool.ts';
import * as room from '../packages/server/src/sandbox/room.ts';
import { OUTPUT as SDK_TYPES, sdkTypes } from './sdkTypes.ts';

/** A sandbox's application that serves everything on one port. No database is connected to. */
export async function wholeApp(): Promise<App> {
  const databaseUrl = 'postgres://nowhere.invalid/plexy';
  const config = readConfig({ DATABASE_URL: databaseUrl, PUBLIC_URL: 'http://127.0.0.1:8080' });
  const pool = createPool(databaseUrl, 1, () => undefined);
  const parts = {
    config,
    pool,
    replica: null,
    reserved: pool,
    signIns: pool,
    turns: createTurns(1, 1),
    secrets: createSecrets('only for a document, never for data'),
    metrics: createMetrics(),
    logger: createLogger('silent'),
  };
  return createApp(
    { ...parts, ...createEngine({ ...parts, databaseUrl, connectors: [], room }) },
    'both',
    room.sandboxRoutes,
  );
}

/** Its document. */
export async function openApiText(): Promise<string> {
  const app = await wholeApp();
  await app.ready();
  const text = `${JSON.stringify(app.swagger(), null, 2)}\n`;
  await app.close();
  return text;
}

/** The reasons of errors as a page. */
export function errorsText(): string {
  const rows = Object.entries(REASONS).map(
    ([reason, { status, code, message }]) => `| \`${reason}\` | ${status} | ${code} | ${message} |`,
  );
  return `# Errors

Generated from \`packages/server/src/http/errors.ts\` by \`npm run openapi\`.

Every error has this shape. \`reason\` is stable and made for programs; \`message\` is for people and may
change; \`details\` names each field, query parameter or header that is wrong; \`requestId\` is the
\`X-Request-Id\` of the response and of the server's log.

\`\`\`json
{
  "code": 3,
  "message": "amount must be a positive integer in minor units",
  "source": "wallet",
  "type": "apiError",
  "reason": "invalid_amount",
  "details": [{ "path": "amount", "message": "must be a positive integer in minor units" }],
  "requestId": "0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3b"
}
\`\`\`

| code | type | means | repeat it? |
|---|---|---|---|
| 1 | \`apiError\` | service unavailable | yes, with the same Idempotency-Key, after \`Retry-After\` |
| 2 | \`apiError\` | something went wrong | yes, with the same Idempotency-Key |
| 3 | \`apiError\` | invalid request | not before it is changed; a 429 after \`Retry-After\` |
| 4 | \`apiError\` | not found | no |
| 5 | \`validationError\` | unprocessable entity | no; a 409 after \`Retry-After\` |

| reason | status | code | means |
|---|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) {
  const document = await openApiText();
  await writeFile(new URL('../docs/openapi.json', import.meta.url), document);
  await writeFile(SDK_TYPES, sdkTypes(JSON.parse(document)));
  await writeFile(new URL('../docs/errors.md', import.meta.url), errorsText());
}
