/**
 * The procedure of docs/secret-keys.md on two nodes, with the keys in files, while payments are made: one node has workers, which
 * SIGHUP replaces, the other one is started again in every step. Nobody is refused, and what one node has made the other one reads.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { type ServerProcess, startServerProcess } from '../support/process.ts';
import { RUN_ENVIRONMENT, RUN_FOLDER } from '../support/run.ts';
import { CUSTOMER, type Reply, request } from '../support/sandbox.ts';

const OLD = 'the first key of this installation (1)';
const NEW = 'the second key of this installation (2)';
const REKEY = path.join(import.meta.dirname, '../../src/commands/rekey.ts');
/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 180_000;

let database: TestDatabase;
let ofWorkers: ServerProcess;
let single: ServerProcess;
/** The one that is started again is asked for nothing meanwhile, as a load balancer sees to. */
let isSingleUp = true;
let folder: string;
let files: { SECRET_KEY_FILE: string; OTHER_SECRET_KEYS_FILE: string };
before(async () => {
  folder = await mkdtemp(path.join(RUN_FOLDER, 'keys-'));
  files = {
    SECRET_KEY_FILE: path.join(folder, 'secret-key'),
    OTHER_SECRET_KEYS_FILE: path.join(folder, 'other-secret-keys'),
  };
  await keys(OLD);
  database = await createDatabase();
  const environment = { DATABASE_URL: database.url, ...files, LOG_LEVEL: 'info' };
  ofWorkers = await startServerProcess({ ...environment, WORKERS: '2' });
  single = await startServerProcess(environment);
});
after(async () => {
  await ofWorkers?.end();
  await single?.end();
  await database?.drop();
  await stopDatabaseServer();
  await rm(folder, { recursive: true });
});

async function keys(current: string, ...others: string[]): Promise<void> {
  await writeFile(files.SECRET_KEY_FILE, `${current}\n`);
  await writeFile(files.OTHER_SECRET_KEYS_FILE, others.map((key) => `${key}\n`).join(''));
}

/** Has both nodes read the files, one after the other. */
async function reload(): Promise<void> {
  const count = (): number => ofWorkers.log().match(/"msg":"the workers were replaced"/g)?.length ?? 0;
  const before = count();
  await ofWorkers.signal('SIGHUP');
  for (const startedAt = performance.now(); count() === before; await delay(50))
    assert.ok(performance.now() - startedAt < LIMIT_MS, ofWorkers.log());
  isSingleUp = false;
  await single.signal('SIGTERM');
  await single.restart();
  isSingleUp = true;
}

async function rekey(): Promise<string> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [REKEY], {
    env: { PATH, DATABASE_URL: database.url, ...files, ...RUN_ENVIRONMENT },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  assert.equal(code, 0, text);
  return text;
}

function authorize(url: string, idempotencyKey: string): Promise<Reply> {
  const body = { amount: 1, currency: 'KZT', orderReference: 'KEYS', ...CUSTOMER };
  return request(url, 'POST', '/v1/wallet/authorize', { idempotencyKey, body });
}

test('SECRET_KEY is changed in files while payments are made', async () => {
  const wrong: string[] = [];
  const made: string[] = [];
  let going = true;
  /** Pays at the node with workers, and repeats it at the other one: that finds the customer's IIN, and knows the request. */
  const payer = async (): Promise<void> => {
    while (going) {
      const key = randomUUID();
      const first = await authorize(ofWorkers.url, key);
      if (first.body.walletTransactionStatus !== 'PROCESSING') wrong.push(first.text);
      await delay(20);
      if (isSingleUp) {
        // While it stops it closes connections.
        const again = await authorize(single.url, key).catch(() => null);
        if (again !== null && again.text !== first.text) wrong.push(again.text);
      }
      made.push(key);
    }
  };
  const payers = [1, 2, 3].map(() =>
    payer().catch((error: Error) => wrong.push(String(error.cause ?? error))),
  );

  // 1. Both nodes know the new key, and work with the old one.
  await keys(OLD, NEW);
  await reload();
  // 2. Both work with the new key, one after the other.
  await keys(NEW, OLD);
  await reload();
  // 3. What was made with the old one is made anew.
  assert.match(await rekey(), /OTHER_SECRET_KEYS is needed no longer/);
  // 4. The old one is taken away.
  await keys(NEW);
  await reload();
  const count = made.length;
  while (made.length < count + 10 && wrong.length === 0) await delay(50);
  going = false;
  await Promise.all(payers);
  assert.deepEqual(wrong, []);

  // What was paid under the old key is known under the new one, at both nodes.
  for (const { url } of [ofWorkers, single]) {
    const replayed = await authorize(url, made[0] ?? '');
    assert.equal(replayed.headers.get('idempotency-replayed'), 'true', replayed.text);
  }
  const pool = createPool(database.url, 1, () => undefined);
  assert.deepEqual(await audit(pool), []);
  await pool.end();
});
