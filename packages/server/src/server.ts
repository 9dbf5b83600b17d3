/** Puts the parts together; `main.ts` adds the process around them, tests add none. */
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config.ts';
import { Engine } from './engine/engine.ts';
import { startScheduler } from './engine/scheduler.ts';
import { type App, createApp, type Deps } from './http/app.ts';
import { createMetrics } from './http/metrics.ts';
import { seedSandbox } from './seed.ts';
import { startEmbeddedPostgres } from './store/embedded.ts';
import { openInstallation } from './store/installation.ts';
import { migrate } from './store/migrate.ts';
import { createPool } from './store/postgres.ts';

export interface Server {
  /** Where merchants reach it, such as http://127.0.0.1:8080. */
  readonly url: string;
  /** Where operators do, when that is another port. */
  readonly adminUrl: string | null;
  /** Stops accepting, finishes what is in flight, closes everything. */
  stop(): Promise<void>;
}

/** How long a client has to close its connection once the server stops. */
const CLOSE_LIMIT_MS = 5_000;

/** Starts everything, in the order in which the parts depend on each other. */
export async function startServer(config: Config, logger: FastifyBaseLogger): Promise<Server> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let step = stops.pop(); step !== undefined; step = stops.pop()) await step();
  };
  try {
    const databaseUrl = config.databaseUrl ?? (await embeddedUrl(config, logger, stops));
    const pool = createPool(databaseUrl, config.poolSize, (error) =>
      logger.warn({ err: error }, 'idle connection lost'),
    );
    stops.push(() => pool.end());
    await migrate(pool);
    const secrets = await openInstallation(pool, config.mode, config.secretKey);
    const metrics = createMetrics();
    const { batchSize, batchLanes: lanes, maxQueue } = config;
    const engine = new Engine({
      databaseUrl,
      batchSize,
      lanes,
      maxQueue,
      patienceMs: 10_000,
      observe: metrics,
    });
    stops.push(() => engine.stop());
    if (config.mode === 'sandbox') await seedSandbox(pool, engine, secrets);
    const scheduler = startScheduler(engine, (error) => logger.warn({ err: error }, 'the sweep failed'));
    stops.push(() => scheduler.stop());
    const deps: Deps = { config, pool, engine, secrets, metrics, logger };
    const split = config.adminPort !== null || config.mode === 'production';
    const url = await listen(
      await createApp(deps, split ? 'merchant' : 'both'),
      config.host,
      config.port,
      stops,
    );
    const { adminPort } = config;
    const adminUrl =
      adminPort === null
        ? null
        : await listen(await createApp(deps, 'operator'), config.host, adminPort, stops);
    return { url, adminUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function embeddedUrl(
  config: Config,
  logger: FastifyBaseLogger,
  stops: (() => Promise<unknown>)[],
): Promise<string> {
  const embedded = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    log: (message) => logger.info(message),
  });
  stops.push(() => embedded.stop());
  return embedded.url;
}

async function listen(
  app: App,
  host: string,
  port: number,
  stops: (() => Promise<unknown>)[],
): Promise<string> {
  stops.push(async () => {
    const limit = setTimeout(() => app.server.closeAllConnections(), CLOSE_LIMIT_MS);
    await app.close();
    clearTimeout(limit);
  });
  return app.listen({ host, port });
}
