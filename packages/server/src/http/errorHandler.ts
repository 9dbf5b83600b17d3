/** Turns whatever was thrown into the one error shape. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { v7 as uuidv7 } from 'uuid';
import { isPassing } from '../store/postgres.ts';
import { ApiError, type ErrorDetail, errorBody, REASONS, type Reason, sourceOf } from './errors.ts';
import { sendJson } from './execute.ts';
import { invalidFields } from './fields.ts';
import type { Metrics } from './metrics.ts';

/** On every answer. A route that serves a page sets a policy of its own. */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

export type ErrorHandler = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply;

export function createErrorHandler(metrics: Metrics): ErrorHandler {
  return (error, request, reply) => {
    const known = error instanceof ApiError ? error : translate(error);
    request.errorReason = known.reason;
    if (known.reason === 'internal_error')
      request.log.error({ requestId: request.id, err: error }, 'request failed');
    else if (known.reason === 'service_unavailable') {
      // The engine counts the errors of its batches itself and throws none that would pass.
      if (isPassing(error)) metrics.databaseError(error);
      request.log.warn({ requestId: request.id, err: error.cause ?? error }, 'request not served');
    }
    // Again, for errors from before the first hook.
    reply.headers(SECURITY_HEADERS).headers(known.headers).header('x-request-id', request.id);
    const body = errorBody(known.reason, known.message, known.details, sourceOf(request.url), request.id);
    return sendJson(reply, REASONS[known.reason].status, body);
  };
}

const PARSER_REASONS: Readonly<Record<string, Reason>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what Node could not read as HTTP, for which there is no request object; then hangs up. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const reason = PARSER_REASONS[error.code ?? ''] ?? 'invalid_request';
    const requestId = uuidv7();
    const { status, message } = REASONS[reason];
    const body = errorBody(reason, message, [], 'server', requestId);
    const headers = {
      ...SECURITY_HEADERS,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  }
  socket.destroySoon();
}

const FRAMEWORK_REASONS: Readonly<Record<string, Reason>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'not_found',
};

function translate(error: FastifyError | Error): ApiError {
  if ('validation' in error && error.validation !== undefined) return validationError(error);
  const reason = 'code' in error ? FRAMEWORK_REASONS[error.code] : undefined;
  if (reason !== undefined) return new ApiError(reason);
  if (isPassing(error)) return new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' });
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500)
    return new ApiError('invalid_request');
  return new ApiError('internal_error');
}

/** A body of thousands of unknown fields is not answered with thousands of details. */
const MAX_DETAILS = 20;
const MAX_FIELD_LENGTH = 64;

/** Names the fields that a schema refused, each once, and their rules. */
function validationError(error: FastifyError): ApiError {
  const issues = error.validation ?? [];
  const details = new Map<string, ErrorDetail>();
  for (const issue of issues) {
    const detail = detailOf(issue, error.validationContext ?? 'body');
    if (!details.has(detail.path)) details.set(detail.path, detail);
    if (details.size === MAX_DETAILS) break;
  }
  const keyword = issues[0]?.keyword;
  const named = [...details.values()];
  if (keyword === 'additionalProperties') return invalidFields(named, 'unknown_field');
  return keyword === 'required' ? invalidFields(named, 'missing_field') : invalidFields(named);
}

function detailOf(issue: FastifySchemaValidationError, context: string): ErrorDetail {
  const base = issue.instancePath.slice(1).replaceAll('/', '.');
  const { additionalProperty, missingProperty, allowedValues } = issue.params;
  const field = additionalProperty ?? missingProperty;
  const path = [base, typeof field === 'string' ? shortened(field) : '']
    .filter((part) => part !== '')
    .join('.');
  if (additionalProperty !== undefined) return { path, message: 'is not a known field' };
  if (missingProperty !== undefined) return { path, message: 'is required' };
  const message = Array.isArray(allowedValues)
    ? `must be one of: ${allowedValues.join(', ')}`
    : (issue.message ?? 'is invalid');
  return { path: path === '' ? context : path, message };
}

function shortened(field: string): string {
  return field.length > MAX_FIELD_LENGTH ? `${field.slice(0, MAX_FIELD_LENGTH)}…` : field;
}
