/** Light or dark: as the system is, unless somebody chose. `public/scheme.js` does the same before the first paint. */
import { useSyncExternalStore } from 'react';

export type Choice = 'auto' | 'light' | 'dark';

const DARK = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function read(): string {
  const stored = localStorage.getItem('scheme');
  const chosen = stored === 'light' || stored === 'dark' ? stored : 'auto';
  return `${chosen} ${chosen === 'auto' ? (DARK.matches ? 'dark' : 'light') : chosen}`;
}

export function chooseScheme(choice: Choice): void {
  localStorage.setItem('scheme', choice);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  DARK.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    DARK.removeEventListener('change', listener);
  };
}

export function useScheme(): { readonly chosen: Choice; readonly scheme: 'light' | 'dark' } {
  const [chosen, scheme] = useSyncExternalStore(subscribe, read).split(' ');
  return { chosen: chosen as Choice, scheme: scheme as 'light' | 'dark' };
}
