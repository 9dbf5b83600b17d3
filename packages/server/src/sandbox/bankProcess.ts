import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { urlInUse } from '../postgres/databaseClient.ts';

const PROGRAM = fileURLToPath(new URL('../../../bank/src/main.ts', import.meta.url));
/** A slow machine takes longer than any limit: it is waited for as long as the process lives, and said so often. */
const SAY_EVERY_MS = 15_000;
const RESTART_MS = 500;

/** The sandbox's bank: a process of its own that is started again whenever it ends. */
export interface BankProcess {
  /** Where it listens now. */
  url(): string;
  /** Its process id, for tests that kill it. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

export interface BankOptions {
  readonly databaseUrl: string;
  readonly secret: string;
  readonly onError: (message: string) => void;
}

/** How a sandbox comes by its bank. */
export type LaunchBank = (options: BankOptions) => Promise<Pick<BankProcess, 'url' | 'stop'>>;

/** Starts the simulated bank, however long that takes. @throws Error when it ends before it listens */
export async function startBank(options: BankOptions): Promise<BankProcess> {
  let stopped = false;
  // A bank that cannot even start once is the caller's to know, not to be tried again.
  let hasListened = false;
  let port = 0;
  let child: ChildProcess;
  const launch = async (): Promise<void> => {
    child = spawnBank(options, port);
    child.once('exit', (code) => {
      if (stopped || !hasListened) return;
      options.onError(`the simulated bank ended with code ${code}; starting it again`);
      setTimeout(() => {
        if (!stopped) launch().catch((error: unknown) => options.onError(String(error)));
      }, RESTART_MS);
    });
    port = await listeningPort(child, options.onError);
    hasListened = true;
  };
  await launch().catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    url: () => `http://127.0.0.1:${port}`,
    pid: () => child.pid,
    stop: async () => {
      stopped = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Its stdin is a pipe of ours: when we die, it ends with us. A restarted bank keeps its port. */
function spawnBank({ databaseUrl, secret }: BankOptions, port: number): ChildProcess {
  const env = {
    BANK_PORT: String(port),
    BANK_DATABASE_URL: urlInUse(databaseUrl),
    BANK_SECRET: secret,
  };
  return spawn(process.execPath, [PROGRAM], { env, stdio: ['pipe', 'pipe', 'inherit'] });
}

function listeningPort(child: ChildProcess, say: (message: string) => void): Promise<number> {
  const startedAt = performance.now();
  const saying = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    say(`waiting for the simulated bank (process ${child.pid}), which has been starting for ${seconds} s`);
  }, SAY_EVERY_MS);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the simulated bank ended with code ${code}`)));
    if (child.stdout === null) throw new Error('the simulated bank has no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /"bank":"listening","port":(\d+)/.exec(line);
      if (match !== null) resolve(Number(match[1]));
    });
  }).finally(() => clearInterval(saying));
}
