/** What a script or a test of ours starts ends with it, however that ends. Real processes, and `kill -9`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { createDatabase } from '../support/database.ts';
import { processesOfRun } from '../support/endRun.ts';
import { RUN_FOLDER } from '../support/run.ts';

const ROOT = path.join(import.meta.dirname, '../../../..');
const OWNER = path.join(import.meta.dirname, '../support/runOwner.ts');
const NEXT = path.join(import.meta.dirname, '../support/run.ts');
const RUNNER = pathToFileURL(path.join(ROOT, 'scripts/testProcess.ts')).href;
const options = { skip: process.platform !== 'linux' && 'processes are listed on Linux only' };

function start(t: TestContext, args: readonly string[], env = process.env): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  assert.ok(child.stdout !== null);
  for await (const line of createInterface({ input: child.stdout })) if (pattern.test(line)) return line;
  throw new Error(`it ended before it said ${pattern}`);
}

async function startOwner(t: TestContext): Promise<{ owner: ChildProcess; folder: string }> {
  const owner = start(t, [OWNER]);
  const { folder } = JSON.parse(await lineOf(owner, /folder/));
  return { owner, folder };
}

/** A busy machine takes its time: this is for one that never does it. */
const LIMIT_MS = 120_000;

/** Waits until nothing of the run is left, neither processes nor files. */
function ended(folder: string): Promise<void> {
  return eventually(() => [...processesOfRun(folder).map(argumentsOf), existsSync(folder)], [false]);
}

async function eventually(actual: () => unknown, expected: unknown): Promise<void> {
  const isSo = (): boolean => isDeepStrictEqual(actual(), expected);
  for (const end = Date.now() + LIMIT_MS; !isSo() && Date.now() < end; ) await delay(50);
  assert.deepEqual(actual(), expected);
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    // "pid (name) state parent": the name may contain anything.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
  } catch {
    return 0;
  }
}

/** Children, and theirs. */
function descendantsOf(pid: number): number[] {
  const children = processes().filter((each) => parentOf(each) === pid);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function processes(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isSafeInteger);
}

function processesWith(text: string): number[] {
  return processes().filter((pid) => pid !== process.pid && argumentsOf(pid).includes(text));
}

describe('a run that is killed', options, () => {
  test('leaves neither processes nor files', async (t) => {
    const { owner, folder } = await startOwner(t);
    const started = descendantsOf(owner.pid ?? 0);
    const running = started.map(argumentsOf).join('\n');
    for (const part of ['bin/postgres -D', 'server/src/main.ts', 'bank/src/main.ts', 'sleep 600'])
      assert.ok(running.includes(part), `${part} in ${running}`);
    owner.kill('SIGKILL');
    await ended(folder);
    await eventually(() => started.map(argumentsOf).filter((text) => text !== ''), []);
  });

  test('is ended by the next run where its keeper was killed, too; other runs and strangers are not', async (t) => {
    const { owner, folder } = await startOwner(t);
    const other = await startOwner(t);
    const stranger = spawn('sh', ['-c', 'sleep 600; true', `${folder}/`], { env: {}, stdio: 'ignore' });
    t.after(() => stranger.kill('SIGKILL'));
    const keepers = processesWith(folder).filter((pid) => argumentsOf(pid).includes('cat >/dev/null'));
    assert.equal(keepers.length, 1);
    for (const keeper of keepers) process.kill(keeper, 'SIGKILL');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await delay(500);
    const left = processesOfRun(folder).map(argumentsOf).join('\n');
    assert.match(left, /bin\/postgres -D/);
    const others = processesOfRun(other.folder);

    await once(start(t, [NEXT]), 'exit');
    assert.deepEqual(processesOfRun(folder), []);
    assert.equal(existsSync(folder), false);
    assert.deepEqual(processesOfRun(other.folder), others);
    assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    assert.ok(existsSync(RUN_FOLDER), 'this very run');
    other.owner.kill('SIGTERM');
    await ended(other.folder);
  });
});

describe('a benchmark that is ended', options, () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    test(`by ${signal} leaves nothing`, async (t) => {
      const database = await createDatabase();
      t.after(() => database.drop());
      const env = { ...process.env, BENCH_DATABASE_URL: database.url };
      const bench = start(t, ['bench/run.ts', '--quick', '--only', 'authorize'], env);
      await lineOf(bench, /^round 1/);
      const [name = ''] = globSync(`plexy-run-${bench.pid}-*`, { cwd: tmpdir() });
      const folder = path.join(tmpdir(), name);
      assert.ok(processesOfRun(folder).length >= 3, 'server, empty handler and load generator');
      const exit = once(bench, 'exit');
      bench.kill(signal);
      await exit;
      // What it can end by itself has ended before it does.
      if (signal !== 'SIGKILL') assert.deepEqual(processesOfRun(folder).map(argumentsOf), []);
      await ended(folder);
    });
});

test('a script of npm ends with npm’s shell, whom npm ends alone', options, async (t) => {
  // As npm has it: a shell that waits, and so is another process than the script.
  const shell = spawn('/bin/sh', ['-c', `"$0" "$1"; true`, process.execPath, OWNER], {
    env: { ...process.env, npm_lifecycle_event: 'bench' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => shell.kill('SIGKILL'));
  const { folder } = JSON.parse(await lineOf(shell, /folder/));
  const [owner = 0] = processes().filter((pid) => parentOf(pid) === shell.pid);
  shell.kill('SIGTERM');
  await ended(folder);
  await eventually(() => argumentsOf(owner), '');
});

test('files of tests in one process: those that fail, cannot be loaded or go on are told, and the others run', async () => {
  const folder = await mkdtemp(path.join(RUN_FOLDER, 'files-'));
  const [first, second, fails, broken, goesOn] = await Promise.all(
    Object.entries({
      // Each file's `before` and `after` are its own.
      first: `before(() => calls.push('before 1')); after(() => calls.push('after 1')); test('one', () => calls.push('1'))`,
      second: `before(() => calls.push('before 2')); test('two', () => console.log(calls.join(', ')))`,
      fails: `describe('inside', () => { test('three', () => { throw new Error('not three') }) })`,
      broken: `throw new Error('not to be loaded')`,
      goesOn: `setInterval(() => undefined, 1_000)`,
    }).map(async ([name, text]) => {
      const file = path.join(folder, 'test', `${name}.test.mjs`);
      await mkdir(path.dirname(file), { recursive: true });
      const imports = `import { after, before, describe, test } from 'node:test'; const calls = (globalThis.calls ??= []);`;
      await writeFile(file, `${imports}\n${text};\n`);
      return file;
    }),
  );
  const runFiles = (files: readonly (string | undefined)[]) => {
    const script = `(await import('${RUNNER}')).runFiles(${JSON.stringify(files)})`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--test-reporter=tap', '--input-type=module', '-e', script],
      // Without the first it would write for this run's reporter.
      { env: { ...process.env, NODE_TEST_CONTEXT: undefined, TEST_FILE_LIMIT_MS: '1000' }, encoding: 'utf8' },
    );
    return { exitCode: status, text: `${stdout}${stderr}` };
  };
  const right = runFiles([first, second]);
  assert.equal(right.exitCode, 0, right.text);
  assert.match(right.text, /before 1, 1, after 1, before 2/);
  const wrong = runFiles([fails, broken, first]);
  assert.equal(wrong.exitCode, 1);
  for (const said of [/not three/, /not to be loaded/, / ok 1 - one/]) assert.match(wrong.text, said);
  const endless = runFiles([first, goesOn]);
  assert.equal(endless.exitCode, 1);
  assert.match(endless.text, /did not end within 2 s, for it has .*Timeout/);
});

test('whatever starts processes is a run', () => {
  const files = ['bench/*.ts', 'scripts/*.ts', 'packages/*/test/**/*.ts'].flatMap((pattern) =>
    globSync(pattern, { cwd: ROOT }),
  );
  const textOf = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
  const starters = files.filter((file) => /\b(?:spawn|fork)\(/.test(textOf(file)));
  assert.ok(starters.length > 10, `${starters.length}`);
  assert.deepEqual(
    starters.filter(
      (file) =>
        !/from '.*\/run\.ts';|import '.*\/run\.ts';/.test(textOf(file)) &&
        file !== 'packages/server/test/support/run.ts',
    ),
    [],
  );
});
