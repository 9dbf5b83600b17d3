/**
 * `plexy listen`: the stream's events, each POSTed to a program on this machine as the webhook that the
 * server would send: same body, same id, same headers, signed.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { PlexyPayError, type StreamedEvent, type StreamOptions } from '@plexy-pay/sdk';
import { sign, type WebhookEventName } from '@plexy-pay/sdk/webhooks';
import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from './context.ts';
import { WHERE } from './exitCodes.ts';
import { rememberedSecret } from './listenSecret.ts';
import { EVENT_NAMES, parseEvent } from './trigger.ts';

/** As long as the server waits for an answer. */
const TIMEOUT_MS = 15_000;
/** Payments with a delivery under way; the stream waits for the rest. */
const MAX_CONCURRENT = 20;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

interface ListenOptions {
  readonly forwardTo: URL;
  readonly events?: readonly string[];
  readonly secret?: string;
  readonly bearerToken?: string;
}

interface Destination {
  readonly url: URL;
  readonly secret: string;
  readonly bearerToken: string | undefined;
}

const HELP = `
A delivery that fails is shown and not repeated: fix the program, then "plexy trigger" it again. Endpoints
that are registered with the server get retries.`;

export function listenCommand(program: Command, context: Context): void {
  program
    .command('listen')
    .description('forward a merchant’s webhooks to this machine, without registering anything')
    .requiredOption('--forward-to <url>', 'where to POST them, such as localhost:3000/hook', parseUrl)
    .option('--events <names>', 'only these, separated by commas', parseEvents)
    .option(
      '--secret <secret>',
      'sign with this; else with one that is made once and remembered',
      parseSecret,
    )
    .option('--bearer-token <token>', 'send it in Authorization, as an endpoint’s bearerToken')
    .addHelpText('after', HELP)
    .action(async ({ forwardTo: url, events, secret: given, bearerToken }: ListenOptions) => {
      const secret = given ?? (await rememberedSecret(context.env, context.url()));
      context.showLine({ forwardTo: url.href, secret }, `Signing secret: ${secret}`);
      await listen(context, { url, secret, bearerToken }, new Set(events ?? EVENT_NAMES));
    });
}

/** Forwards until it is stopped; per payment in order, its refunds included. */
async function listen(
  context: Context,
  destination: Destination,
  wanted: ReadonlySet<string>,
): Promise<void> {
  const queues = new Map<string, Promise<void>>();
  for await (const event of eventsOf(context)) {
    // Only names of webhooks can be wanted.
    if (!wanted.has(event.name)) continue;
    const { id, type, parentTransactionId } = event.data;
    const payment = type === 'refund' ? (parentTransactionId ?? id) : id;
    const delivered = (queues.get(payment) ?? Promise.resolve()).then(() =>
      deliver(context, destination, event),
    );
    queues.set(payment, delivered);
    void delivered.then(() => queues.get(payment) === delivered && queues.delete(payment));
    while (queues.size >= MAX_CONCURRENT) await Promise.race(queues.values());
  }
  await Promise.all(queues.values());
}

/** The stream until it is stopped, and what happens to it in words. */
async function* eventsOf(context: Context): AsyncGenerator<StreamedEvent, void, undefined> {
  const { signal } = context;
  const options: StreamOptions = {
    ...(signal === undefined ? {} : { signal }),
    onOpen: () => context.showLine({ ready: true }, `Ready: waiting for events of ${context.url()}`),
    onLost: ({ message }, delayMs) => {
      const seconds = (delayMs / 1_000).toFixed(1);
      const where = message.startsWith('no connection') ? ` (${WHERE})` : '';
      const text = `Lost the stream (${message}); trying again in ${seconds} s${where}`;
      context.showLine({ lost: message, retryInMs: Math.round(delayMs) }, text);
    },
  };
  const { transactions } = context.merchantClient();
  for (;;) {
    try {
      yield* transactions.stream(options);
    } catch (error) {
      if (signal?.aborted === true) return;
      // Its place in the stream is of a database that is no more.
      if (!(error instanceof PlexyPayError && error.reason === 'invalid_last_event_id')) throw error;
      context.showLine({ restarted: true }, 'The server has begun anew: going on with what happens now');
    }
  }
}

async function deliver(context: Context, destination: Destination, event: StreamedEvent): Promise<void> {
  const id = webhookIdOf(event.data.id, event.seq);
  const startedAt = performance.now();
  const { status, error } = await post(destination, id, bodyOf(event));
  const ms = Math.round(performance.now() - startedAt);
  const time = new Date().toISOString();
  const line = { time, event: event.name, transactionId: event.data.id, webhookId: id, status, error, ms };
  context.showLine(line, `${time}  ${event.name.padEnd(22)}  ${event.data.id}  ${status ?? error}  ${ms} ms`);
}

interface Attempt {
  /** Null: there was no answer. */
  readonly status: number | null;
  readonly error: string | null;
}

async function post({ url, secret, bearerToken }: Destination, id: string, body: string): Promise<Attempt> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const headers = {
    'content-length': String(Buffer.byteLength(body)),
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign(body, id, timestamp, secret),
    ...(bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` }),
  };
  try {
    return { status: await statusOf(url, headers, body, signal), error: null };
  } catch (error) {
    if (signal.aborted) return { status: null, error: `no answer in ${TIMEOUT_MS / 1_000} s` };
    const { code } = error as { code?: string };
    return { status: null, error: `no connection${code === undefined ? '' : ` (${code})`}` };
  }
}

/** Of the final answer: interim ones (100 Continue) are passed over, as the server does, and redirects not followed. */
function statusOf(
  url: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { method: 'POST', headers, signal });
    request.on('error', reject);
    request.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.on('error', () => undefined);
      response.destroy();
    });
    // Nobody asked for another protocol (101). Without this, Node would close the connection and tell nobody.
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('the answer changes the protocol'));
    });
    request.end(body);
  });
}

/** The webhook's body, byte for byte: what the stream adds comes after `data`, at the end. */
function bodyOf({ text }: StreamedEvent): string {
  return `${text.slice(0, text.lastIndexOf(',"statusChanged":'))}}`;
}

/** The webhook's id, as the server makes it: the transaction's 16 bytes and the event's number in 4. */
export function webhookIdOf(transactionId: string, seq: number): string {
  const hex = `${transactionId.replaceAll('-', '')}${seq.toString(16).padStart(8, '0')}`;
  const digits = BigInt(`0x${hex}`).toString(32).padStart(32, '0');
  return `msg_${Array.from(digits, (digit) => CROCKFORD.charAt(Number.parseInt(digit, 32))).join('')}`;
}

function parseUrl(text: string): URL {
  // A number alone is a port: as a host it would be an address that nobody means.
  const address = /^:?\d+(?=\/|$)/.test(text) ? `localhost:${text.replace(':', '')}` : text;
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `http://${address}`;
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return new URL(url);
  throw new InvalidArgumentError('It must be an address such as localhost:3000/hook or https://…');
}

function parseEvents(text: string): WebhookEventName[] {
  return text.split(',').map(parseEvent);
}

function parseSecret(text: string): string {
  try {
    sign('', '', 0, text);
    return text;
  } catch {
    throw new InvalidArgumentError('It must be whsec_ and base64.');
  }
}
