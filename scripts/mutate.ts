/**
 * How much of what may go wrong the tests notice. `npm run mutate` runs Stryker over the pure core (stryker.config.json)
 * and then the faults of `mutants.ts`, each in a copy of the tree, and prints a score.
 *
 *   npm run mutate -- core                 Stryker alone
 *   npm run mutate -- core decide effects  … over these files
 *   npm run mutate -- listed               the listed faults alone
 *   npm run mutate -- listed webhooks/ key … those with one of these words in their names or files
 *
 * Whatever it starts has ended when it ends, also when it is interrupted, and the tree is as it was.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { makeDataDir } from '../packages/server/test/support/dataDir.ts';
import { RUN_FOLDER } from '../packages/server/test/support/run.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

const ROOT = path.join(import.meta.dirname, '..');
const CORE = 'packages/server/src/core';
const STRYKER_FOLDER = '.stryker-tmp';
/** Copied as they are; the rest of the tree is of no use to a test. */
const COPIED = ['packages', 'scripts', 'bench', 'docs', 'deploy', 'examples', 'package.json', 'README.md'];
const GOAL_PERCENT = 90;
/** A file of tests that has not ended by then hangs. */
const FILE_LIMIT_MS = 10 * 60_000;

const VERDICTS = ['killed', 'survived', 'does not apply', 'its test fails without it, too'] as const;
type Verdict = (typeof VERDICTS)[number];

/** The first test of a file that failed, or what else was the matter with the file. */
interface Failure {
  readonly file: string;
  readonly what: string;
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));

async function main(): Promise<void> {
  const [what, ...words] = process.argv.slice(2);
  if (what !== undefined && what !== 'core' && what !== 'listed')
    throw new Error('usage: npm run mutate [-- core [files] | -- listed [words]]');
  if (what !== 'listed') await runStryker(words);
  if (what !== 'core') await runListed(words);
}

/** Stryker's own report is printed; it ends with 1 when its score is below the goal. */
async function runStryker(names: readonly string[]): Promise<void> {
  const files = names.map((name) => `${CORE}/${name}.ts`);
  const args = ['node_modules/.bin/stryker', 'run', ...(files.length > 0 ? ['--mutate', files.join()] : [])];
  try {
    if ((await runWhole(args, ROOT, process.env)) !== 0) process.exitCode = 1;
  } finally {
    await rm(path.join(ROOT, STRYKER_FOLDER), { recursive: true, force: true });
  }
}

async function runListed(words: readonly string[]): Promise<void> {
  const wanted = MUTANTS.filter(
    ({ name, file }) =>
      words.length === 0 || words.some((word) => name.includes(word) || file.includes(word)),
  );
  const tree = await copyTree();
  const server = await startEmbeddedPostgres({
    dataDir: await makeDataDir('mutants'),
    log: () => undefined,
    settings: { max_connections: '300', fsync: 'off' },
  });
  try {
    report(await new Judge(tree, server.url).all(wanted));
  } finally {
    await server.stop();
  }
}

/** A copy whose workspaces lead to its own packages, so that a fault is in whatever imports it. */
async function copyTree(): Promise<string> {
  const tree = await realpath(await mkdtemp(path.join(RUN_FOLDER, 'mutants-')));
  for (const name of COPIED) await cp(path.join(ROOT, name), path.join(tree, name), { recursive: true });
  await mkdir(path.join(tree, 'node_modules'));
  for (const name of await readdir(path.join(ROOT, 'node_modules')))
    if (name !== '@plexy-pay')
      await symlink(path.join(ROOT, 'node_modules', name), path.join(tree, 'node_modules', name));
  const scope = path.join(tree, 'node_modules/@plexy-pay');
  await mkdir(scope);
  for (const name of await readdir(path.join(tree, 'packages')))
    await symlink(path.join(tree, 'packages', name), path.join(scope, name));
  return tree;
}

class Judge {
  readonly #tree: string;
  readonly #databaseUrl: string;
  /** Whether a file of tests passes without any fault. */
  readonly #sound = new Map<string, boolean>();

  /** @param databaseUrl of a server of its own: tests that are ended leave their databases in it */
  constructor(tree: string, databaseUrl: string) {
    this.#tree = tree;
    this.#databaseUrl = databaseUrl;
  }

  async all(mutants: readonly Mutant[]): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const mutant of mutants) {
      const begun = performance.now();
      const { verdict, failure } = await this.#judge(mutant);
      const seconds = Math.round((performance.now() - begun) / 1_000);
      const by = failure === null ? '' : `, by ${failure.file}: ${failure.what}`;
      process.stdout.write(`${verdict}: ${mutant.name} (${mutant.file}, ${seconds} s)${by}\n`);
      verdicts.push(verdict);
    }
    return verdicts;
  }

  async #judge({ file, from, to, tests }: Mutant): Promise<{ verdict: Verdict; failure: Failure | null }> {
    const place = path.join(this.#tree, file);
    const text = await readFile(place, 'utf8');
    if (text.split(from).length !== 2) return { verdict: 'does not apply', failure: null };
    const mutated = text.replace(from, () => to);
    await writeFile(place, mutated);
    const failure = await this.#firstFailure(tests).finally(() => writeFile(place, text));
    if (failure === null) return { verdict: 'survived', failure };
    const verdict = (await this.#isSound(failure.file)) ? 'killed' : 'its test fails without it, too';
    return { verdict, failure };
  }

  async #firstFailure(tests: readonly string[]): Promise<Failure | null> {
    const all = globSync('packages/*/test/**/*.test.ts', { cwd: this.#tree }).sort();
    const files = new Set(tests.flatMap((part) => all.filter((file) => file.includes(part))));
    for (const file of files) {
      const what = await this.#failureOf(file);
      if (what !== null) return { file, what };
    }
    return null;
  }

  async #isSound(file: string): Promise<boolean> {
    const sound = this.#sound.get(file) ?? (await this.#failureOf(file)) === null;
    this.#sound.set(file, sound);
    return sound;
  }

  /** The first test of this file that fails; null when none does. The rest is not waited for. */
  async #failureOf(file: string): Promise<string | null> {
    const environment = {
      ...process.env,
      TEST_DATABASE_URL: this.#databaseUrl,
      NODE_COMPILE_CACHE: path.join(this.#tree, 'compile-cache'),
    };
    const ended = new AbortController();
    let failed: string | null = null;
    const onLine = (line: string): void => {
      failed ??= /^\s*not ok \d+ - (.*)$/.exec(line)?.[1] ?? null;
      if (failed !== null) ended.abort();
    };
    const limit = AbortSignal.timeout(FILE_LIMIT_MS);
    const args = ['--test-reporter=tap', file];
    const signal = AbortSignal.any([ended.signal, limit]);
    const code = await runWhole(args, this.#tree, environment, { onLine, signal });
    await this.#dropDatabases();
    if (limit.aborted) return 'does not end';
    return code === 0 ? null : (failed ?? `ends with ${code}`);
  }

  async #dropDatabases(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query(`SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'`);
      for (const { datname } of rows) await client.query(`DROP DATABASE "${datname}" WITH (FORCE)`);
    } finally {
      await client.end();
    }
  }
}

/**
 * Runs a program, and ends whatever it has started when it ends, or is told to.
 * @param output hears each line, and may end it; without it the program writes to ours
 * @returns its code; null when it was ended
 * @throws Error when this process was interrupted
 */
async function runWhole(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  output?: { readonly onLine: (line: string) => void; readonly signal: AbortSignal },
): Promise<number | null> {
  interrupted.signal.throwIfAborted();
  // Detached, it is the leader of a group, which all that it starts belongs to.
  const child = spawn(process.execPath, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', output === undefined ? 'inherit' : 'pipe', output === undefined ? 'inherit' : 'ignore'],
  });
  const end = (): void => endGroup(child.pid);
  const signals = [interrupted.signal, ...(output === undefined ? [] : [output.signal])];
  for (const signal of signals) signal.addEventListener('abort', end);
  if (output !== undefined && child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', output.onLine);
  try {
    const [code] = await once(child, output === undefined ? 'exit' : 'close');
    interrupted.signal.throwIfAborted();
    return code;
  } finally {
    end();
    for (const signal of signals) signal.removeEventListener('abort', end);
  }
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

function report(verdicts: readonly Verdict[]): void {
  const counts = Map.groupBy(verdicts, (verdict) => verdict);
  const killed = counts.get('killed')?.length ?? 0;
  const percent = Math.floor((100 * killed) / Math.max(1, verdicts.length));
  const parts = VERDICTS.map((verdict) => `${verdict}: ${counts.get(verdict)?.length ?? 0}`);
  process.stdout.write(`listed faults: ${parts.join(', ')}; ${percent} % noticed\n`);
  if (percent < GOAL_PERCENT) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
});
