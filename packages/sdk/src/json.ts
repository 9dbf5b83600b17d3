import { BIGINT_FIELDS } from './types.generated.ts';

const EXACT: ReadonlySet<string> = new Set(BIGINT_FIELDS);

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/** Whether the parser says how a number was written: Node 21 and the browsers of 2023 do, Node 20 does not. */
const SHOWS_SOURCE = sourceIsShown();

function sourceIsShown(): boolean {
  let shown = false;
  const look: Reviver = (_key, value, context) => {
    shown = context?.source === '1';
    return value;
  };
  JSON.parse('1', look);
  return shown;
}

/** JSON with balances as BigInt, every digit kept; undefined when it is not JSON. */
export function parseExactly(text: string): unknown {
  try {
    return SHOWS_SOURCE ? JSON.parse(text, revived) : parseWithoutSource(text);
  } catch {
    return undefined;
  }
}

const revived: Reviver = (key, value, context) =>
  typeof value === 'number' && EXACT.has(key) ? BigInt(context?.source ?? value) : value;

/** A text, or a name with its colon and the integer after it. */
const TEXT_OR_INTEGER = /"([^"\\]*(?:\\.[^"\\]*)*)"(?:(\s*:\s*)(-?\d+)(?=\s*[,}]))?/g;

/** Balances become marked texts before the parser can round them, and BigInt after it. */
function parseWithoutSource(text: string): unknown {
  // No text of an answer can begin with it: it is new each time.
  const mark = `${randomHex()}:`;
  const marked = text.replace(
    TEXT_OR_INTEGER,
    (all: string, name: string, colon?: string, integer?: string) =>
      integer !== undefined && EXACT.has(name) ? `"${name}"${colon}"${mark}${integer}"` : all,
  );
  const unmark: Reviver = (_key, value) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
  return JSON.parse(marked, unmark);
}

/** 128 random bits. Not crypto.randomUUID: browsers have that on https pages only. */
export function randomHex(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
