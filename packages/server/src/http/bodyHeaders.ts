import type { IncomingHttpHeaders } from 'node:http';
import { fieldError } from './errors.ts';

/** Of Content-Type, as it is or in quotes. */
const CHARSET = /;\s*charset\s*=\s*("[^"]*"|[^;]*)/gi;

/** A body whose headers say that it is not plain UTF-8 is not read as if it were. @throws ApiError 415 */
export function requirePlainBody(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': coding, 'content-type': type = '', 'transfer-encoding': transfer } = headers;
  if (coding !== undefined && !/^(?:identity)?$/i.test(coding.trim()))
    throw unsupported('Content-Encoding', 'must be absent: bodies are sent uncompressed');
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
    throw unsupported('Transfer-Encoding', 'may only be chunked');
  if (headers['content-range'] !== undefined)
    throw unsupported('Content-Range', 'must be absent: bodies are sent whole');
  // As nearly every program sends it.
  if (type === 'application/json') return;
  for (const [, charset = ''] of type.matchAll(CHARSET))
    if (!/^"?utf-?8"?$/i.test(charset.trim()))
      throw unsupported('Content-Type', 'may have no charset but utf-8');
}

function unsupported(header: string, rule: string) {
  return fieldError('unsupported_media_type', header, rule);
}
