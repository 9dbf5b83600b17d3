/** Prints what a tag's version brought: `node scripts/releaseNotes.ts v1.2.3`. The tag must be the version of what it tags. */
import { readFileSync } from 'node:fs';
import { notesOf } from './changelog.ts';

const tag = process.argv[2] ?? '';
const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
try {
  if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, and package.json says ${version}`);
  process.stdout.write(`${notesOf(readFileSync('CHANGELOG.md', 'utf8'), version)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
