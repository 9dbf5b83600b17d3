/** `plexy listen` and `plexy trigger`: a developer's program gets what the server would send it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlexyPay, type StreamedEvent } from '@plexy-pay/sdk';
import { verify } from '@plexy-pay/sdk/webhooks';
import fc from 'fast-check';
import { CUSTOMER, DEMO_KEY, type Sandbox, startSandbox } from '../../server/test/support/sandbox.ts';
import { webhookIdOf } from '../src/listen.ts';
import { EVENT_NAMES } from '../src/trigger.ts';
import { type Delivery, eventually, type Running, receiver, run, serve, start } from './support.ts';

let sandbox: Sandbox;
let folder: string;
let env: Record<string, string>;
let plexy: PlexyPay;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'plexy-cli-'));
  sandbox = await startSandbox();
  env = { PLEXY_URL: sandbox.url, XDG_CONFIG_HOME: folder };
  plexy = new PlexyPay({ apiKey: DEMO_KEY, baseUrl: sandbox.url });
});
after(async () => {
  await sandbox.stop();
  await rm(folder, { recursive: true });
});

async function listen(url: string, ...args: string[]): Promise<Running & { readonly secret: string }> {
  const running = start(['listen', '--forward-to', `${url}/hook`, ...args], env);
  await running.until(/^Ready: /);
  const secret = /^Signing secret: (whsec_\S+)$/.exec(running.out[0] ?? '')?.[1];
  assert.ok(secret !== undefined, running.out.join('\n'));
  return { ...running, secret };
}

function authorize(): Promise<{ walletTransactionId: string }> {
  return plexy.wallet.authorize({ amount: 500, currency: 'KZT', orderReference: 'L', ...CUSTOMER });
}

function idsOf(deliveries: readonly Delivery[]): unknown[] {
  return deliveries.map(({ headers }) => headers['webhook-id']);
}

const PARTIALLY_CAPTURED = 'transaction.partially_captured';

test('every event of payment links can be triggered', async () => {
  for (const happened of ['created', 'paid', 'expired', 'cancelled']) {
    const { exitCode, out, errors } = await run(['trigger', `payment_link.${happened}`, '--json'], env);
    assert.deepEqual([exitCode, errors], [0, ''], happened);
    const told = JSON.parse(out);
    assert.equal(told.link.status, happened === 'created' ? 'active' : happened);
    assert.deepEqual(
      [told.happened[0], told.happened.at(-1)],
      ['payment_link.created', `payment_link.${happened}`],
    );
  }
});

describe('listen', () => {
  test('each change of status and each capture, signed, as the server sends it; in order per payment', async (t) => {
    const { url, deliveries } = await receiver();
    const opened = Promise.withResolvers<void>();
    const controller = new AbortController();
    t.after(() => controller.abort());
    const streamed: StreamedEvent[] = [];
    const stream = plexy.transactions.stream({ signal: controller.signal, onOpen: opened.resolve });
    const following = (async () => {
      for await (const event of stream) streamed.push(event);
    })().catch(() => undefined);
    await opened.promise;
    const running = await listen(url, '--bearer-token', 'token-1');
    for (const name of EVENT_NAMES) {
      const { exitCode, out, errors } = await run(['trigger', name, '--json'], env);
      assert.deepEqual([exitCode, errors], [0, ''], name);
      const { transaction, happened } = JSON.parse(out);
      assert.deepEqual([happened.at(-1), happened[0]], [name, 'transaction.created']);
      // The rest of what was captured in part is still held.
      const status = name === PARTIALLY_CAPTURED ? 'transaction.authorized' : name;
      assert.equal(
        `transaction.${transaction.status}`.replace('transaction.transaction', 'transaction'),
        status,
      );
    }
    const held = await authorize();
    await plexy.transactions.cancel(held.walletTransactionId, { amount: 1 });
    await plexy.transactions.cancel(held.walletTransactionId);
    const last = (event: StreamedEvent | undefined): boolean =>
      event?.data.walletTransactionId === held.walletTransactionId && event.seq === 4;
    await eventually(
      () => last(streamed.at(-1)),
      () => 'the stream',
    );
    const expected = streamed.filter(
      ({ statusChanged, name }) => statusChanged || name === PARTIALLY_CAPTURED,
    );
    assert.equal(expected.length, streamed.length - 1);
    await eventually(
      () => deliveries.length === expected.length,
      () => `${expected.length} deliveries`,
    );
    const payments = (list: readonly { data: { id: string; parentTransactionId: string | null } }[]) =>
      Map.groupBy(list, ({ data }) => data.parentTransactionId ?? data.id);
    const received = payments(deliveries.map(({ event }) => event));
    for (const [payment, events] of payments(expected)) {
      const bodies = events.map((event) => {
        const { name, merchantId, data } = JSON.parse((event as StreamedEvent).text);
        return { name, merchantId, data };
      });
      assert.deepEqual(received.get(payment), bodies);
    }
    for (const { body, headers, event } of deliveries) {
      assert.equal(verify(body, headers, running.secret).name, event.name);
      assert.equal(body, JSON.stringify(event));
      assert.deepEqual(
        [headers.authorization, headers['content-type']],
        ['Bearer token-1', 'application/json'],
      );
    }
    const ids = expected.map(({ data, seq }) => webhookIdOf(data.id, seq));
    assert.deepEqual(idsOf(deliveries).sort(), ids.sort());
    const line = /^\d{4}-\S+Z {2}transaction\.rejected {4}[0-9a-f-]{36} {2}200 {2}\d+ ms$/;
    assert.ok(
      running.out.some((text) => line.test(text)),
      running.out.join('\n'),
    );
    assert.equal(await running.stop(), 0);
    controller.abort();
    await following;
  });

  test('only the events that are asked for', async () => {
    const { url, deliveries } = await receiver();
    const running = await listen(url, '--events', 'transaction.charged, transaction.refunded');
    await run(['trigger', 'transaction.refunded'], env);
    await eventually(
      () => deliveries.length === 3,
      () => 'three',
    );
    const names = deliveries.map(({ event }) => `${event.name} ${event.data.type}`);
    const refunded = ['transaction.refunded refund', 'transaction.refunded payment'];
    assert.deepEqual(names, ['transaction.charged payment', ...refunded]);
    await running.stop();
  });

  test('a slow answer keeps its own payment waiting, and no other', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first: string[] = [];
    const { url, deliveries } = await receiver(({ event }) => {
      if (first.length === 0) first.push(event.data.id);
      return event.data.id === first[0] ? released : undefined;
    });
    const running = await listen(url);
    await authorize();
    await eventually(
      () => deliveries.length === 1,
      () => 'the first',
    );
    await authorize();
    await eventually(
      () => deliveries.length === 3,
      () => 'the other payment',
    );
    await sleep(100);
    assert.equal(deliveries.length, 3);
    release();
    await eventually(
      () => deliveries.length === 4,
      () => 'the second of the first',
    );
    assert.deepEqual(
      [deliveries[3]?.event.data.id, deliveries[3]?.event.name],
      [first[0], 'transaction.authorized'],
    );
    await running.stop();
  });

  test('many payments at once: all of them, twenty at a time', async () => {
    let [open, most] = [0, 0];
    const { url, deliveries } = await receiver(async () => {
      open += 1;
      most = Math.max(most, open);
      await sleep(20);
      open -= 1;
    });
    const running = await listen(url);
    await Promise.all(Array.from({ length: 60 }, authorize));
    await eventually(
      () => deliveries.length === 120,
      () => `120, not ${deliveries.length}`,
    );
    assert.equal(new Set(idsOf(deliveries)).size, 120);
    assert.ok(most > 5 && most <= 20, `${most} at once`);
    await running.stop();
  });

  test('a failure is shown and not repeated; a redirect is not followed', async () => {
    const statuses = [500, 302];
    const { url, deliveries } = await receiver((_, response) => {
      response.writeHead(statuses.shift() ?? 200, { location: '/elsewhere' });
    });
    const running = await listen(url);
    await authorize();
    await running.until(/transaction\.created .* 500 {2}\d+ ms$/);
    await running.until(/transaction\.authorized .* 302 {2}\d+ ms$/);
    await sleep(200);
    assert.equal(deliveries.length, 2);
    await running.stop();
    const other = createServer((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
      );
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const changing = await listen(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    await authorize();
    await changing.until(/transaction\.authorized .* no connection/);
    await changing.stop();
    other.close();
    const nowhere = await listen('http://127.0.0.1:1');
    await authorize();
    await nowhere.until(/transaction\.authorized .* no connection/);
    await nowhere.stop();
  });

  test('--json: a line of JSON for everything that it says', async () => {
    const { url } = await receiver();
    const running = start(['listen', '--forward-to', url, '--json'], env);
    await running.until(/"ready":true/);
    await authorize();
    await running.until(/transaction\.authorized/);
    const [begin, ready, , line] = running.out.map((text) => JSON.parse(text));
    assert.deepEqual(
      [begin.forwardTo, Object.keys(begin), ready],
      [`${url}/`, ['forwardTo', 'secret'], { ready: true }],
    );
    const fields = ['time', 'event', 'transactionId', 'webhookId', 'status', 'error', 'ms'];
    assert.deepEqual([Object.keys(line), line.status, line.error], [fields, 200, null]);
    assert.match(line.webhookId, /^msg_[0-9A-HJKMNP-TV-Z]{32}$/);
    await running.stop();
  });
});

describe('the stream of listen', () => {
  /** A server whose stream does one of these at each connection. */
  function server(
    connections: ((
      lastEventId: string | undefined,
      write: (text: string) => void,
      end: () => void,
    ) => void)[],
  ) {
    return serve((request, response) => {
      const write = (text: string): void => {
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(text);
      };
      const lastEventId = request.headers['last-event-id'] as string | undefined;
      if (lastEventId === 'of another database') {
        const body = {
          code: 3,
          message: 'm',
          source: 's',
          type: 'apiError',
          reason: 'invalid_last_event_id',
        };
        response.writeHead(400).end(JSON.stringify({ ...body, details: [], requestId: 'r' }));
        return;
      }
      connections.shift()?.(lastEventId, write, () => response.end());
    });
  }

  test('is resumed where it was lost, and begun anew when the server was', async () => {
    const id = '01a1fe74-065c-7216-a92a-31f26f9850c4';
    const data = `{"name":"transaction.charged","merchantId":"m","data":{"id":"${id}","description":",\\"statusChanged\\":"}`;
    const event = (place: string, seq: number): string =>
      `id: ${place}\nevent: transaction.charged\ndata: ${data},"statusChanged":true,"seq":${seq}}\n\n`;
    const resumed: unknown[] = [];
    const PLEXY_URL = await server([
      (from, write, end) => {
        resumed.push(from);
        write(event('one', 7));
        setTimeout(end, 50);
      },
      (from, write, end) => {
        resumed.push(from);
        write(`event: heartbeat\nid: of another database\ndata:\n\n`);
        setTimeout(end, 50);
      },
      (from, write) => {
        resumed.push(from);
        write(event('two', 8));
      },
    ]);
    const { url, deliveries } = await receiver();
    const running = start(['listen', '--forward-to', url], { ...env, PLEXY_URL });
    await eventually(
      () => deliveries.length === 2,
      () => running.out.join('\n'),
    );
    assert.deepEqual(resumed, [undefined, 'one', undefined]);
    for (const { body } of deliveries) assert.equal(body, `${data}}`);
    assert.deepEqual(idsOf(deliveries), [webhookIdOf(id, 7), webhookIdOf(id, 8)]);
    await running.until(/^Lost the stream \(the server ended the stream\); trying again in 0\.\d s$/);
    await running.until(/^The server has begun anew/);
    await running.stop();
  });

  test('ends with what the server says when another attempt would not help', async () => {
    const { url } = await receiver();
    const { exitCode, errors } = await run(['listen', '--forward-to', url, '--key', 'pr_test_nobody'], env);
    assert.equal(exitCode, 1);
    assert.match(errors, /^the API key is unknown, expired or revoked \(request /);
  });
});

describe('the signing secret', () => {
  test('is made once for each server, for this user’s eyes only', async () => {
    const { url } = await receiver();
    const [first, second] = [await listen(url), await listen(url)];
    assert.equal(first.secret, second.secret);
    const other = start(['listen', '--forward-to', url, '--url', 'http://127.0.0.1:1'], env);
    await other.until(/^Lost the stream/);
    assert.match(other.out[0] ?? '', /^Signing secret: whsec_[A-Za-z0-9+/]{32}$/);
    assert.ok(!other.out[0]?.includes(first.secret));
    const given = await listen(url, '--secret', `whsec_${'QUJD'.repeat(8)}`);
    assert.equal(given.secret, `whsec_${'QUJD'.repeat(8)}`);
    for (const running of [first, second, given]) assert.equal(await running.stop(), 0);
    // Where nobody ever was it does not wait for ever, and says where it looked.
    assert.equal(await other.ended, 3);
    assert.match(
      other.errors.join(),
      /^no connection to http:\/\/127\.0\.0\.1:1: is it there\? --url or PLEXY_URL/,
    );
    const file = path.join(folder, 'plexy/config.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const { listenSecrets } = JSON.parse(await readFile(file, 'utf8'));
    assert.equal(listenSecrets[sandbox.url], first.secret);
    assert.equal(Object.keys(listenSecrets).filter((base) => base === 'http://127.0.0.1:1').length, 1);
    await writeFile(file, '{');
    const broken = await run(['listen', '--forward-to', url], env);
    assert.deepEqual(
      [broken.exitCode, broken.errors],
      [1, `${file} is not JSON: correct it, or delete it to begin anew`],
    );
    await rm(file);
  });

  test('webhook ids hold the transaction and the number of its event', () => {
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 0xffffffff }), (uuid, seq) => {
        const id = webhookIdOf(uuid, seq);
        assert.match(id, /^msg_[0-9A-HJKMNP-TV-Z]{32}$/);
        const bits = [...id.slice(4)]
          .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0'))
          .join('');
        const bytes = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
        assert.equal(bytes.toString('hex', 0, 16), uuid.replaceAll('-', ''));
        assert.equal(bytes.readUInt32BE(16), seq);
      }),
    );
  });
});

test('wrong arguments are named', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { exitCode, out, errors } = await run(args, env);
    assert.deepEqual([exitCode, out], [2, '']);
    return errors;
  };
  assert.match(await refused('listen'), /required option '--forward-to <url>'/);
  for (const address of ['ftp://localhost/hook', 'http://', '', 'http://a b'])
    assert.match(
      await refused('listen', '--forward-to', address),
      /must be an address such as localhost:3000\/hook/,
    );
  const listening = ['listen', '--forward-to', 'http://127.0.0.1:1'];
  assert.match(
    await refused(...listening, '--events', 'transaction.charged,paid'),
    /"paid" is none of created, 3d, authorized/,
  );
  assert.match(await refused(...listening, '--secret', 'secret'), /must be whsec_ and base64/);
  assert.match(await refused('trigger', 'transaction.paid'), /"transaction\.paid" is none of created, 3d/);
  const production = await serve((_, response) => {
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end('{"message":"x","reason":"not_found"}');
  });
  const { exitCode, errors } = await run(['trigger', 'transaction.charged', '--url', production], env);
  assert.deepEqual([exitCode, errors], [1, 'this server is no sandbox']);
});

test('payments create: by wallet or by card, once for each key', async () => {
  const pay = (...args: string[]) => run(['payments', 'create', '1250', 'KZT', 'PAY', ...args], env);
  const wallet = ['--phone', CUSTOMER.phoneNumber, '--iin', CUSTOMER.iin, '--idempotency-key', 'pay-1'];
  const { out } = await pay(...wallet);
  assert.match(out, /^status +authorized$/m);
  assert.match(out, /^method +wallet$/m);
  assert.equal((await pay(...wallet)).out, out);
  const card = await pay('--card', '4000000000003220', '--return-url', 'http://localhost/back');
  assert.match(card.out, /^status +3d\npayer goes to +http/m);
  assert.match((await pay('--card', '4000000000009995')).out, /^status +rejected\nfailure +/m);
  for (const args of [[], ['--phone', '+77010000001'], [...wallet, '--card', '4242424242424242']])
    assert.equal((await pay(...args)).errors, 'give either --card, or --phone and --iin');
  assert.match((await pay('--card', '1')).errors, /^card\.number /);
});

test('transactions: list with filters, get, history', async () => {
  await run(['trigger', 'transaction.refunded'], env);
  const json = async (...args: string[]) => JSON.parse((await run([...args, '--json'], env)).out);
  const [refund] = await json('transactions', 'list', '--type', 'refund', '--limit', '1');
  assert.equal(refund.type, 'refund');
  const id = refund.parentTransactionId;
  const [payment] = await json('transactions', 'list', '--query', id);
  assert.deepEqual(await json('transactions', 'get', payment.walletTransactionId), payment);
  const { out } = await run(['transactions', 'get', id], env);
  assert.match(out, /^status +refunded$/m);
  assert.match(out, /^captured +15000 \(150\.00 KZT\)$/m);
  const history = (await run(['transactions', 'history', id], env)).out.split('\n');
  assert.match(history[0] ?? '', /^SEQ +TIME +EVENT +AMOUNT +BY +REASON$/);
  assert.match(history[3] ?? '', /^3 +\S+Z +transaction\.charged +15000 \(150\.00 KZT\) +api +–$/);
  const table = (await run(['transactions', 'list', '--reference', payment.orderReference], env)).out;
  assert.deepEqual(table.match(/(refund|payment) +wallet/g)?.length, 2);
  const wrong = await run(['transactions', 'list', '--status', 'paid'], env);
  assert.match(wrong.errors, /^status must be transaction statuses/);
});

test('addresses without a scheme, and events by their short names', async () => {
  const { url, deliveries } = await receiver();
  const { host, port } = new URL(url);
  for (const address of [`${host}/hook`, `localhost:${port}/hook`, `${port}/hook`, `:${port}`]) {
    const before = deliveries.length;
    const running = start(['listen', '--forward-to', address, '--events', 'charged,refunded'], env);
    await running.until(/^Ready/);
    const { exitCode, errors } = await run(['trigger', 'charged'], env);
    assert.deepEqual([exitCode, errors], [0, '']);
    await eventually(
      () => deliveries.length > before,
      () => `a delivery to ${address}: ${running.out.join('\n')}`,
    );
    assert.equal(deliveries.at(-1)?.event.name, 'transaction.charged');
    assert.equal(await running.stop(), 0);
  }
  const help = await run(['trigger', '--help'], env);
  for (const name of [
    'created',
    '3d',
    'authorized',
    'rejected',
    'failed',
    'charged',
    'cancelled',
    'refunded',
  ])
    assert.ok(help.out.includes(`"${name}"`), name);
});
