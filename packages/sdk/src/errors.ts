import type { ErrorBody } from './types.generated.ts';

export type ErrorDetail = ErrorBody['details'][number];

interface ErrorFields extends Partial<ErrorBody> {
  /** The HTTP status; absent when there was no answer. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** Anything that went wrong. Each category has a class of its own below. */
export class PlexyPayError extends Error {
  override readonly name: string = 'PlexyPayError';
  /** The HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** 1 to 5, as documented; null when the answer was not Plexy Pay's. */
  readonly code: number | null;
  /** Stable and machine-readable, such as `insufficient_wallet_balance`. */
  readonly reason: string | null;
  /** Which fields are wrong, and how. */
  readonly details: readonly ErrorDetail[];
  /** To quote when you ask for help. */
  readonly requestId: string | null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { cause: fields.cause });
    this.status = fields.status ?? null;
    this.code = fields.code ?? null;
    this.reason = fields.reason ?? null;
    this.details = fields.details ?? [];
    this.requestId = fields.requestId ?? null;
  }
}

/** 400, 405, 413, 415: the request is wrong; `details` name the fields. */
export class InvalidRequestError extends PlexyPayError {
  override readonly name = 'InvalidRequestError';
}
/** 401: no key, or one that is unknown, expired or revoked. */
export class AuthenticationError extends PlexyPayError {
  override readonly name = 'AuthenticationError';
}
/** 403: the key may not do this. */
export class PermissionError extends PlexyPayError {
  override readonly name = 'PermissionError';
}
/** 404. */
export class NotFoundError extends PlexyPayError {
  override readonly name = 'NotFoundError';
}
/** 409: it exists already, or another request is in the way. */
export class ConflictError extends PlexyPayError {
  override readonly name = 'ConflictError';
}
/** 422: understood and refused; nothing was changed. */
export class UnprocessableError extends PlexyPayError {
  override readonly name = 'UnprocessableError';
}
/** 429, after all retries. */
export class RateLimitError extends PlexyPayError {
  override readonly name = 'RateLimitError';
}
/** 5xx. With the same Idempotency-Key the request is safe to repeat. */
export class ServerError extends PlexyPayError {
  override readonly name = 'ServerError';
}
/** No answer in time or none at all. With the same Idempotency-Key the request is safe to repeat. */
export class ConnectionError extends PlexyPayError {
  override readonly name = 'ConnectionError';
}

const CLASSES: Readonly<Record<number, typeof PlexyPayError>> = {
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableError,
  429: RateLimitError,
};

/** The error of an answer. A body that is not ours (a proxy's page, say) is not quoted. */
export function errorOf(status: number, body: unknown): PlexyPayError {
  const Class = CLASSES[status] ?? classOfRange(status);
  if (isErrorBody(body)) return new Class(body.message, { ...body, status });
  return new Class(`the server answered ${status} and not in the way of Plexy Pay`, { status });
}

function classOfRange(status: number): typeof PlexyPayError {
  if (status >= 500) return ServerError;
  return status >= 400 ? InvalidRequestError : PlexyPayError;
}

function isErrorBody(body: unknown): body is ErrorBody {
  return typeof body === 'object' && body !== null && 'message' in body && 'reason' in body;
}
