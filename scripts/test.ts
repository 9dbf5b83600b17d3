/**
 * Runs every test of the repository, in three processes at a time, on one PostgreSQL: TEST_DATABASE_URL, or an
 * embedded one. Files of one folder share a process. Arguments are parts of file names: `npm test -- wallet races` runs those files only.
 * The last line is "N passed, N failed".
 */
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import { makeDataDir } from '../packages/server/test/support/dataDir.ts';
import { RUN_FOLDER } from '../packages/server/test/support/run.ts';
import { makeTemplate } from '../packages/server/test/support/sandbox.ts';

const CONCURRENCY = 3;
const FILES_PER_PROCESS = 8;
/** Of what a file wrote before it failed. */
const SAID_LIMIT = 2_000;

async function main(): Promise<void> {
  // Each file, and each server that it starts, compiles the same sources: once is enough.
  process.env.NODE_COMPILE_CACHE ??= path.join(tmpdir(), 'plexy-pay-test-compile-cache');
  const wanted = process.argv.slice(2);
  const files = globSync(['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts'])
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    // The server's first, many of which wait, and the dashboard's after them, which only compute: so the processors are
    // busy to the end.
    .sort()
    .reverse();
  if (files.some((file) => /packages\/dashboard\/|\/release\//.test(file))) build('packages/dashboard');
  // The server's own tests of it open the page, too, and so does the shop.
  if (files.some((file) => /\/(?:checkout|shop|release)\//.test(file))) build('packages/checkout');
  const stopDatabase = await startDatabase();
  const failed = await runWithTemplate(files).finally(stopDatabase);
  process.exitCode = failed === 0 && files.length > 0 ? 0 : 1;
}

/** The pages that are tested are those of the sources as they are. */
function build(pages: string): void {
  execFileSync(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn', pages], {
    stdio: 'inherit',
  });
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
  return runFiles(files).finally(dropTemplate);
}

/** @returns programs that each run some files of one folder */
async function processesOf(files: readonly string[]): Promise<string[]> {
  const programs: string[] = [];
  for (const [folder, all] of Map.groupBy(files, (file) => path.dirname(file)))
    for (let from = 0; from < all.length; from += FILES_PER_PROCESS) {
      const some = all.slice(from, from + FILES_PER_PROCESS);
      const program = path.join(
        RUN_FOLDER,
        `${folder.replaceAll(path.sep, '-')}-${from / FILES_PER_PROCESS}.mjs`,
      );
      const runner = import.meta.resolve('./testProcess.ts');
      await writeFile(program, `await (await import('${runner}')).runFiles(${JSON.stringify(some)});\n`);
      programs.push(program);
    }
  return programs;
}

/** @returns how many tests failed */
async function runFiles(files: string[]): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const events = run({ files: await processesOf(files), concurrency: CONCURRENCY });
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
