import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { payment, startBank, type TestBank } from './support/bank.ts';

let bank: TestBank;
before(async () => {
  bank = await startBank();
});
after(() => bank.close());

const asksThenApproves = '4000000000003220';
const asksThenDeclines = '4000008400001629';

async function challenge(changes: Readonly<Record<string, unknown>> = {}, number = asksThenApproves) {
  const body = payment(changes, number);
  const { body: answer } = await bank.call('POST', '/authorizations', body);
  assert.equal(answer.status, 'challenge');
  return { ...body, acsUrl: String(answer.acsUrl), answer };
}

function decide(acsUrl: string, decision: string) {
  return fetch(acsUrl, { method: 'POST', body: new URLSearchParams({ decision }), redirect: 'manual' });
}

const complete = async (id: string) => (await bank.call('POST', `/authorizations/${id}/complete`)).body;
const inquire = async (id: string) => (await bank.call('GET', `/authorizations/${id}`)).body;

test('approve: the browser goes back with nothing added, and the money is held on completion', async () => {
  const { id, acsUrl, returnUrl } = await challenge();
  assert.equal((await complete(id)).status, 'challenge');
  const response = await decide(acsUrl, 'approve');
  assert.equal(response.status, 303);
  assert.equal(response.headers.get('location'), returnUrl);
  assert.equal((await inquire(id)).status, 'challenge_approved');
  assert.equal((await inquire(id)).held, 0);
  const replies = await Promise.all(Array.from({ length: 20 }, () => complete(id)));
  for (const reply of replies) assert.deepEqual(reply, replies[0]);
  assert.equal(replies[0]?.status, 'approved');
  assert.equal((await inquire(id)).held, 10_000);
});

test('decline, and an approval that the bank then declines', async () => {
  const declined = await challenge();
  assert.equal((await decide(declined.acsUrl, 'decline')).status, 303);
  assert.equal((await inquire(declined.id)).status, 'challenge_failed');
  assert.equal((await complete(declined.id)).declineCode, 'authentication_failed');
  const approved = await challenge({}, asksThenDeclines);
  await decide(approved.acsUrl, 'approve');
  assert.equal((await complete(approved.id)).declineCode, 'card_declined');
  assert.equal((await inquire(approved.id)).held, 0);
});

test('the page outlives a kill -9, and another bank on the same books gets a port of its own', async () => {
  const { id, acsUrl } = await challenge();
  await bank.restart();
  assert.equal((await fetch(acsUrl)).status, 200);
  const other = await bank.another();
  assert.notEqual(new URL(other.url).port, new URL(acsUrl).port);
  other.child.kill('SIGKILL');
  assert.equal((await decide(acsUrl, 'approve')).status, 303);
  assert.equal((await complete(id)).status, 'approved');
});

test('a repeated authorization gets the same page, even when it was used', async () => {
  const { acsUrl, answer, ...body } = await challenge();
  await decide(acsUrl, 'approve');
  await complete(body.id);
  const repeated = await bank.call('POST', '/authorizations', body);
  assert.deepEqual(repeated.body, answer);
  assert.equal((await fetch(acsUrl)).status, 410);
});

test('a token works once: of ten answers at the same time one counts', async () => {
  const { id, acsUrl } = await challenge();
  // The row is held until all ten are on their way, so that they do meet.
  await bank.db.query('begin');
  await bank.db.query('select from bank.authorizations where id = $1 for update', [id]);
  const answers = Array.from({ length: 10 }, (_, index) => decide(acsUrl, index % 2 ? 'approve' : 'decline'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await bank.db.query('commit');
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [303, ...Array(9).fill(410)]);
  const first = (await inquire(id)).status;
  assert.equal((await decide(acsUrl, first === 'challenge_failed' ? 'approve' : 'decline')).status, 410);
  assert.equal((await inquire(id)).status, first);
});

test('a token answers for its own authorization and no other; guesses find nothing', async () => {
  const [one, other] = [await challenge(), await challenge()];
  assert.notEqual(one.acsUrl, other.acsUrl);
  await decide(one.acsUrl, 'approve');
  assert.equal((await inquire(other.id)).status, 'challenge');
  for (const guess of [
    'x',
    one.id,
    randomUUID(),
    `${new URL(one.acsUrl).pathname.slice(5)}A`,
    '%00',
    '..%2f',
  ]) {
    assert.equal((await fetch(`${bank.url()}/acs/${guess}`)).status, 404, guess);
    assert.equal((await decide(`${bank.url()}/acs/${guess}`, 'approve')).status, 404, guess);
  }
});

test('only the words of the two buttons are an answer', async () => {
  const { id, acsUrl } = await challenge();
  for (const decision of ['', 'APPROVE', 'yes']) assert.equal((await decide(acsUrl, decision)).status, 400);
  assert.equal((await fetch(acsUrl, { method: 'POST' })).status, 400);
  assert.equal((await inquire(id)).status, 'challenge');
});

test('after 15 minutes the page is gone and the authorization is declined', async () => {
  const { id, acsUrl } = await challenge();
  const expiresAt = Date.parse(String((await inquire(id)).challengeExpiresAt));
  assert.ok(Math.abs(expiresAt - Date.now() - 15 * 60_000) < 10_000);
  await bank.db.query('update bank.authorizations set challenge_expires_at = now() where id = $1', [id]);
  assert.equal((await fetch(acsUrl)).status, 410);
  assert.equal((await decide(acsUrl, 'approve')).status, 410);
  assert.equal((await complete(id)).declineCode, 'authentication_expired');
});

test('a reversal ends a challenge in any state', async () => {
  for (const decision of [undefined, 'approve', 'decline']) {
    const { id, acsUrl } = await challenge();
    if (decision) await decide(acsUrl, decision);
    const part = { operationId: randomUUID(), amount: 1 };
    const refused = await bank.call('POST', `/authorizations/${id}/reversals`, part);
    assert.equal(refused.body.declineCode, 'not_approved');
    const { body } = await bank.call('POST', `/authorizations/${id}/reversals`, { operationId: id });
    assert.equal(body.status, 'done');
    assert.equal((await decide(acsUrl, 'approve')).status, 410);
    assert.equal((await complete(id)).declineCode, 'reversed');
  }
});

test('the page escapes what it shows and lets nothing in', async () => {
  const merchantName = `<script>alert("1")</script>' & co`;
  const { acsUrl } = await challenge({ merchantName, amount: 1_250_050 });
  const response = await fetch(acsUrl);
  const html = await response.text();
  assert.ok(html.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp; co'));
  assert.ok(!html.includes('<script'));
  assert.ok(html.includes('₸12,500.50'));
  assert.ok(html.includes('3220') && !html.includes(asksThenApproves));
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.ok(!policy.includes('unsafe'));
  assert.equal(response.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(response.headers.get('cache-control'), 'no-store');
});

test('every currency is shown with the digits that ISO 4217 gives it', async () => {
  for (const [currency, shown] of [
    ['OMR', /OMR\s1,250\.050/],
    ['KZT', /₸12,500\.50/],
    ['JPY', /¥1,250,050/],
  ] as const) {
    const { acsUrl } = await challenge({ currency, amount: 1_250_050 });
    assert.match(await (await fetch(acsUrl)).text(), shown);
  }
});
