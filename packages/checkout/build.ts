import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const LIMIT_KB = 60;

/**
 * Writes script and style into the document, so that the page stands after one answer: on a slow phone each further one
 * costs half a second. The server's policy names them by their hashes.
 */
export function oneFile(): Plugin {
  return {
    name: 'one-file',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const document = bundle['index.html'];
      if (document?.type !== 'asset') return this.error('there is no document');
      let html = String(document.source);
      for (const file of Object.values(bundle)) {
        if (file === document) continue;
        const isScript = file.type === 'chunk';
        const text = isScript ? file.code.trim() : String(file.source).trim();
        // Within a document these would end it, or begin another.
        if (/<\/(?:script|style)|<!--|<script/i.test(text))
          return this.error(`${file.fileName} cannot be in a document`);
        const tag = isScript
          ? new RegExp(`<script [^>]*src="/checkout/${file.fileName}"[^>]*></script>`)
          : new RegExp(`<link [^>]*href="/checkout/${file.fileName}"[^>]*>`);
        if (!tag.test(html)) return this.error(`the document does not ask for ${file.fileName}`);
        html = html.replace(tag, () =>
          isScript ? `<script type="module">${text}</script>` : `<style>${text}</style>`,
        );
        delete bundle[file.fileName];
      }
      document.source = html;
    },
  };
}

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
