/** `plexy check-connector`: what an author of a connector runs, on the example that docs/connectors.md leads to. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startTestBank, type TestBank } from '../../server/test/support/bank.ts';
import { stopDatabaseServer } from '../../server/test/support/database.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
const EXAMPLE = 'examples/connector/simulatedBank.js';
/** Beside the example, so that it finds the server’s package. */
const WRONG = `examples/connector/wrong-${process.pid}.js`;

let bank: TestBank;
before(async () => {
  bank = await startTestBank();
});
after(async () => {
  await rm(path.join(ROOT, WRONG), { force: true });
  await bank?.end();
  await stopDatabaseServer();
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

function plexy(...args: string[]): Promise<Ended> {
  const env = { BANK_URL: bank.url, BANK_SECRET: bank.environment.ACQUIRER_SECRET };
  return new Promise((resolve) => {
    const command = ['packages/cli/bin/plexy.js', ...args];
    execFile(process.execPath, command, { cwd: ROOT, env }, (error, out, said) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, error: said }),
    );
  });
}

test('one command says that the simulated bank’s connector does all that is promised', async () => {
  const { code, out, error } = await plexy('check-connector', `./${EXAMPLE}`);
  assert.deepEqual([code, error], [0, ''], out);
  assert.match(out, /^ok {3}approve: an approved card is `approved`/m);
  assert.match(out, /^\d\d passed, 0 failed, 0 not checked$/m);
});

test('it ends with 1 when a case failed, and says which and why', async () => {
  const example = await readFile(path.join(ROOT, EXAMPLE), 'utf8');
  const wrong = example.replace(
    'connector: HTTP_CONNECTOR,',
    `connector: { ...HTTP_CONNECTOR, create: (settings) => ({ ...HTTP_CONNECTOR.create(settings),
      inquire: () => Promise.resolve(null) }) },`,
  );
  assert.notEqual(wrong, example);
  await writeFile(path.join(ROOT, WRONG), wrong);
  const { code, out } = await plexy('--json', 'check-connector', `./${WRONG}`);
  assert.equal(code, 1);
  const failed = JSON.parse(out).filter(({ result }: { result: string }) => result === 'failed');
  const reasons = Object.fromEntries(
    failed.map((one: { name: string; reason: string }) => [one.name, one.reason]),
  );
  assert.equal(reasons.approve, 'what is inquired is unknown, not approved');
});

for (const [name, module, said] of [
  ['there is no such module', './examples/connector/none.js', /cannot be loaded/],
  ['it tells nothing of a connector', './packages/money/src/index.ts', /its default export says nothing/],
] as const)
  test(`it ends with 2 when ${name}`, async () => {
    const { code, out, error } = await plexy('check-connector', module);
    assert.deepEqual([code, out], [2, '']);
    assert.match(error, said);
  });
