import type { MessageKey } from '../core/values/ids.ts';
import { plainArray, uuidArray } from '../postgres/arrays.ts';
import { type Column, insertOf } from '../postgres/columns.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';

/** Which trace an event is of. */
export interface EventTrace extends MessageKey {
  readonly traceparent: string;
}

const COLUMNS: readonly Column<EventTrace>[] = [
  { name: 'transaction_id', type: 'uuid', value: (t) => t.transactionId },
  { name: 'seq', type: 'int', value: (t) => t.seq },
  { name: 'traceparent', type: 'word', value: (t) => t.traceparent },
];
const INSERT = insertOf('insert_event_traces', 'event_trace', COLUMNS);

/** Only where something is traced: see `commandSpans.ts`. */
export async function insertEventTraces(db: StatementRunner, traces: readonly EventTrace[]): Promise<void> {
  await db.query(INSERT(traces));
}

/** The traces of those of these events that have one. */
export async function readEventTraces(db: Queryable, events: readonly MessageKey[]): Promise<EventTrace[]> {
  const { rows } = await db.query<EventTrace>({
    name: 'event_traces',
    text: `SELECT t.transaction_id AS "transactionId", t.seq, t.traceparent FROM unnest($1::uuid[], $2::int[]) u(id, seq)
      CROSS JOIN LATERAL (SELECT * FROM event_trace WHERE transaction_id = u.id AND event_trace.seq = u.seq LIMIT 1) t`,
    values: [
      uuidArray(events.map(({ transactionId }) => transactionId)),
      plainArray(events.map(({ seq }) => String(seq))),
    ],
  });
  return rows;
}
