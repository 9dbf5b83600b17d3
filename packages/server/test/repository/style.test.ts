/** Style that a test can check: what is pure, where SQL is. (Who imports whom, and how long functions are, is Biome's.) */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

const SRC = path.join(import.meta.dirname, '../../src');

interface SourceFile {
  /** Relative to src, such as `engine/batch.ts`. */
  readonly name: string;
  /** The first folder, or '' for the composition root's own files. */
  readonly part: string;
  readonly text: string;
  /** Without comments and the contents of strings and templates, line by line as in `text`. */
  readonly code: string;
}

const FILES: readonly SourceFile[] = globSync('**/*.ts', { cwd: SRC })
  .sort()
  .map((name) => {
    const text = readFileSync(path.join(SRC, name), 'utf8');
    const part = name.includes(path.sep) ? (name.split(path.sep)[0] ?? '') : '';
    return { name, part, text, code: codeOf(text) };
  });

/** Blanks comments, strings, regular expressions and template text, keeping line breaks. */
function codeOf(text: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?{;]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/g;
  return text.replace(token, (found) => found.replace(/[^\n]/g, ' '));
}

function filesOf(part: string): SourceFile[] {
  return FILES.filter((file) => file.part === part);
}

/** The packages, of Node and of others, that a file imports. */
function packagesOf(file: SourceFile): string[] {
  const statement = /^(?:import|export)\s+(?:type\s+)?(?:[\w*{][^;]*?\sfrom\s+)?'([^'.][^']*)'/gm;
  return [...file.text.matchAll(statement)].map(([, name = '']) => name);
}

/** Lines of code that match, as file:line text. */
function findings(files: readonly SourceFile[], pattern: RegExp, of: 'code' | 'text' = 'code'): string[] {
  return files.flatMap(({ name, [of]: source }) =>
    source.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${name}:${i + 1} ${line.trim()}`] : [])),
  );
}

/** Pure like the core, in the rooms that they are of. */
const PURE = [
  'auditLog/auditEntry.ts',
  'identity/roles.ts',
  'identity/signIn.ts',
  'reports/issues.ts',
  'reports/statistics.ts',
  'requestLog/loggedRequest.ts',
  'sandbox/fixtures.ts',
].map(path.normalize);

const pureFiles = FILES.filter(({ name, part }) => part === 'core' || PURE.includes(name));

/** Which room may import which, and that no imports go round in a circle, are rules of Biome: see biome.json. */
test('what is pure is there, and uses no package that does anything but compute', () => {
  assert.equal(pureFiles.length, filesOf('core').length + PURE.length);
  const packages = pureFiles.flatMap(packagesOf);
  assert.deepEqual(
    packages.filter(
      (name) => !/^(?:libphonenumber-js(?:\/|$)|temporal-polyfill$|@plexy-pay\/money$)/.test(name),
    ),
    [],
  );
});

/** What is loaded with a file: what it imports but for types alone, and what that does. */
function loadedWith(name: string, seen = new Set<string>()): Set<string> {
  const file = FILES.find((one) => one.name === name);
  if (file === undefined || seen.has(name)) return seen;
  seen.add(name);
  const statement = /^(?:import|export)\s+(?!type\s)(?:[\w*{][^;]*?\sfrom\s+)?'(\.[^']*)'/gm;
  for (const [, specifier = ''] of file.text.matchAll(statement))
    loadedWith(path.join(path.dirname(name), specifier), seen);
  return seen;
}

test('production loads nothing of the sandbox, which has one door', () => {
  const ofSandbox = (name: string): boolean => name.startsWith('sandbox');
  for (const entry of [
    'main.ts',
    ...['node.ts', 'workers.ts', 'webhookThread.ts'].map((name) => `app/${name}`),
  ])
    assert.deepEqual([...loadedWith(entry)].filter(ofSandbox), [], entry);
  assert.ok([...loadedWith(path.join('sandbox', 'room.ts'))].filter(ofSandbox).length > 8);
  const doors = FILES.flatMap(({ name, part, text }) =>
    part === 'sandbox'
      ? []
      : [...text.matchAll(/import\('([^']*sandbox[^']*)'\)/g)].map(([, to]) => `${name} ${to}`),
  );
  assert.deepEqual(doors, [
    'app/greeting.ts ../sandbox/fixtures.ts',
    'app/parts.ts ../sandbox/room.ts',
    'app/server.ts ../sandbox/room.ts',
    // The primary of several workers has the bank, and nothing else of a sandbox.
    'app/workers.ts ../sandbox/bankProcess.ts',
  ]);
});

describe('what is pure', () => {
  test('no clock, randomness, waiting or output', () => {
    const impure =
      /\bDate\.now\b|\bTemporal\.Now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bcrypto\b|\bawait\b|\basync\b|\bsetTimeout\b|\bconsole\.|\bprocess\b/;
    assert.deepEqual(findings(pureFiles, impure), []);
  });

  test('no floating point near money', () => {
    const floats = /\bparseFloat\b|\.toFixed\b|\bNumber\((?!\s*\))|\bMath\.(?:round|floor|ceil|trunc)\b/;
    assert.deepEqual(
      findings(pureFiles, floats).filter((line) => !/^core.(?:values.)?(?:iin|phone|guesses)\.ts/.test(line)),
      [],
    );
  });
});

/** Where statements are: the database's own room, and each room's. */
const hasSql = ({ name, part }: SourceFile): boolean => part === 'postgres' || name.endsWith('Sql.ts');

test('amounts are never turned into floating point by the engine, nor on their way to PostgreSQL', () => {
  const floats =
    /\bparseFloat\b|\.toFixed\b|Number\([^)]*(?:amount|balance|available|held|captured|refunded|released|reserved)/i;
  assert.deepEqual(
    findings(
      FILES.filter((file) => file.part === 'engine' || hasSql(file)),
      floats,
    ),
    [],
  );
});

/** main.ts and the commands hand it to config.ts. */
const READERS = /^(?:app.config|main|commands.(?:audit|rekey))\.ts/;

test('only config.ts reads the environment', () => {
  const readers = findings(FILES, /\bprocess\.env\b/).filter((line) => !READERS.test(line));
  assert.deepEqual(readers, []);
  assert.deepEqual(
    findings(
      FILES.filter(({ name }) => name === 'main.ts'),
      /\bprocess\.env\b(?!\))/,
    ),
    [],
  );
});

test('where a request comes from is read in one place: elsewhere it would be text from outside', () => {
  const raw = /\.ips?\b(?!\()|\bremoteAddress\b|x-forwarded-for/i;
  const files = FILES.filter(({ name }) => name !== path.join('http', 'clientAddress.ts'));
  assert.deepEqual(findings(files, raw), []);
});

/** A statement at the beginning of a string, or after another statement in it. */
const SQL =
  /(?:['"`]|;)\s*(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS|CREATE|ALTER|DROP|TRUNCATE|LOCK TABLE|BEGIN|START TRANSACTION|COMMIT|ROLLBACK|(?:RELEASE )?SAVEPOINT|SET(?: LOCAL| SESSION)? \w+|RESET|DISCARD|SHOW|LISTEN|NOTIFY|DECLARE|FETCH|COPY|VACUUM|ANALYZE)(?:\b|$)/;

test('SQL is in postgres/ and in files whose name ends with Sql only', () => {
  // The core has words of its own in capitals, and no database.
  const elsewhere = FILES.filter((file) => !hasSql(file) && file.part !== 'core');
  assert.deepEqual(findings(elsewhere, SQL, 'text'), []);
  // The rule sees what it is for: statements around the work as well as the work.
  const seen = [
    "await client.query('BEGIN');",
    "{ name: 'begin', text: 'BEGIN' }",
    'const WAIT = `SET LOCAL lock_timeout = 1`;',
    '`SET jit = off; SELECT set_config($1)`',
    'query("DISCARD PLANS")',
  ];
  assert.deepEqual(
    seen.filter((line) => !SQL.test(line)),
    [],
  );
});

/** The names that a file gives to prepared statements: as a property, and as the first argument of what makes one. */
function statementNamesOf(text: string): string[] {
  const property = /\bname: '(\w+)',\s*(?:text|values)\b/g;
  const made = /\b(?:statementOf|insertOf|updateOf)\(\s*'(\w+)'/g;
  return [property, made].flatMap((pattern) => [...text.matchAll(pattern)].map(([, name = '']) => name));
}

test('statement names are unique: two texts under one name would make PostgreSQL run neither', () => {
  const names = FILES.flatMap(({ text }) => statementNamesOf(text));
  // Those of the hot path are made by functions: without them this test would see only half of the names.
  for (const known of ['claim', 'insert_events', 'insert_postings', 'update_wallet'])
    assert.ok(names.includes(known), known);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

test('no escape from the type checker', () => {
  assert.deepEqual(
    [
      ...findings(FILES, /@ts-(?:ignore|expect-error|nocheck)/, 'text'),
      ...findings(FILES, /\bas any\b|: any\b/),
    ],
    [],
  );
});
