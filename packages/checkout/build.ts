import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const LIMIT_KB = 60;

/** Prints what a browser loads for the page, all of it. The build fails when that is more than 60 KB compressed. */
export function entrySize(): Plugin {
  return {
    name: 'entry-size',
    apply: 'build',
    generateBundle(_options, bundle) {
      const bytes = Object.values(bundle).reduce(
        (sum, file) => sum + gzipSync(file.type === 'chunk' ? file.code : file.source).length,
        0,
      );
      const text = `checkout: ${(bytes / 1024).toFixed(1)} KB compressed`;
      process.stdout.write(`${text}\n`);
      if (bytes > LIMIT_KB * 1024) this.error(`${text}, which is more than ${LIMIT_KB} KB`);
    },
  };
}
