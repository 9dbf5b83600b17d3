/** The registry of the kinds of account. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ACCOUNT_KINDS,
  type AccountKind,
  ALL_ACCOUNT_KINDS,
  isLocked,
  kindsOf,
  LOCKED_KINDS,
  mayTake,
  POSTING_CODES,
  type PostingCode,
  SYSTEM_KINDS,
} from '../../src/core/accounts.ts';

/** What each posting is, from where to where. */
const WAYS: Readonly<Record<PostingCode, readonly (readonly [AccountKind, AccountKind])[]>> = {
  deposit: [['funding', 'wallet']],
  withdrawal: [['wallet', 'funding']],
  capture: [
    ['wallet', 'merchant'],
    ['acquirer', 'merchant'],
  ],
  refund: [
    ['merchant', 'wallet'],
    ['merchant', 'acquirer'],
  ],
  refund_returned: [['acquirer', 'merchant']],
  payout: [['merchant', 'funding']],
};

describe('the kinds of account', () => {
  test('each code is taken at both of its ends', () => {
    assert.deepEqual([...POSTING_CODES].sort(), Object.keys(WAYS).sort());
    for (const [code, ways] of Object.entries(WAYS) as [PostingCode, (typeof WAYS)[PostingCode]][])
      for (const [from, to] of ways)
        assert.ok(mayTake(from, code) && mayTake(to, code), `${code} ${from} ${to}`);
  });

  test('no kind takes a code that it is no end of', () => {
    for (const kind of ALL_ACCOUNT_KINDS)
      for (const code of POSTING_CODES)
        assert.equal(mayTake(kind, code), WAYS[code].flat().includes(kind), `${code} on ${kind}`);
  });

  test('whatever decisions depend on is locked, and is never negative; nobody decides on the rest', () => {
    assert.deepEqual(LOCKED_KINDS, ['wallet', 'merchant']);
    for (const kind of ALL_ACCOUNT_KINDS)
      assert.equal(ACCOUNT_KINDS[kind].mayBeNegative, !isLocked(kind), kind);
  });

  test('each kind is somebody’s', () => {
    assert.deepEqual(
      (['walletHolder', 'merchant', 'acquirer', 'outside'] as const).map((owner) => [...kindsOf(owner)]),
      [['wallet'], ['merchant'], ['acquirer'], ['funding']],
    );
    assert.deepEqual(SYSTEM_KINDS, ['acquirer', 'funding']);
  });
});
