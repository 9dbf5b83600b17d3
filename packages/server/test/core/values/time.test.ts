import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIRST_TIME, iso, isTime, LAST_TIME, parseTime } from '../../../src/core/values/time.ts';

const time = fc.integer({ min: FIRST_TIME, max: LAST_TIME });
/** Minutes that a zone may be away from UTC, as RFC 3339 can write them. */
const offset = fc.integer({ min: -(24 * 60 - 1), max: 24 * 60 - 1 });
const two = (value: number): string => String(value).padStart(2, '0');

/** A time as a clock of this offset shows it. */
function written(at: number, minutes: number, fraction: string): string {
  const local = new Date(at + minutes * 60_000).toISOString().slice(0, 19);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${local}${fraction}${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}`;
}

test('every time goes out in one way, and what went out comes in again', () => {
  fc.assert(
    fc.property(time, (at) => {
      assert.match(iso(at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual(parseTime(iso(at)), { ok: true, value: at });
    }),
  );
  assert.equal(iso(null), null);
});

test('any offset and up to nine digits of a second come in', () => {
  const digits = fc.stringMatching(/^[0-9]{1,9}$/);
  const within = fc.integer({ min: FIRST_TIME + 86_400_000, max: LAST_TIME - 86_400_000 });
  fc.assert(
    fc.property(within, offset, digits, (at, minutes, fraction) => {
      const second = at - (((at % 1_000) + 1_000) % 1_000);
      const value = second + Number(fraction.padEnd(3, '0').slice(0, 3));
      assert.deepEqual(parseTime(written(second, minutes, `.${fraction}`)), { ok: true, value });
    }),
    { numRuns: 500 },
  );
});

test('one moment in its spellings', () => {
  const value = Date.UTC(2026, 10, 26, 6, 0, 0);
  const spellings = [
    '2026-11-26T06:00:00Z',
    '2026-11-26t06:00:00z',
    '2026-11-26T06:00:00.000000000Z',
    '2026-11-26T11:00:00+05:00',
    '2026-11-26T11:30:00.000+05:30',
    '2026-11-25T20:30:00-09:30',
    '2026-11-26T06:00:00-00:00',
    // Beyond RFC 3339: without seconds or colon, a comma, and the + that a URL made a space.
    '2026-11-26T11:00+0500',
    '2026-11-26T06:00:00,000Z',
    '2026-11-26T11:00:00 05:00',
  ];
  for (const text of spellings) assert.deepEqual(parseTime(text), { ok: true, value }, text);
});

test('a leap second is the beginning of the next, where there can be one', () => {
  const value = Date.UTC(2017, 0, 1);
  for (const text of ['2016-12-31T23:59:60Z', '2016-12-31T23:59:60.999Z', '2017-01-01T04:59:60+05:00'])
    assert.deepEqual(parseTime(text), { ok: true, value }, text);
  for (const text of ['2016-12-31T22:59:60Z', '2016-12-30T23:59:60Z', '2016-12-31T23:59:61Z'])
    assert.equal(parseTime(text).ok, false, text);
});

test('what is no time of the calendar is refused with the rule', () => {
  const wrong = [
    ...[
      '',
      'yesterday',
      '2026-11-26',
      '2026-11-26T06:00:00',
      '2026-11-26 06:00:00Z',
      ' 2026-11-26T06:00:00Z',
    ],
    ...['2026-11-26T24:00:00Z', '2026-11-26T23:60:00Z', '2026-11-26T23:59:60Z', '2026-11-26T06:00:00+24:00'],
    ...['2026-11-26T06:00:00+05:60', '2026-11-26T06:00:00.Z', '2026-11-26T06:00:00.0000000000Z'],
    ...['2026-13-01T00:00:00Z', '2026-00-01T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-32T00:00:00Z'],
    ...['2026-02-29T00:00:00Z', '1900-02-29T00:00:00Z', '2026-04-31T00:00:00+05:00', '2026-02-30T00:00:00Z'],
    ...[
      '+002026-01-01T00:00:00Z',
      '20260101T000000Z',
      '1767225600',
      '2026-W01-1T00:00:00Z',
      '٢٠٢٦-01-01T00:00:00Z',
    ],
  ];
  for (const text of wrong) {
    const result = parseTime(text);
    assert.ok(!result.ok, text);
    assert.match(result.error, /^must be a time of RFC 3339 with its zone/, text);
  }
  for (const text of ['2024-02-29T00:00:00Z', '2000-02-29T00:00:00Z']) assert.ok(parseTime(text).ok, text);
});

test('the calendar ends with the years 1 and 9999, wherever one is', () => {
  assert.deepEqual(parseTime('0001-01-01T00:00:00Z'), { ok: true, value: FIRST_TIME });
  assert.deepEqual(parseTime('9999-12-31T23:59:59.999Z'), { ok: true, value: LAST_TIME });
  for (const text of [
    '0000-12-31T23:59:59.999Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59.999-00:01',
  ]) {
    assert.deepEqual(
      parseTime(text),
      { ok: false, error: 'must be within the years 1 to 9999 in UTC' },
      text,
    );
  }
  assert.deepEqual([FIRST_TIME - 1, FIRST_TIME, LAST_TIME, LAST_TIME + 1].map(isTime), [
    false,
    true,
    true,
    false,
  ]);
});
