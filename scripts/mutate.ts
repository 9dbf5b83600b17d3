/**
 * How much of what may go wrong the tests notice: `npm run mutate` runs Stryker over the pure core (stryker.config.json)
 * and then the faults of `mutants.ts`, each in a copy of the tree, and prints a score. `npm run mutate -- listed` runs the
 * latter alone, `npm run mutate -- listed lane key` those with one of these words in their names.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RUN_FOLDER } from '../packages/server/test/support/run.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

const ROOT = path.join(import.meta.dirname, '..');
/** Copied as they are; the rest of the tree is of no use to a test. */
const COPIED = [
  'packages',
  'scripts',
  'migrations',
  'bench',
  'docs',
  'examples',
  'package.json',
  'README.md',
];
const GOAL_PERCENT = 90;

type Verdict = 'killed' | 'survived' | 'does not apply';

async function main(): Promise<void> {
  const [what, ...words] = process.argv.slice(2);
  if (what === undefined) runStryker();
  else if (what !== 'listed') throw new Error(`usage: npm run mutate [-- listed [words]]`);
  const wanted = MUTANTS.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  const tree = await copyTree();
  try {
    const verdicts: Verdict[] = [];
    for (const mutant of wanted) verdicts.push(await judge(tree, mutant));
    report(verdicts);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** Stryker's own report is printed; it ends with 1 when its score is below the goal. */
function runStryker(): void {
  const { status } = spawnSync(process.execPath, ['node_modules/.bin/stryker', 'run'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

/** A copy whose workspaces lead to its own packages, so that a fault is in whatever imports it. */
async function copyTree(): Promise<string> {
  const tree = await realpath(await mkdtemp(path.join(RUN_FOLDER, 'mutants-')));
  for (const name of COPIED) await cp(path.join(ROOT, name), path.join(tree, name), { recursive: true });
  await mkdir(path.join(tree, 'node_modules'));
  for (const name of await readdir(path.join(ROOT, 'node_modules'))) {
    const workspace = name === '@plexy-pay';
    const from = workspace ? path.join(tree, 'node_modules', name) : path.join(ROOT, 'node_modules', name);
    if (!workspace) await symlink(from, path.join(tree, 'node_modules', name));
  }
  const scope = path.join(tree, 'node_modules/@plexy-pay');
  await mkdir(scope);
  for (const name of await readdir(path.join(tree, 'packages')))
    await symlink(path.join(tree, 'packages', name), path.join(scope, name));
  return tree;
}

async function judge(tree: string, mutant: Mutant): Promise<Verdict> {
  const file = path.join(tree, mutant.file);
  const text = await readFile(file, 'utf8');
  if (text.split(mutant.from).length !== 2) return say(mutant, 'does not apply', 0);
  await writeFile(
    file,
    text.replace(mutant.from, () => mutant.to),
  );
  const begun = performance.now();
  try {
    execFileSync(process.execPath, ['scripts/test.ts', ...mutant.tests], {
      cwd: tree,
      stdio: 'pipe',
      timeout: 600_000,
    });
    return say(mutant, 'survived', performance.now() - begun);
  } catch {
    return say(mutant, 'killed', performance.now() - begun);
  } finally {
    await writeFile(file, text);
  }
}

function say({ name, file }: Mutant, verdict: Verdict, ms: number): Verdict {
  process.stdout.write(`${verdict}: ${name} (${file}, ${Math.round(ms / 1_000)} s)\n`);
  return verdict;
}

function report(verdicts: readonly Verdict[]): void {
  const killed = verdicts.filter((verdict) => verdict === 'killed').length;
  const percent = Math.round((100 * killed) / Math.max(1, verdicts.length));
  process.stdout.write(`listed faults: ${killed} of ${verdicts.length} noticed, ${percent} %\n`);
  if (percent < GOAL_PERCENT) process.exitCode = 1;
}

await main();
