import { startEmbeddedPostgres } from '../../src/index.ts';

/*
 * A process that owns an embedded PostgreSQL, for tests to kill: node embeddedOwner.ts <dataDir> [systemFolder]
 * Writes one JSON line to its output: {"url"} once it runs, or {"error"}. SIGTERM stops it in order;
 * SIGINT is only written down, as by an engine that is still draining.
 */
const [dataDir = '', systemFolder] = process.argv.slice(2);
const started = Date.now();
process.on('SIGINT', () => console.error('SIGINT'));
try {
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: (message) => console.error(message),
    ...(systemFolder !== undefined && { systemFolder }),
  });
  console.log(JSON.stringify({ url: postgres.url, startedInMs: Date.now() - started }));
  const alive = setInterval(() => undefined, 60_000);
  process.once('SIGTERM', async () => {
    await postgres.stop();
    clearInterval(alive);
  });
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  process.exitCode = 1;
}
