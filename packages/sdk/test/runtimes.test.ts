/**
 * The package as it is published, in every runtime that it is made for, against a real sandbox. Runtimes and
 * checkers come from npm into a folder of their own: 700 MB that no "npm ci" should bring.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as requestOf, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { buildSdk } from '../../../scripts/sdkPackage.ts';
import { startBrowser, withoutBrowser } from '../../server/test/support/browser.ts';
import { type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';
import '../../server/test/support/run.ts';

const run = promisify(execFile);
/** Under this name each system's binaries are published: node, bun, deno, workerd. */
const SYSTEMS: Readonly<Record<string, readonly [node: string, bun: string, deno: string, workerd: string]>> =
  {
    'linux x64': ['linux-x64', 'linux-x64', 'linux-x64-glibc', 'linux-64'],
    'linux arm64': ['linux-arm64', 'linux-aarch64', 'linux-arm64-glibc', 'linux-arm64'],
    'darwin x64': ['darwin-x64', 'darwin-x64', 'darwin-x64', 'darwin-64'],
    'darwin arm64': ['darwin-arm64', 'darwin-aarch64', 'darwin-arm64', 'darwin-arm64'],
  };
const system = SYSTEMS[`${process.platform} ${process.arch}`];
const [ofNode, ofBun, ofDeno, ofWorkerd] = system ?? [];
const PACKAGES = {
  node20: `npm:node-${ofNode}@20.20.2`,
  node22: `npm:node-${ofNode}@22.23.3`,
  bun: `npm:@oven/bun-${ofBun}@1.4.5`,
  deno: `npm:@deno/${ofDeno}@2.9.6`,
  workerd: `npm:@cloudflare/workerd-${ofWorkerd}@1.20261117.1`,
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
};

/** What a shop does. In plain JavaScript, since each runtime reads it as it is. */
const SHOP = `
export async function shop({ PlexyPay, formatAmount }, webhooks, baseUrl, orderReference) {
  const plexy = new PlexyPay({ apiKey: 'pr_test_demo', baseUrl });
  const order = { amount: 15000, currency: 'KZT', phoneNumber: '+77010000001', iin: '900101300017', orderReference };
  const held = await plexy.wallet.authorize(order, { idempotencyKey: orderReference });
  const again = await plexy.wallet.authorize(order, { idempotencyKey: orderReference });
  const id = held.walletTransactionId;

  const streaming = new AbortController();
  const opened = Promise.withResolvers ? Promise.withResolvers() : withResolvers();
  const streamed = (async () => {
    for await (const event of plexy.transactions.stream({ signal: streaming.signal, onOpen: opened.resolve }))
      if (event.data.orderReference === orderReference) return event.name;
  })();
  await opened.promise;
  const captured = await plexy.transactions.capture(id);
  const event = await streamed;
  await plexy.transactions.refund(id, { amount: 5000 });
  const found = await plexy.transactions.byOrderReference(orderReference).toArray();

  const thrown = (promise) => promise.then(() => 'nothing', ({ name, reason }) => name + ' ' + reason);
  const missing = await thrown(plexy.transactions.get('no-such-payment'));
  const aborted = await thrown(plexy.transactions.get(id, { signal: AbortSignal.abort(new Error('enough')) }));

  const text = '{"id":"t","amount":1,"balance":9007199254740993123}';
  const big = new PlexyPay({ apiKey: 'x', baseUrl, fetch: async () => new Response(text) });
  const { balance } = await big.transactions.get('t');

  const secret = 'whsec_' + 'QUJD'.repeat(8);
  const body = '{"name":"transaction.charged","merchantId":"m","data":{"balance":9007199254740993123}}';
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = await webhooks.signAsync(body, 'msg_1', timestamp, secret);
  const headers = new Headers({
    'webhook-id': 'msg_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': signature,
  });
  const bytes = new TextEncoder().encode(body).buffer;
  const verified = await webhooks.verifyAsync(bytes, headers, secret);
  const forged = await thrown(webhooks.verifyAsync(body + ' ', headers, secret));
  let withNode;
  try { withNode = webhooks.verify(body, headers, secret).name; } catch (error) { withNode = error.message; }

  return {
    once: held.walletTransactionId === again.walletTransactionId,
    statuses: [held.walletTransactionStatus, captured.status, event, ...found.map((t) => t.type + ' ' + t.status)],
    errors: [missing, aborted, forged],
    digits: [String(balance), String(verified.data.balance), formatAmount(captured.capturedAmount, 'KZT')],
    withNode,
  };
}
function withResolvers() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}
`;

const DONE = {
  once: true,
  statuses: [...['PROCESSING', 'charged', 'transaction.charged'], ...['refund refunded', 'payment charged']],
  errors: [...['NotFoundError transaction_not_found', 'AbortedError null'], 'WebhookVerificationError null'],
  digits: ['9007199254740993123', '9007199254740993123', '150.00 KZT'],
  withNode: 'transaction.charged',
};
const NO_NODE = "this runtime has no crypto of Node's: use verifyAsync or signAsync";

let sandbox: Sandbox;
let folder: string;
let tarball: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'plexy-runtimes-'));
  const dist = path.join(folder, 'dist');
  await buildSdk(dist);
  const { stdout } = await run('npm', ['pack', dist, '--json'], { cwd: folder });
  tarball = path.join(folder, JSON.parse(stdout)[0].filename);
  const dependencies = { '@plexy-pay/sdk': `file:${tarball}`, ...PACKAGES };
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies }));
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
  });
  await writeFile(path.join(folder, 'shop.js'), SHOP);
  await writeFile(
    path.join(folder, 'import.js'),
    `import * as sdk from '@plexy-pay/sdk';
    import * as webhooks from '@plexy-pay/sdk/webhooks';
    import { shop } from './shop.js';
    const [url, order] = process.argv.slice(2);
    console.log(JSON.stringify(await shop(sdk, webhooks, url, order)));`,
  );
  await writeFile(
    path.join(folder, 'require.cjs'),
    `const sdk = require('@plexy-pay/sdk');
    const webhooks = require('@plexy-pay/sdk/webhooks');
    const [url, order] = process.argv.slice(2);
    import('./shop.js').then(({ shop }) => shop(sdk, webhooks, url, order)).then((did) => console.log(JSON.stringify(did)));`,
  );
  sandbox = await startSandbox();
});
after(async () => {
  await sandbox?.stop();
  await rm(folder, { recursive: true, force: true });
});

function binary(...parts: string[]): string {
  return path.join(folder, 'node_modules', ...parts);
}

/** What the shop's program prints. */
async function did(command: string, args: readonly string[], order: string): Promise<unknown> {
  const { stdout } = await run(command, [...args, sandbox.url, order], { cwd: folder, timeout: 120_000 });
  return JSON.parse(stdout);
}

describe('a shop', {
  skip: system === undefined && `no binaries for ${process.platform} ${process.arch}`,
}, () => {
  for (const file of ['import.js', 'require.cjs']) {
    test(`Node 20, ${file}`, async () =>
      assert.deepEqual(await did(binary('node20/bin/node'), [file], `node20 ${file}`), DONE));
    test(`Node 22, ${file}`, async () =>
      assert.deepEqual(await did(binary('node22/bin/node'), [file], `node22 ${file}`), DONE));
    test(`Node ${process.versions.node}, ${file}`, async () =>
      assert.deepEqual(await did(process.execPath, [file], `node ${file}`), DONE));
    test(`Bun, ${file}`, async () =>
      assert.deepEqual(await did(binary('bun/bin/bun'), [file], `bun ${file}`), DONE));
    test(`Deno, ${file}`, async () =>
      assert.deepEqual(await did(binary('deno/deno'), ['run', '-A', file], `deno ${file}`), DONE));
  }

  test('workerd, without any compatibility with Node', async (t) => {
    const url = await startWorker(t.after.bind(t));
    const { statuses, ...rest } = (await (await fetch(url)).json()) as typeof DONE;
    assert.deepEqual({ statuses, ...rest }, { ...DONE, withNode: NO_NODE });
  });

  test('Chromium, from the same origin; from another one the error says what browsers need', {
    skip: withoutBrowser,
  }, async (t) => {
    const origin = await servePage(t.after.bind(t));
    const browser = await startBrowser();
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(origin);
    // Texts, so that the page runs them as they are.
    const result = await page.evaluate(
      `(async () => {
        const sdk = await import('@plexy-pay/sdk');
        const webhooks = await import('@plexy-pay/sdk/webhooks');
        return (await import('/shop.js')).shop(sdk, webhooks, location.origin, 'chromium');
      })()`,
    );
    assert.deepEqual(result, { ...DONE, withNode: NO_NODE });
    const elsewhere = await page.evaluate(
      `(async () => {
        const { PlexyPay } = await import('@plexy-pay/sdk');
        const plexy = new PlexyPay({ apiKey: 'pr_test_demo', baseUrl: '${sandbox.url}', maxRetries: 0 });
        return plexy.wallet.list().page().catch((error) => error.message);
      })()`,
    );
    assert.equal(
      elsewhere,
      `no connection to ${sandbox.url}; a page of ${origin} cannot call it: browsers need the same origin, other programs do not`,
    );
  });
});

describe('the package', () => {
  test('publint finds nothing', async () => {
    const { stdout } = await run(process.execPath, [
      binary('publint/src/cli.js'),
      'run',
      '--strict',
      path.join(folder, 'dist'),
    ]);
    assert.match(stdout, /All good!/);
  });

  test('its types are found, and right, however a program is compiled', async () => {
    const attw = binary('@arethetypeswrong/cli/dist/index.js');
    const { stdout } = await run(process.execPath, [attw, tarball, '--format', 'json']);
    assert.deepEqual(JSON.parse(stdout).problems ?? {}, {});
  });
});

type After = (end: () => unknown) => void;

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A worker whose answer is what the shop did. */
async function startWorker(afterwards: After): Promise<string> {
  const input = path.join(folder, 'worker-source.js');
  await writeFile(
    input,
    `import * as sdk from '@plexy-pay/sdk';
    import * as webhooks from '@plexy-pay/sdk/webhooks';
    import { shop } from './shop.js';
    export default { async fetch() { return Response.json(await shop(sdk, webhooks, '${sandbox.url}', 'workerd')); } };`,
  );
  const bundle = await rolldown({ input, platform: 'browser' });
  await bundle.write({ file: path.join(folder, 'worker.js'), format: 'esm' });
  await bundle.close();
  const port = await freePort();
  await writeFile(
    path.join(folder, 'worker.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [ (name = "main", worker = .shop), (name = "internet", network = (allow = ["private"])) ],
      sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ]
    );
    const shop :Workerd.Worker = (
      modules = [ (name = "worker", esModule = embed "worker.js") ], compatibilityDate = "2026-01-01"
    );`,
  );
  const worker: ChildProcess = spawn(binary('workerd/bin/workerd'), ['serve', 'worker.capnp'], {
    cwd: folder,
  });
  const errors: string[] = [];
  worker.stderr?.on('data', (chunk: Buffer) => void errors.push(chunk.toString()));
  const ended = once(worker, 'exit');
  afterwards(async () => {
    worker.kill('SIGKILL');
    await ended;
  });
  const url = `http://127.0.0.1:${port}/`;
  while (!(await listens(port))) assert.equal(worker.exitCode, null, errors.join(''));
  return url;
}

async function listens(port: number): Promise<boolean> {
  const probe = requestOf({ host: '127.0.0.1', port, path: '/', method: 'OPTIONS', timeout: 200 });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  probe.on('socket', (socket) => socket.once('connect', () => resolve(true)));
  probe.on('error', () => setTimeout(resolve, 50, false));
  const found = await promise;
  probe.destroy();
  return found;
}

/** The page, the package's files, and the API, on one origin. */
async function servePage(afterwards: After): Promise<string> {
  const imports = { '@plexy-pay/sdk': '/sdk/index.js', '@plexy-pay/sdk/webhooks': '/sdk/webhooks.js' };
  const page = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`;
  const send = (response: ServerResponse, type: string, body: string | Buffer): void => {
    response.writeHead(200, { 'content-type': type }).end(body);
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    if (pathname === '/') return send(response, 'text/html', page);
    if (pathname === '/shop.js') return send(response, 'text/javascript', SHOP);
    if (pathname.startsWith('/sdk/')) {
      const file = binary('@plexy-pay/sdk', path.basename(pathname));
      return send(response, 'text/javascript', await readFile(file));
    }
    const { method, headers, url } = request;
    const passed = requestOf(`${sandbox.url}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
