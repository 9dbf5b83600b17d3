import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Bank } from '../bank.ts';
import { defaultOperations, type FaultSwitch, faultPlans } from '../domain/faults.ts';
import type { FaultSwitches } from '../fault-switches.ts';
import { BooksQuery, FaultBody } from './schemas.ts';
import * as wire from './wire.ts';

export interface ControlRoutesOptions {
  readonly bank: Bank;
  readonly faults: FaultSwitches;
}

/** What a sandbox and its tests need and no real bank has. Faults never strike here. */
export const controlRoutes: FastifyPluginAsyncTypebox<ControlRoutesOptions> = async (app, options) => {
  const { bank, faults } = options;

  app.get('/books', { schema: { querystring: BooksQuery } }, async ({ query }) => {
    const { merchantId, cursor, limit = '1000' } = query;
    return wire.booksPage(await bank.books(merchantId, cursor, Number(limit)));
  });

  app.get('/faults', async () => ({ items: faults.list() }));

  app.put('/faults', { schema: { body: FaultBody } }, async ({ body }) => {
    const fault = toSwitch(body);
    await faults.set(fault);
    return fault;
  });

  app.post('/reset', async () => {
    await bank.wipe();
    faults.clear();
    return { reset: true };
  });
};

function toSwitch(body: FaultBody): FaultSwitch {
  const { merchantId, mode, delayMs, probability = 1, seed = 1 } = body;
  return {
    merchantId,
    mode,
    delayMs: delayMs ?? faultPlans[mode].delayMs,
    probability,
    seed,
    operations: body.operations ?? defaultOperations(mode),
  };
}
