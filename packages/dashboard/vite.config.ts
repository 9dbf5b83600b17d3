import { defineConfig } from 'vite';
import { firstLoad } from './firstLoad.ts';

/** For `npm run dev`: a server that runs, such as the sandbox of `npm start`. */
const API = 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/dashboard/',
  build: {
    // Every browser that has JSON.parse with source texts, import maps and `:has()`.
    target: ['chrome114', 'firefox121', 'safari17'],
    modulePreload: { polyfill: false },
    // The server's policy allows no data: in styles, and each file is cached for good.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  plugins: [firstLoad()],
  server: { proxy: { '/v1': { target: API, headers: { origin: API } } } },
});
