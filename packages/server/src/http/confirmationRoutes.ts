/**
 * A customer's confirmation. Whoever has the link may decide, so it is signed, works once, ends with the
 * customer's ten minutes, and is shown to operators only (in the sandbox to the merchant, too, who plays the
 * customer). It is stored nowhere: not in an answer, an event, a list or a log.
 */
import { formatMoney } from '@plexy-pay/money';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Outcome } from '../domain/command.ts';
import { parseTransactionId, parseUuid, type TransactionId } from '../domain/ids.ts';
import { iso } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import { EngineUnavailableError, RequestInProgressError } from '../engine/engine.ts';
import { newId } from '../newId.ts';
import { type Secrets, safeEqual } from '../secrets.ts';
import { insertAuditEntries } from '../store/auditLog.ts';
import { readClock } from '../store/installation.ts';
import { findMerchant } from '../store/merchants.ts';
import { findTransaction, findWalletPayment } from '../store/transactions.ts';
import { ADMIN, ERRORS, OPERATOR } from './adminCommon.ts';
import { auditActorOf } from './auditActor.ts';
import { MANAGER, merchantOf } from './auth.ts';
import type { App } from './bareApp.ts';
import { confirmationPage, PAGE_HEADERS } from './confirmationPage.ts';
import type { Deps } from './deps.ts';
import { ApiError } from './errors.ts';
import { type Notice, sendNoticePage } from './noticePage.ts';

const Link = Type.Object({
  url: Type.String({ description: 'The customer’s page. Whoever has it may approve the payment, once.' }),
  expiresAt: Type.String({ format: 'date-time' }),
});

export function confirmationLinkOfMerchant(app: App, deps: Deps): void {
  app.get(
    '/v1/sandbox/transactions/:id/confirmation',
    {
      config: MANAGER,
      schema: {
        operationId: 'getSandboxConfirmation',
        summary: 'Sandbox: the page on which the customer decides',
        tags: ['Sandbox'],
        security: [{ merchantApiKey: [] }],
        params: Type.Object({ id: Type.String() }),
        response: { 200: Link, ...ERRORS },
      },
    },
    async (request) => {
      const { merchantId } = merchantOf(request);
      const id = parseTransactionId(request.params.id);
      return linkTo(deps, request, id.ok ? await findWalletPayment(deps.pool, merchantId, id.value) : null);
    },
  );
}

export function confirmationLinkOfOperator(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/transactions/:transactionId/confirmation',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getConfirmation',
        summary: 'The page on which the customer decides',
        params: Type.Object({ transactionId: Type.String() }),
        response: { 200: Link, ...ERRORS },
      },
    },
    async (request) => {
      const id = parseTransactionId(request.params.transactionId);
      return linkTo(deps, request, id.ok ? await findTransaction(deps.pool, id.value) : null);
    },
  );
}

/** To have the link is to be able to pay, so a key that may only read does not get it. @throws ApiError */
async function linkTo(deps: Deps, request: FastifyRequest, payment: Transaction | null) {
  if (request.principal?.scopes.includes('write') !== true) throw new ApiError('insufficient_scope');
  if (payment === null) throw new ApiError('transaction_not_found');
  const { id, expiresAt } = payment;
  if (!isWaiting(payment) || expiresAt === null) throw new ApiError('invalid_transaction_state');
  if ((await readClock(deps.pool)) >= expiresAt) throw new ApiError('authorization_expired');
  const object = { kind: 'payment', id };
  const shown = { action: 'payment.show_confirmation', object, merchantId: payment.merchantId } as const;
  await insertAuditEntries(deps.pool, [{ ...shown, actor: auditActorOf(request) }]);
  return {
    url: `${deps.publicUrl.current}/confirm/${sealToken(deps.secrets, id, expiresAt)}`,
    expiresAt: iso(expiresAt),
  };
}

function isWaiting(payment: Transaction): boolean {
  return payment.status === 'created' && payment.awaiting === 'confirmation';
}

function sealToken(secrets: Secrets, id: string, deadline: number): string {
  const text = `${id}.${deadline.toString(36)}`;
  return `${text}.${secrets.signConfirmation(text)}`;
}

/** @returns null for anything that was not sealed here, or was changed */
function openToken(secrets: Secrets, token: string): { id: TransactionId; deadline: number } | null {
  const [id = '', deadline = '', signature = '', ...more] = token.split('.');
  const uuid = parseUuid<'TransactionId'>(id);
  if (!uuid.ok || more.length > 0) return null;
  if (!safeEqual(signature, secrets.signConfirmation(`${id}.${deadline}`))) return null;
  return { id: uuid.value as TransactionId, deadline: Number.parseInt(deadline, 36) };
}

const NOTICES = {
  unknown: {
    statusCode: 404,
    title: 'There is no such confirmation',
    text: 'Check the address, or go back to the shop and start the payment again.',
  },
  decided: {
    statusCode: 410,
    title: 'This payment is already decided',
    text: 'Each confirmation works once. You can close this page and go back to the shop.',
  },
  expired: {
    statusCode: 410,
    title: 'This confirmation has expired',
    text: 'The time to answer is over and nothing was paid. Go back to the shop to try again.',
  },
  unanswered: {
    statusCode: 400,
    title: 'No answer was given',
    text: 'Go back one page and choose Approve or Decline.',
  },
  elsewhere: {
    statusCode: 403,
    title: 'This came from another site',
    text: 'Nothing was decided. Open the link that you were given and choose there.',
  },
  trouble: {
    statusCode: 503,
    title: 'This did not work just now',
    text: 'Nothing was decided. Open the link again in a moment.',
  },
  unavailable: {
    statusCode: 503,
    title: 'This did not work just now',
    text: 'Nobody knows yet whether your answer arrived. Open the link again in a moment.',
  },
} as const satisfies Record<string, Notice>;

/** The customer's page, and its answer. Only a POST decides: a link that is fetched in advance does nothing. */
export function confirmationPages(app: App, deps: Deps): void {
  // In a scope of its own: forms are read here and nowhere else.
  app.register(async (scope: FastifyInstance) => {
    const read = (_request: FastifyRequest, body: string | Buffer) =>
      Promise.resolve(new URLSearchParams(body.toString()));
    const parser = { parseAs: 'string', bodyLimit: 1_024 } as const;
    scope.addContentTypeParser('application/x-www-form-urlencoded', parser, read);
    const schema = { hide: true };
    scope.setErrorHandler<FastifyError>((error, request, reply) => {
      if ((error.statusCode ?? 500) < 500) return notice(reply, NOTICES.unanswered);
      request.log.warn({ requestId: request.id, err: error }, 'a customer could not confirm');
      return notice(reply, request.method === 'POST' ? NOTICES.unavailable : NOTICES.trouble);
    });
    scope.get<{ Params: { token: string } }>('/confirm/:token', { schema }, async (request, reply) => {
      const found = await findOpen(deps, request.params.token);
      return typeof found === 'string' ? notice(reply, NOTICES[found]) : sendPage(deps, reply, found);
    });
    scope.post<{ Params: { token: string } }>('/confirm/:token', { schema }, async (request, reply) => {
      if (isFromElsewhere(request)) return notice(reply, NOTICES.elsewhere);
      const found = await findOpen(deps, request.params.token);
      if (typeof found === 'string') return notice(reply, NOTICES[found]);
      const decision = request.body instanceof URLSearchParams ? request.body.get('decision') : null;
      if (decision !== 'approve' && decision !== 'decline') return notice(reply, NOTICES.unanswered);
      return notice(reply, await decide(deps, request, found.payment, decision === 'approve'));
    });
  });
}

/** Browsers say where a request comes from; others have no customer whose click could be stolen. */
function isFromElsewhere({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

interface Open {
  readonly payment: Transaction;
  readonly deadline: number;
  readonly now: number;
}

async function findOpen(deps: Deps, token: string): Promise<Open | 'unknown' | 'decided' | 'expired'> {
  const opened = openToken(deps.secrets, token);
  const payment = opened === null ? null : await findTransaction(deps.pool, opened.id);
  if (opened === null || payment === null) return 'unknown';
  if (payment.statusReason === 'confirmation_expired') return 'expired';
  if (!isWaiting(payment)) return 'decided';
  const now = await readClock(deps.pool);
  return now >= opened.deadline ? 'expired' : { payment, deadline: opened.deadline, now };
}

async function sendPage(deps: Deps, reply: FastifyReply, { payment, deadline, now }: Open) {
  const merchant = await findMerchant(deps.pool, payment.merchantId);
  const page = confirmationPage(payment, merchant?.name ?? '', deadline - now, deadline);
  return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(page);
}

function notice(reply: FastifyReply, page: Notice): FastifyReply {
  return sendNoticePage(reply.header('x-frame-options', 'DENY'), page);
}

async function decide(
  deps: Deps,
  request: FastifyRequest,
  payment: Transaction,
  approve: boolean,
): Promise<Notice> {
  let outcome: Outcome | undefined;
  try {
    await deps.engine.execute({
      command: { kind: 'confirm', transactionId: payment.id, approve },
      sender: { actor: 'customer', merchantId: null, paymentMethod: 'wallet' },
      apiKeyId: null,
      scopeId: OPERATOR_SCOPE,
      internalId: newId(),
      idempotencyKey: null,
      fingerprint: 'confirmation',
      audited: { ...auditActorOf(request), kind: 'customer' },
      expected: null,
      answer: (result) => {
        outcome = result;
        return { statusCode: result.kind === 'refused' ? 422 : 200, body: '{}' };
      },
    });
  } catch (error) {
    const passing = error instanceof EngineUnavailableError || error instanceof RequestInProgressError;
    if (!passing) throw error;
    return NOTICES.unavailable;
  }
  return noticeOf(outcome, payment);
}

/** Refused: somebody else decided in the meantime, or the time was up. */
function noticeOf(outcome: Outcome | undefined, payment: Transaction): Notice {
  if (outcome?.kind !== 'transaction') {
    const expired = outcome?.kind === 'refused' && outcome.refusal === 'authorization_expired';
    return expired ? NOTICES.expired : NOTICES.decided;
  }
  const money = formatMoney(payment.amount, payment.currency);
  const { status, statusReason } = outcome.transaction;
  if (status === 'authorized')
    return { statusCode: 200, title: 'You approved the payment', text: `${money} is held for the shop.` };
  if (statusReason === 'customer_declined')
    return { statusCode: 200, title: 'You declined the payment', text: 'Nothing was paid.' };
  const why =
    statusReason === 'insufficient_funds'
      ? 'There is not enough money in your wallet.'
      : 'Your wallet refused it.';
  return { statusCode: 200, title: 'The payment was not made', text: `${why} Nothing was paid.` };
}
