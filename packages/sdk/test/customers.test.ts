/** Customers by the client, against the real server. What docs/customers.md shows of it is run as it stands there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { NotFoundError, PlexyPay } from '@plexy-pay/sdk';
import { RUN_FOLDER } from '../../server/test/support/run.ts';
import { CUSTOMER, DEMO_KEY, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

let sandbox: Sandbox;
let plexy: PlexyPay;
before(async () => {
  sandbox = await startSandbox();
  plexy = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
});
after(() => sandbox.stop());

test('a customer is made, found, changed, pays, is exported and erased', async () => {
  const { customers } = plexy;
  const made = await customers.create({ reference: 'SDK-1', name: 'Айгүл' }, { idempotencyKey: 'sdk' });
  assert.equal(
    (await customers.create({ reference: 'SDK-1', name: 'Айгүл' }, { idempotencyKey: 'sdk' })).id,
    made.id,
  );
  assert.deepEqual(await customers.list({ query: 'айг' }).toArray(), [made]);
  const changed = await customers.update(made.id, { email: 'a@example.kz', name: null });
  assert.deepEqual([changed.email, changed.name, changed.reference], ['a@example.kz', null, 'SDK-1']);
  const order = { amount: 1_500, currency: 'KZT', orderReference: 'SDK', ...CUSTOMER, customerId: made.id };
  const { walletTransactionId } = await plexy.wallet.authorize(order);
  await plexy.wallet.capture(walletTransactionId, { amount: 1_000 });
  const [payment] = await customers.transactions(made.id).toArray();
  assert.deepEqual(payment?.customerId, { Value: made.id });
  const [total] = await customers.totals(made.id).toArray();
  assert.deepEqual(total, { currency: 'KZT', payments: 1, spent: 1_000n, refunded: 0n });
  const exported = await customers.export(made.id);
  assert.deepEqual([exported.customer, exported.transactions], [changed, [payment]]);
  const erased = await customers.erase(made.id);
  assert.deepEqual(await customers.get(made.id), erased);
  assert.deepEqual([erased.email, erased.reference], [null, null]);
  assert.ok(erased.erasedAt);
  await assert.rejects(customers.get(crypto.randomUUID()), NotFoundError);
});

test('what docs/customers.md shows runs', async () => {
  const text = await readFile(new URL('../../../docs/customers.md', import.meta.url), 'utf8');
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(text) ?? [];
  assert.match(code, /customers\.erase/);
  const program = path.join(RUN_FOLDER, 'customers.mjs');
  await writeFile(
    program,
    code
      .replace(`'@plexy-pay/sdk'`, `'${import.meta.resolve('@plexy-pay/sdk')}'`)
      .replace('http://127.0.0.1:8080', sandbox.url),
  );
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  assert.match(stdout, /\/checkout\/pl_[0-9a-f]{32}\n/);
});
