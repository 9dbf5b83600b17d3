/** A merchant's server that receives webhooks, short forms of what a merchant does with endpoints, and of a node. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { StatementRunner } from '../../src/postgres/pool.ts';
import { type ClaimedLane, claimLanes, readDue } from '../../src/webhooks/deliveriesSql.ts';
import type { LaneOutcome } from '../../src/webhooks/dispatch.ts';
import type { FanOutDeps, FreshLane } from '../../src/webhooks/fanOut.ts';
import { Slots } from '../../src/webhooks/slots.ts';
import type { CallOptions, Reply } from './sandbox.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Answers a webhook; by default with an empty 200. */
export type Answer = (received: Received, response: ServerResponse) => void;

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** Names of the events received, in their order. */
  names(): string[];
  answer(answer: Answer): void;
  /** Waits until the condition holds; fails after the limit. */
  until(condition: (receiver: Receiver) => boolean, what: string, limitMs?: number): Promise<void>;
  /** Connections that were ever opened. */
  connections(): number;
  clear(): void;
  stop(): Promise<void>;
}

export const OK: Answer = (_received, response) => response.end();

export async function startReceiver(): Promise<Receiver> {
  let answer = OK;
  let connections = 0;
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const { headers, url = '' } = request;
      const entry = { path: url, headers, text, body: JSON.parse(text), at: Date.now() };
      received.push(entry);
      answer(entry, response);
    });
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    names: () => received.map(({ body }) => body.name),
    answer: (next) => {
      answer = next;
    },
    until: async (condition, what, limitMs = 60_000) => {
      for (const limit = Date.now() + limitMs; !condition(receiver); await sleep(5))
        if (Date.now() > limit) assert.fail(`waited in vain: ${what} (${received.length} received)`);
    },
    connections: () => connections,
    clear: () => received.splice(0),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

/** Throws unless the official library verifies it. */
export function verify(secret: string, { headers, text }: Received): void {
  new Webhook(secret).verify(text, headers as Record<string, string>);
}

type Call = (method: string, path: string, options?: CallOptions) => Promise<Reply>;

export interface TestEndpoint {
  readonly id: string;
  readonly secret: string;
}

export async function createEndpoint(
  call: Call,
  url: string,
  body: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<TestEndpoint> {
  const reply = await call('POST', '/v1/webhook-endpoints', { body: { url, ...body }, ...options });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

/** Deletes all of a merchant's endpoints. */
export async function deleteEndpoints(call: Call, options: CallOptions = {}): Promise<void> {
  const { body } = await call('GET', '/v1/webhook-endpoints?limit=100', options);
  for (const { id } of body.items) await call('DELETE', `/v1/webhook-endpoints/${id}`, options);
}

/** Waits until this delivery has the status. @returns it, with its attempts */
export async function untilDelivery(
  call: Call,
  endpointId: string,
  deliveryId: string,
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape
  condition: (delivery: any) => boolean,
  limitMs = 60_000,
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape
): Promise<any> {
  for (const limit = Date.now() + limitMs; ; await sleep(10)) {
    const { body, text } = await call('GET', `/v1/webhook-endpoints/${endpointId}/deliveries/${deliveryId}`);
    if (body.status !== undefined && condition(body)) return body;
    if (Date.now() > limit) assert.fail(`waited in vain for a delivery: ${text}`);
  }
}

/** Slots that are given as `take` says. */
export function slotsOf(take: () => boolean): FanOutDeps['slots'] {
  class TestSlots extends Slots {
    override take = take;
  }
  return () => new TestSlots([]);
}

/** What a fan-out is given where no node is around it. */
export const NO_NODE: Omit<FanOutDeps, 'pool' | 'gated'> = {
  render: () => '{}',
  slots: slotsOf(() => true),
  readTargets: async () => undefined,
  giveBack: () => undefined,
};

/** Claims lanes that are due, in turn, as far as there are slots for them. */
export async function claimInTurn(db: StatementRunner, lease: string, slots: Slots): Promise<ClaimedLane[]> {
  return claimLanes(db, lease, slots.share(await readDue(db)));
}

/** As when the first so many of a lane's webhooks were answered with 200, and the next one with 500. */
export function outcomeOf({ familyId, endpointId, messages }: FreshLane, delivered: number): LaneOutcome {
  const attempts = messages.slice(0, delivered + 1).map(({ transactionId, seq }, i) => ({
    ...{ familyId, endpointId, transactionId, seq, number: 1, at: Date.now(), latencyMs: 1, error: null },
    ...(i < delivered
      ? ({ statusCode: 200, response: 'fine', status: 'delivered' } as const)
      : ({ statusCode: 500, response: 'no', status: 'pending' } as const)),
  }));
  const failures = attempts.length - Math.min(delivered, attempts.length);
  const dueInMs = failures === 0 ? null : 5_000;
  return { familyId, endpointId, attempts, finished: attempts.length - failures, failures, dueInMs };
}

export function deliveredOutcome(lane: FreshLane): LaneOutcome {
  return outcomeOf(lane, lane.messages.length);
}
