/** What is sent at once by Kafka's protocol, and what is done when it is too much. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MultipleErrors, ProtocolError } from '@platformatic/kafka';
import type { SinkMessage } from '../../src/eventSinks/broker.ts';
import { partsOf, sendFitting } from '../../src/eventSinks/parts.ts';

/** What a broker takes by itself. */
const BROKER_LIMIT = 1_048_588;

function messages(count: number, bytes: number): SinkMessage[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ id: `0-${i}`, key: `link ${i % 7}`, merchantId: 'm', name: 'payment_link.created' },
    ...{ time: '2026-01-01T00:00:00.000Z', body: 'x'.repeat(bytes), at: { round: 0, seq: i } as never },
  }));
}

function bytesOf(part: readonly SinkMessage[]): number {
  return part.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}

/** As the client reports it. */
function refusal(): Error {
  return new MultipleErrors('Producing messages failed.', [new ProtocolError('MESSAGE_TOO_LARGE')]);
}

describe('parts of a page', () => {
  test('are in order, whole, and fit into what a broker takes', () => {
    const page = messages(500, 17_000);
    assert.ok(bytesOf(page) > BROKER_LIMIT, 'it would be refused at once');
    const parts = partsOf(page);
    assert.deepEqual(parts.flat(), page);
    for (const part of parts) assert.ok(bytesOf(part) < BROKER_LIMIT / 2);
  });

  test('are one where that is little, and what is too large alone is alone', () => {
    assert.equal(partsOf(messages(300, 700)).length, 1);
    assert.deepEqual(partsOf([]), []);
    const [small] = messages(1, 100);
    const [large] = messages(1, 2 * BROKER_LIMIT);
    assert.ok(small !== undefined && large !== undefined);
    assert.deepEqual(partsOf([small, large, small]), [[small], [large], [small]]);
  });

  test('go in halves to a broker whose limit is lower, in order and once', async () => {
    const page = messages(50, 17_000);
    const taken: SinkMessage[] = [];
    const stored: SinkMessage[] = [];
    const send = async (part: readonly SinkMessage[]): Promise<void> => {
      if (bytesOf(part) > 100_000) throw refusal();
      taken.push(...part);
    };
    await sendFitting(page, send, (message) => stored.push(message));
    assert.deepEqual(taken, page);
    assert.deepEqual(stored, page);
  });

  test('end at a message that is too large by itself, which is named; what was before it is stored', async () => {
    const page = messages(5, 100);
    const [, , large] = page;
    assert.ok(large !== undefined);
    const stored: SinkMessage[] = [];
    const send = async (part: readonly SinkMessage[]): Promise<void> => {
      if (part.includes(large)) throw refusal();
    };
    const sent = sendFitting(page, send, (message) => stored.push(message));
    await assert.rejects(sent, /refuses event 0-2 .* 100 bytes.*max\.message\.bytes/);
    assert.deepEqual(stored, page.slice(0, 2));
  });

  test('are not sent again after another failure', async () => {
    let calls = 0;
    const send = async (): Promise<void> => {
      calls += 1;
      throw new MultipleErrors('Producing messages failed.', [new ProtocolError('NOT_ENOUGH_REPLICAS')]);
    };
    await assert.rejects(
      sendFitting(messages(4, 10), send, () => assert.fail()),
      /Producing/,
    );
    assert.equal(calls, 1);
  });
});
