/** Payment links by the client, against the real server. What docs/links.md shows of it is run as it stands there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ConflictError, PlexyPay, PlexyPayError } from '@plexy-pay/sdk';
import { RUN_FOLDER } from '../../server/test/support/run.ts';
import { DEMO_KEY, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';

let sandbox: Sandbox;
let plexy: PlexyPay;
before(async () => {
  sandbox = await startSandbox();
  plexy = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
});
after(() => sandbox.stop());

test('a link is made once for its key, found, extended, cancelled, and its history tells of it', async () => {
  const order = { amount: 15_000, currency: 'KZT', orderReference: 'SDK/1', metadata: { cart: 7 } };
  const link = await plexy.paymentLinks.create(order, { idempotencyKey: 'sdk-1' });
  assert.equal((await plexy.paymentLinks.create(order, { idempotencyKey: 'sdk-1' })).id, link.id);
  assert.deepEqual([link.status, link.metadata], ['active', { cart: 7 }]);
  assert.equal((await plexy.paymentLinks.get(link.id)).url, link.url);
  assert.equal((await plexy.paymentLinks.byOrderReference('SDK/1')).id, link.id);
  const expiresAt = new Date(Date.now() + 7 * 24 * 3_600_000).toISOString();
  assert.equal((await plexy.paymentLinks.update(link.id, { expiresAt })).expiresAt, expiresAt);
  assert.equal((await plexy.paymentLinks.cancel(link.id)).status, 'cancelled');
  await assert.rejects(plexy.paymentLinks.cancel(link.id), (error) => {
    assert.ok(error instanceof ConflictError || error instanceof PlexyPayError);
    assert.equal(error.reason, 'payment_link_cancelled');
    return true;
  });
  const history = await plexy.paymentLinks.history(link.id).toArray();
  assert.deepEqual(
    history.map(({ name }) => name),
    ['payment_link.created', 'payment_link.cancelled'],
  );
  const cancelled = await plexy.paymentLinks.list({ status: 'cancelled' }).toArray();
  assert.deepEqual(
    cancelled.map(({ id }) => id),
    [link.id],
  );
  const sums = await plexy.paymentLinks.statistics().toArray();
  assert.equal(sums.find(({ currency }) => currency === 'KZT')?.cancelled.count, 1);
});

test('a session is for one payer now', async () => {
  const session = await plexy.paymentSessions.create({
    amount: 500,
    currency: 'KZT',
    orderReference: 'SDK-2',
  });
  assert.equal((await plexy.paymentSessions.get(session.id)).status, 'active');
});

test('what docs/links.md shows runs', async () => {
  const text = await readFile(new URL('../../../docs/links.md', import.meta.url), 'utf8');
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(text) ?? [];
  assert.match(code, /paymentLinks\.create/);
  const program = path.join(RUN_FOLDER, 'links.mjs');
  await writeFile(
    program,
    code
      .replace(`'@plexy-pay/sdk'`, `'${import.meta.resolve('@plexy-pay/sdk')}'`)
      .replace('http://127.0.0.1:8080', sandbox.url),
  );
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  assert.match(stdout, /\/checkout\/pl_[0-9a-f]{32}\npl_[0-9a-f]{32} active\n/);
});
