/** The composition root: configuration, database, engine, HTTP, signals. */
import { setFlagsFromString } from 'node:v8';
import { type Config, ConfigError, readConfig } from './app/config.ts';
import { createLogger } from './app/logging.ts';
import { StartError, startServer } from './app/server.ts';
import { InstallationError } from './installation/installationSql.ts';
import { MigrationError } from './postgres/migrate.ts';

const MINIMUM_NODE = 24;
/** A stop that takes longer than this has gone wrong. */
const STOP_LIMIT_MS = 10_000;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

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
  const starting = startServer(config, logger);
  const stop = (signal: string): void => {
    for (const name of STOP_SIGNALS) process.off(name, stop).on(name, () => undefined);
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    // A start that is under way is finished first: it may have a database server to stop.
    starting
      .then((server) => server.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the stop failed');
          process.exit(1);
        },
      );
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  const server = await starting;
  process.stdout.write(await greeting(config, server.url));
}

function checkNode(): void {
  const [major] = process.versions.node.split('.');
  if (Number(major) >= MINIMUM_NODE) return;
  throw new ConfigError(
    `Node ${process.versions.node} cannot run this, which needs Node ${MINIMUM_NODE} or newer`,
  );
}

/** What the command line tool and the SDK take for granted. */
const DEFAULT_URL = 'http://127.0.0.1:8080';

async function greeting(config: Config, url: string): Promise<string> {
  if (config.mode === 'production') return `Plexy Pay listens on ${url}\n`;
  const { SEED_PASSWORD } = await import('./sandbox/fixtures.ts');
  return `
Plexy Pay sandbox
  Dashboard ${url}/dashboard     merchant@demo.test or operator@demo.test, password ${SEED_PASSWORD}
  API       ${url}/v1     key pr_test_demo
  Docs      ${url}/docs
  Operator  ${url}/v1/admin     key op_test_demo
  Webhooks  ${url === DEFAULT_URL ? '' : `PLEXY_URL=${url} `}npx plexy listen --forward-to http://localhost:3000/hook

Authorize a payment of 150.00 KZT:

  curl -sS ${url}/v1/wallet/authorize \\
    -H 'Authorization: pr_test_demo' \\
    -H 'Idempotency-Key: order-1' \\
    -H 'Content-Type: application/json' \\
    -d '{"amount":15000,"currency":"KZT","phoneNumber":"+77010000001","iin":"900101300017","orderReference":"ORDER-1"}'

`;
}

/** Their messages are written for the person who starts the program; anything else is a bug. */
const EXPECTED = [ConfigError, StartError, InstallationError, MigrationError];

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
