/**
 * What `npm version` does to a repository of several packages that are released together: every manifest gets the new
 * version, also where they name each other, the lock file and the API's document follow, and the first heading of
 * CHANGELOG.md gets the version and the day. npm commits and tags afterwards: `npm version minor && git push --follow-tags`.
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dated } from './changelog.ts';

const edit = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')));

const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const file of globSync(['packages/*/package.json', 'examples/*/package.json']))
  edit(file, (text) =>
    text.replace(
      /^( {2}"version": )"[^"]*"|^( {4}"@plexy-pay\/[^"]*": )"[^"]*"/gm,
      (_, own = '', other = '') => `${own}${other}"${version}"`,
    ),
  );
edit('CHANGELOG.md', (text) => dated(text, version, new Date()));
edit('docs/openapi.json', (text) => text.replace(/^( {4}"version": )"[^"]*"/m, `$1"${version}"`));
execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--offline'], {
  stdio: 'inherit',
});
execFileSync('git', ['add', '--update'], { stdio: 'inherit' });
