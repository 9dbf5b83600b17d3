/**
 * The packages as they are published, installed as anybody installs them: packed, `npm install -g` into an empty place,
 * `plexy start`. The sandbox runs on the oldest Node that they promise, production on this one.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { PlexyPay } from '@plexy-pay/sdk';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { type Program, startProgram } from '../support/program.ts';
import { RUN_FOLDER } from '../support/run.ts';
import { packages } from './packages.ts';
import { freePort, openShop } from './shop.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');
/** The oldest that is promised; CI names others. */
const { INSTALLED_NODE = '22.23.3' } = process.env;
const NODE_PACKAGE = `node-${process.platform}-${process.arch}@${INSTALLED_NODE}`;
const CONNECTOR = `
import { CONNECTOR_VERSION } from '@plexy-pay/server/connector';
import { HTTP_CONNECTOR } from '@plexy-pay/server/connector/http';
export default { ...HTTP_CONNECTOR, version: CONNECTOR_VERSION, name: 'bank-of-the-test' };
`;

let folder: string;
let otherNode: string;
const programs: Program[] = [];

const at = (...parts: string[]): string => path.join(folder, ...parts);
const plexy = (): string => at('prefix/bin/plexy');
const installed = (...parts: string[]): string => at('prefix/lib/node_modules/@plexy-pay', ...parts);

before(async () => {
  folder = await mkdtemp(path.join(RUN_FOLDER, 'installed-'));
  const node = npmInstall('--prefix', at('node'), NODE_PACKAGE);
  const dist = await packages();
  await mkdir(at('connector'));
  const manifest = { name: 'bank-of-the-test', version: '1.0.0', type: 'module', exports: './index.js' };
  await writeFile(at('connector/package.json'), JSON.stringify(manifest));
  await writeFile(at('connector/index.js'), CONNECTOR);
  await run('npm', ['pack', at('connector'), '--pack-destination', folder]);
  const tarballs = [...globSync(path.join(dist, '*.tgz')), at('bank-of-the-test-1.0.0.tgz')];
  await npmInstall('-g', '--prefix', at('prefix'), ...tarballs);
  await node;
  otherNode = path.dirname(globSync(at('node/node_modules/node-*/bin/node'))[0] ?? '');
});
after(async () => {
  for (const { child } of programs) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
  await stopDatabaseServer();
});

/** Without scripts of packages: what is installed has to work where they may not run. */
function npmInstall(...args: readonly string[]): Promise<unknown> {
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  return run('npm', ['install', ...options, ...args], { cwd: folder });
}

/** `plexy start` in a folder where nothing else is. */
async function start(name: string, environment: Readonly<Record<string, string>>): Promise<Program> {
  await mkdir(at(name));
  const program = startProgram(environment, [plexy(), 'start'], at(name));
  programs.push(program);
  return program;
}

async function stop(program: Program): Promise<void> {
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0, program.output().stderr);
}

/** Another command of the same installation. @returns what it prints */
async function command(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { PATH = '' } = process.env;
  const { stdout } = await run(plexy(), args, { cwd: folder, env: { PATH, ...env } });
  return stdout.trim();
}

test('the types of all four are there for whoever imports them', async () => {
  await mkdir(at('types'));
  const program = `
import type { ConnectorModule } from '@plexy-pay/server/connector';
import { HTTP_CONNECTOR } from '@plexy-pay/server/connector/http';
import { PlexyPay } from '@plexy-pay/sdk';
import type { CheckoutState } from '@plexy-pay/checkout/state';
import { amountText } from '@plexy-pay/checkout/amount';
export const connector: ConnectorModule = HTTP_CONNECTOR;
export const text: string = amountText('1549000', 'KZT', 'kk');
export const status = (state: CheckoutState): string => state.status;
export const wallets = new PlexyPay({ apiKey: 'pr_test_demo' }).wallet;
// @ts-expect-error An amount is text of digits.
amountText(1549000, 'KZT', 'kk');
`;
  await writeFile(at('types/program.mts'), program);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--skipLibCheck',
    'false',
  ];
  await mkdir(at('types/node_modules'));
  await run('ln', ['-s', installed(), at('types/node_modules/@plexy-pay')]);
  await run('ln', ['-s', path.join(ROOT, 'node_modules/@types'), at('types/node_modules/@types')]);
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const compiled = await run(process.execPath, [tsc, ...options, '--types', 'node', 'program.mts'], {
    cwd: at('types'),
  }).catch((error: { stdout: string }) => error);
  assert.equal(compiled.stdout, '');
});

test('plexy start, on the oldest Node: a sandbox with all it needs', async () => {
  const PATH = `${otherNode}:${process.env.PATH}`;
  const program = await start('sandbox', { PATH, DATA_DIR: at('sandbox/data') });
  const url = await program.listening();
  const greeting = program.output().stdout;
  assert.match(greeting, /PLEXY_URL=\S+ plexy listen/, 'npx would install somebody else’s package');
  const [curl] = /curl -sS [\s\S]*?'\n/.exec(greeting) ?? [];
  const { stdout } = await run('bash', ['--norc', '-c', curl ?? 'false']);
  assert.equal(JSON.parse(stdout).walletTransactionStatus, 'PROCESSING');
  const dashboard = await (await fetch(`${url}/dashboard`)).text();
  const [, script = ''] = /<script [^>]*src="(\/dashboard\/[^"]+)"/.exec(dashboard) ?? [];
  for (const page of [script, '/docs', '/docs/guides/docs/operations.md', '/pay/api.js'])
    assert.equal((await fetch(url + page)).status, 200, page);
  const env = { PATH, PLEXY_URL: url, DATA_DIR: at('sandbox/data') };
  const { version } = JSON.parse(await readFile(path.join(ROOT, 'packages/server/package.json'), 'utf8'));
  assert.equal(await command(['--version'], env), version);
  const { url: link } = JSON.parse(
    await command(['links', 'create', '15000', 'KZT', 'ORDER-2', '--json'], env),
  );
  assert.ok((await (await fetch(link)).text()).includes('₸150.00'), 'the checkout');
  const { transaction } = JSON.parse(await command(['trigger', 'charged', '--json'], env));
  assert.equal(transaction.status, 'charged');
  assert.match(await command(['audit'], env), /^ok +7\./m);
  await stop(program);
});

describe('production', () => {
  let database: TestDatabase;
  let environment: Readonly<Record<string, string>>;
  before(async () => {
    database = await createDatabase();
    environment = {
      ...{ MODE: 'production', MIGRATE: 'off', DATABASE_URL: database.url },
      ...{ SECRET_KEY: 'Xq4dkz0e8RrT6Yv1uPn3wLb7sGm2hJc5', CONNECTORS: 'bank-of-the-test' },
      ADMIN_PORT: await freePort(),
    };
  });
  after(() => database.drop());

  test('a database that is not migrated is told how to be, by a command that is there', async () => {
    const program = await start('early', environment);
    assert.equal(await program.ended(), 1);
    assert.match(program.output().stderr, /run "plexy migrate"/);
    assert.match(await command(['migrate'], environment), /^set up the database/);
    assert.equal(await command(['migrate'], environment), 'The database is up to date.');
  });

  test('takes payments with a connector of somebody else’s, and tells operators at their port', async () => {
    const program = await start('production', environment);
    const url = await program.listening();
    const adminUrl = `http://127.0.0.1:${environment.ADMIN_PORT}`;
    const operatorKey = await command(['operator-key', 'create'], environment);
    const { authorize } = await openShop(adminUrl, operatorKey, url);
    assert.equal((await authorize('ORDER-1')).walletTransactionStatus, 'PROCESSING');
    const { admin } = new PlexyPay({ apiKey: operatorKey, baseUrl: adminUrl });
    const acquirer = { name: 'Other', connector: 'nobody-has-it', url: 'https://bank.test' };
    await assert.rejects(admin.acquirers.create({ ...acquirer, secret: 'a secret of the bank’s' }), {
      message: /http, bank-of-the-test/,
    });
    await stop(program);
  });
});
