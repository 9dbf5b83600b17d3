/**
 * Idempotency keys: what is stored under one, and what that means for whoever comes with it. One rule for the engine's
 * batches, for what is written besides money, and for requests that are answered without either.
 */

/** What a caller was told, as it is stored. Nobody here looks into it. */
export interface Answer {
  readonly statusCode: number;
  readonly body: string;
}

/** Of one request: equal for the same method, path and body. */
export interface Fingerprints {
  readonly fingerprint: string;
  /** The same request's under other keys of the installation. */
  readonly otherFingerprints: readonly string[];
}

/** What is stored under a key; without an answer while that is waited for. */
export interface Stored {
  readonly fingerprint: string;
  readonly statusCode: number | null;
  readonly response: string | null;
}

/** What a key that somebody has used before says to a request. */
export type Standing =
  /** It was used for another request. */
  | { readonly kind: 'key_reused' }
  /** The same request has come before, and its answer follows. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'answered'; readonly answer: Answer };

export function standingOf(
  { fingerprint: stored, statusCode, response }: Stored,
  { fingerprint, otherFingerprints }: Fingerprints,
): Standing {
  if (stored !== fingerprint && !otherFingerprints.includes(stored)) return { kind: 'key_reused' };
  if (statusCode === null || response === null) return { kind: 'pending' };
  return { kind: 'answered', answer: { statusCode, body: response } };
}
