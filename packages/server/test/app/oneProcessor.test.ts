/** `WORKERS=auto` on a machine of one processor: the unit of systemd has it, whose reload is to replace what serves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer } from '../support/database.ts';
import { startProgram } from '../support/program.ts';
import { DEMO_KEY, request } from '../support/sandbox.ts';

const MAIN = path.join(import.meta.dirname, '../../src/main.ts');
const HAS_TASKSET = spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** The processes that this one has forked. */
function childrenOf(pid: number | undefined): string[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ');
}

test('one worker serves, and SIGHUP replaces it while requests are answered', {
  skip: HAS_TASKSET ? false : 'this system has no taskset',
}, async (t) => {
  const database = await createDatabase(process.env.TEST_TEMPLATE);
  t.after(async () => {
    await database.drop();
    await stopDatabaseServer();
  });
  const program = startProgram(
    {
      ...{ DATABASE_URL: database.url, LOG_LEVEL: 'warn', WORKERS: 'auto' },
      ...{ ACQUIRER_URL: 'http://127.0.0.1:1', ACQUIRER_SECRET: 'no bank listens there, so any secret does' },
    },
    ['taskset', '-c', '0', process.execPath, MAIN],
  );
  t.after(() => program.child.kill('SIGKILL'));
  const url = await program.listening();
  // taskset becomes the program itself.
  const { pid } = program.child;
  const before = childrenOf(pid);
  assert.equal(before.length, 1, 'one processor, one worker');
  program.child.kill('SIGHUP');
  let answered = 0;
  await eventually('another one serves alone', async () => {
    const reply = await request(url, 'GET', '/v1/transactions?limit=1', { apiKey: DEMO_KEY });
    assert.equal(reply.status, 200, reply.text);
    answered += 1;
    const now = childrenOf(pid);
    return now.length === 1 && now[0] !== before[0];
  });
  assert.ok(answered > 0);
  const { text } = await request(url, 'GET', '/metrics', { apiKey: null });
  assert.match(text, /^plexy_workers 1$/m);
  program.child.kill('SIGTERM');
  assert.equal(await program.ended(), 0, program.output().stderr);
});
