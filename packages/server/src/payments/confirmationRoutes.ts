/**
 * A customer's confirmation. Whoever has the link may decide, so it is signed, works once, ends with the
 * customer's ten minutes, and is shown to operators only (in the sandbox to the merchant, too, who plays the
 * customer). It is stored nowhere: not in an answer, an event, a list or a log.
 */
import { minutesText, moneyText, type Word, word } from '@plexy-pay/payer-pages';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { AuditActor } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import type { Command, Outcome, Sender } from '../core/command.ts';
import type { Transaction } from '../core/transaction.ts';
import { parseTransactionId, parseUuid, type TransactionId } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import { EngineUnavailableError, RequestInProgressError } from '../engine/engine.ts';
import { ADMIN, ERRORS, OPERATOR } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { requirePlainBody } from '../http/bodyHeaders.ts';
import { ApiError } from '../http/errors.ts';
import { refusalError } from '../http/refusals.ts';
import { MANAGER, merchantOf } from '../identity/auth.ts';
import { readClock } from '../installation/installationSql.ts';
import type { Secrets } from '../installation/secrets.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { backTo, languageFor, type Notice, sendNotice, sendPayerPage } from './payerPages.ts';
import { findTransaction } from './transactionsSql.ts';

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
        response: { 200: Link, 422: Type.Ref('Error'), ...ERRORS },
      },
    },
    async (request) => {
      const { merchantId } = merchantOf(request);
      const id = parseTransactionId(request.params.id);
      const found = id.ok ? await findTransaction(deps.pool, id.value) : null;
      return linkTo(deps, request, found?.merchantId === merchantId ? found : null);
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
        response: { 200: Link, 422: Type.Ref('Error'), ...ERRORS },
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
  const { id, expiresAt, statusReason } = payment;
  if (payment.type === 'refund') throw refusalError('transaction_is_refund', payment);
  if (payment.paymentMethod === 'card') throw refusalError('transaction_is_card_payment', payment);
  if (statusReason === 'confirmation_expired') throw refusalError('authorization_expired', payment);
  if (!isWaiting(payment) || expiresAt === null) throw refusalError('invalid_transaction_state', payment);
  if ((await readClock(deps.pool)) >= expiresAt) throw refusalError('authorization_expired', payment);
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
  if (!secrets.isSigned('confirmation', `${id}.${deadline}`, signature)) return null;
  return { id: uuid.value as TransactionId, deadline: Number.parseInt(deadline, 36) };
}

const NOTICES = {
  unknown: { statusCode: 404, title: 'unknown.title', text: 'unknown.text', icon: 'bad' },
  decided: { statusCode: 410, title: 'decided.title', text: 'decided.text', icon: 'note' },
  expired: { statusCode: 410, title: 'expired.title', text: 'expired.text', icon: 'time' },
  unanswered: { statusCode: 400, title: 'unanswered.title', text: 'unanswered.text', icon: 'bad' },
  elsewhere: { statusCode: 403, title: 'elsewhere.title', text: 'elsewhere.text', icon: 'bad' },
  trouble: { statusCode: 503, title: 'trouble.title', text: 'trouble.text', icon: 'bad' },
  unavailable: { statusCode: 503, title: 'unavailable.title', text: 'unavailable.text', icon: 'bad' },
  approved: { statusCode: 200, title: 'approved.title', text: 'approved.text', icon: 'good' },
  declined: { statusCode: 200, title: 'declined.title', text: 'declined.text', icon: 'bad' },
  poor: { statusCode: 200, title: 'failed.title', text: 'failed.poor', icon: 'bad' },
  refused: { statusCode: 200, title: 'failed.title', text: 'failed.refused', icon: 'bad' },
} as const satisfies Record<string, Notice>;
type NoticeName = keyof typeof NOTICES;

/** The customer's page, and its answer. Only a POST decides: a link that is fetched in advance does nothing. */
export function confirmationPages(app: App, deps: Deps): void {
  // In a scope of its own: forms are read here and nowhere else.
  app.register(async (scope: FastifyInstance) => {
    const read = async (request: FastifyRequest, body: string | Buffer) => {
      requirePlainBody(request.headers);
      return new URLSearchParams(body.toString());
    };
    const parser = { parseAs: 'string', bodyLimit: 1_024 } as const;
    scope.addContentTypeParser('application/x-www-form-urlencoded', parser, read);
    const schema = { hide: true };
    scope.setErrorHandler<FastifyError | ApiError>((error, request, reply) => {
      if (error instanceof ApiError || (error.statusCode ?? 500) < 500)
        return sendNotice(request, reply, NOTICES.unanswered);
      request.log.warn({ requestId: request.id, err: error }, 'a customer could not confirm');
      return sendNotice(request, reply, NOTICES[request.method === 'POST' ? 'unavailable' : 'trouble']);
    });
    scope.get<{ Params: { token: string } }>('/confirm/:token', { schema }, async (request, reply) => {
      const found = await find(deps, request.params.token);
      return found.standing === 'open'
        ? sendQuestion(request, reply, found)
        : sendOutcome(request, reply, found.standing, found);
    });
    scope.post<{ Params: { token: string } }>('/confirm/:token', { schema }, async (request, reply) => {
      if (isFromElsewhere(request)) return sendNotice(request, reply, NOTICES.elsewhere);
      const found = await find(deps, request.params.token);
      if (found.standing !== 'open') return sendOutcome(request, reply, found.standing, found);
      const decision = request.body instanceof URLSearchParams ? request.body.get('decision') : null;
      if (decision !== 'approve' && decision !== 'decline')
        return sendNotice(request, reply, NOTICES.unanswered);
      const outcome = await decide(deps, request, found.payment, decision === 'approve');
      return sendOutcome(request, reply, outcome, found);
    });
  });
}

/** Browsers say where a request comes from; others have no customer whose click could be stolen. */
function isFromElsewhere({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

/** What a link leads to; without a payment for one that was not made here. */
type Found =
  | { readonly standing: 'unknown'; readonly payment: null }
  | { readonly standing: 'decided' | 'expired'; readonly payment: Transaction; readonly shop: string }
  | {
      readonly standing: 'open';
      readonly payment: Transaction;
      readonly shop: string;
      readonly leftMs: number;
    };

async function find(deps: Deps, token: string): Promise<Found> {
  const opened = openToken(deps.secrets, token);
  const payment = opened === null ? null : await findTransaction(deps.reserved, opened.id);
  if (opened === null || payment === null) return { standing: 'unknown', payment: null };
  const shop = (await findMerchant(deps.reserved, payment.merchantId))?.name ?? '';
  if (payment.statusReason === 'confirmation_expired') return { standing: 'expired', payment, shop };
  if (!isWaiting(payment)) return { standing: 'decided', payment, shop };
  const leftMs = opened.deadline - (await readClock(deps.reserved));
  return leftMs <= 0 ? { standing: 'expired', payment, shop } : { standing: 'open', payment, shop, leftMs };
}

function sendQuestion(
  request: FastifyRequest,
  reply: FastifyReply,
  { payment, shop, leftMs }: Extract<Found, { standing: 'open' }>,
): FastifyReply {
  const language = languageFor(request);
  const { amount, currency } = payment;
  return sendPayerPage(reply, 200, {
    language,
    hasSwitch: true,
    title: word(language, 'confirm.title'),
    text: word(language, 'confirm.text'),
    money: { text: moneyText(amount, currency, language), currency },
    facts: [
      ...factsOf(payment, shop),
      ['timeLeft', minutesText(leftMs, language) ?? word(language, 'lessThanMinute')],
    ],
    asks: true,
  });
}

function factsOf({ orderReference, description }: Transaction, shop: string): (readonly [Word, string])[] {
  return [
    ['shop', shop],
    ['order', orderReference],
    ...(description === null ? [] : ([['description', description]] as const)),
  ];
}

/** What became of it, and the way back to the shop. */
function sendOutcome(
  request: FastifyRequest,
  reply: FastifyReply,
  name: NoticeName,
  found: Found,
): FastifyReply {
  if (found.payment === null) return sendNotice(request, reply, NOTICES[name]);
  const { payment, shop } = found;
  const language = languageFor(request);
  const amount = moneyText(payment.amount, payment.currency, language);
  return sendNotice(request, reply, NOTICES[name], {
    values: { amount, shop },
    facts: [...factsOf(payment, shop), ['amount', amount]],
    back: backTo(payment, shop, language),
  });
}

async function decide(
  deps: Deps,
  request: FastifyRequest,
  payment: Transaction,
  approve: boolean,
): Promise<NoticeName> {
  const command: Command = { kind: 'confirm', transactionId: payment.id, approve };
  const sender: Sender = { actor: 'customer', merchantId: null, paymentMethod: 'wallet' };
  const audited: AuditActor = { ...auditActorOf(request), kind: 'customer' };
  try {
    return nameOf(await deps.engine.run(command, sender, audited));
  } catch (error) {
    const passing = error instanceof EngineUnavailableError || error instanceof RequestInProgressError;
    if (!passing) throw error;
    return 'unavailable';
  }
}

/** Refused: somebody else decided in the meantime, or the time was up. */
function nameOf(outcome: Outcome): NoticeName {
  if (outcome.kind !== 'transaction') {
    const expired = outcome.kind === 'refused' && outcome.refusal === 'authorization_expired';
    return expired ? 'expired' : 'decided';
  }
  const { status, statusReason } = outcome.transaction;
  if (status === 'authorized') return 'approved';
  if (statusReason === 'customer_declined') return 'declined';
  return statusReason === 'insufficient_funds' ? 'poor' : 'refused';
}
