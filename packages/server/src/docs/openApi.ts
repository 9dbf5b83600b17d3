/** The OpenAPI document, generated from the routes' schemas, with what all operations have in common. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../app/config.ts';
import { eventNameOf, PARTIALLY_CAPTURED, STATUSES, type Status } from '../core/lifecycle.ts';
import { LINK_EVENTS } from '../core/link.ts';
import { errorBody, isRetriedLater, REASONS, type Reason } from '../http/errors.ts';
import { RECENT_OPERATIONS } from '../http/recentRead.ts';
import { VERSION } from '../http/version.ts';
import { EXAMPLES } from './examples.ts';
import { OPERATION_DOCS } from './operationDocs.ts';

const DESCRIPTION = `Take payments from wallets and cards, exactly once. [The guides](/docs/guides) tell how, step by step.

## Authentication
Send an API key as it is in the \`Authorization\` header, without \`Bearer\`. Keys that begin with
\`pr_test_\` work in a sandbox, \`pr_live_\` in production. A key has scopes: \`read\` for GET, \`webhooks\` to say where events go, \`write\`
for everything else; or those of single operations, such as \`refunds:write\`. A key may be bound to addresses.

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
  parameters?: { readonly in: string; name: string; readonly required?: boolean }[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, Response>;
  security?: readonly Readonly<Record<string, unknown>>[];
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
        contact: { name: 'The maintainers of Plexy Pay' },
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url, description: 'This server' }],
      tags: [
        { name: 'Wallet', description: 'Hold an amount on a wallet, then capture, cancel or refund it.' },
        { name: 'Payments', description: 'Pay by card, with 3-D Secure where the bank asks for it.' },
        {
          name: 'Payment links',
          description: 'Send a payer a link, or to a page, to be paid by card or wallet.',
        },
        {
          name: 'Customers',
          description: 'Who pays you: what you know of them, what they paid, and its erasure.',
        },
        { name: 'Transactions', description: 'Every payment and refund, whatever the method.' },
        { name: 'Balances', description: 'What you have earned, and every move of it.' },
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

const DATA_AS_OF = { $ref: '#/components/headers/PlexyDataAsOf' };

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
  PlexyDataAsOf: {
    description:
      'Present when the answer comes from a replica of the database: what was committed until then is in it. Without it the answer is current. `Cache-Control: no-cache` in a request asks for a current one.',
    schema: { type: 'string', format: 'date-time' },
  },
};

/** Adds to every operation what its schema cannot say: its description, errors, headers and examples. */
function complete(document: Document): void {
  const answers = Object.values(document.paths).flatMap((path) =>
    Object.entries(path).flatMap(([method, operation]) => {
      completeOperation(operation);
      return errorsOf(method, operation);
    }),
  );
  const names = namesOf(answers);
  document.webhooks = Object.fromEntries([
    ...STATUSES.map((status) => [
      eventNameOf(status),
      webhookOperation(eventNameOf(status), HAPPENED[status]),
    ]),
    [PARTIALLY_CAPTURED, webhookOperation(PARTIALLY_CAPTURED, CAPTURED_IN_PART)],
    ...LINK_EVENTS.map((name) => [
      name,
      webhookOperation(name, happenedToLink(name), 'PaymentLinkWebhookEvent'),
    ]),
  ]);
  const { components } = document;
  components.headers = HEADERS;
  components.responses = Object.fromEntries(
    answers.map((answer) => [names.get(kindOf(answer)) ?? '', errorResponse(answer)]),
  );
  for (const answer of answers)
    answer.operation.responses[answer.status] = {
      $ref: `#/components/responses/${names.get(kindOf(answer))}`,
    };
  const reasons = new Set(answers.flatMap((answer) => answer.reasons));
  components.examples = Object.fromEntries(
    [...reasons]
      .sort()
      .map((reason) => [reason, { summary: REASONS[reason].message, value: exampleOf(reason) }]),
  );
  const text = JSON.stringify(document.paths);
  const schemes = Object.entries(components.securitySchemes ?? {});
  components.securitySchemes = Object.fromEntries(schemes.filter(([name]) => text.includes(`"${name}"`)));
}

/** What the transaction of each event has become. */
const HAPPENED: Readonly<Record<Status, string>> = {
  created: 'A transaction was recorded; it is not decided yet.',
  '3d': 'The payer has to pass 3-D Secure.',
  authorized: 'The funds are held, and wait for their capture.',
  rejected: 'It was refused: `failureCode` says why.',
  'transaction.failed': 'A system or network error prevented it; it may be tried again.',
  charged: 'It was captured, and nothing is held any more: the funds are debited.',
  cancelled: 'It was released before a capture, or its hold has expired.',
  refunded: 'Of a payment: nothing is left to refund. Of a refund: it is done.',
};

const CAPTURED_IN_PART =
  'A part was captured with `final: false`; `capturedAmount` says how much was until now. The rest is still held, so `status` is still `authorized`.';

/** What a payment link or session has become. Only endpoints that name the event are sent it. */
function happenedToLink(name: string): string {
  const [subject = '', happened = ''] = name.split('.');
  const what = `A ${subject.replace('_', ' ')} was ${happened}`;
  return `${happened === 'expired' ? what.replace('was expired', 'has expired without being paid') : what}. Sent only to endpoints that name it.`;
}

/** What a merchant's server is sent, and may answer. */
function webhookOperation(name: string, happened: string, schema = 'WebhookEvent'): unknown {
  const header = (text: string) => ({ in: 'header', name: text, required: true, schema: { type: 'string' } });
  const replay = {
    ...{ in: 'header', name: 'webhook-replay', schema: { const: 'true' } },
    description: 'Only on what is sent again by a resend or a replay.',
  };
  return {
    post: {
      operationId: name.replace(/[._](\w)/g, (_, letter: string) => letter.toUpperCase()),
      summary: `An event named ${name}`,
      description: `${happened} A 2xx within 15 seconds says that it has arrived; else it is sent again.`,
      tags: ['Webhooks'],
      security: [],
      parameters: [...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header), replay],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { $ref: `#/components/schemas/${schema}` },
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

function completeOperation(operation: Operation): void {
  const { responses, parameters = [], requestBody } = operation;
  for (const parameter of parameters)
    if (parameter.name === 'idempotency-key') parameter.name = 'Idempotency-Key';
  const { description } = OPERATION_DOCS[operation.operationId ?? ''] ?? {};
  if (operation.description === undefined && description !== undefined) operation.description = description;
  const examples = EXAMPLES[operation.operationId ?? ''];
  const body = requestBody?.content['application/json'];
  if (body !== undefined && examples?.request !== undefined) body.examples = examples.request;
  for (const [status, response] of Object.entries(responses)) {
    if (/^[45]/.test(status)) {
      delete responses[status];
      continue;
    }
    response.description = STATUS_CODES[status] ?? 'Success';
    response.headers = {
      'X-Request-Id': REQUEST_ID,
      ...(isKeyed(operation) ? { 'Idempotency-Replayed': REPLAYED } : {}),
      ...(RECENT_OPERATIONS.has(operation.operationId ?? '') ? { 'Plexy-Data-As-Of': DATA_AS_OF } : {}),
    };
    const content = response.content?.['application/json'];
    const given = status === '202' ? examples?.accepted : examples?.response;
    if (content !== undefined && given !== undefined) content.examples = given;
  }
}

/** An error's status of an operation, with the reasons that it may have there. */
interface ErrorAnswer {
  readonly operation: Operation;
  readonly status: string;
  readonly reasons: readonly Reason[];
  /** A 422 that was decided is remembered under its key, too. */
  readonly replayed: boolean;
}

function errorsOf(method: string, operation: Operation): ErrorAnswer[] {
  const { reasons = [] } = OPERATION_DOCS[operation.operationId ?? ''] ?? {};
  const all = new Set<Reason>([...commonReasons(method, operation), ...reasons]);
  return byStatus(all).map(([status, ofStatus]) => {
    const replayed = status === '422' && isKeyed(operation);
    return { operation, status, reasons: ofStatus, replayed };
  });
}

/** Answers of one kind are one response of the document. */
function kindOf({ status, reasons, replayed }: ErrorAnswer): string {
  return `${status} ${replayed} ${reasons.toSorted().join()}`;
}

/** A name for each kind: that of the status for the most usual one, with the first operation's for the others. */
function namesOf(answers: readonly ErrorAnswer[]): Map<string, string> {
  const kinds = Map.groupBy(answers, kindOf);
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const [kind, [first]] of [...kinds].sort(([, a], [, b]) => b.length - a.length)) {
    const { operationId = '' } = first?.operation ?? {};
    const plain = (STATUS_CODES[first?.status ?? ''] ?? '').replace(/[^A-Za-z]/g, '');
    const name = taken.has(plain) ? `${plain}Of${operationId.replace(/^./, (c) => c.toUpperCase())}` : plain;
    names.set(kind, name);
    taken.add(name);
  }
  return names;
}

/** Whether an answer may be the stored one of an earlier request. */
function isKeyed({ parameters = [] }: Operation): boolean {
  return parameters.some(({ name }) => name === 'Idempotency-Key');
}

function byStatus(reasons: ReadonlySet<Reason>): [string, Reason[]][] {
  const statuses = new Map<string, Reason[]>();
  for (const reason of reasons) {
    const status = String(REASONS[reason].status);
    statuses.set(status, [...(statuses.get(status) ?? []), reason]);
  }
  return [...statuses].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The reasons that every operation of this shape may answer with. */
function commonReasons(method: string, { security = [], parameters = [], requestBody }: Operation): Reason[] {
  // Anybody can have too many on one connection, or come too often as a stranger.
  const reasons: Reason[] = ['internal_error', 'service_unavailable', 'invalid_request', 'rate_limited'];
  const open = security.length === 0;
  const reads = method === 'get';
  const forUsersOnly = security.every((scheme) => Object.keys(scheme).join() === 'session');
  if (!open) {
    reasons.push('missing_api_key', 'bearer_not_supported', 'invalid_api_key', 'wrong_mode_api_key');
    reasons.push('not_signed_in', 'insufficient_scope', 'insufficient_role');
    reasons.push('second_factor_set_up_required', 'address_not_allowed');
    if (forUsersOnly) reasons.push('session_required');
  }
  if (!reads) reasons.push('origin_not_allowed');
  // A body may come with any method but GET, and is read wherever it comes.
  if (!reads) reasons.push('invalid_json', 'body_too_large', 'unsupported_media_type');
  // A query is checked also where it may only be empty.
  if (!open || !reads || parameters.some((parameter) => parameter.in === 'query'))
    reasons.push('unknown_field');
  if (
    requestBody !== undefined ||
    parameters.some(({ in: place, required }) => place === 'query' && required === true)
  )
    reasons.push('missing_field');
  const key = parameters.find(({ name }) => name === 'Idempotency-Key');
  if (key !== undefined) {
    reasons.push('invalid_idempotency_key', 'request_in_progress', 'idempotency_key_reused');
    if (key.required === true) reasons.push('missing_idempotency_key');
  }
  return reasons;
}

function errorResponse({ status, reasons, replayed }: ErrorAnswer): Response {
  const examples = reasons.map((reason) => [reason, { $ref: `#/components/examples/${reason}` }]);
  return {
    description: `${STATUS_CODES[status]}: ${reasons.map((reason) => `\`${reason}\``).join(', ')}.`,
    headers: {
      'X-Request-Id': REQUEST_ID,
      ...retryAfterOf(reasons),
      ...(replayed ? { 'Idempotency-Replayed': REPLAYED } : {}),
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
