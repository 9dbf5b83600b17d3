/** Thousands wait and are served each second: what has been served must be garbage for the next small collection. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FairQueue } from '../../src/engine/fairQueue.ts';
import { Underway } from '../../src/engine/underway.ts';
import { Turns } from '../../src/http/turns.ts';
import { promotedBytes } from '../support/promoted.ts';

const OWNERS = [...'ababababa'];
const PAYLOAD_BYTES = 800;
const MADE = OWNERS.length * PAYLOAD_BYTES;
/** Of what one cycle makes, in bytes: what the test runner notes of each promise is a fifth. */
const LITTLE = MADE / 3;

function payload(): readonly number[] {
  return new Array<number>(PAYLOAD_BYTES / 8).fill(0);
}

describe('what was served is garbage', () => {
  test('of a Set from which it was deleted it is not: the test sees what it is for', async () => {
    const set = new Set<readonly number[]>();
    const bytes = await promotedBytes(() => {
      const all = OWNERS.map(payload);
      for (const each of all) set.add(each);
      for (const each of all) set.delete(each);
    });
    assert.ok(bytes > MADE / 2, `${bytes} bytes`);
  });

  test('of a fair queue', async () => {
    const queue = new FairQueue<{ owner: string; payload: unknown }>(({ owner }) => owner);
    const bytes = await promotedBytes(() => {
      for (const owner of OWNERS) queue.push({ owner, payload: payload() });
      queue.take(5);
      queue.keep(() => true);
      queue.take(64);
    });
    assert.ok(bytes < LITTLE, `${bytes} bytes`);
  });

  for (const total of [1, 9])
    test(`of turns, ${total} at once`, async () => {
      const turns = new Turns({ total, perOwner: total, maxWaiting: 100 });
      const bytes = await promotedBytes(() =>
        Promise.all(
          OWNERS.map((owner) => {
            const work = payload();
            return turns.run(owner, async () => work.length);
          }),
        ),
      );
      assert.ok(bytes < LITTLE, `${bytes} bytes`);
    });

  test('of work under way', async () => {
    const underway = new Underway();
    const bytes = await promotedBytes(async () => {
      for (const _ of OWNERS) {
        const work = payload();
        underway.track(Promise.resolve().then(() => work.length));
      }
      await underway.idle();
    });
    assert.ok(bytes < LITTLE, `${bytes} bytes`);
  });
});

describe('work under way', () => {
  test('is waited for until all of it has ended, what begins meanwhile as well', async () => {
    const underway = new Underway();
    await underway.idle();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isIdle = false;
    underway.track(first.promise);
    const idle = underway.idle().then(() => {
      isIdle = true;
    });
    underway.track(second.promise);
    first.resolve();
    await setImmediate();
    assert.equal(isIdle, false);
    second.resolve();
    await idle;
    assert.equal(isIdle, true);
  });
});
