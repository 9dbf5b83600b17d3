/** A merchant's credentials change while its payments are under way: no payment is ever asked for at a second account. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_ACQUIRER_ID, NO_CREDENTIALS_ID } from '../../src/core/acquirers.ts';
import { type AskedAccount, bank } from '../support/accountBank.ts';
import { endLeases, eventually, operate, pay, settled, stored, VISA } from '../support/cards.ts';
import { assertError, DEMO_STORE, type Operate, operatorOf } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operator: Operate;
let acquirerId: string;
before(async () => {
  sandbox = await startSandbox({
    CONNECTORS: path.join(import.meta.dirname, '../support/accountBank.ts'),
    ACQUIRER_PATIENCE_MS: '60000',
  });
  operator = operatorOf(sandbox);
  const url = 'http://127.0.0.1:1';
  const created = await operator('POST', '/acquirers', {
    name: 'A',
    connector: 'account-bank',
    url,
    secret: 's',
  });
  assert.equal(created.status, 201, created.text);
  acquirerId = created.body.id;
  const routes = [{ acquirerId }];
  assert.equal((await operator('PUT', '/acquirer-routes', { routes })).status, 200);
});
beforeEach(() => {
  bank.keys.clear();
  for (const account of ['one', 'two']) bank.keys.set(account, `key of ${account}`);
});
afterEach(async () => {
  bank.lost = [];
  await keep({});
});
after(() => sandbox.stop());

function keep(credentials: Record<string, string>, more: object = {}) {
  const at = `/merchants/${DEMO_STORE}/acquirer-credentials/${acquirerId}`;
  return operator('PUT', at, { credentials, ...more });
}

async function keepAccount(account: string, more: object = {}): Promise<void> {
  const { status, text } = await keep({ account, key: bank.keys.get(account) ?? '' }, more);
  assert.equal(status, 200, text);
}

const accountsAsked = (id: string): string[] => [
  ...new Set(bank.asked.filter(({ paymentId }) => paymentId === id).map(({ account }) => account)),
];

async function pendingPayment(): Promise<string> {
  return eventually('it waits for the bank', async () => {
    const { rows } = await sandbox.pool.query(
      `SELECT payment_id AS id FROM bank_operation WHERE status = 'pending' AND kind = 'authorize'`,
    );
    return rows[0]?.id;
  });
}

/** A payment whose first answer is lost, and what happens before the bank is asked again. */
async function payUnheard(between: () => Promise<unknown>): Promise<string> {
  bank.lost = ['authorize', 'inquire'];
  const paid = pay(sandbox.call, VISA);
  const id = await pendingPayment();
  await eventually('it was asked', async () => accountsAsked(id).length > 0);
  await between();
  bank.lost = [];
  await endLeases(sandbox.pool);
  await paid;
  assert.equal((await settled(sandbox.pool, id)).status, 'authorized');
  return id;
}

describe('an authorization whose answer got lost is asked about, and asked again, where it was asked first', () => {
  test('when the merchant has another account since', async () => {
    await keepAccount('one');
    const id = await payUnheard(() => keepAccount('two'));
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [['one'], ['one']]);
    const next = (await pay(sandbox.call, VISA)).body.id;
    assert.deepEqual(bank.accountsOf(next), ['two']);
  });

  test('when the merchant has none since', async () => {
    await keepAccount('one');
    const id = await payUnheard(() => keep({}));
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [['one'], ['one']]);
    assert.deepEqual(bank.accountsOf((await pay(sandbox.call, VISA)).body.id), ['']);
  });

  test('when the merchant had none and has one since', async () => {
    const id = await payUnheard(() => keepAccount('one'));
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [[''], ['']]);
  });

  test('when only the secret of the account is another one, under which alone the bank knows anybody', async () => {
    await keepAccount('one');
    const id = await payUnheard(async () => {
      bank.keys.set('one', 'a new key of one');
      await keepAccount('one');
    });
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [['one'], ['one']]);
  });

  test('by a saved card, which any node can send again', async () => {
    await keepAccount('one');
    const first = await pay(sandbox.call, VISA);
    const cardTokenId = first.body.cardTokenId.Value ?? first.body.cardTokenId;
    bank.lost = ['authorize', 'inquire'];
    const paid = pay(sandbox.call, VISA, { card: undefined, cardTokenId });
    const id = await pendingPayment();
    await keepAccount('two');
    bank.lost = [];
    await endLeases(sandbox.pool);
    await paid;
    await settled(sandbox.pool, id);
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [['one'], ['one']]);
  });
});

test('captures, refunds and releases are asked of the account that authorized, with the key that it has now', async () => {
  await keepAccount('one');
  const [captured = '', released = ''] = await Promise.all(
    [0, 1].map(async () => (await pay(sandbox.call, VISA)).body.id as string),
  );
  await keepAccount('two');
  bank.keys.set('one', 'a new key of one');
  await keepAccount('one');
  await keepAccount('two');
  assert.equal(
    (await operate(sandbox.call, captured, 'capture', 6_000, { body: { final: false } })).status,
    200,
  );
  assert.equal((await operate(sandbox.call, captured, 'refund', 1_000)).status, 200);
  assert.equal((await operate(sandbox.call, captured, 'capture')).status, 200);
  assert.equal((await operate(sandbox.call, released, 'cancel', 1_000)).status, 200);
  assert.equal((await operate(sandbox.call, released, 'cancel')).status, 200);
  for (const id of [captured, released]) assert.deepEqual(accountsAsked(id), ['one']);
  const { rows } = await sandbox.pool.query(
    `SELECT count(DISTINCT credentials_id)::int AS n, count(credentials_id)::int AS kept, count(*)::int AS all
     FROM bank_operation WHERE payment_id = $1`,
    [captured],
  );
  assert.deepEqual(rows, [{ n: 1, kept: 4, all: 4 }]);
});

describe('whether they are of the same account', () => {
  test('an operator may say, where the connector would say otherwise', async () => {
    await keepAccount('one');
    const id = await payUnheard(async () => {
      // The bank has given the account another name.
      bank.keys.set('eins', 'key of one');
      await keepAccount('eins', { sameAccount: true });
      bank.keys.set('one', 'a key that nobody has');
    });
    assert.deepEqual(accountsAsked(id), ['one', 'eins']);
    await keepAccount('one');
    const other = await payUnheard(() => keepAccount('one', { sameAccount: false }));
    const { rows } = await sandbox.pool.query(
      `SELECT (SELECT c.account_id FROM bank_credentials c WHERE c.id = t.credentials_id) =
         (SELECT account_id FROM bank_credentials WHERE merchant_id = t.merchant_id AND acquirer_id = t.acquirer_id
          ORDER BY number DESC LIMIT 1) AS same
       FROM transaction t WHERE t.id = $1`,
      [other],
    );
    assert.deepEqual(rows, [{ same: false }]);
  });

  test('is nothing that can be said without any before, or of none', async () => {
    const other = `/merchants/${DEMO_STORE}/acquirer-credentials/${DEFAULT_ACQUIRER_ID}`;
    const body = { credentials: { merchantId: 'M' }, sameAccount: true };
    assertError(await operator('PUT', other, body), 400, 'invalid_request', 'sameAccount');
    await keepAccount('one');
    assertError(await keep({}, { sameAccount: true }), 400, 'invalid_request', 'sameAccount');
  });
});

test('a payment that goes on to another acquirer has the credentials for that one', async () => {
  await keepAccount('one');
  const url = 'http://127.0.0.1:1';
  const { body } = await operator('POST', '/acquirers', { name: 'away', url, secret: 's' });
  const away = `/merchants/${DEMO_STORE}/acquirer-credentials/${body.id}`;
  assert.equal((await operator('PUT', away, { credentials: { merchantId: 'M' } })).status, 200);
  await operator('PUT', '/acquirer-routes', { routes: [{ acquirerId: body.id }, { acquirerId }] });
  try {
    const { id } = (await pay(sandbox.call, VISA)).body;
    assert.equal((await stored(sandbox.pool, id)).status, 'authorized');
    assert.deepEqual(bank.accountsOf(id), ['one']);
    assert.equal((await operate(sandbox.call, id, 'capture')).status, 200);
    assert.deepEqual(accountsAsked(id), ['one']);
  } finally {
    await operator('PUT', '/acquirer-routes', { routes: [{ acquirerId }] });
  }
});

describe('beside nodes of the version before', () => {
  test('what they recorded is asked under what there was when the payment began', async () => {
    await keepAccount('one');
    const id = await payUnheard(async () => {
      const forget = 'UPDATE bank_operation SET credentials_id = NULL WHERE payment_id = $1';
      const payment = await pendingPayment();
      await sandbox.pool.query(forget, [payment]);
      await sandbox.pool.query('UPDATE transaction SET credentials_id = NULL WHERE id = $1', [payment]);
      await keepAccount('two');
    });
    assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [['one'], ['one']]);
  });

  test('a capture that they recorded is asked under the payment’s', async () => {
    const { id } = (await pay(sandbox.call, VISA)).body;
    await keepAccount('one');
    bank.lost = ['capture', 'inquire'];
    const captured = operate(sandbox.call, id, 'capture');
    await eventually('it was asked', async () =>
      bank.asked.some(({ method, paymentId }) => method === 'capture' && paymentId === id),
    );
    await sandbox.pool.query('UPDATE bank_operation SET credentials_id = NULL WHERE payment_id = $1', [id]);
    const { rows } = await sandbox.pool.query('SELECT credentials_id AS c FROM transaction WHERE id = $1', [
      id,
    ]);
    assert.deepEqual(rows, [{ c: NO_CREDENTIALS_ID }]);
    bank.lost = [];
    await endLeases(sandbox.pool);
    assert.equal((await captured).status, 200);
    assert.deepEqual(accountsAsked(id), ['']);
  });
});

const account = fc.constantFrom('one', 'two');
const STEP = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('account'), account }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('none') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('new key'), account }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pay'), lost: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('capture', 'refund', 'cancel'), of: fc.nat() }) },
);

/** The payment that the bank is asked for now, and was not before. */
function askedBeside(known: ReadonlyMap<string, string>): Promise<string> {
  return eventually('it was asked', async () => {
    const isNew = ({ method, paymentId }: AskedAccount): boolean =>
      method === 'authorize' && !known.has(paymentId);
    return bank.asked.find(isNew)?.paymentId;
  });
}

test('whatever changes when, every question about a payment goes to the account that it began with', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 3, maxLength: 10 }), account, async (steps, last) => {
      bank.keys.clear();
      for (const name of ['one', 'two']) bank.keys.set(name, `key of ${name}`);
      bank.asked.length = 0;
      await keep({});
      let now = '';
      /** The rule: the account of each payment is what new payments had when it was made. */
      const accounts = new Map<string, string>();
      for (const [i, step] of steps.entries()) {
        if ('account' in step) {
          if (step.kind === 'new key') bank.keys.set(step.account, `key ${i} of ${step.account}`);
          // Whoever has a new key of an account of before tells it, and goes back to where new payments are to go.
          await keepAccount(step.account);
          if (step.kind === 'account') now = step.account;
          else await (now === '' ? keep({}) : keepAccount(now));
        } else if (step.kind === 'none') {
          await keep({});
          now = '';
        } else if ('lost' in step) {
          bank.lost = step.lost ? ['authorize'] : [];
          const paying = pay(sandbox.call, VISA).then(({ body }): string => body.id);
          const paid = step.lost ? await askedBeside(accounts) : await paying;
          accounts.set(paid, now);
        } else {
          const id = [...accounts.keys()][step.of % Math.max(1, accounts.size)];
          if (id !== undefined)
            await operate(sandbox.call, id, step.kind as 'capture', step.of % 500 || undefined);
        }
      }
      await keepAccount(last);
      bank.lost = [];
      await endLeases(sandbox.pool);
      for (const [id, expected] of accounts) {
        await settled(sandbox.pool, id);
        assert.deepEqual([bank.accountsOf(id), accountsAsked(id)], [[expected], [expected]]);
      }
    }),
    { numRuns: 15 },
  );
});
