/** What a sandbox holds at first: fixed, so that docs and tests can name it. */

import type { Wallet } from '../core/transaction.ts';
import type { Role } from '../identity/roles.ts';

export interface SeedMerchant {
  readonly id: string;
  readonly name: string;
  readonly apiKey: string;
  readonly apiKeyId: string;
}

export interface SeedCustomer {
  readonly id: string;
  readonly phone: string;
  readonly iin: string;
  readonly behaves: string;
  readonly approval: Wallet['approval'];
  readonly frozen: boolean;
  readonly wallets: readonly { readonly id: string; readonly currency: string; readonly amount: bigint }[];
}

/** Fixed ids: `kind` and `number` in a UUIDv7 of the year 2024. */
function seedId(kind: string, number: number): string {
  return `01900000-0000-7000-8000-${kind}${String(number).padStart(12 - kind.length, '0')}`;
}

export const SEED_MERCHANTS: readonly SeedMerchant[] = [
  { id: seedId('', 1), name: 'Demo Store', apiKey: 'pr_test_demo', apiKeyId: seedId('a', 1) },
  { id: seedId('', 2), name: 'Other Store', apiKey: 'pr_test_other', apiKeyId: seedId('a', 2) },
];
export const SEED_OPERATOR = { apiKey: 'op_test_demo', apiKeyId: seedId('a', 3) };

/** The second of the simulated banks, which captures or releases all or nothing, and says when it has news. */
export const PLAIN_ACQUIRER = {
  id: seedId('ac', 2),
  name: 'plain',
  capabilities: ['tokens', 'merchant_initiated', 'notifications'],
} as const;

/** Who can sign in to the dashboard. The password of all is `sandbox`. */
export interface SeedUser {
  readonly id: string;
  /** Null: an operator. */
  readonly merchantId: string | null;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
}

export const SEED_PASSWORD = 'sandbox';
/** Of the password: to compute it takes a start 150 ms, and it protects nothing. */
export const SEED_PASSWORD_HASH =
  'scrypt$15$8$3$cGxleHkgcGF5IHNhbmRieA$6fGBe4SaeXC87jBFeQP9bIPEO181um909aQpFjut5kw';

const DEMO_STORE = seedId('', 1);
export const SEED_USERS: readonly SeedUser[] = [
  user(1, 'merchant@demo.test', 'Madina Admin', 'admin'),
  user(2, 'manager@demo.test', 'Marat Manager', 'manager'),
  user(3, 'viewer@demo.test', 'Vera Viewer', 'viewer'),
  user(4, 'operator@demo.test', 'Olzhas Operator', 'operator'),
  { ...user(5, 'merchant@other.test', 'Oleg Other', 'admin'), merchantId: seedId('', 2) },
];

function user(number: number, email: string, name: string, role: Role): SeedUser {
  return { id: seedId('b', number), merchantId: role === 'operator' ? null : DEMO_STORE, email, name, role };
}

/** Of the Demo Store. */
export const SEED_STORE = { id: seedId('e', 1), merchantId: seedId('', 1), name: 'Abay Avenue' };
export const SEED_TERMINAL = {
  id: seedId('f', 1),
  merchantId: seedId('', 1),
  storeId: SEED_STORE.id,
  name: 'Till 1',
};

const BEHAVIOURS: readonly Omit<SeedCustomer, 'id' | 'wallets'>[] = [
  { phone: '+77010000001', iin: '900101300017', behaves: 'succeeds', approval: 'none', frozen: false },
  {
    ...{ phone: '+77010000002', iin: '850520400027', behaves: 'too little for most: insufficient_funds' },
    ...{ approval: 'none', frozen: false },
  },
  { phone: '+77010000003', iin: '771211300039', behaves: 'wallet_frozen', approval: 'none', frozen: true },
  {
    ...{
      phone: '+77010000004',
      iin: '950308400048',
      behaves: 'must confirm within 10 minutes: NEW until then',
    },
    ...{ approval: 'customer', frozen: false },
  },
  {
    ...{ phone: '+77010000005', iin: '010715500051', behaves: 'decides after 3 s: NEW until then' },
    ...{ approval: 'delayed', frozen: false },
  },
  {
    ...{ phone: '+77010000006', iin: '990909400062', behaves: 'system error: transaction.failed' },
    ...{ approval: 'system_error', frozen: false },
  },
];

/** Minor units by currency, in the order of the customers. */
const FUNDS: readonly (readonly (readonly [currency: string, amount: bigint])[])[] = [
  [
    ['KZT', 10_000_000_000n],
    ['USD', 100_000_000n],
  ],
  [['KZT', 500n]],
  [['KZT', 1_000_000n]],
  [['KZT', 1_000_000_000n]],
  [['KZT', 1_000_000_000n]],
  [['KZT', 1_000_000_000n]],
];

export const SEED_CUSTOMERS: readonly SeedCustomer[] = BEHAVIOURS.map((behaviour, i) => ({
  ...behaviour,
  id: seedId('c', i + 1),
  wallets: (FUNDS[i] ?? []).map(([currency, amount], j) => {
    const before = FUNDS.slice(0, i).reduce((sum, funds) => sum + funds.length, 0);
    return { id: seedId('d', before + j + 1), currency, amount };
  }),
}));
