import { createBank } from './bank.ts';
import type { Config } from './config.ts';
import { loadFaultSwitches } from './fault-switches.ts';
import { buildApp, listeningPort } from './http/app.ts';
import { createSchema, loadHashKey, openPool, readLastPort, saveLastPort } from './store/database.ts';

/** Requests that are still at work after this long are cut, so that a stop always ends. */
const stopWithinMs = 5000;
/** So soon a fault that was switched on at another process of this bank strikes at this one. */
const reloadEveryMs = 500;

export interface RunningBank {
  readonly port: number;
  /** Finishes what is in flight and closes everything. */
  stop(): Promise<void>;
}

/** Starts a bank on these books in this process; `main.ts` is the process that the sandbox has for it. */
export async function startBank(config: Config): Promise<RunningBank> {
  const pool = openPool(config.databaseUrl);
  await createSchema(pool);
  const bank = createBank(pool, await loadHashKey(pool));
  const faults = await loadFaultSwitches(pool);
  const app = buildApp({ bank, faults, secret: config.secret, publicUrl: config.publicUrl });
  // Each node of a sandbox starts a bank of its own on the same books.
  const reload = (): Promise<void> => faults.reload().catch((error) => console.error(`bank: ${error}`));
  const reloading = setInterval(reload, reloadEveryMs).unref();
  await listen(app, config, await readLastPort(pool));
  const port = listeningPort(app.server.address());
  await saveLastPort(pool, port);
  const stop = async (): Promise<void> => {
    clearInterval(reloading);
    setTimeout(() => app.server.closeAllConnections(), stopWithinMs).unref();
    await app.close();
    await pool.end();
  };
  return { port, stop };
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
