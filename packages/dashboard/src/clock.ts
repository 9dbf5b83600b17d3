import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { operations, sandbox } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { useSession } from './session.tsx';

const VIEWERS_TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** In which the merchant's days begin and end: its own, else the viewer's. */
export function useTimeZone(): string {
  const { merchant } = useSession();
  const timeZone = merchant?.timeZone ?? VIEWERS_TIME_ZONE;
  return isKnown(timeZone) ? timeZone : VIEWERS_TIME_ZONE;
}

/** Browsers have a list of zones each, which may be older than the server's. */
function isKnown(timeZone: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

/** How far the sandbox's clock is ahead of the one on the wall, in milliseconds; elsewhere 0. */
export function useClockOffset(): number {
  const { mode, merchant } = useSession();
  const isMerchants = merchant !== null;
  const clock = useQuery({
    queryKey: ['clock'],
    // Operators have no levers of the sandbox; its clock is part of the system's health.
    queryFn: () => (isMerchants ? sandbox.clock() : operations.health().then((health) => health.clock)),
    enabled: mode === 'sandbox',
    staleTime: 60_000,
    refetchInterval: 60_000,
  });
  return (clock.data?.offsetSeconds ?? 0) * 1_000;
}

/** The server's time at the moment of asking: what a page takes for now. */
export function useServerNow(): () => number {
  const offset = useClockOffset();
  return () => Date.now() + offset;
}

/** The server's time now, again every `everyMs`. */
export function useNow(everyMs: number): number {
  const offset = useClockOffset();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now + offset;
}

/** Below this a sandbox's clock is taken for the one on the wall. */
const AHEAD_MS = 60_000;

/** Whether the sandbox's clock has been moved. */
export function useIsAhead(): boolean {
  return useClockOffset() >= AHEAD_MS;
}

/** Names what has real times as such, while the sandbox's clock is ahead and its other times are not. */
export function useRealTime(): (name: string) => string {
  const { t } = useWords();
  const isAhead = useIsAhead();
  return (name) => (isAhead ? `${name} (${t('clock.real')})`.trim() : name);
}
