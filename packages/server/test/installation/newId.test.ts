import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../src/installation/newId.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids are UUIDv7 of now, in the order in which they were made, and never the same', () => {
  const before = Date.now();
  // Many within each millisecond, and more than one pool of random bytes.
  const ids = Array.from({ length: 10_000 }, newId);
  for (const id of ids) assert.match(id, UUID_V7);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  const msecs = Number.parseInt((ids[0] ?? '').replaceAll('-', '').slice(0, 12), 16);
  assert.ok(msecs >= before && msecs <= Date.now());
});

test('the last 48 bits are random in every id', () => {
  const tails = Array.from({ length: 10_000 }, () => newId().slice(-12));
  assert.equal(new Set(tails).size, tails.length);
});
