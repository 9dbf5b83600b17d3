/** The entry: reads the configuration, and becomes a node, the primary of workers, or one of these. */
import cluster from 'node:cluster';
import { setFlagsFromString } from 'node:v8';
import { ConfigError, readConfig } from './app/config.ts';
import { createLogger } from './app/logging.ts';
import { StartError } from './app/startError.ts';

const MINIMUM_NODE = 24;

/**
 * V8 would learn to put what batches leave behind where only full collections look. However the program is started, from
 * a package or by a supervisor, it says so itself; threads are told with it.
 */
const V8_FLAGS = '--no-allocation-site-pretenuring';

async function main(): Promise<void> {
  checkNode();
  setFlagsFromString(V8_FLAGS);
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  // The primary loads none of the program: it is to have no business, and to take no memory for it.
  if (config.hasPrimary && cluster.isPrimary) {
    const { runPrimary } = await import('./app/workers.ts');
    await runPrimary(config, logger);
  } else {
    const { runNode } = await import('./app/node.ts');
    await runNode(config, logger);
  }
}

function checkNode(): void {
  const [major] = process.versions.node.split('.');
  if (Number(major) >= MINIMUM_NODE) return;
  throw new ConfigError(
    `Node ${process.versions.node} cannot run this, which needs Node ${MINIMUM_NODE} or newer`,
  );
}

/** Their messages are written for the person who starts the program; anything else is a bug. */
const EXPECTED = [ConfigError, StartError];

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (EXPECTED.some((kind) => error instanceof kind) || error.name === 'EmbeddedPostgresError')
    return error.message;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`Plexy Pay cannot start: ${sentenceOf(error)}\n`);
  process.exit(1);
});
