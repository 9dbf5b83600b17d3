/** The commands of README.md, run as they stand there (but for the port), print what it says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { startReceiver, untilDelivery } from '../support/webhooks.ts';

const run = promisify(execFile);
const README = new URL('../../../../README.md', import.meta.url);
/** Where the documents say that the server is. */
const ADDRESS = 'http://127.0.0.1:8080';

interface Step {
  readonly command: string;
  /** What the document shows as its answer; null when it shows none. */
  readonly answer: string | null;
}

/** The blocks of shell commands with the JSON block that follows each. */
function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/```(sh|json)\n([\s\S]*?)```/g)].map(([, language, body = '']) => ({
    language,
    body: body.trim(),
  }));
  return blocks.flatMap(({ language, body }, i) => {
    const next = blocks[i + 1];
    return language === 'sh' ? [{ command: body, answer: next?.language === 'json' ? next.body : null }] : [];
  });
}

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

test('the walk-through of README.md', async () => {
  const steps = stepsOf(await readFile(README, 'utf8')).filter(({ command }) =>
    /^(?:curl|ID=)/.test(command),
  );
  assert.ok(steps.length >= 6);
  let id = '';
  let variable = '';
  for (const { command, answer } of steps) {
    const script = command.replaceAll(ADDRESS, sandbox.url);
    const isVariable = command.startsWith('ID=');
    const { stdout } = await run(
      'bash',
      ['--norc', '-c', isVariable ? `${script}\nprintf %s "$ID"` : script],
      {
        env: { PATH: process.env.PATH ?? '', ID: variable },
      },
    );
    if (isVariable) {
      assert.equal(stdout, id, 'the id of the payment that was made above');
      variable = stdout;
      continue;
    }
    const body = JSON.parse(stdout);
    if (command.includes('/v1/payment-links')) {
      assert.equal((await fetch(body.url)).status, 200, stdout);
      continue;
    }
    id = body.walletTransactionId ?? id;
    if (answer === null) assert.equal(body.items?.[0]?.walletTransactionId, id);
    else
      assert.deepEqual(
        { ...body, walletTransactionId: '' },
        { ...JSON.parse(answer), walletTransactionId: '' },
      );
  }
});

test('the commands of docs/cards.md', async () => {
  const text = await readFile(new URL('../../../../docs/cards.md', import.meta.url), 'utf8');
  const answers: { id: string; status: string; redirectUrl: string | null }[] = [];
  for (const { command } of stepsOf(text)) {
    if (command.startsWith('ID=')) continue;
    const env = { PATH: process.env.PATH ?? '', ID: answers[0]?.id };
    const { stdout } = await run('bash', ['--norc', '-c', command.replaceAll(ADDRESS, sandbox.url)], { env });
    answers.push(JSON.parse(stdout));
  }
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['authorized', 'charged', 'refunded', '3d'],
  );
  assert.match(answers.at(-1)?.redirectUrl ?? '', /^http/);
});

test('the commands of docs/sandbox.md', async () => {
  const text = await readFile(new URL('../../../../docs/sandbox.md', import.meta.url), 'utf8');
  const confirms = { phoneNumber: '+77010000004', iin: '950308400048' };
  const ID = (await sandbox.authorize(confirms)).body.walletTransactionId;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  const answers: any[] = [];
  for (const { command } of stepsOf(text)) {
    if (command.startsWith('ID=')) continue;
    const env = { PATH: process.env.PATH ?? '', ID };
    const { stdout } = await run('bash', ['--norc', '-c', command.replaceAll(ADDRESS, sandbox.url)], { env });
    answers.push(JSON.parse(stdout));
  }
  const [fixtures, link, confirmed, advanced, clock, down, faults, healed, reset, ...more] = answers;
  assert.equal(fixtures.customers.length, 6);
  assert.ok(link.url.startsWith(`${sandbox.url}/confirm/`), link.url);
  assert.deepEqual([confirmed.walletTransactionId, confirmed.walletTransactionStatus], [ID, 'PROCESSING']);
  assert.deepEqual([advanced.settled, advanced.offsetSeconds, clock.offsetSeconds], [true, 86_400, 86_400]);
  assert.deepEqual([down, faults], Array(2).fill({ bank: 'down', databaseDelayMs: 200 }));
  assert.deepEqual([healed, reset, more], [{ bank: 'none', databaseDelayMs: 0 }, { reset: true }, []]);
});

test('the commands of docs/webhooks.md about endpoints, and a route for each row of its table', async (t) => {
  const text = await readFile(new URL('../../../../docs/webhooks.md', import.meta.url), 'utf8');
  const section = /^## Endpoints\n(.*?)^## /ms.exec(text)?.[1] ?? '';
  const receiver = await startReceiver();
  t.after(receiver.stop);
  const steps = stepsOf(section).filter(({ command }) => command.startsWith('curl'));
  assert.equal(steps.length, 5);
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  const answers: any[] = [];
  for (const [i, { command }] of steps.entries()) {
    const script = command
      .replaceAll(ADDRESS, sandbox.url)
      .replace('http://localhost:3000/hook', receiver.url);
    const [ID, DELIVERY_ID] = answers.map(({ id }) => id);
    const { stdout } = await run('bash', ['--norc', '-c', script], {
      env: { PATH: process.env.PATH, ID, DELIVERY_ID },
    });
    answers.push(JSON.parse(stdout));
    if (i === 1) await untilDelivery(sandbox.call, ID, answers[1].id, ({ status }) => status === 'delivered');
  }
  const [endpoint, sent, delivery, resent, replay] = answers;
  assert.match(endpoint.secret, /^whsec_/);
  assert.deepEqual(
    [sent.event, delivery.attempts[0].statusCode, delivery.id],
    ['webhook.test', 200, sent.id],
  );
  assert.deepEqual(JSON.parse(delivery.body).data, { endpointId: endpoint.id });
  assert.deepEqual([resent.id, resent.replay, replay.endpointId], [sent.id, true, endpoint.id]);
  await receiver.until(({ received }) => received.length === 2, 'the test, and its resend');
  const [first, again] = receiver.received;
  assert.deepEqual([first?.headers['webhook-replay'], again?.headers['webhook-replay']], [undefined, 'true']);
  assert.deepEqual([again?.text, again?.headers['webhook-id']], [first?.text, sent.id]);

  const document = await sandbox.call('GET', '/openapi.json', { apiKey: null });
  const ofDocument = Object.entries<object>(document.body.paths).flatMap(([path, operations]) =>
    /^\/v1\/(webhook-endpoints|events)/.test(path)
      ? Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`)
      : [],
  );
  const rows = section.matchAll(/`(GET|POST|PATCH|DELETE) (\/v1\/[a-z-]+|…\/[^`]+)`/g);
  const ofTable = [...rows].map(
    ([, method, path = '']) => `${method} ${path.replace('…', '/v1/webhook-endpoints')}`,
  );
  assert.deepEqual(ofTable.sort(), ofDocument.sort());
});

test('every variable of the configuration is in the table of README.md', async () => {
  const readme = await readFile(README, 'utf8');
  const config = await readFile(new URL('../../src/app/config.ts', import.meta.url), 'utf8');
  const list = /const VARIABLES = \[([\s\S]*?)\]/.exec(config)?.[1] ?? '';
  const names = [...list.matchAll(/'([A-Z_]+)'/g)].map(([, name]) => name);
  assert.ok(names.length > 10);
  assert.deepEqual(
    names.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
});
