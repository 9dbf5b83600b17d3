import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { partOf } from '../app/config.ts';
import type { Deps } from '../app/deps.ts';
import type { App } from '../http/baseApp.ts';
import { clientAddressOf, trustOf } from '../http/clientAddress.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { readReadableKeys } from '../identity/apiKeysSql.ts';
import { merchantOf, requireScope, VIEWER } from '../identity/auth.ts';
import { ForeignPositionError } from './epochsSql.ts';
import { EventStream } from './eventStream.ts';
import type { Subscription } from './feed.ts';
import { type GivenPosition, parsePosition } from './position.ts';

const HEARTBEAT_MS = 15_000;
/** A key that is revoked, expired or bound to other addresses ends its streams within this time and the second that keys are remembered. */
const KEY_CHECK_MS = 500;
const MAX_STREAMS_PER_MERCHANT = 100;

const DESCRIPTION = `Server-sent events: each event of the merchant's transactions, as it is committed.

\`event\` is the event's name, \`data\` a JSON object with \`name\`, \`merchantId\` and, as \`data\`, the
transaction as it was right after the event. \`statusChanged\` is false for events that leave the status as
it is, such as \`transaction.partially_refunded\`; of those, webhooks have \`transaction.partially_captured\` alone. Events of one transaction come
in their order, and \`seq\` is 1, 2, 3 … within it.

\`id\` is where the stream stands. Give the last one back, in \`Last-Event-ID\` as browsers do by themselves
or in \`lastEventId\`, and the stream goes on right after it: nothing is missing or repeated, also on another
node or after a restart. Without it, the stream begins now. Every 15 s there is a \`heartbeat\` without data
and with an \`id\` of its own: a stream that says nothing for longer is dead. A reader too slow to follow is cut off, and may resume.`;

interface OpenStream {
  readonly merchantId: string;
  readonly apiKeyId: string;
  /** Of the reader. */
  readonly address: string;
  readonly stream: EventStream;
  /** Null while it is being opened. */
  subscription: Subscription | null;
}

export function streamRoutes(app: App, deps: Deps): void {
  const open = new OpenStreams(deps);
  app.addHook('onReady', async () => open.start());
  app.addHook('preClose', async () => open.close());
  app.get(
    '/v1/transactions/stream',
    {
      // It lasts, and has a bound of its own.
      config: { ...VIEWER, turn: 'none' },
      exposeHeadRoute: false,
      schema: {
        operationId: 'streamTransactions',
        summary: 'Follow every change as it happens',
        description: DESCRIPTION,
        tags: ['Transactions'],
        security: [{ merchantApiKey: [] }],
        querystring: Type.Object(
          {
            lastEventId: Type.Optional(
              Type.String({ description: 'Where to go on; the header has precedence.' }),
            ),
            paymentLinks: Type.Optional(
              Type.Enum(['true', 'false'], {
                description:
                  'Whether events of payment links and sessions are in it, too, with the link as `data`: that needs `links:read`, too. Default: false.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        headers: Type.Object({
          'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last event.' })),
        }),
        response: {
          200: { content: { 'text/event-stream': { schema: { type: 'string' } } } },
          '4xx': Type.Ref('Error'),
          '5xx': Type.Ref('Error'),
        },
      },
    },
    async (request, reply) => {
      const { merchantId, apiKeyId } = merchantOf(request);
      const after = positionOf(request, request.query.lastEventId);
      const withLinks = request.query.paymentLinks === 'true';
      if (withLinks) requireScope(request, 'links:read');
      const stream = new EventStream(reply.raw, deps.feed, withLinks);
      const address = clientAddressOf(request);
      const entry: OpenStream = { merchantId, apiKeyId, address, stream, subscription: null };
      open.add(entry);
      const gone = (): void => open.remove(entry);
      reply.raw.once('close', gone);
      const begin = (): void => {
        // Proxies must pass each event on at once.
        reply.type('text/event-stream').header('x-accel-buffering', 'no').hijack();
        for (const [name, value] of Object.entries(reply.getHeaders())) {
          if (value !== undefined) reply.raw.setHeader(name, value);
        }
        reply.raw.writeHead(200).flushHeaders();
      };
      await open.subscribe(entry, after, begin).catch((error: unknown) => {
        reply.raw.off('close', gone);
        gone();
        throw error instanceof ForeignPositionError
          ? fieldError(
              'invalid_last_event_id',
              'Last-Event-ID',
              'is of a history that this database does not have: it was restored to an earlier time',
            )
          : error;
      });
      return reply;
    },
  );
}

function positionOf(request: FastifyRequest, parameter: string | undefined): GivenPosition | null {
  const header = request.headers['last-event-id'];
  const [path, text] =
    typeof header === 'string' ? ['Last-Event-ID', header] : ['lastEventId', parameter ?? null];
  if (text === null) return null;
  const position = parsePosition(text);
  if (!position.ok) throw fieldError('invalid_last_event_id', path, position.error);
  return position.value;
}

/** The streams of this listener: keeps them alive, and ends those whose key no longer counts. */
class OpenStreams {
  readonly #deps: Deps;
  readonly #open = new Set<OpenStream>();
  readonly #perMerchant = new Map<string, number>();
  #timers: NodeJS.Timeout[] = [];
  #closing = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(): void {
    const beat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    const check = setInterval(() => {
      // Without the database there is nothing to send either.
      this.#endRevoked().catch((error: unknown) => this.#deps.logger.debug({ err: error }));
    }, KEY_CHECK_MS);
    this.#timers = [beat.unref(), check.unref()];
  }

  /** @throws ApiError 429, 503 */
  add(entry: OpenStream): void {
    if (this.#closing) throw new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' });
    const count = this.#perMerchant.get(entry.merchantId) ?? 0;
    if (count >= partOf(MAX_STREAMS_PER_MERCHANT, this.#deps.config.workers)) {
      const message = `a merchant may have ${MAX_STREAMS_PER_MERCHANT} streams open`;
      throw new ApiError('rate_limited', message, [], { 'retry-after': '10' });
    }
    this.#perMerchant.set(entry.merchantId, count + 1);
    this.#open.add(entry);
    this.#deps.metrics.streams(this.#open.size);
  }

  remove(entry: OpenStream): void {
    if (!this.#open.delete(entry)) return;
    entry.subscription?.end();
    const count = (this.#perMerchant.get(entry.merchantId) ?? 1) - 1;
    if (count === 0) this.#perMerchant.delete(entry.merchantId);
    else this.#perMerchant.set(entry.merchantId, count);
    this.#deps.metrics.streams(this.#open.size);
  }

  /** @param begin sends the headers, before the first event and once its place is certain */
  async subscribe(entry: OpenStream, after: GivenPosition | null, begin: () => void): Promise<void> {
    const { merchantId, stream } = entry;
    const subscription = await this.#deps.feed.subscribe(merchantId, after, stream, (position) => {
      begin();
      stream.heartbeat(position);
    });
    entry.subscription = subscription;
    if (!this.#open.has(entry)) subscription.end();
    else if (this.#closing) stream.end();
  }

  close(): void {
    this.#closing = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const { subscription, stream } of this.#open) if (subscription !== null) stream.end();
  }

  #beat(): void {
    for (const { subscription, stream } of this.#open)
      if (subscription !== null) stream.heartbeat(subscription.position);
  }

  async #endRevoked(): Promise<void> {
    if (this.#open.size === 0) return;
    const ids = new Set([...this.#open].map(({ apiKeyId }) => apiKeyId));
    const live = await readReadableKeys(this.#deps.pool, [...ids]);
    for (const { apiKeyId, address, stream } of this.#open) {
      if (!ids.has(apiKeyId)) continue;
      const networks = live.get(apiKeyId);
      if (networks === undefined || (networks !== null && !trustOf(networks)(address))) stream.end();
    }
  }
}
