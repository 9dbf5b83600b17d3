/** A fault that no longer fits the code would count as noticed by nobody: the list has to follow the code. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { MUTANTS } from '../../../../scripts/mutants.ts';

const ROOT = path.join(import.meta.dirname, '../../../..');

test('every listed fault fits its file in one place, changes it, and names tests that exist', () => {
  const tests = globSync('packages/*/test/**/*.test.ts', { cwd: ROOT });
  const wrong = MUTANTS.flatMap(({ name, file, from, to, tests: parts }) => {
    const places = readFileSync(path.join(ROOT, file), 'utf8').split(from).length - 1;
    const known = parts.some((part) => tests.some((test) => test.includes(part)));
    return [
      ...(places === 1 ? [] : [`${name}: stands ${places} times in ${file}`]),
      ...(from === to ? [`${name}: changes nothing`] : []),
      ...(known ? [] : [`${name}: no test file has any of ${parts.join(', ')} in its name`]),
    ];
  });
  assert.deepEqual(wrong, []);
});
