import type { ErrorBody, Reason } from './types.generated.ts';

export type ErrorDetail = ErrorBody['details'][number];

interface ErrorFields extends Partial<ErrorBody> {
  /** The HTTP status; absent when there was no answer. */
  readonly status?: number;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** Anything that went wrong. Each category has a class of its own below. */
export class PlexyPayError extends Error {
  override readonly name: string = 'PlexyPayError';
  /** The HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** 1 to 5, as documented; null when the answer was not Plexy Pay's. */
  readonly code: number | null;
  /** Stable and machine-readable, such as `insufficient_wallet_balance`. A newer server may know more of them. */
  readonly reason: Reason | null;
  /** Which fields are wrong, and how. */
  readonly details: readonly ErrorDetail[];
  /** To quote when you ask for help: of the answer, or else of its header `X-Request-Id`, as proxies set it. */
  readonly requestId: string | null;
  /** The pause that the answer asked for; null when it named none. */
  readonly retryAfterMs: number | null;
  /**
   * The key that the request was sent with: yours, or the random one; null for a request that has none. Whoever is
   * not sure that the request had no effect repeats it with this key, and it has its effect once.
   */
  readonly idempotencyKey: string | null = null;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, { cause: fields.cause });
    this.status = fields.status ?? null;
    this.code = fields.code ?? null;
    this.reason = fields.reason ?? null;
    this.details = fields.details ?? [];
    this.requestId = fields.requestId ?? null;
    this.retryAfterMs = fields.retryAfterMs ?? null;
  }
}

/** The error with the key of its request, which is known where the request is made. */
export function withKey(error: PlexyPayError, idempotencyKey: string | null): PlexyPayError {
  return Object.assign(error, { idempotencyKey });
}

/** 400, 405, 408, 413, 415: the request is wrong; `details` name the fields. */
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
/** 409: it exists already, or, after all retries, another request is in the way. */
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
/** 5xx, after all retries. With the error's `idempotencyKey` the request is safe to repeat. */
export class ServerError extends PlexyPayError {
  override readonly name = 'ServerError';
}
/** No answer in time or none at all. With the error's `idempotencyKey` the request is safe to repeat. */
export class ConnectionError extends PlexyPayError {
  override readonly name = 'ConnectionError';
}
/** The call's `signal` was aborted: `cause` is with what. The request may have arrived. */
export class AbortedError extends PlexyPayError {
  override readonly name = 'AbortedError';
}
/** A redirect, or a 2xx that is not what the operation answers: something else than Plexy Pay is at `baseUrl`. */
export class UnexpectedAnswerError extends PlexyPayError {
  override readonly name = 'UnexpectedAnswerError';
}

const CLASSES: Readonly<Record<number, typeof PlexyPayError>> = {
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableError,
  429: RateLimitError,
};

/** What an answer says beside its body. */
export interface AnswerHead {
  readonly status: number;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
}

/** The error of an answer. A body that is not ours (a proxy's page, say) is not quoted. */
export function errorOf({ status, requestId, retryAfterMs }: AnswerHead, body: unknown): PlexyPayError {
  const Class = CLASSES[status] ?? classOfRange(status);
  const head = { status, retryAfterMs, ...(requestId === null ? {} : { requestId }) };
  if (isErrorBody(body)) return new Class(body.message, { ...head, ...body, status });
  return new Class(`the server answered ${status} and not in the way of Plexy Pay`, head);
}

function classOfRange(status: number): typeof PlexyPayError {
  if (status >= 500) return ServerError;
  return status >= 400 ? InvalidRequestError : UnexpectedAnswerError;
}

function isErrorBody(body: unknown): body is ErrorBody {
  return typeof body === 'object' && body !== null && 'message' in body && 'reason' in body;
}
