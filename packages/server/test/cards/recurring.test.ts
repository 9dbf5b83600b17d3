/** Cards on file over HTTP, against the real simulated bank: who may charge them, until when, and what is left of them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BankTokens } from '../../src/acquiring/bankTokens.ts';
import { deleteCards } from '../../src/cards/cardsOnFileSql.ts';
import { createSecrets } from '../../src/installation/secrets.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { type Call, CHALLENGED, eventually, operate, pay, VISA } from '../support/cards.ts';
import { createCustomer } from '../support/customers.ts';
import { createMerchant, type TestMerchant } from '../support/ledger.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

const MERCHANT_INITIATED = '/v1/payments/recurring/merchant/initiated';
const DAY_S = 86_400;
const RETURN_URL = 'http://shop.test/back';

let bank: TestBank;
let sandbox: Sandbox;
let merchant: TestMerchant;
let call: Call;
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox(bank.environment);
  merchant = await createMerchant(sandbox.pool);
  call = callOf(merchant);
});
after(async () => {
  await sandbox?.assertInvariants();
  await sandbox?.stop();
  await bank?.end();
});

const callOf =
  ({ apiKey }: TestMerchant): Call =>
  (method, path, options) =>
    sandbox.call(method, path, { apiKey, ...options });
const newCustomer = (): Promise<string> => createCustomer(sandbox.pool, merchant.id);
const first = (customerId: string, number = VISA, recurring: object = {}): Promise<Reply> =>
  pay(call, number, { customerId, recurring: { type: 'cof_initial', ...recurring }, returnUrl: RETURN_URL });
const charge = (customerId: string, body: object = {}, key: string = crypto.randomUUID()): Promise<Reply> =>
  call('POST', MERCHANT_INITIATED, {
    idempotencyKey: key,
    body: { amount: 4_900, currency: 'KZT', orderReference: 'SUB-2', customerId, ...body },
  });
const cardsOf = async (customerId: string) =>
  (await call('GET', `/v1/customers/${customerId}/cards`)).body.items;
const reasonOf = ({ status, body }: Reply): unknown => [status, body.reason];

/** The payer passes 3-D Secure at the bank's page. */
async function authenticate({ body }: Reply): Promise<void> {
  assert.equal(body.status, '3d');
  const decided = { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) };
  const back = await fetch(body.redirectUrl, { ...decided, redirect: 'manual' });
  await fetch(back.headers.get('location') ?? '', { redirect: 'manual' });
}

describe('a customer who has agreed once is charged again without them', () => {
  test('the card is on file with the consent, and both ways to charge it name the first payment', async () => {
    const customerId = await newCustomer();
    const agreed = await first(customerId, VISA, { frequency: 30, expiry: '2090-12-31' });
    assert.equal(agreed.body.status, 'authorized', agreed.text);
    assert.equal(agreed.body.parentTransactionId, null);
    const [card, ...others] = await cardsOf(customerId);
    assert.deepEqual(others, []);
    const { createdAt, consent, ...rest } = card;
    const id = agreed.body.cardTokenId.Value;
    assert.deepEqual(rest, {
      ...{ id, customerId, brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2040, isDefault: true },
    });
    assert.deepEqual(consent, {
      ...{ at: createdAt, by: 'api', transactionId: agreed.body.id, merchantInitiated: true },
      ...{ until: '2091-01-01T00:00:00.000Z', withdrawnAt: null },
    });
    assert.deepEqual((await call('GET', `/v1/customers/${customerId}/cards/${id}`)).body, card);

    const byDefault = await charge(customerId, { recurringType: 'subscription' });
    const named = await pay(call, VISA, {
      ...{ card: undefined, cardTokenId: id, customerId, initiator: 'merchant' },
    });
    for (const { status, body, text } of [byDefault, named]) {
      assert.deepEqual([status, body.status], [201, 'authorized'], text);
      assert.equal(body.parentTransactionId, agreed.body.id);
      assert.equal(body.secure3d, false);
      assert.deepEqual([body.customerId.Value, body.cardTokenId.Value], [customerId, id]);
    }
    assert.deepEqual([byDefault.body.recurringType, named.body.recurringType], ['subscription', null]);
    assert.equal((await bank.find(byDefault.body.id))?.held, 4_900);
    const refunds = await call('GET', `/v1/transactions?parentTransactionId=${agreed.body.id}`);
    assert.deepEqual(refunds.body.items, [], 'a payment is no refund of the first one');
  });

  test('it is a payment like any other: captured, refunded, told in its own history', async () => {
    const customerId = await newCustomer();
    await first(customerId);
    const { body } = await charge(customerId);
    assert.equal((await operate(call, body.id, 'capture')).body.status, 'charged');
    const refund = await operate(call, body.id, 'refund', 900);
    assert.deepEqual([refund.body.status, refund.body.parentTransactionId], ['refunded', body.id]);
    const list = await call('GET', `/v1/transactions?parentTransactionId=${body.id}`);
    assert.deepEqual(
      list.body.items.map(({ id }: { id: string }) => id),
      [refund.body.id],
    );
    assert.equal((await bank.find(body.id))?.refunded, 900);
  });

  test('a card that needs 3-D Secure needs it the first time alone', async () => {
    const customerId = await newCustomer();
    const agreed = await first(customerId, CHALLENGED);
    assert.deepEqual(await cardsOf(customerId), [], 'its payer has not passed yet');
    await authenticate(agreed);
    assert.equal((await cardsOf(customerId)).length, 1);
    const { body } = await charge(customerId);
    assert.deepEqual([body.status, body.secure3d, body.redirectUrl], ['authorized', false, null]);
  });

  test('a declined first payment, and one that nothing was said with, put nothing on file', async () => {
    const customerId = await newCustomer();
    await first(customerId, '4000000000000002');
    await pay(call, VISA, { customerId });
    assert.deepEqual(await cardsOf(customerId), []);
    assert.deepEqual(reasonOf(await charge(customerId)), [422, 'card_not_on_file']);
  });

  test('a soft decline says when to try again, a hard one that there is no use', async () => {
    for (const [number, failureCode, retryable] of [
      ['4000000000000341', 'insufficient_funds', true],
      ['4000000000700080', 'stolen_card', false],
    ] as const) {
      const customerId = await newCustomer();
      assert.equal((await first(customerId, number)).body.retryable, false);
      const { body } = await charge(customerId);
      assert.deepEqual([body.status, body.failureCode, body.retryable], ['rejected', failureCode, retryable]);
      const after = retryable ? Date.parse(body.updatedAt) + DAY_S * 1_000 : null;
      assert.equal(body.retryAfter, after === null ? null : new Date(after).toISOString());
      const { body: found } = await call('GET', `/v1/transactions/${body.id}`);
      assert.deepEqual([found.retryable, found.retryAfter], [body.retryable, body.retryAfter]);
    }
  });
});

describe('nobody is charged without a consent that stands', () => {
  test('withdrawn: no more, and the same request as before gets the same answer', async () => {
    const customerId = await newCustomer();
    const { body: agreed } = await first(customerId);
    const cardId = agreed.cardTokenId.Value;
    const key = crypto.randomUUID();
    const before = await charge(customerId, {}, key);
    const withdrawn = await call('DELETE', `/v1/customers/${customerId}/cards/${cardId}/consent`);
    assert.equal(withdrawn.status, 200, withdrawn.text);
    assert.match(withdrawn.body.consent.withdrawnAt, /^\d{4}-/);
    const again = await call('DELETE', `/v1/customers/${customerId}/cards/${cardId}/consent`);
    assert.deepEqual(again.body, withdrawn.body);
    assert.deepEqual(reasonOf(await charge(customerId)), [422, 'consent_withdrawn']);
    const replayed = await charge(customerId, {}, key);
    assert.deepEqual([replayed.status, replayed.text], [before.status, before.text]);
    // Agreed to once more.
    await first(customerId);
    assert.equal((await charge(customerId)).body.status, 'authorized');
  });

  test('its time is over', async () => {
    const customerId = await newCustomer();
    const { rows } = await sandbox.pool.query<{ now: Date }>(
      `SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' + interval '1 hour' AS now FROM installation`,
    );
    const expiry = new Date(rows[0]?.now ?? 0).toISOString();
    await first(customerId, VISA, { expiry });
    assert.equal((await charge(customerId)).body.status, 'authorized');
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 3_601 } });
    assert.deepEqual(reasonOf(await charge(customerId)), [422, 'consent_expired']);
  });

  test('would be over before it begins, so that nothing is paid', async () => {
    const customerId = await newCustomer();
    const refused = await first(customerId, VISA, { expiry: '2020-01-01' });
    assert.deepEqual(reasonOf(refused), [400, 'consent_ends_in_past']);
    assert.deepEqual(refused.body.details[0].path, 'recurring.expiry');
    assert.deepEqual(await cardsOf(customerId), []);
    const { rows } = await sandbox.pool.query('SELECT FROM transaction WHERE customer_id = $1', [customerId]);
    assert.equal(rows.length, 0);
  });

  test('of another customer, another merchant, or nobody', async () => {
    const customerId = await newCustomer();
    const { body } = await first(customerId);
    const cardTokenId = body.cardTokenId.Value;
    const other = await newCustomer();
    assert.deepEqual(reasonOf(await charge(other, { cardTokenId })), [422, 'card_not_on_file']);
    const stranger = callOf(await createMerchant(sandbox.pool));
    const theirs = await stranger('POST', MERCHANT_INITIATED, {
      idempotencyKey: crypto.randomUUID(),
      body: { amount: 1, currency: 'KZT', orderReference: 'x', customerId, cardTokenId },
    });
    assert.equal(theirs.status >= 400 && theirs.status < 500, true, theirs.text);
    for (const path of [
      `/v1/customers/${customerId}/cards`,
      `/v1/customers/${customerId}/cards/${cardTokenId}`,
    ])
      assert.deepEqual(reasonOf(await stranger('GET', path)), [404, 'customer_not_found']);
    for (const [method, path] of [
      ['DELETE', `/v1/customers/${customerId}/cards/${cardTokenId}`],
      ['DELETE', `/v1/customers/${customerId}/cards/${cardTokenId}/consent`],
    ] as const)
      assert.deepEqual(reasonOf(await stranger(method, path)), [404, 'customer_not_found']);
    for (const id of ['no-uuid', crypto.randomUUID()])
      assert.deepEqual(reasonOf(await call('GET', `/v1/customers/${id}/cards`)), [404, 'customer_not_found']);
    for (const id of ['ct_0', `ct_${'0'.repeat(32)}`, '%00'])
      assert.equal((await call('GET', `/v1/customers/${customerId}/cards/${id}`)).status, 404);
    assert.equal((await cardsOf(customerId))[0].consent.withdrawnAt, null);
  });

  for (const [name, body, path, reason] of [
    [
      'recurring without whose card it is',
      { recurring: { type: 'cof_initial' } },
      'customerId',
      'missing_field',
    ],
    [
      'a kind that there is not',
      { recurring: { type: 'ucof' }, customerId: 'C' },
      'recurring.type',
      'invalid_request',
    ],
    [
      'a day that there is not',
      { recurring: { type: 'cof_initial', expiry: '2030-02-30' }, customerId: 'C' },
      'recurring.expiry',
      'invalid_request',
    ],
    [
      'a frequency of nothing',
      { recurring: { type: 'cof_initial', frequency: 0 }, customerId: 'C' },
      'recurring.frequency',
      'invalid_request',
    ],
    ['a merchant with a card in hand', { initiator: 'merchant', customerId: 'C' }, 'card', 'invalid_request'],
    [
      'a merchant who comes back',
      { initiator: 'merchant', card: undefined, cardTokenId: 'ct', customerId: 'C', returnUrl: RETURN_URL },
      'returnUrl',
      'invalid_request',
    ],
    [
      'a merchant who agrees',
      {
        initiator: 'merchant',
        card: undefined,
        cardTokenId: 'ct',
        customerId: 'C',
        recurring: { type: 'cof_initial' },
      },
      'recurring',
      'invalid_request',
    ],
    [
      'a merchant without a customer',
      { initiator: 'merchant', card: undefined, cardTokenId: 'ct' },
      'customerId',
      'missing_field',
    ],
    [
      'a merchant without a card',
      { initiator: 'merchant', card: undefined, customerId: 'C' },
      'cardTokenId',
      'missing_field',
    ],
    ['somebody else', { initiator: 'issuer' }, 'initiator', 'invalid_request'],
  ] as const)
    test(`refused: ${name}`, async () => {
      const customerId = 'customerId' in body ? { customerId: crypto.randomUUID() } : {};
      const { status, body: error, text } = await pay(call, VISA, { ...body, ...customerId });
      assert.deepEqual([status, error.details?.[0]?.path, error.reason], [400, path, reason], text);
    });
});

describe('a card that is deleted', () => {
  const tokensOf = async (id: string): Promise<number> => {
    const { rows } = await sandbox.pool.query<{ count: number }>(
      `SELECT (count(sealed_bank_token) + count(bank_token)
         + (SELECT count(*) FROM bank_token WHERE card_token_id = $1))::int AS count FROM card_token WHERE id = $1`,
      [id],
    );
    return rows[0]?.count ?? 0;
  };

  test('is charged no more by anybody, and no bank token of it is left', async () => {
    const customerId = await newCustomer();
    const { body } = await first(customerId, '5555555555554444');
    const cardTokenId = body.cardTokenId.Value;
    assert.equal(await tokensOf(cardTokenId), 1);
    const key = crypto.randomUUID();
    const path = `/v1/customers/${customerId}/cards/${cardTokenId}`;
    const deleted = await call('DELETE', path, { idempotencyKey: key });
    assert.deepEqual([deleted.status, deleted.body], [200, { id: cardTokenId, deleted: true }]);
    assert.deepEqual((await call('DELETE', path, { idempotencyKey: key })).body, deleted.body);
    assert.deepEqual(reasonOf(await call('DELETE', path)), [404, 'card_not_found']);
    assert.equal(await tokensOf(cardTokenId), 0);
    assert.deepEqual(await cardsOf(customerId), []);
    assert.deepEqual(reasonOf(await charge(customerId, { cardTokenId })), [422, 'card_not_on_file']);
    const saved = { card: undefined, cardTokenId };
    assert.deepEqual(reasonOf(await pay(call, VISA, saved)), [400, 'invalid_card']);
    const audit = await sandbox.pool.query(
      `SELECT object_id, after FROM audit_log WHERE action = 'card.delete' AND object_id = $1`,
      [cardTokenId],
    );
    assert.deepEqual(audit.rows, [{ object_id: cardTokenId, after: { customerId } }]);
    // By a first payment it is on file again.
    await first(customerId, '5555555555554444');
    const [card] = await cardsOf(customerId);
    assert.deepEqual([card.id, card.consent.withdrawnAt], [cardTokenId, null]);
    assert.equal((await charge(customerId)).body.status, 'authorized');
  });

  test('stays the card of another customer who has it on file', async () => {
    const [one, another] = [await newCustomer(), await newCustomer()];
    const { body } = await first(one, '378282246310005');
    await first(another, '378282246310005');
    const cardTokenId = body.cardTokenId.Value;
    await call('DELETE', `/v1/customers/${one}/cards/${cardTokenId}`);
    assert.deepEqual(reasonOf(await charge(one, { cardTokenId })), [422, 'card_not_on_file']);
    const ofOne = { card: undefined, cardTokenId, customerId: one };
    assert.deepEqual(reasonOf(await pay(call, VISA, ofOne)), [400, 'invalid_card']);
    assert.equal((await charge(another)).body.status, 'authorized');
    await call('DELETE', `/v1/customers/${another}/cards/${cardTokenId}`);
    assert.equal(await tokensOf(cardTokenId), 0);
  });

  describe('while another customer agrees to be charged by the same one', () => {
    // Customers of other tests have these cards on file, too: here nobody else has.
    const usual = { merchant, call };
    before(() => Object.assign(usual, { merchant, call }));
    beforeEach(async () => {
      merchant = await createMerchant(sandbox.pool);
      call = callOf(merchant);
    });
    after(() => {
      ({ merchant, call } = usual);
    });
    /** One has it on file, and another one is about to. */
    async function share(number: string): Promise<{ readonly gone: string; readonly id: string }> {
      const one = await newCustomer();
      const agreed = await first(one, number);
      if (agreed.body.status === '3d') await authenticate(agreed);
      await eventually('a card on file', async () => (await cardsOf(one)).length === 1);
      return { gone: one, id: agreed.body.cardTokenId.Value };
    }
    /** The other one's card is theirs, whatever became of it for the first one. */
    async function assertCharged(customerId: string, id: string): Promise<void> {
      await eventually('a token of the bank', async () => (await tokensOf(id)) === 1, 5_000);
      const charged = await charge(customerId);
      assert.equal(charged.body.status, 'authorized', charged.text);
    }

    test('stays theirs: their bank approves later', async () => {
      const { gone, id } = await share(CHALLENGED);
      const another = await newCustomer();
      const late = await first(another, CHALLENGED);
      const deleted = await call('DELETE', `/v1/customers/${gone}/cards/${id}`);
      assert.equal(deleted.status, 200, deleted.text);
      assert.equal(await tokensOf(id), 0);
      await authenticate(late);
      await eventually('a card on file', async () => (await cardsOf(another)).length === 1);
      await assertCharged(another, id);
      assert.deepEqual(await cardsOf(gone), []);
    });

    test('stays theirs: their answer is committed before the deletion is', async () => {
      const { gone, id } = await share(CHALLENGED);
      const another = await newCustomer();
      const late = await first(another, CHALLENGED);
      const client = await sandbox.pool.connect();
      try {
        await client.query('BEGIN');
        await deleteCards(client, gone, id);
        await authenticate(late);
        await eventually('a card on file', async () => (await cardsOf(another)).length === 1);
        await client.query('COMMIT');
      } finally {
        client.release(true);
      }
      await assertCharged(another, id);
    });

    test('stays theirs, whichever comes first', async () => {
      for (let round = 0; round < 12; round += 1) {
        const { gone, id } = await share(VISA);
        const another = await newCustomer();
        const [, deleted] = await Promise.all([
          first(another),
          delay(round * 3).then(() => call('DELETE', `/v1/customers/${gone}/cards/${id}`)),
        ]);
        assert.equal(deleted.status, 200, deleted.text);
        await assertCharged(another, id);
        await call('DELETE', `/v1/customers/${another}/cards/${id}`);
        assert.equal(await tokensOf(id), 0);
      }
    });
  });

  test('is not brought back by the answer to a payment that was under way', async () => {
    const customerId = await newCustomer();
    const { body } = await first(customerId, '2200000000000004');
    const cardTokenId = body.cardTokenId.Value;
    const { body: later } = await charge(customerId);
    await call('DELETE', `/v1/customers/${customerId}/cards/${cardTokenId}`);
    const { rows } = await sandbox.pool.query('SELECT sandbox_secret FROM installation');
    const tokens = new BankTokens(sandbox.pool, createSecrets(rows[0].sandbox_secret));
    await tokens.keep(later.id, 'a token that comes late');
    assert.equal(await tokensOf(cardTokenId), 0);
  });
});

test('the card that was made the default last is charged where none is named, else the first one', async () => {
  const customerId = await newCustomer();
  const visa = (await first(customerId)).body.cardTokenId.Value;
  const mastercard = (await first(customerId, '5555555555554444')).body.cardTokenId.Value;
  const defaultOf = async () =>
    (await cardsOf(customerId))
      .filter((card: { isDefault: boolean }) => card.isDefault)
      .map((card: { id: string }) => card.id);
  const charged = async () => (await charge(customerId)).body.cardTokenId.Value;
  assert.deepEqual([await defaultOf(), await charged()], [[visa], visa]);
  for (const id of [mastercard, visa, mastercard]) {
    const { status, body } = await call('PATCH', `/v1/customers/${customerId}/cards/${id}`, {
      body: { isDefault: true },
    });
    assert.deepEqual([status, body.isDefault], [200, true]);
    assert.deepEqual([await defaultOf(), await charged()], [[id], id]);
  }
  const refused = await call('PATCH', `/v1/customers/${customerId}/cards/${visa}`, {
    body: { isDefault: false },
  });
  assert.equal(refused.status, 400);
  await call('DELETE', `/v1/customers/${customerId}/cards/${mastercard}`);
  assert.deepEqual([await defaultOf(), await charged()], [[visa], visa]);
});

test('a customer who is erased while they pay has no card on file afterwards', async () => {
  const customerId = await newCustomer();
  const agreed = await first(customerId, CHALLENGED);
  await sandbox.pool.query('UPDATE merchant_customer SET erased_at = clock_timestamp() WHERE id = $1', [
    customerId,
  ]);
  await authenticate(agreed);
  const { body } = await call('GET', `/v1/transactions/${agreed.body.id}`);
  assert.equal(body.status, 'authorized', 'money is not concerned');
  const { rows } = await sandbox.pool.query('SELECT FROM card_on_file WHERE customer_id = $1', [customerId]);
  assert.deepEqual(rows, []);
});

test('of charges that race with a withdrawal none is begun after it was answered', async () => {
  const customerId = await newCustomer();
  const { body } = await first(customerId);
  const path = `/v1/customers/${customerId}/cards/${body.cardTokenId.Value}/consent`;
  const charges: Promise<Reply>[] = [];
  let isOver = false;
  const charging = (async () => {
    while (!isOver) {
      charges.push(charge(customerId));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const withdrawn = await call('DELETE', path);
  const late = await Promise.all([charge(customerId), charge(customerId)]);
  isOver = true;
  await charging;
  const all = await Promise.all(charges);
  for (const reply of late) assert.deepEqual(reasonOf(reply), [422, 'consent_withdrawn']);
  const at = Date.parse(withdrawn.body.consent.withdrawnAt);
  for (const reply of all) {
    if (reply.status === 201) assert.ok(Date.parse(reply.body.createdAt) <= at, reply.text);
    else assert.deepEqual(reasonOf(reply), [422, 'consent_withdrawn'], reply.text);
  }
  assert.ok(all.some(({ status }) => status === 201));
});

test('no card number, code or bank token is in any table or log line', async () => {
  const customerId = await newCustomer();
  await first(customerId, VISA, { frequency: 30 });
  await charge(customerId);
  await eventually('nothing is held', async () => sandbox.cardsHeld() === 0, 5_000);
  const { rows } = await sandbox.pool.query(`SELECT database_to_xml(true, false, '')::text AS everything`);
  for (const text of [rows[0].everything, sandbox.log.join()])
    assert.doesNotMatch(text, /4242424242424242|card_[\w-]{43}/);
});

test('a payment that began after its customer withdrew, and before they had the card deleted, brings nothing back', async () => {
  const customerId = await newCustomer();
  await authenticate(await first(customerId, CHALLENGED));
  await eventually('a card on file', async () => (await cardsOf(customerId)).length === 1);
  const [{ id }] = await cardsOf(customerId);
  const path = `/v1/customers/${customerId}/cards/${id}`;
  assert.equal((await call('DELETE', `${path}/consent`)).status, 200);
  const late = await first(customerId, CHALLENGED);
  assert.equal((await call('DELETE', path)).status, 200);
  await authenticate(late);
  const statusOf = async () => (await call('GET', `/v1/transactions/${late.body.id}`)).body.status;
  await eventually('the late approval', async () => (await statusOf()) === 'authorized');
  assert.deepEqual(await cardsOf(customerId), []);
  assert.deepEqual(reasonOf(await charge(customerId, { cardTokenId: id })), [422, 'card_not_on_file']);
});

describe('a payment that began before its customer withdrew', () => {
  for (const [what, path] of [
    ['their consent', '/consent'],
    ['their card', ''],
  ] as const)
    test(`${what}: agrees to nothing, however late its bank approves it`, async () => {
      const customerId = await newCustomer();
      await authenticate(await first(customerId, CHALLENGED));
      await eventually('a card on file', async () => (await cardsOf(customerId)).length === 1);
      const [{ id: cardId }] = await cardsOf(customerId);
      const late = await first(customerId, CHALLENGED);
      const gone = await call('DELETE', `/v1/customers/${customerId}/cards/${cardId}${path}`);
      assert.equal(gone.status, 200, gone.text);
      await authenticate(late);
      const statusOf = async () => (await call('GET', `/v1/transactions/${late.body.id}`)).body.status;
      await eventually('the late approval', async () => (await statusOf()) === 'authorized');
      const { status, body } = await charge(customerId, { cardTokenId: cardId });
      assert.deepEqual([status, body.reason], [422, path === '' ? 'card_not_on_file' : 'consent_withdrawn']);
      if (path === '') assert.deepEqual(await cardsOf(customerId), []);
      // Whoever agrees afterwards has agreed.
      await authenticate(await first(customerId, CHALLENGED));
      await eventually('a charge', async () => (await charge(customerId)).body.status === 'authorized');
    });
});

test('no merchant makes a first payment alone, and none by the card of another customer', async () => {
  const [customerId, other] = [await newCustomer(), await newCustomer()];
  await first(customerId);
  const [{ id: cardTokenId }] = await cardsOf(customerId);
  const body = {
    amount: 100,
    currency: 'KZT',
    orderReference: 'ALONE',
    cardTokenId,
    recurring: { type: 'cof_initial' },
  };
  const asked = (more: object): Promise<Reply> =>
    call('POST', '/v1/payments', { idempotencyKey: crypto.randomUUID(), body: { ...body, ...more } });
  const alone = await asked({ customerId });
  assert.deepEqual([alone.status, alone.body.details[0].path], [400, 'returnUrl'], alone.text);
  const foreign = await asked({ customerId: other, returnUrl: RETURN_URL });
  assert.deepEqual([foreign.status, foreign.body.details[0].path], [400, 'cardTokenId'], foreign.text);
  assert.deepEqual(await cardsOf(other), []);
});
