import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { Bank, Challenge } from '../bank.ts';
import { challengePage, noticePage, type Page, pageHeaders } from './acs-page.ts';

/**
 * The payer's 3-D Secure page. The browser brings nothing back but itself: the answer stays here, and
 * the acquirer asks for it over its own connection.
 */
export const acsRoutes: FastifyPluginAsync<{ readonly bank: Bank }> = async (app, { bank }) => {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(body.toString())),
  );

  app.get<{ Params: { token: string } }>('/acs/:token', async (request, reply) => {
    const challenge = await bank.challenge(request.params.token);
    return challenge.standing === 'open'
      ? sendPage(reply, 200, challengePage(challenge.authorization))
      : sendNotice(reply, challenge.standing, shopOf(challenge));
  });

  app.post<{ Params: { token: string } }>('/acs/:token', async (request, reply) => {
    const decision = request.body instanceof URLSearchParams ? request.body.get('decision') : null;
    if (decision !== 'approve' && decision !== 'decline') return sendNotice(reply, 'unanswered');
    const challenge = await bank.answerChallenge(request.params.token, decision === 'approve');
    if (challenge.standing !== 'open') return sendNotice(reply, challenge.standing, shopOf(challenge));
    const { returnUrl } = challenge.authorization;
    if (returnUrl === null) throw new Error('a challenge without a return address');
    return reply.headers(pageHeaders).redirect(returnUrl, 303);
  });
};

type Notice = Exclude<Challenge['standing'], 'open'> | 'unanswered';

const notices: Readonly<Record<Notice, { statusCode: number; title: string; text: string }>> = {
  used: {
    statusCode: 410,
    title: 'This payment is already decided',
    text: 'Each confirmation works once. You can close this page and go back to the shop.',
  },
  expired: {
    statusCode: 410,
    title: 'This confirmation has expired',
    text: 'The 15 minutes to answer are over and nothing was paid. Go back to the shop to try again.',
  },
  unknown: {
    statusCode: 404,
    title: 'There is no such confirmation',
    text: 'Check the address, or go back to the shop and start the payment again.',
  },
  unanswered: {
    statusCode: 400,
    title: 'No answer was given',
    text: 'Go back one page and choose Approve or Decline.',
  },
};

/** A payer whose browser lost its way, by a double click for instance, finds it again. */
function shopOf(challenge: Challenge): string | null {
  return challenge.standing === 'unknown' ? null : challenge.authorization.returnUrl;
}

function sendNotice(reply: FastifyReply, notice: Notice, shopUrl: string | null = null) {
  const { statusCode, title, text } = notices[notice];
  return sendPage(reply, statusCode, noticePage(title, text, shopUrl));
}

function sendPage(reply: FastifyReply, statusCode: number, page: Page) {
  return reply.code(statusCode).headers(pageHeaders).type('text/html; charset=utf-8').send(page);
}
