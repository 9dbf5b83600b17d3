/** Errors of a database: which pass, what `pg` says in words of its own, and which hosts a URL names. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import { openSession, spoiltOf } from '../../src/postgres/databaseClient.ts';
import {
  ConnectionFailed,
  ConnectionLost,
  endsSession,
  isPassing,
  TimedOut,
} from '../../src/postgres/databaseErrors.ts';
import { urlsOfHosts } from '../../src/postgres/databaseUrl.ts';
import { createPool, sessionOptions, withClient } from '../../src/postgres/pool.ts';
import { inOneRoundTrip } from '../../src/postgres/roundTrip.ts';
import { createDatabase } from '../support/database.ts';
import { startTcpProxy } from '../support/proxy.ts';

const database = await createDatabase();
after(() => database.drop());

function errorOf(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('it failed', 0, 'error'), { code });
}

test('what passes is told by SQLSTATE, and so is what ends a session', () => {
  const passing = ['25006', '53100', '53200', '53300', '53400', '58030', '58P01', '28P01', '28000', '3D000'];
  passing.push(
    '08006',
    '08P01',
    '57P01',
    '57P02',
    '57P03',
    '57P04',
    '57P05',
    '25P03',
    '25P04',
    '26000',
    '42P05',
  );
  passing.push('40001', '40P01', '55P03', '57014');
  assert.deepEqual(
    passing.filter((code) => !isPassing(errorOf(code))),
    [],
  );
  const ours = ['23505', '23514', '42P01', '42703', '42501', '22021', '22P02', '25P02', '0A000', 'XX000'];
  assert.deepEqual(
    ours.filter((code) => isPassing(errorOf(code))),
    [],
  );
  const ending = ['25006', '26000', '42P05', '57P01', '57P05', '58030', '08006', 'XX000'];
  assert.deepEqual(
    ending.filter((code) => !endsSession(errorOf(code))),
    [],
  );
  const harmless = ['40001', '40P01', '55P03', '57014', '53100', '23505'];
  assert.deepEqual(
    harmless.filter((code) => endsSession(errorOf(code))),
    [],
  );
});

test('words do not decide: an error that speaks of a connection is a bug, and so is one of another socket', () => {
  assert.equal(isPassing(new Error('the connection timeout was terminated, not queryable')), false);
  assert.equal(isPassing(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })), false);
  assert.equal(isPassing(new ConnectionLost('gone')), true);
});

describe('what `pg` says has a name of ours', () => {
  const SLOW = { name: 'slow', text: 'SELECT pg_sleep(5)' };

  // Long enough for a session to be opened on a busy machine, which is bounded by it, too.
  const query_timeout = 500;

  test('an answer that takes too long', async () => {
    const session = await openSession({ ...sessionOptions(database.url, 'test'), query_timeout });
    await assert.rejects(session.query(SLOW.text), TimedOut);
    assert.ok(spoiltOf(session) instanceof TimedOut);
    await session.end();
  });

  test('an answer of a round trip that takes too long', async () => {
    const session = await openSession({ ...sessionOptions(database.url, 'test'), query_timeout });
    await assert.rejects(
      inOneRoundTrip(session, (db) => db.query(SLOW)),
      TimedOut,
    );
    assert.ok(spoiltOf(session) instanceof TimedOut);
  });

  test('a connection that is cut, while it is used and afterwards', async (t) => {
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    t.after(() => proxy.stop());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    for (const used of [
      (session: pg.Client) => session.query(SLOW.text),
      (session: pg.Client) => inOneRoundTrip(session, (db) => db.query(SLOW)),
    ]) {
      const session = await openSession(sessionOptions(url.href, 'test'));
      const answer = used(session);
      setTimeout(() => proxy.cut(), 50);
      await assert.rejects(answer, ConnectionLost);
      await assert.rejects(session.query('SELECT 1'), ConnectionLost);
      assert.ok(spoiltOf(session) instanceof ConnectionLost);
    }
  });

  test('a connection of a pool that is cut while it is used, however it is used', async (t) => {
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    t.after(() => proxy.stop());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const pool = createPool(url.href, 1, () => undefined);
    t.after(() => pool.end());
    for (const used of [
      () => pool.query(SLOW.text),
      () => withClient(pool, (client) => client.query(SLOW.text)),
      () => withClient(pool, (client) => inOneRoundTrip(client, (db) => db.query(SLOW))),
    ]) {
      assert.equal(
        (await pool.query('SELECT 1 AS one')).rows[0].one,
        1,
        'it is open, or another one is opened',
      );
      const answer = used();
      setTimeout(() => proxy.cut(), 100);
      await assert.rejects(answer, ConnectionLost);
    }
  });

  test('a connection that is refused, hung up on, or not answered', async (t) => {
    await assert.rejects(openSession(sessionOptions('postgres://127.0.0.1:1/x', 'test')), ConnectionFailed);
    const pool = createPool('postgres://127.0.0.1:1/x', 1, () => undefined);
    await assert.rejects(pool.query('SELECT 1'), ConnectionFailed);
    await pool.end();
    await assert.rejects(pool.query('SELECT 1'), ConnectionFailed, 'a pool that has ended');
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await assert.rejects(
      openSession(sessionOptions(`postgres://127.0.0.1:${port}/x`, 'test')),
      ConnectionFailed,
    );
  });

  test('a pool without a free connection', async () => {
    const pool = createPool(database.url, 1, () => undefined);
    try {
      await withClient(pool, () => assert.rejects(pool.query('SELECT 1'), ConnectionFailed));
    } finally {
      await pool.end();
    }
  });

  test('a mistake of ours in a call stays what it is', async () => {
    const pool = createPool(database.url, 1, () => undefined);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    try {
      await assert.rejects(pool.query('SELECT $1', [circular]), (error) => !isPassing(error));
    } finally {
      await pool.end();
    }
  });
});

test('a pool keeps no session after what ends it, though a rollback works', async () => {
  const pool = createPool(database.url, 1, () => undefined);
  const pidWithin = (sql: string): Promise<number> =>
    withClient(pool, async (client) => {
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      await client.query(sql).catch(() => undefined);
      return rows[0].pid;
    });
  try {
    const first = await pidWithin('SELECT 1 / 0');
    assert.equal(
      await pidWithin(`DO $$ BEGIN RAISE SQLSTATE '25006'; END $$`),
      first,
      'kept after a mistake',
    );
    assert.notEqual(await pidWithin('SELECT 1'), first, 'not kept after a write that was refused');
  } finally {
    await pool.end();
  }
});

test('the hosts of a URL', () => {
  const of = (text: string): readonly string[] => urlsOfHosts(text);
  assert.deepEqual(of('postgres://u:p@db/plexy'), ['postgres://u:p@db/plexy']);
  assert.deepEqual(of('postgres:///plexy?host=/run/postgresql'), ['postgres:///plexy?host=/run/postgresql']);
  assert.deepEqual(
    of('postgresql://u:p%40@a:5432,[::1]:5433,c/plexy?sslmode=require&target_session_attrs=read-write'),
    [
      'postgresql://u:p%40@a:5432/plexy?sslmode=require',
      'postgresql://u:p%40@[::1]:5433/plexy?sslmode=require',
      'postgresql://u:p%40@c/plexy?sslmode=require',
    ],
  );
  assert.deepEqual(of('postgres://a,b?target_session_attrs=primary'), ['postgres://a', 'postgres://b']);
  assert.throws(
    () => of('postgres://a,b/x?target_session_attrs=any'),
    /no target_session_attrs but read-write/,
  );
  assert.throws(() => of('postgres:///x?host=a,b'), /several hosts before its path/);
  assert.throws(() => of('postgres://a,,b/x'), /must name hosts as in/);
  assert.throws(() => of('postgres://a:port,b/x'), /must name hosts as in/);
  assert.throws(() => of('mysql://a/x'), /starts with postgres:/);
});
