/** Cards on file at the checkout: who is shown them, what pays by one, and what is kept of a card. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { type Call, CHALLENGED, cardOf, pay, VISA } from '../support/cards.ts';
import { createCustomer } from '../support/customers.ts';
import { createMerchant, type TestMerchant } from '../support/ledger.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let bank: TestBank;
let sandbox: Sandbox;
let merchant: TestMerchant;
let call: Call;
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox(bank.environment);
  merchant = await createMerchant(sandbox.pool);
  call = (method, path, options) => sandbox.call(method, path, { apiKey: merchant.apiKey, ...options });
});
after(async () => {
  await sandbox?.assertInvariants();
  await sandbox?.stop();
  await bank?.end();
});

const newCustomer = (): Promise<string> => createCustomer(sandbox.pool, merchant.id);
async function create(kind: 'links' | 'sessions', body: object): Promise<string> {
  const reply = await call('POST', `/v1/payment-${kind}`, {
    body: { amount: 4_900, currency: 'KZT', orderReference: 'SAVED', ...body },
  });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}
const ask = (method: string, path: string, body?: object): Promise<Reply> =>
  sandbox.call(method, `/checkout/${path}`, {
    ...{ apiKey: null, headers: { origin: sandbox.url } },
    ...(body === undefined ? {} : { body }),
  });
const stateOf = async (id: string) => (await ask('GET', `${id}/state`)).body;
const byCard = (id: string, number: string, more: object = {}): Promise<Reply> =>
  ask('POST', `${id}/card`, {
    ...{ attemptId: crypto.randomUUID(), card: { ...cardOf(number), holder: 'AIGERIM SADYKOVA' }, ...more },
  });
const bySaved = (id: string, cardId: string, more: object = {}): Promise<Reply> =>
  ask('POST', `${id}/saved-card`, { attemptId: crypto.randomUUID(), cardId, cvc: '123', ...more });
const cardsOf = async (customerId: string) =>
  (await call('GET', `/v1/customers/${customerId}/cards`)).body.items;
const charge = (customerId: string): Promise<Reply> =>
  call('POST', '/v1/payments/recurring/merchant/initiated', {
    idempotencyKey: crypto.randomUUID(),
    body: { amount: 100, currency: 'KZT', orderReference: 'LATER', customerId },
  });

describe('a card is kept', () => {
  test('only if its payer wants it, for themselves, and not for the merchant', async () => {
    const customerId = await newCustomer();
    const without = await create('links', { customerId });
    assert.equal((await stateOf(without)).canKeepCard, true);
    assert.equal((await byCard(without, VISA)).body.status, 'paid');
    assert.deepEqual(await cardsOf(customerId), []);
    const id = await create('links', { customerId });
    assert.equal((await byCard(id, VISA, { keepCard: true })).body.status, 'paid');
    const [{ consent, ...card }] = await cardsOf(customerId);
    assert.deepEqual([card.last4, consent.by, consent.merchantInitiated], ['4242', 'checkout', false]);
    const { body: link } = await call('GET', `/v1/payment-links/${id}`);
    assert.equal(consent.transactionId, link.transactionId);
    assert.deepEqual((await charge(customerId)).body.reason, 'first_payment_required');
  });

  test('of a link without a customer, or that anybody may pay, never', async () => {
    const customerId = await newCustomer();
    for (const body of [{}, { customerId, reusable: true }]) {
      const id = await create('links', body);
      assert.equal((await stateOf(id)).canKeepCard, false);
      assert.equal((await byCard(id, VISA, { keepCard: true })).body.status, 'paid');
    }
    assert.deepEqual(await cardsOf(customerId), []);
  });

  test('where it is the first of several payments, only who agrees pays, and is charged later', async () => {
    const customerId = await newCustomer();
    const recurring = { type: 'cof_initial', frequency: 28, expiry: '2090-06-30' };
    const id = await create('links', { customerId, recurring });
    const { body: link } = await call('GET', `/v1/payment-links/${id}`);
    assert.deepEqual(link.paymentMethods, ['card']);
    assert.deepEqual(link.recurring, { ...recurring, expiry: '2090-07-01T00:00:00.000Z' });
    const { agreement } = await stateOf(id);
    assert.deepEqual(agreement, { frequencyDays: 28, until: '2090-07-01T00:00:00.000Z' });
    for (const more of [{}, { keepCard: false }]) {
      const refused = await byCard(id, VISA, more);
      assert.deepEqual([refused.status, refused.body.details?.[0]?.path], [400, 'keepCard'], refused.text);
    }
    assert.equal((await byCard(id, VISA, { keepCard: true })).body.status, 'paid');
    const [card] = await cardsOf(customerId);
    assert.deepEqual(
      [card.consent.by, card.consent.merchantInitiated, card.consent.until],
      ['checkout', true, '2090-07-01T00:00:00.000Z'],
    );
    const { body } = await charge(customerId);
    assert.deepEqual([body.status, body.parentTransactionId], ['authorized', card.consent.transactionId]);
  });

  test('with 3-D Secure once its payer has passed', async () => {
    const customerId = await newCustomer();
    const id = await create('sessions', { customerId });
    const challenged = await byCard(id, CHALLENGED, { keepCard: true });
    assert.equal(challenged.body.status, 'challenge', challenged.text);
    assert.deepEqual(await cardsOf(customerId), []);
    const decided = { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) };
    const back = await fetch(challenged.body.redirectUrl, { ...decided, redirect: 'manual' });
    await fetch(back.headers.get('location') ?? '', { redirect: 'manual' });
    assert.equal((await cardsOf(customerId)).length, 1);
  });
});

describe('a card on file', () => {
  async function withCard(number = VISA): Promise<{ customerId: string; cardId: string }> {
    const customerId = await newCustomer();
    const { body } = await pay(call, number, { customerId, recurring: { type: 'cof_initial' } });
    return { customerId, cardId: body.cardTokenId.Value };
  }

  test('is shown in a session, without its number, as long as that can be paid', async () => {
    const { customerId, cardId } = await withCard();
    const id = await create('sessions', { customerId });
    assert.deepEqual((await stateOf(id)).savedCards, [
      { id: cardId, brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2040 },
    ]);
    const paid = await bySaved(id, cardId);
    assert.deepEqual([paid.status, paid.body.status], [200, 'paid'], paid.text);
    assert.deepEqual(paid.body.savedCards, []);
    assert.deepEqual((await stateOf(id)).savedCards, []);
    const { body: session } = await call('GET', `/v1/payment-sessions/${id}`);
    const { body: payment } = await call('GET', `/v1/transactions/${session.transactionId}`);
    assert.deepEqual([payment.cardTokenId.Value, payment.last4], [cardId, '4242']);
    assert.equal((await bank.find(payment.id))?.held, 4_900);
  });

  test('is shown to nobody who has a link: that is forwarded, and read by others', async () => {
    const { customerId, cardId } = await withCard();
    const id = await create('links', { customerId });
    assert.deepEqual((await stateOf(id)).savedCards, []);
    // What is written into the page; its script knows the number of a test card.
    const [written = '', script] = (await ask('GET', id)).text.split('<script');
    assert.ok(script !== undefined && written.includes('name="state"') && !written.includes('4242'));
    const refused = await bySaved(id, cardId);
    assert.deepEqual([refused.status, refused.body.details?.[0]?.path], [400, 'cardId'], refused.text);
    assert.equal((await stateOf(id)).status, 'open');
  });

  test('pays nothing without its security code, in a session of somebody else, or once it is deleted', async () => {
    const { customerId, cardId } = await withCard();
    const [id, ofAnother] = [
      await create('sessions', { customerId }),
      await create('sessions', { customerId: await newCustomer() }),
    ];
    for (const cvc of ['', '12', '1234', 'abc', '12 ']) {
      const refused = await bySaved(id, cardId, { cvc });
      assert.deepEqual([refused.status, refused.body.details?.[0]?.path], [400, 'cvc'], refused.text);
    }
    const { status } = await ask('POST', `${id}/saved-card`, { attemptId: crypto.randomUUID(), cardId });
    assert.equal(status, 400);
    for (const [session, card] of [
      [ofAnother, cardId],
      [id, `ct_${'0'.repeat(32)}`],
      [id, 'ct_1'],
    ] as const)
      assert.equal((await bySaved(session, card)).body.details?.[0]?.path, 'cardId');
    await call('DELETE', `/v1/customers/${customerId}/cards/${cardId}`);
    assert.deepEqual((await stateOf(id)).savedCards, []);
    assert.equal((await bySaved(id, cardId)).body.details?.[0]?.path, 'cardId');
    const { rows } = await sandbox.pool.query('SELECT FROM transaction WHERE payment_session_id = $1', [id]);
    assert.deepEqual(rows, [], 'nothing was begun');
  });

  test('guessing its code is slowed down like any card testing', async () => {
    const { customerId, cardId } = await withCard('4000000000000341');
    await sandbox.pool.query('DELETE FROM checkout_attempt');
    const id = await create('sessions', { customerId });
    const { rows } = await sandbox.pool.query<{ fingerprint: string }>(
      'SELECT fingerprint FROM card_token WHERE id = $1',
      [cardId],
    );
    // As if a payer had just failed with it at other sessions.
    await sandbox.pool.query(
      `INSERT INTO checkout_attempt (link_id, attempt_id, merchant_id, network, card, at)
       SELECT gen_random_uuid(), gen_random_uuid(), $1, '203.0.113.9', $2, clock_timestamp() FROM generate_series(1, 5)`,
      [merchant.id, rows[0]?.fingerprint],
    );
    const locked = await bySaved(id, cardId);
    assert.equal(locked.body.status, 'locked', locked.text);
    assert.deepEqual(locked.body.savedCards, []);
    await sandbox.pool.query('DELETE FROM checkout_attempt');
  });

  test('may be agreed to be charged later', async () => {
    const customerId = await newCustomer();
    const first = await create('links', { customerId });
    await byCard(first, VISA, { keepCard: true });
    const [{ id: cardId }] = await cardsOf(customerId);
    assert.equal((await charge(customerId)).body.reason, 'first_payment_required');
    const id = await create('sessions', { customerId, recurring: { type: 'cof_initial' } });
    assert.equal((await bySaved(id, cardId)).body.details?.[0]?.path, 'keepCard');
    assert.equal((await bySaved(id, cardId, { keepCard: true })).body.status, 'paid');
    assert.equal((await charge(customerId)).body.status, 'authorized');
  });
});
