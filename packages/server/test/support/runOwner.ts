import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import { makeDataDir } from './dataDir.ts';
import { OWN_BANK, startServerProcess } from './process.ts';
import { RUN_FOLDER } from './run.ts';

/*
 * A run with everything that tests and benchmarks start, for a test to kill: an embedded PostgreSQL, a server with its
 * bank, a process that heeds no signal and a child of that one. Writes one line of JSON: the run's folder.
 */
const STUBBORN = `
  process.on('SIGTERM', () => undefined);
  require('node:child_process').spawn('sleep', ['600']);
  console.log('started');
  setInterval(() => undefined, 60_000);
`;
const { url } = await startEmbeddedPostgres({ dataDir: await makeDataDir('owner'), log: () => undefined });
await startServerProcess({ DATABASE_URL: url, ...OWN_BANK });
const stubborn = spawn(process.execPath, ['-e', STUBBORN], { stdio: ['ignore', 'pipe', 'ignore'] });
await once(createInterface({ input: stubborn.stdout }), 'line');
console.log(JSON.stringify({ folder: RUN_FOLDER }));
