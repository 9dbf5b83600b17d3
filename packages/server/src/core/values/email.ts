import { type Parsed, refused } from './parse.ts';
import { parseText } from './text.ts';

const EMAIL = /^[^\s@,;<>"()[\]\\]+@[^\s@,;<>"()[\]\\.]+(\.[^\s@,;<>"()[\]\\.]+)+$/;
const MAX_LENGTH = 254;

/** An e-mail address as it was written. Whether somebody reads what is sent there, no pattern can say. */
export function parseEmailAddress(text: string): Parsed<string> {
  const email = parseText(text.trim(), { max: MAX_LENGTH });
  if (!email.ok) return email;
  return EMAIL.test(email.value) ? email : refused('must be an e-mail address');
}
