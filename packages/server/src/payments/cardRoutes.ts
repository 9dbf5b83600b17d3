import { randomBytes } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import { type CardToken, findCardToken, findKnownCard, keepCardToken } from '../acquiring/cardsSql.ts';
import type { CardForBank, PayerForBank } from '../acquiring/connector.ts';
import type { Deps } from '../app/deps.ts';
import type { PayByCard } from '../core/command.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseUuid, type TransactionId } from '../core/values/ids.ts';
import { parseAmount } from '../core/values/money.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { isProtected, leadsToApp, parseReturnUrl, returnTargetOf } from '../core/values/returnUrl.ts';
import { parseText } from '../core/values/text.ts';
import { parseAddress } from '../http/addresses.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { valuesOf } from '../http/parseFields.ts';
import { execute, replay } from '../http/runCommand.ts';
import * as schemas from '../http/schemas.ts';
import { actorOf, merchantOf, PAYMENTS } from '../identity/auth.ts';
import { readClock } from '../installation/installationSql.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { findStore, findTerminal } from '../merchants/storesSql.ts';
import { BrowserBody, parseBrowser } from './browser.ts';
import { type Card, CardBody, holdsCardNumber, parseCard, refuseExpired } from './cardInput.ts';
import { transactionAnswer } from './transactionViews.ts';

const PaymentBody = Type.Object(
  {
    amount: schemas.Amount,
    currency: Type.String({ description: 'ISO 4217 code.', examples: ['KZT'] }),
    orderReference: Type.String({ description: '1 to 255 characters.', examples: ['ORDER-100045'] }),
    description: Type.Optional(Type.String({ description: '1 to 1,000 characters, shown to the payer.' })),
    card: Type.Optional(CardBody),
    cardTokenId: Type.Optional(
      Type.String({ description: 'A card that was used before, in place of `card`.' }),
    ),
    captureMode: Type.Optional(
      Type.Enum(['manual', 'automatic'], { description: 'Default: as the merchant is set up.' }),
    ),
    customerId: Type.Optional(Type.String({ description: 'UUID.' })),
    storeId: Type.Optional(Type.String({ description: 'One of the merchant’s stores.' })),
    terminalId: Type.Optional(Type.String({ description: 'One of the merchant’s terminals.' })),
    returnUrl: Type.Optional(
      Type.String({
        description:
          'Where the payer comes back to after 3-D Secure: a page, or an app by its own scheme, such as `myapp://pay/return`. Without it 3-D Secure is impossible.',
      }),
    ),
    recurringType: Type.Optional(Type.Enum(['subscription', 'installment', 'unscheduled'])),
    payerIp: Type.Optional(Type.String({ description: 'IPv4 or IPv6 address of the payer.' })),
    browser: Type.Optional(BrowserBody),
  },
  schemas.closed,
);
type PaymentBody = Static<typeof PaymentBody>;

/** Card payments. */
export function paymentRoutes(app: App, deps: Deps): void {
  app.post(
    '/v1/payments',
    {
      config: PAYMENTS,
      schema: {
        operationId: 'createPayment',
        summary: 'Pay by card',
        tags: ['Payments'],
        security: [{ merchantApiKey: [] }],
        headers: schemas.RequiredIdempotencyHeader,
        body: PaymentBody,
        response: { 201: Type.Ref('Transaction'), '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const idempotencyKey = idempotencyKeyOf(request, true);
      refuseNumberElsewhere(request.body, idempotencyKey);
      const payment = parsePayment(deps, request.body);
      const { fingerprintBody } = payment;
      const call = { idempotencyKey, path: '/v1/payments', fingerprintBody };
      const found = await deps.turns.payments.run(merchantId, () =>
        resolvePayment(deps, merchantId, payment).catch((error: unknown) => ({ error })),
      );
      if ('error' in found) {
        // A payment that was made before is answered as then, also when the card has expired since.
        const again = found.error instanceof ApiError ? await replay(deps, request, reply, call) : null;
        if (again === null) throw found.error;
        return reply;
      }
      const { command, payer } = found;
      const { acquirer } = deps;
      acquirer.remember(command.transactionId, payer);
      try {
        return await execute(deps, request, reply, {
          ...call,
          command,
          sender: { actor: actorOf(request, 'api'), merchantId, paymentMethod: null },
          expected: null,
          answer: (outcome, balance) => transactionAnswer(201, outcome, balance),
        });
      } finally {
        acquirer.forgetUnlessAsked(command.transactionId);
      }
    },
  );
}

/** The other fields are stored and logged by somebody: none of them may hold the card's number. */
function refuseNumberElsewhere({ card, ...rest }: PaymentBody, idempotencyKey: string | null): void {
  if (card === undefined) return;
  for (const [path, value] of Object.entries({ ...rest, 'Idempotency-Key': idempotencyKey })) {
    if (typeof value === 'string' && holdsCardNumber(value, card.number))
      throw fieldError('invalid_request', path, 'must not hold the card number');
  }
}

/** What a request says by itself. */
interface ParsedPayment {
  readonly fields: Omit<
    PayByCard,
    'kind' | 'transactionId' | 'merchantId' | 'cardTokenId' | 'cardBrand' | 'cardLast4'
  >;
  /** The card, or the id of one that was used before. */
  readonly card: Card | string;
  readonly browser: PayerForBank['browser'];
  /** With what stands for the card: keyed, and without the cvc. */
  readonly fingerprintBody: unknown;
}

/** @throws ApiError 400 naming every field that is wrong */
function parsePayment({ secrets }: Deps, body: PaymentBody): ParsedPayment {
  const { card: cardBody, cardTokenId, ...rest } = body;
  const browser = parseBrowser(body.browser);
  const values = valuesOf({
    amount: parseAmount(body.amount),
    currency: parseCurrency(body.currency),
    orderReference: parseOrderReference(body.orderReference),
    description: optional(body.description, (text) => parseText(text, { max: 1_000 })),
    customerId: optional(body.customerId, parseUuid<'CustomerId'>),
    storeId: optional(body.storeId, parseUuid<'StoreId'>),
    terminalId: optional(body.terminalId, parseUuid<'TerminalId'>),
    returnUrl: optional(body.returnUrl, parseReturnUrl),
    payerIp: optional(body.payerIp, parseAddress),
  });
  const { captureMode = null, recurringType = null } = body;
  const fields = { ...values, captureMode, recurringType };
  if (cardBody !== undefined && cardTokenId === undefined) {
    const card = parseCard(cardBody);
    const { expiryMonth, expiryYear, holder } = card;
    const fingerprint = `${secrets.firstCardHash(card.number)} ${expiryMonth}/${expiryYear} ${holder ?? ''}`;
    return { fields, card, browser, fingerprintBody: { ...rest, card: fingerprint } };
  }
  if (cardBody === undefined && cardTokenId !== undefined)
    return { fields, card: cardTokenId, browser, fingerprintBody: { ...rest, cardTokenId } };
  throw fieldError('invalid_request', 'card', 'is required, or cardTokenId in its place; not both');
}

/**
 * What a payment needs besides, which may change from one request to the next.
 * @throws ApiError 400 naming what is not or no longer so; 503
 */
async function resolvePayment(
  deps: Deps,
  merchantId: string,
  { fields, card, browser }: ParsedPayment,
): Promise<{ readonly command: PayByCard; readonly payer: PayerForBank }> {
  refuseWithoutBank(deps);
  await checkPlaces(deps, merchantId, fields.storeId, fields.terminalId);
  await checkReturnUrl(deps, merchantId, fields.returnUrl);
  const token =
    typeof card === 'string'
      ? await requireCardToken(deps, merchantId, card)
      : await keepCard(deps, merchantId, card);
  const command: PayByCard = {
    kind: 'pay_by_card',
    transactionId: uuidv7() as TransactionId,
    merchantId,
    ...fields,
    cardTokenId: token.id,
    cardBrand: token.brand,
    cardLast4: token.last4,
  };
  return { command, payer: { card: typeof card === 'string' ? null : cardForBank(card), browser } };
}

/** In production there is no simulated bank, and no card may seem to be taken. */
function refuseWithoutBank({ config }: Deps): void {
  if (config.mode === 'production' && config.acquirer === null)
    throw new ApiError('service_unavailable', 'card payments are not set up here');
}

async function requireCardToken({ reserved }: Deps, merchantId: string, id: string): Promise<CardToken> {
  const token = /^ct_[0-9a-f]{32}$/.test(id) ? await findCardToken(reserved, merchantId, id) : null;
  if (token?.chargeable === true) return token;
  throw fieldError('invalid_card', 'cardTokenId', 'is not a card of yours that can be charged');
}

async function keepCard({ reserved, secrets }: Deps, merchantId: string, card: Card): Promise<CardToken> {
  refuseExpired(card, await readClock(reserved));
  const { brand, last4, expiryMonth, expiryYear } = card;
  const id = `ct_${randomBytes(16).toString('hex')}`;
  const fingerprint = secrets.hashCard(card.number);
  const known = await findKnownCard(reserved, merchantId, secrets.otherCardHashes(card.number), card);
  if (known !== null) return known;
  return keepCardToken(reserved, { id, merchantId, fingerprint, brand, last4, expiryMonth, expiryYear });
}

function cardForBank({ number, expiryMonth, expiryYear, cvc, holder }: Card): CardForBank {
  return { number, expiryMonth, expiryYear, cvc, holder };
}

function optional<T>(text: string | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined ? parsed(null) : parse(text);
}

async function checkPlaces(
  deps: Deps,
  merchantId: string,
  storeId: string | null,
  terminalId: string | null,
): Promise<void> {
  if (storeId !== null && (await findStore(deps.reserved, merchantId, storeId)) === null) {
    throw fieldError('invalid_request', 'storeId', 'is not one of your stores');
  }
  if (terminalId === null) return;
  const terminal = await findTerminal(deps.reserved, merchantId, terminalId);
  if (terminal === null) throw fieldError('invalid_request', 'terminalId', 'is not one of your terminals');
  if (storeId !== null && terminal.storeId !== storeId)
    throw fieldError('invalid_request', 'terminalId', 'is not in this store');
}

/** In production a payer is sent only to where the merchant has said; the sandbox sends them to any page, but to no other app. */
export async function checkReturnUrl(
  deps: Deps,
  merchantId: string,
  returnUrl: string | null,
): Promise<void> {
  if (returnUrl === null || (deps.config.mode === 'sandbox' && !leadsToApp(returnUrl))) return;
  if (deps.config.mode === 'production' && !isProtected(returnUrl))
    throw fieldError('invalid_request', 'returnUrl', 'must begin with https:// in production');
  const merchant = await findMerchant(deps.reserved, merchantId);
  if (merchant?.returnOrigins.includes(returnTargetOf(returnUrl)) === true) return;
  const what = leadsToApp(returnUrl) ? 'app schemes' : 'origins';
  throw fieldError('invalid_request', 'returnUrl', `must have one of the ${what} that are set up for you`);
}
