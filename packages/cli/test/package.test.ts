/** The package as it is installed by itself: packed, unpacked elsewhere, without the repository and the server. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildCli } from '../../../scripts/cliPackage.ts';
import { type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';
import { eventually, receiver } from './support.ts';
import '../../server/test/support/run.ts';

const run = promisify(execFile);
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

let folder: string;
let program: string;
let sandbox: Sandbox;
let env: NodeJS.ProcessEnv;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'plexy-cli-'));
  const installed = path.join(folder, 'node_modules/@plexy-pay/cli');
  await buildCli(path.join(folder, 'dist'));
  const { stdout } = await run('npm', ['pack', path.join(folder, 'dist'), '--json'], { cwd: folder });
  const [{ filename }] = JSON.parse(stdout);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1']);
  // What npm would install: the one package that it depends on.
  await symlink(path.join(MODULES, 'commander'), path.join(folder, 'node_modules/commander'));
  program = path.join(installed, 'bin/plexy.js');
  sandbox = await startSandbox();
  env = { ...process.env, PLEXY_URL: sandbox.url, XDG_CONFIG_HOME: folder };
});
after(async () => {
  await sandbox?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('it holds no TypeScript, may be published, and depends on commander alone', async () => {
  const manifest = JSON.parse(
    await readFile(path.join(folder, 'node_modules/@plexy-pay/cli/package.json'), 'utf8'),
  );
  assert.deepEqual([Object.keys(manifest.dependencies), manifest.private], [['commander'], undefined]);
  const { stdout } = await run('find', [path.dirname(path.dirname(program)), '-name', '*.ts']);
  assert.equal(stdout, '');
  const { stdout: version } = await run(process.execPath, [program, '--version']);
  assert.equal(version, `${manifest.version}\n`);
});

test('listen and trigger work without the server’s package', async (t) => {
  const { url, deliveries } = await receiver();
  const listening = spawn(process.execPath, [program, 'listen', '--forward-to', url], { env });
  t.after(() => listening.kill());
  let out = '';
  for (const stream of [listening.stdout, listening.stderr])
    stream.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
  await eventually(
    () => /^Ready/m.test(out),
    () => `Ready in ${out}`,
  );
  const { stdout } = await run(process.execPath, [program, 'trigger', 'charged', '--json'], { env });
  assert.equal(JSON.parse(stdout).transaction.status, 'charged');
  await eventually(
    () => deliveries.length >= 3,
    () => `three deliveries in ${out}`,
  );
  assert.equal(deliveries.at(-1)?.event.name, 'transaction.charged');
});

test('what needs the server’s program says so', async () => {
  const audit = run(process.execPath, [program, 'audit'], { env });
  await assert.rejects(audit, {
    code: 2,
    stderr: 'this command needs the server’s own program: run it where the server is installed\n',
  });
});
