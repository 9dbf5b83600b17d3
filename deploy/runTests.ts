/**
 * Runs tests that need hosts of their own: as root, in network, mount and process namespaces of their own, so that nothing
 * of them is seen elsewhere on the machine and all of it ends with this process, however that ends.
 *
 *   node deploy/runTests.ts deploy/patroni/test/failover.test.ts [--rounds 5] [--logs FOLDER] [--only PATTERN]
 *   node deploy/runTests.ts --here bench/test/cost.test.ts
 *
 *   this process ── unshare ── a shell as the first process, which reaps what is orphaned ── this program again
 *
 * The last line is "N passed, N failed".
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Set within the namespaces. */
const INSIDE = 'PLEXY_TEST_NAMESPACES';
/** Our own network, without a way out. */
const UNSHARE = [
  '--net',
  '--mount',
  '--propagation',
  'private',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];
/** `ip netns` keeps its names where nobody else sees them. */
const FIRST_PROCESS = `
  mkdir -p /run/netns /run/postgresql || exit 1
  mount -t tmpfs none /run/netns && mount -t tmpfs none /run/postgresql && ip link set lo up || exit 1
  trap 'kill -TERM $child' TERM INT
  "$@" & child=$!
  wait $child; status=$?
  while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
  exit $status`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    logs: { type: 'string' },
    only: { type: 'string' },
    /** They need no hosts of their own, and cannot have any: valgrind does not start in there. */
    here: { type: 'boolean', default: false },
  },
});
if (values.rounds !== undefined) process.env.FAILOVER_ROUNDS = values.rounds;
if (values.logs !== undefined) process.env.FAILOVER_LOGS = path.resolve(values.logs);
const isHere = values.here || process.env[INSIDE] === '1';
process.exitCode = isHere ? await runFiles(positionals) : await runInNamespaces();

async function runInNamespaces(): Promise<number> {
  if (process.getuid?.() !== 0) {
    if (process.env.CI !== undefined) throw new Error('network namespaces need root');
    process.stdout.write('Skipped: network namespaces need root.\n0 passed, 0 failed, 1 skipped\n');
    return 0;
  }
  const { RUN_FOLDER } = await import('../packages/server/test/support/run.ts');
  // Process ids mean something else in there: what begins a run there must not judge the runs out here by theirs.
  const folder = path.join(RUN_FOLDER, 'in');
  await mkdir(folder, { mode: 0o755 });
  const self = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn('unshare', [...UNSHARE, 'bash', '-c', FIRST_PROCESS, 'bash', ...self], {
    env: { ...process.env, [INSIDE]: '1', TMPDIR: folder },
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** @returns the exit code */
async function runFiles(files: readonly string[]): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const { only } = values;
  const patterns = only === undefined ? {} : { testNamePatterns: [new RegExp(only)] };
  const events = run({ files: [...files], concurrency: 1, ...patterns });
  events.on('test:summary', ({ file, counts: { passed, tests, skipped } }) => {
    if (file !== undefined) return;
    Object.assign(counts, { passed, skipped, failed: tests - passed - skipped });
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  return counts.failed === 0 && counts.passed + counts.skipped > 0 ? 0 : 1;
}
