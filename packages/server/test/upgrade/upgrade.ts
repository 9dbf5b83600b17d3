/**
 * An upgrade as docs/upgrades.md describes it, from the last release to this version, while merchants pay: the last release
 * fills a database, this version migrates it beside it, both serve it, the last release ends. `npm run test:upgrade` runs it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { shareEventRows } from '../../src/engine/eventRowsSql.ts';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { CHALLENGED, cardOf, eventually, VISA } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { EVERY_EVENT } from '../support/ledger.ts';
import { type Program, startProgram } from '../support/program.ts';
import { OPERATOR_KEY } from '../support/sandbox.ts';
import { openStream, type StreamReader } from '../support/stream.ts';
import { type Receiver, startReceiver, verify } from '../support/webhooks.ts';
import { addedSince, checkOutRelease, type Release } from './release.ts';
import { type Answer, type Asked, ask, authorize, Traffic } from './traffic.ts';

const ROOT = path.join(import.meta.dirname, '../../../..');
const PLEXY = path.join(ROOT, 'node_modules/.bin/plexy');
const MAIN = 'packages/server/src/main.ts';
const AUDIT = 'packages/server/src/commands/audit.ts';
/** Events that webhooks are not sent for. */
const UNTOLD = /_requested$|_declined$|\.partially_(?:cancelled|refunded)$/;
const RETURN_URL = 'http://shop.test/back';

const run = promisify(execFile);

interface Node {
  readonly program: Program;
  readonly url: string;
}

let release: Release;
let added: string[];
let database: TestDatabase;
let pool: Pool;
let bank: TestBank;
let receiver: Receiver;
let older: Node;
let newer: Node;
let traffic: Traffic;
let reader: StreamReader | undefined;
/** Events of the streams that were read, one after the other. */
const streamed: { name: string; id: string; seq: number }[] = [];

before(async () => {
  release = await checkOutRelease();
  added = await addedSince(release);
  console.log(
    `The last release is ${release.name}; this version adds ${added.join(', ') || 'no migration'}.`,
  );
  database = await createDatabase();
  pool = createPool(database.url, 3, () => undefined);
  [bank, receiver] = await Promise.all([startTestBank(), startReceiver()]);
});
after(async () => {
  await traffic?.stop();
  reader?.close();
  for (const node of [older, newer]) node?.program.child.kill('SIGKILL');
  await Promise.all([older?.program.ended(), newer?.program.ended()]);
  await bank?.end();
  await receiver?.stop();
  await pool?.end();
  await database?.drop();
  await stopDatabaseServer();
});

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { ACQUIRER_URL = '', ACQUIRER_SECRET = '' } = bank.environment;
  return { DATABASE_URL: database.url, LOG_LEVEL: 'warn', ACQUIRER_URL, ACQUIRER_SECRET, ...more };
}

async function start(folder: string): Promise<Node> {
  const program = startProgram(environment(), path.join(folder, MAIN));
  return { program, url: await program.listening() };
}

/** Starts it where it has to refuse. @returns its exit code and what it says */
async function refusal(folder: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = startProgram(environment(more), path.join(folder, MAIN));
  const code = await program.ended();
  return `${code}: ${program.output().stderr}`;
}

async function post(node: Node, at: string, body: unknown, asked: Asked = {}): Promise<Answer> {
  return ask(node.url, 'POST', at, { key: crypto.randomUUID(), ...asked, body });
}

async function get(node: Node, at: string): Promise<Answer> {
  const answer = await ask(node.url, 'GET', at);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

/** @returns the body of an answer that has this status */
async function made(status: number, answering: Promise<Answer>): Promise<Answer['body']> {
  const answer = await answering;
  assert.equal(answer.status, status, answer.text);
  return answer.body;
}

const order = (body: object = {}): object => ({
  amount: 10_000,
  currency: 'KZT',
  orderReference: 'UPGRADE',
  ...body,
});
const payByCard = (node: Node, number: string, body: object = {}): Promise<Answer['body']> =>
  made(201, post(node, '/v1/payments', order({ card: cardOf(number), returnUrl: RETURN_URL, ...body })));
const operate = (node: Node, id: string, operation: string, amount = 10_000): Promise<Answer['body']> =>
  made(200, post(node, `/v1/transactions/${id}/${operation}`, { amount }));

/** The payer passes 3-D Secure at the bank's page, and comes back to this node. */
async function authenticate(node: Node, redirectUrl: string): Promise<void> {
  const body = new URLSearchParams({ decision: 'approve' });
  const decided = await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
  const back = new URL(decided.headers.get('location') ?? '');
  const returned = await fetch(`${node.url}${back.pathname}${back.search}`, { redirect: 'manual' });
  assert.equal(returned.status, 303, await returned.text());
}

/** A payer pays a link by card at this node. */
async function payLink(node: Node, id: string): Promise<void> {
  const body = { attemptId: crypto.randomUUID(), card: { ...cardOf(VISA), holder: 'A B' } };
  const headers = { origin: node.url };
  const state = await made(
    200,
    ask(node.url, 'POST', `/checkout/${id}/card`, { apiKey: null, headers, body }),
  );
  assert.deepEqual([state.status, state.isOwn], ['paid', true], JSON.stringify(state));
}

/** What is begun at one node and ended at the other. */
interface Begun {
  readonly held: string;
  readonly charged: string;
  readonly challenged: { readonly id: string; readonly redirectUrl: string };
  readonly link: string;
  readonly session: string;
  readonly customer: string;
  readonly agreed: string;
  readonly cookie: string;
}

async function beginAt(node: Node): Promise<Begun> {
  const held = await payByCard(node, VISA);
  const charged = await payByCard(node, VISA);
  assert.equal((await operate(node, charged.id, 'capture')).status, 'charged');
  const challenged = await payByCard(node, CHALLENGED);
  assert.equal(challenged.status, '3d');
  const link = await made(201, post(node, '/v1/payment-links', order()));
  const session = await made(201, post(node, '/v1/payment-sessions', order()));
  const customer = await made(201, post(node, '/v1/customers', { name: 'Aigul' }));
  const recurring = { customerId: customer.id, recurring: { type: 'cof_initial' } };
  const agreed = await payByCard(node, VISA, recurring);
  const credentials = { email: 'merchant@demo.test', password: 'sandbox' };
  const signedIn = await ask(node.url, 'POST', '/v1/session', { apiKey: null, body: credentials });
  assert.equal(signedIn.status, 200, signedIn.text);
  const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const ids = { held: held.id, charged: charged.id, link: link.id, session: session.id };
  return { ...ids, challenged, customer: customer.id, agreed: agreed.id, cookie };
}

async function endAt(node: Node, begun: Begun): Promise<void> {
  assert.equal((await operate(node, begun.held, 'capture')).status, 'charged');
  assert.equal((await operate(node, begun.charged, 'refund', 4_000)).status, 'refunded');
  await authenticate(node, begun.challenged.redirectUrl);
  assert.equal((await get(node, `/v1/transactions/${begun.challenged.id}`)).body.status, 'authorized');
  assert.equal((await operate(node, begun.challenged.id, 'cancel')).status, 'cancelled');
  for (const id of [begun.link, begun.session]) await payLink(node, id);
  assert.equal((await get(node, `/v1/payment-links/${begun.link}`)).body.status, 'paid');
  const again = { customerId: begun.customer, amount: 4_900 };
  const recurring = await made(201, post(node, '/v1/payments/recurring/merchant/initiated', order(again)));
  assert.deepEqual([recurring.status, recurring.parentTransactionId], ['authorized', begun.agreed]);
  const headers = { cookie: begun.cookie, origin: node.url };
  assert.equal((await ask(node.url, 'GET', '/v1/session', { apiKey: null, headers })).status, 200);
}

/** Reads the stream at this node, from where it was read before. */
async function follow(node: Node): Promise<void> {
  const lastEventId = reader?.lastId();
  if (reader !== undefined) takeStreamed();
  reader?.close();
  reader = await openStream(node.url, lastEventId === undefined ? {} : { lastEventId });
  assert.equal(reader.status, 200);
  await reader.until(({ text }) => text() !== '', 'the stream has begun');
}

function takeStreamed(): void {
  for (const { name, body } of reader?.events ?? []) streamed.push({ name, id: body.data.id, seq: body.seq });
}

async function createEndpoint(node: Node): Promise<string> {
  return (await made(201, post(node, '/v1/webhook-endpoints', { url: receiver.url }))).secret;
}

/** Every invariant holds by the audit of this version. */
async function assertInvariants(): Promise<void> {
  assert.deepEqual(await audit(pool), []);
}

const untroubled = (): void => assert.deepEqual(traffic.troubles, []);

/** Binds a key of operators to addresses, at this version. */
function bindKey(): Promise<Answer> {
  const body = { name: 'bound', allowedNetworks: ['203.0.113.1'] };
  return ask(newer.url, 'POST', '/v1/admin/operator-keys', { apiKey: OPERATOR_KEY, body });
}

let secret: string;
let isBroken = false;

/** One step of the upgrade: after one that failed the others say nothing. */
function step(name: string, work: () => Promise<void>): void {
  test(name, async () => {
    assert.ok(!isBroken, 'an earlier step failed');
    isBroken = true;
    await work();
    isBroken = false;
  });
}

let begun: Begun;

step('the last release fills a database, and merchants pay at it', async () => {
  older = await start(release.folder);
  secret = await createEndpoint(older);
  await follow(older);
  begun = await beginAt(older);
  traffic = new Traffic([older.url]);
  await traffic.more(20);
  untroubled();
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout } = await run(process.execPath, [path.join(release.folder, AUDIT)], {
    env,
    cwd: release.folder,
  });
  assert.equal(stdout.match(/^ok/gm)?.length, 7, stdout);
});

step('this version does not start on the database of the last release unless it may migrate it', async () => {
  const said = await refusal(ROOT, { MIGRATE: 'off' });
  if (added.length === 0) return;
  assert.match(said, new RegExp(`^1: .*the database lacks ${added[0]}.*run "npx plexy migrate"`));
});

step('plexy migrate brings the database up to date beside the last release, which goes on', async () => {
  const env = { PATH: process.env.PATH, DATABASE_URL: database.url };
  const { stdout: plan } = await run(PLEXY, ['migrate', '--plan'], { env });
  for (const name of added) assert.ok(plan.includes(name), plan);
  await run(PLEXY, ['migrate'], { env });
  const { stdout: nothing } = await run(PLEXY, ['migrate', '--plan'], { env });
  assert.match(nothing, /up to date/);
  await traffic.more(20);
  untroubled();
  await assertInvariants();
  // Whoever needs nothing new finds nothing changed: all that can be done is still done there.
  await endAt(older, await beginAt(older));
  await assertInvariants();
});

step('both serve: what is begun at one is ended at the other', async () => {
  newer = await start(ROOT);
  await traffic.move([older.url, newer.url]);
  await traffic.more(20);
  await endAt(newer, begun);
  await endAt(older, await beginAt(newer));
  await endAt(newer, await beginAt(older));
  const key = crypto.randomUUID();
  const [here, there] = [await authorize(older.url, key), await authorize(newer.url, key)];
  assert.deepEqual([here.status, there.status, there.text], [201, 201, here.text]);
  assert.equal(there.headers.get('idempotency-replayed'), 'true');
  // What the last release does not know must not be relied on beside it.
  if (added.includes('0085_restricted_keys.sql'))
    assert.equal((await bindKey()).body.reason, 'older_nodes_running');
  await traffic.more(20);
  untroubled();
  await assertInvariants();
});

step('the last release ends, and its stream goes on at this version', async () => {
  await traffic.move([newer.url]);
  await follow(newer);
  const last = await beginAt(older);
  older.program.child.kill('SIGTERM');
  assert.equal(await older.program.ended(), 0, older.program.output().stderr);
  await endAt(newer, last);
  const bound = await bindKey();
  assert.equal(bound.status, 201, bound.text);
  await traffic.more(20);
  untroubled();
  await assertInvariants();
});

step(
  'started again on the newer database the last release says so and ends, also where it may migrate',
  async () => {
    if (added.length === 0) return;
    for (const more of [{}, { MIGRATE: 'off' }] as const)
      assert.match(
        await refusal(release.folder, more),
        new RegExp(`^1: .*the database is newer than this program: it has ${added.join(', ')}`),
      );
    await traffic.more(5);
    untroubled();
  },
);

step(
  'rows are shared once nobody has seen the last release for a while, under traffic and with readers',
  async () => {
    if (!added.includes('0090_events_in_one_row.sql')) return;
    const sharedRows = async (): Promise<number> =>
      (await pool.query('SELECT count(*)::int AS count FROM event WHERE with_created')).rows[0].count;
    assert.equal(await sharedRows(), 0);
    // An hour and three minutes: packages/server/test/feed/eventRows.test.ts waits for such a time, of its own measure.
    await shareEventRows(pool);
    await traffic.more(20);
    assert.ok((await sharedRows()) >= 15);
    await endAt(newer, await beginAt(newer));
    untroubled();
    await assertInvariants();
  },
);

interface Told {
  readonly id: string;
  readonly seq: number;
  readonly name: string;
}

async function eventsOfMerchant(): Promise<Told[]> {
  const { rows } = await pool.query(
    `SELECT transaction_id AS id, seq, name FROM ${EVERY_EVENT} e WHERE merchant_id = (SELECT merchant_id FROM webhook_endpoint LIMIT 1)
       AND link_expires_at IS NULL ORDER BY round, position`,
  );
  return rows;
}

step('nothing was lost or told twice: payments, the stream, webhooks', async () => {
  await traffic.stop();
  untroubled();
  const { rows } = await pool.query(
    `SELECT id, status FROM transaction WHERE type = 'payment' AND payment_method = 'wallet'`,
  );
  const statuses = rows.map(({ status }) => status).filter((status) => status !== 'authorized');
  const ended = [...traffic.acknowledged.values()].filter((status) => status !== 'authorized');
  assert.deepEqual(statuses.sort(), ended.sort());
  assert.equal(rows.length, traffic.acknowledged.size + 1);

  const events = await eventsOfMerchant();
  await reader?.until(
    ({ events: more }) => streamed.length + more.length >= events.length,
    'the stream has all',
  );
  takeStreamed();
  assert.deepEqual(
    streamed.map(({ id, seq, name }) => ({ id, seq, name })),
    events,
  );

  const told = events.filter(({ name }) => !UNTOLD.test(name));
  await receiver.until(
    ({ received }) => new Set(received.map(({ headers }) => headers['webhook-id'])).size >= told.length,
    'every webhook is received',
  );
  const once = new Map(receiver.received.map((each) => [each.headers['webhook-id'], each]));
  for (const received of once.values()) verify(secret, received);
  const namesOf = (all: readonly { id: string; name: string }[]): [string, string[]][] =>
    [...Map.groupBy(all, ({ id }) => id)]
      .map(([id, some]) => [id, some.map(({ name }) => name)] as [string, string[]])
      .sort();
  const received = [...once.values()].map(({ body }) => ({ id: body.data.id, name: body.name }));
  assert.deepEqual(namesOf(received), namesOf(told));
  await eventually('no delivery is pending', async () => {
    const { rowCount } = await pool.query(`SELECT FROM webhook_delivery WHERE status = 'pending'`);
    return rowCount === 0;
  });
  await assertInvariants();
});
