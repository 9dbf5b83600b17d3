import { defineConfig } from 'vite';
import { entrySize, oneFile } from './build.ts';

/** For `npm run dev`: a server that runs, such as the sandbox of `npm start`. */
const API = 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/checkout/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome109', 'firefox115', 'safari15.4'],
    modulePreload: { polyfill: false },
    // The server's policy allows no data: in styles.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  plugins: [entrySize(), oneFile()],
  server: { proxy: { '^/checkout/[^/]+(/.*)?$': { target: API, headers: { origin: API } } } },
});
