/** Sends the pages that payers see, in their language. */
import {
  type Language,
  languageOf,
  type PayerPage,
  pagePolicy,
  payerPage,
  type Word,
  word,
} from '@plexy-pay/payer-pages';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Transaction } from '../core/transaction.ts';

/** As the payer has switched it on the page, or as their browser asks for it. */
export function languageFor({ query, headers }: FastifyRequest): Language {
  return languageOf((query as { lang?: unknown }).lang, headers['accept-language']);
}

const NO_FORM = pagePolicy("'none'");
const FORM_TO_ITSELF = pagePolicy("'self'");

export function sendPayerPage(reply: FastifyReply, statusCode: number, page: PayerPage): FastifyReply {
  return reply
    .code(statusCode)
    .header('content-security-policy', page.asks === true ? FORM_TO_ITSELF : NO_FORM)
    .header('x-frame-options', 'DENY')
    .header('vary', 'accept-language')
    .type('text/html; charset=utf-8')
    .send(payerPage(page));
}

/** What is said to a payer in place of what was asked for. */
export interface Notice {
  readonly statusCode: number;
  readonly title: Word;
  readonly text: Word;
  readonly icon: NonNullable<PayerPage['icon']>;
}

export interface NoticeOptions {
  readonly values?: Readonly<Record<string, string>>;
  readonly facts?: PayerPage['facts'];
  readonly back?: PayerPage['back'];
}

export function sendNotice(
  request: FastifyRequest,
  reply: FastifyReply,
  { statusCode, title, text, icon }: Notice,
  { values = {}, facts = [], back = null }: NoticeOptions = {},
): FastifyReply {
  const language = languageFor(request);
  return sendPayerPage(reply, statusCode, {
    language,
    // The same address shows the same again only for a GET.
    hasSwitch: request.method === 'GET',
    icon,
    title: word(language, title),
    text: word(language, text, values),
    facts,
    back,
  });
}

/** The shop's address, and which payment the payer comes back from. Null: the shop gave none. */
export function shopUrlOf({ returnUrl, id }: Pick<Transaction, 'returnUrl' | 'id'>): string | null {
  if (returnUrl === null) return null;
  const url = new URL(returnUrl);
  url.searchParams.set('transactionId', id);
  return url.href;
}

/** The way back to the shop; null: the shop has not said where that is. */
export function backTo(
  payment: Pick<Transaction, 'returnUrl' | 'id'>,
  shop: string | null,
  language: Language,
): { readonly href: string; readonly label: string } | null {
  const href = shopUrlOf(payment);
  if (href === null) return null;
  return { href, label: shop === null ? word(language, 'backToShop') : word(language, 'back', { shop }) };
}
