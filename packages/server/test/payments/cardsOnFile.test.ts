/** What is kept of a card, what the bank is told of its payer, and what the bank may say. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BankTokens } from '../../src/acquiring/bankTokens.ts';
import { createSecrets } from '../../src/installation/secrets.ts';
import { type StubBank, startStubBank, startTestBank, type TestBank } from '../support/bank.ts';
import { type Call, CHALLENGED, eventually, operate, pay, settled, stored, VISA } from '../support/cards.ts';
import { createMerchant, payOut } from '../support/ledger.ts';
import { DEMO_STORE, operatorOf } from '../support/operator.ts';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

describe('cards on file', () => {
  let bank: TestBank;
  let sandbox: Sandbox;
  before(async () => {
    bank = await startTestBank();
    sandbox = await startSandbox(bank.environment);
  });
  after(async () => {
    await sandbox?.stop();
    await bank?.end();
  });

  const payByToken = (cardTokenId: string, body = {}, options = {}) =>
    pay(sandbox.call, VISA, { card: undefined, cardTokenId, ...body }, options);

  test('a card that was charged is charged again by its token, also after the bank restarted', async () => {
    const first = await pay(sandbox.call, VISA);
    const cardTokenId = first.body.cardTokenId.Value;
    assert.match(cardTokenId, /^ct_[0-9a-f]{32}$/);
    await bank.restart();
    const again = await payByToken(cardTokenId, { amount: 4_321 });
    assert.deepEqual([again.status, again.body.status], [201, 'authorized'], again.text);
    assert.deepEqual(
      [again.body.cardTokenId.Value, again.body.last4, again.body.cardBrand],
      [cardTokenId, '4242', 'visa'],
    );
    assert.equal((await bank.find(again.body.id))?.held, 4_321);
    const typed = await pay(sandbox.call, VISA);
    assert.equal(typed.body.cardTokenId.Value, cardTokenId);
  });

  test("another merchant's token, a made-up one and that of a declined card are refused alike", async () => {
    const mine = (await pay(sandbox.call, VISA)).body.cardTokenId.Value;
    const declined = (await pay(sandbox.call, '4000000000000002')).body.cardTokenId.Value;
    const replies = [
      await payByToken(mine, {}, { apiKey: OTHER_KEY, idempotencyKey: crypto.randomUUID() }),
      await payByToken(declined),
      await payByToken(`ct_${'0'.repeat(32)}`),
      await payByToken('ct_\u0000'),
    ];
    for (const { status, body } of replies) {
      assert.deepEqual([status, body.reason, body.details[0].path], [400, 'invalid_card', 'cardTokenId']);
    }
    for (const body of [{ card: undefined }, { cardTokenId: mine }]) {
      assert.equal((await pay(sandbox.call, VISA, body)).body.reason, 'invalid_request');
    }
  });

  test('a token keeps what its card does: 3-D Secure with a payer, a refusal without', async () => {
    const returnUrl = 'http://shop.test/back';
    const first = await pay(sandbox.call, CHALLENGED, { returnUrl });
    assert.equal(first.body.status, '3d');
    const tokenId = first.body.cardTokenId.Value;
    assert.equal((await payByToken(tokenId)).status, 400, 'its payer has not passed yet');
    const decided = { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) };
    const back = await fetch(first.body.redirectUrl, { ...decided, redirect: 'manual' });
    await fetch(back.headers.get('location') ?? '', { redirect: 'manual' });
    const withoutPayer = await payByToken(tokenId);
    assert.deepEqual(
      [withoutPayer.body.status, withoutPayer.body.failureCode],
      ['rejected', 'authentication_required'],
    );
    assert.equal((await payByToken(tokenId, { returnUrl })).body.status, '3d');
  });

  test('a repeated request leaves no card in memory', async () => {
    const idempotencyKey = crypto.randomUUID();
    const held = (): number => sandbox.cardsHeld();
    for (let i = 0; i < 5; i += 1) await pay(sandbox.call, VISA, {}, { idempotencyKey });
    await pay(sandbox.call, VISA, { amount: 1 }, { idempotencyKey });
    await eventually('no card is held', async () => held() === 0, 2_000);
  });

  test('a returnUrl holds no credentials, and leads to a page', async () => {
    for (const returnUrl of [
      'https://u:p@shop.example/',
      'https://u@shop.example/',
      'https://:p@shop.example/',
      'ftp://shop.example/',
      'javascript:alert(1)',
      'shop.example',
      `https://shop.example/${'x'.repeat(1_980)}`,
    ]) {
      const { status, body } = await pay(sandbox.call, VISA, { returnUrl });
      assert.deepEqual([status, body.details?.[0]?.path], [400, 'returnUrl'], returnUrl);
    }
    const longest = `https://shop.example/${'x'.repeat(1_979)}`;
    assert.equal((await pay(sandbox.call, VISA, { returnUrl: longest })).status, 201);
  });

  test('no other field may hold the number of the card', async () => {
    const spaced = `order 4242 4242-4242 4242`;
    for (const body of [
      { orderReference: spaced },
      { description: VISA },
      { description: '4242.4242_4242/4242' },
      { returnUrl: `http://a/${VISA}` },
      { returnUrl: 'http://a/?c=4242%204242%2D4242%204242' },
    ]) {
      const { status, text, body: error } = await pay(sandbox.call, VISA, body);
      assert.deepEqual([status, error.details[0].path], [400, Object.keys(body)[0]]);
      assert.doesNotMatch(text, /4242/);
    }
    const byKey = await pay(sandbox.call, VISA, {}, { idempotencyKey: VISA });
    assert.deepEqual([byKey.status, byKey.body.details[0].path], [400, 'Idempotency-Key']);
  });
});

describe('what the bank is told, and what it may say', () => {
  let bank: StubBank;
  let sandbox: Sandbox;
  before(async () => {
    bank = await startStubBank();
    sandbox = await startSandbox(bank.environment);
  });
  after(async () => {
    await sandbox?.stop();
    await bank?.end();
  });

  const browser = {
    userAgent: 'Mozilla/5.0 (unmistakable)',
    language: 'kk-KZ',
    screenWidth: 1280,
    screenHeight: 800,
    colorDepth: 30,
    timezoneOffset: -300,
    javaScriptEnabled: true,
  };

  test("the payer's browser and address reach the bank, and the browser no table", async () => {
    const { body } = await pay(sandbox.call, VISA, { browser, payerIp: '192.0.2.7' });
    assert.equal(body.status, 'authorized');
    const told = bank.asked.at(-1)?.body;
    assert.deepEqual(told.browser, { ...browser, colorDepth: 24 });
    assert.equal(told.payerIp, '192.0.2.7');
    const { rows } = await sandbox.pool.query(`SELECT database_to_xml(true, false, '')::text AS everything`);
    assert.ok(rows[0].everything.includes(body.id));
    assert.ok(!rows[0].everything.includes('unmistakable'));
    assert.ok(!sandbox.log.join().includes('unmistakable'));
  });

  /** A bank that authorizes, and answers this to whatever comes then. */
  function answering(rest: (path: string) => { status: string; declineCode?: string }): void {
    bank.answer = ({ path, body }) =>
      path.endsWith('/authorizations')
        ? { body: { status: 'approved', rrn: '123456789012' } }
        : { body: { ...rest(path), operationId: body?.operationId } };
  }

  test('a capture that it declines leaves the one that comes by itself', async (t) => {
    const operator = operatorOf(sandbox);
    const path = `/merchants/${DEMO_STORE}`;
    await operator('PATCH', path, { captureMode: 'automatic', captureDelay: 86_400 });
    t.after(() => operator('PATCH', path, { captureMode: 'manual', captureDelay: 0 }));
    const usual = bank.answer;
    t.after(() => {
      bank.answer = usual;
    });
    answering(() => ({ status: 'declined', declineCode: 'processing_error' }));
    const { body } = await pay(sandbox.call, VISA);
    assert.equal(body.status, 'authorized');
    const refused = await operate(sandbox.call, body.id, 'capture', 5_000);
    assert.equal(refused.body.reason, 'declined_by_bank', refused.text);
    answering(() => ({ status: 'done' }));
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds: 2 * 86_400 } });
    const after = await stored(sandbox.pool, body.id);
    assert.deepEqual([after.status, after.captured], ['charged', 10_000n]);
    await sandbox.assertInvariants();
  });

  test('a reversal that it declines is in the history', async (t) => {
    const usual = bank.answer;
    t.after(() => {
      bank.answer = usual;
    });
    bank.answer = ({ path, body }) =>
      path.endsWith('/reversals')
        ? { body: { status: 'declined', declineCode: 'processing_error', operationId: body?.operationId } }
        : { status: 500, body: 'no' };
    const { body } = await pay(sandbox.call, VISA);
    const names = async (): Promise<string[]> => {
      const { body: history } = await sandbox.call('GET', `/v1/transactions/${body.id}/history`);
      return history.items.map(({ name }: { name: string }) => name);
    };
    await eventually('the history says so', async () => (await names()).length === 3, 30_000);
    assert.deepEqual((await names()).toSorted(), [
      'transaction.created',
      'transaction.failed',
      'transaction.reversal_declined',
    ]);
    const { body: events } = await sandbox.call('GET', '/v1/events?event=transaction.reversal_declined');
    assert.deepEqual(
      events.items.map((item: { statusChanged: boolean }) => item.statusChanged),
      [false],
    );
    await sandbox.assertInvariants();
  });

  for (const [name, change, path] of [
    ['an unknown field', { plugins: [] }, 'browser.plugins'],
    ['a screen of text', { screenWidth: '1280' }, 'browser.screenWidth'],
    ['a time zone of another planet', { timezoneOffset: 900 }, 'browser.timezoneOffset'],
    ['a language with a line break', { language: 'kk\r\nKZ' }, 'browser.language'],
    ['scripts without their screen', { screenHeight: undefined }, 'browser.screenHeight'],
    ['no user agent', { userAgent: undefined }, 'browser.userAgent'],
  ] as const) {
    test(`browser: ${name} is refused`, async () => {
      const { status, body } = await pay(sandbox.call, VISA, { browser: { ...browser, ...change } });
      assert.deepEqual([status, body.details[0].path], [400, path], JSON.stringify(body));
    });
  }

  test('what is no answer to an authorization lets it fail, and reverses it', async () => {
    const garbage = [
      { status: 'done', rrn: '1' },
      { status: 'fine' },
      { status: 'challenge', acsUrl: 'javascript:alert(1)' },
      '<html>',
      [],
      JSON.stringify({ status: 'approved', rrn: 'x'.repeat(100_000) }),
    ];
    bank.answer = ({ method, path, body }) => {
      if (method === 'GET') return { body: { status: 'not_found' } };
      if (path.endsWith('/reversals')) return { body: { status: 'done', operationId: body.operationId } };
      return { body: garbage[body.amount - 1] };
    };
    const payments = await Promise.all(garbage.map((_, i) => pay(sandbox.call, VISA, { amount: i + 1 })));
    for (const { body: payment } of payments) {
      const { status, status_reason } = await settled(sandbox.pool, payment.id, 9_000);
      assert.deepEqual([status, status_reason], ['transaction.failed', 'processing_error']);
      const path = `/v1/authorizations/${payment.id}/reversals`;
      await eventually('it is reversed', async () => bank.asked.some((asked) => asked.path === path));
    }
  });

  test('a refund that the bank refuses is told in the statement as what came back, a payout as one', async () => {
    const { id, apiKey } = await createMerchant(sandbox.pool);
    const call: Call = (method, path, options) => sandbox.call(method, path, { apiKey, ...options });
    bank.answer = ({ path, body }) => {
      const status = path.endsWith('/refunds')
        ? 'declined'
        : path.endsWith('/captures')
          ? 'done'
          : 'approved';
      return { body: { status, operationId: body?.operationId } };
    };
    const { body: payment } = await pay(call, VISA);
    assert.equal((await operate(call, payment.id, 'capture')).body.status, 'charged');
    assert.equal((await operate(call, payment.id, 'refund', 4_000)).body.status, 'rejected');
    await payOut(sandbox.pool, id, 'KZT', 1_000n);
    const { body } = await operatorOf(sandbox)('GET', `/merchants/${id}/statement?currency=KZT`);
    assert.deepEqual(
      body.items.map((entry: Record<string, unknown>) => [entry.code, entry.amount, entry.balance]),
      [
        ['payout', 1_000, 9_000],
        ['refund_returned', 4_000, 10_000],
        ['refund', 4_000, 6_000],
        ['capture', 10_000, 10_000],
      ],
    );
    await sandbox.assertInvariants();
  });

  test('the bank’s token of a card is kept encrypted, also one that an earlier version kept in clear', async () => {
    const token = 'tok_unmistakable';
    bank.answer = () => ({ body: { status: 'approved', cardToken: token } });
    const { cardTokenId } = (await pay(sandbox.call, VISA)).body;
    const everything = async (): Promise<string> =>
      (await sandbox.pool.query(`SELECT database_to_xml(true, false, '')::text AS everything`)).rows[0]
        .everything;
    assert.ok(!(await everything()).includes(token));
    const again = async () => {
      const { body } = await pay(sandbox.call, VISA, { card: undefined, cardTokenId: cardTokenId.Value });
      assert.equal(body.status, 'authorized', JSON.stringify(body));
      assert.deepEqual(bank.asked.at(-1)?.body.card, { token });
    };
    await again();
    const inClear = () =>
      sandbox.pool.query('UPDATE card_token SET bank_token = $2, sealed_bank_token = NULL WHERE id = $1', [
        cardTokenId.Value,
        token,
      ]);
    await inClear();
    await again();
    assert.ok(!(await everything()).includes(token), 'the answer to a payment by it seals it');
    await inClear();
    const { rows } = await sandbox.pool.query('SELECT sandbox_secret FROM installation');
    const tokens = new BankTokens(sandbox.pool, createSecrets(rows[0].sandbox_secret));
    assert.equal(await tokens.sealAll(), 1);
    assert.equal(await tokens.sealAll(), 0);
    assert.ok(!(await everything()).includes(token));
    await again();
  });

  test("another operation's answer is no answer to a capture", async () => {
    bank.answer = () => ({ body: { status: 'approved', rrn: '1' } });
    const { body: payment } = await pay(sandbox.call, VISA);
    let wrong = 2;
    bank.answer = ({ method, path, body }) => {
      if (wrong > 0) {
        wrong -= 1;
        return { body: { status: 'done', operationId: crypto.randomUUID() } };
      }
      const operationId = method === 'GET' ? path.split('/').at(-1) : body.operationId;
      return { body: { status: 'done', operationId } };
    };
    const { body } = await sandbox.call('POST', `/v1/transactions/${payment.id}/capture`, { body: {} });
    assert.equal(body.status, 'charged');
    assert.equal(wrong, 0);
  });

  test('an authentication whose end the bank does not tell is given up, and reversed', async () => {
    bank.answer = () => ({ body: { status: 'challenge', rrn: '1', acsUrl: 'http://bank.test/acs/1' } });
    const { body: payment } = await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' });
    assert.equal(payment.status, '3d');
    const { returnUrl } = bank.asked.at(-1)?.body ?? {};
    bank.answer = ({ path, body }) =>
      path.endsWith('/reversals')
        ? { body: { status: 'done', operationId: body.operationId } }
        : { status: 500, body: {} };
    const back = await fetch(returnUrl, { redirect: 'manual' });
    assert.equal(back.headers.get('location'), `http://shop.test/?transactionId=${payment.id}`);
    assert.equal((await settled(sandbox.pool, payment.id)).status, 'transaction.failed');
  });
});
