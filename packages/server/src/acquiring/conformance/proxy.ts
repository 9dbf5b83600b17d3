/** Stands between a connector and its bank, and does to questions and answers what networks do. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** What happens to a question, and to its answer. */
export type Fate =
  | { readonly kind: 'pass' }
  /** The bank does not get it, and nobody answers. */
  | { readonly kind: 'swallow' }
  /** The bank does it, and its answer is lost. */
  | { readonly kind: 'mute' }
  /** The connection ends when the question has come; the bank gets it, or not. */
  | { readonly kind: 'cut'; readonly isDone: boolean }
  /** The bank does it, and its answer comes so much later. */
  | { readonly kind: 'late'; readonly delayMs: number }
  /** The bank gets it twice, at once. */
  | { readonly kind: 'twice' }
  /** The bank does it, and something else is answered. */
  | { readonly kind: 'answer'; readonly answer: RawAnswer }
  /** The bank does not get it, and this is answered. */
  | { readonly kind: 'instead'; readonly answer: RawAnswer };

export interface FaultyProxy {
  readonly url: string;
  /** From now on. */
  fate: Fate;
  /** What the bank answered last. */
  lastAnswer: RawAnswer | null;
  /** What was asked last, as it came. */
  lastQuestion: Buffer | null;
  /** How many questions have come. */
  asked: number;
  end(): Promise<void>;
}

export async function startProxy(bankUrl: string): Promise<FaultyProxy> {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    fate: { kind: 'pass' },
    lastAnswer: null,
    lastQuestion: null,
    asked: 0,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { fate } = proxy;
    proxy.asked += 1;
    const body = await readAll(request);
    proxy.lastQuestion = body;
    const forward = async (): Promise<RawAnswer> => {
      proxy.lastAnswer = await ask(bankUrl, request, body);
      return proxy.lastAnswer;
    };
    switch (fate.kind) {
      case 'pass':
        return send(response, await forward());
      case 'swallow':
        return;
      case 'mute':
        await forward();
        return;
      case 'cut':
        if (fate.isDone) await forward();
        response.destroy();
        return;
      case 'late': {
        const answer = await forward();
        await pause(fate.delayMs);
        return send(response, answer);
      }
      case 'twice': {
        const [answer] = await Promise.all([forward(), forward()]);
        return send(response, answer);
      }
      case 'answer':
        await forward();
        return send(response, fate.answer);
      case 'instead':
        return send(response, fate.answer);
    }
  }
  return proxy;
}

function send(response: ServerResponse, { status, contentType, body }: RawAnswer): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}

/** Passes a question on, to the bank's own name. */
function ask(bankUrl: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<RawAnswer> {
  const target = new URL(`${bankUrl}${url ?? ''}`);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const { connection: _connection, ...passed } = headers;
  return new Promise((resolve, reject) => {
    const request = send(target, { method, headers: { ...passed, host: target.host }, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      readAll(response).then(
        (text) => resolve({ status, contentType: answered['content-type'] ?? '', body: text }),
        reject,
      );
    });
    request.end(body);
  });
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
