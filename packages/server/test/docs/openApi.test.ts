/** The OpenAPI document is complete, and in step with the program. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { errorsText } from '../../../../scripts/openapi.ts';
import { WEBHOOK_EVENTS } from '../../src/core/lifecycle.ts';
import { LINK_EVENTS } from '../../src/core/link.ts';
import { OPERATION_DOCS } from '../../src/docs/operationDocs.ts';
import { REASONS } from '../../src/http/errors.ts';
import { contradictionsOf, seenContradictions } from '../support/contract.ts';
import { type CallOptions, DEMO_KEY, OPERATOR_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
// biome-ignore lint/suspicious/noExplicitAny: a document of any shape
let document: any;
before(async () => {
  sandbox = await startSandbox();
  document = (await sandbox.call('GET', '/openapi.json', { apiKey: null })).body;
});
after(() => sandbox.stop());

function read(name: string): Promise<string> {
  return readFile(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
}

test('docs/openapi.json is the served document, but for the server (else: npm run openapi)', async () => {
  const { servers: _file, ...committed } = JSON.parse(await read('openapi.json'));
  const { servers: _served, ...served } = document;
  assert.deepEqual(served, committed);
});

test('the API, the program and its packages have one version', async () => {
  const root = new URL('../../../../', import.meta.url);
  const files = ['package.json', ...globSync('packages/*/package.json', { cwd: root })];
  const versions = await Promise.all(
    files.map(async (file) => [file, JSON.parse(await readFile(new URL(file, root), 'utf8')).version]),
  );
  assert.deepEqual(
    versions.filter(([, version]) => version !== document.info.version),
    [],
  );
});

test('docs/errors.md is the table of reasons (else: npm run openapi)', async () => {
  assert.equal(await read('errors.md'), errorsText());
});

test('every operation has an id of its own, a summary, a tag, security and examples', () => {
  const ids = new Set<string>();
  for (const [path, operations] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`;
      const { operationId, summary, description, tags, security } = operation;
      assert.ok(typeof operationId === 'string' && !ids.has(operationId), name);
      ids.add(operationId);
      assert.ok(typeof summary === 'string' && summary.length < 60, name);
      assert.ok(typeof description === 'string' && description.length > 20, `${name} has no description`);
      assert.ok(Array.isArray(tags) && tags.length === 1, name);
      assert.ok(Array.isArray(security), name);
    }
  }
  assert.ok(ids.has('authorizeWallet') && ids.has('listWalletTransactions'));
});

test("the wallet's requests and responses have examples that the API itself would accept", async () => {
  for (const [path, operations] of Object.entries<Record<string, Record<string, never>>>(document.paths)) {
    if (!path.startsWith('/v1/wallet')) continue;
    for (const operation of Object.values<Record<string, never>>(operations)) {
      const { responses, requestBody } = operation as never as { responses: Json; requestBody?: Json };
      const success = responses['201'] ?? responses['200'];
      assert.ok(Object.keys(success.content['application/json'].examples).length > 0, path);
      assert.ok(success.headers['X-Request-Id'], path);
      if (requestBody !== undefined) assert.ok(requestBody.content['application/json'].examples, path);
    }
  }
  const { examples } = document.paths['/v1/wallet/authorize'].post.requestBody.content['application/json'];
  assert.equal((await sandbox.authorize(examples.succeeds.value)).body.walletTransactionStatus, 'PROCESSING');
  assert.equal((await sandbox.authorize(examples.fails.value)).body.failureCode, 'insufficient_funds');
});

// biome-ignore lint/suspicious/noExplicitAny: a part of a document of any shape
type Json = any;

test('every reason is one of some operation, and every operation has its own', () => {
  const missing = Object.keys(REASONS).filter((reason) => !(reason in document.components.examples));
  // These come before any operation is known, or of what is in no document: metrics, what banks send, and
  // what payers are told.
  assert.deepEqual(missing.sort(), [
    'expectation_failed',
    'headers_too_large',
    'host_not_allowed',
    'method_not_allowed',
    'metrics_token_required',
    'notification_not_verified',
    'request_timeout',
  ]);
  const ids = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  assert.deepEqual(Object.keys(OPERATION_DOCS).sort(), ids.sort());
});

test('a capture is not said to answer what only other operations do', () => {
  const { responses } = document.paths['/v1/wallet/{wallet_transaction_id}/capture'].post;
  const { description } = document.components.responses[responses['422'].$ref.split('/').at(-1)];
  assert.match(description, /amount_exceeds_held/);
  assert.doesNotMatch(description, /last_admin|invalid_email|amount_exceeds_refundable/);
});

test('the comparison of answers with the document notices what is not in it', () => {
  const answer = {
    ...{ method: 'GET', path: '/v1/session?x=1', status: 200 },
    header: (name: string) => ({ 'content-type': 'application/json', 'x-request-id': 'x' })[name] ?? null,
    text: JSON.stringify({
      user: { id: '01900000-0000-7000-8000-000000000001', email: 'a@b.test', name: 'A', role: 'viewer' },
      merchant: null,
      mode: 'sandbox',
      mustSetUpSecondFactor: false,
    }),
  };
  assert.deepEqual(contradictionsOf(answer), []);
  assert.match(contradictionsOf({ ...answer, status: 418 }).join(), /getSession 418 is not documented/);
  assert.match(contradictionsOf({ ...answer, text: '{}' }).join(), /getSession 200: body must have/);
  const refused = { ...answer, status: 401, text: JSON.stringify({ reason: 'wrong_credentials' }) };
  assert.match(contradictionsOf(refused).join(), /the reason wrong_credentials is not documented/);
  const bare = { ...answer, header: (name: string) => (name === 'content-type' ? 'application/json' : null) };
  assert.match(contradictionsOf(bare).join(), /x-request-id is promised and missing/);
  const told = (name: string) => ({
    ...answer,
    header: (one: string) => answer.header(one) ?? (one === name ? '1' : null),
  });
  assert.match(contradictionsOf(told('retry-after')).join(), /retry-after is not documented/);
  assert.match(
    contradictionsOf(told('idempotency-replayed')).join(),
    /idempotency-replayed is not documented/,
  );
  const text = { ...answer, header: (name: string) => (name === 'content-type' ? 'text/plain' : 'x') };
  assert.match(contradictionsOf(text).join(), /text\/plain is not documented/);
});

test('whatever is wrong with a request, its operation’s answer is in the document', async () => {
  const id = '01900000-0000-7000-8000-00000000ffff';
  const wrong: readonly CallOptions[] = [
    { apiKey: null },
    { apiKey: 'pr_test_unknown' },
    { apiKey: OPERATOR_KEY },
    {},
    { headers: { cookie: `plexy_session=${'x'.repeat(43)}` }, apiKey: null },
  ];
  const bodies: readonly CallOptions[] = [
    { rawBody: '{' },
    { rawBody: '[]' },
    { body: { unknown: 1 } },
    { body: {}, idempotencyKey: ' ' },
    { rawBody: 'x'.repeat(70_000) },
    { rawBody: 'x', headers: { 'content-type': 'text/plain' } },
    { rawBody: '{}', headers: { 'content-encoding': 'gzip' } },
  ];
  let answers = 0;
  for (const [path, operations] of Object.entries<Record<string, Json>>(document.paths)) {
    const url = path.replace(/\{\w+\}/g, id);
    for (const [method, operation] of Object.entries(operations)) {
      // It would put everything back that other tests have made, and streams do not end.
      if (operation.operationId === 'resetSandbox') continue;
      const apiKey = JSON.stringify(operation.security).includes('operator') ? OPERATOR_KEY : DEMO_KEY;
      const send = async (query: string, options: CallOptions) => {
        await sandbox.call(method.toUpperCase(), `${url}${query}`, options);
        answers += 1;
      };
      if (!path.endsWith('/stream')) for (const options of wrong) await send('', options);
      await send('?unknown=1', { apiKey });
      if (method !== 'get') for (const options of bodies) await send('', { apiKey, ...options });
    }
  }
  assert.ok(answers > 1_000, `${answers} answers`);
  assert.deepEqual(seenContradictions(), []);
});

test('no path of the document has a slash at its end, and each answers with and without one', async () => {
  for (const path of Object.keys(document.paths)) assert.doesNotMatch(path, /\/$/);
  for (const path of ['/health', '/v1/wallet/transactions', '/openapi.json', '/docs']) {
    const [without, slash] = [await sandbox.call('GET', path), await sandbox.call('GET', `${path}/`)];
    assert.deepEqual([without.status, slash.status, slash.text], [200, 200, without.text]);
  }
});

test('each webhook has its body’s schema, with every field of the specification’s example', () => {
  const names = Object.keys(document.webhooks);
  assert.deepEqual(names.sort(), [...WEBHOOK_EVENTS, ...LINK_EVENTS].sort());
  for (const name of names) {
    const { schema } = document.webhooks[name].post.requestBody.content['application/json'];
    const expected = LINK_EVENTS.includes(name) ? 'PaymentLinkWebhookEvent' : 'WebhookEvent';
    assert.deepEqual(schema, { $ref: `#/components/schemas/${expected}` });
  }
  const { schemas } = document.components;
  assert.deepEqual(Object.keys(schemas.WebhookEvent.properties), ['name', 'merchantId', 'data']);
  const data = schemas[schemas.WebhookEvent.properties.data.$ref.split('/').at(-1)];
  const specified =
    'id amount balance currency status type paymentMethod payerIp merchantReference description createdAt updatedAt authedAt confirmedAt processedAt processedAmount storeId terminalId secure3d parentTransactionId recurringType retrievalReferenceNumber paymentLinkId paymentSessionId cardTokenId customerId last4 walletTransactionId';
  for (const field of specified.split(' ')) assert.ok(data.required.includes(field), field);
});

test('names are readable, and nothing is an anonymous schema', () => {
  assert.deepEqual(
    Object.keys(document.components.schemas).filter((name) => !/^[A-Z][A-Za-z]+$/.test(name)),
    [],
  );
  assert.ok(document.components.securitySchemes.merchantApiKey);
});
