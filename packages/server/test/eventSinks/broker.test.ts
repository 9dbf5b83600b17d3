/** A connection to a broker that is not there in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Broker, openWithin } from '../../src/eventSinks/broker.ts';

test('a connection that comes after its time is closed, one in time is not', async () => {
  let closed = 0;
  const broker: Broker = {
    publish: async () => undefined,
    close: async () => {
      closed += 1;
    },
  };
  assert.equal(await openWithin(1_000, async () => broker), broker);
  const { promise, resolve } = Promise.withResolvers<Broker>();
  await assert.rejects(
    openWithin(1, () => promise),
    /did not answer within 1 ms: connect/,
  );
  assert.equal(closed, 0);
  resolve(broker);
  await new Promise(setImmediate);
  assert.equal(closed, 1);
});

test('a connection that fails is said to fail', async () => {
  const open = async (): Promise<Broker> => {
    throw new Error('refused');
  };
  await assert.rejects(openWithin(1_000, open), /refused/);
});
