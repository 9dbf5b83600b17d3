/** JSON.rawJSON (Node 21 and newer) is not in TypeScript's library yet. */
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/** JSON text in which a BigInt is the integer with all its digits: balances may exceed 2^53. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? JSON.rawJSON(part.toString()) : part,
  );
}

/** ECMAScript 2026: the reviver gets the text of each primitive value, which TypeScript's library does not know yet. */
export const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;
