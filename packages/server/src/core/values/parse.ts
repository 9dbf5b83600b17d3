/**
 * The result of parsing one value at a boundary: the typed value, or the rule that it breaks as a
 * sentence for the caller, such as "must be a positive integer".
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function refused(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** A string that was parsed as `Name`; plain strings are not assignable to it. */
export type Brand<Name extends string> = string & { readonly __brand: Name };
