import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseOrderReference } from '../../../src/core/values/orderReference.ts';
import { parseText } from '../../../src/core/values/text.ts';

function errorOf(text: string): string {
  const result = parseOrderReference(text);
  assert(!result.ok, text);
  return result.error;
}

test('well-formed texts of 1 to 255 characters are kept as they are', () => {
  const texts = [
    'ORDER-100045',
    'заказ № 5',
    '🛒',
    '👨‍👩‍👧',
    ' a ',
    '\u00a0.',
    '\u0600',
    "Robert'); DROP TABLE",
    'a'.repeat(255),
    '🛒'.repeat(255),
  ];
  for (const text of texts) {
    assert.deepEqual(parseOrderReference(text), { ok: true, value: text });
  }
});

test('each refusal says what is wrong', () => {
  assert.equal(errorOf(''), 'must not be empty');
  for (const text of ['a'.repeat(256), '🛒'.repeat(256), `${'a'.repeat(255)}я`, 'я'.repeat(60000)]) {
    assert.equal(errorOf(text), 'must be at most 255 characters long');
  }
  for (const text of [
    ' ',
    '   ',
    '\u00a0',
    '\u200b',
    '\u2003\u200d\ufeff',
    '\u3164',
    '\u2800',
    '\u2066\u2069',
  ]) {
    assert.equal(errorOf(text), 'must not consist of blanks and invisible characters only');
  }
  for (const text of ['\ud83d', 'a\udc00b', '\udc00\ud800']) {
    assert.equal(errorOf(text), 'must not contain half of a surrogate pair');
  }
  for (const text of ['\u0000', 'a\nb', 'a\tb', '\u001f', '\u007f', '\u0080', '\u009f', 'заказ\r\n']) {
    assert.equal(errorOf(text), 'must not contain control characters, such as line breaks');
  }
});

/** There is nothing to see of it. */
const isBlank = (character: string): boolean =>
  character.trim() === '' ||
  '\u2800\ufff9\ufffa\ufffb'.includes(character) ||
  /\p{Default_Ignorable_Code_Point}/u.test(character);

test('the answer follows from code points alone', () => {
  const unit = fc.oneof(
    { weight: 6, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) },
  );
  const text = fc.array(unit, { maxLength: 12 }).map((units) => units.join(''));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 12 }), (value, max) => {
      const codePoints = [...value].map((character) => character.codePointAt(0) ?? 0);
      const isAllowed = (code: number) =>
        code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && !(code >= 0xd800 && code <= 0xdfff);
      const expected =
        codePoints.length >= 1 &&
        codePoints.length <= max &&
        codePoints.every(isAllowed) &&
        ![...value].every(isBlank);
      assert.equal(parseText(value, { max }).ok, expected);
    }),
    { numRuns: 1000 },
  );
});
