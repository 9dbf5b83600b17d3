import Type from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { TransactionId } from '../domain/ids.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import { type Secrets, safeEqual } from '../secrets.ts';
import { findTransaction } from '../store/transactions.ts';
import type { App, Deps } from './app.ts';
import { ApiError } from './errors.ts';

/**
 * The state of a 3-D Secure authentication: the payment's id, signed, so that nobody can come back for
 * another payment. What it allows is done once: it asks the bank, and only while the payment is in `3d`.
 */
export function sealState(secrets: Secrets, transactionId: string): string {
  return `${transactionId}.${secrets.signState(transactionId)}`;
}

function openState(secrets: Secrets, state: string): TransactionId | null {
  const [id = '', signature = ''] = state.split('.');
  return safeEqual(signature, secrets.signState(id)) ? (id as TransactionId) : null;
}

/** Where the bank sends the payer's browser back to. The browser proves nothing: the bank is asked. */
export function authenticationRoutes(app: App, deps: Deps): void {
  app.get(
    '/3ds/:state',
    {
      schema: { hide: true, params: Type.Object({ state: Type.String({ maxLength: 200 }) }) },
    },
    async (request, reply) => {
      const transactionId = openState(deps.secrets, request.params.state);
      if (transactionId === null) throw new ApiError('not_found');
      const payment = await findTransaction(deps.pool, transactionId);
      if (payment === null || payment.returnUrl === null) throw new ApiError('not_found');
      if (payment.status !== '3d') throw new ApiError('authentication_over');
      await askBank(deps, transactionId);
      const url = new URL(payment.returnUrl);
      url.searchParams.set('transactionId', transactionId);
      return reply.redirect(url.href, 303);
    },
  );
}

/** Asks the bank how the authentication ended, and waits for the answer as long as any caller would. */
async function askBank(deps: Deps, transactionId: TransactionId): Promise<void> {
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
  if (executed.kind === 'pending') await deps.lateAnswers.wait(executed.answerKey);
}
