/** NATS JetStream. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  headers,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import {
  BROKER_TIMEOUT_MS,
  type Broker,
  cloudEventOf,
  type SinkMessage,
  type SinkSettings,
} from './broker.ts';

/** @throws what the client reports */
export async function openNats(settings: SinkSettings): Promise<Broker> {
  const connection = await connect(optionsOf(settings));
  try {
    await ensureStream(connection, settings.topic);
  } catch (error) {
    await connection.close();
    throw error;
  }
  const stream = jetstream(connection, { timeout: BROKER_TIMEOUT_MS });
  const send = async (message: SinkMessage): Promise<void> => {
    const head = headers();
    for (const [name, value] of cloudEventOf(message, 'ce-')) head.set(name, value);
    head.set('content-type', 'application/json');
    await stream.publish(subjectOf(settings.topic, message), message.body, {
      msgID: message.id,
      headers: head,
      timeout: BROKER_TIMEOUT_MS,
      // A message that is sent again by the client could come behind later ones.
      retries: 0,
    });
  };
  return {
    publish: async (messages, onStored, mayGoOn) => {
      for (const wave of wavesOf(messages)) {
        await mayGoOn();
        const sent = await Promise.allSettled(
          wave.map((message) => send(message).then(() => onStored(message))),
        );
        const failed = sent.find((result) => result.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
      }
    },
    close: () => connection.close(),
  };
}

function optionsOf({
  servers,
  user,
  password,
  credentials,
  ...settings
}: SinkSettings): NodeConnectionOptions {
  const { encrypted, ca, certificate, key } = settings;
  const tls = {
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { cert: certificate }),
    ...(key === null ? {} : { key }),
  };
  return {
    servers: [...servers],
    name: 'plexy-pay',
    timeout: BROKER_TIMEOUT_MS,
    // What waits in the client for a new connection would be sent after it was given up here.
    reconnect: false,
    ...(encrypted ? { tls } : {}),
    ...(user === null ? {} : { user, pass: password ?? '' }),
    ...(credentials === null
      ? {}
      : { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }),
  };
}

/** `<topic>.<merchant>.<event>`, so that a consumer can ask for one merchant, or for one kind of event. */
export function subjectOf(topic: string, { merchantId, name }: SinkMessage): string {
  return `${topic}.${merchantId}.${name}`;
}

/** A stream that takes the subjects is left as its operator has made it; without one, one is made. */
async function ensureStream(connection: NatsConnection, topic: string): Promise<void> {
  const manager = await jetstreamManager(connection, { timeout: BROKER_TIMEOUT_MS });
  const subject = `${topic}.>`;
  for await (const { config } of manager.streams.list(subject))
    if (config.subjects?.some((given) => covers(given, subject))) return;
  await manager.streams.add({ name: topic.replaceAll('.', '_').toUpperCase(), subjects: [subject] });
}

/** Whether a subject of a stream takes all that the other one does. */
export function covers(given: string, subject: string): boolean {
  if (given === subject) return true;
  const [left, right] = [given.split('.'), subject.split('.')];
  for (const [i, token] of left.entries()) {
    if (token === '>') return right.length > i;
    if (right[i] === undefined || right[i] === '>') return false;
    if (token !== '*' && token !== right[i]) return false;
  }
  return left.length === right.length;
}

/**
 * The first message of each key, then the second of each, and so on. A wave is sent at once, and the next one when all
 * of it is stored: what is confirmed in any order cannot change the order of one key.
 */
export function wavesOf(messages: readonly SinkMessage[]): SinkMessage[][] {
  const counts = new Map<string, number>();
  const waves: SinkMessage[][] = [];
  for (const message of messages) {
    const wave = counts.get(message.key) ?? 0;
    counts.set(message.key, wave + 1);
    const sent = waves[wave];
    if (sent === undefined) waves.push([message]);
    else sent.push(message);
  }
  return waves;
}
