/** What the admin API takes and answers. Objects of answers have names, which the SDK's types carry too. */
import Type from 'typebox';
import { ACCOUNT_KINDS, SYSTEM_KINDS } from '../core/accounts.ts';
import { MERCHANT_SCOPES } from '../core/scopes.ts';
import { Balance, Cursor, closed, Limit, NextCursor, shownOnce } from './schemas.ts';

const Id = Type.String({ format: 'uuid', examples: ['01900000-0000-7000-8000-000000000001'] });
const Time = Type.String({ format: 'date-time', examples: ['2026-11-20T09:30:00.000Z'] });
const NullableTime = Type.Union([Time, Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const Currency = Type.String({ description: 'ISO 4217 code.', examples: ['KZT'] });
const Money = Type.Integer({ description: 'Minor units of the currency.' });
const Name = Type.String({ description: '1 to 255 characters.', examples: ['Demo Store'] });
const CaptureMode = Type.Enum(['manual', 'automatic']);
/** A year: longer is a mistake in the unit. */
const MAX_SECONDS = 366 * 86_400;
const CaptureDelay = Type.Integer({
  minimum: 0,
  maximum: MAX_SECONDS,
  description: 'Seconds from the authorization to its automatic capture; less than authorizationTtl.',
});
const AuthorizationTtl = Type.Integer({
  minimum: 1,
  maximum: MAX_SECONDS,
  description: 'Seconds that an authorization holds. Default: 7 days.',
});
const LinkCaptureDelay = Type.Integer({
  minimum: 0,
  maximum: MAX_SECONDS,
  description:
    'Seconds from the authorization of a payment by a payment link to its capture, where the link clears by itself (`autoClearing`). Default: 1 hour. A payment keeps what it began with.',
});
const LinkHold = Type.Integer({
  minimum: 0,
  maximum: MAX_SECONDS,
  description:
    'The same where the merchant captures: so long it can capture or cancel, then all that is held is captured by itself. Default: 5 days.',
});
const ReturnOrigins = Type.Array(Type.String({ maxLength: 255 }), {
  maxItems: 100,
  uniqueItems: true,
  description:
    'Where payers may be sent back to after 3-D Secure: origins (in production https only), and schemes of apps.',
  examples: [['https://shop.example', 'myapp://']],
});
const TimeZone = Type.Union([Type.String({ maxLength: 64 }), Type.Null()], {
  description:
    'In which days begin and end, by its name in IANA’s database. Default: null, which is UTC in the API and the viewer’s own in the dashboard.',
  examples: ['Asia/Almaty'],
});
const RequireIdempotencyKey = Type.Boolean({
  description:
    'Whether captures, cancels and refunds need an Idempotency-Key, as authorizations always do: without one they are a 400 `missing_idempotency_key`. Default: false.',
});
const CheckoutColor = Type.Union([Type.String({ pattern: '^#[0-9A-Fa-f]{6}$' }), Type.Null()], {
  description:
    'Of buttons and links at the checkout: `#rrggbb`. Where it could not be read on the page’s ground it is shown darker, or on a dark ground lighter. Default: null, ours.',
  examples: ['#0a7d4f'],
});
const CheckoutOrigins = Type.Array(Type.String({ maxLength: 255 }), {
  maxItems: 20,
  uniqueItems: true,
  description:
    'Whose pages may show the checkout in a frame, or in a popup by `/pay/api.js`: origins, in production https only. Default: none.',
  examples: [['https://shop.example']],
});
const Scopes = Type.Array(Type.Enum([...MERCHANT_SCOPES]), {
  minItems: 1,
  uniqueItems: true,
  description:
    '`read` for GET, `write` for payments and all else that changes something, `webhooks` to say where events go. Default: read and write. Keys that are to do one thing only have others in their place: `payments:read`, `payments:write` (new payments), `captures:write`, `cancels:write`, `refunds:write`, `links:read`, `links:write`, `customers:read`, `customers:write` (with their cards), `reports:read` (balances, statistics, issues, the request log, stores), `webhooks:read`, `deliveries:write` (test, resend and replay webhooks). Operators’ keys have `read` and `write`.',
});
const AllowedNetworks = Type.Union(
  [Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 50 }), Type.Null()],
  {
    description:
      'From where the key may be used: addresses and networks of IPv4 and IPv6. Requests from elsewhere are refused with 403 `address_not_allowed`. Default: null, from anywhere.',
    examples: [['203.0.113.7', '10.0.0.0/8', '2001:db8::/32']],
  },
);

const settings = {
  name: Name,
  captureMode: CaptureMode,
  captureDelay: CaptureDelay,
  authorizationTtl: AuthorizationTtl,
  linkCaptureDelay: LinkCaptureDelay,
  linkHold: LinkHold,
  returnOrigins: ReturnOrigins,
  timeZone: TimeZone,
  requireIdempotencyKey: RequireIdempotencyKey,
  checkoutColor: CheckoutColor,
  checkoutOrigins: CheckoutOrigins,
};
const CheckoutLogo = Type.Union([Type.String(), Type.Null()], {
  description: 'Path of the logo that payers see; null: it has none.',
  examples: ['/checkout/logos/5f0c2d1e9a7b4c3d8e6f7a0b1c2d3e4f'],
});
export const Merchant = Type.Object(
  { id: Id, ...settings, checkoutLogo: CheckoutLogo, createdAt: Time },
  { $id: 'Merchant' },
);
export const MerchantBody = Type.Object(
  {
    name: Name,
    captureMode: Type.Optional(CaptureMode),
    captureDelay: Type.Optional(CaptureDelay),
    authorizationTtl: Type.Optional(AuthorizationTtl),
    linkCaptureDelay: Type.Optional(LinkCaptureDelay),
    linkHold: Type.Optional(LinkHold),
    returnOrigins: Type.Optional(ReturnOrigins),
    timeZone: Type.Optional(TimeZone),
    requireIdempotencyKey: Type.Optional(RequireIdempotencyKey),
    checkoutColor: Type.Optional(CheckoutColor),
    checkoutOrigins: Type.Optional(CheckoutOrigins),
  },
  closed,
);
export const MerchantPatch = Type.Partial(Type.Object(settings), { ...closed, minProperties: 1 });

const apiKey = {
  id: Id,
  merchantId: Type.Union([Id, Type.Null()], { description: 'Null: an operator’s key.' }),
  name: Name,
  hint: Type.String({ description: 'The last characters of the key, to tell keys apart.' }),
  scopes: Scopes,
  createdAt: Time,
  expiresAt: NullableTime,
  revokedAt: NullableTime,
  allowedNetworks: AllowedNetworks,
  lastUsedAt: Type.Union([Time, Type.Null()], { description: 'To within some seconds; null: not yet.' }),
  lastUsedAddress: NullableText,
};
export const ApiKey = Type.Object(apiKey, { $id: 'ApiKey' });
export const IssuedApiKey = Type.Object(
  { ...apiKey, apiKey: shownOnce('The key itself.') },
  { $id: 'IssuedApiKey' },
);
export const ApiKeyBody = Type.Object(
  {
    name: Name,
    scopes: Type.Optional(Scopes),
    expiresAt: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description:
          'A time to come: RFC 3339, in any time zone; null: never. Default: a merchant’s key never, an operator’s after 365 days.',
      }),
    ),
    allowedNetworks: Type.Optional(AllowedNetworks),
  },
  closed,
);

export const ApiKeyPatch = Type.Object(
  { name: Type.Optional(Name), allowedNetworks: Type.Optional(AllowedNetworks) },
  { ...closed, minProperties: 1 },
);

export const WalletHolder = Type.Object(
  {
    id: Id,
    phoneNumber: Type.String({ description: 'E.164.', examples: ['+77010000001'] }),
    iinLast4: Type.String({ description: 'The last four digits of the IIN.', examples: ['0017'] }),
    createdAt: Time,
  },
  { $id: 'WalletHolder' },
);
export const WalletHolderBody = Type.Object(
  {
    phoneNumber: Type.String({ examples: ['+77010000001'] }),
    iin: Type.String({ description: '12 digits. Never shown again.', examples: ['900101300017'] }),
  },
  closed,
);

const balances = { available: Balance, held: Balance };
export const Wallet = Type.Object(
  {
    id: Id,
    walletHolderId: Id,
    customerId: Type.String({
      format: 'uuid',
      deprecated: true,
      description: 'The same as `walletHolderId`, by its name of before.',
    }),
    currency: Currency,
    ...balances,
    frozen: Type.Boolean(),
    requiresConfirmation: Type.Boolean({
      description: 'Each authorization waits for the holder’s approval.',
    }),
  },
  { $id: 'Wallet' },
);
export const WalletBody = Type.Object(
  { currency: Currency, requiresConfirmation: Type.Optional(Type.Boolean()) },
  closed,
);

export const Transfer = Type.Object(
  {
    id: Id,
    walletId: Id,
    kind: Type.Enum(['deposit', 'withdrawal']),
    amount: Money,
    currency: Currency,
    reference: NullableText,
    createdAt: Time,
    ...balances,
  },
  { $id: 'Transfer', description: 'Money that entered a wallet or left it, and the balances after it.' },
);

const entry = {
  operationId: Type.String({ description: 'The transaction, or the transfer, that moved the money.' }),
  amount: Money,
  change: Type.Integer({
    description: 'The same amount, below 0 where it left: changes add up to the balance.',
  }),
  balance: Balance,
  reference: Type.Union([Type.String(), Type.Null()], {
    description: 'The order reference of a payment, or the reference of a transfer.',
  }),
  at: Time,
};
export const WalletEntry = Type.Object(
  {
    ...entry,
    code: Type.Enum([...ACCOUNT_KINDS.wallet.codes]),
    merchantId: Type.Union([Id, Type.Null()]),
  },
  {
    $id: 'WalletEntry',
    description: 'One move of money, and the wallet’s balance after it, of which a part may be held.',
  },
);
export const OpenHold = Type.Object(
  {
    transactionId: Id,
    merchantId: Id,
    amount: Money,
    reference: Type.String({ description: 'The order reference.' }),
    expiresAt: NullableTime,
  },
  { $id: 'OpenHold', description: 'What a payment still holds on a wallet. A hold moves nothing.' },
);
const statement = {
  nextCursor: NextCursor,
  openingBalance: Type.Integer({ format: 'bigint', description: 'At the beginning of the period.' }),
  closingBalance: Type.Integer({
    format: 'bigint',
    description: 'At the end of the period: what it opened with and all changes between.',
  }),
};
export const WalletStatement = Type.Object(
  {
    items: Type.Array(Type.Ref('WalletEntry')),
    ...statement,
    ...balances,
    holds: Type.Array(Type.Ref('OpenHold'), {
      description: 'What is held now, payment by payment, newest first; at most 100.',
    }),
  },
  { $id: 'WalletStatement', description: 'What moved on a wallet, and what is held on it.' },
);
export const MerchantEntry = Type.Object(
  {
    ...entry,
    code: Type.Enum([...ACCOUNT_KINDS.merchant.codes], {
      description:
        '`refund_returned`: a card refund that the bank refused, whose amount came back. `payout`: money that left the balance for the merchant’s bank.',
    }),
    currency: Currency,
  },
  { $id: 'MerchantEntry', description: 'One move of money, and the merchant’s balance after it.' },
);
export const MerchantStatement = Type.Object(
  { items: Type.Array(Type.Ref('MerchantEntry')), ...statement, currency: Currency },
  { $id: 'MerchantStatement', description: 'What moved on a merchant’s balance in one currency.' },
);
export const MerchantBalance = Type.Object(
  { currency: Currency, balance: Balance, ...balances },
  { $id: 'MerchantBalance', description: 'A balance, of which `held` is spoken for.' },
);
export const SystemAccount = Type.Object(
  {
    kind: Type.Enum([...SYSTEM_KINDS], {
      description: 'funding: the world outside the wallets. acquirer: the bank that cards are paid by.',
    }),
    ownerId: Type.String({ format: 'uuid', description: 'Of an acquirer’s account: the acquirer.' }),
    currency: Currency,
    balance: Balance,
  },
  { $id: 'SystemAccount' },
);

const place = { id: Id, merchantId: Id, name: Name, createdAt: Time };
export const Store = Type.Object(place, { $id: 'Store' });
export const Terminal = Type.Object({ ...place, storeId: Id }, { $id: 'Terminal' });
export const StoreBody = Type.Object({ name: Name }, closed);
export const TerminalBody = Type.Object(
  { name: Name, storeId: Type.String({ description: 'One of the merchant’s stores.' }) },
  closed,
);

/** Every named object, to be registered once. */
export const ADMIN_OBJECTS = [
  Merchant,
  ApiKey,
  IssuedApiKey,
  WalletHolder,
  Wallet,
  Transfer,
  WalletEntry,
  MerchantEntry,
  MerchantBalance,
  MerchantStatement,
  WalletStatement,
  OpenHold,
  SystemAccount,
  Store,
  Terminal,
];

export const TransferBody = Type.Object(
  {
    amount: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [15000] }),
    reference: Type.Optional(Type.String({ description: 'Up to 255 characters, for the statement.' })),
  },
  closed,
);
export const ListQuery = Type.Object({ limit: Limit, cursor: Cursor }, closed);
export const WalletHolderQuery = Type.Object(
  {
    limit: Limit,
    cursor: Cursor,
    phoneNumber: Type.Optional(Type.String()),
    iinLast4: Type.Optional(Type.String({ pattern: '^[0-9]{4}$' })),
  },
  closed,
);
const period = {
  from: Type.Optional(Type.String({ description: 'From this time on.' })),
  to: Type.Optional(Type.String({ description: 'Before this time.' })),
  limit: Limit,
  cursor: Cursor,
};
export const PeriodQuery = Type.Object(period, closed);
export const StatementQuery = Type.Object({ currency: Currency, ...period }, closed);
export const NoQuery = Type.Object({}, closed);

/** An answer of one page of named objects. */
export function pageSchema(name: string) {
  return Type.Object({ items: Type.Array(Type.Ref(name)), nextCursor: NextCursor });
}
