/**
 * The broker that librdkafka brings for tests of its own, in a process of `kcat`, which is its consumer at the same time:
 * Kafka's protocol over TCP, with partitions, idempotent producers and everything in memory.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { RunningProgram } from './programs.ts';
import './run.ts';

/** A message as `kcat -J` prints it. */
export interface KafkaMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: readonly string[];
  readonly key: string;
  readonly payload: string;
}

export interface KafkaBroker extends RunningProgram {
  /** host:port */
  readonly address: string;
  readonly received: readonly KafkaMessage[];
  /** It answers nobody … */
  freeze(): void;
  /** … until now. */
  resume(): void;
}

export const hasKcat = spawnSync('kcat', ['-V']).status === 0;

export async function startKafka(topic: string): Promise<KafkaBroker> {
  const args = ['-C', '-u', '-J', '-t', topic, '-b', 'none:1', '-X', 'test.mock.num.brokers=1', '-d', 'mock'];
  const child = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const received: KafkaMessage[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) received.push(JSON.parse(line));
  });
  const address = await new Promise<string>((resolve, reject) => {
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      log = `${log}${chunk}`.slice(0, 10_000);
      const found = /bootstrap\.servers=(\S+)/.exec(log)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`kcat ended with ${code}: ${log}`)));
  });
  return {
    address,
    received,
    freeze: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
