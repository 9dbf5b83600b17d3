/** The generation of 2023: a session for a payer who is at the shop now, in major units. */
import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { CreateLink, Outcome } from '../core/command.ts';
import { LINK_LOCALES, type LinkLocale } from '../core/link.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { publicLinkIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import { callOf } from '../engine/caller.ts';
import type { Answer } from '../engine/idempotency.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, type ErrorDetail, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { invalidFields } from '../http/parseFields.ts';
import { merchantOf } from '../identity/auth.ts';
import { createLinkCommand } from '../links/linkCommands.ts';
import type { Callback } from '../webhooks/callbacks.ts';
import { majorAmountOf } from './bodies.ts';
import { hostedCallerOf, isGiven, refuseRecurring, sendTranslated, WRITES } from './common.ts';
import { majorNumber } from './views.ts';
import { translated } from './words.ts';

const PATH = '/v1/payment-sessions';
const maybe = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
const Text = Type.String();

/** Of the customer, the addresses and the items nothing is kept: nothing here needs them. */
const SessionBody = Type.Object({
  terminalId: maybe(Text),
  transactionType: maybe(Type.Enum(['auth', 'sale'])),
  locale: maybe(Text),
  orderDetails: Type.Object({
    description: maybe(Text),
    orderReference: Text,
    cartReference: maybe(Text),
    amount: Type.Unknown(),
    currency: Text,
  }),
  recurring: Type.Optional(Type.Unknown()),
  urls: maybe(
    Type.Object({ success: maybe(Text), failure: maybe(Text), cancel: maybe(Text), callback: maybe(Text) }),
  ),
});
type SessionBody = Static<typeof SessionBody>;

/** Where a field of a link is in a session's body. */
const SENT_AS: Readonly<Record<string, string>> = {
  amount: 'orderDetails.amount',
  currency: 'orderDetails.currency',
  orderReference: 'orderDetails.orderReference',
  description: 'orderDetails.description',
  'metadata.successUrl': 'urls.success',
  'metadata.failureUrl': 'urls.failure',
  'metadata.cancelUrl': 'urls.cancel',
  'metadata.callbackUrl': 'urls.callback',
};

export function hostedSessionRoutes(app: App, deps: Deps): void {
  app.post(PATH, { config: WRITES, schema: { hide: true, body: SessionBody } }, async (request, reply) => {
    const { merchantId } = merchantOf(request);
    const command = await commandOf(deps, merchantId, request.body, apiKeyOf(request));
    const caller = hostedCallerOf(deps, request, PATH);
    const told = await deps.engine.runOnce(callOf(caller, command, null, { render: sessionAnswer }));
    return sendTranslated(deps, request, reply, told, {
      success: (body) => body,
      error: (body) => translated(request.url, body),
    });
  });
}

/** @throws ApiError 400 naming every field that is wrong, as it was sent */
async function commandOf(
  deps: Deps,
  merchantId: string,
  body: SessionBody,
  apiKey: Callback['apiKey'],
): Promise<CreateLink> {
  const { orderReference, description, cartReference } = body.orderDetails;
  const { urls } = body;
  refuseRecurring(body.recurring);
  const metadata = whatIsGiven({
    ...{ successUrl: urls?.success, failureUrl: urls?.failure, cancelUrl: urls?.cancel },
    ...{ callbackUrl: urls?.callback, cartReference, terminalId: body.terminalId },
  });
  const currency = parseCurrency(body.orderDetails.currency);
  if (!currency.ok) throw fieldError('invalid_currency', 'orderDetails.currency', currency.error);
  const amount = majorAmountOf(body.orderDetails.amount, currency.value);
  if (!amount.ok) throw fieldError('invalid_amount', 'orderDetails.amount', amount.error);
  if (amount.value === null) throw fieldError('missing_field', 'orderDetails.amount', 'is required');
  const terms = {
    ...{ amount: Number(amount.value), currency: currency.value, orderReference },
    ...{
      metadata,
      description: isGiven(description) ? description : null,
      locale: localeOf(body.locale ?? ''),
    },
    // What is held is the merchant's to capture; a sale is captured by itself.
    autoClearing: body.transactionType !== 'auth',
  };
  const { callbackUrl } = metadata;
  const callback: Callback | null =
    callbackUrl === undefined ? null : { url: callbackUrl, format: 'flat_2023', apiKey };
  try {
    return await createLinkCommand(deps, merchantId, 'session', terms, callback);
  } catch (error) {
    throw error instanceof ApiError ? asSent(error) : error;
  }
}

/** The key that a session is made with signs what its shop is told of it. */
function apiKeyOf(request: FastifyRequest): { id: string; text: string } {
  const { authorization } = request.headers;
  if (authorization === undefined) throw new Error('a session was made without an API key');
  return { id: merchantOf(request).apiKeyId, text: authorization };
}

function whatIsGiven(values: Record<string, string | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => isGiven(entry[1])),
  );
}

/** `ru-RU` is Russian; `kz`, the country, stands for its language. A language that is not spoken here: the browser's. */
function localeOf(text: string): LinkLocale | null {
  const language = text.slice(0, 2).toLowerCase();
  return LINK_LOCALES.find((locale) => locale === (language === 'kz' ? 'kk' : language)) ?? null;
}

function asSent(error: ApiError): ApiError {
  const { reason, details } = error;
  if (details.length === 0) return error;
  const renamed = details.map(({ path, message }): ErrorDetail => ({ path: SENT_AS[path] ?? path, message }));
  return invalidFields(renamed, reason);
}

function sessionAnswer(outcome: Outcome): Answer {
  if (outcome.kind !== 'link') throw new Error(`a session ended as ${outcome.kind}`);
  const { link } = outcome;
  const { amount, currency, orderReference, description, status, url } = link;
  const body = {
    ...{ id: publicLinkIdOf(link), redirectUrl: url, status, orderReference, description },
    ...{ amount: majorNumber(amount, currency), currency },
    ...{ createdAt: iso(link.createdAt), expiresAt: iso(link.expiresAt) },
  };
  return { statusCode: 201, body: exactJson(body) };
}
