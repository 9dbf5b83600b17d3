import { createHmac, timingSafeEqual } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import Type, { type Static } from 'typebox';
import { boundInterimAnswers } from '../http/interimAnswers.ts';
import { shapeOf } from '../http/shapes.ts';
import {
  type AuthorizationRequest,
  type CardOnFile,
  CONNECTOR_VERSION,
  type Connector,
  type ConnectorAnswer,
  type ConnectorModule,
  type ConnectorSettings,
  isNotAsked,
  NotAskedError,
  type Notification,
  type Notified,
  type Question as Operation,
} from './connector.ts';
import { traceHeaders } from './questions.ts';

const Nullish = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/** What the bank answers; anything else is garbage, and garbage says nothing about what happened. */
const BankReply = Type.Object({
  status: Type.Enum([
    'approved',
    'declined',
    'challenge',
    'challenge_approved',
    'challenge_failed',
    'done',
    'not_found',
  ]),
  id: Nullish,
  amount: Type.Optional(Type.Integer()),
  operationId: Nullish,
  declineCode: Nullish,
  rrn: Nullish,
  acsUrl: Nullish,
  cardToken: Nullish,
  networkReference: Nullish,
});
type BankReply = Static<typeof BankReply>;

const isBankReply = shapeOf(BankReply);

const BankNews = Type.Object({
  authorizationId: Type.String({ pattern: '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' }),
  operationId: Type.Union([Type.String({ pattern: '^[0-9A-Za-z._:-]{1,100}$' }), Type.Null()]),
});

const isBankNews = shapeOf(BankNews);

/** What is kept of the bank's texts: one short line that every column, page and webhook can hold. */
const KEPT = /^[\x20-\x7e]{1,255}$/;
const KEPT_URL = /^https?:\/\/[\x21-\x7e]{1,2000}$/;

/** The bank did not answer, or not in a way that can be understood. */
export class BankUnreachableError extends Error {}

/** What may be the answer to what; a capture that is `approved` is garbage, too. */
const EXPECTED = {
  authorize: ['approved', 'declined', 'challenge'],
  authorization: ['approved', 'declined', 'challenge', 'challenge_approved', 'challenge_failed', 'not_found'],
  operation: ['done', 'declined', 'not_found'],
} as const satisfies Record<string, readonly BankReply['status'][]>;

/** What is asked, and what the answer must look like. */
interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly expected: readonly BankReply['status'][];
  /** What the answer has to name, so that it cannot be the answer to something else. */
  readonly names: NamesOperation | NamesAuthorization;
}

interface NamesOperation {
  readonly operationId: string;
}

interface NamesAuthorization {
  readonly id: string;
  readonly amount: number;
}

const REPLY_LIMIT = 64 * 1024;

/** A bank that speaks the simulated bank's HTTP interface. */
export function createHttpBank({ baseUrl, secret, timeoutMs }: ConnectorSettings): Connector {
  const call = async ({ credentials }: Operation, question: Question): Promise<ConnectorAnswer> => {
    const url = `${baseUrl()}${question.path}`;
    const reply = await ask(url, credentials?.secret ?? secret, timeoutMs, question);
    return understand(reply, question);
  };
  const operateWith = (operation: Operation, noun: string, body: unknown): Promise<ConnectorAnswer> => {
    const path = `/v1/authorizations/${operation.paymentId}/${noun}`;
    const names = { operationId: operation.id };
    return call(operation, { method: 'POST', path, body, expected: EXPECTED.operation, names });
  };
  const operate = (operation: Operation, noun: string): Promise<ConnectorAnswer> => {
    const amount = jsonAmount(operation.amount);
    return operateWith(operation, noun, { operationId: operation.id, amount });
  };
  return {
    authorize: (request) => {
      const body = authorizationBody(request);
      const names = authorizationOf(request.operation);
      const question = { body, expected: EXPECTED.authorize, names } as const;
      return call(request.operation, { method: 'POST', path: '/v1/authorizations', ...question });
    },
    complete: (operation) => {
      const path = `/v1/authorizations/${operation.paymentId}/complete`;
      const names = authorizationOf(operation);
      return call(operation, { method: 'POST', path, body: {}, expected: EXPECTED.authorization, names });
    },
    capture: (operation) => {
      const { id: operationId, final } = operation;
      const body = { operationId, amount: jsonAmount(operation.amount), ...(final ? {} : { final }) };
      return operateWith(operation, 'captures', body);
    },
    reverse: (operation) =>
      operation.kind === 'reverse'
        ? operateWith(operation, 'reversals', { operationId: operation.id })
        : operate(operation, 'reversals'),
    refund: (operation) => operate(operation, 'refunds'),
    notified: (notification) => readNotification(secret, notification),
    inquire: async (operation) => {
      const isAuthorization = operation.kind === 'authorize' || operation.kind === 'complete';
      const question: Question = isAuthorization
        ? {
            method: 'GET',
            path: `/v1/authorizations/${operation.paymentId}`,
            expected: EXPECTED.authorization,
            names: authorizationOf(operation),
          }
        : {
            method: 'GET',
            path: `/v1/operations/${operation.id}`,
            expected: EXPECTED.operation,
            names: { operationId: operation.id },
          };
      return call(operation, question).catch((error: unknown) => {
        if (error instanceof NotFoundError) return null;
        throw error;
      });
    },
  };
}

export const HTTP_CONNECTOR: ConnectorModule = {
  version: CONNECTOR_VERSION,
  name: 'http',
  capabilities: [
    ...(['partial_capture', 'several_captures', 'partial_reversal'] as const),
    ...(['tokens', 'merchant_initiated', 'notifications'] as const),
  ],
  credentialNames: ['merchantId', 'secret'],
  accountNames: ['merchantId'],
  create: createHttpBank,
};

/** Its signature is the hex of the body's HMAC-SHA256. One that is sent again is as good: it only has the bank asked again. */
function readNotification(secret: string, { headers, body }: Notification): Notified | null {
  const signature = Buffer.from(headers['bank-signature'] ?? '', 'hex');
  const expected = createHmac('sha256', secret).update(body).digest();
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return null;
  const news = parse(Buffer.from(body).toString('utf8'));
  if (!isBankNews(news)) return null;
  const { authorizationId, operationId } = news;
  return { paymentId: authorizationId, operationId };
}

class NotFoundError extends Error {}

function authorizationOf({ paymentId: id, amount }: Operation): NamesAuthorization {
  return { id, amount: jsonAmount(amount) };
}

/** Amounts fit 2^53-1, so they are exact as JSON numbers. */
function jsonAmount(amount: bigint): number {
  return Number(amount);
}

function authorizationBody(request: AuthorizationRequest): unknown {
  const { operation, card, merchantName, returnUrl, payerIp, browser, orderReference, description } = request;
  const { notificationUrl, onFile } = request;
  const { paymentId: id, amount, currency, credentials } = operation;
  const merchantId = credentials?.merchantId ?? operation.merchantId;
  const cardBody = withoutNulls(card);
  const threeDS = returnUrl !== null;
  const back = returnUrl === null ? {} : { returnUrl };
  return {
    id,
    merchantId,
    merchantName,
    amount: jsonAmount(amount),
    currency,
    card: cardBody,
    threeDS,
    ...back,
    orderReference,
    ...(description === null ? {} : { description }),
    ...(payerIp === null ? {} : { payerIp }),
    ...(browser === null ? {} : { browser }),
    ...(notificationUrl === null ? {} : { notificationUrl }),
    ...(onFile === null ? {} : { onFile: onFileBody(onFile) }),
  };
}

function onFileBody(onFile: CardOnFile): object {
  if (onFile.use === 'payer') return { use: onFile.use };
  if (onFile.use === 'first') {
    const { use, frequencyDays, until } = onFile;
    return withoutNulls({ use, frequencyDays, until: until?.toISOString() ?? null });
  }
  const { use, reason, networkTransactionReference: networkReference } = onFile;
  return withoutNulls({ use, reason, networkReference });
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

async function ask(url: string, secret: string, timeoutMs: number, question: Question): Promise<string> {
  try {
    const response = await exchange(url, secret, timeoutMs, question);
    const reply = await readReply(response);
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299)
      throw new BankUnreachableError(`the bank answered ${statusCode}`);
    return reply;
  } catch (error) {
    if (error instanceof BankUnreachableError || isNotAsked(error)) throw error;
    throw new BankUnreachableError('the bank did not answer', { cause: error });
  }
}

/** Sends a question; the signal ends the reading of its answer, too. Redirects are not followed. */
function exchange(
  url: string,
  secret: string,
  timeoutMs: number,
  { method, body }: Question,
): Promise<IncomingMessage> {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${secret}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(payload)),
    ...traceHeaders(),
  };
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { method, headers, signal: AbortSignal.timeout(timeoutMs) });
    boundInterimAnswers(request);
    // A question is sent once there is a connection, and not before.
    let isConnected = false;
    request.on('socket', (socket) => {
      isConnected = !socket.connecting;
      if (isConnected) return;
      socket.once('connect', () => {
        isConnected = true;
      });
    });
    request.on('error', (cause) =>
      reject(isConnected ? cause : new NotAskedError('the bank is not there', { cause })),
    );
    request.on('response', resolve);
    request.end(payload);
  });
}

/** Never more than an answer of the bank has, whatever is sent. */
async function readReply(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > REPLY_LIMIT) throw new BankUnreachableError('the bank answered more than an answer has');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function understand(text: string, { expected, names }: Question): ConnectorAnswer {
  const reply = parse(text);
  if (!isBankReply(reply)) throw new BankUnreachableError(NO_ANSWER);
  const { status, declineCode, rrn, acsUrl, cardToken, networkReference }: BankReply = reply;
  if (!expected.includes(status)) throw new BankUnreachableError(NO_ANSWER);
  if (!isAbout(reply, names)) throw new BankUnreachableError(NO_ANSWER);
  if (status === 'not_found') throw new NotFoundError(NO_ANSWER);
  if (acsUrl != null && !(KEPT_URL.test(acsUrl) && URL.canParse(acsUrl)))
    throw new BankUnreachableError(NO_ANSWER);
  return {
    // However the payer has decided, it counts once it is completed.
    status: status === 'challenge_approved' || status === 'challenge_failed' ? 'challenge' : status,
    declineCode: kept(declineCode),
    retrievalReferenceNumber: kept(rrn),
    redirectUrl: acsUrl ?? null,
    bankToken: kept(cardToken),
    networkTransactionReference: kept(networkReference),
  };
}

/** What the bank decided counts, also when it says it with a text that nobody can keep. */
function kept(text: string | null | undefined): string | null {
  return text != null && KEPT.test(text) ? text : null;
}

/** An answer to something else, or of another amount, is none. What was declined or is not there may have no amount. */
function isAbout({ id, operationId, amount, status }: BankReply, names: Question['names']): boolean {
  if ('operationId' in names) return operationId === names.operationId;
  if (id !== names.id) return false;
  if (amount === undefined) return status === 'not_found' || status === 'declined';
  return amount === names.amount;
}

const NO_ANSWER = 'the bank answered something that is no answer';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
