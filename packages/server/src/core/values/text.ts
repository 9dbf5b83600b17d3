import { type Parsed, parsed, refused } from './parse.ts';

/** Printable ASCII, nearly every text that arrives: one character is one code point and none is refused. */
const PRINTABLE_ASCII = /^[ -~]+$/;
const VISIBLE_ASCII = /[!-~]/;
/** C0, DEL and C1: the general category Cc is exactly these. */
const CONTROL_CHARACTER = /\p{Cc}/u;
/** Nothing that anybody sees: white space, what no font shows, and the blank of braille. */
const INVISIBLE = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]+$/u;

/**
 * A text of 1 to `max` characters (code points, so that an emoji of one code point counts once),
 * without control characters, of which some can be seen, and well-formed Unicode, so that PostgreSQL can
 * store it and every client can show it. It is kept as it was sent: neither trimmed nor normalised.
 */
export function parseText(text: string, limits: { readonly max: number }): Parsed<string> {
  const { max } = limits;
  if (text.length <= max && PRINTABLE_ASCII.test(text) && VISIBLE_ASCII.test(text)) {
    return parsed(text);
  }
  if (text === '') {
    return refused('must not be empty');
  }
  if (isLongerThan(text, max)) {
    return refused(`must be at most ${max} characters long`);
  }
  if (!text.isWellFormed()) {
    return refused('must not contain half of a surrogate pair');
  }
  if (CONTROL_CHARACTER.test(text)) {
    return refused('must not contain control characters, such as line breaks');
  }
  if (INVISIBLE.test(text)) {
    return refused('must not consist of blanks and invisible characters only');
  }
  return parsed(text);
}

function isLongerThan(text: string, max: number): boolean {
  if (text.length <= max) {
    return false;
  }
  // A code point takes at most two UTF-16 units: a huge text is refused without counting.
  return text.length > 2 * max || [...text].length > max;
}
