/** The live feed: every change of the merchant's transactions and payment links, from the server's event stream. */
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Transaction } from './api.ts';

/** Those that leave the status as it is, too: amounts have changed, or the bank was asked, or has refused. */
const EVENT_NAMES = [
  'transaction.created',
  'transaction.3d',
  'transaction.authorized',
  'transaction.rejected',
  'transaction.failed',
  'transaction.charged',
  'transaction.cancelled',
  'transaction.refunded',
  'transaction.capture_requested',
  'transaction.cancel_requested',
  'transaction.partially_captured',
  'transaction.partially_cancelled',
  'transaction.partially_refunded',
  'transaction.capture_declined',
  'transaction.reversal_declined',
  'transaction.cancel_declined',
];
/** Of payment links: of each the page reads again what it shows. */
const LINK_EVENT_NAMES = [
  'payment_link.created',
  'payment_link.paid',
  'payment_link.expired',
  'payment_link.cancelled',
];
const RETRY_MS = 1_000;
/** The server says something every 15 s: a connection that is silent for longer than this is dead. */
const SILENCE_MS = 40_000;

export type FeedState = 'connecting' | 'live' | 'lost';

interface FeedOptions {
  onEvent(transaction: Transaction): void;
  onLinkEvent(): void;
  /** The connection is back: what happened meanwhile comes as events, but a page may have been changed by hand. */
  onCatchUp(): void;
}

/** One connection; after a break it goes on behind the last event that it has seen. */
export class LiveFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<() => void>();
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #lastEventId = '';
  #state: FeedState = 'connecting';
  #wasLost = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getState = (): FeedState => this.#state;

  open(): void {
    this.close();
    const since = this.#lastEventId === '' ? '' : `&lastEventId=${encodeURIComponent(this.#lastEventId)}`;
    const source = new EventSource(`/v1/transactions/stream?paymentLinks=true${since}`);
    this.#source = source;
    this.#awaitSign();
    source.onopen = () => {
      this.#awaitSign();
      this.#become('live');
      if (this.#wasLost) this.#options.onCatchUp();
      this.#wasLost = false;
    };
    source.onerror = () => {
      this.#wasLost = true;
      this.#become('lost');
      // The browser comes back by itself after a cut, but not after an answer that is an error.
      if (source.readyState === EventSource.CLOSED) this.#timer = setTimeout(() => this.open(), RETRY_MS);
    };
    source.addEventListener('heartbeat', ({ lastEventId }) => {
      this.#lastEventId = lastEventId;
      this.#awaitSign();
    });
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        this.#awaitSign();
        this.#lastEventId = event.lastEventId;
        this.#options.onEvent((JSON.parse(event.data) as { data: Transaction }).data);
      });
    }
    for (const name of LINK_EVENT_NAMES) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        this.#awaitSign();
        this.#lastEventId = event.lastEventId;
        this.#options.onLinkEvent();
      });
    }
  }

  /** A network that only drops packets says nothing at all. */
  #awaitSign(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#wasLost = true;
      this.#become('lost');
      this.open();
    }, SILENCE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  /**
   * A page that nobody sees gives its connection back: browsers allow six a server, over all windows.
   * One whose machine loses its network, or finds it again, tries at once.
   */
  followBrowser(): () => void {
    const follow = (): void => {
      if (document.hidden) {
        this.close();
        this.#wasLost = true;
      } else this.open();
    };
    // A browser keeps a connection that nothing comes through any more: a new one shows whether it still can.
    const probe = (): void => {
      if (!document.hidden) this.open();
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    window.addEventListener('offline', probe);
    window.addEventListener('online', probe);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      window.removeEventListener('offline', probe);
      window.removeEventListener('online', probe);
      this.close();
    };
  }

  #become(state: FeedState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const FeedContext = createContext<LiveFeed | null>(null);

/** Null where there is no feed: operators have none. */
export function useFeedState(): FeedState | null {
  const feed = useContext(FeedContext);
  return useSyncExternalStore(feed?.subscribe ?? noSubscription, () => feed?.getState() ?? null);
}

function noSubscription(): () => void {
  return () => undefined;
}
