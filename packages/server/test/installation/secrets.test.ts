import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { createSecrets, type SealedKind } from '../../src/installation/secrets.ts';

const OLD = 'the first key, of thirty-two characters or more';
const NEW = 'the second key, as long as the first one was, or longer';
const ROW = '01900000-0000-7000-8000-000000000001';
const OTHER_ROW = '01900000-0000-7000-8000-000000000002';
const KINDS: SealedKind[] = ['webhook secret', 'webhook bearer token', 'bank token', 'look-up keys'];

describe('hashes for look-up, as keys follow each other', () => {
  const links = (...ids: string[]) => ids.map((id) => ({ id, lookUpKeys: null, isRecent: true }));
  const first = createSecrets(OLD);
  const [{ id: oldId }, { id: newId }] = [first.current, createSecrets(NEW).current];
  const IIN = '900101300017';
  const CARD = '4242424242424242';

  test('the first key hashes as it always has', () => {
    const hkdf = (use: string) => Buffer.from(hkdfSync('sha256', OLD, 'plexy-pay', use, 32));
    const hmac = (use: string, text: string) =>
      createHmac('sha256', hkdf(use)).update(text).digest('base64url');
    assert.equal(first.hashIin(IIN), hmac('iin', IIN));
    assert.equal(first.hashCard(CARD), hmac('fingerprint', `card\n${CARD}`).slice(0, 22));
    assert.equal(first.fingerprint('text'), hmac('fingerprint', 'text').slice(0, 22));
    assert.deepEqual(
      [first.otherIinHashes(IIN), first.otherCardHashes(CARD), first.otherFingerprints('x')],
      [[], [], []],
    );
  });

  test('each node knows the other’s, whichever of both keys it works with', () => {
    const before = createSecrets(OLD, [NEW], links(oldId));
    const after = createSecrets(NEW, [OLD], links(oldId, newId));
    assert.equal(before.hashIin(IIN), first.hashIin(IIN));
    assert.notEqual(after.hashIin(IIN), first.hashIin(IIN));
    assert.deepEqual(before.otherIinHashes(IIN), [after.hashIin(IIN)]);
    assert.deepEqual(after.otherIinHashes(IIN), [before.hashIin(IIN)]);
    assert.deepEqual(after.otherCardHashes(CARD), [before.hashCard(CARD)]);
    assert.equal(after.firstCardHash(CARD), first.hashCard(CARD));
    assert.deepEqual(after.otherFingerprints('text'), [before.fingerprint('text')]);
    assert.deepEqual(before.otherFingerprints('text'), [after.fingerprint('text')]);
  });

  test('a stored one is hashed again without what it was made of, and the old key is needed no longer', () => {
    const both = createSecrets(NEW, [OLD], links(oldId, newId));
    const lookUpKeys = both.lookUpKeysOf(oldId);
    const alone = createSecrets(NEW, [], [{ id: oldId, lookUpKeys, isRecent: false }, ...links(newId)]);
    for (const [kind, text, stored] of [
      ['iin', 'hashIin', first.hashIin(IIN)],
      ['card', 'hashCard', first.hashCard(CARD)],
    ] as const) {
      const again = both.hashAgain(kind, stored);
      assert.equal(again, alone[text](kind === 'iin' ? IIN : CARD));
      assert.equal(both.hashAgain(kind, again ?? ''), null);
    }
    assert.deepEqual(alone.otherFingerprints('text'), []);
    assert.throws(() => both.hashAgain('iin', 'unknown.hash'), /a key that is not known/);
  });

  test('what another key has signed is known as long as that key is in the ring', () => {
    const signature = first.signConfirmation('link');
    assert.equal(createSecrets(NEW, [OLD]).isSigned('confirmation', 'link', signature), true);
    assert.equal(createSecrets(NEW).isSigned('confirmation', 'link', signature), false);
    assert.equal(first.isSigned('cursor', 'link', signature), false);
    assert.equal(first.isSigned('confirmation', 'other', signature), false);
  });
});

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
      const changed = sealed.at(-2) === 'A' ? 'B' : 'A';
      assert.throws(() => secrets.open(kind, ROW, sealed.slice(0, -2) + changed + sealed.at(-1)));
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
