/** What the routes about customers take and answer. Objects of answers have names. */
import Type from 'typebox';
import { MAX_METADATA_KEYS } from '../core/values/metadata.ts';
import { Balance, Cursor, closed, Limit } from '../http/schemas.ts';

const Maybe = <T extends Type.TSchema>(schema: T, options: Type.TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options);
const Text = Type.String();
const Time = Type.String({ format: 'date-time' });

const Metadata = Type.Record(Type.String(), Type.Unknown(), {
  description: `Anything, kept as it is: up to ${MAX_METADATA_KEYS} keys and 16 KB of JSON.`,
  examples: [{ loyalty: 'gold' }],
});

const fields = {
  reference: Type.Optional(
    Maybe(Text, {
      description: 'Your own id of them, 1 to 255 characters. No two customers have the same one.',
      examples: ['C-1001'],
    }),
  ),
  name: Type.Optional(Maybe(Text, { description: '1 to 255 characters.', examples: ['Айгүл Серікова'] })),
  email: Type.Optional(Maybe(Text, { examples: ['aigul@example.kz'] })),
  phone: Type.Optional(
    Maybe(Text, { description: 'Kept as E.164.', examples: ['+77011234567', '8 701 123 45 67'] }),
  ),
  locale: Type.Optional(
    Maybe(Text, { description: 'Their language, as of BCP 47.', examples: ['kk', 'ru-KZ'] }),
  ),
  metadata: Type.Optional(Metadata),
};

export const CustomerBody = Type.Object(fields, closed);
export const CustomerPatch = Type.Object(fields, { ...closed, minProperties: 1 });

export const CustomerQuery = Type.Object(
  {
    query: Type.Optional(
      Type.String({
        description:
          'What a reference, a name, an e-mail address or a phone number begins with. Case does not count in names and addresses.',
      }),
    ),
    reference: Type.Optional(Type.String({ description: 'Exactly this one.' })),
    limit: Limit,
    cursor: Cursor,
  },
  closed,
);

export const Customer = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    reference: Maybe(Text),
    name: Maybe(Text),
    email: Maybe(Text),
    phone: Maybe(Text, { description: 'E.164.' }),
    locale: Maybe(Text),
    metadata: Metadata,
    createdAt: Time,
    updatedAt: Time,
    erasedAt: Maybe(Time, {
      description: 'When the personal data was erased: all that is left is the id, to which payments point.',
    }),
  },
  { $id: 'Customer', description: 'A customer of the merchant, whoever else knows the same person.' },
);

export const CustomerTotals = Type.Object(
  {
    currency: Type.String({ examples: ['KZT'] }),
    payments: Type.Integer({ minimum: 0, description: 'Payments of which something was captured.' }),
    spent: { ...Balance, description: 'Minor units. What was captured of them, before refunds.' },
    refunded: { ...Balance, description: 'Minor units. What was given back of it.' },
  },
  { $id: 'CustomerTotals', description: 'What a customer spent in one currency.' },
);

/** What is asked for by many rows: written as it is read. */
export const CustomerExport = Type.Object(
  {
    customer: Type.Ref('Customer'),
    cards: Type.Array(Type.Ref('ExportedCard')),
    consents: Type.Array(Type.Ref('ExportedConsent'), {
      description: 'The oldest first, also those that are over.',
    }),
    paymentLinks: Type.Array(Type.Union([Type.Ref('PaymentLink'), Type.Ref('PaymentSession')])),
    transactions: Type.Array(Type.Ref('Transaction'), { description: 'Newest first, refunds too.' }),
  },
  { $id: 'CustomerExport', description: 'All that is kept of a customer. No card numbers are.' },
);

export const ExportedCard = Type.Object(
  {
    id: Text,
    brand: Text,
    last4: Text,
    expiryMonth: Type.Integer(),
    expiryYear: Type.Integer(),
    createdAt: Time,
  },
  { $id: 'ExportedCard', description: 'A card with which the customer paid.' },
);

export const ExportedConsent = Type.Object(
  {
    cardId: Text,
    at: Time,
    by: Type.Enum(['checkout', 'api']),
    transactionId: Type.String({ description: 'The payment by which the customer agreed.' }),
    merchantInitiated: Type.Boolean({
      description: 'To be charged without them; else to have the card kept.',
    }),
    until: Type.Union([Time, Type.Null()]),
    withdrawnAt: Type.Union([Time, Type.Null()]),
    deletedAt: Type.Union([Time, Type.Null()]),
  },
  { $id: 'ExportedConsent', description: 'What the customer has agreed to with one of their cards.' },
);

export const CUSTOMER_OBJECTS = [Customer, CustomerTotals, ExportedCard, ExportedConsent, CustomerExport];
