import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { BankOperation } from '../domain/transaction.ts';
import type { AcquirerConnector, AuthorizationRequest, ConnectorAnswer } from './connector.ts';

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
  operationId: Nullish,
  declineCode: Nullish,
  rrn: Nullish,
  acsUrl: Nullish,
  cardToken: Nullish,
});
type BankReply = Static<typeof BankReply>;

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
  readonly operationId?: string;
}

const REPLY_LIMIT = 64 * 1024;

export interface HttpBankOptions {
  readonly baseUrl: () => string;
  readonly secret: string;
  /** How long an answer may take. Two questions in a row must fit into an operation's lease. */
  readonly timeoutMs: number;
}

/** A bank that speaks the simulated bank's HTTP interface. */
export function createHttpBank({ baseUrl, secret, timeoutMs }: HttpBankOptions): AcquirerConnector {
  const call = async (question: Question): Promise<ConnectorAnswer> => {
    const text = await ask(`${baseUrl()}${question.path}`, secret, timeoutMs, question);
    return understand(text, question);
  };
  const operateWith = (operation: BankOperation, noun: string, body: unknown): Promise<ConnectorAnswer> => {
    const path = `/v1/authorizations/${operation.paymentId}/${noun}`;
    return call({ method: 'POST', path, body, expected: EXPECTED.operation, operationId: operation.id });
  };
  const operate = (operation: BankOperation, noun: string): Promise<ConnectorAnswer> => {
    const amount = jsonAmount(operation.amount);
    return operateWith(operation, noun, { operationId: operation.id, amount });
  };
  return {
    authorize: (request) => {
      const body = authorizationBody(request);
      return call({ method: 'POST', path: '/v1/authorizations', body, expected: EXPECTED.authorize });
    },
    complete: ({ paymentId }) => {
      const path = `/v1/authorizations/${paymentId}/complete`;
      return call({ method: 'POST', path, body: {}, expected: EXPECTED.authorization });
    },
    capture: (operation) => operate(operation, 'captures'),
    reverse: (operation) =>
      operation.kind === 'reverse'
        ? operateWith(operation, 'reversals', { operationId: operation.id })
        : operate(operation, 'reversals'),
    refund: (operation) => operate(operation, 'refunds'),
    inquire: async (operation) => {
      const isAuthorization = operation.kind === 'authorize' || operation.kind === 'complete';
      const question: Question = isAuthorization
        ? {
            method: 'GET',
            path: `/v1/authorizations/${operation.paymentId}`,
            expected: EXPECTED.authorization,
          }
        : {
            method: 'GET',
            path: `/v1/operations/${operation.id}`,
            expected: EXPECTED.operation,
            operationId: operation.id,
          };
      return call(question).catch((error: unknown) => {
        if (error instanceof NotFoundError) return null;
        throw error;
      });
    },
  };
}

class NotFoundError extends Error {}

/** Amounts fit 2^53-1, so they are exact as JSON numbers. */
function jsonAmount(amount: bigint): number {
  return Number(amount);
}

function authorizationBody(request: AuthorizationRequest): unknown {
  const { operation, card, merchantName, returnUrl, payerIp, browser, orderReference, description } = request;
  const { paymentId: id, merchantId, amount, currency } = operation;
  const cardBody =
    'token' in card ? card : Object.fromEntries(Object.entries(card).filter(([, value]) => value !== null));
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
  };
}

async function ask(url: string, secret: string, timeoutMs: number, question: Question): Promise<string> {
  const { method, body } = question;
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const payload = body === undefined ? {} : { body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, { method, headers, signal, redirect: 'error', ...payload });
    const text = await readReply(response);
    if (!response.ok) throw new BankUnreachableError(`the bank answered ${response.status}`);
    return text;
  } catch (error) {
    if (error instanceof BankUnreachableError) throw error;
    throw new BankUnreachableError('the bank did not answer', { cause: error });
  }
}

/** Never more than an answer of the bank has, whatever is sent. */
async function readReply(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > REPLY_LIMIT) throw new BankUnreachableError('the bank answered more than an answer has');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function understand(text: string, { expected, operationId }: Question): ConnectorAnswer {
  const reply = parse(text);
  if (!Value.Check(BankReply, reply)) throw new BankUnreachableError(NO_ANSWER);
  const { status, declineCode, rrn, acsUrl, cardToken }: BankReply = reply;
  if (!expected.includes(status)) throw new BankUnreachableError(NO_ANSWER);
  if (operationId !== undefined && reply.operationId !== operationId)
    throw new BankUnreachableError(NO_ANSWER);
  if (status === 'not_found') throw new NotFoundError(NO_ANSWER);
  if (typeof acsUrl === 'string' && !/^https?:/.test(URL.parse(acsUrl)?.protocol ?? ''))
    throw new BankUnreachableError(NO_ANSWER);
  return {
    // However the payer has decided, it counts once it is completed.
    status: status === 'challenge_approved' || status === 'challenge_failed' ? 'challenge' : status,
    declineCode: declineCode ?? null,
    retrievalReferenceNumber: rrn ?? null,
    redirectUrl: acsUrl ?? null,
    bankToken: cardToken ?? null,
  };
}

const NO_ANSWER = 'the bank answered something that is no answer';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
