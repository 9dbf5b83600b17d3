import { testCards } from '@plexy-pay/bank/cards';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { passGate } from '../engine/gateSql.ts';
import { refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import * as schemas from '../http/schemas.ts';
import { MANAGER, merchantOf, VIEWER } from '../identity/auth.ts';
import { readDatabaseDelay, setDatabaseDelay } from '../installation/installationSql.ts';
import { inTransaction } from '../postgres/pool.ts';
import { SEED_CUSTOMERS, SEED_MERCHANTS, SEED_STORE, SEED_TERMINAL } from './fixtures.ts';
import { sandboxOf } from './sandbox.ts';

const Bank = Type.Enum(['none', 'down', 'slow', 'timeouts'], {
  description:
    'For this merchant: `down` answers nothing, `slow` answers after 3 s, `timeouts` does what it is asked and does not answer.',
});
const DatabaseDelay = Type.Integer({
  minimum: 0,
  maximum: 5_000,
  description: 'For all merchants: how long the database takes for each batch, in milliseconds.',
});
const faults = { bank: Bank, databaseDelayMs: DatabaseDelay };
const Faults = Type.Object(faults);
const FaultsBody = Type.Partial(Type.Object(faults), { ...schemas.closed, minProperties: 1 });
const Named = Type.Object({ id: Type.String(), name: Type.String() });
const Fixtures = Type.Object({
  merchants: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), apiKey: Type.String() })),
  stores: Type.Array(Named),
  terminals: Type.Array(Named),
  customers: Type.Array(
    Type.Object({
      phoneNumber: Type.String(),
      iin: Type.String(),
      behaves: Type.String(),
      wallets: Type.Array(
        Type.Object({ currency: Type.String(), funds: Type.Integer({ description: 'Minor units.' }) }),
      ),
    }),
  ),
  cards: Type.Array(
    Type.Object({
      number: Type.String(),
      behaves: Type.String({ description: 'With any future expiry and any cvc.' }),
    }),
  ),
});
const SANDBOX = { tags: ['Sandbox'], security: [{ merchantApiKey: [] }] };
const ERRORS = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') };

/** Faults to switch on, the way back to the seed, and the seed as data. */
export function sandboxLeverRoutes(app: App, deps: Deps): void {
  faultRoutes(app, deps);
  app.post(
    '/v1/sandbox/reset',
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'resetSandbox',
        summary: 'Sandbox: back to the seed, for all merchants',
        description:
          'Wipes everything of every merchant, the bank’s books too, sets the clock to real time and seeds again. Meanwhile other requests get a 503. To repeat it is safe; an Idempotency-Key would be wiped, too.',
        response: { 200: Type.Object({ reset: Type.Literal(true) }), ...ERRORS },
      },
    },
    async (request) => {
      refuseBody(request);
      const { merchantId } = merchantOf(request);
      const object = { kind: 'sandbox', id: null };
      const change = { action: 'sandbox.reset', object, merchantId } as const;
      await sandboxOf(deps)
        .reset({ ...change, actor: auditActorOf(request) })
        .catch(unavailable);
      return { reset: true as const };
    },
  );
  app.get(
    '/v1/sandbox/fixtures',
    {
      config: VIEWER,
      schema: {
        ...SANDBOX,
        operationId: 'getSandboxFixtures',
        summary: 'Sandbox: customers and cards that behave as they are told',
        response: { 200: Fixtures, ...ERRORS },
      },
    },
    async () => FIXTURES,
  );
}

function faultRoutes(app: App, deps: Deps): void {
  const read = async (merchantId: string) => ({
    bank: await sandboxOf(deps).bankControl.faultOf(merchantId).catch(unavailable),
    databaseDelayMs: await readDatabaseDelay(deps.pool),
  });
  const response = { 200: Faults, ...ERRORS };
  app.get(
    '/v1/sandbox/faults',
    {
      config: VIEWER,
      schema: {
        ...SANDBOX,
        operationId: 'getSandboxFaults',
        summary: 'Sandbox: which faults are switched on',
        response,
      },
    },
    async (request) => read(merchantOf(request).merchantId),
  );
  app.put(
    '/v1/sandbox/faults',
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'setSandboxFaults',
        summary: 'Sandbox: switch faults on and off',
        body: FaultsBody,
        response,
      },
    },
    async (request) => {
      const { merchantId } = merchantOf(request);
      const { bank, databaseDelayMs } = request.body;
      if (bank !== undefined) await sandboxOf(deps).bankControl.setFault(merchantId, bank).catch(unavailable);
      await inTransaction(deps.pool, async (client) => {
        await passGate(client);
        if (databaseDelayMs !== undefined) await setDatabaseDelay(client, databaseDelayMs);
        const object = { kind: 'sandbox', id: null };
        const change = { action: 'sandbox.set_faults', object, merchantId, after: request.body } as const;
        await insertAuditEntries(client, [{ ...change, actor: auditActorOf(request) }]);
      });
      return read(merchantId);
    },
  );
}

/** The bank's process may be starting again. */
function unavailable(cause: unknown): never {
  throw Object.assign(new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' }), { cause });
}

const FIXTURES = {
  merchants: SEED_MERCHANTS.map(({ id, name, apiKey }) => ({ id, name, apiKey })),
  stores: [{ id: SEED_STORE.id, name: SEED_STORE.name }],
  terminals: [{ id: SEED_TERMINAL.id, name: SEED_TERMINAL.name }],
  customers: SEED_CUSTOMERS.map(({ phone, iin, behaves, wallets }) => ({
    phoneNumber: phone,
    iin,
    behaves,
    wallets: wallets.map(({ currency, amount }) => ({ currency, funds: Number(amount) })),
  })),
  cards: testCards.map(({ number, shows }) => ({ number, behaves: shows })),
};
