import { formatAmount } from '@plexy-pay/sdk';

declare global {
  interface JSON {
    /** Node 21 and newer; not in TypeScript's library yet. */
    rawJSON(text: string): unknown;
  }
}

/** JSON for programs: integers with all their digits. */
export function jsonText(value: unknown): string {
  const exact = (_key: string, part: unknown): unknown =>
    typeof part === 'bigint' ? JSON.rawJSON(part.toString()) : part;
  return JSON.stringify(value, exact, 2);
}

/** An amount in minor units, and as people read it. */
export function money(amount: number | bigint, currency: string): string {
  return `${amount} (${formatAmount(amount, currency)})`;
}

export type Cell = string | number | bigint | boolean | null | readonly string[];

function cellText(cell: Cell): string {
  if (cell === null || (Array.isArray(cell) && cell.length === 0)) return '–';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return printable(Array.isArray(cell) ? cell.join(', ') : String(cell));
}

/** Names and references come from outside: whatever could steer a terminal or turn the text around is shown as `?`. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** Rows below their headings, in columns. */
export function tableText(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return 'nothing';
  const texts = [headings, ...rows.map((row) => row.map(cellText))];
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => lengthOf(row[column] ?? ''))));
  const lines = texts.map((row) =>
    row
      .map((text, column) => text + ' '.repeat((widths[column] ?? 0) - lengthOf(text)))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

/** One object, a line for each field. */
export function recordText(fields: Readonly<Record<string, Cell>>): string {
  const width = Math.max(...Object.keys(fields).map(lengthOf));
  return Object.entries(fields)
    .map(([name, cell]) => `${name.padEnd(width)}  ${cellText(cell)}`)
    .join('\n');
}

function lengthOf(text: string): number {
  return [...text].length;
}
