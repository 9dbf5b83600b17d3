import Type from 'typebox';
import { ACQUIRER_PROBLEMS } from '../acquiring/registry.ts';
import { CAPABILITIES } from '../core/acquirers.ts';
import { Balance, closed } from '../http/schemas.ts';

const Id = Type.String({ format: 'uuid', examples: ['00000000-0000-0000-0000-000000000001'] });
const Time = Type.String({ format: 'date-time', examples: ['2026-11-20T09:30:00.000Z'] });
const Name = Type.String({
  description: '1 to 255 characters, of one acquirer alone.',
  examples: ['Bank A'],
});
const Url = Type.String({
  maxLength: 2_000,
  description: 'Where its connector reaches it; in production https only.',
  examples: ['https://bank.example/acquiring'],
});
const Capabilities = Type.Array(Type.Enum([...CAPABILITIES]), {
  uniqueItems: true,
  description:
    'What it can do: of what its connector can. What it cannot is refused before the bank is asked.',
});
const TakesPayments = Type.Boolean({
  description: 'False: new payments go elsewhere; those that it has are captured, refunded and so on there.',
});
const Secret = Type.String({
  minLength: 1,
  maxLength: 4_096,
  description: 'What its connector shows to the bank. Kept encrypted, never shown again.',
});

export const AcquirerView = Type.Object(
  {
    id: Id,
    name: Name,
    connector: Type.String({ description: 'How it is spoken to.', examples: ['http'] }),
    url: Type.Union([Url, Type.Null()], {
      description: 'Null: where ACQUIRER_URL says it is, or a simulated bank of the sandbox.',
    }),
    capabilities: Capabilities,
    takesPayments: TakesPayments,
    isDefault: Type.Boolean({ description: 'Payments that no route fits go there.' }),
    isSetUp: Type.Boolean({ description: 'False: the node that answers cannot ask it.' }),
    problem: Type.Union([Type.Enum([...ACQUIRER_PROBLEMS]), Type.Null()], {
      description:
        'Why the node that answers cannot ask it: its CONNECTORS have none of this name, it has not been told where the acquirer is, or its connector cannot be made of what is set up. Other nodes may be able to; what is asked meanwhile waits for them.',
    }),
    credentialNames: Type.Array(Type.String(), {
      description:
        'What its connector may be told of each merchant. Empty where the node that answers has no such connector.',
      examples: [['merchantId', 'secret']],
    }),
    pendingOperations: Type.Integer({ description: 'What it was asked and has not answered.' }),
    balances: Type.Array(Type.Object({ currency: Type.String(), balance: Balance }), {
      description: 'Its accounts in the ledger: below 0 by what it owes for card payments.',
    }),
    createdAt: Time,
  },
  { $id: 'Acquirer', description: 'A bank that cards are paid by.' },
);
export const AcquirerBody = Type.Object(
  {
    name: Name,
    connector: Type.Optional(Type.String({ description: 'Default: `http`.' })),
    url: Url,
    secret: Secret,
    capabilities: Type.Optional(Capabilities),
    takesPayments: Type.Optional(TakesPayments),
  },
  closed,
);
export const AcquirerPatch = Type.Object(
  {
    name: Type.Optional(Name),
    url: Type.Optional(Url),
    secret: Type.Optional(Secret),
    capabilities: Type.Optional(Capabilities),
    takesPayments: Type.Optional(TakesPayments),
  },
  { ...closed, minProperties: 1 },
);

const route = {
  merchantId: Type.Union([Type.String(), Type.Null()]),
  paymentMethod: Type.Union([Type.Literal('card'), Type.Null()]),
  currency: Type.Union([Type.String(), Type.Null()]),
  cardBrand: Type.Union([Type.String({ maxLength: 32 }), Type.Null()]),
};
export const AcquirerRouteView = Type.Object(
  { ...route, acquirerId: Id },
  { $id: 'AcquirerRoute', description: 'Sends the payments that it fits to an acquirer. Null fits all.' },
);
const MAX_ROUTES = 1_000;
export const RoutesBody = Type.Object(
  {
    routes: Type.Array(
      Type.Object(
        {
          merchantId: Type.Optional(route.merchantId),
          paymentMethod: Type.Optional(route.paymentMethod),
          currency: Type.Optional(route.currency),
          cardBrand: Type.Optional(route.cardBrand),
          acquirerId: Type.String(),
        },
        closed,
      ),
      { maxItems: MAX_ROUTES, description: 'All routes, the one that is looked at first first.' },
    ),
  },
  closed,
);
export const RoutesView = Type.Object(
  { routes: Type.Array(Type.Ref('AcquirerRoute')) },
  { $id: 'AcquirerRoutes' },
);

export const AcquirerCredentialsView = Type.Object(
  {
    acquirerId: Id,
    names: Type.Array(Type.String(), { description: 'What is kept. The values are never shown.' }),
    updatedAt: Type.Union([Time, Type.Null()], { description: 'Null: nothing is kept.' }),
  },
  { $id: 'AcquirerCredentials', description: 'How a merchant is known to an acquirer.' },
);
export const CredentialsBody = Type.Object(
  {
    credentials: Type.Record(Type.String(), Type.String({ minLength: 1, maxLength: 8_192 }), {
      maxProperties: 20,
      description:
        'By the names that the acquirer’s connector has: `merchantId` and `secret` of `http`. In place of all that is kept; `{}` takes everything away. Payments that were authorized before go on under the account that they were authorized under.',
      examples: [{ merchantId: 'MID-100045' }],
    }),
    sameAccount: Type.Optional(
      Type.Boolean({
        description:
          'True: a new secret of the account at the bank that the ones before were of; payments that were authorized under those go on under these. False: another account. Without it the connector says: with `http` it is the same account if `merchantId` is the same.',
      }),
    ),
  },
  closed,
);

export const ACQUIRER_OBJECTS = [AcquirerView, AcquirerRouteView, RoutesView, AcquirerCredentialsView];
