/** Whose account an identity opens, and what is believed of a token: every case, without a provider. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IDToken } from 'openid-client';
import { accountsOf, type Candidate, type Identity } from '../../src/identity/oidc/identities.ts';
import { claimOf, identityOf } from '../../src/identity/oidc/provider.ts';

const ANNA: Identity = {
  ...{
    issuer: 'https://login.example.com',
    subject: 'anna',
    email: 'anna@shop.example',
    isEmailVerified: true,
  },
  ...{ name: 'Anna', isOperator: null, hasSecondFactor: false, authenticatedAt: null },
};
const USER: Candidate = {
  ...{ id: 'u1', merchantId: 'm1', email: 'anna@shop.example', isActive: true, link: 'none' },
};
const OPERATOR: Candidate = { ...USER, id: 'o1', merchantId: null };

/** Ids of the accounts, `+` before those that are linked by it; or why there is none. */
function opened(
  identity: Partial<Identity>,
  found: readonly Partial<Candidate>[],
  surface: 'merchant' | 'operator' | 'both' = 'both',
): string {
  const candidates = found.map((one) => ({ ...USER, ...one }));
  const accounts = accountsOf({ ...ANNA, ...identity }, candidates, surface);
  if (typeof accounts === 'string') return accounts;
  return accounts.map(({ id, isNew }) => `${isNew ? '+' : ''}${id ?? 'operator'}`).join();
}

describe('an identity opens', () => {
  test('who is linked to it, whatever their address is', () => {
    const moved = { link: 'this', email: 'another@shop.example' } as const;
    assert.equal(opened({}, [moved]), 'u1');
    assert.equal(opened({ email: null, isEmailVerified: false }, [moved]), 'u1');
  });

  test('who has its verified address and no link yet', () => {
    assert.equal(opened({}, [{}]), '+u1');
    assert.equal(opened({ isEmailVerified: false }, [{}]), 'email_not_verified');
    assert.equal(opened({}, [{ email: 'another@shop.example' }]), 'nobody');
    assert.equal(opened({}, []), 'nobody');
    assert.equal(opened({ isEmailVerified: false }, []), 'email_not_verified', 'whoever has it');
  });

  test('of a merchant one account: who is linked, and not who has the address besides', () => {
    const linked = { id: 'u2', email: 'admin@shop.example', link: 'this' } as const;
    assert.equal(opened({}, [{}, linked]), 'u2');
    assert.equal(opened({}, [{}, { ...linked, isActive: false }]), '+u1');
    assert.equal(opened({}, [{}, { ...linked, merchantId: 'm2' }]), '+u1,u2');
    const operator = { ...OPERATOR, id: 'o2', email: 'ops@shop.example', link: 'this' } as const;
    assert.equal(opened({}, [OPERATOR, operator], 'operator'), 'o2');
  });

  test('nobody who is linked to another one', () => {
    assert.equal(opened({}, [{ link: 'another' }]), 'linked_to_another');
    assert.equal(opened({}, [{ link: 'another' }, { id: 'u2', merchantId: 'm2' }]), '+u2');
  });

  test('nobody who may not sign in', () => {
    assert.equal(opened({}, [{ isActive: false }]), 'not_active');
    assert.equal(opened({}, [{ isActive: false, link: 'this' }]), 'not_active');
    assert.equal(
      opened({}, [
        { isActive: false, link: 'this' },
        { id: 'u2', merchantId: 'm2' },
      ]),
      '+u2',
    );
  });

  test('only whom this listener serves', () => {
    assert.equal(opened({}, [OPERATOR], 'merchant'), 'nobody');
    assert.equal(opened({}, [{}], 'operator'), 'nobody');
    assert.equal(opened({}, [{}, OPERATOR], 'operator'), '+o1');
    assert.equal(opened({}, [{}, OPERATOR], 'both'), '+u1,+o1');
  });

  test('an operator only as the mapping says, where there is one', () => {
    assert.equal(opened({ isOperator: false }, [OPERATOR], 'operator'), 'not_an_operator');
    assert.equal(
      opened({ isOperator: false }, [{ ...OPERATOR, link: 'this' }], 'operator'),
      'not_an_operator',
    );
    assert.equal(opened({ isOperator: true }, [{ ...OPERATOR, link: 'this' }], 'operator'), 'o1');
    assert.equal(
      opened({ isOperator: false }, [{}], 'merchant'),
      '+u1',
      'it says nothing of merchants’ users',
    );
  });

  test('a new operator by the mapping, but none who was one before', () => {
    const mapped = { isOperator: true };
    assert.equal(opened(mapped, [], 'operator'), '+operator');
    assert.equal(opened(mapped, [], 'merchant'), 'nobody');
    assert.equal(opened({ ...mapped, isEmailVerified: false }, [], 'operator'), 'email_not_verified');
    assert.equal(opened({ ...mapped, email: null }, [], 'operator'), 'nobody');
    const deleted = { ...OPERATOR, isActive: false, link: 'this' } as const;
    assert.equal(opened(mapped, [deleted], 'operator'), 'not_active');
    assert.equal(opened(mapped, [{ ...deleted, link: 'none' }], 'operator'), 'not_active', 'by the address');
    assert.equal(opened(mapped, [{ ...OPERATOR, link: 'another' }], 'operator'), 'linked_to_another');
    assert.equal(opened({}, [], 'operator'), 'nobody', 'without a mapping nobody becomes one');
  });
});

describe('of a token', () => {
  const SETTINGS = {
    ...{ issuer: 'https://login.example.com', isLocal: false, clientId: 'c', clientSecret: 's', name: 'n' },
    ...{ scopes: 'openid', acrValues: ['gold'], operators: { claim: 'realm_access.roles', value: 'ops' } },
  };
  const of = (claims: object, more: object = {}) =>
    identityOf({ iss: 'i', sub: 's', aud: 'c', iat: 1, exp: 2, ...claims } as IDToken, more, SETTINGS, 1_000);

  test('an address counts in one spelling, and verified only when that is true', () => {
    const { email, isEmailVerified } = of({ email: 'Anna@Shop.example', email_verified: true });
    assert.deepEqual([email, isEmailVerified], ['anna@shop.example', true]);
    for (const email_verified of [false, 'true', 1, null, undefined])
      assert.equal(of({ email_verified }).isEmailVerified, false);
    for (const wrong of ['anna', 'a\u0000@b.example', ['a@b.example'], 5, ''])
      assert.equal(of({ email: wrong }).email, null);
    for (const name of ['\u0000', '', ' ', 'x'.repeat(256), {}]) assert.equal(of({ name }).name, null);
  });

  test('more than a password counts as the second factor, and codes by telephone do not', () => {
    for (const claims of [
      { amr: ['mfa'] },
      { amr: ['pwd', 'otp'] },
      { amr: ['hwk', 'pin'] },
      { amr: ['sc', 'fpt'] },
      { amr: ['pwd', 'sms', 'otp', 'mfa'] },
      { acr: 'gold' },
    ])
      assert.equal(of(claims).hasSecondFactor, true, JSON.stringify(claims));
    for (const claims of [
      {},
      { amr: ['pwd'] },
      { amr: ['sms', 'tel'] },
      { amr: ['otp'] },
      { amr: ['hwk', 'user'] },
      { amr: ['pwd', 'sms', 'mfa'] },
      { amr: 'mfa' },
      { acr: 'silver' },
      { acr: ['gold'] },
    ])
      assert.equal(of(claims).hasSecondFactor, false, JSON.stringify(claims));
  });

  test('an address and whether it is verified are of one source, and how somebody signed in is of the ID token', () => {
    const verified = { email: 'boss@shop.example', email_verified: true };
    assert.deepEqual(of({ email: 'anna@shop.example' }, verified).email, 'boss@shop.example');
    assert.equal(of({ email: 'anna@shop.example' }, { email_verified: true }).isEmailVerified, false);
    assert.equal(of({}, verified).isEmailVerified, true);
    assert.equal(of({ email: 'anna@shop.example', email_verified: false }, verified).isEmailVerified, false);
    assert.equal(of({}, { amr: ['mfa'], acr: 'gold', auth_time: 900 }).hasSecondFactor, false);
    assert.equal(of({}, { auth_time: 900 }).authenticatedAt, null);
    assert.equal(of({ realm_access: {} }, { realm_access: { roles: ['ops'] } }).isOperator, true);
  });

  test('an address that becomes another one in small letters is nobody’s', () => {
    assert.equal(of({ email: 'mi\u212ae@shop.example' }).email, null);
    assert.equal(of({ email: 'MIKE@shop.example' }).email, 'mike@shop.example');
  });

  test('a time that has not come is none', () => {
    assert.equal(of({ auth_time: 1_060 }).authenticatedAt, 1_060);
    for (const auth_time of [1_061, 1e300, 1_000_000, '900', null])
      assert.equal(of({ auth_time }).authenticatedAt, null);
  });

  test('a claim is found by its name, or by the way that the name tells', () => {
    assert.equal(claimOf({ 'https://acme/roles': 1 }, 'https://acme/roles'), 1);
    assert.equal(claimOf({ 'a.b': 1, a: { b: 2 } }, 'a.b'), 1);
    for (const claims of [{ a: { b: 2 } }]) assert.equal(claimOf(claims, 'a.b'), 2);
    for (const nothing of [{}, { a: null }, { a: 'b' }, { a: [] }])
      assert.equal(claimOf(nothing, 'a.b'), undefined);
    assert.equal(claimOf({}, 'constructor'), undefined);
    assert.equal(of({ realm_access: { roles: ['ops'] } }).isOperator, true);
    for (const roles of ['ops ', ['Ops'], [['ops']], undefined, { ops: true }])
      assert.equal(of({ realm_access: { roles } }).isOperator, false);
  });
});
