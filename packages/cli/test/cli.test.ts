import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DEMO_STORE, iinOf, KZT_WALLET, UNKNOWN_ID } from '../../server/test/support/operator.ts';
import { CUSTOMER, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';
import { main } from '../src/main.ts';
import '../../server/test/support/run.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

interface Result {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command in this process, against the sandbox. */
async function plexy(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await main(args, {
    env: { PLEXY_URL: sandbox.url, DATABASE_URL: sandbox.databaseUrl, ...env },
    out: (text) => void out.push(text),
    error: (text) => void errors.push(text),
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('\n') };
}

/** What a command prints, when it succeeds. */
async function printed(...args: string[]): Promise<string> {
  const { exitCode, out, errors } = await plexy(args);
  assert.deepEqual([exitCode, errors], [0, ''], `plexy ${args.join(' ')}: ${errors}`);
  return out;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of any shape
async function json(...args: string[]): Promise<any> {
  return JSON.parse(await printed(...args, '--json'));
}

async function refused(...args: string[]): Promise<string> {
  return failed(1, ...args);
}

/** What a command says that ends with this exit code. */
async function failed(code: number, ...args: string[]): Promise<string> {
  const { exitCode, out, errors } = await plexy(args);
  assert.deepEqual([exitCode, out], [code, '']);
  assert.equal(errors.split('\n').length, 1, errors);
  return errors;
}

describe('what an operator does', () => {
  test('merchants', async () => {
    const shop = await json(
      'merchants',
      'create',
      'Shop',
      '--capture-mode',
      'automatic',
      '--capture-delay',
      '60',
    );
    assert.deepEqual([shop.captureMode, shop.captureDelay], ['automatic', 60]);
    const origins = ['--return-origins', 'https://a.example', 'https://b.example'];
    const changes = ['--name', 'Shop 2', '--authorization-ttl', '3600', ...origins];
    const updated = await printed('merchants', 'update', shop.id, ...changes);
    assert.match(updated, /^name +Shop 2$/m);
    assert.match(updated, /^return origins +https:\/\/a.example, https:\/\/b.example$/m);
    assert.match(updated, /^authorization holds +3600 s$/m);
    assert.match(await printed('merchants', 'get', shop.id), /^capture mode +automatic$/m);
    const table = (await printed('merchants', 'list')).split('\n');
    assert.match(table[0] ?? '', /^ID +NAME +CAPTURE +CREATED$/);
    assert.match(table[1] ?? '', new RegExp(`^${shop.id}  Shop 2 +automatic +20`));
    assert.equal((await json('merchants', 'list', '--limit', '2')).length, 2);
    assert.equal(await printed('merchants', 'balances', shop.id), 'nothing');
  });

  test('stores and terminals', async () => {
    const store = await json('stores', 'create', DEMO_STORE, 'Second');
    assert.match(await printed('stores', 'list', DEMO_STORE), new RegExp(`^${store.id}  Second +20`, 'm'));
    const terminal = await json('terminals', 'create', DEMO_STORE, store.id, 'Till 2');
    assert.equal(terminal.storeId, store.id);
    const table = await printed('terminals', 'list', DEMO_STORE);
    assert.match(table, new RegExp(`^${terminal.id}  Till 2 +${store.id}`, 'm'));
    assert.match(
      await refused('terminals', 'create', DEMO_STORE, UNKNOWN_ID, 'Till'),
      /storeId is not one of/,
    );
  });

  test('keys of merchants and operators', async () => {
    const issued = await printed(
      'keys',
      'issue',
      DEMO_STORE,
      'Till',
      '--scope',
      'read',
      '--expires',
      '2099-01-01T00:00:00Z',
    );
    const apiKey = /^API key +(pr_test_\S+) +\(shown this once\)$/m.exec(issued)?.[1] ?? '';
    const id = /^id +(\S+)$/m.exec(issued)?.[1] ?? '';
    assert.equal((await sandbox.call('GET', '/v1/wallet/transactions', { apiKey })).status, 200);
    const list = await printed('keys', 'list', DEMO_STORE);
    assert.match(
      list,
      new RegExp(
        `^${id}  Till +${apiKey.slice(-4)} +read +anywhere +20\\S+ +(?:–|20\\S+) +2099-01-01T00:00:00.000Z +–$`,
        'm',
      ),
    );
    assert.ok(!list.includes(apiKey));
    const bound = await printed('keys', 'update', DEMO_STORE, id, '--network', '10.0.0.0/8', '2001:db8::/32');
    assert.match(bound, /^from +10\.0\.0\.0\/8, 2001:db8::\/32$/m);
    assert.match(
      await printed('keys', 'update', DEMO_STORE, id, '--anywhere', '--name', 'Till 2'),
      /^from +anywhere$/m,
    );
    assert.match(await failed(2, 'keys', 'update', DEMO_STORE, id), /--name, --network or --anywhere/);
    await failed(2, 'keys', 'update', DEMO_STORE, id, '--anywhere', '--network', '10.0.0.0/8');
    const refunds = await json(
      'keys',
      'issue',
      DEMO_STORE,
      'Refunds',
      '--scope',
      'refunds:write',
      '--network',
      '203.0.113.7',
    );
    assert.deepEqual([refunds.scopes, refunds.allowedNetworks], [['refunds:write'], ['203.0.113.7']]);
    assert.match(await printed('keys', 'revoke', DEMO_STORE, id), /^revoked +20/m);
    const operator = await json('operator-key', 'issue', 'Colleague');
    assert.match(operator.apiKey, /^op_test_/);
    const { exitCode } = await plexy(['merchants', 'list'], { PLEXY_OPERATOR_KEY: operator.apiKey });
    assert.equal(exitCode, 0);
    assert.match(await printed('operator-key', 'list'), /Colleague/);
    const inside = await printed('operator-key', 'update', operator.id, '--name', 'Colleague inside');
    assert.match(inside, /^name +Colleague inside$/m);
    await printed('operator-key', 'revoke', operator.id);
    const second = await plexy(['wallets', 'freeze', KZT_WALLET], { PLEXY_API_KEY: operator.apiKey });
    assert.match(second.errors, /^the API key is unknown, expired or revoked \(request [0-9a-f-]{36}\)$/);
  });

  test('wallet holders and wallets', async () => {
    const holder = await json('wallet-holders', 'create', '8 704 123 45 67', iinOf(33));
    assert.equal(holder.phoneNumber, '+77041234567');
    const found = await printed('wallet-holders', 'list', '--phone', '+77041234567');
    assert.match(found, new RegExp(`^${holder.id}  \\+77041234567  ••••••••${iinOf(33).slice(-4)}`, 'm'));
    assert.match(await printed('wallet-holders', 'get', holder.id), /^phone +\+77041234567$/m);
    const wallet = await json('wallets', 'create', holder.id, 'KWD', '--requires-confirmation');
    assert.equal(wallet.requiresConfirmation, true);
    const deposit = [
      'wallets',
      'deposit',
      wallet.id,
      '1234567',
      '--reference',
      'cash',
      '--idempotency-key',
      'cli',
    ];
    const once = await printed(...deposit);
    assert.match(once, /^amount +1234567 \(1,234\.567 KWD\)$/m);
    assert.equal(await printed(...deposit), once);
    assert.match(
      await printed('wallets', 'withdraw', wallet.id, '567'),
      /^available now +1234000 \(1,234\.000 KWD\)$/m,
    );
    assert.match(await printed('wallets', 'freeze', wallet.id), /^frozen +yes$/m);
    assert.match(await printed('wallets', 'unfreeze', wallet.id), /^frozen +no$/m);
    assert.match(await printed('wallets', 'get', wallet.id), /^available +1234000 \(1,234\.000 KWD\)$/m);
    assert.match(
      await printed('wallets', 'list', holder.id),
      /1,234\.000 KWD\) +0 \(0\.000 KWD\) +no +yes$/m,
    );
    const statement = (await printed('wallets', 'statement', wallet.id)).split('\n');
    assert.match(statement[1] ?? '', /withdrawal {2}-567 \(-0\.567 KWD\) +1234000 \(1,234\.000 KWD\) {2}–/);
    assert.match(statement[2] ?? '', /deposit +1234567 .* cash /);
  });

  test('payments, balances, accounts', async () => {
    const { body } = await sandbox.authorize({ phoneNumber: '+77010000004', iin: '950308400048' });
    assert.match(await printed('payments', 'confirm', body.walletTransactionId), /^status +PROCESSING$/m);
    const other = await sandbox.authorize({ phoneNumber: '+77010000004', iin: '950308400048' });
    const declined = await printed('payments', 'decline', other.body.walletTransactionId);
    assert.match(declined, /^failure +the customer declined the payment$/m);
    await sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/capture`, {
      body: { amount: 15_000 },
    });
    assert.match(await printed('merchants', 'balances', DEMO_STORE), /^KZT +15000 \(150\.00 KZT\)$/m);
    assert.match(
      await printed('merchants', 'statement', DEMO_STORE, 'KZT'),
      /capture {2}15000 \(150\.00 KZT\)/,
    );
    assert.match(await printed('accounts'), /^funding USD +-100000000 \(-1,000,000\.00 USD\)$/m);
  });

  test('balances beyond 2^53 keep every digit', async () => {
    for (let i = 0; i < 2; i += 1) await printed('wallets', 'deposit', KZT_WALLET, '9007199254740991');
    assert.match(await printed('wallets', 'get', KZT_WALLET, '--json'), /"available": 180144\d{11},/);
    assert.match(await printed('wallets', 'get', KZT_WALLET), /\(180,144,\d{3},\d{3},\d{3}\.\d\d KZT\)/);
  });

  test('what comes from outside cannot steer the terminal', async () => {
    const { body } = await sandbox.authorize({ orderReference: 'A\u202eB', ...CUSTOMER });
    await sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/capture`, {
      body: { amount: 15_000 },
    });
    const statement = await printed('wallets', 'statement', KZT_WALLET, '--limit', '1');
    assert.ok(statement.includes('A?B') && !statement.includes('\u202e'));
  });
});

describe('what goes wrong', () => {
  test('the server’s sentence with the request id, exit code 1', async () => {
    const request = String.raw`\(request [0-9a-f-]{36}\)$`;
    const unknown = await refused('wallets', 'get', UNKNOWN_ID);
    assert.match(unknown, new RegExp(`^there is no such wallet ${request}`));
    const iin = await refused('wallet-holders', 'create', '+77049999999', '123');
    assert.match(iin, new RegExp(`^iin must .* ${request}`));
    const scope = await refused('keys', 'issue', DEMO_STORE, 'k', '--scope', 'everything');
    assert.match(scope, new RegExp(`^scopes.0 must .* ${request}`));
    const merchant = await plexy(['merchants', 'list', '--key', 'pr_test_demo']);
    assert.match(merchant.errors, /^this is for operators/);
  });

  test('no server, wrong arguments', async () => {
    assert.equal(
      await failed(3, 'accounts', '--url', 'http://127.0.0.1:1'),
      'no connection to http://127.0.0.1:1: is it there? --url or PLEXY_URL says where the server is',
    );
    assert.match(
      await failed(2, 'accounts', '--url', '127.0.0.1:8080'),
      /^baseUrl must be a URL .*\(--url or PLEXY_URL\)$/,
    );
    for (const amount of ['12.50', '1e3', '9007199254740993', 'x'])
      assert.match(
        await failed(2, 'wallets', 'deposit', KZT_WALLET, amount),
        /whole number; amounts are in minor units/,
      );
    for (const limit of ['abc', '0', '-1', '1.5'])
      assert.match(
        await failed(2, 'merchants', 'list', '--limit', limit),
        /must be a whole number, 1 or more\.$/,
      );
    const delay = await failed(2, 'merchants', 'create', 'X', '--capture-delay', '1h');
    assert.match(delay, /must be a whole number of seconds\.$/);
    assert.match(await failed(2, 'wallets', 'deposit', KZT_WALLET), /missing required argument 'amount'/);
    assert.match(await failed(2, 'nonsense'), /unknown command 'nonsense'/);
    assert.match(await failed(2, 'merchants', 'update', DEMO_STORE), /^give at least one setting to change/);
    assert.match(await failed(2, 'payments', 'create', '5', 'KZT', 'A'), /^give either --card, or --phone/);
  });

  test('an empty key or address is named, as CI gives it for a secret that is missing', async () => {
    for (const [name, args] of [
      ['PLEXY_API_KEY', ['transactions', 'list']],
      ['PLEXY_OPERATOR_KEY', ['merchants', 'list']],
    ] as const) {
      const { exitCode, errors } = await plexy([...args], { [name]: '' });
      assert.deepEqual([exitCode, errors.replace(/:.*/, '')], [2, `${name} is empty`]);
    }
    assert.match(await failed(2, 'merchants', 'list', '--key', ' '), /^--key is empty/);
    const { exitCode, errors } = await plexy(['merchants', 'list'], { PLEXY_URL: '' });
    assert.equal(exitCode, 2);
    assert.match(errors, /--url or PLEXY_URL/);
  });

  test('somebody else than Plexy Pay at the address: the hint says how to name the server', async (t) => {
    const server = createServer((request, response) => {
      if (request.url?.includes('accounts')) response.writeHead(404).end('<html>');
      else response.writeHead(301, { location: 'https://pay.test/' }).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.match(
      await failed(3, 'accounts', '--url', url),
      /is it there\? --url or PLEXY_URL says where the server is$/,
    );
    const redirected = await failed(3, 'merchants', 'list', '--url', url);
    assert.match(redirected, /redirects to https:\/\/pay\.test\/: .* --url or PLEXY_URL/);
  });

  test('--json holds for errors, with everything that a program needs', async () => {
    const error = async (code: number, ...args: string[]) =>
      JSON.parse(await failed(code, ...args, '--json')).error;
    const refusal = await error(1, 'wallets', 'get', UNKNOWN_ID);
    assert.deepEqual([refusal.reason, refusal.status, refusal.code], ['wallet_not_found', 404, 4]);
    assert.match(refusal.requestId, /^[0-9a-f-]{36}$/);
    assert.match((await error(2, 'nonsense')).message, /unknown command 'nonsense'/);
    const lost = await error(3, 'wallets', 'freeze', KZT_WALLET, '--url', 'http://127.0.0.1:1');
    assert.match(lost.idempotencyKey, /^[0-9a-f]{32}$/);
    const database = await plexy(['audit', '--json'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' });
    assert.equal(database.exitCode, 3);
    assert.match(JSON.parse(database.errors).error.message, /^The database cannot be used/);
  });

  test('a change whose answer was lost says how to repeat it once', async () => {
    const said = await failed(3, 'wallets', 'freeze', KZT_WALLET, '--url', 'http://127.0.0.1:1');
    assert.match(said, /; to repeat the same request safely, add --idempotency-key [0-9a-f]{32}$/);
    const read = await failed(3, 'wallets', 'get', KZT_WALLET, '--url', 'http://127.0.0.1:1');
    assert.ok(!read.includes('idempotency-key'));
  });

  test('the help shows no key', async () => {
    const { exitCode, out } = await plexy(['--help'], { PLEXY_OPERATOR_KEY: 'op_live_secret' });
    assert.equal(exitCode, 0);
    assert.ok(out.includes('PLEXY_OPERATOR_KEY') && !out.includes('op_live_secret'));
  });
});

test('commands with access to the database: the audit, and a first key', async () => {
  assert.equal((await printed('audit')).match(/^ok/gm)?.length, 7);
  const { exitCode, out } = await plexy(['operator-key', 'create', 'first']);
  assert.equal(exitCode, 0);
  assert.equal((await plexy(['merchants', 'list', '--key', out])).exitCode, 0);
  const nowhere = await plexy(['audit'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' });
  assert.deepEqual([nowhere.exitCode, nowhere.out], [3, '']);
});

test('commands with access to the database answer programs, too', async () => {
  const { holds, invariants } = await json('audit');
  assert.deepEqual([holds, invariants.length], [true, 7]);
  assert.match((await json('operator-key', 'create', 'second')).apiKey, /^op_test_/);
  const user = await json('operator-user', 'create', 'second@demo.test', 'Second');
  assert.deepEqual([user.email, user.name], ['second@demo.test', 'Second']);
  assert.ok(user.password.length > 10);
});

test('names stand where ids are asked for', async () => {
  assert.equal((await json('merchants', 'get', 'Demo Store')).id, DEMO_STORE);
  const issued = await json('keys', 'issue', 'Demo Store', 'by name');
  assert.ok((await json('keys', 'list', 'Demo Store')).some(({ id }: { id: string }) => id === issued.id));
  const store = await json('stores', 'create', 'Demo Store', 'By name');
  const terminal = await json('terminals', 'create', 'Demo Store', 'By name', 'Till');
  assert.equal(terminal.storeId, store.id);
  assert.equal((await json('wallet-holders', 'get', '+7 701 000 00 01')).phoneNumber, CUSTOMER.phoneNumber);
  assert.ok((await json('wallets', 'list', '+77010000001')).length > 0);
  assert.match(
    await failed(2, 'merchants', 'get', 'No Store'),
    /^there is no merchant named "No Store": give its id/,
  );
  for (let i = 0; i < 2; i += 1) await json('merchants', 'create', 'Twin');
  assert.match(
    await failed(2, 'merchants', 'get', 'Twin'),
    /^there are 2 merchants named "Twin": give the id, one of /,
  );
});

test('the version', async () => {
  for (const flag of ['--version', '-V']) assert.equal(await printed(flag), '0.1.0');
});

test('requests name the command line, its version, the SDK and the runtime', async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers['user-agent']);
    response.end('{"items":[],"nextCursor":null}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const silent = { env: {}, out: () => undefined, error: assert.fail };
  assert.equal(await main(['merchants', 'list', '--url', `http://127.0.0.1:${port}`], silent), 0);
  server.close();
  assert.deepEqual(seen, [`plexy-cli/0.1.0 plexy-pay-sdk/0.1.0 (${navigator.userAgent})`]);
});

test('a payment that is refused is shown, and is no success', async () => {
  const poor = '+77010000002';
  const fixtures = await sandbox.call('GET', '/v1/sandbox/fixtures');
  const { iin } = fixtures.body.customers.find(
    ({ phoneNumber }: { phoneNumber: string }) => phoneNumber === poor,
  );
  const { exitCode, out } = await plexy([
    'payments',
    'create',
    '5000000',
    'KZT',
    'POOR',
    '--phone',
    poor,
    '--iin',
    iin,
  ]);
  assert.equal(exitCode, 1);
  assert.match(out, /^status +rejected$/m);
});

test('a reader that has enough ends it without a word', async () => {
  const program = path.join(import.meta.dirname, '../../../node_modules/.bin/plexy');
  const child = spawn(process.execPath, [program, 'merchants', 'list', '--json'], {
    env: { ...process.env, PLEXY_URL: sandbox.url },
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdout.destroy();
  assert.deepEqual([await new Promise((resolve) => child.once('close', resolve)), errors], [0, '']);
});

test('the installed program', async () => {
  const program = path.join(import.meta.dirname, '../../../node_modules/.bin/plexy');
  const child = spawn(process.execPath, [program, 'accounts', '--json'], {
    env: { ...process.env, PLEXY_URL: sandbox.url },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  assert.equal(JSON.parse(out)[0].kind, 'funding');
});

test('customers: made, found, changed, what they paid, exported, erased', async () => {
  const profile = ['--reference', 'CLI-1', '--name', 'Әсел', '--phone', '8 702 111 22 33'];
  const customer = await json('customers', 'create', ...profile);
  assert.deepEqual([customer.reference, customer.phone], ['CLI-1', '+77021112233']);
  const { id } = customer;
  assert.match(await printed('customers', 'list', 'әсел'), new RegExp(`^${id}  CLI-1 +Әсел`, 'm'));
  const changed = await json('customers', 'update', id, '--email', 'a@example.kz', '--name', '');
  assert.deepEqual([changed.email, changed.name], ['a@example.kz', null]);
  assert.match(await printed('customers', 'get', id), /^e-mail +a@example\.kz$/m);
  assert.deepEqual(await json('customers', 'transactions', id), []);
  assert.equal(JSON.parse(await printed('customers', 'export', id)).customer.reference, 'CLI-1');
  assert.match(await failed(2, 'customers', 'erase', id), /say --yes/);
  assert.notEqual((await json('customers', 'erase', id, '--yes')).erasedAt, null);
  assert.match(await refused('customers', 'update', id, '--name', 'X'), /erased/);
});

test('cards on file: a first payment, a charge, the default, a withdrawal, a deletion', async () => {
  const { id } = await json('customers', 'create', '--reference', 'CLI-CARDS');
  const order = ['4900', 'KZT', 'CLI-SUB'];
  const first = await json(
    ...['payments', 'create', ...order, '--card', '4242424242424242', '--customer', id, '--recurring'],
  );
  assert.equal(first.status, 'authorized');
  const [card] = await json('cards', 'list', id);
  const table = await printed('cards', 'list', id);
  assert.match(table, new RegExp(`^${card.id}  visa •••• 4242 +12/20\\d\\d +yes +yes$`, 'm'));
  const charged = await json('payments', 'charge', ...order, id, '--type', 'subscription');
  assert.deepEqual([charged.status, charged.parentTransactionId], ['authorized', first.id]);
  assert.match(await printed('cards', 'default', id, card.id), /^default +yes$/m);
  assert.match(await printed('cards', 'withdraw', id, card.id), /^charged alone +not since 20/m);
  assert.match(await refused('payments', 'charge', ...order, id), /consent/);
  assert.match(await printed('cards', 'delete', id, card.id), new RegExp(`^deleted +${card.id}$`, 'm'));
  assert.deepEqual(await json('cards', 'list', id), []);
});

test('payment links: made with a QR code, found, moved, cancelled', async () => {
  const terms = ['--description', 'Two tickets', '--success-url', 'https://shop.example/ok', '--hold'];
  const callbackUrl = 'https://shop.example/told';
  const shown = await printed(
    ...['links', 'create', '15000', 'KZT', 'CLI-LINK', ...terms, '--callback-url', callbackUrl],
  );
  const [, id = ''] = /^id +(pl_[0-9a-f]{32})$/m.exec(shown) ?? [];
  assert.match(shown, new RegExp(`^url +${sandbox.url}/checkout/${id}$`, 'm'));
  assert.match(shown, /^amount +15000 \(150\.00 KZT\)$/m);
  // The corner of a QR code, and its quiet zone.
  assert.match(shown, /^.*█ ▄▄▄▄▄ █/m);
  const link = await json('links', 'get', id);
  assert.deepEqual(
    [link.description, link.autoClearing, link.metadata],
    ['Two tickets', false, { successUrl: 'https://shop.example/ok', callbackUrl }],
  );
  assert.match(await printed('links', 'list', '--reference', 'CLI-LINK'), new RegExp(`^${id}  20`, 'm'));
  assert.equal((await json('links', 'list', '--status', 'paid', '--reference', 'CLI-LINK')).length, 0);
  assert.match(await printed('links', 'qr', id), new RegExp(`^${link.url}$`, 'm'));
  const end = new Date(Date.parse(link.expiresAt) + 60_000).toISOString();
  assert.equal((await json('links', 'extend', id, end)).expiresAt, end);
  assert.equal((await json('links', 'cancel', id)).status, 'cancelled');
  assert.match(await refused('links', 'cancel', id), /^the payment link was cancelled/);
  assert.deepEqual(
    (await json('links', 'history', id)).map(({ name }: { name: string }) => name),
    ['payment_link.created', 'payment_link.cancelled'],
  );
});
