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
  declineCode: Nullish,
  rrn: Nullish,
  acsUrl: Nullish,
  cardToken: Nullish,
});
type BankReply = Static<typeof BankReply>;

/** The bank did not answer, or not in a way that can be understood. */
export class BankUnreachableError extends Error {}

/** Longer than the bank's slow answers, and shorter than callers wait. */
const TIMEOUT_MS = 8_000;
const REPLY_LIMIT = 64 * 1024;

/** A bank that speaks the simulated bank's HTTP interface. */
export function createHttpBank(baseUrl: () => string, secret: string): AcquirerConnector {
  const call = (method: string, path: string, body?: unknown): Promise<ConnectorAnswer> =>
    ask(`${baseUrl()}${path}`, secret, method, body);
  const operate = (operation: BankOperation, noun: string): Promise<ConnectorAnswer> => {
    const amount = jsonAmount(operation.amount);
    return call('POST', `/v1/authorizations/${operation.paymentId}/${noun}`, {
      operationId: operation.id,
      amount,
    });
  };
  return {
    authorize: (request) => call('POST', '/v1/authorizations', authorizationBody(request)),
    complete: ({ paymentId }) => call('POST', `/v1/authorizations/${paymentId}/complete`, {}),
    capture: (operation) => operate(operation, 'captures'),
    reverse: (operation) =>
      operation.kind === 'reverse'
        ? call('POST', `/v1/authorizations/${operation.paymentId}/reversals`, { operationId: operation.id })
        : operate(operation, 'reversals'),
    refund: (operation) => operate(operation, 'refunds'),
    inquire: async (operation) => {
      const isAuthorization = operation.kind === 'authorize' || operation.kind === 'complete';
      const path = isAuthorization
        ? `/v1/authorizations/${operation.paymentId}`
        : `/v1/operations/${operation.id}`;
      const answer = await call('GET', path).catch((error: unknown) => {
        if (error instanceof NotFoundError) return null;
        throw error;
      });
      return answer;
    },
  };
}

class NotFoundError extends Error {}

/** Amounts fit 2^53-1, so they are exact as JSON numbers. */
function jsonAmount(amount: bigint): number {
  return Number(amount);
}

function authorizationBody({ operation, card, merchantName, returnUrl }: AuthorizationRequest): unknown {
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
  };
}

async function ask(url: string, secret: string, method: string, body?: unknown): Promise<ConnectorAnswer> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const payload = body === undefined ? {} : { body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let text: string;
  try {
    const response = await fetch(url, { method, headers, signal, redirect: 'error', ...payload });
    text = await response.text();
    if (!response.ok) throw new BankUnreachableError(`the bank answered ${response.status}`);
  } catch (error) {
    if (error instanceof BankUnreachableError) throw error;
    throw new BankUnreachableError('the bank did not answer', { cause: error });
  }
  return understand(text);
}

function understand(text: string): ConnectorAnswer {
  const reply = text.length <= REPLY_LIMIT ? parse(text) : undefined;
  if (!Value.Check(BankReply, reply))
    throw new BankUnreachableError('the bank answered something that is no answer');
  const { status, declineCode, rrn, acsUrl, cardToken }: BankReply = reply;
  if (status === 'not_found') throw new NotFoundError();
  return {
    // However the payer has decided, it counts once it is completed.
    status: status === 'challenge_approved' || status === 'challenge_failed' ? 'challenge' : status,
    declineCode: declineCode ?? null,
    retrievalReferenceNumber: rrn ?? null,
    redirectUrl: acsUrl ?? null,
    bankToken: cardToken ?? null,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
