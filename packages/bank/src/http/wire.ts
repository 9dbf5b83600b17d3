import type { AuthorizationKnowledge, AuthorizeAnswer, AuthorizeCommand, BooksPage } from '../bank.ts';
import type { StoredAuthorization, StoredOperation } from '../store/rows.ts';

/** Amounts of one authorization never pass 2^53 − 1, the largest that a request may name. */
function toNumber(amount: bigint): number {
  const number = Number(amount);
  if (!Number.isSafeInteger(number)) throw new Error(`${amount} does not fit a JSON number exactly`);
  return number;
}

function amounts(authorization: StoredAuthorization) {
  return {
    amount: toNumber(authorization.amount),
    held: toNumber(authorization.held),
    captured: toNumber(authorization.captured),
    released: toNumber(authorization.released),
    refunded: toNumber(authorization.refunded),
  };
}

export function authorizeAnswer(
  { id, amount }: Pick<AuthorizeCommand, 'id' | 'amount'>,
  answer: AuthorizeAnswer,
  publicUrl: string,
) {
  const { status, rrn, declineCode, acsToken, cardToken, networkReference } = answer;
  return {
    id,
    amount: toNumber(amount),
    status,
    rrn,
    ...(declineCode && { declineCode }),
    ...(acsToken && { acsUrl: `${publicUrl}/acs/${acsToken}` }),
    ...(cardToken && { cardToken }),
    ...(networkReference && { networkReference }),
  };
}

/** One shape for inquiry and completion; a reversal that came first reads as a decline. */
export function authorizationState(id: string, knowledge: AuthorizationKnowledge, publicUrl: string) {
  if (knowledge.known === 'nothing') return { id, status: 'not_found' };
  if (knowledge.known === 'tombstone') {
    return { id, status: 'declined', declineCode: 'reversed', rrn: knowledge.rrn };
  }
  const { authorization, acsToken, cardToken } = knowledge;
  return {
    id,
    status: authorization.status,
    ...(authorization.declineCode && { declineCode: authorization.declineCode }),
    rrn: authorization.rrn,
    merchantId: authorization.merchantId,
    currency: authorization.currency,
    ...amounts(authorization),
    card: { brand: authorization.cardBrand, last4: authorization.cardLast4 },
    ...(authorization.challengeExpiresAt && {
      challengeExpiresAt: authorization.challengeExpiresAt.toISOString(),
    }),
    ...(acsToken && { acsUrl: `${publicUrl}/acs/${acsToken}` }),
    ...(cardToken && { cardToken }),
    networkReference: authorization.networkReference,
  };
}

export function operationState(operation: StoredOperation) {
  return {
    operationId: operation.operationId,
    authorizationId: operation.authorizationId,
    kind: operation.kind,
    status: operation.status,
    ...(operation.declineCode && { declineCode: operation.declineCode }),
    amount: toNumber(operation.amount),
    released: toNumber(operation.released),
    rrn: operation.rrn,
  };
}

/** Totals are text: a sum may be larger than a JSON number holds exactly. */
export function booksPage(books: BooksPage) {
  return {
    items: books.items.map((authorization) => ({
      id: authorization.id,
      merchantId: authorization.merchantId,
      status: authorization.status,
      currency: authorization.currency,
      ...amounts(authorization),
    })),
    nextCursor: books.nextCursor,
    totals: books.totals.map((totals) => ({
      currency: totals.currency,
      authorizations: toNumber(totals.authorizations),
      held: totals.held.toString(),
      captured: totals.captured.toString(),
      released: totals.released.toString(),
      refunded: totals.refunded.toString(),
    })),
  };
}
