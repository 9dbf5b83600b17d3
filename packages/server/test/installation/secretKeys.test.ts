/** Changing SECRET_KEY while the program runs: the procedure of docs/secret-keys.md, step by step, on two nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { type Server, startServer } from '../../src/app/server.ts';
import { rekeyCommand } from '../../src/commands/rekey.ts';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { cardOf, VISA } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import {
  type CallOptions,
  CUSTOMER,
  DEMO_KEY,
  OPERATOR_KEY,
  type Reply,
  request,
} from '../support/sandbox.ts';
import { attempt, codeOfApp, MANAGER, PASSWORD, setUpApp, signIn, VIEWER } from '../support/user.ts';
import { startReceiver } from '../support/webhooks.ts';

const OLD = 'the first key of this installation (1)';
const NEW = 'the second key of this installation (2)';
const THIRD = 'the third key of this installation (3)';
const silent = pino({ level: 'silent' });

let database: TestDatabase;
let pool: Pool;
const running: Server[] = [];
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 2, () => undefined);
});
after(async () => {
  await pool.end();
  for (const server of running) await server.stop();
  await database.drop();
  await stopDatabaseServer();
});

function keys(current: string, ...others: string[]): Record<string, string> {
  return { SECRET_KEY: current, ...(others.length === 0 ? {} : { OTHER_SECRET_KEYS: others.join(',') }) };
}

interface Node {
  readonly url: string;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  stop(): Promise<void>;
}

async function start(environment: Record<string, string>): Promise<Node> {
  const server = await startServer(
    readConfig({ DATABASE_URL: database.url, PORT: '0', ...environment }),
    silent,
  );
  running.push(server);
  return {
    url: server.url,
    call: (method, path, options) => request(server.url, method, path, options),
    stop: async () => {
      running.splice(running.indexOf(server), 1);
      await server.stop();
    },
  };
}

async function rekey(environment: Record<string, string>): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const output = {
    out: (text: string) => void lines.push(text),
    error: (text: string) => void lines.push(text),
  };
  return { exitCode: await rekeyCommand({ DATABASE_URL: database.url, ...environment }, output), lines };
}

function authorize(node: Node, idempotencyKey: string): Promise<Reply> {
  const body = { amount: 100, currency: 'KZT', orderReference: 'KEYS', ...CUSTOMER };
  return node.call('POST', '/v1/wallet/authorize', { idempotencyKey, body });
}

function pay(node: Node, idempotencyKey: string): Promise<Reply> {
  const body = { amount: 100, currency: 'KZT', orderReference: 'KEYS', card: cardOf(VISA) };
  return node.call('POST', '/v1/payments', { idempotencyKey, body });
}

/** The bank's token of the card can be opened. */
async function payOnFile(node: Node, cardTokenId: string): Promise<void> {
  const body = { amount: 100, currency: 'KZT', orderReference: 'KEYS', cardTokenId };
  const paid = await node.call('POST', '/v1/payments', { idempotencyKey: crypto.randomUUID(), body });
  assert.equal(paid.body.status, 'authorized', paid.text);
}

/** A customer whose IIN was hashed by this node, and who pays at that one. */
async function customerOf(node: Node, number: number): Promise<{ phoneNumber: string; iin: string }> {
  const person = { phoneNumber: `+7701555000${number}`, iin: '850520400027' };
  const admin = (path: string, body: unknown) =>
    node.call('POST', `/v1/admin${path}`, { apiKey: OPERATOR_KEY, body });
  const made = await admin('/wallet-holders', person);
  assert.equal(made.status, 201, made.text);
  const wallet = await admin(`/wallet-holders/${made.body.id}/wallets`, { currency: 'KZT' });
  assert.equal((await admin(`/wallets/${wallet.body.id}/deposit`, { amount: 5_000 })).status, 201);
  return person;
}

/** Whose wrong pair was tried: wrong ones are counted, and five lock a phone number. */
const tried = new Set<string>();

async function assertFinds(node: Node, person: { phoneNumber: string; iin: string }): Promise<void> {
  const body = { amount: 1, currency: 'KZT', orderReference: 'FIND' };
  const idempotencyKey = crypto.randomUUID();
  const found = await node.call('POST', '/v1/wallet/authorize', {
    idempotencyKey,
    body: { ...body, ...person },
  });
  assert.equal(found.body.walletTransactionStatus, 'PROCESSING', found.text);
  if (tried.has(person.phoneNumber)) return;
  tried.add(person.phoneNumber);
  const iin = person.iin === CUSTOMER.iin ? '850520400027' : CUSTOMER.iin;
  const wrong = { ...body, ...person, iin };
  const other = await node.call('POST', '/v1/wallet/authorize', {
    idempotencyKey: crypto.randomUUID(),
    body: wrong,
  });
  assert.equal(other.body.failureCode, 'customer_not_found', other.text);
}

test('SECRET_KEY is changed, and changed again, with nodes running', async () => {
  const receiver = await startReceiver();
  const first = await start(keys(OLD));
  const endpoint = await first.call('POST', '/v1/webhook-endpoints', {
    body: { url: receiver.url, bearerToken: 'bearer-token' },
  });
  assert.equal(endpoint.status, 201, endpoint.text);
  const earlier = { wallet: await authorize(first, 'wallet'), card: await pay(first, 'card') };
  const token = earlier.card.body.cardTokenId.Value;
  const cursor = (await first.call('GET', '/v1/transactions?limit=1')).body.nextCursor;
  const app = await setUpApp(await signIn(first.url, VIEWER));
  // Begun, and not confirmed yet: that is sealed as well.
  const manager = await signIn(first.url, MANAGER);
  assert.equal((await manager.call('POST', '/v1/session/totp', { body: {} })).status, 200);
  await first.stop();

  // 1. Every node knows the new key, and works with the old one.
  const old = await start(keys(OLD, NEW));
  // 2. Nodes work with the new key, one after the other.
  const next = await start(keys(NEW, OLD));
  for (const node of [old, next]) {
    for (const [key, send] of [
      ['wallet', authorize],
      ['card', pay],
    ] as const) {
      const again = await send(node, key);
      assert.deepEqual([again.text, again.headers.get('idempotency-replayed')], [earlier[key].text, 'true']);
    }
    assert.equal((await node.call('GET', `/v1/transactions?limit=1&cursor=${cursor}`)).status, 200);
    await assertFinds(node, CUSTOMER);
    assert.equal((await pay(node, crypto.randomUUID())).body.cardTokenId.Value, token);
  }
  await assertFinds(old, await customerOf(next, 1));
  await assertFinds(next, await customerOf(old, 2));
  const rotated = await next.call('POST', `/v1/webhook-endpoints/${endpoint.body.id}/rotate-secret`);
  assert.equal(rotated.status, 200, rotated.text);
  // Twice within a day: three secrets sign, each kept in a place of its own.
  assert.equal(
    (await old.call('POST', `/v1/webhook-endpoints/${endpoint.body.id}/rotate-secret`)).status,
    200,
  );
  await assertDelivers(old, endpoint.body.id);
  await assertDelivers(next, endpoint.body.id);
  await old.stop();

  // The old key is needed until what was made with it is made anew.
  await assert.rejects(start(keys(NEW)), /SECRET_KEY is not the one .* nor is it among OTHER_SECRET_KEYS/);
  const refused = await rekey(keys(OLD, NEW));
  assert.equal(refused.exitCode, 1);
  assert.match(refused.lines.join(), /an earlier key/);

  // 3. What was made with the old key is made anew, beside the running node.
  const done = await rekey(keys(NEW, OLD));
  assert.equal(done.exitCode, 0, done.lines.join('\n'));
  assert.ok(done.lines.includes('OTHER_SECRET_KEYS is needed no longer: take it away from every node.'));
  assert.ok(
    done.lines.some((line) => /^wallet_holder\.iin_hash: [1-9]/.test(line)),
    done.lines.join('\n'),
  );
  assert.ok(
    done.lines.some((line) => /^card_token\.fingerprint: 1$/.test(line)),
    done.lines.join('\n'),
  );
  await assertFinds(next, CUSTOMER);
  await next.stop();

  // 4. Without the old key.
  const alone = await start(keys(NEW));
  await assertFinds(alone, CUSTOMER);
  for (const [key, send] of [
    ['wallet', authorize],
    ['card', pay],
  ] as const)
    assert.equal((await send(alone, key)).text, earlier[key].text);
  assert.equal((await pay(alone, crypto.randomUUID())).body.cardTokenId.Value, token);
  await payOnFile(alone, token);
  assert.equal((await alone.call('GET', `/v1/transactions?limit=1&cursor=${cursor}`)).status, 400);
  await assertDelivers(alone, endpoint.body.id);
  await alone.stop();
  await assert.rejects(start(keys(OLD)), /SECRET_KEY is not the one/);

  // Once more: hashes are made with each key in turn.
  const third = await start(keys(THIRD, NEW));
  await assertFinds(third, CUSTOMER);
  assert.equal((await rekey(keys(THIRD, NEW))).exitCode, 0);
  await third.stop();
  const last = await start(keys(THIRD));
  await assertFinds(last, CUSTOMER);
  await assertFinds(last, { phoneNumber: '+77015550001', iin: '850520400027' });
  assert.equal((await pay(last, crypto.randomUUID())).body.cardTokenId.Value, token);
  await assertDelivers(last, endpoint.body.id);
  await pool.query('UPDATE totp SET last_step = 1 WHERE last_step IS NOT NULL');
  const signedIn = await attempt(last.url, VIEWER, PASSWORD, {}, codeOfApp(app.secret));
  assert.equal(signedIn.status, 200, signedIn.text);
  const again = await rekey(keys(THIRD));
  assert.deepEqual([again.exitCode, again.lines.at(-1)], [0, 'No other key was in use.']);
  await last.stop();
  await receiver.stop();
  assert.deepEqual(await audit(pool), []);
});

/** The endpoint's secret and token can be opened: a test webhook arrives with them. */
async function assertDelivers(node: Node, endpointId: string): Promise<void> {
  const sent = await node.call('POST', `/v1/webhook-endpoints/${endpointId}/test`);
  assert.equal(sent.status, 201, sent.text);
  const path = `/v1/webhook-endpoints/${endpointId}/deliveries/${sent.body.id}`;
  for (const limit = Date.now() + 60_000; ; ) {
    const { body } = await node.call('GET', path);
    if (body.status === 'delivered') return;
    assert.ok(Date.now() < limit, JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('afterwards', () => {
  test('nothing in the database is sealed with an earlier key', async () => {
    const { rows } = await pool.query(
      'SELECT id, retired_at IS NOT NULL AS retired FROM secret_key ORDER BY number',
    );
    assert.deepEqual(
      rows.map(({ retired }) => retired),
      [true, true, false],
    );
    const current = rows[2].id;
    const sealed = await pool.query(
      `SELECT secret AS text FROM webhook_endpoint UNION ALL SELECT old_secret FROM webhook_endpoint
       UNION ALL SELECT bearer_token FROM webhook_endpoint UNION ALL SELECT iin_hash FROM wallet_holder
       UNION ALL SELECT secret FROM totp UNION ALL SELECT pending_secret FROM totp
       UNION ALL SELECT fingerprint FROM card_token UNION ALL SELECT look_up_keys FROM secret_key`,
    );
    const texts = sealed.rows.map(({ text }) => text).filter((text) => text !== null);
    assert.ok(texts.length > 12);
    for (const text of texts) assert.ok(text.startsWith(`${current}.`), text);
  });

  test('the audit log tells of the keys that came and went', async () => {
    const { rows } = await pool.query(
      `SELECT action, actor_kind AS kind FROM audit_log WHERE object_kind = 'secret_key' ORDER BY id`,
    );
    assert.deepEqual(
      rows.map(({ action, kind }) => `${action} ${kind}`),
      [
        'secret_key.add system',
        'secret_key.retire command_line',
        'secret_key.add system',
        'secret_key.retire command_line',
      ],
    );
  });

  test('a reset of the sandbox keeps the keys', async () => {
    const node = await start(keys(THIRD));
    assert.equal((await node.call('POST', '/v1/sandbox/reset', { apiKey: DEMO_KEY })).status, 200);
    await assertFinds(node, CUSTOMER);
    await node.stop();
    const again = await start(keys(THIRD));
    await assertFinds(again, CUSTOMER);
    await again.stop();
  });
});
