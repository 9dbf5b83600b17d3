import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import type { AnswerKey } from '../core/command.ts';
import { iso } from '../core/values/time.ts';
import { insertKeys, readResponses } from '../engine/batchSql.ts';
import { type Fingerprints, standingOf } from '../engine/idempotency.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { fingerprintsOf, idempotencyKeyOf } from '../http/idempotencyKey.ts';
import * as schemas from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { MANAGER, merchantOf, VIEWER } from '../identity/auth.ts';
import { newId } from '../installation/newId.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import { type Advanced, advanceClock } from './clock.ts';
import { type Clock, readClockState } from './clockSql.ts';
import { sandboxOf } from './sandbox.ts';

const PATH = '/v1/sandbox/clock';
const UNIQUE_VIOLATION = '23505';
const TEN_YEARS_S = 3_653 * 86_400;
const ClockBody = Type.Object(
  {
    advanceSeconds: Type.Integer({
      minimum: 1,
      maximum: TEN_YEARS_S,
      description: 'How far to move the clock forward; at most ten years at a time.',
      examples: [86_400],
    }),
  },
  schemas.closed,
);
const clock = {
  now: Type.String({ format: 'date-time', description: 'What the engine takes for now.' }),
  offsetSeconds: Type.Number({ description: 'How far that is ahead of real time.' }),
};
const SETTLED = Type.Boolean({
  description:
    'Whether everything that fell due has happened. False: after 20 s the bank, or a webhook’s receiver, had still not answered everything.',
});
const SANDBOX = { tags: ['Sandbox'], security: [{ merchantApiKey: [] }] };
const ERRORS = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') };

/** The test clock: one for all merchants and nodes. */
export function sandboxClockRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...SANDBOX,
        operationId: 'getSandboxClock',
        summary: 'Sandbox: what time it is',
        response: { 200: Type.Object(clock), ...ERRORS },
      },
    },
    async () => clockView(await readClockState(deps.pool)),
  );
  app.post(
    PATH,
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'advanceSandboxClock',
        summary: 'Sandbox: move the clock forward, for all merchants',
        description:
          'Everything that falls due on the way happens before this answers, in its order: holds expire, automatic captures are made (with the bank’s answers), delayed decisions fall, confirmations and authentications lapse, webhooks are attempted again.',
        headers: schemas.IdempotencyHeader,
        body: ClockBody,
        response: { 200: Type.Object({ ...clock, settled: SETTLED }), ...ERRORS },
      },
    },
    async (request, reply) => advance(deps, request, reply, request.body.advanceSeconds),
  );
}

/** One advance at a time, so that each has the whole of its effect, and a repeated one is recognized. */
async function advance(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  advanceSeconds: number,
): Promise<FastifyReply> {
  const { pool, engine, webhooks } = deps;
  const { clockTurns } = sandboxOf(deps);
  const once = onceOf(deps, request);
  const { body, replayed } = await clockTurns.run(async (client) => {
    const earlier = once === null ? null : await toldBefore(deps, once);
    if (earlier !== null) return { body: earlier, replayed: true };
    const advanced = await advanceClock(pool, engine, advanceSeconds * 1_000, () => webhooks.wake());
    if (advanced === null) {
      const rule = 'would move the clock more than a hundred years ahead; reset the sandbox first';
      throw fieldError('invalid_request', 'advanceSeconds', rule);
    }
    const made = JSON.stringify(advancedView(advanced));
    const { merchantId } = merchantOf(request);
    const object = { kind: 'clock', id: null };
    const change = { action: 'sandbox.advance_clock', object, after: { advanceSeconds } } as const;
    await insertAuditEntries(client, [{ ...change, actor: auditActorOf(request), merchantId }]);
    // Last, so that readers of events do not wait for it. Somebody else may have used the key in the meantime.
    const effect = { effectId: newId(), effectSeq: 0, statusCode: 200 };
    if (once !== null)
      await insertKeys(client, [{ ...once, ...effect, response: made }]).catch((error: unknown) => {
        throw sqlStateOf(error) === UNIQUE_VIOLATION ? new ApiError('idempotency_key_reused') : error;
      });
    return { body: made, replayed: false };
  });
  if (replayed) reply.header('idempotency-replayed', 'true');
  return sendJson(reply, 200, body);
}

/** What the answer will be stored under; null without a key. */
function onceOf(deps: Deps, request: FastifyRequest): (Fingerprints & AnswerKey) | null {
  const key = idempotencyKeyOf(request, false);
  if (key === null) return null;
  const { merchantId: scopeId } = merchantOf(request);
  return { scopeId, key, ...fingerprintsOf(deps.secrets, 'POST', PATH, request.body ?? null) };
}

/** @throws ApiError 422 when the key was used for something else */
async function toldBefore(deps: Deps, once: Fingerprints & AnswerKey): Promise<string | null> {
  const [stored] = await readResponses(deps.pool, [once]);
  const standing = stored === undefined ? null : standingOf(stored, once);
  if (standing?.kind === 'key_reused') throw new ApiError('idempotency_key_reused');
  return standing?.kind === 'answered' ? standing.answer.body : null;
}

function clockView({ now, offsetMs }: Clock) {
  return { now: iso(now), offsetSeconds: offsetMs / 1_000 };
}

function advancedView({ settled, ...reached }: Advanced) {
  return { ...clockView(reached), settled };
}
