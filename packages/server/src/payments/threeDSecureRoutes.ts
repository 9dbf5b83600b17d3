import { setTimeout as pause } from 'node:timers/promises';
import { moneyText, word } from '@plexy-pay/payer-pages';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { ANSWER_WAIT_MS } from '../core/change.ts';
import type { Command, Sender } from '../core/command.ts';
import type { Transaction } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import { leadsToApp } from '../core/values/returnUrl.ts';
import type { App } from '../http/baseApp.ts';
import { newId } from '../installation/newId.ts';
import type { Secrets } from '../installation/secrets.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { backTo, languageFor, type Notice, sendNotice, shopUrlOf } from './payerPages.ts';
import { findTransaction } from './transactionsSql.ts';

/**
 * The state of a 3-D Secure authentication: the payment's id, signed, so that nobody can come back for
 * another payment. What it allows is done once: it asks the bank, and only while the payment is in `3d`.
 */
export function sealState(secrets: Secrets, transactionId: string): string {
  return `${transactionId}.${secrets.signState(transactionId)}`;
}

function openState(secrets: Secrets, state: string): TransactionId | null {
  const [id = '', signature = '', ...rest] = state.split('.');
  return rest.length === 0 && secrets.isSigned('3ds state', id, signature) ? (id as TransactionId) : null;
}

const UNKNOWN: Notice = {
  statusCode: 404,
  title: 'payment.unknown.title',
  text: 'payment.unknown.text',
  icon: 'bad',
};
const OVER = { statusCode: 410, title: 'payment.over.title' } as const;
const MADE: Notice = { ...OVER, text: 'payment.over.made', icon: 'good' };
const NOT_MADE: Notice = { ...OVER, text: 'payment.over.notMade', icon: 'bad' };
const BACK_TO_APP: Notice = {
  statusCode: 200,
  title: 'payment.app.title',
  text: 'payment.app.text',
  icon: 'good',
};
const TROUBLE: Notice = {
  statusCode: 503,
  title: 'payment.trouble.title',
  text: 'payment.trouble.text',
  icon: 'time',
};

/** Where the bank sends the payer's browser back to. The browser proves nothing: the bank is asked. */
export function threeDSecureRoutes(app: App, deps: Deps): void {
  app.get(
    '/3ds/:state',
    {
      schema: { hide: true, params: Type.Object({ state: Type.String() }) },
      errorHandler: (error, request, reply) => {
        request.log.warn({ requestId: request.id, err: error }, 'a payer could not come back');
        return sendNotice(request, reply, TROUBLE);
      },
    },
    async (request, reply) => {
      const transactionId = openState(deps.secrets, request.params.state);
      const payment = transactionId === null ? null : await findTransaction(deps.reserved, transactionId);
      const shopUrl = payment === null ? null : shopUrlOf(payment);
      if (payment === null || shopUrl === null) return sendNotice(request, reply, UNKNOWN);
      if (payment.status !== '3d') return sendOver(deps, request, reply, payment);
      await finishAuthentication(deps, payment);
      return sendBack(request, reply, shopUrl);
    },
  );
}

/** What became of it: payers come back late, or twice. */
async function sendOver(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  payment: Transaction,
): Promise<FastifyReply> {
  const shop = (await findMerchant(deps.reserved, payment.merchantId))?.name ?? '';
  const language = languageFor(request);
  return sendNotice(request, reply, payment.authedAt === null ? NOT_MADE : MADE, {
    facts: [
      ['shop', shop],
      ['order', payment.orderReference],
      ['amount', moneyText(payment.amount, payment.currency, language)],
    ],
    back: backTo(payment, shop, language),
  });
}

/**
 * Browsers hold a form to its page's policy at every redirect of its answer, and no bank's page allows an app's
 * scheme. So an app is opened from a page of ours, by itself or by its link where a browser wants a click.
 */
function sendBack(request: FastifyRequest, reply: FastifyReply, href: string): FastifyReply {
  if (!leadsToApp(href)) return reply.redirect(href, 303);
  reply.header('refresh', `0; url=${href}`);
  return sendNotice(request, reply, BACK_TO_APP, {
    back: { href, label: word(languageFor(request), 'payment.app.open') },
  });
}

const PAYER: Sender = { actor: 'customer', merchantId: null, paymentMethod: 'card' };
/** How often the end of the operation is looked for, whoever has started it. */
const LOOK_MS = 100;

/** Asks the bank how the authentication ended, and waits for the answer as long as any caller would. */
async function finishAuthentication(deps: Deps, { id: transactionId }: Transaction): Promise<void> {
  const command: Command = { kind: 'complete_authentication', transactionId, operationId: newId() };
  // Refused: another browser, or the merchant's cancel, has asked the bank already.
  await deps.engine.run(command, PAYER);
  const startedAt = performance.now();
  while (performance.now() - startedAt < ANSWER_WAIT_MS) {
    const payment = await findTransaction(deps.reserved, transactionId);
    if (payment === null || payment.operationId === null) return;
    await pause(LOOK_MS);
  }
}
