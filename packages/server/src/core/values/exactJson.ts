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
