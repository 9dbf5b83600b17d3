import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { payment, startBank, type TestBank } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
after(() => bank.close());

/** What the books must say, kept by rules written a second time and without the code under test. */
interface Model {
  known: 'nothing' | 'approved' | 'reversed';
  held: number;
  captured: number;
  released: number;
  refunded: number;
}

const amount = fc.integer({ min: 1, max: 120 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('authorize' as const) }),
  fc.record({ kind: fc.constant('captures' as const), amount, final: fc.boolean() }),
  fc.record({ kind: fc.constant('reversals' as const), amount: fc.option(amount, { nil: undefined }) }),
  fc.record({ kind: fc.constant('refunds' as const), amount }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Lost answers are part of every run: the caller then asks again with the same id. */
const delivery = fc.constantFrom('once', 'twice', 'at once', 'cut_after', 'cut_before', 'garbage');

test('after any sequence of operations the books say what a model says', async () => {
  const sequence = fc.array(fc.tuple(step, delivery), { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(sequence, async (steps) => {
      const merchantId = randomUUID();
      const body = payment({ merchantId, amount: 100 });
      const model: Model = { known: 'nothing', held: 0, captured: 0, released: 0, refunded: 0 };
      for (const [next, how] of steps) {
        const path =
          next.kind === 'authorize' ? '/authorizations' : `/authorizations/${body.id}/${next.kind}`;
        const { kind, ...fields } = next;
        const request = kind === 'authorize' ? body : { operationId: randomUUID(), ...fields };
        const answer = await send(how, path, request, merchantId);
        assert.equal(answer, expected(model, next), `${JSON.stringify(next)} ${how}`);
      }
      await compare(model, body.id, merchantId);
    }),
    { numRuns: 100, includeErrorInReport: true },
  );
});

async function send(how: string, path: string, request: object, merchantId: string): Promise<unknown> {
  const post = () => bank.call('POST', path, request).catch(() => undefined);
  if (how.includes('_') || how === 'garbage') {
    // The bank knows the merchant of an operation only from the books, so the switch is for everybody.
    const merchant = path === '/authorizations' ? merchantId : null;
    await bank.call('PUT', '/faults', { merchantId: merchant, mode: how });
    assert.equal(await post(), undefined);
    await bank.call('PUT', '/faults', { merchantId: merchant, mode: 'none' });
  }
  if (how === 'at once') await Promise.all([post(), post(), post()]);
  if (how === 'twice') await post();
  return (await post())?.body.status;
}

/** Moves the model by one step and returns the status that the bank must answer. */
function expected(model: Model, next: Step): string {
  if (next.kind === 'authorize') {
    if (model.known === 'reversed') return 'declined';
    if (model.known === 'nothing') Object.assign(model, { known: 'approved', held: 100 });
    return 'approved';
  }
  if (next.kind === 'reversals') return expectedReversal(model, next.amount);
  if (model.known !== 'approved') return 'declined';
  if (next.kind === 'refunds') {
    if (model.refunded + next.amount > model.captured) return 'declined';
    model.refunded += next.amount;
    return 'done';
  }
  if (next.amount > model.held) return 'declined';
  model.captured += next.amount;
  model.held -= next.amount;
  if (next.final) {
    model.released += model.held;
    model.held = 0;
  }
  return 'done';
}

function expectedReversal(model: Model, asked: number | undefined): string {
  if (model.known !== 'approved') {
    model.known = 'reversed';
    return 'done';
  }
  const part = asked ?? model.held;
  if ((model.held === 0 && model.captured > 0) || part > model.held) return 'declined';
  model.held -= part;
  model.released += part;
  return 'done';
}

async function compare(model: Model, id: string, merchantId: string): Promise<void> {
  const { held, captured, released, refunded } = model;
  const { body } = await bank.call('GET', `/books?merchantId=${merchantId}`);
  if (model.known !== 'approved') return assert.deepEqual(body, { items: [], nextCursor: null, totals: [] });
  const sums = { held, captured, released, refunded };
  const item = { id, merchantId, status: 'approved', currency: 'KZT', amount: 100, ...sums };
  const text = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)]));
  const totals = [{ currency: 'KZT', authorizations: 1, ...text }];
  assert.deepEqual(body, { items: [item], nextCursor: null, totals });
  const { rows } = await bank.db.query(
    `select coalesce(sum(amount) filter (where kind = 'capture'), 0)::int as captured,
      coalesce(sum(released), 0)::int as released,
      coalesce(sum(amount) filter (where kind = 'refund'), 0)::int as refunded
     from bank.operations where authorization_id = $1`,
    [id],
  );
  assert.deepEqual(rows[0], { captured, released, refunded }, 'the log of operations adds up to the books');
}
