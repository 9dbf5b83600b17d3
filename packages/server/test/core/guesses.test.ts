import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { callerLockMs, countGuess, type Guesses, isLocked, NO_GUESSES } from '../../src/core/guesses.ts';
import { findOperatorIssues, type GuessedSubject } from '../../src/reports/issues.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('wrong IINs of one phone number', () => {
  test('four are free, then each costs twice as long as the last, up to an hour', () => {
    const waits: number[] = [];
    let guesses: Guesses = NO_GUESSES;
    let now = 0;
    for (let i = 0; i < 14; i += 1) {
      guesses = countGuess(guesses, now);
      waits.push(guesses.lockedUntil === null ? 0 : guesses.lockedUntil - now);
      now = guesses.lockedUntil ?? now;
    }
    const minutes = waits.map((ms) => ms / MINUTE);
    assert.deepEqual(minutes, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
  });

  test('whoever never stops has some 30 tries a day of the 10,000 that a date of birth leaves', () => {
    let guesses: Guesses = NO_GUESSES;
    let tries = 0;
    for (let now = 0; now < 24 * HOUR; now += 1_000) {
      if (isLocked(guesses, now)) continue;
      guesses = countGuess(guesses, now);
      tries += 1;
    }
    assert.ok(tries <= 35, `${tries}`);
  });

  test('a lock ends at its moment', () => {
    const guesses = { wrong: 5, lastAt: 0, lockedUntil: MINUTE };
    assert.deepEqual([isLocked(guesses, MINUTE - 1), isLocked(guesses, MINUTE)], [true, false]);
    assert.equal(isLocked(NO_GUESSES, 0), false);
  });

  test('are forgotten after a day without any', () => {
    const many = { wrong: 20, lastAt: 0, lockedUntil: HOUR };
    assert.equal(countGuess(many, 24 * HOUR - 1).wrong, 21);
    assert.deepEqual(countGuess(many, 24 * HOUR), { wrong: 1, lastAt: 24 * HOUR, lockedUntil: null });
  });
});

test('a merchant or an address is locked for a hundred wrong pairs that are a third of its authorizations', () => {
  assert.equal(callerLockMs(99, 99), 0);
  assert.equal(callerLockMs(100, 100), MINUTE);
  assert.equal(callerLockMs(100, 300), MINUTE);
  assert.equal(callerLockMs(100, 301), 0);
  assert.equal(callerLockMs(20_000, 1_000_000), 0, 'a large merchant whose customers mistype');
  const minutes = [109, 110, 120, 150, 160, 500, 1_000_000].map(
    (wrong) => callerLockMs(wrong, wrong) / MINUTE,
  );
  assert.deepEqual(minutes, [1, 2, 4, 32, 60, 60, 60]);
});

test('operators see the certain ones first', () => {
  const seen = { merchantName: null, since: 0, lastAt: 0, lockedUntil: null };
  const of = (kind: GuessedSubject['kind'], subject: string, wrong: number) => ({
    ...seen,
    kind,
    subject,
    wrong,
  });
  const issues = findOperatorIssues([
    of('merchant', 'm', 299),
    of('merchant', 'n', 300),
    of('phone', '+77010000001', 14),
    of('phone', '+77010000002', 15),
  ]);
  assert.deepEqual(
    issues.map(({ id, severity }) => `${severity} ${id}`),
    [
      'critical iin_guessing.merchant.n',
      'critical iin_guessing.phone.+77010000002',
      'warning iin_guessing.merchant.m',
      'warning iin_guessing.phone.+77010000001',
    ],
  );
});
