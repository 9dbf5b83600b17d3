import { readFileSync } from 'node:fs';

/** Of this program, its API and its packages, which are released together. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version;
