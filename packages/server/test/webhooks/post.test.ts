/** Hostile receivers: none holds a webhook up for longer than it may, and none leads anywhere else. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type LookupFunction, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Poster, type PostResult } from '../../src/webhooks/post.ts';
import { CERTIFICATE } from '../support/certificate.ts';

const LIMIT_MS = 1_000;
const servers: Server[] = [];
let poster: Poster;
before(() => {
  poster = new Poster({ allowLocal: true, connections: 4, limitMs: LIMIT_MS });
});
after(async () => {
  await poster.close();
  for (const server of servers) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A server that does this with each connection, once something has come in. */
async function serve(work: (socket: Socket) => void): Promise<string> {
  const port = await listen(
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => work(socket));
    }),
  );
  return `http://127.0.0.1:${port}/hook`;
}

async function timed(url: string, by = poster): Promise<PostResult & { took: number }> {
  const startedAt = performance.now();
  const result = await by.post(url, url, { 'content-type': 'application/json' }, '{}');
  return { ...result, took: performance.now() - startedAt };
}

describe('a receiver that', () => {
  test('accepts and says nothing is a timeout', async () => {
    const { error, statusCode, took, latencyMs } = await timed(await serve(() => undefined));
    assert.deepEqual([error, statusCode], ['timeout', null]);
    assert.ok(took >= LIMIT_MS - 10 && took < 3 * LIMIT_MS, `${took} ms`);
    assert.ok(latencyMs >= LIMIT_MS - 10);
  });

  test('drips its headers is a timeout', async () => {
    const url = await serve((socket) => {
      const text = 'HTTP/1.1 200 OK\r\nX-Slow: 12345678901234567890\r\n\r\n';
      let sent = 0;
      const timer = setInterval(() => socket.write(text.charAt(sent++)), 100);
      socket.on('close', () => clearInterval(timer));
    });
    const { error, took } = await timed(url);
    assert.equal(error, 'timeout');
    assert.ok(took < 3 * LIMIT_MS, `${took} ms`);
  });

  for (const [what, interim] of [
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    [
      '102, 103 and 199',
      '102 Processing,103 Early Hints,199 x'.replace(/([^,]+),?/g, 'HTTP/1.1 $1\r\nLink: </a>\r\n\r\n'),
    ],
  ] as const) {
    test(`begins with interim answers (${what}) has answered what comes after them`, async () => {
      const url = await serve((socket) => {
        socket.write(interim);
        setTimeout(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone'), 50);
      });
      const { statusCode, error, response } = await timed(url);
      assert.deepEqual([statusCode, error, response], [200, null, 'done']);
    });
  }

  test('changes the protocol, which nobody asked for, has given no answer', async () => {
    const url = await serve((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
    });
    const { statusCode, error, took } = await timed(url);
    assert.deepEqual([statusCode, error], [null, 'answer_not_http']);
    assert.ok(took < LIMIT_MS, `${took} ms`);
  });

  test('sends interim answers without end is left after some of them', async () => {
    let sent = 0;
    const closed = Promise.withResolvers<void>();
    const url = await serve((socket) => {
      const timer = setInterval(() => {
        sent += 1;
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n');
      }, 5);
      socket.on('close', () => {
        clearInterval(timer);
        closed.resolve();
      });
    });
    const { statusCode, error, took } = await timed(url);
    assert.deepEqual([statusCode, error], [null, 'answer_not_http']);
    assert.ok(took < LIMIT_MS, `${took} ms`);
    await closed.promise;
    assert.ok(sent >= 16, `${sent} were sent`);
  });

  test('drips its body has answered, and is waited for no longer than a second', async () => {
    let closed = false;
    const url = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 100);
      socket.on('close', () => {
        closed = true;
        clearInterval(timer);
      });
    });
    const { statusCode, response, took } = await timed(url);
    assert.equal(statusCode, 200);
    assert.match(response ?? '', /^x{5,11}$/);
    assert.ok(took < 3_000, `${took} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(closed);
  });

  test('answers 100 MB is read no further than is needed', async () => {
    let sent = 0;
    const url = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${100 * 1024 * 1024}\r\n\r\n`);
      const chunk = 'y'.repeat(64 * 1024);
      const more = (): void => {
        while (!socket.destroyed && sent < 100 * 1024 * 1024) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
      };
      more();
    });
    const { statusCode, response, took } = await timed(url);
    assert.deepEqual([statusCode, response?.length], [200, 1024]);
    assert.ok(took < 3_000, `${took} ms`);
    // What the operating system's buffers take.
    assert.ok(sent < 20 * 1024 * 1024, `${sent} bytes`);
  });

  test('redirects is not followed', async () => {
    let asked = 0;
    const port = await listen(
      createHttpServer((_request, response) => {
        asked += 1;
        response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
      }),
    );
    const { statusCode, error } = await timed(`http://127.0.0.1:${port}/hook`);
    assert.deepEqual([statusCode, error, asked], [302, null, 1]);
  });

  test('answers what is not HTTP, hangs up, or is not there', async () => {
    assert.equal(
      (await timed(await serve((socket) => socket.end('SSH-2.0-OpenSSH\r\n')))).error,
      'answer_not_http',
    );
    assert.equal((await timed(await serve((socket) => socket.destroy()))).error, 'connection_failed');
    assert.equal((await timed('http://127.0.0.1:1/hook')).error, 'connection_failed');
    assert.equal((await timed('http://nowhere.invalid/hook')).error, 'name_not_found');
  });

  test('presents a certificate that nobody vouches for gets nothing', async () => {
    let asked = 0;
    const port = await listen(
      createHttpsServer(CERTIFICATE, (_request, response) => {
        asked += 1;
        response.end();
      }),
    );
    const { error, statusCode } = await timed(`https://localhost:${port}/hook`);
    assert.deepEqual([error, statusCode, asked], ['certificate_not_valid', null, 0]);
  });

  test('answers with NUL and half a character is kept as text', async () => {
    const url = await serve((socket) => socket.end('HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\na\0\xd0'));
    const { statusCode, response } = await timed(url);
    assert.equal(statusCode, 500);
    assert.ok(response?.startsWith('a\ufffd'));
  });
});

describe('addresses', () => {
  test('this machine is not called in production, in any spelling', async () => {
    let connections = 0;
    const port = await listen(createServer(() => (connections += 1)));
    const strict = new Poster({ allowLocal: false, connections: 1, limitMs: LIMIT_MS });
    const hosts = ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '2130706433'];
    for (const host of hosts) {
      const { error } = await timed(`https://${host}:${port}/hook`, strict);
      assert.equal(error, 'address_not_allowed', host);
    }
    assert.equal((await timed('http://example.com/hook', strict)).error, 'address_not_allowed');
    assert.equal(connections, 0);
    await strict.close();
  });

  test('a name that resolves to another address the second time is judged again', async () => {
    let [asked, lookups] = [0, 0];
    const port = await listen(
      createHttpServer((_request, response) => {
        asked += 1;
        response.setHeader('connection', 'close').end();
      }),
    );
    const addresses = ['127.0.0.1', '10.0.0.1'];
    const lookup: LookupFunction = (_name, _options, callback) => {
      callback(null, [{ address: addresses[lookups++] ?? '', family: 4 }]);
    };
    const rebound = new Poster({ allowLocal: true, connections: 1, limitMs: LIMIT_MS, lookup });
    const url = `http://shop.example:${port}/hook`;
    assert.equal((await timed(url, rebound)).statusCode, 200);
    assert.equal((await timed(url, rebound)).error, 'address_not_allowed');
    assert.deepEqual([asked, lookups], [1, 2]);
    await rebound.close();
  });
});

test('connections are kept, and are an endpoint’s own', async () => {
  let connections = 0;
  const server = createHttpServer((_request, response) => response.end('ok'));
  server.on('connection', () => (connections += 1));
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/hook`;
  for (let i = 0; i < 20; i += 1) await poster.post('first', url, {}, '{}');
  const kept = connections;
  assert.ok(kept <= 2, `${kept} connections`);
  await poster.post('second', url, {}, '{}');
  assert.equal(connections, kept + 1);
});
