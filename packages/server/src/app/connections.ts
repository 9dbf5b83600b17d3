/** How many database connections a node may have: the figures of docs/operations.md. */
import { type Config, partOf, workersPart } from './config.ts';

/** For API keys, sessions and what payments need besides the engine: each is one look-up by an index. */
const RESERVED = 4;
/** Two can sign in while one waits; a password takes a hundred times as long as its queries. */
const SIGN_INS = 2;

/** Of each worker. One of two that wait for each other's locks must not hold up a third. */
export function reservedConnections({ workers }: Pick<Config, 'workers'>): number {
  return Math.max(2, partOf(RESERVED, workers));
}

export function signInConnections({ workers }: Pick<Config, 'workers'>): number {
  return partOf(SIGN_INS, workers);
}

/** What falls due 1, `/ready` 1, event streams 4, listening 1, webhooks 2. */
const OF_EACH = 9;

/** The most that all workers of a node have while they serve; two more while it migrates, one while an audit runs. */
export function mostConnections(config: Config): number {
  const { batchLanes, poolSize, mode, databaseReplicaUrl, eventSink, tracing } = workersPart(config);
  const pools = batchLanes + poolSize + reservedConnections(config) + signInConnections(config);
  const clock = mode === 'sandbox' ? 1 : 0;
  // One on the primary tells how far its log is.
  const watch = databaseReplicaUrl === null ? 0 : 1;
  const sink = eventSink === null ? 0 : 1;
  // Which traces webhooks' events are of.
  const traces = tracing === null ? 0 : 1;
  return config.workers * (pools + OF_EACH + clock + watch + sink + traces);
}
