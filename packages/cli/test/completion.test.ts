/** What the shells complete, asked of the shells themselves. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { main } from '../src/main.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'plexy-completion-'));
after(() => rmSync(folder, { recursive: true }));

async function scriptOf(shell: string): Promise<string> {
  const lines: string[] = [];
  const out = (text: string): void => void lines.push(text);
  assert.equal(await main(['completion', shell], { env: {}, out, error: assert.fail }), 0);
  const file = path.join(folder, `plexy.${shell}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

type Ask = (file: string, words: readonly string[]) => string;

/** Each is given the words of the line, the last of which is being typed, and prints what may be meant, one a line. */
const SHELLS: Readonly<Record<string, Ask>> = {
  bash: (file, words) =>
    execFileSync(
      'bash',
      [
        '--norc',
        '-c',
        `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plexy; printf '%s\\n' "\${COMPREPLY[@]}"`,
        'bash',
        file,
        ...words,
      ],
      { encoding: 'utf8' },
    ),
  // Outside its line editor zsh has no completion: what it would be asked to describe is looked at.
  zsh: (file, words) =>
    execFileSync(
      'zsh',
      [
        '-f',
        '-c',
        `compdef() { }; _describe() { print -rl -- \${(P)2} }; source $1; shift; words=("$@"); CURRENT=$#; _plexy`,
        'zsh',
        file,
        ...words,
      ],
      { encoding: 'utf8' },
    )
      .split('\n')
      .map((line) => line.replace(/:.*/, ''))
      .filter((line) => line.startsWith(words.at(-1) ?? ''))
      .join('\n'),
  fish: (file, words) =>
    execFileSync(
      'fish',
      ['--no-config', '-c', 'source $argv[1]; complete -C "$argv[2..-1]"', file, ...words],
      {
        encoding: 'utf8',
      },
    ).replace(/\t.*/g, ''),
};

const CASES: readonly (readonly [line: string, expected: readonly string[]])[] = [
  ['plexy merch', ['merchants']],
  ['plexy merchants up', ['update']],
  ['plexy merchants create --capture-m', ['--capture-mode']],
  // Where a command's own options are, the program's are, too.
  ['plexy merchants create --js', ['--json']],
  ['plexy --key merchants --url http://localhost:1 trans', ['transactions']],
  ['plexy operator-key cr', ['create']],
  ['plexy trigger ch', ['charged']],
  ['plexy completion f', ['fish']],
  // Of another command, and after an option that wants a value.
  ['plexy merchants --forward', []],
  ['plexy merchants create --name upd', []],
];

for (const [shell, ask] of Object.entries(SHELLS)) {
  const skip = spawnSync(shell, ['--version']).error !== undefined && `${shell} is not installed`;
  describe(`${shell} completes`, { skip }, () => {
    for (const [line, expected] of CASES)
      test(line, async () => {
        const offered = ask(await scriptOf(shell), line.split(' '))
          .split('\n')
          .filter((text) => text !== '');
        assert.deepEqual(offered, expected);
      });
  });
}

test('a shell that nobody has heard of is refused', async () => {
  const errors: string[] = [];
  const refuse = { env: {}, out: assert.fail, error: (text: string) => void errors.push(text) };
  assert.equal(await main(['completion', 'cmd'], refuse), 2);
  assert.match(errors.join('\n'), /Allowed choices are bash, zsh, fish/);
});
