/**
 * Faults as a tired engineer makes them, one line each, where Stryker does not reach: SQL, the engine, HTTP, webhooks,
 * the bank's side, SDK and dashboard. `npm run mutate` puts them into a copy of the tree, one at a time; the tests
 * that are named must fail then.
 */

export interface Mutant {
  /** What a reader of the report is told. */
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
  /** Parts of the names of the test files that are to notice, as for `npm test --`. */
  readonly tests: readonly string[];
}

const SERVER = 'packages/server/src';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a payment is asked about under the credentials of its row, also when that account has a new secret',
    file: `${SERVER}/acquiring/credentialsSql.ts`,
    from: 'WHERE account_id = c.account_id ORDER',
    to: 'WHERE id = c.id ORDER',
    tests: ['acquiring/credentials'],
  },
  {
    name: 'a refund is asked under the credentials of today',
    file: `${SERVER}/core/decide.ts`,
    from: '...{ acquirerId, credentialsId },',
    to: '...{ acquirerId },',
    tests: ['core/acquirers'],
  },
  // Decisions and history, beside Stryker's.
  {
    name: 'the hold of a late confirmation is counted from the creation',
    file: `${SERVER}/core/effects.ts`,
    from: 'const expiresAt = now + settings.authorizationTtlMs;',
    to: 'const expiresAt = transaction.createdAt + settings.authorizationTtlMs;',
    tests: ['core/story'],
  },
  {
    name: "a refund's own row does not say when it was done",
    file: `${SERVER}/core/effects.ts`,
    from: "child.become('refunded', null, amount, { refunded: amount, processedAt: child.now }, balance);",
    to: "child.become('refunded', null, amount, { refunded: amount }, balance);",
    tests: ['core/story'],
  },
  {
    name: 'a payment cancelled before its authorization keeps its deadline',
    file: `${SERVER}/core/effects.ts`,
    from: '{ awaiting: null, expiresAt: null }',
    to: '{ awaiting: null }',
    tests: ['core/story'],
  },
  {
    name: 'the end of the ten seconds comes a moment late',
    file: `${SERVER}/core/bankAnswers.ts`,
    from: 'if (left > 0 && left <= ANSWER_WAIT_MS)',
    to: 'if (left >= 0 && left <= ANSWER_WAIT_MS)',
    tests: ['core/story'],
  },
  {
    name: "a merchant's declined capture also ends the automatic one",
    file: `${SERVER}/core/bankAnswers.ts`,
    from: "operation.actor === 'engine' ? { captureAt: null } : {}",
    to: '{ captureAt: null }',
    tests: ['core/story'],
  },
  {
    name: 'a cancel that the bank declined is answered as done',
    file: `${SERVER}/core/bankAnswers.ts`,
    from: "(operation.kind === 'capture' || operation.kind === 'cancel')",
    to: "operation.kind === 'capture'",
    tests: ['core/story'],
  },
  {
    name: 'the history of a cancelled hold loses the time of its authorization',
    file: `${SERVER}/core/history.ts`,
    from: "event.status === 'authorized' || event.status === 'cancelled'",
    to: "event.status === 'authorized'",
    tests: ['core/story'],
  },
  {
    name: '3-D Secure counts before it is passed',
    file: `${SERVER}/core/history.ts`,
    from: 'secure3d: isUndecided ? false : transaction.secure3d',
    to: 'secure3d: transaction.secure3d',
    tests: ['core/story'],
  },
  {
    name: 'the link of 3-D Secure is missing in a webhook that is sent again',
    file: `${SERVER}/core/effects.ts`,
    from: '{ ...times, expiresAt, awaiting: null }',
    to: '{ ...times, expiresAt, awaiting: null, redirectUrl: null }',
    tests: ['core/story'],
  },
  {
    name: 'a phone number of exactly the greatest length is refused',
    file: `${SERVER}/core/values/phone.ts`,
    from: 'text.length > MAX_LENGTH',
    to: 'text.length >= MAX_LENGTH',
    tests: ['core/values/phone'],
  },
  {
    name: 'currencies with equal counts come in the other order',
    file: `${SERVER}/reports/statistics.ts`,
    from: '(a < b ? -1 : 1)',
    to: '(a > b ? -1 : 1)',
    tests: ['reports/statistics'],
  },

  // The engine.
  {
    name: 'one key, two bodies, one batch: the second gets the first one’s answer',
    file: `${SERVER}/engine/batch.ts`,
    from: "if (leader.once?.fingerprint !== request.once?.fingerprint) return { kind: 'key_reused' };",
    to: '',
    tests: ['engine/batch.test'],
  },
  {
    name: 'a stored answer is given to another request',
    file: `${SERVER}/engine/idempotency.ts`,
    from: "if (stored !== fingerprint && !otherFingerprints.includes(stored)) return { kind: 'key_reused' };",
    to: '',
    tests: ['http/idempotency'],
  },
  {
    name: 'an unknown id is remembered under the key',
    file: `${SERVER}/engine/batch.ts`,
    from: "return outcome.kind !== 'refused' || REFUSALS[outcome.refusal].isRemembered;",
    to: 'return true;',
    tests: ['http/idempotency'],
  },
  {
    name: 'a revoked key writes',
    file: `${SERVER}/engine/batch.ts`,
    from: "if (key === undefined || !key.live) return { kind: 'refused', refusal: 'invalid_api_key' };",
    to: "if (key === undefined) return { kind: 'refused', refusal: 'invalid_api_key' };",
    tests: ['http/access'],
  },
  {
    name: 'a refused command makes an empty balance of another merchant',
    file: `${SERVER}/engine/batch.ts`,
    from: 'const isNew = (t: Transaction): boolean => isOwn(t) && !keys.has',
    to: 'const isNew = (t: Transaction): boolean => isOwn(t) !== null && !keys.has',
    tests: ['engine/batch.test'],
  },
  {
    name: 'the IIN is not compared',
    file: `${SERVER}/engine/batchState.ts`,
    from: 'customer === undefined || !iinHashes.includes(customer.iinHash)',
    to: 'customer === undefined',
    tests: ['http/badInput'],
  },
  {
    name: 'an answer shows the balance from before the command',
    file: `${SERVER}/engine/batchState.ts`,
    from: 'return this.#accounts.get(key)?.balance ?? this.#shownBalances.get(key) ?? null;',
    to: 'return this.#shownBalances.get(key) ?? this.#accounts.get(key)?.balance ?? null;',
    tests: ['engine/batch.test'],
  },
  {
    name: 'the second delta of a system account replaces the first',
    file: `${SERVER}/engine/batchState.ts`,
    from: 'delta: before + delta });',
    to: 'delta });',
    tests: ['model.test'],
  },

  // Statements.
  {
    name: 'a merchant’s balance is not locked',
    file: `${SERVER}/engine/batchSql.ts`,
    from: ' FOR UPDATE) a`',
    to: ') a`',
    tests: ['engine/races', 'acquiring/cardChaos'],
  },
  {
    name: 'a row that somebody has locked stops all that falls due',
    file: `${SERVER}/engine/batchSql.ts`,
    from: 'ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED`',
    to: 'ORDER BY due_at LIMIT $1 FOR UPDATE`',
    tests: ['engine/batchSql'],
  },
  {
    name: 'the feed reads beyond its horizon',
    file: `${SERVER}/feed/eventsSql.ts`,
    from: 'AND round <= (SELECT round FROM horizon) ORDER BY round, position LIMIT',
    to: 'ORDER BY round, position LIMIT',
    tests: ['feed.test'],
  },
  {
    name: 'a page of events begins with the last one of the page before',
    file: `${SERVER}/feed/eventsSql.ts`,
    from: 'FROM event WHERE transaction_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`',
    to: 'FROM event WHERE transaction_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3`',
    tests: ['lookups.test'],
  },
  {
    name: "another merchant's transaction is found",
    file: `${SERVER}/payments/lookupsSql.ts`,
    from: 'FROM transaction WHERE id = $1 AND merchant_id = $2`)',
    to: 'FROM transaction WHERE id = $1 AND $2::uuid IS NOT NULL`)',
    tests: ['lookups.test'],
  },
  {
    name: 'an event that is told again has the balance of now',
    file: `${SERVER}/feed/eventsSql.ts`,
    from: 'AND (e.round, e.position) <= (',
    to: 'AND (e.round, e.position) >= (',
    tests: ['webhooks/repeats'],
  },
  {
    name: 'a page of events does not take a balance on from one to the next',
    file: `${SERVER}/feed/eventsSql.ts`,
    from: 'balances.set(account, balance);',
    to: '',
    tests: ['webhooks/repeats'],
  },
  {
    name: 'an event has the balance of another currency',
    file: `${SERVER}/feed/eventsSql.ts`,
    from: 'AND e.balance_currency = t.currency',
    to: 'AND e.balance_currency IS NOT NULL',
    tests: ['webhooks/repeats'],
  },
  {
    name: 'holds that are captured by themselves count as expiring',
    file: `${SERVER}/payments/lookupsSql.ts`,
    from: "AND status = 'authorized' AND capture_at IS NULL`",
    to: "AND status = 'authorized'`",
    tests: ['reports/issue'],
  },
  {
    name: 'a transaction is listed once for each of its texts that match',
    file: `${SERVER}/payments/lookupsSql.ts`,
    from: 'return [...new Set([...ids, ...rows.map((row) => row.id)])];',
    to: 'return [...ids, ...rows.map((row) => row.id)];',
    tests: ['lookups.test', 'payments/lookupsModel'],
  },
  {
    name: 'a capture of a part keeps the rest held',
    file: `${SERVER}/core/effects.ts`,
    from: 'change.hold(isFinal ? -(amount + rest) : -amount);',
    to: 'change.hold(-amount);',
    tests: ['core/story', 'core/decide'],
  },
  {
    name: 'an account is posted to whatever the posting is',
    file: `${SERVER}/core/accounts.ts`,
    from: 'return codes.includes(code);',
    to: 'return true;',
    tests: ['core/accounts'],
  },
  {
    name: 'a statement begins with nothing whatever was there before its period',
    file: `${SERVER}/ledger/statementsSql.ts`,
    from: 'CASE WHEN $2::timestamptz IS NULL THEN 0 ELSE',
    to: 'CASE WHEN $2::timestamptz IS NOT NULL THEN 0 ELSE',
    tests: ['merchants/balances'],
  },
  {
    name: 'a line with another balance than the one before it and its change passes the audit',
    file: `${SERVER}/ledger/auditSql.ts`,
    from: 'OR balance <> coalesce(counted, change)',
    to: '',
    tests: ['audit.test'],
  },
  {
    name: 'an operation that is settled without a time passes the audit',
    file: `${SERVER}/ledger/auditSql.ts`,
    from: "OR (o.status = 'pending') <> (o.settled_at IS NULL)",
    to: '',
    tests: ['audit.test'],
  },
  {
    name: 'a session never ends',
    file: `${SERVER}/identity/sessionsSql.ts`,
    from: 'SET expires_at = least(created_at + ',
    to: 'SET expires_at = greatest(created_at + ',
    tests: ['identity/session'],
  },
  {
    name: 'keys whose response is awaited are purged',
    file: `${SERVER}/operations/purgeSql.ts`,
    from: 'const old = `status_code IS NOT NULL\n    AND created_at',
    to: 'const old = `created_at',
    tests: ['operations/purge'],
  },
  {
    name: 'pending deliveries are purged',
    file: `${SERVER}/operations/purgeSql.ts`,
    from: "AND (status <> 'pending' OR EXISTS",
    to: 'AND (true OR EXISTS',
    tests: ['operations/purge'],
  },

  // Webhooks.
  {
    name: 'retries are off by one',
    file: `${SERVER}/webhooks/schedule.ts`,
    from: 'RETRY_DELAYS_MS[failures - 1]',
    to: 'RETRY_DELAYS_MS[failures]',
    tests: ['webhooks/units'],
  },
  {
    name: 'signatures are joined by commas',
    file: `${SERVER}/webhooks/sign.ts`,
    from: "signatures.join(' ')",
    to: "signatures.join(',')",
    tests: ['webhooks/units'],
  },
  {
    name: 'IPv6 beyond the global addresses is allowed',
    file: `${SERVER}/webhooks/addresses.ts`,
    from: 'return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST);',
    to: 'return true;',
    tests: ['webhooks/units'],
  },
  {
    name: 'one public address of a name is enough',
    file: `${SERVER}/webhooks/addresses.ts`,
    from: '!addresses.every((',
    to: '!addresses.some((',
    tests: ['webhooks/units'],
  },
  {
    name: 'a success does not end the failures of its lane',
    file: `${SERVER}/webhooks/dispatch.ts`,
    from: 'if (!work.failing) left.failures = 0;',
    to: 'if (!work.failing) left.failures += 0;',
    tests: ['webhooks/dispatch'],
  },
  {
    name: 'a redirect counts as delivered',
    file: `${SERVER}/webhooks/dispatch.ts`,
    from: 'statusCode >= 200 && statusCode < 300',
    to: 'statusCode >= 200 && statusCode < 400',
    tests: ['webhooks/dispatch'],
  },
  {
    name: 'an attempt begins after its lease',
    file: `${SERVER}/webhooks/dispatch.ts`,
    from: 'if (this.#stopped || performance.now() > lane.claimedAt + CLAIM_MS) break;',
    to: 'if (this.#stopped) break;',
    tests: ['webhooks/dispatch'],
  },
  {
    name: 'a merchant may have every slot that is free',
    file: `${SERVER}/webhooks/slots.ts`,
    from: '>= PER_FREE * free) return false;',
    to: '>= free) return false;',
    tests: ['webhooks/slots'],
  },
  {
    name: 'an endpoint that answers late counts as quick',
    file: `${SERVER}/webhooks/dispatch.ts`,
    from: 'work.quick = !work.failing && attempt.latencyMs <= QUICK_MS;',
    to: 'work.quick = !work.failing;',
    tests: ['webhooks/dispatch'],
  },
  {
    name: 'a lane that was claimed again is recorded by an earlier lease as well',
    file: `${SERVER}/webhooks/deliveriesSql.ts`,
    from: 'leases.get(laneName(result)) === result.lease',
    to: 'leases.has(laneName(result))',
    tests: ['webhooks/lanes'],
  },
  {
    name: 'a lane that cannot be sent waits for its lease',
    file: `${SERVER}/webhooks/webhooks.ts`,
    from: 'if (target === undefined || lane.deliveries.length === 0) this.#giveBack(lane, lease, LEFT_ALONE_MS);',
    to: 'if (target === undefined || lane.deliveries.length === 0) return;',
    tests: ['webhooks/givenBack'],
  },

  // The bank's side.
  {
    name: "the bank's answer names another operation",
    file: `${SERVER}/acquiring/httpBank.ts`,
    from: "if ('operationId' in names) return operationId === names.operationId;",
    to: "if ('operationId' in names) return operationId !== undefined;",
    tests: ['httpBank', 'acquiring/cardFaults', 'bankAnswers', 'acquirer'],
  },
  {
    name: 'the token of a payer who did not pass 3-D Secure is kept',
    file: `${SERVER}/acquiring/acquirer.ts`,
    from: "const isKept = answer.status === 'approved' && this",
    to: 'const isKept = this',
    tests: ['payments/cardsOnFile'],
  },
  {
    name: 'an unknown authorization is not asked for again before its time is over',
    file: `${SERVER}/acquiring/acquirer.ts`,
    from: 'left > 0 ? Math.min(delay, left) : delay',
    to: 'delay',
    tests: ['acquiring/acquirer'],
  },
  {
    name: 'leaving an operation to another node counts as an attempt',
    file: `${SERVER}/acquiring/acquirer.ts`,
    from: 'Math.max(0, attempts - 1)',
    to: 'attempts',
    tests: ['acquiring/acquirer'],
  },

  // HTTP.
  {
    name: 'an expired key reads',
    file: `${SERVER}/identity/auth.ts`,
    from: '(key.expiresAt !== null && key.expiresAt <= Date.now())',
    to: 'false',
    tests: ['http/badInput'],
  },
  {
    name: "a page's cursor is taken from another merchant",
    file: `${SERVER}/payments/walletRoutes.ts`,
    from: 'const list = `wallet transactions of',
    to: "const list = 'wallet transactions'; void `",
    tests: ['http/badInput'],
  },
  {
    name: 'a full last page has a next one',
    file: `${SERVER}/payments/walletRoutes.ts`,
    from: 'rows.length > limit && last !== undefined ? sealCursor',
    to: 'rows.length >= limit && last !== undefined ? sealCursor',
    tests: ['payments/list'],
  },
  {
    name: 'one key captures two payments',
    file: `${SERVER}/payments/walletRoutes.ts`,
    from: 'path: `/v1/wallet/',
    to: 'path: `/v1/wallet/`, unused: `',
    tests: ['http/idempotency'],
  },
  {
    name: 'one key pays with two expiries of a card',
    file: `${SERVER}/payments/cardRoutes.ts`,
    from: 'const { expiryMonth, expiryYear, holder } = card;',
    to: 'const { holder } = card;\n    const [expiryMonth, expiryYear] = [0, 0];',
    tests: ['http/idempotency'],
  },
  {
    name: 'a terminal of another store is taken',
    file: `${SERVER}/payments/payByCard.ts`,
    from: 'if (storeId !== null && terminal.storeId !== storeId)',
    to: 'if (storeId !== null && terminal.storeId === null)',
    tests: ['merchants/stores'],
  },
  {
    name: 'an Idempotency-Key of exactly the greatest length is refused',
    file: `${SERVER}/http/idempotencyKey.ts`,
    from: 'key.length <= 255',
    to: 'key.length < 255',
    tests: ['http/idempotency', 'http/badInput'],
  },
  {
    name: 'JSON may be nested a level deeper',
    file: `${SERVER}/http/strictJson.ts`,
    from: 'if (open.length === MAX_DEPTH) {',
    to: 'if (open.length === MAX_DEPTH + 1) {',
    tests: ['http/strictJson'],
  },
  {
    name: 'errors of users come from the server',
    file: `${SERVER}/http/errors.ts`,
    from: '|session|users)',
    to: '|session)',
    tests: ['http/', 'identity/'],
  },
  {
    name: 'own details are replaced by the usual ones',
    file: `${SERVER}/http/errors.ts`,
    from: 'details.length === 0 && path !== undefined',
    to: 'path !== undefined',
    tests: ['http/'],
  },

  // SDK and dashboard.
  {
    name: 'a DELETE is sent without a key',
    file: 'packages/sdk/src/request.ts',
    from: "const KEYED = new Set(['POST', 'DELETE']);",
    to: "const KEYED = new Set(['POST']);",
    tests: ['sdk/test/webhookEndpoints'],
  },
  {
    name: 'a time of an hour is told in minutes',
    file: 'packages/dashboard/src/format.ts',
    from: 'seconds * 1_000 >= ms) ??',
    to: 'seconds * 1_000 > ms) ??',
    tests: ['dashboard/test/format'],
  },
  {
    name: "a field's time has the zone's sign wrong",
    file: 'packages/dashboard/src/format.ts',
    from: 'ms - new Date(ms).getTimezoneOffset() * 60_000',
    to: 'ms + new Date(ms).getTimezoneOffset() * 60_000',
    tests: ['dashboard/test/format'],
  },
];
