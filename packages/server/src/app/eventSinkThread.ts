/** The thread that publishes events: puts its parts together. See `eventSinks/thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { sinkNameOf } from '../eventSinks/broker.ts';
import { EventSink } from '../eventSinks/eventSink.ts';
import { openBroker } from '../eventSinks/openBroker.ts';
import { sinkMessageOf } from '../eventSinks/sinkMessage.ts';
import type { FromSinkThread, SinkThreadData, ToSinkThread } from '../eventSinks/thread.ts';
import { beNicer, sentError } from './threads.ts';

/** How often the metrics hear of what was published. */
const TELL_INTERVAL_MS = 100;

function main(): void {
  beNicer();
  const port = parentPort;
  if (port === null) throw new Error('this is the entry of a thread');
  const tell = (message: FromSinkThread): void => port.postMessage(message);
  const { databaseUrl, settings } = workerData as SinkThreadData;

  let published = 0;
  const tellPublished = (): void => {
    if (published > 0) tell({ kind: 'published', count: published });
    published = 0;
  };
  const telling = setInterval(tellPublished, TELL_INTERVAL_MS);
  let wasActive: boolean | null = null;

  const sink = new EventSink({
    databaseUrl,
    name: sinkNameOf(settings),
    start: settings.start,
    open: () => openBroker(settings),
    messageOf: sinkMessageOf,
    observe: {
      sinkLag: (seconds) => tell({ kind: 'lag', seconds }),
      sinkPublished: (count) => {
        published += count;
      },
      sinkFailed: () => tell({ kind: 'failed' }),
      sinkActive: (active) => {
        if (active !== wasActive) tell({ kind: 'active', active });
        wasActive = active;
      },
    },
    onError: (error) => tell({ kind: 'error', error: sentError(error) }),
  });
  const stop = async (): Promise<void> => {
    await sink.stop();
    clearInterval(telling);
    tellPublished();
    port.close();
  };
  port.on('message', ({ kind }: ToSinkThread) => {
    if (kind === 'committed') sink.committed();
    else void stop();
  });
  sink.start();
}

main();
