import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { payment, type Reply, startBank, type TestBank } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
afterEach(() => bank.call('POST', '/reset'));
after(() => bank.close());

/** How long an answer is waited for that does not come; one that comes may take longer on a busy machine. */
const GIVE_UP_MS = 700;

const authorize = (body: object, patienceMs?: number) =>
  bank.call('POST', '/authorizations', body, patienceMs);
const inquire = async (id: string) => (await bank.call('GET', `/authorizations/${id}`)).body.status;
const setFault = (fault: object) => bank.call('PUT', '/faults', { merchantId: null, ...fault });

/** How a call ended, for whoever made it. */
async function ending(reply: Promise<Reply>): Promise<string> {
  try {
    return String((await reply).status);
  } catch (error) {
    if (error instanceof SyntaxError) return 'garbage';
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'cut';
  }
}

const cases = [
  { mode: 'down', ends: '503', works: false },
  { mode: 'timeout_worked', ends: 'timeout', works: true, card: '4000000000700023' },
  { mode: 'timeout_not_worked', ends: 'timeout', works: false, card: '4000000000700031' },
  { mode: 'cut_before', ends: 'cut', works: false, card: '4000000000700049' },
  { mode: 'cut_after', ends: 'cut', works: true, card: '4000000000700056' },
  { mode: 'garbage', ends: 'garbage', works: true, card: '4000000000700064' },
  { mode: 'duplicate', ends: '200', works: true, card: '4000000000700072' },
  { mode: 'none', ends: '200', works: true },
];

for (const { mode, ends, works, card } of cases) {
  const patienceMs = ends === 'timeout' ? GIVE_UP_MS : undefined;

  test(`switch ${mode}: ends as ${ends}, ${works ? 'works' : 'does nothing'}`, async () => {
    await setFault({ mode, operations: ['authorize', 'capture', 'reverse', 'refund', 'complete'] });
    const body = payment();
    assert.equal(await ending(authorize(body, patienceMs)), ends);
    assert.equal(await inquire(body.id), works ? 'approved' : 'not_found');
    await setFault({ mode: 'none' });
    assert.equal((await authorize(body)).body.status, 'approved');
  });

  test(`switch ${mode} on captures, reversals and refunds`, async () => {
    const body = payment();
    await authorize(body);
    for (const [kind, amount] of [
      ['reversals', 1000],
      ['captures', 5000],
      ['refunds', 2000],
    ]) {
      await setFault({ mode, operations: ['capture', 'reverse', 'refund'] });
      const operation = { operationId: randomUUID(), amount };
      const operate = (limitMs?: number) =>
        bank.call('POST', `/authorizations/${body.id}/${kind}`, operation, limitMs);
      assert.equal(await ending(operate(patienceMs)), ends);
      const { body: found } = await bank.call('GET', `/operations/${operation.operationId}`);
      assert.equal(found.status, works ? 'done' : 'not_found');
      await setFault({ mode: 'none' });
      assert.equal((await operate()).body.amount, amount);
    }
    const { held, captured, released, refunded } = (await bank.call('GET', `/authorizations/${body.id}`))
      .body;
    assert.deepEqual([held, captured, released, refunded], [0, 5000, 5000, 2000]);
  });

  if (card) {
    test(`card for ${mode}: ends as ${ends}; a repeat ${works ? 'is answered' : 'ends the same'}`, async () => {
      const body = payment({}, card);
      assert.equal(await ending(authorize(body, patienceMs)), ends);
      assert.equal(await inquire(body.id), works ? 'approved' : 'not_found');
      assert.equal(await ending(authorize(body, works ? undefined : patienceMs)), works ? '200' : ends);
      const { rows } = await bank.db.query('select count(*)::int from bank.authorizations');
      assert.equal(rows[0].count, works ? 1 : 0);
    });
  }
}

test('the slow card is answered after 3 s', async () => {
  const started = performance.now();
  const { body } = await bank.call('POST', '/authorizations', payment({}, '4000000000700015'));
  assert.equal(body.status, 'approved');
  assert.ok(performance.now() - started >= 2990);
});

test('a slow bank works although its caller gave up, and a reversal in the meantime wins', async () => {
  await setFault({ mode: 'slow', delayMs: 3_000, operations: ['authorize'] });
  const [late, reversed] = [payment(), payment()];
  const ends = [late, reversed].map((body) => ending(authorize(body, GIVE_UP_MS)));
  assert.deepEqual(await Promise.all(ends), ['timeout', 'timeout']);
  await bank.call('POST', `/authorizations/${reversed.id}/reversals`, { operationId: randomUUID() });
  while ((await inquire(late.id)) === 'not_found') await sleep(50);
  assert.equal(await inquire(late.id), 'approved');
  assert.equal(await inquire(reversed.id), 'declined');
});

test('a bank that is down for one merchant is so for its inquiries too, and for nobody else', async () => {
  await setFault({ mode: 'down', merchantId: 'unlucky' });
  const body = payment({ merchantId: 'unlucky' });
  assert.equal(await ending(authorize(body)), '503');
  assert.equal(await ending(bank.call('GET', `/authorizations/${body.id}`)), '503');
  assert.equal(await ending(bank.call('GET', '/books')), '200');
  const other = payment();
  assert.equal((await authorize(other)).body.status, 'approved');
  assert.equal(await inquire(other.id), 'approved');
});

test("a merchant's own switch comes before the one for everybody; both survive a restart", async () => {
  await setFault({ mode: 'down' });
  await setFault({ mode: 'cut_before', merchantId: 'merchant-1' });
  await bank.restart();
  assert.equal(await ending(authorize(payment())), 'cut');
  assert.equal(await ending(authorize(payment({ merchantId: 'merchant-2' }))), '503');
  await bank.call('POST', '/reset');
  assert.equal(await ending(authorize(payment())), '200');
  assert.deepEqual((await bank.call('GET', '/faults')).body, { items: [] });
});

test('random faults strike about as often as they should, and the same requests every time', async () => {
  const bodies = Array.from({ length: 100 }, (_, index) =>
    payment({ id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}` }),
  );
  const run = async (seed: number) => {
    await bank.call('POST', '/reset');
    await setFault({ mode: 'down', probability: 0.3, seed });
    return Promise.all(bodies.map((body) => ending(authorize(body))));
  };
  const first = await run(7);
  const struck = first.filter((end) => end === '503').length;
  assert.ok(struck > 15 && struck < 45, `${struck} of 100`);
  assert.deepEqual(await run(7), first);
  assert.notDeepEqual(await run(8), first);
});

test('a random fault does not strike one request for ever', async () => {
  await setFault({ mode: 'cut_before', probability: 0.5 });
  const body = payment();
  let tries = 0;
  while ((await ending(authorize(body))) === 'cut') assert.ok(++tries < 40);
  assert.equal(await inquire(body.id), 'approved');
});

test('kill -9 after the work, before the answer: the retry gets the answer and one effect', async () => {
  const body = payment({}, '4000000000700023');
  const cut = ending(bank.call('POST', '/authorizations', body));
  while ((await inquire(body.id)) === 'not_found');
  await bank.kill();
  assert.equal(await cut, 'cut');
  await bank.restart();
  assert.equal((await authorize(body)).body.status, 'approved');
  assert.equal((await bank.call('GET', `/authorizations/${body.id}`)).body.held, 10_000);
});

test('kill -9 in the middle of a storm loses and doubles nothing that was answered', async () => {
  const bodies = Array.from({ length: 200 }, () => payment());
  const storm = bodies.map((body) => ending(authorize(body)));
  await Promise.race(storm.slice(50));
  await bank.kill();
  const ends = await Promise.all(storm);
  await bank.restart();
  for (const [index, body] of bodies.entries()) {
    if (ends[index] === '200') assert.equal(await inquire(body.id), 'approved');
  }
  await Promise.all(bodies.map((body) => bank.call('POST', '/authorizations', body)));
  const { totals } = (await bank.call('GET', '/books')).body as { totals: { held: string }[] };
  assert.equal(totals[0]?.held, String(200 * 10_000));
});

test('malformed switches are refused', async () => {
  for (const change of [{ mode: 'odd' }, { mode: 'down', probability: 2 }, { mode: 'slow', delayMs: -1 }]) {
    assert.equal((await setFault(change)).status, 400);
  }
  assert.equal((await bank.call('PUT', '/faults', { mode: 'down' })).status, 400);
});
