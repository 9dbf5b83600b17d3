/** What a node remembers does not go back behind a change of its own, however late an earlier read is answered. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { AcquirerRegistry } from '../../src/acquiring/registry.ts';
import { readConfig } from '../../src/app/config.ts';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { Sessions } from '../../src/identity/sessions.ts';
import { Strangers } from '../../src/identity/strangers.ts';
import { createSecrets } from '../../src/installation/secrets.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { GuessCounter } from '../../src/walletHolders/guessCounter.ts';
import { eventually } from '../support/cards.ts';
import { DEMO_STORE } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { attempt, cookieOf, PASSWORD, VIEWER } from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const fail = (error: unknown): never => {
  throw error;
};

/** The sandbox's pool. What `read` asks of it is answered before the change, and heard of after it. */
function slowPool(): {
  pool: Pool;
  overtake: (read: () => Promise<unknown>, change: () => Promise<unknown>) => Promise<void>;
} {
  let gate = Promise.resolve();
  const query = async (...words: unknown[]): Promise<unknown> => {
    const heldBy = gate;
    const result = await (sandbox.pool.query as (...words: unknown[]) => Promise<unknown>)(...words);
    answered += 1;
    await heldBy;
    return result;
  };
  let answered = 0;
  const overtake = async (read: () => Promise<unknown>, change: () => Promise<unknown>): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const before = answered;
    const old = read();
    await eventually('it is read', async () => answered > before);
    gate = Promise.resolve();
    await change();
    resolve();
    await old;
  };
  return { pool: { query } as unknown as Pool, overtake };
}

test('acquirers', async () => {
  const { pool, overtake } = slowPool();
  const registry = new AcquirerRegistry({
    ...{ pool, secrets: createSecrets('a secret of this test, which is long enough'), connectors: [] },
    ...{ places: new Map(), timeoutMs: 1_000, onError: fail, onMissingConnector: () => undefined },
  });
  await overtake(
    () => registry.refresh(),
    async () => {
      await sandbox.pool.query(`UPDATE acquirer SET capabilities = '{}' WHERE id = $1`, [
        DEFAULT_ACQUIRER_ID,
      ]);
      await registry.changed();
    },
  );
  assert.equal(registry.can(DEFAULT_ACQUIRER_ID, 'partial_capture'), false);
});

test('who is signed in', async () => {
  const { pool, overtake } = slowPool();
  const strangers = new Strangers({ burst: 9, perSecond: 9, atOnce: 9, maxWaiting: 9 });
  const sessions = new Sessions(pool, readConfig({}), 'both', strangers);
  const cookie = cookieOf(await attempt(sandbox.url, VIEWER, PASSWORD));
  const request = {
    ...{ method: 'GET', ip: '127.0.0.1', headers: { cookie } },
    routeOptions: { config: { auth: 'user', role: 'viewer' } },
  } as unknown as FastifyRequest;
  await overtake(
    () => sessions.authenticate(request),
    async () => {
      await sandbox.pool.query('UPDATE api_key SET revoked_at = now() WHERE user_id IS NOT NULL');
      sessions.forget();
    },
  );
  await assert.rejects(sessions.authenticate(request), { reason: 'not_signed_in' });
});

test('who is locked out of guessing, once the sandbox is reset', async () => {
  const guesses = new GuessCounter(sandbox.pool, fail);
  const network = '203.0.113.0/24';
  for (let i = 0; i < 1_000; i += 1) guesses.count(DEMO_STORE, network, true);
  await guesses.stop();
  assert.equal(guesses.isLocked(DEMO_STORE, network), true);
  const client = await sandbox.pool.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE wrong_iin');
  guesses.count(DEMO_STORE, network, true);
  guesses.forget();
  await client.query('COMMIT');
  client.release();
  await guesses.stop();
  assert.equal(guesses.isLocked(DEMO_STORE, network), false);
});
