import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BankObserver } from '../acquiring/questions.ts';
import type { EngineObserver } from '../engine/engine.ts';
import type { SinkObserver } from '../eventSinks/eventSink.ts';
import type { FeedObserver } from '../feed/feed.ts';
import type { WatchObserver } from '../operations/watch.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import type { Pool } from '../postgres/pool.ts';
import type { ReplicaObserver } from '../postgres/replica.ts';
import type { RequestLogObserver } from '../requestLog/requestLog.ts';
import type { WebhookObserver } from '../webhooks/webhooks.ts';
import { VERSION } from './version.ts';

/** Each metric with its values, and how those of several workers become one. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

interface Latest {
  queueDepth: number;
  feedLagSeconds: number;
  feedListening: boolean;
  streams: number;
}

/**
 * What the node measures of itself, in the Prometheus text format. Never a key or a person, and no id but those
 * of the webhook endpoints with the most to do.
 */
export interface Metrics
  extends EngineObserver,
    FeedObserver,
    WebhookObserver,
    RequestLogObserver,
    SinkObserver,
    ReplicaObserver,
    BankObserver,
    WatchObserver {
  /** How many event streams are open. */
  streams(count: number): void;
  request(method: string, route: string, statusCode: number, seconds: number): void;
  /** An answer that an earlier request with the same key was given. */
  replayed(): void;
  /** What is measured when somebody asks. */
  watch(sources: MetricSources): void;
  /** The last values of what changes all the time. */
  readonly latest: Readonly<Latest>;
  render(): Promise<string>;
  /** The same as numbers, to be put together with those of the node's other workers. */
  snapshot(): Promise<MetricsSnapshot>;
  readonly contentType: string;
}

/** What tells how it is when it is asked. */
export interface MetricSources {
  readonly pools: Readonly<Record<string, Pool>>;
  isReady(): Promise<boolean>;
  cardsHeld(): number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Anybody may send any method that Node can read, some 35; each would be a label of its own for each route. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function labelOf(method: string): string {
  return METHODS.has(method) ? method : 'other';
}

/** One registry per process part that asks for it; tests have their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'plexy_http_request_duration_seconds',
    help: 'HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const engine = engineMetrics(registry);
  const feed = feedGauges(registry);
  const webhooks = webhookMetrics(registry);
  const replica = replicaMetrics(registry);
  const databaseErrors = new Counter({
    name: 'plexy_database_errors_total',
    help: 'Batches that failed, by SQLSTATE',
    labelNames: ['sqlstate'],
    registers,
  });
  const replays = new Counter({
    name: 'plexy_idempotency_replays_total',
    help: 'Answers that were given again, since their key had come before',
    registers,
  });
  const notLogged = notLoggedCounter(registry);
  const latest: Latest = { queueDepth: 0, feedLagSeconds: 0, feedListening: false, streams: 0 };
  return {
    requestsNotLogged: (count) => notLogged.inc(count),
    request: (method, route, statusCode, seconds) =>
      requests.observe({ method: labelOf(method), route, status: statusCode }, seconds),
    batch: (size, seconds) => {
      engine.batchSize.observe(size);
      engine.batchSeconds.observe(seconds);
    },
    latest,
    queueDepth: (depth, limit) => {
      latest.queueDepth = depth;
      engine.queue.set(depth);
      engine.queueLimit.set(limit);
    },
    feedLag: (seconds) => {
      latest.feedLagSeconds = seconds;
      feed.lag.set(seconds);
    },
    feedListening: (works) => {
      latest.feedListening = works;
      feed.listening.set(works ? 1 : 0);
    },
    streams: (count) => {
      latest.streams = count;
      feed.streams.set(count);
    },
    databaseError: (error) => databaseErrors.inc({ sqlstate: sqlStateOf(error) ?? 'connection' }),
    ...webhooks,
    ...sinkMetrics(registry),
    ...replica,
    ...bankMetrics(registry),
    ...watchMetrics(registry),
    replayed: () => replays.inc(),
    watch: (sources) => sourceMetrics(registry, sources),
    render: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

function engineMetrics(registry: Registry) {
  const registers = [registry];
  const batchSize = new Histogram({
    name: 'plexy_engine_batch_size',
    help: 'Commands per batch',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const batchSeconds = new Histogram({
    name: 'plexy_engine_batch_duration_seconds',
    help: 'Time of one batch, from its first statement to its commit',
    buckets: SECONDS,
    registers,
  });
  const queue = new Gauge({
    name: 'plexy_engine_queue_depth',
    help: 'Commands waiting for a batch',
    registers,
  });
  const queueLimit = new Gauge({
    name: 'plexy_engine_queue_limit',
    help: 'Commands that may wait for a batch',
    registers,
  });
  return { batchSize, batchSeconds, queue, queueLimit };
}

function feedGauges(registry: Registry): Record<'lag' | 'listening' | 'streams', Gauge> {
  const registers = [registry];
  return {
    lag: new Gauge({
      name: 'plexy_event_feed_lag_seconds',
      help: 'How long committed events have been waiting for a transaction that has not ended',
      aggregator: 'max',
      registers,
    }),
    listening: new Gauge({
      name: 'plexy_event_feed_listening',
      help: '1 while commits of other nodes wake this one, 0 while it polls',
      aggregator: 'min',
      registers,
    }),
    streams: new Gauge({ name: 'plexy_event_streams', help: 'Event streams that are open', registers }),
  };
}

function webhookMetrics(registry: Registry): WebhookObserver {
  const registers = [registry];
  const attempts = new Counter({
    name: 'plexy_webhook_attempts_total',
    help: 'Attempts to deliver a webhook, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const lag = new Histogram({
    name: 'plexy_webhook_lag_seconds',
    help: 'Time from an event to the first attempt to deliver it, on the engine’s clock',
    buckets: [...SECONDS, 30, 60, 300],
    registers,
  });
  const pending = new Gauge({
    name: 'plexy_webhook_pending_deliveries',
    help: 'Deliveries that are pending, of the 50 endpoints with the most',
    labelNames: ['endpoint'],
    // Each worker tells of the whole database.
    aggregator: 'max',
    registers,
  });
  const disabled = new Gauge({
    name: 'plexy_webhook_endpoints_disabled',
    help: 'Webhook endpoints that are disabled, for whatever reason',
    aggregator: 'max',
    registers,
  });
  return {
    webhookAttempt: (outcome, lagSeconds) => {
      attempts.inc({ outcome });
      if (lagSeconds !== null) lag.observe(lagSeconds);
    },
    webhookBacklog: (backlog) => {
      pending.reset();
      for (const { id, pending: count } of backlog.endpoints) pending.set({ endpoint: id }, count);
      disabled.set(backlog.disabled);
    },
  };
}

function replicaMetrics(registry: Registry): ReplicaObserver {
  const registers = [registry];
  const reads = new Counter({
    name: 'plexy_replica_reads_total',
    help: 'Reads that a replica may answer: from `replica`, or from the primary because it was `away`, `stale`, `foreign` or in `conflict`',
    labelNames: ['from'],
    registers,
  });
  const lag = new Gauge({
    name: 'plexy_replica_lag_seconds',
    help: 'How old what the replica has is at most, as far as it was seen to get',
    aggregator: 'max',
    registers,
  });
  const usable = new Gauge({
    name: 'plexy_replica_usable',
    help: '1 while lists are read from the replica, 0 while there is none or it cannot be used',
    aggregator: 'min',
    registers,
  });
  return {
    replicaRead: (from) => reads.inc({ from }),
    replicaLag: (seconds, isUsable) => {
      usable.set(isUsable ? 1 : 0);
      lag.set(seconds);
    },
  };
}

function notLoggedCounter(registry: Registry): Counter {
  return new Counter({
    name: 'plexy_requests_not_logged_total',
    help: 'Requests left out of the request log, because there were too many or the database was away',
    registers: [registry],
  });
}

function bankMetrics(registry: Registry): BankObserver {
  const questions = new Histogram({
    name: 'plexy_bank_question_duration_seconds',
    help: 'Questions to acquirers, by what was asked and what came of it',
    labelNames: ['acquirer', 'kind', 'outcome'],
    buckets: SECONDS,
    registers: [registry],
  });
  return {
    bankQuestion: (acquirer, kind, outcome, seconds) =>
      questions.observe({ acquirer, kind, outcome }, seconds),
  };
}

function sinkMetrics(registry: Registry): SinkObserver {
  const registers = [registry];
  const lag = new Gauge({
    name: 'plexy_event_sink_lag_seconds',
    help: 'How old the first event is that was not published to the broker, 0 when all were or there is none',
    aggregator: 'max',
    registers,
  });
  const published = new Counter({
    name: 'plexy_event_sink_published_total',
    help: 'Events that the broker has confirmed to this node',
    registers,
  });
  const failures = new Counter({
    name: 'plexy_event_sink_failures_total',
    help: 'Times that events were not published, because the broker or the database did not take them',
    registers,
  });
  const active = new Gauge({
    name: 'plexy_event_sink_active',
    help: '1 on the node that publishes events',
    registers,
  });
  return {
    sinkLag: (seconds) => lag.set(seconds),
    sinkPublished: (count) => published.inc(count),
    sinkFailed: () => failures.inc(),
    sinkActive: (isActive) => active.set(isActive ? 1 : 0),
  };
}

function watchMetrics(registry: Registry): WatchObserver {
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name, help, aggregator: 'max', registers: [registry] });
  const overdue = gauge(
    'plexy_scheduler_overdue_seconds',
    'How long ago the first of what has fallen due was to be done',
  );
  const pending = gauge('plexy_bank_operations_pending', 'Operations that no bank has answered');
  const oldest = gauge(
    'plexy_bank_operations_oldest_seconds',
    'How long ago the first of them was asked for',
  );
  const audited = gauge(
    'plexy_audit_finished_timestamp_seconds',
    'When the last audit ended that operators asked for, 0 when none has',
  );
  const violations = gauge(
    'plexy_audit_violations',
    'Rows that broke an invariant in that audit, -1 when it could not be done',
  );
  const skew = gauge('plexy_clock_skew_seconds', 'How far the clock of the database is ahead of the node’s');
  const issues = new Gauge({
    name: 'plexy_operator_issues',
    help: 'What needs an operator’s attention, by severity',
    labelNames: ['severity'],
    aggregator: 'max',
    registers: [registry],
  });
  return {
    watched: (state, clockSkewSeconds) => {
      overdue.set(state.overdueSeconds);
      pending.set(state.bankPending);
      oldest.set(state.bankOldestSeconds);
      audited.set(state.auditedAt ?? 0);
      violations.set(state.auditedAt === null ? 0 : (state.auditViolations ?? -1));
      skew.set(clockSkewSeconds);
    },
    operatorIssues: (severity, count) => issues.set({ severity }, count),
  };
}

function sourceMetrics(registry: Registry, { pools, isReady, cardsHeld }: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: 'plexy_build_info',
    help: 'Always 1: which version runs',
    labelNames: ['version'],
    aggregator: 'first',
    registers,
  }).set({ version: VERSION }, 1);
  new Gauge({
    name: 'plexy_ready',
    help: 'Whether the database is reachable, up to date and takes writes',
    aggregator: 'min',
    registers,
    async collect() {
      this.set((await isReady()) ? 1 : 0);
    },
  });
  new Gauge({
    name: 'plexy_cards_in_memory',
    help: 'Card numbers that are held until their bank has answered',
    registers,
    collect() {
      this.set(cardsHeld());
    },
  });
  poolMetrics(registry, pools);
}

function poolMetrics(registry: Registry, pools: MetricSources['pools']): void {
  const registers = [registry];
  new Gauge({
    name: 'plexy_database_pool_connections',
    help: 'Connections of each pool, by what they do',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [pool, { totalCount, idleCount }] of Object.entries(pools)) {
        this.set({ pool, state: 'used' }, totalCount - idleCount);
        this.set({ pool, state: 'idle' }, idleCount);
      }
    },
  });
  new Gauge({
    name: 'plexy_database_pool_waiting',
    help: 'Who waits for a connection of each pool',
    labelNames: ['pool'],
    registers,
    collect() {
      for (const [pool, { waitingCount }] of Object.entries(pools)) this.set({ pool }, waitingCount);
    },
  });
}
