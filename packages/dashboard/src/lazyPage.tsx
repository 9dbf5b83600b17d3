/**
 * Pages that are loaded when they are first opened. One that cannot be loaded leaves the frame as it is, says so,
 * and tries again when the connection is back: the document is never loaded anew while the server is out of reach.
 */
import { type ReactNode, useCallback, useEffect, useState } from 'react';
import { preloadLanguages } from './i18n/index.tsx';
import { Coming } from './skeletons.tsx';
import { useFeedState } from './stream.ts';
import { Failure } from './ui.tsx';

type PageComponent = () => ReactNode;

export interface LazyPage extends PageComponent {
  /** Never fails: what could not be loaded is tried again when it is shown. */
  preload(): Promise<void>;
}

const pages: LazyPage[] = [];

const RELOADED_AT = 'reloadedAt';
const RELOAD_PAUSE_MS = 30_000;

export class PageNotLoadedError extends Error {
  override readonly name = 'PageNotLoadedError';
}

export function lazyPage(load: () => Promise<{ default: PageComponent }>): LazyPage {
  let Loaded: PageComponent | null = null;
  const fetchPage = async (): Promise<void> => {
    Loaded ??= (await load()).default;
  };
  const Page = (): ReactNode => {
    const [error, setError] = useState<PageNotLoadedError | null>(null);
    const [, setLoaded] = useState(Loaded !== null);
    const feed = useFeedState();
    const attempt = useCallback(async (isByHand: boolean): Promise<void> => {
      try {
        await fetchPage();
        setError(null);
        setLoaded(true);
      } catch (cause) {
        setError(new PageNotLoadedError('a page could not be loaded', { cause }));
        await reloadIfReplaced(isByHand);
      }
    }, []);
    useEffect(() => {
      if (Loaded !== null) return;
      const again = (): void => void attempt(false);
      if (feed !== 'lost') again();
      else setError(new PageNotLoadedError('the connection is lost'));
      window.addEventListener('online', again);
      return () => window.removeEventListener('online', again);
    }, [attempt, feed]);
    if (Loaded !== null) return <Loaded />;
    if (error !== null) return <Failure error={error} retry={() => void attempt(true)} />;
    return <Coming shape="lines" lines={6} />;
  };
  const page = Object.assign(Page, { preload: () => fetchPage().catch(() => undefined) });
  pages.push(page);
  return page;
}

/** How long the first page has the network to itself. */
const PRELOAD_AFTER_MS = 2_000;

/**
 * Loads all pages and languages while there is nothing else to do, one after the other: whoever loses the
 * connection later can still move between them.
 * @returns stops it
 */
export function preloadWhenIdle(): () => void {
  let isStopped = false;
  const load = async (): Promise<void> => {
    for (const { preload } of pages) if (!isStopped) await preload();
    if (!isStopped) await preloadLanguages();
  };
  // Safari has no requestIdleCallback.
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  const timer = setTimeout(() => whenIdle(() => void load()), PRELOAD_AFTER_MS);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/**
 * A server that answers, but has the page no more, was replaced by a later version: its document names the new
 * files. By itself that happens once in a while only, so that a page that is truly missing is not asked for for ever.
 */
async function reloadIfReplaced(isByHand: boolean): Promise<void> {
  const isThere = await fetch('/dashboard', { method: 'HEAD', cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  );
  const last = Number(sessionStorage.getItem(RELOADED_AT) ?? 0);
  if (!isThere || (!isByHand && Date.now() - last < RELOAD_PAUSE_MS)) return;
  sessionStorage.setItem(RELOADED_AT, String(Date.now()));
  location.reload();
}
