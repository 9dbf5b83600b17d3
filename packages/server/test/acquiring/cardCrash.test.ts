/** kill -9 of the server at every step of every card operation; the bank goes on by itself. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Fault, startStubBank, startTestBank, type TestBank } from '../support/bank.ts';
import {
  askedNow,
  CHALLENGED,
  cardOf,
  endLeases,
  eventually,
  operate,
  pay,
  settled,
  VISA,
} from '../support/cards.ts';
import { stopDatabaseServer } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import type { Reply } from '../support/sandbox.ts';

/** Not on file when its first payment is cut: then nobody knows its number any more. */
const AMEX = '378282246310005';

let bank: TestBank;
let nodes: Nodes;
before(async () => {
  bank = await startTestBank();
  nodes = await startNodes(1, bank.environment);
});
after(async () => {
  await nodes?.stop();
  await bank?.end();
  await stopDatabaseServer();
});

interface Round {
  readonly capture: string;
  readonly cancel: string;
  readonly refund: string;
  readonly complete: string;
  readonly backPath: string;
  readonly cardTokenId: string;
}

async function prepare(): Promise<Round> {
  const { call } = nodes;
  const authorized = async (): Promise<string> => (await pay(call, VISA)).body.id;
  const [capture, cancel, refund] = await Promise.all([authorized(), authorized(), authorized()]);
  assert.equal((await operate(call, refund, 'capture')).status, 200);
  const token = await pay(call, '5555555555554444');
  const challenge = await pay(call, CHALLENGED, { returnUrl: 'http://shop.test/' });
  const body = new URLSearchParams({ decision: 'approve' });
  const back = await fetch(challenge.body.redirectUrl, { method: 'POST', body, redirect: 'manual' });
  return {
    ...{ capture, cancel, refund, complete: challenge.body.id },
    backPath: new URL(back.headers.get('location') ?? '').pathname,
    cardTokenId: token.body.cardTokenId.Value,
  };
}

/** The five operations whose callers wait, each always with its own key. */
function requestsOf(round: Round): (() => Promise<Reply>)[] {
  const { call } = nodes;
  const options = Array.from({ length: 5 }, () => ({ idempotencyKey: crypto.randomUUID() }));
  const { cardTokenId } = round;
  return [
    () => pay(call, AMEX, {}, options[0]),
    () => pay(call, VISA, { card: undefined, cardTokenId }, options[1]),
    () => operate(call, round.capture, 'capture', 7_000, options[2]),
    () => operate(call, round.cancel, 'cancel', undefined, options[3]),
    () => operate(call, round.refund, 'refund', 2_500, options[4]),
  ];
}

async function count(condition: string): Promise<number> {
  const { rows } = await nodes.pool.query(`SELECT count(*)::int AS n FROM bank_operation WHERE ${condition}`);
  return rows[0].n;
}

/** What the bank has done for the operations of this round, of six. */
async function effects(round: Round, known: ReadonlySet<string>): Promise<number> {
  const books = await bank.books();
  const fresh = books.filter(({ id, held }) => !known.has(id) && held === 10_000).length;
  const find = (id: string) => books.find((one) => one.id === id);
  const changed = [
    find(round.capture)?.captured === 7_000,
    find(round.cancel)?.released === 10_000,
    find(round.refund)?.refunded === 2_500,
    find(round.complete)?.held === 10_000,
  ];
  return fresh + changed.filter(Boolean).length;
}

const STEPS: readonly {
  readonly step: string;
  readonly fault: Fault;
  /** How many effects the bank has when the server is killed, and in the end. */
  readonly worked: number;
  readonly workedInTheEnd: number;
  readonly byNumber: string;
}[] = [
  {
    step: 'after the intents were committed, before the bank has them',
    fault: {
      mode: 'timeout_not_worked',
      operations: ['authorize', 'capture', 'reverse', 'refund', 'complete'],
    },
    worked: 0,
    workedInTheEnd: 0,
    // The number was in the memory that is gone.
    byNumber: 'transaction.failed',
  },
  {
    step: 'during the calls, whose effects arrive when nobody listens',
    fault: {
      mode: 'slow',
      delayMs: 4_000,
      operations: ['authorize', 'capture', 'reverse', 'refund', 'complete'],
    },
    worked: 0,
    workedInTheEnd: 6,
    byNumber: 'authorized',
  },
  {
    step: 'after the bank worked, before its answers were committed',
    fault: { mode: 'timeout_worked' },
    worked: 6,
    workedInTheEnd: 6,
    byNumber: 'authorized',
  },
];

describe('kill -9 of the server', () => {
  for (const { step, fault, worked, workedInTheEnd, byNumber } of STEPS) {
    test(`${step}: the right end, one effect, one answer`, async () => {
      const round = await prepare();
      const known = new Set((await bank.books()).map(({ id }) => id));
      await bank.fault(fault);
      const requests = requestsOf(round);
      const before = await count('true');
      const cut = requests.map((send) =>
        send().then(
          ({ text }) => text,
          () => 'cut',
        ),
      );
      const back = nodes.call('GET', round.backPath, { apiKey: null }).catch(() => 'cut');
      await eventually('all intents are committed', async () => (await count(`true`)) === before + 6);
      await eventually('the bank has worked', async () => (await effects(round, known)) === worked);
      // Those that are committed are on their way to the bank.
      await pause(1_000);
      await nodes.processes[0]?.signal('SIGKILL');
      assert.equal(await count(`status = 'pending'`), 6);
      assert.deepEqual([...(await Promise.all(cut)), await back], Array(6).fill('cut'));
      const hasWorked = async () => (await effects(round, known)) === workedInTheEnd;
      await eventually('the bank has done all it will', hasWorked);
      await bank.healthy();
      await askedNow(nodes.pool, 60);
      await nodes.processes[0]?.restart();
      await askedNow(nodes.pool);
      await endLeases(nodes.pool);
      const answers = await Promise.all(requests.map((send) => send()));
      assert.deepEqual(
        answers.map(({ status, body }) => [status, body.status]),
        [
          [201, byNumber],
          [201, 'authorized'],
          [200, 'charged'],
          [200, 'cancelled'],
          [200, 'refunded'],
        ],
      );
      const again = await Promise.all(requests.map((send) => send()));
      assert.deepEqual(
        again.map(({ text }) => text),
        answers.map(({ text }) => text),
      );
      for (const reply of answers) assert.equal(reply.headers.get('idempotency-replayed'), 'true');
      assert.equal((await settled(nodes.pool, round.complete)).status, 'authorized');
      await allSettled(nodes.pool);
      assert.equal(await effects(round, known), byNumber === 'authorized' ? 6 : 5);
      await reconcile(nodes.pool, bank);
      await nodes.assertInvariants();
    });
  }

  test('after the answers were committed: they are given again, byte for byte', async () => {
    const requests = requestsOf(await prepare());
    const answers = await Promise.all(requests.map((send) => send()));
    await nodes.processes[0]?.restart();
    const again = await Promise.all(requests.map((send) => send()));
    assert.deepEqual(
      again.map(({ text }) => text),
      answers.map(({ text }) => text),
    );
    await reconcile(nodes.pool, bank);
    await nodes.assertInvariants();
  });

  test('of the server and the bank together, while the state of an unknown payment is due to its caller', async () => {
    await bank.kill();
    const idempotencyKey = crypto.randomUUID();
    const card = cardOf(VISA);
    const first = pay(nodes.call, VISA, { card }, { idempotencyKey }).catch(() => 'cut');
    await eventually('the intent is committed', async () => (await count(`status = 'pending'`)) === 1);
    await nodes.processes[0]?.signal('SIGKILL');
    assert.equal(await first, 'cut');
    await nodes.processes[0]?.restart();
    await endLeases(nodes.pool);
    const reply = await pay(nodes.call, VISA, { card }, { idempotencyKey });
    // The bank is still dead: the payment has failed, or is not known yet after 10 seconds.
    assert.equal(reply.status, 201, reply.text);
    assert.ok(['created', 'transaction.failed'].includes(reply.body.status), reply.text);
    await bank.restart();
    await allSettled(nodes.pool);
    assert.equal((await settled(nodes.pool, reply.body.id)).status, 'transaction.failed');
    assert.equal((await pay(nodes.call, VISA, { card }, { idempotencyKey })).text, reply.text);
    await reconcile(nodes.pool, bank);
    await nodes.assertInvariants();
  });
});

test('a node that cannot repeat a payment does not use up its attempts', async () => {
  const stub = await startStubBank();
  const two = await startNodes(2, { ...stub.environment, ACQUIRER_PATIENCE_MS: '6000' });
  try {
    // Never seen by the bank: only the node that has its number in memory could send it again.
    stub.answer = ({ method }) =>
      method === 'GET' ? { body: { status: 'not_found' } } : { status: 500, body: 'no' };
    const paying = pay((...call) => two.callNode(0, ...call), AMEX).catch(() => null);
    await eventually('the bank was asked', async () => stub.asked.length > 0);
    await two.processes[0]?.signal('SIGKILL');
    await paying;
    const ended = await eventually('it is given up', async () => {
      const { rows } = await two.pool.query(
        `SELECT t.status, o.attempts FROM transaction t JOIN bank_operation o ON o.id = t.id WHERE t.status <> 'created'`,
      );
      return rows[0];
    });
    assert.equal(ended.status, 'transaction.failed');
    // The first, by the node that was killed, and the last.
    assert.ok(ended.attempts <= 3, `${ended.attempts} attempts`);
    await two.assertInvariants();
  } finally {
    await two.stop();
    await stub.end();
  }
});
