/** What the routes for people who sign in take and answer. */
import Type from 'typebox';
import { closed, shownOnce } from '../http/schemas.ts';
import { MERCHANT_ROLES } from './roles.ts';

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
    createdAt: Time,
    lastSignInAt: Type.Union([Time, Type.Null()]),
  },
  { $id: 'User' },
);
export const UserWithPassword = Type.Object(
  {
    ...user,
    disabled: Type.Boolean(),
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
  },
  { $id: 'Session', description: 'Who is signed in.' },
);

/** Every named object, to be registered once. */
export const USER_OBJECTS = [User, UserWithPassword, SessionView];

export const SignInBody = Type.Object(
  {
    email: Email,
    password: Type.String({ examples: ['sandbox'] }),
    merchantId: Type.Optional(
      Type.String({ description: 'Which account, when there are several. `operator`: an operator’s.' }),
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
