/**
 * A database that is lost and restored to a point in time: pgBackRest's backup and archive with the configuration of this
 * folder, the audit after it, what a bank and merchants know that the database has forgotten.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { startTestBank } from '../../../packages/server/test/support/bank.ts';
import { type Call, operate, pay, VISA } from '../../../packages/server/test/support/cards.ts';
import { makeFolder, OWNER, POSTGRES_MISSING } from '../../../packages/server/test/support/postgres.ts';
import { startServerProcess } from '../../../packages/server/test/support/process.ts';
import { RUN_ENVIRONMENT } from '../../../packages/server/test/support/run.ts';
import { CUSTOMER, request } from '../../../packages/server/test/support/sandbox.ts';
import { createEndpoint, startReceiver } from '../../../packages/server/test/support/webhooks.ts';
import { findPrograms } from '../../patroni/programs.ts';

const run = promisify(execFile);
const FILES = path.join(import.meta.dirname, '..');
const programs = findPrograms();
const BIN = 'length' in programs ? '' : programs.postgres;
const URL_OF_DATABASE = 'postgres://postgres@127.0.0.1:5432/postgres';

function isMissing(program: string): boolean {
  try {
    execFileSync('which', [program]);
    return false;
  } catch {
    return true;
  }
}

const missing =
  process.env.CI === undefined &&
  (POSTGRES_MISSING ||
    (BIN === '' && 'PostgreSQL 15 is not installed') ||
    (isMissing('pgbackrest') && 'pgBackRest is not installed: deploy/patroni/install'));

/** PostgreSQL on the files of a folder, which are backed up into another one. */
class BackedUp {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;

  private constructor(folder: string) {
    this.folder = folder;
    this.environment = {
      ...{ PATH: `${BIN}:${process.env.PATH}`, PGBACKREST_CONFIG: path.join(folder, 'pgbackrest.conf') },
      ...{ PGBACKREST_REPO1_CIPHER_PASS: 'a passphrase of the test', ...RUN_ENVIRONMENT },
    };
  }

  static async create(): Promise<BackedUp> {
    const database = new BackedUp(await makeFolder('backup'));
    const { folder, data } = database;
    const text = await readFile(path.join(FILES, 'pgbackrest.conf'), 'utf8');
    const places = [
      ['/var/lib/pgbackrest', path.join(folder, 'repository')],
      ['/var/lib/postgresql/15/plexy', data],
    ] as const;
    const rendered = places.reduce((done, [from, to]) => done.replaceAll(from, to), text);
    await writeFile(path.join(folder, 'pgbackrest.conf'), rendered);
    await mkdir(path.join(folder, 'repository'));
    if (OWNER.uid !== undefined) await chown(path.join(folder, 'repository'), OWNER.uid, OWNER.gid ?? 0);
    // As /var/run/postgresql is, where Debian's packages are installed: only we see this one.
    await mkdir('/run/postgresql', { recursive: true });
    await chmod('/run/postgresql', 0o1777);
    await database.run('initdb', ['-D', data, '-A', 'trust', '-U', 'postgres', '--data-checksums']);
    const settings = [
      "listen_addresses = '127.0.0.1'",
      'archive_mode = on',
      `archive_command = '${archiveCommand()}'`,
      'min_wal_size = 80MB',
    ];
    await writeFile(path.join(data, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
    return database;
  }

  get data(): string {
    return path.join(this.folder, 'data');
  }

  /** A program as PostgreSQL's user. */
  async run(program: string, args: readonly string[]): Promise<string> {
    const { stdout } = await run(program, args, { ...OWNER, cwd: '/', env: this.environment });
    return stdout;
  }

  async start(): Promise<void> {
    const args = ['-w', '-t', '120', '-D', this.data, '-l', path.join(this.folder, 'log'), 'start'];
    const child = spawn('pg_ctl', args, { ...OWNER, cwd: '/', env: this.environment, stdio: 'ignore' });
    const [code] = await new Promise<[number | null]>((resolve) => child.once('exit', (c) => resolve([c])));
    assert.equal(code, 0, await readFile(path.join(this.folder, 'log'), 'utf8'));
    for (let open = false; !open; await delay(100))
      open = (await query('SELECT NOT pg_is_in_recovery() AS open'))[0].open;
  }

  async stop(): Promise<void> {
    await this.run('pg_ctl', ['-w', '-m', 'immediate', '-D', this.data, 'stop']).catch(() => undefined);
  }
}

/** As README.md has it. */
function archiveCommand(): string {
  return 'pgbackrest --stanza=plexy archive-push %p';
}

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape
async function query(sql: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: URL_OF_DATABASE });
  client.on('error', () => undefined);
  await client.connect();
  return client
    .query(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const limit = performance.now() + 60_000; !(await isSo()); await delay(50))
    assert.ok(performance.now() < limit, `waited in vain until ${what}`);
}

async function settled(): Promise<void> {
  await until('the bank has answered everything', async () => {
    const [{ n }] = await query(`SELECT count(*)::int AS n FROM bank_operation WHERE status = 'pending'`);
    return n === 0;
  });
}

describe('a database that is lost', { skip: missing }, () => {
  test('is restored to a point in time, audited, and compared with the bank', async (t) => {
    const database = await BackedUp.create();
    t.after(() => database.stop());
    await database.start();
    await database.run('pgbackrest', ['--stanza=plexy', 'stanza-create']);
    const bank = await startTestBank();
    t.after(() => bank.end());
    const receiver = await startReceiver();
    t.after(() => receiver.stop());
    // The bank's answer that is late must still be awaited at the moment to which the database is put back.
    const environment = { DATABASE_URL: URL_OF_DATABASE, ...bank.environment, ACQUIRER_TIMEOUT_MS: '5000' };
    const node = await startServerProcess(environment);
    t.after(() => node.end());
    const call: Call = (method, url, options) => request(node.url, method, url, options);
    const endpoint = await createEndpoint(call, receiver.url);
    await database.run('pgbackrest', ['--stanza=plexy', '--type=full', 'backup']);
    // It knows to the second when a backup ended, and restores from one that ended before.
    await delay(2_000);

    const payByCard = async (orderReference: string): Promise<string> => {
      const reply = await pay(call, VISA, { orderReference });
      assert.equal(reply.status, 201, reply.text);
      return reply.body.id;
    };
    const kept = [await payByCard('KEPT-1'), await payByCard('KEPT-2'), await payByCard('KEPT-3')];
    const [captured = '', , late = ''] = kept;
    assert.equal((await operate(call, captured, 'capture')).status, 200);
    await settled();

    // The bank captures and says nothing: at the target time the database knows the question only.
    await bank.fault({ mode: 'timeout_worked', operations: ['capture'] });
    const asking = operate(call, late, 'capture', 4_000).catch(() => undefined);
    await until('the bank has captured', async () => (await bank.find(bankIdOf(late)))?.captured === 4_000);
    const [{ target, pending }] = await query(
      `SELECT clock_timestamp()::text AS target,
         (SELECT count(*)::int FROM bank_operation WHERE status = 'pending') AS pending`,
    );
    assert.equal(pending, 1);
    await delay(50);

    // What comes now will be forgotten here, but not by the bank, nor by the merchant.
    await asking;
    await bank.healthy();
    const lost = [await payByCard('LOST-1'), await payByCard('LOST-2')];
    assert.equal((await operate(call, lost[0] ?? '', 'capture')).status, 200);
    const other = await operate(call, kept[1] ?? '', 'capture');
    assert.equal(other.status, 200, other.text);
    const body = { amount: 100, currency: 'KZT', orderReference: 'LOST-W', ...CUSTOMER };
    assert.equal((await call('POST', '/v1/wallet/authorize', { body, idempotencyKey: 'lost' })).status, 201);
    await settled();
    await receiver.until(({ received }) => received.some(({ text }) => text.includes('LOST-W')), 'webhooks');
    // Ends the segment of the log, and waits until it is in the archive.
    await database.run('pgbackrest', ['--stanza=plexy', 'check']);

    await node.end();
    await database.stop();
    await rm(database.data, { recursive: true });
    await mkdir(database.data, { mode: 0o700 });
    if (OWNER.uid !== undefined) await chown(database.data, OWNER.uid, OWNER.gid ?? 0);

    // A time without a zone would be that of whoever reads it.
    await assert.rejects(
      database.run(path.join(FILES, 'restore-to'), ['2026-11-27 14:03:00']),
      /with its zone/,
    );
    await database.run('bash', [path.join(FILES, 'restore-to'), target]);
    await database.start();

    const audit = path.join(FILES, '../../packages/server/src/commands/audit.ts');
    const env = { PATH: process.env.PATH, DATABASE_URL: URL_OF_DATABASE, ...RUN_ENVIRONMENT };
    const { stdout } = await run(process.execPath, [audit], { env });
    assert.doesNotMatch(stdout, /BROKEN/);
    const rows = await query(
      `SELECT order_reference AS reference FROM transaction WHERE type = 'payment' ORDER BY 1`,
    );
    assert.deepEqual(
      rows.map(({ reference }) => reference).filter((reference) => /^(?:KEPT|LOST)/.test(reference)),
      ['KEPT-1', 'KEPT-2', 'KEPT-3'],
    );

    // What was open is asked by its id, and known again.
    await node.restart();
    await settled();
    const [{ sum }] = await query(
      `SELECT captured::int AS sum FROM transaction WHERE order_reference = 'KEPT-3'`,
    );
    assert.equal(sum, 4_000);

    // What the database has never heard of, the bank's list tells.
    const books = await bank.books();
    const list = books.map(({ id, captured: sum, refunded }) => `${id},${sum},${refunded}`).join('\n');
    const compared = spawn('bash', [path.join(FILES, 'compare-with-bank')], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    compared.stdin.end(`${list}\n`);
    let said = '';
    for await (const chunk of compared.stdout) said += chunk;
    const found = said.trim().split('\n').slice(1);
    assert.deepEqual(
      found.map((line) => line.split(',').slice(0, 2)).sort(),
      [
        [bankIdOf(kept[1] ?? ''), 'other amounts'],
        ...lost.map((id) => [bankIdOf(id), 'unknown here']),
      ].sort(),
    );

    // Whoever was told of what is lost is told of what is there, at their request; and of all that comes.
    receiver.clear();
    const replayed = await call('POST', `/v1/webhook-endpoints/${endpoint.id}/replay`, {
      body: { from: new Date(Date.parse(target) - 60_000).toISOString(), to: new Date().toISOString() },
    });
    assert.ok(replayed.status < 300, replayed.text);
    const again = await payByCard('NEW-1');
    await receiver.until(
      ({ received }) => received.some(({ text }) => text.includes(again)),
      'the webhook of a new payment',
    );
    await receiver.until(
      ({ received }) =>
        received.some(({ headers, text }) => headers['webhook-replay'] === 'true' && text.includes('KEPT-1')),
      'the webhooks that are sent again',
    );
    assert.ok(receiver.received.every(({ text }) => !text.includes('LOST-')));
  });
});

/** What the bank knows a payment by. */
function bankIdOf(id: string): string {
  return id;
}
