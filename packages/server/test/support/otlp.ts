/** A collector of spans: it takes OTLP over HTTP, as JSON or as protobuf, and keeps what comes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';

export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it has no parent. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 is SERVER, 3 CLIENT. */
  readonly kind: number;
  readonly startsAt: bigint;
  readonly endsAt: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Ids of the spans that it links to. */
  readonly links: readonly string[];
  /** 0 is unset, 2 an error. */
  readonly status: number;
  /** Of the process and thread that it comes from. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Collector {
  readonly url: string;
  readonly spans: SeenSpan[];
  /** Whatever has come, as text: what must not be in it can be looked for. */
  readonly bodies: Buffer[];
  readonly headers: NodeJS.Dict<string | string[]>[];
  stop(): Promise<void>;
}

/** What is looked at of opentelemetry-proto: traces and their attributes. */
const PROTO = `syntax = "proto3";
message Request { repeated ResourceSpans resourceSpans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes traceId = 1; bytes spanId = 2; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
  fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; repeated Link links = 13;
  Status status = 15;
}
message Status { int32 code = 3; }
message Link { bytes traceId = 1; bytes spanId = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; } }`;
const Request = protobuf.parse(PROTO).root.lookupType('Request');

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan
  extends Omit<SeenSpan, 'attributes' | 'links' | 'status' | 'resource' | 'startsAt' | 'endsAt'> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Attribute[];
  readonly links?: readonly { readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}

interface WireRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const spans: SeenSpan[] = [];
  const bodies: Buffer[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request));
    bodies.push(body);
    headers.push(request.headers);
    const isJson = request.headers['content-type'] === 'application/json';
    if (request.url === '/v1/traces')
      spans.push(...spansOf(isJson ? JSON.parse(String(body)) : decode(body)));
    response.setHeader('content-type', isJson ? 'application/json' : 'application/x-protobuf');
    response.end(isJson ? '{}' : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    headers,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** In the form that OTLP has as JSON: ids in hex. */
function decode(body: Buffer): WireRequest {
  const options = { longs: String, bytes: String, arrays: true };
  const { resourceSpans = [] } = Request.toObject(Request.decode(body), options) as WireRequest;
  return {
    resourceSpans: resourceSpans.map(({ resource = {}, scopeSpans = [] }) => ({
      resource,
      scopeSpans: scopeSpans.map(({ spans = [] }) => ({ spans: spans.map(withHexIds) })),
    })),
  };
}

function withHexIds(span: WireSpan): WireSpan {
  const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');
  return {
    ...span,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId ?? ''),
    links: (span.links ?? []).map(({ spanId }) => ({ spanId: hex(spanId) })),
  };
}

function valuesOf(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

function spansOf({ resourceSpans = [] }: WireRequest): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, attributes, links = [], status, ...span }) => ({
        ...span,
        parentSpanId: span.parentSpanId ?? '',
        startsAt: BigInt(startTimeUnixNano),
        endsAt: BigInt(endTimeUnixNano),
        attributes: valuesOf(attributes),
        links: links.map(({ spanId }) => spanId),
        status: status?.code ?? 0,
        resource: valuesOf(resource?.attributes),
      })),
    ),
  );
}
