/** When an operation that the bank has not answered is tried again, and what counts as a try. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Acquirer, OTHERS_WAIT_MS } from '../../src/acquiring/acquirer.ts';
import { claimDueOperations, findOperation } from '../../src/acquiring/bankOperationsSql.ts';
import { BankTokens } from '../../src/acquiring/bankTokens.ts';
import type { Connector } from '../../src/acquiring/connector.ts';
import { NO_CREDENTIALS_ID } from '../../src/core/acquirers.ts';
import type { Command, Outcome } from '../../src/core/command.ts';
import type { BankOperation } from '../../src/core/transaction.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { readClock } from '../../src/installation/installationSql.ts';
import { createSecrets } from '../../src/installation/secrets.ts';
import { pay, VISA } from '../support/cards.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const PATIENCE_MS = 60_000;
/** An acquirer that the node of the sandbox has not heard of. */
const ELSEWHERE = crypto.randomUUID();
const NO_CREDENTIALS = {
  credentialsFor: async () => ({ credentialsId: NO_CREDENTIALS_ID, credentials: null }),
  credentialsOf: async () => null,
};

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** A bank that is away, except for what is given. */
function bank(known: Partial<Connector>): Connector {
  const away = (): Promise<never> => Promise.reject(new Error('the bank is away'));
  return {
    ...{ authorize: away, complete: away, capture: away, reverse: away, refund: away, inquire: away },
    ...known,
  };
}

/**
 * A pending operation, made by the engine, that the node of the sandbox leaves alone.
 * @param attempts that have been made
 */
async function pending(patch: Partial<BankOperation>): Promise<BankOperation> {
  const { body } = await pay(sandbox.call, VISA, { captureMode: 'manual' });
  const { rows } = await sandbox.pool.query(
    `UPDATE bank_operation SET kind = $2, status = 'pending', settled_at = NULL, attempts = $3, answer_due_at = NULL,
       next_attempt_at = clock_timestamp() + interval '100 seconds'
     WHERE id = $1 RETURNING id`,
    [body.id, patch.kind ?? 'authorize', patch.attempts ?? 0],
  );
  const operation = await findOperation(sandbox.pool, rows[0].id);
  assert.ok(operation !== null);
  return { ...operation, ...patch };
}

/** A node's, that asks this bank. */
function acquirerWith(connector: Connector, { pool }: Pick<Sandbox, 'pool'> = sandbox): Acquirer {
  return new Acquirer({
    ...{ pool, patienceMs: PATIENCE_MS },
    acquirers: {
      ...{ canBeAsked: () => true, notHere: [], connectorOf: () => connector },
      ...NO_CREDENTIALS,
      can: () => true,
      noteDown: () => undefined,
      noteUp: () => undefined,
    },
    engine: () => assert.fail('there is no answer to give'),
    ...{ authenticationUrl: (id: string) => id, notificationUrl: (id: string) => id },
    bankTokens: new BankTokens(pool, createSecrets('acquirer test')),
    observe: { bankQuestion: () => undefined },
    onError: () => undefined,
  });
}

/** Lets a node that has no card in memory attempt it. @returns when it is tried next, and how often it was */
async function attempt(
  connector: Connector,
  operation: BankOperation,
): Promise<{ inMs: number; attempts: number }> {
  const { pool } = sandbox;
  const acquirer = acquirerWith(connector);
  acquirer.begin([operation]);
  await acquirer.idle(30_000);
  const { rows } = await pool.query(
    `SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp()) * 1000) AS ms, attempts FROM bank_operation WHERE id = $1`,
    [operation.id],
  );
  return { inMs: Number(rows[0].ms), attempts: rows[0].attempts };
}

async function settle({ id }: BankOperation): Promise<void> {
  await sandbox.pool.query(
    `UPDATE bank_operation SET kind = 'authorize', status = 'done', settled_at = clock_timestamp(),
       next_attempt_at = NULL WHERE id = $1`,
    [id],
  );
}

test('an authorization of unknown fate is tried again when its time is over, however long the pause would be', async () => {
  const requestedAt = (await readClock(sandbox.pool)) - PATIENCE_MS + 4_000;
  const operation = await pending({ requestedAt, attempts: 5 });
  try {
    const { inMs, attempts } = await attempt(bank({}), operation);
    assert.ok(inMs <= 4_000, `in ${inMs} ms`);
    assert.equal(attempts, 5);
  } finally {
    await settle(operation);
  }
});

test('while there is time, pauses become longer', async () => {
  const operation = await pending({ attempts: 5 });
  try {
    const { inMs } = await attempt(bank({}), operation);
    assert.ok(inMs > 10_000 && inMs <= 30_000, `in ${inMs} ms`);
  } finally {
    await settle(operation);
  }
});

test('what this node cannot repeat is left to others, and that is no attempt', async () => {
  const operation = await pending({ attempts: 3 });
  await sandbox.pool.query('UPDATE transaction SET card_token_id = NULL WHERE id = $1', [operation.id]);
  try {
    // The bank has never seen it, and the card is in the memory of another node.
    const { inMs, attempts } = await attempt(bank({ inquire: async () => null }), operation);
    assert.ok(inMs <= 1_000, `in ${inMs} ms`);
    assert.equal(attempts, 2, 'the claim has counted one');
  } finally {
    await settle(operation);
  }
});

/** Lets a node that cannot ask the acquirer attempt an authorization of this age. */
async function attemptElsewhere(
  ageMs: number,
): Promise<{ commands: Command[]; ups: string[]; attempts: number }> {
  const requestedAt = (await readClock(sandbox.pool)) - ageMs;
  const operation = await pending({ requestedAt, attempts: 2 });
  const commands: Command[] = [];
  const run = async (command: Command): Promise<Outcome> => {
    commands.push(command);
    return { kind: 'refused', refusal: 'operation_in_progress' };
  };
  const { pool } = sandbox;
  const ups: string[] = [];
  const acquirer = new Acquirer({
    ...{ pool, patienceMs: PATIENCE_MS },
    acquirers: {
      ...{ canBeAsked: () => false, notHere: [operation.acquirerId] },
      connectorOf: () => assert.fail('nobody is asked'),
      ...NO_CREDENTIALS,
      can: () => true,
      noteDown: () => undefined,
      noteUp: (id) => ups.push(id),
    },
    engine: () => ({ run }) as Pick<Engine, 'run'> as Engine,
    ...{ authenticationUrl: (id: string) => id, notificationUrl: (id: string) => id },
    bankTokens: new BankTokens(pool, createSecrets('acquirer test')),
    observe: { bankQuestion: () => undefined },
    onError: () => undefined,
  });
  try {
    acquirer.begin([operation]);
    await acquirer.idle(30_000);
    const { rows } = await pool.query('SELECT attempts FROM bank_operation WHERE id = $1', [operation.id]);
    return { commands, ups, attempts: rows[0].attempts };
  } finally {
    await settle(operation);
  }
}

test('an authorization at an acquirer that cannot be asked any more is given up when its time is over', async () => {
  const { commands, ups } = await attemptElsewhere(PATIENCE_MS + OTHERS_WAIT_MS);
  const [command] = commands;
  assert.ok(command?.kind === 'take_bank_answer');
  assert.equal(command.answer.status, 'failed');
  assert.deepEqual(ups, [], 'nobody has answered');
});

test('but not before other nodes had time to ask, and each that leaves it to them uses up no attempt', async () => {
  const { commands, ups, attempts } = await attemptElsewhere(PATIENCE_MS + OTHERS_WAIT_MS - 10_000);
  assert.deepEqual([commands, ups, attempts], [[], [], 1], 'the claim has counted one');
});

test('what cannot be asked from here is not even claimed, unless it is so old that nobody has asked', async () => {
  const now = await readClock(sandbox.pool);
  const [young, old] = [await pending({}), await pending({})];
  await sandbox.pool.query(
    `UPDATE bank_operation SET requested_at = to_timestamp($2), next_attempt_at = clock_timestamp(), acquirer_id = $3
     WHERE id = $1`,
    [old.id, (now - 1_000) / 1_000 - 3_600, ELSEWHERE],
  );
  await sandbox.pool.query(
    'UPDATE bank_operation SET next_attempt_at = clock_timestamp(), acquirer_id = $2 WHERE id = $1',
    [young.id, ELSEWHERE],
  );
  try {
    const claimed = async (untilMs: number): Promise<string[]> => {
      const passedOver = { acquirerIds: [ELSEWHERE], untilMs };
      return (await claimDueOperations(sandbox.pool, 10, passedOver)).map(({ id }) => id);
    };
    assert.deepEqual(await claimed(2 * 3_600_000), []);
    assert.deepEqual(await claimed(3_000_000), [old.id]);
  } finally {
    for (const operation of [young, old]) {
      await sandbox.pool.query('UPDATE bank_operation SET acquirer_id = $2 WHERE id = $1', [
        ...[operation.id, operation.acquirerId],
      ]);
      await settle(operation);
    }
  }
});

test('at the checkout a card on file is charged by nobody who does not have its security code', async () => {
  const operation = await pending({});
  const { transactionId } = operation;
  const asked: unknown[] = [];
  const curious = bank({
    authorize: async ({ card }) => {
      asked.push(card);
      throw new Error('the answer is lost');
    },
  });
  try {
    await sandbox.pool.query(
      `UPDATE card_token SET bank_token = 'token', sealed_bank_token = NULL
       WHERE id = (SELECT card_token_id FROM transaction WHERE id = $1)`,
      [transactionId],
    );
    await sandbox.pool.query('UPDATE transaction SET payment_session_id = $2 WHERE id = $1', [
      ...[transactionId, crypto.randomUUID()],
    ]);
    await attempt(curious, operation);
    assert.deepEqual(asked, [], 'this node has not seen the payer');
    await sandbox.pool.query('UPDATE transaction SET payment_session_id = NULL WHERE id = $1', [
      transactionId,
    ]);
    await attempt(curious, operation);
    assert.deepEqual(asked, [{ token: 'token', cvc: null }]);
  } finally {
    await settle(operation);
  }
});

test('cards of payments that end at the same time are asked about once each: attempts that are due wait for it', async () => {
  let asked = 0;
  const pool = Object.assign(Object.create(sandbox.pool) as Sandbox['pool'], {
    query: (...args: Parameters<Sandbox['pool']['query']>) => {
      asked += 1;
      return sandbox.pool.query(...args);
    },
  });
  const acquirer = acquirerWith(bank({}), { pool });
  const payer = {
    card: null,
    cvc: null,
    frequencyDays: null,
    browser: null,
    otherAcquirerIds: [],
    credentials: null,
  };
  const work = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all(Array.from({ length: 40 }, () => acquirer.withPayer(crypto.randomUUID(), payer, work)));
  await acquirer.idle(30_000);
  assert.equal(acquirer.cardsHeld, 0);
  assert.ok(asked <= 40, `${asked} questions`);
});
