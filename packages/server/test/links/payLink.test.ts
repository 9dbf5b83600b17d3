/** Paying by a payment link, as the checkout does: by wallet, by card, once at most. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let payer: PayerTools;
before(async () => {
  sandbox = await startSandbox();
  payer = createPayerTools(sandbox.deps);
});
after(() => sandbox.stop());

async function createLink(body: Record<string, unknown> = {}, path = '/v1/payment-links') {
  const reply = await sandbox.call('POST', path, {
    body: { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...body },
  });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

async function linkOf(id: string) {
  const { status, body, text } = await sandbox.call('GET', `/v1/payment-links/${id}`);
  assert.equal(status, 200, text);
  return body;
}

async function namesOf(id: string): Promise<string[]> {
  const { body } = await sandbox.call('GET', `/v1/payment-links/${id}/history`);
  return body.items.map(({ name }: { name: string }) => name);
}

describe('a payment link', () => {
  test('is paid from a wallet', async () => {
    const { id } = await createLink({ description: 'Two tickets' });
    const paid = await payer.byWallet(id);
    assert.equal(paid.kind, 'payment');
    const link = await linkOf(id);
    assert.deepEqual(
      [link.status, link.transactionId],
      ['paid', paid.kind === 'payment' && paid.transactionId],
    );
    assert.deepEqual(await namesOf(id), ['payment_link.created', 'payment_link.paid']);
    const { body } = await sandbox.call('GET', `/v1/transactions/${link.transactionId}`);
    assert.deepEqual(
      [body.status, body.paymentLinkId, body.captureMode],
      ['authorized', { Value: id }, 'automatic'],
    );
    const listed = await sandbox.call('GET', `/v1/transactions/by-payment-link/${id}`);
    assert.deepEqual(
      listed.body.items.map((item: { id: string }) => item.id),
      [link.transactionId],
    );
  });

  test('is paid by card', async () => {
    const { id } = await createLink({ description: 'Two tickets', autoClearing: false });
    const paid = await payer.byCard(id);
    assert.equal(paid.kind, 'payment');
    const link = await linkOf(id);
    assert.equal(link.status, 'paid');
    const { body } = await sandbox.call('GET', `/v1/transactions/${link.transactionId}`);
    assert.deepEqual(
      [body.status, body.captureMode, body.description],
      ['authorized', 'manual', 'Two tickets'],
    );
  });

  test('is paid once, however many come for it', async () => {
    const { id } = await createLink();
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? payer.byWallet(id) : payer.byCard(id))),
    );
    const succeeded = all.filter(({ kind }) => kind === 'payment');
    assert.equal(succeeded.length, 1);
    const reasons = new Set(all.flatMap((paid) => (paid.kind === 'refused' ? [paid.reason] : [])));
    assert.deepEqual(
      [...reasons].filter((reason) => !/^payment_link_(paid|in_use)$/.test(reason)),
      [],
    );
    assert.equal((await linkOf(id)).status, 'paid');
    const listed = await sandbox.call('GET', `/v1/transactions/by-payment-link/${id}`);
    assert.equal(listed.body.items.length, 1);
  });
});
