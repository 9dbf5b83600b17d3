/** Which databases are refused because they would lose events: by what they say of themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queryable } from '../../src/postgres/pool.ts';
import { shardedBy } from '../../src/postgres/sharding.ts';

function answering(version: string, extension: string | null = null): Queryable {
  return { query: async () => ({ rows: [{ version, extension }] }) } as unknown as Queryable;
}

for (const [version, extension, expected] of [
  ['PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc', null, null],
  ['PostgreSQL 18.4 on x86_64-pc-linux-musl', null, null],
  ['PostgreSQL 15.10 on x86_64-pc-linux-gnu', 'citus', 'citus'],
  ['PostgreSQL 11.2-YB-2.21.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang', null, '-YB-'],
  ['CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27)', null, 'CockroachDB'],
  ['PostgreSQL 12.12 (Greenplum Database 7.0.0 build commit:0a7a3566)', null, 'Greenplum'],
] as const)
  test(`${version}${extension === null ? '' : ` with ${extension}`}`, async () => {
    assert.equal(await shardedBy(answering(version, extension)), expected);
  });
