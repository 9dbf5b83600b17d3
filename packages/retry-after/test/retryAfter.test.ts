import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfter } from '../src/index.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const DAY_MS = 86_400_000;

const CASES: Readonly<Record<string, readonly (readonly [header: string | null, ms: number | null])[]>> = {
  'seconds, of any length, for a day at most': [
    ['0', 0],
    ['120', 120_000],
    ['000120', 120_000],
    ['86400', DAY_MS],
    ['86401', DAY_MS],
    ['9999999999', DAY_MS],
    ['10000000000', DAY_MS],
    ['99999999999999999999', DAY_MS],
    ['9'.repeat(400), DAY_MS],
  ],
  'white space around it': [
    ['600 ', 600_000],
    [' \t600', 600_000],
    [' Fri, 20 Nov 2026 10:01:00 GMT ', 60_000],
  ],
  'the date of RFC 9110': [
    ['Fri, 20 Nov 2026 10:01:00 GMT', 60_000],
    ['Fri, 20 Nov 2026 09:00:00 GMT', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sat, 20 Nov 2027 10:00:00 GMT', DAY_MS],
    ['Fri, 20 Nov 2026 10:00:60 GMT', 60_000],
  ],
  'the date of RFC 850, with a year of two digits': [
    ['Friday, 20-Nov-26 10:01:00 GMT', 60_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Friday, 20-Nov-76 10:00:00 GMT', DAY_MS],
    ['Friday, 20-Nov-77 10:00:00 GMT', 0],
  ],
  'the date of asctime': [
    ['Fri Nov 20 10:01:00 2026', 60_000],
    ['Tue Dec  1 10:00:00 2026', DAY_MS],
    ['Sun Nov  6 08:49:37 1994', 0],
  ],
  'nothing that can be read': [
    [null, null],
    ['', null],
    [' ', null],
    ['soon', null],
    ['-5', null],
    ['+5', null],
    ['1.5', null],
    ['1e3', null],
    ['0x10', null],
    ['5, 6', null],
    ['2026-11-20T10:01:00Z', null],
    ['Fri, 20 Nov 2026 10:01:00 +0500', null],
    ['Fri, 20 Nov 2026 10:01:00', null],
    ['Fri, 31 Nov 2026 10:01:00 GMT', null],
    ['Fri, 00 Nov 2026 10:01:00 GMT', null],
    ['Fri, 20 Nov 2026 24:00:00 GMT', null],
    ['Fri, 20 Nov 2026 10:60:00 GMT', null],
    ['fri, 20 nov 2026 10:01:00 gmt', null],
  ],
};

for (const [kind, cases] of Object.entries(CASES))
  test(kind, () => {
    for (const [header, ms] of cases) assert.equal(parseRetryAfter(header, NOW), ms, String(header));
    assert.equal(parseRetryAfter(undefined, NOW), null);
  });
