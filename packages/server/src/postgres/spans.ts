/** Spans of what is asked of PostgreSQL, in traces that are recorded. Names of statements are told, never their values. */
import { context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { sqlStateOf } from './databaseErrors.ts';

/** Asked for each time: one that is kept would go on with the first of several that a process has had. */
export function tracer(): Tracer {
  return trace.getTracer('plexy-pay');
}

/** The span that what is done now belongs to; null where nothing is recorded. */
export function recordedSpan(): Span | null {
  const span = trace.getSpan(context.active());
  return span?.isRecording() === true ? span : null;
}

/** Begins the span of a statement, or of several in one round trip. */
export function beginStatementSpan(names: readonly string[]): Span {
  const [first = 'statement'] = names;
  return tracer().startSpan(names.length === 1 ? first : `${first} and ${names.length - 1} more`, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.query.summary': names.join(' ') },
  });
}

/** Ends it with its statement. */
export function endWith(span: Span, work: Promise<unknown>): void {
  work.then(
    () => span.end(),
    (error: unknown) => {
      const code = sqlStateOf(error) ?? 'connection';
      span.setAttribute('db.response.status_code', code);
      span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      span.end();
    },
  );
}

/** How a statement is called: by its name, or by its first word. */
export function statementName(statement: unknown): string | null {
  if (typeof statement === 'string') return firstWord(statement);
  if (typeof statement !== 'object' || statement === null || 'submit' in statement) return null;
  const { name, text } = statement as { readonly name?: unknown; readonly text?: unknown };
  if (typeof name === 'string') return name;
  return typeof text === 'string' ? firstWord(text) : null;
}

function firstWord(text: string): string {
  return /\w+/.exec(text)?.[0] ?? 'statement';
}
