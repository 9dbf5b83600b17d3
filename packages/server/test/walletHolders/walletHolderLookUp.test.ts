/** Nobody can tell an unknown customer from a phone number and an IIN that do not belong together. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { type Request, runBatch } from '../../src/engine/batch.ts';
import { Memory } from '../../src/engine/memory.ts';
import { lateTransactionAnswer } from '../../src/payments/transactionViews.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const DEMO_STORE = '01900000-0000-7000-8000-000000000001';

function authorization(phone: string, iinHash: string): Request {
  return {
    command: {
      kind: 'authorize',
      transactionId: randomUUID() as TransactionId,
      merchantId: DEMO_STORE,
      amount: 1n,
      currency: 'KZT',
      phone,
      iinHash,
      orderReference: 'LOOK-UP',
    },
    sender: { actor: 'api', merchantId: DEMO_STORE, paymentMethod: 'wallet' },
    id: randomUUID(),
    once: {
      apiKeyId: null,
      scopeId: DEMO_STORE,
      key: randomUUID(),
      ...{ fingerprint: 'look-up', otherFingerprints: [], usual: null },
      render: () => ({ statusCode: 201, body: '{}' }),
    },
  };
}

/** The names of the statements that a batch of this one request sends, in their order. */
async function statementsOf(request: Request, memory = new Memory()): Promise<string[]> {
  const client = await sandbox.pool.connect();
  const names: string[] = [];
  const { bind } = client.connection;
  client.connection.bind = (config, more) => {
    names.push(config?.statement ?? '');
    bind.call(client.connection, config, more);
  };
  const options = { retry: false, apart: false, gated: false, can: () => true, memory };
  const batch = runBatch(client, [request], lateTransactionAnswer, options);
  await batch.finally(() => client.release(true));
  return names;
}

test('both run the same statements in the same order', async () => {
  const unknown = await statementsOf(authorization('+77010000099', 'no such hash'));
  const mismatched = await statementsOf(authorization('+77010000001', 'no such hash'));
  assert.ok(unknown.includes('find_and_lock_wallets') && unknown.includes('commit'), unknown.join(', '));
  assert.deepEqual(mismatched, unknown);
});

test('so does a phone number that is locked, and a merchant that is', async () => {
  const wrong = () => authorization('+77010000002', 'no such hash');
  const before = await statementsOf(wrong());
  for (let i = 0; i < 5; i += 1) await statementsOf(wrong());
  assert.deepEqual(await statementsOf(wrong()), before);
  const request = authorization('+77010000004', 'no such hash');
  if (request.command.kind !== 'authorize') throw new Error('not an authorization');
  assert.deepEqual(
    await statementsOf({ ...request, command: { ...request.command, iinHash: null } }),
    before,
  );
});

test('so does a number whose wallet is remembered, when it comes with a wrong IIN', async () => {
  const memory = new Memory();
  const { rows } = await sandbox.pool.query(
    `SELECT iin_hash FROM wallet_holder WHERE phone = '+77010000003'`,
  );
  const right = () => authorization('+77010000003', rows[0].iin_hash);
  assert.ok((await statementsOf(right(), memory)).includes('find_and_lock_wallets'));
  const remembered = await statementsOf(right(), memory);
  assert.ok(remembered.includes('lock_wallets') && !remembered.includes('find_and_lock_wallets'));
  const unknown = await statementsOf(authorization('+77010000099', 'no such hash'), memory);
  const mismatched = await statementsOf(authorization('+77010000003', 'no such hash'), memory);
  assert.deepEqual(mismatched, unknown);
});

test('and get the same answer', async () => {
  const unknown = await sandbox.authorize({ phoneNumber: '+77010000099' });
  const mismatched = await sandbox.authorize({ iin: '850520400027' });
  const { walletTransactionId: first, ...unknownRest } = unknown.body;
  const { walletTransactionId: second, ...mismatchedRest } = mismatched.body;
  assert.deepEqual([mismatched.status, mismatchedRest], [unknown.status, unknownRest]);
  assert.notEqual(first, second);
});
