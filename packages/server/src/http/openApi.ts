/** The OpenAPI document, generated from the routes' schemas, with what all operations have in common. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { VERSION } from '../version.ts';
import { errorBody, isRetriedLater, REASONS, type Reason } from './errors.ts';
import { EXAMPLES } from './examples.ts';
import { WEBHOOK_EVENTS } from './webhookSchemas.ts';

const DESCRIPTION = `Take payments from wallets, exactly once.

## Authentication
Send an API key as it is in the \`Authorization\` header, without \`Bearer\`. Keys that begin with
\`pr_test_\` work in a sandbox, \`pr_live_\` in production. A key has scopes: \`read\` for GET, \`webhooks\` to say where events go, \`write\`
for everything else.

## Amounts
Integers in minor units of the currency, from 1 to 9,007,199,254,740,991: 1,234.56 KZT is \`123456\`,
1,234 JPY is \`1234\`, 1.234 KWD is \`1234\`.

## Idempotency
Every POST takes an \`Idempotency-Key\`: 1 to 255 printable ASCII characters, a UUID v4 for instance.
It is required to authorize; of a merchant with \`requireIdempotencyKey\`, for captures, cancels and
refunds, too. Send one with every refund: without, a request that is sent twice refunds twice. Whoever repeats a request with its key gets the same status and the same
bytes again, with \`Idempotency-Replayed: true\`, and the operation happens once. Keys are kept for 30
days. What was decided is remembered (2xx, also with status \`FAILED\`, and 422); what was not (400, 401,
403, 404, 409, 413, 415, 429, 5xx) is not. The same key with another request is a 422. After a 503, or no
answer at all, repeat the request with the same key.

## Errors
Every error has the shape of \`Error\`. \`reason\` is stable and made for programs, \`message\` for
people, \`details\` names the fields. \`code\` and \`type\` tell the classes apart: 1 service unavailable,
2 something went wrong, 3 invalid request, 4 not found (\`apiError\`); 5 unprocessable entity
(\`validationError\`). A payment that its wallet refuses is no error: it is a 201 with status \`FAILED\`
and a \`failureCode\`.

## Lists
Newest first, in pages of \`limit\`. Ask for the next page with the \`nextCursor\` of the last one, until
it is null. Nothing is skipped or repeated while others insert.

A slash at the end of a path changes nothing.`;

interface MediaType {
  schema?: unknown;
  examples?: unknown;
}
interface Response {
  $ref?: string;
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}
interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  parameters?: { readonly in: string; name: string }[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, Response>;
  security?: readonly unknown[];
}
interface Document {
  webhooks?: Record<string, unknown>;
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

/** @param config its PUBLIC_URL is the server of the document; without one it is wherever the document is */
export async function openApi(app: FastifyInstance, config: Config): Promise<void> {
  const url = config.publicUrl ?? '/';
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Plexy Pay API',
        version: VERSION,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url, description: 'This server' }],
      tags: [
        { name: 'Wallet', description: 'Hold an amount on a wallet, then capture, cancel or refund it.' },
        { name: 'Payments', description: 'Pay by card, with 3-D Secure where the bank asks for it.' },
        { name: 'Transactions', description: 'Every payment and refund, whatever the method.' },
        { name: 'Webhooks', description: 'Have every change of a status sent to your server.' },
        { name: 'Developers', description: 'What happened to the requests that a merchant’s programs made.' },
        { name: 'Dashboard', description: 'For people who are signed in; API keys open none of these.' },
        { name: 'Admin', description: 'For operators; in production on ADMIN_PORT only.' },
        { name: 'Sandbox', description: 'What only a sandbox can do.' },
        { name: 'Operations', description: 'Health and readiness.' },
      ],
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json.$id === 'string' ? json.$id : `schema${i}`,
    },
    transformObject: (result) => {
      const document = 'openapiObject' in result ? result.openapiObject : {};
      complete(document as unknown as Document);
      return document;
    },
  });
}

function keyOf(owner: string): { type: 'apiKey'; in: 'header'; name: string; description: string } {
  const description = `${owner} API key as it is, without "Bearer".`;
  return { type: 'apiKey', in: 'header', name: 'Authorization', description };
}

const SECURITY_SCHEMES = {
  merchantApiKey: keyOf('A merchant’s'),
  operatorApiKey: keyOf('An operator’s'),
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'plexy_session',
    description:
      'Somebody who is signed in; the name is that of a sandbox, see `POST /v1/session`. It opens the routes for API keys, too, as far as the user’s role goes; unsafe methods need this server’s Origin.',
  },
} as const;

const REQUEST_ID = { $ref: '#/components/headers/RequestId' };
const RETRY_AFTER = { $ref: '#/components/headers/RetryAfter' };
const REPLAYED = { $ref: '#/components/headers/IdempotencyReplayed' };

const HEADERS = {
  RequestId: {
    description: 'Names this request in the logs.',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
  RetryAfter: {
    description: 'Seconds to wait before the next attempt.',
    required: true,
    schema: { type: 'integer' },
  },
  IdempotencyReplayed: {
    description: 'Present on the stored answer of an earlier request with the same Idempotency-Key.',
    schema: { type: 'string', enum: ['true'] },
  },
};

/** Adds to every operation what its schema cannot say: its errors, headers and examples. */
function complete(document: Document): void {
  const used = new Set<string>();
  for (const path of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(path)) completeOperation(method, operation, used);
  }
  document.webhooks = Object.fromEntries(WEBHOOK_EVENTS.map((name) => [name, webhookOperation(name)]));
  const { components } = document;
  components.headers = HEADERS;
  components.responses = Object.fromEntries(
    [...used].sort().map((status) => [responseName(status), errorResponse(status, status === '422')]),
  );
  const text = JSON.stringify(document.paths);
  const schemes = Object.entries(components.securitySchemes ?? {});
  components.securitySchemes = Object.fromEntries(schemes.filter(([name]) => text.includes(`"${name}"`)));
}

/** What a merchant's server is sent, and may answer. */
function webhookOperation(name: string): unknown {
  const header = (text: string) => ({ in: 'header', name: text, required: true, schema: { type: 'string' } });
  const replay = {
    ...{ in: 'header', name: 'webhook-replay', schema: { const: 'true' } },
    description: 'Only on what is sent again by a resend or a replay.',
  };
  return {
    post: {
      operationId: name.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase()),
      summary: `An event named ${name}`,
      tags: ['Webhooks'],
      security: [],
      parameters: [...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header), replay],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/WebhookEvent' },
            examples: name === 'transaction.authorized' ? EXAMPLES.webhook?.request : undefined,
          },
        },
      },
      responses: {
        '2XX': { description: 'Taken. Anything else, or nothing within 15 s, and it is sent again.' },
        '410': { description: 'Nobody wants this any more: the endpoint is disabled.' },
      },
    },
  };
}

function completeOperation(method: string, operation: Operation, used: Set<string>): void {
  const { responses, parameters = [], requestBody } = operation;
  for (const parameter of parameters)
    if (parameter.name === 'idempotency-key') parameter.name = 'Idempotency-Key';
  const examples = EXAMPLES[operation.operationId ?? ''];
  const body = requestBody?.content['application/json'];
  if (body !== undefined && examples?.request !== undefined) body.examples = examples.request;
  const keyed = isKeyed(operation);
  const named: string[] = [];
  for (const [status, response] of Object.entries(responses)) {
    if (/^[45]/.test(status)) {
      // Where a route names one, it may answer it besides those that follow from what it takes.
      if (/^\d+$/.test(status)) named.push(status);
      delete responses[status];
      continue;
    }
    response.description = STATUS_CODES[status] ?? 'Success';
    response.headers = { 'X-Request-Id': REQUEST_ID, ...(keyed ? { 'Idempotency-Replayed': REPLAYED } : {}) };
    const content = response.content?.['application/json'];
    if (content !== undefined && examples !== undefined) content.examples = examples.response;
  }
  for (const status of new Set([...errorsOf(method, operation), ...named].sort())) {
    used.add(status);
    // A 422 is remembered under its key.
    const replayed = status === '422' && !keyed;
    responses[status] = replayed
      ? errorResponse(status, false)
      : { $ref: `#/components/responses/${responseName(status)}` };
  }
}

function isKeyed({ parameters = [] }: Operation): boolean {
  return parameters.some(({ name }) => name === 'Idempotency-Key');
}

/** The statuses of the errors that an operation may answer with, by what it takes. */
function errorsOf(method: string, operation: Operation): string[] {
  const { security = [], parameters = [], requestBody } = operation;
  // 400: a parameter that is wrong or not known; without any, a request that is not HTTP.
  const statuses: string[] = ['400', '500', '503'];
  const has = (place: string): boolean => parameters.some((parameter) => parameter.in === place);
  const open = security.length === 0;
  // To sign in, too.
  if (!open || requestBody !== undefined) statuses.push('401', '403', '429');
  // Whatever it is, a body is read.
  if (method !== 'get') statuses.push('413', '415');
  if (has('path')) statuses.push('404');
  if (isKeyed(operation)) statuses.push('409', '422');
  return statuses;
}

function responseName(status: string): string {
  return (STATUS_CODES[status] ?? status).replace(/[^A-Za-z]/g, '');
}

/** @param remembered whether it may be an earlier answer, by its Idempotency-Key */
function errorResponse(status: string, remembered: boolean): Response {
  const reasons = (Object.keys(REASONS) as Reason[]).filter(
    (reason) => String(REASONS[reason].status) === status,
  );
  const examples = reasons.map((reason) => [
    reason,
    { summary: REASONS[reason].message, value: exampleOf(reason) },
  ]);
  return {
    description: `${STATUS_CODES[status]}: ${reasons.map((reason) => `\`${reason}\``).join(', ')}.`,
    headers: {
      'X-Request-Id': REQUEST_ID,
      ...retryAfterOf(reasons),
      ...(remembered ? { 'Idempotency-Replayed': REPLAYED } : {}),
    },
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/Error' },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

/** Promised where every reason of a status has it; else it is said which have. */
function retryAfterOf(reasons: readonly Reason[]): Record<string, unknown> {
  const retried = reasons.filter((reason) => isRetriedLater(reason));
  if (retried.length === 0) return {};
  if (retried.length === reasons.length) return { 'Retry-After': RETRY_AFTER };
  const description = `Seconds to wait before the next attempt; with ${retried.map((reason) => `\`${reason}\``).join(', ')} only.`;
  return { 'Retry-After': { ...HEADERS.RetryAfter, description, required: false } };
}

function exampleOf(reason: Reason): unknown {
  const requestId = '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3b';
  return JSON.parse(errorBody(reason, REASONS[reason].message, [], 'wallet', requestId));
}
