/**
 * The load generator, a process of its own: a closed loop of so many connections, each sending its next
 * request when it has the reply to the last one, or an open one that begins units of work at a steady rate.
 */
import { Connection } from './connection.ts';
import { type Scenario, type ScenarioName, Traffic } from './scenarios.ts';

export interface Plan {
  readonly url: string;
  readonly scenario: ScenarioName;
  readonly connections: number;
  /** Units of work that begin per second, whatever the replies take; as many as can be, without it. */
  readonly perSecond?: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface Measurement {
  /** Units of work per second. */
  readonly rate: number;
  readonly units: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What was shed, a second. */
  readonly shedRate: number;
  readonly shedP99Ms: number;
  /** Part of one core that this process used. */
  readonly loadCpu: number;
}

export type LoadMessage =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'measured'; readonly measurement: Measurement }
  | { readonly kind: 'failed'; readonly error: string };

/** Latencies beyond this many are not kept: a minute at 60,000 units per second. */
const MAX_LATENCIES = 4_000_000;

class Run {
  readonly #latencies = new Float64Array(MAX_LATENCIES);
  #units = 0;
  readonly #shed: number[] = [];
  #measuring = false;
  #stopping = false;
  #open = 0;
  readonly #startedAt = performance.now();
  readonly #plan: Plan;
  readonly #traffic: Traffic;
  readonly #finished = Promise.withResolvers<void>();
  readonly #connections: Connection[] = [];

  constructor(plan: Plan, traffic: Traffic) {
    this.#plan = plan;
    this.#traffic = traffic;
  }

  async measure(onMeasuring: () => void): Promise<Measurement> {
    const { connections, warmUpMs, measureMs, scenario } = this.#plan;
    for (let i = 0; i < connections; i += 1) this.#connect(this.#traffic.scenario(scenario, i), i);
    await this.#pause(warmUpMs);
    onMeasuring();
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    this.#measuring = true;
    await this.#pause(measureMs);
    this.#measuring = false;
    const seconds = (performance.now() - startedAt) / 1_000;
    const cpu = process.cpuUsage(cpuBefore);
    this.#stopping = true;
    await this.#finished.promise;
    for (const connection of this.#connections) connection.close();
    const shed = Float64Array.from(this.#shed).sort();
    const latencies = this.#latencies.subarray(0, Math.min(this.#units, MAX_LATENCIES)).sort();
    return {
      rate: this.#units / seconds,
      units: this.#units,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      shedRate: shed.length / seconds,
      shedP99Ms: quantile(shed, 0.99),
      loadCpu: (cpu.user + cpu.system) / 1e6 / seconds,
    };
  }

  #pause(ms: number): Promise<void> {
    const time = new Promise<void>((resolve) => setTimeout(resolve, ms));
    // Only a failure ends the run before it was told to stop.
    return Promise.race([time, this.#finished.promise]);
  }

  #connect(scenario: Scenario, index: number): void {
    let step = 0;
    let startedAt = 0;
    let sentAt = 0;
    const begin = (dueAt: number): void => {
      if (this.#stopping) {
        this.#close();
        return;
      }
      step = 0;
      // What begins late has been waiting since it was due: replies that take long are not to hide it.
      startedAt = Math.min(performance.now(), dueAt);
      sentAt = performance.now();
      // In an overload nobody asks when a connection was free: an answer is as late as it is after its request.
      if (scenario.isShed !== undefined) startedAt = sentAt;
      connection.send(scenario.first());
    };
    const beginNext = this.#pace(begin, index);
    const onReply = (reply: string): void => {
      if (scenario.isShed?.(reply) === true) {
        if (this.#measuring) this.#shed.push(performance.now() - sentAt);
        beginNext();
        return;
      }
      const request = scenario.next(reply, step);
      step += 1;
      if (request !== null) {
        connection.send(request);
        return;
      }
      if (this.#measuring && this.#units < MAX_LATENCIES) {
        this.#latencies[this.#units] = performance.now() - startedAt;
        this.#units += 1;
      }
      beginNext();
    };
    const connection = new Connection(new URL(this.#plan.url), beginNext, onReply, (error) =>
      this.#finished.reject(error),
    );
    this.#open += 1;
    this.#connections.push(connection);
  }

  /** @returns what has `begin` called when the connection's next unit is due: at once in a closed loop */
  #pace(begin: (dueAt: number) => void, index: number): () => void {
    const { connections, perSecond } = this.#plan;
    if (perSecond === undefined) return () => begin(Number.POSITIVE_INFINITY);
    let dueAt = this.#startedAt + (index * 1_000) / perSecond;
    return () => {
      const due = dueAt;
      dueAt += (connections * 1_000) / perSecond;
      const waitMs = due - performance.now();
      if (waitMs > 0) setTimeout(begin, waitMs, due);
      else begin(due);
    };
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#finished.resolve();
  }
}

/** @param sorted ascending */
function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

const traffic = new Traffic(Number(process.argv[2]));

function tell(message: LoadMessage): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  tell({ kind: 'failed', error: error instanceof Error ? error.message : String(error) });
}

process.on('uncaughtException', fail);
process.on('message', (plan: Plan) => {
  new Run(plan, traffic)
    .measure(() => tell({ kind: 'measuring' }))
    .then((measurement) => tell({ kind: 'measured', measurement }), fail);
});
