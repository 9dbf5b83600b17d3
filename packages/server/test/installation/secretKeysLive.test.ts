/**
 * The procedure of docs/secret-keys.md on two nodes of two workers each, with the keys in files, while payments are made at both:
 * nobody is refused, and what one node has made the other one reads, in every step.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { RUN_ENVIRONMENT, RUN_FOLDER } from '../support/run.ts';
import { CUSTOMER, type Reply } from '../support/sandbox.ts';

const OLD = 'the first key of this installation (1)';
const NEW = 'the second key of this installation (2)';
const REKEY = path.join(import.meta.dirname, '../../src/commands/rekey.ts');
/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 180_000;

let database: TestDatabase;
let nodes: Nodes;
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
  nodes = await startNodes(2, { ...files, WORKERS: '2', LOG_LEVEL: 'info' }, database.url);
});
after(async () => {
  await nodes?.stop();
  await database?.drop();
  await stopDatabaseServer();
  await rm(folder, { recursive: true });
});

async function keys(current: string, ...others: string[]): Promise<void> {
  await writeFile(files.SECRET_KEY_FILE, `${current}\n`);
  await writeFile(files.OTHER_SECRET_KEYS_FILE, others.map((key) => `${key}\n`).join(''));
}

/** Has a node read the files: its workers are replaced, one by one. */
async function reload(node: number): Promise<void> {
  const [process] = nodes.processes.slice(node);
  assert.ok(process !== undefined);
  const count = (): number => process.log().match(/"msg":"the workers were replaced"/g)?.length ?? 0;
  const before = count();
  await process.signal('SIGHUP');
  for (const startedAt = performance.now(); count() === before; await delay(50))
    assert.ok(performance.now() - startedAt < LIMIT_MS, process.log());
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

const authorize = (node: number, idempotencyKey: string): Promise<Reply> =>
  nodes.callNode(node, 'POST', '/v1/wallet/authorize', {
    idempotencyKey,
    body: { amount: 1, currency: 'KZT', orderReference: 'KEYS', ...CUSTOMER },
  });

test('SECRET_KEY is changed in files while both nodes take payments', async () => {
  const wrong: string[] = [];
  let made = 0;
  let going = true;
  /** Pays at one node, and repeats it at the other one, which finds the customer's IIN and the request's fingerprint. */
  const payer = async (node: number): Promise<void> => {
    while (going) {
      const key = randomUUID();
      const replies = [await authorize(node, key), await authorize(1 - node, key)];
      const [first, again] = replies;
      if (first?.status !== 201 || first.body.walletTransactionStatus !== 'PROCESSING')
        wrong.push(`${first?.text}`);
      if (again?.text !== first?.text || again?.headers.get('idempotency-replayed') !== 'true')
        wrong.push(`${again?.status} ${again?.text}`);
      made += 1;
      await delay(20);
    }
  };
  const payers = [0, 1, 0, 1].map((node) => payer(node).catch((error: Error) => wrong.push(error.message)));

  // 1. Both nodes know the new key, and work with the old one.
  await keys(OLD, NEW);
  for (const node of [0, 1]) await reload(node);
  // 2. Both work with the new key, one after the other.
  await keys(NEW, OLD);
  for (const node of [0, 1]) await reload(node);
  // 3. What was made with the old one is made anew.
  assert.match(await rekey(), /OTHER_SECRET_KEYS is needed no longer/);
  // 4. The old one is taken away.
  await keys(NEW);
  for (const node of [0, 1]) await reload(node);
  const last = made;
  while (made < last + 10 && wrong.length === 0) await delay(50);

  going = false;
  await Promise.all(payers);
  assert.deepEqual(wrong, []);
  assert.ok(made > 30, `${made} payments`);
  await nodes.assertInvariants();
});
