/**
 * Compares every answer of a server in this process, whoever asked for it (a test, the SDK, a browser), and every
 * answer that `request` gets from another process, with docs/openapi.json. A file of tests that saw an answer
 * which the document does not allow fails at its end.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Header {
  readonly $ref?: string;
  readonly required?: boolean;
}
interface DocumentedResponse {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<
    Record<string, { readonly schema?: unknown; readonly examples?: Readonly<Record<string, unknown>> }>
  >;
}
interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

/** An answer, however it was received. */
export interface Answer {
  readonly method: string;
  /** With its query, or without. */
  readonly path: string;
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** Null: it is not known whole. */
  readonly text: string | null;
}

const DOCUMENT = JSON.parse(
  readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'),
) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

const OPERATIONS = Object.entries(DOCUMENT.paths)
  .flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`),
      /** `/v1/transactions/stream` goes before `/v1/transactions/{id}`. */
      parameters: path.split('{').length,
      pointer: `/paths/${escaped(path)}/${method}`,
      operation,
    })),
  )
  .sort((a, b) => a.parameters - b.parameters);

/** Said of an answer, these are promised: they may not be there unless the document has them. */
const PROMISES = ['retry-after', 'idempotency-replayed'];

function escaped(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
ajv.addFormat('uuid', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
ajv.addFormat('bigint', true);
ajv.addSchema(DOCUMENT, 'document');
const validators = new Map<string, ValidateFunction>();

function validatorOf(pointer: string): ValidateFunction {
  const known = validators.get(pointer);
  if (known !== undefined) return known;
  const made = ajv.compile({ $ref: `document#${encodeURI(pointer)}` });
  validators.set(pointer, made);
  return made;
}

/** What an answer has that the document does not allow; nothing for paths and methods that are not in it. */
export function contradictionsOf(answer: Answer): string[] {
  const { method, status } = answer;
  const path = answer.path.split('?')[0] ?? '';
  const wanted = method === 'HEAD' ? 'GET' : method;
  const found = OPERATIONS.find((one) => one.method === wanted && one.pattern.test(path));
  if (found === undefined || isBeforeRoutes(answer)) return [];
  const { operation, pointer } = found;
  const name = `${operation.operationId} ${status}`;
  const response = operation.responses[status];
  if (response === undefined) return [`${name} is not documented (${reasonOf(answer) ?? 'no reason'})`];
  return [
    ...reasonsOf(answer, response),
    ...headersOf(answer, response),
    ...bodyOf(answer, response, `${pointer}/responses/${status}`),
  ].map((problem) => `${name}: ${problem}`);
}

/** Each operation names the reasons of its errors. */
function reasonsOf(answer: Answer, response: DocumentedResponse): string[] {
  const reason = answer.status < 400 ? null : reasonOf(answer);
  const { examples = {} } = resolved(response).content?.['application/json'] ?? {};
  return reason === null || reason in examples ? [] : [`the reason ${reason} is not documented`];
}

/** A listener without the route (operators' or merchants' only), another host's name, or no HTTP: of no operation. */
function isBeforeRoutes(answer: Answer): boolean {
  const { status } = answer;
  if (status === 405 || status === 408 || status === 417 || status === 431) return true;
  if (status === 403 && reasonOf(answer) === 'host_not_allowed') return true;
  return status === 404 && reasonOf(answer) === 'not_found' && !/admin\/audit/.test(answer.path);
}

function reasonOf({ text }: Answer): string | null {
  return text === null || !text.startsWith('{') ? null : (JSON.parse(text).reason ?? null);
}

/** A response or header where it is, in place of where it is referred to. */
function resolved<T extends { readonly $ref?: string }>(value: T): T {
  if (value.$ref === undefined) return value;
  const parts = value.$ref.slice(2).split('/');
  return parts.reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], DOCUMENT) as T;
}

function headersOf(answer: Answer, response: DocumentedResponse): string[] {
  const documented = Object.entries(resolved(response).headers ?? {}).map(
    ([name, header]) => [name.toLowerCase(), resolved(header)] as const,
  );
  const names = documented.map(([name]) => name);
  const missing = documented.filter(
    ([name, { required }]) => required === true && answer.header(name) === null,
  );
  const unknown = PROMISES.filter((name) => answer.header(name) !== null && !names.includes(name));
  return [
    ...missing.map(([name]) => `${name} is promised and missing`),
    ...unknown.map((name) => `${name} is not documented`),
  ];
}

function bodyOf(answer: Answer, response: DocumentedResponse, pointer: string): string[] {
  const { content = {} } = resolved(response);
  const type = answer.header('content-type')?.split(';')[0] ?? null;
  if (type === null)
    return Object.keys(content).length === 0 || answer.method === 'HEAD' ? [] : ['has no body'];
  if (!Object.hasOwn(content, type)) return [`${type} is not documented`];
  if (type !== 'application/json' || answer.text === null || answer.method === 'HEAD') return [];
  const where = response.$ref === undefined ? pointer : response.$ref.slice(1);
  const validate = validatorOf(`${where}/content/${escaped(type)}/schema`);
  if (validate(JSON.parse(answer.text))) return [];
  return [ajv.errorsText(validate.errors, { dataVar: 'body' })];
}

const contradictions = new Set<string>();

/** What this process has seen so far that the document does not allow. */
export function seenContradictions(): string[] {
  return [...contradictions];
}

/** Holds an answer to the document; what is wrong is told at the end of the file of tests. */
export function compare(answer: Answer): void {
  for (const problem of contradictionsOf(answer)) contradictions.add(problem);
}

/** Ours have both; the servers of tests, which play merchants and banks, do not. */
function isOurs(response: ServerResponse): boolean {
  return response.hasHeader('x-request-id') && response.hasHeader('content-security-policy');
}

subscribe('http.server.request.start', (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
  };
  for (const name of ['write', 'end'] as const) {
    const original = response[name].bind(response) as (...args: unknown[]) => never;
    response[name] = (...args: unknown[]) => {
      if (String(response.getHeader('content-type')).includes('json')) keep(args[0]);
      return original(...args);
    };
  }
  response.once('finish', () => {
    if (!isOurs(response)) return;
    compare({
      method: request.method ?? '',
      path: request.url ?? '',
      status: response.statusCode,
      header: (name) => response.getHeader(name)?.toString() ?? null,
      text: chunks.length === 0 ? null : Buffer.concat(chunks).toString('utf8'),
    });
  });
});

// Not in a hook: one that fails keeps the file's own hooks from stopping what they have started.
process.on('exit', () => {
  if (contradictions.size === 0) return;
  console.error(`answers that docs/openapi.json does not allow:\n${[...contradictions].join('\n')}`);
  process.exitCode = 1;
});
