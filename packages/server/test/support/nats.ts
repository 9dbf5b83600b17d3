/** A real `nats-server` with JetStream, and what a consumer reads from it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { RunningProgram } from './programs.ts';
import './run.ts';

export interface Received {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: events of many shapes
  readonly body: any;
}

export interface NatsServer extends RunningProgram {
  /** host:port, the same after every restart. */
  readonly address: string;
  /** kill -9, and away until `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Everything that a stream has stored, in its order. */
  stored(stream: string): Promise<Received[]>;
}

export const hasNats = spawnSync('nats-server', ['--version']).status === 0;

/** @param lines of its configuration, besides where it listens and stores */
export async function startNats(options: readonly string[] = []): Promise<NatsServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'plexy-nats-'));
  let port = -1;
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const files = ['--store_dir', folder, '--ports_file_dir', folder];
    const args = ['--jetstream', '--addr', '127.0.0.1', '--port', String(port), ...files, ...options];
    child = spawn('nats-server', args, { stdio: 'ignore' });
    port = await portOf(folder, child);
  };
  await start();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    get address() {
      return `127.0.0.1:${port}`;
    },
    kill,
    restart: start,
    stored: (stream) => storedIn(`127.0.0.1:${port}`, stream),
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** It writes a file that says where it listens. */
async function portOf(folder: string, child: ChildProcess): Promise<number> {
  const name = `nats-server_${child.pid}.ports`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
    const files = await readdir(folder);
    const text = files.includes(name) ? await readFile(path.join(folder, name), 'utf8') : '';
    const found = /"(?:nats|tls):\/\/[^"]*:(\d+)"/.exec(text)?.[1];
    if (found !== undefined) return Number(found);
    await setTimeout(20);
  }
}

async function storedIn(address: string, stream: string): Promise<Received[]> {
  const connection = await connect({ servers: [address] });
  try {
    const { streams } = await jetstreamManager(connection);
    const info = await streams.info(stream).catch(() => null);
    const found: Received[] = [];
    // Of a stream that is empty yet it says 0, which is the number of no message.
    for (let seq = Math.max(1, info?.state.first_seq ?? 1); seq <= (info?.state.last_seq ?? 0); seq += 1) {
      const message = await streams.getMessage(stream, { seq });
      if (message === null) continue;
      const headers = Object.fromEntries(
        [...message.header].map(([name, values]) => [name, values[0] ?? '']),
      );
      found.push({ subject: message.subject, headers, body: message.json() });
    }
    return found;
  } finally {
    await connection.close();
  }
}
