/** Amounts, times and CSV cells: what must hold without a browser. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { csvCell, csvRow, exportCsv, TRANSACTION_CSV } from '../src/csv.ts';
import { filtersOf, queryOf } from '../src/filters.ts';
import {
  amountInput,
  formatAmount,
  formatDuration,
  formatRelative,
  formatSpan,
  localTime,
  parseAmount,
  zoneName,
} from '../src/format.ts';

const CURRENCIES = ['KZT', 'JPY', 'KWD', 'USD', 'ISK', 'IQD'];

describe('amounts', () => {
  test('are shown with the digits that ISO 4217 gives the currency, and with every digit', () => {
    const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');
    assert.equal(plain(formatAmount(123_456n, 'USD', 'en')), '$1,234.56');
    assert.equal(plain(formatAmount(123_456, 'JPY', 'en')), '¥123,456');
    assert.equal(plain(formatAmount(123_456, 'KZT', 'ru')), '1 234,56 ₸');
    assert.equal(plain(formatAmount(1_500, 'IQD', 'en')), 'IQD 1.500');
    assert.equal(
      plain(formatAmount(98_765_432_109_876_543_210n, 'KZT', 'en')),
      '₸987,654,321,098,765,432.10',
    );
  });

  test('what is put into a field is read back as the same amount', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CURRENCIES),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        (currency, amount) => {
          assert.equal(parseAmount(amountInput(amount, currency), currency), amount);
        },
      ),
    );
  });

  for (const [text, currency, amount] of [
    ['1234.56', 'KZT', 123_456],
    ['1 234,56', 'KZT', 123_456],
    ['1\u00a0234,5', 'KZT', 123_450],
    ['1,234.56', 'KZT', 123_456],
    ['1.234.567,89', 'KZT', 123_456_789],
    ['1,234', 'KZT', null],
    ['1.234', 'KZT', null],
    ['0.100', 'KZT', null],
    ['0,123.45', 'KZT', null],
    ['1 234', 'KZT', 123_400],
    ['1,234,567', 'KZT', 123_456_700],
    ['0.100', 'KWD', 100],
    ['1234', 'JPY', 1_234],
    ['1,234', 'JPY', 1_234],
    ['1.234', 'KWD', 1_234],
    ['12.', 'KZT', 1_200],
    ['', 'KZT', null],
    ['0', 'KZT', null],
    ['-5', 'KZT', null],
    ['1e5', 'KZT', null],
    ['12.5', 'JPY', null],
    ['1.2345', 'KZT', null],
    ['1,2,3', 'KZT', null],
    ['90071992547409.93', 'KZT', null],
  ] as const) {
    test(`"${text}" of ${currency} is ${amount}`, () => assert.equal(parseAmount(text, currency), amount));
  }
});

/** The cells of a file as a spreadsheet with this separator reads it: quotes count at a cell's beginning only. */
function cellsOf(file: string, separator: string): string[] {
  const cells: string[] = [];
  let at = 0;
  while (at < file.length) {
    let cell = '';
    if (file[at] === '"') {
      for (at++; at < file.length; at++) {
        if (file[at] !== '"') cell += file[at];
        else if (file[at + 1] === '"') cell += file[at++];
        else break;
      }
      at++;
    }
    while (at < file.length && file[at] !== separator && file[at] !== '\n' && file[at] !== '\r')
      cell += file[at++];
    cells.push(cell);
    at++;
  }
  return cells;
}

describe('CSV', () => {
  const SEPARATORS = [',', ';', '\t', '|'];
  const BEGINS_FORMULA = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]*[=+\-@]/u;

  test('no text of any kind becomes a formula, whatever a spreadsheet takes for its separator', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...'=+-@;,|"\'\t\r\n \u00a0\u200b\ufeff\u2060\u202e\u00ad＝＋－＠﹦﹢﹣⁺；，＂\u037e\u2028\u0000a1',
      ),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, text, (first, second) => {
        const row = csvRow([first, 'a', second]);
        for (const separator of SEPARATORS)
          for (const cell of cellsOf(row, separator))
            assert.doesNotMatch(cell.normalize('NFKC'), BEGINS_FORMULA, JSON.stringify({ separator, row }));
      }),
      { numRuns: 3_000 },
    );
  });

  test('an ordinary text stays as it is', () => {
    const ordinary = [
      'ORDER-1',
      'a;b',
      'shop@example.com',
      'a - b',
      '1+1=2',
      'a|b\tc',
      "it's",
      '«Чай» – 2 шт.',
      '№5',
    ];
    for (const text of ordinary) assert.deepEqual(cellsOf(csvCell(text), ','), [text]);
    const calm = fc
      .string({ unit: 'grapheme' })
      .filter((text) => !/[=+\-@\r\n]/.test(text.normalize('NFKC')));
    fc.assert(fc.property(calm, (text) => assert.deepEqual(cellsOf(`${csvCell(text)},x`, ','), [text, 'x'])));
  });

  test('a text that a spreadsheet would run is made a text; quotes, commas and lines are kept', () => {
    for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', ' =1+1', '\u200b=1+1', '＝1+1', '\ufeff@x', '"=1']) {
      assert.equal(csvCell(text), `"'${text.replaceAll('"', '""')}"`);
    }
    for (const separator of [';', '\t', '|', ',', '\n', '\r']) {
      const text = `a${separator}=1+1${separator} ＝2`;
      assert.equal(csvCell(text), `"a${separator}'=1+1${separator}' ＝2"`);
    }
    assert.equal(csvCell('a"b'), '"a""b"');
    assert.equal(csvCell('a,b\nc'), '"a,b\nc"');
    assert.equal(csvCell(-5), '-5');
    assert.equal(csvCell(null), '');
    assert.equal(csvRow(['a', 1, null]), 'a,1,\r\n');
  });

  test('all pages are written, and progress is told', async () => {
    const pages = 60;
    const seen: number[] = [];
    const row = { id: 'x', amount: 5, currency: 'KZT' };
    const file = await exportCsv({
      columns: TRANSACTION_CSV,
      query: {},
      signal: new AbortController().signal,
      onProgress: (rows) => seen.push(rows),
      load: async ({ cursor = '0' }) => ({
        items: Array.from({ length: 100 }, () => row as never),
        nextCursor: Number(cursor) + 1 < pages ? String(Number(cursor) + 1) : null,
      }),
    });
    const lines = (await file.text()).trimEnd().split('\r\n');
    assert.equal(lines.length, pages * 100 + 1);
    assert.equal(seen.at(-1), pages * 100);
    assert.match(lines[0] ?? '', /^\ufeff?id,type,status/);
  });
});

test('filters of the address: others are left out, a period becomes a time', () => {
  const filters = filtersOf({ status: 'charged', createdFrom: 'last24h', cursor: 'x', evil: '1', query: '' });
  assert.deepEqual(filters, { status: 'charged', createdFrom: 'last24h' });
  const now = Date.parse('2026-11-21T12:00:30Z');
  assert.deepEqual(queryOf(filters, now), { status: 'charged', createdFrom: '2026-11-20T12:00:00.000Z' });
});

test('durations in words of each language', () => {
  assert.deepEqual(
    (['en', 'ru', 'kk'] as const).map((language) => formatDuration(7_300, language).replace('\u00a0', ' ')),
    ['2 hrs', '2 ч', '2 сағ'],
  );
  assert.equal(
    formatRelative('2026-11-21T12:00:00Z', Date.parse('2026-11-20T11:00:00Z'), 'kk'),
    '1 күн қалды',
  );
  assert.equal(
    formatRelative('2026-11-21T12:00:00Z', Date.parse('2026-11-21T12:00:40Z'), 'en'),
    '40 seconds ago',
  );
});

test('a duration is told in its largest whole unit, from exactly one of it on', () => {
  const told = [59, 60, 3_599, 3_600, 86_399, 86_400].map((seconds) =>
    formatDuration(seconds, 'en').replace('\u00a0', ' '),
  );
  assert.deepEqual(told, ['59 secs', '1 min', '59 mins', '1 hr', '23 hrs', '1 day']);
});

test('a field for a time has the clock on the wall of the viewer, east and west of Greenwich', () => {
  const { TZ } = process.env;
  try {
    for (const [zone, wall] of [
      ['Asia/Almaty', '2026-11-21T14:03'],
      ['America/St_Johns', '2026-11-21T05:33'],
      ['UTC', '2026-11-21T09:03'],
    ] as const) {
      process.env.TZ = zone;
      assert.equal(localTime('2026-11-21T09:03:22.123Z'), wall, zone);
    }
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
  assert.equal(localTime('yesterday'), '');
  assert.equal(localTime(undefined), '');
});

test('a span has its two largest units, without those that are nothing', () => {
  const [minute, hour, day] = [60, 3_600, 86_400];
  for (const [seconds, text] of [
    [59, ''],
    [minute, '1 min'],
    [hour - 1, '59 min'],
    [hour, '1 h'],
    [3 * hour + 5 * minute, '3 h 5 min'],
    [day, '1 d'],
    [day + 5 * minute, '1 d'],
    [11 * day + 20 * hour + 59 * minute, '11 d 20 h'],
  ] as const)
    assert.equal(formatSpan(seconds, 'en'), text);
  assert.equal(formatSpan(11 * day + 20 * hour, 'ru'), '11 д 20 ч');
  assert.equal(formatSpan(11 * day + 20 * hour, 'kk'), '11 күн 20 сағ');
});

test('a zone is named by its city and what it is away from Greenwich at that time', () => {
  const [winter, summer] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1)];
  assert.equal(zoneName('Europe/Berlin', 'en', winter), 'Berlin, GMT+1');
  assert.equal(zoneName('Europe/Berlin', 'en', summer), 'Berlin, GMT+2');
  assert.equal(zoneName('Asia/Kolkata', 'en', winter), 'Kolkata, GMT+5:30');
  assert.equal(zoneName('America/New_York', 'en', winter), 'New York, GMT-5');
  assert.match(zoneName('UTC', 'en', winter), /^UTC/);
});
