/** A merchant's logo: a PNG, which is an image and nothing else. An SVG is a document, with scripts and addresses in it. Pure. */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';

/** With what surrounds it in a request, less than a body may have. */
export const MAX_LOGO_BYTES = 40 * 1024;
/** A few bytes can unpack to gigabytes. */
const MAX_SIDE = 1_024;

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Length, type and checksum of a chunk. */
const AROUND_CHUNK = 12;
const HEADER_BYTES = 13;

export interface Logo {
  readonly png: Buffer;
  /** Hexadecimal: its address is made of it. */
  readonly hash: string;
  readonly width: number;
  readonly height: number;
}

/** @param text base64 */
export function parseLogo(text: string): Parsed<Logo> {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return refused('must be a PNG in base64');
  const png = Buffer.from(text, 'base64');
  if (png.length > MAX_LOGO_BYTES) return refused(`must have at most ${MAX_LOGO_BYTES / 1024} KB`);
  const chunks = chunksOf(png);
  const [first] = chunks ?? [];
  const last = chunks?.at(-1);
  if (first?.type !== 'IHDR' || first.data.length !== HEADER_BYTES || last?.type !== 'IEND')
    return refused('must be a PNG');
  const [width, height] = [first.data.readUInt32BE(0), first.data.readUInt32BE(4)];
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
    return refused(`must be from 1 to ${MAX_SIDE} pixels wide and high`);
  return parsed({ png, hash: hash('sha256', png, 'hex').slice(0, 32), width, height });
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** The whole file's; null when it is not one after the other, each with its checksum, from the signature to the end. */
function chunksOf(png: Buffer): readonly Chunk[] | null {
  if (!png.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return null;
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    if (at + AROUND_CHUNK > png.length) return null;
    const length = png.readUInt32BE(at);
    const end = at + AROUND_CHUNK + length;
    if (end > png.length) return null;
    const checked = png.subarray(at + 4, end - 4);
    if (crc32(checked) !== png.readUInt32BE(end - 4)) return null;
    chunks.push({ type: checked.toString('latin1', 0, 4), data: checked.subarray(4) });
    at = end;
  }
  return chunks;
}
