/** Keyboard shortcuts. By the key's place, so that they work with every layout of letters. */
import { useEffect, useRef } from 'react';

const TYPING = 'input, textarea, select, [contenteditable], [role="dialog"], [role="menu"], [role="listbox"]';
const SEQUENCE_MS = 1_000;

let first = { code: '', at: 0 };

/**
 * `{ KeyC: capture, 'KeyG KeyT': openTransactions }`; `?` and `/` by their sign.
 * Not while somebody types or a dialog is open.
 */
export function useShortcuts(actions: Readonly<Record<string, (() => void) | undefined>>): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const { target, code, key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
      if (target instanceof Element && target.closest(TYPING) !== null) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const sequence = Date.now() - first.at < SEQUENCE_MS ? `${first.code} ${code}` : code;
      const action =
        latest.current[sequence] ??
        latest.current[key] ??
        (sequence === code ? latest.current[code] : undefined);
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}

/** Remembers the first key of a sequence, for every listener. To be called once. */
export function useSequences(): void {
  useEffect(() => {
    const remember = (event: KeyboardEvent): void => {
      if (event.code === 'KeyG') first = { code: event.code, at: Date.now() };
    };
    window.addEventListener('keydown', remember);
    return () => window.removeEventListener('keydown', remember);
  }, []);
}
