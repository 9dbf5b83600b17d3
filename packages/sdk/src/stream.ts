import { ConnectionError, PlexyPayError, RateLimitError, ServerError } from './errors.ts';
import { parseExactly } from './json.ts';
import { checkMaxRetries } from './options.ts';
import { backOffMs, pause, type RequestSender } from './request.ts';
import type { TransactionWebhook, WebhookEventName } from './webhooks.ts';

/** An event of the stream: a webhook's, and where the stream stands after it. */
export interface StreamedEvent extends TransactionWebhook {
  /** A webhook's name; or, where `statusChanged` is false, one such as `transaction.partially_refunded`. */
  readonly name: WebhookEventName | 'transaction.partially_refunded' | `transaction.${string & {}}`;
  readonly statusChanged: boolean;
  /** 1, 2, 3 … without gaps within the transaction. */
  readonly seq: number;
  /** Keep it with what you did with the event, and go on after it later. */
  readonly lastEventId: string;
  /** The JSON as it came. */
  readonly text: string;
}

export interface StreamOptions {
  /** Of the last event that was dealt with. Default: the stream begins now. */
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * How often a stream that was never open is tried again before it throws. Default: the client's. Once it has been
   * open it is opened again for as long as it takes.
   */
  readonly maxRetries?: number | undefined;
  /** Hears each time that the stream is open: whatever is committed from now on will come. */
  readonly onOpen?: (() => void) | undefined;
  /** Hears why the stream was lost, and after how long it is opened again. */
  readonly onLost?: ((error: PlexyPayError, delayMs: number) => void) | undefined;
}

/** The server says something every 15 s: a stream that is silent for longer than this is dead. */
const SILENCE_MS = 40_000;

/** One server-sent message; without data it only says where the stream stands. */
interface Message {
  readonly id: string | null;
  readonly data: string | null;
}

/** See `TransactionsResource.stream`. */
export async function* streamOf(
  sender: RequestSender,
  { signal, onOpen, onLost, maxRetries = sender.maxRetries, ...options }: StreamOptions,
): AsyncGenerator<StreamedEvent, never, undefined> {
  checkMaxRetries(maxRetries);
  let { lastEventId } = options;
  let wasOpen = false;
  for (let failures = 0; ; failures += 1) {
    const connection = new Connection(signal);
    let error: unknown;
    try {
      const body = await connection.open(sender, lastEventId);
      wasOpen = true;
      onOpen?.();
      for await (const { id, data } of messagesOf(connection.read(body))) {
        failures = 0;
        lastEventId = id ?? lastEventId;
        if (data !== null) yield eventOf(data, lastEventId ?? '');
      }
      error = new ConnectionError('the server ended the stream');
    } catch (thrown) {
      error = thrown;
    } finally {
      connection.close();
    }
    signal?.throwIfAborted();
    if (!mayPass(error) || (!wasOpen && failures >= maxRetries)) throw error;
    const delayMs = backOffMs(failures);
    onLost?.(error, delayMs);
    await pause(delayMs, signal);
  }
}

/** Whether another attempt may help. */
function mayPass(error: unknown): error is PlexyPayError {
  return error instanceof ConnectionError || error instanceof ServerError || error instanceof RateLimitError;
}

/** One connection, which ends when the server has been silent for too long. */
class Connection {
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal | undefined) {
    const own = this.#controller.signal;
    this.#signal = signal === undefined ? own : AbortSignal.any([own, signal]);
  }

  async open(sender: RequestSender, lastEventId: string | undefined): Promise<ReadableStream<Uint8Array>> {
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const opening = sender.open('/v1/transactions/stream', headers, this.#signal);
    const { body } = await this.#soon(opening);
    if (body === null) throw new ConnectionError('the stream has no body');
    return body;
  }

  async *read(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await this.#soon(reader.read());
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  }

  close(): void {
    this.#controller.abort();
  }

  async #soon<T>(promise: Promise<T>): Promise<T> {
    const silent = new ConnectionError(`the server was silent for ${SILENCE_MS / 1_000} s`);
    const timer = setTimeout(() => this.#controller.abort(silent), SILENCE_MS);
    try {
      return await promise;
    } catch (cause) {
      if (this.#signal.aborted) throw this.#signal.reason;
      throw cause instanceof PlexyPayError ? cause : new ConnectionError('the stream was lost', { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

async function* messagesOf(chunks: AsyncIterable<string>): AsyncGenerator<Message, void, undefined> {
  let rest = '';
  for await (const chunk of chunks) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) yield messageOf(block);
  }
}

/** Lines end at `\n` alone: JSON may hold other characters that look like the end of one. */
function messageOf(block: string): Message {
  const lines = block.split('\n');
  const field = (prefix: string): string | null =>
    lines.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? null;
  return { id: field('id: '), data: field('data: ') };
}

function eventOf(text: string, lastEventId: string): StreamedEvent {
  const event = parseExactly(text) as Omit<StreamedEvent, 'lastEventId' | 'text'>;
  return { ...event, lastEventId, text };
}
