/** The three languages say the same things. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASONS, type Reason } from '../../server/src/http/errors.ts';
import { en } from '../src/i18n/en.ts';
import { kk } from '../src/i18n/kk.ts';
import { ru } from '../src/i18n/ru.ts';

test('what the server says for a reason is what is translated', () => {
  for (const [key, text] of Object.entries(en)) {
    const [, reason] = /^reason\.(.+)$/.exec(key) ?? [];
    if (reason !== undefined) assert.equal(text, REASONS[reason as Reason].message, key);
  }
});

/** `{name}` in a text, sorted. */
function holes(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([hole]) => hole).sort();
}

for (const [name, words] of Object.entries({ ru, kk })) {
  test(`${name} has every text of English, with the same values in it`, () => {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      const translated = words[key as keyof typeof en];
      assert.deepEqual(holes(translated), holes(text), key);
      assert.notEqual(translated.trim(), '', key);
    }
  });

  test(`${name} is translated`, () => {
    // Names, abbreviations and words that are the same everywhere.
    const same = Object.entries(en).filter(([key, text]) => words[key as keyof typeof en] === text);
    assert.ok(same.length < 20, `the same as in English: ${same.map(([key]) => key).join(', ')}`);
  });
}
