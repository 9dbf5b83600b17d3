import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/cards.ts';
import { assertError, DEMO_STORE, type Operate, operatorOf, UNKNOWN_ID } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

async function newMerchant(body: Record<string, unknown> = {}): Promise<string> {
  const { status, body: merchant, text } = await operate('POST', '/merchants', { name: 'Shop', ...body });
  assert.equal(status, 201, text);
  return merchant.id;
}

describe('merchants', () => {
  test('created with defaults, then found', async () => {
    const { status, body } = await operate('POST', '/merchants', { name: 'Кофейня №1' });
    assert.equal(status, 201);
    const { id, createdAt, ...rest } = body;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const defaults = {
      captureMode: 'manual',
      captureDelay: 0,
      authorizationTtl: 604_800,
      linkCaptureDelay: 3_600,
      linkHold: 432_000,
      checkoutColor: null,
      checkoutOrigins: [],
      checkoutLogo: null,
      returnOrigins: [],
      timeZone: null,
      requireIdempotencyKey: false,
    };
    assert.deepEqual(rest, { name: 'Кофейня №1', ...defaults });
    assert.deepEqual((await operate('GET', `/merchants/${id}`)).body, body);
    assert.deepEqual((await operate('GET', `/merchants/${id.toUpperCase()}/`)).body, body);
  });

  test('settings change one by one, and the next authorization follows them', async () => {
    const id = await newMerchant({ captureMode: 'automatic', captureDelay: 1_800, authorizationTtl: 3_600 });
    const returnOrigins = ['https://shop.example', 'http://127.0.0.1:3000'];
    assert.deepEqual(
      (await operate('PATCH', `/merchants/${id}`, { returnOrigins })).body.captureDelay,
      1_800,
    );
    const { body: key } = await operate('POST', `/merchants/${id}/api-keys`, { name: 'shop' });
    const pay = async (): Promise<void> => {
      const options = { apiKey: key.apiKey, idempotencyKey: crypto.randomUUID() };
      const paid = await sandbox.authorize({}, options);
      assert.equal(paid.status, 201, paid.text);
    };
    await pay();
    const { rows } = await sandbox.pool.query(
      `SELECT capture_mode, extract(epoch FROM capture_at - authed_at)::int AS delay,
         extract(epoch FROM expires_at - authed_at)::int AS ttl FROM transaction WHERE merchant_id = $1`,
      [id],
    );
    assert.deepEqual(rows, [{ capture_mode: 'automatic', delay: 1_800, ttl: 3_600 }]);
    const { body } = await operate('PATCH', `/merchants/${id}`, { captureDelay: 0 });
    assert.deepEqual(body.returnOrigins, returnOrigins);
    assert.deepEqual([body.captureMode, body.captureDelay, body.authorizationTtl], ['automatic', 0, 3_600]);
    await pay();
    await eventually('the second one is captured by itself, and only that', async () => {
      const { rows: captured } = await sandbox.pool.query(
        `SELECT count(*)::int AS count FROM transaction WHERE merchant_id = $1 AND status = 'charged'`,
        [id],
      );
      return captured[0].count === 1;
    });
  });

  test('may require an Idempotency-Key of every capture, cancel and refund', async () => {
    const id = await newMerchant({ requireIdempotencyKey: true });
    const { apiKey } = (await operate('POST', `/merchants/${id}/api-keys`, { name: 'shop' })).body;
    const hold = async (): Promise<string> =>
      (await sandbox.authorize({}, { apiKey, idempotencyKey: crypto.randomUUID() })).body.walletTransactionId;
    const [wallet, other] = [await hold(), await hold()];
    const post = (path: string, idempotencyKey?: string) =>
      sandbox.call('POST', path, {
        ...{ apiKey, body: { amount: 10 } },
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
    for (const path of [`/v1/wallet/${wallet}`, `/v1/transactions/${wallet}`]) {
      for (const operation of ['capture', 'cancel', 'refund']) {
        const { status, body } = await post(`${path}/${operation}`);
        assert.deepEqual([status, body.reason], [400, 'missing_idempotency_key'], operation);
        assert.equal(body.details[0].path, 'Idempotency-Key');
      }
    }
    assert.equal((await post(`/v1/transactions/${other}/cancel`, 'cancel')).status, 200);
    assert.equal((await post(`/v1/wallet/${wallet}/capture`, 'capture')).status, 200);
    const refunds = [
      await post(`/v1/wallet/${wallet}/refund`, 'r'),
      await post(`/v1/wallet/${wallet}/refund`, 'r'),
    ];
    assert.deepEqual(
      refunds.map(({ status }) => status),
      [200, 200],
    );
    const { body } = await sandbox.call('GET', `/v1/transactions/${wallet}`, { apiKey });
    assert.deepEqual([body.capturedAmount, body.refundedAmount], [10, 10]);
    // Of this merchant alone, and from now on.
    const { walletTransactionId: demo } = (await sandbox.authorize()).body;
    assert.equal(
      (await sandbox.call('POST', `/v1/wallet/${demo}/capture`, { body: { amount: 1 } })).status,
      200,
    );
    assert.equal((await operate('PATCH', `/merchants/${id}`, { requireIdempotencyKey: false })).status, 200);
    assert.equal((await post(`/v1/transactions/${other}/cancel`)).status, 200);
  });

  test('every bad field is named, and nothing is made', async () => {
    const before = (await sandbox.pool.query('SELECT count(*) FROM merchant')).rows[0].count;
    const bad: [body: unknown, path: string, reason?: string][] = [
      [{}, 'name', 'missing_field'],
      [{ name: '' }, 'name'],
      [{ name: 'a\nb' }, 'name'],
      [{ name: 'x'.repeat(256) }, 'name'],
      [{ name: 5 }, 'name'],
      [{ name: 'M', requireIdempotencyKey: 'yes' }, 'requireIdempotencyKey'],
      [{ name: 'M', capture: 1 }, 'capture', 'unknown_field'],
      [{ name: 'M', captureMode: 'later' }, 'captureMode'],
      [{ name: 'M', captureDelay: -1 }, 'captureDelay'],
      [{ name: 'M', captureDelay: 1.5 }, 'captureDelay'],
      [{ name: 'M', captureDelay: '0' }, 'captureDelay'],
      [{ name: 'M', authorizationTtl: 0 }, 'authorizationTtl'],
      [{ name: 'M', authorizationTtl: 1e12 }, 'authorizationTtl'],
      [{ name: 'M', captureMode: 'automatic', captureDelay: 60, authorizationTtl: 60 }, 'captureDelay'],
      [{ name: 'M', returnOrigins: ['https://shop.example/'] }, 'returnOrigins.0'],
      [{ name: 'M', returnOrigins: ['https://a.example', 'ftp://b.example'] }, 'returnOrigins.1'],
      [{ name: 'M', returnOrigins: 'https://shop.example' }, 'returnOrigins'],
      [[], 'body'],
    ];
    for (const [body, path, reason = 'invalid_request'] of bad)
      assertError(await operate('POST', '/merchants', body), 400, reason, path);
    const patches: [body: unknown, path: string, reason?: string][] = [
      [{}, 'body'],
      [{ id: UNKNOWN_ID }, 'id', 'unknown_field'],
      [{ captureMode: 'automatic', captureDelay: 604_800 }, 'captureDelay'],
      // A payment may ask to be captured by itself where the merchant does not.
      [{ captureMode: 'manual', captureDelay: 604_800 }, 'captureDelay'],
    ];
    for (const [body, path, reason = 'invalid_request'] of patches)
      assertError(await operate('PATCH', `/merchants/${DEMO_STORE}`, body), 400, reason, path);
    assert.equal((await sandbox.pool.query('SELECT count(*) FROM merchant')).rows[0].count, before);
  });

  test('a hold that would lapse before it is captured by itself is refused, whichever field is sent', async () => {
    const id = await newMerchant({ captureDelay: 60 });
    const refused = await operate('PATCH', `/merchants/${id}`, { authorizationTtl: 60 });
    assertError(refused, 400, 'invalid_request', 'authorizationTtl');
    assert.equal((await operate('PATCH', `/merchants/${id}`, { authorizationTtl: 61 })).status, 200);
  });

  test('unknown and malformed ids are the same 404', async () => {
    for (const id of [UNKNOWN_ID, 'x', `${DEMO_STORE}0`]) {
      for (const rest of ['', '/balances', '/statement?currency=KZT', '/api-keys'])
        assertError(await operate('GET', `/merchants/${id}${rest}`), 404, 'merchant_not_found');
      assertError(await operate('PATCH', `/merchants/${id}`, { name: 'M' }), 404, 'merchant_not_found');
      const key = await operate('POST', `/merchants/${id}/api-keys`, { name: 'k' });
      assertError(key, 404, 'merchant_not_found');
    }
  });

  test('the list pages through all, newest first', async () => {
    const made = [await newMerchant(), await newMerchant(), await newMerchant()].reverse();
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await operate('GET', `/merchants?limit=2${cursor}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    assert.deepEqual(seen.slice(0, 3), made);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.includes(DEMO_STORE));
  });

  test('bad list parameters are named', async () => {
    const { body } = await operate('GET', '/merchants?limit=1');
    const forged = `${body.nextCursor.slice(0, -2)}AA`;
    const bad = [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=abc', 'limit'],
      ['cursor=nonsense', 'cursor'],
      [`cursor=${forged}`, 'cursor'],
      ['limit=1&limit=2', 'limit'],
    ];
    for (const [query, path] of bad)
      assertError(await operate('GET', `/merchants?${query}`), 400, `invalid_${path}`, path);
    assertError(await operate('GET', '/merchants?page=2'), 400, 'unknown_field', 'page');
    // A cursor of one list is not one of another.
    const elsewhere = await operate('GET', `/wallet-holders?cursor=${body.nextCursor}`);
    assertError(elsewhere, 400, 'invalid_cursor', 'cursor');
  });
});
