/** A process that serves: a whole node, or one of the workers that make up one. */
import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { InstallationError } from '../installation/installationSql.ts';
import { MigrationError } from '../postgres/migrate.ts';
import { type Config, workersPart } from './config.ts';
import { greeting } from './greeting.ts';
import { type Server, startServer } from './server.ts';
import { StartError } from './startError.ts';
import { WorkerChannel } from './workerChannel.ts';

/** A stop that takes longer than this has gone wrong. */
const STOP_LIMIT_MS = 10_000;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Starts the server, and stops it when it is told to. @throws StartError when it cannot be started */
export async function runNode(config: Config, logger: Logger): Promise<void> {
  if (cluster.isWorker) return runWorker(config, logger.child({ worker: process.pid }));
  const starting = startServer(config, logger);
  stopOnSignal(logger, starting, async () => undefined);
  // By default the signal ends a process in the middle of its requests: right for one whose terminal is gone, only.
  if (!process.stdout.isTTY)
    process.on('SIGHUP', () =>
      logger.warn('SIGHUP replaces workers, and there are none: restart the program'),
    );
  const server = await starting.catch(throwExpected);
  process.stdout.write(await greeting(config, server.url));
}

async function runWorker(config: Config, logger: Logger): Promise<void> {
  // The primary decides who is replaced, and when, also where the signal is sent to all of its group.
  process.on('SIGHUP', () => undefined);
  const starting = Promise.withResolvers<Server>();
  // Whoever waits for it hears of a failure; without anybody, it would end the process in Node's words.
  starting.promise.catch(() => undefined);
  const channel = new WorkerChannel({
    snapshot: async () => (await starting.promise).deps.metrics.snapshot(),
    onLeave: () => void leave(),
    onGone: () => {
      // By itself Node ends a worker whose primary is gone, in the middle of its requests.
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
      logger.error('the primary process is gone');
      stop('disconnect');
    },
  });
  const stop = stopOnSignal(logger, starting.promise, () => channel.tellLast());
  const leave = async (): Promise<void> => {
    await (await starting.promise).drain();
    stop('leave');
  };
  try {
    const { embeddedUrl, bankSecret } = await channel.ask({ what: 'surroundings' });
    const renderMetrics = (): Promise<string> => channel.ask({ what: 'metrics' });
    const surroundings = { embeddedUrl, bankSecret, renderMetrics };
    starting.resolve(await startServer(workersPart(config), logger, channel.launchBank, surroundings));
  } catch (error) {
    starting.reject(error);
    throwExpected(error);
  }
  const { url } = await starting.promise;
  channel.tell({ kind: 'listening', url });
}

/** What the database is not, or cannot be made, is no bug either: its message is for the person who starts the program. */
function throwExpected(error: unknown): never {
  const isExpected = error instanceof InstallationError || error instanceof MigrationError;
  throw isExpected ? new StartError(error.message, { cause: error }) : error;
}

/** @returns what stops the server, as a signal does */
function stopOnSignal(
  logger: Logger,
  starting: Promise<Server>,
  beforeExit: () => Promise<void>,
): (reason: string) => void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    // A start that is under way is finished first: it may have a database server to stop.
    starting
      .then((server) => server.stop())
      .then(beforeExit)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the stop failed');
          process.exit(1);
        },
      );
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  return stop;
}
