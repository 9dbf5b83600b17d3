import { createBank } from './bank.ts';
import type { Config } from './config.ts';
import { BANKS } from './domain/banks.ts';
import { loadFaultSwitches } from './fault-switches.ts';
import { buildApp, type Counter, listeningPort } from './http/app.ts';
import {
  booksIn,
  createSchema,
  loadHashKey,
  openPool,
  type Pool,
  readLastPort,
  saveLastPort,
} from './store/database.ts';

/** Requests that are still at work after this long are cut, so that a stop always ends. */
const stopWithinMs = 5000;
/** So soon a fault that was switched on at another process of this bank strikes at this one. */
const reloadEveryMs = 500;

export interface RunningBank {
  readonly port: number;
  /** Finishes what is in flight and closes everything. */
  stop(): Promise<void>;
}

/** Starts the banks on their books in this process; `main.ts` is the process that the sandbox has for them. */
export async function startBank(config: Config): Promise<RunningBank> {
  const pool = openPool(config.databaseUrl);
  const opened = await Promise.all(BANKS.map((bank) => openBank(booksIn(pool, bank.schema), bank)));
  const app = buildApp(opened, { secret: config.secret, publicUrl: config.publicUrl });
  // Each node of a sandbox starts a bank of its own on the same books.
  const reload = (): Promise<unknown> =>
    Promise.all(opened.map(({ faults }) => faults.reload())).catch((error) =>
      console.error(`bank: ${error}`),
    );
  const reloading = setInterval(reload, reloadEveryMs).unref();
  const firstBooks = booksIn(pool, BANKS[0].schema);
  await listen(app, config, await readLastPort(firstBooks));
  const port = listeningPort(app.server.address());
  await saveLastPort(firstBooks, port);
  const stop = async (): Promise<void> => {
    clearInterval(reloading);
    setTimeout(() => app.server.closeAllConnections(), stopWithinMs).unref();
    await app.close();
    await pool.end();
  };
  return { port, stop };
}

async function openBank(books: Pool, { path, lacks }: (typeof BANKS)[number]): Promise<Counter> {
  await createSchema(books);
  const bank = createBank(books, await loadHashKey(books), lacks);
  return { path, bank, faults: await loadFaultSwitches(books) };
}

/** On any free port if it may be any, but on the last one if that is free: payers may have its address. */
async function listen(
  app: ReturnType<typeof buildApp>,
  { host, port }: Config,
  lastPort: number,
): Promise<void> {
  if (port !== 0 || lastPort === 0) {
    await app.listen({ host, port });
    return;
  }
  await app.listen({ host, port: lastPort }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    return app.listen({ host, port: 0 });
  });
}
