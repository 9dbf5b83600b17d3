/** What the shop of a session of 2023 is told at `urls.callback`, and how it verifies it. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { CURRENCIES } from '@plexy-pay/money';
import fc from 'fast-check';
import { MAX_AMOUNT } from '../../src/core/values/money.ts';
import { flatBodyOf, flatHeadersOf, flatKeyOf } from '../../src/webhooks/flatFormat.ts';
import { HostedClient } from '../support/hostedClient.ts';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { DEMO_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { type Received, type Receiver, startReceiver } from '../support/webhooks.ts';

const DECLINED = '4000000000000002';

let sandbox: Sandbox;
let payer: PayerTools;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
  payer = createPayerTools(sandbox.deps);
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.stop());
after(() => sandbox.stop());

async function session(amount: number, apiKey = DEMO_KEY, path = '', currency = 'KZT'): Promise<string> {
  const reply = await new HostedClient(`${sandbox.url}/hosted`, apiKey).send('POST', '/payment-sessions', {
    transactionType: 'auth',
    orderDetails: { orderReference: 'WOO-7', amount, currency },
    urls: { success: 'https://shop.example/ok', callback: `${receiver.url}${path}` },
  });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}

/** As the vendor's plugin does it: numbers are read, and written again into the text that is signed. */
function isSigned(text: string, signature: unknown, apiKey: string): boolean {
  const { id, amount, currency, orderReference, success } = JSON.parse(text);
  const signed = `${id}${amount}${currency}${orderReference}${success ? 'true' : 'false'}`;
  const key = apiKey.replace('pr_', '');
  return signature === createHmac('sha256', key).update(signed).digest('hex');
}

function assertSigned({ text, body, headers }: Received, apiKey = DEMO_KEY): void {
  const signature = headers['x-signature'];
  assert.ok(isSigned(text, signature, apiKey), text);
  assert.ok(!isSigned(JSON.stringify({ ...body, success: !body.success }), signature, apiKey));
  assert.equal(headers.authorization, undefined);
  assert.equal(headers['webhook-signature'], undefined);
}

describe('a callback of a session', () => {
  test('tells flat and in major units what became of its payment, and nothing else', async () => {
    const id = await session(100.5, DEMO_KEY, '?order=7&x=%20');
    await payer.byCard(id, { number: DECLINED });
    await payer.byCard(id);
    const client = new HostedClient(`${sandbox.url}/hosted`);
    const { transactionId } = (await client.get('/transactions?size=1')).body.data[0];
    await client.send('POST', `/payments/${transactionId}/capture`);
    await client.send('POST', `/payments/${transactionId}/refund`, { amount: 0.5 });
    await receiver.until(({ received }) => received.length >= 3, 'three outcomes');
    const outcomes = receiver.received.map(({ body }) => [
      body.id === transactionId,
      body.success,
      body.settled,
    ]);
    assert.deepEqual(outcomes.sort(), [
      [false, false, false],
      [true, true, false],
      [true, true, true],
    ]);
    for (const received of receiver.received) {
      assertSigned(received);
      assert.equal(received.path, '/hook?order=7&x=%20');
      const { orderReference, amount, currency, paymentMethod } = received.body;
      assert.deepEqual([orderReference, amount, currency, paymentMethod], ['WOO-7', 100.5, 'KZT', 'card']);
      assert.match(received.text, /"amount":100\.5,/);
    }
    const charged = receiver.received.find(({ body }) => body.settled);
    assert.ok(charged?.body.externalReference);
  });

  test('is signed with the key that made the session, whatever becomes of the key', async () => {
    const operate = operatorOf(sandbox);
    const path = `/merchants/${DEMO_STORE}/api-keys`;
    const { body: made } = await operate('POST', path, { name: 'Shop', scopes: ['read', 'write'] });
    const ids = [await session(1, made.apiKey), await session(2, DEMO_KEY)];
    const revoked = await operate('POST', `${path}/${made.id}/revoke`);
    assert.equal(revoked.status, 200, revoked.text);
    for (const id of ids) await payer.byWallet(id);
    await receiver.until(({ received }) => received.length >= 2, 'both');
    for (const received of receiver.received)
      assertSigned(received, received.body.amount === 1 ? made.apiKey : DEMO_KEY);
    const { rows } = await sandbox.pool.query('SELECT to_jsonb(w)::text AS row FROM webhook_endpoint w');
    for (const text of [
      ...rows.map(({ row }) => row),
      ...sandbox.log,
      ...receiver.received.map((one) => one.text),
    ])
      assert.ok(!text.includes(made.apiKey) && !text.includes(made.apiKey.slice(3)));
  });

  test('is sent again until it is answered, with the same bytes', async () => {
    let refused = 0;
    receiver.answer((_received, response) => {
      response.statusCode = refused++ === 0 ? 500 : 200;
      response.end();
    });
    await payer.byWallet(await session(56.41));
    await receiver.until(({ received }) => received.length === 1, 'the first');
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 10 } });
    await receiver.until(({ received }) => received.length === 2, 'the second');
    const [first, second] = receiver.received;
    assert.equal(first?.text, second?.text);
    assert.equal(first?.headers['x-signature'], second?.headers['x-signature']);
  });

  test('that nobody may be sent to is refused as it was sent', async () => {
    const client = new HostedClient(`${sandbox.url}/hosted`);
    for (const callback of [
      'javascript:alert(1)',
      'ftp://shop.example',
      'nonsense',
      'http://10.0.0.5/hook',
      'https://169.254.169.254/',
      `https://shop.example/${'x'.repeat(2_001)}`,
    ]) {
      const orderDetails = { orderReference: 'A', amount: 1, currency: 'KZT' };
      const { status, body } = await client.send('POST', '/payment-sessions', {
        orderDetails,
        urls: { callback },
      });
      assert.equal(status, 400);
      assert.match(body.message, /^urls\.callback /);
    }
  });
});

test('whatever is told is verified by whoever reads numbers and writes them again', () => {
  // Beyond 15 digits such a reader rounds: that is its own.
  const amounts = fc.bigInt({ min: 1n, max: 999_999_999_999_999n });
  const fields = fc.record({
    amount: amounts.filter((amount) => amount < MAX_AMOUNT),
    currency: fc.constantFrom(...CURRENCIES),
    orderReference: fc.string({ unit: 'binary', minLength: 1 }),
    name: fc.constantFrom('transaction.authorized', 'transaction.charged', 'transaction.rejected'),
    key: fc.stringMatching(/^pr_test_[\w-]{20,60}$/),
  });
  fc.assert(
    fc.property(fields, ({ amount, currency, orderReference, name, key }) => {
      const data = {
        id: 'x',
        amount: Number(amount),
        currency,
        merchantReference: orderReference,
        paymentMethod: 'card',
      };
      const body = flatBodyOf(
        JSON.stringify({ name, data: { ...data, retrievalReferenceNumber: null, failureMessage: null } }),
      );
      const { 'x-signature': signature } = flatHeadersOf(flatKeyOf(key), body);
      assert.ok(isSigned(body, signature, key), body);
    }),
  );
});
