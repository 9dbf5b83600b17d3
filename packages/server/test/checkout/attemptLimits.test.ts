/** How many attempts come to nothing before the next one waits, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AttemptEnd,
  type CountedAttempt,
  FORGET_ATTEMPTS_MS,
  LIMIT_KINDS,
  lockedUntil,
} from '../../src/checkout/attemptLimits.ts';

const NOW = Date.UTC(2026, 10, 27);
const MINUTE = 60_000;

/** So many attempts with this end, the last one just now. */
function attempts(count: number, end: AttemptEnd): CountedAttempt[] {
  return Array.from({ length: count }, (_, i) => ({ end, at: NOW - i }));
}

test('the wait begins with the fifth failure of a link or a card, and doubles with each further one up to an hour', () => {
  for (const kind of ['link', 'card'] as const)
    for (const [failed, minutes] of [
      [0, 0],
      [4, 0],
      [5, 1],
      [6, 2],
      [7, 4],
      [10, 32],
      [11, 60],
      [200, 60],
    ] as const) {
      const until = lockedUntil(kind, attempts(failed, 'failed'), NOW);
      assert.equal(until === null ? 0 : (until - NOW) / MINUTE, minutes, `${kind} ${failed}`);
    }
});

test('an address has more to spare, and none is locked where most pay', () => {
  for (const [failed, paid, minutes] of [
    [19, 0, 0],
    [20, 0, 1],
    [24, 0, 1],
    [25, 0, 2],
    [50, 0, 60],
    [20, 40, 1],
    [20, 41, 0],
    [66, 134, 0],
  ] as const) {
    const until = lockedUntil('network', [...attempts(failed, 'failed'), ...attempts(paid, 'paid')], NOW);
    assert.equal(until === null ? 0 : (until - NOW) / MINUTE, minutes, `${failed} of ${failed + paid}`);
  }
});

test('what nobody has decided yet counts for a card and an address; a link takes one payer at a time', () => {
  assert.notEqual(lockedUntil('card', attempts(5, 'undecided'), NOW), null);
  assert.notEqual(lockedUntil('network', attempts(20, 'undecided'), NOW), null);
  assert.equal(lockedUntil('link', attempts(50, 'undecided'), NOW), null);
  for (const kind of LIMIT_KINDS)
    for (const end of ['paid', 'none'] as const)
      assert.equal(lockedUntil(kind, attempts(50, end), NOW), null);
});

test('a lock ends by itself, counts from the last failure, and what is a day old is forgotten', () => {
  const failed = attempts(5, 'failed');
  assert.equal(lockedUntil('link', failed, NOW + MINUTE - 1), NOW + MINUTE);
  assert.equal(lockedUntil('link', failed, NOW + MINUTE), null);
  assert.equal(lockedUntil('link', attempts(200, 'failed'), NOW + FORGET_ATTEMPTS_MS), null);
});

const someAttempts = fc.array(
  fc.record({
    end: fc.constantFrom<AttemptEnd>('paid', 'failed', 'undecided', 'none'),
    at: fc.integer({ min: NOW - 2 * FORGET_ATTEMPTS_MS, max: NOW }),
  }),
  { maxLength: 60 },
);

test('no lock is over already or lasts more than an hour, and one more failure never ends one', () => {
  fc.assert(
    fc.property(fc.constantFrom(...LIMIT_KINDS), someAttempts, (kind, made) => {
      const until = lockedUntil(kind, made, NOW);
      if (until !== null) assert.ok(until > NOW && until <= NOW + 60 * MINUTE);
      const after = lockedUntil(kind, [...made, { end: 'failed', at: NOW }], NOW);
      if (until !== null) assert.ok(after !== null && after >= until);
    }),
  );
});
