import { defineConfig } from 'vite';
import { firstLoad, precompress } from './build.ts';

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
    rolldownOptions: {
      onLog: (level, log, report) => {
        // The libraries' "use client" means nothing here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  plugins: [firstLoad(), precompress()],
  server: { proxy: { '/v1': { target: API, headers: { origin: API } } } },
});
