/**
 * The death of everything that may die in a cluster, one after the other, under payments: no acknowledged one may be lost or
 * be there twice, the ledger must hold, and the event stream must have neither a gap nor a repeat. The hosts are network
 * namespaces (`deploy/runTests.ts`), the configuration files those of this folder.
 *
 *   npm run test:failover [-- --rounds 5] [--logs FOLDER]
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrateCommand } from '../../../packages/server/src/commands/migrate.ts';
import { makeDataDir } from '../../../packages/server/test/support/dataDir.ts';
import { EVERY_EVENT } from '../../../packages/server/test/support/ledger.ts';
import { RUN_ENVIRONMENT } from '../../../packages/server/test/support/run.ts';
import { Namespaces } from '../network.ts';
import { findPrograms, type Programs } from '../programs.ts';
import { type DatabaseHost, hostsOf, type NodeHost, Topology, until } from '../topology.ts';
import { Faults } from './faults.ts';
import { Follower } from './follower.ts';
import { AMOUNTS, Load } from './load.ts';
import { makeMerchant } from './merchant.ts';

const run = promisify(execFile);

const NETWORK = '10.77.0';
const ROUNDS = Number(process.env.FAILOVER_ROUNDS ?? 1);
const PAYMENTS_PER_SECOND = 8;
/** Of the keys, as many are sent again at the end, beside all that were under way during a fault. */
const KEYS_SENT_AGAIN = 300;
/** A leader has given up its role before it may be another's: `ttl`. */
const TTL_MS = 20_000;

const programs = findPrograms();
const missing = 'length' in programs && `this machine lacks ${programs.join(', ')}: deploy/patroni/install`;

describe('a cluster of three under payments', { skip: process.env.CI === undefined && missing }, () => {
  let network: Namespaces;
  let topology: Topology;
  let load: Load;
  let follower: Follower;
  let faults: Faults;
  let merchantId: string;

  before(async () => {
    assert.equal(missing, false);
    network = Namespaces.create(hostsOf(NETWORK), NETWORK);
    topology = await Topology.create({
      ...{ folder: await makeDataDir('patroni'), network, programs: programs as Programs },
      environment: { MODE: 'production', MIGRATE: 'off', ADMIN_PORT: '9090', LOG_LEVEL: 'warn' },
      runEnvironment: RUN_ENVIRONMENT,
      logs: process.env.FAILOVER_LOGS,
    });
    await topology.startDatabase();
    const { directUrl } = topology;
    const said: string[] = [];
    const output = { out: () => undefined, error: (text: string) => void said.push(text) };
    assert.equal(await migrateCommand({ plan: false }, { DATABASE_URL: directUrl }, output), 0, said.join());
    await topology.startNodes();
    const merchant = await makeMerchant(topology.adminUrlOf('app1'), directUrl, {
      ...{ customers: 20, deposit: 1_000_000_000 },
    });
    merchantId = merchant.id;
    follower = new Follower(topology.url, merchant.apiKey);
    await follower.start();
    const { apiKey, customers } = merchant;
    load = new Load({ url: topology.url, apiKey, customers, paymentsPerSecond: PAYMENTS_PER_SECOND });
    load.start();
    await until('payments are answered', async () => load.acknowledged.length > 50);
    faults = new Faults(load);
  });

  after(async () => {
    faults?.print();
    await load?.stop();
    await follower?.stop();
    await topology?.stop();
  });

  /** @returns the leader, once all members run */
  async function leader(): Promise<DatabaseHost> {
    const found = (await topology.allMembersRun()).find(({ role }) => role === 'leader');
    assert.ok(found !== undefined);
    return found.name;
  }

  async function newLeaderAfter(old: DatabaseHost): Promise<DatabaseHost> {
    let now: DatabaseHost | null = null;
    await until('another host is the primary', async () => {
      now = await topology.primary();
      return now !== null && now !== old;
    });
    assert.ok(now !== null);
    return now;
  }

  for (let round = 1; round <= ROUNDS; round += 1) {
    const named = (name: string): string => (ROUNDS === 1 ? name : `${name} (${round} of ${ROUNDS})`);

    test(named('kill -9 of the leader, PostgreSQL and Patroni'), async () => {
      const old = await leader();
      await faults.measure('kill -9 of the leader (PostgreSQL and Patroni)', async () => {
        const postmaster = await topology.postmasterOf(old);
        assert.ok(postmaster !== null);
        await topology.service(`patroni-${old}`).kill(false);
        process.kill(postmaster, 'SIGKILL');
        await newLeaderAfter(old);
      });
      topology.service(`patroni-${old}`).start();
      await leader();
    });

    test(named('a switchover'), async () => {
      const old = await leader();
      await faults.measure('patronictl switchover', async () => {
        await topology.patronictl(['switchover', 'plexy', '--force']);
        await newLeaderAfter(old);
      });
      await leader();
    });

    test(named('kill -9 of the synchronous standby: payments wait until there is another'), async () => {
      const standby = (await topology.allMembersRun()).find(({ role }) => role === 'sync_standby');
      assert.ok(standby !== undefined);
      await faults.measure('kill -9 of the synchronous standby', async () => {
        const postmaster = await topology.postmasterOf(standby.name);
        assert.ok(postmaster !== null);
        await topology.service(`patroni-${standby.name}`).kill(false);
        process.kill(postmaster, 'SIGKILL');
        await until('another standby is the synchronous one', async () =>
          (await topology.members()).some(
            ({ role, name }) => role === 'sync_standby' && name !== standby.name,
          ),
        );
      });
      topology.service(`patroni-${standby.name}`).start();
      await leader();
    });

    test(named('kill -9 of a node'), async () => {
      await leader();
      await faults.measure('kill -9 of a node', async () => {
        await topology.service('node-app1').kill(true);
        await topology.ready('app1');
      });
    });

    test(named('kill -9 of an etcd member'), async () => {
      const host = await leader();
      await faults.measure('kill -9 of an etcd member', async () => {
        await topology.service(`etcd-${host}`).kill(false);
        await delay(6_000);
      });
      topology.service(`etcd-${host}`).start();
      await leader();
    });

    test(
      named('a network that is cut around the leader: it stops by itself, and confirms nothing'),
      async () => {
        const old = await leader();
        const inside = new Inside(topology, network, old);
        await faults.measure('network cut around the leader', async () => {
          await network.cut(old);
          const writing = inside.writeUntilFenced();
          await newLeaderAfter(old);
          assert.equal((await writing).confirmed, 0, 'a leader without its standby confirmed a commit');
        });
        await network.heal(old);
        await leader();
      },
    );

    test(named('a network that is cut between a node and the database'), async () => {
      await leader();
      const host: NodeHost = 'app2';
      await faults.measure('network cut between a node and the database', async () => {
        const to = topology.addressOf('lb');
        await network.block(host, [
          { to, port: 5000 },
          { to, port: 5001 },
        ]);
        await delay(6_000);
      });
      await network.heal(host);
      await topology.ready(host);
    });
  }

  test('the load ends: everything that was begun is answered for good', async () => {
    await leader();
    await load.stop();
    assert.deepEqual(load.unexpected, []);
  });

  test('no acknowledged payment, capture or refund is lost, and none is there twice', async () => {
    const rows = await query(
      topology.directUrl,
      `SELECT order_reference AS reference, count(*)::int AS payments, sum(captured)::int AS captured,
         sum(refunded)::int AS refunded,
         sum((SELECT count(*) FROM transaction r WHERE r.parent_transaction_id = t.id))::int AS refunds
       FROM transaction t WHERE type = 'payment' AND merchant_id = $1 GROUP BY order_reference`,
      [merchantId],
    );
    const { captured, refunds } = AMOUNTS;
    const refunded = refunds.reduce((sum, amount) => sum + amount, 0);
    const wrong = rows.filter(
      (row) =>
        row.payments !== 1 ||
        row.captured !== captured ||
        row.refunded !== refunded ||
        row.refunds !== refunds.length,
    );
    assert.deepEqual(wrong, []);
    const known = new Set(rows.map(({ reference }) => reference));
    assert.deepEqual(
      load.begun.filter((reference) => !known.has(reference)),
      [],
    );
    assert.equal(rows.length, load.begun.length);
    assert.equal(load.acknowledged.length, load.begun.length * (2 + refunds.length));
  });

  test('a key that is sent again has the same answer, byte for byte', async () => {
    const all = load.acknowledged;
    const during = all.filter(({ at, sentAt }) => faults.touches(sentAt, at));
    const step = Math.max(1, Math.floor(all.length / KEYS_SENT_AGAIN));
    const again = new Set([...during.slice(-3 * KEYS_SENT_AGAIN), ...all.filter((_, i) => i % step === 0)]);
    const others: string[] = [];
    const left = [...again];
    const sendAgain = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const { path, body, key, status, text } = next;
        const answer = await load.send(path, body, key);
        if (answer?.status !== status || answer.text !== text) others.push(`${text} became ${answer?.text}`);
      }
    };
    await Promise.all(Array.from({ length: 10 }, sendAgain));
    assert.deepEqual(others, []);
  });

  test('the ledger holds', async () => {
    const program = new URL('../../../packages/server/src/commands/audit.ts', import.meta.url).pathname;
    const environment = { PATH: process.env.PATH, DATABASE_URL: topology.directUrl, ...RUN_ENVIRONMENT };
    const { stdout } = await run(process.execPath, [program], { env: environment });
    assert.doesNotMatch(stdout, /BROKEN/);
    assert.match(stdout, /^ok {4}/);
  });

  test('the event stream had each event once, those of a payment in their order', async () => {
    const [counted] = await query(
      topology.directUrl,
      `SELECT count(*)::int AS n FROM ${EVERY_EVENT} e WHERE merchant_id = $1`,
      [merchantId],
    );
    await until('the stream is at its end', async () => follower.events.length >= counted?.n);
    await delay(500);
    await follower.stop();
    assert.deepEqual(follower.refusals, []);
    const last = new Map<string, number>();
    const outOfOrder: string[] = [];
    for (const { body } of follower.events) {
      const { id } = body.data;
      if (body.seq !== (last.get(id) ?? 0) + 1) outOfOrder.push(`${id} ${body.seq} after ${last.get(id)}`);
      last.set(id, body.seq);
    }
    assert.deepEqual(outOfOrder, []);
    assert.equal(follower.events.length, counted?.n);
    assert.equal(new Set(follower.events.map(({ id }) => id)).size, counted?.n);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape
async function query(url: string, sql: string, values: readonly unknown[] = []): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client
    .query(sql, [...values])
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

/** What can be done on a host that nobody else reaches: `psql` in its namespace, on its own PostgreSQL. */
class Inside {
  readonly #topology: Topology;
  readonly #network: Namespaces;
  readonly #host: DatabaseHost;

  constructor(topology: Topology, network: Namespaces, host: DatabaseHost) {
    this.#topology = topology;
    this.#network = network;
    this.#host = host;
  }

  /**
   * Writes until the host takes no writes any more, as a client would that sits on it.
   * @returns how many commits it confirmed
   */
  async writeUntilFenced(): Promise<{ confirmed: number }> {
    let confirmed = 0;
    const limit = performance.now() + 2 * TTL_MS;
    while (performance.now() < limit) {
      const said = await this.#psql('UPDATE installation SET mode = mode RETURNING 1');
      if (said.includes('UPDATE 1')) confirmed += 1;
      if (/read-only|recovery|refused|shutting down|starting up/.test(said)) return { confirmed };
      await delay(500);
    }
    throw new Error(`${this.#host} still took writes ${(2 * TTL_MS) / 1_000} s after it was cut off`);
  }

  /** @returns what psql printed within 2 s; then it is killed, as a client that gives up */
  async #psql(sql: string): Promise<string> {
    const [program = '', ...args] = [
      ...this.#network.on(this.#host),
      ...['psql', '--no-psqlrc', this.#topology.superuserUrl(this.#host), '-c', sql],
    ];
    const options = { timeout: 2_000, killSignal: 'SIGKILL' } as const;
    return run(program, args, options).then(
      ({ stdout, stderr }) => stdout + stderr,
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );
  }
}
