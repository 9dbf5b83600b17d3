/** How questions to banks went: for metrics, and as spans of the traces that they belong to. */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { BankOperation } from '../core/transaction.ts';
import { recordedSpan, tracer } from '../postgres/spans.ts';
import { isNotAsked } from './connector.ts';

/** The bank's own words for what it decided; else `not_asked`: no connection; `unknown`: no answer, or none that is one. */
export type QuestionOutcome = string;

export interface BankObserver {
  /** A question to a bank, with whatever had to be asked for it. */
  bankQuestion(
    acquirerId: string,
    kind: BankOperation['kind'],
    outcome: QuestionOutcome,
    seconds: number,
  ): void;
}

/** Asks, and tells how that went. @throws what `ask` throws */
export async function observeQuestion<T extends { readonly status: string } | null>(
  { acquirerId, kind, attempts }: BankOperation,
  observe: BankObserver,
  ask: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  const span =
    recordedSpan() === null
      ? null
      : tracer().startSpan(`bank ${kind}`, {
          kind: SpanKind.CLIENT,
          attributes: { 'plexy.acquirer_id': acquirerId, 'plexy.attempt': attempts + 1 },
        });
  const end = (outcome: QuestionOutcome): void => {
    observe.bankQuestion(acquirerId, kind, outcome, (performance.now() - startedAt) / 1_000);
    span?.setAttribute('plexy.bank.outcome', outcome);
    if (outcome === 'not_asked' || outcome === 'unknown') span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
  };
  try {
    const answer = await (span === null ? ask() : context.with(trace.setSpan(context.active(), span), ask));
    end(answer?.status ?? 'left_to_others');
    return answer;
  } catch (error) {
    end(isNotAsked(error) ? 'not_asked' : 'unknown');
    throw error;
  }
}

/** What a bank of ours is told of the trace: which one, and nothing of what others have put in. Empty where nothing is recorded. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const span = recordedSpan();
  if (span === null) return {};
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}` };
}
