/** What the routes for people who sign in take and answer. */
import Type from 'typebox';
import { closed, shownOnce } from '../http/schemas.ts';
import { MERCHANT_ROLES } from './roles.ts';
import { WAYS_TO_SIGN_IN } from './sessionsSql.ts';

const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Email = Type.String({ examples: ['merchant@demo.test'] });
const Name = Type.String({ description: '1 to 255 characters.', examples: ['Aigerim'] });
const MerchantRole = Type.Enum([...MERCHANT_ROLES], {
  description:
    'Each may what the ones before may: `viewer` looks, `manager` makes payments, captures, cancels and refunds, `admin` has keys, webhooks and users.',
});
const Role = Type.Enum([...MERCHANT_ROLES, 'operator']);
const NewPassword = Type.String({ description: '12 to 128 characters, hard to guess.' });

const user = { id: Id, email: Email, name: Name, role: Role };
export const User = Type.Object(
  {
    ...user,
    disabled: Type.Boolean(),
    hasSecondFactor: Type.Boolean(),
    hasIdentity: Type.Boolean({ description: 'Whether an identity of OpenID Connect is linked.' }),
    createdAt: Time,
    lastSignInAt: Type.Union([Time, Type.Null()]),
  },
  { $id: 'User' },
);
export const UserWithPassword = Type.Object(
  {
    ...user,
    disabled: Type.Boolean(),
    hasSecondFactor: Type.Boolean(),
    hasIdentity: Type.Boolean({ description: 'Whether an identity of OpenID Connect is linked.' }),
    createdAt: Time,
    lastSignInAt: Type.Union([Time, Type.Null()]),
    password: shownOnce('To sign in with, and to change.'),
  },
  { $id: 'UserWithPassword' },
);
export const SessionView = Type.Object(
  {
    user: Type.Object(user),
    merchant: Type.Union(
      [Type.Object({ id: Id, name: Name, timeZone: Type.Union([Type.String(), Type.Null()]) }), Type.Null()],
      {
        description: 'Null for operators.',
      },
    ),
    mode: Type.Enum(['sandbox', 'production']),
    mustSetUpSecondFactor: Type.Boolean({
      description:
        'A second factor is required, and there is none yet: everything else is refused with `second_factor_set_up_required` until there is.',
    }),
  },
  { $id: 'Session', description: 'Who is signed in.' },
);

const passkey = {
  id: Id,
  name: Name,
  host: Type.String({ description: 'The name of the host that it is good for.' }),
  createdAt: Time,
  lastUsedAt: Type.Union([Time, Type.Null()]),
};
export const Passkey = Type.Object(passkey, { $id: 'Passkey' });
export const PasskeyOptions = Type.Object(
  {
    options: Type.Record(Type.String(), Type.Unknown(), {
      description: 'What WebAuthn calls options in JSON: for `navigator.credentials`.',
    }),
  },
  { $id: 'PasskeyOptions' },
);
const NullableText = Type.Union([Type.String(), Type.Null()]);
export const AccountSecurity = Type.Object(
  {
    isSecondFactorRequired: Type.Boolean({
      description: 'Whether this user must have a second factor: then the last one cannot be removed.',
    }),
    totp: Type.Union([Type.Object({ setUpAt: Time }), Type.Null()], {
      description: 'The authenticator app; null: none.',
    }),
    passkeys: Type.Array(Type.Ref('Passkey')),
    recoveryCodesLeft: Type.Integer(),
    identity: Type.Union(
      [
        Type.Object({
          issuer: Type.String({ examples: ['https://login.example.com'] }),
          subject: Type.String({ description: 'Who the user is at the identity provider.' }),
          linkedAt: Time,
          lastUsedAt: Type.Union([Time, Type.Null()]),
        }),
        Type.Null(),
      ],
      { description: 'Who the user is at the identity provider (OpenID Connect); null: nobody is linked.' },
    ),
  },
  { $id: 'AccountSecurity', description: 'What protects the account of whoever is signed in.' },
);
export const TotpSecret = Type.Object(
  {
    secret: Type.String({ description: 'In Base32, to be typed into an authenticator app.' }),
    uri: Type.String({
      description: 'The same, to be shown as a QR code.',
      examples: ['otpauth://totp/Plexy%20Pay:merchant%40demo.test?issuer=Plexy%20Pay&secret=…'],
    }),
  },
  { $id: 'TotpSecret' },
);
const ShownCodes = Type.Union([Type.Array(Type.String()), Type.Null()], {
  description:
    'Each is a code to sign in with, once. They are shown only in this answer. Null: those of before still work.',
});
export const RecoveryCodes = Type.Object({ recoveryCodes: ShownCodes }, { $id: 'RecoveryCodes' });
export const AddedPasskey = Type.Object(
  { passkey: Type.Ref('Passkey'), recoveryCodes: ShownCodes },
  { $id: 'AddedPasskey' },
);
export const SignedInSession = Type.Object(
  {
    id: Id,
    isThisOne: Type.Boolean({ description: 'Whether it is the one that asks.' }),
    signedInBy: Type.Union([Type.Enum([...WAYS_TO_SIGN_IN]), Type.Null()]),
    createdAt: Time,
    expiresAt: Type.String({ format: 'date-time', description: 'When it ends if it is not used.' }),
    address: Type.Union([Type.String(), Type.Null()], { description: 'Where it began.' }),
    userAgent: NullableText,
    lastUsedAt: Type.Union([Time, Type.Null()], { description: 'To within five minutes.' }),
    lastUsedAddress: NullableText,
  },
  { $id: 'SignedInSession', description: 'A browser in which a user is signed in.' },
);
export const SignInSettings = Type.Object(
  { requireSecondFactor: Type.Boolean({ description: 'Whether every user of the merchant must have one.' }) },
  { $id: 'SignInSettings' },
);

export const SignedOut = Type.Object(
  { url: Type.String({ description: 'Where the browser signs out at the identity provider, too.' }) },
  { $id: 'SignedOut' },
);
export const IdentityProviderUrl = Type.Object(
  { url: Type.String({ description: 'Where the browser is to go.' }) },
  { $id: 'IdentityProviderUrl' },
);

/** Every named object, to be registered once. */
export const USER_OBJECTS = [
  User,
  UserWithPassword,
  SessionView,
  Passkey,
  PasskeyOptions,
  AccountSecurity,
  TotpSecret,
  AddedPasskey,
  RecoveryCodes,
  SignedInSession,
  SignInSettings,
  SignedOut,
  IdentityProviderUrl,
];

const Password = Type.Optional(
  Type.String({ description: 'The password: needed when the session began more than 10 minutes ago.' }),
);
export const ProofBody = Type.Object({ password: Password }, closed);
export const TotpCodeBody = Type.Object(
  {
    code: Type.String({
      maxLength: 64,
      description: '6 digits, as the app shows them.',
      examples: ['287082'],
    }),
  },
  closed,
);
export const NoBody = Type.Object({}, closed);

/** In base64url, as browsers write it. */
const Bytes = Type.String({ maxLength: 20_000, pattern: '^[A-Za-z0-9_-]*={0,2}$' });
/** Whatever else a browser tells of a credential is not looked at. */
const credential = {
  id: Bytes,
  rawId: Bytes,
  type: Type.Literal('public-key'),
  authenticatorAttachment: Type.Optional(Type.Enum(['cross-platform', 'platform'])),
  clientExtensionResults: Type.Object({}),
};
export const PasskeyBody = Type.Object(
  {
    name: Name,
    response: Type.Object(
      {
        ...credential,
        response: Type.Object({
          clientDataJSON: Bytes,
          attestationObject: Bytes,
          transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10 })),
        }),
      },
      { description: 'What `navigator.credentials.create` has answered, in JSON.' },
    ),
  },
  closed,
);
export const PasskeyPatch = Type.Object({ name: Name }, closed);
export const PasskeySignInBody = Type.Object(
  {
    response: Type.Object(
      {
        ...credential,
        response: Type.Object({
          clientDataJSON: Bytes,
          authenticatorData: Bytes,
          signature: Bytes,
          userHandle: Type.Optional(Bytes),
        }),
      },
      { description: 'What `navigator.credentials.get` has answered, in JSON.' },
    ),
  },
  closed,
);
export const SignInSettingsBody = Type.Object({ requireSecondFactor: Type.Boolean() }, closed);

export const SignInBody = Type.Object(
  {
    email: Email,
    password: Type.String({ examples: ['sandbox'] }),
    merchantId: Type.Optional(
      Type.String({ description: 'Which account, when there are several. `operator`: an operator’s.' }),
    ),
    code: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          'Of a user with a second factor: 6 digits of the authenticator app, or a recovery code. Each works once.',
      }),
    ),
  },
  closed,
);
/** Where the page is that wants to be seen afterwards. */
const Next = Type.Optional(
  Type.String({
    maxLength: 2_000,
    pattern: '^/dashboard(?:[/?][!-\\[\\]-~]*)?$',
    description: 'The page that comes afterwards, as a path of this server below `/dashboard`.',
    examples: ['/dashboard/transactions'],
  }),
);
export const OidcSignInBody = Type.Object(
  {
    next: Next,
    again: Type.Optional(
      Type.Boolean({ description: 'Whether the provider must ask who it is, also if it knows.' }),
    ),
  },
  closed,
);
export const OidcFinishBody = Type.Object(
  {
    merchantId: Type.Optional(
      Type.String({ description: 'Which account, when there are several. `operator`: an operator’s.' }),
    ),
    code: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'Of a user with a second factor, unless the provider has asked for one.',
      }),
    ),
  },
  closed,
);
export const PasswordBody = Type.Object({ current: Type.String(), new: NewPassword }, closed);
export const UserBody = Type.Object({ email: Email, name: Name, role: MerchantRole }, closed);
export const OperatorBody = Type.Object({ email: Email, name: Name }, closed);
export const UserPatch = Type.Object(
  { name: Type.Optional(Name), role: Type.Optional(MerchantRole), disabled: Type.Optional(Type.Boolean()) },
  { ...closed, minProperties: 1 },
);
export const OperatorPatch = Type.Object(
  { name: Type.Optional(Name), disabled: Type.Optional(Type.Boolean()) },
  { ...closed, minProperties: 1 },
);
