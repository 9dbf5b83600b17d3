/** The checkout over HTTP: what a payer's page is told, and what may come of its attempts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { purgeAttempts } from '../../src/checkout/attemptsSql.ts';
import { CHALLENGED, cardOf, eventually, VISA } from '../support/cards.ts';
import {
  type CallOptions,
  CUSTOMER,
  DEMO_KEY,
  OTHER_KEY,
  type Reply,
  type Sandbox,
  startSandbox,
} from '../support/sandbox.ts';

const POOR = '4000000000009995';
const DECLINED = '4000000000000002';

describe('checkout', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  after(() => sandbox.stop());

  async function createLink(body: Record<string, unknown> = {}): Promise<string> {
    const reply = await sandbox.call('POST', '/v1/payment-links', {
      idempotencyKey: crypto.randomUUID(),
      body: { amount: 1_549_000, currency: 'KZT', description: 'Jacket', orderReference: 'KZ-1', ...body },
    });
    assert.equal(reply.status, 201, reply.text);
    return reply.body.id;
  }
  /** As a browser's page asks; each payer from an address of their own, unless `address` says which. */
  const ask = (method: string, path: string, options: CallOptions = {}): Promise<Reply> =>
    sandbox.call(method, `/checkout/${path}`, {
      apiKey: null,
      ...options,
      headers: { origin: sandbox.url, ...options.headers },
    });
  const payByCard = (id: string, number: string, attemptId: string = crypto.randomUUID()): Promise<Reply> =>
    ask('POST', `${id}/card`, {
      body: { attemptId, card: { ...cardOf(number), holder: 'AIGERIM SADYKOVA' } },
    });
  const payByWallet = (id: string, customer: object = CUSTOMER, attemptId: string = crypto.randomUUID()) =>
    ask('POST', `${id}/wallet`, { body: { attemptId, ...customer } });
  const stateOf = async (id: string, attemptId?: string) =>
    (await ask('GET', `${id}/state${attemptId === undefined ? '' : `?attempt=${attemptId}`}`)).body;
  /** Attempts that others left would lock the tests' one address. */
  const forgetAttempts = () => sandbox.pool.query('DELETE FROM checkout_attempt');
  const paymentsOf = async (id: string): Promise<number> => {
    const { rows } = await sandbox.pool.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM transaction WHERE payment_link_id = $1 OR payment_session_id::text = $1',
      [id],
    );
    return rows[0]?.count ?? 0;
  };

  test('the page comes with the state, in the language that is asked for, and can run nothing but its script', async () => {
    const id = await createLink({ description: '</title><script>alert("1 & $&")</script>' });
    const page = await ask('GET', id, { headers: { 'accept-language': 'ru-KZ' } });
    assert.equal(page.status, 200);
    assert.equal(page.headers.get('cache-control'), 'no-store');
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const part of [
      "default-src 'none'",
      "connect-src 'self';",
      "frame-ancestors 'none'",
      "form-action 'none'",
    ])
      assert.ok(policy.includes(part), policy);
    // Its own script and style, each by what is in it, and no others.
    for (const [source, inner] of [
      ['script-src', /<script type="module">(.*?)<\/script>/s],
      ['style-src', /<style>(.*?)<\/style>/s],
    ] as const) {
      const hash = createHash('sha256')
        .update(inner.exec(page.text)?.[1] ?? '')
        .digest('base64');
      assert.ok(policy.includes(`${source} 'sha256-${hash}';`), policy);
    }
    assert.ok(page.text.includes('<html lang="ru">'));
    assert.ok(page.text.includes('<title>Оплата: Demo Store</title>'));
    assert.ok(page.text.includes('JavaScript'));
    assert.ok(!page.text.includes('<script>alert'), 'a text of the merchant’s is not markup');
    const content = /<meta name="state" content="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const plain = content.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
    const state = JSON.parse(plain.replaceAll('&#39;', "'").replaceAll('&amp;', '&'));
    assert.equal(state.description, '</title><script>alert("1 & $&")</script>');
    const { now, expiresAt, ...rest } = state;
    assert.deepEqual(rest, {
      status: 'open',
      isOwn: false,
      redirectUrl: null,
      reason: null,
      lockedUntil: null,
      merchant: { name: 'Demo Store', colors: null, logo: null },
      amount: '1549000',
      currency: 'KZT',
      description: '</title><script>alert("1 & $&")</script>',
      orderReference: 'KZ-1',
      paymentMethods: ['card', 'wallet'],
      locale: null,
      mode: 'sandbox',
      savedCards: [],
      canKeepCard: false,
      agreement: null,
      urls: { success: null, failure: null, cancel: null },
    });
    assert.ok(Date.parse(expiresAt) - Date.parse(now) > 86_000_000);
    // All of it is in the document: nothing else is asked for.
    assert.doesNotMatch(page.text, /<(?:script|link)[^>]* (?:src|href)="(?!data:,")/);
  });

  test('the merchant’s locale comes before the browser’s language, and the payer’s choice before both', async () => {
    const id = await createLink({ locale: 'kk' });
    const languageOf = async (path: string) =>
      /<html lang="(..)">/.exec((await ask('GET', path, { headers: { 'accept-language': 'ru' } })).text)?.[1];
    assert.equal(await languageOf(id), 'kk');
    assert.equal(await languageOf(`${id}?lang=en`), 'en');
    assert.equal(await languageOf(`${id}?lang=xx`), 'kk');
  });

  test('there is no such link: 404 with a page, and for every spelling of an id', async () => {
    for (const id of [
      `pl_${'0'.repeat(32)}`,
      crypto.randomUUID(),
      'x',
      'pl_%00',
      '%F0%9F%92%A9',
      '..%2fassets',
    ]) {
      assert.equal((await ask('GET', id)).status, 404, id);
      const state = await ask('GET', `${id}/state`);
      assert.deepEqual([state.status, state.body], [404, { status: 'not_found' }], id);
      assert.equal((await payByCard(id, VISA)).status, 404, id);
    }
  });

  test('a card pays a link, once for the same attempt, and nobody pays it again', async () => {
    const id = await createLink({ metadata: { successUrl: 'https://shop.test/ok?a=1&b=%20' } });
    const attemptId = crypto.randomUUID();
    const [first, second] = await Promise.all([
      payByCard(id, VISA, attemptId),
      payByCard(id, VISA, attemptId),
    ]);
    for (const { status, body } of [first, second])
      assert.deepEqual([status, body.status], [200, 'paid'], body);
    assert.equal(await paymentsOf(id), 1);
    const mine = await stateOf(id, attemptId);
    assert.deepEqual(
      [mine.status, mine.isOwn, mine.urls.success],
      ['paid', true, 'https://shop.test/ok?a=1&b=%20'],
    );
    const others = await stateOf(id, crypto.randomUUID());
    assert.deepEqual([others.status, others.isOwn], ['paid', false]);
    const again = await payByCard(id, VISA);
    assert.deepEqual([again.status, again.body.status, again.body.isOwn], [200, 'paid', false]);
    assert.equal(await paymentsOf(id), 1);
    const link = await sandbox.call('GET', `/v1/payment-links/${id}`);
    assert.equal(link.body.status, 'paid');
    await forgetAttempts();
  });

  test('a session is paid from a wallet', async () => {
    const made = await sandbox.call('POST', '/v1/payment-sessions', {
      idempotencyKey: crypto.randomUUID(),
      body: { amount: 5_000, currency: 'KZT', orderReference: 'S-1' },
    });
    assert.equal(made.status, 201, made.text);
    const paid = await payByWallet(made.body.id);
    assert.deepEqual([paid.status, paid.body.status, paid.body.isOwn], [200, 'paid', true], paid.text);
    assert.equal(await paymentsOf(made.body.id), 1);
  });

  test('whoever is declined is told why, others see an open link, and another card pays it', async () => {
    const id = await createLink();
    const attemptId = crypto.randomUUID();
    const declined = await payByCard(id, POOR, attemptId);
    assert.deepEqual(
      [declined.status, declined.body.status, declined.body.reason],
      [200, 'declined', 'insufficient_funds'],
    );
    assert.equal((await stateOf(id, attemptId)).status, 'declined');
    const others = await stateOf(id);
    assert.deepEqual([others.status, others.reason], ['open', null]);
    const paid = await payByCard(id, VISA);
    assert.equal(paid.body.status, 'paid');
    await forgetAttempts();
  });

  test('3-D Secure: the bank’s page, back to the checkout, paid', async () => {
    const id = await createLink();
    const attemptId = crypto.randomUUID();
    const { body } = await payByCard(id, CHALLENGED, attemptId);
    assert.deepEqual([body.status, body.isOwn], ['challenge', true]);
    // Somebody else who opens the link pays nothing.
    const other = await payByCard(id, VISA);
    assert.deepEqual([other.body.status, other.body.isOwn], ['challenge', false]);
    const approved = await fetch(body.redirectUrl, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: new URL(body.redirectUrl).origin,
      },
      body: 'decision=approve',
      redirect: 'manual',
    });
    const back = await fetch(approved.headers.get('location') ?? '', { redirect: 'manual' });
    assert.equal(back.status, 303);
    const returned = new URL(back.headers.get('location') ?? '');
    assert.equal(`${returned.origin}${returned.pathname}`, `${sandbox.url}/checkout/${id}`);
    const paid = await stateOf(id, attemptId);
    assert.deepEqual([paid.status, paid.isOwn], ['paid', true]);
    assert.equal(await paymentsOf(id), 1);
    await forgetAttempts();
  });

  test('a reusable link is each payer’s own: nobody sees how another one pays', async () => {
    const id = await createLink({ reusable: true });
    const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
    assert.equal((await payByCard(id, VISA, mine)).body.status, 'paid');
    assert.equal((await stateOf(id)).status, 'open');
    assert.equal((await payByCard(id, CHALLENGED, theirs)).body.status, 'challenge');
    assert.deepEqual([(await stateOf(id)).status, (await stateOf(id, mine)).status], ['open', 'paid']);
    assert.equal((await stateOf(id, theirs)).status, 'challenge');
    assert.equal(await paymentsOf(id), 2);
    await forgetAttempts();
  });

  test('an attempt of another link says nothing of this one', async () => {
    const [one, two] = [await createLink(), await createLink()];
    const attemptId = crypto.randomUUID();
    assert.equal((await payByCard(one, VISA, attemptId)).body.status, 'paid');
    const state = await stateOf(two, attemptId);
    assert.deepEqual([state.status, state.isOwn], ['open', false]);
    await forgetAttempts();
  });

  test('a cancelled and an expired link are said to be so, and take no attempt', async () => {
    const cancelled = await createLink();
    assert.equal(
      (await sandbox.call('POST', `/v1/payment-links/${cancelled}/cancel`, { body: {} })).status,
      200,
    );
    assert.equal((await payByCard(cancelled, VISA)).body.status, 'cancelled');
    const expired = await createLink();
    await sandbox.pool.query(
      `UPDATE payment_link SET expires_at = clock_timestamp() - interval '1 second' WHERE id = replace($1, 'pl_', '')::uuid`,
      [expired],
    );
    assert.equal((await payByCard(expired, VISA)).body.status, 'expired');
    assert.equal((await stateOf(expired)).status, 'expired');
    assert.equal((await paymentsOf(cancelled)) + (await paymentsOf(expired)), 0);
  });

  test('what is wrong is named, nothing of the card is repeated or logged, and it is no attempt', async () => {
    const id = await createLink();
    const attemptId = crypto.randomUUID();
    const card = { ...cardOf(VISA), holder: 'A B' };
    const bodies: [string, object, string][] = [
      ['card', { attemptId, card: { ...card, number: '4242424242424241' } }, 'card.number'],
      ['card', { attemptId, card: { ...card, cvc: '12' } }, 'card.cvc'],
      ['card', { attemptId, card: { ...card, expiryYear: 2020 } }, 'card.expiryYear'],
      ['card', { attemptId, card: { ...card, expiryMonth: 13 } }, 'card.expiryMonth'],
      ['card', { attemptId, card: { ...card, pin: '1' } }, 'card.pin'],
      ['card', { attemptId: 'x', card }, 'attemptId'],
      ['card', { card }, 'attemptId'],
      ['card', { attemptId, card: { ...card, cvc: undefined } }, 'card.cvc'],
      ['wallet', { attemptId, ...CUSTOMER, iin: '900101300018' }, 'iin'],
      ['wallet', { attemptId, ...CUSTOMER, phoneNumber: '1' }, 'phoneNumber'],
      ['wallet', { attemptId, phoneNumber: CUSTOMER.phoneNumber }, 'iin'],
    ];
    for (const [method, body, field] of bodies) {
      const reply = await ask('POST', `${id}/${method}`, { body });
      assert.equal(reply.status, 400, reply.text);
      assert.ok(
        reply.body.details.some(({ path }: { path: string }) => path === field),
        `${field}: ${reply.text}`,
      );
      assert.ok(!/4242|9001013/.test(reply.text), reply.text);
    }
    const { rows } = await sandbox.pool.query('SELECT 1 FROM checkout_attempt');
    assert.equal(rows.length, 0);
    assert.equal((await stateOf(id)).status, 'open');
    assert.ok(!/424242424242424|900101300017/.test(sandbox.log.join('\n')), 'nothing of it is logged');
  });

  test('another site’s page makes no attempt, and neither does a page that hides where it is', async () => {
    const id = await createLink();
    for (const origin of ['https://evil.test', 'null', '']) {
      const body = { attemptId: crypto.randomUUID(), card: cardOf(VISA) };
      const reply = await sandbox.call('POST', `/checkout/${id}/card`, {
        apiKey: null,
        headers: origin === '' ? {} : { origin },
        body,
      });
      assert.deepEqual([reply.status, reply.body.reason], [403, 'origin_not_allowed'], origin);
    }
    assert.equal(await paymentsOf(id), 0);
  });

  test('while the bank is down the payer is told that it is asked, and pays once when it is back', async () => {
    await forgetAttempts();
    const bankIs = async (bank: string) =>
      assert.equal((await sandbox.call('PUT', '/v1/sandbox/faults', { body: { bank } })).status, 200);
    const id = await createLink();
    const attemptId = crypto.randomUUID();
    await bankIs('down');
    try {
      const { body } = await payByCard(id, VISA, attemptId);
      assert.deepEqual([body.status, body.isOwn], ['paying', true]);
      // Sent again, since no answer came: the same payment.
      const again = await payByCard(id, VISA, attemptId);
      assert.deepEqual([again.body.status, again.body.isOwn], ['paying', true]);
    } finally {
      await bankIs('none');
    }
    await eventually('it is paid', async () => (await stateOf(id, attemptId)).status === 'paid');
    assert.equal(await paymentsOf(id), 1);
    await forgetAttempts();
  });

  test('a link locks after five declines, says until when, and asks no bank meanwhile', async () => {
    await forgetAttempts();
    const id = await createLink();
    for (let i = 0; i < 5; i += 1) assert.equal((await payByCard(id, DECLINED)).body.status, 'declined');
    const locked = await stateOf(id);
    assert.equal(locked.status, 'locked');
    const seconds = (Date.parse(locked.lockedUntil) - Date.parse(locked.now)) / 1_000;
    assert.ok(seconds > 50 && seconds <= 60, `${seconds}`);
    assert.equal((await payByCard(id, VISA)).body.status, 'locked');
    assert.equal((await payByWallet(id)).body.status, 'locked');
    assert.equal(await paymentsOf(id), 5);
    // The same card on another link is locked, too; another card is not.
    const other = await createLink();
    assert.equal((await payByCard(other, DECLINED)).body.status, 'locked');
    assert.equal(await paymentsOf(other), 0);
    await sandbox.pool.query(`UPDATE checkout_attempt SET at = at - interval '61 seconds'`);
    assert.equal((await payByCard(id, VISA)).body.status, 'paid');
    await forgetAttempts();
  });

  test('of many cards tried at once from one address a few reach the bank', async () => {
    await forgetAttempts();
    const id = await createLink({ reusable: true });
    const replies = await Promise.all(Array.from({ length: 40 }, () => payByCard(id, DECLINED)));
    const made = await paymentsOf(id);
    assert.ok(made >= 5 && made <= 12, `${made} of 40`);
    assert.equal(replies.filter(({ body }) => body.status === 'locked').length, 40 - made);
    await forgetAttempts();
  });

  test('the merchant sees that cards are tried, and other merchants do not', async () => {
    await forgetAttempts();
    for (let i = 0; i < 16; i += 1) {
      assert.equal((await payByCard(await createLink(), DECLINED)).body.status, 'declined');
      // As if each had been another card: the simulated bank declines this one number.
      await sandbox.pool.query(`UPDATE checkout_attempt SET card = $1 WHERE length(card) > 2`, [String(i)]);
    }
    const issuesOf = async (apiKey: string) =>
      (await sandbox.call('GET', '/v1/issues', { apiKey })).body.items.filter(
        ({ kind }: { kind: string }) => kind === 'card_testing',
      );
    assert.deepEqual(await issuesOf(OTHER_KEY), []);
    const [issue] = await issuesOf(DEMO_KEY);
    assert.deepEqual([issue?.count, issue?.data], [16, { attempts: 16, cards: 16 }]);
    const evidence = await sandbox.call('GET', `/v1/transactions?limit=100&${issue.evidence}`);
    assert.equal(evidence.status, 200);
    assert.equal(
      evidence.body.items.filter(
        ({ failureCode }: { failureCode: string }) => failureCode === 'card_declined',
      ).length,
      16,
    );
    await forgetAttempts();
  });

  test('attempts of two days ago are taken away, those that count are not', async () => {
    await forgetAttempts();
    const id = await createLink({ reusable: true });
    for (let i = 0; i < 3; i += 1) await payByCard(id, VISA);
    await sandbox.pool.query(`UPDATE checkout_attempt SET at = at - interval '47 hours'`);
    assert.equal(await purgeAttempts(sandbox.pool), false);
    const count = async () => (await sandbox.pool.query('SELECT 1 FROM checkout_attempt')).rows.length;
    assert.equal(await count(), 3);
    await sandbox.pool.query(`UPDATE checkout_attempt SET at = at - interval '61 minutes'`);
    await payByCard(id, VISA);
    await purgeAttempts(sandbox.pool);
    assert.equal(await count(), 1);
    await forgetAttempts();
  });

  test('guessing of wallets is slowed down by the same counts', async () => {
    await forgetAttempts();
    const id = await createLink();
    for (const iin of ['850520400027', '771211300039', '950308400048', '010715500051', '990909400062'])
      assert.equal(
        (await payByWallet(id, { phoneNumber: CUSTOMER.phoneNumber, iin })).body.reason,
        'customer_not_found',
      );
    assert.equal((await payByWallet(id)).body.status, 'locked');
    await forgetAttempts();
  });
});
