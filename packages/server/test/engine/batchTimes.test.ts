import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BatchTimes } from '../../src/engine/batchTimes.ts';

describe('what full batches take', () => {
  test('is not known before one, nor five seconds after the last', () => {
    const times = new BatchTimes();
    assert.equal(times.usual(0), null);
    times.note(40, 1_000);
    assert.equal(times.usual(6_000), 40);
    assert.equal(times.usual(6_001), null);
  });

  test('is an average, in which the last one counts a tenth', () => {
    const times = new BatchTimes();
    times.note(100, 0);
    times.note(200, 10);
    assert.equal(times.usual(20), 110);
    for (let i = 0; i < 60; i += 1) times.note(200, 20 + i);
    assert.ok(Math.abs((times.usual(100) ?? 0) - 200) < 1);
  });

  test('of one for which the database stood still is a second', () => {
    const times = new BatchTimes();
    times.note(20_000, 0);
    assert.equal(times.usual(0), 1_000);
  });

  test('begins anew after a time without any: what was slow then says nothing now', () => {
    const times = new BatchTimes();
    times.note(900, 0);
    times.note(10, 60_000);
    assert.equal(times.usual(60_000), 10);
  });
});
