/** What is read of a customer, and what is refused: by tables and properties. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEmailAddress } from '../../src/core/values/email.ts';
import { parseLocale } from '../../src/core/values/locale.ts';
import { MAX_METADATA_BYTES, parseMetadata } from '../../src/core/values/metadata.ts';
import { parseProfile, searchKeyOf } from '../../src/customers/customerInput.ts';
import { phoneBeginningOf } from '../../src/customers/customerRoutes.ts';
import { ApiError } from '../../src/http/errors.ts';

const NAMES = ['reference', 'name', 'email', 'phone', 'locale'] as const;

test('an e-mail address is kept as it was written', () => {
  for (const good of ['a@b.kz', 'Aigul.S+shop@Example.KZ', 'айгүл@пошта.қаз', "o'neil@a-b.co.uk"])
    assert.deepEqual(parseEmailAddress(good), { ok: true, value: good });
  for (const bad of [
    '',
    'a',
    'a@b',
    '@b.kz',
    'a@.kz',
    'a@b.',
    'a b@c.kz',
    'a@b.kz, c@d.kz',
    'a@b.kz\nBcc: c@d.kz',
  ])
    assert.equal(parseEmailAddress(bad).ok, false, bad);
  assert.equal(parseEmailAddress(`${'a'.repeat(250)}@b.kz`).ok, false);
});

test('a locale is the tag of a language, in one spelling', () => {
  const spelt = { kk: 'kk', 'RU-kz': 'ru-KZ', 'zh-hant-tw': 'zh-Hant-TW', EN: 'en' };
  for (const [given, kept] of Object.entries(spelt))
    assert.deepEqual(parseLocale(given), { ok: true, value: kept });
  for (const bad of ['', 'x', 'ru_KZ', 'Русский', 'kk ', 'a'.repeat(9), `en-x-${'a-'.repeat(20)}a`])
    assert.equal(parseLocale(bad).ok, false, bad);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const locale = parseLocale(text);
      if (locale.ok) assert.deepEqual(parseLocale(locale.value), locale);
    }),
  );
});

test('metadata is kept to the byte, up to its limits', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 60 }), (metadata) => {
      const kept = parseMetadata(metadata);
      const text = JSON.stringify(metadata);
      const fits = Object.keys(metadata).length <= 50 && Buffer.byteLength(text) <= MAX_METADATA_BYTES;
      assert.deepEqual(kept.ok ? kept.value : null, fits ? text : null);
    }),
  );
});

test('whatever is given, a profile is stored as it is read again, or its field is named', () => {
  const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string(), fc.constant(null));
  fc.assert(
    fc.property(
      fc.record(Object.fromEntries(NAMES.map((name) => [name, anyText])), { requiredKeys: [] }),
      (body) => {
        let profile: ReturnType<typeof parseProfile>;
        try {
          profile = parseProfile(body);
        } catch (error) {
          assert.ok(error instanceof ApiError);
          assert.ok(error.details.length > 0 && error.details.every(({ path }) => path in body));
          return;
        }
        assert.deepEqual(Object.keys(profile).sort(), Object.keys(body).sort());
        assert.deepEqual(parseProfile({ ...profile, metadata: {} }), { ...profile, metadata: '{}' });
        for (const value of Object.values(profile))
          if (value !== null) assert.ok(value.isWellFormed() && !/\p{Cc}/u.test(value) && value !== '');
      },
    ),
    { numRuns: 500 },
  );
});

test('every wrong field is named at once', () => {
  assert.throws(
    () => parseProfile({ reference: '', name: '\u200b', email: 'a', phone: '12', locale: '?' }),
    (error) => error instanceof ApiError && error.details.map(({ path }) => path).join() === NAMES.join(),
  );
});

test('searches find whatever the case, and phone numbers as people write their beginnings', () => {
  assert.equal(searchKeyOf('ӘЙГЕРІМ Ａ'), searchKeyOf('әйгерім a'));
  const beginnings = {
    '8 701': '+7701',
    '+7 (701)': '+7701',
    '7701-12': '+770112',
    '+': null,
    '8 701 x': null,
    A: null,
  };
  for (const [text, phone] of Object.entries(beginnings)) assert.equal(phoneBeginningOf(text), phone, text);
  assert.equal(phoneBeginningOf(null), null);
});
