import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What there is news of. What the news is, the caller asks for over its own connection. */
export interface News {
  readonly authorizationId: string;
  /** Null: of the authorization itself. */
  readonly operationId: string | null;
}

/** Tells clients that there is news. It may get lost, like everything that travels: who hears nothing asks. */
export interface Notifier {
  notify(url: string | null, news: News): void;
  /** Tells nothing any more. */
  stop(): void;
}

const pausesMs = [0, 500, 3000];
const timeoutMs = 5000;
/** More than these at once are not told. */
const maxUnderWay = 100;

/** @param secret signs what is told: the hex of the body's HMAC-SHA256, in the header `bank-signature` */
export function createNotifier(secret: string): Notifier {
  const stopping = new AbortController();
  let underWay = 0;
  async function tell(url: string, news: News): Promise<void> {
    const body = JSON.stringify(news);
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'bank-signature': signature };
    for (const pauseMs of pausesMs) {
      await sleep(pauseMs, undefined, { signal: stopping.signal });
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
      const answered = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' }).catch(
        () => null,
      );
      await answered?.body?.cancel();
      if (answered?.ok === true) return;
    }
  }
  return {
    notify: (url, news) => {
      if (url === null || underWay >= maxUnderWay) return;
      underWay += 1;
      tell(url, news)
        .catch(() => undefined)
        .finally(() => {
          underWay -= 1;
        });
    },
    stop: () => stopping.abort(),
  };
}
