import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../bank/src/main.ts', import.meta.url));
const START_LIMIT_MS = 15_000;
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

/** Starts the simulated bank. @throws Error when it does not listen in time */
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
    port = await listeningPort(child);
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
    BANK_DATABASE_URL: databaseUrl,
    BANK_SECRET: secret,
  };
  return spawn(process.execPath, [PROGRAM], { env, stdio: ['pipe', 'pipe', 'inherit'] });
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error('the simulated bank did not start in time')),
      START_LIMIT_MS,
    );
    child.once('exit', (code) => reject(new Error(`the simulated bank ended with code ${code}`)));
    if (child.stdout === null) throw new Error('the simulated bank has no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /"bank":"listening","port":(\d+)/.exec(line);
      if (match === null) return;
      clearTimeout(limit);
      resolve(Number(match[1]));
    });
  });
}
