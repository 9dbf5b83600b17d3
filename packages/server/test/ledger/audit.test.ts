import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { auditCommand } from '../../src/commands/audit.ts';
import { audit, INVARIANTS } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { pay, VISA } from '../support/cards.ts';
import { createPayerTools } from '../support/links.ts';
import { KZT_WALLET, operatorOf } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;

/** A little of everything: each status, a partial cancel, payment links, two refunds, a withdrawal, replayed keys. */
async function useSandbox(): Promise<void> {
  const operate = (id: string, operation: string, amount: number) =>
    sandbox.call('POST', `/v1/wallet/${id}/${operation}`, {
      body: { amount },
      idempotencyKey: `${id} ${operation}`,
    });
  for (const end of ['authorized', 'charged', 'cancelled', 'refunded']) {
    const { body } = await sandbox.authorize({ amount: 10_000, orderReference: end });
    const id = body.walletTransactionId;
    await operate(id, 'cancel', end === 'cancelled' ? 10_000 : 1_000);
    if (end === 'charged' || end === 'refunded') {
      await operate(id, 'capture', 8_000);
      await operate(id, 'refund', end === 'refunded' ? 8_000 : 3_000);
      if (end === 'charged')
        await sandbox.call('POST', `/v1/wallet/${id}/refund`, { body: { amount: 1_000 } });
    }
  }
  await sandbox.authorize({ amount: 10_000, phoneNumber: '+77010000002', iin: '850520400027' });
  await sandbox.authorize({ amount: 10_000, phoneNumber: '+77010000004', iin: '950308400048' });
  await pay(sandbox.call, VISA);
  const payer = createPayerTools(sandbox.deps);
  for (const orderReference of ['link-paid', 'link-open']) {
    const body = { amount: 500, currency: 'KZT', orderReference };
    const link = await sandbox.call('POST', '/v1/payment-links', { body });
    if (orderReference === 'link-paid') await payer.byWallet(link.body.id);
  }
  await operatorOf(sandbox)('POST', `/wallets/${KZT_WALLET}/withdraw`, { amount: 1_000 }, 'withdrawal');
}

/** What the audit command says about a database. */
async function report(databaseUrl: string): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const exitCode = await auditCommand({ DATABASE_URL: databaseUrl }, { out: write, error: write });
  return { exitCode, lines };
}

before(async () => {
  sandbox = await startSandbox();
  await useSandbox();
});
after(() => sandbox.stop());

test('a healthy database: seven times ok, exit code 0', async () => {
  const { exitCode, lines } = await report(sandbox.databaseUrl);
  assert.equal(exitCode, 0, lines.join('\n'));
  assert.deepEqual(
    lines.map((line) => line.slice(0, 9)),
    [1, 2, 3, 4, 5, 6, 7].map((number) => `ok     ${number}.`),
  );
});

test('a database that is not ours, or not there: one sentence, exit code 1', async () => {
  const other = new URL(sandbox.databaseUrl);
  other.pathname = '/postgres';
  const without = await report(other.href);
  assert.deepEqual(without, {
    exitCode: 3,
    lines: ['This database has no tables of Plexy Pay: start the server on it once.'],
  });
  const nowhere = await report('postgres://nobody@127.0.0.1:1/none');
  assert.equal(nowhere.exitCode, 3);
  assert.match(nowhere.lines.join(), /^The database cannot be used: .*ECONNREFUSED/);
  const malformed = await report('mysql://x');
  assert.match(malformed.lines.join(), /^DATABASE_URL must be/);
});

/**
 * Each way to break an invariant by hand. Every statement leaves all other invariants as they are, so
 * that it is this one's query that must notice.
 */
const BREAKS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: {
    'a stored balance of nobody': `INSERT INTO account (id, kind, owner_id, currency, balance, may_be_negative) VALUES (gen_random_uuid(), 'funding', gen_random_uuid(), 'EUR', 5, true)`,
  },
  2: {
    'two balances that swapped money without a posting': `UPDATE account SET balance = balance - 7 WHERE id = '${KZT_WALLET}';
      UPDATE account SET balance = balance + 7 WHERE kind = 'funding' AND currency = 'KZT'`,
    'a posting that no balance shows': `INSERT INTO posting (operation_id, seq, code, from_account_id, to_account_id, currency, amount, at)
      SELECT '01900000-0000-7000-8000-0000000000aa', 1, 'deposit', id, '${KZT_WALLET}', 'KZT', 5, now()
      FROM account WHERE kind = 'funding' AND currency = 'KZT'`,
    'a posting on no account': `UPDATE posting SET to_account_id = gen_random_uuid() WHERE code = 'withdrawal'`,
    'a line with another balance after it': `UPDATE posting SET from_balance = from_balance + 1 WHERE code = 'withdrawal'`,
    'a line that has no number': `UPDATE posting SET from_number = NULL WHERE code = 'withdrawal'`,
    'a line that has the number of another': `UPDATE posting SET from_number = from_number - 1 WHERE code = 'withdrawal'`,
    'an account that has had another posting since its last one': `UPDATE account SET posting_count = posting_count + 1 WHERE id = '${KZT_WALLET}'`,
    'a posting that its accounts do not take': `UPDATE posting SET code = 'hold' WHERE code = 'withdrawal'`,
    'a posting in another currency than its accounts’': `UPDATE posting SET currency = 'USD' WHERE code = 'withdrawal'`,
  },
  3: {
    'a wallet below 0': `UPDATE account SET balance = balance - 100000000000, posting_count = posting_count + 1 WHERE id = '${KZT_WALLET}';
      UPDATE account SET balance = balance + 100000000000 WHERE kind = 'funding' AND currency = 'KZT';
      INSERT INTO posting (operation_id, seq, code, from_account_id, from_number, from_balance, to_account_id, currency, amount, at)
      SELECT '01900000-0000-7000-8000-0000000000aa', 1, 'withdrawal', w.id, w.posting_count, w.balance, f.id, 'KZT', 100000000000, now()
      FROM account w, account f WHERE w.id = '${KZT_WALLET}' AND f.kind = 'funding' AND f.currency = 'KZT'`,
  },
  4: {
    'a hold of no transaction': `UPDATE account SET held = held + 9 WHERE id = '${KZT_WALLET}'`,
    'a hold on a merchant’s balance': `UPDATE account SET held = held + 9 WHERE kind = 'merchant' AND balance > 9`,
  },
  5: {
    'a capture that no posting moved': `UPDATE transaction SET captured = captured - 1, released = released + 1 WHERE order_reference = 'charged' AND type = 'payment'`,
    'a part that is neither captured nor released': `UPDATE transaction SET released = released - 1 WHERE order_reference = 'cancelled'`,
    'a refund that the parent does not know': `UPDATE transaction SET refunded = refunded - 1 WHERE order_reference = 'charged' AND type = 'payment'`,
    'an operation that is done at no time': `UPDATE bank_operation SET settled_at = NULL WHERE status = 'done'`,
    'an operation that is done and asked for again': `UPDATE bank_operation SET next_attempt_at = now() WHERE status = 'done'`,
    'an operation that is not done and never asked for': `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status, requested_at) SELECT gen_random_uuid(), transaction_id, payment_id, merchant_id, 'reverse', amount, currency, actor, 'pending', requested_at FROM bank_operation LIMIT 1`,
    'a refund that took less than it is for': `UPDATE transaction SET amount = amount + 1 WHERE type = 'refund' AND status = 'refunded'`,
    'a reservation of no refund': `UPDATE transaction SET reserved = 1 WHERE order_reference = 'charged' AND type = 'payment'`,
  },
  6: {
    'a lost event in the middle': `DELETE FROM event WHERE seq = 5 AND transaction_id = (SELECT id FROM transaction WHERE order_reference = 'charged' AND type = 'payment')`,
    'a lost first event': `DELETE FROM event WHERE seq = 1 AND transaction_id IN (SELECT id FROM transaction WHERE payment_method = 'card')`,
    'a lost first event in the row of the second': `UPDATE event SET with_created = false WHERE with_created AND transaction_id = (SELECT id FROM transaction WHERE order_reference = 'authorized')`,
    'a created in the row of another event': `DELETE FROM event WHERE seq = 4 AND transaction_id = (SELECT id FROM transaction WHERE order_reference = 'charged' AND type = 'payment');
      UPDATE event SET with_created = true WHERE seq = 5 AND transaction_id = (SELECT id FROM transaction WHERE order_reference = 'charged' AND type = 'payment')`,
    'an event that there are two of': `UPDATE event SET with_created = true WHERE seq = 2 AND transaction_id = (SELECT id FROM transaction WHERE type = 'refund' AND status = 'refunded' LIMIT 1)`,
    'a lost last event': `DELETE FROM event e USING transaction t WHERE t.id = e.transaction_id AND e.seq = t.event_count AND order_reference = 'charged' AND type = 'payment'`,
    'an event of no transaction': `INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, actor, at, round) SELECT '01900000-0000-7000-8000-0000000000aa', 1, merchant_id, name, status, amount, captured, released, refunded, actor, at, round FROM event LIMIT 1`,
    'a lost event of a link': `DELETE FROM event WHERE name = 'payment_link.paid'`,
    'a link that ended without saying so': `UPDATE payment_link SET status = 'expired', due_at = NULL WHERE order_reference = 'link-open'`,
    'an end at another status': `UPDATE event e SET status = 'charged' FROM transaction t WHERE t.id = e.transaction_id AND e.seq = t.event_count AND t.status = 'rejected'`,
  },
  7: {
    'a success without an effect': `UPDATE idempotency_key SET effect_id = NULL, effect_seq = NULL WHERE key = (SELECT min(key) FROM idempotency_key WHERE key LIKE 'wt_%capture')`,
    'a refusal with an effect': `UPDATE idempotency_key SET status_code = 422 WHERE key = (SELECT min(key) FROM idempotency_key WHERE key LIKE 'wt_%capture')`,
    'an effect that does not exist': `UPDATE idempotency_key SET effect_seq = 99 WHERE key = (SELECT min(key) FROM idempotency_key WHERE key LIKE 'wt_%capture')`,
    'one effect of two keys': `INSERT INTO idempotency_key SELECT scope_id, 'twin', fingerprint, effect_id, effect_seq, status_code, response, created_at FROM idempotency_key WHERE key = 'withdrawal'`,
    'a link that was paid twice': `UPDATE transaction SET payment_link_id = (SELECT payment_link_id FROM transaction WHERE order_reference = 'link-paid') WHERE order_reference = 'authorized'`,
    'a link that is paid by nobody': `UPDATE transaction SET payment_link_id = NULL WHERE order_reference = 'link-paid'`,
    'a link that names another payment': `UPDATE payment_link SET transaction_id = (SELECT id FROM transaction WHERE order_reference = 'authorized') WHERE order_reference = 'link-paid'`,
    'a payment of more than its link is for': `UPDATE payment_link SET amount = 501 WHERE order_reference = 'link-paid'`,
    'a transfer of no key': `DELETE FROM idempotency_key WHERE key = 'withdrawal'`,
  },
};

describe('each invariant, when it is broken', () => {
  let pool: Pool;
  let name: string;
  let url: string;
  // A copy of the sandbox's tables in a schema of its own, so that the sandbox itself stays healthy.
  beforeEach(async () => {
    name = `broken_${crypto.randomUUID().replaceAll('-', '')}`;
    const { rows: tables } = await sandbox.pool.query(`
      SELECT table_name AS name, string_agg(column_name, ', ') FILTER (WHERE is_generated = 'NEVER') AS columns
      FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name`);
    await sandbox.pool.query(`CREATE SCHEMA ${name}`);
    for (const { name: table, columns } of tables) {
      const copy = `${name}.${table}`;
      await sandbox.pool.query(`CREATE TABLE ${copy} (LIKE public.${table} INCLUDING ALL);
        INSERT INTO ${copy} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM public.${table}`);
    }
    const withSchema = new URL(sandbox.databaseUrl);
    withSchema.searchParams.set('options', `-c search_path=${name}`);
    url = withSchema.href;
  });

  test('the numbers are 1 to 7', () => {
    assert.deepEqual(
      INVARIANTS.map(({ invariant }) => invariant),
      Object.keys(BREAKS).map(Number),
    );
  });

  for (const [number, breaks] of Object.entries(BREAKS)) {
    for (const [what, sql] of Object.entries(breaks)) {
      test(`${number}: ${what}`, async () => {
        pool = createPool(url, 1, () => undefined);
        try {
          assert.deepEqual(await audit(pool), []);
          await pool.query(sql);
          const broken = new Set((await audit(pool)).map(({ invariant }) => invariant));
          // A balance out of thin air is also one without postings: 1 cannot be broken alone.
          const expected = number === '1' ? [1, 2] : [Number(number)];
          assert.deepEqual([...broken], expected);
          const { exitCode, lines } = await report(url);
          assert.equal(exitCode, 4);
          assert.deepEqual(
            lines.filter((line) => line.startsWith('BROKEN')).map((line) => Number(line[7])),
            expected,
          );
          assert.ok(
            lines.some((line) => /^ {9}\w+=/.test(line)),
            'a row is shown',
          );
        } finally {
          await pool.end();
        }
      });
    }
  }
});
