import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { payment, startBank, type TestBank, visa } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
after(() => bank.close());

const authorize = async (body: object) => (await bank.call('POST', '/authorizations', body)).body;
const inquire = async (id: string) => (await bank.call('GET', `/authorizations/${id}`)).body;

async function tokenOf(number: string, changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { cardToken } = await authorize(payment(changes, number));
  assert.match(String(cardToken), /^card_[\w-]{43}$/);
  return String(cardToken);
}

test('a card keeps one token for each merchant, also over a restart, and inquiry tells it', async () => {
  const body = payment();
  const first = await authorize(body);
  await bank.restart();
  assert.equal(await tokenOf(visa), first.cardToken);
  assert.deepEqual(await authorize(body), first);
  assert.equal((await inquire(body.id)).cardToken, first.cardToken);
  assert.notEqual(await tokenOf(visa, { merchantId: 'merchant-2' }), first.cardToken);
  assert.notEqual(await tokenOf('5555555555554444'), first.cardToken);
});

test('a token does what its number did, and names the same request', async () => {
  const card = { token: await tokenOf('4000000000003220') };
  const challenge = await authorize(payment({ card }));
  assert.equal(challenge.status, 'challenge');
  const withoutPayer = payment({ card, threeDS: false });
  assert.equal((await authorize(withoutPayer)).declineCode, 'authentication_required');
  const byNumber = payment();
  const approved = await authorize(byNumber);
  const byToken = { ...byNumber, card: { token: await tokenOf(visa) } };
  assert.deepEqual(await authorize(byToken), approved);
});

test("a declined card has no token; another merchant's and made-up tokens are declined", async () => {
  const declined = payment({}, '4000000000000002');
  assert.equal((await authorize(declined)).cardToken, undefined);
  assert.equal((await inquire(declined.id)).cardToken, undefined);
  const token = await tokenOf(visa);
  for (const changes of [
    { card: { token }, merchantId: 'merchant-2' },
    { card: { token: 'card_made-up' } },
  ]) {
    const answer = await authorize(payment(changes));
    assert.deepEqual([answer.status, answer.declineCode], ['declined', 'incorrect_number']);
  }
  const both = payment({ card: { token, number: visa, expiryMonth: 12, expiryYear: 2090 } });
  assert.equal((await bank.call('POST', '/authorizations', both)).status, 400);
});

test('inquiry tells the page of a challenge while the payer may answer', async () => {
  const body = payment({}, '4000000000003220');
  const { acsUrl } = await authorize(body);
  assert.equal((await inquire(body.id)).acsUrl, acsUrl);
  await fetch(String(acsUrl), {
    method: 'POST',
    body: new URLSearchParams({ decision: 'approve' }),
    redirect: 'manual',
  });
  assert.equal((await inquire(body.id)).acsUrl, undefined);
});

test("the payer's browser is checked and not kept", async () => {
  const browser = { userAgent: 'Mozilla/5.0 (unmistakable)', language: 'kk-KZ', javaScriptEnabled: false };
  assert.equal((await authorize(payment({ browser, payerIp: '192.0.2.77' }))).status, 'approved');
  const wrong = payment({ browser: { ...browser, colorDepth: 7 } });
  assert.equal((await bank.call('POST', '/authorizations', wrong)).status, 400);
  const { rows } = await bank.db.query(
    `select query_to_xml('select * from bank.authorizations', true, true, '')`,
  );
  assert.doesNotMatch(JSON.stringify(rows), /unmistakable|192\.0\.2\.77/);
});

const merchant = (networkReference: unknown, reason = 'subscription') => ({
  threeDS: false,
  onFile: { use: 'merchant', reason, ...(networkReference ? { networkReference } : {}) },
});

/** A first payment by which the payer agrees; 3-D Secure included, where the card has it. */
async function firstPayment(number: string, changes: Readonly<Record<string, unknown>> = {}) {
  const body = payment(
    { onFile: { use: 'first', frequencyDays: 30, until: '2030-01-01' }, ...changes },
    number,
  );
  const { acsUrl } = await authorize(body);
  if (acsUrl) {
    const decided = new URLSearchParams({ decision: 'approve' });
    await fetch(String(acsUrl), { method: 'POST', body: decided, redirect: 'manual' });
    await bank.call('POST', `/authorizations/${body.id}/complete`);
  }
  const { status, cardToken, networkReference } = await inquire(body.id);
  assert.equal(status, 'approved');
  assert.match(String(networkReference), /^[0-9]{15}$/);
  return { card: { token: cardToken }, networkReference };
}

test('a merchant charges a card whose payer has agreed to it, without 3-D Secure', async () => {
  for (const number of [visa, '4000000000003220']) {
    const { card, networkReference } = await firstPayment(number);
    const later = payment({ card, ...merchant(networkReference) });
    const answer = await authorize(later);
    assert.equal(answer.status, 'approved', number);
    assert.notEqual(answer.networkReference, networkReference);
    assert.deepEqual(await authorize(later), answer);
  }
});

test('without a first payment of this card, merchant and kind a merchant charges nothing', async () => {
  const { card, networkReference } = await firstPayment(visa);
  const other = await firstPayment('5555555555554444');
  const once = await authorize(payment());
  const kept = await authorize(payment({ onFile: { use: 'payer' } }));
  for (const [what, changes] of [
    ['no reference', { card, ...merchant(undefined) }],
    ['a made-up one', { card, ...merchant('999999999999999') }],
    ['that of another card', { card, ...merchant(other.networkReference) }],
    ['that of a payment for once', { card, ...merchant(once.networkReference) }],
    ['that of a payment by a card on file', { card, ...merchant(kept.networkReference) }],
    ['of another merchant', { card, merchantId: 'merchant-2', ...merchant(networkReference) }],
  ] as const) {
    const answer = await authorize(payment(changes));
    const code = what === 'of another merchant' ? 'incorrect_number' : 'authentication_required';
    assert.deepEqual([answer.status, answer.declineCode], ['declined', code], what);
  }
  for (const changes of [
    { card, ...merchant(networkReference), threeDS: true },
    { card: { ...card, cvc: '123' }, ...merchant(networkReference) },
    merchant(networkReference),
    { card, ...merchant(networkReference, 'whim') },
  ])
    assert.equal((await bank.call('POST', '/authorizations', payment(changes))).status, 400);
});

test('some cards are declined only when their merchant charges them', async () => {
  for (const [number, code] of [
    ['4000000000000341', 'insufficient_funds'],
    ['4000000000700080', 'stolen_card'],
  ] as const) {
    const { card, networkReference } = await firstPayment(number);
    assert.equal((await authorize(payment({ card: { ...card, cvc: '123' } }))).status, 'approved');
    const answer = await authorize(payment({ card, ...merchant(networkReference) }));
    assert.deepEqual([answer.status, answer.declineCode], ['declined', code]);
  }
});
