/**
 * Spans of commands and batches. A batch carries out the commands of many requests in one database transaction:
 *
 *   request 1 ─► command ─► batch ─► statements       the trace of the first command that is recorded has the batch;
 *   request 2 ─► command ─ ─ link ─ ─ ┘               the others' commands link to it, and it to them
 *
 * Where nothing is recorded, each of these functions costs a look at a constant.
 */
import { type Context, context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Command } from '../core/command.ts';
import { tracer } from '../postgres/spans.ts';

/** A command of a request that is traced. */
export interface CommandSpan {
  readonly span: Span;
  /** Of whoever sent the command. */
  readonly parent: Context;
  readonly beganAt: number;
}

/** Begins the span of a command; null where its sender is not traced. */
export function beginCommand(command: Command): CommandSpan | null {
  const parent = context.active();
  if (trace.getSpan(parent)?.isRecording() !== true) return null;
  const span = tracer().startSpan(`command ${command.kind}`, {}, parent);
  if ('transactionId' in command) span.setAttribute('plexy.transaction_id', command.transactionId);
  return { span, parent, beganAt: performance.now() };
}

/** The command's context as a header of W3C Trace Context tells it. */
export function traceparentOf({ span }: CommandSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Ends the span of a command. @param error what its caller is told instead of an answer */
export function endCommand(traced: CommandSpan | null, error: Error | null): void {
  if (traced === null) return;
  if (error !== null) traced.span.setStatus({ code: SpanStatusCode.ERROR, message: error.name });
  traced.span.end();
}

/** Runs a batch in the span that the traces of its commands have in common; it belongs to no sender's otherwise. */
export function inBatchSpan<T>(
  commands: readonly (CommandSpan | null)[],
  size: number,
  work: () => Promise<T>,
): Promise<T> {
  const recorded = commands.filter((traced) => traced !== null);
  const [first, ...others] = recorded;
  if (first === undefined) return context.with(ROOT_CONTEXT, work);
  const links = others.map(({ span }) => ({ context: span.spanContext() }));
  const around = trace.setSpan(ROOT_CONTEXT, first.span);
  const batch = tracer().startSpan('batch', { links, attributes: { 'plexy.batch.size': size } }, around);
  const link = { context: batch.spanContext() };
  for (const { span, beganAt } of recorded) {
    span.setAttribute('plexy.queue_ms', Math.round(performance.now() - beganAt));
    if (span !== first.span) span.addLink(link);
  }
  return context
    .with(trace.setSpan(around, batch), work)
    .catch((error: unknown) => {
      batch.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    })
    .finally(() => batch.end());
}
