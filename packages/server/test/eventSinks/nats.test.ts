/** Events in NATS JetStream, of a real server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/cards.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { EVERY_EVENT } from '../support/ledger.ts';
import { hasNats, type NatsServer, type Received, startNats } from '../support/nats.ts';
import { startNodes } from '../support/nodes.ts';
import { needs } from '../support/programs.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const STREAM = 'PLEXY_EVENTS';
const options = needs(hasNats, 'nats-server, of the Debian package nats-server');

/** Each payment's numbers as they came, without those that came again. */
function historiesOf(received: readonly Received[]): Map<string, number[]> {
  const histories = new Map<string, number[]>();
  for (const { body } of received) {
    const seqs = histories.get(body.data.id) ?? [];
    if (!seqs.includes(body.seq)) seqs.push(body.seq);
    histories.set(body.data.id, seqs);
  }
  return histories;
}

function assertInOrder(received: readonly Received[]): void {
  for (const [id, seqs] of historiesOf(received))
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
      `${id} came as ${seqs}`,
    );
}

describe('events in JetStream', options, () => {
  let nats: NatsServer;
  let sandbox: Sandbox;
  before(async () => {
    nats = await startNats();
    sandbox = await startSandbox({ EVENTS_SINK_URL: `nats://${nats.address}` });
  });
  after(async () => {
    await sandbox.stop();
    await nats.stop();
  });

  const countOf = async (): Promise<number> =>
    (await sandbox.pool.query(`SELECT count(*)::int AS count FROM ${EVERY_EVENT} e`)).rows[0].count;
  const untilAll = (): Promise<Received[]> =>
    eventually('every event in the stream', async () => {
      const stored = await nats.stored(STREAM);
      return (
        new Set(stored.map(({ headers }) => headers['Nats-Msg-Id'])).size === (await countOf()) && stored
      );
    });

  test('are those of GET /v1/events, by merchant and name, in order', async () => {
    const { body } = await sandbox.authorize();
    const id = body.walletTransactionId;
    assert.equal(
      (await sandbox.call('POST', `/v1/wallet/${id}/capture`, { body: { amount: 1_000 } })).status,
      200,
    );
    assert.equal(
      (await sandbox.call('POST', `/v1/wallet/${id}/refund`, { body: { amount: 100 } })).status,
      200,
    );
    const stored = await untilAll();
    const listed = await sandbox.call('GET', '/v1/events?limit=100&paymentLinks=true');
    assert.deepEqual(
      stored.map((message) => message.body),
      listed.body.items.reverse(),
    );
    assertInOrder(stored);
    for (const { subject, headers, body } of stored) {
      assert.equal(subject, `plexy.events.${body.merchantId}.${body.name}`);
      assert.equal(headers['ce-type'], body.name);
      assert.equal(headers['ce-id'], headers['Nats-Msg-Id']);
      assert.equal(headers['ce-time'], body.createdAt);
    }
    // A refund comes in the order of its payment.
    assert.equal(new Set(stored.map(({ headers }) => headers['ce-subject'])).size, 1);
  });

  test('a broker that is away costs no payment anything, and gets everything when it is back', async () => {
    await nats.kill();
    for (let i = 0; i < 10; i += 1) assert.equal((await sandbox.authorize()).status, 201);
    const lag = await eventually('a lag', async () => {
      const { text } = await sandbox.call('GET', '/metrics');
      assert.match(text, /plexy_event_sink_failures_total \d/);
      const seconds = Number(/^plexy_event_sink_lag_seconds (\S+)/m.exec(text)?.[1]);
      return seconds > 1 && seconds;
    });
    assert.ok(lag > 1);
    assert.ok(sandbox.log.some((line) => line.includes('events were not published')));
    await nats.restart();
    assertInOrder(await untilAll());
    await eventually('no lag', async () => {
      const { text } = await sandbox.call('GET', '/metrics');
      return /^plexy_event_sink_lag_seconds 0$/m.test(text) && /^plexy_event_sink_active 1$/m.test(text);
    });
  });
});

test(
  'kill -9 of the node that publishes: the other goes on, nothing is missing, and the order is kept',
  options,
  async () => {
    const nats = await startNats();
    const nodes = await startNodes(2, { EVENTS_SINK_URL: `nats://${nats.address}` });
    try {
      const active = async (): Promise<number> => {
        const texts = await Promise.all(
          nodes.processes.map(async (_, i) => {
            try {
              return (await nodes.callNode(i, 'GET', '/metrics')).text;
            } catch {
              return '';
            }
          }),
        );
        return texts.findIndex((text) => /^plexy_event_sink_active 1$/m.test(text));
      };
      const first = await eventually('a node that publishes', async () => {
        const found = await active();
        return found >= 0 && { found };
      });
      const other = 1 - first.found;
      let paid = 0;
      let stopped = false;
      const pay = async (): Promise<void> => {
        while (!stopped) {
          const order = { amount: 100, currency: 'KZT', orderReference: 'KILLED' };
          const body = { ...order, phoneNumber: '+77010000001', iin: '900101300017' };
          const reply = await nodes.callNode(other, 'POST', '/v1/wallet/authorize', {
            idempotencyKey: crypto.randomUUID(),
            body,
          });
          assert.equal(reply.status, 201, reply.text);
          const path = `/v1/wallet/${reply.body.walletTransactionId}/cancel`;
          assert.equal((await nodes.callNode(other, 'POST', path, { body: { amount: 100 } })).status, 200);
          paid += 1;
        }
      };
      const payers = Array.from({ length: 4 }, pay);
      await setTimeout(700);
      await nodes.processes[first.found]?.signal('SIGKILL');
      await setTimeout(700);
      stopped = true;
      await Promise.all(payers);
      assert.ok(paid > 4);
      const { rows } = await nodes.pool.query(`SELECT count(*)::int AS count FROM ${EVERY_EVENT} e`);
      const stored = await eventually(
        'every event in the stream',
        async () => {
          const found = await nats.stored(STREAM);
          return new Set(found.map(({ body }) => body.id)).size === rows[0].count && found;
        },
        60_000,
      );
      assertInOrder(stored);
      await nodes.assertInvariants();
    } finally {
      await nodes.stop();
      await nats.stop();
    }
  },
);

test(
  'by TLS with a password: only a server whose certificate is believed, and who is let in',
  options,
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'plexy-sink-'));
    const file = (name: string): string => path.join(folder, name);
    const { cert, key } = CERTIFICATE;
    await writeFile(file('cert.pem'), cert);
    await writeFile(file('key.pem'), key);
    await writeFile(file('password'), 'of the broker\n');
    const tls = ['--tls', '--tlscert', file('cert.pem'), '--tlskey', file('key.pem')];
    const nats = await startNats([...tls, '--user', 'plexy', '--pass', 'of the broker']);
    const environment = {
      EVENTS_SINK_URL: `nats+tls://${nats.address.replace('127.0.0.1', 'localhost')}`,
      EVENTS_SINK_USER: 'plexy',
      EVENTS_SINK_PASSWORD_FILE: file('password'),
    };
    const metric = async ({ call }: Sandbox, name: string): Promise<boolean> => {
      const { text } = await call('GET', '/metrics');
      return new RegExp(`^plexy_event_sink_${name}_total [1-9]`, 'm').test(text);
    };
    try {
      const stranger = await startSandbox(environment);
      try {
        await stranger.authorize();
        await eventually('a certificate that nobody believes', () => metric(stranger, 'failures'));
        assert.equal(await metric(stranger, 'published'), false);
        assert.ok(!stranger.log.join('').includes('of the broker'));
      } finally {
        await stranger.stop();
      }
      const known = await startSandbox({ ...environment, EVENTS_SINK_CA_FILE: file('cert.pem') });
      try {
        await known.authorize();
        await eventually('events', () => metric(known, 'published'));
      } finally {
        await known.stop();
      }
    } finally {
      await nats.stop();
      await rm(folder, { recursive: true });
    }
  },
);
