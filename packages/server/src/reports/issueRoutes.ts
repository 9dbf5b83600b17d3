import Type from 'typebox';
import { newId } from '../installation/newId.ts';
import { findIssues, type Issue, isIssueId } from './issues.ts';
import { iso } from '../core/values/time.ts';
import { readClock } from '../installation/installationSql.ts';
import { muteIssue, observe, readMutes } from './issuesSql.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { NoQuery, pageSchema } from '../http/adminSchemas.ts';
import { MANAGER, merchantOf, SUMS } from '../identity/auth.ts';
import type { App } from '../http/baseApp.ts';
import type { Deps } from '../app/deps.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { sendJson } from '../http/send.ts';
import { writeOnce } from '../http/idempotentWrite.ts';
import { wholePage } from '../http/page.ts';
import { Recent } from '../http/memo.ts';
import { closed, IdempotencyHeader } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';

const Time = Type.String({ format: 'date-time' });
const MaybeTime = Type.Union([Time, Type.Null()]);

export const IssueView = Type.Object(
  {
    id: Type.String({ examples: ['decline_spike.insufficient_funds'] }),
    kind: Type.Enum([
      'success_rate_low',
      'decline_spike',
      'transactions_outstanding',
      'bank_operations_unknown',
      'card_testing',
      'holds_expiring',
      'webhook_endpoint_failing',
    ]),
    severity: Type.Enum(['warning', 'critical']),
    data: Type.Object(
      {
        succeeded: Type.Optional(Type.Integer()),
        decided: Type.Optional(Type.Integer()),
        usuallySucceeded: Type.Optional(Type.Integer()),
        usuallyDecided: Type.Optional(Type.Integer()),
        reason: Type.Optional(Type.String()),
        usually: Type.Optional(Type.Integer()),
        usualHours: Type.Optional(Type.Integer()),
        oldestSeconds: Type.Optional(Type.Integer()),
        attempts: Type.Optional(Type.Integer()),
        cards: Type.Optional(Type.Integer()),
        soonestSeconds: Type.Optional(Type.Integer()),
        transactionId: Type.Optional(Type.String()),
        url: Type.Optional(Type.String()),
        disabledReason: Type.Optional(Type.Enum(['gone', 'failing'])),
      },
      { description: 'What a title in any language needs; which fields there are follows from the kind.' },
    ),
    count: Type.Integer({
      description: 'Transactions it is about. Of an endpoint: webhooks that wait for it.',
    }),
    since: Type.String({
      format: 'date-time',
      description: 'When the first of what it is about happened: of a rate or a spike, within the last hour.',
    }),
    evidence: Type.String({
      description:
        'A query of `GET /v1/transactions`. Of `webhook_endpoint_failing`: the id of the endpoint.',
    }),
    mutedUntil: MaybeTime,
  },
  { $id: 'Issue' },
);
export const MutedIssue = Type.Object({ id: Type.String(), mutedUntil: MaybeTime }, { $id: 'MutedIssue' });

const DESCRIPTION = `Found by rules, at the moment of asking:

- \`success_rate_low\`: of the last hour's payments (20 or more are decided) the share that succeeded is at least
  10 percentage points, and three standard errors, below that of the 24 hours before (100 or more). Critical from
  30 points on.
- \`decline_spike\`: one reason came 10 times or more in the last hour, three times as often as in an average hour of
  the 24 before and five standard errors more. Critical when it is half of all that was decided.
- \`transactions_outstanding\`: payments not decided after 30 minutes. Critical after 2 hours.
- \`bank_operations_unknown\`: the bank has not told the outcome of operations after 5 minutes. Critical.
- \`card_testing\`: of the last hour's attempts at the checkout, 15 different cards or more were declined, and half of
  all attempts or more: somebody may be trying stolen numbers. Critical from 60 cards on. Each further attempt waits
  longer meanwhile; cancel a link that is misused.
- \`holds_expiring\`: authorizations that expire within 24 hours and that nobody captures. Critical within 2 hours.
- \`webhook_endpoint_failing\`: every attempt at an endpoint has failed for 15 minutes. Critical after 2 hours, and
  when it was disabled because it failed for five days or answered 410.

Answers may be 5 seconds old, or ten times as old as they take.`;

const RECENT_MS = 5_000;
const MAX_MUTE_SECONDS = 30 * 86_400;

const COMMON = { tags: ['Transactions'], security: [{ merchantApiKey: [] }] };

export function issueRoutes(app: App, deps: Deps): void {
  listRoute(app, deps);
  muteRoute(app, deps);
}

function listRoute(app: App, deps: Deps): void {
  const recent = new Recent<readonly Issue[]>(RECENT_MS);
  const find = async (merchantId: string): Promise<readonly Issue[]> =>
    findIssues(await observe(deps.pool, merchantId, await readClock(deps.pool)));
  app.get(
    '/v1/issues',
    {
      config: SUMS,
      schema: {
        ...COMMON,
        operationId: 'listIssues',
        summary: 'List what needs attention, critical first',
        description: DESCRIPTION,
        querystring: NoQuery,
        response: { 200: pageSchema('Issue'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const issues = await recent.get(merchantId, () => find(merchantId)).catch(throwTooBroad);
      const mutes = await readMutes(deps.pool, merchantId);
      const items = issues.map(({ since, ...issue }) => ({
        ...issue,
        since: iso(since),
        mutedUntil: iso(mutes.get(issue.id) ?? null),
      }));
      return sendJson(reply, 200, exactJson(wholePage(items)));
    },
  );
}

function muteRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/issues/:issueId/mute',
    {
      config: MANAGER,
      schema: {
        ...COMMON,
        operationId: 'muteIssue',
        summary: 'Mute an issue for a while, for the whole merchant',
        params: Type.Object({ issueId: Type.String() }),
        headers: IdempotencyHeader,
        body: Type.Object(
          {
            untilSeconds: Type.Integer({
              minimum: 0,
              maximum: MAX_MUTE_SECONDS,
              description: 'Seconds from now, 30 days at most; 0: not muted any more.',
            }),
          },
          closed,
        ),
        response: { 200: Type.Ref('MutedIssue'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { issueId } = request.params;
      if (!isIssueId(issueId)) throw new ApiError('issue_not_found');
      return writeOnce(deps, request, reply, {
        path: `/v1/issues/${issueId}/mute`,
        statusCode: 200,
        work: async (db) => {
          const until = await muteIssue(db, merchantId, issueId, request.body.untilSeconds);
          const mutedUntil = iso(until);
          const object = { kind: 'issue', id: issueId };
          const audit = { action: 'issue.mute', object, after: { mutedUntil } } as const;
          return { effectId: newId(), body: { id: issueId, mutedUntil }, audit };
        },
      });
    },
  );
}
