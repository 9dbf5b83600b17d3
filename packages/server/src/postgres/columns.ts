import {
  bigintArray,
  booleanArray,
  intArray,
  plainArray,
  textArray,
  timeArray,
  timeText,
  uuidArray,
} from './arrays.ts';
import type { Statement } from './pool.ts';

/** How one property of `Row` is a column. `word` is for our own constants, and for codes and ids that were parsed. */
export interface Column<Row> {
  readonly name: string;
  readonly type: 'uuid' | 'word' | 'text' | 'bigint' | 'numeric' | 'int' | 'boolean' | 'time';
  readonly value: (row: Row) => string | number | bigint | boolean | null;
}

/** What the text of a statement over rows is made of. */
export interface Source {
  /** `u.id, $2::text, …`: every column, in order. */
  readonly select: string;
  /** `(SELECT unnest($1::uuid[]) AS id, …) u`: as rows are asked for, and not each column as a table first. */
  readonly from: string;
  /** One column. */
  readonly of: (name: string) => string;
}

/**
 * In a batch of authorizations, two thirds of the columns have one value: sent once instead of as an array,
 * they take a fifth off an insert in PostgreSQL and in Node. Each set of such columns is a form of the
 * statement, planned apart, so small batches, in which anything may be equal by chance, have the full form.
 */
const MIN_ROWS = 8;
const MAX_FORMS = 50;

/**
 * A statement over rows, one parameter a column.
 * @param keys how many columns at the beginning are never sent as one value
 */
export function statementOf<Row>(
  name: string,
  columns: readonly Column<Row>[],
  textOf: (source: Source) => string,
  keys = 1,
): (rows: readonly Row[]) => Statement {
  // A form is told by a bit for each column, in a number that has 53.
  if (columns.length > 53) throw new Error(`${name} has too many columns`);
  const forms = new Map<number, string>();
  return (rows) => {
    let isShared = columns.map((column, i) => i >= keys && rows.length >= MIN_ROWS && isOne(column, rows));
    let form = isShared.reduce((bits, shared, i) => (shared ? bits + 2 ** i : bits), 0);
    let text = forms.get(form);
    if (text === undefined) {
      if (forms.size >= MAX_FORMS) {
        form = 0;
        isShared = columns.map(() => false);
      }
      text = textOf(sourceOf(columns, isShared));
      forms.set(form, text);
    }
    const values = columns.map((column, i) => (isShared[i] ? oneOf(column, rows) : arrayOf(column, rows)));
    return { name: `${name} ${form.toString(36)}`, text, values };
  };
}

function isOne<Row>({ value }: Column<Row>, rows: readonly Row[]): boolean {
  const [first] = rows;
  if (first === undefined) return false;
  const one = value(first);
  return rows.every((row) => value(row) === one);
}

function oneOf<Row>({ type, value }: Column<Row>, [first]: readonly Row[]): string | null {
  const one = first === undefined ? null : value(first);
  if (one === null) return null;
  return type === 'time' ? timeText(one as number) : String(one);
}

type Values = readonly (string | number | bigint | boolean | null)[];

const ARRAYS: Readonly<Record<Column<never>['type'], (values: never) => Buffer | string>> = {
  uuid: uuidArray,
  word: textArray,
  text: textArray,
  bigint: bigintArray,
  // Its digits in memory are a format of their own, and few columns have it.
  numeric: plainArray,
  int: intArray,
  boolean: booleanArray,
  time: timeArray,
};

function arrayOf<Row>({ type, value }: Column<Row>, rows: readonly Row[]): Buffer | string {
  const array = ARRAYS[type] as (values: Values) => Buffer | string;
  return array(rows.map(value));
}

const SQL_TYPES = { word: 'text', time: 'timestamptz' } as const;

function sqlType(type: Column<never>['type']): string {
  return type in SQL_TYPES ? SQL_TYPES[type as keyof typeof SQL_TYPES] : type;
}

function sourceOf(columns: readonly Column<never>[], isShared: readonly boolean[]): Source {
  const expressions = new Map(
    columns.map(({ name, type }, i) => [name, isShared[i] ? `$${i + 1}::${sqlType(type)}` : `u.${name}`]),
  );
  const arrays = columns.flatMap(({ name, type }, i) =>
    isShared[i] ? [] : [`unnest($${i + 1}::${sqlType(type)}[]) AS ${name}`],
  );
  return {
    select: [...expressions.values()].join(', '),
    from: `(SELECT ${arrays.join(', ')}) u`,
    of: (name) => expressions.get(name) ?? name,
  };
}

export function namesOf(columns: readonly Column<never>[]): string {
  return columns.map((column) => column.name).join(', ');
}

/** Inserts rows. */
export function insertOf<Row>(
  name: string,
  table: string,
  columns: readonly Column<Row>[],
): (rows: readonly Row[]) => Statement {
  const into = `INSERT INTO ${table} (${namesOf(columns)})`;
  return statementOf(name, columns, ({ select, from }) => `${into} SELECT ${select} FROM ${from}`);
}

/** Updates the columns after the first `keys`, which identify the row. */
export function updateOf<Row>(
  name: string,
  table: string,
  columns: readonly Column<Row>[],
  { keys = 1, where = '' }: { keys?: number; where?: string } = {},
): (rows: readonly Row[]) => Statement {
  const match = columns.slice(0, keys).map((column) => `t.${column.name} = u.${column.name}`);
  const textOf = ({ of, from }: Source): string => {
    const set = columns.slice(keys).map((column) => `${column.name} = ${of(column.name)}`);
    return `UPDATE ${table} t SET ${set.join(', ')} FROM ${from} WHERE ${match.join(' AND ')} ${where}`;
  };
  return statementOf(name, columns, textOf, keys);
}
