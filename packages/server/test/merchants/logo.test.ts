/** A merchant's logo, colour and origins: what operators may set, and what payers' browsers get of it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { MAX_LOGO_BYTES, parseLogo } from '../../src/merchants/logo.ts';
import { DEMO_STORE, type Operate, operatorOf } from '../support/operator.ts';
import { pngOf, textChunk } from '../support/png.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const base64 = (bytes: Buffer): string => bytes.toString('base64');

describe('a logo', () => {
  test('is a whole PNG that is no larger than it may be', () => {
    const logo = parseLogo(base64(pngOf(120, 32)));
    assert.ok(logo.ok);
    assert.deepEqual([logo.value.width, logo.value.height], [120, 32]);
    assert.match(logo.value.hash, /^[0-9a-f]{32}$/);
    const frame = pngOf(8, 8).length + textChunk(0).length;
    assert.ok(parseLogo(base64(pngOf(8, 8, textChunk(MAX_LOGO_BYTES - frame)))).ok);
  });

  const whole = pngOf(8, 8);
  const changed = Buffer.from(whole);
  changed[20] = 0xff;
  const tooLong = Buffer.from(whole);
  tooLong.writeUInt32BE(0xff_ff_ff_ff, 8);
  for (const [name, bytes] of Object.entries({
    'an SVG': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    nothing: Buffer.alloc(1),
    'a signature alone': whole.subarray(0, 8),
    'one that was cut off': whole.subarray(0, whole.length - 5),
    'one without its end': whole.subarray(0, whole.length - 12),
    'one with a script behind it': Buffer.concat([whole, Buffer.from('<script>alert(1)</script>')]),
    'one whose checksum is wrong': changed,
    'one whose chunk says that it goes on': tooLong,
    'one that is too wide': pngOf(1_025, 1),
    'one that is too high': pngOf(1, 1_025),
    'one that is nothing wide': pngOf(0, 1),
    'one that is too large': pngOf(8, 8, textChunk(MAX_LOGO_BYTES)),
  }))
    test(`is not ${name}`, () => assert.equal(parseLogo(base64(bytes)).ok, false));

  for (const text of ['', '%', 'data:image/png;base64,iVBORw0KGgo=', 'iVBORw0KGgo=\n'])
    test(`is not ${JSON.stringify(text)}`, () => assert.equal(parseLogo(text).ok, false));
});

describe('the looks of a checkout', () => {
  let sandbox: Sandbox;
  let operate: Operate;
  before(async () => {
    sandbox = await startSandbox();
    operate = operatorOf(sandbox);
  });
  afterEach(() => sandbox.assertInvariants());
  after(() => sandbox.stop());

  const PATH = `/merchants/${DEMO_STORE}`;
  const logo = (png: Buffer) => operate('PUT', `${PATH}/checkout-logo`, { png: base64(png) });
  async function checkoutOf(): Promise<Response> {
    const body = { amount: 100, currency: 'KZT', orderReference: 'LOOKS' };
    const link = await sandbox.call('POST', '/v1/payment-links', { body });
    return fetch(`${sandbox.url}/checkout/${link.body.id}/state`);
  }

  test('are the logo, which is served as an image and nothing else, until it is taken away', async () => {
    const set = await logo(pngOf(120, 32));
    assert.equal(set.status, 200, set.text);
    assert.match(set.body.checkoutLogo, /^\/checkout\/logos\/[0-9a-f]{32}$/);
    const { merchant } = (await (await checkoutOf()).json()) as { merchant: unknown };
    const shown = { url: set.body.checkoutLogo, width: 120, height: 32 };
    assert.deepEqual(merchant, { name: 'Demo Store', colors: null, logo: shown });
    const image = await fetch(sandbox.url + set.body.checkoutLogo);
    assert.deepEqual(Buffer.from(await image.arrayBuffer()), pngOf(120, 32));
    assert.equal(image.headers.get('content-type'), 'image/png');
    assert.equal(image.headers.get('x-content-type-options'), 'nosniff');
    assert.match(image.headers.get('content-security-policy') ?? '', /default-src 'none'; sandbox/);
    assert.match(image.headers.get('cache-control') ?? '', /immutable/);
    const other = await logo(pngOf(32, 32));
    assert.notEqual(other.body.checkoutLogo, set.body.checkoutLogo);
    assert.equal((await fetch(sandbox.url + set.body.checkoutLogo)).status, 404);
    assert.equal((await operate('DELETE', `${PATH}/checkout-logo`)).body.checkoutLogo, null);
    assert.equal((await fetch(sandbox.url + other.body.checkoutLogo)).status, 404);
  });

  test('refuse what is no logo, and no merchant', async () => {
    const refused = await logo(Buffer.from('GIF89a'));
    assert.deepEqual([refused.status, refused.body.details[0].path], [400, 'png']);
    const unknown = await operate('PUT', '/merchants/01900000-0000-7000-8000-00000000ffff/checkout-logo', {
      png: base64(pngOf(1, 1)),
    });
    assert.deepEqual([unknown.status, unknown.body.reason], [404, 'merchant_not_found']);
    for (const hash of ['..%2f..%2fetc', 'x', '0'.repeat(32)])
      assert.equal((await fetch(`${sandbox.url}/checkout/logos/${hash}`)).status, 404);
  });

  test('are a colour that can be read', async () => {
    const set = await operate('PATCH', PATH, { checkoutColor: '#FFD400' });
    assert.equal(set.body.checkoutColor, '#ffd400');
    const { merchant } = (await (await checkoutOf()).json()) as {
      merchant: { colors: Record<string, string> };
    };
    assert.equal(merchant.colors.dark, '#ffd400');
    assert.notEqual(merchant.colors.light, '#ffd400');
    for (const checkoutColor of ['red', '#fff', '#12345g', 'url(x)', '#123456;}'])
      assert.equal((await operate('PATCH', PATH, { checkoutColor })).status, 400, checkoutColor);
    assert.equal((await operate('PATCH', PATH, { checkoutColor: null })).body.checkoutColor, null);
  });

  test('are origins, of which none can write a policy', async () => {
    for (const origin of [
      'https://shop.example/',
      'https://shop.example/path',
      'https://*.example',
      '*',
      'https://shop.example; script-src *',
      "https://a'b",
      'https://a;b',
      'https://a,b',
      'javascript:alert(1)',
      'https://user@shop.example',
      'https://SHOP.example',
      'https://shop.example:443',
    ]) {
      const { status, body } = await operate('PATCH', PATH, { checkoutOrigins: [origin] });
      assert.deepEqual([status, body.details?.[0].path], [400, 'checkoutOrigins.0'], origin);
    }
    const origins = ['https://shop.example', 'http://127.0.0.1:3000'];
    assert.deepEqual(
      (await operate('PATCH', PATH, { checkoutOrigins: origins })).body.checkoutOrigins,
      origins,
    );
    assert.deepEqual((await operate('PATCH', PATH, { checkoutOrigins: [] })).body.checkoutOrigins, []);
  });
});
