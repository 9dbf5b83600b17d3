/** Puts the parts together; `main.ts` adds the process around them, tests add none. */
import { type Socket, Server as TcpServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import type { FastifyBaseLogger } from 'fastify';
import type { ConnectorModule } from '../acquiring/connector.ts';
import { ConnectorError, loadConnectors } from '../acquiring/connectors.ts';
import { EngineUnavailableError } from '../engine/engine.ts';
import { startScheduler } from '../engine/scheduler.ts';
import { continueHistory } from '../feed/epochsSql.ts';
import type { App } from '../http/baseApp.ts';
import { createMetrics, type Metrics } from '../http/metrics.ts';
import { createTurns } from '../http/turns.ts';
import { openInstallation } from '../installation/installationSql.ts';
import { startAfterUpgrade } from '../operations/afterUpgrade.ts';
import { startPurge } from '../operations/purge.ts';
import { startWatch } from '../operations/watch.ts';
import { ConnectionTimedOut } from '../postgres/databaseErrors.ts';
import { checkMigrated, migrate } from '../postgres/migrate.ts';
import { createPool, type Pool, readServerVersion, withClient } from '../postgres/pool.ts';
import { keepsStatements } from '../postgres/pooler.ts';
import { Replica } from '../postgres/replica.ts';
import { leadsToOneCluster, shardedBy } from '../postgres/sharding.ts';
import type { LaunchBank } from '../sandbox/bankProcess.ts';
import { startTracing } from '../tracing/startTracing.ts';
import { createApp, type MoreRoutes } from './app.ts';
import type { Config } from './config.ts';
import { reservedConnections, signInConnections } from './connections.ts';
import type { Deps } from './deps.ts';
import { createEngine } from './parts.ts';
import { StartError } from './startError.ts';
import type { Surroundings } from './workerChannel.ts';

export interface Server {
  /** Where merchants reach it, such as http://127.0.0.1:8080. */
  readonly url: string;
  /** Where operators do, when that is another port. */
  readonly adminUrl: string | null;
  /** What its routes are given, for use cases that have no route. */
  readonly deps: Deps;
  /** How many card numbers are in memory now: those of authorizations that are under way. */
  cardsHeld(): number;
  /**
   * Takes no more connections, and has each one closed with its next answer. Resolves when all are, or after 5 s: what
   * is left then is of those who do not send anything.
   */
  drain(): Promise<void>;
  /** Stops accepting, finishes what is in flight, closes everything. */
  stop(): Promise<void>;
}

/** How long the start goes on trying to open sessions. */
const START_PATIENCE_MS = 120_000;

/** @returns what does a step again that took a slow machine, or a slow database, longer than requests may wait */
function patienceOf(logger: FastifyBaseLogger): <T>(step: () => Promise<T>) => Promise<T> {
  const startedAt = performance.now();
  return async (step) => {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        const cause = error instanceof StartError ? error.cause : error;
        const isLate = cause instanceof ConnectionTimedOut || cause instanceof EngineUnavailableError;
        if (!isLate || performance.now() - startedAt > START_PATIENCE_MS) throw error;
        logger.warn({ err: cause }, 'waiting for the database');
      }
    }
  };
}

/** How long a client has to close its connection once the server stops. */
const CLOSE_LIMIT_MS = 5_000;
/** How long clients have to send what they send next, of which the answer closes the connection. */
const DRAIN_LIMIT_MS = 5_000;

/**
 * Starts everything, in the order in which the parts depend on each other.
 * @param launchBank how a sandbox comes by its bank: as a process of its own if nothing else is said
 * @param surroundings what a worker has in common with the others of its node; null: this is the whole node
 */
export async function startServer(
  config: Config,
  logger: FastifyBaseLogger,
  launchBank?: LaunchBank,
  surroundings: Surroundings | null = null,
): Promise<Server> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let step = stops.pop(); step !== undefined; step = stops.pop()) await step();
  };
  try {
    stops.push(await startTracing(config.tracing, 'payments'));
    const connectors = await connectorsOf(config);
    const databaseUrl =
      config.databaseUrl ?? surroundings?.embeddedUrl ?? (await embeddedUrl(config, logger, stops));
    const { pool, reserved, signIns } = openPools(databaseUrl, config, logger, stops);
    const patiently = patienceOf(logger);
    const name = config.databaseUrl === null ? 'the embedded PostgreSQL' : 'DATABASE_URL';
    await patiently(() => checkDatabase(pool, name));
    if (config.databaseUrl !== null) await patiently(() => checkPooler(databaseUrl));
    await patiently(() => bringUpToDate(config, databaseUrl, pool, logger));
    const secrets = await patiently(() =>
      openInstallation(pool, config.mode, config.secretKey, config.otherSecretKeys),
    );
    await patiently(() => withClient(pool, continueHistory));
    const own = createMetrics();
    const metrics = { ...own, render: surroundings?.renderMetrics ?? own.render };
    const room = config.mode === 'sandbox' ? await import('../sandbox/room.ts') : null;
    const given = {
      ...{ config, databaseUrl, pool, reserved, secrets, metrics, logger },
      ...{ connectors, room, launchBank, bankSecret: surroundings?.bankSecret },
    };
    const parts = createEngine(given);
    const { engine, acquirer, feed, webhooks } = parts;
    feed.start();
    stops.push(() => parts.readiness.stop());
    stops.push(() => feed.stop());
    stops.push(async () => parts.sandbox?.clockTurns.end());
    stops.push(() => webhooks.stop());
    stops.push(() => engine.stop());
    stops.push(() => parts.auditor.stop());
    parts.requestLog?.start();
    stops.push(async () => parts.requestLog?.stop());
    // The bank is a process of its own and takes as long to start as all the rest.
    const bank = parts.startBank(stops);
    bank.catch(() => undefined);
    if (room !== null) await patiently(() => room.seedSandbox(pool, engine, secrets));
    stops.push(async () => parts.acquirers.stop());
    await patiently(() => parts.acquirers.start());
    const purge = startPurge(pool, (error) => logger.warn({ err: error }, 'the purge failed'));
    stops.push(() => purge.stop());
    const upgrade = startAfterUpgrade(pool, (error) =>
      logger.warn({ err: error }, 'looking for older nodes failed'),
    );
    stops.push(() => upgrade.stop());
    startBeside({ pool, reserved, signIns, metrics, ...parts }, stops);
    webhooks.start();
    stops.push(() => parts.guesses.stop());
    const turns = createTurns(config.poolSize, reservedConnections(config));
    const replica = await openReplica(config, databaseUrl, metrics, logger, stops);
    const deps: Deps = { ...given, replica, reserved, signIns, turns, ...parts };
    const split = config.adminPort !== null || config.mode === 'production';
    const sandboxRoutes = room?.sandboxRoutes ?? null;
    const app = await createApp(deps, split ? 'merchant' : 'both', sandboxRoutes);
    await bank;
    // What is taken up before it is known whom to ask, and where, would lose an attempt.
    acquirer.start();
    stops.push(() => acquirer.stop());
    const scheduler = startScheduler(engine, (error) => logger.warn({ err: error }, 'the sweep failed'));
    stops.push(() => scheduler.stop());
    const { url, adminUrl, drain } = await openPorts(app, deps, sandboxRoutes, stops);
    if (config.publicUrl === null) parts.publicUrl.current = url;
    // Attempts end while requests do: each may take seconds of a stop's ten.
    stops.push(async () => void webhooks.stop());
    return { url, adminUrl, deps, cardsHeld: () => acquirer.cardsHeld, drain, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port of merchants, and that of operators where it is another one. */
async function openPorts(
  app: App,
  deps: Deps,
  sandboxRoutes: MoreRoutes,
  stops: (() => Promise<unknown>)[],
): Promise<Pick<Server, 'url' | 'adminUrl' | 'drain'>> {
  const { host, port, adminHost, adminPort } = deps.config;
  const listener = await listen(app, host, port, stops);
  if (adminPort === null) return { ...listener, adminUrl: null };
  const adminApp = await createApp(deps, 'operator', sandboxRoutes);
  const admin = await listen(adminApp, adminHost, adminPort, stops, 'ADMIN_');
  return {
    ...{ url: listener.url, adminUrl: admin.url },
    drain: async () => void (await Promise.all([listener.drain(), admin.drain()])),
  };
}

type Beside = 'pool' | 'reserved' | 'signIns' | 'metrics' | 'readiness' | 'acquirer' | 'eventSink';

/** What no request waits for: publishing events, and looking at the database for the metrics. */
function startBeside(deps: Pick<Deps, Beside>, stops: (() => Promise<unknown>)[]): void {
  const { pool, reserved, signIns, metrics, readiness, acquirer, eventSink } = deps;
  eventSink?.start();
  stops.push(async () => eventSink?.stop());
  metrics.watch({
    pools: { pool, reserved, 'sign-ins': signIns },
    isReady: () => readiness.isReady(),
    cardsHeld: () => acquirer.cardsHeld,
  });
  const watch = startWatch(pool, metrics);
  stops.push(() => watch.stop());
}

/** @throws StartError when one of them cannot be used */
function connectorsOf({ connectors }: Config): Promise<ConnectorModule[]> {
  return loadConnectors(connectors).catch((error: unknown) => {
    throw error instanceof ConnectorError ? new StartError(`CONNECTORS: ${error.message}`) : error;
  });
}

function openPools(
  databaseUrl: string,
  config: Config,
  logger: FastifyBaseLogger,
  stops: (() => Promise<unknown>)[],
): Pick<Deps, 'pool' | 'reserved' | 'signIns'> {
  const onLost = (error: Error): void => logger.warn({ err: error }, 'idle connection lost');
  const pool = createPool(databaseUrl, config.poolSize, onLost);
  const reserved = createPool(databaseUrl, reservedConnections(config), onLost, { name: 'reserved' });
  const signIns = createPool(databaseUrl, signInConnections(config), onLost, { name: 'sign-ins' });
  stops.push(() => Promise.all([pool.end(), reserved.end(), signIns.end()]));
  return { pool, reserved, signIns };
}

/** Lists and sums are read from a standby where DATABASE_REPLICA_URL names one; a start does not wait for it. */
async function openReplica(
  { databaseReplicaUrl: url, replicaMaxLagSeconds, poolSize }: Config,
  primaryUrl: string,
  observe: Metrics,
  logger: FastifyBaseLogger,
  stops: (() => Promise<unknown>)[],
): Promise<Replica | null> {
  if (url === null) return null;
  const replica = new Replica({
    ...{ url, primaryUrl, poolSize, observe, maxLagMs: replicaMaxLagSeconds * 1_000 },
    onChange: (reason, error) => {
      if (reason === null) logger.info('lists and statistics are read from the replica');
      else logger.warn({ reason, err: error }, 'the replica is not used: lists are read from the primary');
    },
  });
  stops.push(() => replica.stop());
  await replica.start();
  return replica;
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

/** @throws StartError when what stands before the database is none that a session can rely on */
async function checkPooler(databaseUrl: string): Promise<void> {
  if (!(await keepsStatements(databaseUrl)))
    throw new StartError(
      'DATABASE_URL leads through a pooler that does not keep prepared statements: use PgBouncer 1.21 or newer with max_prepared_statements, its session mode, or PostgreSQL itself',
    );
  if (!(await leadsToOneCluster(databaseUrl)))
    throw new StartError(
      'DATABASE_URL leads to several PostgreSQL servers, as behind a sharding proxy: events would be missed; use one server and its standbys',
    );
}

/** @throws MigrationError when the database is not, or cannot be made, what this program works on */
async function bringUpToDate(
  { migrate: automatically, databaseDirectUrl }: Config,
  databaseUrl: string,
  pool: Pool,
  logger: FastifyBaseLogger,
): Promise<void> {
  if (!automatically) return checkMigrated(pool);
  await migrate(databaseDirectUrl ?? databaseUrl, (message) => logger.info(message));
}

const OLDEST_POSTGRES = 15;

/** @throws StartError when there is no database that can be used */
async function checkDatabase(pool: Pool, name: string): Promise<void> {
  const version = await readServerVersion(pool).catch((error: unknown) => {
    throw new StartError(`the database of ${name} cannot be used: ${reasonOf(error)}`, { cause: error });
  });
  if (version.major < OLDEST_POSTGRES) {
    throw new StartError(`${name} must be PostgreSQL ${OLDEST_POSTGRES} or newer, but is ${version.name}`);
  }
  const sharded = await shardedBy(pool);
  if (sharded !== null)
    throw new StartError(
      `${name} must be PostgreSQL itself: with ${sharded}, which spreads it over several servers, events would be missed`,
    );
}

/** A connection error in words; one to a name with several addresses has its words inside. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

/** While it closes, connections whose last request was answered are closed this often. */
const REAP_INTERVAL_MS = 50;

interface Listener {
  readonly url: string;
  drain(): Promise<void>;
}

async function listen(
  app: App,
  host: string,
  port: number,
  stops: (() => Promise<unknown>)[],
  /** Before the names of the variables that say where it listens. */
  prefix: '' | 'ADMIN_' = '',
): Promise<Listener> {
  const { closeUnused, closeAll, drain } = connectionReaper(app);
  stops.push(async () => {
    const reaper = setInterval(closeUnused, REAP_INTERVAL_MS);
    const limit = setTimeout(closeAll, CLOSE_LIMIT_MS);
    await app.close();
    clearTimeout(limit);
    clearInterval(reaper);
  });
  const url = await app.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(listenProblem(error, host, port, prefix), { cause: error });
  });
  return { url, drain };
}

interface ConnectionReaper {
  /** Closes the connections on which nobody waits for an answer. */
  closeUnused(): void;
  /** Closes the others, too: also those of which Node has let go, after CONNECT or what is not HTTP. */
  closeAll(): void;
  /** See `Server.drain`. */
  drain(): Promise<void>;
}

function connectionReaper(app: App): ConnectionReaper {
  const open = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    closeUnused: () => {
      app.server.closeIdleConnections();
      // Node does not call a connection idle on which nothing was ever sent, as browsers keep in reserve.
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    },
    closeAll: () => {
      for (const socket of open) socket.destroy();
    },
    drain: async () => {
      app.server.prependListener('request', (_request, response) => {
        response.setHeader('connection', 'close');
      });
      // An HTTP server's own `close` would close connections at once on which a request may be on its way.
      TcpServer.prototype.close.call(app.server);
      const endsAt = performance.now() + DRAIN_LIMIT_MS;
      while (open.size > 0 && performance.now() < endsAt) await pause(REAP_INTERVAL_MS);
    },
  };
}

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number, prefix: string): string {
  if (error.code === 'EADDRINUSE')
    return `port ${port} of ${host} is in use; set ${prefix}PORT to another one`;
  if (error.code === 'EACCES')
    return `this user may not listen on port ${port}; set ${prefix}PORT to one above 1023`;
  return `${prefix}HOST ${host} cannot be listened on: ${error.message}`;
}
