/**
 * Runs every test of the repository, in three processes at a time, on one PostgreSQL: TEST_DATABASE_URL, or an
 * embedded one. Files of one folder share a process, one after another: to load the product and to start it for the
 * first time takes three seconds of a processor. A file with a line `// Alone: why` has a process of its own. Arguments are parts of file names: `npm test -- wallet races` runs those files only.
 * The last line is "N passed, N failed".
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import { makeDataDir } from '../packages/server/test/support/dataDir.ts';
import { RUN_FOLDER } from '../packages/server/test/support/run.ts';
import { makeTemplate } from '../packages/server/test/support/sandbox.ts';

const CONCURRENCY = 3;
/** More would leave the last process of a run alone for longer. */
const FILES_OF_A_PROCESS = 6;
/** Of what a file wrote before it failed. */
const SAID_LIMIT = 2_000;

async function main(): Promise<void> {
  // Each file, and each server that it starts, compiles the same sources: once is enough.
  process.env.NODE_COMPILE_CACHE ??= path.join(tmpdir(), 'plexy-pay-test-compile-cache');
  const wanted = process.argv.slice(2);
  const files = globSync('packages/*/test/**/*.test.ts')
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
  if (files.some((file) => file.includes('packages/dashboard/'))) buildDashboard();
  const stopDatabase = await startDatabase();
  const failed = await runWithTemplate(files).finally(stopDatabase);
  process.exitCode = failed === 0 && files.length > 0 ? 0 : 1;
}

/** The pages that are tested are those of the sources as they are. */
function buildDashboard(): void {
  execFileSync(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn', 'packages/dashboard'],
    {
      stdio: 'inherit',
    },
  );
}

async function startDatabase(): Promise<() => Promise<void>> {
  if (process.env.TEST_DATABASE_URL !== undefined) return async () => undefined;
  const dataDir = await makeDataDir('test');
  const server = await startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    settings: { max_connections: '300' },
  });
  process.env.TEST_DATABASE_URL = server.url;
  return async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

async function runWithTemplate(files: string[]): Promise<number> {
  const dropTemplate = await makeTemplate();
  return runFiles(await inProcesses(files)).finally(dropTemplate);
}

/** @returns a file for each process, in an order in which none is left that takes long by itself at the end */
async function inProcesses(files: readonly string[]): Promise<string[]> {
  const isAlone = (file: string): boolean => /^\/\/ Alone: /m.test(readFileSync(file, 'utf8'));
  const { true: alone = [], false: others = [] } = Object.groupBy(files, (file) => `${isAlone(file)}`);
  const rooms = [...Map.groupBy(others, path.dirname).values()].flatMap((room) => {
    const count = Math.ceil(room.length / FILES_OF_A_PROCESS);
    // As many in each.
    return Array.from({ length: count }, (_, i) => ({
      files: room.filter((_, j) => j % count === i),
      left: count - i,
    }));
  });
  // Rooms with much to do begin, and take turns: browsers, servers and what waits for either use the machine together.
  const shared = rooms.sort((a, b) => b.left - a.left).map((room) => room.files);
  const folder = await mkdtemp(path.join(RUN_FOLDER, 'tests-'));
  const together = await Promise.all(shared.map((room) => fileOf(folder, room)));
  return together.flatMap((file, i) => [file, ...alone.slice(i, i + 1)]).concat(alone.slice(together.length));
}

/** @returns the file of a process that runs these files, each as a suite */
async function fileOf(folder: string, files: readonly string[]): Promise<string> {
  const [first = '', ...others] = files;
  if (others.length === 0) return first;
  const name = path.join(folder, `${first.replaceAll(/\W+/g, '-')}-and-${others.length}.mjs`);
  const suite = (file: string): string =>
    `describe(${JSON.stringify(file)}, () => import(${JSON.stringify(pathToFileURL(file))}));`;
  await writeFile(name, ["import { describe } from 'node:test';", ...files.map(suite)].join('\n'));
  return name;
}

/** @returns how many tests failed */
async function runFiles(files: string[]): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  // A file that hangs is ended, and has failed: the others' results are worth more than its own.
  const execArgv = ['--import', import.meta.resolve('./fileLimit.ts')];
  const events = run({ files, concurrency: CONCURRENCY, execArgv });
  const said = new Map<string, string>();
  const saidBy = (file: string): string => said.get(path.resolve(file)) ?? '';
  events.on('test:stderr', ({ file, message }) => said.set(path.resolve(file), saidBy(file) + message));
  const ended: string[] = [];
  events.on('test:fail', ({ name, details: { error } }) => {
    const { exitCode, signal } = error as { exitCode?: number; signal?: string | null };
    // A file whose process fails, with or without a test of it: the reporter says neither how nor what it wrote.
    if (exitCode === undefined) return;
    ended.push(`${name} ended with ${signal ?? exitCode}\n${saidBy(name).slice(-SAID_LIMIT)}`);
  });
  events.on('test:summary', ({ file, counts: { passed, tests, skipped } }) => {
    if (file !== undefined) return;
    counts.passed = passed;
    counts.skipped = skipped;
    counts.failed = tests - passed - skipped;
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  for (const text of ended) process.stdout.write(`\n${text}`);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  return counts.failed;
}

await main();
