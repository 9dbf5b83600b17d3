/** Medians over the rounds, the table and the goals. */
import { cpus, loadavg, totalmem, type } from 'node:os';
import type { Measurement } from './load.ts';

export interface Column {
  readonly name: string;
  readonly connections: number;
}

export interface Sample extends Measurement {
  /** CPU microseconds per unit. */
  readonly nodeMicros: number | null;
  readonly postgresMicros: number | null;
}

/** One pass over everything. A ratio compares figures of one round only: the machine may change between two. */
export interface Round {
  readonly samples: readonly Sample[];
  readonly empty: number;
  /** Null where pgbench is missing. */
  readonly pgbench: number | null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function tableOf(columns: readonly Column[], rounds: readonly Round[]): string {
  const header =
    '| | connections | per second | × pgbench | × empty handler | p50 ms | p99 ms | CPU µs Node | CPU µs PostgreSQL |';
  const lines = columns.map((column, i) => {
    const of = (pick: (sample: Sample, round: Round) => number | null): number | null => {
      const values = rounds.map((round) => {
        const sample = round.samples[i];
        return sample === undefined ? null : pick(sample, round);
      });
      const known = values.filter((value) => value !== null);
      return known.length === 0 ? null : median(known);
    };
    return row([
      column.name,
      String(column.connections),
      whole(of((s) => s.rate)),
      ratio(of((s, r) => (r.pgbench === null ? null : s.rate / r.pgbench))),
      ratio(of((s, r) => s.rate / r.empty)),
      tenths(of((s) => s.p50Ms)),
      tenths(of((s) => s.p99Ms)),
      whole(of((s) => s.nodeMicros)),
      whole(of((s) => s.postgresMicros)),
    ]);
  });
  return [header, '|---|--:|--:|--:|--:|--:|--:|--:|--:|', ...lines].join('\n');
}

/** At least or at most `limit`, by the median over the rounds. */
export interface Goal<R> {
  readonly name: string;
  readonly bound: '≥' | '≤';
  readonly limit: number;
  readonly of: (round: R) => number | null;
}

export function goalsOf<R>(goals: readonly Goal<R>[], rounds: readonly R[]): string {
  return goals
    .map(({ name, bound, limit, of }) => {
      const values = rounds.map(of).filter((value) => value !== null);
      const goal = `${bound} ${limit.toLocaleString('en')}`;
      if (values.length === 0) return row([name, goal, '–', 'not measured']);
      const value = median(values);
      const met = bound === '≥' ? value >= limit : value <= limit;
      return row([name, goal, limit < 10 ? ratio(value) : whole(value), met ? 'met' : '**not met**']);
    })
    .reduce((table, line) => `${table}\n${line}`, '| goal | | measured | |\n|---|--:|--:|---|');
}

/** Of the minute before the run: what others were doing. A run counts when it is well below the cores. */
const LOAD_BEFORE = loadavg()[0] ?? Number.NaN;

export function machineOf(postgresVersion: string): string {
  const all = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${all.length} × ${all[0]?.model.trim()}, ${gigabytes} GB, ${type()}; Node ${process.versions.node}; PostgreSQL ${postgresVersion}, fsync on; load generator, server and database on the same cores; load average before the run ${LOAD_BEFORE.toFixed(1)}`;
}

export function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

export function whole(value: number | null): string {
  return value === null ? '–' : Math.round(value).toLocaleString('en');
}

function ratio(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

export function tenths(value: number | null): string {
  return value === null ? '–' : value.toFixed(1);
}
