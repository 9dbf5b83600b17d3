/** OpenTelemetry's SDK and exporter: loaded only where spans are sent somewhere. The rest of the program knows its API alone. */
import { hostname } from 'node:os';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { VERSION } from '../http/version.ts';
import type { TracingSettings } from './settings.ts';

/** Of a stop's 10 s. */
const STOP_LIMIT_MS = 1_000;
/** Whoever looks for the trace of a request finds it so much later. When 512 spans are there, they are sent sooner. */
const SEND_EVERY_MS = 1_000;

/**
 * Begins to send spans. Where they cannot be sent they are dropped, and nothing waits for them.
 * @param thread which of the process's threads this is
 * @returns ends it, and sends what is left
 */
export async function startTracing(settings: TracingSettings, thread: string): Promise<() => Promise<void>> {
  const provider = new TracerProvider({
    sampler: samplerOf(settings),
    resource: resourceFromAttributes({
      'service.version': VERSION,
      'host.name': hostname(),
      'process.pid': process.pid,
      ...settings.resourceAttributes,
      'service.name': settings.serviceName,
      'thread.name': thread,
    }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: await exporterOf(settings),
        scheduledDelayMillis: SEND_EVERY_MS,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return async () => {
    const limit = new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS).unref());
    await Promise.race([provider.shutdown().catch(() => undefined), limit]);
    trace.disable();
    context.disable();
    propagation.disable();
  };
}

async function exporterOf({ protocol, url, headers }: TracingSettings): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url, headers: { ...headers } });
}

function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}
