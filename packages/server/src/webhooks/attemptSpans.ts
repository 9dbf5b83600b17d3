/**
 * Spans of attempts, in the trace of the request that made their event: on whichever node, and hours later. That trace is
 * looked up beside the event, and only where tracing is set up. A merchant's endpoint is told nothing of it.
 */
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { MessageKey } from '../core/values/ids.ts';
import { type EventTrace, readEventTraces } from '../engine/eventTracesSql.ts';
import type { Queryable } from '../postgres/pool.ts';
import { tracer } from '../postgres/spans.ts';
import type { PendingDelivery } from './deliveriesSql.ts';
import type { PostResult } from './post.ts';

/** A webhook waits no longer for it: without it, its attempt is in no trace. */
const LIMIT_MS = 300;

interface Asked {
  readonly key: MessageKey;
  readonly resolve: (traceparent: string | null) => void;
}

/** Finds out which traces events are of, for all who ask while the last question is under way in one. */
export class TraceLookup {
  readonly #db: Queryable;
  readonly #asked = new Set<Asked>();
  #busy = false;
  /** Somebody has waited in vain for the question that is under way: nobody else does. */
  #late = false;

  constructor(db: Queryable) {
    this.#db = db;
  }

  /** The event's `traceparent`; null where it was not traced, or that is not to be found out in time. */
  async find({ transactionId, seq }: MessageKey): Promise<string | null> {
    if (this.#late) return null;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const asked = { key: { transactionId, seq }, resolve };
    this.#asked.add(asked);
    const limit = setTimeout(() => {
      this.#late = this.#busy;
      this.#asked.delete(asked);
      resolve(null);
    }, LIMIT_MS);
    if (!this.#busy) void this.#ask();
    return promise.finally(() => clearTimeout(limit));
  }

  async #ask(): Promise<void> {
    this.#busy = true;
    while (this.#asked.size > 0) {
      const asked = [...this.#asked];
      this.#asked.clear();
      const found = await readEventTraces(
        this.#db,
        asked.map(({ key }) => key),
      ).catch((): EventTrace[] => []);
      this.#late = false;
      const byKey = new Map(found.map((row) => [`${row.transactionId} ${row.seq}`, row.traceparent]));
      for (const { key, resolve } of asked) resolve(byKey.get(`${key.transactionId} ${key.seq}`) ?? null);
    }
    this.#busy = false;
  }
}

/** Makes an attempt, as a span of its event's trace where there is one. */
export async function traceAttempt(
  traceparent: string | null,
  delivery: PendingDelivery,
  attempt: () => Promise<PostResult>,
): Promise<PostResult> {
  if (traceparent === null) return attempt();
  const { name, endpointId, attempts, replay } = delivery;
  const span = tracer().startSpan(
    `webhook ${name}`,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        'plexy.webhook.endpoint_id': endpointId,
        'plexy.webhook.attempt': attempts + 1,
        'plexy.webhook.replay': replay,
      },
    },
    propagation.extract(ROOT_CONTEXT, { traceparent }),
  );
  const result = await attempt();
  if (result.statusCode !== null) span.setAttribute('http.response.status_code', result.statusCode);
  if (result.error !== null) span.setAttribute('error.type', result.error);
  if (result.statusCode === null || result.statusCode >= 300) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
  return result;
}
