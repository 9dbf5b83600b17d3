import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSecrets, type SealedKind } from '../src/secrets.ts';

const OLD = 'the first key, of thirty-two characters or more';
const NEW = 'the second key, as long as the first one was, or longer';
const ROW = '01900000-0000-7000-8000-000000000001';
const OTHER_ROW = '01900000-0000-7000-8000-000000000002';
const KINDS: SealedKind[] = ['webhook secret', 'webhook bearer token', 'bank token', 'look-up keys'];

describe('what is sealed', () => {
  const secrets = createSecrets(OLD);

  for (const kind of KINDS) {
    test(`a ${kind} is opened as what it is`, () => {
      const sealed = secrets.seal(kind, ROW, 'Құпия');
      assert.equal(secrets.open(kind, ROW, sealed), 'Құпия');
      assert.ok(!sealed.includes('Құпия'));
      assert.notEqual(sealed, secrets.seal(kind, ROW, 'Құпия'));
    });

    test(`a ${kind} cannot be opened as another kind, another row's, or changed`, () => {
      const sealed = secrets.seal(kind, ROW, 'text');
      for (const other of KINDS.filter((name) => name !== kind))
        assert.throws(() => secrets.open(other, ROW, sealed));
      assert.throws(() => secrets.open(kind, OTHER_ROW, sealed));
      const last = sealed.endsWith('A') ? 'B' : 'A';
      assert.throws(() => secrets.open(kind, ROW, sealed.slice(0, -2) + last + sealed.at(-1)));
    });
  }

  test('names a key that is not in the ring', () => {
    const sealed = createSecrets(NEW).seal('bank token', ROW, 'text');
    assert.throws(() => secrets.open('bank token', ROW, sealed), /sealed with a key that is not set/);
  });
});

test('a key of the ring reads what it sealed before, and the current one seals', () => {
  const sealed = createSecrets(OLD).seal('bank token', ROW, 'text');
  const ring = createSecrets(NEW, [OLD]);
  assert.equal(ring.open('bank token', ROW, sealed), 'text');
  assert.equal(ring.isCurrent(sealed), false);
  const again = ring.seal('bank token', ROW, 'text');
  assert.equal(ring.isCurrent(again), true);
  assert.equal(createSecrets(NEW).open('bank token', ROW, again), 'text');
});
