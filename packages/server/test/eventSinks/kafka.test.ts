/** Events in a broker that speaks Kafka's protocol: the one that librdkafka brings for tests. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/cards.ts';
import { hasKcat, type KafkaBroker, type KafkaMessage, startKafka } from '../support/kafka.ts';
import { EVERY_EVENT } from '../support/ledger.ts';
import { needs } from '../support/programs.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const options = needs(hasKcat, 'kcat, of the Debian package kcat');

describe("events by Kafka's protocol", options, () => {
  let kafka: KafkaBroker;
  let sandbox: Sandbox;
  before(async () => {
    kafka = await startKafka('payments');
    sandbox = await startSandbox({
      EVENTS_SINK_URL: `kafka://${kafka.address}`,
      EVENTS_SINK_TOPIC: 'payments',
    });
  });
  after(async () => {
    await sandbox.stop();
    await kafka.stop();
  });

  const untilAll = async (): Promise<readonly KafkaMessage[]> => {
    const { rows } = await sandbox.pool.query(`SELECT count(*)::int AS count FROM ${EVERY_EVENT} e`);
    return eventually('every event in the topic', async () => {
      const ids = new Set(kafka.received.map(({ payload }) => JSON.parse(payload).id));
      return ids.size === rows[0].count && kafka.received;
    });
  };

  /** Within a partition, and one payment is in one: what comes again comes in the same order. */
  function assertInOrder(messages: readonly KafkaMessage[]): void {
    for (const [key, own] of Map.groupBy(messages, (message) => message.key)) {
      assert.equal(new Set(own.map(({ partition }) => partition)).size, 1, key);
      const seqs = own
        .sort((a, b) => a.offset - b.offset)
        .map(({ payload }) => JSON.parse(payload))
        .filter(({ data }) => data.type !== 'refund')
        .map(({ seq }) => seq);
      assert.deepEqual(
        [...new Set(seqs)],
        [...new Set(seqs)].sort((a, b) => a - b),
      );
    }
  }

  test('are those of GET /v1/events, each payment in one partition and in order', async () => {
    for (let i = 0; i < 12; i += 1) {
      const { body } = await sandbox.authorize();
      const path = `/v1/wallet/${body.walletTransactionId}`;
      assert.equal((await sandbox.call('POST', `${path}/capture`, { body: { amount: 1_000 } })).status, 200);
      assert.equal((await sandbox.call('POST', `${path}/refund`, { body: { amount: 100 } })).status, 200);
    }
    const messages = await untilAll();
    assertInOrder(messages);
    assert.ok(new Set(messages.map(({ partition }) => partition)).size > 1, 'payments are spread');
    const listed = await sandbox.call('GET', '/v1/events?limit=100&paymentLinks=true');
    const items: readonly object[] = listed.body.items;
    assert.deepEqual(
      messages.map(({ payload }) => payload).sort(),
      items.map((item) => JSON.stringify(item)).sort(),
    );
    const [first] = messages;
    const pairs = Object.groupBy(first?.headers ?? [], (_, i) => (i % 2 === 0 ? 'names' : 'values'));
    const names = pairs.names ?? [];
    assert.deepEqual(names.toSorted(), [
      ...['ce_id', 'ce_source', 'ce_specversion', 'ce_subject', 'ce_time', 'ce_type'],
      ...['content-type', 'merchant-id'],
    ]);
  });

  test('a broker that is frozen costs no payment anything, and gets everything when it goes on', async () => {
    kafka.freeze();
    for (let i = 0; i < 5; i += 1) assert.equal((await sandbox.authorize()).status, 201);
    await eventually('a failure', async () => {
      const { text } = await sandbox.call('GET', '/metrics');
      return /^plexy_event_sink_failures_total [1-9]/m.test(text);
    });
    kafka.resume();
    assertInOrder(await untilAll());
    await eventually('no lag', async () => {
      const { text } = await sandbox.call('GET', '/metrics');
      return /^plexy_event_sink_lag_seconds 0$/m.test(text);
    });
  });

  test('a backlog of more bytes than a broker takes at once arrives whole, each link in order', async () => {
    kafka.freeze();
    const metadata = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`key${i}`, 'x'.repeat(500)]));
    const body = { amount: 1_000, currency: 'KZT', orderReference: 'LARGE', metadata };
    const ids: string[] = [];
    for (let i = 0; i < 50; i += 1) {
      const made = await sandbox.call('POST', '/v1/payment-links', { body });
      assert.equal(made.status, 201, made.text);
      ids.push(made.body.id);
      const cancelled = await sandbox.call('DELETE', `/v1/payment-links/${made.body.id}`);
      assert.equal(cancelled.status, 200, cancelled.text);
    }
    kafka.resume();
    const large = (await untilAll()).filter(({ payload }) => payload.includes('LARGE'));
    assert.ok(large.reduce((sum, { payload }) => sum + payload.length, 0) > 1_048_588);
    assert.equal(new Set(large.map(({ key }) => key)).size, ids.length);
    assertInOrder(large);
  });
});
