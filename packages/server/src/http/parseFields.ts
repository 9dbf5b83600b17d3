import type { Parsed } from '../core/values/parse.ts';
import { ApiError, bounded, type ErrorDetail, REASONS, type Reason } from './errors.ts';

type Values<R extends Record<string, Parsed<unknown>>> = {
  readonly [K in keyof R]: R[K] extends Parsed<infer T> ? T : never;
};

/**
 * The typed values of parsed fields.
 * @throws ApiError 400 that names every field that is wrong, and its rule
 */
export function valuesOf<R extends Record<string, Parsed<unknown>>>(fields: R): Values<R> {
  const values: Record<string, unknown> = {};
  const details: ErrorDetail[] = [];
  for (const path in fields) {
    const field = fields[path];
    if (field === undefined) continue;
    if (field.ok) values[path] = field.value;
    else details.push({ path, message: field.error });
  }
  if (details.length > 0) throw invalidFields(details);
  return values as Values<R>;
}

/** A 400 for these fields; its reason is that of the first. */
export function invalidFields(details: readonly ErrorDetail[], reason?: Reason): ApiError {
  const named = bounded(details);
  const message = named.map((detail) => `${detail.path} ${detail.message}`).join('; ');
  return new ApiError(reason ?? reasonOf(named[0]?.path ?? '') ?? 'invalid_request', message, named);
}

/** `invalid_` + the field's name in snake case, where the table of reasons has it; else null. */
export function reasonOf(path: string): Reason | null {
  const reason = `invalid_${path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  return Object.hasOwn(REASONS, reason) ? (reason as Reason) : null;
}
