import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { ConfigError, readConfig } from '../../src/app/config.ts';
import { type Server, startServer } from '../../src/app/server.ts';
import { auditCommand } from '../../src/commands/audit.ts';
import { createOperatorKeyCommand } from '../../src/commands/operatorKey.ts';
import { createOperatorUserCommand } from '../../src/commands/operatorUser.ts';
import { VISA } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { besideNode } from '../support/olderNode.ts';
import { iinOf } from '../support/operator.ts';
import { type CallOptions, type Reply, request } from '../support/sandbox.ts';
import { attempt, setUpApp, signIn } from '../support/user.ts';

const SECRET_KEY = 'a secret of production, long enough';
const silent = pino({ level: 'silent' });

let database: TestDatabase;
let server: Server;

function environment(more: Record<string, string> = {}): Record<string, string> {
  return { MODE: 'production', DATABASE_URL: database.url, SECRET_KEY, PORT: '0', ADMIN_PORT: '0', ...more };
}

before(async () => {
  database = await createDatabase();
  const early = await keyCommand('too early');
  assert.deepEqual([early.exitCode, early.out], [3, []]);
  server = await startServer(readConfig(environment()), silent);
});
after(async () => {
  await server.stop();
  await database.drop();
  await stopDatabaseServer();
});

async function keyCommand(name: string): Promise<{ exitCode: number; out: string[]; errors: string[] }> {
  const out: string[] = [];
  const errors: string[] = [];
  const output = {
    out: (text: string) => void out.push(text),
    error: (text: string) => void errors.push(text),
  };
  const exitCode = await createOperatorKeyCommand(name, { DATABASE_URL: database.url }, output);
  return { exitCode, out, errors };
}

function admin(method: string, path: string, options: CallOptions): Promise<Reply> {
  return request(server.adminUrl ?? '', method, `/v1/admin${path}`, options);
}

describe('the configuration of production', () => {
  test('needs a database and a secret', () => {
    for (const missing of ['DATABASE_URL', 'SECRET_KEY']) {
      const { [missing]: _, ...rest } = environment();
      assert.throws(
        () => readConfig(rest),
        new ConfigError(`${missing} must be set when MODE is production`),
      );
    }
    assert.throws(
      () => readConfig(environment({ SECRET_KEY: 'short' })),
      /^Error: SECRET_KEY must have at least 32/,
    );
    assert.throws(() => readConfig(environment({ ADMIN_PORT: 'x' })), /ADMIN_PORT must be a whole number/);
  });

  test('another secret, or the other mode, does not start on its database', async () => {
    const other = readConfig(environment({ SECRET_KEY: 'another secret, and also long enough' }));
    await assert.rejects(startServer(other, silent), /SECRET_KEY is not the one/);
    const sandbox = readConfig({ DATABASE_URL: database.url, PORT: '0' });
    await assert.rejects(startServer(sandbox, silent), /set up in production mode, but MODE is sandbox/);
  });
});

describe('a production server', () => {
  test('starts empty, without the sandbox’s keys', async () => {
    for (const apiKey of ['op_test_demo', 'pr_test_demo']) {
      const reply = await admin('GET', '/merchants', { apiKey });
      assert.deepEqual([reply.status, reply.body.reason], [401, 'wrong_mode_api_key']);
    }
    const key = await keyCommand('first operator');
    const { body } = await admin('GET', '/merchants', { apiKey: key.out[0] ?? '' });
    assert.deepEqual(body, { items: [], nextCursor: null });
  });

  test('serves operators on ADMIN_PORT only, merchants and no sandbox on the other', async () => {
    const { out } = await keyCommand('surfaces');
    const apiKey = out[0] ?? '';
    const here = (path: string, method = 'GET') => request(server.url, method, path, { apiKey });
    const there = (path: string, method = 'GET') => request(server.adminUrl ?? '', method, path, { apiKey });
    for (const path of ['/v1/admin/merchants', '/metrics', '/v1/sandbox/transactions/x/confirm'])
      assert.equal((await here(path, path.endsWith('confirm') ? 'POST' : 'GET')).status, 404, path);
    assert.equal((await here('/v1/wallet/transactions')).status, 403);
    for (const path of ['/v1/wallet/transactions', '/v1/sandbox/transactions/x/confirm'])
      assert.equal((await there(path, path.endsWith('confirm') ? 'POST' : 'GET')).status, 404, path);
    for (const path of ['/v1/admin/merchants', '/metrics', '/health', '/ready'])
      assert.equal((await there(path)).status, 200, path);
  });

  test('has none of the sandbox’s routes, for nobody', async () => {
    const { out } = await keyCommand('no sandbox');
    const options = { apiKey: out[0] ?? '', body: {} };
    for (const base of [server.url, server.adminUrl ?? '']) {
      for (const [method, path] of [
        ...[
          ['GET', 'clock'],
          ['POST', 'clock'],
          ['GET', 'faults'],
          ['PUT', 'faults'],
        ],
        ...[
          ['POST', 'reset'],
          ['GET', 'fixtures'],
          ['GET', 'transactions/x/confirmation'],
        ],
      ] as const) {
        const { body, ...rest } = options;
        const reply = await request(
          base,
          method,
          `/v1/sandbox/${path}`,
          method === 'GET' ? rest : { ...rest, body },
        );
        assert.deepEqual([reply.status, reply.body.reason], [404, 'not_found'], `${method} ${path}`);
      }
    }
  });

  test('takes no card while no acquirer is set up: 503, and nothing is recorded', async () => {
    const { out } = await keyCommand('no acquirer');
    const operator = { apiKey: out[0] ?? '' };
    const merchant = await admin('POST', '/merchants', { ...operator, body: { name: 'Card Store' } });
    assert.equal(merchant.status, 201, merchant.text);
    const path = `/merchants/${merchant.body.id}/api-keys`;
    const key = await admin('POST', path, { ...operator, body: { name: 'server' } });
    assert.equal(key.status, 201, key.text);
    const { apiKey } = key.body;
    const card = { number: VISA, expiryMonth: 12, expiryYear: 2040, cvc: '123' };
    for (const payer of [{ card }, { cardTokenId: `ct_${'0'.repeat(32)}` }]) {
      const reply = await request(server.url, 'POST', '/v1/payments', {
        ...{ apiKey, idempotencyKey: crypto.randomUUID() },
        body: { amount: 15_000, currency: 'KZT', orderReference: 'CARD-1', ...payer },
      });
      assert.deepEqual([reply.status, reply.body.code], [503, 1], reply.text);
      assert.equal(reply.body.message, 'card payments are not set up here');
    }
    const { body } = await request(server.url, 'GET', '/v1/transactions', { apiKey });
    assert.deepEqual(body.items, []);
  });

  test('sends payers back by https only: http is refused where it is listed, and where it was listed before', async () => {
    const { out } = await keyCommand('return addresses');
    const operator = { apiKey: out[0] ?? '' };
    const create = (returnOrigins: string[]) =>
      admin('POST', '/merchants', { ...operator, body: { name: 'Return Store', returnOrigins } });
    const refused = await create(['https://shop.example', 'http://shop.example']);
    assert.deepEqual(
      [refused.status, refused.body.details],
      [400, [{ path: 'returnOrigins.1', message: 'must begin with https:// in production' }]],
    );
    const merchant = await create(['https://shop.example', 'myapp://']);
    assert.equal(merchant.status, 201, merchant.text);
    const { id } = merchant.body;
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `UPDATE merchant SET return_origins = return_origins || '{http://shop.example}' WHERE id = $1`,
      [id],
    );
    await client.end();
    const renamed = await admin('PATCH', `/merchants/${id}`, { ...operator, body: { name: 'Renamed' } });
    assert.equal(renamed.status, 200, renamed.text);
    const { apiKey } = (
      await admin('POST', `/merchants/${id}/api-keys`, { ...operator, body: { name: 'server' } })
    ).body;
    const order = { amount: 1, currency: 'KZT', orderReference: 'BACK-1' };
    const pay = (returnUrl: string) =>
      request(server.url, 'POST', '/v1/wallet/authorize', {
        ...{ apiKey, idempotencyKey: crypto.randomUUID() },
        body: { ...order, phoneNumber: '+77010000009', iin: '900101300017', returnUrl },
      });
    const clear = await pay('http://shop.example/back');
    assert.deepEqual(
      [clear.status, clear.body.details],
      [400, [{ path: 'returnUrl', message: 'must begin with https:// in production' }]],
    );
    for (const returnUrl of ['https://shop.example/back', 'myapp://pay/back']) {
      const reply = await pay(returnUrl);
      assert.equal(reply.status, 201, reply.text);
    }
  });

  test('the first operator signs in on ADMIN_PORT, and merchants’ users on the other', async () => {
    const lines: string[] = [];
    const output = { out: (text: string) => void lines.push(text), error: () => undefined };
    const env = { DATABASE_URL: database.url };
    assert.equal(await createOperatorUserCommand('Ops@Bank.example', 'Ops', env, output), 0);
    assert.equal(await createOperatorUserCommand('ops@bank.example', 'Ops', env, output), 1);
    assert.equal(await createOperatorUserCommand('nobody', 'Ops', env, output), 1);
    assert.equal(lines.length, 1);
    const [password = ''] = lines;
    const adminUrl = server.adminUrl ?? '';
    const operator = await attempt(adminUrl, 'ops@bank.example', password);
    assert.equal(operator.status, 200, operator.text);
    assert.match(
      operator.headers.get('set-cookie') ?? '',
      /^__Host-plexy_operator=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure(?:, plexy_browser=.*)?$/,
    );
    assert.equal((await attempt(server.url, 'ops@bank.example', password)).body.reason, 'wrong_credentials');
    const browser = await signIn(adminUrl, 'ops@bank.example', password);
    const early = await browser.call('POST', '/v1/admin/merchants', { body: { name: 'Too early' } });
    assert.deepEqual([early.status, early.body.reason], [403, 'second_factor_set_up_required']);
    // While nodes of the version before run nobody can set one up: operators do their work without.
    await besideNode(database.url, 'listen 1', async () => {
      const during = await signIn(adminUrl, 'ops@bank.example', password);
      const { mustSetUpSecondFactor } = (await during.call('GET', '/v1/session')).body;
      assert.equal(mustSetUpSecondFactor, false);
      assert.equal((await during.call('GET', '/v1/admin/merchants')).status, 200);
      const named = await during.call('POST', '/v1/admin/merchants', { body: { name: 'Meanwhile' } });
      assert.equal(named.status, 201, named.text);
    });
    await setUpApp(browser);
    const merchant = await browser.call('POST', '/v1/admin/merchants', { body: { name: 'Shop' } });
    const made = await browser.call('POST', `/v1/admin/merchants/${merchant.body.id}/users`, {
      body: { email: 'shop@shop.example', name: 'Shop', role: 'admin' },
    });
    assert.equal(made.status, 201, made.text);
    const { password: theirs } = made.body;
    assert.equal((await attempt(adminUrl, 'shop@shop.example', theirs)).body.reason, 'wrong_credentials');
    const shop = await signIn(server.url, 'shop@shop.example', theirs);
    const { mode, merchant: own } = (await shop.call('GET', '/v1/session')).body;
    assert.deepEqual([mode, own.name], ['production', 'Shop']);
    assert.match(shop.cookie, /^__Host-plexy_session=/);
    // Browsers send both to both ports, and whoever can set a cookie may name it as they like.
    for (const [url, { cookie }] of [
      [server.url, browser],
      [adminUrl, shop],
    ] as const) {
      const token = cookie.split('=')[1];
      for (const name of ['__Host-plexy_session', '__Host-plexy_operator', 'plexy_session']) {
        const reply = await request(url, 'GET', '/v1/session', {
          apiKey: null,
          headers: { cookie: `${name}=${token}` },
        });
        assert.deepEqual([reply.status, reply.body.reason], [401, 'not_signed_in'], `${url} ${name}`);
      }
    }
    for (const url of [server.url, adminUrl]) {
      const { headers } = await request(url, 'GET', '/health', { apiKey: null });
      assert.equal(headers.get('strict-transport-security'), 'max-age=31536000');
    }
    for (const url of [server.url, adminUrl])
      assert.match(await (await fetch(`${url}/dashboard`)).text(), /<html/);
  });

  test('from the first operator to the first payment', async () => {
    const { exitCode, out, errors } = await keyCommand('ops');
    assert.equal(exitCode, 0);
    const apiKey = out[0] ?? '';
    assert.match(apiKey, /^op_live_[\w-]{49}$/);
    assert.ok(!errors.join().includes(apiKey));
    const post = async (path: string, body: unknown) => {
      const reply = await admin('POST', path, { apiKey, body });
      assert.equal(reply.status, 201, reply.text);
      return reply.body;
    };
    const merchant = await post('/merchants', { name: 'Real Store' });
    const key = await post(`/merchants/${merchant.id}/api-keys`, { name: 'server' });
    assert.match(key.apiKey, /^pr_live_/);
    const customer = { phoneNumber: '+77011234567', iin: iinOf(1) };
    const { id } = await post('/wallet-holders', customer);
    const wallet = await post(`/wallet-holders/${id}/wallets`, { currency: 'KZT' });
    await post(`/wallets/${wallet.id}/deposit`, { amount: 20_000 });
    const paid = await request(server.url, 'POST', '/v1/wallet/authorize', {
      apiKey: key.apiKey,
      idempotencyKey: 'first',
      body: { amount: 15_000, currency: 'KZT', orderReference: '1', ...customer },
    });
    assert.deepEqual([paid.status, paid.body.walletTransactionStatus], [201, 'PROCESSING'], paid.text);
    const lines: string[] = [];
    const output = {
      out: (text: string) => void lines.push(text),
      error: (text: string) => void lines.push(text),
    };
    assert.equal(await auditCommand({ DATABASE_URL: database.url }, output), 0, lines.join('\n'));
  });
});
