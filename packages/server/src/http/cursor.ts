import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import type { Secrets } from '../installation/secrets.ts';

const MESSAGE = 'must be the nextCursor of an earlier page of this list';

/** An opaque cursor: the last row's position, signed for one list of one owner. */
export function sealCursor(secrets: Secrets, list: string, position: string): string {
  return Buffer.from(`${secrets.signCursor(`${list}\n${position}`)}${position}`).toString('base64url');
}

const SIGNATURE_LENGTH = 11;

/** The position of a cursor that was made by `sealCursor` for the same list. */
export function openCursor(secrets: Secrets, list: string, cursor: string): Parsed<string> {
  if (!/^[\w-]{1,512}$/.test(cursor)) return refused(MESSAGE);
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const position = text.slice(SIGNATURE_LENGTH);
  const signature = text.slice(0, SIGNATURE_LENGTH);
  const isOwn = secrets.isSigned('cursor', `${list}\n${position}`, signature);
  return isOwn ? parsed(position) : refused(MESSAGE);
}
