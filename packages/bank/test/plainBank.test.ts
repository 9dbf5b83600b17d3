/** Two banks of one process: books, tokens and faults of their own, and what the plain one cannot do. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { payment, startBank, type TestBank } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
after(() => bank.close());

async function call(path: string, method: string, route: string, body?: object) {
  const response = await fetch(`${bank.url()}${path}/v1${route}`, {
    method,
    headers: {
      authorization: 'Bearer secret-of-the-tests',
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const operation = (amount?: number, more = {}) => ({
  operationId: randomUUID(),
  ...(amount && { amount }),
  ...more,
});

test('what one bank knows, the other does not', async () => {
  const request = payment();
  const approved = await call('/plain', 'POST', '/authorizations', request);
  assert.equal(approved.status, 'approved');
  assert.equal((await call('', 'GET', `/authorizations/${request.id}`)).status, 'not_found');
  assert.equal((await call('/plain', 'GET', `/authorizations/${request.id}`)).status, 'approved');
  const again = payment({ card: { token: approved.cardToken } });
  assert.equal((await call('', 'POST', '/authorizations', again)).declineCode, 'incorrect_number');
  assert.equal((await call('/plain', 'POST', '/authorizations', again)).status, 'approved');
});

test('a fault of one bank does not strike the other, and a reset wipes one', async () => {
  await call('/plain', 'PUT', '/faults', { merchantId: null, mode: 'down' });
  const request = payment();
  assert.equal((await call('/plain', 'POST', '/authorizations', request)).error, 'unavailable');
  assert.equal((await call('', 'POST', '/authorizations', request)).status, 'approved');
  await call('/plain', 'POST', '/reset');
  assert.equal((await call('', 'GET', `/authorizations/${request.id}`)).status, 'approved');
  assert.deepEqual((await call('/plain', 'GET', '/faults')).items, []);
});

test('a payer authenticates at the bank that asked', async () => {
  const request = payment({}, '4000000000003220');
  const { acsUrl } = await call('/plain', 'POST', '/authorizations', request);
  assert.match(String(acsUrl), /^http:\/\/127\.0\.0\.1:\d+\/plain\/acs\/[\w-]+$/);
  const body = new URLSearchParams({ decision: 'approve' });
  const answered = await fetch(String(acsUrl), { method: 'POST', body, redirect: 'manual' });
  assert.equal(answered.status, 303);
  assert.equal(
    (await call('/plain', 'POST', `/authorizations/${request.id}/complete`, {})).status,
    'approved',
  );
});

describe('the plain bank does all or nothing', () => {
  for (const [name, route, body] of [
    ['a capture of a part', 'captures', () => operation(4_000)],
    ['a capture that is not the last', 'captures', () => operation(4_000, { final: false })],
    ['a reversal of a part', 'reversals', () => operation(4_000)],
  ] as const)
    test(`${name} is declined there and done at the other`, async () => {
      const request = payment();
      for (const path of ['', '/plain']) {
        await call(path, 'POST', '/authorizations', request);
        const { status, declineCode } = await call(
          path,
          'POST',
          `/authorizations/${request.id}/${route}`,
          body(),
        );
        const expected = path === '' ? ['done', undefined] : ['declined', 'not_supported'];
        assert.deepEqual([status, declineCode], expected);
      }
      assert.equal((await call('/plain', 'GET', `/authorizations/${request.id}`)).held, 10_000);
    });

  for (const route of ['captures', 'reversals'])
    test(`all of it: ${route}`, async () => {
      const request = payment();
      await call('/plain', 'POST', '/authorizations', request);
      const done = await call('/plain', 'POST', `/authorizations/${request.id}/${route}`, operation(10_000));
      assert.deepEqual([done.status, done.amount], ['done', 10_000]);
    });
});
