import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { after, before, test } from 'node:test';
import { passesLuhn, testCards } from '../src/domain/cards.ts';
import { payment, startBank, type TestBank, visa } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
after(() => bank.close());

const authorize = (body: object) => bank.call('POST', '/authorizations', body);

test('requests without the secret are refused, whatever they ask for', async () => {
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'secret-of-the-tests' }]) {
    for (const path of ['/v1/books', '/v1/faults', `/v1/authorizations/${randomUUID()}`]) {
      assert.equal((await fetch(bank.url() + path, { headers })).status, 401);
    }
  }
});

test('a page whose name resolves to this machine is refused, with the secret or without', async () => {
  const { port } = new URL(bank.url());
  for (const host of ['rebind.evil.example', `rebind.evil.example:${port}`, 'localhost.evil.example'])
    assert.equal(await statusAs(host), 403, host);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
    assert.equal(await statusAs(host), 401, host);
});

function statusAs(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = get(`${bank.url()}/v1/books`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
  });
}

test('every card number of the table is valid, documented and does what it says', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const { number, shows, threeDS, declineCode, fault } of testCards) {
    assert.ok(passesLuhn(number), number);
    const row = readme.split('\n').find((line) => line.startsWith(`| ${number} `)) ?? '';
    assert.ok(row.includes(`| ${shows} `), number);
    if (declineCode) assert.ok(row.includes(`\`${declineCode}\``), number);
    if (fault) continue;
    const { status, body } = await authorize(payment({}, number));
    assert.equal(status, 200);
    assert.equal(body.status, threeDS ? 'challenge' : declineCode ? 'declined' : 'approved', number);
    assert.equal(body.declineCode, threeDS ? undefined : declineCode, number);
    assert.match(String(body.rrn), /^[0-9]{12}$/);
  }
});

test('a bad number, a past expiry and a missing 3-D Secure are declined', async () => {
  const declineCode = async (body: object) => (await authorize(body)).body.declineCode;
  assert.equal(await declineCode(payment({}, '4242424242424241')), 'incorrect_number');
  const lastMonth = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 1, 1));
  const card = {
    number: visa,
    expiryMonth: lastMonth.getUTCMonth() + 1,
    expiryYear: lastMonth.getUTCFullYear(),
  };
  assert.equal(await declineCode(payment({ card })), 'expired_card');
  assert.equal(await declineCode(payment({ threeDS: false }, '4000000000003220')), 'authentication_required');
});

test('malformed requests do nothing, and the answer repeats nothing of them', async () => {
  const changes = [
    { amount: 0 },
    { amount: 1.5 },
    { amount: '100' },
    { amount: 2 ** 53 },
    { currency: 'kzt' },
    { currency: 'OMN' },
    { id: 'x' },
    { extra: 1 },
    { returnUrl: 'javascript:alert(1)' },
    { returnUrl: undefined },
  ];
  for (const change of changes) {
    const body = payment(change);
    const reply = await authorize(body);
    assert.equal(reply.status, 400, JSON.stringify(change));
    assert.ok(!JSON.stringify(reply.body).includes(visa));
  }
  const { body } = await bank.call('GET', `/books?merchantId=${randomUUID()}`);
  assert.deepEqual(body, { items: [], nextCursor: null, totals: [] });
});

test('50 concurrent deliveries of one authorization: one effect, one answer', async () => {
  const body = payment();
  const replies = await Promise.all(Array.from({ length: 50 }, () => authorize(body)));
  for (const reply of replies) assert.deepEqual(reply, replies[0]);
  assert.equal((await bank.call('GET', `/authorizations/${body.id}`)).body.held, 10_000);
  const { rows } = await bank.db.query('select count(*)::int from bank.authorizations where id = $1', [
    body.id,
  ]);
  assert.equal(rows[0].count, 1);
});

test('50 concurrent deliveries of one operation: one effect, one answer', async () => {
  const { id } = await approved();
  const capture = { operationId: randomUUID(), amount: 100, final: false };
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => bank.call('POST', `/authorizations/${id}/captures`, capture)),
  );
  for (const reply of replies) assert.deepEqual(reply, replies[0]);
  const { body } = await bank.call('GET', `/authorizations/${id}`);
  assert.equal(body.captured, 100);
  assert.equal(body.held, 9900);
});

test('concurrent captures and reversals with ids of their own never exceed the hold', async () => {
  const { id } = await approved();
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      index % 2
        ? bank.call('POST', `/authorizations/${id}/reversals`, { operationId: randomUUID(), amount: 900 })
        : bank.call('POST', `/authorizations/${id}/captures`, {
            operationId: randomUUID(),
            amount: 900,
            final: false,
          }),
    ),
  );
  assert.equal(replies.filter(({ body }) => body.status === 'done').length, 11);
  assert.equal((await bank.call('GET', `/authorizations/${id}`)).body.held, 100);
});

test('an id that comes again with another request is a conflict and does nothing', async () => {
  const body = await approved();
  for (const change of [
    { amount: 10_001 },
    { currency: 'USD' },
    { card: { ...body.card, number: '5555555555554444' } },
  ]) {
    assert.equal((await authorize({ ...body, ...change })).status, 409);
  }
  const capture = { operationId: randomUUID(), amount: 100, final: false };
  const path = `/authorizations/${body.id}`;
  assert.equal((await bank.call('POST', `${path}/captures`, capture)).body.status, 'done');
  assert.equal((await bank.call('POST', `${path}/captures`, { ...capture, amount: 101 })).status, 409);
  assert.equal((await bank.call('POST', `${path}/captures`, { ...capture, final: true })).status, 409);
  const { operationId } = capture;
  assert.equal((await bank.call('POST', `${path}/refunds`, { operationId, amount: 100 })).status, 409);
  const other = await approved();
  assert.equal((await bank.call('POST', `/authorizations/${other.id}/captures`, capture)).status, 409);
  assert.equal((await bank.call('GET', path)).body.captured, 100);
});

test('limits: capture within the hold, refund within what was captured', async () => {
  const { id } = await approved();
  const operate = async (kind: string, amount?: number, final?: boolean) => {
    const body = { operationId: randomUUID(), amount, final };
    const reply = await bank.call('POST', `/authorizations/${id}/${kind}`, body);
    return reply.body.declineCode ?? reply.body.amount;
  };
  assert.equal(await operate('refunds', 1), 'amount_exceeds_captured');
  assert.equal(await operate('captures', 10_001), 'amount_exceeds_held');
  assert.equal(await operate('reversals', 10_001), 'amount_exceeds_held');
  assert.equal(await operate('reversals', 1000), 1000);
  assert.equal(await operate('captures', 2000, false), 2000);
  assert.equal(await operate('captures', 3000), 3000);
  assert.equal(await operate('captures', 1), 'amount_exceeds_held');
  assert.equal(await operate('reversals'), 'already_captured');
  assert.equal(await operate('refunds', 4999), 4999);
  assert.equal(await operate('refunds', 2), 'amount_exceeds_captured');
  assert.equal(await operate('refunds', 1), 1);
  const { body } = await bank.call('GET', `/authorizations/${id}`);
  assert.deepEqual([body.held, body.captured, body.released, body.refunded], [0, 5000, 5000, 5000]);
});

test('operations on what is declined, or unknown', async () => {
  const declined = payment({}, '4000000000000002');
  await authorize(declined);
  for (const [id, declineCode] of [
    [declined.id, 'not_approved'],
    [randomUUID(), 'unknown_authorization'],
  ]) {
    for (const kind of ['captures', 'refunds']) {
      const operation = { operationId: randomUUID(), amount: 1 };
      const { body } = await bank.call('POST', `/authorizations/${id}/${kind}`, operation);
      assert.equal(body.declineCode, declineCode);
      assert.deepEqual((await bank.call('GET', `/operations/${operation.operationId}`)).body, body);
    }
  }
  const id = randomUUID();
  assert.deepEqual((await bank.call('GET', `/authorizations/${id}`)).body, { id, status: 'not_found' });
  assert.deepEqual((await bank.call('GET', `/operations/${id}`)).body, {
    operationId: id,
    status: 'not_found',
  });
  assert.deepEqual((await bank.call('POST', `/authorizations/${id}/complete`)).body, {
    id,
    status: 'not_found',
  });
});

test('a reversal that overtakes its authorization declines it, also when they race', async () => {
  for (let round = 0; round < 10; round++) {
    const body = payment();
    const reverse = () => bank.call('POST', `/authorizations/${body.id}/reversals`, { operationId: body.id });
    const [reversal] = await Promise.all(round ? [reverse(), authorize(body)] : [await reverse()]);
    assert.equal(reversal?.body.status, 'done');
    if (round === 0) assert.equal((await authorize(body)).body.declineCode, 'reversed');
    const after = (await bank.call('GET', `/authorizations/${body.id}`)).body;
    assert.equal(after.held ?? 0, 0);
    assert.ok(after.status === 'declined' || after.released === 10_000);
  }
});

test('no card number and no holder is stored; a cvc is not even part of a hash', async () => {
  const number = '4000000000003220';
  const body = payment({}, number);
  const first = await authorize(body);
  assert.deepEqual(await authorize({ ...body, card: { ...body.card, cvc: '456' } }), first);
  const { rows } = await bank.db.query(
    `select query_to_xml('select * from bank.' || quote_ident(table_name), true, false, '')::text as content
     from information_schema.tables where table_schema = 'bank'`,
  );
  const everything = rows.map(({ content }) => content).join();
  assert.ok(everything.includes(body.id));
  const spellings = [number, visa].flatMap((text) => [
    text,
    Buffer.from(text).toString('base64').slice(0, 20),
  ]);
  for (const text of [...spellings, 'A HOLDER']) assert.ok(!everything.includes(text), text);
});

test('after kill -9 a repeated request gets the first answer, and the effect is there once', async () => {
  const declined = payment({}, '4000000000009995');
  const body = await approved();
  const [first, refused] = [await authorize(body), await authorize(declined)];
  const capture = { operationId: randomUUID(), amount: 7000 };
  const captured = await bank.call('POST', `/authorizations/${body.id}/captures`, capture);
  await bank.restart();
  assert.deepEqual(await authorize(body), first);
  assert.deepEqual(await authorize(declined), refused);
  assert.deepEqual(await bank.call('POST', `/authorizations/${body.id}/captures`, capture), captured);
  assert.equal((await bank.call('GET', `/authorizations/${body.id}`)).body.captured, 7000);
});

test('books are paged and summed by merchant and currency', async () => {
  const merchantId = randomUUID();
  for (const currency of ['KZT', 'KZT', 'JPY', 'KZT', 'JPY']) {
    // Five of the largest amounts: their sum is more than a JSON number holds.
    await authorize(payment({ merchantId, currency, amount: Number.MAX_SAFE_INTEGER }));
  }
  const ids: unknown[] = [];
  let cursor: unknown = '';
  do {
    const page = `/books?merchantId=${merchantId}&limit=2${cursor && `&cursor=${cursor}`}`;
    const { body } = await bank.call('GET', page);
    ids.push(...(body.items as { id: string }[]).map(({ id }) => id));
    assert.deepEqual(body.totals, [
      totals('JPY', 2, 2n * BigInt(Number.MAX_SAFE_INTEGER)),
      totals('KZT', 3, 3n * BigInt(Number.MAX_SAFE_INTEGER)),
    ]);
    cursor = body.nextCursor;
  } while (cursor);
  assert.equal(new Set(ids).size, 5);
  assert.equal(ids.length, 5);
});

test('it exits 0 on SIGTERM and when its stdin closes, also while callers are kept waiting', async () => {
  for (const end of [() => bank.process().kill('SIGTERM'), () => bank.process().stdin?.end()]) {
    await bank.call('PUT', '/faults', { merchantId: null, mode: 'timeout_worked' });
    const waiting = assert.rejects(authorize(payment()));
    const slow = assert.rejects(authorize(payment({}, '4000000000700031')));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const exited = once(bank.process(), 'exit');
    end();
    assert.deepEqual(await exited, [0, null]);
    await Promise.all([waiting, slow]);
    await bank.restart();
    await bank.call('POST', '/reset');
  }
});

test('what is under way when it is told to stop is answered as ever', async () => {
  const url = bank.url();
  await bank.db.query('BEGIN; LOCK TABLE bank.authorizations IN EXCLUSIVE MODE');
  const reply = authorize(payment({}, '4000000000003220'));
  const isWaiting = async () =>
    (
      await bank.db.query(
        `SELECT FROM pg_locks WHERE NOT granted AND relation = 'bank.authorizations'::regclass`,
      )
    ).rowCount !== 0;
  await until(isWaiting);
  const exited = once(bank.process(), 'exit');
  bank.process().kill('SIGTERM');
  await until(() =>
    fetch(url).then(
      () => false,
      () => true,
    ),
  );
  await bank.db.query('COMMIT');
  const { status, body } = await reply;
  assert.equal(status, 200);
  assert.ok(String(body.acsUrl).startsWith(`${url}/acs/`), String(body.acsUrl));
  assert.deepEqual(await exited, [0, null]);
  await bank.restart();
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function approved() {
  const body = payment();
  assert.equal((await authorize(body)).body.status, 'approved');
  return body;
}

function totals(currency: string, authorizations: number, held: bigint) {
  return { currency, authorizations, held: `${held}`, captured: '0', released: '0', refunded: '0' };
}
