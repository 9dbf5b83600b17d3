/** Errors as clients of the deployed API know them: four fields, and a message that they show to people. */
import { type ErrorDetail, errorBody, type OtherWords, REASONS, type Reason } from '../http/errors.ts';

export const PREFIX = '/hosted';

/** Whose errors those are which no operation of the deployed API has made. */
const OWN_SOURCE = 'server';
const PARTS = /^\/hosted\/v1\/(payment-links|payment-sessions|payments|transactions)(?=[/?]|$)/;

/** What is said to clients that send no Idempotency-Key. */
const MESSAGES: { readonly [R in Reason]?: string } = {
  service_unavailable:
    'the service is unavailable; look up what became of the request before sending it again',
};

/** Every error below the prefix: those of Fastify, of authentication and of what is no route, too. */
export const hostedWords: OtherWords = (url, error) => {
  if (!/^\/hosted(?=[/?]|$)/.test(url)) return null;
  const { reason, message } = error;
  const operation = OPERATION.exec(url)?.[1] as keyof typeof PARTICIPLES | undefined;
  if (operation !== undefined && isRefused(reason)) return refusalText(url, operation, error);
  return errorText(reason, MESSAGES[reason] ?? message, sourceOf(url));
};

/** An operation on a payment that was refused: what follows `can not be …ed: ` is shown to people by clients. */
export function refusalText(
  url: string,
  operation: keyof typeof PARTICIPLES,
  { reason, message, details }: { reason: Reason; message: string; details: readonly ErrorDetail[] },
): string {
  const said = MESSAGES[reason] ?? message;
  const facts = details.filter((detail) => !said.includes(detail.message));
  const more = facts.map((fact) => `${fact.path} ${fact.message}`).join('; ');
  const why = more === '' ? said : `${said} (${more})`;
  return errorText(reason, `payment can not be ${PARTICIPLES[operation]}: ${why}`, sourceOf(url));
}

const OPERATION = /^\/hosted\/v1\/payments\/[^/]+\/(capture|cancel|refund)(?=\?|$)/;

/** Whether it says something of what was asked, rather than of who asked, how often, or of the server. */
function isRefused(reason: Reason): boolean {
  return [400, 404, 409, 422].includes(REASONS[reason].status);
}

const PARTICIPLES = { capture: 'captured', cancel: 'cancelled', refund: 'refunded' } as const;

function sourceOf(url: string): string {
  return PARTS.exec(url)?.[1] ?? OWN_SOURCE;
}

function errorText(reason: Reason, message: string, source: string): string {
  const { code, type } = JSON.parse(errorBody(reason, message, [], source, ''));
  return JSON.stringify({ code, message, source, type });
}

/** An error of our own API, as it is stored, in the words of the deployed one. */
export function translated(url: string, body: string): string {
  const { reason, message } = JSON.parse(body) as { reason: keyof typeof REASONS; message: string };
  return errorText(reason, MESSAGES[reason] ?? message, sourceOf(url));
}
