/** What the routes about cards on file take and answer. */
import Type from 'typebox';
import { closed } from '../http/schemas.ts';

const Time = Type.String({ format: 'date-time', examples: ['2026-11-28T09:30:00.000Z'] });
const MaybeTime = (description: string) => Type.Union([Time, Type.Null()], { description });

export const CardOnFile = Type.Object(
  {
    id: Type.String({
      description: 'What the card is charged by: the `cardTokenId` of payments.',
      examples: ['ct_5f0c1b0e8f2d4c6a9b7e3d1f5a2c4e68'],
    }),
    customerId: Type.String({ format: 'uuid' }),
    brand: Type.String({ examples: ['visa'] }),
    last4: Type.String({ examples: ['4242'] }),
    expiryMonth: Type.Integer({ examples: [12] }),
    expiryYear: Type.Integer({ examples: [2030] }),
    isDefault: Type.Boolean({
      description:
        'Whether it is charged where none is named: the one that was made so last, else the first one.',
    }),
    createdAt: Time,
    consent: Type.Object({
      at: Time,
      by: Type.Enum(['checkout', 'api'], { description: 'Where the customer gave it.' }),
      transactionId: Type.String({ format: 'uuid', description: 'The payment that it was given with.' }),
      merchantInitiated: Type.Boolean({
        description:
          'Whether the customer has agreed to be charged without them; else it was kept for their own use.',
      }),
      until: MaybeTime('When it ends by itself; null: it does not.'),
      withdrawnAt: MaybeTime('Since when it no longer stands; null: it does.'),
    }),
  },
  { $id: 'CardOnFile', description: 'A card that a customer has had kept. Its number is nowhere.' },
);

export const DeletedCard = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { $id: 'DeletedCard' },
);

export const CardPatch = Type.Object(
  { isDefault: Type.Literal(true, { description: 'Makes it the one that is charged where none is named.' }) },
  closed,
);

export const CARD_OBJECTS = [CardOnFile, DeletedCard];
