/** A TCP proxy before a server, so that tests can cut, stall and redirect its connections. */
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** New connections go to this port from now on. */
  target(port: number): void;
  /** Closes every open connection. */
  cut(): void;
  /** Closes the next connection on which the server answers with this text, in place of passing it on. */
  cutAt(answer: string): void;
  /** Passes the next answer with this text on so much later. */
  delayAt(answer: string, ms: number): void;
  /** Passes on but the beginning of the next request that is longer than this, and then nothing in either direction. */
  stallWithin(bytes: number): void;
  /** Stops passing bytes in both directions without closing anything, as a network that drops packets. */
  stall(): void;
  /** Closes every open connection, and new ones as they come. */
  refuse(): void;
  /** Ends `stall` and `refuse`; bytes that waited go first. */
  resume(): void;
  stop(): Promise<void>;
}

/** Listens on a free port of this machine and forwards to `targetPort`. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let target = targetPort;
  let stalled = false;
  let refusing = false;
  let fatal: { readonly answer: string; readonly delayMs: number | null } | null = null;
  let limit = Number.POSITIVE_INFINITY;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    track(client);
    track(upstream);
    let dead = false;
    client.on('data', (chunk) => {
      if (dead) return;
      dead = chunk.length > limit;
      if (dead) limit = Number.POSITIVE_INFINITY;
      upstream.write(dead ? chunk.subarray(0, chunk.length / 2) : chunk);
    });
    upstream.on('data', (chunk) => {
      if (dead) return;
      const held = fatal !== null && chunk.includes(fatal.answer) ? fatal : null;
      if (held === null) {
        client.write(chunk);
        return;
      }
      fatal = null;
      if (held.delayMs === null) client.destroy();
      else setTimeout(() => client.write(chunk), held.delayMs);
    });
    // Of a connection that is dead neither side hears the other's end.
    client.once('close', () => dead || upstream.destroy());
    upstream.once('close', () => dead || client.destroy());
    if (stalled) for (const socket of [client, upstream]) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    target: (port) => {
      target = port;
    },
    cut,
    cutAt: (answer) => {
      fatal = { answer, delayMs: null };
    },
    delayAt: (answer, delayMs) => {
      fatal = { answer, delayMs };
    },
    stallWithin: (bytes) => {
      limit = bytes;
    },
    stall: () => {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    refuse: () => {
      refusing = true;
      cut();
    },
    resume: () => {
      stalled = false;
      refusing = false;
      for (const socket of sockets) socket.resume();
    },
    stop: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
