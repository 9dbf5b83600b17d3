/** What a transaction moved in the ledger, as its merchant reads it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox?.stop());

async function postingsOf(id: string): Promise<string[]> {
  const { body } = await sandbox.call('GET', `/v1/transactions/${id}/postings`);
  assert.equal(body.nextCursor, null);
  return body.items.map(
    (posting: Record<string, unknown>) => `${posting.code}: ${posting.from} ${posting.to} ${posting.amount}`,
  );
}

test('a hold moves nothing, a capture what is captured, and a refund has postings of its own', async () => {
  const { body } = await sandbox.authorize({ amount: 15_000 });
  const id: string = body.walletTransactionId;
  assert.deepEqual(await postingsOf(id), []);
  await sandbox.call('POST', `/v1/transactions/${id}/capture`, { body: { amount: 10_000 } });
  const captured = ['capture: wallet merchant 10000'];
  assert.deepEqual(await postingsOf(id), captured);
  const refund = await sandbox.call('POST', `/v1/transactions/${id}/refund`, { body: { amount: 4_000 } });
  assert.deepEqual(await postingsOf(refund.body.id), ['refund: merchant wallet 4000']);
  assert.deepEqual(await postingsOf(id), captured);
});

test('a payment that moved nothing has none; another merchant’s is not there', async () => {
  const { body } = await sandbox.authorize({
    amount: 15_000,
    iin: '850520400027',
    phoneNumber: '+77010000002',
  });
  assert.deepEqual(await postingsOf(body.walletTransactionId), []);
  const path = `/v1/transactions/${body.walletTransactionId}/postings`;
  assert.equal((await sandbox.call('GET', path, { apiKey: 'pr_test_other' })).status, 404);
  assert.equal((await sandbox.call('GET', '/v1/transactions/nonsense/postings')).status, 404);
});
