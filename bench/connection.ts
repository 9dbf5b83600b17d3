import { createConnection, type Socket } from 'node:net';

/**
 * A keep-alive HTTP/1.1 connection with one request at a time: no more than the load needs, so that it
 * takes a small part of a core (an HTTP library costs more per request than an empty handler).
 */
export class Connection {
  readonly #socket: Socket;
  readonly #onReply: (reply: string) => void;
  #received = '';

  /** @param onReply hears each reply whole, head and body, one character per byte */
  constructor(
    url: URL,
    onConnected: () => void,
    onReply: (reply: string) => void,
    onError: (error: Error) => void,
  ) {
    this.#onReply = onReply;
    this.#socket = createConnection({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.once('connect', onConnected);
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', onError);
    this.#socket.on('end', () => onError(new Error('the server closed a connection')));
  }

  send(request: string): void {
    this.#socket.write(request, 'latin1');
  }

  close(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const text = this.#received + chunk.toString('latin1');
    if (isWhole(text)) {
      this.#received = '';
      this.#onReply(text);
    } else {
      this.#received = text;
    }
  }
}

const LENGTH = 'content-length: ';

function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = text.indexOf(LENGTH);
  if (length < 0 || length > headEnd) throw new Error('a reply without content-length');
  return text.length >= headEnd + 4 + Number.parseInt(text.slice(length + LENGTH.length, headEnd), 10);
}
