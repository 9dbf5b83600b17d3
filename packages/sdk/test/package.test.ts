/** The package as it is published: packed, unpacked elsewhere, used from plain JavaScript and from TypeScript. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildSdk } from '../../../scripts/sdkPackage.ts';

const run = promisify(execFile);
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

let folder: string;
let installed: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'plexy-sdk-'));
  installed = path.join(folder, 'shop/node_modules/@plexy-pay/sdk');
  await buildSdk(path.join(folder, 'dist'));
  const { stdout } = await run('npm', ['pack', path.join(folder, 'dist'), '--json'], { cwd: folder });
  const [{ filename }] = JSON.parse(stdout);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1']);
  await writeFile(path.join(folder, 'shop/package.json'), '{"type":"module"}');
});
after(() => rm(folder, { recursive: true, force: true }));

test('it holds no TypeScript, needs nothing else, and may be published; nothing of it is for Node alone', async () => {
  const manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8'));
  assert.deepEqual(Object.keys(manifest.exports), ['.', './webhooks']);
  for (const field of ['private', 'dependencies', 'devDependencies', 'scripts'])
    assert.equal(manifest[field], undefined, field);
  const { stdout } = await run('find', [installed, '-name', '*.ts', '-not', '-name', '*.d.ts']);
  assert.equal(stdout, '');
  // Browsers and edge runtimes have no modules of Node's.
  const ofNode = run('grep', ['-rlE', '(from |require\\(|import\\()["\']node:', installed]);
  await assert.rejects(ofNode, { code: 1, stdout: '' });
});

test('plain JavaScript', async () => {
  const program = `
    import { List, NotFoundError, PlexyPay, PlexyPayError } from '@plexy-pay/sdk';
    import * as webhooks from '@plexy-pay/sdk/webhooks';
    const asked = [];
    const fake = async (url) => {
      asked.push(url);
      return new Response('{"items":[{"id":"a","balance":90071992547409931}],"nextCursor":null}');
    };
    const plexy = new PlexyPay({ apiKey: 'pr_test_x', fetch: fake });
    const list = plexy.transactions.list({ status: 'charged' });
    const [found] = await list.toArray();
    const secret = 'whsec_' + 'QUJD'.repeat(8);
    const body = '{"name":"transaction.charged","merchantId":"m","data":{}}';
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': webhooks.sign(body, 'msg_1', timestamp, secret),
    };
    const { name } = webhooks.verify(body, headers, secret);
    let refused;
    try { webhooks.verify(body + ' ', headers, secret); } catch (error) { refused = error; }
    console.log(JSON.stringify([
      asked, list instanceof List, String(found.balance), name,
      refused instanceof PlexyPayError && refused.failure, new NotFoundError('x').name,
    ]));
  `;
  await writeFile(path.join(folder, 'shop/shop.js'), program);
  const { stdout } = await run(process.execPath, [path.join(folder, 'shop/shop.js')]);
  assert.deepEqual(JSON.parse(stdout), [
    ...[['http://127.0.0.1:8080/v1/transactions?status=charged'], true, '90071992547409931'],
    ...['transaction.charged', 'wrong_signature', 'NotFoundError'],
  ]);
});

test('TypeScript: what is right compiles, and nothing else does', async () => {
  const program = `
    import { type FailureCode, type List, PlexyPay, type PlexyPayError, type StreamedEvent, type Transaction } from '@plexy-pay/sdk';
    import { verify, type WebhookEvent } from '@plexy-pay/sdk/webhooks';
    const plexy = new PlexyPay({ apiKey: 'pr_test_x' });
    export const list: List<Transaction> = plexy.transactions.list({ type: 'refund' });
    export const balance = async (): Promise<bigint | null> => (await plexy.transactions.get('x')).balance;
    export async function follow(): Promise<StreamedEvent[]> {
      const events: StreamedEvent[] = [];
      for await (const event of plexy.transactions.stream()) events.push(event);
      return events;
    }
    export const event: WebhookEvent = verify('', new Headers(), 'whsec_x', { toleranceSeconds: 60 });
    if (event.name === 'transaction.failed') event.data.cardTokenId?.Value.toUpperCase();
    if (event.name === 'webhook.test') event.data.endpointId.toUpperCase();
    else event.data.orderReference.toUpperCase();
    // @ts-expect-error A test is about no transaction.
    if (event.name === 'webhook.test') event.data.orderReference.toUpperCase();
    // @ts-expect-error There is no such event.
    if (event.name === 'webhook.tset') throw new Error();
    export function wordOf(status: Transaction['status']): string {
      switch (status) {
        case 'created': case '3d': case 'authorized': case 'rejected': case 'transaction.failed':
        case 'charged': case 'cancelled': case 'refunded': return 'known';
        default:
          // @ts-expect-error A newer server may have statuses that are not known here.
          const none: never = status;
          return String(none);
      }
    }
    // What is not given may be undefined, as a value that is not there yet is.
    let lastEventId: string | undefined;
    plexy.transactions.stream({ lastEventId, signal: undefined });
    plexy.transactions.list({ storeId: lastEventId, amountFrom: 5, createdFrom: new Date(), status: ['charged', 'failed'] });
    plexy.transactions.get('x', { signal: undefined, idempotencyKey: undefined });
    plexy.transactions.capture('x', { amount: undefined });
    // @ts-expect-error There is no such status.
    plexy.transactions.list({ status: 'paid' });
    export function waits(error: PlexyPayError): boolean {
      // @ts-expect-error There is no such reason.
      if (error.reason === 'operation_in_progres') return false;
      return error.reason === 'operation_in_progress' && error.retryAfterMs !== null;
    }
    export function word({ failureCode }: Transaction): string {
      switch (failureCode) {
        case null: return 'did not fail';
        case 'insufficient_funds': case 'card_declined': case 'expired': return 'known';
        default:
          // @ts-expect-error A newer server may have codes that are not known here.
          const none: FailureCode = failureCode;
          return none;
      }
    }
    export const code: FailureCode = 'customer_declined';
    // @ts-expect-error There is no such code.
    export const typo: FailureCode = 'customer_declinde';
    export const failed = async (): Promise<FailureCode | (string & {}) | undefined> =>
      (await plexy.wallet.get('x')).failureCode;
    plexy.transactions.list({ failureCode: code });
    export const named = new PlexyPay({ apiKey: 'x', app: { name: 'shop', version: '1.0' } });
    // @ts-expect-error An app has a version.
    export const nameless = new PlexyPay({ apiKey: 'x', app: { name: 'shop' } });
    export const own = new PlexyPay({ apiKey: 'x', fetch: (url, init) => fetch(url, { ...init, cache: 'no-store' }) });
    export const withGlobal = new PlexyPay({ apiKey: 'x', fetch });
    export const bytes = verify(new ArrayBuffer(8), { get: () => null }, 'whsec_x');
    // @ts-expect-error A currency is required.
    plexy.payments.create({ amount: 1, orderReference: 'x' });
    // @ts-expect-error Pages come by cursor.
    plexy.transactions.list({ page: 1 });
    // @ts-expect-error A parsed body cannot be verified.
    verify({ name: 'transaction.charged' }, new Headers(), 'whsec_x');
  `;
  const shop = path.join(folder, 'shop');
  await writeFile(path.join(shop, 'shop.ts'), program);
  await symlink(path.join(MODULES, '@types'), path.join(shop, 'node_modules/@types'));
  await symlink(path.join(MODULES, 'undici-types'), path.join(shop, 'node_modules/undici-types'));
  const tsc = path.join(MODULES, 'typescript/bin/tsc');
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const options = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--noEmit',
      '--skipLibCheck',
      'false',
      '--types',
      'node',
      '--target',
      'es2023',
    ];
    const modules = ['--module', module, '--moduleResolution', resolution];
    const compile = run(process.execPath, [tsc, ...options, ...modules, 'shop.ts'], { cwd: shop });
    await compile.catch(({ stdout }: { stdout: string }) => assert.fail(stdout));
  }
});
