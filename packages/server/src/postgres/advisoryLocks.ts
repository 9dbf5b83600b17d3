/**
 * Every advisory lock of the server, in one place: two meanings of one number would wait for each other. What each is for
 * and in which order locks are taken is in docs/locks.md.
 */
export const ADVISORY_LOCKS = {
  /** One node at a time migrates. */
  migration: 7_069_801,
  /** One at a time moves the sandbox's clock, or resets the sandbox. */
  clock: 7_069_802,
  /** Shared by every writing transaction of a sandbox; taken alone by a reset. */
  gate: 7_069_803,
  /** One node at a time makes deliveries of events, which gives them their order. */
  fanOut: 7_069_804,
  /** Held by the session that runs an audit which an operator asked for. */
  audit: 7_069_805,
  /** Of a pair of numbers the first: one at a time links an identity of the provider. */
  identity: 7_069_806,
} as const;
