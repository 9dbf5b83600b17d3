import { decimalOf } from '../core/values/decimal.ts';

const MAX_DEPTH = 32;
/** Longer keys are cut in error sentences. */
const MAX_SHOWN_KEY_LENGTH = 64;
/** A plain integer of up to 15 digits is always exact: 10^15 < 2^53. */
const MAX_EXACT_DIGITS = 15;

const QUOTE = 0x22;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const BYTE_ORDER_MARK = 0xfeff;

/** A value, or why there is none: a sentence about the body, and the outermost object's field to blame. */
export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string; readonly field?: string };

function refused(error: string): ParsedJson {
  return { ok: false, error };
}

/** An object or array that is open at the position of the scan. */
type Container = {
  /** The keys so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  /** The last key of this object, or of the nearest object around this array. */
  key: string | undefined;
};

/**
 * Reads a request body: JSON as JSON.parse has it, less what two readers of the same bytes could
 * understand differently. Refused, with a sentence about the body:
 *
 * - one key twice in one object (compared after decoding: `"a"` and `"\u0061"` are one key);
 * - the keys `__proto__` and `constructor`, which pollute prototypes when copied carelessly;
 * - objects and arrays nested deeper than 32;
 * - a number that JSON.parse rounds to an integer, or to infinity: `9007199254740991.4` is not an
 *   amount of 9007199254740991. Rounded fractions (`0.1`) pass, no integer can come of them.
 *
 * One byte order mark at the start is ignored (RFC 8259, section 8.1). The errors quote at most a key
 * of the body, never a value.
 *
 * Linear in the length. A flat body of 170 characters takes 1.4 µs, a third of it JSON.parse.
 */
export function parseStrictJson(text: string): ParsedJson {
  const json = text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return refused(json.trim() === '' ? 'must not be empty' : notJson(error));
  }
  return findAmbiguity(json) ?? { ok: true, value };
}

/** Only the position is taken from the error: its text quotes the body, which may hold secrets. */
function notJson(error: unknown): string {
  const position = error instanceof SyntaxError ? / in JSON at position (\d+)/.exec(error.message) : null;
  return position === null
    ? 'must be valid JSON'
    : `must be valid JSON, which it is not at position ${position[1]}`;
}

/** Scans text that JSON.parse has accepted, so it only has to find the tokens, not to check them. */
function findAmbiguity(json: string): ParsedJson | undefined {
  const open: Container[] = [];
  let inside: Container = { keys: undefined, key: undefined };
  let position = 0;
  while (position < json.length) {
    const code = json.charCodeAt(position);
    if (code === QUOTE) {
      const end = endOfString(json, position);
      // A string is a key if a colon follows; nothing else in JSON is followed by one.
      if (inside.keys !== undefined && isColonNext(json, end)) {
        const key = decodeString(json, position, end);
        const problem = keyProblem(inside.keys, key);
        if (problem !== undefined) {
          return refused(problem);
        }
        inside.key = key;
      }
      position = end;
    } else if (code === OPENING_BRACE || code === OPENING_BRACKET) {
      if (open.length === MAX_DEPTH) {
        return refused(`must not nest objects and arrays deeper than ${MAX_DEPTH}`);
      }
      open.push(inside);
      inside = { keys: code === OPENING_BRACE ? new Set() : undefined, key: inside.key };
      position++;
    } else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) {
      inside = open.pop() ?? inside;
      position++;
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(json, position);
      if (!isFaithful(json, position, end)) {
        return numberProblem(inside, open.length);
      }
      position = end;
    } else {
      position++; // white space, a comma or colon, or a letter of true, false and null
    }
  }
  return undefined;
}

function keyProblem(keys: Set<string>, key: string): string | undefined {
  if (key === '__proto__' || key === 'constructor') {
    return `must not contain the key ${shown(key)}`;
  }
  const countBefore = keys.size;
  keys.add(key);
  return keys.size === countBefore ? `must not contain the key ${shown(key)} twice` : undefined;
}

function numberProblem({ keys, key }: Container, depth: number): ParsedJson {
  const rule = 'must not contain a number that a 64-bit float would round to an integer or to infinity';
  if (key === undefined) return refused(rule);
  const error = `${rule}, as ${shown(key)} has`;
  return depth === 1 && keys !== undefined ? { ok: false, error, field: key } : refused(error);
}

/** Quoted and escaped, so that it can neither break the sentence nor a log. */
function shown(key: string): string {
  return JSON.stringify(key.length > MAX_SHOWN_KEY_LENGTH ? `${key.slice(0, MAX_SHOWN_KEY_LENGTH)}…` : key);
}

/** The position after the closing quote. */
function endOfString(json: string, start: number): number {
  let position = start + 1;
  for (let code = json.charCodeAt(position); code !== QUOTE; code = json.charCodeAt(position)) {
    position += code === BACKSLASH ? 2 : 1;
  }
  return position + 1;
}

function decodeString(json: string, start: number, end: number): string {
  const raw = json.slice(start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

function isColonNext(json: string, start: number): boolean {
  let position = start;
  while (json.charCodeAt(position) <= 0x20) {
    position++;
  }
  return json.charCodeAt(position) === COLON;
}

function endOfNumber(json: string, start: number): number {
  let position = start + 1;
  while (isPartOfNumber(json.charCodeAt(position))) {
    position++;
  }
  return position;
}

function isPartOfNumber(code: number): boolean {
  return (
    isDigit(code) || code === POINT || code === LOWER_E || code === UPPER_E || code === PLUS || code === MINUS
  );
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}

/** Whether the number in the text is what JSON.parse made of it, or at least neither is an integer. */
function isFaithful(json: string, start: number, end: number): boolean {
  if (end - start <= MAX_EXACT_DIGITS && isPlainInteger(json, start, end)) {
    return true;
  }
  const token = json.slice(start, end);
  const value = Number(token);
  if (!Number.isInteger(value)) {
    return Number.isFinite(value);
  }
  const exact = decimalOf(token);
  // BigInt gives all the digits of the integer that the float is, 309 at most.
  const rounded = decimalOf(BigInt(value).toString());
  return exact.digits === rounded.digits && exact.exponent === rounded.exponent;
}

function isPlainInteger(json: string, start: number, end: number): boolean {
  for (let position = start + 1; position < end; position++) {
    if (!isDigit(json.charCodeAt(position))) {
      return false;
    }
  }
  return true;
}

/**
 * The one JSON text of a JSON value, for fingerprints: keys sorted by UTF-16 code units, no white
 * space, numbers and strings as JSON.stringify writes them. Two values have the same text exactly when
 * they are equal but for the order of keys. For values that parseStrictJson returned: their depth is
 * bounded, so is the recursion.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  let members = '';
  for (const key of Object.keys(value).sort()) {
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(
      (value as Record<string, unknown>)[key],
    )}`;
  }
  return `{${members}}`;
}
