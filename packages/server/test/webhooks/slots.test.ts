/** Who gets how many slots, by the rules alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type Held,
  type Owner,
  PER_ENDPOINT,
  PER_FAILING,
  SLOTS,
  SLOW_SLOTS,
  Slots,
} from '../../src/webhooks/slots.ts';

/** The endpoints of a merchant, who has nothing under way. */
function endpointsOf(merchantId: string, count: number, quick: boolean): Held[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ merchantId, endpointId: `${merchantId} ${i}` },
    ...{ count: 0, failing: false, quick },
  }));
}

/** Takes whatever these endpoints may have. @returns how many slots */
function takeAll(slots: Slots, owners: readonly Owner[]): number {
  let taken = 0;
  for (const owner of owners) while (slots.take(owner)) taken += 1;
  return taken;
}

function due(owners: readonly Owner[], count: number, failing = false) {
  return owners.map((owner) => ({ ...owner, count, failing }));
}

describe('an endpoint', () => {
  test('has 64 at a time, 8 while it fails, and 192 when it is quick, new or claimed', () => {
    const [slow, quick] = [endpointsOf('slow', 1, false), endpointsOf('quick', 1, true)];
    const failing = endpointsOf('failing', 1, true).map((one) => ({ ...one, failing: true, quick: false }));
    const slots = new Slots([...slow, ...quick, ...failing]);
    assert.equal(takeAll(slots, quick), 3 * PER_ENDPOINT);
    assert.equal(takeAll(slots, slow), PER_ENDPOINT);
    assert.equal(takeAll(slots, failing), PER_FAILING);
    const claimed = (owners: readonly Held[]) => [...new Slots(owners).share(due(owners, 500)).values()];
    assert.deepEqual(
      [slow, quick, failing].map((owners) => claimed(owners)),
      [[PER_ENDPOINT], [3 * PER_ENDPOINT], [PER_FAILING]],
    );
    assert.deepEqual([...new Slots([]).share(due(slow, 500, true)).values()], [PER_FAILING]);
  });

  test('has none of no slots, new or claimed, and is told that there will be', () => {
    const quick = endpointsOf('quick', 1, true);
    const slots = new Slots(quick, 0);
    assert.equal(takeAll(slots, quick), 0);
    assert.deepEqual([...slots.share(due(quick, 500))], []);
    assert.equal(slots.areShort, true);
  });

  test('that nobody knows yet is not quick', () => {
    const owners = endpointsOf('m', 50, false);
    assert.equal(takeAll(new Slots([]), owners), takeAll(new Slots(owners), owners));
  });

  test('is claimed no more than is due', () => {
    assert.deepEqual([...new Slots([]).share(due(endpointsOf('m', 1, true), 3)).values()], [3]);
  });
});

describe('a merchant', () => {
  test('whose 50 endpoints are slow has a fifth of the slots of slow ones', () => {
    const slow = endpointsOf('slow', 50, false);
    const taken = takeAll(new Slots(slow), slow);
    assert.ok(Math.abs(taken - SLOW_SLOTS / 5) <= 1, `${taken}`);
  });

  test('has slots for quick endpoints beside its slow ones', () => {
    const [slow, quick] = [endpointsOf('m', 40, false), endpointsOf('m', 50, true).slice(40)];
    const slots = new Slots([...slow, ...quick]);
    takeAll(slots, slow);
    assert.ok(takeAll(slots, quick) >= SLOW_SLOTS / 5);
  });

  test('finds slots beside twenty others that hold all that they may', () => {
    for (const quick of [true, false]) {
      const others = Array.from({ length: 20 }, (_, i) => endpointsOf(`other ${i}`, 50, quick)).flat();
      const slots = new Slots([...others, ...endpointsOf('m', 1, true)]);
      takeAll(slots, others);
      assert.ok(takeAll(slots, endpointsOf('m', 1, true)) >= (quick ? 2 : PER_ENDPOINT), `quick: ${quick}`);
      assert.ok(takeAll(slots, endpointsOf('new', 1, false)) >= 1, `quick: ${quick}`);
    }
  });
});

test('who waits is served in turn, merchants first, then the endpoints of each', () => {
  const many = endpointsOf('many', 50, true);
  const others = Array.from({ length: 40 }, (_, i) => endpointsOf(`other ${i}`, 1, true)).flat();
  const slots = new Slots([...many, ...others]);
  const shares = slots.share([...due(many, 64), ...due(others, 64)]);
  const ofMany = many.map(({ endpointId }) => shares.get(endpointId) ?? 0);
  const ofOthers = others.map(({ endpointId }) => shares.get(endpointId) ?? 0);
  const sum = ofMany.reduce((a, b) => a + b);
  assert.ok(Math.max(...ofOthers) - Math.min(...ofOthers) <= 1);
  assert.ok(sum <= Math.max(...ofOthers), `${sum} of one merchant, ${Math.max(...ofOthers)} of another`);
  assert.ok(Math.max(...ofMany) - Math.min(...ofMany) <= 1);
});

test('whoever asks in whichever order, no bound is passed, and a merchant without any slot gets one', () => {
  const owner = fc.record({ merchant: fc.nat(30), endpoint: fc.nat(3) });
  const held = fc.uniqueArray(
    fc.record({ merchant: fc.nat(30), endpoint: fc.nat(3), failing: fc.boolean(), quick: fc.boolean() }),
    { selector: ({ merchant, endpoint }) => `${merchant} ${endpoint}` },
  );
  const ownerOf = ({ merchant, endpoint }: { merchant: number; endpoint: number }): Owner => ({
    merchantId: `m${merchant}`,
    endpointId: `m${merchant} e${endpoint}`,
  });
  fc.assert(
    fc.property(
      held,
      fc.array(owner, { minLength: 50, maxLength: 400 }),
      fc.nat(20),
      (known, asked, again) => {
        const quick = new Map(known.map((one) => [ownerOf(one).endpointId, one.quick && !one.failing]));
        const slots = new Slots(
          known.map((one) => ({
            ...ownerOf(one),
            ...{ count: 0, failing: one.failing, quick: one.quick && !one.failing },
          })),
        );
        const taken: { merchantId: string; slow: boolean }[] = [];
        for (let i = 0; i <= again; i += 1)
          for (const one of asked.map(ownerOf)) {
            const slow = quick.get(one.endpointId) !== true;
            if (slots.take(one)) taken.push({ merchantId: one.merchantId, slow });
          }
        const slow = taken.filter((one) => one.slow);
        const mostOf = (all: readonly { merchantId: string }[]): number =>
          Math.max(
            0,
            ...[...Map.groupBy(all, ({ merchantId }) => merchantId).values()].map((of) => of.length),
          );
        assert.ok(taken.length < SLOTS && slow.length < SLOW_SLOTS);
        const most = mostOf(taken.filter((one) => !one.slow));
        assert.ok(most <= SLOTS / 5 + 1 && mostOf(slow) <= SLOW_SLOTS / 5 + 1);
        assert.ok(slots.take({ merchantId: 'next', endpointId: 'next' }));
      },
    ),
  );
});
