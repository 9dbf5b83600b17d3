/**
 * One batch is one database transaction: claim the idempotency keys, load and lock what may change,
 * decide each command in order, save, commit. Callers hear only after the commit.
 */
import type { Command, Outcome, Sender } from '../domain/command.ts';
import { decide } from '../domain/decide.ts';
import type { Transaction } from '../domain/transaction.ts';
import * as sql from '../store/batchSql.ts';
import type { Client } from '../store/postgres.ts';
import { World } from './world.ts';

/** Operators' idempotency keys are one namespace, apart from every merchant's. */
export const OPERATOR_SCOPE = '00000000-0000-0000-0000-000000000000';

/** A command with everything that its execution and its answer need. */
export interface Request {
  readonly command: Command;
  readonly sender: Sender;
  /** The key's row is read again by the batch, so that a revocation works at once. Null: not by API key. */
  readonly apiKeyId: string | null;
  /** Idempotency keys of one scope (a merchant, or all operators) are one namespace. */
  readonly scopeId: string;
  /** Made by the server, never shown: stands in for a missing Idempotency-Key. */
  readonly internalId: string;
  readonly idempotencyKey: string | null;
  readonly fingerprint: string;
  /** What will be answered if all goes well, so that it can be stored with the claim. */
  readonly expected: ExpectedAnswer | null;
  readonly answer: (outcome: Outcome) => Answer;
}

export interface Answer {
  readonly statusCode: number;
  readonly body: string;
}

export interface ExpectedAnswer extends Answer {
  readonly effect: { readonly id: string; readonly seq: number };
}

/** What became of one request of a batch. */
export type Settled =
  | { readonly kind: 'answered'; readonly answer: Answer; readonly replayed: boolean }
  /** The same key was used for another request before. */
  | { readonly kind: 'key_reused' }
  /** Not decided in this batch: try again in another. */
  | { readonly kind: 'again' };

/** The Idempotency-Key, or the internal id behind a character that no header can hold. */
function keyOf(request: Request): string {
  return request.idempotencyKey ?? `\u00b7${request.internalId}`;
}

function leaderKeyOf(request: Request): string {
  return `${request.scopeId} ${keyOf(request)}`;
}

function mustClaim(request: Request, retry: boolean): boolean {
  return retry || request.idempotencyKey !== null;
}

/** What the engine decided is remembered under its key; what it did not decide is not. */
function isRemembered(statusCode: number): boolean {
  return statusCode < 300 || statusCode === 422;
}

/**
 * Executes requests in one transaction.
 * @param retry an earlier attempt may have committed: claim internal ids first, too
 * @throws whatever the database reports; then nothing was committed, or the commit's fate is unknown
 */
export async function runBatch(
  client: Client,
  requests: readonly Request[],
  retry: boolean,
): Promise<Settled[]> {
  const leaders = new Map<string, Request>();
  for (const request of requests) {
    if (!leaders.has(leaderKeyOf(request))) leaders.set(leaderKeyOf(request), request);
  }
  const candidates = [...leaders.values()];
  await client.query(sql.BEGIN_BATCH);
  const toClaim = candidates.filter((request) => mustClaim(request, retry));
  const { claimed, apiKeys, world, now } = await claimAndLoad(client, candidates, toClaim);
  const replies = await readReplies(client, toClaim, claimed);

  const settled = new Map<string, Settled>();
  const keys = new KeyChanges(claimed);
  for (const request of candidates) {
    const key = leaderKeyOf(request);
    if (mustClaim(request, retry) && !claimed.has(key)) {
      settled.set(key, replay(request, replies.get(key)));
      continue;
    }
    const outcome = refusalOfKey(request, apiKeys) ?? carryOut(world, request, now);
    const answer = request.answer(outcome);
    keys.add(request, outcome, answer);
    settled.set(key, { kind: 'answered', answer, replayed: false });
  }
  await save(client, world, keys);
  return requests.map((request) => settle(request, leaders, settled));
}

const ENGINE: Sender = { actor: 'engine', merchantId: null, paymentMethod: null };

/** Does what has fallen due, at most `limit` transactions. @returns how many were looked at */
export async function runDueBatch(client: Client, limit: number): Promise<number> {
  await client.query(sql.BEGIN_BATCH);
  const transactions = await sql.lockDueTransactions(client, limit);
  const ids = transactions.map((transaction) => transaction.id);
  if (ids.length > 0) {
    const { world, now } = await loadWorld(client, needsOf([]), ids, transactions);
    for (const transactionId of ids) {
      const command: Command = { kind: 'act_when_due', transactionId };
      world.apply(decide(world, command, ENGINE, now));
    }
    await save(client, world, new KeyChanges(new Set()));
  } else {
    await client.query('COMMIT');
  }
  return ids.length;
}

/** What a batch's commands need to have loaded. */
interface Needs {
  readonly merchantIds: string[];
  readonly phones: string[];
  readonly currencies: string[];
  readonly walletIds: string[];
  readonly transactionIds: string[];
  /** Whether any command posts to a merchant's balance. */
  balances: boolean;
}

function needsOf(requests: readonly Request[]): Needs {
  const needs: Needs = {
    merchantIds: [],
    phones: [],
    currencies: [],
    walletIds: [],
    transactionIds: [],
    balances: false,
  };
  for (const { command } of requests) {
    switch (command.kind) {
      case 'authorize':
        needs.merchantIds.push(command.merchantId);
        needs.phones.push(command.phone);
        needs.currencies.push(command.currency);
        break;
      case 'deposit':
      case 'withdraw':
        needs.walletIds.push(command.walletId);
        break;
      default:
        needs.transactionIds.push(command.transactionId);
        needs.balances ||= command.kind !== 'cancel' && command.kind !== 'confirm';
    }
  }
  return needs;
}

interface ClaimedAndLoaded {
  readonly claimed: ReadonlySet<string>;
  readonly apiKeys: ReadonlyMap<string, sql.KeyRow>;
  readonly world: World;
  readonly now: number;
}

/** One round trip: every statement is sent before the first answer is read. */
async function claimAndLoad(
  client: Client,
  requests: readonly Request[],
  toClaim: readonly Request[],
): Promise<ClaimedAndLoaded> {
  const needs = needsOf(requests);
  const apiKeyIds = new Set<string>();
  for (const request of requests) if (request.apiKeyId !== null) apiKeyIds.add(request.apiKeyId);
  const [claimed, apiKeys, { world, now }] = await Promise.all([
    toClaim.length > 0 ? sql.claimKeys(client, toClaim.map(claimOf)) : [],
    apiKeyIds.size > 0 ? sql.readApiKeys(client, [...apiKeyIds]) : [],
    loadWorld(client, needs, needs.transactionIds, null),
  ]);
  return {
    claimed: new Set(claimed.map((row) => `${row.scope_id} ${row.key}`)),
    apiKeys: new Map(apiKeys.map((row) => [row.id, row])),
    world,
    now,
  };
}

/** Locks and loads, in the order in which every transaction locks. `locked`: payments locked already. */
async function loadWorld(
  client: Client,
  needs: Needs,
  transactionIds: readonly string[],
  locked: readonly Transaction[] | null,
): Promise<{ world: World; now: number }> {
  const { phones, currencies, walletIds } = needs;
  const some = transactionIds.length > 0;
  const [transactions, merchants, customers, wallets, balances, now] = await Promise.all([
    locked ?? (some ? sql.lockTransactions(client, transactionIds) : []),
    some || needs.merchantIds.length > 0
      ? sql.readMerchants(client, [...new Set(needs.merchantIds)], transactionIds)
      : [],
    phones.length > 0 ? sql.readCustomers(client, phones) : [],
    sql.lockWallets(client, { phones, currencies, transactionIds, walletIds }),
    needs.balances || locked !== null ? sql.lockMerchantBalances(client, transactionIds) : [],
    sql.readNow(client),
  ]);
  return { world: new World({ transactions, merchants, customers, wallets, balances }), now };
}

function claimOf(request: Request): sql.Claim {
  const { scopeId, fingerprint, expected } = request;
  return {
    scopeId,
    key: keyOf(request),
    fingerprint,
    effectId: expected?.effect.id ?? null,
    effectSeq: expected?.effect.seq ?? null,
    statusCode: expected?.statusCode ?? null,
    response: expected?.body ?? null,
  };
}

async function readReplies(
  client: Client,
  toClaim: readonly Request[],
  claimed: ReadonlySet<string>,
): Promise<ReadonlyMap<string, sql.StoredResponse>> {
  if (claimed.size === toClaim.length) return new Map();
  const others = toClaim.filter((request) => !claimed.has(leaderKeyOf(request)));
  const rows = await sql.readResponses(
    client,
    others.map((request) => ({ scopeId: request.scopeId, key: keyOf(request) })),
  );
  return new Map(rows.map((row) => [`${row.scopeId} ${row.key}`, row]));
}

function replay(request: Request, stored: sql.StoredResponse | undefined): Settled {
  if (stored === undefined) return { kind: 'again' };
  if (stored.fingerprint !== request.fingerprint) return { kind: 'key_reused' };
  if (stored.statusCode === null || stored.response === null) return { kind: 'again' };
  const replayed = request.idempotencyKey !== null;
  return { kind: 'answered', answer: { statusCode: stored.statusCode, body: stored.response }, replayed };
}

function refusalOfKey(request: Request, apiKeys: ReadonlyMap<string, sql.KeyRow>): Outcome | null {
  if (request.apiKeyId === null) return null;
  const key = apiKeys.get(request.apiKeyId);
  if (key === undefined || !key.live) return { kind: 'refused', refusal: 'invalid_api_key' };
  return key.scopes.includes('write') ? null : { kind: 'refused', refusal: 'insufficient_scope' };
}

function carryOut(world: World, request: Request, now: number): Outcome {
  const decision = decide(world, request.command, request.sender, now);
  world.apply(decision);
  return decision.outcome;
}

/** Gives a request the outcome of the first one with the same key. */
function settle(
  request: Request,
  leaders: ReadonlyMap<string, Request>,
  settled: ReadonlyMap<string, Settled>,
): Settled {
  const key = leaderKeyOf(request);
  const leader = leaders.get(key);
  const outcome = settled.get(key);
  if (leader === undefined || outcome === undefined) throw new Error('a request was not settled');
  if (leader === request || outcome.kind !== 'answered') return outcome;
  if (!isRemembered(outcome.answer.statusCode)) return { kind: 'again' };
  return leader.fingerprint === request.fingerprint ? { ...outcome, replayed: true } : { kind: 'key_reused' };
}

/** What has to be written to the idempotency keys once all outcomes are known. */
class KeyChanges {
  readonly #claimed: ReadonlySet<string>;
  readonly inserts: sql.Claim[] = [];
  readonly updates: sql.Claim[] = [];
  readonly releases: sql.Claim[] = [];

  constructor(claimed: ReadonlySet<string>) {
    this.#claimed = claimed;
  }

  add(request: Request, outcome: Outcome, answer: Answer): void {
    const effect = effectOf(outcome);
    const { statusCode, body: response } = answer;
    const final = {
      ...claimOf(request),
      effectId: effect?.id ?? null,
      effectSeq: effect?.seq ?? null,
      statusCode,
      response,
    };
    const wasClaimed = this.#claimed.has(leaderKeyOf(request));
    if (!isRemembered(answer.statusCode)) {
      if (wasClaimed) this.releases.push(final);
    } else if (!wasClaimed) {
      this.inserts.push(final);
    } else if (!isExpected(request, final)) {
      this.updates.push(final);
    }
  }
}

function isExpected(request: Request, final: sql.Claim): boolean {
  const { expected } = request;
  if (expected === null || expected.statusCode !== final.statusCode || expected.body !== final.response)
    return false;
  return expected.effect.id === final.effectId && expected.effect.seq === final.effectSeq;
}

function effectOf(outcome: Outcome): { id: string; seq: number } | null {
  if (outcome.kind === 'transaction') return outcome.effect;
  return outcome.kind === 'transfer' ? { id: outcome.transfer.id, seq: 0 } : null;
}

/** Writes everything and commits, in one round trip. @throws Error when PostgreSQL rolled back instead */
async function save(client: Client, world: World, keys: KeyChanges): Promise<void> {
  const changes = world.changes();
  const writes: Promise<unknown>[] = [];
  // Internal ids are unique, so they are written with their outcome. Should this attempt's connection be
  // lost and the command be tried again, one of the two inserts fails and takes its batch with it.
  if (keys.inserts.length > 0) writes.push(sql.insertKeys(client, keys.inserts));
  if (keys.updates.length > 0) writes.push(sql.updateResponses(client, keys.updates));
  if (keys.releases.length > 0) writes.push(sql.releaseKeys(client, keys.releases));
  if (changes.newTransactions.length > 0)
    writes.push(sql.insertTransactions(client, changes.newTransactions));
  if (changes.changedTransactions.length > 0)
    writes.push(sql.updateTransactions(client, changes.changedTransactions));
  if (changes.transfers.length > 0) writes.push(sql.insertTransfers(client, changes.transfers));
  if (changes.events.length > 0) writes.push(sql.insertEvents(client, changes.events));
  if (changes.postings.length > 0) writes.push(sql.insertPostings(client, changes.postings));
  if (changes.wallets.length > 0) writes.push(sql.updateWallets(client, changes.wallets));
  if (changes.balances.length > 0) writes.push(sql.updateMerchantBalances(client, changes.balances));
  if (changes.systemDeltas.length > 0) writes.push(sql.addToSystemAccounts(client, changes.systemDeltas));
  const commit = client.query('COMMIT');
  await Promise.all([...writes, commit]);
  if ((await commit).command !== 'COMMIT') throw new Error('the batch was rolled back');
}
