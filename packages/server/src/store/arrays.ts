/**
 * PostgreSQL array literals. One string per column of a set-based statement: cheaper than the
 * driver's own conversion, which escapes every element.
 */

/** An array of uuids, numbers, timestamps or of our own constants: nothing in them needs escaping. */
export function plainArray(values: readonly (string | number | bigint | boolean | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : value)).join(',')}}`;
}

/** An array of any text. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map(quoted).join(',')}}`;
}

function quoted(value: string | null): string {
  if (value === null) return 'NULL';
  return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
}

/** Times in milliseconds, as an array of `timestamptz`. */
export function timeArray(values: readonly (number | null)[]): string {
  let last = Number.NaN;
  let text = '';
  return plainArray(
    values.map((value) => {
      if (value === null) return null;
      if (value !== last) {
        last = value;
        text = `"${new Date(value).toISOString()}"`;
      }
      return text;
    }),
  );
}
