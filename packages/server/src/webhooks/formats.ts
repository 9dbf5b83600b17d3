/**
 * How an event is told: which events are, in which bytes, and with which headers that prove where they come from. A
 * registered endpoint, and a link's `callbackUrl`, are told in the standard format. Another one is made of the same kept
 * message, so that an attempt that is made again has the same bytes.
 */
import type { KeyObject } from 'node:crypto';
import { hasWebhook } from '../core/history.ts';
import { flatBodyOf, flatHeadersOf, flatKeyOf, tellsFlat } from './flatFormat.ts';
import { keyOfSecret, signedHeaders } from './sign.ts';

export interface WebhookFormat {
  /** Whether an event is told at all, of those that an endpoint asks for. */
  readonly tells: (event: { readonly name: string; readonly isRefund: boolean }) => boolean;
  /** What is sent, of the message that is kept of the event: JSON text. The same at every attempt. */
  readonly bodyOf: (message: string) => string;
  /** The opened secret as what is signed with. */
  readonly keyOf: (secret: string) => KeyObject;
  readonly headersOf: (signed: Signed) => Record<string, string>;
}

export interface Signed {
  /** One, or more while secrets that were replaced are still valid. */
  readonly keys: readonly KeyObject[];
  /** The event's `webhook-id`. */
  readonly messageId: string;
  /** Of the attempt: seconds since the epoch, in real time. */
  readonly timestamp: number;
  /** As it is sent. */
  readonly body: string;
}

const STANDARD: WebhookFormat = {
  tells: hasWebhook,
  bodyOf: (message) => message,
  keyOf: keyOfSecret,
  headersOf: ({ keys, messageId, timestamp, body }) => signedHeaders(keys, messageId, timestamp, body),
};

const FLAT_2023: WebhookFormat = {
  tells: tellsFlat,
  bodyOf: flatBodyOf,
  keyOf: flatKeyOf,
  headersOf: ({ keys: [key], body }) => {
    if (key === undefined) throw new Error('there is no key to sign with');
    return flatHeadersOf(key, body);
  },
};

const FORMATS = { standard: STANDARD, flat_2023: FLAT_2023 } as const satisfies Record<string, WebhookFormat>;
export type FormatName = keyof typeof FORMATS;

/** @returns undefined for the word of a later version */
export function formatOf(name: string): WebhookFormat | undefined {
  return Object.hasOwn(FORMATS, name) ? FORMATS[name as FormatName] : undefined;
}
