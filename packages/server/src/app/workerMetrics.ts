/** The metrics of all workers of a node as one page. */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { MetricsSnapshot } from '../http/metrics.ts';

/** Kinds that only ever rise. Those of a worker that has ended stay in the sums, or all of them would seem to begin anew. */
const RISING = new Set(['counter', 'histogram', 'summary']);

/**
 * Counters and histograms are summed. Gauges are, too, unless they say that of the highest or the lowest value is meant:
 * what each worker tells of the whole database, and lags.
 */
export class WorkerMetrics {
  readonly #registry = new Registry();
  readonly #serving: Gauge;
  readonly #deaths: Counter;
  #ended: Promise<MetricsSnapshot> = Promise.resolve([]);

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#serving = new Gauge({
      name: 'plexy_workers',
      help: 'Workers of this node that serve; WORKERS says how many there should be',
      registers,
    });
    this.#deaths = new Counter({
      name: 'plexy_worker_deaths_total',
      help: 'Workers that ended without being told to',
      registers,
    });
  }

  died(): void {
    this.#deaths.inc();
  }

  /** Takes over what a worker that has ended had counted. */
  keep(snapshot: MetricsSnapshot): void {
    const rising = snapshot.filter(({ type }) => RISING.has(String(type)));
    this.#ended = this.#ended.then((ended) => aggregate([ended, rising]).getMetricsAsJSON());
  }

  /** @param snapshots of the workers that run @param serving how many of them take connections */
  async render(snapshots: readonly MetricsSnapshot[], serving: number): Promise<string> {
    this.#serving.set(serving);
    const own = await this.#registry.getMetricsAsJSON();
    return aggregate([...snapshots, await this.#ended, own]).metrics();
  }
}

function aggregate(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => snapshot.map(withOurAggregator)));
}

/** What prom-client says of a few of its own metrics is of no use here: an average hides the worker that hangs. */
function withOurAggregator(metric: MetricsSnapshot[number]): MetricsSnapshot[number] {
  if (metric.name === 'process_start_time_seconds') return { ...metric, aggregator: 'min' };
  return metric.aggregator === 'average' ? { ...metric, aggregator: 'max' } : metric;
}
