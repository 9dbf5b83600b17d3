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
  let fatal: string | null = null;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  };
  const forward = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => to.write(chunk));
    from.once('close', () => to.destroy());
    if (stalled) from.pause();
  };
  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    track(client);
    track(upstream);
    upstream.on('data', (chunk) => {
      if (fatal === null || !chunk.includes(fatal)) return;
      fatal = null;
      client.destroy();
    });
    forward(client, upstream);
    forward(upstream, client);
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
      fatal = answer;
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
