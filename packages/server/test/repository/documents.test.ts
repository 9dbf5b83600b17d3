/**
 * Every block of every document runs as it is written, in its order, on a server of its own: what a reader copies works. An answer
 * that stands below a command is what the command answers, but for ids and times.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { ADVISORY_LOCKS } from '../../src/postgres/advisoryLocks.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');
/** Where the documents say that the server is. */
const ADDRESS = 'http://127.0.0.1:8080';

const DOCUMENTS = [
  ...globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md', 'deploy/*/README.md', 'bench/README.md'], {
    cwd: ROOT,
  }),
].sort();

/** Blocks that no reader runs against a sandbox that is up: each is run by the test that is named. */
const ELSEWHERE: readonly (readonly [begins: string, test: string])[] = [
  ['npx plexy check-connector', 'packages/cli/test/checkConnector.test.ts'],
  ['npm ci && npm start', 'packages/server/test/app/process.test.ts'],
  ['npm ci\nnpm test', 'packages/server/test/repository/mutants.test.ts'],
  ['npm test', 'packages/server/test/repository/mutants.test.ts'],
  ['MODE=production', 'packages/server/test/app/production.test.ts'],
  ['npm run package', 'packages/server/test/release/installed.test.ts'],
  ['npm run build -w packages/sdk', 'packages/sdk/test/package.test.ts'],
  ['npm run build -w packages/dashboard', 'packages/dashboard/test/pages.test.ts'],
  ['npx plexy listen', 'packages/cli/test/listen.test.ts'],
  ['WEBHOOK_SECRET=', 'packages/sdk/test/webhookExamples.test.ts'],
  ['patronictl edit-config', 'deploy/pgbackrest/test/backup.test.ts'],
  ['pgbackrest ', 'deploy/pgbackrest/test/backup.test.ts'],
  ['deploy/pgbackrest/restore-to', 'deploy/pgbackrest/test/backup.test.ts'],
  ['deploy/patroni/install', 'deploy/patroni/test/up.test.ts'],
  ['BANK_DATABASE_URL=', 'packages/server/test/sandbox/bankProcess.test.ts'],
];

/** Languages that are shown, not run: what is sent, pictures, and code that has a test of its own. */
const SHOWN: Readonly<Record<string, string>> = {
  '': 'an excerpt of a protocol',
  http: 'what is sent',
  json: 'an answer',
  mermaid: 'a picture',
  sql: 'packages/server/test/auditLog/databaseRoles.test.ts',
  text: 'what a program prints',
  html: 'packages/checkout/test/frames.test.ts',
  js: 'packages/sdk/test/webhookExamples.test.ts, packages/sdk/test/package.test.ts',
  python: 'packages/sdk/test/webhookExamples.test.ts',
  php: 'packages/sdk/test/webhookExamples.test.ts',
  go: 'packages/sdk/test/webhookExamples.test.ts',
};

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a document, also those of a list's entry. */
function blocksOf(document: string): Block[] {
  const text = readFileSync(path.join(ROOT, document), 'utf8');
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', body = '']) => ({
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
    }),
  );
}

function isElsewhere(block: Block): boolean {
  return ELSEWHERE.some(([begins]) => block.text.startsWith(begins));
}

/** A shell that remembers its variables from block to block, as a reader's does. */
class Shell {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#environment = environment;
  }

  /** @returns what the block prints; fails when one of its commands does */
  async run(block: string): Promise<string> {
    const state = path.join(this.#folder, 'state');
    const script = `[ -f '${state}' ] && . '${state}' 2>/dev/null
set -e -o pipefail
${block}
declare -p > '${state}'`;
    const { stdout } = await run('bash', ['--norc', '-c', script], {
      cwd: ROOT,
      env: { ...this.#environment },
      timeout: 60_000,
    });
    return stdout;
  }
}

async function runDocument(sandbox: Sandbox, document: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'plexy-document-'));
  const bin = path.join(ROOT, 'node_modules/.bin');
  await writeFile(path.join(folder, 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  const shell = new Shell(folder, {
    PATH: `${folder}:${bin}:${process.env.PATH ?? ''}`,
    HOME: folder,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    PLEXY_URL: sandbox.url,
    DATABASE_URL: sandbox.databaseUrl,
  });
  const blocks = blocksOf(document);
  try {
    for (const [i, block] of blocks.entries()) {
      if (block.language !== 'sh' || isElsewhere(block)) continue;
      const printed = await shell.run(block.text.replaceAll(ADDRESS, sandbox.url));
      const next = blocks[i + 1];
      if (next?.language === 'json' && next.text.startsWith('{') && !next.text.includes('…'))
        assertLike(JSON.parse(printed), JSON.parse(next.text), block.text);
      else if (block.text.startsWith('curl') && printed.startsWith('{')) assertAnswer(printed, block.text);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** No error, whatever else the document leaves open. */
function assertAnswer(printed: string, command: string): void {
  const body = JSON.parse(printed);
  assert.equal(body.reason, undefined, `${command}\nanswered ${printed}`);
}

const ID = /^(?:(?:wt|ct|pl|msg|whsec|pr|op)_|[0-9a-f]{8}-)/;
const TIME = /^\d{4}-\d{2}-\d{2}T/;

/** Equal, but for ids, times and fields that the document leaves out. */
function assertLike(actual: unknown, expected: unknown, about: string): void {
  if (typeof expected === 'string' && (ID.test(expected) || TIME.test(expected))) {
    assert.equal(typeof actual, 'string', about);
    return;
  }
  if (expected === null || typeof expected !== 'object') {
    assert.deepEqual(actual, expected, about);
    return;
  }
  assert.ok(actual !== null && typeof actual === 'object', about);
  for (const [name, value] of Object.entries(expected))
    assertLike((actual as Record<string, unknown>)[name], value, `${about}: ${name}`);
}

describe('every block of every document runs as it is written, in its order', () => {
  for (const document of DOCUMENTS) {
    const commands = blocksOf(document).filter((block) => block.language === 'sh' && !isElsewhere(block));
    if (commands.length === 0) continue;
    test(document, async () => {
      const sandbox = await startSandbox();
      await runDocument(sandbox, document).finally(sandbox.stop);
    });
  }
});

test('no block is of a kind that nothing runs, and what is run elsewhere is still there', () => {
  const blocks = DOCUMENTS.flatMap((document) => blocksOf(document).map((block) => ({ document, ...block })));
  const unknown = blocks.filter(({ language }) => language !== 'sh' && !(language in SHOWN));
  assert.deepEqual(
    unknown.map(({ document, language }) => `${document}: ${language}`),
    [],
  );
  const unused = ELSEWHERE.filter(([begins]) => !blocks.some(({ text }) => text.startsWith(begins)));
  assert.deepEqual(unused, []);
  for (const [, file] of ELSEWHERE) assert.ok(existsSync(path.join(ROOT, file)), file);
});

test('every link from one document to a file leads somewhere', () => {
  const broken = DOCUMENTS.flatMap((document) => {
    const text = readFileSync(path.join(ROOT, document), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(
      ([, link = '']) => link,
    );
    return links
      .filter((link) => !existsSync(path.join(ROOT, path.dirname(document), link)))
      .map((link) => `${document}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

test('what ARCHITECTURE.md says of files and rooms is so', () => {
  const text = readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const source = path.join(ROOT, 'packages/server/src');
  const table = /^## Where things are decided\n(.*?)^## /ms.exec(text)?.[1] ?? '';
  const files = [...table.matchAll(/`([\w/]+\.ts)`/g)].map(([, file = '']) => file);
  assert.ok(files.length > 15);
  assert.deepEqual(
    files.filter((file) => !existsSync(path.join(source, file))),
    [],
  );
  const rooms = globSync('*/', { cwd: source }).map((room) => `${path.basename(room)}/`);
  const page = /^## The rooms\n(.*?)^## /ms.exec(text)?.[1] ?? '';
  assert.ok(rooms.length > 15);
  assert.deepEqual(
    rooms.filter((room) => !page.includes(room)),
    [],
  );
});

test('docs/locks.md tells of every advisory lock, there are no others, and the files that it names exist', () => {
  const text = readFileSync(path.join(ROOT, 'docs/locks.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name = '', number]) => [
    name,
    Number(number),
  ]);
  assert.deepEqual(Object.fromEntries(rows), ADVISORY_LOCKS);
  assert.equal(new Set(Object.values(ADVISORY_LOCKS)).size, rows.length);
  const source = path.join(ROOT, 'packages/server/src');
  const elsewhere = globSync('**/*.ts', { cwd: source }).filter(
    (file) =>
      file !== path.join('postgres', 'advisoryLocks.ts') &&
      /advisory_(?:xact_)?lock(?:_shared)?\((?!\$)/.test(readFileSync(path.join(source, file), 'utf8')),
  );
  assert.deepEqual(elsewhere, []);
  const named = [...text.matchAll(/`([\w/]+\.ts)`/g)].map(([, file = '']) => file);
  assert.deepEqual(
    named.filter((file) => !existsSync(path.join(source, file)) && !existsSync(path.join(ROOT, file))),
    [],
  );
});
