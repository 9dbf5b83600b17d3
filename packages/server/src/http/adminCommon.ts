/** What the admin API's routes share. */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { parseUuid } from '../core/values/ids.ts';
import type { Parsed } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { ApiError, type Reason } from './errors.ts';
import { invalidFields } from './parseFields.ts';

/** The part of every admin route's schema that is the same. */
export const ADMIN = { tags: ['Admin'], security: [{ operatorApiKey: [] }] };
export { OPERATOR } from '../identity/auth.ts';
export const ERRORS = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') };

const MAX_NAME_LENGTH = 255;

/** The name of a merchant or of a key, or a transfer's reference. */
export function parseName(text: string): Parsed<string> {
  return parseText(text, { max: MAX_NAME_LENGTH });
}

/** The id in a path. Malformed ids and unknown ones are answered alike. @throws ApiError 404 */
export function idOf(text: string, unknown: Reason): string {
  const id = parseUuid(text);
  if (!id.ok) throw new ApiError(unknown);
  return id.value;
}

/** A POST that needs no body may have an empty object. @throws ApiError 400 naming what it has instead */
export function refuseBody({ body }: FastifyRequest): void {
  if (body === undefined || body === null) return;
  if (typeof body !== 'object' || Array.isArray(body))
    throw invalidFields([{ path: 'body', message: 'must be an object, or absent' }]);
  const details = Object.keys(body).map((path) =>
    path === ''
      ? { path: 'body', message: 'must not have a name that is empty' }
      : { path, message: 'is not a known field' },
  );
  if (details.length > 0) throw invalidFields(details, 'unknown_field');
}
