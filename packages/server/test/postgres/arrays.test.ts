/** Arrays that are sent as PostgreSQL has them in memory: it reads from them what it would read from their text. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bigintArray,
  booleanArray,
  intArray,
  textArray,
  timeArray,
  timeText,
  uuidArray,
} from '../../src/postgres/arrays.ts';
import { createPool, inTransaction, type Pool, type StatementRunner } from '../../src/postgres/pool.ts';
import { inOneRoundTrip } from '../../src/postgres/roundTrip.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 1, () => undefined);
});
after(async () => {
  await pool?.end();
  await database?.drop();
});

interface Kind {
  readonly sql: string;
  readonly array: (values: never) => Buffer;
  readonly values: fc.Arbitrary<unknown>;
  /** As PostgreSQL writes the value in text. */
  readonly text: (value: never) => string;
}

const MAX = 2n ** 63n - 1n;
const KINDS: Readonly<Record<string, Kind>> = {
  uuid: {
    ...{ sql: 'uuid', array: uuidArray },
    values: fc.uuid().chain((id) => fc.constantFrom(id, id.toUpperCase())),
    text: (id: string) => id.toLowerCase(),
  },
  text: {
    sql: 'text',
    array: textArray,
    values: fc.string({ unit: 'binary' }),
    text: (value: string) => value,
  },
  bigint: {
    ...{ sql: 'bigint', array: bigintArray, text: String },
    values: fc.oneof(fc.bigInt({ min: -MAX - 1n, max: MAX }), fc.maxSafeInteger(), fc.integer()),
  },
  int: { sql: 'int', array: intArray, values: fc.integer(), text: String },
  boolean: { sql: 'boolean', array: booleanArray, values: fc.boolean(), text: String },
  time: {
    ...{ sql: 'timestamptz', array: timeArray },
    values: fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.getTime()),
    text: (time: number) => timeText(time),
  },
};

/** Without the character 0, which no text of PostgreSQL has, and without halves of a pair, which no UTF-8 has. */
function isText(value: unknown): boolean {
  return typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed());
}

for (const [name, { sql, array, values, text }] of Object.entries(KINDS)) {
  test(`${name}: what is sent is what is read, NULLs and empty arrays too`, async () => {
    const list = fc.array(fc.option(values.filter(isText)), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(list, async (sent) => {
        const { rows } = await pool.query(
          `SELECT cardinality($1::${sql}[]) AS count, ARRAY(
             SELECT a IS NOT DISTINCT FROM b FROM unnest($1::${sql}[], $2::text[]::${sql}[]) u(a, b)) AS same`,
          [array(sent as never), sent.map((value) => (value === null ? null : text(value as never)))],
        );
        assert.deepEqual(rows, [{ count: sent.length, same: sent.map(() => true) }]);
      }),
      { numRuns: 200 },
    );
  });
}

describe('a value that is none of its type', () => {
  const WRONG: Readonly<Record<string, readonly [string, (values: never) => Buffer, readonly unknown[]]>> = {
    uuid: [
      'uuid',
      uuidArray,
      ['', 'x', '0'.repeat(36), `${'0'.repeat(35)}é`, '01900000-0000-7000-8000-00000000000g', 7],
    ],
    bigint: [
      'bigint',
      bigintArray,
      [MAX + 1n, -MAX - 2n, 2 ** 60, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '7'],
    ],
    int: ['int', intArray, [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, '7']],
    time: ['timestamptz', timeArray, [Number.NaN, 8_640_000_000_000_001, 0.5, Number.NEGATIVE_INFINITY]],
    text: ['text', textArray, ['a\0b', undefined]],
  };
  for (const [name, [sql, array, wrong]] of Object.entries(WRONG))
    for (const value of wrong)
      test(`${name} ${JSON.stringify(String(value))}: PostgreSQL refuses it, and what was sent with it is not carried out`, async () => {
        const keep = (db: StatementRunner, of: string, parameter: Buffer, as: string) =>
          db.query({
            name: `${of} ${as}`,
            text: `SELECT pg_advisory_xact_lock(7), $1::${as}[]`,
            values: [parameter],
          });
        await pool.query('CREATE TEMP TABLE IF NOT EXISTS kept (n int)');
        const client = await pool.connect();
        try {
          const all = inOneRoundTrip(client, (db) =>
            Promise.all([
              db.query({ name: 'begin', text: 'BEGIN' }),
              db.query({ name: 'insert', text: 'INSERT INTO kept VALUES (1)' }),
              keep(db, 'wrong', array([value] as never), sql),
              db.query({ name: 'commit', text: 'COMMIT' }),
            ]),
          );
          await assert.rejects(all, { code: name === 'text' ? '22021' : '22P03' });
          await client.query('ROLLBACK');
          // The session goes on, and its answers are those of its questions.
          const { rows } = await client.query('SELECT count(*)::int AS kept FROM kept');
          assert.deepEqual(rows, [{ kept: 0 }]);
        } finally {
          client.release();
        }
      });
});

test('a batch writes what is sent beside values that are the same for all rows', async () => {
  await inTransaction(pool, async (db) => {
    const { rows } = await db.query(
      `SELECT u.*, $3::text AS shared FROM (SELECT unnest($1::int[]) AS n, unnest($2::text[]) AS t) u`,
      [intArray([1, null]), textArray([null, 'b']), 'all'],
    );
    assert.deepEqual(rows, [
      { n: 1, t: null, shared: 'all' },
      { n: null, t: 'b', shared: 'all' },
    ]);
  });
});
