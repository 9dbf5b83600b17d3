import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const LIMIT_KB = 300;

/**
 * Prints what a browser loads before the first page stands: the entry, what it imports at once, and the
 * largest page. The build fails when that is more than 300 KB compressed.
 */
export function firstLoad(): Plugin {
  return {
    name: 'first-load',
    apply: 'build',
    generateBundle(_options, bundle) {
      const sizes = new Map<string, number>();
      const sizeOf = (name: string): number => {
        const file = bundle[name];
        if (file === undefined) return 0;
        const known = sizes.get(name) ?? gzipSync(file.type === 'chunk' ? file.code : file.source).length;
        sizes.set(name, known);
        return known;
      };
      const filesOf = (name: string, files = new Set<string>()): Set<string> => {
        const file = bundle[name];
        if (files.has(name) || file?.type !== 'chunk') return files;
        files.add(name);
        for (const style of file.viteMetadata?.importedCss ?? []) files.add(style);
        for (const other of file.imports) filesOf(other, files);
        return files;
      };
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const entry = chunks.find((file) => file.isEntry);
      if (entry === undefined) return;
      const loads = chunks
        .filter((file) => file.isDynamicEntry)
        .map((page) => {
          const files = [...filesOf(page.fileName, filesOf(entry.fileName))];
          return { page: page.name, kilobytes: files.reduce((sum, name) => sum + sizeOf(name), 0) / 1024 };
        })
        .sort((a, b) => b.kilobytes - a.kilobytes);
      const largest = loads[0];
      if (largest === undefined) return;
      const text = `first load: at most ${largest.kilobytes.toFixed(0)} KB compressed (${largest.page})`;
      process.stdout.write(`${text}\n`);
      if (largest.kilobytes > LIMIT_KB) this.error(`${text}, which is more than ${LIMIT_KB} KB`);
    },
  };
}

/** The server sends what is compressed beside each file, so that it never compresses while somebody waits. */
export function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    // When the files are there: until then Vite still changes them.
    writeBundle({ dir = '' }, bundle) {
      for (const fileName of Object.keys(bundle).filter((name) => /\.(?:js|css)$/.test(name))) {
        const source = readFileSync(path.join(dir, fileName));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
        writeFileSync(path.join(dir, `${fileName}.br`), brotliCompressSync(source, { params }));
        writeFileSync(path.join(dir, `${fileName}.gz`), gzipSync(source));
      }
    },
  };
}
