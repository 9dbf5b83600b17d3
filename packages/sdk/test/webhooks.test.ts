/** Verification, against the official library of Standard Webhooks in both directions, and tampering. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import * as webhooks from '@plexy-pay/sdk/webhooks';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { PlexyPayError } from '../src/errors.ts';

const NOW = new Date('2025-04-01T12:00:00.900Z');
const TIMESTAMP = String(Math.floor(NOW.getTime() / 1_000));
const ID = `msg_${'0'.repeat(31)}Z`;
const SECRET = newSecret();
const BODY =
  '{"name":"transaction.authorized","merchantId":"m","data":{"id":"t","balance":90071992547409931,"description":"Жеткізу – 1\u2028₸"}}';

function newSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`;
}

interface Delivery {
  readonly body: webhooks.RawBody;
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
}

const GOOD: Delivery = {
  ...{ body: BODY, id: ID, timestamp: TIMESTAMP },
  signature: webhooks.sign(BODY, ID, TIMESTAMP, SECRET),
};

function headersOf({ id, timestamp, signature }: Delivery): Record<string, string> {
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
}

function verify(delivery: Delivery, secret = SECRET): webhooks.TransactionWebhook {
  const event = webhooks.verify(delivery.body, headersOf(delivery), secret, { now: NOW });
  assert.ok(event.name !== 'webhook.test');
  return event;
}

function refuses(delivery: Delivery, failure: webhooks.WebhookFailure, secret = SECRET): void {
  assert.throws(
    () => verify(delivery, secret),
    (error) => {
      assert.ok(error instanceof webhooks.WebhookVerificationError && error instanceof PlexyPayError);
      assert.deepEqual([error.name, error.failure], ['WebhookVerificationError', failure], error.message);
      return true;
    },
  );
}

describe('what verifies', () => {
  test('the event, with every digit of its balance, from a string or bytes', () => {
    const bytes = new TextEncoder().encode(BODY);
    const foreign = runInNewContext('Uint8Array.from(bytes)', { bytes }) as Uint8Array;
    const foreignBuffer = runInNewContext('Uint8Array.from(bytes).buffer', { bytes }) as ArrayBuffer;
    for (const body of [BODY, Buffer.from(BODY), bytes, bytes.buffer, foreign, foreignBuffer]) {
      const event = verify({ ...GOOD, body });
      assert.deepEqual([event.name, event.merchantId], ['transaction.authorized', 'm']);
      assert.equal(event.data.balance, 90071992547409931n);
      assert.equal(event.data.description, 'Жеткізу – 1\u2028₸');
    }
  });

  test('headers as Node, fetch or any framework has them', () => {
    const headers = headersOf(GOOD);
    const upper = Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]] as const);
    // What undici, node-fetch and other realms bring: `get`, and a class of their own.
    const foreign = { get: (name: string) => new Headers(headers).get(name) };
    for (const form of [headers, new Headers(headers), Object.fromEntries(upper), foreign])
      assert.equal(webhooks.verify(BODY, form, SECRET, { now: NOW }).name, 'transaction.authorized');
  });

  test('while a secret is being replaced: any one of several signatures', () => {
    const other = webhooks.sign(BODY, ID, TIMESTAMP, newSecret());
    const future = `v2,${GOOD.signature.slice(3)}`;
    for (const signature of [`${other} ${GOOD.signature}`, `${GOOD.signature} ${other}`])
      assert.ok(verify({ ...GOOD, signature }));
    refuses({ ...GOOD, signature: `${other} ${future}` }, 'wrong_signature');
  });

  test('within the tolerance, either way', () => {
    const at = (seconds: number, toleranceSeconds?: number): webhooks.WebhookEvent => {
      const now = new Date(NOW.getTime() + seconds * 1_000);
      const options = toleranceSeconds === undefined ? { now } : { now, toleranceSeconds };
      return webhooks.verify(BODY, headersOf(GOOD), SECRET, options);
    };
    for (const seconds of [-300, 0, 300]) assert.ok(at(seconds));
    for (const seconds of [-301, 301]) assert.throws(() => at(seconds), { failure: 'wrong_timestamp' });
    assert.ok(at(9, 10));
    for (const tolerance of [10, Number.NaN])
      assert.throws(() => at(11, tolerance), { failure: 'wrong_timestamp' });
  });
});

describe('the official library', () => {
  const texts = fc.string({ unit: 'grapheme' });

  test('verifies what we sign', () => {
    fc.assert(
      fc.property(texts, fc.uint8Array({ minLength: 12, maxLength: 64 }), (text, key) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const body = JSON.stringify({ name: 'x', data: { text } });
        const timestamp = String(Math.floor(Date.now() / 1_000));
        const signature = webhooks.sign(body, ID, timestamp, secret);
        const headers = headersOf({ body, id: ID, timestamp, signature });
        assert.deepEqual(new Webhook(secret).verify(body, headers), JSON.parse(body));
      }),
    );
  });

  test('signs what we verify', () => {
    fc.assert(
      fc.property(texts, fc.uint8Array({ minLength: 12, maxLength: 64 }), (text, key) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const body = JSON.stringify({ name: 'x', data: { text } });
        const signature = new Webhook(secret).sign(ID, NOW, body);
        assert.deepEqual(verify({ ...GOOD, body, signature }, secret), JSON.parse(body));
      }),
    );
  });
});

describe('what never verifies', () => {
  test('one changed, added or removed byte of body, id or signature; another timestamp; another secret', () => {
    const field = fc.constantFrom('body', 'id', 'signature');
    const tampered = fc.record({
      field,
      at: fc.nat(),
      change: fc.integer({ min: 1, max: 255 }),
      how: fc.nat(2),
    });
    fc.assert(
      fc.property(tampered, ({ field, at, change, how }) => {
        const before = Buffer.from(GOOD[field as 'id']);
        const place = at % before.length;
        const changed = Buffer.from([(before[place] ?? 0) ^ change]);
        const middle = [changed, Buffer.concat([changed, before.subarray(place, place + 1)]), Buffer.of()][
          how
        ];
        const after = Buffer.concat([
          before.subarray(0, place),
          middle ?? changed,
          before.subarray(place + 1),
        ]);
        const value = field === 'body' ? after : after.toString('latin1');
        // A space between two signatures, or one more of them, is no forgery.
        const stillHolds = field === 'signature' && value.toString().split(' ').includes(GOOD.signature);
        if (!stillHolds)
          assert.throws(() => verify({ ...GOOD, [field]: value }), webhooks.WebhookVerificationError);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.integer({ min: -300, max: 300 }), (shift) => {
        fc.pre(shift !== 0);
        refuses({ ...GOOD, timestamp: String(Number(TIMESTAMP) + shift) }, 'wrong_signature');
      }),
    );
    refuses(GOOD, 'wrong_signature', newSecret());
  });

  test('a timestamp or an id that only means the same', () => {
    for (const timestamp of [`0${TIMESTAMP}`, `${TIMESTAMP}.0`, `+${TIMESTAMP}`, ` ${TIMESTAMP}`, 'now'])
      assert.throws(() => verify({ ...GOOD, timestamp }), webhooks.WebhookVerificationError);
    // "a" + "b.1" and "a.b" + "1" would sign alike if ids could hold dots and timestamps anything.
    const [dotted, moved] = [`${ID}.${TIMESTAMP}`, `${TIMESTAMP}.${BODY}`];
    assert.throws(() => verify({ ...GOOD, id: dotted, body: BODY }), { failure: 'wrong_signature' });
    assert.throws(() => verify({ ...GOOD, body: moved }), { failure: 'wrong_signature' });
  });

  test('a header that is missing or empty, no signature at all', () => {
    for (const name of Object.keys(headersOf(GOOD))) {
      const { [name]: _, ...rest } = headersOf(GOOD);
      for (const headers of [rest, { ...rest, [name]: '' }, { ...rest, [name]: undefined }])
        assert.throws(() => webhooks.verify(BODY, headers, SECRET, { now: NOW }), {
          failure: 'missing_header',
        });
    }
    for (const signature of [' ', 'v1', 'v1,', ',', GOOD.signature.slice(3), GOOD.signature.slice(0, -1)])
      refuses({ ...GOOD, signature }, 'wrong_signature');
  });

  test('bytes that would decode to the same text', () => {
    const body = JSON.stringify({ name: '�', data: {} });
    const signature = webhooks.sign(body, ID, TIMESTAMP, SECRET);
    const bytes = Buffer.from(body);
    const at = bytes.indexOf(Buffer.from('�'));
    const forged = Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff), bytes.subarray(at + 3)]);
    assert.equal(forged.toString(), body);
    refuses({ ...GOOD, body: forged, signature }, 'wrong_signature');
  });

  test('a signed body that is no event', () => {
    for (const body of ['', 'x', 'null', '[]', '{}', '{"name":"x"}'])
      refuses({ ...GOOD, body, signature: webhooks.sign(body, ID, TIMESTAMP, SECRET) }, 'wrong_body');
  });
});

test('a mistake of the receiver’s own is told apart: no secret, a parsed body', () => {
  for (const secret of ['', 'whsec_', 'secret', `whsec_${'!'.repeat(32)}`, undefined as unknown as string])
    assert.throws(() => verify(GOOD, secret ?? ''), TypeError);
  const parsed = JSON.parse(BODY) as string;
  assert.throws(() => verify({ ...GOOD, body: parsed }), /turn the JSON parser off/);
});

describe('with WebCrypto, where there is no crypto of Node’s', () => {
  test('the same signature, the same event, the same refusals', async () => {
    assert.equal(await webhooks.signAsync(BODY, ID, TIMESTAMP, SECRET), GOOD.signature);
    const headers = headersOf(GOOD);
    const event = await webhooks.verifyAsync(BODY, headers, SECRET, { now: NOW });
    assert.deepEqual(event, verify(GOOD));
    const refusals: [() => Promise<unknown>, webhooks.WebhookFailure][] = [
      [() => webhooks.verifyAsync(`${BODY} `, headers, SECRET, { now: NOW }), 'wrong_signature'],
      [() => webhooks.verifyAsync(BODY, headers, newSecret(), { now: NOW }), 'wrong_signature'],
      [() => webhooks.verifyAsync(BODY, headers, SECRET), 'wrong_timestamp'],
      [() => webhooks.verifyAsync(BODY, {}, SECRET, { now: NOW }), 'missing_header'],
    ];
    for (const [verified, failure] of refusals) await assert.rejects(verified(), { failure });
    await assert.rejects(webhooks.verifyAsync(BODY, headers, '', { now: NOW }), TypeError);
  });

  test('verify says which function to take', (t) => {
    t.mock.method(process, 'getBuiltinModule', () => undefined);
    assert.throws(() => verify(GOOD), /^TypeError: this runtime has no crypto of Node's: use verifyAsync/);
  });
});
