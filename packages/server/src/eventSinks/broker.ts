/** What a broker of the operator's is to this program: it takes messages, and confirms each that it has stored. */
import type { FeedPosition } from '../feed/position.ts';

/** How the operator's broker is reached, as the configuration says. */
export interface SinkSettings {
  readonly kind: 'nats' | 'kafka';
  /** Each as host:port. */
  readonly servers: readonly string[];
  readonly encrypted: boolean;
  /** What subjects begin with, or the topic. */
  readonly topic: string;
  readonly start: 'beginning' | 'now';
  readonly user: string | null;
  readonly password: string | null;
  readonly sasl: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  /** What NATS calls a credentials file: its text. */
  readonly credentials: string | null;
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

/** The name under which a sink's place is kept. */
export function sinkNameOf({ kind, topic }: SinkSettings): string {
  return `${kind} ${topic}`;
}

export interface SinkMessage {
  /** Unique for good, and the same whenever the event is published again. */
  readonly id: string;
  /** Of what is published in order: a payment with its refunds, or a link. */
  readonly key: string;
  readonly merchantId: string;
  readonly name: string;
  readonly time: string;
  readonly body: string;
  readonly at: FeedPosition;
}

export interface Broker {
  /**
   * Publishes messages, those of one key in their order.
   * @param onStored called for each message that is confirmed
   * @param mayGoOn asked before messages are sent; throws when they must not be
   * @throws what went wrong with the first that was not confirmed
   */
  publish(
    messages: readonly SinkMessage[],
    onStored: (message: SinkMessage) => void,
    mayGoOn: () => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** The longest that a broker may take for one call. */
export const BROKER_TIMEOUT_MS = 3_000;

/** @throws Error when the work takes longer than so long; it goes on, and nobody hears of it */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the broker did not answer within ${limitMs} ms: ${what}`)),
      limitMs,
    );
  });
  work.catch(() => undefined);
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** Opens a broker; one that comes too late is closed, or each try would leave a connection. @throws as `within` */
export async function openWithin(limitMs: number, open: () => Promise<Broker>): Promise<Broker> {
  const opening = open();
  try {
    return await within(limitMs, 'connect', opening);
  } catch (error) {
    opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
}

/** Headers of the CloudEvents bindings: each names what it is in the broker's own way. */
export function cloudEventOf({ id, name, time, key }: SinkMessage, prefix: string): [string, string][] {
  const fields = { specversion: '1.0', id, type: name, source: 'plexy-pay', subject: key, time };
  return Object.entries(fields).map(([field, value]) => [`${prefix}${field}`, value]);
}
