/** The one command: what it prints works, and Ctrl-C leaves nothing behind. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RUN_ENVIRONMENT } from '../../../packages/server/test/support/run.ts';
import { CUSTOMER, DEMO_KEY } from '../../../packages/server/test/support/sandbox.ts';
import { findPrograms } from '../programs.ts';

const run = promisify(execFile);
const UP = path.join(import.meta.dirname, '../up.ts');
const LIMIT_MS = 180_000;

const programs = findPrograms();
const missing = 'length' in programs && `this machine lacks ${programs.join(', ')}: deploy/patroni/install`;

/** The names of the programs that run in our namespace and have this in a command line. */
function running(part: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(part) ? [command] : [];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
}

/** Through HAProxy, which answers by itself, in HTML, while it knows no node that is ready. */
async function pay(url: string, idempotencyKey: string): Promise<number> {
  const body = { amount: 100, currency: 'KZT', orderReference: idempotencyKey, ...CUSTOMER };
  const headers = {
    ...{ authorization: DEMO_KEY, 'idempotency-key': idempotencyKey },
    'content-type': 'application/json',
  };
  const reply = await fetch(`${url}/v1/wallet/authorize`, {
    ...{ method: 'POST', headers, body: JSON.stringify(body) },
  }).catch(() => null);
  await reply?.arrayBuffer().catch(() => undefined);
  return reply?.status ?? 0;
}

test('npm run start:cluster: payments before and after a switchover, and an end without a rest', {
  skip: process.env.CI === undefined && missing,
}, async () => {
  assert.equal(missing, false);
  const { PATH } = process.env;
  const child = spawn(process.execPath, [UP], {
    env: { PATH, TMPDIR: process.env.TMPDIR, ...RUN_ENVIRONMENT },
  });
  let said = '';
  const hear = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = once(child, 'exit');
  const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    for (const limit = performance.now() + LIMIT_MS; !(await isSo()); await delay(200)) {
      assert.equal(child.exitCode, null, said);
      assert.ok(performance.now() < limit, `waited in vain until ${what}: ${said}`);
    }
  };
  try {
    await until('it is up', () => said.includes('Ctrl-C ends everything'));
    const url = /API +(\S+)\/v1/.exec(said)?.[1] ?? '';
    const patronictl = /^ {2}(\/\S+\/patronictl) list$/m.exec(said)?.[1] ?? '';
    const folder = path.dirname(patronictl);
    assert.equal(await pay(url, 'BEFORE'), 201);
    const { stdout } = await run(patronictl, ['list']);
    assert.match(stdout, /Leader/);
    assert.match(stdout, /Sync Standby/);
    const switched = await run(patronictl, ['switchover', '--force']);
    assert.match(switched.stdout, /Successfully switched over/);
    await until('payments go on', async () => (await pay(url, 'AFTER')) === 201);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [0, null], said);
    assert.deepEqual(running(folder), []);
    assert.equal(existsSync(folder), false);
  } finally {
    child.kill('SIGKILL');
  }
});
