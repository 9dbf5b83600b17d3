/** Running commands in this process, and programs for them to talk to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { main } from '../src/main.ts';

export interface Result {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command to its end. */
export async function run(args: readonly string[], env: Record<string, string>): Promise<Result> {
  const running = start(args, env);
  const exitCode = await running.ended;
  return { exitCode, out: running.out.join('\n'), errors: running.errors.join('\n') };
}

export interface Running {
  readonly out: readonly string[];
  readonly errors: readonly string[];
  readonly ended: Promise<number>;
  /** Waits for a line of output that matches. */
  until(pattern: RegExp): Promise<void>;
  stop(): Promise<number>;
}

/** Starts a command, which is stopped with the test at the latest. */
export function start(args: readonly string[], env: Record<string, string>): Running {
  const [out, errors]: [string[], string[]] = [[], []];
  const controller = new AbortController();
  after(() => controller.abort());
  const ended = main(args, {
    ...{ env, signal: controller.signal },
    out: (text) => void out.push(text),
    error: (text) => void errors.push(text),
  });
  return {
    ...{ out, errors, ended },
    until: (pattern) =>
      eventually(
        () => out.some((line) => pattern.test(line)),
        () => `${pattern} in ${[...out, ...errors].join('\n')}`,
      ),
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}

/** Fails when the condition does not hold within 20 s. */
export async function eventually(condition: () => boolean, what: () => string): Promise<void> {
  for (const limit = Date.now() + 60_000; !condition(); await sleep(10))
    if (Date.now() > limit) assert.fail(`waited in vain for ${what()}`);
}

/** An HTTP server until the test has ended. @returns its URL */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface Delivery {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of any shape
  readonly event: any;
}

/** A merchant's program. @param answer may keep a delivery waiting, or answer it with another status */
export async function receiver(
  answer: (delivery: Delivery, response: ServerResponse) => Promise<void> | void = () => undefined,
): Promise<{ readonly url: string; readonly deliveries: readonly Delivery[] }> {
  const deliveries: Delivery[] = [];
  const url = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const delivery = { headers: request.headers, body, event: JSON.parse(body) };
    deliveries.push(delivery);
    await answer(delivery, response);
    response.end();
  });
  return { url, deliveries };
}
