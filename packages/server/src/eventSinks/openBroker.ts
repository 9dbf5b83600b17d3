import type { Broker, SinkSettings } from './broker.ts';

/** Connects to the broker. Its client is loaded now: nobody else needs it. @throws what the client reports */
export async function openBroker(settings: SinkSettings): Promise<Broker> {
  if (settings.kind === 'nats') return (await import('./natsBroker.ts')).openNats(settings);
  return (await import('./kafkaBroker.ts')).openKafka(settings);
}
