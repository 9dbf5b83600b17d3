import { useEffect, useState } from 'preact/hooks';

const DAY_SECONDS = 86_400;

/** `4:59`, `23:00:00`. */
export function clockText(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * Whole seconds until then, counted from when the server told the time, so that a wrong clock of the payer's does not
 * matter; null: more than a day, or no time is waited for.
 */
export function useSecondsUntil(until: string | null, now: string): number | null {
  const [passed, setPassed] = useState(0);
  const left = until === null ? null : Math.ceil((Date.parse(until) - Date.parse(now)) / 1_000);
  const isCounted = left !== null && left <= DAY_SECONDS;
  useEffect(() => {
    setPassed(0);
    if (!isCounted) return;
    const start = performance.now();
    const timer = setInterval(() => setPassed(Math.floor((performance.now() - start) / 1_000)), 250);
    return () => clearInterval(timer);
  }, [until, now, isCounted]);
  return isCounted ? Math.max(0, left - passed) : null;
}

export function useOnline(): boolean {
  const [isOnline, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const listen = (): void => setOnline(navigator.onLine);
    addEventListener('online', listen);
    addEventListener('offline', listen);
    return () => {
      removeEventListener('online', listen);
      removeEventListener('offline', listen);
    };
  }, []);
  return isOnline;
}
