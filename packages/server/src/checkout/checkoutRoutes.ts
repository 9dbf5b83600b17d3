/**
 * The checkout: the page on which a payer pays a link, and what that page asks.
 *
 *   GET  /checkout/{id}          the page, with the link's state written into it
 *   GET  /checkout/{id}/state    how it stands now; ?attempt= of whose attempt
 *   POST /checkout/{id}/card        an attempt by card                   ─┐
 *   POST /checkout/{id}/saved-card  by a card that the customer has on file ─┤ answered with the state
 *   POST /checkout/{id}/wallet      an attempt from a wallet             ─┘
 *   GET  /checkout/logos/{hash}  merchants' logos
 *   GET  /pay/api.js             what opens the page in a popup, for merchants' pages
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { CheckoutState } from '@plexy-pay/checkout/state';
import { isLanguage, languageOf, word } from '@plexy-pay/payer-pages';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseIin } from '../core/values/iin.ts';
import { parsePhone } from '../core/values/phone.ts';
import { networkOf } from '../http/addresses.ts';
import type { App } from '../http/baseApp.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import { valuesOf } from '../http/parseFields.ts';
import { closed } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { requireSameOrigin } from '../identity/sessions.ts';
import { Strangers } from '../identity/strangers.ts';
import { findLogo } from '../merchants/logosSql.ts';
import { BrowserBody, parseBrowser } from '../payments/browser.ts';
import { parseCard } from '../payments/cardInput.ts';
import { languageFor, sendPayerPage } from '../payments/payerPages.ts';
import { openCheckout, type PaidWith, type Payer, payAttempt, readCheckout } from './payAttempt.ts';
import { type BuiltPage, builtPageOf, checkoutShell, shellPolicy } from './shell.ts';

/** Where the build of packages/checkout writes. */
const BUILT_PAGE = fileURLToPath(new URL('../../../checkout/dist/index.html', import.meta.url));

/**
 * Payers are strangers, of whom a mobile network has many behind one address: each asks once a second while it pays.
 * All of them together have a part of the connections that payments need.
 */
const PAYERS = { burst: 300, perSecond: 60, atOnce: 4, maxWaiting: 200 };

/** Random: it is what a payer's browser knows its payment by. */
const ATTEMPT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const AttemptId = Type.String({ pattern: ATTEMPT_ID.source });

const CardAttemptBody = Type.Object(
  {
    attemptId: AttemptId,
    card: Type.Object(
      {
        number: Type.String({ maxLength: 40 }),
        expiryMonth: Type.Integer({ minimum: 1, maximum: 12 }),
        expiryYear: Type.Integer({ minimum: 2000, maximum: 2099 }),
        // The payer is there and has the card: without the code nobody pays here.
        cvc: Type.String({ maxLength: 4 }),
        holder: Type.Optional(Type.String({ maxLength: 100 })),
      },
      closed,
    ),
    keepCard: Type.Optional(Type.Boolean()),
    browser: Type.Optional(BrowserBody),
  },
  closed,
);

const SavedCardAttemptBody = Type.Object(
  {
    attemptId: AttemptId,
    cardId: Type.String({ maxLength: 40 }),
    cvc: Type.String({ maxLength: 4 }),
    keepCard: Type.Optional(Type.Boolean()),
    browser: Type.Optional(BrowserBody),
  },
  closed,
);

const WalletAttemptBody = Type.Object(
  { attemptId: AttemptId, phoneNumber: Type.String({ maxLength: 40 }), iin: Type.String({ maxLength: 12 }) },
  closed,
);

const Params = Type.Object({ id: Type.String() });

export function checkoutRoutes(app: App, deps: Deps): void {
  const strangers = new Strangers(PAYERS);
  pageRoute(app, deps, strangers);
  logoRoute(app, deps, strangers);
  popupRoute(app);
  app.get(
    '/checkout/:id/state',
    {
      schema: {
        hide: true,
        params: Params,
        querystring: Type.Object({ attempt: Type.Optional(Type.String()) }),
      },
    },
    async (request, reply) => {
      const { attempt } = request.query;
      const payer = payerOf(request, attempt !== undefined && ATTEMPT_ID.test(attempt) ? attempt : null);
      const { id } = request.params;
      return sendState(reply, await strangers.ask(payer.network, () => readCheckout(deps, id, payer)));
    },
  );
  app.post(
    '/checkout/:id/card',
    { schema: { hide: true, params: Params, body: CardAttemptBody } },
    async (request, reply) => {
      const { attemptId, card, keepCard = false, browser } = request.body;
      return attempt(deps, strangers, request, reply, attemptId, () => ({
        method: 'card',
        card: parseCard(card),
        keepsCard: keepCard,
        browser: parseBrowser(browser),
      }));
    },
  );
  app.post(
    '/checkout/:id/saved-card',
    { schema: { hide: true, params: Params, body: SavedCardAttemptBody } },
    async (request, reply) => {
      const { attemptId, cardId, cvc, keepCard = false, browser } = request.body;
      return attempt(deps, strangers, request, reply, attemptId, () => ({
        ...{ method: 'saved-card', cardId, cvc },
        keepsCard: keepCard,
        browser: parseBrowser(browser),
      }));
    },
  );
  app.post(
    '/checkout/:id/wallet',
    { schema: { hide: true, params: Params, body: WalletAttemptBody } },
    async (request, reply) => {
      const { attemptId, phoneNumber, iin } = request.body;
      return attempt(deps, strangers, request, reply, attemptId, () => {
        const { phoneNumber: phone, iin: parsedIin } = valuesOf({
          phoneNumber: parsePhone(phoneNumber),
          iin: parseIin(iin),
        });
        return { method: 'wallet', phone, iin: parsedIin };
      });
    },
  );
}

/** @param read takes apart what was sent; it throws an ApiError naming what is wrong */
async function attempt(
  deps: Deps,
  strangers: Strangers,
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
  attemptId: string,
  read: () => PaidWith,
): Promise<FastifyReply> {
  // A page elsewhere must not make its visitors try cards here.
  requireSameOrigin(request, deps.config.publicUrl);
  const payer = { ...payerOf(request, attemptId), attemptId };
  strangers.admit(payer.network);
  return sendState(reply, await payAttempt(deps, request.params.id, payer, read()));
}

function payerOf(request: FastifyRequest, attemptId: string | null): Payer {
  const address = clientAddressOf(request);
  return { address, network: networkOf(address), attemptId };
}

function sendState(reply: FastifyReply, state: CheckoutState): FastifyReply {
  return sendJson(reply, state.status === 'not_found' ? 404 : 200, JSON.stringify(state));
}

function pageRoute(app: App, deps: Deps, strangers: Strangers): void {
  let built: BuiltPage | null = null;
  app.get(
    '/checkout/:id',
    {
      schema: { hide: true, params: Params },
      errorHandler: (error, request, reply) => {
        request.log.warn({ requestId: request.id, err: error }, 'a payer could not open the checkout');
        return sendTrouble(request, reply, 'payment.trouble.title', 'checkout.trouble.text');
      },
    },
    async (request, reply) => {
      const payer = payerOf(request, null);
      const { state, origins } = await strangers.ask(payer.network, () =>
        openCheckout(deps, request.params.id, payer),
      );
      built ??= await readFile(BUILT_PAGE, 'utf8').then(builtPageOf, () => null);
      if (built === null)
        return sendTrouble(request, reply, 'checkout.unbuilt.title', 'checkout.unbuilt.text');
      const { lang } = request.query as { readonly lang?: unknown };
      const wanted = state.status === 'not_found' ? null : state.locale;
      const language = languageOf(
        typeof lang === 'string' && isLanguage(lang) ? lang : wanted,
        request.headers['accept-language'],
      );
      // The policy says who may frame it, which this cannot.
      if (origins.length > 0) reply.removeHeader('x-frame-options');
      reply
        .code(state.status === 'not_found' ? 404 : 200)
        .header('content-security-policy', shellPolicy(built, origins))
        // Apart from whoever opened it, the page would begin a process of its own: a fifth of a second on a slow phone. A
        // popup has to tell its opener that it was closed in any case.
        .header('cross-origin-opener-policy', 'unsafe-none')
        .header('vary', 'accept-language, accept-encoding')
        .type('text/html; charset=utf-8');
      return sendCompressed(request, reply, checkoutShell(built, state, language));
    },
  );
}

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
/** Of 11: two milliseconds for the page, and a tenth more of it than with the last one. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

/** Payers' networks are slow: a quarter of the bytes is a second less on some. */
async function sendCompressed(
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
): Promise<FastifyReply> {
  const accepted = request.headers['accept-encoding'] ?? '';
  if (/\bbr\b/.test(accepted)) return reply.header('content-encoding', 'br').send(await brotli(text, BROTLI));
  if (/\bgzip\b/.test(accepted)) return reply.header('content-encoding', 'gzip').send(await zip(text));
  return reply.send(text);
}

function sendTrouble(
  request: FastifyRequest,
  reply: FastifyReply,
  title: 'payment.trouble.title' | 'checkout.unbuilt.title',
  text: 'checkout.trouble.text' | 'checkout.unbuilt.text',
): FastifyReply {
  const language = languageFor(request);
  return sendPayerPage(reply, 503, {
    language,
    hasSwitch: true,
    icon: 'time',
    title: word(language, title),
    text: word(language, text),
  });
}

/** What is shown is an image by its header alone, and runs nothing. */
const IMAGE_POLICY = "default-src 'none'; sandbox";
const LOGO_HASH = /^[0-9a-f]{32}$/;

function logoRoute(app: App, deps: Deps, strangers: Strangers): void {
  app.get(
    '/checkout/logos/:hash',
    { schema: { hide: true, params: Type.Object({ hash: Type.String() }) } },
    async (request, reply) => {
      const { hash } = request.params;
      const { network } = payerOf(request, null);
      const png = LOGO_HASH.test(hash)
        ? await strangers.ask(network, () => findLogo(deps.reserved, hash))
        : null;
      if (png === null) throw new ApiError('not_found');
      return reply
        .header('cache-control', 'public, max-age=31536000, immutable')
        .header('content-security-policy', IMAGE_POLICY)
        .type('image/png')
        .send(png);
    },
  );
}

const POPUP_SCRIPT = fileURLToPath(new URL('../../../checkout/popup/api.js', import.meta.url));

function popupRoute(app: App): void {
  app.get('/pay/api.js', { schema: { hide: true } }, async (_request, reply) =>
    reply
      // Merchants' pages load it by an address that stays.
      .header('cache-control', 'public, max-age=3600')
      .header('cross-origin-resource-policy', 'cross-origin')
      .type('text/javascript; charset=utf-8')
      .send(await readFile(POPUP_SCRIPT, 'utf8')),
  );
}
