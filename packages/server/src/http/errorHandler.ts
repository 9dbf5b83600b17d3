/** Turns whatever was thrown into the one error shape. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import {
  EngineUnavailableError,
  KeyReusedError,
  OverloadedError,
  RequestInProgressError,
  TooManyWaitingError,
} from '../engine/engine.ts';
import { isPassing } from '../postgres/databaseErrors.ts';
import {
  ApiError,
  type ErrorDetail,
  errorBody,
  fieldError,
  MAX_DETAILS,
  type OtherWords,
  OVERLOADED,
  REASONS,
  type Reason,
  sourceOf,
  tooManyWaiting,
} from './errors.ts';
import type { Metrics } from './metrics.ts';
import { invalidFields } from './parseFields.ts';
import type { SecurityHeaders } from './securityHeaders.ts';
import { sendJson } from './send.ts';

export type ErrorHandler = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply;

const TELL_SHED_AFTER_MS = 5_000;

export function createErrorHandler(
  metrics: Metrics,
  headers: SecurityHeaders,
  otherWords: OtherWords,
): ErrorHandler {
  let shed = 0;
  /** A line for each would take the time that is lacking. */
  const noteShed = ({ log }: FastifyRequest): void => {
    shed += 1;
    if (shed > 1) return;
    setTimeout(() => {
      log.warn({ count: shed }, 'requests were refused: more came than can be decided in time');
      shed = 0;
    }, TELL_SHED_AFTER_MS).unref();
  };
  return (error, request, reply) => {
    const known =
      error instanceof ApiError ? error : isBrokenOff(error, request) ? brokenOff() : translate(error);
    request.errorReason = known.reason;
    if (known.reason === 'internal_error')
      request.log.error({ requestId: request.id, err: error }, 'request failed');
    else if (known === OVERLOADED) noteShed(request);
    else if (known.reason === 'service_unavailable') {
      // The engine counts the errors of its batches itself and throws none that would pass.
      if (isPassing(error)) metrics.databaseError(error);
      request.log.warn({ requestId: request.id, err: error.cause ?? error }, 'request not served');
    }
    // Again, for errors from before the first hook.
    reply.headers(headers).headers(known.headers).header('x-request-id', request.id);
    const { reason, message, details } = known;
    const body =
      otherWords(request.url, known) ??
      errorBody(reason, message, details, sourceOf(request.url), request.id);
    return sendJson(reply, REASONS[known.reason].status, body);
  };
}

const FRAMEWORK_REASONS: Readonly<Record<string, Reason>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'not_found',
};

/** Whether the client hung up before its body was whole: nobody's fault here, and nobody hears of it. */
function isBrokenOff(error: Error, { raw }: FastifyRequest): boolean {
  return raw.errored === error;
}

function brokenOff(): ApiError {
  return fieldError('invalid_request', 'body', 'broke off before its end');
}

function translate(error: FastifyError | Error): ApiError {
  if ('validation' in error && error.validation !== undefined) return validationError(error);
  const reason = 'code' in error ? FRAMEWORK_REASONS[error.code] : undefined;
  if (reason !== undefined) return new ApiError(reason);
  if (error instanceof TooManyWaitingError) return tooManyWaiting();
  if (error instanceof OverloadedError) return OVERLOADED;
  if (isPassing(error) || error instanceof EngineUnavailableError)
    return new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' });
  if (error instanceof RequestInProgressError)
    return new ApiError('request_in_progress', undefined, [], { 'retry-after': '1' });
  if (error instanceof KeyReusedError) return new ApiError('idempotency_key_reused');
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500)
    return new ApiError('invalid_request');
  return new ApiError('internal_error');
}

/** What a field must be, in words. Integers have a rule of their own. */
const TYPE_RULES: Readonly<Record<string, string>> = {
  object: 'must be an object',
  array: 'must be a list',
  string: 'must be a string',
  boolean: 'must be true or false',
};

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
  if (field === '')
    return { path: base === '' ? context : base, message: 'must not have a name that is empty' };
  const path = [base, typeof field === 'string' ? field : ''].filter((part) => part !== '').join('.');
  if (additionalProperty !== undefined) return { path, message: 'is not a known field' };
  if (missingProperty !== undefined) return { path, message: 'is required' };
  const message = Array.isArray(allowedValues)
    ? `must be one of: ${allowedValues.join(', ')}`
    : (TYPE_RULES[String(issue.params.type)] ?? issue.message ?? 'is invalid');
  return { path: path === '' ? context : path, message };
}
