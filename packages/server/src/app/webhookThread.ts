/** The thread of webhooks: puts its parts together, as `server.ts` does for the process. See `webhooks/thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { webhookBody } from '../feed/eventViews.ts';
import { openInstallation } from '../installation/installationSql.ts';
import type { Secrets } from '../installation/secrets.ts';
import { createPool } from '../postgres/pool.ts';
import { startTracing } from '../tracing/startTracing.ts';
import type { AttemptSeen, FromThread, ThreadData, ToThread } from '../webhooks/thread.ts';
import { Webhooks } from '../webhooks/webhooks.ts';
import { beNicer, sentError } from './threads.ts';

/** How often the metrics hear of attempts. */
const TELL_INTERVAL_MS = 100;

async function main(): Promise<void> {
  beNicer();
  const port = parentPort;
  if (port === null) throw new Error('this is the entry of a thread');
  const tell = (message: FromThread): void => port.postMessage(message);
  const data = workerData as ThreadData;

  let attempts: AttemptSeen[] = [];
  const tellAttempts = (): void => {
    if (attempts.length > 0) tell({ kind: 'attempts', attempts });
    attempts = [];
  };
  const telling = setInterval(tellAttempts, TELL_INTERVAL_MS);

  const stopTracing = await startTracing(data.tracing, 'webhooks');
  const webhooks = new Webhooks({
    databaseUrl: data.databaseUrl,
    listening: data.listening,
    sandbox: data.mode === 'sandbox',
    secrets: await openSecrets(data),
    traced: data.tracing !== null,
    render: webhookBody,
    observe: {
      webhookAttempt: (...attempt) => void attempts.push(attempt),
      webhookBacklog: (backlog) => tell({ kind: 'backlog', backlog }),
    },
    onWanted: (wanted) => tell({ kind: 'wanted', wanted }),
    onDisabled: (count) => tell({ kind: 'disabled', count }),
    onError: (error) => tell({ kind: 'error', error: sentError(error) }),
  });
  const stop = async (): Promise<void> => {
    await webhooks.stop();
    clearInterval(telling);
    tellAttempts();
    await stopTracing();
    port.close();
  };
  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'committed':
        webhooks.committed();
        return;
      case 'wake':
        webhooks.wake();
        return;
      case 'listening':
        webhooks.feedListening(message.works);
        return;
      case 'stop':
        void stop();
        return;
    }
  });
  webhooks.start();
}

/** A thread has no part in the process's secrets: it derives its own, as every node does. */
async function openSecrets({ databaseUrl, mode, ...keys }: ThreadData): Promise<Secrets> {
  const pool = createPool(databaseUrl, 1, () => undefined, { name: 'webhooks' });
  try {
    return await openInstallation(pool, mode, keys.secretKey, keys.otherSecretKeys);
  } finally {
    await pool.end();
  }
}

await main();
