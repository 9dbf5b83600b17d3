import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import Type, { type Static } from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { CardForBank, PayerForBank } from '../acquirer/connector.ts';
import type { PayByCard } from '../domain/command.ts';
import { parseCurrency } from '../domain/currency.ts';
import { parseUuid, type TransactionId } from '../domain/ids.ts';
import { parseAmount } from '../domain/money.ts';
import { parseOrderReference } from '../domain/orderReference.ts';
import { type Parsed, parsed, refused } from '../domain/parse.ts';
import { parseText } from '../domain/text.ts';
import { type CardToken, findCardToken, keepCardToken } from '../store/cards.ts';
import { readClock } from '../store/installation.ts';
import { findMerchant } from '../store/merchants.ts';
import { findStore, findTerminal } from '../store/stores.ts';
import { actorOf, MANAGER, merchantOf } from './auth.ts';
import type { App } from './bareApp.ts';
import { BrowserBody, parseBrowser } from './browser.ts';
import { CardBody, holdsCardNumber, parseCard } from './cards.ts';
import type { Deps } from './deps.ts';
import { ApiError, fieldError } from './errors.ts';
import { execute } from './execute.ts';
import { valuesOf } from './fields.ts';
import { idempotencyKeyOf } from './idempotency.ts';
import * as schemas from './schemas.ts';
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
        description: 'Where the payer comes back to after 3-D Secure. Without it 3-D Secure is impossible.',
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
      config: MANAGER,
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
      refuseWithoutBank(deps);
      refuseNumberElsewhere(request.body, idempotencyKey);
      const { command, payer, fingerprintBody } = await parsePayment(deps, merchantId, request.body);
      const { acquirer } = deps;
      acquirer.remember(command.transactionId, payer);
      try {
        return await execute(deps, request, reply, {
          command,
          sender: { actor: actorOf(request, 'api'), merchantId, paymentMethod: null },
          idempotencyKey,
          path: '/v1/payments',
          fingerprintBody,
          expected: null,
          answer: (outcome, balance) => transactionAnswer(201, outcome, balance),
        });
      } finally {
        await acquirer.forgetUnlessAsked(command.transactionId);
      }
    },
  );
}

/** In production there is no simulated bank, and no card may seem to be taken. */
function refuseWithoutBank({ config }: Deps): void {
  if (config.mode === 'production' && config.acquirer === null)
    throw new ApiError('service_unavailable', 'card payments are not set up here');
}

/** The other fields are stored and logged by somebody: none of them may hold the card's number. */
function refuseNumberElsewhere({ card, ...rest }: PaymentBody, idempotencyKey: string | null): void {
  if (card === undefined) return;
  for (const [path, value] of Object.entries({ ...rest, 'Idempotency-Key': idempotencyKey })) {
    if (typeof value === 'string' && holdsCardNumber(value, card.number))
      throw fieldError('invalid_request', path, 'must not hold the card number');
  }
}

interface ParsedPayment {
  readonly command: PayByCard;
  readonly payer: PayerForBank;
  readonly fingerprintBody: unknown;
}

/** @throws ApiError 400 naming every field that is wrong */
async function parsePayment(deps: Deps, merchantId: string, body: PaymentBody): Promise<ParsedPayment> {
  const { card: cardBody, ...rest } = body;
  const browser = parseBrowser(body.browser);
  const fields = valuesOf({
    amount: parseAmount(body.amount),
    currency: parseCurrency(body.currency),
    orderReference: parseOrderReference(body.orderReference),
    description: optional(body.description, (text) => parseText(text, { max: 1_000 })),
    customerId: optional(body.customerId, parseUuid<'CustomerId'>),
    storeId: optional(body.storeId, parseUuid<'StoreId'>),
    terminalId: optional(body.terminalId, parseUuid<'TerminalId'>),
    returnUrl: optional(body.returnUrl, parseReturnUrl),
    payerIp: optional(body.payerIp, parseIp),
  });
  await checkPlaces(deps, merchantId, fields.storeId, fields.terminalId);
  await checkReturnUrl(deps, merchantId, fields.returnUrl);
  const { token, card, fingerprint } = await resolveCard(deps, merchantId, body);
  const command: PayByCard = {
    kind: 'pay_by_card',
    transactionId: uuidv7() as TransactionId,
    merchantId,
    ...fields,
    captureMode: body.captureMode ?? null,
    recurringType: body.recurringType ?? null,
    cardTokenId: token.id,
    cardBrand: token.brand,
    cardLast4: token.last4,
  };
  const fingerprintBody = cardBody === undefined ? rest : { ...rest, card: fingerprint };
  return { command, payer: { card, browser }, fingerprintBody };
}

interface ResolvedCard {
  readonly token: CardToken;
  readonly card: CardForBank | null;
  /** What stands for the card in the request's fingerprint: keyed, and without the cvc. */
  readonly fingerprint: string;
}

async function resolveCard(deps: Deps, merchantId: string, body: PaymentBody): Promise<ResolvedCard> {
  if ((body.card === undefined) === (body.cardTokenId === undefined)) {
    throw fieldError('invalid_request', 'card', 'or cardTokenId is required, and not both');
  }
  if (body.cardTokenId !== undefined) {
    const known = /^ct_[0-9a-f]{32}$/.test(body.cardTokenId);
    const token = known ? await findCardToken(deps.pool, merchantId, body.cardTokenId) : null;
    if (token?.chargeable !== true)
      throw fieldError('invalid_card', 'cardTokenId', 'is not a card of yours that can be charged');
    return { token, card: null, fingerprint: token.id };
  }
  const card = parseCard(body.card ?? never(), await readClock(deps.pool));
  const { brand, last4, number, expiryMonth, expiryYear, cvc, holder } = card;
  const fingerprint = deps.secrets.fingerprint(`card\n${number}`);
  const id = `ct_${randomBytes(16).toString('hex')}`;
  const token = await keepCardToken(deps.pool, {
    id,
    merchantId,
    fingerprint,
    brand,
    last4,
    expiryMonth,
    expiryYear,
  });
  const cardForBank = { number, expiryMonth, expiryYear, cvc, holder };
  return {
    token,
    card: cardForBank,
    fingerprint: `${fingerprint} ${expiryMonth}/${expiryYear} ${holder ?? ''}`,
  };
}

function never(): never {
  throw new Error('the card is missing');
}

function optional<T>(text: string | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined ? parsed(null) : parse(text);
}

function parseIp(text: string): Parsed<string> {
  return isIP(text) === 0 ? refused('must be an IPv4 or IPv6 address') : parsed(text);
}

function parseReturnUrl(text: string): Parsed<string> {
  if (text.length > 2_000 || !URL.canParse(text)) return refused('must be a URL of at most 2,000 characters');
  const { protocol, href, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return refused('must start with http:// or https://');
  return username === '' && password === '' ? parsed(href) : refused('must not hold credentials');
}

async function checkPlaces(
  deps: Deps,
  merchantId: string,
  storeId: string | null,
  terminalId: string | null,
): Promise<void> {
  if (storeId !== null && (await findStore(deps.pool, merchantId, storeId)) === null) {
    throw fieldError('invalid_request', 'storeId', 'is not one of your stores');
  }
  if (terminalId === null) return;
  const terminal = await findTerminal(deps.pool, merchantId, terminalId);
  if (terminal === null) throw fieldError('invalid_request', 'terminalId', 'is not one of your terminals');
  if (storeId !== null && terminal.storeId !== storeId)
    throw fieldError('invalid_request', 'terminalId', 'is not in this store');
}

/** In production a payer is sent only to where the merchant has said; the sandbox sends them anywhere. */
async function checkReturnUrl(deps: Deps, merchantId: string, returnUrl: string | null): Promise<void> {
  if (returnUrl === null || deps.config.mode === 'sandbox') return;
  const merchant = await findMerchant(deps.pool, merchantId);
  if (merchant?.returnOrigins.includes(new URL(returnUrl).origin) === true) return;
  throw fieldError('invalid_request', 'returnUrl', 'must have one of the origins that are set up for you');
}
