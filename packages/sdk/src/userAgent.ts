import { VERSION } from './types.generated.ts';

/** A program that uses the SDK. */
export interface AppInfo {
  readonly name: string;
  readonly version: string;
}

interface Runtime {
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: { readonly node?: string } };
}

/**
 * What requests say of who sends them, such as `plexy-pay-sdk/1.2.3 (Node.js/24)`. Null in a browser, whose own header
 * says which it is: some would not let it be changed, and some would.
 */
export function userAgentOf(app: AppInfo | undefined): string | null {
  const runtime = runtimeOf(globalThis as Runtime);
  if (runtime === null) return null;
  const products = app === undefined ? [] : [`${app.name}/${app.version}`];
  return [...products, `plexy-pay-sdk/${VERSION}`, `(${runtime})`].join(' ');
}

/** Node before 21 has no `navigator`. */
function runtimeOf({ navigator, process }: Runtime): string | null {
  const name = navigator?.userAgent ?? `Node.js/${process?.versions?.node ?? 'unknown'}`;
  if (name.startsWith('Mozilla/')) return null;
  return /^[\x21-\x7e]+$/.test(name) && !/[()\\]/.test(name) ? name : 'unknown';
}
