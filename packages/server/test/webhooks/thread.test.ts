/** Webhooks have a thread of their own: payments go first, and neither ends with the other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { after, before, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { eventually } from '../support/cards.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import {
  createEndpoint,
  type Receiver,
  startReceiver,
  type TestEndpoint,
  verify,
} from '../support/webhooks.ts';

const EVENTS = ['transaction.created', 'transaction.authorized'];

/** Of this file's sandbox: others of the folder run in the same process. */
const threads: Worker[] = [];
const noteThread = (worker: Worker): void => void threads.push(worker);

let sandbox: Sandbox;
let receiver: Receiver;
let endpoint: TestEndpoint;
before(async () => {
  // As somebody who starts a server with nice(1).
  if (process.platform === 'linux') setPriority(0, Math.max(getPriority(0), 8));
  process.on('worker', noteThread);
  sandbox = await startSandbox();
  receiver = await startReceiver();
  endpoint = await createEndpoint(sandbox.call, receiver.url);
});
after(async () => {
  await receiver.stop();
  await sandbox.stop();
  process.off('worker', noteThread);
});

/** Of the log's lines the first after this many that says so. */
function logged(from: number, text: string): Promise<string> {
  const find = async () => sandbox.log.slice(from).find((line) => line.includes(text));
  return eventually(`a log line with ${text}`, find);
}

test('it goes on after its thread has ended, with what was committed meanwhile', async () => {
  assert.equal(threads.length, 1);
  const from = sandbox.log.length;
  await threads[0]?.terminate();
  assert.equal((await sandbox.authorize()).status, 201, 'payments do not need it');
  await receiver.until(({ received }) => received.length === EVENTS.length, 'both webhooks');
  assert.deepEqual(receiver.names(), EVENTS);
  for (const received of receiver.received) verify(endpoint.secret, received);
  assert.equal(threads.length, 2);
  assert.match(await logged(from, 'webhooks were held up'), /the thread of webhooks ended with code 1/);
});

test('it says what goes wrong, with the code, in the log of the process', async () => {
  const from = sandbox.log.length;
  await sandbox.pool.query('ALTER TABLE webhook_feed RENAME TO hidden');
  const line = JSON.parse(await logged(from, 'webhooks were held up'));
  await sandbox.pool.query('ALTER TABLE hidden RENAME TO webhook_feed');
  assert.equal(line.err.code, '42P01');
  assert.match(line.err.message, /webhook_feed/);
  receiver.clear();
  await sandbox.authorize();
  await receiver.until(
    ({ received }) => received.length === EVENTS.length,
    'webhooks, once it is right again',
  );
});

test('it tells the metrics of every attempt', async () => {
  const made = 2 * EVENTS.length;
  await eventually('as many are counted', async () => (await attemptsCounted()) >= made);
  assert.equal(await attemptsCounted(), made);
});

async function attemptsCounted(): Promise<number> {
  const { text } = await sandbox.call('GET', '/metrics');
  return Number(/plexy_webhook_attempts_total\{outcome="delivered"\} (\d+)/.exec(text)?.[1] ?? 0);
}

test('its priority is lower, where a thread has one', { skip: process.platform !== 'linux' }, () => {
  const niceOf = (thread: string | number): number => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    // proc_pid_stat(5) gives it the number 19; the third is the first after the name in parentheses.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19 - 3]);
  };
  const usual = niceOf(process.pid);
  assert.ok(usual >= 8);
  const nicer = readdirSync('/proc/self/task').filter((thread) => niceOf(thread) === Math.min(usual + 5, 19));
  assert.equal(nicer.length, 1);
});
