/** Whatever speaks Kafka's protocol. */
import { compatibilityPartitioner, ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka';
import {
  BROKER_TIMEOUT_MS,
  type Broker,
  cloudEventOf,
  type SinkMessage,
  type SinkSettings,
  within,
} from './broker.ts';
import { partsOf, sendFitting } from './parts.ts';

/** Messages of one key are in one partition, and those of one call in one batch of it, which is stored whole or not. */
export async function openKafka(settings: SinkSettings): Promise<Broker> {
  const { servers, topic, encrypted, ca, certificate, key } = settings;
  const tls = {
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { cert: certificate }),
    ...(key === null ? {} : { key }),
  };
  const producer = new Producer({
    clientId: 'plexy-pay',
    bootstrapBrokers: [...servers],
    serializers: stringSerializers,
    // The same partition for the same key as Java's clients choose.
    partitioner: compatibilityPartitioner,
    // Whoever sends the same batch again, as its answer did not come, has it stored once.
    idempotent: true,
    // As the protocol says that there is none yet: the client would ask for number 0, which is somebody's.
    producerId: -1n,
    producerEpoch: -1,
    acks: ProduceAcks.ALL,
    autocreateTopics: true,
    // The page is read and sent again by us.
    retries: 0,
    timeout: BROKER_TIMEOUT_MS,
    connectTimeout: BROKER_TIMEOUT_MS,
    requestTimeout: BROKER_TIMEOUT_MS,
    ...(encrypted ? { tls } : {}),
    ...saslOf(settings),
  });
  return {
    publish: async (messages, onStored, mayGoOn) => {
      const send = async (part: readonly SinkMessage[]): Promise<void> => {
        await mayGoOn();
        const sent = producer.send({ messages: part.map((message) => recordOf(topic, message)) });
        // The client's own limits end with the answer that says where topics are: a broker that hangs later is waited for.
        await within(2 * BROKER_TIMEOUT_MS, 'publish', sent);
      };
      for (const part of partsOf(messages)) await sendFitting(part, send, onStored);
    },
    close: () => producer.close(true),
  };
}

function recordOf(topic: string, message: SinkMessage) {
  return {
    topic,
    key: message.key,
    value: message.body,
    headers: new Map([
      ...cloudEventOf(message, 'ce_'),
      ['content-type', 'application/json'],
      ['merchant-id', message.merchantId],
    ]),
  };
}

function saslOf({ user, password, sasl }: SinkSettings): object {
  return user === null ? {} : { sasl: { mechanism: sasl, username: user, password: password ?? '' } };
}
