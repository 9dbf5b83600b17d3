import { setTimeout as pause } from 'node:timers/promises';
import Type from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import { ANSWER_WAIT_MS } from '../domain/change.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { Transaction } from '../domain/transaction.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import { type Secrets, safeEqual } from '../secrets.ts';
import { findTransaction } from '../store/transactions.ts';
import type { App } from './bareApp.ts';
import type { Deps } from './deps.ts';
import { type Notice, sendNoticePage } from './noticePage.ts';

/**
 * The state of a 3-D Secure authentication: the payment's id, signed, so that nobody can come back for
 * another payment. What it allows is done once: it asks the bank, and only while the payment is in `3d`.
 */
export function sealState(secrets: Secrets, transactionId: string): string {
  return `${transactionId}.${secrets.signState(transactionId)}`;
}

function openState(secrets: Secrets, state: string): TransactionId | null {
  const [id = '', signature = '', ...rest] = state.split('.');
  return rest.length === 0 && safeEqual(signature, secrets.signState(id)) ? (id as TransactionId) : null;
}

const UNKNOWN: Notice = {
  statusCode: 404,
  title: 'There is no such payment',
  text: 'Check the address, or go back to the shop and start the payment again.',
};
const OVER: Notice = {
  statusCode: 410,
  title: 'This payment is already decided',
  text: 'Each confirmation works once. The shop knows how the payment ended.',
};
const TROUBLE: Notice = {
  statusCode: 503,
  title: 'The payment could not be looked up',
  text: 'Nothing is lost: wait a moment and reload this page, or ask the shop how the payment ended.',
};

/** Where the bank sends the payer's browser back to. The browser proves nothing: the bank is asked. */
export function authenticationRoutes(app: App, deps: Deps): void {
  app.get(
    '/3ds/:state',
    {
      schema: { hide: true, params: Type.Object({ state: Type.String() }) },
      errorHandler: (error, request, reply) => {
        request.log.warn({ requestId: request.id, err: error }, 'a payer could not come back');
        return sendNoticePage(reply, TROUBLE);
      },
    },
    async (request, reply) => {
      const transactionId = openState(deps.secrets, request.params.state);
      const payment = transactionId === null ? null : await findTransaction(deps.pool, transactionId);
      if (payment === null || payment.returnUrl === null) return sendNoticePage(reply, UNKNOWN);
      const shopUrl = new URL(payment.returnUrl);
      shopUrl.searchParams.set('transactionId', payment.id);
      if (payment.status !== '3d') {
        return sendNoticePage(reply, { ...OVER, link: { href: shopUrl.href, label: 'Back to the shop' } });
      }
      await finishAuthentication(deps, payment);
      return reply.redirect(shopUrl.href, 303);
    },
  );
}

/** How often the end of an operation is looked for that another browser or the merchant has started. */
const LOOK_MS = 200;

/** Asks the bank how the authentication ended, and waits for the answer as long as any caller would. */
async function finishAuthentication(deps: Deps, { id: transactionId }: Transaction): Promise<void> {
  const executed = await deps.engine.execute({
    command: { kind: 'complete_authentication', transactionId, operationId: uuidv7() },
    sender: { actor: 'customer', merchantId: null, paymentMethod: 'card' },
    apiKeyId: null,
    scopeId: OPERATOR_SCOPE,
    internalId: uuidv7(),
    idempotencyKey: null,
    fingerprint: 'authentication',
    expected: null,
    answer: () => ({ statusCode: 404, body: '' }),
  });
  if (executed.kind === 'pending') {
    await deps.lateAnswers.wait(executed.answerKey);
    return;
  }
  // Refused: another browser, or the merchant's cancel, has asked the bank already.
  const startedAt = performance.now();
  while (performance.now() - startedAt < ANSWER_WAIT_MS) {
    const payment = await findTransaction(deps.pool, transactionId);
    if (payment === null || payment.operationId === null) return;
    await pause(LOOK_MS);
  }
}
