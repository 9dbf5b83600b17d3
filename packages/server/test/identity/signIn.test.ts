import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAllowed, MERCHANT_ROLES, type NeededRole, type Role, scopesOf } from '../../src/identity/roles.ts';
import { LOCK_OUT, lockOutMs, parseEmail, parsePassword } from '../../src/identity/signIn.ts';

test('the wait begins with the fifth attempt, doubles, and has an end', () => {
  const waits = [0, 1, 4, 5, 6, 7, 12, 13, 14, 1_000].map((attempts) =>
    lockOutMs(attempts, LOCK_OUT.account),
  );
  assert.deepEqual(waits, [0, 0, 0, 1_000, 2_000, 4_000, 128_000, 256_000, 300_000, 300_000]);
  assert.deepEqual(
    [49, 50, 51, 999].map((n) => lockOutMs(n, LOCK_OUT.address)),
    [0, 1_000, 2_000, 900_000],
  );
});

test('e-mail addresses', () => {
  for (const good of ['a@b.kz', 'First.Last+tag@sub.example.com', ' padded@b.kz ', 'қаз@пошта.қаз'])
    assert.ok(parseEmail(good).ok, good);
  assert.deepEqual(parseEmail('A@B.KZ'), { ok: true, value: 'a@b.kz' });
  for (const bad of [
    '',
    'a',
    'a@b',
    '@b.kz',
    'a@.kz',
    'a@b.',
    'a b@c.kz',
    'a@b.kz,c@d.kz',
    '<a@b.kz>',
    'a@b\n.kz',
  ])
    assert.ok(!parseEmail(bad).ok, bad);
});

test('passwords are long, not complicated', () => {
  for (const good of ['correct horse', 'қазақша құпия', '😀😁😂🤣😃😄😅😆😉😊😋😎'])
    assert.ok(parsePassword(good).ok, good);
  for (const bad of ['', '12345678901', 'aaaaaaaaaaaa', 'x'.repeat(129)])
    assert.ok(!parsePassword(bad).ok, bad);
});

test('each role may what the ones before it may; operators and merchants nothing of each other', () => {
  const roles: Role[] = [...MERCHANT_ROLES, 'operator'];
  const may = (needed: NeededRole) => roles.filter((role) => isAllowed(role, needed));
  assert.deepEqual(may('any'), roles);
  assert.deepEqual(may('viewer'), ['viewer', 'manager', 'admin']);
  assert.deepEqual(may('manager'), ['manager', 'admin']);
  assert.deepEqual(may('admin'), ['admin']);
  assert.deepEqual(may('operator'), ['operator']);
  assert.deepEqual(
    roles.filter((role) => scopesOf(role).includes('write')),
    ['manager', 'admin', 'operator'],
  );
});
