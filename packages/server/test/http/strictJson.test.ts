import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, parseStrictJson } from '../../src/http/strictJson.ts';

const ROUNDED = 'must not contain a number that a 64-bit float would round to an integer or to infinity';

function errorOf(text: string): string {
  const result = parseStrictJson(text);
  assert(!result.ok, text.slice(0, 80));
  return result.error;
}

function accepts(text: string): void {
  assert.deepEqual(parseStrictJson(text), { ok: true, value: JSON.parse(text) }, text.slice(0, 80));
}

/** JSON values without the refused keys, and not deeper than allowed. */
const jsonValue = fc
  .jsonValue({ maxDepth: 6, stringUnit: 'binary' })
  .filter((value) => !/"(__proto__|constructor)":/.test(JSON.stringify(value)));

test('JSON is read as JSON.parse reads it', () => {
  const spaces = fc.constantFrom(undefined, 1, '\t');
  fc.assert(
    fc.property(jsonValue, spaces, (value, space) => {
      const text = JSON.stringify(value, null, space);
      // A double that is a large integer is written in its shortest form, which is not its exact value.
      const result = parseStrictJson(text);
      assert(result.ok ? true : result.error.startsWith(ROUNDED), text);
      if (result.ok) {
        assert.deepEqual(result.value, JSON.parse(text));
      }
    }),
    { numRuns: 500 },
  );
  for (const text of [
    '{}',
    '[]',
    'null',
    '"a"',
    ' 1 ',
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":[]}}}',
    '{"":0}',
  ]) {
    accepts(text);
  }
  accepts('{"a":"\\"b\\":1,\\"b\\":2 {[ 1.00000000000000000001 \\\\","b":"\\\\"}');
});

test('what is not JSON is refused without quoting it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const result = parseStrictJson(text);
      let isJson = true;
      try {
        JSON.parse(text.replace(/^\ufeff/, ''));
      } catch {
        isJson = false;
      }
      assert(result.ok === isJson || isJson, text);
    }),
  );
  const iin = '900101300017';
  for (const text of [
    `{"iin":"${iin}"`,
    `{"iin":${iin}x}`,
    `{iin:"${iin}"}`,
    `{'iin':'${iin}'}`,
    `"${iin}`,
  ]) {
    assert.match(errorOf(text), /^must be valid JSON(, which it is not at position \d{1,2})?$/);
  }
  assert.equal(errorOf('{"a":1,}'), 'must be valid JSON, which it is not at position 7');
  for (const text of ['{"a":NaN}', '{"a":01}', '{"a":.5}', '{"a":1}{"a":1}', '// comment\n{}', 'undefined']) {
    assert.match(errorOf(text), /^must be valid JSON/);
  }
});

test('an empty body is named as such', () => {
  for (const text of ['', ' ', '\r\n', '\ufeff', '\ufeff ']) {
    assert.equal(errorOf(text), 'must not be empty');
  }
});

test('one byte order mark at the start is ignored, elsewhere it is an error', () => {
  assert.deepEqual(parseStrictJson('\ufeff{"a":1}'), { ok: true, value: { a: 1 } });
  for (const text of ['\ufeff\ufeff{}', '{}\ufeff', '{\ufeff"a":1}']) {
    assert.match(errorOf(text), /^must be valid JSON/);
  }
  accepts('{"a":"\ufeff"}');
});

test('a key may occur once in an object', () => {
  const twice = 'must not contain the key "a" twice';
  const texts = [
    '{"a":1,"a":2}',
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061" : 1, "b": {"a": 3}, "a"\n:\t2}',
    '{"b":{"c":[{"a":{"b":1},"a":null}]}}',
    '[{"a":1},{"a":1,"b":2,"a":3}]',
  ];
  for (const text of texts) {
    assert.equal(errorOf(text), twice);
  }
  assert.equal(errorOf('{"":1,"":2}'), 'must not contain the key "" twice');
  assert.equal(errorOf('{"\\n":1,"\\u000a":2}'), 'must not contain the key "\\n" twice');
  assert.equal(errorOf('{"\\ud83d\\ude00":1,"😀":2}'), 'must not contain the key "😀" twice');
  accepts('{"a":1,"A":2,"a ":3,"\\\\u0061":4}');
  accepts('{"a":"a","b":["a","a"],"c":{"a":"a"}}');
});

test('a duplicate is found wherever it is', () => {
  const key = fc.string({ unit: 'binary', maxLength: 3 }).filter((text) => text !== '__proto__');
  const escaped = (text: string) =>
    text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { minLength: 1, maxLength: 20 }),
      fc.nat(),
      fc.nat(),
      (keys, from, to) => {
        const members = keys.map((name) => `${JSON.stringify(name)}:{}`);
        accepts(`{${members.join(',')}}`);
        const repeated = keys[from % keys.length] ?? '';
        members.splice(to % (keys.length + 1), 0, `"${escaped(repeated)}":{}`);
        assert.match(errorOf(`{${members.join(',')}}`), /^must not contain the key .* twice$/s);
      },
    ),
  );
});

test('keys that pollute prototypes are refused', () => {
  const texts = [
    '{"__proto__":{"polluted":1}}',
    '{"a":[{"\\u005f_proto__":1}]}',
    '{"__proto__":1,"__proto__":2}',
  ];
  for (const text of texts) {
    assert.equal(errorOf(text), 'must not contain the key "__proto__"');
  }
  assert.equal(errorOf('{"constructor":{"prototype":{}}}'), 'must not contain the key "constructor"');
  assert.equal('polluted' in {}, false);
  accepts('{"a":"__proto__","b":"constructor","proto":1,"toString":2,"hasOwnProperty":3}');
});

test('nesting is limited to 32 levels', () => {
  const nested = (opening: string, closing: string, depth: number) =>
    `${opening.repeat(depth)}${closing.repeat(depth)}`;
  const tooDeep = 'must not nest objects and arrays deeper than 32';
  accepts(nested('[', ']', 32));
  assert.equal(errorOf(nested('[', ']', 33)), tooDeep);
  accepts(`${'{"a":'.repeat(32)}1${'}'.repeat(32)}`);
  assert.equal(errorOf(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`), tooDeep);
  accepts(`[${'[],'.repeat(100)}[]]`);
  assert.equal(errorOf(nested('[', ']', 32768)), tooDeep);
  assert.match(errorOf('['.repeat(65536)), /^must be valid JSON/);
  assert.match(errorOf('{"a":'.repeat(13000)), /^must be valid JSON/);
});

test('a number that is rounded to an integer is refused, naming the key', () => {
  const rounded = [
    '9007199254740991.4',
    '9007199254740993',
    '1.00000000000000000001',
    '100.00000000000000000000000000001',
    '0.99999999999999999999',
    '1e400',
    '-1e400',
    '1e-400',
    '1e23',
    `1${'0'.repeat(400)}`,
    '-9007199254740993',
    `0.${'0'.repeat(400)}1`,
  ];
  for (const number of rounded) {
    assert.equal(errorOf(`{"b":1,"amount":${number}}`), `${ROUNDED}, as "amount" has`, number);
    assert.equal(errorOf(`{"amount":[{"c":1},[${number}]]}`), `${ROUNDED}, as "amount" has`, number);
    assert.equal(errorOf(number), ROUNDED);
  }
  const exact = [
    '0',
    '-0',
    '0.0',
    '-0.0e5',
    '0e999999999',
    '100.0',
    '1e2',
    '1E+2',
    '10000e-2',
    '1.5e1',
    '1e22',
  ];
  const large = ['9007199254740991', '9007199254740992', '18014398509481984', '9007199254740991.0000'];
  const fractions = ['0.1', '1.1', '-2.5', '1e-5', '3.141592653589793238462643383279', '4503599627370495.5'];
  for (const number of [
    ...exact,
    ...large,
    ...fractions,
    `1.${'0'.repeat(400)}`,
    `0.${'0'.repeat(400)}1e401`,
  ]) {
    accepts(`{"amount":${number}}`);
  }
});

test('every way to write an integer is accepted, and none of a neighbour of it', () => {
  const notZero = fc.maxSafeInteger().filter((integer) => integer !== 0);
  fc.assert(
    fc.property(notZero, fc.nat(20), fc.nat(30), (integer, zeros, shift) => {
      accepts(`{"amount":${integer}.${'0'.repeat(zeros + 1)}}`);
      accepts(`{"amount":${integer}${'0'.repeat(shift)}e-${shift}}`);
      const neighbour = `{"amount":${integer}.${'0'.repeat(zeros + 16)}1}`;
      assert.equal(errorOf(neighbour), `${ROUNDED}, as "amount" has`);
    }),
  );
});

test('errors show long or odd keys cut and escaped', () => {
  const long = 'a'.repeat(1000);
  assert.equal(errorOf(`{"${long}":1,"${long}":1}`), `must not contain the key "${'a'.repeat(64)}…" twice`);
  assert.equal(errorOf('{"\\ud800":1,"\\ud800":1}'), 'must not contain the key "\\ud800" twice');
});

test('large hostile bodies take time in proportion to their length', () => {
  const size = 64 * 1024;
  const bodies = [
    `[${'1.0,'.repeat(size / 4)}0]`,
    `{"a":1.${'0'.repeat(size)}1}`,
    `{"a":${'9'.repeat(size)}}`,
    `{"a":1e${'9'.repeat(size)}}`,
    `{"a":"${'\\"'.repeat(size / 2)}"}`,
    `{"a":1.${'01'.repeat(size / 2)}}`,
    `[${'"a"    ,'.repeat(size / 8)}0]`,
    `{${Array.from({ length: size / 16 }, (_, i) => `"key${i}":${i}.5`).join(',')}}`,
  ];
  for (const body of bodies) {
    const before = process.cpuUsage();
    parseStrictJson(body);
    const { user } = process.cpuUsage(before);
    // A few milliseconds of processor time; in proportion to the square it would be many seconds.
    assert(user < 1_000_000, `${user} µs for ${body.slice(0, 20)}`);
  }
});

test('canonical JSON does not depend on the order of keys, and is JSON of the same value', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      return value.map(reversed);
    }
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, member]) => [key, reversed(member)]),
    );
  };
  fc.assert(
    fc.property(jsonValue, (value) => {
      const canonical = canonicalJson(value);
      assert.equal(canonicalJson(reversed(value)), canonical);
      assert.deepEqual(JSON.parse(canonical), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: 'ä"' }], a: true, B: 1.5 }),
    '{"B":1.5,"a":true,"b":[1,{"c":"ä\\"","d":null}]}',
  );
});

test('canonical JSON of different values differs', () => {
  // Few strings and numbers, so that values are often nearly equal.
  const leaf = fc.constantFrom<unknown>(null, true, 0, 1, '', 'a', '1', 'null', '{}', '","');
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('tree'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('', 'a', 'b', '1', '","'), tie('tree'), { maxKeys: 2 }),
    ),
  }));
  const equals = (a: unknown, b: unknown) => {
    try {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(tree, tree, (a, b) => {
      assert.equal(canonicalJson(a) === canonicalJson(b), equals(a, b));
    }),
    { numRuns: 1000 },
  );
  assert.equal(canonicalJson(JSON.parse('1e2')), canonicalJson(100));
});
