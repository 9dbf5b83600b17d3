/** Cards on file and charges without their customers, by the client, against the real server and its simulated bank. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PlexyPay, PlexyPayError } from '@plexy-pay/sdk';
import { DEMO_KEY, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

let sandbox: Sandbox;
let plexy: PlexyPay;
before(async () => {
  sandbox = await startSandbox();
  plexy = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
});
after(async () => {
  await sandbox.assertInvariants();
  await sandbox.stop();
});

test('a customer agrees once, is charged, chooses a default, withdraws, and has the card deleted', async () => {
  const { id: customerId } = await plexy.customers.create({ name: 'Subscriber' });
  const amounts = { amount: 4_900, currency: 'KZT', customerId };
  const pay = (number: string) =>
    plexy.payments.create({
      ...{ ...amounts, orderReference: 'SUB-1', recurring: { type: 'cof_initial', frequency: 30 } },
      card: { number, expiryMonth: 12, expiryYear: 2040, cvc: '123' },
    });
  const first = await pay('4242424242424242');
  assert.equal(first.status, 'authorized');
  const [card] = await plexy.cards.list(customerId).toArray();
  assert.ok(card !== undefined);
  assert.deepEqual([card.last4, card.isDefault, card.consent.merchantInitiated], ['4242', true, true]);

  const options = { idempotencyKey: 'sub-2' };
  const charged = await plexy.payments.charge({ ...amounts, orderReference: 'SUB-2' }, options);
  assert.deepEqual([charged.status, charged.parentTransactionId], ['authorized', first.id]);
  const again = await plexy.payments.charge({ ...amounts, orderReference: 'SUB-2' }, options);
  assert.equal(again.id, charged.id);

  await pay('5555555555554444');
  const other = (await plexy.cards.list(customerId).toArray()).find(({ last4 }) => last4 === '4444');
  assert.ok(other !== undefined);
  assert.equal((await plexy.cards.makeDefault(customerId, other.id)).isDefault, true);
  assert.equal((await plexy.cards.get(customerId, card.id)).isDefault, false);

  assert.notEqual((await plexy.cards.withdrawConsent(customerId, card.id)).consent.withdrawnAt, null);
  const refusal = (error: unknown): boolean =>
    error instanceof PlexyPayError && error.reason === 'consent_withdrawn';
  await assert.rejects(
    plexy.payments.charge({ ...amounts, orderReference: 'SUB-3', cardTokenId: card.id }),
    refusal,
  );
  assert.equal((await plexy.cards.delete(customerId, card.id)).id, card.id);
  assert.deepEqual(
    (await plexy.cards.list(customerId).toArray()).map(({ id }) => id),
    [other.id],
  );
});
