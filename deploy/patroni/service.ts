/** A program that runs until it is told to end, as a supervisor such as systemd keeps it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServiceOptions {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where its output goes. */
  readonly log: string;
  /** What it ends by in order. */
  readonly stopSignal?: NodeJS.Signals;
}

/** As systemd's `RestartSec`. */
const RESTART_MS = 500;
const STOP_LIMIT_MS = 20_000;

/** Whatever still runs when this process ends, ends with it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Service {
  readonly #options: ServiceOptions;
  #child: ChildProcess | null = null;
  #wanted = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, and again whenever it ends by itself. */
  start(): void {
    this.#wanted = true;
    if (this.#child === null) this.#launch();
  }

  /** Has it end in order; kills it when that takes too long. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, 'exit');
    child.kill(this.#options.stopSignal ?? 'SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(limit);
  }

  /** Kills it. @param again whether the supervisor may start it again */
  async kill(again: boolean): Promise<void> {
    this.#wanted = again;
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Sends a signal to the process that runs now. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** What it wrote since its first start. */
  output(): Promise<string> {
    return readFile(this.#options.log, 'utf8');
  }

  #launch(): void {
    const { command, environment, log } = this.#options;
    const [program = '', ...args] = command;
    const output = openSync(log, 'a');
    const child = spawn(program, args, {
      // A group of its own: a terminal's Ctrl-C goes to us alone, and they end in an order.
      ...{ cwd: '/', env: environment, detached: true },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#child = child;
    running.add(child);
    child.once('error', () => child.emit('exit', null, null));
    child.once('exit', () => {
      running.delete(child);
      this.#child = null;
      void delay(RESTART_MS, null, { ref: false }).then(() => {
        if (this.#wanted && this.#child === null) this.#launch();
      });
    });
  }
}
