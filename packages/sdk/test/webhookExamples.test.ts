/**
 * The receivers of examples/webhooks, each started as its reader would and given webhooks, real and forged.
 * Node and Python must be there in CI; PHP, Go and the official libraries where they are installed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sign } from '@plexy-pay/sdk/webhooks';
import '../../server/test/support/run.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXAMPLES = path.join(ROOT, 'examples/webhooks');
const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
const BODY =
  '{"name":"transaction.authorized","merchantId":"m","data":{"id":"01a1fe74-065c-7216-a92a-31f26f9850c4","description":"Жеткізу / 1"}}';

interface Example {
  /** In examples/webhooks. */
  readonly file: string;
  readonly inCi: boolean;
  /** A command that succeeds where the example can run. */
  readonly needs: readonly string[];
  /** @param port where it is to listen @param built a folder for what has to be built */
  command(port: string, built: string): readonly string[];
  build?(built: string): readonly string[];
}

const NODE = { inCi: true, needs: [process.execPath, '--version'] };
const GO = {
  inCi: false,
  command: (_: string, built: string) => [path.join(built, 'receiver')],
};
const phpServer = (file: string) => (port: string) => ['php', '-S', `127.0.0.1:${port}`, file];

const LIST: readonly Example[] = [
  { ...NODE, file: 'node/plain.mjs', command: () => [process.execPath, 'plain.mjs'] },
  { ...NODE, file: 'node/official.mjs', command: () => [process.execPath, 'official.mjs'] },
  { ...NODE, file: 'node/sdk.mjs', command: () => [process.execPath, 'sdk.mjs'] },
  {
    ...{ file: 'python/plain.py', inCi: true, needs: ['python3', '--version'] },
    command: () => ['python3', 'plain.py'],
  },
  {
    ...{ file: 'python/official.py', inCi: false, needs: ['python3', '-c', 'import standardwebhooks'] },
    command: () => ['python3', 'official.py'],
  },
  {
    ...{ file: 'php/plain.php', inCi: false, needs: ['php', '--version'] },
    command: phpServer('plain.php'),
  },
  {
    ...{ file: 'php/official.php', inCi: false, needs: ['php', '-r', "require 'vendor/autoload.php';"] },
    command: phpServer('official.php'),
  },
  {
    ...{ ...GO, file: 'go/plain/main.go', needs: ['go', 'version'] },
    build: (built) => ['go', 'build', '-o', path.join(built, 'receiver'), 'main.go'],
  },
  {
    ...{ ...GO, file: 'go/official/main.go', needs: ['go', 'vet', 'main.go'] },
    build: (built) => ['go', 'build', '-o', path.join(built, 'receiver'), 'main.go'],
  },
];

/** Runs a command to its end, in the example's folder. @returns whether it succeeded */
function succeeds({ file }: Example, [program = '', ...args]: readonly string[]): boolean {
  try {
    execFileSync(program, args, { cwd: folderOf(file), stdio: 'pipe', timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}

function folderOf(file: string): string {
  return path.join(EXAMPLES, path.dirname(file));
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(typeof address === 'object' && address !== null);
  return String(address.port);
}

interface Delivery {
  readonly body?: string;
  readonly timestamp?: number;
  readonly headers?: Record<string, string>;
}

/** POSTs a webhook that is right but for what is given. @returns the status */
async function deliver(
  port: string,
  { body = BODY, timestamp = now(), headers = {} }: Delivery,
): Promise<number> {
  const id = 'msg_06GZWX06BHS1DA9A67S6Z62GRG000001';
  const right = {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign(BODY, id, timestamp, SECRET),
  };
  const all = { 'content-type': 'application/json', ...right, ...headers };
  const response = await fetch(`http://127.0.0.1:${port}/hook`, { method: 'POST', headers: all, body });
  await response.text();
  return response.status;
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}

function signedWith(secret: string, timestamp = now()): string {
  return sign(BODY, 'msg_06GZWX06BHS1DA9A67S6Z62GRG000001', timestamp, secret);
}

async function untilUp(port: string, child: ChildProcess): Promise<void> {
  for (const limit = Date.now() + 60_000; ; await sleep(50)) {
    assert.equal(child.exitCode, null, 'it ended');
    assert.ok(Date.now() < limit, 'it does not listen');
    if (await deliver(port, { body: '' }).then(Boolean, () => false)) return;
  }
}

for (const example of LIST) {
  const { file, inCi, needs, command, build } = example;
  const mustRun = inCi && process.env.CI !== undefined;
  const skip = !mustRun && !succeeds(example, needs) && `what ${file} needs is not installed`;
  describe(file, { skip }, () => {
    let output = '';
    let child: ChildProcess;
    let port: string;
    let built: string;
    before(async () => {
      built = await mkdtemp(path.join(tmpdir(), 'plexy-example-'));
      if (build !== undefined) assert.ok(succeeds(example, build(built)), 'it builds');
      port = await freePort();
      const [program = '', ...args] = command(port, built);
      const env = { ...process.env, PORT: port, WEBHOOK_SECRET: SECRET };
      child = spawn(program, args, { cwd: folderOf(file), env, stdio: 'pipe' });
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      await untilUp(port, child);
    });
    after(async () => {
      child.kill();
      await rm(built, { recursive: true });
    });

    test('a webhook that is signed is read', async () => {
      assert.equal(await deliver(port, {}), 204, output);
      await sleep(50);
      assert.match(output, /transaction\.authorized 01a1fe74-065c-7216-a92a-31f26f9850c4/);
    });

    test('while the secret is being replaced, too', async () => {
      const timestamp = now();
      const right = signedWith(SECRET, timestamp);
      const other = signedWith(`whsec_${randomBytes(24).toString('base64')}`, timestamp);
      for (const both of [`${right} ${other}`, `${other} ${right}`]) {
        const headers = { 'webhook-signature': both };
        assert.equal(await deliver(port, { timestamp, headers }), 204, output);
      }
    });

    test('a sender that hangs up in the middle does not end it', async () => {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      const head =
        'POST /hook HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 100';
      await new Promise((resolve) => socket.write(`${head}\r\n\r\n{"a`, resolve));
      await sleep(100);
      socket.resetAndDestroy();
      await sleep(100);
      assert.equal(await deliver(port, {}), 204, output);
      assert.equal(child.exitCode, null);
    });

    test('anything else is refused', async () => {
      const forged = [
        { body: BODY.replace('authorized', 'charged') },
        { body: `${BODY} ` },
        { timestamp: now() - 3_600 },
        { timestamp: now() + 3_600 },
        { headers: { 'webhook-timestamp': String(now() - 5) } },
        { headers: { 'webhook-timestamp': 'now' } },
        { headers: { 'webhook-id': 'msg_another' } },
        { headers: { 'webhook-signature': '' } },
        { headers: { 'webhook-signature': 'v1,' } },
        { headers: { 'webhook-signature': 'v1,AAAA' } },
        { headers: { 'webhook-signature': signedWith(`whsec_${randomBytes(24).toString('base64')}`) } },
        { headers: { 'webhook-signature': signedWith(SECRET).replace('v1,', 'v2,') } },
      ];
      for (const delivery of forged)
        assert.equal(await deliver(port, delivery), 400, JSON.stringify(delivery));
    });
  });
}

test('docs/webhooks.md explains every field of the body', () => {
  const text = readFileSync(path.join(ROOT, 'docs/webhooks.md'), 'utf8');
  const document = JSON.parse(readFileSync(path.join(ROOT, 'docs/openapi.json'), 'utf8'));
  const fields = Object.keys(document.components.schemas.Transaction.properties);
  assert.ok(fields.length > 30);
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const named = new Set(rows.flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name)));
  assert.deepEqual(
    fields.filter((field) => !named.has(field)),
    [],
  );
});

test('docs/webhooks.md shows each example as it is', () => {
  const text = readFileSync(path.join(ROOT, 'docs/webhooks.md'), 'utf8');
  const blocks = [
    ...text.matchAll(/\]\(\.\.\/examples\/webhooks\/([^)]+)\)[^\n]*\n\n```\w+\n([\s\S]*?)```/g),
  ];
  const shown = new Map(blocks.map(([, file, code]) => [file, code]));
  const files = globSync('**/*.{mjs,py,php,go}', { cwd: EXAMPLES, exclude: ['**/vendor/**'] });
  assert.deepEqual(files.sort(), LIST.map(({ file }) => file).sort());
  for (const file of files)
    assert.equal(shown.get(file), readFileSync(path.join(EXAMPLES, file), 'utf8'), file);
});

test('the example of the SDK tells its own mistakes from forgeries', async () => {
  const file = path.join(EXAMPLES, 'node/sdk.mjs');
  const { WEBHOOK_SECRET: _, ...env } = process.env;
  const started = spawnSync(process.execPath, [file], { env, encoding: 'utf8', timeout: 60_000 });
  assert.equal(started.status, 1);
  assert.match(started.stderr, /set WEBHOOK_SECRET/);
});
