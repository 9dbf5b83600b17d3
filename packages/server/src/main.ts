/** The composition root: configuration, database, engine, HTTP, signals. */
import { type Config, ConfigError, readConfig } from './config.ts';
import { createLogger } from './logging.ts';
import { startServer } from './server.ts';
import { InstallationError } from './store/installation.ts';
import { MigrationError } from './store/migrate.ts';

const MINIMUM_NODE = 24;
/** A stop that takes longer than this has gone wrong. */
const STOP_LIMIT_MS = 10_000;

async function main(): Promise<void> {
  checkNode();
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  const server = await startServer(config, logger);
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.stdout.write(greeting(config, server.url));
}

function checkNode(): void {
  const [major] = process.versions.node.split('.');
  if (Number(major) >= MINIMUM_NODE) return;
  throw new ConfigError(
    `Node ${process.versions.node} cannot run this; "npm start" uses the Node ${MINIMUM_NODE} that "npm ci" installs`,
  );
}

function greeting(config: Config, url: string): string {
  if (config.mode === 'production') return `Plexy Pay listens on ${url}\n`;
  return `
Plexy Pay sandbox
  API      ${url}/v1     key pr_test_demo
  Docs     ${url}/docs
  Operator ${url}/v1/admin     key op_test_demo

Authorize a payment of 150.00 KZT:

  curl -sS ${url}/v1/wallet/authorize \\
    -H 'Authorization: pr_test_demo' \\
    -H 'Idempotency-Key: order-1' \\
    -H 'Content-Type: application/json' \\
    -d '{"amount":15000,"currency":"KZT","phoneNumber":"+77010000001","iin":"900101300017","orderReference":"ORDER-1"}'

`;
}

main().catch((error: unknown) => {
  process.stderr.write(`Plexy Pay cannot start: ${sentenceOf(error)}\n`);
  process.exit(1);
});

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected =
    error instanceof ConfigError || error instanceof InstallationError || error instanceof MigrationError;
  return expected || error.name === 'EmbeddedPostgresError' ? error.message : (error.stack ?? error.message);
}
