/**
 * The merchant's server of a run, a process of its own: keep-alive connections, each webhook answered at once
 * with an empty 200, its id and arrival kept. As cheap as the load generator, so that it is not what is measured.
 */
import { createServer, type Socket } from 'node:net';

/** What has come since it was last asked for, in the order of arrival. */
export interface Arrivals {
  readonly ids: readonly string[];
  /** Milliseconds since the epoch. */
  readonly at: readonly number[];
}

export type SinkQuestion = 'count' | 'take';
/** How many have come since the last `take`, or what. */
export type SinkReply = number | Arrivals;

const ID = 'webhook-id: ';
const LENGTH = 'content-length: ';
const HEAD_END = '\r\n\r\n';
const REPLY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

let ids: string[] = [];
let at: number[] = [];

function serve(socket: Socket): void {
  let received: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let end = endOfFirst(received); end > 0; end = endOfFirst(received)) {
      ids.push(headerOf(received, ID));
      at.push(Date.now());
      received = received.subarray(end);
      socket.write(REPLY, 'latin1');
    }
  });
}

/** @returns where the first request ends; 0 while it is not whole */
function endOfFirst(received: Buffer): number {
  const headEnd = received.indexOf(HEAD_END, 0, 'latin1');
  if (headEnd < 0) return 0;
  const end = headEnd + HEAD_END.length + Number(headerOf(received, LENGTH));
  return received.length >= end ? end : 0;
}

function headerOf(received: Buffer, name: string): string {
  const start = received.indexOf(name, 0, 'latin1');
  if (start < 0) throw new Error(`a request without ${name}`);
  return received.toString('latin1', start + name.length, received.indexOf('\r\n', start, 'latin1'));
}

process.on('message', (question: SinkQuestion) => {
  if (question === 'count') {
    process.send?.(ids.length);
    return;
  }
  process.send?.({ ids, at } satisfies Arrivals);
  [ids, at] = [[], []];
});
process.on('SIGTERM', () => process.exit(0));

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.stdout.write(`listens on http://127.0.0.1:${address?.port}\n`);
});
