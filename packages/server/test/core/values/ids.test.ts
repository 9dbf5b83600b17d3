import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseTransactionId,
  parseUuid,
  parseWalletTransactionId,
  type TransactionId,
  transactionIdOf,
  walletTransactionIdOf,
} from '../../../src/core/values/ids.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const anyBits = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
const anyId = anyBits.map(uuidOfBits);

function uuidOfBits(bits: bigint): TransactionId {
  const hex = bits.toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as TransactionId;
}

/** The encoding by its definition: 26 times 5 bits of one 128-bit integer. */
function crockfordOfBits(bits: bigint): string {
  return Array.from({ length: 26 }, (_, i) =>
    CROCKFORD.charAt(Number((bits >> BigInt(5 * (25 - i))) & 31n)),
  ).join('');
}

function accepted<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  assert(result.ok);
  return result.value;
}

test('the wallet spelling is the 128 bits in Crockford base32', () => {
  fc.assert(
    fc.property(anyBits, (bits) => {
      assert.equal(walletTransactionIdOf(uuidOfBits(bits)), `wt_${crockfordOfBits(bits)}`);
    }),
    { examples: [[0n], [2n ** 128n - 1n], [2n ** 127n], [1n]] },
  );
  // The smallest and the largest id of the ULID specification.
  assert.equal(walletTransactionIdOf(uuidOfBits(0n)), 'wt_00000000000000000000000000');
  assert.equal(walletTransactionIdOf(uuidOfBits(2n ** 128n - 1n)), 'wt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
});

test('the two spellings convert both ways', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      assert.equal(transactionIdOf(walletTransactionIdOf(id)), id);
    }),
  );
});

test('the two spellings sort alike', () => {
  const near = fc.tuple(anyBits, anyBits, fc.nat(127));
  fc.assert(
    fc.property(near, ([bits, other, shift]) => {
      const first = uuidOfBits(bits);
      const second = uuidOfBits(bits ^ (other >> BigInt(shift)));
      assert.equal(first < second, walletTransactionIdOf(first) < walletTransactionIdOf(second));
    }),
  );
});

test('a transaction id is read in either spelling and either case, and has one spelling out', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      const walletId = walletTransactionIdOf(id);
      for (const text of [id, id.toUpperCase(), walletId, `wt_${walletId.slice(3).toLowerCase()}`]) {
        assert.equal(accepted(parseTransactionId(text)), id);
      }
      const mistyped = walletId.replaceAll('1', 'l').replaceAll('0', 'O');
      assert.equal(accepted(parseTransactionId(mistyped)), id);
      assert.equal(accepted(parseWalletTransactionId(mistyped)), walletId);
      assert.equal(accepted(parseWalletTransactionId(mistyped.replaceAll('l', 'I'))), walletId);
    }),
  );
});

test('what is not a transaction id is refused', () => {
  const wrong = [
    '',
    'wt_',
    'wt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ', // 129 bits
    'wt_0000000000000000000000000', // 25 characters
    'wt_000000000000000000000000000', // 27 characters
    'wt_0000000000000000000000000U', // not in the alphabet
    'WT_00000000000000000000000000',
    ' wt_00000000000000000000000000',
    'wt_00000000000000000000000000\n',
    'wt_0000000000000000000000000é',
    '0190163d8694739bbb4d1a8f2c6e5d40', // no hyphens
    '{0190163d-8694-739b-bb4d-1a8f2c6e5d40}',
    '0190163d-8694-739b-bb4d-1a8f2c6e5d4g',
    '0190163d-8694-739b-bb4d-1a8f2c6e5d40\n',
  ];
  for (const text of wrong) {
    assert.equal(parseTransactionId(text).ok, false, text);
    assert.equal(parseWalletTransactionId(text).ok, false, text);
  }
});

test('the wallet API does not read UUIDs, and a UUID is not a wallet transaction id', () => {
  const id = uuidOfBits(5n);
  assert.deepEqual(parseWalletTransactionId(id), {
    ok: false,
    error: 'must be a wallet transaction id: wt_ and 26 characters',
  });
  assert.deepEqual(parseUuid(walletTransactionIdOf(id)), { ok: false, error: 'must be a UUID' });
  assert.deepEqual(parseUuid(id.toUpperCase()), { ok: true, value: id });
});
