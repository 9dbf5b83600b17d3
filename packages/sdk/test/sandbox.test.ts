/** The client against the real server. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import {
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  PlexyPay,
  UnprocessableError,
} from '@plexy-pay/sdk';
import { OUTPUT, sdkTypes } from '../../../scripts/sdkTypes.ts';
import { DEMO_STORE, iinOf } from '../../server/test/support/operator.ts';
import {
  CUSTOMER,
  DEMO_KEY,
  OPERATOR_KEY,
  type Sandbox,
  startSandbox,
} from '../../server/test/support/sandbox.ts';

let sandbox: Sandbox;
let merchant: PlexyPay;
let operator: PlexyPay;
before(async () => {
  sandbox = await startSandbox();
  merchant = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
  operator = new PlexyPay({ apiKey: OPERATOR_KEY, baseUrl: sandbox.url });
});
after(() => sandbox.stop());

test('the types are those of the OpenAPI document', async () => {
  const { body } = await sandbox.call('GET', '/openapi.json', { apiKey: null });
  const written = await readFile(OUTPUT, 'utf8');
  assert.equal(written, sdkTypes(body), 'npm run openapi');
});

test('a payment from the hold to the refund', async () => {
  const order = { amount: 10_000, currency: 'KZT', orderReference: 'SDK-1', ...CUSTOMER };
  const held = await merchant.wallet.authorize(order);
  assert.equal(held.walletTransactionStatus, 'PROCESSING');
  const id = held.walletTransactionId;
  await merchant.wallet.cancel(id, { amount: 1_000 });
  await merchant.wallet.capture(id, { amount: 8_000 });
  assert.equal((await merchant.wallet.refund(id, { amount: 500 })).amount, 500);
  assert.deepEqual(await merchant.wallet.get(id), { ...held, walletTransactionStatus: 'SUCCESS' });
  await assert.rejects(merchant.wallet.refund(id, { amount: 8_000 }), (error) => {
    assert.ok(error instanceof UnprocessableError);
    assert.deepEqual([error.code, error.reason], [5, 'amount_exceeds_refundable']);
    assert.match(error.requestId ?? '', /^[0-9a-f-]{36}$/);
    return true;
  });
});

test('lists are read page by page', async () => {
  for (let i = 0; i < 5; i += 1)
    await merchant.wallet.authorize({ amount: 1, currency: 'KZT', orderReference: `PAGE-${i}`, ...CUSTOMER });
  const all = await merchant.wallet.list({ limit: 2 }).toArray(5);
  assert.deepEqual(
    all.map(({ orderReference }) => orderReference),
    [4, 3, 2, 1, 0].map((i) => `PAGE-${i}`),
  );
  const { items, nextCursor } = await merchant.wallet.list({ orderReference: 'PAGE-3' }).page();
  assert.deepEqual([items.length, nextCursor], [1, null]);
  const first = await merchant.wallet.list({ limit: 3 }).page();
  const rest = merchant.wallet.list({ limit: 2, ...(first.nextCursor ? { cursor: first.nextCursor } : {}) });
  assert.deepEqual(
    (await rest.toArray(2)).map((payment) => payment.orderReference),
    ['PAGE-1', 'PAGE-0'],
  );
  assert.deepEqual(await merchant.wallet.list().toArray(0), []);
});

test('an operator from the merchant to the statement', async () => {
  const { admin } = operator;
  const shop = await admin.merchants.create({ name: 'SDK Shop' });
  assert.equal((await admin.merchants.update(shop.id, { captureDelay: 9 })).captureDelay, 9);
  assert.equal((await admin.merchants.get(shop.id)).name, 'SDK Shop');
  assert.equal((await admin.merchants.list().toArray(1))[0]?.id, shop.id);
  const issued = await admin.apiKeys.issue(shop.id, { name: 'server', scopes: ['write'] });
  assert.equal((await admin.apiKeys.revoke(shop.id, issued.id)).id, issued.id);
  assert.notEqual((await admin.apiKeys.list(shop.id).toArray())[0]?.revokedAt, null);
  const key = await admin.operatorKeys.issue({ name: 'second' });
  assert.equal((await admin.operatorKeys.list().toArray()).length, 2);
  await admin.operatorKeys.revoke(key.id);

  const phoneNumber = '+77037654321';
  const holder = await admin.walletHolders.create({ phoneNumber, iin: iinOf(70) });
  assert.deepEqual(await admin.walletHolders.list({ phoneNumber }).toArray(), [holder]);
  assert.deepEqual(await admin.walletHolders.get(holder.id), holder);
  const wallet = await admin.walletHolders.createWallet(holder.id, {
    currency: 'KZT',
    requiresConfirmation: true,
  });
  const amount = Number.MAX_SAFE_INTEGER;
  await admin.wallets.deposit(wallet.id, { amount, reference: 'a' });
  assert.equal((await admin.wallets.deposit(wallet.id, { amount })).available, 2n * BigInt(amount));
  assert.equal((await admin.wallets.freeze(wallet.id)).frozen, true);
  assert.equal((await admin.wallets.unfreeze(wallet.id)).frozen, false);
  await admin.wallets.withdraw(wallet.id, { amount: 1 });
  const order = { amount: 500, currency: 'KZT', orderReference: 'W', phoneNumber, iin: iinOf(70) };
  for (const decide of ['confirm', 'decline'] as const) {
    const { walletTransactionId } = await merchant.wallet.authorize(order);
    await admin.transactions[decide](walletTransactionId);
  }
  const [held] = await admin.walletHolders.wallets(holder.id).toArray();
  assert.deepEqual([held?.available, held?.held], [2n * BigInt(amount) - 501n, 500n]);
  const statement = await admin.wallets.statement(wallet.id, { limit: 2 }).toArray();
  assert.deepEqual(
    statement.map(({ code }) => code),
    ['withdrawal', 'deposit', 'deposit'],
  );
  const page = await admin.wallets.statement(wallet.id).page();
  assert.deepEqual([page.openingBalance, page.closingBalance], [0n, 2n * BigInt(amount) - 1n]);
  assert.deepEqual(
    page.holds.map((hold) => hold.amount),
    [500],
  );
  assert.deepEqual(await admin.wallets.get(wallet.id), held);
  const [balance] = await admin.merchants.balances(DEMO_STORE).toArray();
  const [entry] = await admin.merchants.statement(DEMO_STORE, { currency: 'KZT' }).toArray(1);
  assert.equal(entry?.balance, balance?.balance);
  assert.deepEqual(await merchant.balances.list().toArray(), [balance]);
  const own = await merchant.balances.statement('KZT', { limit: 1 }).page();
  assert.deepEqual([own.items[0], own.closingBalance], [entry, balance?.balance]);
  assert.ok((await admin.accounts.list().toArray()).some(({ balance }) => balance < 0n));
});

test('a card payment from the hold to the refund, its history, and what finds it', async () => {
  const orderReference = 'SDK/CARD 1';
  const card = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2040, cvc: '123' };
  const order = { amount: 10_000, currency: 'KZT', orderReference };
  const paid = await merchant.payments.create({ ...order, card });
  assert.deepEqual([paid.status, typeof paid.balance], ['authorized', 'bigint']);
  const { transactions } = merchant;
  assert.equal((await transactions.capture(paid.id, { amount: 6_000 })).status, 'charged');
  const refund = await transactions.refund(paid.id);
  assert.deepEqual([refund.type, refund.amount], ['refund', 6_000]);
  assert.equal((await transactions.get(paid.id)).status, 'refunded');
  const history = await transactions.history(paid.id, { limit: 2 }).toArray();
  assert.deepEqual(
    history.map(({ seq, name }) => [seq, name]),
    ['created', 'authorized', 'capture_requested', 'charged', 'refunded'].map((name, i) => [
      i + 1,
      `transaction.${name}`,
    ]),
  );
  const ids = [refund.id, paid.id];
  const found = await transactions.byOrderReference(orderReference, { limit: 1 }).toArray();
  const listed = await transactions.list({ orderReference, paymentMethod: 'card', limit: 1 }).toArray();
  for (const list of [found, listed])
    assert.deepEqual(
      list.map(({ id }) => id),
      ids,
    );
  const second = await merchant.payments.create({ ...order, card });
  assert.equal((await transactions.cancel(second.id)).status, 'cancelled');
  await assert.rejects(transactions.byPaymentLink(`pl_${'0'.repeat(32)}`).page(), NotFoundError);
});

test('the sandbox’s levers', async () => {
  const { sandbox: levers } = merchant;
  const waiting = (await levers.fixtures()).customers.find(({ phoneNumber }) => phoneNumber.endsWith('4'));
  assert.ok(waiting !== undefined);
  const { phoneNumber, iin } = waiting;
  const order = { amount: 500, currency: 'KZT', orderReference: 'L', phoneNumber, iin };
  const outcomes = { confirm: 'PROCESSING', decline: 'FAILED' } as const;
  for (const decision of ['confirm', 'decline'] as const) {
    const { walletTransactionId: id } = await merchant.wallet.authorize(order);
    assert.match((await levers.confirmation(id)).url, /\/confirm\//);
    assert.equal((await levers[decision](id)).walletTransactionStatus, outcomes[decision]);
  }
  assert.deepEqual(await levers.setFaults({ bank: 'slow' }), await levers.faults());
  assert.equal((await levers.setFaults({ bank: 'none' })).bank, 'none');
  const { offsetSeconds } = await levers.advanceClock({ advanceSeconds: 60 });
  assert.equal((await levers.clock()).offsetSeconds, offsetSeconds);
  assert.deepEqual(await levers.reset(), { reset: true });
  assert.deepEqual(await merchant.transactions.list().toArray(), []);
});

test('the stream, from where it was left', async () => {
  const { transactions, wallet } = merchant;
  const opened = Promise.withResolvers<void>();
  const live = transactions.stream({ onOpen: () => opened.resolve() });
  const first = live.next();
  await opened.promise;
  const order = { amount: 1_000, currency: 'KZT', orderReference: 'STREAM', ...CUSTOMER };
  // A line that ends where no other parser than ours sees one.
  const held = await wallet.authorize({ ...order, orderReference: 'a\u2028b' });
  await wallet.cancel(held.walletTransactionId, { amount: 100 });
  const { value: created } = await first;
  assert.deepEqual([created.name, created.seq, created.statusChanged], ['transaction.created', 1, true]);
  assert.deepEqual([created.data.orderReference, created.data.balance], ['a\u2028b', 0n]);
  await live.return(undefined as never);
  const names: unknown[] = [];
  for await (const event of transactions.stream({ lastEventId: created.lastEventId })) {
    names.push([event.name, event.seq, event.statusChanged]);
    assert.ok(event.text.startsWith(`{"name":"${event.name}","merchantId":"${DEMO_STORE}","data":{`));
    if (names.length === 2) break;
  }
  assert.deepEqual(names, [
    ['transaction.authorized', 2, true],
    ['transaction.partially_cancelled', 3, false],
  ]);
  await assert.rejects(transactions.stream({ lastEventId: 'x' }).next(), InvalidRequestError);
});

test('keys open what they are for', async () => {
  await assert.rejects(merchant.admin.merchants.list().page(), PermissionError);
  await assert.rejects(operator.wallet.list().page(), PermissionError);
  await assert.rejects(operator.admin.merchants.get('nobody'), NotFoundError);
});
