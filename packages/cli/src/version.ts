import { readFileSync } from 'node:fs';

/** Of this package: beside `src` in the repository, and beside `main.js` where it is installed. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
