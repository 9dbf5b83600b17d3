import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { sandbox } from './api.ts';
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

/** The server's time now, again every `everyMs`. A sandbox's clock may be ahead of the one on the wall. */
export function useNow(everyMs: number): number {
  const { mode, merchant } = useSession();
  const clock = useQuery({
    queryKey: ['clock'],
    queryFn: sandbox.clock,
    enabled: mode === 'sandbox' && merchant !== null,
    staleTime: 60_000,
  });
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now + (clock.data?.offsetSeconds ?? 0) * 1_000;
}
