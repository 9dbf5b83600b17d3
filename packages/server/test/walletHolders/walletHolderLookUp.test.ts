/** Nobody can tell an unknown customer from a phone number and an IIN that do not belong together. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { type Request, runBatch } from '../../src/engine/batch.ts';
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
async function statementsOf(request: Request): Promise<string[]> {
  const client = await sandbox.pool.connect();
  const names: string[] = [];
  const { bind } = client.connection;
  client.connection.bind = (config, more) => {
    names.push(config?.statement ?? '');
    bind.call(client.connection, config, more);
  };
  const options = { retry: false, apart: false, gated: false, can: () => true };
  const batch = runBatch(client, [request], lateTransactionAnswer, options);
  await batch.finally(() => client.release(true));
  return names;
}

test('both run the same statements in the same order', async () => {
  const unknown = await statementsOf(authorization('+77010000099', 'no such hash'));
  const mismatched = await statementsOf(authorization('+77010000001', 'no such hash'));
  assert.ok(unknown.includes('lock_wallets') && unknown.includes('commit'), unknown.join(', '));
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

test('and get the same answer', async () => {
  const unknown = await sandbox.authorize({ phoneNumber: '+77010000099' });
  const mismatched = await sandbox.authorize({ iin: '850520400027' });
  const { walletTransactionId: first, ...unknownRest } = unknown.body;
  const { walletTransactionId: second, ...mismatchedRest } = mismatched.body;
  assert.deepEqual([mismatched.status, mismatchedRest], [unknown.status, unknownRest]);
  assert.notEqual(first, second);
});
