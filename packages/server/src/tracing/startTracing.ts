import type { TracingSettings } from './settings.ts';

/** Loads what tracing needs where it is set up, and nothing elsewhere. @returns ends it, and sends what is left */
export async function startTracing(
  settings: TracingSettings | null,
  thread: string,
): Promise<() => Promise<void>> {
  if (settings === null) return async () => undefined;
  const sdk = await import('./sdk.ts');
  return sdk.startTracing(settings, thread);
}
