/** The real program in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { RUN_ENVIRONMENT } from './run.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface Program {
  readonly child: ChildProcess;
  /** What it has written so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Resolves with its URL once it listens; rejects when it ends before. */
  listening(): Promise<string>;
  /** Resolves with its exit code, or null when a signal ended it. */
  ended(): Promise<number | null>;
}

/**
 * Starts the program with these variables and nothing else but PATH.
 * @param main of another version's folder, or a command that starts it, such as an installed `plexy start`
 */
export function startProgram(
  environment: Readonly<Record<string, string>>,
  main: string | readonly [string, ...string[]] = MAIN,
  cwd?: string,
): Program {
  const { PATH = '' } = process.env;
  const [command, ...args] = typeof main === 'string' ? ([process.execPath, main] as const) : main;
  const child = spawn(command, args, {
    env: { PATH, PORT: '0', ...environment, ...RUN_ENVIRONMENT },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const url = /(?:API +|listens on )(http:\/\/[^/\s]+)/.exec(stdout)?.[1];
      if (url !== undefined) resolve(url);
    });
    void closed.then((code) => reject(new Error(`it ended with ${code}: ${stderr}`)));
  });
  listening.catch(() => undefined);
  return {
    child,
    output: () => ({ stdout, stderr }),
    listening: () => listening,
    ended: () => closed,
  };
}
