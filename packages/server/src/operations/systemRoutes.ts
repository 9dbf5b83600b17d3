/** What operators look at when something may be wrong: sums of the ledger, audits, and the node's health. */
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { ALL_ACCOUNT_KINDS } from '../core/accounts.ts';
import { iso } from '../core/values/time.ts';
import { ADMIN, ERRORS, OPERATOR, refuseBody } from '../http/adminCommon.ts';
import { NoQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { wholePage } from '../http/page.ts';
import { Balance, IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { VERSION } from '../http/version.ts';
import { newId } from '../installation/newId.ts';
import type { PreparedAudit } from '../ledger/auditor.ts';
import { type AuditRun, findLastAuditRun, insertAuditRun } from '../ledger/auditRunsSql.ts';
import { INVARIANTS } from '../ledger/auditSql.ts';
import { findOperatorIssues, type OperatorIssue } from '../reports/issues.ts';
import { readGuessed } from '../walletHolders/wrongIinsSql.ts';
import { readDatabaseState, sumLedger } from './healthSql.ts';

const Time = Type.String({ format: 'date-time' });
const MaybeTime = Type.Union([Time, Type.Null()]);

export const LedgerSumsView = Type.Object(
  {
    currency: Type.String(),
    accounts: Type.Array(
      Type.Object({ kind: Type.Enum([...ALL_ACCOUNT_KINDS]), balance: Balance, held: Balance }),
      { description: 'Each kind of account; `held` is a part of its balance.' },
    ),
    sum: Type.Integer({ format: 'bigint', description: 'Of all: 0, or the ledger is wrong.' }),
  },
  { $id: 'LedgerSums', description: 'All accounts of a currency, by kind.' },
);
export const AuditView = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    state: Type.Enum(['running', 'passed', 'broken', 'interrupted'], {
      description: '`interrupted`: it could not be finished; ask for another.',
    }),
    startedAt: Time,
    finishedAt: MaybeTime,
    invariants: Type.Array(
      Type.Object({
        invariant: Type.Integer(),
        rule: Type.String(),
        violations: Type.Array(Type.String(), {
          description: 'Rows that break it, as JSON; 20 of each check.',
        }),
      }),
      { description: 'All seven; empty until the audit has finished.' },
    ),
  },
  { $id: 'Audit' },
);
export const HealthView = Type.Object(
  {
    database: Type.Object({
      latencyMs: Type.Integer(),
      connections: Type.Integer(),
      maxConnections: Type.Integer(),
      migration: Type.String({ description: 'The last one that was applied.' }),
    }),
    feed: Type.Object({
      lagMs: Type.Integer({ description: 'How long committed events wait to be read.' }),
      listening: Type.Boolean({ description: 'False: other nodes’ events are found by polling.' }),
      streams: Type.Integer({ description: 'Open on this node.' }),
    }),
    queue: Type.Object({ depth: Type.Integer(), limit: Type.Integer() }),
    clock: Type.Object({
      now: Type.String({ format: 'date-time', description: 'What the engine takes for now.' }),
      offsetSeconds: Type.Number({
        description: 'How far that is ahead of real time: a sandbox’s clock can be moved.',
      }),
    }),
    bank: Type.Object({
      connected: Type.Boolean({ description: 'False: no bank is set up, so that no cards are taken.' }),
      pending: Type.Integer({ description: 'Operations that the bank has not answered.' }),
      oldestSeconds: Type.Union([Type.Integer(), Type.Null()]),
    }),
    versions: Type.Object({ server: Type.String(), node: Type.String(), postgres: Type.String() }),
    mode: Type.Enum(['sandbox', 'production']),
    uptimeSeconds: Type.Integer(),
  },
  { $id: 'SystemHealth', description: 'Of the node that answers.' },
);
export const OperatorIssueView = Type.Object(
  {
    id: Type.String({ description: 'The same as long as the issue lasts.' }),
    kind: Type.Enum(['iin_guessing']),
    severity: Type.Enum(['warning', 'critical']),
    subjectKind: Type.Enum(['phone', 'merchant', 'address'], {
      description: 'Whose IIN is guessed, who guesses, or where from.',
    }),
    subject: Type.String({ description: 'The phone number, the id of the merchant, or the address.' }),
    merchantName: Type.Union([Type.String(), Type.Null()], { description: 'Of a merchant.' }),
    count: Type.Integer({ description: 'Wrong pairs of a phone number and an IIN.' }),
    since: Time,
    lastAt: Time,
    lockedUntil: Type.Union([Time, Type.Null()], {
      description: 'Until then, or since then no more, every pair is answered as a wrong one.',
    }),
  },
  { $id: 'OperatorIssue' },
);
export const SYSTEM_OBJECTS = [LedgerSumsView, AuditView, HealthView, OperatorIssueView];

export function adminSystemRoutes(app: App, deps: Deps): void {
  sumsRoute(app, deps);
  auditRoutes(app, deps);
  healthRoute(app, deps);
  issuesRoute(app, deps);
}

const ISSUES_DESCRIPTION = `\`iin_guessing\`: within 24 hours of each other, 5 IINs or more were wrong for one phone number, or 100 authorizations
or more of one merchant, or from one address. Critical from three times as many on. At most 100 are listed, those with
the most wrong pairs.`;

function issuesRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/issues',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listOperatorIssues',
        summary: 'List what needs an operator’s attention, critical first',
        description: ISSUES_DESCRIPTION,
        querystring: NoQuery,
        response: { 200: pageSchema('OperatorIssue'), ...ERRORS },
      },
    },
    async (_request, reply) => {
      const issues = findOperatorIssues(await readGuessed(deps.pool));
      return sendJson(reply, 200, exactJson(wholePage(issues.map(operatorIssueView))));
    },
  );
}

function operatorIssueView({ kind, wrong, since, lastAt, lockedUntil, ...issue }: OperatorIssue) {
  return {
    ...issue,
    kind: 'iin_guessing',
    subjectKind: kind,
    count: wrong,
    since: iso(since),
    lastAt: iso(lastAt),
    lockedUntil: lockedUntil === null ? null : iso(lockedUntil),
  };
}

function sumsRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/accounts/sums',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'sumLedger',
        summary: 'Sum all accounts of the ledger, by currency and kind',
        querystring: NoQuery,
        response: { 200: pageSchema('LedgerSums'), ...ERRORS },
      },
    },
    async (_request, reply) => sendJson(reply, 200, exactJson(wholePage(await sumLedger(deps.pool)))),
  );
}

function auditRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/audit',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getAudit',
        summary: 'The last audit of the ledger',
        response: { 200: Type.Ref('Audit'), 404: Type.Ref('Error'), ...ERRORS },
      },
    },
    async (_request, reply) => {
      const run = await findLastAuditRun(deps.pool);
      if (run === null) throw new ApiError('not_found', 'no audit was asked for yet');
      return sendJson(reply, 200, exactJson(auditView(run)));
    },
  );
  app.post(
    '/v1/admin/audit',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'startAudit',
        summary: 'Audit the ledger in the background',
        description: 'One at a time: while one is running, 409 `audit_in_progress`.',
        headers: IdempotencyHeader,
        response: { 201: Type.Ref('Audit'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const id = newId();
      let prepared: PreparedAudit | null = null;
      try {
        await operatorWrite(deps, request, reply, {
          path: '/v1/admin/audit',
          statusCode: 201,
          work: async (db) => {
            prepared = await deps.auditor.prepare();
            if (prepared === null)
              throw new ApiError('audit_in_progress', undefined, [], { 'retry-after': '5' });
            const run = await insertAuditRun(db, id);
            const audit = { action: 'ledger.audit', object: { kind: 'audit', id } } as const;
            return { effectId: id, body: auditView({ ...run, running: true }), audit };
          },
        });
      } catch (error) {
        await (prepared as PreparedAudit | null)?.cancel();
        throw error;
      }
      (prepared as PreparedAudit | null)?.run(id);
      return reply;
    },
  );
}

function auditView({ id, startedAt, finishedAt, violations, running }: AuditRun) {
  const broken = violations === null || violations.length > 0 ? 'broken' : 'passed';
  const done = violations === null ? 'interrupted' : broken;
  return {
    id,
    state: running ? 'running' : done,
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    invariants: (violations === null ? [] : INVARIANTS).map(({ invariant, rule }) => ({
      ...{ invariant, rule },
      violations: (violations ?? [])
        .filter((violation) => violation.invariant === invariant)
        .map(({ row }) => JSON.stringify(row)),
    })),
  };
}

function healthRoute(app: App, deps: Deps): void {
  const { acquirers, config, metrics, pool } = deps;
  app.get(
    '/v1/admin/health',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getSystemHealth',
        summary: 'How the system is',
        response: { 200: Type.Ref('SystemHealth'), ...ERRORS },
      },
    },
    async (_request, reply) => {
      const askedAt = performance.now();
      const state = await readDatabaseState(pool);
      const { postgres, migration, connections, maxConnections } = state;
      const latencyMs = Math.ceil(performance.now() - askedAt);
      const { feedLagSeconds, feedListening: listening, streams, queueDepth: depth } = metrics.latest;
      return sendJson(
        reply,
        200,
        exactJson({
          database: { latencyMs, connections, maxConnections, migration },
          feed: { lagMs: Math.ceil(feedLagSeconds * 1_000), listening, streams },
          queue: { depth, limit: deps.engine.queueLimit },
          clock: { now: iso(state.clockNow), offsetSeconds: state.clockOffsetMs / 1_000 },
          bank: {
            connected: acquirers.isSetUp,
            pending: state.bankPending,
            oldestSeconds: state.bankOldestSeconds,
          },
          versions: { server: VERSION, node: process.versions.node, postgres },
          mode: config.mode,
          uptimeSeconds: Math.floor(process.uptime()),
        }),
      );
    },
  );
}
