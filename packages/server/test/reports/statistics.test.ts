import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  beginningOf,
  boundariesOf,
  currenciesOf,
  type KindCount,
  previousOf,
  totalsOf,
} from '../../src/reports/statistics.ts';
import { parseTimeZone, type TimeZone } from '../../src/core/values/timeZone.ts';

const KIND: KindCount = {
  bucket: 0,
  currency: 'KZT',
  type: 'payment',
  status: 'charged',
  count: 1,
  amount: 1n,
  captured: 1n,
  capturedCount: 1,
};

test('every status is counted once; what was released is authorized and not captured', () => {
  const none = { captured: 0n, capturedCount: 0 };
  const kinds: KindCount[] = [
    { ...KIND, status: 'created', count: 1, amount: 100n, ...none },
    { ...KIND, status: '3d', count: 2, amount: 100n, ...none },
    // Of one of them a part was captured, and more captures may follow.
    { ...KIND, status: 'authorized', count: 3, amount: 10n, captured: 3n, capturedCount: 1 },
    { ...KIND, status: 'charged', count: 4, amount: 200n, captured: 120n, capturedCount: 4 },
    { ...KIND, status: 'refunded', count: 5, amount: 31n, captured: 31n, capturedCount: 5 },
    { ...KIND, status: 'rejected', count: 6, amount: 100n, ...none },
    { ...KIND, status: 'transaction.failed', count: 7, amount: 100n, ...none },
    { ...KIND, status: 'cancelled', count: 8, amount: 100n, ...none },
    { ...KIND, type: 'refund', status: 'refunded', count: 9, amount: 7n, ...none },
    { ...KIND, type: 'refund', status: 'rejected', count: 10, amount: 100n, ...none },
  ];
  assert.deepEqual(totalsOf(kinds), {
    ...{ count: 36, succeeded: 12, declined: 6, failed: 7, cancelled: 8, pending: 3 },
    ...{ authorizedVolume: 241n, captured: 10, capturedVolume: 154n, averageAmount: 15n },
    ...{ refunds: 9, refundedVolume: 7n, netVolume: 147n },
  });
  assert.deepEqual(totalsOf([]), {
    ...{ count: 0, succeeded: 0, declined: 0, failed: 0, cancelled: 0, pending: 0 },
    ...{ authorizedVolume: 0n, captured: 0, capturedVolume: 0n, averageAmount: 0n },
    ...{ refunds: 0, refundedVolume: 0n, netVolume: 0n },
  });
});

test('more refunded than captured is less than nothing', () => {
  const refund: KindCount = { ...KIND, type: 'refund', status: 'refunded', amount: 5n, captured: 0n, capturedCount: 0 };
  assert.equal(totalsOf([KIND, refund]).netVolume, -4n);
});

test('sums beyond 2^53 are exact', () => {
  const amount = 9_007_199_254_740_993n;
  const { authorizedVolume, capturedVolume } = totalsOf([
    { ...KIND, amount, captured: amount },
    { ...KIND, amount, captured: amount },
  ]);
  assert.deepEqual([authorizedVolume, capturedVolume], [2n * amount, 2n * amount]);
});

test('currencies: the most frequent first', () => {
  const kinds = [KIND, { ...KIND, currency: 'USD', count: 3 }, { ...KIND, status: '3d' as const }];
  assert.deepEqual(currenciesOf(kinds), ['USD', 'KZT']);
  for (const pair of [
    ['USD', 'EUR'],
    ['EUR', 'USD'],
  ])
    assert.deepEqual(currenciesOf(pair.map((currency) => ({ ...KIND, currency }))), ['EUR', 'USD'], 'a tie');
});

const zone = (name: string): TimeZone => {
  const parsed = parseTimeZone(name);
  assert.ok(parsed.ok, name);
  return parsed.value;
};
const at = (text: string): number => Date.parse(text);
const iso = (times: readonly number[]): string[] =>
  times.map((time) => new Date(time).toISOString().replace(':00.000Z', 'Z'));
const MOST = 200;

test('zones are names of IANA, in any case; offsets and others are none', () => {
  assert.equal(zone('asia/almaty'), 'Asia/Almaty');
  for (const name of ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])
    assert.equal(zone(name), name);
  for (const name of [
    '',
    '+05:00',
    'Almaty',
    'Asia/Alma-Ata',
    'Mars/Olympus',
    ' UTC',
    'UTC\n',
    'x'.repeat(65),
  ])
    assert.ok(!parseTimeZone(name).ok, name);
});

const DAYS: readonly [string, string, string, string, string[]][] = [
  [
    'Berlin, when summer ends: 25 hours',
    'Europe/Berlin',
    '2026-10-23T22:00:00Z',
    '2026-10-27T23:00:00Z',
    ['2026-10-23T22:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z', '2026-10-26T23:00Z', '2026-10-27T23:00Z'],
  ],
  [
    'Berlin, when summer begins: 23 hours',
    'Europe/Berlin',
    '2026-03-28T23:00:00Z',
    '2026-03-30T22:00:00Z',
    ['2026-03-28T23:00Z', '2026-03-29T22:00Z', '2026-03-30T22:00Z'],
  ],
  [
    'Almaty went from +6 to +5 on 1 March 2024: 25 hours',
    'Asia/Almaty',
    '2024-02-28T18:00:00Z',
    '2024-03-01T19:00:00Z',
    ['2024-02-28T18:00Z', '2024-02-29T19:00Z', '2024-03-01T19:00Z'],
  ],
  [
    'Kolkata is half an hour off',
    'Asia/Kolkata',
    '2026-11-25T18:30:00Z',
    '2026-11-27T18:30:00Z',
    ['2026-11-25T18:30Z', '2026-11-26T18:30Z', '2026-11-27T18:30Z'],
  ],
  [
    'Beirut skips midnight: the day begins at one',
    'Asia/Beirut',
    '2026-03-27T22:00:00Z',
    '2026-03-29T21:00:00Z',
    ['2026-03-27T22:00Z', '2026-03-28T22:00Z', '2026-03-29T21:00Z'],
  ],
  [
    'Apia skipped 30 December 2011',
    'Pacific/Apia',
    '2011-12-29T10:00:00Z',
    '2012-01-01T10:00:00Z',
    ['2011-12-29T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z', '2012-01-01T10:00Z'],
  ],
  [
    'the first and the last may be parts of a day',
    'Asia/Almaty',
    '2026-11-25T12:00:00Z',
    '2026-11-26T20:30:00Z',
    ['2026-11-25T12:00Z', '2026-11-25T19:00Z', '2026-11-26T19:00Z', '2026-11-26T20:30Z'],
  ],
];
for (const [name, zoneName, from, to, expected] of DAYS)
  test(`days: ${name}`, () => {
    const range = { from: at(from), to: at(to) };
    assert.deepEqual(iso(boundariesOf(range, 'day', zone(zoneName), MOST)), expected);
  });

test('hours follow from the first on, whatever the clocks do', () => {
  const range = { from: at('2026-10-24T23:30:00Z'), to: at('2026-10-25T02:00:00Z') };
  assert.deepEqual(iso(boundariesOf(range, 'hour', zone('Europe/Berlin'), MOST)), [
    '2026-10-24T23:30Z',
    '2026-10-25T00:30Z',
    '2026-10-25T01:30Z',
    '2026-10-25T02:00Z',
  ]);
});

test('so many intervals begin with a whole one, and the last one holds the end', () => {
  const now = at('2026-10-26T12:34:56Z');
  const begin = (count: number, interval: 'hour' | 'day', name: string, to = now): string | undefined =>
    iso([beginningOf(to, count, interval, zone(name))])[0];
  assert.equal(begin(7, 'day', 'Europe/Berlin'), '2026-10-19T22:00Z');
  assert.equal(begin(1, 'day', 'Europe/Berlin'), '2026-10-25T23:00Z');
  assert.equal(begin(2, 'day', 'UTC', at('2026-10-26T00:00:00Z')), '2026-10-24T00:00Z');
  assert.equal(begin(24, 'hour', 'UTC'), '2026-10-25T13:00Z');
  assert.equal(begin(1, 'hour', 'Asia/Kolkata'), '2026-10-26T12:30Z');
  assert.equal(begin(1, 'hour', 'Asia/Kolkata', at('2026-10-26T12:30:00Z')), '2026-10-26T11:30Z');
});

const EARLIER: readonly [string, 'hour' | 'day', string, string, string, string[]][] = [
  [
    'whole days, over the end of summer',
    'day',
    'Europe/Berlin',
    '2026-10-23T22:00:00Z',
    '2026-10-27T23:00:00Z',
    ['2026-10-19T22:00Z', '2026-10-23T22:00Z'],
  ],
  [
    'today until half past three, with yesterday until then, which had 25 hours',
    'day',
    'Europe/Berlin',
    '2026-10-25T23:00:00Z',
    '2026-10-26T14:30:00Z',
    ['2026-10-24T22:00Z', '2026-10-25T14:30Z'],
  ],
  [
    'Almaty, over the change of its zone',
    'day',
    'Asia/Almaty',
    '2024-02-29T19:00:00Z',
    '2024-03-02T19:00:00Z',
    ['2024-02-27T18:00Z', '2024-02-29T19:00Z'],
  ],
  [
    'a day that is none of the calendar',
    'day',
    'UTC',
    '2026-11-25T12:00:00Z',
    '2026-11-26T12:00:00Z',
    ['2026-11-24T12:00Z', '2026-11-25T12:00Z'],
  ],
  [
    'hours, the last begun',
    'hour',
    'UTC',
    '2026-11-26T10:00:00Z',
    '2026-11-26T12:15:00Z',
    ['2026-11-26T07:00Z', '2026-11-26T09:15Z'],
  ],
  [
    'whole hours',
    'hour',
    'UTC',
    '2026-11-26T10:00:00Z',
    '2026-11-26T12:00:00Z',
    ['2026-11-26T08:00Z', '2026-11-26T10:00Z'],
  ],
];
for (const [name, interval, zoneName, from, to, expected] of EARLIER)
  test(`the range before: ${name}`, () => {
    const previous = previousOf({ from: at(from), to: at(to) }, interval, zone(zoneName));
    assert.deepEqual(iso([previous.from, previous.to]), expected);
  });

/** Summer times of the north and the south, half and quarter hours, midnights that are skipped, a day that was. */
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'Asia/Almaty', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe'],
  ...[
    'America/St_Johns',
    'America/Santiago',
    'America/Sao_Paulo',
    'Asia/Beirut',
    'Africa/Cairo',
    'Pacific/Apia',
  ],
];
/** What a clock on the wall shows, by another implementation than the one that is tested. */
function wall(time: number, name: string): { date: string; clock: string } {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' });
  const [date = '', clock = ''] = parts.format(time).split(' ');
  return { date, clock };
}

test('buckets of days partition the range and begin where a new date does, in every zone and year', () => {
  const from = fc.integer({ min: at('1995-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') });
  const length = fc.integer({ min: 1, max: 15 * 86_400_000 });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), from, length, (name, begin, lengthMs) => {
      const range = { from: begin, to: begin + lengthMs };
      const boundaries = boundariesOf(range, 'day', zone(name), MOST);
      assert.deepEqual([boundaries[0], boundaries.at(-1)], [range.from, range.to]);
      for (const time of boundaries.slice(1, -1)) {
        assert.notEqual(wall(time - 1, name).date, wall(time, name).date, 'the date is new');
        assert.match(wall(time, name).clock, /^0[01]:00:00$/, 'at midnight, or one where it is skipped');
      }
      let start = range.from;
      for (const end of boundaries.slice(1)) {
        assert.ok(start < end, 'in order, and none is empty');
        // No date begins within a bucket: its first and its last moment are of one date.
        assert.equal(wall(start, name).date, wall(end - 1, name).date);
        start = end;
      }
      const previous = previousOf(range, 'day', zone(name));
      assert.ok(previous.from < previous.to && previous.to <= range.from, 'compared with what was before');
    }),
    { numRuns: 500 },
  );
});
