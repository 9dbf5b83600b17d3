/** What cannot be decided in time is refused at once, before its body is read, and nothing of it is done. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { createMerchants, type TestMerchant } from '../support/ledger.ts';
import { CUSTOMER, OPERATOR_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let merchants: TestMerchant[];
before(async () => {
  // One lane, a command at a time; forty may wait, and 24 once batches are slow.
  sandbox = await startSandbox({ BATCH_SIZE: '1', BATCH_LANES: '1', MAX_QUEUE: '40' });
  merchants = await createMerchants(sandbox.pool, 32);
  // Their keys are known from here on.
  for (const { apiKey } of merchants) await sandbox.call('GET', '/v1/wallet/transactions', { apiKey });
});
after(() => sandbox.stop());
afterEach(() => slow(0));

/** Every batch takes so long. */
async function slow(databaseDelayMs: number): Promise<void> {
  const { status } = await sandbox.call('PUT', '/v1/sandbox/faults', { body: { databaseDelayMs } });
  assert.equal(status, 200);
}

/** And the engine has noticed. */
async function slowed(ms: number): Promise<void> {
  await slow(ms);
  for (let i = 0; (await queueLimit()) > 24; i += 1) {
    assert.ok(i < 10, 'slow batches let fewer wait');
    assert.equal((await pay(merchants[0] as TestMerchant)).status, 201);
  }
}

function pay({ apiKey }: TestMerchant, idempotencyKey = randomUUID()): Promise<Reply> {
  return sandbox.authorize({ amount: 1 }, { apiKey, idempotencyKey });
}

async function queueLimit(): Promise<number> {
  const { body } = await sandbox.call('GET', '/v1/admin/health', { apiKey: OPERATOR_KEY });
  return body.queue.limit;
}

async function payments(): Promise<number> {
  const { rows } = await sandbox.pool.query('SELECT count(*)::int AS count FROM transaction');
  return rows[0].count;
}

test('of many merchants some are taken, and the others get 503 before any of these is decided', async () => {
  await slowed(100);
  const [before, order] = [await payments(), [] as number[]];
  const keys = merchants.map(() => randomUUID());
  const replies = await Promise.all(
    merchants.map(async (merchant, i) => {
      const reply = await pay(merchant, keys[i]);
      order.push(reply.status);
      return reply;
    }),
  );
  const refused = replies.filter(({ status }) => status === 503);
  // One is decided, and as many as may wait wait; some more where that one is done in time.
  assert.ok(refused.length >= 4 && refused.length <= 7, `${refused.length} were refused`);
  assert.deepEqual(order.slice(0, refused.length), Array(refused.length).fill(503));
  for (const { body, headers } of refused) {
    assert.equal(body.reason, 'service_unavailable');
    assert.equal(headers.get('retry-after'), '1');
  }
  assert.equal(await payments(), before + merchants.length - refused.length);
  await slow(0);
  const again = await Promise.all(
    merchants.map(async (merchant, i) => {
      if (replies[i]?.status !== 503) return null;
      for (;;) {
        const reply = await pay(merchant, keys[i]);
        if (reply.status !== 503) return reply;
      }
    }),
  );
  for (const reply of again.filter((each) => each !== null))
    assert.deepEqual([reply.status, reply.headers.get('idempotency-replayed')], [201, null]);
  assert.equal(await payments(), before + merchants.length);
});

test('alone, one merchant may have half of those that wait: more of it gets 429, and others are taken', async () => {
  await slowed(100);
  const [one, other] = merchants as [TestMerchant, TestMerchant];
  const [flood, beside] = await Promise.all([
    Promise.all(Array.from({ length: 24 }, () => pay(one))),
    pay(other),
  ]);
  const refused = flood.filter(({ status }) => status !== 201);
  assert.ok(refused.length >= 9 && refused.length <= 17, `${refused.length} were refused`);
  for (const { status, body, headers } of refused)
    assert.deepEqual([status, body.reason, headers.get('retry-after')], [429, 'rate_limited', '1']);
  assert.equal(beside.status, 201);
});

test('a payment that was taken can be read meanwhile', async () => {
  const { body } = await pay(merchants[0] as TestMerchant);
  await slowed(100);
  const flood = merchants.map((merchant) => pay(merchant));
  const path = `/v1/wallet/transaction/${body.walletTransactionId}`;
  const read = await sandbox.call('GET', path, { apiKey: (merchants[0] as TestMerchant).apiKey });
  assert.equal(read.status, 200);
  await Promise.all(flood);
});

test('the body of what is refused is not waited for, and its connection goes on', async () => {
  await slowed(300);
  const [own, ...others] = merchants as [TestMerchant, ...TestMerchant[]];
  const flood = others.map((merchant) => pay(merchant));
  const socket = connect(Number(new URL(sandbox.url).port), '127.0.0.1');
  try {
    await once(socket, 'connect');
    const body = JSON.stringify({ ...CUSTOMER, amount: 1, currency: 'KZT', orderReference: 'LATE' });
    const head = (key: string): string =>
      `POST /v1/wallet/authorize HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${own.apiKey}\r\nIdempotency-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    // Until the others are waiting it is taken, and its body waited for.
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write(head(randomUUID()));
    assert.match(await reply(socket), /^HTTP\/1\.1 503 /);
    await Promise.all(flood);
    await slow(0);
    socket.write(body);
    socket.write(`${head(randomUUID())}${body}`);
    assert.match(await reply(socket), /^HTTP\/1\.1 201 .*"PROCESSING"/s);
  } finally {
    socket.destroy();
  }
});

/** The next whole reply. */
async function reply(socket: Socket): Promise<string> {
  let text = '';
  while (!/\r\n\r\n.*\}$/s.test(text)) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
    text += chunk;
  }
  return text;
}
