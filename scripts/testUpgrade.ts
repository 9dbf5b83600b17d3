/**
 * `npm run test:upgrade`: an upgrade from the last release to this version, while merchants pay (packages/server/test/upgrade).
 * Apart from the other tests, since it needs the repository's history. The last line is "N passed, N failed".
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(import.meta.resolve('../packages/server/test/upgrade/upgrade.ts'));

const counts = { passed: 0, failed: 0 };
const events = run({ files: [FILE] });
events.on('test:summary', ({ file, counts: { passed, tests } }) => {
  if (file === undefined) Object.assign(counts, { passed, failed: tests - passed });
});
for await (const text of events.compose(spec)) process.stdout.write(text);
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.passed > 0 && counts.failed === 0 ? 0 : 1;
