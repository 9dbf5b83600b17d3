/** The processes of a run. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadMessage, Measurement, Plan } from './load.ts';
import type { Arrivals, SinkQuestion, SinkReply } from './sink.ts';
import '../packages/server/test/support/run.ts';

export interface WebServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(import.meta.resolve('../'));
const EMPTY_HANDLER = fileURLToPath(import.meta.resolve('./emptyHandler.ts'));
const LOAD = fileURLToPath(import.meta.resolve('./load.ts'));
const SINK = fileURLToPath(import.meta.resolve('./sink.ts'));

/** Starts the product as `npm start` does. @param nodeOptions more of them, such as `--cpu-prof` */
export async function startProduct(
  environment: Readonly<Record<string, string>>,
  nodeOptions: readonly string[],
): Promise<WebServer> {
  const { scripts } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
  const [, ...args] = scripts.start.split(' ');
  return startWebServer([...nodeOptions, ...args], environment);
}

export function startEmptyHandler(): Promise<WebServer> {
  return startWebServer([EMPTY_HANDLER], {});
}

async function startWebServer(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<WebServer> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await firstUrl(child);
  child.stdout?.resume();
  return { url, pid: child.pid ?? 0, stop: () => stop(child) };
}

function firstUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk;
      const url = /http:\/\/[\d.]+:\d+/.exec(text);
      if (url !== null) resolve(url[0]);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`a server ended at its start with code ${code}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Runs one plan after the other in its own process. */
export class LoadGenerator {
  readonly #child: ChildProcess;

  constructor(wallets: number) {
    this.#child = fork(LOAD, [String(wallets)], { execArgv: [] });
  }

  /** @param onMeasuring called when the warm-up is over */
  run(plan: Plan, onMeasuring: () => void): Promise<Measurement> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('the load generator ended'));
      const onMessage = (message: LoadMessage): void => {
        if (message.kind === 'measuring') {
          onMeasuring();
          return;
        }
        child.off('message', onMessage).off('exit', onExit);
        if (message.kind === 'measured') resolve(message.measurement);
        else reject(new Error(`${plan.scenario} at ${plan.connections} connections: ${message.error}`));
      };
      child.on('message', onMessage).once('exit', onExit);
      child.send(plan);
    });
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }
}

/** Receives webhooks in its own process. One question at a time. */
export class Sink {
  readonly url: string;
  readonly #child: ChildProcess;

  static async start(): Promise<Sink> {
    const child = fork(SINK, [], { execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    return new Sink(await firstUrl(child), child);
  }

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** How many webhooks have come since the last `take`. */
  count(): Promise<number> {
    return this.#ask('count') as Promise<number>;
  }

  /** What has come since it was last asked. */
  take(): Promise<Arrivals> {
    return this.#ask('take') as Promise<Arrivals>;
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }

  async #ask(question: SinkQuestion): Promise<SinkReply> {
    const reply = once(this.#child, 'message');
    this.#child.send(question);
    return (await reply)[0];
  }
}
