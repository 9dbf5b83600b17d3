import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURE_MESSAGES } from '../../server/src/core/reasons.ts';
import { isWord, WORDS, type Word } from '../src/words.ts';

const KEYS = Object.keys(WORDS.en) as Word[];
/** The same in Russian and Kazakh, and rightly so. */
const SHARED = new Set<Word>(['card']);
/** The same in Russian and Kazakh, and rightly so. */
test('the three languages say the same with the same values, and none is another one by mistake', () => {
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();
  for (const language of ['ru', 'kk'] as const) {
    assert.deepEqual(Object.keys(WORDS[language]).sort(), [...KEYS].sort());
    for (const key of KEYS) {
      const text = WORDS[language][key];
      assert.deepEqual(holes(text), holes(WORDS.en[key]), `${language} ${key}`);
      assert.ok(/[а-яәғқңөұүһі]/i.test(text), `${language} ${key}: ${text}`);
      assert.notEqual(text, WORDS.en[key], `${language} ${key}`);
    }
  }
  assert.equal(KEYS.filter((key) => WORDS.ru[key] === WORDS.kk[key] && !SHARED.has(key)).join(), '');
});

test('each way in which a payment fails has words of its own', () => {
  for (const reason of Object.keys(FAILURE_MESSAGES)) assert.ok(isWord(`reason.${reason}`), reason);
});
