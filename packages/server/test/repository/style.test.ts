/** Style that a test can check: who imports whom, what the pure core may not do. (How long functions are is Biome's.) */
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

interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** The part of src that it leads to; null for packages. */
  readonly part: string | null;
  readonly typeOnly: boolean;
}

function importsOf(file: SourceFile): Import[] {
  const statement = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^;]*?\sfrom\s+)?'([^']+)'/gm;
  return [...file.text.matchAll(statement)].map(([, type, specifier = '']) => {
    const target = path.relative(SRC, path.resolve(SRC, path.dirname(file.name), specifier));
    const part = target.includes(path.sep) ? (target.split(path.sep)[0] ?? '') : '';
    return { specifier, part: specifier.startsWith('.') ? part : null, typeOnly: type !== undefined };
  });
}

/** Lines of code that match, as file:line text. */
function findings(files: readonly SourceFile[], pattern: RegExp, of: 'code' | 'text' = 'code'): string[] {
  return files.flatMap(({ name, [of]: source }) =>
    source.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${name}:${i + 1} ${line.trim()}`] : [])),
  );
}

describe('imports go one way', () => {
  /** http, acquirer, webhooks → engine → store → domain; '' are the files beside the folders. */
  const ALLOWED: Readonly<Record<string, readonly string[]>> = {
    domain: ['domain'],
    store: ['store', 'domain'],
    engine: ['engine', 'store', 'domain'],
    acquirer: ['acquirer', 'engine', 'store', 'domain'],
    webhooks: ['webhooks', 'engine', 'store', 'domain'],
    http: ['http', 'webhooks', 'engine', 'store', 'domain'],
  };
  /** Of the composition root's files, these are for everybody. */
  const SHARED: Readonly<Record<string, readonly string[]>> = {
    store: ['../secrets.ts', '../newId.ts'],
    acquirer: ['../secrets.ts', '../interimAnswers.ts'],
    webhooks: ['../secrets.ts', '../interimAnswers.ts'],
    http: ['../secrets.ts', '../newId.ts', '../version.ts'],
  };

  for (const [part, allowed] of Object.entries(ALLOWED)) {
    test(part, () => {
      const wrong = filesOf(part).flatMap((file) =>
        importsOf(file)
          .filter(({ part: to, specifier, typeOnly }) => {
            if (to === null || allowed.includes(to)) return false;
            // Types of the configuration may be named anywhere but in the domain.
            if (to === '' && typeOnly && part !== 'domain') return false;
            // The routes hand their commands to the bank's side, whose parts they are given.
            if (part === 'http' && to === 'acquirer') return !typeOnly;
            return !SHARED[part]?.includes(specifier);
          })
          .map(({ specifier }) => `${file.name} imports ${specifier}`),
      );
      assert.deepEqual(wrong, []);
    });
  }

  test('every folder is known', () => {
    const parts = new Set(FILES.map((file) => file.part));
    assert.deepEqual(
      [...parts].filter((part) => part !== '' && !(part in ALLOWED) && part !== 'commands'),
      [],
    );
  });

  test('the domain uses no package that does anything but compute', () => {
    const packages = filesOf('domain')
      .flatMap(importsOf)
      .filter(({ part }) => part === null);
    assert.deepEqual(
      packages
        .map(({ specifier }) => specifier)
        .filter((name) => !/^(?:libphonenumber-js(?:\/|$)|temporal-polyfill$|@plexy-pay\/money$)/.test(name)),
      [],
    );
  });
});

describe('the domain is pure', () => {
  const domain = filesOf('domain');

  test('no clock, randomness, waiting or output', () => {
    const impure =
      /\bDate\.now\b|\bTemporal\.Now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bcrypto\b|\bawait\b|\basync\b|\bsetTimeout\b|\bconsole\.|\bprocess\b/;
    assert.deepEqual(findings(domain, impure), []);
  });

  test('no floating point near money', () => {
    const floats = /\bparseFloat\b|\.toFixed\b|\bNumber\((?!\s*\))|\bMath\.(?:round|floor|ceil|trunc)\b/;
    assert.deepEqual(
      findings(domain, floats).filter((line) => !/^domain.(?:iin|phone|guesses)\.ts/.test(line)),
      [],
    );
  });
});

test('amounts are never turned into floating point in engine and store', () => {
  const floats =
    /\bparseFloat\b|\.toFixed\b|Number\([^)]*(?:amount|balance|available|held|captured|refunded|released|reserved)/i;
  assert.deepEqual(findings([...filesOf('engine'), ...filesOf('store')], floats), []);
});

/** main.ts and the commands hand it to config.ts; PostgreSQL's programs inherit it. */
const READERS = /^(?:config|main|commands.(?:audit|rekey)|store.embedded.process)\.ts/;

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
  const files = filesOf('http').filter(({ name }) => name !== path.join('http', 'clientAddress.ts'));
  assert.deepEqual(findings(files, raw), []);
});

/** A statement at the beginning of a string, or after another statement in it. */
const SQL =
  /(?:['"`]|;)\s*(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS|CREATE|ALTER|DROP|TRUNCATE|LOCK TABLE|BEGIN|START TRANSACTION|COMMIT|ROLLBACK|(?:RELEASE )?SAVEPOINT|SET(?: LOCAL| SESSION)? \w+|RESET|DISCARD|SHOW|LISTEN|NOTIFY|DECLARE|FETCH|COPY|VACUUM|ANALYZE)(?:\b|$)/;

test('SQL is in store/ only', () => {
  // The domain has words of its own in capitals, and no database.
  const elsewhere = FILES.filter(({ part }) => part !== 'store' && part !== 'domain');
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
