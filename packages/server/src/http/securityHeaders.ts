import type { Mode } from '../app/config.ts';

/** On every answer. A route that serves a page sets a content policy of its own. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

/** A sandbox is reached without TLS, and must not tell browsers to reach everything else of its host by TLS. */
const PRODUCTION = { ...HEADERS, 'strict-transport-security': 'max-age=31536000' } as const;

export type SecurityHeaders = Readonly<Record<string, string>>;

export function securityHeadersOf(mode: Mode): SecurityHeaders {
  return mode === 'production' ? PRODUCTION : HEADERS;
}
