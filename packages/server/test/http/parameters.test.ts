/** What arrives as text and is something else: times and integers, wherever the document has one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OPERATOR_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { ADMIN, type Browser, signIn } from '../support/user.ts';

const DEMO_STORE = '01900000-0000-7000-8000-000000000001';
const HOLDER = '01900000-0000-7000-8000-000000000101';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: { readonly type?: string; readonly description?: string };
}

let sandbox: Sandbox;
let admin: Browser;
/** Every GET of the document that answers a list or a report, with the parameters of its query. */
let reads: { path: string; parameters: Parameter[] }[];
before(async () => {
  sandbox = await startSandbox();
  admin = await signIn(sandbox.url, ADMIN);
  const { body } = await sandbox.call('GET', '/openapi.json', { apiKey: null });
  const { walletTransactionId } = (await sandbox.authorize()).body;
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape
  reads = Object.entries<any>(body.paths).flatMap(([path, { get }]) => {
    const parameters: Parameter[] = get?.parameters?.filter((one: Parameter) => one.in === 'query') ?? [];
    const real = path
      .replace('{merchantId}', DEMO_STORE)
      .replace('{holderId}', HOLDER)
      .replace('/transactions/{id}', `/transactions/${walletTransactionId}`)
      .replace('{ref}', 'ORDER-1');
    return real.includes('{') || real.endsWith('/stream') ? [] : [{ path: real, parameters }];
  });
});
after(() => sandbox.stop());

/** Some lists are for people only: whoever administers the merchant may read all of its own. */
const get = (path: string, name: string, value: string) => {
  const url = `${path}?${name}=${encodeURIComponent(value)}`;
  return path.startsWith('/v1/admin')
    ? sandbox.call('GET', url, { apiKey: OPERATOR_KEY })
    : admin.call('GET', url);
};

function parametersThat(are: (parameter: Parameter) => boolean): [path: string, name: string][] {
  return reads.flatMap(({ path, parameters }) =>
    parameters.filter(are).map(({ name }): [string, string] => [path, name]),
  );
}

const isTime = ({ description, schema }: Parameter): boolean =>
  (description ?? schema.description ?? '').includes('RFC 3339');

test('integers are plain digits, in every query that takes one', async () => {
  const integers = parametersThat(({ schema }) => schema.type === 'integer');
  assert.ok(integers.length >= 15, `${integers.length} integers`);
  for (const [path, name] of integers) {
    for (const text of [' 5', '5 ', '+5', '-5', '0x10', '1e0', '5.0', '', '٥', 'five']) {
      const { status, body } = await get(path, name, text);
      const named = `${path}?${name}=${JSON.stringify(text)}`;
      assert.equal(status, 400, named);
      const rule = body.details.find(({ path: field }: { path: string }) => field === name);
      assert.equal(rule?.message, 'must be an integer in plain digits, such as 20', named);
    }
    const good = await get(path, name, '5');
    // A statement needs a currency, which is another rule than this one's.
    assert.ok(!good.text.includes(`"path":"${name}"`), `${path}?${name}=5: ${good.text.slice(0, 200)}`);
  }
});

test('a time is read in one way, in every query that takes one', async () => {
  const times = parametersThat(isTime);
  for (const name of ['createdFrom', 'createdTo', 'expiresTo', 'from', 'to'])
    assert.ok(
      times.some(([, found]) => found === name),
      name,
    );
  const ago = Date.now() - 3_600_000;
  const local = new Date(ago + 5 * 3_600_000).toISOString().slice(0, 19);
  for (const [path, name] of times) {
    for (const text of [`${local}+05:00`, `${local}.123456789+05:00`, new Date(ago).toISOString()])
      assert.equal((await get(path, name, text)).status, 200, `${path}?${name}=${text}`);
    for (const text of [
      '2026-02-30T00:00:00Z',
      '2026-11-26',
      '2026-11-26T24:00:00Z',
      '0000-12-31T23:59:59Z',
    ]) {
      const { status, body } = await get(path, name, text);
      assert.deepEqual([status, body.details?.[0]?.path], [400, name], `${path}?${name}=${text}`);
      assert.match(body.message, new RegExp(`^${name} must be`));
    }
  }
});

test('the ends of the calendar are answered, or refused by name, never failed at', async () => {
  for (const [path, name] of parametersThat(isTime)) {
    for (const text of ['0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59.999Z']) {
      const { status, body, text: answer } = await get(path, name, text);
      assert.ok(status === 200 || status === 400, `${path}?${name}=${text}: ${status} ${answer}`);
      if (status === 400) assert.match(body.message, /^(?:from|to) must/);
    }
  }
});

test('bodies read times in the same way: replays, and keys that expire', async () => {
  const endpoint = await sandbox.call('POST', '/v1/webhook-endpoints', {
    body: { url: 'http://127.0.0.1:9/hook' },
  });
  const replay = `/v1/webhook-endpoints/${endpoint.body.id}/replay`;
  const local = new Date(Date.now() + 5 * 3_600_000 - 60_000).toISOString().slice(0, 19);
  for (const from of [`${local}+05:00`, `${local}.123456789+05:00`, '0001-01-01T00:00:00Z'])
    assert.equal((await sandbox.call('POST', replay, { body: { from } })).status, 201, from);
  const refused = await sandbox.call('POST', replay, { body: { from: '2026-02-30T00:00:00Z' } });
  assert.deepEqual([refused.status, refused.body.details[0].path], [400, 'from']);

  const keys = `/v1/admin/merchants/${DEMO_STORE}/api-keys`;
  const issue = (expiresAt: string) =>
    sandbox.call('POST', keys, { apiKey: OPERATOR_KEY, body: { name: 'short', expiresAt } });
  const issued = await issue('2126-11-26T11:00:00.123456789+05:00');
  assert.deepEqual([issued.status, issued.body.expiresAt], [201, '2126-11-26T06:00:00.123Z'], issued.text);
  assert.equal((await issue('9999-12-31T23:59:59.999Z')).status, 201);
  const wrong = await issue('2126-02-30T00:00:00Z');
  assert.deepEqual([wrong.status, wrong.body.details[0].path], [400, 'expiresAt']);
});
