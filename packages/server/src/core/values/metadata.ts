import { type Parsed, parsed, refused } from './parse.ts';

/** Keys of `metadata`, and bytes of its JSON text. */
export const MAX_METADATA_KEYS = 50;
export const MAX_METADATA_BYTES = 16_384;

/** What a merchant gives with something of theirs, as JSON text: the values as they came. */
export function parseMetadata(metadata: Record<string, unknown>): Parsed<string> {
  if (Object.keys(metadata).length > MAX_METADATA_KEYS)
    return refused(`must have at most ${MAX_METADATA_KEYS} keys`);
  const text = JSON.stringify(metadata);
  return Buffer.byteLength(text) > MAX_METADATA_BYTES
    ? refused(`must be at most 16 KB (${MAX_METADATA_BYTES} bytes) of JSON`)
    : parsed(text);
}
