import { plainArray, textArray, timeArray } from './arrays.ts';

/**
 * How one property of `Row` is a column. `text` is escaped; `word` is for our own constants and for codes
 * and ids that were parsed, which need no escaping.
 */
export interface Column<Row> {
  readonly name: string;
  readonly type: 'uuid' | 'word' | 'text' | 'bigint' | 'numeric' | 'int' | 'boolean' | 'time';
  readonly value: (row: Row) => string | number | bigint | boolean | null;
}

const SQL_TYPES = { word: 'text', time: 'timestamptz' } as const;

function sqlType(type: Column<never>['type']): string {
  return type in SQL_TYPES ? SQL_TYPES[type as keyof typeof SQL_TYPES] : type;
}

/** `unnest($1::uuid[], $2::text[] …)`: all rows as one parameter a column. */
export function unnestOf(columns: readonly Column<never>[]): string {
  return `unnest(${columns.map(({ type }, i) => `$${i + 1}::${sqlType(type)}[]`).join(', ')})`;
}

export function namesOf(columns: readonly Column<never>[]): string {
  return columns.map((column) => column.name).join(', ');
}

/** `INSERT INTO table (…) SELECT * FROM unnest(…)`. */
export function insertOf(table: string, columns: readonly Column<never>[]): string {
  return `INSERT INTO ${table} (${namesOf(columns)}) SELECT * FROM ${unnestOf(columns)}`;
}

/** `UPDATE table …` of the columns after the first `keys`, which identify the row. */
export function updateOf(table: string, columns: readonly Column<never>[], keys = 1): string {
  const set = columns.slice(keys).map(({ name }) => `${name} = u.${name}`);
  const where = columns.slice(0, keys).map(({ name }) => `t.${name} = u.${name}`);
  return `UPDATE ${table} t SET ${set.join(', ')} FROM ${unnestOf(columns)} u(${namesOf(columns)}) WHERE ${where.join(' AND ')}`;
}

/** The parameters of `unnestOf`. */
export function valuesOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return columns.map(({ type, value }) => {
    const values = rows.map(value);
    if (type === 'time') return timeArray(values as (number | null)[]);
    return type === 'text' ? textArray(values as (string | null)[]) : plainArray(values);
  });
}
