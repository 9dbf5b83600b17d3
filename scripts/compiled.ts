/**
 * Modules of packages/ as a published package has them: JavaScript, file by file in the same layout, and declarations.
 * What they import of the repository's other packages comes along; packages of others stay imports.
 */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const PACKAGES = path.join(ROOT, 'packages');
/** The oldest Node that published programs run on; what it does not know is compiled away. */
export const PUBLISHED_NODE = '22.12';
const PROJECT = path.join(PACKAGES, 'tsconfig.types.json');
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');
/** Another module that is not imported: a thread's, a process's. */
const OTHER_MODULE = /(new URL\(|import\.meta\.resolve\()'(\.[^']*)\.ts'/g;
/** One that would still be a source, however its name is put together. */
const UNKNOWN_MODULE = /(?:new URL|resolve|Worker|fork|spawn)\([^()]*\.ts['"`]/;

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type?: string;
  readonly exports?: string | Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** The manifest of one of the repository's packages, by its folder's name. */
export function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(path.join(PACKAGES, name, 'package.json'), 'utf8'));
}

/** Writes JSON as npm does. */
export async function writeJson(file: string, content: object): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** What every package says of whose it is. */
export async function copyLicense(folder: string): Promise<void> {
  await copyFile(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'));
}

/**
 * Compiles modules, and all of the repository that they load.
 * @param entries from packages/, such as `server/src/main.ts`
 * @param edit changes a module's text before it is compiled
 * @returns the packages of others that they import
 */
export async function writeScripts(
  entries: readonly string[],
  folder: string,
  edit: (code: string, entry: string) => string = (code) => code,
): Promise<Set<string>> {
  const bundle = await rolldown({
    ...{ input: entries.map((entry) => path.join(PACKAGES, entry)), platform: 'node', treeshake: false },
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id) && !id.startsWith('@plexy-pay/'),
    plugins: [
      otherModules(),
      { name: 'edit', transform: (code, id) => edit(code, path.relative(PACKAGES, id)) },
    ],
    transform: { target: `node${PUBLISHED_NODE}` },
  });
  const { output } = await bundle.write({
    ...{ dir: folder, format: 'esm', preserveModules: true, preserveModulesRoot: PACKAGES },
    ...{ entryFileNames: '[name].js', chunkFileNames: '[name].js' },
  });
  await bundle.close();
  const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk');
  const unknown = chunks.filter(({ code }) => UNKNOWN_MODULE.test(code));
  if (unknown.length > 0)
    throw new Error(
      `${unknown.map(({ fileName }) => fileName).join(', ')}: names a module that is not compiled`,
    );
  return foreignImports(chunks);
}

/** Finds the modules that no import names, and names them as they are once compiled. */
function otherModules(): Plugin {
  return {
    name: 'other-modules',
    transform(code, id) {
      for (const [, , name] of code.matchAll(OTHER_MODULE))
        this.emitFile({ type: 'chunk', id: path.resolve(path.dirname(id), `${name}.ts`) });
      return code.replace(OTHER_MODULE, "$1'$2.js'");
    },
  };
}

function foreignImports(chunks: readonly OutputChunk[]): Set<string> {
  const own = new Set(chunks.map(({ fileName }) => fileName));
  return new Set(
    chunks
      .flatMap(({ imports, dynamicImports, code }) => [...imports, ...dynamicImports, ...resolvedIn(code)])
      .filter((id) => !own.has(id) && !isBuiltin(id))
      .map((id) => /^(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? id),
  );
}

/** Packages that are looked for and not imported: the embedded PostgreSQL's. */
function resolvedIn(code: string): string[] {
  return [...code.matchAll(/import\.meta\.resolve\(['"]([^'".][^'"]*)['"]\)/g)].map(([, name = '']) => name);
}

/** Writes the declarations of modules, and of what these name. @throws Error with what the compiler says */
export async function writeTypes(entries: readonly string[], folder: string): Promise<void> {
  const compiled = await mkdtemp(path.join(tmpdir(), 'plexy-types-'));
  try {
    await promisify(execFile)(process.execPath, [TSC, '-p', PROJECT, '--outDir', compiled]);
    const pending = entries.map(declarationOf);
    const seen = new Set(pending);
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      const { text, named } = renamed(await readFile(path.join(compiled, file), 'utf8'), file);
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
      pending.push(...named.filter((one) => !seen.has(one)));
      for (const one of named) seen.add(one);
    }
  } finally {
    await rm(compiled, { recursive: true });
  }
}

/** A declaration that names compiled files in place of sources, and of the repository's packages. */
function renamed(text: string, file: string): { text: string; named: string[] } {
  const named: string[] = [];
  const statement = /((?:from|import\()\s*)['"](\.[^'"]+\.ts|@plexy-pay\/[^'"]+)['"]/g;
  const folder = path.dirname(file);
  const replaced = text.replace(statement, (_, before: string, to: string) => {
    const source = to.startsWith('.') ? path.join(folder, to) : sourceOf(to);
    named.push(declarationOf(source));
    const relative = path.relative(folder, source).replace(/\.ts$/, '.js');
    return `${before}'${relative.startsWith('.') ? relative : `./${relative}`}'`;
  });
  return { text: replaced, named };
}

function declarationOf(source: string): string {
  return source.replace(/\.ts$/, '.d.ts');
}

/** Where a module of a package of the repository is, from packages/. */
function sourceOf(specifier: string): string {
  const [, name = '', ...rest] = specifier.split('/');
  const { exports } = manifestOf(name);
  const source = typeof exports === 'string' ? exports : exports?.[['.', ...rest].join('/')];
  if (source === undefined) throw new Error(`${specifier} is not exported`);
  return path.join(name, source);
}

/** The modules that a package exports, from packages/. */
export function entriesOf(name: string): string[] {
  const { exports = {} } = manifestOf(name);
  return Object.values(exports).map((source) => path.join(name, source));
}

/**
 * The manifest of a package that has its compiled modules where the repository has them.
 * @param imported the packages of others that it imports
 */
export function publishedManifest(
  name: string,
  imported: ReadonlySet<string>,
): Readonly<Record<string, unknown>> & { readonly exports: Readonly<Record<string, object>> } {
  const { private: _, scripts: __, devDependencies: ___, exports = {}, ...kept } = manifestOf(name);
  const known: Readonly<Record<string, string>> = Object.assign(
    {},
    ...globSync('*/package.json', { cwd: PACKAGES }).map(
      (file) => manifestOf(path.dirname(file)).dependencies,
    ),
  );
  const dependencies = [...imported].sort().map((one) => {
    if (known[one] === undefined) throw new Error(`${one} is imported, and no package depends on it`);
    return [one, known[one]];
  });
  const compiled = Object.entries(exports).map(([as, source]) => {
    const file = `./${path.join('packages', name, source).replace(/\.ts$/, '')}`;
    return [as, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  return {
    ...kept,
    engines: { node: `>=${PUBLISHED_NODE}` },
    exports: Object.fromEntries(compiled),
    dependencies: Object.fromEntries(dependencies),
  };
}
