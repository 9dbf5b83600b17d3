/** The files of deploy/ for Prometheus and Grafana, by Prometheus' own tool, and the pages that they lead to. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { needs } from '../support/programs.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');
const PROMETHEUS = path.join(ROOT, 'deploy/prometheus');
const RUNBOOKS = path.join(ROOT, 'docs/runbooks');
const withPromtool = needs(
  spawnSync('promtool', ['--version']).status === 0,
  'promtool, of the Debian package prometheus',
);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

interface RuleTest {
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
}

const read = (file: string): string => readFileSync(file, 'utf8');
const rules: readonly Rule[] = parse(read(path.join(PROMETHEUS, 'alerts.yml'))).groups.flatMap(
  ({ rules: own }: { rules: Rule[] }) => own,
);

/** Names of metrics in the table, which another test compares with what is served. */
const KNOWN = new Set(
  [...read(path.join(ROOT, 'docs/metrics.md')).matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name),
);

/** Those of a query that are not in the table. `up` is Prometheus' own. */
function unknownIn(query: string): string[] {
  const names = [...query.matchAll(/\b[a-z]+_\w+(?=[{[)\s]|$)/g)].map(([name]) => name);
  const FUNCTIONS = /^(?:histogram_quantile|label_values)$/;
  return names
    .map((name) => name.replace(/_(?:bucket|count|sum)$/, ''))
    .filter((name) => !KNOWN.has(name) && !FUNCTIONS.test(name));
}

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

test(
  'Prometheus takes the configuration and the alerts, and each alert fires and stays silent in its tests',
  withPromtool,
  async () => {
    await run('promtool', ['check', 'rules', 'alerts.yml'], { cwd: PROMETHEUS });
    await run('promtool', ['check', 'config', '--syntax-only', 'prometheus.yml'], { cwd: PROMETHEUS });
    await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: PROMETHEUS });
  },
);

test('each alert has a test in which it fires, and one in which it does not', () => {
  const cases = (parse(read(path.join(PROMETHEUS, 'alerts.test.yml'))).tests as RuleTest[]).flatMap(
    ({ alert_rule_test }) => alert_rule_test,
  );
  assert.ok(rules.length > 20);
  for (const { alert } of rules) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length > 0),
      `${alert} fires in no test`,
    );
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length === 0),
      `${alert} is silent in no test`,
    );
  }
});

test('alerts ask for metrics that there are', () => {
  for (const { alert, expr } of rules) assert.deepEqual(unknownIn(expr), [], alert);
  assert.deepEqual(unknownIn('rate(plexy_made_up_total{job="plexy"}[5m])'), ['plexy_made_up_total']);
});

test('each alert has its page, which a node serves; each page has its alert', async () => {
  const pages = globSync('*.md', { cwd: RUNBOOKS })
    .filter((name) => name !== 'README.md')
    .map((name) => name.replace('.md', ''));
  assert.deepEqual(pages.sort(), rules.map(({ alert }) => alert).sort());
  const index = read(path.join(RUNBOOKS, 'README.md'));
  for (const { alert, labels, annotations } of rules) {
    const page = read(path.join(RUNBOOKS, `${alert}.md`));
    for (const heading of ['What it means', 'What to look at', 'What to do'])
      assert.match(page, new RegExp(`^## ${heading}\n\n\\S`, 'm'), alert);
    assert.ok(page.includes(annotations.summary) && page.includes(`(${labels.severity})`), alert);
    assert.ok(
      index.includes(`| [${alert}](${alert}.md) | ${labels.severity} | ${annotations.summary} |`),
      alert,
    );
    const { pathname } = new URL(annotations.runbook_url);
    assert.equal(pathname, `/docs/guides/docs/runbooks/${alert}.md`);
    const served = await sandbox.call('GET', pathname, { apiKey: null });
    assert.equal(served.status, 200, pathname);
  }
});

test('the statements of the runbooks can be run', async () => {
  const statements = globSync('*.md', { cwd: RUNBOOKS }).flatMap((name) =>
    [...read(path.join(RUNBOOKS, name)).matchAll(/`((?:SELECT|SHOW) [^`]+)`/g)].map(([, sql = '']) => sql),
  );
  assert.ok(statements.length > 8);
  for (const sql of statements) if (!sql.includes('(pid)')) await sandbox.pool.query(sql);
});

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard: { panels: Panel[]; templating: { list: { query: string }[] } } = JSON.parse(
  read(path.join(ROOT, 'deploy/grafana/dashboards/plexy.json')),
);
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test('Grafana asks for metrics that there are', () => {
  assert.ok(queries.length > 30);
  for (const query of queries) assert.deepEqual(unknownIn(query), [], query);
  for (const { query } of dashboard.templating.list) assert.deepEqual(unknownIn(query), [], query);
  // What is in the table and in no panel is of the process.
  const shown = queries.join(' ');
  const hidden = [...KNOWN].filter((name) => name.startsWith('plexy_') && !shown.includes(name));
  assert.deepEqual(hidden, ['plexy_build_info', 'plexy_engine_queue_limit']);
});

test('Prometheus understands each query of Grafana', withPromtool, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'plexy-queries-'));
  try {
    const asRules = queries.map((query, i) => ({
      record: `panel:query:${i}`,
      expr: query.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
    }));
    const file = path.join(folder, 'queries.yml');
    await writeFile(file, stringify({ groups: [{ name: 'panels', rules: asRules }] }));
    const { stdout } = await run('promtool', ['check', 'rules', file]);
    assert.match(stdout, new RegExp(`SUCCESS: ${queries.length} rules found`));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what Grafana is provisioned with says where dashboards and metrics are', () => {
  const provisioning = path.join(ROOT, 'deploy/grafana/provisioning');
  const { datasources } = parse(read(path.join(provisioning, 'datasources/prometheus.yml')));
  assert.deepEqual(
    datasources.map(({ type }: { type: string }) => type),
    ['prometheus'],
  );
  const { providers } = parse(read(path.join(provisioning, 'dashboards/plexy.yml')));
  assert.equal(providers[0].options.path, '/var/lib/grafana/dashboards');
});
