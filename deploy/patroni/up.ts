/**
 * Two nodes behind HAProxy on a Patroni cluster, on this machine's loopback, from the configuration files of this folder:
 *
 *   npm run start:cluster [-- --data FOLDER] [--network 127.77.0]
 *
 * It runs until Ctrl-C. Without `--data` everything is thrown away at the end. The nodes are a sandbox; variables of the
 * server that are set, such as LOG_LEVEL, are theirs.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { makeDataDir } from '../../packages/server/test/support/dataDir.ts';
import { RUN_ENVIRONMENT } from '../../packages/server/test/support/run.ts';
import { loopback } from './network.ts';
import { findPrograms } from './programs.ts';
import { hostsOf, Topology } from './topology.ts';

/** Why it cannot start: a sentence for the person who started it. */
class UpError extends Error {}

const NETWORK = /^127\.\d{1,3}\.\d{1,3}$/;

async function main(): Promise<void> {
  const { data, network } = argumentsOf();
  const programs = findPrograms();
  if ('length' in programs)
    throw new UpError(
      `this machine lacks ${programs.join(', ')}. On Debian, as root: deploy/patroni/install`,
    );
  await checkFree(network);
  const folder = data ?? (await makeDataDir('patroni'));
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const topology = await Topology.create({
    ...{ folder, network: loopback(network), programs, runEnvironment: RUN_ENVIRONMENT },
    environment: nodeEnvironment(`http://${network}.10:8080`),
  });
  const stopped = stopOnSignal(topology);
  const started = start(topology).then(async () => {
    process.stdout.write(await greeting(topology, folder, data !== null));
    await stopped;
  });
  await Promise.race([started, stopped]);
}

async function start(topology: Topology): Promise<void> {
  process.stdout.write('Starting etcd, PostgreSQL under Patroni, PgBouncer and HAProxy …\n');
  await topology.startDatabase();
  process.stdout.write('Starting two nodes …\n');
  await topology.startNodes();
}

function argumentsOf(): { data: string | null; network: string } {
  const { values } = parseArgs({ options: { data: { type: 'string' }, network: { type: 'string' } } });
  const network = values.network ?? '127.77.0';
  if (!NETWORK.test(network))
    throw new UpError('--network must be the first three numbers of loopback addresses, such as 127.77.0');
  return { data: values.data === undefined ? null : path.resolve(values.data), network };
}

/** Variables of the server that are set, for both nodes. */
function nodeEnvironment(url: string): Record<string, string | undefined> {
  const ours = /^(?:(?:ADMIN_)?HOST|PORT|DATABASE_\w+|TRUSTED_PROXIES|NODE_\w+)$/;
  const given = Object.entries(process.env).filter(
    ([name]) => /^[A-Z]+(?:_[A-Z]+)*$/.test(name) && !ours.test(name),
  );
  return { PUBLIC_URL: url, LOG_LEVEL: 'warn', ...Object.fromEntries(given) };
}

/** @throws UpError where somebody listens already */
async function checkFree(network: string): Promise<void> {
  for (const { address } of hostsOf(network))
    for (const port of [8080, 5432]) {
      const server = createServer();
      const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
        server.once('error', resolve).listen(port, address, () => resolve(null));
      });
      if (error !== null)
        throw new UpError(
          `${address}:${port} cannot be listened on (${error.code}): is a cluster running? Another network: --network 127.78.0`,
        );
      await new Promise((resolve) => server.close(resolve));
    }
}

/** Resolves once everything has ended after Ctrl-C or SIGTERM. */
function stopOnSignal(topology: Topology): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      process.stdout.write('\nStopping …\n');
      topology.stop().then(resolve, reject);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop);
  });
}

async function greeting(topology: Topology, folder: string, isKept: boolean): Promise<string> {
  const members = await topology.members();
  const list = members.map(({ name, role }) => `${name} ${role.replace('_', ' ')}`).join(', ');
  return `
Two nodes behind HAProxy on a Patroni cluster
  API        ${topology.url}/v1     key pr_test_demo
  Dashboard  ${topology.url}/dashboard     merchant@demo.test or operator@demo.test, password sandbox
  HAProxy    ${topology.statusUrl}
  Database   ${topology.databaseUrl}
  Cluster    ${list}
  Logs       ${folder}${isKept ? '' : ' (removed at the end)'}

See the cluster, and make another host the primary:

  ${topology.patronictlFile} list
  ${topology.patronictlFile} switchover --force

Ctrl-C ends everything.
`;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const text =
      error instanceof UpError ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`The cluster cannot start: ${text}\n`);
    process.exit(1);
  },
);
