/** What each fault costs: the longest time without an acknowledged request, from its beginning until payments go on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Load } from './load.ts';

/** Payments go on when as many requests were answered, */
const ANSWERS = 40;
/** … within so long: what waited for its next try is answered, too. */
const AFTERWARDS_MS = 2_000;
const LIMIT_MS = 60_000;

interface Fault {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly silenceMs: number;
}

export class Faults {
  readonly #load: Load;
  readonly #faults: Fault[] = [];

  constructor(load: Load) {
    this.#load = load;
  }

  /** Does what `fault` does, and waits until payments go on. @throws Error when they do not within a minute */
  async measure(name: string, fault: () => Promise<void>): Promise<void> {
    const from = performance.now();
    await fault();
    const limit = performance.now() + LIMIT_MS;
    const answered = this.#load.acknowledged.length;
    while (this.#load.acknowledged.length < answered + ANSWERS) {
      if (performance.now() > limit) throw new Error(`no payments for a minute after: ${name}`);
      await delay(50);
    }
    await delay(AFTERWARDS_MS);
    const to = performance.now();
    this.#faults.push({ name, from, to, silenceMs: this.#load.longestSilence(from, to) });
  }

  /** Whether a request that was under way in this time met a fault. */
  touches(from: number, to: number): boolean {
    return this.#faults.some((fault) => from <= fault.to && to >= fault.from);
  }

  /** Prints a table: one row for each kind of fault, p50 and maximum over the rounds. */
  print(): void {
    const rows = [...Map.groupBy(this.#faults, ({ name }) => name)].map(([name, faults]) => {
      const silences = faults.map(({ silenceMs }) => silenceMs / 1_000).sort((a, b) => a - b);
      return { name, count: faults.length, p50: quantile(silences, 0.5), max: silences.at(-1) ?? 0 };
    });
    const all = this.#faults.map(({ silenceMs }) => silenceMs / 1_000).sort((a, b) => a - b);
    rows.push({ name: 'all', count: all.length, p50: quantile(all, 0.5), max: all.at(-1) ?? 0 });
    const lines = rows.map(
      ({ name, count, p50, max }) => `| ${name} | ${count} | ${p50.toFixed(1)} | ${max.toFixed(1)} |`,
    );
    const { acknowledged, begun, sent, unexpected } = this.#load;
    process.stdout.write(`
| fault | times | seconds without answers, p50 | max |
|---|--:|--:|--:|
${lines.join('\n')}

${begun.length} payments, ${acknowledged.length} requests acknowledged, ${sent} sent, ${unexpected.length} refused.
`);
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}
