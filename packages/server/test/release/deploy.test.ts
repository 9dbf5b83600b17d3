/** What stands in deploy/ and .github/ is read by the programs that it is for, or by the schemas that these publish. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { dated, notesOf } from '../../../../scripts/changelog.ts';
import { readConfig } from '../../src/app/config.ts';
import { needs } from '../support/programs.ts';
import { RUN_FOLDER } from '../support/run.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const textOf = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(RUN_FOLDER, 'deploy-'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('compose.yaml', needs(has('docker-compose', 'version'), '"apt-get install docker-compose"'), () => {
  test('is one, and gives nodes what they start with', async () => {
    await cp(path.join(ROOT, 'deploy'), path.join(folder, 'deploy'), { recursive: true });
    await run(path.join(folder, 'deploy/compose/secrets'));
    const file = path.join(folder, 'deploy/compose.yaml');
    const { stdout } = await run('docker-compose', ['-f', file, 'config']);
    const { services, secrets } = parseYaml(stdout);
    for (const name of ['node-a', 'node-b']) {
      const { environment, read_only, cap_drop, depends_on } = services[name];
      assert.deepEqual([read_only, cap_drop], [true, ['ALL']]);
      assert.deepEqual(depends_on, { migrate: { condition: 'service_completed_successfully' } });
      // The files are there under the names that the secrets have within the container.
      const inside = Object.entries<string>(environment).map(([variable, value]) => {
        const secret = /^\/run\/secrets\/(\w+)$/.exec(value)?.[1];
        return [variable, secret === undefined ? value : secrets[secret].file];
      });
      const config = readConfig({ MODE: 'production', HOST: '0.0.0.0', ...Object.fromEntries(inside) });
      assert.match(config.databaseUrl ?? '', /^postgres:\/\/plexy:[0-9a-f]{64}@postgres\/plexy$/);
      assert.equal(config.publicUrl, 'https://localhost');
    }
    assert.equal(services.migrate.command.join(' '), 'migrate');
    // Whatever is mounted from the repository is there.
    const mounts = Object.values<{ volumes?: string[] }>(services).flatMap(({ volumes = [] }) => volumes);
    const files = mounts.map((mount) => mount.split(':')[0] ?? '').filter((from) => from.startsWith('/'));
    assert.ok(files.length >= 3, mounts.join(' '));
    assert.deepEqual(
      files.filter((one) => !existsSync(one)),
      [],
    );
  });

  test('secrets are made once, and differ', async () => {
    const secret = (name: string) => readFile(path.join(folder, 'deploy/compose/secret', name), 'utf8');
    const before = await secret('secret_key');
    await run(path.join(folder, 'deploy/compose/secrets'));
    assert.equal(await secret('secret_key'), before);
    assert.notEqual(await secret('metrics_token'), before);
  });
});

test('the Caddyfile is one', needs(has('caddy', 'version'), '"apt-get install caddy"'), async () => {
  const file = path.join(ROOT, 'deploy/compose/Caddyfile');
  const env = { ...process.env, HOME: folder, PLEXY_HOST: 'pay.example.com' };
  const { stdout } = await run('caddy', ['adapt', '--validate', '--adapter', 'caddyfile', '--config', file], {
    env,
  });
  assert.match(stdout, /"dial":"node-b:8080"/);
  assert.match(stdout, /"uri":"\/ready"/);
});

describe('systemd', needs(has('systemd-analyze', '--version'), '"apt-get install systemd"'), () => {
  const units = globSync('deploy/systemd/*.service', { cwd: ROOT });

  test('the units are ones, and lock their processes in', async () => {
    assert.equal(units.length, 2);
    for (const unit of units) {
      const file = path.join(folder, path.basename(unit));
      // The program is installed on servers.
      await writeFile(file, textOf(unit).replace('/usr/local/bin/plexy', '/bin/true'));
      const { stderr } = await run('systemd-analyze', ['verify', file]);
      assert.equal(stderr, '', unit);
      // Of ten, where an unprotected service has 9.6.
      await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', file]);
      const open = textOf(unit).replaceAll(/^(?:Protect|Private|Restrict|SystemCall|Capability).*\n/gm, '');
      await writeFile(file, open);
      await assert.rejects(run('systemd-analyze', ['security', '--offline=true', '--threshold=20', file]));
    }
  });
});

const kustomize = needs(has('kubectl', 'version', '--client'), '"apt-get install kubernetes-client"');
describe('Kubernetes', kustomize, () => {
  interface Resource {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
    // biome-ignore lint/suspicious/noExplicitAny: resources of many shapes
    readonly [field: string]: any;
  }
  let resources: Resource[];
  before(async () => {
    const { stdout } = await run('kubectl', ['kustomize', path.join(ROOT, 'deploy/kubernetes/production')]);
    resources = parseAllDocuments(stdout).map((document) => document.toJS());
  });
  const find = (kind: string, name = 'plexy-pay'): Resource => {
    const found = resources.find((one) => one.kind === kind && one.metadata.name === name);
    assert.ok(found, `${kind} ${name}`);
    return found;
  };

  /** By the schemas of Kubernetes' own OpenAPI document. */
  async function check(resource: Resource): Promise<void> {
    const { apiVersion, kind } = resource;
    const models = await import(`kubernetes-models/${apiVersion}`);
    new models[kind](resource).validate();
  }

  test('every resource is what Kubernetes’ schemas say, in the installation’s namespace', async () => {
    assert.equal(resources.length, 9);
    for (const resource of resources) {
      await check(resource);
      if (resource.kind !== 'Namespace')
        assert.equal(resource.metadata.namespace, 'plexy-pay', resource.kind);
    }
    const wrong = structuredClone(find('Deployment'));
    wrong.spec.replicas = 'three';
    await assert.rejects(check(wrong), /replicas/);
  });

  test('pods run as nobody, on a root that cannot be written, with the image and the count of the overlay', () => {
    for (const { spec } of [find('Deployment'), find('Job', 'plexy-pay-migrate')]) {
      const pod = spec.template.spec;
      assert.deepEqual([pod.securityContext.runAsNonRoot, pod.automountServiceAccountToken], [true, false]);
      const [container] = pod.containers;
      assert.equal(container.image, 'ghcr.io/your-organisation/plexy-pay:0.1.0');
      assert.deepEqual(container.securityContext, {
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
        capabilities: { drop: ['ALL'] },
      });
      assert.equal(pod.volumes[0].secret.secretName, 'plexy-pay');
    }
    assert.equal(find('Deployment').spec.replicas, 3);
    // Nobody commits secrets.
    assert.equal(
      resources.some(({ kind }) => kind === 'Secret'),
      false,
    );
  });

  test('services, budget and policy choose the pods that there are, and the probes ask what is served', () => {
    const { metadata, spec } = find('Deployment').spec.template;
    const chosen = [
      find('Deployment').spec.selector.matchLabels,
      find('Service').spec.selector,
      find('Service', 'plexy-pay-admin').spec.selector,
      find('PodDisruptionBudget').spec.selector.matchLabels,
      find('NetworkPolicy').spec.podSelector.matchLabels,
    ];
    for (const labels of chosen)
      for (const [name, value] of Object.entries(labels)) assert.equal(metadata.labels[name], value, name);
    const [{ ports, livenessProbe, readinessProbe }] = spec.containers;
    const named = new Map<string, number>(
      ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
    );
    const { data } = find('ConfigMap');
    assert.deepEqual([named.get('api'), named.get('admin')], [Number(data.PORT), Number(data.ADMIN_PORT)]);
    assert.deepEqual(
      [livenessProbe, readinessProbe].map((probe) => [probe.httpGet.path, probe.httpGet.port]),
      [
        ['/health', 'api'],
        ['/ready', 'api'],
      ],
    );
    assert.ok(spec.terminationGracePeriodSeconds >= 18, 'eight seconds of pause, and ten of a stop');
  });

  test('the configuration is one that the program takes', async () => {
    const { data } = find('ConfigMap');
    const files = {
      'database-url': 'postgres://plexy@db/plexy',
      'secret-key': 'Xq4dkz0e8RrT6Yv1uPn3wLb7sGm2hJc5',
      'metrics-token': 'Jd83mxkQw02pLrTz',
    };
    for (const [name, value] of Object.entries(files)) await writeFile(path.join(folder, name), value);
    const mounted = Object.entries<string>(data).map(([name, value]) => [
      name,
      value.replace(find('Deployment').spec.template.spec.containers[0].volumeMounts[0].mountPath, folder),
    ]);
    const config = readConfig(Object.fromEntries(mounted));
    assert.deepEqual([config.mode, config.databaseUrl], ['production', files['database-url']]);
  });
});

describe('workflows', () => {
  // GitHub's own parser; it imports its schema as JSON in a form of years ago.
  registerHooks({
    load: (url, context, next) =>
      next(
        url,
        url.includes('/@actions/') && url.endsWith('.json')
          ? { ...context, importAttributes: { type: 'json' } }
          : context,
      ),
  });
  async function problemsOf(name: string, content: string): Promise<string[]> {
    const { parseWorkflow, NoOperationTraceWriter } = await import('@actions/workflow-parser');
    const { context } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
    return context.errors.getErrors().map(({ message }) => message);
  }
  const names = globSync('.github/workflows/*.yml', { cwd: ROOT });

  test('GitHub would run them', async () => {
    assert.equal(names.length, 2);
    for (const name of names) assert.deepEqual(await problemsOf(name, textOf(name)), []);
    const wrong = textOf(names[0] ?? '').replace('steps:', 'step:');
    assert.match((await problemsOf('wrong', wrong)).join(), /Unexpected value 'step'/);
  });

  test('they may do no more than they need, and run what the repository has', () => {
    const { scripts } = JSON.parse(textOf('package.json'));
    for (const name of names) {
      const workflow = parseYaml(textOf(name));
      assert.deepEqual(workflow.permissions, { contents: 'read' }, name);
      for (const [, script = ''] of textOf(name).matchAll(/npm run ([\w:]+)/g))
        assert.ok(scripts[script], script);
      for (const [, file = ''] of textOf(name).matchAll(/node (scripts\/\S+)/g))
        assert.ok(existsSync(path.join(ROOT, file)), file);
      // A secret that is in no step cannot leak from one: what is published is published by identity.
      const secrets = [...textOf(name).matchAll(/secrets\.(\w+)/g)].map(([, secret]) => secret);
      assert.deepEqual(new Set(secrets), new Set(name.includes('release') ? ['GITHUB_TOKEN'] : []));
      for (const [, action = ''] of textOf(name).matchAll(/uses: (\S+)/g))
        assert.match(action, /^\.\/|@(?:v\d+|[0-9a-f]{40})$/, 'a version');
    }
    const { matrix } = parseYaml(textOf('.github/workflows/ci.yml')).jobs.versions.strategy;
    assert.deepEqual(matrix, { postgres: [15, 16, 17, 18], node: [22, 24] });
  });

  test('the other files of a forge are what they are to be', () => {
    for (const form of globSync('.github/ISSUE_TEMPLATE/!(config).yml', { cwd: ROOT })) {
      const { name, description, body } = parseYaml(textOf(form));
      assert.ok(name && description && body.length > 0, form);
    }
    assert.ok(JSON.parse(textOf('renovate.json')).extends.includes('config:recommended'));
    for (const line of textOf('.github/CODEOWNERS')
      .split('\n')
      .filter((one) => /^\//.test(one))) {
      const [owned = ''] = line.split(/\s/);
      assert.ok(existsSync(path.join(ROOT, owned)), owned);
    }
  });
});

describe('a release', () => {
  const changelog = '# Changelog\n\n## 0.2.0 (unreleased)\n\n- New.\n\n## 0.1.0 (2026-11-27)\n\n- First.\n';

  test('dates what is unreleased, and says what a version brought', () => {
    const released = dated(changelog, '1.0.0', new Date('2026-12-01T23:59:00Z'));
    assert.match(released, /^## 1\.0\.0 \(2026-12-01\)$/m);
    assert.equal(notesOf(released, '1.0.0'), '- New.');
    assert.equal(notesOf(released, '0.1.0'), '- First.');
    assert.throws(() => dated(released, '1.1.0', new Date()), /must be "## … \(unreleased\)"/);
    assert.throws(() => notesOf(changelog, '0.2.0'), /has no day/);
    assert.throws(() => notesOf(changelog, '0.3.0'), /has no version 0\.3\.0/);
  });

  test('npm version makes one commit and one tag of all packages, which the workflow takes', async () => {
    const clone = path.join(folder, 'clone');
    const git = (...args: string[]) =>
      run('git', ['-c', 'safe.directory=*', '-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
        cwd: clone,
      });
    const tracked = await run('git', ['-c', 'safe.directory=*', 'ls-files'], { cwd: ROOT });
    const wanted =
      /^(?:(?:packages\/\w[\w-]*\/|examples\/\w+\/)?package\.json|package-lock\.json|\.npmrc|CHANGELOG\.md|docs\/openapi\.json)$/;
    const files = tracked.stdout.split('\n').filter((file) => wanted.test(file));
    for (const file of [...files, 'scripts/version.ts', 'scripts/changelog.ts', 'scripts/releaseNotes.ts'])
      await cp(path.join(ROOT, file), path.join(clone, file), { recursive: true });
    await git('init', '-q');
    await git('add', '.');
    await git('commit', '-qm', 'Before');
    const PATH = `${path.dirname(process.execPath)}:${process.env.PATH}`;
    const identity = {
      GIT_AUTHOR_NAME: 'T',
      GIT_AUTHOR_EMAIL: 't@example.com',
      GIT_COMMITTER_NAME: 'T',
      GIT_COMMITTER_EMAIL: 't@example.com',
    };
    await run('npm', ['version', '7.8.9'], { cwd: clone, env: { ...process.env, ...identity, PATH } });
    assert.equal((await git('describe', '--exact-match')).stdout, 'v7.8.9\n');
    assert.equal((await git('status', '--porcelain')).stdout, '');
    const versions = files
      .filter((file) => file.endsWith('package.json'))
      .map((file) => JSON.parse(readFileSync(path.join(clone, file), 'utf8')));
    for (const { name, version, dependencies = {}, devDependencies = {} } of versions) {
      assert.equal(version, '7.8.9', name);
      for (const [other, wants] of Object.entries({ ...dependencies, ...devDependencies }))
        if (other.startsWith('@plexy-pay/')) assert.equal(wants, '7.8.9', `${name}: ${other}`);
    }
    const notes = await run(process.execPath, ['scripts/releaseNotes.ts', 'v7.8.9'], { cwd: clone });
    assert.match(notes.stdout, /^- /);
    await assert.rejects(
      run(process.execPath, ['scripts/releaseNotes.ts', 'v7.8.8'], { cwd: clone }),
      /package\.json says 7\.8\.9/,
    );
  });
});
