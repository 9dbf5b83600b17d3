import { languageOf } from '@plexy-pay/payer-pages';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Bank, Challenge } from '../bank.ts';
import type { StoredAuthorization } from '../store/rows.ts';
import { type BankNotice, challengePage, noticePage, type Page, pageHeaders } from './acs-page.ts';
import type { Notifier } from './notifier.ts';

export interface AcsRoutesOptions {
  readonly bank: Bank;
  readonly notifier: Notifier;
}

/**
 * The payer's 3-D Secure page. The browser brings nothing back but itself: the answer stays here, and
 * the acquirer asks for it over its own connection.
 */
export const acsRoutes: FastifyPluginAsync<AcsRoutesOptions> = async (app, { bank, notifier }) => {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(body.toString())),
  );

  app.get<{ Params: { token: string } }>('/acs/:token', async (request, reply) => {
    const challenge = await bank.challenge(request.params.token);
    return challenge.standing === 'open'
      ? sendPage(reply, 200, challengePage(challenge.authorization, languageFor(request), new Date()))
      : sendNotice(request, reply, challenge.standing, shopOf(challenge));
  });

  app.post<{ Params: { token: string } }>('/acs/:token', async (request, reply) => {
    const decision = request.body instanceof URLSearchParams ? request.body.get('decision') : null;
    if (decision !== 'approve' && decision !== 'decline') return sendNotice(request, reply, 'unanswered');
    const challenge = await bank.answerChallenge(request.params.token, decision === 'approve');
    if (challenge.standing !== 'open')
      return sendNotice(request, reply, challenge.standing, shopOf(challenge));
    const { id, returnUrl, notificationUrl } = challenge.authorization;
    notifier.notify(notificationUrl, { authorizationId: id, operationId: null });
    if (returnUrl === null) throw new Error('a challenge without a return address');
    return reply.headers(pageHeaders).redirect(returnUrl, 303);
  });
};

type Notice = Exclude<Challenge['standing'], 'open'> | 'unanswered';

const notices: Readonly<Record<Notice, BankNotice & { readonly statusCode: number }>> = {
  used: { statusCode: 410, title: 'decided.title', text: 'decided.text', icon: 'note' },
  expired: { statusCode: 410, title: 'expired.title', text: 'expired.text', icon: 'time' },
  unknown: { statusCode: 404, title: 'unknown.title', text: 'unknown.text', icon: 'bad' },
  unanswered: { statusCode: 400, title: 'unanswered.title', text: 'unanswered.text', icon: 'bad' },
};

/** As the payer has switched it on the page, or as their browser asks for it. */
function languageFor({ query, headers }: FastifyRequest) {
  return languageOf((query as { lang?: unknown }).lang, headers['accept-language']);
}

/** A payer whose browser lost its way, by a double click for instance, finds it again. */
function shopOf(challenge: Challenge): StoredAuthorization | null {
  return challenge.standing === 'unknown' ? null : challenge.authorization;
}

function sendNotice(
  request: FastifyRequest,
  reply: FastifyReply,
  notice: Notice,
  authorization: StoredAuthorization | null = null,
) {
  const page = noticePage(notices[notice], languageFor(request), authorization, request.method === 'GET');
  return sendPage(reply, notices[notice].statusCode, page);
}

function sendPage(reply: FastifyReply, statusCode: number, page: Page) {
  return reply.code(statusCode).headers(pageHeaders).type('text/html; charset=utf-8').send(page);
}
